// Convolution by 1x1 on tensor cores: a matrix product of pixels and channels, with nothing around it.
//
// These layers have short sums and much to write: what a block does once, not what it repeats, is their time. So a
// warp owns its part of the tile alone, adds over all of the inner range in plain order, and writes from registers:
// channels are dealt to the columns of the products such that the four lanes that share a pixel end up with eight
// neighbouring channels each, 64 bytes of a pixel together. There is no barrier after the last product. Blocks are
// small, and several share a multiprocessor, so that one loads while another writes. What is added to the result is
// asked for before the products, and the sums begin with the bias.
// The order of the sum is the same for every tile shape of this file, and not as in conv.cu.
//
// Arguments: ConvArgs in conv.cuh; kernel 1, pad 0, any stride, not divided. Grid: (cout / TILE_N * pixels / TILE_M, 1,
// images), channels first: blocks that read the same pixels run together.
// Tolerance against the 32-bit reference: rounding of inputs, weights and result to half.
#include "conv.cuh"

namespace vrp {

template <int TILE_M, int TILE_N, int TILE_K, int WARPS_M, int WARPS_N, int STAGES, bool AHEAD, bool EARLY>
struct PointConv {
    static constexpr int THREADS = 32 * WARPS_M * WARPS_N, ROW_BYTES = TILE_K * 2, GROUPS_K = TILE_K / 8, STEPS_K = TILE_K / 16;
    static constexpr int WARP_M = TILE_M / WARPS_M, WARP_N = TILE_N / WARPS_N;
    static constexpr int MI = WARP_M / 16, NI = WARP_N / 8, QUADS = WARP_N / 32;
    static constexpr int A_BYTES = TILE_M * ROW_BYTES, B_BYTES = TILE_N * ROW_BYTES;
    static constexpr int STAGE_BYTES = A_BYTES + B_BYTES + ROW_BYTES;  // the last: in_scale
    static constexpr int ROW_STEP = THREADS / GROUPS_K, A_ROWS = TILE_M / ROW_STEP;
    static constexpr int B_ROWS = (TILE_N + ROW_STEP - 1) / ROW_STEP;
    static_assert(WARP_M % 16 == 0 && WARP_N % 32 == 0 && TILE_M % ROW_STEP == 0, "tile shape");

    // Byte offset of 16-byte group `group` of row `row` within a tile: rows that ldmatrix takes at once lie in different banks.
    static __device__ __forceinline__ int crosswise(int row, int group) {
        return row * ROW_BYTES + ((group ^ (TILE_K == 64 ? row & 7 : (row >> 1) & 3)) << 4);
    }

    static __device__ void run(const ConvArgs& p) {
        extern __shared__ __align__(16) unsigned char shared[];
        const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, image = blockIdx.z;
        const int across = (p.cout + TILE_N - 1) / TILE_N, tile_m = blockIdx.x / across;
        const int m0 = tile_m * TILE_M, n0 = (blockIdx.x - tile_m * across) * TILE_N;
        const int pixels = p.out_h * p.out_w, steps = (p.cin + TILE_K - 1) / TILE_K;
        const uint32_t shared0 = shared_address(shared);

        // Each thread copies one 16-byte column of the tiles, for rows ROW_STEP apart. Rows beyond the image and the
        // channels repeat the last one: their results are dropped.
        const int group = tid % GROUPS_K, row0 = tid / GROUPS_K;
        const __half* const image_x = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch + group * 8;
        int a_from[A_ROWS], b_from[B_ROWS];
#pragma unroll
        for (int i = 0; i < A_ROWS; ++i) {
            const int m = min(m0 + row0 + i * ROW_STEP, pixels - 1);
            const int y = p.stride == 1 ? 0 : m / p.out_w, x = m - y * p.out_w;
            a_from[i] = (p.stride == 1 ? m : (y * p.in_w + x) * p.stride) * p.x_pitch;
        }
#pragma unroll
        for (int i = 0; i < B_ROWS; ++i) b_from[i] = min(n0 + dealt_channel(row0 + i * ROW_STEP), p.cout - 1) * p.k_padded + group * 8;

        auto fetch_weights = [&](int step, int stage) {
            const uint32_t b = shared0 + stage * STAGE_BYTES + A_BYTES;
#pragma unroll
            for (int i = 0; i < B_ROWS; ++i)
                if (TILE_N % ROW_STEP == 0 || row0 + i * ROW_STEP < TILE_N)
                    copy16(b + crosswise(row0 + i * ROW_STEP, group), p.w + b_from[i] + step * TILE_K, true);
        };
        auto fetch = [&](int step, int stage) {
            const uint32_t a = shared0 + stage * STAGE_BYTES;
            const bool inside = step * TILE_K + group * 8 < p.cin;
#pragma unroll
            for (int i = 0; i < A_ROWS; ++i)
                copy16(a + crosswise(row0 + i * ROW_STEP, group), inside ? image_x + a_from[i] + step * TILE_K : p.x, inside);
            if (p.in_scale && tid < GROUPS_K)
                copy16(a + A_BYTES + B_BYTES + group * 16, p.in_scale + (size_t)image * p.k_padded + step * TILE_K + group * 8, true);
        };

        // Nobody writes weights, so the first of them need not wait for the launch before.
#pragma unroll
        for (int s = 0; s < STAGES - 1; ++s)
            if (s < steps) fetch_weights(s, s);
        const int warp_m = warp % WARPS_M * WARP_M, warp_n = warp / WARPS_M * WARP_N;
        const int first_row = m0 + warp_m + (lane >> 2), first_channel = n0 + warp_n + (lane & 3) * 8;
        float sum[MI][NI][4];
#pragma unroll
        for (int q = 0; q < QUADS; ++q) {
            float bias[8];
            load_bias(p, first_channel + q * 32, bias);
#pragma unroll
            for (int i = 0; i < MI; ++i)
#pragma unroll
                for (int k = 0; k < 16; ++k) sum[i][q * 4 + k / 4][k % 4] = bias[k / 4 * 2 + k % 2];
        }
        dependency_wait();
#pragma unroll
        for (int s = 0; s < STAGES - 1; ++s) {
            if (s < steps) fetch(s, s);
            copy_commit();
        }
        Half8 residual[MI][2][QUADS];
        auto load_residual = [&] {
#pragma unroll
            for (int i = 0; i < MI; ++i)
#pragma unroll
                for (int r = 0; r < 2; ++r)
#pragma unroll
                    for (int q = 0; q < QUADS; ++q) {
                        const int row = first_row + i * 16 + r * 8, channel = first_channel + q * 32;
                        if (row < pixels && channel < p.cout)
                            residual[i][r][q] = load8(p.residual + ((size_t)image * pixels + row) * p.residual_pitch + channel);
                    }
        };
        if (EARLY && p.residual) load_residual();
        prefetch_next(p);

        const int a_at = crosswise(warp_m + (lane & 15), lane >> 4);
        const int b_at = A_BYTES + crosswise(warp_n + ((lane >> 4) << 3) + (lane & 7), (lane >> 3) & 1);
        constexpr int SETS = AHEAD ? 2 : 1;
        uint32_t af[SETS][MI][4], bf[SETS][NI / 2][4];
        auto load = [&](uint32_t at, int k, int to) {
            // Groups are placed by exclusive or, so the next ones are found by it.
#pragma unroll
            for (int i = 0; i < MI; ++i) load_matrix4(af[to][i], at + (a_at ^ (k << 5)) + i * 16 * ROW_BYTES);
#pragma unroll
            for (int j = 0; j < NI / 2; ++j) load_matrix4(bf[to][j], at + (b_at ^ (k << 5)) + j * 16 * ROW_BYTES);
        };
        int stage = 0;
        for (int step = 0; step < steps; ++step) {
            copy_wait<STAGES - 2>();
            __syncthreads();
            const uint32_t at = shared0 + stage * STAGE_BYTES;
            if (AHEAD) load(at, 0, 0);
            // Refill the buffer that the previous step emptied.
            const int next = step + STAGES - 1;
            if (next < steps) {
                const int emptied = stage == 0 ? STAGES - 1 : stage - 1;
                fetch_weights(next, emptied);
                fetch(next, emptied);
            }
            copy_commit();
#pragma unroll
            for (int k = 0; k < STEPS_K; ++k) {
                const int set = k % SETS;
                if (!AHEAD)
                    load(at, k, 0);
                else if (k + 1 < STEPS_K)
                    load(at, k + 1, set ^ 1);
                if (p.in_scale) {
                    const __half2* const scale = reinterpret_cast<const __half2*>(shared + stage * STAGE_BYTES + A_BYTES + B_BYTES);
                    const __half2 low = scale[k * 8 + (lane & 3)], high = scale[k * 8 + 4 + (lane & 3)];
#pragma unroll
                    for (int i = 0; i < MI; ++i)
#pragma unroll
                        for (int r = 0; r < 4; ++r) {
                            __half2& v = reinterpret_cast<__half2&>(af[set][i][r]);
                            v = __hmul2(v, r < 2 ? low : high);
                        }
                }
#pragma unroll
                for (int i = 0; i < MI; ++i)
#pragma unroll
                    for (int j = 0; j < NI / 2; ++j) {
                        mma_16x8x16(sum[i][2 * j], af[set][i], bf[set][j][0], bf[set][j][1]);
                        mma_16x8x16(sum[i][2 * j + 1], af[set][i], bf[set][j][2], bf[set][j][3]);
                    }
            }
            if (++stage == STAGES) stage = 0;
        }

        if (!EARLY && p.residual) load_residual();
        const float no_bias[8] = {};
#pragma unroll
        for (int i = 0; i < MI; ++i)
#pragma unroll
            for (int r = 0; r < 2; ++r)
#pragma unroll
                for (int q = 0; q < QUADS; ++q) {
                    const int row = first_row + i * 16 + r * 8, channel = first_channel + q * 32;
                    if (row >= pixels || channel >= p.cout) continue;
                    float v[8];
#pragma unroll
                    for (int k = 0; k < 8; ++k) v[k] = sum[i][q * 4 + k / 2][r * 2 + k % 2];
                    conv_epilogue(p, image, (size_t)image * pixels + row, channel, no_bias, residual[i][r][q], v);
                }
    }
};

}  // namespace vrp

// Name: pixels x channels x step, then what tells it from another. Threads and stages are mirrored in tile.rs. The
// last number is how many blocks a multiprocessor should hold at once.
#define VRP_POINT(NAME, M, N, K, WARPS_M, WARPS_N, STAGES, BLOCKS, AHEAD, EARLY)                                       \
    extern "C" __global__ void __launch_bounds__(32 * WARPS_M * WARPS_N, BLOCKS) NAME(vrp::ConvArgs p) { \
        vrp::PointConv<M, N, K, WARPS_M, WARPS_N, STAGES, AHEAD, EARLY>::run(p);                                       \
    }
#ifndef VRP_POINT_LIST
VRP_POINT(vrp_point_128x128x64, 128, 128, 64, 2, 4, 3, 2, false, false)
VRP_POINT(vrp_point_128x64x64, 128, 64, 64, 4, 2, 4, 2, true, false)
VRP_POINT(vrp_point_128x64x32, 128, 64, 32, 2, 2, 3, 4, false, false)
VRP_POINT(vrp_point_64x128x64, 64, 128, 64, 2, 4, 3, 3, false, false)
VRP_POINT(vrp_point_64x64x64, 64, 64, 64, 2, 2, 3, 4, true, true)
VRP_POINT(vrp_point_32x64x64, 32, 64, 64, 2, 2, 4, 4, true, true)
VRP_POINT(vrp_point_64x32x64, 64, 32, 64, 4, 1, 4, 4, true, true)
VRP_POINT(vrp_point_128x32x32, 128, 32, 32, 4, 1, 3, 5, false, false)
#endif
