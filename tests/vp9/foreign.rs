//! ffmpeg's own VP9 decoder, which shares no code with libvpx, must see the same pictures.

use std::io::Write;
use std::process::{Command, Stdio};

use vrpipe::frame::Size;
use vrpipe::vp9::{Encoder, EncoderConfig, PairConfig};

use crate::matte::QUALITIES;
use crate::scene::{self, COLOUR, decode, encode, packed};

/// An IVF file: a header of 32 bytes, then for each frame its length, its number and its bytes.
pub fn ivf(size: Size, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"DKIF\0\0\x20\0VP90".to_vec();
    file.extend((size.width as u16).to_le_bytes());
    file.extend((size.height as u16).to_le_bytes());
    for field in [30, 1, packets.len() as u32, 0] {
        file.extend(field.to_le_bytes());
    }
    for (number, packet) in packets.iter().enumerate() {
        file.extend((packet.len() as u32).to_le_bytes());
        file.extend((number as u64).to_le_bytes());
        file.extend(packet);
    }
    file
}

/// All planes of all pictures that ffmpeg's native decoder makes of an IVF file; `None` without ffmpeg.
pub fn ffmpeg(file: &[u8]) -> Option<Vec<u8>> {
    let mut dir = tempfile::NamedTempFile::new().unwrap();
    dir.write_all(file).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-f", "ivf", "-c:v", "vp9", "-i"])
        .arg(dir.path())
        .args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn ffmpeg_sees_the_same_bytes() {
    for size in [Size::new(321, 179), Size::new(1040, 64)] {
        let pictures: Vec<_> = (0..10).map(|t| scene::frame(size, t).colour).collect();
        for quality in QUALITIES {
            let pair =
                PairConfig { size, colour: COLOUR, quality, crf: None, threads: 2, key_interval: None };
            let [colour, _] = pair.encoders();
            for lag in [0, 8] {
                let encoder = Encoder::new(EncoderConfig { lag, ..colour.clone() }).unwrap();
                let packets: Vec<_> = encode(encoder, &pictures, &[6]).into_iter().map(|p| p.data).collect();
                let mut ours = Vec::new();
                decode(packets.iter().map(|p| &p[..]), |_, frame| {
                    ours.extend(frame.planes().unwrap().into_iter().flat_map(packed));
                });
                let Some(theirs) = ffmpeg(&ivf(size, &packets)) else {
                    eprintln!("skipped: ffmpeg_sees_the_same_bytes: no ffmpeg in PATH");
                    return;
                };
                assert_eq!(ours.len(), theirs.len(), "{quality:?} {size} lag {lag}");
                assert!(ours == theirs, "{quality:?} {size} lag {lag}: pictures differ");
            }
        }
    }
}
