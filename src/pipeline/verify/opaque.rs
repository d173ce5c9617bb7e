//! What can be checked of outputs without a stream of alpha: a matte is grey, a packed frame keeps its
//! corners free of all but the matte, PNG files are whole and of one size.
#![forbid(unsafe_code)]

use super::VerifyReport;
use crate::frame::{Range, Size, Yuv420};
use crate::pipeline::error::Error;
use crate::render::Grey;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Mean distance from a constant that lossy coding may leave, in codes.
const MAX_MEAN_ERROR: f64 = 2.0;

/// What an output says that it shows, and what was seen.
pub(super) enum Shows {
    Matte { ends: [u8; 2], colour: Sum, matte: Extremes },
    Packed { size: Size, ends: [u8; 2], outside: Sum, matte: Extremes },
    Other(String),
}

/// Distances from what should be there.
#[derive(Default)]
pub(super) struct Sum {
    error: u64,
    samples: u64,
}

impl Sum {
    fn add(&mut self, got: u8, want: u8) {
        self.error += u64::from(got.abs_diff(want));
        self.samples += 1;
    }

    fn mean(&self) -> f64 {
        self.error as f64 / self.samples.max(1) as f64
    }
}

/// Darkest and brightest code.
pub(super) struct Extremes(u8, u8);

impl Extremes {
    const NONE: Self = Self(255, 0);

    fn add(&mut self, code: u8) {
        *self = Self(self.0.min(code), self.1.max(code));
    }

    fn conclude(self, ends: [u8; 2], report: &mut VerifyReport) {
        let Self(low, high) = self;
        report.varies("matte varies", (low, high), ends, format!("codes {low} to {high}"));
    }
}

impl Shows {
    pub(super) fn new(shows: &str, size: Size, range: Range) -> Self {
        let grey = Grey::new(range);
        let ends = [grey.black(), grey.code(255)];
        match shows.split(' ').next() {
            Some("matte") => Self::Matte { ends, colour: Sum::default(), matte: Extremes::NONE },
            Some("packed") => Self::Packed { size, ends, outside: Sum::default(), matte: Extremes::NONE },
            _ => Self::Other(shows.to_owned()),
        }
    }

    pub(super) fn add(&mut self, frame: &Yuv420<u8>) {
        match self {
            Self::Matte { colour, matte, .. } => {
                frame.y.data.iter().for_each(|&code| matte.add(code));
                frame.u.data.iter().chain(&frame.v.data).for_each(|&code| colour.add(code, 128));
            }
            Self::Packed { size, ends: [black, _], outside, matte } => {
                let side = size.height as f64;
                for y in 0..size.height {
                    for (x, &code) in frame.y.row(y).iter().enumerate() {
                        let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                        let across = px % side - side / 2.0;
                        // The picture's circle, with room for what coding spreads.
                        if across.hypot(py - side / 2.0) < side / 2.0 + 8.0 {
                            continue;
                        }
                        // The nearest middle of a matte: the corners of both squares.
                        let from = |at: f64| (at / side - (at / side).round()) * side;
                        let from_matte = from(px).hypot(from(py));
                        if from_matte < side / 5.0 {
                            matte.add(code);
                        } else if from_matte > side / 5.0 + 8.0 {
                            outside.add(code, *black);
                        }
                    }
                }
            }
            Self::Other(_) => {}
        }
    }

    pub(super) fn conclude(self, report: &mut VerifyReport) {
        match self {
            Self::Matte { ends, colour, matte } => {
                let mean = colour.mean();
                report.check("is grey", mean <= MAX_MEAN_ERROR, format!("mean colour {mean:.3} codes"));
                matte.conclude(ends, report);
            }
            Self::Packed { ends, outside, matte, .. } => {
                let mean = outside.mean();
                report.check(
                    "corners hold nothing but the matte",
                    mean <= MAX_MEAN_ERROR,
                    format!("mean error {mean:.3} codes of {} samples", outside.samples),
                );
                matte.conclude(ends, report);
            }
            Self::Other(shows) => {
                report.check("shows", true, format!("{shows}: its pictures are not compared with anything"));
            }
        }
    }
}

/// Checks a folder of PNG files: decodes all of them.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn verify_stills(folder: &Path) -> Result<VerifyReport, Error> {
    let failed =
        |source: std::io::Error| Error::Playback { path: folder.to_path_buf(), source: source.into() };
    let mut report = VerifyReport::new(folder);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        files.extend(path.extension().is_some_and(|ending| ending == "png").then_some(path));
    }
    files.sort();
    let numbered = files.iter().zip(1..).all(|(path, number): (_, u64)| {
        path.file_name().is_some_and(|name| *name == *format!("{number:06}.png"))
    });
    report.check(
        "numbers follow one another",
        numbered && !files.is_empty(),
        format!("{} files", files.len()),
    );
    let (mut low, mut high, mut damaged) = (255, 0, None);
    for path in &files {
        match alpha_of(path) {
            Ok((size, darkest, brightest)) => {
                (low, high) = (darkest.min(low), brightest.max(high));
                if *report.size.get_or_insert(size) == size {
                    report.frames += 1;
                } else {
                    damaged = damaged.or_else(|| Some(format!("{} is {size}", path.display())));
                }
            }
            Err(error) => damaged = damaged.or_else(|| Some(format!("{}: {error}", path.display()))),
        }
    }
    let detail =
        damaged.clone().unwrap_or_else(|| format!("{} frames with alpha, of one size", report.frames));
    report.check("decodes", damaged.is_none() && report.frames > 0, detail);
    report.varies("alpha varies", (low, high), [0, 255], format!("{low} to {high}"));
    Ok(report)
}

/// Size, and the lowest and highest alpha of a PNG file.
fn alpha_of(path: &Path) -> Result<(Size, u8, u8), Box<dyn std::error::Error + Send + Sync>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let info = reader.next_frame(&mut pixels)?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgba, png::BitDepth::Eight) {
        return Err("not RGBA of 8 bits".into());
    }
    let alpha = pixels[..info.buffer_size()].iter().skip(3).step_by(4);
    let size = Size::new(info.width as usize, info.height as usize);
    Ok((size, alpha.clone().copied().min().unwrap_or(0), alpha.copied().max().unwrap_or(0)))
}
