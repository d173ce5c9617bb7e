//! Ticks of the source as the child's milliseconds, and back.
//!
//! ffmpeg only copies timestamps, so a tick can be any unit: it is sent as [`SLOTS`] milliseconds,
//! exact in both directions. Packets that share a time (damaged files have them) get stamps of the
//! same tick that rise in decode order, as ffmpeg's muxer wants them to; where pictures then come in
//! another order, it moves them by a millisecond or two, which the spare ones absorb.
//!
//! Each tick that comes back must be one that was sent and has not come back yet: so a picture
//! that the child made up or moved in time is found.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use crate::software::Error;

/// Milliseconds to a tick.
const SLOTS: i64 = 4;

/// Packets that may share a time; the other half of the slots is spare.
const MAX_SHARED: i64 = SLOTS / 2;

/// Stamp of the first packet: room for pictures shown before it. Matroska has no negative times.
const HEADROOM: i64 = 1 << 40;

/// Stamps stay below: ffmpeg, up to 7 at least, times frames in 1/65536 of the encoder's tick, which
/// must stay below 2^63. Found by trying: 2^47 and more came back as nonsense from ffmpeg 5.1. Ten
/// hours of nanosecond ticks fit, and 41 days of the finest that is in use, 1/10000000 s.
const MAX_STAMP: i64 = (1 << 47) - HEADROOM;

#[derive(Debug, Default)]
pub(super) struct Clock {
    first_pts: Option<i64>,
    /// Ticks (of stamps) that were sent and have neither come back nor passed by, and how often.
    pending: BTreeMap<i64, i64>,
}

impl Clock {
    /// The stamp for a packet of time `pts`.
    pub(super) fn stamp(&mut self, pts: i64) -> Result<i64, Error> {
        let first = *self.first_pts.get_or_insert(pts);
        let stamp = pts.checked_sub(first).and_then(|ticks| ticks.checked_mul(SLOTS));
        let stamp = stamp.and_then(|ms| ms.checked_add(HEADROOM));
        let Some(stamp) = stamp.filter(|stamp| (0..MAX_STAMP).contains(stamp)) else {
            return Err(Error::Timestamp { what: "packet is too far in time from the first", pts });
        };
        let shared = self.pending.entry(stamp.div_euclid(SLOTS)).or_default();
        if *shared == MAX_SHARED {
            return Err(Error::Timestamp { what: "too many packets share a time", pts });
        }
        *shared += 1;
        Ok(stamp + *shared - 1)
    }

    /// The time of a picture that came back with `stamp`, and how many packets before it have
    /// shown nothing.
    pub(super) fn pts(&mut self, stamp: i64) -> Result<(i64, u64), Error> {
        let tick = stamp.div_euclid(SLOTS);
        let pts = (tick - HEADROOM / SLOTS).wrapping_add(self.first_pts.unwrap_or(0));
        let Some(shared) = self.pending.remove(&tick) else {
            return Err(Error::Timestamp { what: "ffmpeg gave a picture a time that no packet has", pts });
        };
        let mut later = self.pending.split_off(&tick);
        if shared > 1 {
            later.insert(tick, shared - 1);
        }
        let passed = std::mem::replace(&mut self.pending, later);
        Ok((pts, passed.into_values().sum::<i64>().unsigned_abs()))
    }

    /// Packets that have not shown a picture yet.
    pub(super) fn pending(&self) -> u64 {
        self.pending.values().sum::<i64>().unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_trip() {
        for first in [0, -7, i64::MAX - 100, i64::MIN + 100] {
            let mut clock = Clock::default();
            // Decode order of two groups of pictures, the second with leading pictures.
            let times = [0, 4, 2, 1, 3, 20, 12, 16].map(|t| first + t);
            let mut stamps = times.map(|pts| clock.stamp(pts).unwrap());
            stamps.sort_unstable();
            let mut sorted = times;
            sorted.sort_unstable();
            let back = stamps.map(|stamp| clock.pts(stamp).unwrap());
            assert_eq!(back, sorted.map(|pts| (pts, 0)));
            assert_eq!(clock.pending(), 0);
        }
    }

    #[test]
    fn pictures_out_of_thin_air_are_found() {
        let mut clock = Clock::default();
        let stamps = [10, 20, 30, 40].map(|pts| clock.stamp(pts).unwrap());
        assert!(clock.pts(stamps[0] + SLOTS).is_err(), "no packet has this time");
        assert_eq!(clock.pts(stamps[2]).unwrap(), (30, 2), "two packets were passed by");
        assert!(clock.pts(stamps[2]).is_err(), "given twice");
        assert!(clock.pts(stamps[0]).is_err(), "out of order");
        assert_eq!(clock.pending(), 1);
        assert!(clock.pts(i64::MIN).is_err() && clock.pts(i64::MAX).is_err());
    }

    #[test]
    fn packets_may_share_a_time_up_to_a_limit() {
        let mut clock = Clock::default();
        let stamps: Vec<i64> = (0..MAX_SHARED).map(|_| clock.stamp(5).unwrap()).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(clock.stamp(5).is_err());
        for stamp in stamps {
            assert_eq!(clock.pts(stamp).unwrap(), (5, 0));
        }
        assert!(clock.pts(HEADROOM).is_err());
    }

    #[test]
    fn times_out_of_reach_are_refused() {
        let mut clock = Clock::default();
        clock.stamp(0).unwrap();
        for pts in [i64::MAX, i64::MIN, -(HEADROOM / SLOTS) - 1, MAX_STAMP / SLOTS] {
            assert!(matches!(clock.stamp(pts), Err(Error::Timestamp { pts: got, .. }) if got == pts));
        }
        assert!(clock.stamp(-(HEADROOM / SLOTS)).is_ok());
    }
}
