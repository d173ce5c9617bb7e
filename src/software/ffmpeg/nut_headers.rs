//! The main header and the stream header of a NUT stream with one raw stream.
//!
//! No allocation follows a number read, none is unbounded.
//! Spec: NUT Open Container Format 20080304 (mplayerhq.hu), sections in brackets.
#![forbid(unsafe_code)]

use std::io::Read;

use super::nut_input::{Fault, Input};

/// Frame flag of a code that is never used (`Flags`).
pub(super) const INVALID: u64 = 1 << 13;

/// Largest header that is gone into; ffmpeg's are below 300 bytes.
pub(super) const MAX_HEADER_BYTES: u64 = 1 << 16;

/// What the main header says (`main_header`).
#[derive(Default)]
pub(super) struct Main {
    pub(super) codes: Vec<FrameCode>,
    /// Ticks as `num / den` seconds.
    pub(super) time_bases: Vec<(u64, u64)>,
}

/// One line of the table of frame codes (`main_header`).
#[derive(Clone, Copy)]
pub(super) struct FrameCode {
    pub(super) flags: u64,
    pub(super) pts_delta: i64,
    pub(super) stream: u64,
    pub(super) size_mul: u64,
    pub(super) size_lsb: u64,
    pub(super) reserved: u64,
    pub(super) header: u64,
}

/// What the stream header says (`stream_header`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    pub(super) fourcc: [u8; 4],
    pub(super) shape: Shape,
    pub(super) time_base: u64,
    pub(super) msb_pts_shift: u32,
}

/// The part of it that depends on the class of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Video { width: u64, height: u64 },
    Sound { rate_hz: u64, channels: u64 },
}

impl Main {
    /// Reads a main header.
    pub(super) fn read<R: Read>(input: &mut Input<R>) -> Result<Self, Fault> {
        if input.number()? != 3 {
            return Err(input.malformed("version is not 3"));
        }
        if input.number()? != 1 {
            return Err(input.malformed("not one stream"));
        }
        input.number()?;
        let count = input.number()?;
        if !(1..=16).contains(&count) {
            return Err(input.malformed("number of time bases"));
        }
        let mut time_bases = Vec::new();
        for _ in 0..count {
            let (num, den) = (input.number()?, input.number()?);
            if num == 0 || den == 0 || num > 1 << 31 || den > 1 << 31 {
                return Err(input.malformed("time base"));
            }
            time_bases.push((num, den));
        }
        let codes = frame_codes(input)?;
        let elided = input.number()?;
        if elided > 127 {
            return Err(input.malformed("number of elision headers"));
        }
        for _ in 0..elided {
            let len = input.number()?;
            input.skip(len.min(256))?;
        }
        Ok(Self { codes, time_bases })
    }
}

fn frame_codes<R: Read>(input: &mut Input<R>) -> Result<Vec<FrameCode>, Fault> {
    let mut codes = Vec::with_capacity(256);
    let blank = FrameCode {
        flags: INVALID,
        pts_delta: 0,
        stream: 0,
        size_mul: 1,
        size_lsb: 0,
        reserved: 0,
        header: 0,
    };
    let mut line = blank;
    while codes.len() < 256 {
        line.flags = input.number()?;
        let fields = input.number()?;
        let (mut count, mut size) = (None, 0);
        line.reserved = 0;
        for field in 0..fields.min(64) {
            match field {
                0 => line.pts_delta = input.signed()?,
                1 => line.size_mul = input.number()?,
                2 => line.stream = input.number()?,
                3 => size = input.number()?,
                4 => line.reserved = input.number()?,
                5 => count = Some(input.number()?),
                6 => drop(input.signed()?),
                7 => line.header = input.number()?,
                _ => drop(input.number()?),
            }
        }
        let count = count.or(line.size_mul.checked_sub(size));
        let Some(count @ 1..=256) = count else {
            return Err(input.malformed("table of frame codes"));
        };
        for step in 0..count {
            // `N` begins startcodes and is never a frame code; it takes no step.
            if codes.len() == usize::from(b'N') {
                codes.push(blank);
            }
            if codes.len() < 256 {
                codes.push(FrameCode { size_lsb: size.saturating_add(step), ..line });
            }
        }
    }
    Ok(codes)
}

impl Stream {
    /// Reads the header of the one stream, whose times are in one of so many `time_bases`.
    pub(super) fn read<R: Read>(input: &mut Input<R>, time_bases: usize) -> Result<Self, Fault> {
        let (number, class) = (input.number()?, input.number()?);
        if number != 0 || class > 1 {
            return Err(input.malformed("stream 0 is neither video nor sound"));
        }
        let mut fourcc = [0; 4];
        if input.number()? != 4 {
            return Err(input.malformed("no four-character code"));
        }
        input.fill(&mut fourcc)?;
        let time_base = input.number()?;
        let msb_pts_shift = input.number()?;
        if time_base >= time_bases as u64 || msb_pts_shift > 16 {
            return Err(input.malformed("stream header"));
        }
        for _ in ["max_pts_distance", "decode_delay", "stream_flags"] {
            input.number()?;
        }
        let private = input.number()?;
        input.skip(private.min(MAX_HEADER_BYTES))?;
        let (first, second) = (input.number()?, input.number()?);
        let shape = if class == 0 {
            Shape::Video { width: first, height: second }
        } else {
            // The rate is a fraction, of which ffmpeg writes whole numbers.
            Shape::Sound { rate_hz: first / second.max(1), channels: input.number()? }
        };
        Ok(Self { fourcc, shape, time_base, msb_pts_shift: msb_pts_shift as u32 })
    }
}
