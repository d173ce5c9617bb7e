//! Frame packing stated by an MP4 track: st3d, Apple's vexu, GSpherical version 1.
//!
//! Only the packing is taken for now; projections lie in the same boxes and can be read beside it.
//! Specs: Google spherical video v2 and v1, Apple's ISO base media extensions for spatial video.
#![forbid(unsafe_code)]

use crate::layout::Packing;

use super::boxes::{self, Box};

/// A stated packing with the words for it, and remarks about forms that are not processed.
pub(super) type Stereo = (Option<(Packing, String)>, Vec<String>);

/// Looks through the boxes of a sample entry, then at the XML of a GSpherical box.
pub(super) fn read(entry_boxes: &[Box<'_>], spherical_v1: Option<&[u8]>) -> Stereo {
    let mut notes = Vec::new();
    let find = |kind: &[u8; 4]| entry_boxes.iter().find(|b| &b.kind == kind);
    // Version 2 of the Google specification wins over version 1 where both are there.
    let packing = find(b"st3d")
        .and_then(|b| st3d(b, &mut notes))
        .or_else(|| find(b"vexu").and_then(|b| vexu(b, find(b"lhvC").is_some(), &mut notes)))
        .or_else(|| spherical_v1.and_then(gspherical));
    (packing, notes)
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

fn vexu(vexu: &Box<'_>, layered: bool, notes: &mut Vec<String>) -> Option<(Packing, String)> {
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

/// The text of the StereoMode element of the XML; the rest of the document is not looked at.
fn gspherical(xml: &[u8]) -> Option<(Packing, String)> {
    let text = String::from_utf8_lossy(xml.get(..xml.len().min(64 * 1024))?);
    let (_, after) = text.split_once("<GSpherical:StereoMode>")?;
    let mode = after.split('<').next()?.trim();
    let packing = match mode {
        "mono" => Packing::Mono,
        "left-right" => Packing::SideBySide,
        "top-bottom" => Packing::TopBottom,
        _ => return None,
    };
    Some((packing, format!("GSpherical:StereoMode {mode}")))
}
