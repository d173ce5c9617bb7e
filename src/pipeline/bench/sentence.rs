//! The limit in a sentence: which stage is the slowest, what comes next, what that leaves.
#![forbid(unsafe_code)]

use super::report::{Resource, StageRow};

/// Stages that a frame goes through, and what they are called in a sentence. Parts that are also measured
/// together (the two encoders) stand here as the whole.
const NAMES: [(&str, &str); 12] = [
    ("demux", "reading the file"),
    ("decode", "decoding"),
    ("sample", "sampling for the network"),
    ("network", "the network"),
    ("compose", "composing"),
    ("download", "copying to the host"),
    ("decode + matte", "decoding and matting on the GPU"),
    ("encode (pixels)", "encoding pixels on the GPU"),
    ("decode to pixels", "decoding, matting and encoding pixels on the GPU"),
    ("encode", "encoding on the CPU"),
    ("encode (bits)", "encoding bits on the CPU"),
    ("mux", "writing"),
];

/// Says what limits a run with these ceilings, one row a stage; `whole` is what the run did, in frames per second.
pub(super) fn sentence(ceilings: &[&StageRow], whole: f64) -> String {
    let name = |row: &StageRow| NAMES.iter().find(|(stage, _)| *stage == row.stage).map(|(_, name)| *name);
    let mut rows: Vec<(&StageRow, &str)> =
        ceilings.iter().filter_map(|&row| Some((row, name(row)?))).filter(|(row, _)| row.fps > 0.0).collect();
    rows.sort_by(|a, b| a.0.fps.total_cmp(&b.0.fps));
    let Some(&(least, limit)) = rows.first() else {
        return "nothing was measured".to_owned();
    };
    let mut text = format!("{limit} limits at {} frames/s", number(least.fps));
    if let Some((next, name)) = rows.get(1) {
        let times = next.fps / least.fps;
        text += &format!("; next is {name} at {}, {} times as much", number(next.fps), number(times));
    }
    // Each had all cores to itself; in a run they take turns.
    let on_cpu: Vec<f64> =
        rows.iter().filter(|(row, _)| row.on == Resource::Cpu).map(|(row, _)| row.fps).collect();
    let together = 1.0 / on_cpu.iter().map(|fps| 1.0 / fps).sum::<f64>();
    let shared = on_cpu.len() > 1 && together < 0.9 * least.fps;
    if shared {
        let count = on_cpu.len();
        text += &format!("; the {count} stages that share the CPU can do {} together", number(together));
    }
    let ceiling = if shared { together } else { least.fps };
    text += &format!("; the whole run did {}, {:.0} % of that", number(whole), 100.0 * whole / ceiling);
    text
}

/// A number with as many places as it deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 0.995 => format!("{value:.1}"),
        v if v >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::fixture::row;
    use super::*;

    #[test]
    fn names_the_limit_and_the_headroom() {
        let rows = [
            row("decode", Resource::Nvdec, 1, 117.0),
            row("network", Resource::Gpu, 1, 900.0),
            row("colour encode", Resource::Cpu, 8, 20.0),
            row("encode", Resource::Cpu, 8, 31.0),
        ];
        let text = sentence(&rows.iter().collect::<Vec<_>>(), 30.0);
        let expected = "encoding on the CPU limits at 31.0 frames/s; next is decoding at 117, 3.8 times as much; \
            the whole run did 30.0, 97 % of that";
        assert_eq!(text, expected);
    }

    #[test]
    fn numbers_have_the_places_they_deserve() {
        let texts = [445.4, 31.0, 0.47, 0.0123, 0.0].map(number);
        assert_eq!(texts, ["445", "31.0", "0.47", "0.0123", "0.0000"]);
    }

    #[test]
    fn stages_on_one_resource_take_turns() {
        let rows = [row("network", Resource::Cpu, 1, 10.0), row("encode", Resource::Cpu, 1, 10.0)];
        let text = sentence(&rows.iter().collect::<Vec<_>>(), 4.0);
        assert!(text.contains("2 stages that share the CPU can do 5.0 together"), "{text}");
        assert!(text.ends_with("did 4.0, 80 % of that"), "{text}");
        assert_eq!(sentence(&[], 1.0), "nothing was measured");
    }
}
