// Arguments and epilogue that the convolution kernels share. Mirrored by `conv::Args` in Rust.
#pragma once
#include "halfs.cuh"

namespace vrp {

enum ConvMode : int {
    CONV_PLAIN = 0,      // y = act(sum + bias [+ residual]) [* out_scale]
    CONV_GRU_GATES = 1,  // r, z = sigmoid(sum + bias): y0 = r * state, z_buffer = z
    CONV_GRU_STATE = 2,  // c = tanh(sum + bias): state = (1 - z) * state + z * c, y0 = state
};

// Sizes in elements, pitches in halfs. `cin` and `cout` are padded to multiples of eight.
struct ConvArgs {
    const __half* x;          // [n, in_h, in_w, cin], pitch x_pitch
    const __half* w;          // [cout, k_padded], k = (ky * kernel + kx) * cin + c; zeros above
    const float* bias;        // [cout]
    const __half* residual;   // [n, out_h, out_w, cout], or null
    const __half* in_scale;   // [n, k_padded], per input channel of a 1x1 kernel, or null
    const float* out_scale;   // [n, cout], or null
    __half* y0;               // channels below split_channel
    __half* y1;               // channels from split_channel on
    float* state;             // [n, out_h, out_w, gru_channels]
    float* z;                 // as state
    float* partial;           // [splits, tiles, tile_m * tile_n] sums, when splits > 1
    unsigned* counters;       // [tiles], zero before and after
    int x_pitch, y0_pitch, y1_pitch, residual_pitch;
    int split_channel, gru_channels;
    int in_h, in_w, out_h, out_w;
    int cin, cout, k_total, k_padded;
    int kernel, stride, pad, dilation;
    int act, mode, splits, images;
};
static_assert(sizeof(ConvArgs) == 184, "mirrored in src/engine/native/conv.rs");

// One group of eight output channels of one pixel: everything after the sum.
__device__ __forceinline__ void conv_epilogue(const ConvArgs& p, int image, int pixel, int channel, float (&v)[8]) {
    float t[8];
    load_f32x8(p.bias + channel, t);
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] += t[i];
    const size_t at = (size_t)image * p.out_h * p.out_w + pixel;
    if (p.residual) {
        unpack(load8(p.residual + at * p.residual_pitch + channel), t);
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] += t[i];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = activate(v[i], p.act);
    if (p.mode == CONV_PLAIN) {
        if (p.out_scale) {
            load_f32x8(p.out_scale + (size_t)image * p.cout + channel, t);
#pragma unroll
            for (int i = 0; i < 8; ++i) v[i] *= t[i];
        }
        // 65504 is the largest half; a value beyond it would become infinite and spread.
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = fminf(fmaxf(v[i], -65504.f), 65504.f);
        if (channel < p.split_channel)
            store8(p.y0 + at * p.y0_pitch + channel, pack(v));
        else
            store8(p.y1 + at * p.y1_pitch + (channel - p.split_channel), pack(v));
    } else if (p.mode == CONV_GRU_GATES) {
        if (channel < p.gru_channels) {
            load_f32x8(p.state + at * p.gru_channels + channel, t);
#pragma unroll
            for (int i = 0; i < 8; ++i) v[i] *= t[i];
            store8(p.y0 + at * p.y0_pitch + channel, pack(v));
        } else {
            store_f32x8(p.z + at * p.gru_channels + (channel - p.gru_channels), v);
        }
    } else {
        // Reads and writes its own pixel only, so the state is updated in place.
        float z[8];
        load_f32x8(p.state + at * p.gru_channels + channel, t);
        load_f32x8(p.z + at * p.gru_channels + channel, z);
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = (1.f - z[i]) * t[i] + z[i] * v[i];
        store_f32x8(p.state + at * p.gru_channels + channel, v);
        store8(p.y0 + at * p.y0_pitch + channel, pack(v));
    }
}

}  // namespace vrp
