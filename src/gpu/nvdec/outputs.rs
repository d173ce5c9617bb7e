//! The slots that surfaces are mapped into: as many as may be mapped at once.
//!
//! Owned by the decoding thread. Idle slots hold no frame; lent ones come back through a channel
//! and are unmapped here, after their last read.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::gpu::Device;

use super::Error;
use super::raw::RawDecoder;
use super::surface::Slot;
use super::watch::{Activity, TICK, Watch};

pub(super) struct Outputs {
    idle: Vec<Slot>,
    /// Slots in surfaces.
    lent: usize,
    back: Receiver<Slot>,
    way_back: Sender<Slot>,
}

impl Outputs {
    pub(super) fn new(device: &Arc<Device>, count: usize) -> Result<Self, Error> {
        let idle = (0..count).map(|_| Slot::new(device)).collect::<Result<_, _>>()?;
        // Holds no more than there are slots.
        let (way_back, back) = unbounded();
        Ok(Self { idle, lent: 0, back, way_back })
    }

    /// A slot without a frame; waits for one while all are lent.
    pub(super) fn take(&mut self, decoder: &RawDecoder, watch: &Watch) -> Result<Slot, Error> {
        if self.idle.is_empty() {
            self.reclaim(decoder, watch)?;
        }
        self.idle.pop().ok_or(Error::Over)
    }

    /// Waits for a lent slot to come back and unmaps it; `false` when none is lent.
    pub(super) fn reclaim(&mut self, decoder: &RawDecoder, watch: &Watch) -> Result<bool, Error> {
        if self.lent == 0 {
            return Ok(false);
        }
        watch.moved(Activity::Surfaces);
        let slot = loop {
            if watch.stopped() {
                return Err(Error::Over);
            }
            if let Ok(slot) = self.back.recv_timeout(TICK) {
                break slot;
            }
        };
        self.lent -= 1;
        self.idle.push(slot);
        let newest = self.idle.last_mut().expect("pushed just now");
        let cleared = clear(newest, decoder);
        watch.moved(Activity::Decoder);
        cleared.map(|()| true)
    }

    /// Puts a slot back that `take` gave and that was not lent.
    pub(super) fn put(&mut self, slot: Slot) {
        self.idle.push(slot);
    }

    /// Notes that a slot is lent, and gives the way back for it.
    pub(super) fn lend(&mut self) -> Sender<Slot> {
        self.lent += 1;
        self.way_back.clone()
    }

    /// Waits for all that are lent, however long the user keeps them, and unmaps everything.
    /// Gives the first error; goes on after it.
    pub(super) fn settle(&mut self, decoder: &RawDecoder, watch: &Watch) -> Result<(), Error> {
        let mut outcome = Ok(());
        if self.lent > 0 {
            watch.moved(Activity::Closing);
        }
        for _ in 0..std::mem::take(&mut self.lent) {
            // This end of the channel has a sender too, so it cannot be cut.
            if let Ok(slot) = self.back.recv() {
                self.idle.push(slot);
            }
        }
        watch.moved(Activity::Freeing);
        for slot in &mut self.idle {
            outcome = outcome.and(clear(slot, decoder));
        }
        outcome
    }
}

/// Unmaps what the slot holds once the device is done with it.
fn clear(slot: &mut Slot, decoder: &RawDecoder) -> Result<(), Error> {
    let Some(mapped) = slot.mapped.take() else { return Ok(()) };
    // Unmapped in any case: a surface left mapped makes the destruction of the decoder fail.
    let settled = slot.settle();
    settled.and(decoder.unmap(mapped))
}
