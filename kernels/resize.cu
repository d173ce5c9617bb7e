// What changes the size of feature maps, channels last: pooling, upsampling, and the entry of the
// network, which spreads the RGB input to every place that wants it.
#include "halfs.cuh"

namespace vrp {

struct ResizeArgs {
    const __half* x;  // [n, in_h, in_w, channels]
    __half* y;        // [n, out_h, out_w, channels]
    int x_pitch, y_pitch, channels, images;
    int in_h, in_w, out_h, out_w;
};
static_assert(sizeof(ResizeArgs) == 48, "mirrored in src/engine/native/resize.rs");

// Places for the input and its averages; null where nobody wants one. Each is written as a group of
// eight halfs [r, g, b, one, 0, 0, 0, 0]: the fourth channel is 1 in the `stem` copy (it carries the shift of
// the input's normalisation through the zero padding of the first convolution), 0 elsewhere.
struct EntryArgs {
    const float* src;  // [n, 3, h, w]
    float* guide;      // [n, h, w, 4]: r, g, b, their mean
    __half* stem;      // [n, h, w, 8]
    __half* half;      // into the concatenation at 1/2, 1/4, 1/8 size
    __half* quarter;
    __half* eighth;
    int half_pitch, quarter_pitch, eighth_pitch;
    int h, w;
};
static_assert(sizeof(EntryArgs) == 72, "mirrored in src/engine/native/resize.rs");

__device__ __forceinline__ bool locate(const ResizeArgs& p, int& image, int& y, int& x, int& channel) {
    const int groups = p.channels / 8;
    unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (unsigned)groups * p.out_w * p.out_h * p.images) return false;
    channel = (int)(index % groups) * 8;
    index /= groups;
    x = (int)(index % p.out_w);
    index /= p.out_w;
    y = (int)(index % p.out_h);
    image = (int)(index / p.out_h);
    return true;
}

__device__ __forceinline__ void store_rgb(__half* y, float r, float g, float b, float one) {
    const float v[8] = {r, g, b, one, 0.f, 0.f, 0.f, 0.f};
    store8(y, pack(v));
}

// Mean of four neighbours, those to the right and below if they are inside.
__device__ __forceinline__ float mean4(float a, float b, float c, float d, bool right, bool below) {
    float sum = a;
    if (right) sum += b;
    if (below) sum += c;
    if (right && below) sum += d;
    return sum * (right ? 0.5f : 1.f) * (below ? 0.5f : 1.f);
}

// The next level in the lanes whose bits `x_bit` and `y_bit` are 0; their neighbours are lanes with these bits 1.
__device__ __forceinline__ void halve(float (&v)[3], int x_bit, int y_bit, bool right, bool below) {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const float across = __shfl_xor_sync(~0u, v[c], x_bit), down = __shfl_xor_sync(~0u, v[c], y_bit);
        v[c] = mean4(v[c], across, down, __shfl_xor_sync(~0u, v[c], x_bit | y_bit), right, below);
    }
}

}  // namespace vrp

// Bilinear x2 with half-pixel centres: taps of 3/4 and 1/4, clamped at the edge; out may be one less
// than twice in.
extern "C" __global__ void __launch_bounds__(256) vrp_upsample2(vrp::ResizeArgs p) {
    using namespace vrp;
    int image, y, x, channel;
    dependency_wait();
    if (!locate(p, image, y, x, channel)) return;
    const int y0 = max((y + 1) / 2 - 1, 0), x0 = max((x + 1) / 2 - 1, 0);
    const int y1 = min((y + 1) / 2, p.in_h - 1), x1 = min((x + 1) / 2, p.in_w - 1);
    const float fy = (y & 1) ? 0.25f : 0.75f, fx = (x & 1) ? 0.25f : 0.75f;
    const __half* const base = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch + channel;
    const size_t row0 = (size_t)y0 * p.in_w, row1 = (size_t)y1 * p.in_w;
    float a[8], b[8], c[8], d[8];
    unpack(load8(base + (row0 + x0) * p.x_pitch), a);
    unpack(load8(base + (row0 + x1) * p.x_pitch), b);
    unpack(load8(base + (row1 + x0) * p.x_pitch), c);
    unpack(load8(base + (row1 + x1) * p.x_pitch), d);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const float top = a[i] + (b[i] - a[i]) * fx, bottom = c[i] + (d[i] - c[i]) * fx;
        a[i] = top + (bottom - top) * fy;
    }
    store8(p.y + (((size_t)image * p.out_h + y) * p.out_w + x) * p.y_pitch + channel, pack(a));
}

// 3x3 maximum, stride 2, padding 1.
extern "C" __global__ void __launch_bounds__(256) vrp_max_pool3(vrp::ResizeArgs p) {
    using namespace vrp;
    int image, y, x, channel;
    dependency_wait();
    if (!locate(p, image, y, x, channel)) return;
    const __half* const base = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch + channel;
    float best[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) best[i] = -65504.f;
#pragma unroll
    for (int k = 0; k < 9; ++k) {
        const int sy = 2 * y - 1 + k / 3, sx = 2 * x - 1 + k % 3;
        if ((unsigned)sy >= (unsigned)p.in_h || (unsigned)sx >= (unsigned)p.in_w) continue;
        float v[8];
        unpack(load8(base + ((size_t)sy * p.in_w + sx) * p.x_pitch), v);
#pragma unroll
        for (int i = 0; i < 8; ++i) best[i] = fmaxf(best[i], v[i]);
    }
    store8(p.y + (((size_t)image * p.out_h + y) * p.out_w + x) * p.y_pitch + channel, pack(best));
}

// A thread owns 2 x 2 pixels, a warp 16 x 8 and their three levels of averages, a block 32 x 32: no thread waits for
// another warp. Sizes round up at each level, and a window over the edge averages what is inside.
// Grid: (w / 32, h / 32, n).
extern "C" __global__ void __launch_bounds__(256) vrp_entry(vrp::EntryArgs p) {
    using namespace vrp;
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, image = blockIdx.z;
    const int x1 = blockIdx.x * 16 + (warp & 1) * 8 + (lane & 7), y1 = blockIdx.y * 16 + (warp >> 1) * 4 + (lane >> 3);
    const size_t plane = (size_t)p.h * p.w;
    float rgb[4][3] = {};
    dependency_wait();
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const int y = 2 * y1 + (k >> 1), x = 2 * x1 + (k & 1);
        if (y >= p.h || x >= p.w) continue;
        const float* const src = p.src + (size_t)image * 3 * plane + (size_t)y * p.w + x;
#pragma unroll
        for (int c = 0; c < 3; ++c) rgb[k][c] = src[c * plane];
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const int y = 2 * y1 + (k >> 1), x = 2 * x1 + (k & 1);
        if (y >= p.h || x >= p.w) continue;
        const size_t at = image * plane + (size_t)y * p.w + x;
        const float r = rgb[k][0], g = rgb[k][1], b = rgb[k][2];
        if (p.guide) reinterpret_cast<float4*>(p.guide)[at] = make_float4(r, g, b, (r + g + b) * (1.f / 3.f));
        if (p.stem) store_rgb(p.stem + at * 8, r, g, b, 1.f);
    }
    const int h1 = (p.h + 1) / 2, w1 = (p.w + 1) / 2, h2 = (h1 + 1) / 2, w2 = (w1 + 1) / 2, h3 = (h2 + 1) / 2, w3 = (w2 + 1) / 2;
    float v[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) v[c] = mean4(rgb[0][c], rgb[1][c], rgb[2][c], rgb[3][c], 2 * x1 + 1 < p.w, 2 * y1 + 1 < p.h);
    auto store = [&](__half* to, int pitch, int x, int y, int w, int h) {
        if (to && x < w && y < h) store_rgb(to + (((size_t)image * h + y) * w + x) * pitch, v[0], v[1], v[2], 0.f);
    };
    store(p.half, p.half_pitch, x1, y1, w1, h1);
    halve(v, 1, 8, x1 + 1 < w1, y1 + 1 < h1);
    if ((lane & 9) == 0) store(p.quarter, p.quarter_pitch, x1 / 2, y1 / 2, w2, h2);
    halve(v, 2, 16, x1 / 2 + 1 < w2, y1 / 2 + 1 < h2);
    if ((lane & 27) == 0) store(p.eighth, p.eighth_pitch, x1 / 4, y1 / 4, w3, h3);
}
