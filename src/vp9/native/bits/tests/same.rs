//! What must not change the bytes, and what must not change the pictures.

use super::scene::{INTER, KEY, MATTE, Random, Scene, libvpx};
use crate::frame::Size;
use crate::vp9::native::bits::Writer;

/// Several tiles, and blocks enough for every thread to be started.
const WIDE: Size = Size::new(4100, 600);

#[test]
fn threads_do_not_change_the_bytes() {
    let mut random = Random::new(7);
    let scene = Scene::random(WIDE, &mut random, 1, 20);
    let packets = [1, 2, 5].map(|threads| {
        let mut writer = Writer::new(WIDE, MATTE).unwrap();
        let key = writer.write(&scene.coded(), &KEY, threads).unwrap();
        [key, writer.write(&scene.coded(), &INTER, threads).unwrap()]
    });
    assert!(packets[0] == packets[1] && packets[0] == packets[2]);
}

#[test]
fn the_order_of_blocks_and_levels_does_not_change_the_bytes() {
    let mut random = Random::new(8);
    let size = Size::new(700, 300);
    let scene = Scene::random(size, &mut random, 2, 20);
    let mut other = Scene::new(size);
    let mut cells: Vec<_> = (0..scene.index.len()).filter(|&cell| scene.index[cell] != 0).collect();
    for n in (1..cells.len()).rev() {
        cells.swap(n, random.below(n + 1));
    }
    for cell in cells {
        let block = &scene.blocks[scene.index[cell] as usize - 1];
        let mut levels = &scene.levels[block.first_level as usize..];
        let split = block.ends.map(|end| {
            let (these, rest) = levels.split_at(end.into());
            levels = rest;
            these.to_vec()
        });
        other.put(cell, block.whole == 1, block.motion, &split);
    }
    let mut writer = Writer::new(size, MATTE).unwrap();
    let one = writer.write(&scene.coded(), &KEY, 1).unwrap();
    assert!(one == writer.write(&other.coded(), &KEY, 1).unwrap());
}

#[test]
fn probabilities_of_its_own_make_a_frame_smaller_and_change_no_sample() {
    let mut random = Random::new(9);
    let size = Size::new(1100, 300);
    let scenes: Vec<_> = (0..4).map(|n| Scene::random(size, &mut random, [1, 3, 10, 50][n], 8)).collect();
    let [with, without] = [true, false].map(|forward| {
        let mut writer = Writer::new(size, MATTE).unwrap();
        writer.set_forward(forward);
        let write = |scene: &Scene| writer.write(&scene.coded(), &KEY, 1).unwrap();
        scenes.iter().map(write).collect::<Vec<_>>()
    });
    for (n, (with, without)) in with.iter().zip(&without).enumerate() {
        assert!(with.len() < without.len(), "frame {n}: {} bytes, {} without", with.len(), without.len());
    }
    assert!(libvpx(&with) == libvpx(&without));
}

#[test]
fn a_frame_of_copies_is_small() {
    let size = Size::new(7680, 3840);
    let mut writer = Writer::new(size, MATTE).unwrap();
    let scene = Scene::new(size);
    let len = writer.write(&scene.coded(), &INTER, 1).unwrap().len();
    // Sixteen tiles with sizes of four bytes, and a few bits for each.
    assert!(len < 300, "{len} bytes");
    assert_eq!(writer.repeat(), [0x88]);
}
