//! Layout stated by an MP4 track: st3d and sv3d, Apple's vexu, GSpherical version 1.
//!
//! Input: boxes of any kind; damage around a box counts as its absence. Specs: Google spherical video
//! v2 and v1, Apple's ISO base media extensions for spatial video.
#![forbid(unsafe_code)]

use crate::layout::{
    Malformed, Packing, Pose, Projection, StatedProjection, Statements, read_cubemap, read_equirect,
    read_mesh,
};
use crate::media::spherical;

use super::boxes::{self, Box, be32};

/// What is stated, and remarks about forms that are not processed.
pub(super) type Stereo = (Statements, Vec<String>);

/// Looks through the boxes of a sample entry, then at the XML of a GSpherical box.
pub(super) fn read(entry_boxes: &[Box<'_>], spherical_v1: Option<&[u8]>) -> Stereo {
    let mut notes = Vec::new();
    let find = |kind: &[u8; 4]| entry_boxes.iter().find(|b| &b.kind == kind);
    let first = spherical_v1.map(|xml| spherical::read(xml, &mut notes)).unwrap_or_default();
    let vexu = find(b"vexu");
    // Version 2 of the Google specification wins over version 1 where both are there.
    let packing = find(b"st3d")
        .and_then(|b| st3d(b, &mut notes))
        .or_else(|| vexu.and_then(|b| eyes(b, find(b"lhvC").is_some(), &mut notes)))
        .or(first.packing);
    let projection = find(b"sv3d")
        .and_then(|b| sv3d(b, &mut notes))
        .or_else(|| vexu.and_then(|b| apple(b, find(b"hfov"), &mut notes)))
        .or(first.projection);
    (Statements { packing, projection }, notes)
}

fn st3d(st3d: &Box<'_>, notes: &mut Vec<String>) -> Option<(Packing, String)> {
    let mode = *st3d.body.get(4)?;
    let packing = match mode {
        0 => Packing::Mono,
        1 => Packing::TopBottom,
        2 => Packing::SideBySide,
        4 => Packing::SideBySideSwapped,
        _ => {
            notes.push(format!("box st3d: stereo mode {mode} is not processed"));
            return None;
        }
    };
    Some((packing, format!("box st3d: stereo mode {mode}, {packing}")))
}

/// The first child of a type; damage around it counts as absence.
fn child<'a>(parent: &Box<'a>, kind: &[u8; 4]) -> Option<Box<'a>> {
    parent.find(kind).ok().flatten()
}

fn sv3d(sv3d: &Box<'_>, notes: &mut Vec<String>) -> Option<StatedProjection> {
    type Reader = fn(&[u8]) -> Result<Projection, Malformed>;
    let readers: [(&[u8; 4], Reader); 3] =
        [(b"equi", read_equirect), (b"cbmp", read_cubemap), (b"mshp", read_mesh)];
    let proj = child(sv3d, b"proj")?;
    let (kind, read) = readers.into_iter().find_map(|(kind, read)| {
        let body = child(&proj, kind)?.body;
        Some((boxes::name(kind), read(body)))
    })?;
    let projection = match read {
        Ok(projection) => projection,
        Err(why) => {
            notes.push(format!("box sv3d/proj/{kind} is not used: {why}"));
            return None;
        }
    };
    let pose = child(&proj, b"prhd").and_then(|b| pose(&b, notes)).unwrap_or_default();
    let detail = format!("box sv3d/proj/{kind}: {projection}");
    Some(StatedProjection { projection, pose, detail })
}

fn pose(prhd: &Box<'_>, notes: &mut Vec<String>) -> Option<Pose> {
    let angle = |at| be32(prhd.body, at).map(|angle| angle as i32);
    let pose = Pose { yaw: angle(4)?, pitch: angle(8)?, roll: angle(12)? };
    if pose.checked().is_none() {
        notes.push("box sv3d/proj/prhd is not used: an angle is out of its range".to_owned());
    }
    pose.checked()
}

fn eyes(vexu: &Box<'_>, layered: bool, notes: &mut Vec<String>) -> Option<(Packing, String)> {
    let stereo_view = child(vexu, b"eyes").and_then(|eyes| child(&eyes, b"stri"))?;
    let views = *stereo_view.body.get(4)?;
    if views & 3 != 3 {
        return Some((Packing::Mono, format!("box vexu/eyes/stri: views {views:#04x}, one eye")));
    }
    let reversed = views & 8 != 0;
    let Some(kind) = child(vexu, b"pack").and_then(|pack| child(&pack, b"pkin")) else {
        if layered {
            notes.push("MV-HEVC: only the base layer, one eye, is decoded".to_owned());
            return Some((Packing::Mono, "box vexu with lhvC: the eyes are layers (MV-HEVC)".to_owned()));
        }
        notes.push("box vexu: two eyes without a frame packing (pack/pkin)".to_owned());
        return None;
    };
    let form = kind.body.get(4..8)?;
    let packing = match (form, reversed) {
        (b"side", false) => Packing::SideBySide,
        (b"side", true) => Packing::SideBySideSwapped,
        (b"over", false) => Packing::TopBottom,
        (b"over", true) => Packing::TopBottomSwapped,
        _ => {
            notes.push(format!("box vexu/pack/pkin: packing {} is not processed", boxes::name(form)));
            return None;
        }
    };
    Some((packing, format!("box vexu/pack/pkin: {}, {packing}", boxes::name(form))))
}

/// The projection kind of vexu; `hfov`, beside it, holds thousandths of a degree.
fn apple(vexu: &Box<'_>, hfov: Option<&Box<'_>>, notes: &mut Vec<String>) -> Option<StatedProjection> {
    let kind = child(vexu, b"proj").and_then(|proj| child(&proj, b"prji"))?;
    let form = kind.body.get(4..8)?;
    let fov = hfov.and_then(|b| be32(b.body, 0)).map(|thousandths| (thousandths.saturating_add(500)) / 1000);
    let projection = match form {
        b"rect" => Projection::Rectilinear,
        b"equi" => Projection::SPHERE,
        b"hequ" => Projection::HALF,
        b"fish" => {
            let plausible =
                fov.and_then(|fov| u16::try_from(fov).ok()).filter(|fov| (90..=360).contains(fov));
            Projection::Fisheye { fov_degrees: plausible.unwrap_or(180) }
        }
        _ => {
            notes.push(format!("box vexu/proj/prji: projection {} is not processed", boxes::name(form)));
            return None;
        }
    };
    let detail = format!("box vexu/proj/prji: {}, {projection}", boxes::name(form));
    Some(StatedProjection { projection, pose: Pose::default(), detail })
}
