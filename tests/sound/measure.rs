//! Reads files back by ffmpeg and finds clicks and tones in them.

use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;

pub const RATE: usize = 48_000;

/// Audio track `index` from time 0 of the file on, as interleaved samples at 48 kHz.
pub fn decode(path: &Path, index: usize) -> Vec<f32> {
    let map = format!("0:a:{index}");
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-v", "error", "-copyts", "-i"])
        .arg(path)
        .args([
            "-map",
            &map,
            "-af",
            "aresample=48000:async=1:first_pts=0",
            "-f",
            "f32le",
            "-c:a",
            "pcm_f32le",
            "-",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Middle of each click, in milliseconds from where it should be: `at_ms` + 1000 k, for all k that
/// lie in the sound, with `k` itself. Clicks that are not there are left out.
pub fn clicks(samples: &[f32], at_ms: f64) -> Vec<(i64, f64)> {
    let half = RATE / 200;
    let template: Vec<f64> = (0..=2 * half)
        .map(|i| (i as f64 - half as f64) / RATE as f64)
        .map(|t| (TAU * t / 0.02).cos().powi(2) * (TAU * 1000.0 * t).cos())
        .collect();
    let energy: f64 = template.iter().map(|v| v * v).sum();
    let search = (RATE / 25) as i64;
    let mut found = Vec::new();
    let mut second = (-at_ms / 1000.0).ceil() as i64;
    loop {
        let centre = ((at_ms + 1000.0 * second as f64) * RATE as f64 / 1000.0).round() as i64;
        if centre + search + half as i64 >= samples.len() as i64 {
            return found;
        }
        let score = |lag: i64| -> f64 {
            let from = centre + lag - half as i64;
            if from < 0 {
                return 0.0;
            }
            let part = &samples[from as usize..];
            template.iter().zip(part).map(|(t, s)| t * f64::from(*s)).sum::<f64>() / energy
        };
        let best =
            (-search..=search).map(|lag| (score(lag), lag)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        if best.0 > 0.3 {
            let exact = (centre + best.1) as f64 * 1000.0 / RATE as f64;
            found.push((second, exact - at_ms - 1000.0 * second as f64));
        }
        second += 1;
    }
}

/// Largest distance from where clicks should be, and how many there are.
pub fn worst(clicks: &[(i64, f64)]) -> (f64, usize) {
    (clicks.iter().map(|(_, ms)| ms.abs()).fold(0.0, f64::max), clicks.len())
}

/// Strength of a frequency in one channel of interleaved samples, leaving out half a second at
/// either end.
pub fn tone(samples: &[f32], channels: usize, channel: usize, hz: f64) -> f64 {
    let frames = samples.len() / channels;
    let (mut re, mut im, mut count) = (0.0, 0.0, 0.0);
    for i in RATE / 2..frames.saturating_sub(RATE / 2) {
        let (value, angle) = (f64::from(samples[i * channels + channel]), TAU * hz * i as f64 / RATE as f64);
        (re, im, count) = (re + value * angle.cos(), im + value * angle.sin(), count + 1.0);
    }
    2.0 * (re * re + im * im).sqrt() / f64::max(count, 1.0)
}

/// One value of each audio stream, as ffprobe prints it.
pub fn probe(path: &Path, entries: &str) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a", "-show_entries", entries, "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", path.display());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
