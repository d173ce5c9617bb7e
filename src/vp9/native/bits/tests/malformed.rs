//! Frames as no kernel should write them: an error each, never a panic.

use super::scene::{INTER, MATTE, Random, Scene};
use crate::frame::Size;
use crate::vp9::native::bits::{Error, Writer};
use crate::vp9::native::{Block, Motion, Parameters};

const SIZE: Size = Size::new(40, 24);

/// What is broken, and how.
type Change = (&'static str, fn(&mut Scene));

/// A frame with one whole block in the first cell, three levels in its luma.
fn good() -> Scene {
    let mut scene = Scene::new(SIZE);
    scene.put(0, true, [Motion { row: 8, column: -6 }; 4], &[vec![5, 0, -1], vec![2], vec![]]);
    scene
}

fn write(scene: &Scene) -> Result<Vec<u8>, Error> {
    Writer::new(SIZE, MATTE).unwrap().write(&scene.coded(), &INTER, 2)
}

#[test]
fn every_field_is_checked() {
    assert!(write(&good()).is_ok());
    let bad: [Change; 14] = [
        ("a block that is not there", |scene| scene.index[0] = 2),
        ("a block far beyond", |scene| scene.index[0] = u32::MAX),
        ("neither whole nor quarters", |scene| scene.blocks[0].whole = 2),
        ("whole at the edge", |scene| scene.index.swap(0, 2)),
        ("whole at the lower edge", |scene| scene.index.swap(0, 3)),
        ("odd motion", |scene| scene.blocks[0].motion = [Motion { row: 3, column: 0 }; 4]),
        ("far motion", |scene| scene.blocks[0].motion = [Motion { row: 0, column: i16::MIN }; 4]),
        ("two motions in a whole", |scene| scene.blocks[0].motion[3].row = 0),
        ("too many levels", |scene| scene.blocks[0].ends[1] = 65),
        ("a thirteenth of three", |scene| scene.blocks[0].ends[3] = 1),
        ("levels that are not there", |scene| scene.blocks[0].first_level = 2),
        ("levels far beyond", |scene| scene.blocks[0].first_level = u32::MAX),
        ("a last level of zero", |scene| scene.levels[2] = 0),
        ("a level beyond all tokens", |scene| scene.levels[0] = i16::MIN),
    ];
    for (what, change) in bad {
        let mut scene = good();
        change(&mut scene);
        assert!(matches!(write(&scene), Err(Error::Cell { .. })), "{what}");
    }
}

#[test]
fn a_quarter_outside_has_nothing() {
    let mut scene = Scene::new(SIZE);
    let block = |ends| Block { ends, ..Block::default() };
    scene.levels = vec![1; 4];
    // The third cell of a frame 40 pixels wide has only its left half.
    scene.index[2] = 1;
    scene.blocks = vec![block([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])];
    assert!(write(&scene).is_ok());
    for place in [1, 3, 5, 7, 9, 11] {
        let mut ends = [0; 12];
        ends[place] = 1;
        scene.blocks = vec![block(ends)];
        assert!(matches!(write(&scene), Err(Error::Cell { cell: 2, .. })), "{place}");
    }
}

#[test]
fn sizes_and_parameters_are_checked() {
    for size in [Size::new(0, 8), Size::new(8, 0), Size::new(16385, 8)] {
        assert!(matches!(Writer::new(size, MATTE), Err(Error::Side { .. })));
    }
    let mut writer = Writer::new(SIZE, MATTE).unwrap();
    let mut scene = good();
    for parameters in [Parameters { base_q_index: 0, ..INTER }, Parameters { filter_level: 64, ..INTER }] {
        assert!(matches!(writer.write(&scene.coded(), &parameters, 1), Err(Error::Parameter { .. })));
    }
    scene.index.pop();
    assert!(matches!(writer.write(&scene.coded(), &INTER, 1), Err(Error::Cells { expected: 6, got: 5 })));
    let other = Scene::new(Size::new(40, 25));
    assert!(matches!(writer.write(&other.coded(), &INTER, 1), Err(Error::Size { .. })));
    // An error leaves the writer as it was.
    let scene = good();
    assert!(writer.write(&scene.coded(), &INTER, 1).unwrap() == write(&scene).unwrap());
}

#[test]
fn random_words_are_an_error_or_a_packet() {
    let mut random = Random::new(3);
    for _ in 0..2000 {
        let mut scene = Scene::random(SIZE, &mut random, 2, 10);
        for _ in 0..random.below(3) {
            let n = random.below(scene.index.len());
            scene.index[n] = random.below(scene.blocks.len() + 2) as u32;
            let Some(block) = scene.blocks.last_mut() else { break };
            match random.below(4) {
                0 => block.ends[random.below(12)] = random.below(300) as u16,
                1 => block.first_level = random.below(1 << 32) as u32,
                2 => block.motion[random.below(4)].row = random.below(1 << 16) as i16,
                _ => block.whole = random.below(3) as u32,
            }
        }
        let _ = write(&scene);
    }
}
