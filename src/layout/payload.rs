//! The bytes of a projection, the same in MP4 boxes and in Matroska's ProjectionPrivate: a box body
//! from its version and flags on.
//!
//! Input: bytes of any kind. Specs: Google spherical video v2 (`equi`, `cbmp`, `mshp`), RFC 9559
//! §5.1.4.1.28.43.
#![forbid(unsafe_code)]

use super::projection::{Bounds, Mesh, Projection};

/// Larger meshes are not carried: those of cameras have some 100 KB.
pub const MAX_MESH_BYTES: usize = 4 << 20;

/// Why a payload is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// The wrong number of bytes.
    #[error("expected {expected} bytes, got {got}")]
    Length {
        /// What would be right.
        expected: &'static str,
        /// What is there.
        got: usize,
    },
    /// A version that is not known.
    #[error("version and flags are {got:#010x}, 0 is known")]
    Version {
        /// The field.
        got: u32,
    },
    /// Nothing is left of the sphere.
    #[error("its bounds leave nothing")]
    Bounds,
    /// An arrangement of faces that is not known.
    #[error("layout {got} of faces is not known")]
    Faces {
        /// The field.
        got: u32,
    },
    /// A coding of meshes that is not known.
    #[error("mesh encoding {got:08x} is not known")]
    Encoding {
        /// Its four characters.
        got: u32,
    },
}

fn words<const N: usize>(body: &[u8], expected: &'static str) -> Result<[u32; N], Malformed> {
    let wrong = Malformed::Length { expected, got: body.len() };
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(body.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
    }
    if body.len() < 4 * N { Err(wrong) } else { Ok(words) }
}

fn version(got: u32) -> Result<(), Malformed> {
    if got == 0 { Ok(()) } else { Err(Malformed::Version { got }) }
}

/// Body of `equi`. Some writers leave it out, or its version and flags: both are read.
///
/// # Errors
/// [`Malformed`].
pub fn read_equirect(body: &[u8]) -> Result<Projection, Malformed> {
    let expected = "0, 16 or 20";
    let [top, bottom, left, right] = match body.len() {
        0 => return Ok(Projection::SPHERE),
        16 => words(body, expected)?,
        20 => {
            let [head, bounds @ ..] = words::<5>(body, expected)?;
            version(head)?;
            bounds
        }
        got => return Err(Malformed::Length { expected, got }),
    };
    let bounds = Bounds { top, bottom, left, right }.checked().ok_or(Malformed::Bounds)?;
    Ok(Projection::Equirect(bounds))
}

/// Body of `cbmp`.
///
/// # Errors
/// [`Malformed`].
pub fn read_cubemap(body: &[u8]) -> Result<Projection, Malformed> {
    let expected = "12";
    if body.len() != 12 {
        return Err(Malformed::Length { expected, got: body.len() });
    }
    let [head, faces, padding] = words(body, expected)?;
    version(head)?;
    if faces == 0 { Ok(Projection::Cubemap { padding }) } else { Err(Malformed::Faces { got: faces }) }
}

/// Body of `mshp`: version, CRC, encoding, meshes. They are carried as they are.
///
/// # Errors
/// [`Malformed`].
pub fn read_mesh(body: &[u8]) -> Result<Projection, Malformed> {
    let expected = "more than 12, at most 4 MiB";
    if body.len() <= 12 || body.len() > MAX_MESH_BYTES {
        return Err(Malformed::Length { expected, got: body.len() });
    }
    let [head, _crc, encoding] = words(body, expected)?;
    version(head)?;
    if ![*b"raw ", *b"dfl8"].contains(&encoding.to_be_bytes()) {
        return Err(Malformed::Encoding { got: encoding });
    }
    Ok(Projection::Mesh(Mesh(body.into())))
}

impl Projection {
    /// ProjectionType and ProjectionPrivate of Matroska; `None` where it has no word for it. A flat
    /// picture must have no private data, the others must (RFC 9559 §5.1.4.1.28.43).
    pub fn to_matroska(&self) -> Option<(u8, Option<Vec<u8>>)> {
        let body = |words: &[u32]| Some(words.iter().flat_map(|word| word.to_be_bytes()).collect());
        match self {
            Self::Rectilinear => Some((0, None)),
            Self::Equirect(Bounds { top, bottom, left, right }) => {
                Some((1, body(&[0, *top, *bottom, *left, *right])))
            }
            Self::Cubemap { padding } => Some((2, body(&[0, 0, *padding]))),
            Self::Mesh(mesh) => Some((3, Some(mesh.0.to_vec()))),
            Self::Fisheye { .. } | Self::EquiAngularCubemap => None,
        }
    }

    /// The projection of a ProjectionType with its ProjectionPrivate, which may be missing.
    ///
    /// # Errors
    /// [`Malformed`]; `Ok(None)` for a type that is not known.
    pub fn from_matroska(kind: u64, private: &[u8]) -> Result<Option<Self>, Malformed> {
        match kind {
            0 => Ok(Some(Self::Rectilinear)),
            1 => read_equirect(private).map(Some),
            2 => read_cubemap(private).map(Some),
            3 => read_mesh(private).map(Some),
            _ => Ok(None),
        }
    }
}
