// Convolution by 3x3 with as many pixels out as in (stride 1, padding = dilation), on tensor cores.
//
// As conv.cu, but a block's pixels lie in a rectangle of TILE_H x 16, and the input of that rectangle and of its rim
// of one pixel is loaded once for all nine taps, CHUNK channels at a time, together with their weights: large layers
// are limited by what the second cache delivers, and this asks for less than half as much of it. With a
// dilation d the image falls into d * d images of every d-th pixel, each of which is convolved by itself.
// One half of the warps adds the first 16 channels of a chunk, the other half the rest. The inner sum runs by chunks,
// then taps: the same for every tile shape of this file, and not as in conv.cu.
//
// Arguments: ConvArgs in conv.cuh. Grid: (rectangles, cout / TILE_N, images * splits).
// Tolerance against the 32-bit reference: rounding of inputs, weights and result to half.
#include "conv.cuh"

namespace vrp {

template <int TILE_H, int TILE_N, int WARPS_M, int WARPS_N, int STAGES>
struct HaloConv {
    static constexpr int TILE_W = 16, TILE_M = TILE_H * TILE_W, CHUNK = 32, ROW_BYTES = CHUNK * 2, GROUPS_K = CHUNK / 8;
    static constexpr int GROUP_THREADS = 32 * WARPS_M * WARPS_N, THREADS = 2 * GROUP_THREADS;
    static constexpr int MI = TILE_H / WARPS_M, NI = TILE_N / WARPS_N / 8;
    // Pixels between rows in shared memory: a multiple of eight, so that where a group of channels lies in its row
    // follows from the column alone and the address of every tap is a constant away.
    static constexpr int HALO_H = TILE_H + 2, HALO_W = TILE_W + 2, PITCH = 24;
    static constexpr int A_BYTES = HALO_H * PITCH * ROW_BYTES, B_BYTES = 9 * TILE_N * ROW_BYTES, STAGE_BYTES = A_BYTES + B_BYTES;
    static constexpr int A_COPIES = (HALO_H * HALO_W * GROUPS_K + THREADS - 1) / THREADS;
    static constexpr int B_COPIES = (9 * TILE_N * GROUPS_K + THREADS - 1) / THREADS;
    static_assert(NI % 2 == 0 && TILE_H % WARPS_M == 0, "tile shape");

    // Byte offset of 16-byte group `group` of row `row`.
    static __device__ __forceinline__ int crosswise(int row, int group) { return row * ROW_BYTES + ((group ^ ((row >> 1) & 3)) << 4); }

    static __device__ void run(const ConvArgs& p) {
        extern __shared__ __align__(16) unsigned char shared[];
        const int tid = threadIdx.x, lane = tid & 31;
        const int warp = (tid % GROUP_THREADS) >> 5, half = tid / GROUP_THREADS;
        const int image = blockIdx.z / p.splits, split = blockIdx.z - image * p.splits;
        const int n0 = blockIdx.y * TILE_N, d = p.dilation;
        // Which of the d * d images, and where in it.
        const int across = ((p.out_w + d - 1) / d + TILE_W - 1) / TILE_W, down = ((p.out_h + d - 1) / d + TILE_H - 1) / TILE_H;
        const int phase = blockIdx.x / (across * down), place = blockIdx.x - phase * across * down;
        const int y0 = place / across * TILE_H, x0 = place % across * TILE_W, phase_y = phase / d, phase_x = phase % d;
        const int chunks = (p.cin + CHUNK - 1) / CHUNK;
        const int begin = chunks * split / p.splits, end = chunks * (split + 1) / p.splits;

        const int group = tid % GROUPS_K, row0 = tid / GROUPS_K;
        const __half* const image_x = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch + group * 8;
        int from[A_COPIES], to[A_COPIES];
#pragma unroll
        for (int i = 0; i < A_COPIES; ++i) {
            const int pixel = row0 + i * (THREADS / GROUPS_K), hy = pixel / HALO_W, hx = pixel - hy * HALO_W;
            const int y = (y0 + hy - 1) * d + phase_y, x = (x0 + hx - 1) * d + phase_x;
            const bool inside = (unsigned)y < (unsigned)p.in_h && (unsigned)x < (unsigned)p.in_w;
            from[i] = inside ? (y * p.in_w + x) * p.x_pitch : -1;
            to[i] = pixel < HALO_H * HALO_W ? crosswise(hy * PITCH + hx, group) : -1;
        }
        const uint32_t shared0 = shared_address(shared);

        auto fetch_weights = [&](int chunk, int stage) {
            const uint32_t b = shared0 + stage * STAGE_BYTES + A_BYTES;
            const bool real = chunk * CHUNK + group * 8 < p.cin;
#pragma unroll
            for (int i = 0; i < B_COPIES; ++i) {
                const int row = row0 + i * (THREADS / GROUPS_K), tap = row / TILE_N, n = row % TILE_N;
                if (9 * TILE_N % (THREADS / GROUPS_K) == 0 || row < 9 * TILE_N) {
                    const bool inside = real && n0 + n < p.cout;
                    const unsigned at = inside ? (n0 + n) * p.k_padded + tap * p.cin + chunk * CHUNK + group * 8 : 0;
                    copy16(b + crosswise(row, group), p.w + at, inside);
                }
            }
        };
        auto fetch = [&](int chunk, int stage) {
            const uint32_t a = shared0 + stage * STAGE_BYTES;
            const bool real = chunk * CHUNK + group * 8 < p.cin;
#pragma unroll
            for (int i = 0; i < A_COPIES; ++i)
                if (to[i] >= 0) {
                    const bool inside = real && from[i] >= 0;
                    copy16(a + to[i], inside ? image_x + from[i] + chunk * CHUNK : p.x, inside);
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
            if (begin + s < end) fetch_weights(begin + s, s);
        dependency_wait();
#pragma unroll
        for (int s = 0; s < STAGES - 1; ++s) {
            if (begin + s < end) fetch(begin + s, s);
            copy_commit();
        }
        prefetch_next(p);

        const int warp_row = (warp % WARPS_M) * MI, warp_n = (warp / WARPS_M) * (TILE_N / WARPS_N);
        int a_at[3];
#pragma unroll
        for (int dx = 0; dx < 3; ++dx) a_at[dx] = crosswise(warp_row * PITCH + (lane & 15) + dx, (lane >> 4) + 2 * half);
        const int b_at = A_BYTES + crosswise(warp_n + ((lane >> 4) << 3) + (lane & 7), ((lane >> 3) & 1) + 2 * half);
        int stage = 0;
        for (int chunk = begin; chunk < end; ++chunk) {
            copy_wait<STAGES - 2>();
            __syncthreads();
            // Refill the buffer that the previous chunk emptied.
            const int next = chunk + STAGES - 1;
            if (next < end) {
                const int emptied = stage == 0 ? STAGES - 1 : stage - 1;
                fetch_weights(next, emptied);
                fetch(next, emptied);
            }
            copy_commit();
            const uint32_t at = shared0 + stage * STAGE_BYTES;
            if (chunk * CHUNK + half * 16 < p.cin) {
#pragma unroll 1
                for (int dy = 0; dy < 3; ++dy)
#pragma unroll
                    for (int dx = 0; dx < 3; ++dx) {
                        uint32_t af[MI][4], bf[NI / 2][4];
#pragma unroll
                        for (int i = 0; i < MI; ++i) load_matrix4(af[i], at + a_at[dx] + (i + dy) * PITCH * ROW_BYTES);
#pragma unroll
                        for (int j = 0; j < NI / 2; ++j) load_matrix4(bf[j], at + b_at + ((dy * 3 + dx) * TILE_N + j * 16) * ROW_BYTES);
#pragma unroll
                        for (int i = 0; i < MI; ++i)
#pragma unroll
                            for (int j = 0; j < NI / 2; ++j) {
                                mma_16x8x16(sum[i][2 * j], af[i], bf[j][0], bf[j][1]);
                                mma_16x8x16(sum[i][2 * j + 1], af[i], bf[j][2], bf[j][3]);
                            }
                    }
            }
            if (++stage == STAGES) stage = 0;
        }
        copy_wait<0>();
        __syncthreads();
        const float* const tile = join_halves<MI, NI, TILE_N + 8>(shared, sum, warp_row * TILE_W, warp_n, half);
        store_tile<TILE_M, TILE_N, THREADS>(p, tile, image, split, n0, [&](int row) {
            const int y = (y0 + row / TILE_W) * d + phase_y, x = (x0 + row % TILE_W) * d + phase_x;
            return y < p.out_h && x < p.out_w ? y * p.out_w + x : -1;
        });
    }
};

}  // namespace vrp

// Name: pixels x channels, then stages if not 2, or 16 warps. Threads and stages are mirrored in tile.rs.
#define VRP_HALO(NAME, H, N, WARPS_M, WARPS_N, STAGES, BLOCKS)                                           \
    extern "C" __global__ void __launch_bounds__(64 * WARPS_M * WARPS_N, BLOCKS) NAME(vrp::ConvArgs p) { \
        vrp::HaloConv<H, N, WARPS_M, WARPS_N, STAGES>::run(p);                                           \
    }
VRP_HALO(vrp_halo_256x64, 16, 64, 4, 2, 2, 1)
VRP_HALO(vrp_halo_256x32, 16, 32, 4, 1, 2, 2)
VRP_HALO(vrp_halo_128x64, 8, 64, 2, 2, 2, 2)
VRP_HALO(vrp_halo_128x64_16, 8, 64, 4, 2, 3, 1)
VRP_HALO(vrp_halo_64x64_16, 4, 64, 4, 2, 3, 1)
VRP_HALO(vrp_halo_64x64, 4, 64, 2, 2, 2, 2)
VRP_HALO(vrp_halo_64x64_3, 4, 64, 2, 2, 3, 1)
VRP_HALO(vrp_halo_64x32, 4, 32, 2, 1, 2, 4)
