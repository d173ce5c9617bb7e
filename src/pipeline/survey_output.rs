//! Decides about one output of a file: what it shows, and what its bytes depend on.
#![forbid(unsafe_code)]

use super::error::Error;
use super::outputs::{Look, Looks, OutputKind, Scenery};
use super::plan::OutputPlan;
use super::plan::segments::Segment;
use super::settings::{Settings, Target};
use super::store::{Identity, SourceIdentity};
use crate::layout::{Layout, Packing};
use crate::media::VideoTrack;
use crate::sound::{Action, TrackPlan};
use std::collections::BTreeMap;

/// What all outputs of a file have in common: the source, the settings by name, how it is cut, and what beside the
/// segments goes into a file.
type Work<'a> = (&'a SourceIdentity, &'a BTreeMap<String, String>, &'a [Segment], &'a [String]);

/// The settings that a PNG file does not depend on.
const OF_VIDEO: [&str; 3] = ["encoder", "quality", "crf"];

/// Plans an output. Its identity holds what its own bytes depend on and not which others are made beside it, so
/// that one that is there stays when another is asked for.
///
/// # Errors
/// When the layout cannot be packed, or a picture not be read.
pub(super) fn output(
    target: &Target,
    (source, named, segments, described): Work<'_>,
    (video, layout): (&VideoTrack, &Layout),
    settings: &Settings,
    looks: &Looks,
) -> Result<OutputPlan, Error> {
    let failed = |source| Error::Render { path: target.path.clone(), source };
    let look = Look::new(&target.kind, video, layout, settings.fisheye_fov).map_err(failed)?;
    let mut named = named.clone();
    let kind = match &look {
        // As it was when there was no other kind.
        Look::Alpha => None,
        Look::Png => {
            named.retain(|name, _| !OF_VIDEO.contains(&name.as_str()));
            Some("png".to_owned())
        }
        Look::Matte => {
            named.remove("crf");
            Some("matte".to_owned())
        }
        Look::Backdrop { scenery: Scenery::Colour([r, g, b]), .. } => {
            Some(format!("before #{r:02x}{g:02x}{b:02x}"))
        }
        Look::Backdrop { scenery: Scenery::Picture(path), .. } => {
            let (hash, _) = looks.picture(path).map_err(failed)?;
            Some(format!("before a picture of sha256 {hash}"))
        }
        Look::Packed { geometry, .. } => Some(format!("packed {geometry:?}")),
    };
    named.extend(kind.map(|kind| ("output".to_owned(), kind)));
    let identity = Identity::new(source.clone(), named, segments);
    let work_name = identity.name(&described.join("; "));
    let is_packed = matches!(look, Look::Packed { .. });
    Ok(OutputPlan {
        target: target.clone(),
        size: look.size(video),
        colour: look.colour(video),
        packing: if is_packed { Packing::SideBySide } else { layout.packing },
        look,
        identity,
        work_name,
    })
}

/// What a user should know of an output before it is made.
pub(super) fn output_notes(
    output: &OutputPlan,
    (video, layout): (&VideoTrack, &Layout),
    sound: &[TrackPlan],
) -> Vec<String> {
    let mut notes = Vec::new();
    let OutputPlan { target, look, .. } = output;
    let has_sound = sound.iter().any(|track| !matches!(track.action, Action::LeaveOut { .. }));
    if target.kind == OutputKind::Png && has_sound {
        notes.push("output png: files of pictures hold no sound; it is left out there".to_owned());
    }
    if matches!(look, Look::Backdrop { .. }) && video.colour.is_hdr() {
        notes.push(
            "the background is of standard range: --hdr keep takes its colours as codes of HDR".to_owned(),
        );
    }
    let is_packed = matches!(look, Look::Packed { .. });
    if is_packed && !layout.pose.is_level() {
        notes.push(format!("output packed: the picture is {}, which packed alpha cannot say", layout.pose));
    }
    let name = target.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let has_lens = ["fisheye", "mkx", "vrca"].iter().any(|mark| name.contains(mark));
    if is_packed && !(name.contains("_alpha") && has_lens) {
        notes.push(format!(
            "players find packed alpha by marks in the name, such as ..._LR_180_FISHEYE_F180_alpha.webm; {name} has \
             none"
        ));
    }
    notes
}
