//! Which layout to take: what the user says, what the container states, the marks in the file name,
//! else what the shape of the frame allows.
//!
//! Shape decides nothing by itself: 2:1 is every mono 360-degree file and every side-by-side 180-degree
//! one. Together with a packing or a projection that was stated it completes the other.
#![forbid(unsafe_code)]

use std::path::Path;

use super::basis::{Basis, Evidence};
use super::marks;
use super::packing::Packing;
use super::projection::{Bounds, Pose, Projection};
use crate::frame::Size;

/// A projection that a container states.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct StatedProjection {
    /// The projection.
    pub projection: Projection,
    /// How it is turned.
    pub pose: Pose,
    /// The box or element with its value.
    pub detail: String,
}

/// What a container states.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Statements {
    /// The packing, with the box or element and its value.
    pub packing: Option<(Packing, String)>,
    /// The projection.
    pub projection: Option<StatedProjection>,
}

/// What the user says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LayoutChoice {
    /// The packing.
    pub packing: Option<Packing>,
    /// The projection.
    pub projection: Option<Projection>,
}

/// The layout of a video and what it rests on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
pub struct Layout {
    /// How the eyes lie in a frame.
    pub packing: Packing,
    /// Why.
    pub packing_basis: Basis,
    /// How directions lie in an eye.
    pub projection: Projection,
    /// Why.
    pub projection_basis: Basis,
    /// How the picture is turned.
    pub pose: Pose,
}

impl Layout {
    /// For people: the two statements with their reasons.
    pub fn sentences(&self) -> Vec<String> {
        let turned = if self.pose.is_level() { String::new() } else { format!(", {}", self.pose) };
        vec![
            format!("layout {} ({})", self.packing, self.packing_basis),
            format!("projection {}{turned} ({})", self.projection, self.projection_basis),
        ]
    }

    /// Projection and pose to be written into a file. A guess is not: a player that reads nothing goes
    /// by the name or asks, one that reads a wrong word shows a wrong picture.
    pub fn to_write(&self) -> Option<(&Projection, Pose)> {
        let flat = self.projection == Projection::Rectilinear && self.pose.is_level();
        (self.projection_basis.is_stated() && !flat).then_some((&self.projection, self.pose))
    }

    /// What a user should know before the layout is used.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Self { packing, projection, .. } = self;
        if self.to_write().is_some_and(|(projection, _)| projection.to_matroska().is_none()) {
            notes.push(format!(
                "WebM has no element for {projection}: players take it from the name (--names deovr, --names skybox)"
            ));
        }
        if !self.projection_basis.is_stated() && *projection != Projection::Rectilinear {
            notes.push(format!(
                "projection {projection} is a guess and not written to the file; --projection says it"
            ));
        }
        if !self.packing_basis.is_stated() && *packing != Packing::Mono {
            notes.push(format!("layout {packing} is a guess; --layout says it"));
        }
        notes
    }
}

/// The layout of frames of size `frame` in a file with this name.
pub fn choose(stated: &Statements, frame: Size, file_name: &Path, choice: &LayoutChoice) -> Layout {
    let stem = file_name.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let marks = marks::read(&stem);
    let mark = |letters: &str| {
        let doubt = match letters.to_ascii_lowercase().contains("vr180") {
            true => ", which Skybox reads as fisheye",
            false => "",
        };
        Basis::new(Evidence::FileName, format!("mark {letters:?} in the file name{doubt}"))
    };
    let packing = choice
        .packing
        .map(|packing| (packing, Basis::new(Evidence::Option, format!("{packing}, as asked for"))))
        .or_else(|| {
            let (packing, detail) = stated.packing.as_ref()?;
            Some((*packing, Basis::new(Evidence::Container, detail.clone())))
        })
        .or_else(|| marks.packing.as_ref().map(|(packing, letters)| (*packing, mark(letters))));
    // The turn belongs to the projection that it was stated with.
    let turned = stated
        .projection
        .as_ref()
        .filter(|stated| choice.projection.as_ref().is_none_or(|asked| *asked == stated.projection));
    let pose = turned.map(|stated| stated.pose).unwrap_or_default();
    let projection = choice
        .projection
        .as_ref()
        .map(|asked| (asked.clone(), Basis::new(Evidence::Option, format!("{asked}, as asked for"))))
        .or_else(|| {
            let StatedProjection { projection, detail, .. } = stated.projection.as_ref()?;
            Some((projection.clone(), Basis::new(Evidence::Container, detail.clone())))
        })
        .or_else(|| marks.projection.as_ref().map(|(found, letters)| (found.clone(), mark(letters))));

    let (packing, packing_basis) =
        packing.unwrap_or_else(|| packing_by_shape(frame, projection.as_ref().map(|(p, _)| p)));
    let (projection, projection_basis) = projection.unwrap_or_else(|| projection_by_shape(frame, packing));
    Layout { packing, packing_basis, projection, projection_basis, pose }
}

/// Whether two sides are as `across` to `down`, within 2 %: coded sizes are rounded to blocks.
fn is_shape(size: Size, across: usize, down: usize) -> bool {
    let (a, b) = (size.width * down, size.height * across);
    a.abs_diff(b) * 50 <= a.max(b)
}

/// The packing that gives eyes the shape that a known projection has.
fn packing_by_shape(frame: Size, projection: Option<&Projection>) -> (Packing, Basis) {
    let eye = match projection {
        Some(Projection::Equirect(Bounds::SPHERE)) => Some((2, 1)),
        Some(Projection::Equirect(Bounds::HALF) | Projection::Fisheye { .. }) => Some((1, 1)),
        _ => None,
    };
    if let (Some((across, down)), Some(projection)) = (eye, projection) {
        for packing in [Packing::SideBySide, Packing::TopBottom] {
            if is_shape(packing.eye(frame), across, down) {
                let detail =
                    format!("a frame of {frame} is two eyes of {projection}; nothing says how they lie");
                return (packing, Basis::new(Evidence::Shape, detail));
            }
        }
    }
    let ambiguous = projection.is_none() && frame.width >= 2048 && is_shape(frame, 2, 1);
    let detail = match ambiguous {
        true => "nothing says anything; 2:1 is mono 360 as well as side-by-side 180: --layout tells which",
        false => "neither the container nor the file name says anything",
    };
    (Packing::Mono, Basis::new(Evidence::Default, detail.to_owned()))
}

/// The projection that a stereo video with eyes of this shape usually has.
fn projection_by_shape(frame: Size, packing: Packing) -> (Projection, Basis) {
    let eye = packing.eye(frame);
    let guess = |projection: Projection| {
        let detail = format!("eyes of {eye}; nothing says anything");
        (projection, Basis::new(Evidence::Shape, detail))
    };
    // Below this nobody makes VR video, and a square picture is just square.
    let is_large = eye.width >= 1024;
    if packing != Packing::Mono && is_large && is_shape(eye, 1, 1) {
        return guess(Projection::HALF);
    }
    if packing != Packing::Mono && is_large && is_shape(eye, 2, 1) {
        return guess(Projection::SPHERE);
    }
    let detail = "neither the container nor the file name says anything".to_owned();
    (Projection::Rectilinear, Basis::new(Evidence::Default, detail))
}
