// From the matte to the coefficients A and b, in 32-bit floats.
//
// With x = guide, y = mat, box = 3x3 mean, zeros outside, always divided by nine:
//   mx = box(x), my = box(y), cov = box(x*y) - mx*my, var = box(x*x) - mx*mx
//   fast:  A = cov / (var + eps)
//   deep:  A = w3 * relu(w2 * relu(w1 * [cov, var, hid] + b1) + b2) + b3
//   b = my - A * mx
// A thread owns two pixels, eight rows apart. Per pixel 32 bytes of hid, 16 of guide and 16 of mat read, 32 written. The deep
// filter's weights are kernel parameters, which multiplications read at no cost (from shared memory they
// took three quarters of the time).
#include "halfs.cuh"

namespace vrp {

constexpr int DEEP_WEIGHTS = 16 * 24 + 16 + 16 * 16 + 16 + 4 * 16 + 4;

// `hid` in halfs of pitch hid_pitch, 16 channels; the rest [n, h, w, 4] floats.
struct GuidedArgs {
    const __half* hid;
    const float* guide;
    const float* mat;
    float* a;
    float* b;
    int hid_pitch, images, h, w;
    int deep;
    float eps;
    float weights[DEEP_WEIGHTS];  // 16 x 24, 16, 16 x 16, 16, 4 x 16, 4
};
static_assert(sizeof(GuidedArgs) == 64 + 4 * DEEP_WEIGHTS, "mirrored in src/engine/native/args.rs");

constexpr int PIXELS_DOWN = 2;

// y = w * x + b for each of a thread's pixels, all in registers. OFFSET and the loops are known to the compiler,
// so weights are operands; each serves all pixels.
template <int IN, int OUT, int OFFSET, bool RELU>
__device__ __forceinline__ void dense(const GuidedArgs& p, const float (&x)[PIXELS_DOWN][IN], float (&y)[PIXELS_DOWN][OUT]) {
#pragma unroll
    for (int o = 0; o < OUT; ++o) {
        float sum[PIXELS_DOWN];
#pragma unroll
        for (int k = 0; k < PIXELS_DOWN; ++k) sum[k] = p.weights[OFFSET + IN * OUT + o];
#pragma unroll
        for (int i = 0; i < IN; ++i) {
            const float w = p.weights[OFFSET + o * IN + i];
#pragma unroll
            for (int k = 0; k < PIXELS_DOWN; ++k) sum[k] = fmaf(w, x[k][i], sum[k]);
        }
#pragma unroll
        for (int k = 0; k < PIXELS_DOWN; ++k) y[k][o] = RELU ? fmaxf(sum[k], 0.f) : sum[k];
    }
}

}  // namespace vrp

// Block: 32 x 8 threads on 32 x 16 pixels, with a border of one held in shared memory. Grid: (w / 32, h / 16, n).
extern "C" __global__ void __launch_bounds__(256) vrp_guided(const __grid_constant__ vrp::GuidedArgs p) {
    using namespace vrp;
    constexpr int TILE_H = 8 * PIXELS_DOWN;
    __shared__ float4 xs[TILE_H + 2][34], ys[TILE_H + 2][34];
    const int tid = threadIdx.x, tx = tid & 31, ty = tid >> 5;
    dependency_wait();
    const size_t image_at = (size_t)blockIdx.z * p.h * p.w;
    for (int i = tid; i < (TILE_H + 2) * 34; i += 256) {
        const int y = blockIdx.y * TILE_H + i / 34 - 1, x = blockIdx.x * 32 + i % 34 - 1;
        const bool inside = (unsigned)y < (unsigned)p.h && (unsigned)x < (unsigned)p.w;
        const size_t at = image_at + (size_t)y * p.w + x;
        const float4 zero = make_float4(0.f, 0.f, 0.f, 0.f);
        xs[i / 34][i % 34] = inside ? reinterpret_cast<const float4*>(p.guide)[at] : zero;
        ys[i / 34][i % 34] = inside ? reinterpret_cast<const float4*>(p.mat)[at] : zero;
    }
    __syncthreads();
    const int x = blockIdx.x * 32 + tx;
    if (x >= p.w) return;

    // Per pixel 0..4 covariance, 4..8 variance, 8..24 hid.
    float mx[PIXELS_DOWN][4], my[PIXELS_DOWN][4], f[PIXELS_DOWN][24], a[PIXELS_DOWN][4];
#pragma unroll
    for (int k = 0; k < PIXELS_DOWN; ++k) {
        const int row = ty + k * 8, y = blockIdx.y * TILE_H + row;
        float sx[4] = {}, sy[4] = {}, xy[4] = {}, xx[4] = {};
#pragma unroll
        for (int t = 0; t < 9; ++t) {
            const float4 u = xs[row + t / 3][tx + t % 3], v = ys[row + t / 3][tx + t % 3];
            const float g[4] = {u.x, u.y, u.z, u.w}, m[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
            for (int c = 0; c < 4; ++c) {
                sx[c] += g[c];
                sy[c] += m[c];
                xy[c] = fmaf(g[c], m[c], xy[c]);
                xx[c] = fmaf(g[c], g[c], xx[c]);
            }
        }
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            mx[k][c] = sx[c] * (1.f / 9.f);
            my[k][c] = sy[c] * (1.f / 9.f);
            f[k][c] = xy[c] * (1.f / 9.f) - mx[k][c] * my[k][c];
            f[k][4 + c] = xx[c] * (1.f / 9.f) - mx[k][c] * mx[k][c];
        }
        float low[8] = {}, high[8] = {};
        if (p.deep && y < p.h) {
            const __half* const hid = p.hid + (image_at + (size_t)y * p.w + x) * p.hid_pitch;
            unpack(load8(hid), low);
            unpack(load8(hid + 8), high);
        }
#pragma unroll
        for (int i = 0; i < 8; ++i) f[k][8 + i] = low[i], f[k][16 + i] = high[i];
    }
    if (p.deep) {
        float t[PIXELS_DOWN][16], u[PIXELS_DOWN][16];
        dense<24, 16, 0, true>(p, f, t);
        dense<16, 16, 400, true>(p, t, u);
        dense<16, 4, 672, false>(p, u, a);
    } else {
#pragma unroll
        for (int k = 0; k < PIXELS_DOWN; ++k)
#pragma unroll
            for (int c = 0; c < 4; ++c) a[k][c] = f[k][c] / (f[k][4 + c] + p.eps);
    }
#pragma unroll
    for (int k = 0; k < PIXELS_DOWN; ++k) {
        const int y = blockIdx.y * TILE_H + ty + k * 8;
        if (y >= p.h) break;
        const size_t pixel = image_at + (size_t)y * p.w + x;
        reinterpret_cast<float4*>(p.a)[pixel] = make_float4(a[k][0], a[k][1], a[k][2], a[k][3]);
        reinterpret_cast<float4*>(p.b)[pixel] = make_float4(my[k][0] - a[k][0] * mx[k][0], my[k][1] - a[k][1] * mx[k][1],
                                                            my[k][2] - a[k][2] * mx[k][2], my[k][3] - a[k][3] * mx[k][3]);
    }
}
