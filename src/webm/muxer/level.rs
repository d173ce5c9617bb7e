//! VP9 levels and the CodecPrivate of VP9 in WebM. Spec: VP9 bitstream overview, annex A levels;
//! "VP9 Codec Feature Metadata" of the WebM container guidelines.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// Level times ten, largest luma samples per second, luma samples per picture, longest side.
const LEVELS: [(u8, u64, u64, u64); 14] = [
    (10, 829_440, 36_864, 512),
    (11, 2_764_800, 73_728, 768),
    (20, 4_608_000, 122_880, 960),
    (21, 9_216_000, 245_760, 1344),
    (30, 20_736_000, 552_960, 2048),
    (31, 36_864_000, 983_040, 2752),
    (40, 83_558_400, 2_228_224, 4160),
    (41, 160_432_128, 2_228_224, 4160),
    (50, 311_951_360, 8_912_896, 8384),
    (51, 588_251_136, 8_912_896, 8384),
    (52, 1_176_502_272, 8_912_896, 8384),
    (60, 1_176_502_272, 35_651_584, 16832),
    (61, 2_353_004_544, 35_651_584, 16832),
    (62, 4_706_009_088, 35_651_584, 16832),
];

/// Lowest level whose limits on rate and size hold; `None` beyond the highest.
pub(super) fn level(size: Size, frame_duration_ns: u64) -> Option<u8> {
    let (area, side) = (size.area() as u64, size.width.max(size.height) as u64);
    let fits = |max_rate: u64| {
        u128::from(area) * 1_000_000_000 <= u128::from(max_rate) * u128::from(frame_duration_ns)
    };
    let found =
        LEVELS.iter().find(|&&(_, rate, picture, longest)| fits(rate) && area <= picture && side <= longest);
    found.map(|&(level, ..)| level)
}

/// The features of an 8-bit 4:2:0 stream as (id, length, value) triples. The level needs a rate
/// and is left out without one.
pub(super) fn codec_private(size: Size, frame_duration_ns: Option<u64>) -> Vec<u8> {
    const PROFILE: u8 = 1;
    const LEVEL: u8 = 2;
    const BIT_DEPTH: u8 = 3;
    const CHROMA: u8 = 4;
    // Chroma between the rows and on the left columns: H.264's and HEVC's default, which decoded
    // planes keep on their way through this program.
    const CHROMA_420_VERTICAL: u8 = 0;
    let mut out = vec![PROFILE, 1, 0];
    if let Some(level) = frame_duration_ns.and_then(|duration| level(size, duration)) {
        out.extend([LEVEL, 1, level]);
    }
    out.extend([BIT_DEPTH, 1, 8, CHROMA, 1, CHROMA_420_VERTICAL]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_usual_sizes() {
        let at = |width, height, fps: u64| level(Size::new(width, height), 1_000_000_000 / fps);
        assert_eq!(at(320, 180, 24), Some(11));
        assert_eq!(at(1280, 720, 30), Some(31));
        assert_eq!(at(1920, 1080, 30), Some(40));
        assert_eq!(at(1920, 1080, 60), Some(41));
        assert_eq!(at(3840, 2160, 30), Some(50));
        assert_eq!(at(3840, 2160, 60), Some(51));
        assert_eq!(at(5760, 2880, 30), Some(60));
        assert_eq!(at(7680, 3840, 30), Some(60));
        assert_eq!(at(7680, 3840, 60), Some(61));
        assert_eq!(at(8192, 4096, 60), Some(61));
        assert_eq!(at(16384, 16384, 30), None);
        assert_eq!(at(9000, 10, 1), Some(60));
    }

    #[test]
    fn the_private_bytes_of_8k() {
        let bytes = codec_private(Size::new(7680, 3840), Some(33_333_333));
        assert_eq!(bytes, [1, 1, 0, 2, 1, 60, 3, 1, 8, 4, 1, 0]);
        assert_eq!(codec_private(Size::new(16, 16), None), [1, 1, 0, 3, 1, 8, 4, 1, 0]);
    }
}
