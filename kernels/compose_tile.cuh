// A block of the compose kernel: what it keeps in shared memory, how that is filled, and whether there is anything
// to be done. compose.cu has the walk over it.
#pragma once
#include "compose.cuh"

namespace vrp {

constexpr int REACH = 2, OWN_W = 128, OWN_H = 16, ROWS = OWN_H + 2 * REACH, COLUMNS = OWN_W + 2 * REACH;
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

// A row of cells with the ring at both ends, each kind of sum by itself. Before a cell is shaded its own three words
// hold its samples: two pairs of luma, and U with V. Columns of the ring count from 2, so that own cells begin at
// a multiple of 16 bytes.
struct CellRow {
    unsigned words[3][OWN_W + 8];

    __device__ __forceinline__ Cell get(int column) const { return {words[0][column + 2], words[1][column + 2], words[2][column + 2]}; }
    __device__ __forceinline__ void set(int column, const Cell& cell) {
        words[0][column + 2] = cell.luma, words[1][column + 2] = cell.u, words[2][column + 2] = cell.v;
    }
};

constexpr int MAP_PIXELS = 264;  // enough for maps that are enlarged at least 7.3 times

struct Shared {
    Row rows[OWN_H];
    union {
        float4 maps[MAP_PIXELS][2];                    // slopes and offsets under the block
        unsigned short list[RING + OWN_W * OWN_H];  // cells to be done, ring first: row * 256 + column
    };
    CellRow cells[ROWS];
    unsigned solid[OWN_H][WARPS];  // own cells that are visible or not in the picture
    unsigned seen[ROWS][WORDS];    // all cells that are visible
    unsigned split;                // rows of cells of which an eye has one row of pixels, as bits
    unsigned listed[2];            // cells of the ring and of the block in the list
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

// Copies the samples of a block's first `whole` rows of cells to where their sums will be. A warp takes a row of one
// kind, by 16 bytes where rows are aligned to that; at the end of a row, and else, by single cells.
template <typename T, bool JOINED>
__device__ __forceinline__ void stage_samples(const Picture& in, Shared& s, int cx0, int cy0, int whole) {
    using Pair = typename std::conditional<sizeof(T) == 2, unsigned, unsigned short>::type;
    const int lane = threadIdx.x & 31, cells = in.width / 2;
    const bool aligned = ((reinterpret_cast<size_t>(in.y) | reinterpret_cast<size_t>(in.u) | in.y_pitch | in.chroma_pitch) & 15) == 0;
    for (int i = threadIdx.x >> 5; i < 3 * whole; i += WARPS) {
        const int row = i / 3, kind = i % 3, cy = cy0 + row;
        const unsigned char* const from = kind < 2 ? in.y + (size_t)(2 * cy + kind) * in.y_pitch : in.u + (size_t)cy * in.chroma_pitch;
        unsigned* const to = s.cells[row + REACH].words[kind] + REACH + 2;
        const int first = cx0 + lane * 4;
        if (sizeof(T) == 2 && JOINED && aligned && first + 4 <= cells) {
            copy16(shared_address(to + lane * 4), from + first * sizeof(Pair), true);
            continue;
        }
        for (int k = 0; k < 4; ++k) {
            const int cx = first + k;
            if (cx >= cells) break;
            if (kind < 2 || JOINED) {
                to[lane * 4 + k] = reinterpret_cast<const Pair*>(from)[cx];
            } else {
                const unsigned u = reinterpret_cast<const T*>(from)[cx * in.chroma_step];
                to[lane * 4 + k] = u | (unsigned)reinterpret_cast<const T*>(from + (in.v - in.u))[cx * in.chroma_step] << 8 * sizeof(T);
            }
        }
    }
    copy_commit();
}

struct Coefficients {
    float values[8];
};

// The coefficients of column `x` of the picture at a row of an eye's maps, where those are not staged.
__device__ __noinline__ Coefficients map_far(const ComposeArgs& p, int eye, int x, unsigned row) {
    const Tap across = eye_taps(p, eye)[x - p.eyes[eye].x];
    Coefficients out;
    map_row(p, (eye * p.map_h + min(row, p.map_h - 1)) * p.map_w, across, out.values);
    return out;
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

}  // namespace vrp
