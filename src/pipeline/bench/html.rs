//! A report as a page of its own: bars of the stages, lines over time, the table; no scripts, nothing fetched.
#![forbid(unsafe_code)]

use super::report::{BenchReport, Sample};
use super::sentence::number;
use std::fmt::Write;

/// Width of every drawing, and of the names on its left, in pixels.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 170.0;
/// Height of a drawing of lines, without its axis.
const HEIGHT: f64 = 120.0;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:940px;margin:2em auto;padding:0 1em;\
color:#1c2430;background:#fff}h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}\
.limit{font-size:1.15em;border-left:4px solid #c2410c;padding:.3em .8em;background:#fff7ed}\
table{border-collapse:collapse;width:100%}td,th{padding:.2em .6em;text-align:right;border-bottom:1px solid #e2e8f0}\
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}svg{width:100%;height:auto}\
text{font:12px system-ui,sans-serif;fill:#1c2430}.grey{fill:#64748b}.axis{stroke:#cbd5e1;fill:none}";

/// The page.
pub fn page(report: &BenchReport) -> String {
    let BenchReport { input, video, matte, quality, threads, lanes, whole, .. } = report;
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let mut add = |text: String| out.push_str(&text);
    add(format!("<title>vrpipe bench: {}</title><style>{STYLE}</style></head><body>\n", escape(input)));
    add(format!(
        "<h1>vrpipe bench: {}</h1>\n<p class=\"limit\">{}</p>\n",
        escape(input),
        escape(&report.limit)
    ));
    add(format!("<p>{}<br>Network {}; {}.<br>", escape(video), escape(&report.network()), escape(matte)));
    add(format!(
        "Quality {}, {threads} CPU threads, lanes: {lanes}, {:.0} % of the frame visible, vrpipe {}.</p>\n",
        escape(quality),
        100.0 * report.visible_share,
        escape(&report.version)
    ));
    add(format!("<h2>Ceiling of each stage, frames/s (logarithmic)</h2>\n{}", bars(report)));
    add(format!(
        "<h2>The whole run: {} frames in {:.1} s, {} frames/s, lanes: {}</h2>\n",
        whole.frames,
        whole.wall_seconds,
        number(whole.fps),
        whole.lanes
    ));
    for (title, unit, full, lines) in series(report) {
        add(format!("<p>{}</p>\n{}", escape(&title), chart(&lines, unit, full)));
    }
    add(format!("<h2>All measurements</h2>\n{}", rows(report)));
    for note in &report.notes {
        add(format!("<p class=\"grey\">{}</p>\n", escape(note)));
    }
    add("</body></html>\n".to_owned());
    out
}

/// Text that cannot be taken for markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in a page.
            c if c.is_control() && !c.is_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// One bar a stage, the slowest in another colour, and a line where the whole run is.
fn bars(report: &BenchReport) -> String {
    let ceilings = report.ceilings();
    let all = || ceilings.iter().map(|row| row.fps).chain([report.whole.fps]).filter(|&fps| fps > 0.0);
    let least = all().fold(f64::INFINITY, f64::min) / 2.0;
    let most = all().fold(least, f64::max) * 1.5;
    if !least.is_finite() || most <= least {
        return String::new();
    }
    let x = |fps: f64| LEFT + (fps.max(least) / least).ln() / (most / least).ln() * (WIDTH - LEFT - 110.0);
    let slowest = ceilings.iter().map(|row| row.fps).fold(f64::INFINITY, f64::min);
    let height = 26.0 * ceilings.len() as f64 + 22.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n");
    for (place, row) in ceilings.iter().enumerate() {
        let y = 26.0 * place as f64;
        let colour = if row.fps <= slowest { "#c2410c" } else { "#2563eb" };
        let (end, text) = (x(row.fps), y + 16.0);
        let name = escape(&row.stage);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{text}\" text-anchor=\"end\">{name} <tspan class=\"grey\">({})</tspan></text>\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" height=\"18\" rx=\"3\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{text}\">{} <tspan class=\"grey\">x{}</tspan></text>",
            LEFT - 8.0,
            row.on,
            y + 3.0,
            (end - LEFT).max(1.0),
            end + 6.0,
            number(row.fps),
            row.workers
        );
    }
    let (at, bottom) = (x(report.whole.fps), height - 18.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{bottom}\" stroke=\"#1c2430\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">whole run {}</text></svg>",
        height - 4.0,
        number(report.whole.fps)
    );
    svg
}

/// Values over time of one thing.
type Line = Vec<(f64, f64)>;

/// What there is to draw over time: title, unit, full scale where there is a natural one, the line.
fn series(report: &BenchReport) -> Vec<(String, &'static str, Option<f64>, Line)> {
    let samples = &report.whole.sampling.samples;
    let line = |value: &dyn Fn(&Sample) -> Option<f64>| -> Line {
        samples.iter().filter_map(|sample| Some((sample.at_s, value(sample)?))).collect()
    };
    let mut all =
        vec![("CPU cores busy".to_owned(), "", Some(report.threads as f64), line(&|s| Some(s.cpu_cores)))];
    // Frames of a second and a bit: between two samples only a few are written.
    let written = (1..samples.len()).map(|place| {
        let (first, last) = (&samples[place.saturating_sub(6)], &samples[place]);
        let frames = last.frames.saturating_sub(first.frames) as f64;
        (last.at_s, frames / (last.at_s - first.at_s).max(1e-3))
    });
    all.push(("Frames written per second".to_owned(), "", None, written.collect()));
    let count = samples.iter().map(|sample| sample.gpus.len()).max().unwrap_or(0);
    for index in 0..count {
        let name = samples.iter().find_map(|s| Some(s.gpus.get(index)?.name.clone())).unwrap_or_default();
        let gpu = |s: &Sample| s.gpus.get(index).cloned();
        let percent = Some(100.0);
        let kb = |value: Option<u32>| Some(f64::from(value?) / 1e6);
        let mut push = |what: &str, unit, full, line: Line| {
            if !line.is_empty() {
                all.push((format!("{name}: {what}"), unit, full, line));
            }
        };
        push("SM", " %", percent, line(&|s| gpu(s)?.sm_percent.map(f64::from)));
        push("NVDEC", " %", percent, line(&|s| gpu(s)?.nvdec_percent.map(f64::from)));
        push("memory", " GB", None, line(&|s| Some(gpu(s)?.memory_bytes? as f64 / 1e9)));
        push("PCIe to the host", " GB/s", None, line(&|s| kb(gpu(s)?.pcie_to_host_kb_s)));
        push("PCIe to the device", " GB/s", None, line(&|s| kb(gpu(s)?.pcie_to_device_kb_s)));
        push("power", " W", None, line(&|s| gpu(s)?.power_w));
    }
    all
}

/// A filled line over time, from 0 to `full` or the most there is.
fn chart(line: &Line, unit: &str, full: Option<f64>) -> String {
    let most = line.iter().map(|point| point.1).fold(full.unwrap_or(0.0), f64::max);
    let end = line.iter().map(|point| point.0).fold(0.0, f64::max);
    if line.len() < 2 || most <= 0.0 || end <= 0.0 {
        return "<p class=\"grey\">too short a run to draw</p>\n".to_owned();
    }
    let left = 60.0;
    let x = |at: f64| left + at / end * (WIDTH - left - 10.0);
    let y = |value: f64| 8.0 + (1.0 - value / most) * HEIGHT;
    let mut points = String::new();
    for &(at, value) in line {
        let _ = write!(points, "{:.1},{:.1} ", x(at), y(value));
    }
    let (first, last, floor) = (x(line[0].0), x(end), y(0.0));
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\"><path class=\"axis\" d=\"M{left},8V{floor}H{}M{left},8H{}\"/>\
         <text x=\"54\" y=\"16\" text-anchor=\"end\">{}{unit}</text>\
         <text x=\"54\" y=\"{floor}\" text-anchor=\"end\">0</text>\
         <text x=\"{last:.1}\" y=\"{}\" text-anchor=\"end\" class=\"grey\">{end:.1} s</text>\
         <polygon points=\"{first:.1},{floor} {points}{last:.1},{floor}\" fill=\"#2563eb\" fill-opacity=\".15\"/>\
         <polyline points=\"{points}\" fill=\"none\" stroke=\"#2563eb\" stroke-width=\"1.5\"/></svg>\n",
        HEIGHT + 28.0,
        WIDTH - 10.0,
        WIDTH - 10.0,
        number(most),
        HEIGHT + 24.0
    )
}

fn rows(report: &BenchReport) -> String {
    let heads = ["stage", "on", "workers", "threads", "frames", "frames/s", "p50 ms", "p99 ms", "busy"];
    let mut table = String::from("<table><tr>");
    heads.iter().for_each(|head| table += &format!("<th>{head}</th>"));
    table += "</tr>\n";
    for row in &report.stages {
        let busy = row.busy_share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let cells = [
            escape(&row.stage),
            row.on.to_string(),
            row.workers.to_string(),
            row.threads.to_string(),
            row.frames.to_string(),
            number(row.fps),
            number(row.p50_ms),
            number(row.p99_ms),
            busy,
        ];
        table += "<tr>";
        cells.iter().for_each(|cell| table += &format!("<td>{cell}</td>"));
        table += "</tr>\n";
    }
    table + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::super::report::Resource;
    use super::super::report::fixture::{report, row};
    use super::*;

    #[test]
    fn nothing_foreign_becomes_markup() {
        assert_eq!(escape("<a href=\"x\">&'\u{1}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}");
        let page = page(&report(vec![row("decode", Resource::Cpu, 1, 50.0)]));
        assert!(page.contains("clip &lt;1&gt;.mp4") && !page.contains("<1>"));
        assert!(page.contains("a &lt;GPU&gt; &amp; more: SM") && !page.contains("<script"));
    }

    #[test]
    fn a_page_has_a_bar_a_stage_and_its_elements_closed() {
        let page = page(&report(vec![
            row("decode", Resource::Nvdec, 4, 445.0),
            row("encode", Resource::Cpu, 8, 31.0),
        ]));
        assert_eq!(page.matches("<rect").count(), 2);
        assert_eq!(page.matches("#c2410c\"").count(), 1, "the slowest alone stands out");
        for element in ["svg", "text", "table", "tr", "td", "p", "tspan"] {
            let open =
                page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(open, page.matches(&format!("</{element}>")).count(), "{element}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }

    #[test]
    fn an_empty_report_is_still_a_page() {
        let mut empty = report(Vec::new());
        empty.whole.fps = 0.0;
        empty.whole.sampling.samples.clear();
        assert!(page(&empty).ends_with("</body></html>\n"));
    }
}
