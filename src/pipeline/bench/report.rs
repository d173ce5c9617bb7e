//! The result of a measurement: what is written as JSON, read back to compare, and shown.
#![forbid(unsafe_code)]

use crate::pipeline::report::QueueReport;
use serde::{Deserialize, Serialize};

/// What a stage works on; stages on the same one take turns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// CPU cores.
    Cpu,
    /// The GPU's multiprocessors and its copies.
    Gpu,
    /// The GPU's decoders.
    Nvdec,
    /// Files.
    Disk,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU",
            Self::Nvdec => "NVDEC",
            Self::Disk => "files",
        })
    }
}

/// One measurement of one stage alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StageRow {
    /// Name.
    pub stage: String,
    /// What it works on.
    pub on: Resource,
    /// Copies of it at work at once.
    pub workers: usize,
    /// Threads of each.
    pub threads: usize,
    /// Frames done by all.
    pub frames: u64,
    /// Frames per second of all together: the ceiling with so many workers.
    pub fps: f64,
    /// Median time of a frame in milliseconds; in one worker where there are several.
    pub p50_ms: f64,
    /// 99th percentile of the same.
    pub p99_ms: f64,
    /// Share of the lanes' time in the whole run that it was at work (decoding: waited for).
    pub busy_share: Option<f64>,
}

/// Time of one stage clock in the whole run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClockRow {
    /// Name.
    pub stage: String,
    /// Seconds at work, the sum of all lanes.
    pub busy_seconds: f64,
    /// Share of the wall time of all lanes.
    pub busy_share: f64,
}

/// CPU time of the threads of one name in the whole run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ThreadRow {
    /// Name as the system knows it; children of the process by the name of their program.
    pub name: String,
    /// Most threads of this name at one time.
    pub threads: usize,
    /// CPU time in seconds.
    pub cpu_seconds: f64,
}

/// A GPU at one moment; what the driver does not tell is absent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct GpuSample {
    /// Its name.
    pub name: String,
    /// Share of time with a kernel at work, in percent.
    pub sm_percent: Option<u32>,
    /// Load of the decoders, in percent.
    pub nvdec_percent: Option<u32>,
    /// Memory in use, in bytes.
    pub memory_bytes: Option<u64>,
    /// From device to host over PCIe, in KB/s.
    pub pcie_to_host_kb_s: Option<u32>,
    /// From host to device over PCIe, in KB/s.
    pub pcie_to_device_kb_s: Option<u32>,
    /// Power in watts.
    pub power_w: Option<f64>,
}

/// The machine at one moment of the whole run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at_s: f64,
    /// Frames written until then.
    pub frames: u64,
    /// CPU cores that this process and its children kept busy since the sample before.
    pub cpu_cores: f64,
    /// The GPUs.
    pub gpus: Vec<GpuSample>,
}

/// What was seen of the machine during the whole run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sampling {
    /// In order of time.
    pub samples: Vec<Sample>,
    /// CPU time by name of thread, most first.
    pub threads: Vec<ThreadRow>,
    /// Time that taking the samples took, in seconds; mostly waits for the driver.
    pub seconds: f64,
    /// CPU time of the sampling thread, in seconds, as far as the system counts such short times.
    pub cpu_seconds: f64,
    /// Why there is nothing about GPUs; absent when there is.
    pub no_gpus: Option<String>,
}

/// The run of everything.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Whole {
    /// Frames written.
    pub frames: u64,
    /// Time in seconds, set-up included.
    pub wall_seconds: f64,
    /// Frames per second from the first segment on.
    pub fps: f64,
    /// Lanes that it had.
    pub lanes: usize,
    /// Bytes written.
    pub output_bytes: u64,
    /// What the lanes waited for most, by their clocks.
    pub limit: Option<String>,
    /// The clocks.
    pub clocks: Vec<ClockRow>,
    /// How full the queues between stages were, in a lane.
    pub queues: Vec<QueueReport>,
    /// The machine meanwhile.
    pub sampling: Sampling,
}

/// A whole measurement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BenchReport {
    /// Version of this program.
    pub version: String,
    /// The input, or what was drawn.
    pub input: String,
    /// Size and depth of its frames, and what decodes it.
    pub video: String,
    /// Where the network works.
    pub device: String,
    /// What runs it there, in all that was measured; empty for a chroma key, and in reports of earlier versions.
    #[serde(default)]
    pub engine: String,
    /// How the background is found.
    pub matte: String,
    /// Encoder preset.
    pub quality: String,
    /// CPU threads that were used.
    pub threads: usize,
    /// Lanes that the machine can carry.
    pub lanes: usize,
    /// Share of the 16x16 blocks in which something was visible in the frames that were encoded.
    pub visible_share: f64,
    /// Each stage alone, in the order of the data flow.
    pub stages: Vec<StageRow>,
    /// The run of everything.
    pub whole: Whole,
    /// The limit and the headroom behind it, in a sentence.
    pub limit: String,
    /// What should be known of these figures.
    pub notes: Vec<String>,
}

impl BenchReport {
    /// Where the network works, and what runs it there.
    pub(super) fn network(&self) -> String {
        let Self { device, engine, .. } = self;
        if engine.is_empty() { device.clone() } else { format!("{device} ({engine})") }
    }

    /// The best row of each stage, in the order of the data flow.
    pub fn ceilings(&self) -> Vec<&StageRow> {
        let mut best: Vec<&StageRow> = Vec::new();
        for row in &self.stages {
            match best.iter_mut().find(|other| other.stage == row.stage) {
                Some(other) if row.fps > other.fps => *other = row,
                Some(_) => {}
                None => best.push(row),
            }
        }
        best
    }
}

/// Reports to test with.
#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    pub fn row(stage: &str, on: Resource, workers: usize, fps: f64) -> StageRow {
        let (p50_ms, p99_ms) = (1e3 / fps, 2e3 / fps);
        let (stage, busy_share) = (stage.to_owned(), Some(0.5));
        StageRow { stage, on, workers, threads: 1, frames: 100, fps, p50_ms, p99_ms, busy_share }
    }

    pub fn report(stages: Vec<StageRow>) -> BenchReport {
        let gpu = GpuSample { name: "a <GPU> & more".into(), sm_percent: Some(40), ..GpuSample::default() };
        let sample = |at: u32| Sample {
            at_s: f64::from(at) * 0.25,
            frames: u64::from(at) * 6,
            cpu_cores: f64::from(at % 4),
            gpus: vec![gpu.clone()],
        };
        let sampling = Sampling { samples: (0..20).map(sample).collect(), ..Sampling::default() };
        let clock = ClockRow { stage: "encode".into(), busy_seconds: 3.0, busy_share: 0.75 };
        let depth = crate::telemetry::Depth { mean: 4.25, most: 6 };
        let queue = QueueReport { queue: "composed".into(), depth };
        BenchReport {
            version: "1".into(),
            input: "clip <1>.mp4".into(),
            video: "64x32".into(),
            device: "CPU".into(),
            engine: "none & <such>".into(),
            matte: "none".into(),
            quality: "fast".into(),
            threads: 4,
            lanes: 2,
            visible_share: 0.25,
            stages,
            whole: Whole {
                frames: 120,
                wall_seconds: 4.0,
                fps: 30.0,
                lanes: 2,
                output_bytes: 1 << 20,
                limit: None,
                clocks: vec![clock],
                queues: vec![queue],
                sampling,
            },
            limit: "encoding limits".into(),
            notes: vec!["a note".into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{report, row};
    use super::*;

    #[test]
    fn a_ceiling_is_the_best_of_a_stage_and_json_goes_round() {
        let rows = vec![
            row("decode", Resource::Nvdec, 1, 117.0),
            row("decode", Resource::Nvdec, 4, 445.0),
            row("encode", Resource::Cpu, 8, 31.0),
        ];
        let report = report(rows);
        let best: Vec<_> = report.ceilings().iter().map(|row| (row.workers, row.fps)).collect();
        assert_eq!(best, [(4, 445.0), (8, 31.0)]);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<BenchReport>(&text).unwrap(), report);
    }
}
