//! Reader of a NUT stream with one raw stream, of video or of sound, as far as ffmpeg writes it: headers and
//! syncpoints are read, frames are announced and left to the caller to read.
//!
//! Checksums are not verified: the bytes come through a pipe, not off a disk, and any byte that is
//! out of place ends in an error here. No allocation follows a number read, none is unbounded.
//! Spec: NUT Open Container Format 20080304 (mplayerhq.hu), sections in brackets.
#![forbid(unsafe_code)]

use std::io::Read;

use super::nut_headers::{INVALID, MAX_HEADER_BYTES, Main, Shape, Stream};
use super::nut_input::{Fault, Input};

/// Opening of a file (`file_id`).
const FILE_ID: &[u8] = b"nut/multimedia container\0";

/// Startcodes: letters `N?` and a fixed number (`Constants`).
const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;

/// Frame flags (`Flags`).
const CODED_PTS: u64 = 1 << 3;
const STREAM_ID: u64 = 1 << 4;
const SIZE_MSB: u64 = 1 << 5;
const CHECKSUM: u64 = 1 << 6;
const RESERVED: u64 = 1 << 7;
const SIDE_DATA: u64 = 1 << 8;
const HEADER_IDX: u64 = 1 << 10;
const MATCH_TIME: u64 = 1 << 11;
const CODED: u64 = 1 << 12;

/// A video stream's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Video {
    pub(super) fourcc: [u8; 4],
    pub(super) width: u64,
    pub(super) height: u64,
}

/// A frame; its bytes come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// Presentation time in milliseconds.
    pub(super) stamp_ms: i64,
    /// Bytes of the frame.
    pub(super) bytes: u64,
}

pub(super) struct Reader<R> {
    input: Input<R>,
    main: Main,
    stream: Option<Stream>,
    last_pts: i64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: Input::new(input), main: Main::default(), stream: None, last_pts: 0 }
    }

    pub(super) fn stream(&self) -> Option<Stream> {
        self.stream
    }

    /// What the header says of a video stream.
    pub(super) fn video(&self) -> Option<Video> {
        let Stream { fourcc, shape, .. } = self.stream?;
        let Shape::Video { width, height } = shape else { return None };
        Some(Video { fourcc, width, height })
    }

    /// Presentation time of the last frame in microseconds.
    pub(super) fn stamp_us(&self) -> Result<i64, Fault> {
        let stream = self.stream.ok_or_else(|| self.input.malformed("frame before the headers"))?;
        self.time(self.last_pts, stream, 1_000_000)
    }

    /// The next frame, `None` at the end of the stream.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, Fault> {
        if self.input.at_byte == 0 {
            if self.input.ended()? {
                return Ok(None);
            }
            let mut id = [0; FILE_ID.len()];
            self.input.fill(&mut id)?;
            if id != FILE_ID {
                return Err(Fault::Malformed { what: "no NUT file", at_byte: 0 });
            }
        }
        while !self.input.ended()? {
            match self.input.byte()? {
                b'N' => self.packet()?,
                code => {
                    let frame = self.frame(usize::from(code))?;
                    if frame.bytes > 0 {
                        return Ok(Some(frame));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads into `bytes` until it is full.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.input.fill(bytes)
    }

    /// Reads and forgets the rest, until the other end closes or the decoder is stopped.
    pub(super) fn drain(&mut self) {
        self.input.drain();
    }

    /// A packet whose startcode begins with the `N` just read.
    fn packet(&mut self) -> Result<(), Fault> {
        let mut rest = [0; 7];
        self.input.fill(&mut rest)?;
        let startcode = rest.iter().fold(u64::from(b'N'), |code, byte| code << 8 | u64::from(*byte));
        let size = self.input.number()?;
        if size > 4096 {
            self.input.skip(4)?;
        }
        let end = self.input.at_byte.saturating_add(size);
        if matches!(startcode, MAIN | STREAM | SYNCPOINT) && size > MAX_HEADER_BYTES {
            return Err(self.input.malformed("header too large"));
        }
        match startcode {
            MAIN => self.main = Main::read(&mut self.input)?,
            STREAM => self.stream_header()?,
            SYNCPOINT => self.syncpoint()?,
            // Info and index, and any packet that a later version may add.
            _ if startcode >> 56 == u64::from(b'N') => {}
            _ => return Err(self.input.malformed("no startcode")),
        }
        let Some(left) = end.checked_sub(self.input.at_byte) else {
            return Err(self.input.malformed("packet runs past its end"));
        };
        self.input.skip(left)
    }

    fn stream_header(&mut self) -> Result<(), Fault> {
        let stream = Stream::read(&mut self.input, self.main.time_bases.len())?;
        // Headers are repeated now and then; they may not change.
        if self.stream.is_some_and(|first| first != stream) {
            return Err(self.input.malformed("stream header changed"));
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn syncpoint(&mut self) -> Result<(), Fault> {
        let coded = self.input.number()?;
        let count = self.main.time_bases.len().max(1) as u64;
        let base = self.main.time_bases.get((coded % count) as usize).copied();
        let own = self.stream.and_then(|stream| self.main.time_bases.get(stream.time_base as usize).copied());
        let (Some((num, den)), Some((to_num, to_den))) = (base, own) else {
            return Err(self.input.malformed("syncpoint before the headers"));
        };
        let ticks = i128::from(coded / count) * i128::from(num) * i128::from(to_den);
        let ticks = ticks / (i128::from(den) * i128::from(to_num));
        self.last_pts = i64::try_from(ticks).map_err(|_| self.input.malformed("time out of range"))?;
        self.input.number()?;
        Ok(())
    }

    fn frame(&mut self, code: usize) -> Result<Frame, Fault> {
        let (Some(&line), Some(own)) = (self.main.codes.get(code), self.stream) else {
            return Err(self.input.malformed("frame before the headers"));
        };
        let mut flags = line.flags;
        if flags & INVALID != 0 {
            return Err(self.input.malformed("invalid frame code"));
        }
        if flags & CODED != 0 {
            flags ^= self.input.number()?;
        }
        let number = if flags & STREAM_ID != 0 { self.input.number()? } else { line.stream };
        if number != 0 || flags & SIDE_DATA != 0 {
            return Err(self.input.malformed("frame of another stream"));
        }
        let pts = if flags & CODED_PTS != 0 {
            self.coded_pts(own.msb_pts_shift)?
        } else {
            self.last_pts
                .checked_add(line.pts_delta)
                .ok_or_else(|| self.input.malformed("time out of range"))?
        };
        let msb = if flags & SIZE_MSB != 0 { self.input.number()? } else { 0 };
        let bytes = msb.checked_mul(line.size_mul).and_then(|size| size.checked_add(line.size_lsb));
        let bytes = bytes.ok_or_else(|| self.input.malformed("frame size"))?;
        if flags & MATCH_TIME != 0 {
            self.input.signed()?;
        }
        let header = if flags & HEADER_IDX != 0 { self.input.number()? } else { line.header };
        let reserved = if flags & RESERVED != 0 { self.input.number()? } else { line.reserved };
        for _ in 0..reserved.min(256) {
            self.input.number()?;
        }
        if flags & CHECKSUM != 0 {
            self.input.skip(4)?;
        }
        // Frames above 4096 bytes, as all pictures worth decoding are, are never elided.
        if bytes <= 4096 && header != 0 {
            return Err(self.input.malformed("elided frame header"));
        }
        self.last_pts = pts;
        Ok(Frame { stamp_ms: self.time(pts, own, 1000)?, bytes })
    }

    /// [Coded pts]: either the low bits of a time near the last one, or a whole time.
    fn coded_pts(&mut self, shift: u32) -> Result<i64, Fault> {
        let coded = self.input.number()?;
        let whole = 1_u64 << shift;
        let range = "time out of range";
        if coded >= whole {
            return i64::try_from(coded - whole).map_err(|_| self.input.malformed(range));
        }
        let mask = (whole - 1) as i64;
        let delta = self.last_pts.checked_sub(mask / 2).ok_or_else(|| self.input.malformed(range))?;
        Ok(((coded as i64).wrapping_sub(delta) & mask) + delta)
    }

    /// Rounded down: ffmpeg moves times that do not rise by one tick of the file, which is finer.
    fn time(&self, pts: i64, stream: Stream, per_second: i128) -> Result<i64, Fault> {
        let (num, den) = self.main.time_bases[stream.time_base as usize];
        let ticks = (i128::from(pts) * i128::from(num) * per_second).div_euclid(i128::from(den));
        i64::try_from(ticks).map_err(|_| self.input.malformed("time out of range"))
    }
}
