// Colour, alpha and activity planes of a frame in one pass: src/kernels/compose/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16, UV pairs   a, b  [eyes, map_h, map_w, 4] floats
// taps     per eye: its columns, then its rows   out   8-bit Y, U, V, alpha; activity per 16 x 16 pixels
//
// A thread owns a column of OWN_H cells of 2x2 pixels and walks down it: horizontal interpolation of the maps is
// done anew only where their row changes, so a pixel costs eight multiplications for its eight coefficients, and six
// where alpha is 1 between all of the maps' pixels around it.
// What is shaded is kept in shared memory as sums. Where every cell of a block is visible that is all. Else the
// cells around the block are shaded too as far as empty ones need them, and those take the mean of 5x5 cells.
// Blocks that can show nothing are told by the maps alone, and only filled. Cells at the edge of an eye are shaded one
// by one.
// Bytes per pixel: 1.5 or 3 read, 2.5 written.
// Tolerance: one code where a value falls on a rounding boundary (multiplications and additions are fused here).
#include "compose_bleed.cuh"

namespace vrp {

// Maps of one column of pixels at a row of the staged maps.
__device__ __forceinline__ void column_maps(unsigned at, float weight, float (&out)[8]) {
    mix_maps(load_shared4(at), load_shared4(at + 32), load_shared4(at + 16), load_shared4(at + 48), weight, out);
}

struct Maps8 {
    float values[8];
};

// As column_maps, of maps that are too fine for shared memory: at a row and between two columns of an eye's.
template <typename Args>
__device__ __noinline__ Maps8 far_maps(const Args& p, int eye, unsigned row, unsigned column, float weight) {
    const unsigned base = (eye * p.map_h + min(row, (unsigned)p.map_h - 1)) * p.map_w;
    const unsigned left = base + column, right = base + min(column + 1, (unsigned)p.map_w - 1);
    Maps8 out;
    mix_maps(ready(p.a[left]), ready(p.a[right]), p.b[left], p.b[right], weight, out.values);
    return out;
}

// Args: with a finish or without.
template <typename T, typename Args>
__device__ __forceinline__ void compose(const Args& p) {
    extern __shared__ __align__(16) unsigned char dynamic[];
    Shared& s = *reinterpret_cast<Shared*>(dynamic);
    const int lane = threadIdx.x, cx0 = blockIdx.x * OWN_W, cy0 = blockIdx.y * OWN_H, cx = cx0 + lane, x0 = cx * 2;
    const int width = p.picture.width, height = p.picture.height, cells_w = (width + 1) / 2, cells_h = (height + 1) / 2;
    const Factors& f = p.factors;
    dependency_wait();

    Staged staged;
    const bool possible = stage_maps(p, s, cx0, cy0, staged);
    prepare(p, s, cy0, staged.eye);
    if (!__syncthreads_or(possible)) {
        const int w = min(OWN_W * 2, width - cx0 * 2), h = min(OWN_H * 2, height - cy0 * 2);
        fill(p.alpha, p.alpha_pitch, cx0 * 2, cy0 * 2, w, h, 0);
        fill(p.y, p.y_pitch, cx0 * 2, cy0 * 2, w, h, (unsigned char)p.black);
        fill(p.u, p.chroma_pitch, cx0, cy0, (w + 1) / 2, (h + 1) / 2, 128);
        fill(p.v, p.chroma_pitch, cx0, cy0, (w + 1) / 2, (h + 1) / 2, 128);
        fill(p.activity, p.activity_pitch, cx0 / 8, cy0 / 8, (w + 15) / 16, (h + 15) / 16, 0);
        return;
    }

    const int rows = min(OWN_H, cells_h - cy0), whole = min(OWN_H, height / 2 - cy0);
    stage_samples<T>(p.picture, s, cx0, cy0, whole);
    const Rect eye = p.eyes[max(staged.eye, 0)];
    const bool inside = cx < cells_w, plain = staged.eye >= 0 && x0 >= eye.x && x0 + 1 < eye.x + eye.width && x0 + 1 < width;
    const unsigned maps_at = shared_address(s.maps), map_pitch = staged.width * 32;
    unsigned left[2] = {maps_at, maps_at};  // of the staged maps; their column where they are not copied
    float weight[2] = {};
    if (plain)
        for (int j = 0; j < 2; ++j) {
            const Tap across = eye_taps(p, staged.eye)[x0 + j - eye.x];
            left[j] = staged.copied ? maps_at + (across.first - staged.column) * 32 : across.first, weight[j] = across.weight;
        }
    copy_wait<0>();
    __syncthreads();
    Column columns[2];
    unsigned key = NOWHERE, mine = 0;
    bool clear = false, solid = false;
    auto across_at = [&](int j, unsigned row, float (&out)[8]) {
        if (staged.copied) {
            column_maps(left[j] + (row - staged.row) * map_pitch, weight[j], out);
        } else {
            const Maps8 far = far_maps(p, staged.eye, row, left[j], weight[j]);
#pragma unroll
            for (int i = 0; i < 8; ++i) out[i] = far.values[i];
        }
    };
    // Both columns at another row of the maps; where that follows the one before, upper values are the old lower ones.
    auto enter = [&](unsigned to) {
        const bool follows = to == key + 1;
        clear = solid = true;
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            Column& c = columns[j];
            if (follows) {
#pragma unroll
                for (int i = 0; i < 8; ++i) c.upper[i] += c.step[i];
            } else {
                across_at(j, to, c.upper);
            }
            float lower[8];
            across_at(j, to + 1, lower);
            clear = clear && clear_at(p, c.upper[3], c.upper[7]) && clear_at(p, lower[3], lower[7]);
            solid = solid && solid_at(p, c.upper[3], c.upper[7]) && solid_at(p, lower[3], lower[7]);
#pragma unroll
            for (int i = 0; i < 8; ++i) c.step[i] = lower[i] - c.upper[i];
        }
        key = to;
    };

    constexpr int KIND = sizeof(s.cells[0].words[0]);
    const unsigned keys_at = shared_address(s.keys), dither_at = shared_address(s.luma_dither[0][lane & 3]);
    const unsigned chroma_dither_at = shared_address(&s.chroma_dither[0][lane & 7]);
    unsigned cell = shared_address(&s.cells[REACH].words[0][lane + REACH + 2]);
    unsigned char* alpha_out = p.alpha + (size_t)(2 * cy0) * p.alpha_pitch + x0;
    unsigned char* luma_out = p.y + (size_t)(2 * cy0) * p.y_pitch + x0;
    unsigned char* u_out = p.u + (size_t)cy0 * p.chroma_pitch + cx;
    unsigned char* v_out = p.v + (size_t)cy0 * p.chroma_pitch + cx;
    if (plain)
#pragma unroll 1
    for (int row = 0; row < whole; ++row, cell += sizeof(CellRow), alpha_out += 2 * p.alpha_pitch, luma_out += 2 * p.y_pitch, u_out += p.chroma_pitch, v_out += p.chroma_pitch) {
        const uint4 keys = load_shared4u(keys_at + row * (int)sizeof(Keys));
        const float below[2] = {__uint_as_float(keys.z), __uint_as_float(keys.w)};
        if (keys.x == NOWHERE) continue;
        if (keys.x != key) enter(keys.x);
        const bool same = keys.y == key;
        bool outside = false, rim = false;  // of a lens
        if constexpr (Args::FINISHED) {
            const Circle& circle = p.finish.circles[staged.eye];
            const float across = (float)(x0 + 1) - circle.x, down = (float)(2 * (cy0 + row) + 1) - circle.y;
            const float square = fmaf(across, across, down * down);
            outside = square >= circle.outside, rim = square > circle.inside;
        }
        if ((clear && same) || outside) {
            store_shared(cell, 0), store_shared(cell + KIND, 0), store_shared(cell + 2 * KIND, 0);
            *reinterpret_cast<unsigned short*>(alpha_out) = 0;
            *reinterpret_cast<unsigned short*>(alpha_out + p.alpha_pitch) = 0;
            continue;
        }
        const unsigned bits = sizeof(T) == 2 ? p.code_bits : 0xffffffffu;
        const unsigned chroma = load_shared(cell + 2 * KIND) & bits;
        const unsigned pairs[2] = {load_shared(cell) & bits, load_shared(cell + KIND) & bits};
        const float u = sample_of<T, 0>(chroma), v = sample_of<T, 1>(chroma);
        const float3 rgb = chroma_rgb(f, u, v);
        const float4 dither = load_shared4(dither_at + (row & 3) * (int)sizeof(s.luma_dither[0]));
        const float offsets[4] = {dither.x, dither.y, dither.z, dither.w};
        const float chroma_dither = __uint_as_float(load_shared(chroma_dither_at + (row & 7) * (int)sizeof(s.chroma_dither[0])));
        Sums sums;
        unsigned code[4], alphas = 0xffffffffu;
        float luma[4];
        Colour mean;
        if (solid && same && !rim) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float k[8];
#pragma unroll
                for (int c = 0; c < 8; ++c) k[c] = c == 3 || c == 7 ? 0.f : fmaf(columns[i & 1].step[c], below[i >> 1], columns[i & 1].upper[c]);
                const float sample = i & 1 ? sample_of<T, 1>(pairs[i >> 1]) : sample_of<T, 0>(pairs[i >> 1]);
                if (i == 0) shade_solid<true>(f, k, sample, rgb, luma[0], sums);
                else shade_solid<false>(f, k, sample, rgb, luma[i], sums);
                code[i] = code_of(fmaf(luma[i], f.y_scale, offsets[i]));
            }
            mean = mean_of<true>(f, sums, u, v);
        } else {
            unsigned alpha[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                if (i == 2 && !same) enter(keys.y);
                float k[8];
#pragma unroll
                for (int c = 0; c < 8; ++c) k[c] = fmaf(columns[i & 1].step[c], below[i >> 1], columns[i & 1].upper[c]);
                const float sample = i & 1 ? sample_of<T, 1>(pairs[i >> 1]) : sample_of<T, 0>(pairs[i >> 1]);
                float share = 1.f;
                if constexpr (Args::FINISHED)
                    if (rim) share = cover(p.finish.circles[staged.eye], x0 + (i & 1), 2 * (cy0 + row) + (i >> 1));
                alpha[i] = i == 0 ? shade<true>(p, k, sample, rgb, luma[0], sums, share) : shade<false>(p, k, sample, rgb, luma[i], sums, share);
                code[i] = code_of(fmaf(luma[i], f.y_scale, offsets[i]));
            }
            mean = mean_of(f, sums, u, v);
            alphas = __byte_perm(__byte_perm(alpha[0], alpha[1], 0x0040), __byte_perm(alpha[2], alpha[3], 0x0040), 0x5410);
            // Pixels that cannot be seen take the mean luma of those that can.
            if ((alphas - 0x01010101u) & ~alphas & 0x80808080u) {
                const unsigned fill = code_of(mean.y);
#pragma unroll
                for (int i = 0; i < 4; ++i) code[i] = alpha[i] & 0xff ? code[i] : fill;
            }
        }
        store_shared(cell, mean.cell.luma), store_shared(cell + KIND, mean.cell.u), store_shared(cell + 2 * KIND, mean.cell.v);
        if (alphas) mine |= 1u << row;
        *reinterpret_cast<unsigned short*>(alpha_out) = (unsigned short)alphas;
        *reinterpret_cast<unsigned short*>(alpha_out + p.alpha_pitch) = (unsigned short)(alphas >> 16);
        *reinterpret_cast<unsigned short*>(luma_out) = (unsigned short)__byte_perm(code[0], code[1], 0x0040);
        *reinterpret_cast<unsigned short*>(luma_out + p.y_pitch) = (unsigned short)__byte_perm(code[2], code[3], 0x0040);
        *u_out = (unsigned char)code_of(mean.u + chroma_dither);
        *v_out = (unsigned char)code_of(mean.v + chroma_dither);
    }
    // Cells at the edge of an eye, and those for which no maps are staged.
    const unsigned alone = plain ? s.split | (whole < rows ? 1u << (rows - 1) : 0) : 0xffffffffu;
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
        bleed<T>(p, s, staged, cx0, cy0, mine, own);
}

}  // namespace vrp

// Block: 128 columns of cells. Grid: (cells / 128, cells / OWN_H). A multiprocessor has registers for four. Shared memory: SHARED_MAPS, and for the maps 32 bytes a pixel.
#define VRP_COMPOSE(NAME, T, ARGS)                                                                         \
    extern "C" __global__ void __launch_bounds__(vrp::OWN_W, 4) NAME(const __grid_constant__ vrp::ARGS p) { \
        vrp::compose<T>(p);                                                                                \
    }
VRP_COMPOSE(vrp_compose_u8_u8, unsigned char, ComposeArgs)
VRP_COMPOSE(vrp_compose_u16_u8, unsigned short, ComposeArgs)
VRP_COMPOSE(vrp_compose_finished_u8_u8, unsigned char, FinishedArgs)
VRP_COMPOSE(vrp_compose_finished_u16_u8, unsigned short, FinishedArgs)
