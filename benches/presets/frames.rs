//! The composites that are encoded, made of clips as the pipeline makes them.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::frame::{Colour, Composite, Matrix, Picture, Plane, Range, Rect, Samples, Size, Yuv420};
use vrpipe::kernels::compose::{Pixel, Shade, compose};
use vrpipe::lane::Matte;
use vrpipe::rvm::{Stage, StageSize, Weights, build_graph};
use vrpipe::telemetry::LaneClocks;

/// BT.709, limited range, and what ffmpeg calls it.
pub const COLOUR: Colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
pub const COLOUR_OPTIONS: [&str; 4] = ["-colorspace", "bt709", "-color_range", "tv"];

/// The person side by side, with the noise that enlarging has taken away.
const PERSON: &str =
    "scale=960:960:flags=lanczos,noise=alls=5:allf=t,split[l][r];[r]scroll=hpos=0.02[s];[l][s]hstack";
const PERSON_SIZE: Size = Size::new(1920, 960);
const BUSY: &str = "null";
const BUSY_SIZE: Size = Size::new(1280, 720);

/// `count` composites of `scene`, from `keep` where that has them.
pub fn clip(
    scene: &str,
    files: &[PathBuf],
    count: usize,
    keep: Option<&Path>,
) -> anyhow::Result<Vec<Arc<Composite>>> {
    let size = match scene {
        "person" => PERSON_SIZE,
        "busy" => BUSY_SIZE,
        other => bail!("no scene {other}"),
    };
    if let Some(data) = keep.and_then(|path| std::fs::read(path).ok()) {
        let mut rest = &data[..];
        return (0..count).map(|_| Ok(Arc::new(load(&mut rest, size)?))).collect();
    }
    let source = files.first().context("a clip")?;
    let clip: Vec<_> = match scene {
        "person" => person(source, files.get(1).context("a model")?, count)?,
        _ => busy(source, count)?,
    };
    if let Some(path) = keep {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for frame in &clip {
            for plane in planes(frame) {
                file.write_all(&plane.data)?;
            }
        }
    }
    Ok(clip.into_iter().map(Arc::new).collect())
}

fn planes(frame: &Composite) -> [&Plane<u8>; 5] {
    [&frame.colour.y, &frame.colour.u, &frame.colour.v, &frame.alpha, &frame.activity]
}

fn load(rest: &mut &[u8], size: Size) -> anyhow::Result<Composite> {
    let mut frame = Composite::new(size);
    let Composite { colour: Yuv420 { y, u, v }, alpha, activity } = &mut frame;
    for plane in [y, u, v, alpha, activity] {
        rest.read_exact(&mut plane.data).context("more frames than were kept")?;
    }
    Ok(frame)
}

/// The first `count` pictures of `file` through ffmpeg's `filter`.
fn pictures(file: &Path, filter: &str, size: Size, count: usize) -> anyhow::Result<Vec<Picture>> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-filter_complex", filter, "-frames:v", &count.to_string()])
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    let mut output = ffmpeg.stdout.take().context("ffmpeg's output")?;
    let mut pictures = Vec::new();
    for pts in 0..count as i64 {
        let mut planes = Yuv420::<u8>::new(size);
        for plane in [&mut planes.y, &mut planes.u, &mut planes.v] {
            output.read_exact(&mut plane.data).with_context(|| format!("picture {pts} of {count}"))?;
        }
        let samples = Samples::Eight(planes);
        pictures.push(Picture { pts, size, depth: 8, colour: COLOUR, samples });
    }
    ensure!(ffmpeg.wait()?.success(), "ffmpeg failed");
    Ok(pictures)
}

/// Matted by the network, as `vrpipe run` does it.
fn person(file: &Path, model: &Path, count: usize) -> anyhow::Result<Vec<Composite>> {
    let eye = Size::new(PERSON_SIZE.width / 2, PERSON_SIZE.height);
    let eyes = [0, eye.width].map(|x| Rect { x, y: 0, size: eye });
    let weights = Weights::load(model)?;
    let stage = Stage::from_detail(512, StageSize { height: eye.height, width: eye.width })?;
    let graph = build_graph(&weights, stage.size(), stage.ratio_is_one())?;
    let engine = CpuEngine::new(Arc::new(graph), eyes.len())?;
    let mut matte = Matte::network(Box::new(engine), stage.ratio());
    let clocks = LaneClocks::default();
    let mut frames = Vec::new();
    for picture in pictures(file, PERSON, PERSON_SIZE, count)? {
        let mut frame = Composite::new(PERSON_SIZE);
        matte.compose(&picture, &eyes, &mut frame, &clocks)?;
        frames.push(frame);
    }
    Ok(frames)
}

/// Two discs with edges of 6 pixels that go round, and one that comes and goes.
struct Discs {
    t: f64,
}

impl Shade for Discs {
    type Row = f64;

    fn begin_row(&self, row: &mut f64, _eye: usize, y: usize) {
        *row = y as f64;
    }

    fn shade(&self, &y: &f64, x: usize, rgb: [f32; 3]) -> Pixel {
        let (turn, x) = (self.t / 25.0, x as f64);
        let discs = [
            (420.0 + 90.0 * turn.sin(), 380.0 + 40.0 * turn.cos(), 230.0),
            (960.0 - 60.0 * turn.cos(), 330.0 + 70.0 * turn.sin(), 170.0),
            (1150.0, 600.0, 90.0 * (self.t / 9.0).sin()),
        ];
        let edge = |&(cx, cy, radius): &(f64, f64, f64)| (radius - (x - cx).hypot(y - cy)) / 6.0;
        let cover = discs.iter().map(edge).fold(f64::MIN, f64::max);
        Pixel { rgb, alpha: (cover + 0.5).clamp(0.0, 1.0) as f32 }
    }
}

fn busy(file: &Path, count: usize) -> anyhow::Result<Vec<Composite>> {
    let eyes = [Rect { x: 0, y: 0, size: BUSY_SIZE }];
    let mut frames = Vec::new();
    for picture in pictures(file, BUSY, BUSY_SIZE, count)? {
        let mut frame = Composite::new(BUSY_SIZE);
        compose(&picture, &eyes, &Discs { t: picture.pts as f64 }, &mut frame)?;
        frames.push(frame);
    }
    Ok(frames)
}
