//! What the device tests share: clips, what software made of them, and decoding one whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::gpu::nvdec::{Decoder, Error, Feed, Library, Options, StreamInfo, Tally};
use crate::gpu::{Device, Stream};
use crate::media::Source;
use crate::packet::Packet;

/// Device and library; asking for these tests without them is a failure.
pub struct Rig {
    pub device: Arc<Device>,
    pub library: Arc<Library>,
    pub stream: Stream,
}

pub fn rig() -> Rig {
    let device = Device::open(0).expect("the feature gpu-tests asks for a device");
    let library = Library::load().expect("the driver has libnvcuvid");
    let stream = Stream::new(&device).unwrap();
    Rig { device, library, stream }
}

/// Patience of a test.
pub fn options() -> Options {
    Options { stall: Duration::from_secs(10), ..Options::default() }
}

fn folder() -> PathBuf {
    let named = std::env::var_os("VRP_NVDEC_CLIPS").map(PathBuf::from);
    let folder = named.expect("VRP_NVDEC_CLIPS names the folder that tests/nvdec/make_clips.sh filled");
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    folder
}

/// All packets of a clip.
pub fn clip(name: &str) -> (StreamInfo, Vec<Packet>) {
    let mut source = Source::open(folder().join(name)).unwrap();
    let info = StreamInfo::from(source.video());
    let packets = std::iter::from_fn(|| source.next_packet().unwrap()).collect();
    (info, packets)
}

/// Hashes of the frames in order of presentation, by software.
pub fn hashes(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.sha256"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Presentation times in order.
pub fn times(packets: &[Packet]) -> Vec<i64> {
    let mut times: Vec<i64> = packets.iter().map(|p| p.pts).collect();
    times.sort_unstable();
    times
}

/// Times with hashes: what decoding should give.
pub fn expected(name: &str, packets: &[Packet]) -> Vec<(i64, String)> {
    let hashes = hashes(name);
    assert_eq!(hashes.len(), packets.len(), "{name}: each packet shows one frame");
    times(packets).into_iter().zip(hashes).collect()
}

pub fn feed(packets: Vec<Packet>) -> Feed {
    let mut packets = packets.into_iter();
    Box::new(move || Ok(packets.next()))
}

pub fn open(rig: &Rig, info: &StreamInfo, feed: Feed, options: Options) -> Result<Decoder, Error> {
    Decoder::open(&rig.library, &rig.device, info.clone(), feed, options)
}

pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames up to the end or the first error, and that error.
pub struct Decoded {
    pub frames: Vec<(i64, String)>,
    pub outcome: Result<(), Error>,
    pub tally: Tally,
}

/// Decodes to the end, one surface at a time.
pub fn decode(rig: &Rig, info: &StreamInfo, feed: Feed, options: Options) -> Decoded {
    let mut decoder = open(rig, info, feed, options).unwrap();
    let mut frames = Vec::new();
    let outcome = loop {
        match decoder.next_surface() {
            Ok(Some(mut surface)) => {
                frames.push((surface.pts(), hash(&surface.download(&rig.stream).unwrap())));
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(matches!(decoder.next_surface(), Err(Error::Over)), "the end is final");
    Decoded { frames, outcome, tally: decoder.close().unwrap() }
}

/// Says where two lists of frames differ; `None` if nowhere.
pub fn difference(got: &[(i64, String)], want: &[(i64, String)]) -> Option<String> {
    if got == want {
        return None;
    }
    let at = got.iter().zip(want).position(|(a, b)| a != b);
    let wrong = got.iter().zip(want).filter(|(a, b)| a.1 != b.1).count();
    let late = got.iter().zip(want).filter(|(a, b)| a.0 != b.0).count();
    Some(format!(
        "{} frames for {}; first difference at {at:?}; {wrong} with other samples, {late} with other times; \
         times got {:?} want {:?}",
        got.len(),
        want.len(),
        got.iter().take(8).map(|f| f.0).collect::<Vec<_>>(),
        want.iter().take(8).map(|f| f.0).collect::<Vec<_>>()
    ))
}
