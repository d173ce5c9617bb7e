//! The DCT of 4x4, 8x8 and 16x16 blocks: inverse exactly as decoders have it, forward to match.
//!
//! The inverse follows the VP9 specification, section 8.7: rows, then columns, each line through a
//! network of rotations by multiples of pi/64 whose results are rounded to integers, at the end a shift.
//! The forward transform is the same network run backwards, so that it is the inverse's transpose; it
//! gives coefficients that are 8 times those of an orthonormal DCT.
#![forbid(unsafe_code)]

/// cos(n * pi / 64) in 14 bits, n from 0 to 31.
#[rustfmt::skip]
const COSINES: [i32; 32] = [
    16384, 16364, 16305, 16207, 16069, 15893, 15679, 15426, 15137, 14811, 14449, 14053, 13623, 13160, 12665, 12140,
    11585, 11003, 10394,  9760,  9102,  8423,  7723,  7005,  6270,  5520,  4756,  3981,  3196,  2404,  1606,   804,
];

/// `a * cos(m) + b * cos(n)`, rounded; a negative index negates its product.
fn mix(a: i32, m: i32, b: i32, n: i32) -> i32 {
    let part = |value: i32, n: i32| value * COSINES[n.unsigned_abs() as usize] * n.signum();
    (part(a, m) + part(b, n) + (1 << 13)) >> 14
}

fn inverse_4(x: [i32; 4]) -> [i32; 4] {
    let [a, b] = [mix(x[0], 16, x[2], 16), mix(x[0], 16, x[2], -16)];
    let [c, d] = [mix(x[1], 24, x[3], -8), mix(x[1], 8, x[3], 24)];
    [a + d, b + c, b - c, a - d]
}

fn inverse_8(x: [i32; 8]) -> [i32; 8] {
    let even = inverse_4([x[0], x[2], x[4], x[6]]);
    let [a, d] = [mix(x[1], 28, x[7], -4), mix(x[1], 4, x[7], 28)];
    let [b, c] = [mix(x[5], 12, x[3], -20), mix(x[5], 20, x[3], 12)];
    let [a, b, c, d] = [a + b, a - b, d - c, d + c];
    let odd = [d, mix(c, 16, b, 16), mix(c, 16, b, -16), a];
    std::array::from_fn(|i| if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] })
}

fn inverse_16(x: [i32; 16]) -> [i32; 16] {
    let even = inverse_8(std::array::from_fn(|i| x[2 * i]));
    let (s8, s15) = (mix(x[1], 30, x[15], -2), mix(x[1], 2, x[15], 30));
    let (s9, s14) = (mix(x[9], 14, x[7], -18), mix(x[9], 18, x[7], 14));
    let (s10, s13) = (mix(x[5], 22, x[11], -10), mix(x[5], 10, x[11], 22));
    let (s11, s12) = (mix(x[13], 6, x[3], -26), mix(x[13], 26, x[3], 6));
    let (t8, t9, t10, t11) = (s8 + s9, s8 - s9, s11 - s10, s10 + s11);
    let (t12, t13, t14, t15) = (s12 + s13, s12 - s13, s15 - s14, s14 + s15);
    let (t9, t14) = (mix(t9, -8, t14, 24), mix(t9, 24, t14, 8));
    let (t10, t13) = (mix(t10, -24, t13, -8), mix(t10, -8, t13, 24));
    let (u8, u9, u10, u11) = (t8 + t11, t9 + t10, t9 - t10, t8 - t11);
    let (u12, u13, u14, u15) = (t15 - t12, t14 - t13, t13 + t14, t12 + t15);
    let (v10, v13) = (mix(u13, 16, u10, -16), mix(u10, 16, u13, 16));
    let (v11, v12) = (mix(u12, 16, u11, -16), mix(u11, 16, u12, 16));
    let odd = [u15, u14, v13, v12, v11, v10, u9, u8];
    std::array::from_fn(|i| if i < 8 { even[i] + odd[i] } else { even[15 - i] - odd[15 - i] })
}

fn forward_4(x: [i32; 4]) -> [i32; 4] {
    let [a, b, c, d] = [x[0] + x[3], x[1] + x[2], x[1] - x[2], x[0] - x[3]];
    [mix(a, 16, b, 16), mix(c, 24, d, 8), mix(a, 16, b, -16), mix(c, -8, d, 24)]
}

fn forward_8(x: [i32; 8]) -> [i32; 8] {
    let even = forward_4(std::array::from_fn(|i| x[i] + x[7 - i]));
    let [d, c, b, a]: [i32; 4] = std::array::from_fn(|i| x[i] - x[7 - i]);
    let [c, b] = [mix(c, 16, b, 16), mix(c, 16, b, -16)];
    let [a, b, c, d] = [a + b, a - b, d - c, d + c];
    let odd = [mix(a, 28, d, 4), mix(b, -20, c, 12), mix(b, 12, c, 20), mix(a, -4, d, 28)];
    std::array::from_fn(|i| if i % 2 == 0 { even[i / 2] } else { odd[i / 2] })
}

fn forward_16(x: [i32; 16]) -> [i32; 16] {
    let even = forward_8(std::array::from_fn(|i| x[i] + x[15 - i]));
    let [u15, u14, u13, u12, u11, u10, u9, u8]: [i32; 8] = std::array::from_fn(|i| x[i] - x[15 - i]);
    let (v10, v13) = (mix(u13, 16, u10, -16), mix(u10, 16, u13, 16));
    let (v11, v12) = (mix(u12, 16, u11, -16), mix(u11, 16, u12, 16));
    let (w8, w9, w10, w11) = (u8 + v11, u9 + v10, u9 - v10, u8 - v11);
    let (w12, w13, w14, w15) = (u15 - v12, u14 - v13, v13 + u14, v12 + u15);
    let (y9, y14) = (mix(w9, -8, w14, 24), mix(w9, 24, w14, 8));
    let (y10, y13) = (mix(w10, -24, w13, -8), mix(w10, -8, w13, 24));
    let (z8, z9, z10, z11) = (w8 + y9, w8 - y9, w11 - y10, y10 + w11);
    let (z12, z13, z14, z15) = (w12 + y13, w12 - y13, w15 - y14, y14 + w15);
    let odd = [
        mix(z8, 30, z15, 2),
        mix(z11, -26, z12, 6),
        mix(z10, 22, z13, 10),
        mix(z9, -18, z14, 14),
        mix(z9, 14, z14, 18),
        mix(z10, -10, z13, 22),
        mix(z11, 6, z12, 26),
        mix(z8, -2, z15, 30),
    ];
    std::array::from_fn(|i| if i % 2 == 0 { even[i / 2] } else { odd[i / 2] })
}

/// Applies `line` to `n` lines of `n` values: those of row r lie `step` apart from `r * (n + 1 - ...)`.
fn lines<const N: usize>(block: &mut [i32], columns: bool, line: fn([i32; N]) -> [i32; N]) {
    for i in 0..N {
        let at = |j: usize| if columns { j * N + i } else { i * N + j };
        let out = line(std::array::from_fn(|j| block[at(j)]));
        out.into_iter().enumerate().for_each(|(j, value)| block[at(j)] = value);
    }
}

/// Residual to coefficients in place; `block` holds 16, 64 or 256 values in raster order.
pub fn forward(block: &mut [i32]) {
    match block.len() {
        16 => {
            block.iter_mut().for_each(|value| *value <<= 2);
            lines(block, true, forward_4);
            lines(block, false, forward_4);
        }
        64 => {
            block.iter_mut().for_each(|value| *value <<= 1);
            lines(block, true, forward_8);
            lines(block, false, forward_8);
        }
        256 => {
            lines(block, true, forward_16);
            lines(block, false, forward_16);
        }
        len => unreachable!("a transform block of {len}"),
    }
}

/// Coefficients (levels times steps) to residual in place, as decoders do it.
pub fn inverse(block: &mut [i32]) {
    let shift = match block.len() {
        16 => {
            lines(block, false, inverse_4);
            lines(block, true, inverse_4);
            4
        }
        64 => {
            lines(block, false, inverse_8);
            lines(block, true, inverse_8);
            5
        }
        256 => {
            lines(block, false, inverse_16);
            lines(block, true, inverse_16);
            6
        }
        len => unreachable!("a transform block of {len}"),
    };
    block.iter_mut().for_each(|value| *value = (*value + (1 << (shift - 1))) >> shift);
}

/// What [`inverse`] makes of every pixel when only the DC coefficient is not 0.
pub fn inverse_of_dc(coefficient: i32, side: usize) -> i32 {
    let shift = side.trailing_zeros() + 2;
    let twice = mix(mix(coefficient, 16, 0, 16), 16, 0, 16);
    (twice + (1 << (shift - 1))) >> shift
}
