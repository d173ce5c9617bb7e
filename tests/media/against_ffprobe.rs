//! Every packet and every property of every input, compared with ffprobe's.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use vrpipe::frame::Range;
use vrpipe::layout::{Evidence, LayoutChoice, Packing};
use vrpipe::media::Source;
use vrpipe::packet::Codec;

use crate::inputs;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// ffprobe's names for H.273 codes; `None` for a name that says nothing.
fn code(name: Option<&Value>) -> Option<u8> {
    match name?.as_str()? {
        "bt709" => Some(1),
        "bt470bg" => Some(5),
        "smpte170m" => Some(6),
        "bt2020nc" | "bt2020" => Some(9),
        "smpte2084" => Some(16),
        "unknown" | "reserved" => None,
        other => panic!("no code for {other}"),
    }
}

fn compare(file: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let probed = inputs::ffprobe(file);
    let stream = &probed["streams"][0];
    let mut source = Source::open(file).unwrap_or_else(|e| panic!("{name}: {e}"));

    let video = source.video().clone();
    let codec = match stream["codec_name"].as_str().unwrap() {
        "h264" => Codec::H264,
        "hevc" => Codec::Hevc,
        "vp8" => Codec::Vp8,
        "vp9" => Codec::Vp9,
        "av1" => Codec::Av1,
        other => panic!("{other}"),
    };
    assert_eq!(video.codec, codec, "{name}");
    assert_eq!(video.size.width as u64, stream["width"].as_u64().unwrap(), "{name}");
    assert_eq!(video.size.height as u64, stream["height"].as_u64().unwrap(), "{name}");
    assert_eq!(format!("{:?}", video.time_base.seconds()), stream["time_base"].as_str().unwrap(), "{name}");
    let pixels = stream["pix_fmt"].as_str().unwrap();
    assert!(pixels.starts_with("yuv420p") || pixels == "yuvj420p", "{name}");
    assert_eq!(video.depth, if pixels.ends_with("10le") { 10 } else { 8 }, "{name}");
    if video.codec != Codec::Vp8 {
        let declared = video.declared_colour;
        assert_eq!(declared.matrix, code(stream.get("color_space")), "{name} matrix");
        assert_eq!(declared.primaries, code(stream.get("color_primaries")), "{name} primaries");
        assert_eq!(declared.transfer, code(stream.get("color_transfer")), "{name} transfer");
    }
    let full = stream.get("color_range").is_some_and(|r| r == "pc");
    assert_eq!(video.colour.range, if full { Range::Full } else { Range::Limited }, "{name} range");
    let uncounted = name.contains("fragment") || !(name.ends_with("mp4") || name.ends_with("mov"));
    assert_eq!(video.frame_count.is_none(), uncounted, "{name}");
    if let Some(count) = video.frame_count {
        assert_eq!(count.to_string(), stream["nb_frames"].as_str().unwrap(), "{name}");
    }
    if let (Some(rate), false) = (video.frame_rate, name.contains("vfr")) {
        assert_eq!(format!("{rate}"), stream["avg_frame_rate"].as_str().unwrap(), "{name}");
    }

    // A cut that falls inside a frame's time leaves that frame's rest: ffprobe then moves the next
    // frame to 0, here times are kept as the edit list has them, so that sound stays in step.
    let mut moved = if name == "h264_trimmed.mp4" { None } else { Some(0) };
    for (index, expected) in probed["packets"].as_array().unwrap().iter().enumerate() {
        let packet =
            source.next_packet().unwrap().unwrap_or_else(|| panic!("{name}: packet {index} missing"));
        let theirs = expected["pts"].as_i64().unwrap();
        let moved = *moved.get_or_insert(packet.pts - theirs);
        assert!((0..1001).contains(&moved), "{name} is moved by {moved} ticks");
        assert_eq!(packet.pts, theirs + moved, "{name} packet {index}");
        let flags = expected["flags"].as_str().unwrap();
        assert_eq!(packet.key, flags.starts_with('K'), "{name} packet {index}");
        let hash = format!("SHA256:{}", hex(&Sha256::digest(&packet.data)));
        assert_eq!(hash, expected["data_hash"].as_str().unwrap(), "{name} packet {index}");
        let hidden = packet.pts < video.shown_from_ticks;
        assert_eq!(hidden, flags.contains('D'), "{name} packet {index} at {}", packet.pts);
    }
    assert_eq!(source.next_packet().unwrap(), None, "{name}: a packet too many");
}

#[test]
fn the_shared_clips() {
    let Some(files) = inputs::clips("the_shared_clips") else { return };
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        compare(&file);
        let source = Source::open(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let layout = source.layout(&LayoutChoice::default());
        let (packing, evidence) = match name {
            _ if name.contains("_sbs") => (Packing::SideBySide, Evidence::FileName),
            _ if name.contains("_tb") => (Packing::TopBottom, Evidence::FileName),
            _ => (Packing::Mono, Evidence::FileName),
        };
        assert_eq!((layout.packing, layout.packing_basis.evidence), (packing, evidence), "{name}");
    }
}

#[test]
fn synthetic_files_of_every_form() {
    let Some(files) = inputs::made("synthetic_files_of_every_form") else { return };
    for file in &files {
        compare(file);
    }
    let stereo = files.iter().find(|f| f.ends_with("stereo.mkv")).unwrap();
    let layout = Source::open(stereo).unwrap().layout(&LayoutChoice::default());
    assert_eq!(
        (layout.packing, layout.packing_basis.evidence),
        (Packing::SideBySideSwapped, Evidence::Container)
    );
}

#[test]
fn annex_b_equals_ffmpeg() {
    use vrpipe::media::AnnexB;
    let Some(files) = inputs::made("annex_b_equals_ffmpeg") else { return };
    for (name, filter, format) in
        [("h264.mp4", "h264_mp4toannexb", "h264"), ("hevc.mp4", "hevc_mp4toannexb", "hevc")]
    {
        let file = files.iter().find(|f| f.ends_with(name)).unwrap();
        let mut source = Source::open(file).unwrap();
        let video = source.video().clone();
        let converter = AnnexB::new(video.codec, &video.configuration).unwrap().unwrap();
        let (mut ours, mut packet_bytes) = (Vec::new(), Vec::new());
        while let Some(packet) = source.next_packet().unwrap() {
            converter.convert(&packet.data, packet.key, &mut packet_bytes).unwrap();
            ours.extend_from_slice(&packet_bytes);
        }
        let theirs = inputs::annex_b(file, filter, format);
        // ffmpeg puts parameter sets behind a leading SEI unit, here they go first (H.264 7.4.1.2.3
        // allows both); so they are counted apart.
        let split = |stream| {
            let (sets, others): (Vec<_>, Vec<_>) = units(stream).into_iter().partition(|u| match format {
                "h264" => matches!(u[0] & 31, 7 | 8),
                _ => matches!(u[0] >> 1 & 63, 32..=34),
            });
            (sets, others)
        };
        assert!(split(&ours) == split(&theirs), "{name}");
        assert!(split(&ours).0.len() >= 2, "{name}");
    }
}

/// The NAL units of an Annex B stream; start codes may have 3 or 4 bytes.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> =
        (0..stream.len().saturating_sub(2)).filter(|i| stream[*i..*i + 3] == [0, 0, 1]).collect();
    starts.push(stream.len());
    let unit = |pair: &[usize]| {
        // Zeros behind a unit belong to the next start code.
        let unit = &stream[pair[0] + 3..pair[1]];
        &unit[..unit.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
    };
    starts.windows(2).map(unit).collect()
}
