//! Looks at an input before any work: probe, index, cut, matte, outputs. A [`FilePlan`] comes out.
#![forbid(unsafe_code)]

use super::device::Found;
use super::error::Error;
use super::input::{Input, decode_in_software, open_input};
use super::matting::{Models, key_report, network_report, shown, stage};
use super::outputs::Looks;
use super::part::Part;
use super::plan::segments::{Cut, Segment, cut, whole};
use super::plan::{Coding, FilePlan, MattePlan};
use super::report::MatteReport;
use super::settings::{Job, MatteChoice, Settings, Target};
use super::store::SourceIdentity;
use super::survey_output::{output, output_notes};
use crate::frame::Rect;
use crate::kernels::key::KeyParameters;
use crate::layout::Layout;
use crate::media::{self, Index, Source};
use crate::sound::{self, TrackPlan};
use crate::units::Rational;
use crate::vp9;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Time from one key frame of an output to the next. Players seek to key frames; ffmpeg's VP9
/// default of 128 frames is about as long at 30 frames a second.
pub(super) const KEY_INTERVAL_SECONDS: i64 = 4;

/// Looks at a file and decides everything about it.
///
/// # Errors
/// When it is no video that can be read, holds no frame, or its matte cannot be set up.
pub fn survey(
    job: &Job,
    settings: &Settings,
    found: &Found,
    (models, looks): (&Models, &Looks),
) -> Result<FilePlan, Error> {
    let path = &job.input;
    let opening = |source| Error::Open { path: path.clone(), source };
    // Opened first: that refuses what is no regular file, and reading from a pipe would wait for its writer.
    let mut input = open_input(path, &settings.layout)?.with_hdr(settings.hdr);
    let source =
        SourceIdentity::of(path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
    let mut notes = input.notes.clone();
    let index = match Source::open(path).and_then(Source::index) {
        Ok(index) => Some(index),
        // It may still decode to its end: a demuxer passes over what an index must not guess at.
        Err(error @ (media::Error::Malformed { .. } | media::Error::Unsupported { .. })) => {
            notes.push(format!("cannot be cut into segments, so a run of it cannot be resumed: {error}"));
            None
        }
        Err(error) => return Err(opening(error)),
    };
    let (video, layout) = (input.video.clone(), input.layout.clone());
    let part = part_of(path, settings.part, &input, index.as_ref())?;
    input = input.within(part.as_ref());
    let shown = input.shown.clone();
    let container = input.container.clone();
    let key_interval = key_interval(video.frame_rate);
    let times = |index: &Index| {
        let packets = index.packets.iter().map(|packet| packet.pts);
        packets.filter(|pts| shown.contains(pts)).min()
    };
    let segments = match &index {
        Some(index) => {
            let length = settings.segment.map(|length| ticks(length, video.time_base.seconds()));
            // A key looks at each picture by itself.
            let has_state = matches!(settings.matte, MatteChoice::Network { .. });
            let warm_up = if has_state { settings.warm_up.max(settings.touch.memory_frames()) } else { 0 };
            let begins_inside = part.as_ref().is_some_and(|part| part.start != i64::MIN);
            cut(index, &Cut { length, warm_up, begins_inside, shown: shown.clone(), key_interval })
        }
        None => vec![whole(shown.clone(), input.expected_frames.unwrap_or(0), key_interval)],
    };
    if segments.is_empty() {
        return Err(match part {
            None => Error::NoFrames { path: path.clone() },
            Some(_) => {
                Error::Usage(format!("{}: no frame lies in the part {}", path.display(), settings.part))
            }
        });
    }
    let frames = index.as_ref().map_or(input.expected_frames, |_| Some(frames_of(&segments)));
    let origin = index.as_ref().and_then(times);
    let sound = sound::plan(path, input.source.info(), settings.audio, &settings.decoding());
    for track in &sound {
        notes.extend(track.notes.iter().map(|note| format!("audio {}: {note}", track.track.id)));
    }
    let info = input.source.info();
    let (chapters, tags) = (info.chapters.clone(), carried(&info.tags));
    let eyes = layout.packing.eyes(video.size);
    let on_gpu = matches!((found, &settings.matte), (Found::Gpu(_), MatteChoice::Network { .. }));
    let only_alpha = job.outputs.iter().all(|target| target.kind.is_alpha());
    let coding = Coding::choose(settings.encoder, settings.quality, on_gpu, only_alpha)?;
    let (matte, matte_report) = matte(path, input, settings, (found, models), &eyes)?;
    check_touch(settings, &matte)?;
    let shape = (&layout, video.is_mapped_to_sdr());
    let named = named_settings(settings, (found, models), (&matte, &eyes), coding, shape)?;
    // Segments have neither sound nor projection: those that are finished are good for whatever becomes of it.
    let mut described: Vec<String> = sound.iter().map(TrackPlan::describe).collect();
    described.extend(layout.to_write().map(|(projection, pose)| format!("{projection:?} {pose:?}")));
    let work = (&source, &named, &segments[..], &described[..]);
    let output = |target: &Target| output(target, work, (&video, &layout), settings, looks);
    let outputs = job.outputs.iter().map(output).collect::<Result<Vec<_>, _>>()?;
    notes.extend(outputs.iter().flat_map(|output| output_notes(output, (&video, &layout), &sound)));
    Ok(FilePlan {
        job: job.clone(),
        container,
        video,
        layout,
        matte,
        matte_report,
        coding,
        chapters,
        tags,
        sound,
        origin,
        part,
        frames,
        segments,
        outputs,
        notes,
    })
}

/// The tags of a source that hold for its output, too: not those about its own bytes or of the program that
/// wrote it, nor ours when it is an output itself.
fn carried(tags: &[(String, String)]) -> Vec<(String, String)> {
    const OWN: [&str; 8] =
        ["ENCODER", "ENCODED_BY", "DURATION", "BPS", "NUMBER_OF_", "_STATISTICS", "VRPIPE_", "ALPHA_MODE"];
    let own = |name: &str| OWN.iter().any(|start| name.to_ascii_uppercase().starts_with(start));
    tags.iter().filter(|(name, _)| !own(name)).cloned().collect()
}

/// The part that is to be done, in ticks; `None` for all of it.
fn part_of(
    path: &Path,
    asked: Part,
    input: &Input,
    index: Option<&Index>,
) -> Result<Option<Range<i64>>, Error> {
    if asked.is_whole() {
        return Ok(None);
    }
    let Some(index) = index else {
        return Err(Error::Usage(format!(
            "{} cannot be indexed, so no part of it can be found",
            path.display()
        )));
    };
    let times = || index.packets.iter().map(|packet| packet.pts).filter(|pts| input.shown.contains(pts));
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    // A video that begins before 0 is moved to 0 as a whole.
    Ok(Some(asked.ticks(input.video.time_base.seconds(), first.min(0), &(first..last.saturating_add(1)))))
}

/// Refuses changes to a matte that what finds it cannot make.
fn check_touch(settings: &Settings, matte: &MattePlan) -> Result<(), Error> {
    match matte {
        MattePlan::Key(_) if settings.touch.maps().changes_maps() => Err(Error::Usage(
            "--matte-grow and --matte-smooth change the network's matte, a chroma key has none".into(),
        )),
        _ => Ok(()),
    }
}

fn frames_of(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| segment.frames).sum()
}

/// A length in ticks of `tick` seconds.
fn ticks(length: Duration, tick: Rational) -> i64 {
    ((length.as_secs_f64() / tick.as_f64()).round() as i64).max(1)
}

/// Most frames from one key frame to the next.
fn key_interval(rate: Option<Rational>) -> NonZeroU32 {
    let rate = rate.filter(|r| r.num() > 0).map_or(30, |r| (r.num() / r.den()).clamp(1, 1000));
    u32::try_from(rate * KEY_INTERVAL_SECONDS).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

/// Resolves how the background is found; a screen colour that was not given is picked from the first picture.
fn matte(
    path: &Path,
    input: Input,
    settings: &Settings,
    (found, models): (&Found, &Models),
    eyes: &[Rect],
) -> Result<(MattePlan, MatteReport), Error> {
    let colour = match &settings.matte {
        MatteChoice::Network { model, detail } => {
            let report = network_report(model, *detail, models, eyes, &found.place())?;
            return Ok((MattePlan::Network { model: model.clone(), detail: *detail }, report));
        }
        MatteChoice::Chroma { colour } => *colour,
    };
    let (parameters, how) = match colour {
        Some(colour) => (KeyParameters::new(colour), "given"),
        None => {
            let patience = (settings.stall, settings.threads);
            let mut decoder = decode_in_software(path, input.source, input.video.colour, patience)?;
            let picture = decoder
                .next_picture()
                .map_err(|source| Error::Decoder { path: path.to_path_buf(), source })?
                .ok_or_else(|| Error::NoFrames { path: path.to_path_buf() })?;
            let picked = KeyParameters::pick(&picture, eyes)
                .map_err(|source| Error::Key { path: path.to_path_buf(), source })?;
            (picked, "picked from the first picture")
        }
    };
    Ok((MattePlan::Key(parameters), key_report(&parameters, how)))
}

/// Everything that the bytes of an output depend on besides its source, by name.
fn named_settings(
    settings: &Settings,
    (found, models): (&Found, &Models),
    (matte, eyes): (&MattePlan, &[Rect]),
    coding: Coding,
    (layout, mapped): (&Layout, bool),
) -> Result<BTreeMap<String, String>, Error> {
    let encoder = match coding {
        Coding::Libvpx => {
            let (major, minor, patch) = vp9::library_version();
            format!("libvpx {major}.{minor}.{patch}")
        }
        // Its bytes change with this program's version only.
        Coding::Native => "native".to_owned(),
    };
    let mut named = BTreeMap::from(
        [
            ("vrpipe", env!("CARGO_PKG_VERSION").to_owned()),
            ("encoder", encoder),
            ("layout", layout.packing.to_string()),
            ("sides", format!("{:?}", layout.projection.edge()).to_lowercase()),
            ("quality", format!("{:?}", settings.quality).to_lowercase()),
            ("crf", settings.crf.map_or("the preset's".to_owned(), |crf| crf.to_string())),
            ("warm-up", settings.warm_up.to_string()),
            ("part", settings.part.to_string()),
            ("matte controls", settings.touch.to_string()),
            ("hdr", if mapped { "mapped" } else { "as it is" }.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let mut enter = |name: &str, value: String| named.insert(name.to_owned(), value);
    match matte {
        MattePlan::Network { model, detail } => {
            let (_, weights) = models.get(model)?;
            enter("matte", format!("rvm {} {}", weights.variant().name(), weights.hash()));
            enter("detail", format!("{detail:?}"));
            // Engines agree closely, not bit for bit.
            let (stage, _) = shown(&stage(model, *detail, eyes)?, layout.projection.edge());
            enter("engine", found.engine_for(&weights, &stage, eyes.len()).to_owned());
            if let Found::Gpu(_) = found {
                // Earlier versions did these on the CPU only: what they made on a GPU is other work.
                enter("gpu lane", "sides, cuts and controls".to_owned());
                if mapped {
                    enter("hdr", "mapped on the GPU".to_owned());
                }
            }
        }
        MattePlan::Key(KeyParameters { colour, inner, outer, spill }) => {
            enter("matte", format!("chroma key {colour} {inner} {outer} {spill}"));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_four_seconds_apart_at_any_rate() {
        let frames = |num, den| key_interval(Rational::new(num, den)).get();
        assert_eq!((frames(30, 1), frames(30000, 1001), frames(60, 1)), (120, 116, 240));
        assert_eq!(key_interval(None).get(), 120);
        assert_eq!(frames(1, 10), 4);
    }

    #[test]
    fn lengths_become_ticks() {
        assert_eq!(ticks(Duration::from_secs(4), Rational::new(1, 30000).unwrap()), 120_000);
        assert_eq!(ticks(Duration::from_millis(1), Rational::new(1, 30).unwrap()), 1);
    }
}
