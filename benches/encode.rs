//! Frames per second of pairs of encoders, and their memory, for 1 to N pairs at once: JSON lines.
//!
//! `cargo bench --bench encode -- [--size 7680x3840] [--frames 24] [--share 0.33] [--quality fast]
//! [--pairs 1,2,4] [--threads 1] [--everything]`: every pair encodes the same frames, drawn before: a
//! person-like matte in each half that sways, texture that moves with it, and noise new in each frame.
//! The key frame is timed apart. `--everything` withholds the activity map. One line for each pairs x threads.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::json;
use vrpipe::frame::{Colour, Composite, Matrix, Range, Size};
use vrpipe::vp9::{Pair, PairConfig, PairSource, PlaneRef, Planes, Quality};

/// Distinct frames; they are shown to and fro.
const DISTINCT: usize = 8;
/// Frames encoded before the clock starts: the key frame and what follows from it.
const WARM_UP: usize = 2;

struct Options {
    size: Size,
    frames: usize,
    share: f64,
    quality: Quality,
    pairs: Vec<usize>,
    threads: Vec<usize>,
    everything: bool,
}

fn list(text: &str) -> anyhow::Result<Vec<usize>> {
    text.split(',').map(|part| part.parse().context("a list of numbers")).collect()
}

fn options() -> anyhow::Result<Options> {
    let size = Size::new(7680, 3840);
    let mut options = Options {
        size,
        frames: 24,
        share: 0.33,
        quality: Quality::Fast,
        pairs: vec![1],
        threads: vec![1],
        everything: false,
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        if name == "--everything" {
            options.everything = true;
            continue;
        }
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--size" => {
                let (width, height) = value.split_once('x').context("--size WxH")?;
                options.size = Size::new(width.parse()?, height.parse()?);
            }
            "--frames" => options.frames = value.parse()?,
            "--share" => options.share = value.parse()?,
            "--quality" => options.quality = serde_json::from_value(value.into())?,
            "--pairs" => options.pairs = list(&value)?,
            "--threads" => options.threads = list(&value)?,
            _ => bail!("no option {name}"),
        }
    }
    Ok(options)
}

/// A frame whose map is withheld where `everything` is set.
struct Frame {
    composite: Composite,
    everything: bool,
}

impl PairSource for Frame {
    fn colour(&self) -> Planes<'_> {
        (&self.composite.colour).into()
    }
    fn alpha(&self) -> PlaneRef<'_> {
        (&self.composite.alpha).into()
    }
    fn activity(&self) -> Option<PlaneRef<'_>> {
        (!self.everything).then(|| (&self.composite.activity).into())
    }
}

/// Distance inside the person's outline in pixels of a square of side 1, about: a head over shoulders.
fn inside(x: f64, y: f64) -> f64 {
    let ellipse = |cx: f64, cy: f64, rx: f64, ry: f64| {
        let distance = ((x - cx) / rx).hypot((y - cy) / ry);
        (1.0 - distance) * rx.min(ry)
    };
    ellipse(0.5, 0.36, 0.13, 0.17).max(ellipse(0.5, 0.95, 0.33, 0.45))
}

/// Smooth pseudo-random texture, -1 to 1: waves of several lengths, in pixels.
fn texture(x: f64, y: f64) -> f64 {
    (x / 41.0 + (y / 67.0).sin() * 2.0).sin() * 0.4
        + (x / 13.0 + y / 9.0).sin() * (y / 17.0 - x / 23.0).cos() * 0.35
        + (x / 4.1 - y / 5.3).sin() * 0.15
        + (x / 2.7 + y / 3.1).sin() * 0.1
}

/// Frame `t`. Share 0.33 is the outline above at its full size in each half of the frame.
fn draw(size: Size, share: f64, t: usize, everything: bool) -> Frame {
    let mut frame = Composite::new(size);
    let Size { width, height } = size;
    let scale = (share / 0.33).sqrt();
    let pace = height as f64 / 3840.0;
    let (sway, nod) = (5.3 * t as f64 * pace, 1.7 * t as f64 * pace);
    let soft = 10.0 * height as f64 / 3840.0;
    let eye = width as f64 / 2.0;
    // A linear congruential generator; four of its bytes make a bell of about 2 codes.
    let mut state = 0x1234_5678_9abc_def1u64.wrapping_add(t as u64 * 0x9e37_79b9);
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let sum: i64 = (0..4).map(|i| (state >> (32 + 8 * i) & 255) as i64).sum();
        (sum - 510) as f64 / 148.0 * 2.0
    };
    for y in 0..height {
        for x in 0..width {
            let (px, py) = (x as f64 % eye - sway, y as f64 - nod);
            let unit = [(px / eye - 0.5) / scale + 0.5, (py / height as f64 - 0.6) / scale + 0.6];
            let depth = inside(unit[0], unit[1]) * scale * height as f64;
            let alpha = ((depth / soft + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8;
            frame.alpha.row_mut(y)[x] = alpha;
            let luma = if alpha == 0 { 16.0 } else { 120.0 + 70.0 * texture(px, py) + noise() };
            frame.colour.y.row_mut(y)[x] = luma as u8;
            if alpha > 0 {
                frame.activity.row_mut(y / 16)[x / 16] = 1;
            }
        }
    }
    for y in 0..size.chroma().height {
        for x in 0..size.chroma().width {
            let visible = frame.alpha.row((2 * y).min(height - 1))[(2 * x).min(width - 1)] > 0;
            let wave = 20.0 * texture(x as f64 / 3.0, y as f64 / 3.0) + noise() * 0.5;
            frame.colour.u.row_mut(y)[x] = if visible { (112.0 + wave) as u8 } else { 128 };
            frame.colour.v.row_mut(y)[x] = if visible { (140.0 - wave) as u8 } else { 128 };
        }
    }
    Frame { composite: frame, everything }
}

/// Processor time in seconds of this thread or of the whole process, and the process's largest memory in MB.
fn usage(who: libc::c_int) -> (f64, f64) {
    // SAFETY: rusage is plain numbers, for which all zero bytes are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live local of the type that the call fills.
    unsafe { libc::getrusage(who, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1e3)
}

/// Memory in use now, in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4096.0 / 1e6
}

/// What one pair has done: bytes of colour and alpha after the key frame, and of the key frame; seconds
/// of the key frame; processor seconds of its own thread after the warm-up.
#[derive(Default)]
struct Share {
    bytes: [usize; 2],
    key_bytes: [usize; 2],
    key_seconds: f64,
    colour_cpu: f64,
}

fn encode(config: &PairConfig, clip: &[Arc<Frame>], frames: usize, ready: &Barrier) -> anyhow::Result<Share> {
    let mut pair = Pair::new(config)?;
    let mut share = Share::default();
    let mut out = Vec::new();
    let mut cpu = 0.0;
    for t in 0..WARM_UP + frames {
        let to_and_fro = [t % (2 * DISTINCT - 2), (2 * DISTINCT - 2) - t % (2 * DISTINCT - 2)];
        let frame = Arc::clone(&clip[to_and_fro[0].min(to_and_fro[1])]);
        if t == WARM_UP {
            // So that no pair is still in its key frame when the clock starts.
            ready.wait();
            ready.wait();
            cpu = usage(libc::RUSAGE_THREAD).0;
        }
        let start = Instant::now();
        out.extend(pair.encode(frame, t as i64, false)?);
        if t == 0 {
            share.key_seconds = start.elapsed().as_secs_f64();
        }
    }
    share.colour_cpu = usage(libc::RUSAGE_THREAD).0 - cpu;
    out.extend(pair.finish()?);
    for (i, pair) in out.iter().enumerate() {
        let bytes = if i == 0 { &mut share.key_bytes } else { &mut share.bytes };
        bytes[0] += pair.colour.len();
        bytes[1] += pair.alpha.len();
    }
    Ok(share)
}

fn main() -> anyhow::Result<()> {
    let options = options()?;
    let Options { size, frames, share, quality, everything, .. } = options;
    let clip: Vec<Arc<Frame>> = std::thread::scope(|scope| {
        let drawn: Vec<_> =
            (0..DISTINCT).map(|t| scope.spawn(move || Arc::new(draw(size, share, t, everything)))).collect();
        drawn.into_iter().map(|frame| frame.join().expect("drawing does not panic")).collect()
    });
    let visible = clip[0].composite.activity.data.iter().filter(|&&active| active != 0).count() as f64
        / clip[0].composite.activity.data.len() as f64;
    let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
    for &threads in &options.threads {
        for &pairs in &options.pairs {
            let config = PairConfig { size, colour, quality, crf: None, threads, key_interval: None };
            let ready = Barrier::new(pairs + 1);
            let before = resident();
            let (shares, wall, cpu, memory) = std::thread::scope(|scope| -> anyhow::Result<_> {
                let work = || encode(&config, &clip, frames, &ready);
                let runs: Vec<_> = (0..pairs).map(|_| scope.spawn(work)).collect();
                ready.wait();
                let (start, cpu) = (Instant::now(), usage(libc::RUSAGE_SELF).0);
                let memory = resident() - before;
                ready.wait();
                let mut shares = Vec::new();
                for run in runs {
                    shares.push(run.join().expect("no pair panics")?);
                }
                Ok((shares, start.elapsed().as_secs_f64(), usage(libc::RUSAGE_SELF).0 - cpu, memory))
            })?;
            let total = (pairs * frames) as f64;
            let colour_cpu: f64 = shares.iter().map(|share| share.colour_cpu).sum();
            let per_frame = |bytes: usize| bytes as f64 / (WARM_UP + frames - 1) as f64 / 1e3;
            let rounded = |value: f64, places: i32| (value * 10f64.powi(places)).round() / 10f64.powi(places);
            let line = json!({
                "size": size.to_string(), "visible": rounded(visible, 3), "quality": quality,
                "map": !everything, "pairs": pairs, "threads": threads,
                "frames_per_second": rounded(total / wall, 2),
                "cpu_ms_per_frame": rounded(cpu / total * 1e3, 1),
                "of_which_pair_thread_ms": rounded(colour_cpu / total * 1e3, 1),
                "key_frame_ms": rounded(shares.iter().map(|s| s.key_seconds).fold(0.0, f64::max) * 1e3, 0),
                "memory_per_pair_mb": rounded(memory / pairs as f64, 0),
                "kb_per_frame": shares[0].bytes.map(|bytes| rounded(per_frame(bytes), 1)),
                "key_frame_kb": shares[0].key_bytes.map(|bytes| rounded(bytes as f64 / 1e3, 1)),
            });
            println!("{line}");
        }
    }
    Ok(())
}
