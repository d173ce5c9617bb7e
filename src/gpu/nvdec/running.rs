//! A decoder at work: its surfaces, who still reads them, and the way of a picture to its user.
//!
//! Owned by the session, on the decoding thread. Spec: cuviddec.h.
#![forbid(unsafe_code)]

use std::ffi::{c_int, c_ulong, c_void};
use std::sync::Arc;

use crate::gpu::{Charge, Event, Part};
use crate::packet::Codec;

use super::abi::{self, Blank};
use super::geometry::Geometry;
use super::outputs::Outputs;
use super::raw::{Condition, RawDecoder};
use super::session::{Message, Session};
use super::surface::SurfaceFormat;
use super::watch::{Activity, Watch};
use super::{Error, Options, Surface, SurfaceView, vp9};

/// How the fields of a picture lie.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) progressive: c_int,
    pub(super) top_first: c_int,
    pub(super) repeat: c_int,
}

/// A whole picture.
pub(super) const FRAME: Fields = Fields { progressive: 1, top_first: 0, repeat: 0 };

/// What decides how a decoder is created, beside the geometry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Make {
    codec: Codec,
    /// Surfaces beyond the least that the stream needs.
    extra: usize,
    outputs: usize,
}

impl Make {
    fn of(session: &Session) -> Self {
        let Options { display_delay, extra_surfaces, output_surfaces, .. } = session.options;
        let extra = usize::from(display_delay) + extra_surfaces;
        Self { codec: session.info.codec, extra, outputs: output_surfaces.max(1) }
    }
}

/// A decoder at work.
pub(super) struct Running {
    pub(super) decoder: RawDecoder,
    pub(super) geometry: Geometry,
    /// For each of the decoder's surfaces: the copy that still reads it. The parser takes a surface
    /// for free once its picture was shown, which is before that copy has run.
    pub(super) copies: Vec<Option<Arc<Event>>>,
    /// For each of the decoder's surfaces: the time of the packet that its picture came in.
    pub(super) times: Vec<i64>,
    pub(super) vp9: vp9::Order,
    last_pts: Option<i64>,
    outputs: Outputs,
    /// What it was created for: another stream of the same kind can be decoded with it.
    made_for: Make,
    /// For the surfaces of both kinds; given back with them.
    _charge: Charge,
}

impl Running {
    /// Creates a decoder for the session's stream.
    pub(super) fn create(session: &Session, geometry: Geometry) -> Result<Self, Error> {
        // The least for correct decoding, the pictures that wait to be shown, and those being copied out.
        // Never 1: the parser takes that answer for "yes" and keeps its placeholder.
        let made_for = Make::of(session);
        let surfaces = (geometry.min_surfaces + made_for.extra).max(2);
        let outputs = made_for.outputs;
        let mut create = abi::CreateInfo::blank();
        create.width = geometry.coded.width.max(geometry.area.right as usize) as c_ulong;
        create.height = geometry.coded.height.max(geometry.area.bottom as usize) as c_ulong;
        (create.max_width, create.max_height) = (create.width, create.height);
        create.decode_surfaces = surfaces as c_ulong;
        create.codec = abi::codec(session.info.codec);
        create.chroma = geometry.chroma;
        create.flags = abi::PREFER_CUVID;
        create.depth_minus_8 = c_ulong::from(geometry.depth - 8);
        create.display_area = geometry.area;
        create.output_format = match geometry.format() {
            SurfaceFormat::Nv12 => abi::SURFACE_NV12,
            SurfaceFormat::P016 => abi::SURFACE_P016,
        };
        create.deinterlace = abi::DEINTERLACE_WEAVE;
        create.target_width = geometry.target.width as c_ulong;
        create.target_height = geometry.target.height as c_ulong;
        create.output_surfaces = outputs as c_ulong;
        let decoder = RawDecoder::create(&session.library, &mut create)?;
        let bytes = (surfaces + outputs) * geometry.surface_bytes() as usize;
        let _charge = session.device.ledger().charge(Part::Surfaces, bytes);
        let outputs = Outputs::new(&session.device, outputs)?;
        let (copies, times) = (vec![None; surfaces], vec![0; surfaces]);
        let (vp9, last_pts) = (vp9::Order::default(), None);
        let made = Self { decoder, geometry, copies, times, vp9, last_pts, outputs, made_for, _charge };
        made.tell(&session.watch);
        Ok(made)
    }

    /// The same for another stream of the kind that it was created for; `None` when the stream is of another kind.
    /// It must be settled.
    pub(super) fn again(self, session: &Session, geometry: &Geometry) -> Option<Self> {
        let surfaces = self.copies.len();
        let enough = geometry.min_surfaces + self.made_for.extra <= surfaces;
        let alike = self.geometry.check_same(geometry, surfaces).is_ok();
        if self.made_for != Make::of(session) || !enough || !alike {
            return None;
        }
        self.tell(&session.watch);
        let (copies, times) = (vec![None; surfaces], vec![0; surfaces]);
        let (vp9, last_pts) = (vp9::Order::default(), None);
        Some(Self { copies, times, vp9, last_pts, ..self })
    }

    /// Counts its surfaces.
    fn tell(&self, watch: &Watch) {
        let (surfaces, outputs) = (self.copies.len() as u64, self.made_for.outputs as u64);
        watch.count(|tally| {
            tally.decode_surfaces = surfaces;
            tally.output_surfaces = outputs;
            tally.memory_bytes = (surfaces + outputs) * self.geometry.surface_bytes();
        });
    }

    /// Waits for all lent surfaces: afterwards nothing of the stream is left. Gives the first error.
    pub(super) fn settle(&mut self, watch: &Watch) -> Result<(), Error> {
        self.outputs.settle(&self.decoder, watch)
    }

    /// Waits for all lent surfaces, then destroys the decoder. Gives the first error.
    pub(super) fn close(mut self, watch: &Watch) -> Result<(), Error> {
        let emptied = self.settle(watch);
        emptied.and(self.decoder.close())
    }

    /// Where a picture is in the lists.
    pub(super) fn place(&self, picture: c_int) -> Result<usize, Error> {
        let at = usize::try_from(picture).ok().filter(|&at| at < self.copies.len());
        at.ok_or_else(|| {
            let expected = format!("one of {} surfaces", self.copies.len());
            Error::Changed { what: "picture index", expected, got: picture.to_string() }
        })
    }

    /// Shows VP9 pictures while more than `delay` wait.
    pub(super) fn show_due(&mut self, session: &Session, delay: usize) -> Result<(), Error> {
        while let Some((picture, pts)) = self.vp9.due(delay) {
            self.show(session, picture, pts, FRAME)?;
        }
        Ok(())
    }

    /// Maps a picture and sends it out.
    pub(super) fn show(
        &mut self,
        session: &Session,
        picture: c_int,
        pts: i64,
        fields: Fields,
    ) -> Result<(), Error> {
        let Session { watch, stream, .. } = session;
        if watch.stopped() {
            return Err(Error::Over);
        }
        // The other codecs' pictures are tied to their packets; for AV1 that rests on the parser's timing.
        let last = self.last_pts.replace(pts);
        if let Some(last) = last.filter(|&last| session.info.codec == Codec::Av1 && last >= pts) {
            let (expected, got) = (format!("one after {last}"), pts.to_string());
            return Err(Error::Changed { what: "presentation time", expected, got });
        }
        let at = self.place(picture)?;
        let mut slot = self.outputs.take(&self.decoder, watch)?;
        let mut params = abi::ProcParams::blank();
        params.progressive = fields.progressive;
        params.top_field_first = fields.top_first;
        params.second_field = fields.repeat.saturating_add(1);
        params.unpaired_field = c_int::from(fields.repeat < 0);
        params.output_stream = stream.raw().cast::<c_void>();
        watch.moved(Activity::Decoder);
        let mapped = loop {
            match self.decoder.map(picture, &mut params) {
                // The same picture shown again (VP9, AV1) while its first surface is out.
                Err(Error::Call { code: abi::ALREADY_MAPPED, .. })
                    if self.outputs.reclaim(&self.decoder, watch)? => {}
                answer => break answer,
            }
        };
        watch.moved(Activity::Parser);
        // From here on the slot knows its frame, so that whatever fails, closing unmaps it.
        slot.mapped = mapped.as_ref().ok().copied();
        let marked = mapped.and_then(|mapped| {
            slot.ready.record(stream)?;
            Ok(mapped)
        });
        let mapped = match marked {
            Ok(mapped) => mapped,
            Err(error) => {
                self.outputs.put(slot);
                return Err(error);
            }
        };
        self.copies[at] = Some(slot.ready.clone());
        let condition = self.decoder.condition(picture);
        let view = SurfaceView {
            address: mapped.address,
            pitch_bytes: mapped.pitch_bytes,
            chroma_offset_bytes: mapped.pitch_bytes * self.geometry.target.height,
            size: self.geometry.visible,
            format: self.geometry.format(),
            depth: self.geometry.depth,
        };
        watch.count(|tally| {
            tally.surfaces += 1;
            tally.damaged += u64::from(condition == Condition::Damaged);
            tally.concealed += u64::from(condition == Condition::Concealed);
        });
        let surface = Surface::new(slot, self.outputs.lend(), view, pts, condition);
        // The queue has room for all slots and the last word, so this does not wait. When the user is gone the
        // surface comes back in the error and its slot home.
        session.out.send(Message::Surface(surface)).map_err(|_| Error::Over)
    }
}
