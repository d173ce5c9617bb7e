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
#include "compose.cuh"

#ifndef COMPOSE_H
#define COMPOSE_H 16
#define COMPOSE_BLOCKS 5
#endif

namespace vrp {

constexpr int REACH = 2, OWN_W = 128, OWN_H = COMPOSE_H, ROWS = OWN_H + 2 * REACH, COLUMNS = OWN_W + 2 * REACH;
constexpr int RING = 2 * REACH * (COLUMNS + OWN_H);  // cells around a block that its empty cells may need
constexpr int WARPS = OWN_W / 32, WORDS = WARPS + 1;
constexpr unsigned NOWHERE = 0x80000000u;  // a row of pixels that no eye has
static_assert(OWN_W % 8 == 0 && OWN_H % 8 == 0 && OWN_H <= 32, "whole blocks of activity, a bit per row");

// Two rows of pixels: the eye (bit 30) and the upper row of its maps, and how far below that the pixels lie.
struct alignas(16) Keys {
    unsigned first[2];
    float weight[2];
};

// What a row of cells needs: keys by the eyes that a column is in (as bits), dither by column.
struct Row {
    Keys keys[4];
    float4 luma_dither[4];
    float chroma_dither[8];
};

struct Shared {
    Row rows[OWN_H];
    unsigned split;  // rows of cells of which an eye has one row of pixels, as bits
    Cell cells[ROWS][COLUMNS];
    unsigned solid[OWN_H][WARPS];  // own cells that are visible or not in the picture
    unsigned seen[ROWS][WORDS];    // all cells that are visible
};

// The samples of a cell as they are stored: two pairs of luma, and U with V.
struct Samples {
    unsigned luma[2], chroma;
};

// Fills a rectangle of a plane with a byte, by 16 bytes where everything is a multiple of that.
__device__ __forceinline__ void fill(unsigned char* plane, int pitch, int x, int y, int w, int h, unsigned char value) {
    unsigned char* const start = plane + (size_t)y * pitch + x;
    if (((reinterpret_cast<size_t>(start) | pitch | w) & 15) == 0) {
        const unsigned four = value * 0x01010101u;
        for (int i = threadIdx.x; i < h * (w / 16); i += OWN_W)
            *reinterpret_cast<uint4*>(start + (size_t)(i / (w / 16)) * pitch + i % (w / 16) * 16) = make_uint4(four, four, four, four);
    } else {
        for (int i = threadIdx.x; i < h * w; i += OWN_W) start[(size_t)(i / w) * pitch + i % w] = value;
    }
}

// Interpolated alpha is at most the largest of max(A, 0) + b over the maps' pixels that the block and its ring
// see: where that rounds to 0, nothing here is visible and the picture need not be read.
__device__ __forceinline__ int anything_possible(const ComposeArgs& p, int cx0, int cy0) {
    int possible = 0;
    for (int e = 0; e < p.eye_count; ++e) {
        const Rect eye = p.eyes[e];
        const int xb = max((cx0 - REACH) * 2, eye.x), xe = min((cx0 + OWN_W + REACH) * 2, eye.x + eye.width);
        const int yb = max((cy0 - REACH) * 2, eye.y), ye = min((cy0 + OWN_H + REACH) * 2, eye.y + eye.height);
        if (xb >= xe || yb >= ye) continue;
        const Tap* const across = eye_taps(p, e) - eye.x;
        const Tap* const down = eye_taps(p, e) + eye.width - eye.y;
        const unsigned left = across[xb].first, right = across[xe - 1].second;
        const unsigned top = down[yb].first, bottom = down[ye - 1].second;
        for (unsigned y = top + threadIdx.x / 32; y <= bottom; y += WARPS)
            for (unsigned x = left + threadIdx.x % 32; x <= right; x += 32) {
                const size_t at = ((size_t)e * p.map_h + y) * p.map_w + x;
                if (!clear_at(p.a[at].w * (1.f / 3.f), p.b[at].w)) possible = 1;
            }
    }
    return possible;
}

// Tables of a block: rows of pixels by the eyes that a column is in, and dither by position.
__device__ __forceinline__ void prepare(const ComposeArgs& p, Shared& s, int cy0) {
    if (threadIdx.x == 0) s.split = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < 4 * OWN_H; i += OWN_W) {
        const int eyes = i & 3, row = i >> 2;
        Keys keys;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int y = (cy0 + row) * 2 + half;
            keys.first[half] = NOWHERE, keys.weight[half] = 0.f;
            for (int e = p.eye_count - 1; e >= 0; --e) {
                const Rect eye = p.eyes[e];
                if (!(eyes >> e & 1) || y < eye.y || y >= eye.y + eye.height) continue;
                const Tap tap = eye_taps(p, e)[eye.width + y - eye.y];
                keys.first[half] = tap.first | (unsigned)e << 30, keys.weight[half] = tap.weight;
            }
        }
        if ((keys.first[0] == NOWHERE) != (keys.first[1] == NOWHERE)) {
            keys.first[0] = keys.first[1] = NOWHERE;
            atomicOr(&s.split, 1u << row);
        }
        s.rows[row].keys[eyes] = keys;
    }
    for (int i = threadIdx.x; i < 8 * OWN_H; i += OWN_W) {
        const int x = i & 7, row = i >> 3;
        s.rows[row].chroma_dither[x] = dither_at(p.dither, x, row);
#pragma unroll
        for (int half = 0; half < 2; ++half)
            reinterpret_cast<float*>(&s.rows[row].luma_dither[x >> 1])[half * 2 + (x & 1)] = dither_at(p.dither, x, row * 2 + half) + p.factors.y_offset;
    }
}

// Gives empty cells of a block their colour and the block its activity. `mine` has a bit for each visible cell
// of this thread's column, `own` for each that lies in the picture.
template <typename T>
__device__ __noinline__ void bleed(const ComposeArgs& p, Shared& s, int cx0, int cy0, unsigned mine, unsigned own) {
    const int lane = threadIdx.x, cx = cx0 + lane, warp = lane >> 5;
    const int width = p.picture.width, height = p.picture.height, cells_w = (width + 1) / 2, cells_h = (height + 1) / 2;
    for (int row = 0; row < OWN_H; ++row) {
        const unsigned solid = __ballot_sync(0xffffffffu, (mine | ~own) >> row & 1), seen = __ballot_sync(0xffffffffu, mine >> row & 1);
        // The ring is two cells wide, so own cells begin at bit 2.
        if ((lane & 31) == 0) s.solid[row][warp] = solid, s.seen[row + REACH][warp] = seen;
    }
    __syncthreads();
    for (int i = lane; i < ROWS; i += OWN_W) {
        unsigned carried = 0;
        for (int word = 0; word < WORDS; ++word) {
            const unsigned bits = i >= REACH && i < REACH + OWN_H && word < WARPS ? s.seen[i][word] : 0;
            s.seen[i][word] = bits << REACH | carried;
            carried = bits >> (32 - REACH);
        }
    }
    __syncthreads();
    for (int i = lane; i < RING; i += OWN_W) {
        int row, column;
        if (i < 2 * REACH * COLUMNS) {
            row = i / COLUMNS, column = i % COLUMNS;
            if (row >= REACH) row += OWN_H;
        } else {
            const int rest = i - 2 * REACH * COLUMNS;
            row = REACH + rest / (2 * REACH), column = rest % (2 * REACH);
            if (column >= REACH) column += OWN_W;
        }
        // Needed where an empty cell of the block is within reach; own rows and columns count from REACH.
        const int left = max(column - 2 * REACH, 0), right = min(column, OWN_W - 1);
        bool needed = false;
        for (int r = max(row - 2 * REACH, 0); r <= min(row, OWN_H - 1); ++r)
            for (int c = left; c <= right; ++c) needed |= !(s.solid[r][c >> 5] >> (c & 31) & 1);
        const int x = cx0 + column - REACH, y = cy0 + row - REACH;
        Cell cell = {};
        if (needed && x >= 0 && x < cells_w && y >= 0 && y < cells_h) cell = lone_cell<T>(p, x, y, false);
        s.cells[row][column] = cell;
        if (cell_alpha(cell.luma)) atomicOr(&s.seen[row][column >> 5], 1u << (column & 31));
    }
    __syncthreads();

    auto near = [&](int row, int from, int count) {
        const int word = from >> 5;
        const unsigned next = word + 1 < WORDS ? s.seen[row][word + 1] : 0;
        return __funnelshift_r(s.seen[row][word], next, from & 31) & ((1u << count) - 1);
    };
    for (unsigned empty = own & ~mine; empty; empty &= empty - 1) {
        const int row = __ffs(empty) - 1, cy = cy0 + row;
        unsigned luma = p.black, u = 128, v = 128, any = 0;
#pragma unroll
        for (int dy = 0; dy <= 2 * REACH; ++dy) any |= near(row + dy, lane, 2 * REACH + 1);
        if (any) {
            uint4 sum = make_uint4(0, 0, 0, 0);
            for (int dy = 0; dy <= 2 * REACH; ++dy)
#pragma unroll
                for (int dx = 0; dx <= 2 * REACH; ++dx) {
                    const Cell c = s.cells[row + dy][lane + dx];
                    sum.x += cell_alpha(c.luma), sum.y += c.luma >> 10, sum.z += c.u & 0x7fffff, sum.w += c.v & 0x7fffff;
                }
            const float scale = __fdividef(1.f / 128.f, (float)sum.x);
            luma = mean_code(sum.y, sum.x, scale), u = mean_code(sum.z, sum.x, scale), v = mean_code(sum.w, sum.x, scale);
        }
        for (int y = cy * 2; y < min(cy * 2 + 2, height); ++y) store2(p.y + (size_t)y * p.y_pitch, cx * 2, width, luma);
        const size_t at = (size_t)cy * p.chroma_pitch + cx;
        p.u[at] = (unsigned char)u;
        p.v[at] = (unsigned char)v;
    }
    // A block of 8 x 8 cells is active where any is visible or within reach of one that is.
    for (int i = lane; i < (OWN_W / 8) * (OWN_H / 8); i += OWN_W) {
        const int bx = i % (OWN_W / 8), by = i / (OWN_W / 8), gx = cx0 / 8 + bx, gy = cy0 / 8 + by;
        if (gx * 8 >= cells_w || gy * 8 >= cells_h) continue;
        unsigned any = 0;
        for (int row = by * 8; row < by * 8 + 8 + 2 * REACH; ++row) any |= near(row, bx * 8, 8 + 2 * REACH);
        p.activity[(size_t)gy * p.activity_pitch + gx] = any ? 1 : 0;
    }
}

template <typename T>
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

    Column columns[2];
    unsigned key = NOWHERE, mine = 0;
    bool clear = false;
    // Both columns at another row of the maps; where that follows the one before, upper values are the old lower ones.
    auto enter = [&](unsigned to) {
        const int eye = to >> 30;
        const unsigned first = to & 0x3fffffffu, base = eye * p.map_h;
        const bool follows = to == key + 1;
        clear = true;
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            const Tap across = eye_taps(p, eye)[x0 + j - p.eyes[eye].x];
            Column& c = columns[j];
            if (follows) {
#pragma unroll
                for (int i = 0; i < 8; ++i) c.upper[i] += c.step[i];
            } else {
                map_row(p, (base + first) * p.map_w, across.first, across.second, across.weight, c.upper);
            }
            float lower[8];
            map_row(p, (base + min(first + 1, p.map_h - 1)) * p.map_w, across.first, across.second, across.weight, lower);
            clear = clear && clear_at(c.upper[3], c.upper[7]) && clear_at(lower[3], lower[7]);
#pragma unroll
            for (int i = 0; i < 8; ++i) c.step[i] = lower[i] - c.upper[i];
        }
        key = to;
    };

    // Where this thread reads and writes, moved on row by row. Threads without cells of their own read those of
    // another and write nothing.
    using Pair = typename std::conditional<sizeof(T) == 2, unsigned, unsigned short>::type;
    const Picture& in = p.picture;
    const int from = plain ? cx : min(cx0, width / 2 - 1);
    const bool joined = in.chroma_step == 2 && in.v == in.u + sizeof(T) && (reinterpret_cast<size_t>(in.u) & (2 * sizeof(T) - 1)) == 0;
    const unsigned char* luma_in = in.y + (size_t)(2 * cy0) * in.y_pitch + from * 2 * sizeof(T);
    const unsigned char* chroma_in = in.u + (size_t)cy0 * in.chroma_pitch + from * in.chroma_step * sizeof(T);
    const ptrdiff_t u_to_v = in.v - in.u;
    unsigned char* alpha_out = p.alpha + (size_t)(2 * cy0) * p.alpha_pitch + x0;
    unsigned char* luma_out = p.y + (size_t)(2 * cy0) * p.y_pitch + x0;
    unsigned char* u_out = p.u + (size_t)cy0 * p.chroma_pitch + cx;
    const ptrdiff_t u_to_v_out = p.v - p.u;
    const Keys* keys = &s.rows[0].keys[plain ? eyes[0] : 0];
    const float4* luma_dither = &s.rows[0].luma_dither[lane & 3];
    const float* chroma_dither = &s.rows[0].chroma_dither[lane & 7];
    Cell* cell = &s.cells[REACH][lane + REACH];

    auto load = [&]() {
        Samples samples;
        samples.luma[0] = *reinterpret_cast<const Pair*>(luma_in);
        samples.luma[1] = *reinterpret_cast<const Pair*>(luma_in + in.y_pitch);
        if (joined)
            samples.chroma = *reinterpret_cast<const Pair*>(chroma_in);
        else
            samples.chroma = *reinterpret_cast<const T*>(chroma_in) | (unsigned)*reinterpret_cast<const T*>(chroma_in + u_to_v) << 8 * sizeof(T);
        luma_in += 2 * (size_t)in.y_pitch, chroma_in += in.chroma_pitch;
        return samples;
    };
    Samples next = {};
    if (whole > 0) next = load();
#pragma unroll 1
    for (unsigned bit = 1, last = whole > 0 ? 1u << (whole - 1) : 0; bit <= last; bit <<= 1) {
        const Samples now = next;
        // Under way while this cell is shaded.
        if (bit != last) next = load();
        const Keys at = *keys;
        if (at.first[0] != key && at.first[0] != NOWHERE) enter(at.first[0]);
        auto store = [&](const Cell& sum, unsigned alpha0, unsigned alpha1) {
            *cell = sum;
            *reinterpret_cast<unsigned short*>(alpha_out) = (unsigned short)alpha0;
            *reinterpret_cast<unsigned short*>(alpha_out + p.alpha_pitch) = (unsigned short)alpha1;
        };
        if (at.first[0] != NOWHERE && !(clear && at.first[1] == key)) {
            const unsigned chroma = sizeof(T) == 2 ? now.chroma & p.code_bits : now.chroma;
            const float u = sample_of<T, 0>(chroma), v = sample_of<T, 1>(chroma);
            const float3 rgb = chroma_rgb(f, u, v);
            Sums sums;
            unsigned alpha[4], code[4];
            float luma[4];
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                if (i == 1 && at.first[1] != key) enter(at.first[1]);
                const unsigned pair = sizeof(T) == 2 ? now.luma[i] & p.code_bits : now.luma[i];
#pragma unroll
                for (int j = 0; j < 2; ++j) {
                    float k[8];
#pragma unroll
                    for (int c = 0; c < 8; ++c) k[c] = fmaf(columns[j].step[c], at.weight[i], columns[j].upper[c]);
                    const float sample = j ? sample_of<T, 1>(pair) : sample_of<T, 0>(pair);
                    alpha[2 * i + j] = i + j == 0 ? shade<true>(f, k, sample, rgb, luma[0], sums) : shade<false>(f, k, sample, rgb, luma[2 * i + j], sums);
                }
            }
            const Colour mean = mean_of(f, sums, u, v);
            const float4 dither = *luma_dither;
            code[0] = code_of(fmaf(luma[0], f.y_scale, dither.x)), code[1] = code_of(fmaf(luma[1], f.y_scale, dither.y));
            code[2] = code_of(fmaf(luma[2], f.y_scale, dither.z)), code[3] = code_of(fmaf(luma[3], f.y_scale, dither.w));
            // Pixels that cannot be seen take the mean luma of those that can.
            const unsigned alpha0 = __byte_perm(alpha[0], alpha[1], 0x0040), alpha1 = __byte_perm(alpha[2], alpha[3], 0x0040);
            const unsigned alphas = __byte_perm(alpha0, alpha1, 0x5410);
            if ((alphas - 0x01010101u) & ~alphas & 0x80808080u) {
                const unsigned fill = code_of(mean.y);
#pragma unroll
                for (int i = 0; i < 4; ++i) code[i] = alpha[i] & 0xff ? code[i] : fill;
            }
            if (alphas) mine |= bit;
            store(mean.cell, alpha0, alpha1);
            *reinterpret_cast<unsigned short*>(luma_out) = (unsigned short)__byte_perm(code[0], code[1], 0x0040);
            *reinterpret_cast<unsigned short*>(luma_out + p.y_pitch) = (unsigned short)__byte_perm(code[2], code[3], 0x0040);
            u_out[0] = (unsigned char)code_of(mean.u + *chroma_dither);
            u_out[u_to_v_out] = (unsigned char)code_of(mean.v + *chroma_dither);
        } else if (plain) {
            store(Cell{}, 0, 0);
        }
        alpha_out += 2 * (size_t)p.alpha_pitch, luma_out += 2 * (size_t)p.y_pitch, u_out += p.chroma_pitch;
        cell += COLUMNS;
        keys = reinterpret_cast<const Keys*>(reinterpret_cast<const Row*>(keys) + 1);
        luma_dither = reinterpret_cast<const float4*>(reinterpret_cast<const Row*>(luma_dither) + 1);
        chroma_dither = reinterpret_cast<const float*>(reinterpret_cast<const Row*>(chroma_dither) + 1);
    }
    // Cells that a seam or an edge goes through, which only odd sizes have.
    const unsigned alone = lone ? 0xffffffffu : s.split | (whole < rows ? 1u << (rows - 1) : 0);
    if (inside)
        for (int row = 0; row < rows; ++row) {
            if (!(alone >> row & 1)) continue;
            const Cell shaded = lone_cell<T>(p, cx, cy0 + row, true);
            s.cells[row + REACH][lane + REACH] = shaded;
            mine |= (unsigned)(cell_alpha(shaded.luma) != 0) << row;
        }
    const unsigned own = inside ? 0xffffffffu >> (32 - rows) : 0;
    if (__syncthreads_and(mine == own))
        fill(p.activity, p.activity_pitch, cx0 / 8, cy0 / 8, (min(OWN_W, cells_w - cx0) + 7) / 8, (rows + 7) / 8, 1);
    else
        bleed<T>(p, s, cx0, cy0, mine, own);
}

}  // namespace vrp

// Block: 128 columns of cells. Grid: (cells / 128, cells / OWN_H).
extern "C" __global__ void __launch_bounds__(vrp::OWN_W, COMPOSE_BLOCKS) vrp_compose_u8_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned char>(p);
}
extern "C" __global__ void __launch_bounds__(vrp::OWN_W, COMPOSE_BLOCKS) vrp_compose_u16_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned short>(p);
}
