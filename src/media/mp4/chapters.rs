//! Chapters in a track of texts that another track points to (tref/chap), as QuickTime and its editors write them.
//!
//! Each sample is a chapter: it lasts as long as the sample is shown, and is its title. Nobody needs it to play a
//! file, so a track or a sample that is damaged is passed over; number and bytes are bounded. Specs: QuickTime file
//! format (track references, chapter lists, text media), 3GPP TS 26.245 §5.17 (tx3g).
#![forbid(unsafe_code)]

use crate::media::info::Chapter;
use crate::media::input::Input;
use crate::units::TimeBase;

use super::boxes::be32;
use super::edits::{self, Edit};
use super::movie::{Movie, Track};
use super::samples::{Sample, SampleTable, decode};

/// As many as of Matroska.
const MAX_CHAPTERS: u32 = 1000;
/// Bytes of a title that are read; what is longer is cut.
const MAX_TITLE_BYTES: u64 = 1000;
/// Tracks that one track may point to as its chapters: texts in some languages, pictures.
const MAX_REFERENCES: usize = 64;
const TITLE: &str = "chapter title";

/// The chapters of the first track of texts that has any, of those that `video` points to, or else another track of
/// pictures or sound. `None` where there is no such track.
pub(super) fn read(input: &mut Input, movie: &Movie<'_>, video: &Track<'_>) -> Option<Vec<Chapter>> {
    let others = movie.tracks.iter().filter(|t| t.id != video.id && matches!(&t.handler, b"vide" | b"soun"));
    for pointing in std::iter::once(video).chain(others) {
        let ids = pointing.chapter_tracks.chunks_exact(4).take(MAX_REFERENCES);
        for id in ids.filter_map(|id| be32(id, 0)) {
            let track = movie.tracks.iter().find(|t| t.id == id && is_text(t));
            let chapters = track.and_then(|track| of_track(input, movie, track));
            if let Some(chapters) = chapters.filter(|chapters| !chapters.is_empty()) {
                return Some(chapters);
            }
        }
    }
    None
}

fn is_text(track: &Track<'_>) -> bool {
    let coding = track.entry.map(|entry| entry.kind);
    matches!(&track.handler, b"text" | b"sbtl") && matches!(coding.as_ref(), Some(b"text" | b"tx3g"))
}

fn of_track(input: &mut Input, movie: &Movie<'_>, track: &Track<'_>) -> Option<Vec<Chapter>> {
    let table = SampleTable::parse(&track.sample_table).ok()?;
    let edit = match &track.edit_list {
        Some(list) => {
            let entries = decode::<shiguredo_mp4::boxes::ElstBox>(list, "elst").ok()?.entries;
            // An order that cannot be followed would give wrong times.
            edits::read(&entries, movie.timescale, track.timescale).ok()?
        }
        None => Edit::default(),
    };
    let base = TimeBase::new(1, track.timescale.into())?;
    let nanoseconds = |ticks| base.convert(ticks, TimeBase::NANOSECOND);
    let samples = (0..table.len().min(MAX_CHAPTERS)).filter_map(|number| table.get(number));
    let chapters = samples.filter_map(|sample| {
        let (start, end) = shown(&sample, &edit)?;
        Some(Chapter {
            start_ns: nanoseconds(start),
            end_ns: end.map(nanoseconds),
            title: title(&read_text(input, &sample)?),
        })
    });
    Some(chapters.collect())
}

/// Where a sample begins and ends, in ticks of the track; `None` where the edit list leaves all of it out. One
/// without a duration has no end.
fn shown(sample: &Sample, edit: &Edit) -> Option<(i64, Option<i64>)> {
    let start = sample.time.saturating_add(edit.shift);
    let duration = Some(i64::from(sample.duration)).filter(|duration| *duration > 0);
    let end = duration.map(|duration| start.saturating_add(duration).min(edit.until.unwrap_or(i64::MAX)));
    let is_before = end.is_some_and(|end| end <= edit.from);
    let is_behind = edit.until.is_some_and(|until| start >= until);
    (!is_before && !is_behind).then(|| (start.max(edit.from), end))
}

/// The bytes of a title: behind their number, ahead of the boxes that say how it is drawn. `None` for a sample
/// without any, which is a gap, and for one that is not there.
fn read_text(input: &mut Input, sample: &Sample) -> Option<Vec<u8>> {
    let size = u64::from(sample.size).checked_sub(2)?;
    let mut length = [0; 2];
    input.read_at(sample.offset, &mut length, TITLE).ok()?;
    let length = u64::from(u16::from_be_bytes(length)).min(size).min(MAX_TITLE_BYTES);
    input.read_vec(sample.offset.checked_add(2)?, length, MAX_TITLE_BYTES, TITLE).ok()
}

/// UTF-16 where it begins with the mark of that, else UTF-8.
fn title(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    // A mark of UTF-8 means nothing, and a cut may have gone through a character.
    let text = text.trim_start_matches('\u{feff}');
    let text = if bytes.len() as u64 == MAX_TITLE_BYTES { text.trim_end_matches('\u{fffd}') } else { text };
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned()
}
