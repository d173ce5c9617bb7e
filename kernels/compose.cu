// Colour, alpha and activity planes of a frame in one pass: src/kernels/compose/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16             a, b  [eyes, map_h, map_w, 4] floats
// taps     per eye: its columns, then its rows   out   8-bit Y, U, V, alpha; activity per 16 x 16 pixels
//
// A thread owns a column of OWN_H cells of 2x2 pixels and walks down it: horizontal interpolation of the maps is
// done anew only where their row changes, so a pixel costs eight multiplications for its eight coefficients.
// What is shaded is kept in shared memory as sums. Where every cell of a block is visible that is all. Else the
// cells around the block are shaded too as far as empty ones need them, and those take the mean of 5x5 cells.
// Blocks that can show nothing are told by the maps alone, and only filled.
// Bytes per pixel: 1.5 or 3 read, 2.5 written.
// Tolerance: one code where a value falls on a rounding boundary (multiplications and additions are fused here).
#include "compose_bleed.cuh"

namespace vrp {

// JOINED: U and V lie side by side and are read as a pair.
template <typename T, bool JOINED>
__device__ __forceinline__ void compose(const ComposeArgs& p) {
    __shared__ Shared s;
    const int lane = threadIdx.x, cx0 = blockIdx.x * OWN_W, cy0 = blockIdx.y * OWN_H, cx = cx0 + lane, x0 = cx * 2;
    const int width = p.picture.width, height = p.picture.height, cells_w = (width + 1) / 2, cells_h = (height + 1) / 2;
    const Factors& f = p.factors;
    dependency_wait();

    prepare(p, s, cy0);
    if (!__syncthreads_or(anything_possible(p, cx0, cy0))) {
        const int w = min(OWN_W * 2, width - cx0 * 2), h = min(OWN_H * 2, height - cy0 * 2);
        fill(p.alpha, p.alpha_pitch, cx0 * 2, cy0 * 2, w, h, 0);
        fill(p.y, p.y_pitch, cx0 * 2, cy0 * 2, w, h, (unsigned char)p.black);
        fill(p.u, p.chroma_pitch, cx0, cy0, (w + 1) / 2, (h + 1) / 2, 128);
        fill(p.v, p.chroma_pitch, cx0, cy0, (w + 1) / 2, (h + 1) / 2, 128);
        fill(p.activity, p.activity_pitch, cx0 / 8, cy0 / 8, (w + 15) / 16, (h + 15) / 16, 0);
        return;
    }

    unsigned eyes[2] = {};
    for (int e = 0; e < p.eye_count; ++e)
        for (int j = 0; j < 2; ++j) eyes[j] |= (unsigned)(x0 + j >= p.eyes[e].x && x0 + j < p.eyes[e].x + p.eyes[e].width) << e;
    const bool inside = cx < cells_w, lone = inside && (eyes[0] != eyes[1] || x0 + 1 >= width), plain = inside && !lone;
    const int rows = min(OWN_H, cells_h - cy0), whole = min(OWN_H, height / 2 - cy0);

    stage_samples<T, JOINED>(p.picture, s, cx0, cy0, whole);
    const Staged staged = stage_maps(p, s, cx0, cy0);
    unsigned left[2] = {};  // in the staged maps
    float weight[2] = {};
    if (plain && staged.eye >= 0 && eyes[0] >> staged.eye & 1)
        for (int j = 0; j < 2; ++j) {
            const Tap across = eye_taps(p, staged.eye)[x0 + j - p.eyes[staged.eye].x];
            left[j] = across.first - staged.column, weight[j] = across.weight;
        }
    copy_wait<0>();
    __syncthreads();
    Column columns[2];
    unsigned key = NOWHERE, mine = 0;
    bool clear = false;
    // Both columns at another row of the maps; where that follows the one before, upper values are the old lower ones.
    auto coefficients = [&](int j, int eye, unsigned row, float (&out)[8]) {
        if (staged.eye >= 0) {
            const float4* const maps = s.maps[(row - staged.row) * staged.width + left[j]];
            mix_maps(maps[0], maps[2], maps[1], maps[3], weight[j], out);
        } else {
            const Coefficients far = map_far(p, eye, x0 + j, row);
#pragma unroll
            for (int i = 0; i < 8; ++i) out[i] = far.values[i];
        }
    };
    auto enter = [&](unsigned to) {
        const int eye = to >> 30;
        const unsigned row = to & 0x3fffffffu;
        const bool follows = to == key + 1;
        clear = true;
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            Column& c = columns[j];
            if (follows) {
#pragma unroll
                for (int i = 0; i < 8; ++i) c.upper[i] += c.step[i];
            } else {
                coefficients(j, eye, row, c.upper);
            }
            float lower[8];
            coefficients(j, eye, row + 1, lower);
            clear = clear && clear_at(c.upper[3], c.upper[7]) && clear_at(lower[3], lower[7]);
#pragma unroll
            for (int i = 0; i < 8; ++i) c.step[i] = lower[i] - c.upper[i];
        }
        key = to;
    };

    const unsigned table = plain ? eyes[0] : 0;
#pragma unroll 1
    for (int row = 0; row < whole; ++row) {
        const Row& tables = s.rows[row];
        unsigned(&words)[3][OWN_W + 8] = s.cells[row + REACH].words;
        const int at = lane + REACH + 2, cy = cy0 + row;
        unsigned char* const alpha_out = p.alpha + (size_t)(2 * cy) * p.alpha_pitch;
        const Keys keys = tables.keys[table];
        if (keys.first[0] != key && keys.first[0] != NOWHERE) enter(keys.first[0]);
        if (keys.first[0] == NOWHERE || (clear && keys.first[1] == key)) {
            if (plain) {
                words[0][at] = words[1][at] = words[2][at] = 0;
                *reinterpret_cast<unsigned short*>(alpha_out + x0) = 0;
                *reinterpret_cast<unsigned short*>(alpha_out + p.alpha_pitch + x0) = 0;
            }
            continue;
        }
        const unsigned chroma = sizeof(T) == 2 ? words[2][at] & p.code_bits : words[2][at];
        const float u = sample_of<T, 0>(chroma), v = sample_of<T, 1>(chroma);
        const float3 rgb = chroma_rgb(f, u, v);
        Sums sums;
        unsigned alpha[4], code[4];
        float luma[4];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            if (i == 1 && keys.first[1] != key) enter(keys.first[1]);
            const unsigned pair = sizeof(T) == 2 ? words[i][at] & p.code_bits : words[i][at];
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                float k[8];
#pragma unroll
                for (int c = 0; c < 8; ++c) k[c] = fmaf(columns[j].step[c], keys.weight[i], columns[j].upper[c]);
                const float sample = j ? sample_of<T, 1>(pair) : sample_of<T, 0>(pair);
                alpha[2 * i + j] = i + j == 0 ? shade<true>(f, k, sample, rgb, luma[0], sums) : shade<false>(f, k, sample, rgb, luma[2 * i + j], sums);
            }
        }
        const Colour mean = mean_of(f, sums, u, v);
        words[0][at] = mean.cell.luma, words[1][at] = mean.cell.u, words[2][at] = mean.cell.v;
        const float4 dither = tables.luma_dither[lane & 3];
        code[0] = code_of(fmaf(luma[0], f.y_scale, dither.x)), code[1] = code_of(fmaf(luma[1], f.y_scale, dither.y));
        code[2] = code_of(fmaf(luma[2], f.y_scale, dither.z)), code[3] = code_of(fmaf(luma[3], f.y_scale, dither.w));
        const unsigned alpha0 = __byte_perm(alpha[0], alpha[1], 0x0040), alpha1 = __byte_perm(alpha[2], alpha[3], 0x0040);
        const unsigned alphas = __byte_perm(alpha0, alpha1, 0x5410);
        // Pixels that cannot be seen take the mean luma of those that can.
        if ((alphas - 0x01010101u) & ~alphas & 0x80808080u) {
            const unsigned fill = code_of(mean.y);
#pragma unroll
            for (int i = 0; i < 4; ++i) code[i] = alpha[i] & 0xff ? code[i] : fill;
        }
        if (alphas) mine |= 1u << row;
        unsigned char* const luma_out = p.y + (size_t)(2 * cy) * p.y_pitch;
        *reinterpret_cast<unsigned short*>(alpha_out + x0) = (unsigned short)alpha0;
        *reinterpret_cast<unsigned short*>(alpha_out + p.alpha_pitch + x0) = (unsigned short)alpha1;
        *reinterpret_cast<unsigned short*>(luma_out + x0) = (unsigned short)__byte_perm(code[0], code[1], 0x0040);
        *reinterpret_cast<unsigned short*>(luma_out + p.y_pitch + x0) = (unsigned short)__byte_perm(code[2], code[3], 0x0040);
        const float chroma_dither = tables.chroma_dither[lane & 7];
        p.u[(size_t)cy * p.chroma_pitch + cx] = (unsigned char)code_of(mean.u + chroma_dither);
        p.v[(size_t)cy * p.chroma_pitch + cx] = (unsigned char)code_of(mean.v + chroma_dither);
    }
    // Cells that a seam or an edge goes through, which only odd sizes have.
    const unsigned alone = lone ? 0xffffffffu : s.split | (whole < rows ? 1u << (rows - 1) : 0);
    if (inside)
        for (int row = 0; row < rows; ++row) {
            if (!(alone >> row & 1)) continue;
            const Cell shaded = lone_cell<T>(p, cx, cy0 + row, true);
            s.cells[row + REACH].set(lane + REACH, shaded);
            mine |= (unsigned)(cell_alpha(shaded.luma) != 0) << row;
        }
    const unsigned own = inside ? 0xffffffffu >> (32 - rows) : 0;
    if (__syncthreads_and(mine == own))
        fill(p.activity, p.activity_pitch, cx0 / 8, cy0 / 8, (min(OWN_W, cells_w - cx0) + 7) / 8, (rows + 7) / 8, 1);
    else
        bleed<T>(p, s, cx0, cy0, mine, own);
}

}  // namespace vrp

// Block: 128 columns of cells. Grid: (cells / 128, cells / OWN_H). A multiprocessor has registers and shared
// memory for five.
#define VRP_COMPOSE(NAME, T, JOINED)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(vrp::OWN_W, 5) NAME(const __grid_constant__ vrp::ComposeArgs p) { \
        vrp::compose<T, JOINED>(p);                                                                                                    \
    }
VRP_COMPOSE(vrp_compose_u8_u8, unsigned char, true)
VRP_COMPOSE(vrp_compose_u16_u8, unsigned short, true)
VRP_COMPOSE(vrp_compose_planar_u8_u8, unsigned char, false)
VRP_COMPOSE(vrp_compose_planar_u16_u8, unsigned short, false)
