//! From the channels of a decoder to those of an Opus stream: which, in what order, how loud.
//!
//! Pure. Opus family 1 knows one layout for each number of channels (RFC 7845 §5.1.1.2); the
//! smallest that has a place for every loudspeaker is taken. Sound fields keep their components
//! (family 2, RFC 8486 §3.1); what fits nowhere is kept as channels without meaning (255).
#![forbid(unsafe_code)]

use crate::media::{ChannelLayout, Speaker};

use Speaker::{
    BackCentre, BackLeft, BackRight, FrontCentre, FrontLeft, FrontRight, Lfe, SideLeft, SideRight,
};

/// Channel mapping family of an Opus stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Family {
    /// Mono or stereo.
    Plain = 0,
    /// Up to eight loudspeakers in the order of Vorbis.
    Surround = 1,
    /// A sound field in ACN order and SN3D scale, perhaps with head-locked stereo behind.
    Ambisonic = 2,
    /// Channels without a stated meaning.
    Discrete = 255,
}

/// The layouts of families 0 and 1 by number of channels, from 1 on.
const LAYOUTS: [&[Speaker]; 8] = [
    &[FrontCentre],
    &[FrontLeft, FrontRight],
    &[FrontLeft, FrontCentre, FrontRight],
    &[FrontLeft, FrontRight, BackLeft, BackRight],
    &[FrontLeft, FrontCentre, FrontRight, BackLeft, BackRight],
    &[FrontLeft, FrontCentre, FrontRight, BackLeft, BackRight, Lfe],
    &[FrontLeft, FrontCentre, FrontRight, SideLeft, SideRight, BackCentre, Lfe],
    &[FrontLeft, FrontCentre, FrontRight, SideLeft, SideRight, BackLeft, BackRight, Lfe],
];

/// How to make the channels of a stream from decoded ones.
#[derive(Clone, PartialEq, Debug)]
pub struct Routing {
    /// The family to encode by.
    pub family: Family,
    /// For each channel of the stream the decoded channels that sound in it, with their gains.
    sources: Vec<Vec<(usize, f32)>>,
    inputs: usize,
}

impl Routing {
    /// The routing of `channels` decoded channels, given what is known of them; `None` for none,
    /// or more than Opus can hold.
    pub fn of(layout: &ChannelLayout, channels: usize) -> Option<Self> {
        if !(1..=255).contains(&channels) {
            return None;
        }
        let found = match layout {
            ChannelLayout::Ambisonic(map) => ambisonic(map, channels),
            // One is mono and two are stereo, whatever a decoder calls them.
            ChannelLayout::Speakers(speakers) if channels > 2 && speakers.len() == channels => {
                surround(speakers)
            }
            _ => Speaker::usual(channels).and_then(|speakers| surround(&speakers)),
        };
        let (family, sources) =
            found.unwrap_or_else(|| (Family::Discrete, (0..channels).map(|c| vec![(c, 1.0)]).collect()));
        Some(Self { family, sources, inputs: channels })
    }

    /// Channels of the stream.
    pub fn outputs(&self) -> usize {
        self.sources.len()
    }

    /// Channels that must be decoded.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Appends to `out` the stream's samples for decoded `samples`, both interleaved.
    pub fn apply(&self, samples: &[f32], out: &mut Vec<f32>) {
        for frame in samples.chunks_exact(self.inputs) {
            out.extend(
                self.sources.iter().map(|from| from.iter().map(|(c, gain)| frame[*c] * gain).sum::<f32>()),
            );
        }
    }
}

type Sources = (Family, Vec<Vec<(usize, f32)>>);

/// Components in order; two channels more than the field has are head-locked stereo.
fn ambisonic(map: &[u8], channels: usize) -> Option<Sources> {
    let order = (map.len() as f64).sqrt() as usize;
    let extra = channels.checked_sub(map.len()).filter(|extra| matches!(extra, 0 | 2))?;
    if order * order != map.len() || map.iter().any(|c| usize::from(*c) >= channels) {
        return None;
    }
    let field = map.iter().map(|c| usize::from(*c));
    let locked = (0..channels).filter(|c| !map.contains(&(*c as u8)));
    let sources: Vec<_> = field.chain(locked).map(|c| vec![(c, 1.0)]).collect();
    debug_assert_eq!(sources.len(), map.len() + extra);
    Some((Family::Ambisonic, sources))
}

/// The smallest layout of Opus that has a place for each loudspeaker.
fn surround(speakers: &[Speaker]) -> Option<Sources> {
    let mut seen = speakers.to_vec();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() != speakers.len() {
        return None;
    }
    // One that fits channel by channel, if there is one.
    let exact = LAYOUTS.get(speakers.len().checked_sub(1)?..speakers.len());
    exact.and_then(|exact| place_all(speakers, exact, false)).or_else(|| place_all(speakers, &LAYOUTS, true))
}

fn place_all(speakers: &[Speaker], layouts: &[&[Speaker]], mixing: bool) -> Option<Sources> {
    layouts.iter().find_map(|layout| {
        let mut sources = vec![Vec::new(); layout.len()];
        for (channel, speaker) in speakers.iter().enumerate() {
            let place = |s: Speaker| layout.iter().position(|l| *l == s);
            // Side and back are one pair of loudspeakers wherever there is only one pair.
            let other = match speaker {
                BackLeft if !speakers.contains(&SideLeft) => Some(SideLeft),
                BackRight if !speakers.contains(&SideRight) => Some(SideRight),
                SideLeft if !speakers.contains(&BackLeft) => Some(BackLeft),
                SideRight if !speakers.contains(&BackRight) => Some(BackRight),
                _ => None,
            };
            match place(*speaker).or(other.and_then(place)) {
                Some(at) => sources[at].push((channel, 1.0)),
                // Between the two at the back, as loud as it was.
                None if mixing && *speaker == BackCentre => {
                    for back in [place(BackLeft)?, place(BackRight)?] {
                        sources[back].push((channel, std::f32::consts::FRAC_1_SQRT_2));
                    }
                }
                None => return None,
            }
        }
        Some((if layout.len() <= 2 { Family::Plain } else { Family::Surround }, sources))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a frame of 1, 2, 3, ... becomes.
    fn routed(layout: &ChannelLayout, channels: usize) -> (Family, Vec<f32>) {
        let routing = Routing::of(layout, channels).unwrap();
        let frame: Vec<f32> = (1..=channels).map(|c| c as f32).collect();
        let mut out = Vec::new();
        routing.apply(&frame, &mut out);
        assert_eq!(out.len(), routing.outputs());
        (routing.family, out)
    }

    #[test]
    fn channels_of_wave_go_where_vorbis_has_them() {
        let usual = |channels| routed(&ChannelLayout::Unstated, channels);
        assert_eq!(usual(1), (Family::Plain, vec![1.0]));
        assert_eq!(usual(2), (Family::Plain, vec![1.0, 2.0]));
        assert_eq!(usual(3), (Family::Surround, vec![1.0, 3.0, 2.0]));
        assert_eq!(usual(4), (Family::Surround, vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(usual(6), (Family::Surround, vec![1.0, 3.0, 2.0, 5.0, 6.0, 4.0]));
        // FL FR FC LFE BC SL SR
        assert_eq!(usual(7), (Family::Surround, vec![1.0, 3.0, 2.0, 6.0, 7.0, 5.0, 4.0]));
        // FL FR FC LFE BL BR SL SR
        assert_eq!(usual(8), (Family::Surround, vec![1.0, 3.0, 2.0, 7.0, 8.0, 5.0, 6.0, 4.0]));
        assert_eq!(usual(9).0, Family::Discrete);
    }

    #[test]
    fn other_layouts_take_the_smallest_that_holds_them() {
        let of = |s: &[Speaker]| routed(&ChannelLayout::Speakers(s.to_vec()), s.len());
        // 5.1 with side loudspeakers, AAC's 4.0, 2.1, and one that Opus has no place for.
        let side = [FrontLeft, FrontRight, FrontCentre, Lfe, SideLeft, SideRight];
        assert_eq!(of(&side).1, [1.0, 3.0, 2.0, 5.0, 6.0, 4.0]);
        let half = 4.0 * std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(of(&[FrontLeft, FrontRight, FrontCentre, BackCentre]).1, [1.0, 3.0, 2.0, half, half]);
        assert_eq!(of(&[FrontLeft, FrontRight, Lfe]).1, [1.0, 0.0, 2.0, 0.0, 0.0, 3.0]);
        assert_eq!(of(&[FrontLeft]), (Family::Plain, vec![1.0]));
        assert_eq!(of(&[FrontLeft, FrontRight, Speaker::FrontLeftOfCentre]).0, Family::Discrete);
        assert_eq!(of(&[FrontLeft, FrontLeft, FrontRight]).0, Family::Discrete);
    }

    #[test]
    fn sound_fields_keep_their_components() {
        let of = |map: &[u8], channels| routed(&ChannelLayout::Ambisonic(map.to_vec()), channels);
        assert_eq!(of(&[0, 1, 2, 3], 4), (Family::Ambisonic, vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(of(&[0, 3, 1, 2], 4), (Family::Ambisonic, vec![1.0, 4.0, 2.0, 3.0]));
        assert_eq!(of(&[2, 3, 4, 5], 6), (Family::Ambisonic, vec![3.0, 4.0, 5.0, 6.0, 1.0, 2.0]));
        assert_eq!(of(&[0, 1, 2], 3).0, Family::Discrete);
        assert_eq!(of(&[0, 1, 2, 9], 4).0, Family::Discrete);
        assert!(Routing::of(&ChannelLayout::Unstated, 0).is_none());
    }
}
