//! What this program holds of a device's memory and of pinned host memory, by part.
//!
//! Every allocation is charged when it is made and given back with its owner. NVDEC's surfaces are the driver's:
//! they are charged by size and number. Not counted is what the driver takes for itself: context, code, rounding.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};

/// What memory is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Decoded pictures: NVDEC's, or the copy of one that was decoded on the CPU.
    Surfaces,
    /// Weights of networks, shared by all lanes.
    Weights,
    /// Feature maps, input and result of networks.
    Activations,
    /// Recurrent state of networks.
    State,
    /// Composed frames.
    Planes,
    /// What outputs besides alpha look up, shared by all lanes: packed alpha's table, backdrops.
    Looks,
    /// Tables of positions, and all that is small.
    Tables,
    /// Pinned memory of the host.
    PinnedHost,
}

/// Bytes by part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct MemoryUse {
    /// As [`Part::Surfaces`].
    pub surfaces_bytes: u64,
    /// As [`Part::Weights`].
    pub weights_bytes: u64,
    /// As [`Part::Activations`].
    pub activations_bytes: u64,
    /// As [`Part::State`].
    pub state_bytes: u64,
    /// As [`Part::Planes`].
    pub planes_bytes: u64,
    /// As [`Part::Looks`].
    pub looks_bytes: u64,
    /// As [`Part::Tables`].
    pub tables_bytes: u64,
    /// As [`Part::PinnedHost`]; not on the device.
    pub pinned_host_bytes: u64,
}

impl MemoryUse {
    fn part(&mut self, part: Part) -> &mut u64 {
        match part {
            Part::Surfaces => &mut self.surfaces_bytes,
            Part::Weights => &mut self.weights_bytes,
            Part::Activations => &mut self.activations_bytes,
            Part::State => &mut self.state_bytes,
            Part::Planes => &mut self.planes_bytes,
            Part::Looks => &mut self.looks_bytes,
            Part::Tables => &mut self.tables_bytes,
            Part::PinnedHost => &mut self.pinned_host_bytes,
        }
    }

    /// All that lies on the device.
    pub fn device_bytes(&self) -> u64 {
        let Self { surfaces_bytes, weights_bytes, activations_bytes, state_bytes, planes_bytes, .. } = *self;
        let shared_bytes = self.looks_bytes + self.tables_bytes;
        surfaces_bytes + weights_bytes + activations_bytes + state_bytes + planes_bytes + shared_bytes
    }

    /// The parts in one line.
    pub fn sentence(&self) -> String {
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        format!(
            "{} MiB on the GPU (surfaces {}, weights {}, activations {}, state {}, planes {}, looks {}, tables {}), {} MiB pinned on the host",
            mib(self.device_bytes()),
            mib(self.surfaces_bytes),
            mib(self.weights_bytes),
            mib(self.activations_bytes),
            mib(self.state_bytes),
            mib(self.planes_bytes),
            mib(self.looks_bytes),
            mib(self.tables_bytes),
            mib(self.pinned_host_bytes),
        )
    }
}

/// The account of one device.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Now, and when most of the device was taken.
    books: Mutex<(MemoryUse, MemoryUse)>,
}

impl Ledger {
    fn change(&self, change: impl FnOnce(&mut MemoryUse)) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, peak) = &mut *books;
        change(now);
        // Of two moments with as much on the device, the one with more on the host.
        let size = |used: &MemoryUse| (used.device_bytes(), used.pinned_host_bytes);
        if size(now) >= size(peak) {
            *peak = *now;
        }
    }

    /// Charges `bytes` until the result is dropped.
    pub fn charge(self: &Arc<Self>, part: Part, bytes: usize) -> Charge {
        let mut shares = Box::<MemoryUse>::default();
        *shares.part(part) = bytes as u64;
        self.change(|now| *now.part(part) += bytes as u64);
        Charge { shares, ledger: Arc::clone(self) }
    }

    /// What is held now.
    pub fn now(&self) -> MemoryUse {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// What was held when most of the device was taken since the last [`Self::restart`].
    pub fn peak(&self) -> MemoryUse {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Forgets the peak.
    pub fn restart(&self) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.1 = books.0;
    }
}

/// A sum that is charged for as long as this lives.
#[derive(Debug)]
pub struct Charge {
    // Apart, so that what holds a buffer stays small.
    shares: Box<MemoryUse>,
    ledger: Arc<Ledger>,
}

const PARTS: [Part; 8] = [
    Part::Surfaces,
    Part::Weights,
    Part::Activations,
    Part::State,
    Part::Planes,
    Part::Looks,
    Part::Tables,
    Part::PinnedHost,
];

impl Charge {
    /// Moves up to `bytes` of it from one part to another.
    pub fn shift(&mut self, from: Part, to: Part, bytes: usize) {
        let shares = &mut self.shares;
        let bytes = (bytes as u64).min(*shares.part(from));
        *shares.part(from) -= bytes;
        *shares.part(to) += bytes;
        self.ledger.change(|now| {
            *now.part(from) -= bytes;
            *now.part(to) += bytes;
        });
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let shares = &mut self.shares;
        self.ledger.change(|now| PARTS.into_iter().for_each(|part| *now.part(part) -= *shares.part(part)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_come_and_go_by_part() {
        let ledger = Arc::new(Ledger::default());
        let surfaces = ledger.charge(Part::Surfaces, 100);
        let mut arena = ledger.charge(Part::Tables, 50);
        arena.shift(Part::Tables, Part::State, 20);
        // No more than there is.
        arena.shift(Part::Tables, Part::Activations, 1000);
        let pinned = ledger.charge(Part::PinnedHost, 7);
        let all = MemoryUse {
            surfaces_bytes: 100,
            state_bytes: 20,
            activations_bytes: 30,
            pinned_host_bytes: 7,
            ..MemoryUse::default()
        };
        assert_eq!((ledger.now(), ledger.now().device_bytes()), (all, 150));
        drop(surfaces);
        assert_eq!((ledger.now().device_bytes(), ledger.peak()), (50, all));
        ledger.restart();
        assert_eq!(ledger.peak(), ledger.now());
        drop((arena, pinned));
        assert_eq!(ledger.now(), MemoryUse::default());
        assert_eq!(ledger.peak().device_bytes(), 50);
        let said = ledger.peak().sentence();
        assert!(said.starts_with("0.0 MiB on the GPU (surfaces 0.0, "), "{said}");
    }
}
