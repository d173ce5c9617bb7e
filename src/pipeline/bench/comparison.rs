//! Two measurements beside each other: ratios by stage.
#![forbid(unsafe_code)]

use super::report::BenchReport;
use super::sentence::number;

/// New over old for one figure.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Comparison {
    /// Stage, workers and threads; or `whole`.
    pub what: String,
    /// Frames per second before; absent when it was not measured.
    pub old_fps: Option<f64>,
    /// Frames per second now; absent when it was not measured.
    pub new_fps: Option<f64>,
    /// Now over before.
    pub ratio: Option<f64>,
}

/// Every figure of either report, those of `new` first.
pub fn compare(old: &BenchReport, new: &BenchReport) -> Vec<Comparison> {
    let (old, new) = (figures(old), figures(new));
    let find = |all: &[(String, f64)], what: &str| all.iter().find(|(name, _)| name == what).map(|f| f.1);
    let only_old = old.iter().filter(|(what, _)| find(&new, what).is_none());
    new.iter()
        .chain(only_old)
        .map(|(what, _)| {
            let (old_fps, new_fps) = (find(&old, what), find(&new, what));
            let ratio = old_fps.filter(|&fps| fps > 0.0).zip(new_fps).map(|(old, new)| new / old);
            Comparison { what: what.clone(), old_fps, new_fps, ratio }
        })
        .collect()
}

fn figures(report: &BenchReport) -> Vec<(String, f64)> {
    let row = |row: &super::StageRow| (format!("{} {}x{}", row.stage, row.workers, row.threads), row.fps);
    report.stages.iter().map(row).chain([("whole".to_owned(), report.whole.fps)]).collect()
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fps = |fps: Option<f64>| fps.map_or("-".to_owned(), number);
        let ratio = self.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        write!(f, "{:<24}{:>10}{:>10}{:>9}", self.what, fps(self.old_fps), fps(self.new_fps), ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Resource;
    use super::super::report::fixture::{report, row};
    use super::*;

    #[test]
    fn ratios_are_by_stage_and_number_of_workers() {
        let old = report(vec![row("decode", Resource::Cpu, 1, 50.0), row("mux", Resource::Disk, 1, 9.0)]);
        let new = report(vec![row("decode", Resource::Cpu, 1, 75.0), row("decode", Resource::Cpu, 2, 90.0)]);
        let rows = compare(&old, &new);
        let ratios: Vec<_> = rows.iter().map(|row| (row.what.as_str(), row.ratio)).collect();
        let expected =
            [("decode 1x1", Some(1.5)), ("decode 2x1", None), ("whole", Some(1.0)), ("mux 1x1", None)];
        assert_eq!(ratios, expected);
        assert!(rows[0].to_string().contains("50.0") && rows[0].to_string().ends_with("1.500"));
    }
}
