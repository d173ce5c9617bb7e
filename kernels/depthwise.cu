// Depthwise convolution, channels last, halfs in and out, 32-bit sums; bias and activation fused.
//
//   y[n, oy, ox, c] = act(bias[c] + sum over ky, kx of x[n, oy*s - p + ky*d, ox*s - p + kx*d, c] * w[ky, kx, c])
//
// A thread owns eight channels of PIXELS neighbouring outputs of a row, so that inputs which they
// share are read once; neighbouring threads own neighbouring channels. Bytes moved per output
// value: about 2 written, 2 * K * (PIXELS + K - 1) / PIXELS read, mostly from the caches.
#include "halfs.cuh"

namespace vrp {

// Sizes in elements, pitches in halfs; `channels` is a multiple of eight.
struct DepthwiseArgs {
    const __half* x;    // [n, in_h, in_w, channels]
    const __half* w;    // [kernel * kernel, channels]
    const float* bias;  // [channels]
    __half* y;          // [n, out_h, out_w, channels]
    int x_pitch, y_pitch, channels, images;
    int in_h, in_w, out_h, out_w;
    int pad, act;
};
static_assert(sizeof(DepthwiseArgs) == 72, "mirrored in src/engine/native/depthwise.rs");

constexpr int PIXELS = 4;

template <int K, int STRIDE, int DILATION>
__device__ __forceinline__ void depthwise(const DepthwiseArgs& p) {
    constexpr int SPAN = (PIXELS - 1) * STRIDE + (K - 1) * DILATION + 1;
    const int groups = p.channels / 8, columns = (p.out_w + PIXELS - 1) / PIXELS;
    const unsigned total = (unsigned)groups * columns * p.out_h * p.images;
    unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    dependency_wait();
    if (index >= total) return;
    const int channel = (int)(index % groups) * 8;
    index /= groups;
    const int ox = (int)(index % columns) * PIXELS;
    index /= columns;
    const int oy = (int)(index % p.out_h), image = (int)(index / p.out_h);

    float sum[PIXELS][8], bias[8];
    load_f32x8(p.bias + channel, bias);
#pragma unroll
    for (int i = 0; i < PIXELS; ++i)
#pragma unroll
        for (int c = 0; c < 8; ++c) sum[i][c] = bias[c];

    const int x0 = ox * STRIDE - p.pad;
#pragma unroll
    for (int ky = 0; ky < K; ++ky) {
        const int y = oy * STRIDE - p.pad + ky * DILATION;
        if ((unsigned)y >= (unsigned)p.in_h) continue;
        const __half* const row = p.x + ((size_t)image * p.in_h + y) * p.in_w * p.x_pitch + channel;
        Half8 w[K];
#pragma unroll
        for (int kx = 0; kx < K; ++kx) w[kx] = load8(p.w + (ky * K + kx) * p.channels + channel);
#pragma unroll
        for (int j = 0; j < SPAN; ++j) {
            // Position j meets output i under tap kx where i * STRIDE + kx * DILATION == j.
            Half8 in = {};
            if ((unsigned)(x0 + j) < (unsigned)p.in_w) in = load8(row + (size_t)(x0 + j) * p.x_pitch);
            float v[8];
            unpack(in, v);
#pragma unroll
            for (int kx = 0; kx < K; ++kx) {
                const int rest = j - kx * DILATION;
                if (rest < 0 || rest % STRIDE != 0 || rest / STRIDE >= PIXELS) continue;
                float t[8];
                unpack(w[kx], t);
#pragma unroll
                for (int c = 0; c < 8; ++c) sum[rest / STRIDE][c] = fmaf(v[c], t[c], sum[rest / STRIDE][c]);
            }
        }
    }
    __half* const out = p.y + (((size_t)image * p.out_h + oy) * p.out_w + ox) * p.y_pitch + channel;
#pragma unroll
    for (int i = 0; i < PIXELS; ++i) {
        if (ox + i >= p.out_w) break;
#pragma unroll
        for (int c = 0; c < 8; ++c) sum[i][c] = activate(sum[i][c], p.act);
        store8(out + (size_t)i * p.y_pitch, pack(sum[i]));
    }
}

}  // namespace vrp

// vrp_depthwise_<kernel>_<stride>_<dilation>
extern "C" __global__ void __launch_bounds__(128) vrp_depthwise_3_1_1(vrp::DepthwiseArgs p) { vrp::depthwise<3, 1, 1>(p); }
extern "C" __global__ void __launch_bounds__(128) vrp_depthwise_3_2_1(vrp::DepthwiseArgs p) { vrp::depthwise<3, 2, 1>(p); }
extern "C" __global__ void __launch_bounds__(128) vrp_depthwise_5_1_1(vrp::DepthwiseArgs p) { vrp::depthwise<5, 1, 1>(p); }
extern "C" __global__ void __launch_bounds__(128) vrp_depthwise_5_2_1(vrp::DepthwiseArgs p) { vrp::depthwise<5, 2, 1>(p); }
extern "C" __global__ void __launch_bounds__(128) vrp_depthwise_5_1_2(vrp::DepthwiseArgs p) { vrp::depthwise<5, 1, 2>(p); }
