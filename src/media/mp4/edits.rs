//! The edit list of a track: how composition times map to shown times.
//!
//! Pure. Taken: empty edits at the start (a delay), then one span of the media, possibly written
//! in pieces that continue each other. Anything that reorders or speeds up media is refused rather
//! than shown wrong. Spec: ISO/IEC 14496-12 §8.6.6.
#![forbid(unsafe_code)]

use shiguredo_mp4::boxes::ElstEntry;

use crate::media::Error;
use crate::units::TimeBase;

/// What an edit list does to timestamps, in ticks of the track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Edit {
    /// Added to composition times.
    pub(super) shift: i64,
    /// Shown time at which the span starts; frames before it are decoded only.
    pub(super) from: i64,
    /// Shown time at which the span ends, if the list gives it an end.
    pub(super) until: Option<i64>,
}

/// Reads an edit list. `movie` and `media` are the two timescales, in ticks per second.
pub(super) fn read(entries: &[ElstEntry], movie: u32, media: u32) -> Result<Edit, Error> {
    let unsupported = |got: String| Error::Unsupported { what: "edit list", got };
    let bases = TimeBase::new(1, movie.into()).zip(TimeBase::new(1, media.into()));
    let (movie_base, media_base) = bases.ok_or_else(|| unsupported("a timescale of 0".to_owned()))?;
    let in_media = |ticks: u64| movie_base.convert(i64::try_from(ticks).unwrap_or(i64::MAX), media_base);
    // Durations are rounded to movie ticks, so pieces may fail to meet by two of them.
    let slack = 2 * i64::from(media.div_ceil(movie));

    let mut delay = 0i64;
    let mut span: Option<(i64, Option<i64>)> = None;
    for entry in entries {
        let duration = in_media(entry.edit_duration);
        if entry.media_time < 0 {
            if span.is_none() {
                delay = delay.saturating_add(duration);
            }
            continue;
        }
        if (entry.media_rate.integer, entry.media_rate.fraction) != (1, 0) {
            let rate = f64::from(entry.media_rate.integer) + f64::from(entry.media_rate.fraction) / 65536.0;
            return Err(unsupported(format!("a part played at rate {rate}")));
        }
        let end = (entry.edit_duration != 0).then(|| entry.media_time.saturating_add(duration));
        span = Some(match span {
            None => (entry.media_time, end),
            Some((start, Some(so_far))) if (entry.media_time - so_far).abs() <= slack => (start, end),
            Some(_) => {
                return Err(unsupported(format!("{} parts that do not follow each other", entries.len())));
            }
        });
    }
    let (start, end) = span.unwrap_or((0, None));
    let shift = delay.saturating_sub(start);
    Ok(Edit { shift, from: delay, until: end.map(|end| end.saturating_add(shift)) })
}
