//! The outcome of a verification.
#![forbid(unsafe_code)]

use crate::frame::Size;
use std::path::{Path, PathBuf};

/// What lossy coding may leave of a matte that is one value, in codes.
const MAX_ERROR: u8 = 2;

/// One thing that was checked.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    /// What should be so.
    pub name: &'static str,
    /// Whether it is.
    pub ok: bool,
    /// Whether somebody should look at it all the same.
    pub notice: bool,
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
        self.checks.push(Check { name, ok, notice: false, detail: detail.into() });
    }

    /// Checks that a matte from `low` to `high` is not one value throughout. One that is clear or solid throughout
    /// may well be right, so that it is only noted: nobody was in the picture, or nothing else. The two values are
    /// `ends`.
    pub(super) fn varies(
        &mut self,
        name: &'static str,
        (low, high): (u8, u8),
        ends: [u8; 2],
        detail: impl Into<String>,
    ) {
        let detail = detail.into();
        let near = |end: u8| low <= high && [low, high].iter().all(|code| code.abs_diff(end) <= MAX_ERROR);
        let why = match ends.map(near) {
            [true, _] => "it is clear throughout: nobody is in the picture",
            [_, true] => "it is solid throughout: nothing is left out",
            _ => return self.check(name, low < high, detail),
        };
        let detail = format!("{detail}; {why}");
        self.checks.push(Check { name, ok: true, notice: true, detail });
    }

    /// Whether every check holds.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matte_of_one_value_is_noted_where_it_can_be_right() {
        let checked = |range, ends| {
            let mut report = VerifyReport::new(Path::new("x.webm"));
            report.varies("matte varies", range, ends, "seen");
            let check = report.checks.remove(0);
            (check.ok, check.notice, check.detail.contains("throughout"))
        };
        assert_eq!(checked((0, 255), [0, 255]), (true, false, false));
        assert_eq!(checked((0, 3), [0, 255]), (true, false, false));
        assert_eq!(checked((0, 0), [0, 255]), (true, true, true));
        assert_eq!(checked((254, 254), [0, 255]), (true, true, true));
        assert_eq!(checked((15, 17), [16, 235]), (true, true, true));
        assert_eq!(checked((128, 128), [0, 255]), (false, false, false));
        assert_eq!(checked((255, 0), [0, 255]), (false, false, false), "nothing was seen");
    }
}
