// Convolution by 3x3 with as many pixels out as in, of few channels, on tensor cores.
//
// As conv_halo.cu, but for layers whose input takes one or two chunks of channels: what a block does once is most of
// their time. So a warp owns its part of the tile alone, sums begin with the bias and are written from registers, as
// in conv_point.cu. All chunks that have a buffer are asked for at once.
// The inner sum runs by halves of chunks, then taps: the same for every tile shape of this file, and not as in the others.
//
// Arguments: ConvArgs in conv.cuh; not divided. Grid: (rectangles, cout / TILE_N, images).
// Tolerance against the 32-bit reference: rounding of inputs, weights and result to half.
#include "conv.cuh"

namespace vrp {

template <int TILE_H, int TILE_N, int WARPS_M, int WARPS_N, int STAGES>
struct RimConv {
    static constexpr int TILE_W = 16, CHUNK = 32, ROW_BYTES = CHUNK * 2, GROUPS_K = CHUNK / 8, THREADS = 32 * WARPS_M * WARPS_N;
    static constexpr int WARP_N = TILE_N / WARPS_N, MI = TILE_H / WARPS_M, NI = WARP_N / 8, QUADS = WARP_N / 32;
    // Pixels between rows in shared memory, as in conv_halo.cu.
    static constexpr int HALO_H = TILE_H + 2, HALO_W = TILE_W + 2, PITCH = 24;
    static constexpr int A_BYTES = HALO_H * PITCH * ROW_BYTES, B_BYTES = 9 * TILE_N * ROW_BYTES, STAGE_BYTES = A_BYTES + B_BYTES;
    static_assert(WARP_N % 32 == 0 && TILE_H % WARPS_M == 0 && STAGES <= 2, "tile shape");

    // Byte offset of 16-byte group `group` of row `row`.
    static __device__ __forceinline__ int crosswise(int row, int group) { return row * ROW_BYTES + ((group ^ ((row >> 1) & 3)) << 4); }

    static __device__ void run(const ConvArgs& p) {
        extern __shared__ __align__(16) unsigned char shared[];
        const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, image = blockIdx.z;
        const int n0 = blockIdx.y * TILE_N, d = p.dilation;
        // Which of the d * d images, and where in it.
        const int across = ((p.out_w + d - 1) / d + TILE_W - 1) / TILE_W, down = ((p.out_h + d - 1) / d + TILE_H - 1) / TILE_H;
        const int phase = blockIdx.x / (across * down), place = blockIdx.x - phase * across * down;
        const int y0 = place / across * TILE_H, x0 = place % across * TILE_W, phase_y = phase / d, phase_x = phase % d;
        const int chunks = (p.cin + CHUNK - 1) / CHUNK;

        const int group = tid % GROUPS_K, row0 = tid / GROUPS_K;
        const __half* const image_x = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch + group * 8;
        const uint32_t shared0 = shared_address(shared);
        // Channels beyond the last repeat it: their results are dropped.
        auto fetch_weights = [&](int chunk) {
            const uint32_t b = shared0 + chunk % STAGES * STAGE_BYTES + A_BYTES;
            const bool real = chunk * CHUNK + group * 8 < p.cin;
            for (int row = row0; row < 9 * TILE_N; row += THREADS / GROUPS_K) {
                const int tap = row / TILE_N, channel = min(n0 + dealt_channel(row % TILE_N), p.cout - 1);
                copy16(b + crosswise(row, group), real ? p.w + channel * p.k_padded + tap * p.cin + chunk * CHUNK + group * 8 : p.w, real);
            }
        };
        auto fetch = [&](int chunk) {
            const uint32_t a = shared0 + chunk % STAGES * STAGE_BYTES;
            const bool real = chunk * CHUNK + group * 8 < p.cin;
            for (int pixel = row0; pixel < HALO_H * HALO_W; pixel += THREADS / GROUPS_K) {
                const int hy = pixel / HALO_W, hx = pixel - hy * HALO_W;
                const int y = (y0 + hy - 1) * d + phase_y, x = (x0 + hx - 1) * d + phase_x;
                const bool inside = real && (unsigned)y < (unsigned)p.in_h && (unsigned)x < (unsigned)p.in_w;
                copy16(a + crosswise(hy * PITCH + hx, group), inside ? image_x + (y * p.in_w + x) * p.x_pitch + chunk * CHUNK : p.x, inside);
            }
        };

        // Nobody writes weights, so the first of them need not wait for the launch before.
        const int ahead = min(STAGES, chunks);
        for (int chunk = 0; chunk < ahead; ++chunk) fetch_weights(chunk);
        const int warp_row = (warp % WARPS_M) * MI, warp_n = (warp / WARPS_M) * WARP_N, first_channel = n0 + warp_n + (lane & 3) * 8;
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
        for (int chunk = 0; chunk < ahead; ++chunk) {
            fetch(chunk);
            copy_commit();
        }
        prefetch_next(p);

        int a_at[3];
#pragma unroll
        for (int dx = 0; dx < 3; ++dx) a_at[dx] = crosswise(warp_row * PITCH + (lane & 15) + dx, lane >> 4);
        const int b_at = A_BYTES + crosswise(warp_n + ((lane >> 4) << 3) + (lane & 7), (lane >> 3) & 1);
        for (int chunk = 0; chunk < chunks; ++chunk) {
            if (STAGES == 1 || chunk + 1 == chunks)
                copy_wait<0>();
            else
                copy_wait<1>();
            __syncthreads();
            const uint32_t at = shared0 + chunk % STAGES * STAGE_BYTES;
#pragma unroll 1
            for (int turn = 0; turn < 6; ++turn) {
                const int dy = turn < 3 ? turn : turn - 3, flip = turn < 3 ? 0 : 32;  // the other 16 channels
                if (flip && chunk * CHUNK + 16 >= p.cin) break;
#pragma unroll
                for (int dx = 0; dx < 3; ++dx) {
                    uint32_t af[MI][4], bf[NI / 2][4];
#pragma unroll
                    for (int i = 0; i < MI; ++i) load_matrix4(af[i], at + (a_at[dx] ^ flip) + (i + dy) * PITCH * ROW_BYTES);
#pragma unroll
                    for (int j = 0; j < NI / 2; ++j) load_matrix4(bf[j], at + (b_at ^ flip) + ((dy * 3 + dx) * TILE_N + j * 16) * ROW_BYTES);
#pragma unroll
                    for (int i = 0; i < MI; ++i)
#pragma unroll
                        for (int j = 0; j < NI / 2; ++j) {
                            mma_16x8x16(sum[i][2 * j], af[i], bf[j][0], bf[j][1]);
                            mma_16x8x16(sum[i][2 * j + 1], af[i], bf[j][2], bf[j][3]);
                        }
                }
            }
            if (chunk + STAGES < chunks) {
                __syncthreads();
                fetch_weights(chunk + STAGES);
                fetch(chunk + STAGES);
                copy_commit();
            }
        }

        const float no_bias[8] = {};
#pragma unroll
        for (int i = 0; i < MI; ++i)
#pragma unroll
            for (int r = 0; r < 2; ++r)
#pragma unroll
                for (int q = 0; q < QUADS; ++q) {
                    const int y = (y0 + warp_row + i) * d + phase_y, x = (x0 + (lane >> 2) + r * 8) * d + phase_x, channel = first_channel + q * 32;
                    if (y >= p.out_h || x >= p.out_w || channel >= p.cout) continue;
                    const size_t at = ((size_t)image * p.out_h + y) * p.out_w + x;
                    Half8 residual;
                    if (p.residual) residual = load8(p.residual + at * p.residual_pitch + channel);
                    float v[8];
#pragma unroll
                    for (int k = 0; k < 8; ++k) v[k] = sum[i][q * 4 + k / 2][r * 2 + k % 2];
                    conv_epilogue(p, image, at, channel, no_bias, residual, v);
                }
    }
};

}  // namespace vrp

// Name: pixels x channels, then buffers if not 2. Threads and stages are mirrored in tile.rs.
#define VRP_RIM(NAME, H, N, WARPS_M, WARPS_N, STAGES, BLOCKS)                                            \
    extern "C" __global__ void __launch_bounds__(32 * WARPS_M * WARPS_N, BLOCKS) NAME(vrp::ConvArgs p) { \
        vrp::RimConv<H, N, WARPS_M, WARPS_N, STAGES>::run(p);                                            \
    }
VRP_RIM(vrp_rim_256x64, 16, 64, 8, 2, 2, 1)
VRP_RIM(vrp_rim_256x32, 16, 32, 8, 1, 2, 2)
VRP_RIM(vrp_rim_256x32_1, 16, 32, 8, 1, 1, 2)
VRP_RIM(vrp_rim_128x64, 8, 64, 4, 2, 2, 2)
VRP_RIM(vrp_rim_128x32_1, 8, 32, 4, 1, 1, 4)
VRP_RIM(vrp_rim_64x32, 4, 32, 4, 1, 2, 4)
