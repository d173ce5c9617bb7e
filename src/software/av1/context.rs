//! rav1d's C interface made safe: a context, a packet on its way in, a picture on its way out.
//!
//! Each is owned by the decoding thread and freed by its `Drop`. Written against rav1d 1.1.0,
//! dav1d interface 7.0.0.

use std::ffi::{c_int, c_uint};
use std::mem::MaybeUninit;
use std::num::NonZero;
use std::ptr::NonNull;
use std::thread::available_parallelism;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::headers::DAV1D_PIXEL_LAYOUT_I420;
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture, dav1d_open,
    dav1d_picture_unref, dav1d_send_data,
};

use crate::frame::{Plane, Sample, Samples, Size, Yuv420};

/// A call that failed, and its negative errno.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) call: &'static str,
    pub(super) code: i32,
}

/// `-EAGAIN` of rav1d's results.
const AGAIN: i32 = -libc::EAGAIN;

pub(super) struct Context {
    raw: Option<Dav1dContext>,
}

impl Context {
    /// A decoder with `threads` threads (0: one for each processor) that refuses frames of more
    /// than `limit_px` pixels before it allocates them (0: no limit).
    ///
    /// Two threads are the least, which rav1d takes as two frames in flight: with one, rav1d 1.1.0
    /// panics on every frame it cannot decode (`rav1d_submit_frame` asks for a header that
    /// `rav1d_decode_frame_exit` has just given back).
    pub(super) fn open(threads: usize, limit_px: usize) -> Result<Self, Refusal> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the pointer is to memory of the right type, which the call fills.
        unsafe { dav1d_default_settings(NonNull::from(&mut settings).cast()) };
        // SAFETY: the call above has written every field.
        let mut settings = unsafe { settings.assume_init() };
        let wanted = if threads > 0 { threads } else { available_parallelism().map_or(2, NonZero::get) };
        settings.n_threads = wanted.clamp(2, 256) as c_int;
        settings.all_layers = 0;
        settings.frame_size_limit = c_uint::try_from(limit_px).unwrap_or(c_uint::MAX);
        // SAFETY: no callback, so no cookie is ever used: rav1d prints nothing.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut raw = None;
        // SAFETY: both pointers are to live locals of the types asked for.
        let result = unsafe { dav1d_open(Some(NonNull::from(&mut raw)), Some(NonNull::from(&mut settings))) };
        check("dav1d_open", result.0)?;
        Ok(Self { raw })
    }

    /// Offers a packet; `false` if pictures must be fetched first, and the packet stays whole.
    pub(super) fn send(&mut self, parcel: &mut Parcel) -> Result<bool, Refusal> {
        // SAFETY: `raw` is from `dav1d_open` and closed only in `drop`; `parcel` is initialised.
        let result = unsafe { dav1d_send_data(self.raw, Some(NonNull::from(&mut parcel.0))) };
        match result.0 {
            AGAIN => Ok(false),
            code => check("dav1d_send_data", code).map(|()| true),
        }
    }

    /// The next picture in presentation order, if one is ready. Called twice without a packet in
    /// between, it waits for the pictures still in the works: that is how a stream is drained.
    pub(super) fn picture(&mut self) -> Result<Option<Shown>, Refusal> {
        let mut shown = Shown(Dav1dPicture::default());
        // SAFETY: `raw` as in `send`; `shown` is initialised and unreferences what it is given.
        let result = unsafe { dav1d_get_picture(self.raw, Some(NonNull::from(&mut shown.0))) };
        match result.0 {
            AGAIN => Ok(None),
            code => check("dav1d_get_picture", code).map(|()| Some(shown)),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: `raw` is from `dav1d_open`; the call takes it out, so it is closed once.
        unsafe { dav1d_close(Some(NonNull::from(&mut self.raw))) };
    }
}

/// A packet in rav1d's keeping.
pub(super) struct Parcel(Dav1dData);

impl Parcel {
    /// A copy of `parts`, one after the other, that carries `pts`. Fails when empty or too large.
    pub(super) fn new(parts: &[&[u8]], pts: i64) -> Result<Self, Refusal> {
        let refusal = Refusal { call: "dav1d_data_create", code: -libc::EINVAL };
        let len: usize = parts.iter().map(|part| part.len()).sum();
        // rav1d aborts on an empty packet when built with debug assertions.
        if len == 0 {
            return Err(refusal);
        }
        let mut parcel = Self(Dav1dData::default());
        // SAFETY: `parcel` holds nothing yet that the call's write could leak.
        let bytes = unsafe { dav1d_data_create(Some(NonNull::from(&mut parcel.0)), len) };
        let mut bytes = NonNull::new(bytes).ok_or(refusal)?;
        for part in parts {
            // SAFETY: `bytes` walks over `len` bytes, the sum of the parts, which nobody else
            // can reach before the packet is sent.
            unsafe { bytes.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len()) };
            // SAFETY: at most one past the end of the same allocation.
            bytes = unsafe { bytes.add(part.len()) };
        }
        parcel.0.m.timestamp = pts;
        Ok(parcel)
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // SAFETY: initialised; a packet that was taken has left an empty one behind.
        unsafe { dav1d_data_unref(Some(NonNull::from(&mut self.0))) };
    }
}

/// A decoded picture in rav1d's memory.
pub(super) struct Shown(Dav1dPicture);

impl Shown {
    /// Timestamp of the packet that showed it.
    pub(super) fn pts(&self) -> i64 {
        self.0.m.timestamp
    }

    pub(super) fn size(&self) -> Size {
        Size::new(self.0.p.w.max(0) as usize, self.0.p.h.max(0) as usize)
    }

    pub(super) fn depth(&self) -> u8 {
        self.0.p.bpc as u8
    }

    pub(super) fn is_420(&self) -> bool {
        self.0.p.layout == DAV1D_PIXEL_LAYOUT_I420
    }

    /// A tightly packed copy; `None` if a plane is missing or its rows are shorter than its width.
    pub(super) fn copy(&self) -> Option<Samples> {
        let size = self.size();
        Some(match self.depth() {
            8 => Samples::Eight(self.planes(size)?),
            _ => Samples::Sixteen(self.planes(size)?),
        })
    }

    fn planes<T: Sample>(&self, size: Size) -> Option<Yuv420<T>> {
        let chroma = size.chroma();
        Some(Yuv420 { y: self.plane(0, size)?, u: self.plane(1, chroma)?, v: self.plane(2, chroma)? })
    }

    fn plane<T: Sample>(&self, index: usize, size: Size) -> Option<Plane<T>> {
        let first = self.0.data[index]?.cast::<u8>();
        let stride = self.0.stride[index.min(1)];
        let row_bytes = size.width * size_of::<T>();
        if stride.unsigned_abs() < row_bytes || !stride.unsigned_abs().is_multiple_of(size_of::<T>()) {
            return None;
        }
        let mut data = Vec::with_capacity(size.area());
        for y in 0..size.height {
            // SAFETY: rav1d's planes have `height` rows `stride` bytes apart from `first` on.
            let row = unsafe { first.offset(stride * y as isize) };
            // SAFETY: a row holds `width` initialised samples of the depth's type, aligned as the
            // planes are to 64 bytes and the stride to the sample; `self` keeps them alive.
            let row = unsafe { std::slice::from_raw_parts(row.cast::<T>().as_ptr(), size.width) };
            data.extend_from_slice(row);
        }
        Some(Plane { size, stride: size.width, data })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: initialised; even "no picture" leaves references that must be given back.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
    }
}

fn check(call: &'static str, code: i32) -> Result<(), Refusal> {
    if code == 0 { Ok(()) } else { Err(Refusal { call, code }) }
}
