// Parts of the compose kernel: its arguments, the maps along a column of pixels, and the shading of a pixel.
// src/kernels/compose/mod.rs has the formula, compose.cu the walk over the frame.
#pragma once
#include "picture.cuh"

namespace vrp {

struct ComposeArgs {
    Picture picture;
    const float4* a;
    const float4* b;
    const Tap* taps;
    unsigned char* y;
    unsigned char* u;
    unsigned char* v;
    unsigned char* alpha;
    unsigned char* activity;
    ToRgb to_rgb;
    FromRgb from_rgb;
    Rect eyes[2];
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int map_w, map_h, eye_count, dither;
};
static_assert(sizeof(ComposeArgs) == 240, "mirrored in src/kernels/compose/launch.rs");

constexpr int REACH = 2, LANES = 128, STRIPS = 2;
constexpr int OWN_W = 120, OWN_H = 40, ROWS = OWN_H + 2 * REACH, STRIP_ROWS = ROWS / STRIPS;
static_assert(ROWS % STRIPS == 0 && OWN_W + 2 * REACH <= LANES, "tile");

struct Sums {
    float alpha = 0.f, y = 0.f, u = 0.f, v = 0.f;
};

// Maps of one column of pixels at the current row of the maps: values at the upper row, and steps to the lower.
struct Column {
    int eye = -1;
    unsigned row = 0xffffffffu;
    unsigned eyes = 0;  // which eyes have this column, as bits
    bool clear = false;  // alpha rounds to 0 all the way to the lower row, whatever the colour
    float upper[8], step[8];
};

// A row of pixels in an eye: its tap, and whether the eye has it.
struct alignas(16) Row {
    unsigned first, second;
    float weight;
    unsigned inside;
};

__device__ __forceinline__ unsigned bayer(int x, int y) {
    unsigned value = 0;
#pragma unroll
    for (int bit = 0; bit < 3; ++bit) value = value << 2 | (((x ^ y) >> bit) & 1) << 1 | ((y >> bit) & 1);
    return value;
}

// Threshold of rounding, in 128ths of a code.
__device__ __forceinline__ unsigned threshold(int dither, int x, int y) { return dither ? 2 * bayer(x & 7, y & 7) + 1 : 64; }

// Between integers below 2^23 and floats by way of the mantissa: conversion instructions run at an eighth of the
// rate of others. `round_bits` rounds to nearest; its low 8 bits are the integer.
__device__ __forceinline__ float to_float(unsigned x) { return __uint_as_float(0x4b000000u | x) - 8388608.f; }
__device__ __forceinline__ float round_bits(float x) { return x + 8388608.f; }

// floor(mean + threshold / 128) of a weighted sum in 16ths of a code; `scale` is about 1 / (128 * alpha). The
// quotient of floats is off by at most one, which the remainder tells.
__device__ __forceinline__ unsigned mean_code(unsigned weighted, unsigned alpha, unsigned threshold, float scale) {
    const unsigned n = 8 * weighted + threshold * alpha, d = 128 * alpha;
    unsigned q = (unsigned)(__uint2float_rz(n) * scale);
    const int rest = (int)(n - q * d);
    q += rest < 0 ? -1 : rest >= (int)d ? 1 : 0;
    return min(q, 255u);
}

__device__ __forceinline__ float mean_scale(unsigned alpha) { return __fdividef(1.f / 128.f, (float)alpha); }

__device__ __forceinline__ const Tap* eye_taps(const ComposeArgs& p, int eye) {
    return p.taps + (eye ? p.eyes[0].width + p.eyes[0].height : 0);
}

// Both columns of a thread at a row of an eye; where the row follows the one before, its upper values are the
// old lower ones.
__device__ __forceinline__ void load_maps(const ComposeArgs& p, Column& column, int eye, const Row& row, Tap at) {
    const float4* const a = p.a + (size_t)eye * p.map_h * p.map_w;
    const float4* const b = p.b + (size_t)eye * p.map_h * p.map_w;
    const unsigned down = row.second * p.map_w, up = row.first * p.map_w;
    const float4 al = a[down + at.first], ar = a[down + at.second], bl = b[down + at.first], br = b[down + at.second];
    if (column.eye == eye && column.row + 1 == row.first) {
#pragma unroll
        for (int i = 0; i < 8; ++i) column.upper[i] += column.step[i];
    } else {
        const float4 cl = a[up + at.first], cr = a[up + at.second], dl = b[up + at.first], dr = b[up + at.second];
        column.upper[0] = mix(cl.x, cr.x, at.weight), column.upper[1] = mix(cl.y, cr.y, at.weight);
        column.upper[2] = mix(cl.z, cr.z, at.weight), column.upper[3] = mix(cl.w, cr.w, at.weight);
        column.upper[4] = mix(dl.x, dr.x, at.weight), column.upper[5] = mix(dl.y, dr.y, at.weight);
        column.upper[6] = mix(dl.z, dr.z, at.weight), column.upper[7] = mix(dl.w, dr.w, at.weight);
    }
    const float lower[8] = {mix(al.x, ar.x, at.weight), mix(al.y, ar.y, at.weight), mix(al.z, ar.z, at.weight), mix(al.w, ar.w, at.weight),
                            mix(bl.x, br.x, at.weight), mix(bl.y, br.y, at.weight), mix(bl.z, br.z, at.weight), mix(bl.w, br.w, at.weight)};
#pragma unroll
    for (int i = 0; i < 8; ++i) column.step[i] = lower[i] - column.upper[i];
    column.clear = fmaxf(fmaxf(column.upper[3], 0.f) + column.upper[7], fmaxf(lower[3], 0.f) + lower[7]) < 0.49f / 255.f;
    column.eye = eye;
    column.row = row.first;
}

// A changed component kept in [0, 1], or no further outside than the input already was.
__device__ __forceinline__ float settle(float changed, float input) {
    return fminf(fmaxf(changed, fminf(input, 0.f)), fmaxf(input, 1.f));
}

// Alpha (0..255) of a pixel, its luma code before rounding, and its share of the cell's sums.
__device__ __forceinline__ unsigned shade(const ComposeArgs& p, const Column& column, float weight_down, float luma_code,
                                          float3 chroma, float& luma_out, Sums& sums) {
    const float luma = (luma_code - p.to_rgb.luma_offset) * p.to_rgb.luma_scale;
    const float rgb[3] = {luma + chroma.x, luma + chroma.y, luma + chroma.z};
    float seen[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) seen[c] = __saturatef(rgb[c]);
    auto map = [&](int i) { return fmaf(column.step[i], weight_down, column.upper[i]); };
    const float gray = (seen[0] + seen[1] + seen[2]) * (1.f / 3.f);
    // __saturatef makes 0 of what is not a number: invisible.
    const float rounded = round_bits(__saturatef(fmaf(map(3), gray, map(7))) * 255.f);
    const unsigned alpha8 = __float_as_uint(rounded) & 0xff;
    if (alpha8 == 0) return 0;
    const float weight = rounded - 8388608.f;
    float out[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) out[c] = settle(rgb[c] + fmaf(map(c), seen[c], map(4 + c)), rgb[c]);
    const FromRgb& f = p.from_rgb;
    const float mean = f.luma_r * out[0] + f.luma_g * out[1] + f.luma_b * out[2];
    const float yc = fminf(fmaxf(fmaf(f.luma_scale, mean, f.luma_offset), 0.f), 255.f);
    const float uc = fminf(fmaxf(fmaf(f.u_scale, out[2] - mean, f.chroma_offset), 0.f), 255.f);
    const float vc = fminf(fmaxf(fmaf(f.v_scale, out[0] - mean, f.chroma_offset), 0.f), 255.f);
    sums.alpha += weight;
    sums.y = fmaf(weight, yc, sums.y);
    sums.u = fmaf(weight, uc, sums.u);
    sums.v = fmaf(weight, vc, sums.v);
    luma_out = yc;
    return alpha8;
}

__device__ __forceinline__ void store2(unsigned char* row, int x, int width, unsigned first, unsigned second) {
    if (x + 1 < width)
        *reinterpret_cast<unsigned short*>(row + x) = (unsigned short)(first | second << 8);
    else
        row[x] = (unsigned char)first;
}

}  // namespace vrp
