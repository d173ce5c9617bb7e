//! Stage size: how small a copy of an eye the network sees.
#![forbid(unsafe_code)]

/// Size in pixels of the small copy that the network sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct StageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}
