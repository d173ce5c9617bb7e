//! How fast the muxer takes frames: megabytes per second into an output that keeps nothing.
//!
//! Frames are 64 KiB of colour and 16 KiB of alpha, about what an 8K clip at 20 Mbit/s has; a key
//! frame every 60 frames. `cargo bench --bench mux`.
#![forbid(unsafe_code)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::{self, Seek, SeekFrom, Write};
use vrpipe::frame::{Colour, Matrix, Range, Size};
use vrpipe::layout::Packing;
use vrpipe::webm::muxer::{Frame, Header, Muxer, VideoTrack};
use vrpipe::webm::reader::Reader;

/// Takes everything, keeps the position.
#[derive(Default)]
struct Null(u64);

impl Write for Null {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += black_box(bytes).len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Null {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0 = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(by) | SeekFrom::End(by) => self.0.saturating_add_signed(by),
        };
        Ok(self.0)
    }
}

fn header() -> Header {
    Header {
        video: VideoTrack {
            size: Size::new(7680, 3840),
            display_size: None,
            colour: Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 },
            packing: Packing::SideBySide,
            projection: None,
            light: None,
            frame_duration_ns: Some(16_666_667),
            alpha: true,
        },
        expected_key_frames: 10,
        chapters: Vec::new(),
        title: None,
        writing_app: "bench".to_owned(),
        tags: Vec::new(),
    }
}

const FRAMES: i64 = 600;

fn write_file<W: Write + Seek>(out: W, colour: &[u8], alpha: &[u8]) -> W {
    let mut muxer = Muxer::create(out, &header()).expect("nothing is wrong with the header");
    for i in 0..FRAMES {
        let frame = Frame { pts_ms: i * 1000 / 60, key: i % 60 == 0, colour, alpha: Some(alpha) };
        muxer.write_frame(frame).expect("times increase");
    }
    muxer.finish(FRAMES * 1000 / 60).expect("the output takes everything")
}

fn mux(criterion: &mut Criterion) {
    let (colour, alpha) = (vec![0x5A; 64 << 10], vec![0xA5; 16 << 10]);
    let mut group = criterion.benchmark_group("mux");
    group.throughput(Throughput::Bytes(FRAMES as u64 * (colour.len() + alpha.len()) as u64));
    group.bench_function("write", |bencher| {
        bencher.iter(|| write_file(Null::default(), black_box(&colour), black_box(&alpha)).0);
    });
    let file = write_file(io::Cursor::new(Vec::new()), &colour, &alpha).into_inner();
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::open(io::Cursor::new(&file[..])).expect("the file is whole");
            let mut blocks = 0;
            while reader.next_block().expect("the file is whole").is_some() {
                blocks += 1;
            }
            assert_eq!(blocks, FRAMES);
        });
    });
    group.finish();
}

criterion_group!(benches, mux);
criterion_main!(benches);
