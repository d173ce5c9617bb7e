//! Default probabilities of block modes and motion vectors, as far as the subset has them.
//!
//! From the VP9 specification, section 10: `default_skip_prob`, `default_inter_mode_probs`,
//! `default_is_inter_prob`, `default_single_ref_prob`, `default_partition_probs`, the `default_mv_*`
//! tables, `kf_partition_probs`, and of the key frame's modes those of DC_PRED beside DC_PRED.
#![forbid(unsafe_code)]

/// A block is skipped, by context.
pub const SKIP: [u8; 3] = [192, 128, 64];

/// Nodes of the inter mode tree (zero, nearest, near or new), by context.
#[rustfmt::skip]
pub const INTER_MODE: [u8; 21] = [
    2, 173, 34,  7, 145, 85,  7, 166, 63,  7, 94, 66,  8, 64, 46,  17, 81, 31,  25, 29, 30,
];

/// A block is inter, by context.
pub const IS_INTER: [u8; 4] = [9, 102, 187, 225];

/// The two nodes of a single reference, by context.
pub const SINGLE_REFERENCE: [u8; 10] = [33, 16, 77, 74, 142, 142, 172, 170, 238, 247];

/// Nodes of the partition tree, by block size (8 to 64 pixels) and neighbours.
#[rustfmt::skip]
pub const PARTITION: [u8; 48] = [
    199, 122, 141,  147, 63, 159,  148, 133, 118,  121, 104, 114,
    174, 73, 87,    92, 41, 83,    82, 99, 50,     53, 39, 39,
    177, 58, 59,    68, 26, 63,    52, 79, 25,     17, 14, 12,
    222, 34, 30,    72, 16, 44,    58, 32, 12,     10, 7, 6,
];

/// [`PARTITION`] in key frames, where it is fixed.
#[rustfmt::skip]
pub const KEY_PARTITION: [u8; 48] = [
    158, 97, 94,  93, 24, 99,  85, 119, 44,  62, 59, 67,
    149, 53, 53,  94, 20, 48,  83, 53, 24,   52, 18, 18,
    150, 40, 39,  78, 12, 26,  67, 33, 11,   24, 7, 5,
    174, 35, 49,  68, 11, 27,  57, 15, 9,    12, 3, 3,
];

/// In a key frame: luma is DC_PRED where the blocks above and to the left are.
pub const KEY_LUMA_DC: u8 = 137;

/// In a key frame: chroma is DC_PRED where luma is.
pub const KEY_CHROMA_DC: u8 = 144;

/// Nodes of the tree that says which components of a motion vector are not zero.
pub const MOTION_JOINT: [u8; 3] = [32, 64, 96];

/// Sign, ten nodes of the class tree, the bit of class 0, ten bits of the other classes; rows first.
#[rustfmt::skip]
pub const MOTION_COMPONENT: [[u8; 22]; 2] = [
    [128, 224, 144, 192, 168, 192, 176, 192, 198, 198, 245, 216,
     136, 140, 148, 160, 176, 192, 224, 234, 234, 240],
    [128, 216, 128, 176, 160, 176, 176, 192, 198, 198, 208, 208,
     136, 140, 148, 160, 176, 192, 224, 234, 234, 240],
];

/// Nodes of the quarter pixels: class 0 with its bit 0, with its bit 1, then the other classes.
pub const MOTION_FRACTION: [u8; 9] = [128, 128, 64, 96, 112, 64, 64, 96, 64];

/// Extra bits of a large level, by token from "5 or 6" to "67 and more" (`cat1_prob` to `cat6_prob`).
pub const EXTRA: [&[u8]; 6] = [
    &[159],
    &[165, 145],
    &[173, 148, 140],
    &[176, 155, 140, 135],
    &[180, 157, 141, 134, 130],
    &[254, 254, 254, 252, 249, 243, 230, 196, 177, 153, 140, 133, 130, 129],
];
