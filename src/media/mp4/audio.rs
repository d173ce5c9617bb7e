//! Gives the packets of one audio track of an MP4 or MOV file, on the timeline of its edit list.
//!
//! Priming is what the edit list leaves out; where there is none, iTunes' own note of it
//! (iTunSMPB) stands in. Roll groups (sgpd) need no reading: whoever begins in the middle decodes
//! longer ahead than any codec asks for. Spec: ISO/IEC 14496-12 §8.6.6, §10.1.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::audio::{AudioCodec, AudioPacket};
use crate::media::audio_source::{AudioTiming, MAX_AUDIO_PACKET_BYTES, OpenedAudio};
use crate::media::input::Input;
use crate::units::TimeBase;

use super::audio_entry;
use super::boxes::{self, Box};
use super::demuxer::{MAX_MOOV_BYTES, find_moov};
use super::edits::{self, Edit};
use super::fragments::Fragments;
use super::movie::Movie;
use super::pcm::Chunks;
use super::samples::{Sample, SampleTable, decode};

enum Samples {
    Table { table: std::boxed::Box<SampleTable>, next: u32 },
    Linear(Chunks),
}

/// A reader of one audio track.
pub(crate) struct Mp4Audio {
    input: Input,
    samples: Samples,
    fragments: Option<Fragments>,
    shift: i64,
    skip_to: i64,
}

impl Mp4Audio {
    /// Reads the headers of a file and finds the track of this ID.
    pub(crate) fn open(mut input: Input, id: u64) -> Result<OpenedAudio<Self>, Error> {
        let (moov_at, _) = find_moov(&mut input)?;
        let bytes = boxes::load(&mut input, moov_at, MAX_MOOV_BYTES, "movie header (moov)")?;
        let moov = boxes::children(&bytes, moov_at.at)
            .next()
            .transpose()?
            .ok_or_else(|| Error::Missing { what: "moov box", detail: "it is empty".to_owned() })?;
        let movie = Movie::parse(&moov)?;
        let found = movie.tracks.iter().find(|t| u64::from(t.id) == id && &t.handler == b"soun");
        let track = found.ok_or_else(|| Error::Missing {
            what: "audio track of that number",
            detail: format!("number {id} was asked for"),
        })?;
        let described = audio_entry::describe(track);

        let linear = match described.coding {
            AudioCodec::Pcm(format) => {
                let frame_bytes = u64::from(described.channels) * format.bytes() as u64;
                Chunks::parse(&track.sample_table, frame_bytes)?.filter(|_| frame_bytes > 0)
            }
            _ => None,
        };
        let samples = match linear {
            Some(chunks) => Samples::Linear(chunks),
            None => Samples::Table {
                table: std::boxed::Box::new(SampleTable::parse(&track.sample_table)?),
                next: 0,
            },
        };
        let mut edit = match &track.edit_list {
            Some(list) => {
                let entries = decode::<shiguredo_mp4::boxes::ElstBox>(list, "elst")?.entries;
                edits::read(&entries, movie.timescale, track.timescale)?
            }
            None => gapless(&moov, described.rate_hz, track.timescale).unwrap_or_default(),
        };
        let fragments =
            movie.fragment_defaults.clone().map(|defaults| Fragments::new(track.id, defaults, moov_at.end));
        if fragments.is_some() {
            // Written before the fragments were, so it cannot know how long they get.
            edit.until = None;
        }
        let timing = AudioTiming {
            time_base: TimeBase::new(1, track.timescale.into())
                .expect("Track::parse refuses a timescale of 0"),
            heard_from: edit.from,
            heard_until: edit.until,
            rounding_ns: 1_000_000_000 / u64::from(track.timescale),
            codec_delay_ns: 0,
        };
        let demuxer = Self { input, samples, fragments, shift: edit.shift, skip_to: i64::MIN };
        Ok(OpenedAudio { track: described, timing, demuxer })
    }

    pub(crate) fn skip_to(&mut self, pts: i64) {
        self.skip_to = pts;
    }

    /// The next packet in file order.
    pub(crate) fn next_packet(&mut self) -> Result<Option<AudioPacket>, Error> {
        loop {
            let Some(sample) = self.next_sample()? else { return Ok(None) };
            let pts = sample.time.saturating_add(self.shift);
            if sample.size == 0 || pts.saturating_add(sample.duration.into()) < self.skip_to {
                continue;
            }
            let size = sample.size.into();
            let data = self.input.read_vec(sample.offset, size, MAX_AUDIO_PACKET_BYTES, "audio sample")?;
            let duration = Some(sample.duration.into());
            return Ok(Some(AudioPacket { pts: Some(pts), duration, data, discard_end_ns: 0 }));
        }
    }

    fn next_sample(&mut self) -> Result<Option<Sample>, Error> {
        let sample = match &mut self.samples {
            Samples::Linear(chunks) => chunks.next(),
            Samples::Table { table, next } if *next < table.len() => {
                *next += 1;
                table.get(*next - 1)
            }
            Samples::Table { .. } => None,
        };
        match (sample, &mut self.fragments) {
            (None, Some(fragments)) => fragments.next(&mut self.input),
            (sample, _) => Ok(sample),
        }
    }
}

fn child<'a>(parent: &Box<'a>, skip: usize, kind: &[u8; 4]) -> Option<Box<'a>> {
    parent.children_after(skip).find(|c| &c.kind == kind)
}

/// The edit that iTunes' note of priming and length amounts to: hexadecimal words, of which the
/// second counts samples of priming and the fourth those that are music.
fn gapless(moov: &Box<'_>, rate_hz: u32, timescale: u32) -> Option<Edit> {
    let data = moov.children().map_while(Result::ok).find(|c| &c.kind == b"udta")?;
    let meta = child(&data, 0, b"meta")?;
    let list = child(&meta, 4, b"ilst")?;
    let note =
        list.children_after(0).filter(|c| &c.kind == b"----").take(64).find(|item| {
            child(item, 0, b"name").is_some_and(|name| name.body.get(4..) == Some(b"iTunSMPB"))
        })?;
    let text = child(&note, 0, b"data")?.body.get(8..)?;
    let text = std::str::from_utf8(text.get(..text.len().min(200))?).ok()?;
    let words: Vec<i64> =
        text.split_whitespace().map_while(|word| i64::from_str_radix(word, 16).ok()).take(4).collect();
    let [_, priming, _, length] = words[..] else { return None };
    let (from, to) = (TimeBase::new(1, rate_hz.into())?, TimeBase::new(1, timescale.into())?);
    let until = (length > 0).then(|| from.convert(length, to));
    (0..=1 << 20).contains(&priming).then(|| Edit { shift: -from.convert(priming, to), from: 0, until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::mp4::made::bx;

    #[test]
    fn the_note_of_itunes_is_an_edit() {
        let note = |text: &[u8]| {
            let name = bx(b"name", &[&[0; 4], b"iTunSMPB"]);
            let item = bx(
                b"----",
                &[&bx(b"mean", &[&[0; 4], b"com.apple.iTunes"]), &name, &bx(b"data", &[&[0; 8], text])],
            );
            let moov = bx(b"moov", &[&bx(b"udta", &[&bx(b"meta", &[&[0; 4], &bx(b"ilst", &[&item])])])]);
            let found = boxes::children(&moov, 0).next().unwrap().unwrap();
            gapless(&found, 44_100, 44_100)
        };
        let said = note(b" 00000000 00000840 000001CA 00000000003F31F6 00000000");
        assert_eq!(said, Some(Edit { shift: -2112, from: 0, until: Some(0x3F_31F6) }));
        assert_eq!(note(b" 00000000 00000840"), None);
        assert_eq!(note(b" 0 -1 0 5"), None);
        assert_eq!(note(&[0xFF; 30]), None);
    }
}
