//! The order of a measurement: every stage alone, then the whole, then what it means.
#![forbid(unsafe_code)]

use super::report::{BenchReport, Resource, StageRow, Whole};
use super::scene::Scene;
use super::sentence::sentence;
use super::subject::{BenchOptions, Subject};
use super::whole::whole;
use super::{coded, encoders, on_cpu, on_gpu};
use crate::pipeline::device::Found;
use crate::pipeline::error::Error;
use crate::pipeline::plan::{Coding, MattePlan};
use crate::pipeline::stop::Stop;

/// Measures; `tell` hears what is being done, a line at a time.
///
/// # Errors
/// What a run over the same input fails with; [`Error::Interrupted`] between two stages after a stop.
pub fn bench(options: &BenchOptions, tell: &dyn Fn(&str), stop: &Stop) -> Result<BenchReport, Error> {
    let next = |what: &str| {
        tell(what);
        if stop.is_draining() { Err(Error::Interrupted) } else { Ok(()) }
    };
    next("setting up")?;
    let scene = Scene::new(options, tell, stop)?;
    let device = &scene.setup.devices[0];
    let library = scene.plan.as_ref().and_then(|plan| device.decode_path(&plan.video).0);
    let mut stages = Vec::new();
    next("demux")?;
    stages.extend(encoders::demux(&scene)?);
    let (pictures, frames, own) = match (device, &scene.matte) {
        (Found::Gpu(gpu), MattePlan::Network { model, detail }) => {
            next("decode and matte on the GPU")?;
            let out = on_gpu::stages(&scene, (gpu, library.as_ref()), (model, *detail))?;
            stages.extend(out.rows);
            (out.pictures, out.frames, out.coded)
        }
        _ => {
            next("decode")?;
            stages.extend(on_cpu::decode(&scene)?);
            next("sample, network, compose")?;
            let pictures = scene.pictures()?;
            stages.extend(on_cpu::matting(&scene, &pictures)?);
            let frames = on_cpu::composites(&scene, &pictures)?;
            (pictures, frames, Vec::new())
        }
    };
    if frames.is_empty() {
        return Err(Error::NoFrames { path: scene.name() });
    }
    next("encode")?;
    let packets = match scene.coding {
        Coding::Libvpx => {
            stages.extend(encoders::encode(&scene, &frames)?);
            encoders::packets(&scene, &frames)?
        }
        Coding::Native => {
            stages.extend(coded::bits(&scene, &own)?);
            coded::packets(&scene, &own)?
        }
    };
    next("mux")?;
    stages.extend(encoders::mux(&scene, &packets)?);
    let visible_share = encoders::visible_share(&frames);
    drop((frames, own));
    next("the whole")?;
    let whole = whole(&scene, pictures, stop)?;
    stages.iter_mut().for_each(|row| row.busy_share = busy_share(row, &whole));
    let mut report = BenchReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: input(options),
        video: video(&scene),
        device: device.place(),
        engine: scene.engine.to_owned(),
        matte: scene.matte_text.clone(),
        quality: format!("{:?}", scene.settings.quality).to_lowercase(),
        threads: scene.settings.threads,
        lanes: scene.lanes.count(),
        visible_share,
        stages,
        whole,
        limit: String::new(),
        notes: notes(&scene, options),
    };
    report.limit = sentence(&report.ceilings(), report.whole.fps);
    Ok(report)
}

/// The share by the clock that stands for a stage; by the CPU time of its threads where there is none.
fn busy_share(row: &StageRow, whole: &Whole) -> Option<f64> {
    let clock = match (row.stage.as_str(), row.on) {
        ("decode", _) => "decode (wait)",
        ("sample" | "network" | "compose", Resource::Cpu) => row.stage.as_str(),
        ("encode" | "colour encode" | "encode (bits)", _) => "encode",
        ("mux", _) => "mux",
        ("decode + matte" | "decode to pixels", _) => "device (wait)",
        ("alpha encode", _) => {
            let threads = whole.sampling.threads.iter().filter(|thread| thread.name == "vp9-alpha");
            let busy: f64 = threads.map(|thread| thread.cpu_seconds).sum();
            return Some(busy / (whole.wall_seconds * whole.lanes as f64).max(1e-9));
        }
        _ => return None,
    };
    whole.clocks.iter().find(|row| row.stage == clock).map(|row| row.busy_share)
}

fn input(options: &BenchOptions) -> String {
    match &options.subject {
        Subject::File(path) => path.display().to_string(),
        Subject::Drawn { size, frames, codec: None } => format!("{frames} drawn frames of {size}"),
        Subject::Drawn { size, frames, codec: Some(codec) } => {
            format!("{frames} drawn frames of {size} as {}", codec.name())
        }
    }
}

fn video(scene: &Scene) -> String {
    let (size, depth, packing) = (scene.size, scene.depth, scene.packing);
    let Some(plan) = &scene.plan else {
        return format!("{size}, {depth} bit, {packing}, not decoded");
    };
    let path = scene.setup.devices[0].decode_path_for(&plan.video, &plan.matte);
    let codec = plan.video.codec;
    format!("{codec}, {size}, {depth} bit, {packing}, decoded by {} {}", path.decoder, path.reason)
}

fn notes(scene: &Scene, options: &BenchOptions) -> Vec<String> {
    let mut notes = scene.engine_notes.clone();
    if options.synthetic_weights && matches!(scene.matte, MattePlan::Network { .. }) {
        notes.push(
            "the weights are made up: the matte is nobody's, and what the encoders have to do follows it"
                .into(),
        );
    }
    if scene.setup.devices.len() > 1 {
        notes.push("stages were measured on the first GPU; the whole run used all".to_owned());
    }
    if let Some(plan) = scene.plan.as_ref().filter(|plan| plan.segments.len() > 1) {
        let (segments, ahead) = (plan.segments.len(), scene.settings.warm_up);
        notes.push(format!(
            "the whole run mattes up to {ahead} frames more ahead of each of its {segments} segments"
        ));
    }
    notes.push("busy: share of the lanes' time in the whole run; of decoding, that it was waited for".into());
    notes
}

#[cfg(test)]
mod tests {
    use super::super::report::ThreadRow;
    use super::super::report::fixture::{report, row};
    use super::*;

    #[test]
    fn shares_come_from_the_clock_or_the_thread() {
        let mut whole = report(Vec::new()).whole;
        whole.sampling.threads = vec![ThreadRow { name: "vp9-alpha".into(), threads: 2, cpu_seconds: 2.0 }];
        let share = |stage, on| busy_share(&row(stage, on, 1, 1.0), &whole);
        assert_eq!(share("encode", Resource::Cpu), Some(0.75));
        assert_eq!(share("alpha encode", Resource::Cpu), Some(0.25), "2 s of 2 lanes in 4 s");
        assert_eq!(share("network", Resource::Gpu), None, "the clock counts its enqueueing only");
    }
}
