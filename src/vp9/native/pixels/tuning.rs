//! Quantiser steps by index, and everything that follows from an index: the numbers that both forms of
//! the pixel half are given, so that they decide alike.
//!
//! Steps are the tables `dc_qlookup` and `ac_qlookup` of the VP9 specification, section 8.6.1, for 8 bits. A
//! coefficient is 8 times that of an orthonormal DCT, so a step is an eighth of itself in pixels.
#![forbid(unsafe_code)]

/// Steps of DC coefficients.
#[rustfmt::skip]
const DC_STEPS: [u16; 256] = [
    4, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19,
    20, 21, 22, 23, 24, 25, 26, 26, 27, 28, 29, 30, 31, 32, 32, 33,
    34, 35, 36, 37, 38, 38, 39, 40, 41, 42, 43, 43, 44, 45, 46, 47,
    48, 48, 49, 50, 51, 52, 53, 53, 54, 55, 56, 57, 57, 58, 59, 60,
    61, 62, 62, 63, 64, 65, 66, 66, 67, 68, 69, 70, 70, 71, 72, 73,
    74, 74, 75, 76, 77, 78, 78, 79, 80, 81, 81, 82, 83, 84, 85, 85,
    87, 88, 90, 92, 93, 95, 96, 98, 99, 101, 102, 104, 105, 107, 108, 110,
    111, 113, 114, 116, 117, 118, 120, 121, 123, 125, 127, 129, 131, 134, 136, 138,
    140, 142, 144, 146, 148, 150, 152, 154, 156, 158, 161, 164, 166, 169, 172, 174,
    177, 180, 182, 185, 187, 190, 192, 195, 199, 202, 205, 208, 211, 214, 217, 220,
    223, 226, 230, 233, 237, 240, 243, 247, 250, 253, 257, 261, 265, 269, 272, 276,
    280, 284, 288, 292, 296, 300, 304, 309, 313, 317, 322, 326, 330, 335, 340, 344,
    349, 354, 359, 364, 369, 374, 379, 384, 389, 395, 400, 406, 411, 417, 423, 429,
    435, 441, 447, 454, 461, 467, 475, 482, 489, 497, 505, 513, 522, 530, 539, 549,
    559, 569, 579, 590, 602, 614, 626, 640, 654, 668, 684, 700, 717, 736, 755, 775,
    796, 819, 843, 869, 896, 925, 955, 988, 1022, 1058, 1098, 1139, 1184, 1232, 1282, 1336,
];

/// Steps of all other coefficients.
#[rustfmt::skip]
const AC_STEPS: [u16; 256] = [
    4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54,
    55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70,
    71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86,
    87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102,
    104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126, 128, 130, 132, 134,
    136, 138, 140, 142, 144, 146, 148, 150, 152, 155, 158, 161, 164, 167, 170, 173,
    176, 179, 182, 185, 188, 191, 194, 197, 200, 203, 207, 211, 215, 219, 223, 227,
    231, 235, 239, 243, 247, 251, 255, 260, 265, 270, 275, 280, 285, 290, 295, 300,
    305, 311, 317, 323, 329, 335, 341, 347, 353, 359, 366, 373, 380, 387, 394, 401,
    408, 416, 424, 432, 440, 448, 456, 465, 474, 483, 492, 501, 510, 520, 530, 540,
    550, 560, 571, 582, 593, 604, 615, 627, 639, 651, 663, 676, 689, 702, 715, 729,
    743, 757, 771, 786, 801, 816, 832, 848, 864, 881, 898, 915, 933, 951, 969, 988,
    1007, 1026, 1046, 1066, 1087, 1108, 1129, 1151, 1173, 1196, 1219, 1243, 1267, 1292, 1317, 1343,
    1369, 1396, 1423, 1451, 1479, 1508, 1537, 1567, 1597, 1628, 1660, 1692, 1725, 1759, 1793, 1828,
];

/// The quantiser index of a level from 0 to 63, as libvpx maps its `min_q` and `max_q`. Never 0, which
/// would mean lossless coding, another transform.
pub fn index_of_level(level: u8) -> u8 {
    match level.min(63) {
        0 => 1,
        62 => 249,
        63 => 255,
        level => level * 4,
    }
}

/// What is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Luma and chroma.
    Colour,
    /// Luma alone; its 0 and 255 are exact wherever a block has nothing else.
    Matte,
}

/// Numbers of one stream. Also an argument of the CUDA kernels, same layout there.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tuning {
    /// Step of DC coefficients.
    pub dc_step: i32,
    /// Step of the others.
    pub ac_step: i32,
    /// Added before a coefficient in sixteenths of a step is cut to whole steps: 8 would be the nearest.
    pub rounding: i32,
    /// Worth of a quarter of a bit, in squared sixteenths of a step.
    pub bit_worth: i32,
    /// Worth of a bit of motion, in sixteenths of a luma difference.
    pub motion_worth: i32,
    /// The same when neighbours' motions are compared.
    pub settling_worth: i32,
    /// Bits that a motion costs beside its difference when it is none of those at hand.
    pub new_bits: i32,
    /// Bits that four blocks cost beside their motions, and by their smaller transforms.
    pub split_bits: i32,
    /// Levels of a whole cell from which on four blocks with its motion are tried as well.
    pub try_split: i32,
    /// Quarter bits that those cost beside their levels.
    pub split_worth: i32,
    /// Worth of a quarter of a bit, in 64ths of squared differences of samples.
    pub error_worth: i32,
    /// Costs in sixteenths of a luma difference below which the search is short.
    pub near: i32,
    /// 1 for a matte.
    pub matte: i32,
    /// How far beyond 0 and 255 a matte aims where it has those and the prediction has not, in pixels.
    pub overshoot: i32,
    /// The same where the prediction is right already.
    pub guard: i32,
}

impl Tuning {
    /// Numbers for a stream of `kind` at quantiser index `base_q_index`.
    pub fn new(kind: Kind, base_q_index: u8) -> Self {
        let [dc_step, ac_step] =
            [DC_STEPS, AC_STEPS].map(|steps| i32::from(steps[usize::from(base_q_index)]));
        let matte = i32::from(kind == Kind::Matte);
        // With both, a quarter as many samples that should be 0 or 255 were not on a moving disc, for 3% fewer bytes
        // than with `overshoot` alone; twice as much of either took 5 to 25% more.
        let overshoot = matte * (1 + ac_step / 16);
        Self {
            dc_step,
            ac_step,
            rounding: 6,
            bit_worth: 9,
            // About libvpx's weight, which grows with the step.
            motion_worth: 38 + ac_step / 6,
            // At 8K a third dearer motion cost 0.05 dB of luma and saved 5% of the bytes.
            settling_worth: 3 * (38 + ac_step / 6),
            new_bits: 5,
            split_bits: 12,
            // With 1 the same to 0.5% of the bytes, for a longer time.
            try_split: 20,
            split_worth: 24,
            // As in H.264's reference encoder 0.14 of a step squared is a bit; a step is an eighth of itself in samples.
            error_worth: (ac_step * ac_step * 9 / 256).max(1),
            near: 16 * 384,
            matte,
            overshoot,
            guard: (overshoot + 1) / 2,
        }
    }
}

/// Numbers of a colour stream and its matte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tunings {
    /// For key points.
    pub key: [Tuning; 2],
    /// For all other frames.
    pub usual: [Tuning; 2],
}

impl Tunings {
    /// Those of a frame.
    pub fn of(&self, key: bool) -> [Tuning; 2] {
        if key { self.key } else { self.usual }
    }
}
