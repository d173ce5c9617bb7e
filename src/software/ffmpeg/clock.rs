//! Ticks of the source as the child's milliseconds, and back.
//!
//! ffmpeg only copies timestamps, so a tick can be any unit: it is sent as [`SLOTS`] milliseconds,
//! exact in both directions. Each stamp is used once, so that packets that share a time (damaged
//! files have them) do not collide in a muxer that wants times to rise. Stamps that come back must
//! be among those sent: that is how a picture made up or moved by the child is found.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use crate::software::Error;

/// Milliseconds to a tick, and so packets that may share a time.
const SLOTS: i64 = 4;

/// Stamp of the first packet: room for pictures shown before it. Matroska has no negative times.
const HEADROOM: i64 = 1 << 40;

/// Stamps stay below: ffmpeg counts in microseconds at places, which must stay below 2^63.
const MAX_STAMP: i64 = 1 << 50;

#[derive(Debug, Default)]
pub(super) struct Clock {
    first_pts: Option<i64>,
    /// Sent and neither come back nor passed by.
    pending: BTreeSet<i64>,
}

impl Clock {
    /// The stamp for a packet of time `pts`.
    pub(super) fn stamp(&mut self, pts: i64) -> Result<i64, Error> {
        let first = *self.first_pts.get_or_insert(pts);
        let far = Error::Timestamp { what: "packet is too far in time from the first", pts };
        let stamp = pts.checked_sub(first).and_then(|ticks| ticks.checked_mul(SLOTS));
        let stamp = stamp.and_then(|ms| ms.checked_add(HEADROOM));
        let Some(stamp) = stamp.filter(|stamp| (0..MAX_STAMP).contains(stamp)) else { return Err(far) };
        match (stamp..stamp + SLOTS).find(|&slot| self.pending.insert(slot)) {
            Some(slot) => Ok(slot),
            None => Err(Error::Timestamp { what: "too many packets share a time", pts }),
        }
    }

    /// The time of a picture that came back with `stamp`, and how many packets before it have
    /// shown nothing.
    pub(super) fn pts(&mut self, stamp: i64) -> Result<(i64, u64), Error> {
        let pts = (stamp - HEADROOM).div_euclid(SLOTS) + self.first_pts.unwrap_or(0);
        if !self.pending.remove(&stamp) {
            return Err(Error::Timestamp { what: "ffmpeg gave a picture a time that no packet has", pts });
        }
        let later = self.pending.split_off(&stamp);
        let passed = std::mem::replace(&mut self.pending, later);
        Ok((pts, passed.len() as u64))
    }

    /// Packets that have not shown a picture yet.
    pub(super) fn pending(&self) -> u64 {
        self.pending.len() as u64
    }
}
