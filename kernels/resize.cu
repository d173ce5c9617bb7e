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

// The mean of a pixel's value and that of three other lanes, told apart by two bits of the lane: of those that
// lie inside. Afterwards `inside` says whether any does.
__device__ __forceinline__ void halve(float (&rgb)[3], bool& inside, int bit_x, int bit_y) {
    float count = inside ? 1.f : 0.f;
#pragma unroll
    for (int c = 0; c < 3; ++c) rgb[c] = inside ? rgb[c] : 0.f;
#pragma unroll
    for (int turn = 0; turn < 2; ++turn) {
        const int bit = turn ? bit_y : bit_x;
#pragma unroll
        for (int c = 0; c < 3; ++c) rgb[c] += __shfl_xor_sync(0xffffffffu, rgb[c], bit);
        count += __shfl_xor_sync(0xffffffffu, count, bit);
    }
    inside = count > 0.f;
    const float scale = 1.f / fmaxf(count, 1.f);
#pragma unroll
    for (int c = 0; c < 3; ++c) rgb[c] *= scale;
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

// A thread owns 2 x 2 pixels, a warp 16 x 8 and a block 32 x 32 with their three levels of averages. Bits of the
// lane are x, y, x, y, x of the thread's place, so that each level is a step between lanes. Grid: (w / 32, h / 32, n).
extern "C" __global__ void __launch_bounds__(256) vrp_entry(vrp::EntryArgs p) {
    using namespace vrp;
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, image = blockIdx.z;
    const int qx = (blockIdx.x * 2 + (warp & 1)) * 8 + ((lane & 1) | (lane >> 1 & 2) | (lane >> 2 & 4));
    const int qy = (blockIdx.y * 4 + (warp >> 1)) * 4 + ((lane >> 1 & 1) | (lane >> 2 & 2));
    const size_t plane = (size_t)p.h * p.w;
    const float* const src = p.src + (size_t)image * 3 * plane;
    float rgb[3] = {};
    int count = 0;
    dependency_wait();
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int x = qx * 2 + (i & 1), y = qy * 2 + (i >> 1);
        if (x >= p.w || y >= p.h) continue;
        const size_t pixel = (size_t)y * p.w + x, at = image * plane + pixel;
        const float r = src[pixel], g = src[pixel + plane], b = src[pixel + 2 * plane];
        if (p.guide) reinterpret_cast<float4*>(p.guide)[at] = make_float4(r, g, b, (r + g + b) * (1.f / 3.f));
        if (p.stem) store_rgb(p.stem + at * 8, r, g, b, 1.f);
        rgb[0] += r, rgb[1] += g, rgb[2] += b, ++count;
    }
    // Sizes round up at each level, and a window over the edge averages what is inside.
    const float scale = 1.f / (float)max(count, 1);
    rgb[0] *= scale, rgb[1] *= scale, rgb[2] *= scale;
    bool inside = count > 0;
    __half* const outs[3] = {p.half, p.quarter, p.eighth};
    const int pitches[3] = {p.half_pitch, p.quarter_pitch, p.eighth_pitch};
#pragma unroll
    for (int level = 0; level < 3; ++level) {
        if (level > 0) halve(rgb, inside, level == 1 ? 1 : 4, level == 1 ? 2 : 8);
        const int h = (p.h + (2 << level) - 1) >> (level + 1), w = (p.w + (2 << level) - 1) >> (level + 1);
        const bool mine = level == 0 || (lane & (level == 1 ? 3 : 15)) == 0;
        if (outs[level] && mine && inside)
            store_rgb(outs[level] + (((size_t)image * h + (qy >> level)) * w + (qx >> level)) * pitches[level], rgb[0], rgb[1], rgb[2], 0.f);
    }
}
