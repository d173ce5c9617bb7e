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

constexpr int MAP_PIXELS = 264;  // enough for maps that are enlarged at least 7.3 times

struct Shared {
    Row rows[OWN_H];
    union {
        float4 maps[MAP_PIXELS][2];                    // slopes and offsets under the block
        unsigned short list[RING + OWN_W * OWN_H];  // cells to be done, ring first: row * 256 + column
    };
    Cell cells[ROWS][COLUMNS];
    unsigned solid[OWN_H][WARPS];  // own cells that are visible or not in the picture
    unsigned seen[ROWS][WORDS];    // all cells that are visible
    unsigned split;                // rows of cells of which an eye has one row of pixels, as bits
    unsigned listed[2];            // cells of the ring and of the block in the list
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

// The part of an eye's maps that a block needs, copied to shared memory.
struct Staged {
    int eye, column, row, width;  // eye is -1 where there is none: too much of it, or two eyes
};

__device__ __forceinline__ Staged stage_maps(const ComposeArgs& p, Shared& s, int cx0, int cy0) {
    Staged staged = {-1, 0, 0, 0};
    int height = 0;
    for (int e = 0; e < p.eye_count; ++e) {
        const Rect eye = p.eyes[e];
        const int xb = max(cx0 * 2, eye.x), xe = min((cx0 + OWN_W) * 2, eye.x + eye.width);
        const int yb = max(cy0 * 2, eye.y), ye = min((cy0 + OWN_H) * 2, eye.y + eye.height);
        if (xb >= xe || yb >= ye) continue;
        if (staged.eye >= 0) return {-1, 0, 0, 0};
        const Tap* const across = eye_taps(p, e) - eye.x;
        const Tap* const down = eye_taps(p, e) + eye.width - eye.y;
        staged = {e, (int)across[xb].first, (int)down[yb].first, 0};
        // One more than the last is needed, at the edge once more the last.
        staged.width = (int)across[xe - 1].first + 2 - staged.column, height = (int)down[ye - 1].first + 2 - staged.row;
    }
    if (staged.eye < 0 || staged.width > MAP_PIXELS || staged.width * height > MAP_PIXELS) return {-1, 0, 0, 0};
    for (int i = threadIdx.x; i < staged.width * height; i += OWN_W) {
        const int row = min(staged.row + i / staged.width, p.map_h - 1), column = min(staged.column + i % staged.width, p.map_w - 1);
        const size_t at = ((size_t)staged.eye * p.map_h + row) * p.map_w + column;
        s.maps[i][0] = ready(p.a[at]);
        s.maps[i][1] = p.b[at];
    }
    return staged;
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

// `count` bits from bit `from` of a row of words.
__device__ __forceinline__ unsigned window(const unsigned* words, int size, int from, int count) {
    const int word = from >> 5;
    const unsigned next = word + 1 < size ? words[word + 1] : 0;
    return __funnelshift_r(words[word], next, from & 31) & ((1u << count) - 1);
}

__device__ __forceinline__ bool any_near(const Shared& s, int row, int column) {
    unsigned any = 0;
#pragma unroll
    for (int dy = 0; dy <= 2 * REACH; ++dy) any |= window(s.seen[row + dy], WORDS, column, 2 * REACH + 1);
    return any;
}

// Gives empty cells of a block their colour and the block its activity. `mine` has a bit for each visible cell
// of this thread's column, `own` for each that lies in the picture. Cells that take some work are listed
// first, so that all threads share it.
template <typename T>
__device__ __noinline__ void bleed(const ComposeArgs& p, Shared& s, int cx0, int cy0, unsigned mine, unsigned own) {
    const int lane = threadIdx.x, cx = cx0 + lane, warp = lane >> 5;
    const int width = p.picture.width, height = p.picture.height, cells_w = (width + 1) / 2, cells_h = (height + 1) / 2;
    if (lane < 2) s.listed[lane] = 0;
    for (int row = 0; row < OWN_H; ++row) {
        const unsigned solid = __ballot_sync(0xffffffffu, (mine | ~own) >> row & 1), seen = __ballot_sync(0xffffffffu, mine >> row & 1);
        if ((lane & 31) == 0) s.solid[row][warp] = solid, s.seen[row + REACH][warp] = seen;
    }
    __syncthreads();
    if (lane < ROWS) {
        // The ring is two cells wide, so own cells begin at bit 2.
        unsigned carried = 0;
        for (int word = 0; word < WORDS; ++word) {
            const unsigned bits = lane >= REACH && lane < REACH + OWN_H && word < WARPS ? s.seen[lane][word] : 0;
            s.seen[lane][word] = bits << REACH | carried;
            carried = bits >> (32 - REACH);
        }
    }
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
        const int left = max(column - 2 * REACH, 0), count = min(column, OWN_W - 1) - left + 1;
        unsigned empty = 0;
        for (int r = max(row - 2 * REACH, 0); r <= min(row, OWN_H - 1); ++r) empty |= window(s.solid[r], WARPS, left, count) ^ ((1u << count) - 1);
        if (!empty) continue;
        const int x = cx0 + column - REACH, y = cy0 + row - REACH;
        if (x >= 0 && x < cells_w && y >= 0 && y < cells_h)
            s.list[atomicAdd(&s.listed[0], 1u)] = (unsigned short)(row << 8 | column);
        else
            s.cells[row][column] = Cell{};
    }
    __syncthreads();
    for (int i = lane; i < (int)s.listed[0]; i += OWN_W) {
        const int row = s.list[i] >> 8, column = s.list[i] & 0xff;
        const Cell cell = lone_cell<T>(p, cx0 + column - REACH, cy0 + row - REACH, false);
        s.cells[row][column] = cell;
        if (cell_alpha(cell.luma)) atomicOr(&s.seen[row][column >> 5], 1u << (column & 31));
    }
    __syncthreads();
    auto paint = [&](int row, int column, unsigned luma, unsigned u, unsigned v) {
        const int x = cx0 + column, y = cy0 + row;
        store2(p.y + (size_t)(2 * y) * p.y_pitch, x * 2, width, luma);
        if (2 * y + 1 < height) store2(p.y + (size_t)(2 * y + 1) * p.y_pitch, x * 2, width, luma);
        const size_t at = (size_t)y * p.chroma_pitch + x;
        p.u[at] = (unsigned char)u;
        p.v[at] = (unsigned char)v;
    };
    for (unsigned empty = own & ~mine; empty; empty &= empty - 1) {
        const int row = __ffs(empty) - 1;
        if (any_near(s, row, lane))
            s.list[RING + atomicAdd(&s.listed[1], 1u)] = (unsigned short)(row << 8 | lane);
        else
            paint(row, lane, p.black, 128, 128);
    }
    __syncthreads();
    for (int i = lane; i < (int)s.listed[1]; i += OWN_W) {
        const int row = s.list[RING + i] >> 8, column = s.list[RING + i] & 0xff;
        uint4 sum = make_uint4(0, 0, 0, 0);
        for (int dy = 0; dy <= 2 * REACH; ++dy)
#pragma unroll
            for (int dx = 0; dx <= 2 * REACH; ++dx) {
                const Cell c = s.cells[row + dy][column + dx];
                sum.x += cell_alpha(c.luma), sum.y += c.luma >> 10, sum.z += c.u & 0x7fffff, sum.w += c.v & 0x7fffff;
            }
        const float scale = __fdividef(1.f / 128.f, (float)sum.x);
        paint(row, column, mean_code(sum.y, sum.x, scale), mean_code(sum.z, sum.x, scale), mean_code(sum.w, sum.x, scale));
    }
    // A block of 8 x 8 cells is active where any is visible or within reach of one that is.
    for (int i = lane; i < (OWN_W / 8) * (OWN_H / 8); i += OWN_W) {
        const int bx = i % (OWN_W / 8), by = i / (OWN_W / 8), gx = cx0 / 8 + bx, gy = cy0 / 8 + by;
        if (gx * 8 >= cells_w || gy * 8 >= cells_h) continue;
        unsigned any = 0;
        for (int row = by * 8; row < by * 8 + 8 + 2 * REACH; ++row) any |= window(s.seen[row], WORDS, bx * 8, 8 + 2 * REACH);
        p.activity[(size_t)gy * p.activity_pitch + gx] = any ? 1 : 0;
    }
}

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

    const Staged staged = stage_maps(p, s, cx0, cy0);
    unsigned left[2] = {};  // in the staged maps
    float weight[2] = {};
    if (plain && staged.eye >= 0 && eyes[0] >> staged.eye & 1)
        for (int j = 0; j < 2; ++j) {
            const Tap across = eye_taps(p, staged.eye)[x0 + j - p.eyes[staged.eye].x];
            left[j] = across.first - staged.column, weight[j] = across.weight;
        }
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
            const Tap across = eye_taps(p, eye)[x0 + j - p.eyes[eye].x];
            map_row(p, (eye * p.map_h + min(row, p.map_h - 1)) * p.map_w, across, out);
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

    // Where this thread reads and writes, moved on row by row. Threads without cells of their own read those of
    // another and write nothing.
    using Pair = typename std::conditional<sizeof(T) == 2, unsigned, unsigned short>::type;
    const Picture& in = p.picture;
    const int from = plain ? cx : min(cx0, width / 2 - 1);
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
        if (JOINED)
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
#define VRP_COMPOSE(NAME, T, JOINED)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(vrp::OWN_W, COMPOSE_BLOCKS) NAME(const __grid_constant__ vrp::ComposeArgs p) { \
        vrp::compose<T, JOINED>(p);                                                                                                    \
    }
VRP_COMPOSE(vrp_compose_u8_u8, unsigned char, true)
VRP_COMPOSE(vrp_compose_u16_u8, unsigned short, true)
VRP_COMPOSE(vrp_compose_planar_u8_u8, unsigned char, false)
VRP_COMPOSE(vrp_compose_planar_u16_u8, unsigned short, false)
