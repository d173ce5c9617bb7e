//! Bytes and numbers of a NUT stream, with the place where reading stands.
//! Spec: NUT Open Container Format 20080304, "Definitions".
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, ErrorKind, Read};

use crate::software::Error;

/// Why there is no next frame.
#[derive(Debug)]
pub(super) enum Fault {
    /// The stream ends inside something.
    Cut {
        at_byte: u64,
    },
    /// A byte that cannot be there.
    Malformed {
        what: &'static str,
        at_byte: u64,
    },
    Io(std::io::Error),
    /// A well-formed picture that is not the expected one.
    Wrong(Error),
}

pub(super) struct Input<R> {
    input: BufReader<R>,
    pub(super) at_byte: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(input: R) -> Self {
        // Reads of planes are larger than the buffer and go past it.
        Self { input: BufReader::with_capacity(1 << 16, input), at_byte: 0 }
    }

    /// Reads into `bytes` until it is full.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.input.read_exact(bytes).map_err(|source| self.failed(source))?;
        self.at_byte += bytes.len() as u64;
        Ok(())
    }

    /// Reads and forgets the rest, until the other end closes or the decoder is stopped.
    pub(super) fn drain(&mut self) {
        drop(std::io::copy(&mut self.input, &mut std::io::sink()));
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// Variable-length integer (`v`): seven bits a byte, most significant first.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for _ in 0..9 {
            let byte = self.byte()?;
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed("number of more than 63 bits"))
    }

    /// Signed integer (`s`).
    pub(super) fn signed(&mut self) -> Result<i64, Fault> {
        let value = self.number()? + 1;
        let half = (value >> 1) as i64;
        Ok(if value & 1 != 0 { -half } else { half })
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Fault> {
        let skipped = std::io::copy(&mut (&mut self.input).take(bytes), &mut std::io::sink());
        let skipped = skipped.map_err(|source| self.failed(source))?;
        self.at_byte += skipped;
        if skipped < bytes { Err(Fault::Cut { at_byte: self.at_byte }) } else { Ok(()) }
    }

    pub(super) fn ended(&mut self) -> Result<bool, Fault> {
        match self.input.fill_buf() {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: std::io::Error) -> Fault {
        match source.kind() {
            ErrorKind::UnexpectedEof => Fault::Cut { at_byte: self.at_byte },
            _ => Fault::Io(source),
        }
    }

    pub(super) fn malformed(&self, what: &'static str) -> Fault {
        Fault::Malformed { what, at_byte: self.at_byte }
    }
}
