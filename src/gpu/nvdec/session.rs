//! What the parser's callbacks do: start the decoder, decode, show.
//!
//! Lives on the decoding thread, where the parser calls back from inside `parse`. Order of calls:
//! sequence, then decode in decoding order, then display in presentation order. Spec: nvcuvid.h.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::gpu::{Device, Stream};
use crate::packet::Codec;

use super::failure::FirstError;
use super::geometry::Geometry;
use super::running::{FRAME, Fields, Running};
use super::watch::{Activity, Watch};
use super::{Error, Library, Options, StreamInfo, Surface, abi, vp9};

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
    pub(super) stream: Arc<Stream>,
    pub(super) failure: FirstError,
    /// What is being parsed.
    pub(super) current: Cell<Current>,
    /// From the first sequence header on.
    pub(super) running: RefCell<Option<Running>>,
    /// What an earlier stream has left, up to the first sequence header.
    pub(super) kept: RefCell<Option<Running>>,
}

/// The packet (of VP9: frame) in the parser, and the picture that it was decoded to.
#[derive(Clone, Copy, Default)]
pub(super) struct Current {
    pts: i64,
    picture: Option<c_int>,
}

impl Session {
    /// A new stream header: the first creates the decoder, unless one was kept that fits; later ones must fit it. Answers with the number
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

        let kept = self.kept.take().and_then(|kept| kept.again(self, &geometry));
        let made = kept.map_or_else(|| Running::create(self, geometry), Ok)?;
        let surfaces = made.copies.len() as c_int;
        *running = Some(made);
        Ok(surfaces)
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
