//! The lane with a decoder made of thin air: frames that carry their own number must come out in
//! order, each with its number, its time and its matte; and every way to end early must end.

use super::{CpuLane, Encoded, Error, Matte, Output, Span, Totals};
use crate::frame::{Colour, Composite, Matrix, Picture, Range, Rect, Samples, Size, Yuv420};
use crate::kernels::key::{ChromaKey, KeyColour, KeyParameters};
use crate::layout::Edge;
use crate::software::{self, Decoder, Tally};
use crate::telemetry::LaneClocks;
use crate::vp9::{self, Pair, PairConfig, Quality};
use crate::webm::muxer;
use std::sync::atomic::AtomicBool;

const SIZE: Size = Size::new(96, 64);
/// Where the grey square lies; its luma tells the number of the frame.
const SQUARE: std::ops::Range<usize> = 16..48;

fn colour() -> Colour {
    Colour { matrix: Matrix::Bt601, range: Range::Limited, primaries: 2, transfer: 2 }
}

fn luma_of(frame: u64) -> u8 {
    60 + 4 * (frame % 40) as u8
}

/// Gives `frames` pictures: a grey square on green, `pts` 1001 ticks apart; then fails if told to.
struct Synthetic {
    frames: u64,
    next: u64,
    fail_at_end: bool,
}

impl Decoder for Synthetic {
    fn next_picture(&mut self) -> Result<Option<Picture>, software::Error> {
        if self.next == self.frames {
            return if self.fail_at_end {
                Err(software::Error::Unsupported { what: "test", got: "the end".into() })
            } else {
                Ok(None)
            };
        }
        let mut planes = Yuv420::<u8>::new(SIZE);
        // Green, BT.601 limited: the code of (0, 255, 0) is (145, 54, 34).
        planes.y.data.fill(145);
        planes.u.data.fill(54);
        planes.v.data.fill(34);
        for y in SQUARE {
            planes.y.row_mut(y)[SQUARE].fill(luma_of(self.next));
        }
        for y in SQUARE.start / 2..SQUARE.end / 2 {
            planes.u.row_mut(y)[SQUARE.start / 2..SQUARE.end / 2].fill(128);
            planes.v.row_mut(y)[SQUARE.start / 2..SQUARE.end / 2].fill(128);
        }
        let pts = 1001 * self.next as i64;
        self.next += 1;
        Ok(Some(Picture { pts, size: SIZE, depth: 8, colour: colour(), samples: Samples::Eight(planes) }))
    }

    fn name(&self) -> &str {
        "synthetic"
    }

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// What a lane borrows.
struct Around {
    clocks: LaneClocks,
    cancel: AtomicBool,
    matte: Matte,
    frames: Vec<Composite>,
}

impl Around {
    fn new() -> Self {
        let key = ChromaKey::new(&KeyParameters::new(KeyColour([0, 255, 0])), Matrix::Bt601).unwrap();
        Self {
            clocks: LaneClocks::default(),
            cancel: AtomicBool::new(false),
            matte: Matte::key(key, Edge::Plain),
            frames: Vec::new(),
        }
    }

    fn lane(&mut self, frames: u64, fail_at_end: bool, quality: Quality) -> CpuLane<'_> {
        let config = PairConfig {
            size: SIZE,
            colour: colour(),
            quality,
            crf: Some(4),
            threads: 1,
            key_interval: None,
        };
        CpuLane {
            decoder: Box::new(Synthetic { frames, next: 0, fail_at_end }),
            size: SIZE,
            eyes: vec![Rect { x: 0, y: 0, size: SIZE }],
            span: Span { matted_from: i64::MIN, shown: 0..i64::MAX },
            matte: &mut self.matte,
            frames: &mut self.frames,
            outputs: vec![Output::Alpha(Box::new(Pair::new(&config).unwrap()))],
            clocks: &self.clocks,
            cancel: &self.cancel,
        }
    }
}

/// Runs a lane into a list.
fn collect(lane: CpuLane<'_>) -> (Result<Totals, Error>, Vec<Encoded>) {
    let mut out = Vec::new();
    let result = lane.run(&mut |pair| {
        out.push(pair);
        Ok(())
    });
    (result, out)
}

fn plane(decoder: &mut vp9::Decoder, packet: &[u8]) -> Yuv420<u8> {
    match decoder.decode(packet).unwrap().unwrap().to_samples() {
        Samples::Eight(planes) => planes,
        Samples::Sixteen(_) => panic!("more than 8 bits"),
    }
}

#[test]
fn frames_come_out_in_order_each_with_its_own_number_time_and_matte() {
    for quality in [Quality::Fast, Quality::Balanced, Quality::Best] {
        let mut around = Around::new();
        let (result, pairs) = collect(around.lane(40, false, quality));
        assert_eq!(
            result.unwrap(),
            Totals { frames: 40, last_pts: Some(39 * 1001), ..Totals::default() },
            "{quality:?}"
        );
        assert_eq!(pairs.len(), 40, "{quality:?}");
        let (mut colour, mut alpha) = (vp9::Decoder::new(1).unwrap(), vp9::Decoder::new(1).unwrap());
        for (number, pair) in pairs.iter().enumerate() {
            assert_eq!(pair.pts, 1001 * number as i64);
            let (colour, alpha) =
                (plane(&mut colour, &pair.colour), plane(&mut alpha, pair.alpha.as_deref().unwrap()));
            let got = colour.y.row(32)[32];
            assert!(got.abs_diff(luma_of(number as u64)) <= 1, "{quality:?}, frame {number}: luma {got}");
            assert_eq!((alpha.y.row(32)[32], alpha.y.row(4)[90]), (255, 0), "{quality:?}, frame {number}");
        }
        assert_eq!(around.clocks.compose.read().items, 40);
    }
}

#[test]
fn frames_outside_the_shown_time_are_matted_but_not_encoded() {
    let mut around = Around::new();
    let mut lane = around.lane(20, false, Quality::Fast);
    lane.span.shown = 5 * 1001..15 * 1001;
    let (result, pairs) = collect(lane);
    assert_eq!(result.unwrap().frames, 10);
    assert_eq!((pairs[0].pts, pairs[9].pts), (5 * 1001, 14 * 1001));
    assert!(pairs[0].key);
    assert_eq!(around.clocks.compose.read().items, 15, "nothing behind the end is looked at");
}

#[test]
fn a_warm_up_is_as_long_as_it_is_told_and_buffers_come_back() {
    let mut around = Around::new();
    for _ in 0..2 {
        let mut lane = around.lane(20, false, Quality::Fast);
        lane.span = Span { matted_from: 3 * 1001, shown: 5 * 1001..9 * 1001 };
        let (result, pairs) = collect(lane);
        assert_eq!((result.unwrap().frames, pairs[0].pts), (4, 5 * 1001));
        assert_eq!(around.frames.len(), super::encode::FRAMES);
    }
    assert_eq!(around.clocks.compose.read().items, 2 * 6);
}

#[test]
fn a_failing_decoder_ends_the_lane_with_its_error() {
    let mut around = Around::new();
    let (result, pairs) = collect(around.lane(10, true, Quality::Fast));
    assert!(matches!(result, Err(Error::Decode { frames: 10, .. })), "{result:?}");
    assert_eq!(pairs.len(), 10, "what came before is encoded");
}

#[test]
fn a_failing_sink_ends_the_lane_with_its_error() {
    let mut around = Around::new();
    let mut written = 0;
    let result = around.lane(500, false, Quality::Fast).run(&mut |_| {
        written += 1;
        if written == 3 { Err(muxer::Error::PtsNotIncreasing { previous_ms: 1, pts_ms: 1 }) } else { Ok(()) }
    });
    assert!(matches!(result, Err(Error::Mux(_))), "{result:?}");
    assert_eq!(written, 3);
}

#[test]
fn a_size_that_changes_is_refused() {
    let mut around = Around::new();
    let mut lane = around.lane(3, false, Quality::Fast);
    lane.size = Size::new(98, 64);
    let (result, _) = collect(lane);
    assert!(matches!(result, Err(Error::SizeChange { frames: 0, .. })), "{result:?}");
}

#[test]
fn a_signal_stops_at_the_next_frame() {
    let mut around = Around::new();
    around.cancel = AtomicBool::new(true);
    let (result, pairs) = collect(around.lane(1000, false, Quality::Fast));
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    assert!(pairs.len() <= 1);
}
