//! What the parser's callbacks do: create the decoder, decode, map and send out.
//!
//! Lives on the decoding thread, where the parser calls back from inside `parse`. Order of calls:
//! sequence, then decode in decoding order, then display in presentation order. Spec: nvcuvid.h.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_ulong, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::gpu::{Device, Event, Stream};
use crate::packet::Codec;

use super::abi::{self, Blank};
use super::failure::FirstError;
use super::geometry::Geometry;
use super::outputs::Outputs;
use super::raw::{Condition, RawDecoder};
use super::surface::SurfaceFormat;
use super::watch::{Activity, Watch};
use super::{Error, Library, Options, StreamInfo, Surface, SurfaceView, vp9};

/// What the decoding thread sends.
pub(super) enum Message {
    Surface(Surface),
    Failed(Error),
    /// The last surface was sent.
    End,
}

/// State behind the callbacks.
pub(super) struct Session {
    pub(super) library: Arc<Library>,
    pub(super) device: Arc<Device>,
    pub(super) info: StreamInfo,
    pub(super) options: Options,
    pub(super) watch: Arc<Watch>,
    pub(super) out: Sender<Message>,
    /// Frames are copied out of the decoder's surfaces on this stream; nothing else runs there.
    pub(super) stream: Stream,
    pub(super) failure: FirstError,
    /// What is being parsed.
    pub(super) current: Cell<Current>,
    /// From the first sequence header on.
    pub(super) running: RefCell<Option<Running>>,
}

/// The packet (of VP9: frame) in the parser, and the picture that it was decoded to.
#[derive(Clone, Copy, Default)]
pub(super) struct Current {
    pts: i64,
    picture: Option<c_int>,
}

/// A decoder at work.
pub(super) struct Running {
    decoder: RawDecoder,
    geometry: Geometry,
    /// For each of the decoder's surfaces: the copy that still reads it. The parser takes a surface
    /// for free once its picture was shown, which is before that copy has run.
    copies: Vec<Option<Arc<Event>>>,
    /// For each of the decoder's surfaces: the time of the packet that its picture came in.
    times: Vec<i64>,
    vp9: vp9::Order,
    last_pts: Option<i64>,
    outputs: Outputs,
}

impl Running {
    /// Waits for all lent surfaces, then destroys the decoder. Gives the first error.
    pub(super) fn close(self) -> Result<(), Error> {
        let emptied = self.outputs.close(&self.decoder);
        emptied.and(self.decoder.close())
    }
}

impl Session {
    /// A new stream header: the first creates the decoder, later ones must fit it. Answers with the number
    /// of surfaces, which the parser then cycles through.
    fn sequence(&self, format: &abi::VideoFormat) -> Result<c_int, Error> {
        let geometry = Geometry::of(format)?;
        let mut running = self.running.borrow_mut();
        if let Some(running) = &*running {
            running.geometry.check_same(&geometry, running.copies.len())?;
            return Ok(running.copies.len() as c_int);
        }
        geometry.check_announced(&self.info)?;
        let mut coded = self.info.clone();
        coded.size = geometry.coded;
        self.library.can_decode(&self.device, &coded)?;

        // The least for correct decoding, the pictures that wait to be shown, and those being copied out.
        // Never 1: the parser takes that answer for "yes" and keeps its placeholder.
        let extra = self.options.display_delay as usize + self.options.extra_surfaces;
        let surfaces = (geometry.min_surfaces + extra).max(2);
        let outputs = self.options.output_surfaces.max(1);
        let mut create = abi::CreateInfo::blank();
        create.width = geometry.coded.width.max(geometry.area.right as usize) as c_ulong;
        create.height = geometry.coded.height.max(geometry.area.bottom as usize) as c_ulong;
        (create.max_width, create.max_height) = (create.width, create.height);
        create.decode_surfaces = surfaces as c_ulong;
        create.codec = abi::codec(self.info.codec);
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
        let decoder = RawDecoder::create(&self.library, &mut create)?;
        self.watch.count(|tally| {
            tally.decode_surfaces = surfaces as u64;
            tally.output_surfaces = outputs as u64;
            tally.memory_bytes = (surfaces + outputs) as u64 * geometry.surface_bytes();
        });
        let outputs = Outputs::new(&self.device, outputs)?;
        let (copies, times) = (vec![None; surfaces], vec![0; surfaces]);
        let (vp9, last_pts) = (vp9::Order::default(), None);
        *running = Some(Running { decoder, geometry, copies, times, vp9, last_pts, outputs });
        Ok(surfaces as c_int)
    }

    /// # Safety
    /// `picture` must be the parser's own, inside its callback.
    unsafe fn decode(&self, picture: NonNull<abi::PictureParams>) -> Result<c_int, Error> {
        if self.watch.stopped() {
            return Err(Error::Over);
        }
        let mut running = self.running.borrow_mut();
        let running = running.as_mut().ok_or_else(out_of_order)?;
        // SAFETY: the structure begins with these fields and lives during the callback.
        let index = unsafe { picture.as_ref() }.picture;
        let at = running.place(index)?;
        while let Some((earlier, pts)) = running.vp9.due_before(index) {
            running.show(self, earlier, pts, FRAME)?;
        }
        if let Some(ready) = running.copies[at].take() {
            ready.synchronize()?;
        }
        self.watch.moved(Activity::Decoder);
        // SAFETY: as the caller vouches.
        unsafe { running.decoder.decode(picture) }?;
        self.watch.moved(Activity::Parser);
        let pts = self.current.get().pts;
        running.times[at] = pts;
        self.current.set(Current { pts, picture: Some(index) });
        Ok(1)
    }

    fn display(&self, shown: &abi::DisplayInfo) -> Result<c_int, Error> {
        let mut running = self.running.borrow_mut();
        let running = running.as_mut().ok_or_else(out_of_order)?;
        let at = running.place(shown.picture)?;
        let pts = match self.info.codec {
            // Shown by `show_vp9`.
            Codec::Vp9 => return Ok(1),
            // Perhaps decoded with an earlier packet; without delay the one that shows it is in the parser.
            Codec::Av1 => self.current.get().pts,
            _ => running.times[at],
        };
        let fields = Fields {
            progressive: shown.progressive,
            top_first: shown.top_field_first,
            repeat: shown.repeat_first_field,
        };
        running.show(self, shown.picture, pts, fields)?;
        Ok(1)
    }

    /// What is parsed next belongs to a packet with this time.
    pub(super) fn begin(&self, pts: i64) {
        self.current.set(Current { pts, picture: None });
    }

    /// After a frame of VP9 was parsed: shows what is due.
    pub(super) fn show_vp9(&self, header: Option<vp9::Header>) -> Result<(), Error> {
        let mut running = self.running.borrow_mut();
        let (Some(running), Some(header)) = (running.as_mut(), header) else { return Ok(()) };
        let Current { pts, picture } = self.current.get();
        running.vp9.parsed(header, picture, pts);
        running.show_due(self, self.options.display_delay.into())
    }

    /// After the last packet: shows what is left.
    pub(super) fn show_rest(&self) -> Result<(), Error> {
        self.running.borrow_mut().as_mut().map_or(Ok(()), |running| running.show_due(self, 0))
    }
}

/// How the fields of a picture lie.
#[derive(Clone, Copy)]
struct Fields {
    progressive: c_int,
    top_first: c_int,
    repeat: c_int,
}

const FRAME: Fields = Fields { progressive: 1, top_first: 0, repeat: 0 };

impl Running {
    fn place(&self, picture: c_int) -> Result<usize, Error> {
        let at = usize::try_from(picture).ok().filter(|&at| at < self.copies.len());
        at.ok_or_else(|| {
            let expected = format!("one of {} surfaces", self.copies.len());
            Error::Changed { what: "picture index", expected, got: picture.to_string() }
        })
    }

    fn show_due(&mut self, session: &Session, delay: usize) -> Result<(), Error> {
        while let Some((picture, pts)) = self.vp9.due(delay) {
            self.show(session, picture, pts, FRAME)?;
        }
        Ok(())
    }

    /// Maps a picture and sends it out.
    fn show(&mut self, session: &Session, picture: c_int, pts: i64, fields: Fields) -> Result<(), Error> {
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
        let mapped = self.decoder.map(picture, &mut params);
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

fn out_of_order() -> Error {
    let expected = "a sequence header first".to_owned();
    Error::Changed { what: "order of the stream", expected, got: "a picture".to_owned() }
}

/// # Safety
/// `user` must be the session that the parser was created with, alive and on this thread.
unsafe fn session<'a>(user: *mut c_void) -> &'a Session {
    // SAFETY: the caller's promise. The session is only ever shared, its parts change through RefCells.
    unsafe { &*user.cast::<Session>() }
}

/// pfnSequenceCallback.
pub(super) unsafe extern "C" fn on_sequence(user: *mut c_void, format: *mut abi::VideoFormat) -> c_int {
    // SAFETY: the parser gives back what it was created with; `worker` keeps the session longer.
    let session = unsafe { session(user) };
    session.failure.guard(|| {
        // SAFETY: the parser's structure lives during the callback.
        session.sequence(unsafe { format.as_ref() }.ok_or_else(out_of_order)?)
    })
}

/// pfnDecodePicture.
pub(super) unsafe extern "C" fn on_decode(user: *mut c_void, picture: *mut abi::PictureParams) -> c_int {
    // SAFETY: as for `on_sequence`.
    let session = unsafe { session(user) };
    session.failure.guard(|| {
        let picture = NonNull::new(picture).ok_or_else(out_of_order)?;
        // SAFETY: this is the parser's callback and its picture.
        unsafe { session.decode(picture) }
    })
}

/// pfnDisplayPicture.
pub(super) unsafe extern "C" fn on_display(user: *mut c_void, shown: *mut abi::DisplayInfo) -> c_int {
    // SAFETY: as for `on_sequence`.
    let session = unsafe { session(user) };
    // SAFETY: the parser's structure lives during the callback.
    match unsafe { shown.as_ref() } {
        Some(shown) => session.failure.guard(|| session.display(shown)),
        // A mark of the end, which was not asked for and says nothing new.
        None => 1,
    }
}
