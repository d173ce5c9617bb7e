//! Marks that VR players read in file names: DeoVR, Skybox, Meta, CoMMedia, HereSphere, 4XVR.
//!
//! A mark stands between delimiters; case does not matter. The last one in a name counts, because titles
//! come first; a mark of a lens outranks a plain field of view (`_180_LR_FISHEYE190`).
#![forbid(unsafe_code)]

use super::packing::Packing;
use super::projection::Projection;

/// What stands between marks.
pub(super) const DELIMITERS: [char; 8] = ['_', '-', '.', ' ', '(', ')', '[', ']'];

const PACKINGS: [(&str, Packing); 20] = [
    ("lr", Packing::SideBySide),
    ("sbs", Packing::SideBySide),
    ("hsbs", Packing::SideBySide),
    ("fsbs", Packing::SideBySide),
    ("3dh", Packing::SideBySide),
    ("sidebyside", Packing::SideBySide),
    ("rl", Packing::SideBySideSwapped),
    ("tb", Packing::TopBottom),
    ("htb", Packing::TopBottom),
    ("ftb", Packing::TopBottom),
    ("tab", Packing::TopBottom),
    ("htab", Packing::TopBottom),
    ("ou", Packing::TopBottom),
    ("hou", Packing::TopBottom),
    ("fou", Packing::TopBottom),
    ("3dv", Packing::TopBottom),
    ("overunder", Packing::TopBottom),
    ("topbottom", Packing::TopBottom),
    ("bt", Packing::TopBottomSwapped),
    ("mono", Packing::Mono),
];

/// Fields of view that may be written onto a packing, as in LR180 or 360TB; longer ones first.
const VIEWS: [(&str, Projection); 6] = [
    ("180x180", Projection::HALF),
    ("360x180", Projection::SPHERE),
    ("vr180", Projection::HALF),
    ("vr360", Projection::SPHERE),
    ("180", Projection::HALF),
    ("360", Projection::SPHERE),
];

/// Lenses with their angles.
const LENSES: [(&str, u16); 5] =
    [("fisheye", 180), ("mkx200", 200), ("mkx220", 220), ("vrca220", 220), ("rf52", 190)];

/// Angles of fisheye lenses that are made.
const ANGLES: std::ops::RangeInclusive<u16> = 120..=280;

/// What one mark says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    pub(super) packing: Option<Packing>,
    pub(super) projection: Option<Projection>,
    /// Alpha packed into the picture, as DeoVR and HereSphere read it.
    pub(super) alpha: bool,
}

impl Mark {
    /// The mark that `token` is.
    pub(super) fn of(token: &str) -> Option<Self> {
        let lower = token.to_ascii_lowercase();
        let packing = |t: &str| PACKINGS.iter().find(|(mark, _)| *mark == t).map(|(_, packing)| *packing);
        if lower == "alpha" {
            return Some(Self { alpha: true, ..Self::default() });
        }
        if let Some(packing) = packing(&lower) {
            return Some(Self { packing: Some(packing), ..Self::default() });
        }
        if let Some(projection) = lens(&lower) {
            return Some(Self { projection: Some(projection), ..Self::default() });
        }
        VIEWS.iter().find_map(|(view, projection)| {
            let rest = lower.strip_prefix(view).or_else(|| lower.strip_suffix(view))?;
            let packing = if rest.is_empty() { None } else { Some(packing(rest)?) };
            Some(Self { packing, projection: Some(projection.clone()), alpha: false })
        })
    }
}

impl Projection {
    /// The projection that a mark stands for, if that is all it stands for.
    pub fn of_mark(mark: &str) -> Option<Self> {
        Mark::of(mark).filter(|mark| mark.packing.is_none())?.projection
    }
}

/// The projection that a mark of a lens or of a cube stands for.
fn lens(lower: &str) -> Option<Projection> {
    match lower {
        "eac" => return Some(Projection::EquiAngularCubemap),
        "cubemap" => return Some(Projection::Cubemap { padding: 0 }),
        _ => {}
    }
    let known = LENSES.iter().find(|(mark, _)| *mark == lower).map(|(_, angle)| *angle);
    let written = || {
        let digits = lower.strip_prefix("fisheye").or_else(|| lower.strip_prefix('f'))?;
        let three = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|angle| three && ANGLES.contains(angle))
    };
    known.or_else(written).map(|fov_degrees| Projection::Fisheye { fov_degrees })
}

/// What a name says, each with the mark's own letters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Marks {
    pub(super) packing: Option<(Packing, String)>,
    pub(super) projection: Option<(Projection, String)>,
}

/// Reads a file name without its extension.
pub(super) fn read(stem: &str) -> Marks {
    let mut found = Marks::default();
    let mut lens: Option<(Projection, String)> = None;
    for token in stem.split(DELIMITERS).filter(|token| !token.is_empty()) {
        let Some(Mark { packing, projection, .. }) = Mark::of(token) else { continue };
        let with_letters = |projection| (projection, token.to_owned());
        match projection {
            Some(view @ Projection::Equirect(_)) => found.projection = Some(with_letters(view)),
            Some(other) => lens = Some(with_letters(other)),
            None => {}
        }
        found.packing = packing.map(|packing| (packing, token.to_owned())).or(found.packing);
    }
    found.projection = lens.or(found.projection);
    found
}
