//! Decides, before a run starts, what becomes of each audio track, by trying it.
//!
//! Opus and Vorbis are the only codings that WebM takes: these are copied, everything else is
//! decoded and made Opus. A track whose first packets cannot be decoded here is left out, and the
//! plan says why.
#![forbid(unsafe_code)]

use std::path::Path;

use super::Error;
use super::copy::{opus_head, vorbis_form};
use super::decode::{AacKind, Decode, Format, Library};
use super::layout::{Family, Routing};
use super::linear::Linear;
use super::program::{self, Program};
use super::resample::Resampler;
use crate::media::{AudioCodec, AudioSource, AudioTrack, ChannelLayout, Info};
use crate::software::ffmpeg::SoundFormat;

pub use crate::software::Options;

/// What a user may ask of the sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AudioChoice {
    /// Copy what WebM takes, transcode the rest.
    #[default]
    Auto,
    /// Copy what WebM takes, leave out the rest.
    Copy,
    /// No sound.
    None,
}

/// Which decoder a track needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoding {
    /// None: linear samples.
    Linear,
    /// A crate in this program.
    Library,
    /// An `ffmpeg` child, which gives this.
    Program(SoundFormat),
}

/// What becomes of a track.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Its packets go into the output as they are.
    Copy,
    /// It is decoded and becomes Opus.
    Transcode {
        /// By what.
        decoding: Decoding,
        /// What that gives.
        format: Format,
        /// What becomes of the channels.
        routing: Routing,
    },
    /// It is left out.
    LeaveOut {
        /// For people.
        why: String,
    },
}

/// A track and what becomes of it.
#[derive(Clone, PartialEq, Debug)]
pub struct TrackPlan {
    /// The track.
    pub track: AudioTrack,
    /// What becomes of it.
    pub action: Action,
    /// What a person should know although nothing is wrong.
    pub notes: Vec<String>,
}

impl TrackPlan {
    /// The plan in one line: `audio 2 (AAC, 2 channels): transcoded to Opus`.
    pub fn describe(&self) -> String {
        let AudioTrack { id, codec, channels, .. } = &self.track;
        let action = match &self.action {
            Action::Copy => "copied".to_owned(),
            Action::Transcode { decoding: Decoding::Program(_), .. } => {
                "transcoded to Opus (decoded by ffmpeg)".to_owned()
            }
            Action::Transcode { .. } => "transcoded to Opus".to_owned(),
            Action::LeaveOut { why } => format!("left out: {why}"),
        };
        format!("audio {id} ({codec}, {channels} channels): {action}")
    }
}

/// What becomes of each audio track of a file, in file order.
pub fn plan(path: &Path, info: &Info, choice: AudioChoice, options: &Options) -> Vec<TrackPlan> {
    info.audio.iter().map(|track| plan_track(path, track, choice, options)).collect()
}

fn plan_track(path: &Path, track: &AudioTrack, choice: AudioChoice, options: &Options) -> TrackPlan {
    let mut notes = Vec::new();
    let copied = match track.coding {
        AudioCodec::Opus => opus_head(track).is_some(),
        AudioCodec::Vorbis => vorbis_form(&track.configuration).is_some(),
        _ => false,
    };
    let action = match choice {
        AudioChoice::None => Action::LeaveOut { why: "no sound was asked for".to_owned() },
        _ if copied => match AudioSource::open(path, track.id) {
            Ok(_) => Action::Copy,
            Err(error) => Action::LeaveOut { why: chain(&error) },
        },
        AudioChoice::Copy => {
            let why = format!("WebM holds Opus and Vorbis, {} would have to be transcoded", track.codec);
            Action::LeaveOut { why }
        }
        AudioChoice::Auto => {
            transcode(path, track, options, &mut notes).unwrap_or_else(|why| Action::LeaveOut { why })
        }
    };
    TrackPlan { track: track.clone(), action, notes }
}

/// The first decoder that decodes; else what all of them said.
fn transcode(
    path: &Path,
    track: &AudioTrack,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Action, String> {
    let extended = track.coding == AudioCodec::Aac
        && AacKind::parse(&track.configuration).is_some_and(AacKind::may_be_extended);
    let candidates: &[Kind] = match track.coding {
        AudioCodec::Pcm(_) => &[Kind::Linear],
        AudioCodec::Aac if extended => &[Kind::Program, Kind::Library],
        AudioCodec::Aac | AudioCodec::Mp3 | AudioCodec::Flac | AudioCodec::Alac => {
            &[Kind::Library, Kind::Program]
        }
        _ => &[Kind::Program],
    };
    let mut reasons = Vec::new();
    for kind in candidates {
        match kind.attempt(path, track, options) {
            Ok((decoding, format)) => {
                if extended && decoding == Decoding::Library {
                    let note =
                        "decoded without ffmpeg: if this is HE-AAC, its upper half of frequencies is lost";
                    notes.push(note.to_owned());
                }
                return route(track, decoding, format, notes);
            }
            Err(error) => reasons.push(chain(&error)),
        }
    }
    reasons.dedup();
    Err(reasons.join("; "))
}

#[derive(Clone, Copy)]
enum Kind {
    Linear,
    Library,
    Program,
}

impl Kind {
    fn attempt(
        self,
        path: &Path,
        track: &AudioTrack,
        options: &Options,
    ) -> Result<(Decoding, Format), Error> {
        let open = |source| Error::Media { track: track.id, source };
        let source = AudioSource::open(path, track.id).map_err(open)?;
        let (decoding, format) = match self {
            Self::Linear => {
                let (channels, rate_hz) = (track.channels.into(), track.rate_hz);
                open_decoder(Decoding::Linear, source, options)?;
                (Decoding::Linear, Format { rate_hz, channels, layout: ChannelLayout::Unstated })
            }
            Self::Library => (Decoding::Library, Library::open(source)?.format().clone()),
            Self::Program => {
                let found = program::ask(source, options)?;
                (Decoding::Program(found), program::format(found))
            }
        };
        Resampler::new(format.rate_hz, format.channels.max(1))?;
        Ok((decoding, format))
    }
}

/// Opens the decoder that a plan names.
pub(super) fn open_decoder(
    decoding: Decoding,
    source: AudioSource,
    options: &Options,
) -> Result<Box<dyn Decode>, Error> {
    Ok(match (decoding, source.track().coding) {
        (Decoding::Linear, AudioCodec::Pcm(format)) => Box::new(Linear::open(source, format)?),
        (Decoding::Linear, _) => {
            let codec = source.track().codec.clone();
            return Err(Error::Decode { codec, reason: "not linear samples".to_owned() });
        }
        (Decoding::Library, _) => Box::new(Library::open(source)?),
        (Decoding::Program(found), _) => Box::new(Program::open(source, found, options)?),
    })
}

/// The way of the channels, with notes on what is unusual about it.
fn route(
    track: &AudioTrack,
    decoding: Decoding,
    format: Format,
    notes: &mut Vec<String>,
) -> Result<Action, String> {
    // The container knows of sound fields, which decoders take for loudspeakers.
    let layout = match &track.layout {
        ChannelLayout::Unstated => &format.layout,
        stated => stated,
    };
    let channels = format.channels;
    let routing = Routing::of(layout, channels).ok_or_else(|| chain(&Error::Channels { channels }))?;
    match routing.family {
        Family::Ambisonic => notes.push(format!(
            "a sound field of {channels} channels, kept as Opus mapping family 2: players without head tracking of sound play it as it is"
        )),
        Family::Discrete => notes.push(format!(
            "{channels} channels that no layout of Opus has: kept as channels without meaning (mapping family 255)"
        )),
        Family::Surround if channels == 4 && *layout == ChannelLayout::Unstated => notes.push(
            "4 channels and no word that they are a sound field: taken for four loudspeakers".to_owned(),
        ),
        Family::Plain | Family::Surround => {}
    }
    Ok(Action::Transcode { decoding, format, routing })
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
