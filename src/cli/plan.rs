//! `vrpipe plan`: what `run` would do with the same options.
#![forbid(unsafe_code)]

use super::args::PlanArgs;
use super::{run, say};
use crate::pipeline::{FileForecast, Forecast, forecast};
use indicatif::{HumanBytes, HumanDuration};
use std::time::Duration;

pub(super) fn plan(args: &PlanArgs) -> anyhow::Result<u8> {
    let (settings, jobs) = run::resolve(&args.run)?;
    let forecast = forecast(&jobs, &settings)?;
    if args.json {
        say(&serde_json::to_string_pretty(&forecast)?);
    } else {
        let count = forecast.files.len();
        let mut lines: Vec<String> =
            forecast.files.iter().enumerate().flat_map(|(at, file)| describe(at, count, file)).collect();
        lines.extend(whole(&forecast));
        say(&lines.join("\n"));
    }
    Ok(forecast.files.iter().map(|file| file.exit_code).find(|&code| code != 0).unwrap_or(0))
}

fn describe(at: usize, count: usize, file: &FileForecast) -> Vec<String> {
    let mut lines =
        vec![format!("[{}/{count}] {} -> {}", at + 1, file.input.display(), file.output.display())];
    if let Some(error) = &file.error {
        lines.push(format!("  cannot be done: {error}"));
        return lines;
    }
    lines.extend(file.found.iter().map(|line| format!("  {line}")));
    let frames = file.frames.map_or("an unknown number of frames".to_owned(), |n| format!("{n} frames"));
    lines.push(format!("  {frames} in {}", segments(file.segments)));
    if file.is_current {
        let are = if file.outputs.len() > 1 { "outputs are" } else { "output is" };
        lines.push(format!("  the {are} there, complete and current: nothing to do"));
    }
    lines.extend(left(file).into_iter().map(|line| format!("  {line}")));
    lines.extend(file.notes.iter().map(|note| format!("  note: {note}")));
    lines
}

fn segments(count: usize) -> String {
    format!("{count} segment{}", if count == 1 { "" } else { "s" })
}

/// What becomes of what an earlier run has left.
fn left(file: &FileForecast) -> Vec<String> {
    let mut lines = Vec::new();
    if file.segments_there > 0 {
        let (there, of, frames) = (file.segments_there, segments(file.segments), file.frames_there);
        lines.push(format!(
            "goes on where an earlier run was left: {there} of {of} are there and kept, {frames} frames"
        ));
    }
    if file.segments_partly > 0 {
        let partly = segments(file.segments_partly);
        lines.push(format!("{partly} there and kept for some of the outputs, made for the others"));
    }
    if let Some(why) = &file.useless {
        lines.push(match file.segments_useless {
            0 => format!("what an earlier run has left is of no use: {why}"),
            count => format!("made anew: {} that an earlier run has left, of no use: {why}", segments(count)),
        });
    }
    lines
}

fn whole(forecast: &Forecast) -> Vec<String> {
    let (Some(lanes), Some(need)) = (&forecast.lanes, forecast.need) else {
        return vec!["nothing to do".to_owned()];
    };
    let device = match need.device_bytes {
        0 => String::new(),
        bytes => format!(", {} on the GPUs", HumanBytes(bytes)),
    };
    let per_device: Vec<String> = lanes.per_device.iter().map(usize::to_string).collect();
    vec![
        format!("lanes    {} ({}), {} CPU threads", per_device.join(" + "), lanes.limit, lanes.threads),
        format!("memory   {}{device}", HumanBytes(need.host_bytes)),
        format!(
            "disk     about {} of outputs, at most about {} at one time besides finished ones",
            HumanBytes(forecast.output_bytes),
            HumanBytes(forecast.temporary_bytes),
        ),
        format!(
            "time     about {}",
            HumanDuration(Duration::from_secs_f64(forecast.seconds.clamp(0.0, 1e9)))
        ),
    ]
}
