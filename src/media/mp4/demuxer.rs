//! Opens an MP4 or MOV file and gives the samples of its video track in decode order.
//!
//! The moov box is read into memory, bounded; sample data is read on demand. Owned by one thread.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::audio::AudioTrack;
use crate::media::index::{Index, Place};
use crate::media::info::Container;
use crate::media::input::Input;
use crate::media::source::{Demuxed, MAX_PACKET_BYTES, Opened};
use crate::packet::Packet;
use crate::units::{Rational, TimeBase};

use super::audio_entry;
use super::boxes::{self, FileBox};
use super::chapters;
use super::edits::{self, Edit};
use super::entry::VideoEntry;
use super::fragments::Fragments;
use super::movie::{Movie, Track};
use super::samples::{Sample, SampleTable, decode};
use super::user_data;

/// A moov box of a ten-hour film with ten tracks has some 60 MiB.
pub(super) const MAX_MOOV_BYTES: u64 = 256 << 20;
/// Boxes of the file that may lie ahead of moov.
const MAX_TOP_BOXES: u64 = 100_000;

/// An MP4 demuxer.
pub(crate) struct Mp4 {
    input: Input,
    table: SampleTable,
    next: u32,
    fragments: Option<Fragments>,
    shift: i64,
}

impl Mp4 {
    /// Reads the headers of a file.
    pub(crate) fn open(mut input: Input) -> Result<Opened<Self>, Error> {
        let (moov_at, quicktime) = find_moov(&mut input)?;
        let bytes = boxes::load(&mut input, moov_at, MAX_MOOV_BYTES, "movie header (moov)")?;
        let moov = boxes::children(&bytes, moov_at.at)
            .next()
            .transpose()?
            .ok_or_else(|| Error::Missing { what: "moov box", detail: "it is empty".to_owned() })?;
        let movie = Movie::parse(&moov)?;
        let (track, video) = choose(&movie)?;

        let table = SampleTable::parse(&track.sample_table)?;
        let entries = match &track.edit_list {
            Some(list) => decode::<shiguredo_mp4::boxes::ElstBox>(list, "elst")?.entries,
            None => Vec::new(),
        };
        let edit = edits::read(&entries, movie.timescale, track.timescale)?;
        let mut fragments =
            movie.fragment_defaults.clone().map(|defaults| Fragments::new(track.id, defaults, moov_at.end));
        let timing = Timing::find(&mut input, &movie, track, &table, fragments.as_mut(), edit)?;

        let container = match (&fragments, quicktime) {
            (Some(_), _) => Container::FragmentedMp4,
            (None, true) => Container::Mov,
            (None, false) => Container::Mp4,
        };
        let audio: Vec<AudioTrack> =
            movie.tracks.iter().filter(|t| &t.handler == b"soun").map(audio_entry::describe).collect();
        let (mut chapters, tags) = user_data::read(&moov);
        let chapter_track = chapters::read(&mut input, &movie, track);
        let told_tracks = 1 + audio.len() + usize::from(chapter_track.is_some());
        // Nero's list has no ends, and 255 chapters at most.
        chapters = chapter_track.unwrap_or(chapters);
        let (layout, notes) = video.stereo;
        let demuxed = Demuxed {
            id: track.id.into(),
            codec: video.codec,
            size: Some(video.size).filter(|s| s.area() > 0),
            format: video.format,
            configuration: video.configuration.to_vec(),
            colour: video.colour,
            light: video.light,
            time_base: TimeBase::new(1, track.timescale.into())
                .expect("Track::parse refuses a timescale of 0"),
            frame_count: timing.frame_count,
            duration_ticks: timing.duration_ticks,
            frame_rate: timing.frame_rate,
            shown_from_ticks: edit.from,
            shown_until_ticks: timing.shown_until_ticks,
            layout,
            rotation_degrees: track.rotation_degrees,
            pixel_aspect: video.pixel_aspect,
            notes,
        };
        let seconds = |ticks: u64| ticks as f64 / f64::from(movie.timescale);
        Ok(Opened {
            duration_s: Some(movie.duration).filter(|d| *d > 0).map(seconds),
            other_tracks: movie.tracks.len() - told_tracks,
            container,
            video: demuxed,
            audio,
            chapters,
            tags,
            demuxer: Self { input, table, next: 0, fragments, shift: edit.shift },
        })
    }

    /// All packets of the track, without their bytes, read from `input`, the same file.
    pub(crate) fn index(&mut self, mut input: Input) -> Result<Index, Error> {
        let mut index = Index::default();
        for number in 0..self.table.len() {
            let Some(sample) = self.table.get(number).filter(|sample| sample.size > 0) else { continue };
            let have = input.len().saturating_sub(sample.offset);
            if u64::from(sample.size) > have {
                let (what, at_byte, need) = ("video sample", sample.offset, sample.size.into());
                return Err(Error::Truncated { what, at_byte, need, have });
            }
            index.push(sample.time.saturating_add(self.shift), sample.key, Place::Sample(number))?;
        }
        let Some(fragments) = &mut self.fragments else { return Ok(index) };
        fragments.rewind();
        loop {
            let (box_at, time) = fragments.position();
            if !fragments.read_fragment(&mut input)? {
                fragments.rewind();
                return Ok(index);
            }
            let samples = fragments.take_waiting();
            for (sample, skip) in samples.iter().zip(0..) {
                if sample.size > 0 {
                    let place = Place::Fragment { box_at, time, skip };
                    index.push(sample.time.saturating_add(self.shift), sample.key, place)?;
                }
            }
        }
    }

    /// Goes to a packet found by [`Mp4::index`].
    pub(crate) fn seek(&mut self, place: Place) -> Result<(), Error> {
        match (place, &mut self.fragments) {
            (Place::Sample(number), fragments) => {
                self.next = number;
                if let Some(fragments) = fragments {
                    fragments.rewind();
                }
            }
            (Place::Fragment { box_at, time, skip }, Some(fragments)) => {
                self.next = self.table.len();
                fragments.seek(box_at, time);
                for _ in 0..skip {
                    fragments.next(&mut self.input)?;
                }
            }
            // A place of another file: its caller's mistake, and harmless.
            _ => {}
        }
        Ok(())
    }

    /// The next packet in decode order.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            let Some(sample) = self.next_sample()? else { return Ok(None) };
            // An empty sample repeats the one before; no decoder wants to see it.
            if sample.size == 0 {
                continue;
            }
            let data =
                self.input.read_vec(sample.offset, sample.size.into(), MAX_PACKET_BYTES, "video sample")?;
            let pts = sample.time.saturating_add(self.shift);
            return Ok(Some(Packet { pts, key: sample.key, data }));
        }
    }

    fn next_sample(&mut self) -> Result<Option<Sample>, Error> {
        if self.next < self.table.len() {
            self.next += 1;
            return Ok(self.table.get(self.next - 1));
        }
        match &mut self.fragments {
            Some(fragments) => fragments.next(&mut self.input),
            None => Ok(None),
        }
    }
}

/// Finds moov among the boxes of the file, and whether the file calls itself QuickTime.
pub(super) fn find_moov(input: &mut Input) -> Result<(FileBox, bool), Error> {
    let (mut at, mut quicktime) = (0, true);
    let mut seen = Vec::new();
    for _ in 0..MAX_TOP_BOXES {
        if at > input.len() {
            break;
        }
        let Some(found) = boxes::file_box(input, at)? else { break };
        match &found.kind {
            b"moov" => return Ok((found, quicktime)),
            b"ftyp" if found.end - found.at >= 12 => {
                let mut brand = [0; 4];
                input.read_at(found.at + 8, &mut brand, "ftyp box")?;
                quicktime = &brand == b"qt  ";
            }
            _ => {}
        }
        if seen.len() < 16 {
            seen.push(boxes::name(&found.kind));
        }
        at = found.end;
    }
    if at > input.len() {
        let last = seen.pop().unwrap_or_default();
        return Err(Error::Missing {
            what: "moov box",
            detail: format!(
                "the file is cut off inside its box {last}, which ends at byte {at} of {}",
                input.len()
            ),
        });
    }
    if at < input.len() {
        return Err(Error::Limit {
            what: "number of boxes ahead of moov",
            got: MAX_TOP_BOXES + 1,
            max: MAX_TOP_BOXES,
        });
    }
    Err(Error::Missing { what: "moov box", detail: format!("its boxes are {}", seen.join(", ")) })
}

/// The first enabled video track with a codec of ours, else the first such track.
fn choose<'m, 'a>(movie: &'m Movie<'a>) -> Result<(&'m Track<'a>, VideoEntry<'a>), Error> {
    let videos: Vec<&Track<'a>> = movie.tracks.iter().filter(|t| &t.handler == b"vide").collect();
    let ordered = videos.iter().filter(|t| t.enabled).chain(videos.iter().filter(|t| !t.enabled));
    for track in ordered {
        if let Some(entry) = VideoEntry::read(track) {
            return Ok((track, entry));
        }
    }
    let Some(first) = videos.first() else {
        let found: Vec<String> = movie.tracks.iter().map(Track::describe).collect();
        let found = if found.is_empty() { "no tracks".to_owned() } else { found.join(", ") };
        return Err(Error::NoVideo { found });
    };
    let kind = first.entry.map_or_else(|| "none".to_owned(), |e| boxes::name(&e.kind));
    Err(Error::Unsupported { what: "video codec", got: kind })
}

/// Counts and durations of the track.
struct Timing {
    frame_count: Option<u64>,
    duration_ticks: Option<i64>,
    frame_rate: Option<Rational>,
    shown_until_ticks: Option<i64>,
}

impl Timing {
    fn find(
        input: &mut Input,
        movie: &Movie<'_>,
        track: &Track<'_>,
        table: &SampleTable,
        fragments: Option<&mut Fragments>,
        edit: Edit,
    ) -> Result<Self, Error> {
        let scale = i64::from(track.timescale);
        let rate = |count: i64, ticks: i64| count.checked_mul(scale).and_then(|n| Rational::new(n, ticks));
        let Some(fragments) = fragments else {
            let (total, last_end) = table.durations();
            let last_end = last_end.saturating_add(edit.shift);
            // An end that cuts less than the rounding of movie ticks cuts nothing.
            let slack = i64::from(track.timescale.div_ceil(movie.timescale));
            let until = edit.until.filter(|end| end.saturating_add(slack) < last_end);
            return Ok(Self {
                frame_count: Some(table.len().into()),
                duration_ticks: Some(until.unwrap_or(last_end)).filter(|d| *d > 0),
                frame_rate: rate(table.len().into(), i64::try_from(total).unwrap_or(0)),
                shown_until_ticks: until,
            });
        };
        // The first fragment stands for all; a cut file may not have one, which shows later.
        let frame_rate = match fragments.read_fragment(input) {
            Ok(_) => {
                let ticks = fragments.waiting().iter().map(|s| i64::from(s.duration)).sum();
                rate(fragments.waiting().len() as i64, ticks)
            }
            Err(Error::Truncated { .. }) => None,
            Err(other) => return Err(other),
        };
        let by_movie = TimeBase::new(1, movie.timescale.into())
            .zip(TimeBase::new(1, scale))
            .map(|(movie_base, base)| movie_base.convert(i64::try_from(movie.duration).unwrap_or(0), base));
        let duration = i64::try_from(track.duration).ok().filter(|d| *d > 0).or(by_movie);
        Ok(Self {
            frame_count: None,
            duration_ticks: duration.filter(|d| *d > 0),
            frame_rate,
            shown_until_ticks: None,
        })
    }
}
