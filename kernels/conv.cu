// Convolution as an implicit matrix product on tensor cores, channels last, halfs in, 32-bit sums.
//
//   y[n, oy, ox, o] = sum over ky, kx, c of x[n, oy*s - p + ky*d, ox*s - p + kx*d, c] * w[o, ky, kx, c]
//
// A row of the product is an output pixel of one image, a column an output channel, and the inner
// index runs over taps and channels. A block owns a TILE_M x TILE_N tile of one image; its warps
// own parts of it, twice over: one half of the warps adds the even groups of 16 inner indices, the other
// the odd ones, which doubles the warps that hide latency. Inputs come in steps of TILE_K through STAGES
// buffers of shared memory (cp.async), 16-byte groups crosswise so that ldmatrix meets no bank twice.
// The inner sum runs in the same order for every tile shape, so shapes may be chosen by timing
// without changing a bit of the result. With splits > 1 a tile's inner range is divided among
// `splits` blocks; the last to finish adds their sums in order.
//
// Arguments: ConvArgs in conv.cuh. Grid: (pixels / TILE_M, cout / TILE_N, images * splits).
// Tolerance against the 32-bit reference: rounding of inputs, weights and result to half.
#include "conv.cuh"

namespace vrp {

// Rows of packed weights are padded to this, and the inner range is divided in units of it.
constexpr int UNIT_K = 64;

template <int TILE_M, int TILE_N, int TILE_K, int WARPS_M, int WARPS_N, int STAGES>
struct Conv {
    static constexpr int ROW_BYTES = TILE_K * 2, GROUPS_K = TILE_K / 8;
    static constexpr int GROUP_THREADS = 32 * WARPS_M * WARPS_N, THREADS = 2 * GROUP_THREADS;
    static constexpr int WARP_M = TILE_M / WARPS_M, WARP_N = TILE_N / WARPS_N;
    static constexpr int MI = WARP_M / 16, NI = WARP_N / 8;
    static constexpr int A_BYTES = TILE_M * ROW_BYTES, B_BYTES = TILE_N * ROW_BYTES;
    static constexpr int STAGE_BYTES = A_BYTES + B_BYTES + ROW_BYTES;  // the last: in_scale
    static constexpr int SUM_PITCH = TILE_N + 8;  // so that a half warp of stores meets each bank once
    static constexpr int ROW_STEP = THREADS / GROUPS_K;
    static constexpr int A_ROWS = TILE_M / ROW_STEP;
    static constexpr int B_ROWS = (TILE_N + ROW_STEP - 1) / ROW_STEP;
    static_assert(NI % 2 == 0 && TILE_M % ROW_STEP == 0, "tile shape");

    // Byte offset of 16-byte group `group` of row `row` within a tile.
    static __device__ __forceinline__ int crosswise(int row, int group) {
        return row * ROW_BYTES + ((TILE_K == 64 ? group ^ (row & 7) : group ^ ((row >> 1) & 3)) << 4);
    }

    static __device__ void run(const ConvArgs& p) {
        extern __shared__ __align__(16) unsigned char shared[];
        const int tid = threadIdx.x, lane = tid & 31;
        const int warp = (tid % GROUP_THREADS) >> 5, half = tid / GROUP_THREADS;
        // Divisions take their time where a block has little else to do: most layers are 1x1 and not divided.
        const bool undivided = p.splits == 1, pointwise = p.kernel == 1 && p.stride == 1 && p.pad == 0;
        const int image = undivided ? blockIdx.z : blockIdx.z / p.splits, split = undivided ? 0 : blockIdx.z - image * p.splits;
        const int pixels = p.out_h * p.out_w;
        const int m0 = blockIdx.x * TILE_M, n0 = blockIdx.y * TILE_N;
        const int units = p.k_padded / UNIT_K;
        const int step_begin = undivided ? 0 : units * split / p.splits * (UNIT_K / TILE_K);
        const int step_past = undivided ? units * (UNIT_K / TILE_K) : units * (split + 1) / p.splits * (UNIT_K / TILE_K);
        const int step_end = min(step_past, (p.k_total + TILE_K - 1) / TILE_K);

        // Each thread copies one 16-byte column of the tiles, for rows ROW_STEP apart.
        const int group = tid % GROUPS_K, row0 = tid / GROUPS_K;
        const __half* const image_x = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch;
        int base_y[A_ROWS], base_x[A_ROWS], base_at[A_ROWS];
#pragma unroll
        for (int i = 0; i < A_ROWS; ++i) {
            const int m = m0 + row0 + i * ROW_STEP;
            const int oy = pointwise ? 0 : m / p.out_w, ox = m - oy * p.out_w;
            // A row beyond the image gets a y that no tap brings back inside.
            base_y[i] = m < pixels ? oy * p.stride - p.pad : -(1 << 20);
            base_x[i] = pointwise ? 0 : ox * p.stride - p.pad;
            base_at[i] = pointwise ? m * p.x_pitch : (base_y[i] * p.in_w + base_x[i]) * p.x_pitch;
        }
        // Position of this thread's column in (tap, channel) space, advanced step by step.
        int channel = step_begin * TILE_K + group * 8, tap_y = 0, tap_x = 0;
        if (undivided) {
            while (channel >= p.cin && tap_y < p.kernel) {
                channel -= p.cin;
                if (++tap_x == p.kernel) tap_x = 0, ++tap_y;
            }
        } else {
            const int tap = channel / p.cin;
            channel -= tap * p.cin, tap_y = tap / p.kernel, tap_x = tap - tap_y * p.kernel;
        }
        const __half* w_at = p.w + (size_t)(n0 + row0) * p.k_padded + step_begin * TILE_K + group * 8;
        const uint32_t shared0 = shared_address(shared);

        auto fetch_weights = [&](int stage) {
            const uint32_t b = shared0 + stage * STAGE_BYTES + A_BYTES;
#pragma unroll
            for (int i = 0; i < B_ROWS; ++i) {
                const int row = row0 + i * ROW_STEP;
                if (TILE_N % ROW_STEP == 0 || row < TILE_N) {
                    const bool inside = n0 + row < p.cout;
                    copy16(b + crosswise(row, group), inside ? w_at + (size_t)i * ROW_STEP * p.k_padded : p.w, inside);
                }
            }
            w_at += TILE_K;
        };
        auto fetch = [&](int step, int stage) {
            const uint32_t a = shared0 + stage * STAGE_BYTES;
            const int dy = tap_y * p.dilation, dx = tap_x * p.dilation;
            const int offset = (dy * p.in_w + dx) * p.x_pitch + channel;
            const bool tap_inside = tap_y < p.kernel;
#pragma unroll
            for (int i = 0; i < A_ROWS; ++i) {
                const bool inside = tap_inside && (unsigned)(base_y[i] + dy) < (unsigned)p.in_h &&
                                    (unsigned)(base_x[i] + dx) < (unsigned)p.in_w;
                copy16(a + crosswise(row0 + i * ROW_STEP, group), inside ? image_x + base_at[i] + offset : p.x, inside);
            }
            if (p.in_scale && tid < GROUPS_K)
                copy16(a + A_BYTES + B_BYTES + group * 16, p.in_scale + (size_t)image * p.k_padded + step * TILE_K + group * 8, true);
            channel += TILE_K;
            while (channel >= p.cin) {
                channel -= p.cin;
                if (++tap_x == p.kernel) tap_x = 0, ++tap_y;
            }
        };

        float sum[MI][NI][4];
#pragma unroll
        for (int i = 0; i < MI; ++i)
#pragma unroll
            for (int j = 0; j < NI; ++j)
#pragma unroll
                for (int k = 0; k < 4; ++k) sum[i][j][k] = 0.f;

        // Nobody writes weights, so the first of them need not wait for the launch before.
#pragma unroll
        for (int s = 0; s < STAGES - 1; ++s)
            if (step_begin + s < step_end) fetch_weights(s);
        dependency_wait();
#pragma unroll
        for (int s = 0; s < STAGES - 1; ++s) {
            if (step_begin + s < step_end) fetch(step_begin + s, s);
            copy_commit();
        }
        prefetch_next(p);

        const int warp_m = (warp % WARPS_M) * WARP_M, warp_n = (warp / WARPS_M) * WARP_N;
        const int a_row = warp_m + (lane & 15), a_group = lane >> 4;
        const int b_row = warp_n + ((lane >> 4) << 3) + (lane & 7), b_group = (lane >> 3) & 1;
        int stage = 0;
        for (int step = step_begin; step < step_end; ++step) {
            copy_wait<STAGES - 2>();
            __syncthreads();
            // Refill the buffer that the previous step emptied.
            const int next = step + STAGES - 1;
            if (next < step_end) {
                const int emptied = stage == 0 ? STAGES - 1 : stage - 1;
                fetch_weights(emptied);
                fetch(next, emptied);
            }
            copy_commit();
            const uint32_t a = shared0 + stage * STAGE_BYTES, b = a + A_BYTES;
#pragma unroll
            for (int k2 = 0; k2 < TILE_K / 32; ++k2) {
                const int kk = 2 * k2 + half;
                uint32_t af[MI][4], bf[NI / 2][4];
#pragma unroll
                for (int i = 0; i < MI; ++i) load_matrix4(af[i], a + crosswise(a_row + i * 16, a_group + kk * 2));
#pragma unroll
                for (int j = 0; j < NI / 2; ++j) load_matrix4(bf[j], b + crosswise(b_row + j * 16, b_group + kk * 2));
                if (p.in_scale) {
                    const __half2* scale = reinterpret_cast<const __half2*>(shared + stage * STAGE_BYTES + A_BYTES + B_BYTES);
                    const __half2 low = scale[kk * 8 + (lane & 3)], high = scale[kk * 8 + 4 + (lane & 3)];
#pragma unroll
                    for (int i = 0; i < MI; ++i)
#pragma unroll
                        for (int r = 0; r < 4; ++r) {
                            __half2& v = reinterpret_cast<__half2&>(af[i][r]);
                            v = __hmul2(v, r < 2 ? low : high);
                        }
                }
#pragma unroll
                for (int i = 0; i < MI; ++i)
#pragma unroll
                    for (int j = 0; j < NI / 2; ++j) {
                        mma_16x8x16(sum[i][2 * j], af[i], bf[j][0], bf[j][1]);
                        mma_16x8x16(sum[i][2 * j + 1], af[i], bf[j][2], bf[j][3]);
                    }
            }
            if (++stage == STAGES) stage = 0;
        }
        copy_wait<0>();
        __syncthreads();

        const float* const tile = join_halves<MI, NI, SUM_PITCH>(shared, sum, warp_m, warp_n, half);
        store_tile<TILE_M, TILE_N, THREADS>(p, tile, image, split, n0, [&](int row) { return m0 + row < pixels ? m0 + row : -1; });
    }
};

}  // namespace vrp

// Name: tile of pixels x tile of channels x step, then warps if not 8 (or 4, of the smallest). Threads and stages are mirrored in tile.rs. The last number is
// how many blocks a multiprocessor should hold at once: latency is hidden by warps of other blocks.
#define VRP_CONV(NAME, M, N, K, WARPS_M, WARPS_N, STAGES, BLOCKS)                                         \
    extern "C" __global__ void __launch_bounds__(64 * WARPS_M * WARPS_N, BLOCKS) NAME(vrp::ConvArgs p) { \
        vrp::Conv<M, N, K, WARPS_M, WARPS_N, STAGES>::run(p);                                        \
    }
VRP_CONV(vrp_conv_64x64x64_16, 64, 64, 64, 2, 4, 5, 1)
VRP_CONV(vrp_conv_128x64x64, 128, 64, 64, 2, 2, 3, 1)
VRP_CONV(vrp_conv_64x64x64, 64, 64, 64, 2, 2, 3, 2)
VRP_CONV(vrp_conv_64x32x64, 64, 32, 64, 2, 1, 4, 5)
