// From the matte to the coefficients A and b, in 32-bit floats.
//
// With x = guide, y = mat, box = 3x3 mean, zeros outside, always divided by nine:
//   mx = box(x), my = box(y), cov = box(x*y) - mx*my, var = box(x*x) - mx*mx
//   fast:  A = cov / (var + eps)
//   deep:  A = w3 * relu(w2 * relu(w1 * [cov, var, hid] + b1) + b2) + b3
//   b = my - A * mx
// A thread owns a pixel. Per pixel 32 bytes of hid, 16 of guide and 16 of mat read, 32 written. The deep
// filter's weights are kernel parameters, which multiplications read at no cost (from shared memory they
// took three quarters of the time).
#include "common.cuh"

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

// y = w * x + b, all in registers. OFFSET and the loops are known to the compiler, so weights are operands.
template <int IN, int OUT, int OFFSET, bool RELU>
__device__ __forceinline__ void dense(const GuidedArgs& p, const float (&x)[IN], float (&y)[OUT]) {
#pragma unroll
    for (int o = 0; o < OUT; ++o) {
        float sum = p.weights[OFFSET + IN * OUT + o];
#pragma unroll
        for (int i = 0; i < IN; ++i) sum = fmaf(p.weights[OFFSET + o * IN + i], x[i], sum);
        y[o] = RELU ? fmaxf(sum, 0.f) : sum;
    }
}

}  // namespace vrp

// Block: 32 x 8 pixels, with a border of one held in shared memory. Grid: (w / 32, h / 8, n).
extern "C" __global__ void __launch_bounds__(256) vrp_guided(const __grid_constant__ vrp::GuidedArgs p) {
    using namespace vrp;
    __shared__ float4 xs[10][34], ys[10][34];
    const int tid = threadIdx.x, tx = tid & 31, ty = tid >> 5;
    dependency_wait();
    const size_t image_at = (size_t)blockIdx.z * p.h * p.w;
    for (int i = tid; i < 10 * 34; i += 256) {
        const int y = blockIdx.y * 8 + i / 34 - 1, x = blockIdx.x * 32 + i % 34 - 1;
        const bool inside = (unsigned)y < (unsigned)p.h && (unsigned)x < (unsigned)p.w;
        const size_t at = image_at + (size_t)y * p.w + x;
        const float4 zero = make_float4(0.f, 0.f, 0.f, 0.f);
        xs[i / 34][i % 34] = inside ? reinterpret_cast<const float4*>(p.guide)[at] : zero;
        ys[i / 34][i % 34] = inside ? reinterpret_cast<const float4*>(p.mat)[at] : zero;
    }
    __syncthreads();
    const int x = blockIdx.x * 32 + tx, y = blockIdx.y * 8 + ty;
    if (x >= p.w || y >= p.h) return;

    float mx[4] = {}, my[4] = {}, f[24] = {};
    float (&cov)[24] = f;  // 0..4 cov, 4..8 var, 8..24 hid
#pragma unroll
    for (int k = 0; k < 9; ++k) {
        const float4 u = xs[ty + k / 3][tx + k % 3], v = ys[ty + k / 3][tx + k % 3];
        const float a[4] = {u.x, u.y, u.z, u.w}, b[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            mx[c] += a[c];
            my[c] += b[c];
            cov[c] = fmaf(a[c], b[c], cov[c]);
            cov[4 + c] = fmaf(a[c], a[c], cov[4 + c]);
        }
    }
#pragma unroll
    for (int c = 0; c < 4; ++c) {
        mx[c] *= 1.f / 9.f;
        my[c] *= 1.f / 9.f;
        cov[c] = cov[c] * (1.f / 9.f) - mx[c] * my[c];
        cov[4 + c] = cov[4 + c] * (1.f / 9.f) - mx[c] * mx[c];
    }
    const size_t pixel = image_at + (size_t)y * p.w + x;
    float a[4];
    if (p.deep) {
        float low[8], high[8], t[16], u[16];
        unpack(load8(p.hid + pixel * p.hid_pitch), low);
        unpack(load8(p.hid + pixel * p.hid_pitch + 8), high);
#pragma unroll
        for (int i = 0; i < 8; ++i) f[8 + i] = low[i], f[16 + i] = high[i];
        dense<24, 16, 0, true>(p, f, t);
        dense<16, 16, 400, true>(p, t, u);
        dense<16, 4, 672, false>(p, u, a);
    } else {
#pragma unroll
        for (int c = 0; c < 4; ++c) a[c] = cov[c] / (cov[4 + c] + p.eps);
    }
    reinterpret_cast<float4*>(p.a)[pixel] = make_float4(a[0], a[1], a[2], a[3]);
    reinterpret_cast<float4*>(p.b)[pixel] =
        make_float4(my[0] - a[0] * mx[0], my[1] - a[1] * mx[1], my[2] - a[2] * mx[2], my[3] - a[3] * mx[3]);
}
