//! Which frame packing to take: what the user says, what the container states, the marks that VR
//! players read in file names, else mono.
//!
//! Pure. The shape of a frame is not asked: 2:1 is every mono 360-degree file and every
//! side-by-side 180-degree one.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::layout::{Evidence, Layout, Packing};

/// Marks between delimiters in a file name, lower case (DeoVR, Skybox, Meta, CoMMedia).
const MARKS: [(&str, Packing); 20] = [
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

/// The packing to use, with what it rests on. `container` is the packing that the container states
/// with its wording, `option` the user's choice. The last mark in a name counts: titles come first.
pub fn choose_layout(
    container: Option<&(Packing, String)>,
    file_name: &Path,
    option: Option<Packing>,
) -> Layout {
    if let Some(packing) = option {
        return Layout { packing, evidence: Evidence::Option, detail: format!("{packing}, as asked for") };
    }
    if let Some((packing, detail)) = container {
        return Layout { packing: *packing, evidence: Evidence::Container, detail: detail.clone() };
    }
    if let Some((packing, mark)) = mark(file_name) {
        let detail = format!("mark {mark:?} in the file name");
        return Layout { packing, evidence: Evidence::FileName, detail };
    }
    let detail = "neither the container nor the file name says anything".to_owned();
    Layout { packing: Packing::Mono, evidence: Evidence::Default, detail }
}

/// The last mark in the name without its extension.
fn mark(file_name: &Path) -> Option<(Packing, String)> {
    let stem = file_name.file_stem()?.to_string_lossy().into_owned();
    let tokens = stem.split(['_', '-', '.', ' ', '(', ')', '[', ']']).filter(|t| !t.is_empty());
    tokens.filter_map(|token| Some((packing_of(token)?, token.to_owned()))).last()
}

/// The packing of one mark; the field of view may be written onto it, as in LR180 or 360TB.
fn packing_of(token: &str) -> Option<Packing> {
    let lower = token.to_ascii_lowercase();
    let known = |t: &str| MARKS.iter().find(|(mark, _)| *mark == t).map(|(_, packing)| *packing);
    known(&lower).or_else(|| {
        ["180x180", "180", "360"]
            .iter()
            .find_map(|view| lower.strip_prefix(view).or_else(|| lower.strip_suffix(view)).and_then(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(name: &str) -> (Packing, Evidence) {
        let layout = choose_layout(None, Path::new(name), None);
        (layout.packing, layout.evidence)
    }

    #[test]
    fn marks_of_the_players() {
        use Packing::*;
        for (name, packing) in [
            ("film_180_LR.mp4", SideBySide),
            ("film_LR_180.mp4", SideBySide),
            ("/a/b_TB/film_sbs.mkv", SideBySide),
            ("film.3dh.180x180.mp4", SideBySide),
            ("Film (HSBS) [8K].mp4", SideBySide),
            ("film-180LR.mp4", SideBySide),
            ("film_LR360.webm", SideBySide),
            ("film_180x180_3dv.mp4", TopBottom),
            ("film_OverUnder_360.mp4", TopBottom),
            ("film_360_HOU.mp4", TopBottom),
            ("film_TB.mov", TopBottom),
            ("film_RL.mp4", SideBySideSwapped),
            ("film_bt.mp4", TopBottomSwapped),
            ("The.OU.Story_180_SBS_FISHEYE190_alpha.mp4", SideBySide),
            ("holiday_mono_360.mp4", Mono),
        ] {
            assert_eq!(by_name(name), (packing, Evidence::FileName), "{name}");
        }
    }

    #[test]
    fn words_that_only_contain_a_mark_are_not_marks() {
        for name in
            ["film_180.mp4", "lrfilm.mp4", "TBD_output.mp4", "film_bt2020.mkv", "colour.mp4", "film.sbs", ""]
        {
            assert_eq!(by_name(name), (Packing::Mono, Evidence::Default), "{name}");
        }
    }

    #[test]
    fn the_user_wins_over_the_container_and_that_over_the_name() {
        let stated = (Packing::TopBottom, "box st3d: stereo mode 1".to_owned());
        let name = Path::new("x_LR.mp4");
        let layout = choose_layout(Some(&stated), name, None);
        assert_eq!((layout.packing, layout.evidence), (Packing::TopBottom, Evidence::Container));
        assert_eq!(layout.detail, stated.1);
        let layout = choose_layout(Some(&stated), name, Some(Packing::Mono));
        assert_eq!((layout.packing, layout.evidence), (Packing::Mono, Evidence::Option));
    }
}
