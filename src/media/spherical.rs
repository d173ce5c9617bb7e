//! GSpherical metadata, version 1: XML in a uuid box of MP4, or in a tag of Matroska.
//!
//! Input: text of any kind. The document is not parsed as XML: its elements, or attributes of the same
//! names, are looked for. Spec: Google spherical video v1; crops are those of one eye.
#![forbid(unsafe_code)]

use crate::layout::{Bounds, Packing, Pose, Projection, StatedProjection, Statements};

/// No camera writes more.
const MAX_BYTES: usize = 64 << 10;

/// What the document states; remarks go to `notes`.
pub(super) fn read(xml: &[u8], notes: &mut Vec<String>) -> Statements {
    let text = String::from_utf8_lossy(&xml[..xml.len().min(MAX_BYTES)]);
    let packing = value(&text, "StereoMode").and_then(|mode| {
        let packing = match mode {
            "mono" => Packing::Mono,
            "left-right" => Packing::SideBySide,
            "top-bottom" => Packing::TopBottom,
            _ => return None,
        };
        Some((packing, format!("GSpherical:StereoMode {mode}")))
    });
    let spherical = value(&text, "Spherical").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let projection = value(&text, "ProjectionType").filter(|_| spherical).and_then(|kind| {
        if kind != "equirectangular" {
            notes.push(format!("GSpherical:ProjectionType {kind} is not processed"));
            return None;
        }
        let bounds = match crop(&text) {
            Some(crop) => crop.unwrap_or_else(|| {
                notes.push("GSpherical: the crop is not used: it lies outside its panorama".to_owned());
                Bounds::SPHERE
            }),
            None => Bounds::SPHERE,
        };
        let projection = Projection::Equirect(bounds);
        let detail = format!("GSpherical:ProjectionType {kind}, {projection}");
        Some(StatedProjection { projection, pose: Pose::default(), detail })
    });
    Statements { packing, projection }
}

/// The value of `GSpherical:NAME`, as an element or as an attribute.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let full = format!("GSpherical:{name}");
    text.match_indices(&full).find_map(|(at, _)| {
        let rest = text[at + full.len()..].trim_start();
        let found = match rest.strip_prefix('>') {
            Some(inside) => inside.split('<').next()?,
            None => {
                let quoted = rest.strip_prefix('=')?.trim_start();
                let quote = quoted.chars().next().filter(|c| ['"', '\''].contains(c))?;
                quoted[1..].split(quote).next()?
            }
        };
        Some(found.trim()).filter(|found| !found.is_empty())
    })
}

/// The crop as bounds; `None` where it is not stated, `Some(None)` where it makes no sense.
fn crop(text: &str) -> Option<Option<Bounds>> {
    let number = |name: &str| value(text, name)?.parse::<u32>().ok();
    let axis = |full: &str, part: &str, before: &str| Some((number(full)?, number(part)?, number(before)?));
    let across = axis("FullPanoWidthPixels", "CroppedAreaImageWidthPixels", "CroppedAreaLeftPixels")?;
    let down = axis("FullPanoHeightPixels", "CroppedAreaImageHeightPixels", "CroppedAreaTopPixels")?;
    let fractions = |(full, part, before): (u32, u32, u32)| {
        let after = full.checked_sub(before)?.checked_sub(part)?;
        let fraction = |pixels: u32| {
            let share = (u64::from(pixels) << 32).checked_div(full.into())?;
            u32::try_from(share).ok()
        };
        Some((fraction(before)?, fraction(after)?))
    };
    Some(
        fractions(across)
            .zip(fractions(down))
            .and_then(|((left, right), (top, bottom))| Bounds { top, bottom, left, right }.checked()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(xml: &str) -> (Statements, Vec<String>) {
        let mut notes = Vec::new();
        (read(xml.as_bytes(), &mut notes), notes)
    }

    fn element(name: &str, value: &str) -> String {
        format!("<GSpherical:{name}>{value}</GSpherical:{name}>")
    }

    const WHOLE: &str = "<rdf:SphericalVideo xmlns:GSpherical=\"http://ns.google.com/videos/1.0/spherical/\">\
        <GSpherical:Spherical>true</GSpherical:Spherical>\
        <GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>";

    #[test]
    fn a_whole_sphere_and_a_half_one() {
        let (stated, notes) = read_all(&format!("{WHOLE}{}", element("StereoMode", "top-bottom")));
        assert_eq!(stated.packing.unwrap().0, Packing::TopBottom);
        assert_eq!(stated.projection.unwrap().projection, Projection::SPHERE);
        let crop = [
            ("FullPanoWidthPixels", "7680"),
            ("FullPanoHeightPixels", "3840"),
            ("CroppedAreaImageWidthPixels", "3840"),
            ("CroppedAreaImageHeightPixels", "3840"),
            ("CroppedAreaLeftPixels", "1920"),
            ("CroppedAreaTopPixels", "0"),
        ];
        let elements: String = crop.iter().map(|(name, value)| element(name, value)).collect();
        let (stated, more) = read_all(&format!("{WHOLE}{elements}"));
        assert_eq!(stated.projection.unwrap().projection, Projection::HALF);
        let outside = elements.replace(">1920<", ">5000<");
        let (stated, noted) = read_all(&format!("{WHOLE}{outside}"));
        assert_eq!(stated.projection.unwrap().projection, Projection::SPHERE);
        assert_eq!((notes.len(), more.len(), noted.len()), (0, 0, 1));
    }

    #[test]
    fn attributes_count_as_elements_do() {
        let xml = "<rdf:Description GSpherical:Spherical = 'True' GSpherical:ProjectionType=\"equirectangular\" \
            GSpherical:StereoMode=\"left-right\"/>";
        let (stated, _) = read_all(xml);
        assert_eq!(stated.packing.unwrap().0, Packing::SideBySide);
        assert_eq!(stated.projection.unwrap().projection, Projection::SPHERE);
    }

    #[test]
    fn what_is_no_statement_states_nothing() {
        for xml in [
            "",
            "GSpherical:",
            "<GSpherical:StereoMode",
            "<GSpherical:StereoMode>",
            "GSpherical:StereoMode='",
        ] {
            assert_eq!(read_all(xml).0, Statements::default(), "{xml}");
        }
        let (stated, notes) = read_all(&WHOLE.replace("equirectangular", "cylindrical"));
        assert_eq!((stated.projection, notes.len()), (None, 1));
        let nought = "FullPanoWidthPixels CroppedAreaImageWidthPixels CroppedAreaLeftPixels FullPanoHeightPixels \
            CroppedAreaImageHeightPixels CroppedAreaTopPixels";
        let nought: String = nought.split_whitespace().map(|name| element(name, "0")).collect();
        assert_eq!(read_all(&format!("{WHOLE}{nought}")).1.len(), 1, "no division by nought");
        for cut in 0..WHOLE.len() {
            read_all(&WHOLE[..cut]);
        }
    }
}
