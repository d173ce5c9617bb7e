// The decoder's last level in one launch: enlarge, join with the image, two 3x3 convolutions, the matte.
//
//   x = [up2(joined), rgb]                        32 + 3 (padded to 8) channels, zeros outside the image
//   hid = relu(conv3x3(relu(conv3x3(x))))         16 channels
//   mat = conv1x1(hid)                            4 channels
//
// At full stage size these maps are the largest of the network, and by themselves the operators only move
// them about: here x and the first convolution's result never leave shared memory. A block owns 16 x 16
// pixels; it computes the first convolution on 18 x 18 of them, from 20 x 20 of x. Products run on tensor
// cores, 32-bit sums; a row of a product is a pixel. Rows of shared memory are an odd number of 16-byte
// groups long, so that ldmatrix meets no bank twice.
// Bytes per pixel: 16 of joined (64 a quarter as often), 16 of guide, 32 of hid, 16 of mat.
#include "halfs.cuh"

namespace vrp {

struct TailArgs {
    const __half* x;       // [n, in_h, in_w, 32], pitch x_pitch
    const float* guide;    // [n, h, w, 4]
    __half* hid;           // [n, h, w, 16], pitch hid_pitch
    float* mat;            // [n, h, w, 4]
    const __half* w;       // 16 rows of 376 (9 taps x 40, zeros), 16 rows of 152 (9 taps x 16, zeros)
    const float* bias;     // 16, 16, then the matte's 4 x 16 and 4
    int x_pitch, hid_pitch;
    int in_h, in_w, h, w_px;
};
static_assert(sizeof(TailArgs) == 72, "mirrored in src/engine/native/args.rs");

constexpr int TAIL_X_ROW = 40, TAIL_W0_ROW = 376, TAIL_H_ROW = 24, TAIL_W1_ROW = 152;
constexpr int TAIL_X = 20 * 20 * TAIL_X_ROW, TAIL_H = 336 * TAIL_H_ROW;
constexpr int TAIL_W0 = 16 * TAIL_W0_ROW, TAIL_W1 = 16 * TAIL_W1_ROW;

// Output channels are dealt to the columns of a product such that a lane, which holds two of every eight columns, has
// four neighbours and stores them at once. This is the channel of a row of weights in shared memory.
__device__ __forceinline__ int tail_channel(int row) { return (row >> 1 & 3) * 4 + (row >> 3) * 2 + (row & 1); }

__device__ __forceinline__ void store4(__half* to, float a, float b, float c, float d) {
    const __half2 low = __floats2half2_rn(a, b), high = __floats2half2_rn(c, d);
    *reinterpret_cast<uint2*>(to) = make_uint2(reinterpret_cast<const unsigned&>(low), reinterpret_cast<const unsigned&>(high));
}

// Copies 16 rows of ROW weights to shared memory as their channels are dealt.
template <int ROW>
__device__ __forceinline__ void deal_weights(__half* to, const __half* from) {
    constexpr int GROUPS = ROW / 8;
    for (int i = threadIdx.x; i < 16 * GROUPS; i += 256) {
        const int row = i / GROUPS, group = i - row * GROUPS;
        copy16(shared_address(to + i * 8), from + tail_channel(row) * ROW + group * 8, true);
    }
}

}  // namespace vrp

// Grid: (w / 16, h / 16, n). Dynamic shared memory: 2 * (TAIL_X + TAIL_H + TAIL_W0 + TAIL_W1) bytes.
extern "C" __global__ void __launch_bounds__(256, 3) vrp_tail(vrp::TailArgs p) {
    using namespace vrp;
    extern __shared__ __align__(16) unsigned char shared[];
    __half* const xs = reinterpret_cast<__half*>(shared);
    __half* const hs = xs + TAIL_X;
    __half* const ws = hs + TAIL_H;
    const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
    const int oy = blockIdx.y * 16, ox = blockIdx.x * 16, image = blockIdx.z;

    deal_weights<TAIL_W0_ROW>(ws, p.w);
    deal_weights<TAIL_W1_ROW>(ws + TAIL_W0, p.w + TAIL_W0);
    copy_commit();
    dependency_wait();

    // x on 20 x 20 pixels. Enlarged channels by squares of 2 x 2 between four pixels of the level before, which
    // are read once for all four: pixel 2k + 1 is 3/4 of k and 1/4 of k + 1, pixel 2k + 2 the other way round.
    const __half* const joined = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch;
    for (int i = tid; i < 11 * 11 * 4; i += 256) {
        const int group = i & 3, square = i >> 2, sy = square / 11, sx = square - sy * 11;
        const int ky = oy / 2 - 2 + sy, kx = ox / 2 - 2 + sx;
        const int y0 = min(max(ky, 0), p.in_h - 1), y1 = min(max(ky + 1, 0), p.in_h - 1);
        const int x0 = min(max(kx, 0), p.in_w - 1), x1 = min(max(kx + 1, 0), p.in_w - 1);
        const __half* const base = joined + group * 8;
        float a[8], b[8], c[8], d[8];
        unpack(load8(base + (y0 * p.in_w + x0) * p.x_pitch), a);
        unpack(load8(base + (y0 * p.in_w + x1) * p.x_pitch), b);
        unpack(load8(base + (y1 * p.in_w + x0) * p.x_pitch), c);
        unpack(load8(base + (y1 * p.in_w + x1) * p.x_pitch), d);
#pragma unroll
        for (int v = 0; v < 2; ++v)
#pragma unroll
            for (int u = 0; u < 2; ++u) {
                const int ty = sy * 2 - 1 + v, tx = sx * 2 - 1 + u, y = oy - 2 + ty, x = ox - 2 + tx;
                if ((unsigned)ty >= 20u || (unsigned)tx >= 20u) continue;
                const float fx = u ? 0.75f : 0.25f, fy = v ? 0.75f : 0.25f;
                float f[8];
#pragma unroll
                for (int k = 0; k < 8; ++k) {
                    const float top = a[k] + (b[k] - a[k]) * fx, bottom = c[k] + (d[k] - c[k]) * fx;
                    f[k] = top + (bottom - top) * fy;
                }
                const bool inside = (unsigned)y < (unsigned)p.h && (unsigned)x < (unsigned)p.w_px;
                store8(xs + (ty * 20 + tx) * TAIL_X_ROW + group * 8, inside ? pack(f) : Half8{});
            }
    }
    for (int i = tid; i < 400; i += 256) {
        const int y = oy - 2 + i / 20, x = ox - 2 + i % 20;
        Half8 v = {};
        if ((unsigned)y < (unsigned)p.h && (unsigned)x < (unsigned)p.w_px) {
            const float4 rgb = reinterpret_cast<const float4*>(p.guide)[((size_t)image * p.h + y) * p.w_px + x];
            const float f[8] = {rgb.x, rgb.y, rgb.z, 0.f, 0.f, 0.f, 0.f, 0.f};
            v = pack(f);
        }
        store8(xs + i * TAIL_X_ROW + 32, v);
    }
    copy_wait<0>();
    __syncthreads();

    // First convolution: 324 pixels as 21 tiles of 16, three to a warp; 45 groups of inner channels, and one of zeros.
    const int b_row = ((lane >> 4) << 3) + (lane & 7), b_group = (lane >> 3) & 1, a_half = lane >> 4;
    {
        const uint32_t b = shared_address(ws + b_row * TAIL_W0_ROW + b_group * 8);
        uint32_t a[3];
        float sum[3][2][4] = {}, bias[4];
        load_f32x4(p.bias + (lane & 3) * 4, bias);
#pragma unroll
        for (int t = 0; t < 3; ++t) {
            const int pixel = min((warp + t * 8) * 16 + (lane & 15), 323);
            a[t] = shared_address(xs + (pixel / 18 * 20 + pixel % 18) * TAIL_X_ROW);
        }
#pragma unroll
        for (int step = 0; step < 23; ++step) {
            // Group g is channels 8 * (g % 5) of tap g / 5; the last reads anything finite against zeros.
            constexpr int LAST = 44;
            const int g0 = 2 * step, g1 = 2 * step + 1 > LAST ? LAST : 2 * step + 1;
            const int at0 = ((g0 / 15) * 20 + g0 / 5 % 3) * TAIL_X_ROW + g0 % 5 * 8;
            const int at1 = ((g1 / 15) * 20 + g1 / 5 % 3) * TAIL_X_ROW + g1 % 5 * 8;
            const uint32_t offset = (a_half ? at1 : at0) * 2;
            uint32_t bf[4];
            load_matrix4(bf, b + step * 32);
#pragma unroll
            for (int t = 0; t < 3; ++t) {
                if (warp + t * 8 >= 21) continue;
                uint32_t af[4];
                load_matrix4(af, a[t] + offset);
                mma_16x8x16(sum[t][0], af, bf[0], bf[1]);
                mma_16x8x16(sum[t][1], af, bf[2], bf[3]);
            }
        }
#pragma unroll
        for (int t = 0; t < 3; ++t) {
            if (warp + t * 8 >= 21) continue;
#pragma unroll
            for (int r = 0; r < 2; ++r) {
                const int pixel = (warp + t * 8) * 16 + (lane >> 2) + r * 8;
                const int y = oy - 1 + pixel / 18, x = ox - 1 + pixel % 18;
                // Beyond the image the second convolution sees zeros, not this one's bias.
                const bool inside = pixel < 324 && (unsigned)y < (unsigned)p.h && (unsigned)x < (unsigned)p.w_px;
                float f[4];
#pragma unroll
                for (int i = 0; i < 4; ++i) f[i] = inside ? fminf(fmaxf(sum[t][i >> 1][r * 2 + (i & 1)] + bias[i], 0.f), 65504.f) : 0.f;
                store4(hs + pixel * TAIL_H_ROW + (lane & 3) * 4, f[0], f[1], f[2], f[3]);
            }
        }
    }
    __syncthreads();

    // Second convolution: two rows of 16 pixels to a warp, a tap to a step.
    const uint32_t b = shared_address(ws + TAIL_W0 + b_row * TAIL_W1_ROW + b_group * 8);
    float sum[2][2][4] = {};
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
        uint32_t bf[4];
        load_matrix4(bf, b + tap * 32);
#pragma unroll
        for (int t = 0; t < 2; ++t) {
            const int pixel = (warp * 2 + t + tap / 3) * 18 + (lane & 15) + tap % 3;
            uint32_t af[4];
            load_matrix4(af, shared_address(hs + pixel * TAIL_H_ROW + a_half * 8));
            mma_16x8x16(sum[t][0], af, bf[0], bf[1]);
            mma_16x8x16(sum[t][1], af, bf[2], bf[3]);
        }
    }
    // Read once: stores in between would have the compiler read them for every pixel.
    float bias[4], matte[4][4];
    load_f32x4(p.bias + 16 + (lane & 3) * 4, bias);
#pragma unroll
    for (int m = 0; m < 4; ++m) load_f32x4(p.bias + 32 + m * 16 + (lane & 3) * 4, matte[m]);
    const int o = lane & 3;
    const float matte_bias = p.bias[96 + o];
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
        for (int r = 0; r < 2; ++r) {
            const int y = oy + warp * 2 + t, x = ox + (lane >> 2) + r * 8;
            float part[4] = {};
            float f[4];
#pragma unroll
            for (int j = 0; j < 2; ++j)
#pragma unroll
                for (int k = 0; k < 2; ++k) {
                    const float v = fminf(fmaxf(sum[t][j][r * 2 + k] + bias[j * 2 + k], 0.f), 65504.f);
                    f[j * 2 + k] = v;
#pragma unroll
                    for (int m = 0; m < 4; ++m) part[m] = fmaf(matte[m][j * 2 + k], v, part[m]);
                }
            // The four threads of a pixel hold four channels each.
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                part[k] += __shfl_xor_sync(0xffffffffu, part[k], 1);
                part[k] += __shfl_xor_sync(0xffffffffu, part[k], 2);
            }
            if (y >= p.h || x >= p.w_px) continue;
            const size_t at = ((size_t)image * p.h + y) * p.w_px + x;
            store4(p.hid + at * p.hid_pitch + (lane & 3) * 4, f[0], f[1], f[2], f[3]);
            const float mine = o == 0 ? part[0] : o == 1 ? part[1] : o == 2 ? part[2] : part[3];
            p.mat[at * 4 + o] = mine + matte_bias;
        }
}
