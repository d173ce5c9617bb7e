//! Names of outputs with the marks of a player, so that it shows them in the right shape.
//!
//! Marks of the input's name are taken out first: a player would read them, too, and a title with `OU`
//! in it has misled one before. `_alpha` is written for alpha that is packed into the picture and for
//! nothing else: players go by it. Nor is `VR180`: Skybox takes that for a fisheye, others for a plain 180.
#![forbid(unsafe_code)]

use super::choose::Layout;
use super::marks::{DELIMITERS, Mark};
use super::packing::Packing;
use super::projection::{Bounds, Projection};

/// Whose marks outputs are named with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Names {
    /// As the input is named.
    #[default]
    Plain,
    /// DeoVR, and those that read its marks: HereSphere, SLR.
    DeoVr,
    /// Skybox.
    Skybox,
}

/// The name of an output of an input called `stem` (both without an extension).
pub fn marked_name(stem: &str, layout: &Layout, names: Names) -> String {
    if names == Names::Plain {
        return stem.to_owned();
    }
    let mut name = unmarked(stem);
    let marks = [packing_mark(layout.packing), projection_mark(&layout.projection, names)];
    for mark in marks.into_iter().flatten() {
        name.push('_');
        name.push_str(&mark);
    }
    name
}

/// The name of an output with packed alpha, whose circles have this field of view. It has its marks whatever the
/// names are like otherwise: no element says it, and without them a player shows the packed picture as it is.
/// `180_FISHEYE_F180` is read by DeoVR, HereSphere and 4XVR, each by its own part.
pub fn packed_name(stem: &str, fov_degrees: u16) -> String {
    let lens = match fov_degrees {
        180 => "180_FISHEYE_F180".to_owned(),
        200 => "MKX200".to_owned(),
        220 => "VRCA220".to_owned(),
        angle => format!("FISHEYE{angle}"),
    };
    format!("{}_LR_{lens}_alpha", unmarked(stem))
}

fn packing_mark(packing: Packing) -> Option<String> {
    let mark = match packing {
        Packing::Mono => return None,
        Packing::SideBySide => "LR",
        Packing::TopBottom => "TB",
        // Meta's player knows these; for the others the file says it.
        Packing::SideBySideSwapped => "RL",
        Packing::TopBottomSwapped => "BT",
    };
    Some(mark.to_owned())
}

fn projection_mark(projection: &Projection, names: Names) -> Option<String> {
    let deovr = names == Names::DeoVr;
    Some(match projection {
        Projection::Rectilinear | Projection::Mesh(_) => return None,
        // A part of the sphere is shown in the smallest of the two that holds it.
        Projection::Equirect(Bounds { left, right, .. }) => {
            let is_half = *left >= Bounds::HALF.left && *right >= Bounds::HALF.right;
            match (is_half, deovr) {
                (false, _) => "360".to_owned(),
                (true, true) => "180".to_owned(),
                (true, false) => "180x180".to_owned(),
            }
        }
        Projection::Fisheye { fov_degrees } => match (fov_degrees, deovr) {
            (180, true) => "fisheye".to_owned(),
            (200, true) => "mkx200".to_owned(),
            (220, true) => "vrca220".to_owned(),
            (angle, true) => format!("fisheye{angle}"),
            (angle, false) => format!("F{angle}"),
        },
        Projection::EquiAngularCubemap => "EAC".to_owned(),
        Projection::Cubemap { .. } => "cubemap".to_owned(),
    })
}

/// `stem` without its marks and what stood around them; never empty.
fn unmarked(stem: &str) -> String {
    let mut kept = String::with_capacity(stem.len());
    for piece in stem.split_inclusive(DELIMITERS) {
        let token = piece.trim_end_matches(DELIMITERS);
        kept.push_str(if Mark::of(token).is_some() { &piece[token.len()..] } else { piece });
    }
    for hollow in ["()", "[]"] {
        kept = kept.replace(hollow, "");
    }
    // Delimiters that have lost what was between them: one stays.
    let mut name = String::with_capacity(kept.len());
    for letter in kept.chars() {
        let doubled = name.ends_with(['_', '-', '.', ' ']) && ['_', '-', '.', ' '].contains(&letter);
        if !doubled {
            name.push(letter);
        }
    }
    let name = name.trim_matches(['_', '-', '.', ' ']);
    if name.is_empty() { "video".to_owned() } else { name.to_owned() }
}
