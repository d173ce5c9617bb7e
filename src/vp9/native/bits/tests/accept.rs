//! Both decoders take packets of random frames and see the same pictures.

use super::scene::{INTER, KEY, MATTE, Random, SIZES, Scene, ffmpeg, libvpx};
use crate::vp9::native::Parameters;
use crate::vp9::native::bits::Writer;

#[test]
fn random_frames_are_accepted_and_mean_one_thing() {
    for (seed, size) in SIZES.into_iter().cycle().take(SIZES.len() * 4).enumerate() {
        let mut random = Random::new(seed as u64);
        let mut writer = Writer::new(size, MATTE).unwrap();
        let mut packets = Vec::new();
        for n in 0..6 {
            let sparse = [1, 2, 10, 60][random.below(4)];
            let reach = [1, 8, 40][random.below(3)];
            let scene = Scene::random(size, &mut random, sparse, reach);
            let parameters = if n % 4 == 0 { KEY } else { INTER };
            packets.push(writer.write(&scene.coded(), &parameters, 2).unwrap());
            if random.one_in(3) {
                packets.push(writer.repeat());
            }
        }
        let ours = libvpx(&packets).concat();
        let Some(theirs) = ffmpeg("random_frames_are_accepted_and_mean_one_thing", size, &packets) else {
            return;
        };
        assert!(ours == theirs, "seed {seed}, {size}: libvpx and ffmpeg differ");
    }
}

#[test]
fn the_loop_filter_and_other_quantisers_are_accepted() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        let mut random = Random::new(100 + seed as u64);
        let mut writer = Writer::new(size, MATTE).unwrap();
        let mut packets = Vec::new();
        for (n, filter_level) in [0, 1, 30, 63].into_iter().enumerate() {
            let mut scene = Scene::random(size, &mut random, 3, 20);
            // Coarse steps times large levels would leave 16 bits.
            scene.levels.iter_mut().for_each(|level| *level = (*level).clamp(-1, 1));
            let parameters = Parameters { base_q_index: 60, filter_level, key: n == 0 };
            packets.push(writer.write(&scene.coded(), &parameters, 1).unwrap());
        }
        let ours = libvpx(&packets).concat();
        let Some(theirs) = ffmpeg("the_loop_filter_and_other_quantisers_are_accepted", size, &packets) else {
            return;
        };
        assert!(ours == theirs, "seed {seed}, {size}: libvpx and ffmpeg differ");
    }
}
