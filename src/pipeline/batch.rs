//! A run over many files: names of outputs, one file after another, a report of all.
#![forbid(unsafe_code)]

use super::device::Found;
use super::error::Error;
use super::job::run_job;
use super::matting::Models;
use super::progress::Observer;
use super::report::RunReport;
use super::settings::{Job, MatteChoice, Settings};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Where results are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The one input's result.
    File(PathBuf),
    /// Every input's result, by its name.
    Folder(PathBuf),
}

/// Gives each input its output.
///
/// # Errors
/// Several inputs for one file, two inputs with the same output, an output that is an input.
pub fn assign_outputs(inputs: &[PathBuf], destination: &Destination) -> Result<Vec<Job>, Error> {
    let jobs: Vec<Job> = match destination {
        Destination::File(output) => {
            let [input] = inputs else {
                let n = inputs.len();
                return Err(Error::Usage(format!("--output takes one input, {n} were given; use --out-dir")));
            };
            vec![Job { input: input.clone(), output: output.clone() }]
        }
        Destination::Folder(folder) => inputs
            .iter()
            .map(|input| {
                let stem = input.file_stem().ok_or_else(|| {
                    Error::Usage(format!("{} has no file name to derive the output's from", input.display()))
                })?;
                let mut name = stem.to_os_string();
                name.push(".webm");
                Ok(Job { input: input.clone(), output: folder.join(name) })
            })
            .collect::<Result<_, Error>>()?,
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let sources: Vec<PathBuf> = inputs.iter().map(|path| real(path)).collect();
    let mut taken: HashMap<&Path, &Path> = HashMap::new();
    for Job { input, output } in &jobs {
        if sources.contains(&real(output)) {
            let what = if real(output) == real(input) { "the input itself" } else { "an input of this run" };
            return Err(Error::Usage(format!("output {} is {what}", output.display())));
        }
        if let Some(other) = taken.insert(output, input) {
            let (a, b, o) = (other.display(), input.display(), output.display());
            return Err(Error::Usage(format!("{a} and {b} would both be written to {o}")));
        }
    }
    Ok(jobs)
}

/// Does all jobs, one after another; a failed one does not stop the others, a signal does.
///
/// # Errors
/// Only what makes every file pointless: weights that cannot be had, a folder that cannot be made.
pub fn run_batch(
    jobs: &[Job],
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<RunReport, Error> {
    let start = Instant::now();
    let models = Models::default();
    let found = Found::new(settings.device)?;
    if let MatteChoice::Network { model, .. } = &settings.matte {
        // Asked for before the first file is opened: without weights no file can be done.
        models.get(model)?;
    }
    let mut files = Vec::new();
    let mut exit_code = 0;
    for (index, job) in jobs.iter().enumerate() {
        let report = run_job(job, (index, jobs.len()), settings, (&found, &models), observer, cancel);
        // The first failure decides; the report has them all.
        if exit_code == 0 {
            exit_code = report.exit_code;
        }
        files.push(report);
        if cancel.load(Ordering::Relaxed) {
            exit_code = Error::Interrupted.fault().exit_code();
            break;
        }
    }
    let wall_seconds = start.elapsed().as_secs_f64();
    Ok(RunReport { version: env!("CARGO_PKG_VERSION"), wall_seconds, exit_code, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(inputs: &[&str], destination: Destination) -> Result<Vec<Job>, Error> {
        assign_outputs(&inputs.iter().map(PathBuf::from).collect::<Vec<_>>(), &destination)
    }

    #[test]
    fn outputs_are_named_after_their_inputs() {
        let jobs = assign(&["a/x_LR_180.mp4", "y.mkv"], Destination::Folder("out".into())).unwrap();
        assert_eq!(jobs[0].output, Path::new("out/x_LR_180.webm"));
        assert_eq!(jobs[1].output, Path::new("out/y.webm"));
    }

    #[test]
    fn collisions_are_refused_before_work_begins() {
        let folder = || Destination::Folder("out".into());
        let message = |r: Result<Vec<Job>, Error>| r.unwrap_err().to_string();
        assert!(message(assign(&["a/x.mp4", "b/x.mkv"], folder())).contains("both be written"));
        assert!(message(assign(&["out/x.webm"], folder())).contains("input itself"));
        assert!(message(assign(&["a", "b"], Destination::File("c".into()))).contains("--out-dir"));
        assert!(message(assign(&["a"], Destination::File("a".into()))).contains("input itself"));
    }
}
