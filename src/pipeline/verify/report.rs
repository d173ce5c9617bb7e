//! The outcome of a verification.
#![forbid(unsafe_code)]

use crate::frame::Size;
use std::path::{Path, PathBuf};

/// One thing that was checked.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    /// What should be so.
    pub name: &'static str,
    /// Whether it is.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
}

/// Everything that was seen of one output.
#[derive(Clone, Debug, serde::Serialize)]
pub struct VerifyReport {
    /// The file.
    pub file: PathBuf,
    /// Size of its frames.
    pub size: Option<Size>,
    /// Frames that decode.
    pub frames: u64,
    /// Duration that the container states.
    pub duration_seconds: Option<f64>,
    /// The checks, in the order made.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_path_buf(), size: None, frames: 0, duration_seconds: None, checks: Vec::new() }
    }

    pub(super) fn check(&mut self, name: &'static str, ok: bool, detail: impl Into<String>) {
        self.checks.push(Check { name, ok, detail: detail.into() });
    }

    /// Whether every check holds.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}
