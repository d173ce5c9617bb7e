//! One VP9 stream in: planes go in as borrowed memory, packets come out as owned bytes.
//!
//! A frame is copied by libvpx during [`Encoder::encode`], so its planes are free again when the call
//! returns, whatever the lag. The same frames and settings give the same bytes, on any number of
//! threads: tiles follow from the width alone, and see [`EncoderConfig::row_mt`].
//!
//! Timestamps do not reach libvpx. It would estimate a frame rate from them, and rounded or variable
//! ones would then move its golden frames; frames are numbered instead, and a packet's number is
//! looked up in the list of frames in flight, so that a lost frame is an error and not a shift.

use std::collections::VecDeque;
use std::ptr::{self, NonNull};

use super::activity::{Coded, blocks_of};
use super::config::within;
use super::{EncoderConfig, Error, Planes, ffi, header, library_version};

/// One compressed frame. Where libvpx hides a reference frame, it is in here too (a superframe).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedPacket {
    /// Timestamp of the frame, as it was given.
    pub pts: i64,
    /// Whether decoding can start here.
    pub key: bool,
    /// The bytes.
    pub data: Vec<u8>,
}

/// A frame that went in and has not come out: its number in libvpx and its timestamp.
#[derive(Clone, Copy)]
struct InFlight {
    frame: i64,
    pts: i64,
}

/// A running encoder.
pub struct Encoder {
    raw: NonNull<ffi::Encoder>,
    config: EncoderConfig,
    in_flight: VecDeque<InFlight>,
    next_frame: i64,
    last_pts: Option<i64>,
    /// Whether libvpx has an active map that it has not forgotten.
    mapped: bool,
    /// A reference slot of the stream that holds the last frame.
    last_slot: Option<u32>,
}

// SAFETY: a libvpx context has no tie to the thread that made it: its worker threads are its own and
// wait on its own locks, and its one-time tables are set up under pthread_once. `Encoder` holds the
// only pointer to it, and every use is through `&mut self`, so one thread uses it at a time. It is not
// `Sync`, though nothing takes `&self` to libvpx.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Starts an encoder. Memory is about 20 bytes a pixel; 70 are reserved.
    ///
    /// # Errors
    /// [`Error::Config`] names a setting out of range; [`Error::Codec`] when libvpx refuses.
    pub fn new(config: EncoderConfig) -> Result<Self, Error> {
        config.check()?;
        let settings = config.to_ffi();
        let mut failure = ffi::Failure::new();
        // SAFETY: both pointers are to live locals of the types that shim.h declares; C keeps neither.
        let raw = unsafe { ffi::vrp_vp9_encoder_new(&settings, &mut failure) };
        let raw = NonNull::new(raw).ok_or_else(|| failure.into_error())?;
        let (in_flight, next_frame) = (VecDeque::new(), 0);
        Ok(Self { raw, config, in_flight, next_frame, last_pts: None, mapped: false, last_slot: None })
    }

    /// The settings it was made with.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes a frame and returns the packets that are ready: exactly one, this frame's, without lag.
    /// `pts` is in any unit and must rise. The first frame is a key frame in any case; later ones are
    /// only where `force_key` says so.
    ///
    /// # Errors
    /// Planes of a wrong size, a timestamp that does not rise, or libvpx's own refusal.
    pub fn encode(
        &mut self,
        planes: &Planes<'_>,
        pts: i64,
        force_key: bool,
    ) -> Result<Vec<EncodedPacket>, Error> {
        planes.check(self.config.size)?;
        self.rising(pts)?;
        let sources = [planes.y, planes.u, planes.v];
        let picture = ffi::Picture {
            planes: sources.map(|plane| plane.data.as_ptr()),
            strides: sources.map(|plane| plane.stride as i64),
            width: self.config.size.width as u32,
            height: self.config.size.height as u32,
            depth: 8,
            sample_bytes: 1,
            ..ffi::Picture::empty()
        };
        let force_key = u32::from(force_key || self.next_frame == 0);
        let mut failure = ffi::Failure::new();
        // SAFETY: `planes.check` has made sure that every row of every plane lies in its slice, and the
        // slices are borrowed for the whole call, in which libvpx copies them.
        let failed = unsafe {
            ffi::vrp_vp9_encoder_encode(self.raw.as_ptr(), &picture, self.next_frame, force_key, &mut failure)
        };
        if failed != 0 {
            return Err(failure.into_error());
        }
        self.in_flight.push_back(InFlight { frame: self.next_frame, pts });
        self.next_frame += 1;
        self.last_pts = Some(pts);
        let mut packets = Vec::new();
        self.take_packets(&mut packets)?;
        Ok(packets)
    }

    /// As [`Encoder::encode`], for a frame of which only `coded` may differ from the frame before. A
    /// frame without a change never reaches libvpx: its packet is a byte that shows the last one again.
    pub(super) fn encode_part(
        &mut self,
        planes: &Planes<'_>,
        coded: Coded<'_>,
        pts: i64,
        force_key: bool,
    ) -> Result<Vec<EncodedPacket>, Error> {
        let usable = active_map_works() && self.config.lag == 0 && !force_key && self.next_frame > 0;
        let blocks = blocks_of(self.config.size);
        match (coded, self.last_slot) {
            (Coded::Nothing, Some(slot)) if usable => return self.show_again(slot, planes, pts),
            (Coded::Blocks(map), _) if usable => {
                self.set_active_map(blocks.height, blocks.width, Some(map))?;
            }
            // The key frame makes libvpx forget the map.
            _ if self.mapped && usable => self.set_active_map(blocks.height, blocks.width, None)?,
            _ => {}
        }
        self.encode(planes, pts, force_key)
    }

    fn show_again(&mut self, slot: u32, planes: &Planes<'_>, pts: i64) -> Result<Vec<EncodedPacket>, Error> {
        planes.check(self.config.size)?;
        self.rising(pts)?;
        self.last_pts = Some(pts);
        Ok(vec![EncodedPacket { pts, key: false, data: header::show_existing(slot).to_vec() }])
    }

    /// Whether `pts` follows that of the frame before.
    fn rising(&self, pts: i64) -> Result<(), Error> {
        match self.last_pts.filter(|&previous| previous >= pts) {
            Some(previous) => Err(Error::Timestamp { previous, got: pts }),
            None => Ok(()),
        }
    }

    /// Ends the stream and returns the packets that lag held back.
    ///
    /// # Errors
    /// libvpx's refusal, or [`Error::LostFrame`] when a frame that went in has not come out.
    pub fn finish(mut self) -> Result<Vec<EncodedPacket>, Error> {
        let mut packets = Vec::new();
        // One call gives what fits libvpx's buffer, so it is asked until nothing comes.
        loop {
            let before = packets.len();
            let mut failure = ffi::Failure::new();
            // SAFETY: a null picture is the shim's way to flush; `raw` is alive until drop.
            let failed =
                unsafe { ffi::vrp_vp9_encoder_encode(self.raw.as_ptr(), ptr::null(), 0, 0, &mut failure) };
            if failed != 0 {
                return Err(failure.into_error());
            }
            self.take_packets(&mut packets)?;
            if packets.len() == before {
                break;
            }
        }
        match self.in_flight.front() {
            Some(lost) => Err(Error::LostFrame { pts: lost.pts }),
            None => Ok(packets),
        }
    }

    /// Tells which blocks of the frames to come may differ from the frame before them; `None` (or a
    /// key frame) makes all of them so again. One byte per 16x16 block, row by row, nonzero = active;
    /// an inactive block becomes a copy. libvpx forgets the map at a key frame: set it for each frame.
    ///
    /// # Errors
    /// [`Error::Config`] for a map of a wrong size or with lag, where libvpx would apply it to a later
    /// frame than the one given next; [`Error::OldLibrary`] below libvpx 1.12.
    pub fn set_active_map(&mut self, rows: usize, columns: usize, map: Option<&[u8]>) -> Result<(), Error> {
        let (major, minor, patch) = library_version();
        if !active_map_works() {
            let linked = format!("{major}.{minor}.{patch}");
            return Err(Error::OldLibrary { what: "an active map", need: "1.12", linked });
        }
        within("lag in frames with an active map", self.config.lag, 0..=0)?;
        let blocks = blocks_of(self.config.size);
        within("rows of the active map", rows, blocks.height..=blocks.height)?;
        within("columns of the active map", columns, blocks.width..=blocks.width)?;
        if let Some(map) = map {
            within("bytes of the active map", map.len(), rows * columns..=rows * columns)?;
        }
        self.mapped = map.is_some();
        let map = map.map_or(ptr::null(), <[u8]>::as_ptr);
        let mut failure = ffi::Failure::new();
        // SAFETY: the map, where there is one, has rows * columns bytes, and libvpx copies it in the call.
        let failed = unsafe {
            ffi::vrp_vp9_encoder_active_map(self.raw.as_ptr(), map, rows as u32, columns as u32, &mut failure)
        };
        if failed == 0 { Ok(()) } else { Err(failure.into_error()) }
    }

    /// Copies out the packets of the last call to libvpx.
    fn take_packets(&mut self, packets: &mut Vec<EncodedPacket>) -> Result<(), Error> {
        let mut packet = ffi::Packet { data: ptr::null(), len: 0, frame: 0, key: 0, reserved: 0 };
        // SAFETY: `raw` is alive and `packet` is a live local.
        while unsafe { ffi::vrp_vp9_encoder_packet(self.raw.as_ptr(), &mut packet) } == 1 {
            let source = self.in_flight.pop_front().ok_or(Error::LostFrame { pts: packet.frame })?;
            if source.frame != packet.frame {
                return Err(Error::LostFrame { pts: source.pts });
            }
            // SAFETY: libvpx lends `len` bytes at `data` until the next encode, which needs `&mut self`.
            let bytes = unsafe { std::slice::from_raw_parts(packet.data, packet.len as usize) };
            self.last_slot = slot_of(bytes)?;
            self.mapped &= packet.key == 0;
            packets.push(EncodedPacket { pts: source.pts, key: packet.key != 0, data: bytes.to_vec() });
        }
        Ok(())
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from vrp_vp9_encoder_new, nobody else holds it, and this is its only free.
        unsafe { ffi::vrp_vp9_encoder_free(self.raw.as_ptr()) }
    }
}

/// A reference slot in which the last frame of a packet is kept, if it is in any.
fn slot_of(packet: &[u8]) -> Result<Option<u32>, Error> {
    let frames = header::frames(packet)?;
    let refreshes = frames.last().map(|frame| header::parse(frame)).transpose()?.map(|last| last.refreshes);
    Ok(refreshes.filter(|&slots| slots != 0).map(u8::trailing_zeros))
}

/// Whether the linked libvpx heeds active maps: before 1.12 they had no effect without adaptive
/// quantization, and the fastest speed could abort (libvpx commits ca89bed50 and a6bff83a6).
pub fn active_map_works() -> bool {
    library_version() >= (1, 12, 0)
}
