//! Files cut short and with bytes changed: an error or less sound, never a panic or a hang.

use std::fs;
use std::path::Path;

use crate::rig::clicking;
use crate::support::has;
use vrpipe::media::{AudioSource, Source};
use vrpipe::sound::{self, AudioChoice, Options, Span};

/// Reads, and where `decoded`, transcodes every track; gives the number of blocks.
fn listen(path: &Path, decoded: bool) -> usize {
    let Ok(source) = Source::open(path) else { return 0 };
    let options = Options { ffmpeg: Some("/nowhere/ffmpeg".into()), ..Options::default() };
    let mut count = 0;
    for track in &source.info().audio {
        if let Ok(mut packets) = AudioSource::open(path, track.id) {
            while let Ok(Some(_)) = packets.next_packet() {
                count += 1;
            }
        }
    }
    if decoded {
        for plan in sound::plan(path, source.info(), AudioChoice::Auto, &options) {
            if let Ok(track) = sound::open(path, &plan, Span::default(), &options) {
                count += track.filter(Result::is_ok).take(1000).count();
            }
        }
    }
    count
}

#[test]
fn damaged_files_do_not_break_anything() {
    let test = "damaged_files_do_not_break_anything";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, coding) in [
        ("aac.mp4", "aac"),
        ("mp3.mkv", "libmp3lame"),
        ("flac.mkv", "flac"),
        ("opus.webm", "libopus"),
        ("opus.mp4", "libopus"),
        ("vorbis.mkv", "libvorbis"),
        ("pcm.mov", "pcm_s16le"),
        ("alac.mov", "alac"),
    ] {
        let options = ["-c:a", coding];
        let input = clicking(folder.path(), name, 1, 44_100, &options);
        let whole = fs::read(&input).unwrap();
        let all = listen(&input, true);
        assert!(all > 10, "{name}: {all}");
        let damaged = folder.path().join(format!("damaged.{name}"));
        for cut in (0..whole.len()).step_by(whole.len() / 40) {
            fs::write(&damaged, &whole[..cut]).unwrap();
            assert!(listen(&damaged, true) <= all);
        }
        // A fixed sequence of places and bytes, a few at a time.
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for round in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..1 + round % 8 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = (state >> 8) as usize % bytes.len();
                bytes[at] = state as u8;
            }
            fs::write(&damaged, &bytes).unwrap();
            listen(&damaged, true);
        }
    }
}
