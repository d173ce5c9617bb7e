//! One VP9 stream out: packets go in, a borrowed picture comes out.
//!
//! The planes that [`Decoder::decode`] lends are libvpx's own and live until the next call. Packets
//! come from files: their headers are read first (`header`), so that a picture beyond [`MAX_SIDE`]
//! is refused before libvpx allocates for it.

use std::ptr::NonNull;

use super::{Error, MAX_SIDE, PlaneRef, ffi, header};
use crate::frame::{Plane, Sample, Samples, Size, Yuv420};

/// A running decoder.
pub struct Decoder {
    raw: NonNull<ffi::Decoder>,
    /// Reused for packets that need an index appended.
    indexed: Vec<u8>,
}

// SAFETY: as for `Encoder`: libvpx ties a context to no thread, and this is the only pointer to it,
// used through `&mut self` alone. A lent frame borrows the decoder, so it cannot move while one is out.
unsafe impl Send for Decoder {}

/// A decoded picture, lent until the decoder's next call. 4:2:0 always.
pub struct DecodedFrame<'a> {
    /// Visible size.
    pub size: Size,
    /// Bits per sample: 8, 10 or 12.
    pub depth: u8,
    /// `color_space` of the stream's header, see [`header::ColourConfig::space`].
    pub space: u8,
    /// Whether codes span the whole scale.
    pub full_range: bool,
    planes: [RawPlane<'a>; 3],
}

/// A plane as libvpx holds it: rows of `sample_bytes`-wide native-endian words.
#[derive(Clone, Copy)]
struct RawPlane<'a> {
    size: Size,
    stride_bytes: usize,
    sample_bytes: usize,
    data: &'a [u8],
}

impl Decoder {
    /// Starts a decoder on `threads` threads, 1 to 64.
    ///
    /// # Errors
    /// [`Error::Config`] for the threads; [`Error::Codec`] when libvpx refuses.
    pub fn new(threads: usize) -> Result<Self, Error> {
        super::config::within("threads", threads, 1..=64)?;
        let mut failure = ffi::Failure::new();
        // SAFETY: the pointer is to a live local that C does not keep.
        let raw = unsafe { ffi::vrp_vp9_decoder_new(threads as u32, &mut failure) };
        let raw = NonNull::new(raw).ok_or_else(|| failure.into_error())?;
        Ok(Self { raw, indexed: Vec::new() })
    }

    /// Decodes a packet. `None` when it shows nothing (a hidden frame alone); a superframe shows at
    /// most one picture. After an error the next key frame can be decoded again.
    ///
    /// # Errors
    /// A broken header, a picture beyond [`MAX_SIDE`], a stream that is not 4:2:0, or libvpx's refusal;
    /// among them any first packet that is no key frame.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Option<DecodedFrame<'_>>, Error> {
        let frames = header::frames(packet)?;
        for frame in &frames {
            let size = header::parse(frame)?.size;
            if let Some(got) = size.filter(|size| size.width.max(size.height) > MAX_SIDE) {
                return Err(Error::Limit { got, max_side: MAX_SIDE });
            }
        }
        let len =
            u32::try_from(packet.len()).map_err(|_| Error::Unsupported { what: "a packet of 4 GiB" })?;
        // libvpx goes on decoding behind a frame that ends before its packet does, where no header was
        // checked. With an index it stops there; the specification knows no such second frame anyway.
        let (data, len) = if frames.len() == 1 && frames[0].len() == packet.len() {
            self.indexed.clear();
            self.indexed.extend_from_slice(packet);
            self.indexed.push(INDEX_OF_ONE);
            self.indexed.extend_from_slice(&len.to_le_bytes());
            self.indexed.push(INDEX_OF_ONE);
            (self.indexed.as_slice(), len.saturating_add(6))
        } else {
            (packet, len)
        };
        let mut failure = ffi::Failure::new();
        // SAFETY: `data` holds `len` bytes for the whole call; libvpx only reads them and keeps none.
        let failed =
            unsafe { ffi::vrp_vp9_decoder_decode(self.raw.as_ptr(), data.as_ptr(), len, &mut failure) };
        if failed != 0 {
            return Err(failure.into_error());
        }
        self.picture()
    }

    /// The picture of the last packet.
    fn picture(&mut self) -> Result<Option<DecodedFrame<'_>>, Error> {
        let mut picture = ffi::Picture::empty();
        // SAFETY: `raw` is alive and `picture` is a live local.
        match unsafe { ffi::vrp_vp9_decoder_picture(self.raw.as_ptr(), &mut picture) } {
            0 => return Ok(None),
            1 => {}
            _ => return Err(Error::Unsupported { what: "chroma that is not 4:2:0" }),
        }
        let size = Size::new(picture.width as usize, picture.height as usize);
        let sample_bytes = picture.sample_bytes as usize;
        let sizes = [size, size.chroma(), size.chroma()];
        let plane = |i: usize| {
            // libvpx allocates its pictures top-down, so a stride is never negative.
            let stride_bytes = picture.strides[i] as usize;
            let len = (sizes[i].height - 1) * stride_bytes + sizes[i].width * sample_bytes;
            // SAFETY: libvpx lends a plane whose rows of `width` samples lie `stride` bytes apart, at least
            // until the next call on the decoder, which the frame's borrow of `self` holds off.
            let data = unsafe { std::slice::from_raw_parts(picture.planes[i], len) };
            RawPlane { size: sizes[i], stride_bytes, sample_bytes, data }
        };
        Ok(Some(DecodedFrame {
            size,
            depth: picture.depth as u8,
            space: picture.color_space as u8,
            full_range: picture.full_range != 0,
            planes: [plane(0), plane(1), plane(2)],
        }))
    }
}

/// Marker of a superframe index with one frame and its size in four bytes (VP9 specification, annex B).
const INDEX_OF_ONE: u8 = 0b110_11_000;

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from vrp_vp9_decoder_new, nobody else holds it, and this is its only free.
        unsafe { ffi::vrp_vp9_decoder_free(self.raw.as_ptr()) }
    }
}

impl<'a> DecodedFrame<'a> {
    /// Luma, Cb and Cr without a copy; `None` when the samples are wider than 8 bits.
    pub fn planes(&self) -> Option<[PlaneRef<'a>; 3]> {
        let narrow = self.planes.iter().all(|plane| plane.sample_bytes == 1);
        narrow.then(|| self.planes.map(|p| PlaneRef { size: p.size, stride: p.stride_bytes, data: p.data }))
    }

    /// A packed copy of the planes.
    pub fn to_samples(&self) -> Samples {
        fn planar<T: Sample>(planes: &[RawPlane<'_>; 3], sample: impl Fn(&[u8]) -> T) -> Yuv420<T> {
            let [y, u, v] = planes.map(|from| {
                let mut to = Plane::new(from.size);
                for row in 0..from.size.height {
                    let bytes = &from.data[row * from.stride_bytes..][..from.size.width * from.sample_bytes];
                    for (to, from) in to.row_mut(row).iter_mut().zip(bytes.chunks_exact(from.sample_bytes)) {
                        *to = sample(from);
                    }
                }
                to
            });
            Yuv420 { y, u, v }
        }
        if self.planes[0].sample_bytes == 1 && self.depth == 8 {
            Samples::Eight(planar(&self.planes, |bytes| bytes[0]))
        } else {
            let wide = |bytes: &[u8]| match *bytes {
                [low, high] => u16::from_ne_bytes([low, high]),
                [byte, ..] => byte.into(),
                [] => 0,
            };
            Samples::Sixteen(planar(&self.planes, wide))
        }
    }
}
