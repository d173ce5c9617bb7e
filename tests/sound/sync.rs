//! A click each second stays where it is, to the millisecond, whatever its coding and container.

use crate::measure::{clicks, decode, worst};
use crate::rig::{clicking, convert, make};
use crate::support::has;
use vrpipe::sound::{Action, Span};

/// CI listens for a minute; VRPIPE_SYNC_SECONDS asks for longer.
fn seconds() -> u32 {
    std::env::var("VRPIPE_SYNC_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60)
}

/// Converts a clip and compares its clicks with those of the input, both as ffmpeg plays them.
fn in_time(test: &str, name: &str, rate_hz: u32, options: &[&str], seconds: u32, copied: bool) {
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let input = clicking(folder.path(), name, seconds, rate_hz, options);
    let made = convert(&input, Span::default());
    assert_eq!(matches!(made.plans[0].action, Action::Copy), copied, "{:?}", made.plans);
    assert_eq!(made.tallies[0].damaged, 0);
    assert_eq!((made.tallies[0].filled, made.tallies[0].cut), (0, 0));
    let before = clicks(&decode(&input, 0), 500.0);
    let after = clicks(&decode(&made.path, 0), 500.0);
    let moved: Vec<(i64, f64)> = before
        .iter()
        .zip(&after)
        .map(|(b, a)| (a.0, if a.0 == b.0 { a.1 - b.1 } else { f64::MAX }))
        .collect();
    println!("{name}: input {:?}, output {:?}, moved {:?}", worst(&before), worst(&after), worst(&moved));
    assert!(after.len() as u32 >= seconds - 1, "{name}: {} clicks", after.len());
    assert!(worst(&moved).0 < 1.0, "{name}: {moved:?}");
}

#[test]
fn aac_44100_in_mp4_with_an_edit_list() {
    in_time("aac_44100_in_mp4", "aac.mp4", 44_100, &["-c:a", "aac", "-b:a", "160k"], seconds(), false);
}

#[test]
fn aac_in_fragments() {
    let options = ["-c:a", "aac", "-b:a", "160k", "-movflags", "frag_keyframe+empty_moov+default_base_moof"];
    in_time("aac_in_fragments", "fragments.mp4", 48_000, &options, 20, false);
}

#[test]
fn opus_in_webm() {
    in_time("opus_in_webm", "opus.webm", 48_000, &["-c:a", "libopus"], seconds(), true);
}

#[test]
fn opus_in_mp4() {
    in_time("opus_in_mp4", "opus.mp4", 48_000, &["-c:a", "libopus"], 20, true);
}

#[test]
fn vorbis_in_matroska() {
    in_time("vorbis_in_matroska", "vorbis.mkv", 44_100, &["-c:a", "libvorbis"], seconds(), true);
}

#[test]
fn mp3_in_matroska_and_mp4() {
    for name in ["mp3.mkv", "mp3.mp4"] {
        in_time("mp3", name, 44_100, &["-c:a", "libmp3lame", "-b:a", "192k"], 20, false);
    }
}

#[test]
fn lossless_codings() {
    in_time("flac", "flac.mkv", 96_000, &["-c:a", "flac"], 20, false);
    in_time("flac", "flac.mp4", 44_100, &["-c:a", "flac"], 20, false);
    in_time("alac", "alac.mov", 44_100, &["-c:a", "alac"], 20, false);
}

#[test]
fn linear_samples() {
    in_time("pcm", "s16.mkv", 48_000, &["-c:a", "pcm_s16le"], 20, false);
    in_time("pcm", "f32.mkv", 44_100, &["-c:a", "pcm_f32le"], 20, false);
    for coding in ["pcm_s16le", "pcm_s16be", "pcm_s24be", "pcm_f32le", "pcm_s24le"] {
        in_time("pcm", &format!("{coding}.mov"), 48_000, &["-c:a", coding], 20, false);
    }
}

#[test]
fn codings_that_only_ffmpeg_decodes() {
    in_time("ac3", "ac3.mp4", 48_000, &["-c:a", "ac3", "-b:a", "192k"], 20, false);
    in_time("eac3", "eac3.mkv", 44_100, &["-c:a", "eac3", "-b:a", "192k"], 20, false);
}

#[test]
fn a_late_start_is_kept() {
    let test = "a_late_start_is_kept";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clicking = format!("aevalsrc='{}':s=44100:d=10", crate::rig::CLICKS);
    for (name, coding) in [("late.mp4", "aac"), ("late.mkv", "flac"), ("late_opus.webm", "libopus")] {
        let inputs = ["-itsoffset", "0.3", "-f", "lavfi", "-i", &clicking];
        let input = make(folder.path(), name, 12, &inputs, &["-c:a", coding]);
        let made = convert(&input, Span::default());
        let before = clicks(&decode(&input, 0), 800.0);
        let after = clicks(&decode(&made.path, 0), 800.0);
        println!("{name}: input {:?}, output {:?}", worst(&before), worst(&after));
        assert_eq!(before.len(), after.len());
        let moved = before.iter().zip(&after).map(|(b, a)| (a.1 - b.1).abs()).fold(0.0, f64::max);
        assert!(moved < 1.0, "{name}: {moved} ms");
    }
}

#[test]
fn a_span_begins_at_zero_to_the_sample() {
    let test = "a_span_begins_at_zero";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let span = Span { start_ns: 4_000_000_000, end_ns: Some(9_000_000_000) };
    for (name, coding) in [("a.mp4", "aac"), ("o.webm", "libopus"), ("v.mkv", "libvorbis")] {
        let input = clicking(folder.path(), name, 12, 48_000, &["-c:a", coding]);
        let made = convert(&input, span);
        let samples = decode(&made.path, 0);
        let (found, before) = (clicks(&samples, 500.0), clicks(&decode(&input, 0), 500.0));
        println!("{name}: {:?}, {} samples", worst(&found), samples.len());
        assert_eq!(found.len(), 5, "{name}: {found:?}");
        let moved = found.iter().map(|(k, ms)| (ms - before[*k as usize + 4].1).abs()).fold(0.0, f64::max);
        // ffmpeg rounds both the input's codec delay and the output's to milliseconds.
        assert!(moved < 1.1, "{name}: {moved} ms");
        let off = samples.len() as i64 - 5 * 48_000;
        assert!(off.abs() <= if coding == "libvorbis" { 2048 } else { 96 }, "{name}: {off} samples too many");
    }
}

#[test]
fn a_gap_becomes_silence() {
    let test = "a_gap_becomes_silence";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gap = ["-af", "aselect='not(between(t,3.2,5.1))'", "-c:a", "flac"];
    let input = clicking(folder.path(), "gap.mkv", 10, 48_000, &gap);
    let made = convert(&input, Span::default());
    let found = clicks(&decode(&made.path, 0), 500.0);
    let seconds: Vec<i64> = found.iter().map(|(k, _)| *k).collect();
    assert_eq!(seconds, [0, 1, 2, 5, 6, 7, 8, 9], "{found:?}");
    assert!(worst(&found).0 < 1.5, "{found:?}");
    assert!((85_000..100_000).contains(&made.tallies[0].filled), "{:?}", made.tallies);
}
