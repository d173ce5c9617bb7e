//! Device memory and pinned host memory, freed with their owner.
//!
//! Copies run in the order of the stream and return at once where the host side is pinned. The
//! `_sync` forms wait for the stream and are for setup and tests.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use cudarc::driver::{result, sys};

use super::error::check;
use super::{Charge, Device, Error, Part, Stream};

/// Types of which every bit pattern is a value, so that they may come from a device.
pub trait Plain: Copy + Send + Sync + 'static {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for i16 {}
impl Plain for u32 {}
impl Plain for f32 {}
impl Plain for half::f16 {}

/// A piece of device memory. Zeros at first.
pub struct DeviceBuffer {
    address: sys::CUdeviceptr,
    len_bytes: usize,
    charge: Charge,
    device: Arc<Device>,
}

impl DeviceBuffer {
    /// Takes `len_bytes` (at least one is taken) and clears them.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn zeroed(device: &Arc<Device>, len_bytes: usize) -> Result<Self, Error> {
        device.bind()?;
        let taken = len_bytes.max(1);
        let _apart = device.apart_from_captures();
        // SAFETY: the context is current and the size is not zero.
        let address = check("cuMemAlloc", unsafe { result::malloc_sync(taken) })?;
        let charge = device.ledger().charge(Part::Tables, taken);
        let buffer = Self { address, len_bytes, charge, device: device.clone() };
        // SAFETY: `taken` bytes were allocated at `address` just now.
        check("cuMemsetD8", unsafe { result::memset_d8_sync(address, 0, taken) })?;
        // The fill runs on the default stream, which this program's streams do not wait for.
        check("cuCtxSynchronize", result::ctx::synchronize())?;
        Ok(buffer)
    }

    /// Takes memory for `data` and copies it there.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn from_slice<T: Plain>(device: &Arc<Device>, data: &[T]) -> Result<Self, Error> {
        let buffer = Self::zeroed(device, size_of_val(data))?;
        if !data.is_empty() {
            let _apart = device.apart_from_captures();
            // SAFETY: the buffer has the size of `data`.
            check("cuMemcpyHtoD", unsafe { result::memcpy_htod_sync(buffer.address, data) })?;
            // From pageable memory the call returns when `data` was read, and the rest of the way is on the
            // default stream, which this program's streams do not wait for.
            check("cuCtxSynchronize", result::ctx::synchronize())?;
        }
        Ok(buffer)
    }

    /// The same, held for `part`; what is said nothing about counts as tables.
    pub fn held_for(mut self, part: Part) -> Self {
        self.charge.shift(Part::Tables, part, self.len_bytes);
        self
    }

    /// As [`Self::held_for`], for the first or next `bytes` of it only.
    pub fn partly_held_for(mut self, part: Part, bytes: usize) -> Self {
        self.charge.shift(Part::Tables, part, bytes);
        self
    }

    /// Address on the device.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Size in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    fn check_size(&self, what: &'static str, need: usize) -> Result<(), Error> {
        if need > self.len_bytes { Err(Error::Size { what, need, have: self.len_bytes }) } else { Ok(()) }
    }

    /// Enqueues a copy of `data` to the start of the buffer.
    ///
    /// # Errors
    /// When the buffer is smaller than `data`, or the driver fails.
    pub fn upload<T: Plain>(&mut self, stream: &Stream, data: &PinnedBuffer<T>) -> Result<(), Error> {
        self.check_size("upload", size_of_val::<[T]>(data))?;
        // SAFETY: sizes were checked; the caller of a pinned buffer leaves it alone until the
        // stream is through, as its documentation asks.
        let answer = unsafe { result::memcpy_htod_async(self.address, data, stream.raw()) };
        check("cuMemcpyHtoDAsync", answer)
    }

    /// Copies `data` to the start of the buffer and waits.
    ///
    /// # Errors
    /// As [`Self::upload_range_sync`].
    pub fn upload_sync<T: Plain>(&mut self, stream: &Stream, data: &[T]) -> Result<(), Error> {
        self.upload_range_sync(stream, 0, data)
    }

    /// Copies `data` to `offset` bytes into the buffer and waits.
    ///
    /// # Errors
    /// When the buffer ends before the data, or the driver fails.
    pub fn upload_range_sync<T: Plain>(
        &mut self,
        stream: &Stream,
        offset: usize,
        data: &[T],
    ) -> Result<(), Error> {
        self.check_size("upload", offset.saturating_add(size_of_val(data)))?;
        // SAFETY: sizes were checked, and the stream is waited for before `data` can go away.
        let answer = unsafe { result::memcpy_htod_async(self.address + offset as u64, data, stream.raw()) };
        check("cuMemcpyHtoDAsync", answer)?;
        stream.synchronize()
    }

    /// Copies the start of the buffer to `data` and waits.
    ///
    /// # Errors
    /// As [`Self::download_range_sync`].
    pub fn download_sync<T: Plain>(&self, stream: &Stream, data: &mut [T]) -> Result<(), Error> {
        self.download_range_sync(stream, 0, data)
    }

    /// Copies from `offset` bytes into the buffer to `data` and waits.
    ///
    /// # Errors
    /// When the buffer ends before the data, or the driver fails.
    pub fn download_range_sync<T: Plain>(
        &self,
        stream: &Stream,
        offset: usize,
        data: &mut [T],
    ) -> Result<(), Error> {
        self.check_size("download", offset.saturating_add(size_of_val(data)))?;
        // SAFETY: sizes were checked, and the stream is waited for before `data` can go away.
        let answer = unsafe { result::memcpy_dtoh_async(data, self.address + offset as u64, stream.raw()) };
        check("cuMemcpyDtoHAsync", answer)?;
        stream.synchronize()
    }

    /// Enqueues a copy of the start of the buffer to `data`.
    ///
    /// # Errors
    /// When the buffer is smaller than `data`, or the driver fails.
    pub fn download<T: Plain>(&self, stream: &Stream, data: &mut PinnedBuffer<T>) -> Result<(), Error> {
        self.check_size("download", size_of_val::<[T]>(data))?;
        // SAFETY: as for `upload`.
        let answer = unsafe { result::memcpy_dtoh_async(&mut data[..], self.address, stream.raw()) };
        check("cuMemcpyDtoHAsync", answer)
    }

    /// Enqueues a copy of elements `range` of the buffer to the same elements of `data`.
    ///
    /// # Errors
    /// When the buffer or `data` ends before the range, or the driver fails.
    pub fn download_part<T: Plain>(
        &self,
        stream: &Stream,
        data: &mut PinnedBuffer<T>,
        range: std::ops::Range<usize>,
    ) -> Result<(), Error> {
        let (start, have) = (range.start * size_of::<T>(), data.len() * size_of::<T>());
        self.check_size("download", range.end.saturating_mul(size_of::<T>()))?;
        let need = range.end.saturating_mul(size_of::<T>());
        let part = data.get_mut(range).ok_or(Error::Size { what: "download to", need, have })?;
        if part.is_empty() {
            return Ok(());
        }
        // SAFETY: both ends were checked; the rest as for `upload`.
        let answer = unsafe { result::memcpy_dtoh_async(part, self.address + start as u64, stream.raw()) };
        check("cuMemcpyDtoHAsync", answer)
    }

    /// Enqueues a copy of `len_bytes` from the start of `src` to the start of this buffer.
    ///
    /// # Errors
    /// When one of the buffers is smaller, or the driver fails.
    pub fn copy_from(&mut self, stream: &Stream, src: &DeviceBuffer, len_bytes: usize) -> Result<(), Error> {
        self.check_size("copy to", len_bytes)?;
        src.check_size("copy from", len_bytes)?;
        // SAFETY: sizes were checked; both buffers belong to live contexts.
        let answer = unsafe { result::memcpy_dtod_async(self.address, src.address, len_bytes, stream.raw()) };
        check("cuMemcpyDtoDAsync", answer)
    }

    /// Enqueues zeros over `len_bytes` from `offset` bytes into the buffer.
    ///
    /// # Errors
    /// When the range is not inside the buffer, or the driver fails.
    pub fn clear_range(&mut self, stream: &Stream, offset: usize, len_bytes: usize) -> Result<(), Error> {
        self.check_size("clear", offset.saturating_add(len_bytes))?;
        self.device.bind()?;
        let start = self.address + offset as u64;
        // SAFETY: the range was checked to be the buffer's own.
        let answer = unsafe { result::memset_d8_async(start, 0, len_bytes, stream.raw()) };
        check("cuMemsetD8Async", answer)
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: the only free. cuMemFree waits for work that still uses the memory. A failure
            // here can only leak.
            let _leak = unsafe { result::free_sync(self.address) };
        }
    }
}

/// Host memory that the device copies to and from directly. Ordinary cached memory, not write-combined:
/// the encoders read it. Whoever enqueues a copy leaves the contents alone until it has run.
pub struct PinnedBuffer<T: Plain> {
    start: std::ptr::NonNull<T>,
    len: usize,
    /// Held for its end.
    _charge: Charge,
    device: Arc<Device>,
}

// SAFETY: the memory is owned, as by a `Box<[T]>`.
unsafe impl<T: Plain> Send for PinnedBuffer<T> {}
// SAFETY: shared access only reads.
unsafe impl<T: Plain> Sync for PinnedBuffer<T> {}

impl<T: Plain> PinnedBuffer<T> {
    /// Takes `len` elements, zeros.
    ///
    /// # Errors
    /// When the host cannot pin so much.
    pub fn zeroed(device: &Arc<Device>, len: usize) -> Result<Self, Error> {
        device.bind()?;
        let len_bytes = (len * size_of::<T>()).max(1);
        // SAFETY: the context is current and the size is not zero.
        let start = check("cuMemHostAlloc", unsafe { result::malloc_host(len_bytes, 0) })?;
        // SAFETY: `len_bytes` were allocated at `start` just now.
        unsafe { std::ptr::write_bytes(start.cast::<u8>(), 0, len_bytes) };
        let start = std::ptr::NonNull::new(start.cast::<T>()).expect("the driver answered with memory");
        let _charge = device.ledger().charge(Part::PinnedHost, len_bytes);
        Ok(Self { start, len, _charge, device: device.clone() })
    }
}

impl<T: Plain> Deref for PinnedBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` elements were allocated and cleared, pages are aligned for any T, and every bit
        // pattern is a T.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for PinnedBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`; `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> Drop for PinnedBuffer<T> {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: the only free. A failure here can only leak.
            let _leak = unsafe { result::free_host(self.start.as_ptr().cast()) };
        }
    }
}
