//! A report as a table for a terminal.
#![forbid(unsafe_code)]

use super::report::{BenchReport, Whole};
use super::sentence::number;
use crate::pipeline::report::QueueReport;

/// The report in lines: head, stages, the whole run, threads, the limit, notes.
pub fn table(report: &BenchReport) -> String {
    let BenchReport { input, video, matte, quality, threads, lanes, whole, .. } = report;
    let network = report.network();
    let mut lines = vec![
        format!("{input}: {video}"),
        format!("network {network}; {matte}; quality {quality}; {threads} CPU threads, lanes: {lanes}"),
        format!("{:.0} % of the frame visible", 100.0 * report.visible_share),
        String::new(),
        format!(
            "{:<16}{:<7}{:>8}{:>9}{:>8}{:>10}{:>9}{:>9}{:>7}",
            "stage", "on", "workers", "threads", "frames", "frames/s", "p50 ms", "p99 ms", "busy"
        ),
    ];
    for row in &report.stages {
        let busy = row.busy_share.map_or("-".to_owned(), percent);
        lines.push(format!(
            "{:<16}{:<7}{:>8}{:>9}{:>8}{:>10}{:>9}{:>9}{:>7}",
            row.stage,
            row.on,
            row.workers,
            row.threads,
            row.frames,
            number(row.fps),
            number(row.p50_ms),
            number(row.p99_ms),
            busy
        ));
    }
    let clocks: Vec<String> = whole
        .clocks
        .iter()
        .filter(|clock| clock.busy_share >= 0.005)
        .map(|clock| format!("{} {}", clock.stage, percent(clock.busy_share)))
        .collect();
    lines.push(String::new());
    lines.push(format!(
        "whole run: {} frames in {:.1} s, lanes: {}; {} frames/s, {:.1} MB",
        whole.frames,
        whole.wall_seconds,
        whole.lanes,
        number(whole.fps),
        whole.output_bytes as f64 / 1e6
    ));
    lines.push(format!("  of the lanes' time: {}", clocks.join(", ")));
    lines.extend(queues_line(whole));
    lines.extend(threads_line(report));
    lines.extend(gpu_lines(report));
    let sampling = &whole.sampling;
    let (taken, cpu) = (sampling.samples.len(), sampling.cpu_seconds);
    lines.push(format!(
        "  watched {taken} times, which took {:.2} s, {cpu:.2} s of CPU time",
        sampling.seconds
    ));
    lines.push(String::new());
    lines.push(report.limit.clone());
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn queues_line(whole: &Whole) -> Option<String> {
    let queue = |row: &QueueReport| format!("{} {:.1} (most {})", row.queue, row.depth.mean, row.depth.most);
    let queues: Vec<String> = whole.queues.iter().map(queue).collect();
    (!queues.is_empty()).then(|| format!("  frames in the queues of a lane, means: {}", queues.join(", ")))
}

fn threads_line(report: &BenchReport) -> Option<String> {
    let threads = &report.whole.sampling.threads;
    let all: f64 = threads.iter().map(|row| row.cpu_seconds).sum();
    let shown: Vec<String> = threads
        .iter()
        .filter(|row| row.cpu_seconds >= 0.01 * all && row.cpu_seconds > 0.0)
        .take(8)
        .map(|row| format!("{} x{} {:.1} s", row.name, row.threads, row.cpu_seconds))
        .collect();
    (!shown.is_empty()).then(|| format!("  CPU time by thread: {}", shown.join(", ")))
}

/// Means over the run for each GPU.
fn gpu_lines(report: &BenchReport) -> Vec<String> {
    let samples = &report.whole.sampling.samples;
    let count = samples.iter().map(|sample| sample.gpus.len()).max().unwrap_or(0);
    let line = |index: usize| {
        let of = || samples.iter().filter_map(move |sample| sample.gpus.get(index));
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let parts = [
            ("SM", mean(of().filter_map(|gpu| gpu.sm_percent.map(f64::from)).collect()), " %"),
            ("NVDEC", mean(of().filter_map(|gpu| gpu.nvdec_percent.map(f64::from)).collect()), " %"),
            (
                "memory",
                mean(of().filter_map(|gpu| gpu.memory_bytes.map(|b| b as f64 / 1e9)).collect()),
                " GB",
            ),
            ("power", mean(of().filter_map(|gpu| gpu.power_w).collect()), " W"),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter_map(|(what, value, unit)| Some(format!("{what} {}{unit}", number(value?))))
            .collect();
        let name = of().next().map_or("", |gpu| gpu.name.as_str());
        format!("  {name}, means: {}", told.join(", "))
    };
    (0..count).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::Resource;
    use super::super::report::fixture::{report, row};
    use super::*;

    #[test]
    fn the_table_has_a_line_a_stage_and_the_limit() {
        let text = table(&report(vec![row("decode", Resource::Nvdec, 4, 445.0)]));
        let line = text.lines().find(|line| line.starts_with("decode")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["decode", "NVDEC", "4", "1", "100", "445", "2.2", "4.5", "50", "%"]);
        assert!(text.contains("encode 75 %") && text.contains("encoding limits"), "{text}");
        assert!(text.contains("composed 4.2 (most 6)"), "{text}");
        assert!(text.contains("note: a note") && text.contains("SM 40.0 %"), "{text}");
    }
}
