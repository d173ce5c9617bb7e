//! Options about the shape and range of a VR picture, and names that tell it.
#![forbid(unsafe_code)]

use crate::layout::{LayoutChoice, Names, Packing, Projection};
use crate::pipeline::HdrChoice;
use clap::{Args, ValueEnum};

/// Options of `run` and `plan`.
#[derive(Args, Debug)]
pub struct ShapeArgs {
    /// Where the eyes lie in a frame
    #[arg(long, value_enum, default_value_t = LayoutArg::Auto)]
    pub layout: LayoutArg,
    /// How directions lie in an eye: auto reads the container, then the file name; flat, 180, 360,
    /// fisheye (180 degrees), fisheyeNNN, mkx200, mkx220, vrca220, rf52, cubemap, eac
    #[arg(long, value_name = "PROJECTION", default_value = "auto", value_parser = parse_projection)]
    pub projection: ProjectionArg,
    /// Marks in the names of outputs in --out-dir: those of the inputs, or a player's for what was found
    #[arg(long, value_enum, default_value_t = NamesArg::Plain)]
    pub names: NamesArg,
    /// High dynamic range (PQ, HLG): mapped to standard range, or kept in 8 bits with its metadata
    #[arg(long, value_enum, default_value_t = HdrArg::Map)]
    pub hdr: HdrArg,
}

impl ShapeArgs {
    /// What the user says of the layout.
    pub fn choice(&self) -> LayoutChoice {
        choice(self.layout, &self.projection)
    }
}

/// What the user says of the layout.
pub(super) fn choice(layout: LayoutArg, projection: &ProjectionArg) -> LayoutChoice {
    LayoutChoice { packing: layout.packing(), projection: projection.0.clone() }
}

/// Layouts that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LayoutArg {
    /// From the container, then the file name, else mono
    Auto,
    /// One view
    Mono,
    /// Side by side, left eye on the left
    Sbs,
    /// Top and bottom, left eye on top
    Tb,
    /// Side by side, right eye on the left
    Rl,
    /// Top and bottom, right eye on top
    Bt,
}

impl LayoutArg {
    /// The packing; `None` for auto.
    pub fn packing(self) -> Option<Packing> {
        Some(match self {
            Self::Auto => return None,
            Self::Mono => Packing::Mono,
            Self::Sbs => Packing::SideBySide,
            Self::Tb => Packing::TopBottom,
            Self::Rl => Packing::SideBySideSwapped,
            Self::Bt => Packing::TopBottomSwapped,
        })
    }
}

/// Whose marks outputs are named with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum NamesArg {
    /// As the inputs are named
    Plain,
    /// DeoVR, HereSphere and others: `_LR_180`, `_TB_360`, `_LR_fisheye190`
    Deovr,
    /// Skybox: `_LR_180x180`, `_TB_360`, `_LR_F180`
    Skybox,
}

impl From<NamesArg> for Names {
    fn from(names: NamesArg) -> Self {
        match names {
            NamesArg::Plain => Self::Plain,
            NamesArg::Deovr => Self::DeoVr,
            NamesArg::Skybox => Self::Skybox,
        }
    }
}

/// What may become of high dynamic range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum HdrArg {
    /// Mapped to BT.709
    Map,
    /// Kept
    Keep,
}

impl From<HdrArg> for HdrChoice {
    fn from(choice: HdrArg) -> Self {
        match choice {
            HdrArg::Map => Self::Map,
            HdrArg::Keep => Self::Keep,
        }
    }
}

/// A projection; `None` is auto.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectionArg(pub Option<Projection>);

pub(super) fn parse_projection(text: &str) -> Result<ProjectionArg, String> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "auto" => return Ok(ProjectionArg(None)),
        "flat" | "rectilinear" => return Ok(ProjectionArg(Some(Projection::Rectilinear))),
        _ => {}
    }
    Projection::of_mark(&lower).map(|projection| ProjectionArg(Some(projection))).ok_or_else(|| {
        "auto, flat, 180, 360, fisheye, fisheyeNNN (120 to 280 degrees), mkx200, mkx220, vrca220, rf52, \
         cubemap or eac is needed"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_by_their_names() {
        let parse = |text| parse_projection(text).map(|arg| arg.0);
        assert_eq!(parse("auto"), Ok(None));
        assert_eq!(parse("FLAT"), Ok(Some(Projection::Rectilinear)));
        assert_eq!(parse("180"), Ok(Some(Projection::HALF)));
        assert_eq!(parse("360"), Ok(Some(Projection::SPHERE)));
        assert_eq!(parse("fisheye"), Ok(Some(Projection::Fisheye { fov_degrees: 180 })));
        assert_eq!(parse("fisheye195"), Ok(Some(Projection::Fisheye { fov_degrees: 195 })));
        assert_eq!(parse("mkx220"), Ok(Some(Projection::Fisheye { fov_degrees: 220 })));
        assert_eq!(parse("eac"), Ok(Some(Projection::EquiAngularCubemap)));
        for wrong in ["", "90", "fisheye90", "fisheye1900", "lr", "alpha", "180lr", "mesh"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
