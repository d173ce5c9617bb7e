//! A decoded frame in device memory, lent by the decoder until it is dropped.
//!
//! Reads go through [`Surface::read`], which orders them after the decoder's copy and notes the end
//! of the last one; dropping sends the slot back to the decoding thread, which unmaps it after
//! that. So a surface may be dropped as soon as the work that reads it is enqueued.

use std::sync::Arc;

use crossbeam_channel::Sender;
use cudarc::driver::result;

use crate::frame::{Colour, Picture, Sample, Samples, Size, Yuv420};
use crate::gpu::error::check;
use crate::gpu::{Device, Event, Stream};

use super::Error;
use super::raw::{Condition, Mapped};

/// Sample layout of a surface. Both are a plane of luma, then a plane of interleaved chroma (Cb, Cr) at
/// half width and half height.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SurfaceFormat {
    /// 8 bits per sample.
    Nv12,
    /// 16 bits per sample, little-endian, the value in the high bits and zeros below.
    P016,
}

impl SurfaceFormat {
    /// Bytes of a sample.
    pub fn bytes_per_sample(self) -> usize {
        match self {
            Self::Nv12 => 1,
            Self::P016 => 2,
        }
    }
}

/// Where a frame lies; good for work enqueued inside [`Surface::read`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SurfaceView {
    /// Device address of the first luma sample.
    pub address: u64,
    /// Bytes from a row to the next, of both planes.
    pub pitch_bytes: usize,
    /// Bytes from `address` to the first chroma sample.
    pub chroma_offset_bytes: usize,
    /// Visible size in pixels, which may be odd; chroma covers it rounded up.
    pub size: Size,
    /// Sample layout.
    pub format: SurfaceFormat,
    /// Bits per sample that carry a value.
    pub depth: u8,
}

impl SurfaceView {
    /// Bytes from `address` to the end of the last row of chroma.
    pub fn extent_bytes(&self) -> usize {
        self.chroma_offset_bytes + self.pitch_bytes * self.size.chroma().height
    }
}

/// A place for one mapped frame. It goes round between the decoding thread and its user.
pub(super) struct Slot {
    /// Happens when the frame lies in its surface.
    pub(super) ready: Arc<Event>,
    /// Happens when the last read is done; recorded since `mapped` was set only if `was_read`.
    pub(super) read: Event,
    pub(super) was_read: bool,
    pub(super) mapped: Option<Mapped>,
}

impl Slot {
    pub(super) fn new(device: &Arc<Device>) -> Result<Self, Error> {
        let (ready, read) = (Arc::new(Event::new(device)?), Event::new(device)?);
        Ok(Self { ready, read, was_read: false, mapped: None })
    }

    /// Waits until the device is done with the surface.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let last = if std::mem::take(&mut self.was_read) { &self.read } else { &self.ready };
        Ok(last.synchronize()?)
    }
}

/// A decoded frame.
pub struct Surface {
    /// Taken by `drop` only.
    slot: Option<Slot>,
    back: Sender<Slot>,
    view: SurfaceView,
    pts: i64,
    condition: Condition,
}

impl Surface {
    pub(super) fn new(
        slot: Slot,
        back: Sender<Slot>,
        view: SurfaceView,
        pts: i64,
        condition: Condition,
    ) -> Self {
        Self { slot: Some(slot), back, view, pts, condition }
    }

    /// Presentation time: the packet's own, in its ticks.
    pub fn pts(&self) -> i64 {
        self.pts
    }

    /// Visible size in pixels.
    pub fn size(&self) -> Size {
        self.view.size
    }

    /// Sample layout.
    pub fn format(&self) -> SurfaceFormat {
        self.view.format
    }

    /// Bits per sample.
    pub fn depth(&self) -> u8 {
        self.view.depth
    }

    /// Whether the decoder met an error in this frame, concealed or not.
    pub fn is_damaged(&self) -> bool {
        self.condition != Condition::Sound
    }

    /// Lets `enqueue` put work on `stream` that reads the frame. That work starts when the frame is there; the
    /// frame stays until all of it has run, also after `self` is dropped. Work of several calls on
    /// different streams runs in the order of the calls.
    ///
    /// # Errors
    /// What `enqueue` says, and failures of the driver.
    pub fn read<R, E: From<crate::gpu::Error>>(
        &mut self,
        stream: &Stream,
        enqueue: impl FnOnce(&SurfaceView) -> Result<R, E>,
    ) -> Result<R, E> {
        let slot = self.slot.as_mut().expect("only drop takes the slot");
        // One event can stand for all readers only if each waits for the one before.
        stream.wait(if slot.was_read { &slot.read } else { &slot.ready })?;
        let outcome = enqueue(&self.view);
        // Also after a failure: part of the work may be enqueued.
        if let Err(error) = slot.read.record(stream) {
            stream.synchronize()?;
            return Err(error.into());
        }
        slot.was_read = true;
        outcome
    }

    /// Copies the frame to host memory without padding: rows of luma, then rows of interleaved chroma.
    /// Waits for the copy; for tests and for handing single frames out.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn download(&mut self, stream: &Stream) -> Result<Vec<u8>, Error> {
        let mut padded = vec![0u8; self.view.extent_bytes()];
        let view = self.read(stream, |view| {
            // SAFETY: the frame has this extent by the view's definition, and `padded` lives until the
            // stream was waited for below.
            let answer = unsafe { result::memcpy_dtoh_async(&mut padded, view.address, stream.raw()) };
            check("cuMemcpyDtoHAsync", answer).map(|()| *view)
        });
        // Ahead of `?`: a copy may be under way even if something failed.
        stream.synchronize()?;
        Ok(tight(&view?, &padded))
    }

    /// The frame as a picture in host memory, of colour `colour`; for tests, as [`Self::download`].
    ///
    /// # Errors
    /// When the driver fails.
    pub fn to_picture(&mut self, stream: &Stream, colour: Colour) -> Result<Picture, Error> {
        let bytes = self.download(stream)?;
        let (pts, size, depth) = (self.pts, self.view.size, self.view.depth);
        let samples = match self.view.format {
            SurfaceFormat::Nv12 => Samples::Eight(planar(size, &bytes)),
            SurfaceFormat::P016 => {
                // Codes lie in the high bits.
                let code = |pair: &[u8; 2]| u16::from_le_bytes(*pair) >> (16 - depth);
                Samples::Sixteen(planar(size, &bytes.as_chunks().0.iter().map(code).collect::<Vec<_>>()))
            }
        };
        Ok(Picture { pts, size, depth, colour, samples })
    }
}

/// Rows of luma, then of interleaved chroma, as three planes.
fn planar<T: Sample>(size: Size, samples: &[T]) -> Yuv420<T> {
    let mut planes = Yuv420::new(size);
    let (luma, chroma) = samples.split_at(size.area());
    for (y, row) in luma.chunks_exact(size.width).enumerate() {
        planes.y.row_mut(y).copy_from_slice(row);
    }
    for (y, row) in chroma.chunks_exact(2 * size.chroma().width).enumerate() {
        for (x, pair) in row.as_chunks::<2>().0.iter().enumerate() {
            planes.u.row_mut(y)[x] = pair[0];
            planes.v.row_mut(y)[x] = pair[1];
        }
    }
    planes
}

/// Drops the padding of rows.
fn tight(view: &SurfaceView, padded: &[u8]) -> Vec<u8> {
    let bytes = view.format.bytes_per_sample();
    let (luma, chroma) = (view.size, view.size.chroma());
    let planes = [
        (0, luma.width * bytes, luma.height),
        (view.chroma_offset_bytes, chroma.width * 2 * bytes, chroma.height),
    ];
    let mut out = Vec::with_capacity(planes.iter().map(|(_, row, rows)| row * rows).sum());
    for (start, row_bytes, rows) in planes {
        for y in 0..rows {
            let at = start + y * view.pitch_bytes;
            out.extend_from_slice(&padded[at..at + row_bytes]);
        }
    }
    out
}

impl Drop for Surface {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            // The thread holds the other end until all slots are back. Were it gone, so would be the decoder.
            drop(self.back.send(slot));
        }
    }
}
