//! Frames per second of 8K decoding, and the same clip against software. Measurements, run by name:
//! `cargo test --release --features gpu-tests --lib nvdec::tests::rate -- --ignored --nocapture`, with
//! `$VRP_NVDEC_BIG` naming a file of `$VRP_NVDEC_CLIPS`.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use super::rig::*;
use crate::gpu::nvdec::{Feed, Options, StreamInfo};
use crate::packet::Packet;

const ROUNDS: usize = 4;

fn big() -> (String, StreamInfo, Arc<Vec<Packet>>) {
    let name = std::env::var("VRP_NVDEC_BIG").expect("VRP_NVDEC_BIG names the clip");
    let (info, packets) = clip(&name);
    (name, info, Arc::new(packets))
}

/// The clip several times over, times going on.
fn looped(packets: &Arc<Vec<Packet>>, rounds: usize) -> Feed {
    let (packets, mut at) = (packets.clone(), 0);
    let span = times(&packets).last().unwrap() - times(&packets)[0] + 1;
    Box::new(move || {
        let packet = (at < rounds * packets.len()).then(|| {
            let source = &packets[at % packets.len()];
            Packet { pts: source.pts + span * (at / packets.len()) as i64, ..source.clone() }
        });
        at += 1;
        Ok(packet)
    })
}

/// Frames per second of `sessions` decoders at once, from the first surface of each to its last.
fn rate(info: &StreamInfo, packets: &Arc<Vec<Packet>>, sessions: usize, options: &Options) -> f64 {
    let barrier = Barrier::new(sessions + 1);
    let frames = sessions * (ROUNDS * packets.len() - 1);
    let took = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..sessions)
            .map(|_| {
                scope.spawn(|| {
                    let rig = rig();
                    let mut decoder = open(&rig, info, looped(packets, ROUNDS), options.clone()).unwrap();
                    drop(decoder.next_surface().unwrap().unwrap());
                    barrier.wait();
                    let mut last = i64::MIN;
                    while let Some(surface) = decoder.next_surface().unwrap() {
                        assert!(surface.pts() > last);
                        last = surface.pts();
                    }
                    assert_eq!(decoder.tally().surfaces as usize, ROUNDS * packets.len());
                })
            })
            .collect();
        barrier.wait();
        let began = Instant::now();
        threads.into_iter().for_each(|t| t.join().unwrap());
        began.elapsed()
    });
    frames as f64 / took.as_secs_f64()
}

#[test]
#[ignore = "a measurement: needs a CUDA device and an 8K clip"]
fn big_frames_are_exact() {
    let rig = rig();
    let (name, info, packets) = big();
    let want = hashes(&name);
    let mut decoder = open(&rig, &info, looped(&packets, 1), options()).unwrap();
    let times = times(&packets);
    for (want, time) in want.iter().zip(times) {
        let mut surface = decoder.next_surface().unwrap().unwrap();
        assert_eq!((surface.pts(), hash(&surface.download(&rig.stream).unwrap())), (time, want.clone()));
    }
    eprintln!("{name}: {} frames exact, {:?}", want.len(), decoder.tally());
}

#[test]
#[ignore = "a measurement: needs a CUDA device and an 8K clip"]
fn frames_per_second() {
    let rig = rig();
    let (name, info, packets) = big();
    eprintln!("{} {name} {} {} bits", rig.device.name().unwrap(), info.size, info.depth);
    for (display_delay, extra_surfaces, output_surfaces) in
        [(0, 0, 2), (1, 0, 2), (1, 1, 2), (2, 2, 3), (4, 2, 3)]
    {
        let options = Options { display_delay, extra_surfaces, output_surfaces, ..options() };
        let fps = rate(&info, &packets, 1, &options);
        eprintln!(
            "1 session, delay {display_delay}, extra {extra_surfaces}, outputs {output_surfaces}: {fps:.1} fps"
        );
    }
    for sessions in [1, 2, 4, 8] {
        let fps = rate(&info, &packets, sessions, &options());
        eprintln!("{sessions} sessions: {fps:.1} fps");
    }
    let free = rig.device.memory().unwrap().0;
    let mut decoder = open(&rig, &info, looped(&packets, 1), options()).unwrap();
    let surface = decoder.next_surface().unwrap();
    let used = free - rig.device.memory().unwrap().0;
    eprintln!("one session takes {} MiB; its tally says {:?}", used >> 20, decoder.tally());
    drop(surface);
}
