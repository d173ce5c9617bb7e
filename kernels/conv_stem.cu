// A network's first convolution, 3x3 or 7x7 with stride 2, of pixels with at most four channels, on tensor cores.
//
// The input lies in groups of eight channels, of which the upper four are padding here; as conv.cu reads it, half of the
// products are with zeros, and each pixel is copied once for each tap. Here a block loads the input of 16 columns of
// results once, four channels of each pixel, and two neighbouring pixels make the eight channels of a tap of twice the width: with
// a column of zero weights ahead of the first, so that pairs begin at even columns. Neighbouring results then read
// neighbouring pairs, as ldmatrix likes them, and the inner sum has half the length.
// Sums run by rows of taps, then pairs: the same for every tile shape of this file. They begin with the bias, and
// are written from registers, as in conv_point.cu.
//
// Arguments: ConvArgs in conv.cuh, weights as for conv.cu; not divided. Grid: (rectangles, cout / TILE_N, images).
// Tolerance against the 32-bit reference: rounding of inputs, weights and result to half.
#include "conv.cuh"

namespace vrp {

template <int TILE_H, int TILE_N>
struct StemConv {
    static constexpr int TILE_W = 16, MI = 2, NI = TILE_N / 8, QUADS = TILE_N / 32, THREADS = 16 * TILE_H;
    static constexpr int KERNEL_MAX = 7, ROWS = 2 * TILE_H + KERNEL_MAX - 2, PAIRS = TILE_W + KERNEL_MAX / 2 + 1;
    // Bytes of a row of pairs, and of a channel's weights: an odd number of groups, so that ldmatrix meets no bank twice.
    static constexpr int PITCH = PAIRS * 16, W_BYTES = 29 * 16;
    static_assert(TILE_N % 32 == 0 && PAIRS == 20, "mirrored in tile.rs");

    static __device__ void run(const ConvArgs& p) {
        extern __shared__ __align__(16) unsigned char shared[];
        const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, image = blockIdx.z;
        const int across = (p.out_w + TILE_W - 1) / TILE_W, down = blockIdx.x / across;
        const int y0 = down * TILE_H, x0 = (blockIdx.x - down * across) * TILE_W, n0 = blockIdx.y * TILE_N;
        const int taps = p.kernel + 1, row_taps = p.kernel * taps;  // with the one of zeros
        const uint32_t input = shared_address(shared), weights = input + ROWS * PITCH;

        for (int i = tid; i < TILE_N * row_taps; i += THREADS) {
            const int row = i / row_taps, at = i - row * row_taps, ky = at / taps, kx = at - ky * taps - 1;
            const int channel = min(n0 + dealt_channel(row), p.cout - 1);
            copy8(weights + row * W_BYTES + at * 8, kx < 0 ? p.w : p.w + channel * p.k_padded + (ky * p.kernel + kx) * p.cin, kx >= 0);
        }
        const int first_channel = n0 + (lane & 3) * 8;
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
        const __half* const image_x = p.x + (size_t)image * p.in_h * p.in_w * p.x_pitch;
        const int first_y = 2 * y0 - p.pad, first_x = 2 * x0 - p.pad - 1, rows = 2 * TILE_H - 2 + p.kernel;
        for (int i = tid; i < rows * PAIRS * 2; i += THREADS) {
            const int hy = i / (PAIRS * 2), hx = i - hy * (PAIRS * 2), y = first_y + hy, x = first_x + hx;
            const bool inside = (unsigned)y < (unsigned)p.in_h && (unsigned)x < (unsigned)p.in_w;
            copy8(input + i * 8, inside ? image_x + (y * p.in_w + x) * p.x_pitch : p.x, inside);
        }
        copy_commit();
        prefetch_next(p);
        copy_wait<0>();
        __syncthreads();

        uint32_t a_at = input + warp * MI * 2 * PITCH + ((lane & 15) + (lane >> 4)) * 16;
        uint32_t b_at = weights + (((lane >> 4) << 3) + (lane & 7)) * W_BYTES + ((lane >> 3) & 1) * 16;
        for (int ky = 0; ky < p.kernel; ++ky, a_at += PITCH)
            for (int pair = 0; pair < taps / 2; pair += 2, b_at += 32) {
                uint32_t af[MI][4], bf[NI / 2][4];
#pragma unroll
                for (int i = 0; i < MI; ++i) load_matrix4(af[i], a_at + pair * 16 + i * 2 * PITCH);
#pragma unroll
                for (int j = 0; j < NI / 2; ++j) load_matrix4(bf[j], b_at + j * 16 * W_BYTES);
#pragma unroll
                for (int i = 0; i < MI; ++i)
#pragma unroll
                    for (int j = 0; j < NI / 2; ++j) {
                        mma_16x8x16(sum[i][2 * j], af[i], bf[j][0], bf[j][1]);
                        mma_16x8x16(sum[i][2 * j + 1], af[i], bf[j][2], bf[j][3]);
                    }
            }

        const float no_bias[8] = {};
#pragma unroll
        for (int i = 0; i < MI; ++i)
#pragma unroll
            for (int r = 0; r < 2; ++r)
#pragma unroll
                for (int q = 0; q < QUADS; ++q) {
                    const int y = y0 + warp * MI + i, x = x0 + (lane >> 2) + r * 8, channel = first_channel + q * 32;
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

// Name: pixels x channels. Mirrored in tile.rs.
#define VRP_STEM(NAME, H, N, BLOCKS)                                                         \
    extern "C" __global__ void __launch_bounds__(16 * H, BLOCKS) NAME(vrp::ConvArgs p) { \
        vrp::StemConv<H, N>::run(p);                                                         \
    }
VRP_STEM(vrp_stem_256x64, 16, 64, 2)
VRP_STEM(vrp_stem_128x64, 8, 64, 4)
VRP_STEM(vrp_stem_256x32, 16, 32, 3)
VRP_STEM(vrp_stem_128x32, 8, 32, 6)
