//! `vrpipe verify`: prints the checks; exit code 1 when one fails.
#![forbid(unsafe_code)]

use super::args::VerifyArgs;
use super::{STALL, say};
use crate::pipeline::verify::{self, Check};

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let report = verify::verify(&args.output, args.against.as_deref(), STALL)?;
    let ok = report.ok();
    if args.json {
        let mut all = serde_json::to_value(&report)?;
        all["ok"] = ok.into();
        say(&serde_json::to_string_pretty(&all)?);
    } else {
        let size = report.size.map_or(String::new(), |size| format!(", {size}"));
        let seconds = report.duration_seconds.map_or(String::new(), |s| format!(", {s:.2} s"));
        let mut lines = vec![format!("{}: {} frames{size}{seconds}", report.file.display(), report.frames)];
        for check in &report.checks {
            let verdict = match check {
                Check { ok: false, .. } => "FAIL",
                Check { notice: true, .. } => "note",
                _ => "ok",
            };
            lines.push(format!("  {verdict:4} {}: {}", check.name, check.detail));
        }
        say(&lines.join("\n"));
    }
    Ok(u8::from(!ok))
}
