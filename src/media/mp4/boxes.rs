//! Walks boxes, in the file (headers only) and inside a box that is in memory.
//!
//! Input: bytes of any kind. Sizes are checked against what contains them before they are used;
//! nothing is copied and nothing recurses. Spec: ISO/IEC 14496-12 §4.2; QuickTime atoms are the same.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::input::Input;

/// A box of the file whose body is not in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileBox {
    /// Four-character type.
    pub(super) kind: [u8; 4],
    /// Offset of its first byte.
    pub(super) at: u64,
    /// Offset behind its last byte; may lie beyond the end of a file that was cut off.
    pub(super) end: u64,
}

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Box<'a> {
    /// Four-character type.
    pub(super) kind: [u8; 4],
    /// Offset of its first byte in the file.
    pub(super) at: u64,
    /// All of it, header included.
    pub(super) bytes: &'a [u8],
    /// What follows the header (and the 16 bytes of a uuid).
    pub(super) body: &'a [u8],
    /// The extended type of a uuid box.
    pub(super) uuid: Option<&'a [u8]>,
}

/// A type as it is printed: letters, or hex where it has other bytes.
pub(super) fn name(kind: &[u8]) -> String {
    if kind.iter().all(|b| (0x20..0x7f).contains(b)) {
        return String::from_utf8_lossy(kind).into_owned();
    }
    kind.iter().fold(String::from("0x"), |s, b| s + &format!("{b:02x}"))
}

/// Whether the first bytes of a file look like boxes.
pub(crate) fn is_mp4(head: &[u8]) -> bool {
    let kinds: [&[u8]; 10] =
        [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"];
    head.get(4..8).is_some_and(|kind| kinds.contains(&kind))
}

/// The box at `at`, or `None` at the end of the file.
pub(super) fn file_box(input: &mut Input, at: u64) -> Result<Option<FileBox>, Error> {
    if at == input.len() {
        return Ok(None);
    }
    let mut head = [0; 16];
    input.read_at(at, &mut head[..8], "box header")?;
    let size = u64::from(be32(&head, 0).unwrap_or(0));
    let (size, least) = match size {
        0 => (input.len() - at, 8),
        1 => {
            input.read_at(at, &mut head, "box header")?;
            (be64(&head, 8).unwrap_or(0), 16)
        }
        size => (size, 8),
    };
    let kind = [head[4], head[5], head[6], head[7]];
    match at.checked_add(size) {
        Some(end) if size >= least => Ok(Some(FileBox { kind, at, end })),
        _ => Err(Error::Malformed {
            what: "box size",
            at_byte: at,
            expected: "at least its header",
            got: format!("{size} in a box of type {}", name(&kind)),
        }),
    }
}

/// The whole box, read into memory if it has at most `max` bytes.
pub(super) fn load(
    input: &mut Input,
    file_box: FileBox,
    max: u64,
    what: &'static str,
) -> Result<Vec<u8>, Error> {
    input.read_vec(file_box.at, file_box.end - file_box.at, max, what)
}

/// The boxes that lie in `data`, whose first byte has offset `at` in the file. Ends after the
/// first error. Up to 7 bytes behind the last box are passed over: QuickTime ends some lists with
/// a zero word.
pub(super) fn children(data: &[u8], at: u64) -> impl Iterator<Item = Result<Box<'_>, Error>> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let rest = data.get(done..).filter(|rest| rest.len() >= 8)?;
        let parsed = split(rest, at + done as u64);
        done = parsed.as_ref().map_or(data.len(), |b| done + b.bytes.len());
        Some(parsed)
    })
}

/// The first box in `rest`, which has at least 8 bytes.
fn split(rest: &[u8], at: u64) -> Result<Box<'_>, Error> {
    let kind = [rest[4], rest[5], rest[6], rest[7]];
    let (size, header) = match be32(rest, 0) {
        Some(0) => (rest.len() as u64, 8),
        Some(1) => (be64(rest, 8).unwrap_or(u64::MAX), 16),
        size => (size.map_or(0, u64::from), 8),
    };
    let header = if &kind == b"uuid" { header + 16 } else { header };
    let bytes = usize::try_from(size).ok().and_then(|size| rest.get(..size));
    match bytes.and_then(|bytes| Some((bytes, bytes.get(header..)?))) {
        Some((bytes, body)) => {
            let uuid = (&kind == b"uuid").then(|| &bytes[header - 16..header]);
            Ok(Box { kind, at, bytes, body, uuid })
        }
        None => Err(Error::Malformed {
            what: "box size",
            at_byte: at,
            expected: "a box inside the one around it",
            got: format!("{size} of {} bytes in a box of type {}", rest.len(), name(&kind)),
        }),
    }
}

impl<'a> Box<'a> {
    /// Offset of the body in the file.
    fn body_at(&self) -> u64 {
        self.at + (self.bytes.len() - self.body.len()) as u64
    }

    /// The boxes in the body.
    pub(super) fn children(&self) -> impl Iterator<Item = Result<Box<'a>, Error>> + use<'a> {
        children(self.body, self.body_at())
    }

    /// The boxes in the body from byte `skip` of it on, up to the first that is malformed: for
    /// places where others tolerate junk.
    pub(super) fn children_after(&self, skip: usize) -> impl Iterator<Item = Box<'a>> + use<'a> {
        let body = self.body.get(skip..).unwrap_or_default();
        children(body, self.body_at() + skip as u64).map_while(Result::ok)
    }

    /// The first child of a type.
    pub(super) fn find(&self, kind: &[u8; 4]) -> Result<Option<Box<'a>>, Error> {
        for child in self.children() {
            let child = child?;
            if &child.kind == kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    /// The first child of a type, which the file must have.
    pub(super) fn need(&self, kind: &[u8; 4], what: &'static str) -> Result<Box<'a>, Error> {
        self.find(kind)?.ok_or_else(|| Error::Missing {
            what,
            detail: format!("box {} at byte {} does not hold it", name(&self.kind), self.at),
        })
    }

    /// The big-endian number of 4 bytes at `at` of the body.
    pub(super) fn u32_at(&self, at: usize) -> Result<u32, Error> {
        be32(self.body, at).ok_or_else(|| self.too_short())
    }

    /// The big-endian number of 8 bytes at `at` of the body.
    pub(super) fn u64_at(&self, at: usize) -> Result<u64, Error> {
        be64(self.body, at).ok_or_else(|| self.too_short())
    }

    fn too_short(&self) -> Error {
        Error::Malformed {
            what: "box",
            at_byte: self.at,
            expected: "all fields of its type",
            got: format!("{} bytes in a box of type {}", self.bytes.len(), name(&self.kind)),
        }
    }
}

/// Big-endian number of 2 bytes.
pub(super) fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

/// Big-endian number of 4 bytes.
pub(super) fn be32(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

/// Big-endian number of 8 bytes.
pub(super) fn be64(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_be_bytes)
}
