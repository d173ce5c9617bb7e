//! `vrpipe run`: options to settings, then the batch.
#![forbid(unsafe_code)]

use super::bench_args::BenchArgs;
use super::engine_args::EngineArgs;
use super::run_args::{AudioArg, MatteArg, QualityArg, RunArgs};
use super::{interrupt, progress, tell};
use crate::kernels::key::KeyColour;
use crate::lane::Touch;
use crate::layout::LayoutChoice;
use crate::pipeline::{
    Destination, Detail, EngineSettings, Error, HdrChoice, Job, MatteChoice, Part, PendingFile, RunReport,
    Settings, Wanted, assign_outputs, find_inputs, run_batch,
};
use crate::sound::AudioChoice;
use crate::vp9::Quality;
use anyhow::Context;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

pub(super) fn run(args: RunArgs) -> anyhow::Result<u8> {
    let (settings, jobs) = resolve(&args)?;
    // A file's own folder is the user's to make, as with any program; folders of results are ours.
    let results = jobs.iter().filter(|_| args.destination.out_dir.is_some());
    let results = results.flat_map(|job| &job.outputs).filter_map(|target| target.path.parent());
    for folder in results.chain(settings.temp_dir.as_deref()) {
        let failed = |source| Error::Output { path: folder.to_path_buf(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build_global().context("thread pool")?;
    interrupt::install().context("signal handler")?;
    // Before hours of work rather than after them.
    let pending = args.report.as_deref().map(begin_report).transpose()?;
    let observer = progress::observer(args.progress);
    let report = run_batch(&jobs, &settings, observer.as_ref(), &interrupt::STOP)?;
    drop(observer);
    if let (Some(path), Some(pending)) = (&args.report, pending) {
        write_report(path, pending, &report)?;
    }
    if jobs.len() > 1 {
        let done = report.files.iter().filter(|file| file.exit_code == 0).count();
        tell(&format!("{done} of {} files done in {:.1} s", jobs.len(), report.wall_seconds));
    }
    Ok(report.exit_code)
}

/// The settings of a run, and its jobs.
pub(super) fn resolve(args: &RunArgs) -> Result<(Settings, Vec<Job>), Error> {
    let settings = settings(args)?;
    let destination = match (&args.destination.out, &args.destination.out_dir) {
        (Some(file), _) => Destination::File(file.clone()),
        (None, Some(folder)) => Destination::Folder(folder.clone(), args.shape.names.into()),
        (None, None) => return Err(Error::Usage("-o or --out-dir is needed".into())),
    };
    let inputs = find_inputs(&args.inputs, args.destination.out_dir.as_deref())?;
    let kinds = args.outputs.kinds();
    let wanted = Wanted { kinds: &kinds, choice: &settings.layout, fisheye_fov: settings.fisheye_fov };
    let jobs = assign_outputs(&inputs, &destination, &wanted)?;
    Ok((settings, jobs))
}

fn settings(args: &RunArgs) -> Result<Settings, Error> {
    let network = (args.model.as_str(), args.ratio.map_or(Detail::Pixels(args.detail), Detail::Ratio));
    Ok(Settings {
        matte: matte(args.matte, network, &args.key_colour)?,
        device: args.device.clone(),
        layout: args.shape.choice(),
        part: args.part.part(),
        hdr: args.shape.hdr.into(),
        touch: args.touch.touch(),
        engine: engine(&args.engine),
        quality: quality(args.quality),
        encoder: args.encoder.into(),
        crf: args.crf,
        fisheye_fov: args.outputs.fisheye_fov.0,
        audio: match args.audio {
            AudioArg::Auto => AudioChoice::Auto,
            AudioArg::Copy => AudioChoice::Copy,
            AudioArg::None => AudioChoice::None,
        },
        threads: threads(args.threads),
        stall: Duration::from_secs(args.stall.into()),
        overwrite: args.overwrite,
        segment: args.segment.0,
        warm_up: args.warm_up,
        lanes: args.lanes.map(usize::from),
        retries: args.retries,
        temp_dir: args.temp_dir.clone(),
    })
}

/// The settings of a measurement: as a run's, where both have them.
pub(super) fn bench_settings(args: &BenchArgs) -> Result<Settings, Error> {
    Ok(Settings {
        matte: matte(args.matte, (&args.model, Detail::Pixels(args.detail)), "auto")?,
        device: args.device.clone(),
        layout: LayoutChoice { packing: args.layout.packing(), projection: None },
        part: Part::default(),
        hdr: HdrChoice::Map,
        touch: Touch::default(),
        engine: engine(&args.engine),
        quality: quality(args.quality),
        encoder: args.encoder.into(),
        crf: args.crf,
        fisheye_fov: None,
        audio: AudioChoice::None,
        threads: threads(args.threads),
        stall: super::STALL,
        overwrite: true,
        segment: args.segment.0,
        warm_up: 32,
        lanes: args.lanes.map(usize::from),
        retries: 0,
        temp_dir: args.temp_dir.clone(),
    })
}

fn engine(args: &EngineArgs) -> EngineSettings {
    EngineSettings { choice: args.engine.into(), tensorrt_lib: args.tensorrt_lib.clone() }
}

fn matte(how: MatteArg, (model, detail): (&str, Detail), key_colour: &str) -> Result<MatteChoice, Error> {
    Ok(match how {
        MatteArg::Rvm => MatteChoice::Network { model: model.to_owned(), detail },
        MatteArg::Chroma => MatteChoice::Chroma {
            colour: match key_colour {
                "auto" => None,
                text => Some(text.parse::<KeyColour>().map_err(|e| Error::Usage(e.to_string()))?),
            },
        },
    })
}

fn quality(quality: QualityArg) -> Quality {
    match quality {
        QualityArg::Fast => Quality::Fast,
        QualityArg::Balanced => Quality::Balanced,
        QualityArg::Best => Quality::Best,
    }
}

fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

fn begin_report(path: &Path) -> Result<(PendingFile, File), Error> {
    PendingFile::create(path).map_err(|source| Error::Output { path: path.to_path_buf(), source })
}

fn write_report(
    path: &Path,
    (pending, mut file): (PendingFile, File),
    report: &RunReport,
) -> Result<(), Error> {
    let failed = |source| Error::Output { path: path.to_path_buf(), source };
    let mut text = serde_json::to_vec_pretty(report).map_err(|e| failed(e.into()))?;
    text.push(b'\n');
    file.write_all(&text).map_err(failed)?;
    pending.commit(&file).map_err(failed)
}
