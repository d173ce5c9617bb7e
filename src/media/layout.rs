//! Which layout to take for a video track in a file of some name; the rules are `crate::layout`'s.
#![forbid(unsafe_code)]

use std::path::Path;

use super::info::VideoTrack;
use crate::layout::{Layout, LayoutChoice, choose};

/// The layout to use, with what it rests on.
pub fn choose_layout(video: &VideoTrack, file_name: &Path, choice: &LayoutChoice) -> Layout {
    choose(&video.layout, video.size, file_name, choice)
}
