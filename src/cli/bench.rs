//! `vrpipe bench`: options to a measurement; prints its table or JSON, compares, writes the page.
#![forbid(unsafe_code)]

use super::bench_args::{BenchArgs, Drawn};
use super::{interrupt, run, say};
use crate::pipeline::bench::{BenchOptions, BenchReport, Comparison, Subject, bench, compare, page, table};
use crate::pipeline::{Error, PendingFile};
use anyhow::Context;
use serde_json::json;
use std::io::Write;
use std::path::Path;

pub(super) fn run_bench(args: &BenchArgs) -> anyhow::Result<u8> {
    // Before an hour of measuring, not after it.
    let old = args.compare.as_deref().map(read).transpose()?;
    let settings = run::bench_settings(args)?;
    let subject = match (&args.input, args.synthetic) {
        (Some(path), _) => Subject::File(path.clone()),
        (None, Some(Drawn { size, frames })) => {
            Subject::Drawn { size, frames, codec: args.codec.map(Into::into) }
        }
        (None, None) => return Err(Error::Usage("an input or --synthetic is needed".into()).into()),
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(settings.threads);
    threads.thread_name(|_| "rayon".to_owned()).build_global().context("thread pool")?;
    interrupt::install().context("signal handler")?;
    let options =
        BenchOptions { subject, settings, synthetic_weights: args.synthetic_weights, seconds: args.seconds };
    let tell = |what: &str| super::tell(&format!("measuring: {what}"));
    let report = bench(&options, &tell, &interrupt::STOP)?;
    if let Some(path) = &args.html {
        write(path, page(&report).as_bytes())?;
    }
    let comparison = old.map(|old| compare(&old, &report));
    if args.json {
        let mut all = serde_json::to_value(&report)?;
        if let Some(comparison) = comparison {
            all["comparison"] = json!(comparison);
        }
        say(&serde_json::to_string_pretty(&all)?);
    } else {
        say(&table(&report));
        comparison.iter().for_each(|rows| say(&compared(rows)));
    }
    Ok(0)
}

fn compared(rows: &[Comparison]) -> String {
    let head = format!("\n{:<24}{:>10}{:>10}{:>9}", "frames/s", "old", "new", "ratio");
    std::iter::once(head).chain(rows.iter().map(Comparison::to_string)).collect::<Vec<_>>().join("\n")
}

/// An earlier report.
fn read(path: &Path) -> Result<BenchReport, Error> {
    let told = |why: String| Error::Usage(format!("--compare {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| told(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| told(format!("no report of this version's bench: {error}")))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Output { path: path.to_path_buf(), source };
    let (pending, mut file) = PendingFile::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    pending.commit(&file).map_err(failed)
}
