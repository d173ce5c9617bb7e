//! How many lanes a machine can carry, and what limits their number.
//!
//! What a lane needs grows with the pixels of a frame; the figures are measured, rounded up, and mean a lane at
//! work on 10-bit video: at 7680x3840 sixteen GPU lanes had 2.0 GB each in host memory, ring and decoder included.
#![forbid(unsafe_code)]

use super::Coding;
use crate::frame::Size;

/// Resident memory of a pair of encoders at work: 1.15 GB at 7680x3840, most of it reference frames and those of
/// libvpx's tokens that were ever written (docs/encoder.md).
const PAIR_BYTES_PER_PIXEL: f64 = 42.0;
/// The same of an encoder of one opaque stream with what is rendered for it: half a pair, its planes and a matte.
const STREAM_BYTES_PER_PIXEL: f64 = PAIR_BYTES_PER_PIXEL / 2.0 + 2.5;
/// The same where a GPU renders for it: half a pair, and eight frames of 1.5 bytes a pixel on their way.
const RENDERED_BYTES_PER_PIXEL: f64 = PAIR_BYTES_PER_PIXEL / 2.0 + 8.0 * 1.5;
/// And device memory: its planes twice, mattes, and the table of packed alpha, which lanes share.
const RENDERED_DEVICE_BYTES_PER_PIXEL: f64 = 2.0 * 1.5 + 1.0 + 4.0;
/// Composites in the ring and pictures in the decoder: eight of 2.5 bytes a pixel, and 16 pictures of 3 bytes
/// where decoding is done in software.
const FRAMES_BYTES_PER_PIXEL: f64 = 8.0 * 2.5;
const SOFTWARE_DECODER_BYTES_PER_PIXEL: f64 = 16.0 * 3.0;
/// Device memory of a lane: 1.6 GB at 7680x3840, 10 bit, most of it decoded surfaces.
const DEVICE_BYTES_PER_PIXEL: f64 = 55.0;
/// Host memory of a lane with our own encoder: four coded frames of half a byte, and its packets.
const NATIVE_BYTES_PER_PIXEL: f64 = 4.0;
/// Its device memory beside that: two pictures of each stream and four coded frames, 373 MiB at 7680x3840, which is
/// 13.3 (docs/native-encoder.md), and some room.
const NATIVE_DEVICE_BYTES_PER_PIXEL: f64 = 15.0;
/// Device memory for a picture that is mapped from high dynamic range.
const MAPPED_DEVICE_BYTES_PER_PIXEL: f64 = 3.0;
/// CPU threads that the two encoders of a pair keep busy: on 16 threads, 8, 12 and 16 pairs gave 26.0, 34.4 and
/// 33.9 frames a second at 7680x3840 (docs/encoder.md).
const PAIR_THREADS: f64 = 4.0 / 3.0;
/// The same of a lane without a pair: rendering and encoding take turns on one thread, beside composing.
const STREAM_THREADS: f64 = 1.0;
/// The same of a lane with our own encoder, and of a decoder beside it.
const NATIVE_THREADS: f64 = 1.0;
const SOFTWARE_DECODER_THREADS: f64 = 1.0;
/// Lanes after which neither NVDEC nor the network gives more (README: lanes without encoders).
const ENOUGH_LANES: usize = 8;
/// What a lane needs at any size: network, contexts, buffers of fixed size.
const HOST_BYTES: f64 = 150e6;
const DEVICE_BYTES: f64 = 100e6;
/// Share of free memory that is planned with.
const USABLE: f64 = 0.9;

/// What a machine has to give.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Machine {
    /// CPU threads that may be used.
    pub threads: usize,
    /// Memory that is free, in bytes.
    pub host_bytes: u64,
    /// Free memory of each GPU, in bytes; empty: the work is done on the CPU.
    pub device_bytes: Vec<u64>,
}

/// What a lane encodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams {
    /// Whether colour with alpha is.
    pub pair: bool,
    /// Whether PNG files are.
    pub stills: bool,
    /// Pixels of a frame of all opaque outputs together.
    pub opaque: usize,
}

impl Streams {
    /// Colour with alpha alone.
    pub const PAIR: Self = Self { pair: true, stills: false, opaque: 0 };
}

/// What one lane needs.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
pub struct Need {
    /// Host memory in bytes.
    pub host_bytes: u64,
    /// Device memory in bytes, 0 on the CPU.
    pub device_bytes: u64,
    /// CPU threads that it keeps busy.
    pub threads: f64,
    /// Lanes that keep a GPU as busy as it can be; 0: the CPU is busy first.
    pub enough: usize,
}

impl Need {
    /// The need of a lane at this frame size.
    pub fn new(size: Size, on_gpu: bool, software_decoder: bool, coding: Coding, streams: Streams) -> Self {
        let pixels = size.area() as f64;
        let decoder = if software_decoder { SOFTWARE_DECODER_BYTES_PER_PIXEL } else { 0.0 };
        let native = coding == Coding::Native;
        let pair = if streams.pair { PAIR_BYTES_PER_PIXEL } else { 0.0 };
        // On a GPU composites stay where they are unless an output is made of them.
        let ring = if !on_gpu || streams.pair || streams.stills { FRAMES_BYTES_PER_PIXEL } else { 0.0 };
        let opaque = streams.opaque as f64;
        let stream = if on_gpu { RENDERED_BYTES_PER_PIXEL } else { STREAM_BYTES_PER_PIXEL };
        let host = if native { NATIVE_BYTES_PER_PIXEL } else { pair + ring };
        let host = pixels * (host + decoder) + opaque * stream;
        let threads = if streams.pair { PAIR_THREADS } else { STREAM_THREADS };
        let coded = if native { NATIVE_DEVICE_BYTES_PER_PIXEL } else { 0.0 };
        let device = pixels * (DEVICE_BYTES_PER_PIXEL + coded) + opaque * RENDERED_DEVICE_BYTES_PER_PIXEL;
        let device = if on_gpu { device + DEVICE_BYTES } else { 0.0 };
        let decoder_threads = if software_decoder { SOFTWARE_DECODER_THREADS } else { 0.0 };
        Self {
            host_bytes: (host + HOST_BYTES) as u64,
            device_bytes: device as u64,
            threads: if native { NATIVE_THREADS + decoder_threads } else { threads },
            enough: if native { ENOUGH_LANES } else { 0 },
        }
    }

    /// The same with pictures mapped from high dynamic range on the GPU.
    #[must_use]
    pub fn with_mapping(self, size: Size) -> Self {
        let more = (size.area() as f64 * MAPPED_DEVICE_BYTES_PER_PIXEL) as u64;
        Self { device_bytes: self.device_bytes + more, ..self }
    }

    /// What is enough for either.
    pub fn max(self, other: Self) -> Self {
        Self {
            host_bytes: self.host_bytes.max(other.host_bytes),
            device_bytes: self.device_bytes.max(other.device_bytes),
            threads: self.threads.min(other.threads),
            enough: if self.enough.min(other.enough) == 0 { 0 } else { self.enough.max(other.enough) },
        }
    }
}

/// The lanes of a run.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Lanes {
    /// Lanes on each device.
    pub per_device: Vec<usize>,
    /// CPU threads that all lanes share.
    pub threads: usize,
    /// Why there are not more, in words.
    pub limit: String,
}

impl Lanes {
    /// Lanes for a machine: `wanted` overrules what it can carry. Never more than `segments`.
    pub fn new(machine: &Machine, need: Need, segments: usize, wanted: Option<usize>) -> Self {
        let room = |free: u64, each: u64| (free as f64 * USABLE / each.max(1) as f64) as usize;
        let on_device: Vec<usize> =
            machine.device_bytes.iter().map(|&free| room(free, need.device_bytes).max(1)).collect();
        let on_devices = if on_device.is_empty() { usize::MAX } else { on_device.iter().sum() };
        let by_cores = (machine.threads as f64 / need.threads.max(0.1)).ceil() as usize;
        let by_gpus = match need.enough {
            0 => usize::MAX,
            enough => enough * machine.device_bytes.len().max(1),
        };
        let by_memory = room(machine.host_bytes, need.host_bytes);
        let limits = [
            (segments, "there are no more segments"),
            (by_cores, "more would not keep more CPU threads busy"),
            (by_gpus, "more would not keep the GPU busier"),
            (by_memory, "memory"),
            (on_devices, "memory of the GPU"),
        ];
        let (most, why) = limits.into_iter().min_by_key(|(most, _)| *most).unwrap_or((1, ""));
        let (count, limit) = match wanted {
            Some(wanted) => (wanted.min(segments), "as asked for".to_owned()),
            None => (most, why.to_owned()),
        };
        let per_device = spread(count.max(1), &on_device);
        Self { per_device, threads: machine.threads, limit }
    }

    /// Lanes in all.
    pub fn count(&self) -> usize {
        self.per_device.iter().sum()
    }

    /// Threads for each encoder when so many segments are left, of which each keeps two encoders busy. The
    /// bytes do not depend on it.
    pub fn encoder_threads(&self, segments_left: usize) -> usize {
        self.threads_for(segments_left, 2)
    }

    /// The same where each segment keeps so many encoders busy at once.
    pub fn threads_for(&self, segments_left: usize, encoders: usize) -> usize {
        let at_work = self.count().min(segments_left).max(1);
        self.threads.div_ceil(encoders.max(1) * at_work).clamp(1, 64)
    }
}

/// Deals lanes out to devices one by one, each as long as it has room; what nothing has room for, evenly.
fn spread(count: usize, room: &[usize]) -> Vec<usize> {
    if room.is_empty() {
        return vec![count];
    }
    let mut dealt = vec![0; room.len()];
    for lane in 0..count {
        let least = (0..room.len()).filter(|&d| dealt[d] < room[d]).min_by_key(|&d| dealt[d]);
        dealt[least.unwrap_or(lane % room.len())] += 1;
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT_K: Size = Size::new(7680, 3840);

    fn machine(threads: usize, gib: u64, gpus: &[u64]) -> Machine {
        Machine { threads, host_bytes: gib << 30, device_bytes: gpus.iter().map(|g| g << 30).collect() }
    }

    #[test]
    fn lanes_go_by_what_is_scarcest() {
        let need = Need::new(EIGHT_K, true, false, Coding::Libvpx, Streams::PAIR);
        let lanes = |machine: Machine, segments| {
            let lanes = Lanes::new(&machine, need, segments, None);
            (lanes.per_device, lanes.limit)
        };
        assert_eq!(lanes(machine(16, 128, &[78]), 100).0, [12]);
        assert_eq!(lanes(machine(16, 16, &[78]), 100), (vec![7], "memory".to_owned()));
        assert_eq!(lanes(machine(64, 512, &[8]), 100), (vec![4], "memory of the GPU".to_owned()));
        assert_eq!(lanes(machine(64, 512, &[48, 48]), 100).0, [24, 24]);
        assert_eq!(lanes(machine(64, 512, &[48, 4]), 20).0, [18, 2], "a GPU with less room gets fewer");
        assert_eq!(lanes(machine(64, 512, &[78]), 3), (vec![3], "there are no more segments".to_owned()));
        assert_eq!(lanes(machine(2, 1, &[]), 100).0, [1], "never none");
    }

    #[test]
    fn our_own_encoder_needs_few_cores_and_little_memory() {
        let need = Need::new(EIGHT_K, true, false, Coding::Native, Streams::PAIR);
        let lanes = |machine: Machine| Lanes::new(&machine, need, 100, None);
        assert_eq!(lanes(machine(16, 128, &[78])).per_device, [8]);
        assert_eq!(lanes(machine(32, 128, &[78, 78])).per_device, [8, 8]);
        assert_eq!(lanes(machine(4, 128, &[78])).per_device, [4]);
        assert_eq!(lanes(machine(16, 8, &[78])).count(), 8, "{need:?}");
        // Measured: 1738 MiB in the lane, and 160 MB that the driver takes (docs/native-encoder.md, README).
        assert!((1.98e9..2.2e9).contains(&(need.device_bytes as f64)), "{need:?}");
        assert_eq!(lanes(machine(64, 128, &[8])).per_device, [3]);
    }

    #[test]
    fn threads_are_shared_out_and_freed_at_the_end() {
        let need = Need::new(EIGHT_K, true, false, Coding::Libvpx, Streams::PAIR);
        let lanes = Lanes::new(&machine(16, 128, &[78]), need, 100, None);
        assert_eq!(
            (lanes.encoder_threads(50), lanes.encoder_threads(2), lanes.encoder_threads(1)),
            (1, 4, 8)
        );
        let asked = Lanes::new(&machine(16, 128, &[78, 78]), need, 100, Some(5));
        assert_eq!((asked.per_device.clone(), asked.encoder_threads(50)), (vec![3, 2], 2));
    }

    #[test]
    fn one_stream_needs_less_than_two_and_both_more() {
        let need_on = |on_gpu, pair, opaque| {
            let streams = Streams { pair, stills: false, opaque };
            Need::new(EIGHT_K, on_gpu, true, Coding::Libvpx, streams)
        };
        let need = |pair, opaque| need_on(false, pair, opaque);
        let (one, two, both) = (need(false, EIGHT_K.area()), need(true, 0), need(true, EIGHT_K.area()));
        assert!(one.host_bytes < two.host_bytes && two.host_bytes < both.host_bytes);
        assert!(one.threads < two.threads);
        let [one, two, both] =
            [(false, EIGHT_K.area()), (true, 0), (true, EIGHT_K.area())].map(|(p, o)| need_on(true, p, o));
        assert!(one.host_bytes < two.host_bytes && two.host_bytes < both.host_bytes, "composites stay");
        assert!(two.device_bytes < one.device_bytes && one.device_bytes == both.device_bytes);
        let one = need(false, EIGHT_K.area());
        let lanes = Lanes::new(&machine(16, 128, &[]), one, 100, None);
        assert_eq!((lanes.count(), lanes.threads_for(100, 1), lanes.threads_for(4, 1)), (16, 1, 4));
    }

    #[test]
    fn a_lane_at_8k_needs_what_was_measured() {
        let need = Need::new(EIGHT_K, true, false, Coding::Libvpx, Streams::PAIR);
        assert!((1.9e9..2.2e9).contains(&(need.host_bytes as f64)), "{need:?}");
        assert!((1.6e9..2.1e9).contains(&(need.device_bytes as f64)), "{need:?}");
        assert_eq!(Need::new(EIGHT_K, false, true, Coding::Libvpx, Streams::PAIR).device_bytes, 0);
    }
}
