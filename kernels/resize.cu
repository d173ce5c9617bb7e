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

// Halves a tile of `size` x `size` pixels in shared memory to `to`: mean over what lies inside h x w.
__device__ __forceinline__ void halve(const float* from, float* to, int size, int tid, int h, int w) {
    const int half = size / 2;
    for (int i = tid; i < half * half * 3; i += 256) {
        const int c = i % 3, x = (i / 3) % half, y = i / 3 / half;
        float sum = 0.f;
        int count = 0;
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int sy = 2 * y + (k >> 1), sx = 2 * x + (k & 1);
            if (sy < h && sx < w) sum += from[(sy * size + sx) * 3 + c], ++count;
        }
        to[i] = count ? sum / count : 0.f;
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

// A block owns 16 x 16 pixels and their three levels of averages. Grid: (w / 16, h / 16, n).
extern "C" __global__ void __launch_bounds__(256) vrp_entry(vrp::EntryArgs p) {
    using namespace vrp;
    __shared__ float level0[16 * 16 * 3], level1[8 * 8 * 3], level2[4 * 4 * 3], level3[2 * 2 * 3];
    const int tid = threadIdx.x, tx = tid & 15, ty = tid >> 4;
    const int x = blockIdx.x * 16 + tx, y = blockIdx.y * 16 + ty, image = blockIdx.z;
    const size_t plane = (size_t)p.h * p.w;
    float r = 0.f, g = 0.f, b = 0.f;
    dependency_wait();
    if (x < p.w && y < p.h) {
        const size_t pixel = (size_t)y * p.w + x, at = image * plane + pixel;
        const float* const src = p.src + (size_t)image * 3 * plane + pixel;
        r = src[0], g = src[plane], b = src[2 * plane];
        if (p.guide) reinterpret_cast<float4*>(p.guide)[at] = make_float4(r, g, b, (r + g + b) * (1.f / 3.f));
        if (p.stem) store_rgb(p.stem + at * 8, r, g, b, 1.f);
    }
    level0[tid * 3] = r, level0[tid * 3 + 1] = g, level0[tid * 3 + 2] = b;
    __syncthreads();
    // Sizes round up at each level, and a window over the edge averages what is inside.
    const int h1 = (p.h + 1) / 2, w1 = (p.w + 1) / 2, h2 = (h1 + 1) / 2, w2 = (w1 + 1) / 2, h3 = (h2 + 1) / 2, w3 = (w2 + 1) / 2;
    halve(level0, level1, 16, tid, p.h - blockIdx.y * 16, p.w - blockIdx.x * 16);
    __syncthreads();
    halve(level1, level2, 8, tid, h1 - blockIdx.y * 8, w1 - blockIdx.x * 8);
    __syncthreads();
    halve(level2, level3, 4, tid, h2 - blockIdx.y * 4, w2 - blockIdx.x * 4);
    __syncthreads();
    const float* const levels[3] = {level1, level2, level3};
    __half* const outs[3] = {p.half, p.quarter, p.eighth};
    const int pitches[3] = {p.half_pitch, p.quarter_pitch, p.eighth_pitch}, hs[3] = {h1, h2, h3}, ws[3] = {w1, w2, w3};
    int first = 0;
#pragma unroll
    for (int level = 0; level < 3; ++level) {
        // 64, 16 and 4 pixels: neighbouring threads, other warps for each level.
        const int size = 8 >> level, i = tid - first;
        first += size * size;
        if (!outs[level] || i < 0 || i >= size * size) continue;
        const int ly = i / size, lx = i % size, oy = blockIdx.y * size + ly, ox = blockIdx.x * size + lx;
        if (oy >= hs[level] || ox >= ws[level]) continue;
        const float* const v = levels[level] + i * 3;
        store_rgb(outs[level] + (((size_t)image * hs[level] + oy) * ws[level] + ox) * pitches[level], v[0], v[1], v[2], 0.f);
    }
}
