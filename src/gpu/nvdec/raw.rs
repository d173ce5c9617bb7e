//! The two handles of libnvcuvid, each freed once, with its calls.
//!
//! Neither type can leave the thread that made it (raw pointers inside), which is what the library
//! asks for: one thread parses and decodes.

use std::ffi::{c_int, c_uint};
use std::ptr::NonNull;
use std::sync::Arc;

use super::abi::{self, Blank, Handle};
use super::error::check;
use super::{Error, Library};

/// A mapped frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mapped {
    pub(super) address: u64,
    pub(super) pitch_bytes: usize,
}

/// How a picture was decoded, as far as the library says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Sound,
    Damaged,
    Concealed,
}

/// A CUvideodecoder.
pub(super) struct RawDecoder {
    raw: Option<NonNull<std::ffi::c_void>>,
    library: Arc<Library>,
}

impl RawDecoder {
    /// Creates a decoder in the context that is current on this thread.
    pub(super) fn create(library: &Arc<Library>, info: &mut abi::CreateInfo) -> Result<Self, Error> {
        let mut raw: Handle = std::ptr::null_mut();
        let lifecycle = Library::lifecycle();
        // SAFETY: `info` is a whole structure; `raw` receives the handle.
        let code = unsafe { (library.api.create_decoder)(&mut raw, info) };
        drop(lifecycle);
        check("cuvidCreateDecoder", code)?;
        Ok(Self { raw: NonNull::new(raw), library: library.clone() })
    }

    fn handle(&self) -> Handle {
        self.raw.map_or(std::ptr::null_mut(), NonNull::as_ptr)
    }

    /// Hands a picture to the hardware; waits while its queue is full.
    ///
    /// # Safety
    /// `picture` must be what the parser gave to the callback that is running.
    pub(super) unsafe fn decode(&self, picture: NonNull<abi::PictureParams>) -> Result<(), Error> {
        // SAFETY: the handle is live until `release`, and the caller vouches for `picture`.
        check("cuvidDecodePicture", unsafe { (self.library.api.decode)(self.handle(), picture.as_ptr()) })
    }

    /// Waits until a picture is decoded, and enqueues its copy to a surface on the stream in `params`.
    pub(super) fn map(&self, picture: c_int, params: &mut abi::ProcParams) -> Result<Mapped, Error> {
        let (mut address, mut pitch) = (0, 0 as c_uint);
        // SAFETY: the handle is live until `release`; the other pointers lead to live values.
        let code =
            unsafe { (self.library.api.map)(self.handle(), picture, &mut address, &mut pitch, params) };
        check("cuvidMapVideoFrame64", code)?;
        Ok(Mapped { address, pitch_bytes: pitch as usize })
    }

    /// Gives a surface back to the library. Nothing on the device may still use it.
    pub(super) fn unmap(&self, mapped: Mapped) -> Result<(), Error> {
        // SAFETY: the handle is live until `release`. `Mapped` is made by `map` alone and kept by one slot,
        // which gives it up here, so it is unmapped once; even a wrong address is refused, not followed.
        let code = unsafe { (self.library.api.unmap)(self.handle(), mapped.address) };
        check("cuvidUnmapVideoFrame64", code)
    }

    /// The condition of a picture that was mapped; sound where the library does not say (it knows for H.264
    /// and HEVC only).
    pub(super) fn condition(&self, picture: c_int) -> Condition {
        let mut status = abi::DecodeStatus::blank();
        // SAFETY: the handle is live until `release`; `status` is a whole, cleared structure.
        let code = unsafe { (self.library.api.status)(self.handle(), picture, &mut status) };
        match (code, status.status) {
            (0, abi::STATUS_ERROR) => Condition::Damaged,
            (0, abi::STATUS_CONCEALED) => Condition::Concealed,
            _ => Condition::Sound,
        }
    }

    /// Destroys the decoder and says whether that worked. No surface may be mapped.
    pub(super) fn close(mut self) -> Result<(), Error> {
        self.release()
    }

    fn release(&mut self) -> Result<(), Error> {
        let Some(raw) = self.raw.take() else { return Ok(()) };
        let _lifecycle = Library::lifecycle();
        // SAFETY: `take` makes this the only destruction.
        check("cuvidDestroyDecoder", unsafe { (self.library.api.destroy_decoder)(raw.as_ptr()) })
    }
}

impl Drop for RawDecoder {
    fn drop(&mut self) {
        // Only reached when an earlier error is on its way to the user; that one is the cause.
        let _later = self.release();
    }
}

/// A CUvideoparser. Its callbacks run on this thread, inside `parse` and `end`.
pub(super) struct RawParser {
    raw: Option<NonNull<std::ffi::c_void>>,
    library: Arc<Library>,
}

impl RawParser {
    /// Creates a parser.
    ///
    /// # Safety
    /// The callbacks in `params` must be sound to call with `params.user` for as long as the parser lives.
    pub(super) unsafe fn create(
        library: &Arc<Library>,
        params: &mut abi::ParserParams,
    ) -> Result<Self, Error> {
        let mut raw: Handle = std::ptr::null_mut();
        let lifecycle = Library::lifecycle();
        // SAFETY: `params` is a whole structure, its callbacks are the caller's promise.
        let code = unsafe { (library.api.create_parser)(&mut raw, params) };
        drop(lifecycle);
        check("cuvidCreateVideoParser", code)?;
        Ok(Self { raw: NonNull::new(raw), library: library.clone() })
    }

    /// Feeds the bytes of one packet; they are used up when this returns. `one_picture` says that they are
    /// exactly one, so that the parser decodes it in this call instead of waiting for the next start code.
    pub(super) fn parse(&self, bytes: &[u8], timestamp: i64, one_picture: bool) -> Result<(), Error> {
        let mut packet = abi::SourcePacket::blank();
        packet.flags = abi::PACKET_TIMESTAMP;
        if one_picture {
            packet.flags |= abi::PACKET_END_OF_PICTURE;
        }
        packet.payload_bytes = bytes.len() as std::ffi::c_ulong;
        packet.payload = bytes.as_ptr();
        packet.timestamp = timestamp;
        self.submit(&mut packet)
    }

    /// Ends the stream: all pictures still held are shown.
    pub(super) fn end(&self) -> Result<(), Error> {
        let mut packet = abi::SourcePacket::blank();
        packet.flags = abi::PACKET_END_OF_STREAM;
        self.submit(&mut packet)
    }

    fn submit(&self, packet: &mut abi::SourcePacket) -> Result<(), Error> {
        let handle = self.raw.map_or(std::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: the handle is live until `release`, and the packet's bytes until the call returns.
        check("cuvidParseVideoData", unsafe { (self.library.api.parse)(handle, packet) })
    }

    /// Destroys the parser and says whether that worked.
    pub(super) fn close(mut self) -> Result<(), Error> {
        self.release()
    }

    fn release(&mut self) -> Result<(), Error> {
        let Some(raw) = self.raw.take() else { return Ok(()) };
        let _lifecycle = Library::lifecycle();
        // SAFETY: `take` makes this the only destruction.
        check("cuvidDestroyVideoParser", unsafe { (self.library.api.destroy_parser)(raw.as_ptr()) })
    }
}

impl Drop for RawParser {
    fn drop(&mut self) {
        // As for the decoder.
        let _later = self.release();
    }
}
