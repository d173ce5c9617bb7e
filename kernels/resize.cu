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

// The mean over a square of four values, of which those inside the image count; in order, as a loop would add them.
struct Square {
    bool right, below;
    __device__ __forceinline__ float mean(float v, float to_right, float under, float across) const {
        float sum = v;
        if (right) sum += to_right;
        if (below) sum += under;
        if (right && below) sum += across;
        return sum / ((right ? 2 : 1) * (below ? 2 : 1));
    }
};

// Halves what the lanes of a warp hold: a lane's neighbours are `dx` and `dy` lanes away.
__device__ __forceinline__ void halve(float (&v)[3], Square square, int dx, int dy) {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const float to_right = __shfl_xor_sync(0xffffffffu, v[c], dx), under = __shfl_xor_sync(0xffffffffu, v[c], dy);
        const float across = __shfl_xor_sync(0xffffffffu, v[c], dx + dy);
        v[c] = square.mean(v[c], to_right, under, across);
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

// A block owns 64 x 16 pixels and their three levels of averages, a thread four pixels 32 and 8 apart. Grid: (w / 64,
// h / 16, n).
extern "C" __global__ void __launch_bounds__(256) vrp_entry(vrp::EntryArgs p) {
    using namespace vrp;
    __shared__ float level0[3][16][64];
    const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, image = blockIdx.z;
    const size_t plane = (size_t)p.h * p.w;
    dependency_wait();
    float rgb[4][3];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int x = blockIdx.x * 64 + lane + (i & 1) * 32, y = blockIdx.y * 16 + warp + (i >> 1) * 8;
        const bool inside = x < p.w && y < p.h;
        const float* const src = p.src + (size_t)image * 3 * plane + (size_t)y * p.w + x;
#pragma unroll
        for (int c = 0; c < 3; ++c) rgb[i][c] = inside ? src[c * plane] : 0.f;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int lx = lane + (i & 1) * 32, ly = warp + (i >> 1) * 8, x = blockIdx.x * 64 + lx, y = blockIdx.y * 16 + ly;
        const float r = rgb[i][0], g = rgb[i][1], b = rgb[i][2];
        if (x < p.w && y < p.h) {
            const size_t at = image * plane + (size_t)y * p.w + x;
            if (p.guide) reinterpret_cast<float4*>(p.guide)[at] = make_float4(r, g, b, (r + g + b) * (1.f / 3.f));
            if (p.stem) store_rgb(p.stem + at * 8, r, g, b, 1.f);
        }
        level0[0][ly][lx] = r, level0[1][ly][lx] = g, level0[2][ly][lx] = b;
    }
    __syncthreads();
    // A lane has a pixel of the first level, a warp 8 x 4 of them: the further levels stay inside of a warp. Sizes
    // round up at each level, and a square over the edge averages what is inside.
    int x = (warp & 3) * 8 + (lane & 7), y = (warp >> 2) * 4 + (lane >> 3), h = p.h, w = p.w;
    float v[3];
    const Square first = {blockIdx.x * 64 + 2 * x + 1 < w, blockIdx.y * 16 + 2 * y + 1 < h};
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const float2 top = *reinterpret_cast<const float2*>(&level0[c][2 * y][2 * x]);
        const float2 bottom = *reinterpret_cast<const float2*>(&level0[c][2 * y + 1][2 * x]);
        v[c] = first.mean(top.x, top.y, bottom.x, bottom.y);
    }
    __half* const outs[3] = {p.half, p.quarter, p.eighth};
    const int pitches[3] = {p.half_pitch, p.quarter_pitch, p.eighth_pitch};
    x += blockIdx.x * 32, y += blockIdx.y * 8;
#pragma unroll
    for (int level = 0; level < 3; ++level) {
        h = (h + 1) / 2, w = (w + 1) / 2;
        // Lanes left after `level` halvings: those whose lower bits of x and y are zero.
        const int low = (1 << level) - 1;
        const bool left = !((lane & 7) & low) && !((lane >> 3) & low);
        if (outs[level] && left && x < w && y < h)
            store_rgb(outs[level] + (((size_t)image * h + y) * w + x) * pitches[level], v[0], v[1], v[2], 0.f);
        if (level == 2) break;
        halve(v, {x + 1 < w, y + 1 < h}, 1 << level, 8 << level);
        x >>= 1, y >>= 1;
    }
}
