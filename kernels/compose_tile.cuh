// A block of the compose kernel: what it keeps in shared memory, how that is filled, and whether there is anything
// to be done. compose.cu has the walk over it.
#pragma once
#include "compose.cuh"

#include <stddef.h>

namespace vrp {

constexpr int REACH = 2, OWN_W = 128, OWN_H = 16, ROWS = OWN_H + 2 * REACH, COLUMNS = OWN_W + 2 * REACH;
constexpr int RING = 2 * REACH * (COLUMNS + OWN_H);  // cells around a block that its empty cells may need
constexpr int WARPS = OWN_W / 32, WORDS = WARPS + 1;
constexpr unsigned NOWHERE = 0x80000000u;  // a row of pixels that no eye has
constexpr int SHARED_MAPS = 39616;
static_assert(OWN_W % 8 == 0 && OWN_H % 8 == 0 && OWN_H <= 32, "whole blocks of activity, a bit per row");

// Two rows of pixels: the upper row of the maps for each, and how far below that the pixels lie.
struct alignas(16) Keys {
    unsigned first[2];
    float weight[2];
};

__device__ __forceinline__ unsigned load_shared(unsigned at) {
    unsigned x;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x) : "r"(at));
    return x;
}
__device__ __forceinline__ uint4 load_shared4u(unsigned at) {
    uint4 x;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w) : "r"(at));
    return x;
}
__device__ __forceinline__ float4 load_shared4(unsigned at) {
    float4 x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "r"(at));
    return x;
}
__device__ __forceinline__ void store_shared(unsigned at, unsigned x) { asm volatile("st.shared.u32 [%0], %1;" ::"r"(at), "r"(x) : "memory"); }

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

struct Shared {
    Keys keys[OWN_H];
    float luma_dither[4][4][4];   // by rows of cells and columns of cells: of the four pixels, with the offset of luma
    float chroma_dither[8][8];    // by rows and columns of cells
    CellRow cells[ROWS];
    unsigned solid[OWN_H][WARPS];  // own cells that are visible or not in the picture
    unsigned seen[ROWS][WORDS];    // all cells that are visible
    unsigned near[OWN_H][WARPS];   // own cells that have a visible one within reach
    unsigned split;                // rows of cells that are not wholly in the eye whose maps are staged, as bits
    unsigned listed[3];            // cells in the list: of the ring, those of them that may be visible, of the block
    unsigned short list[RING + OWN_W * OWN_H];  // cells to be done, row * 256 + column: of the ring, then one of the others
    float4 maps[1][2];             // slopes and offsets under the block: map_room pixels
};
static_assert(offsetof(Shared, maps) == SHARED_MAPS, "mirrored in src/kernels/compose/launch.rs");

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

// The part of an eye's maps that a block and its ring see: of the first eye that the block has pixels of, those of
// another are shaded cell by cell. Where it does not fit into shared memory it is read from where it lies, with the same
// arithmetic: results do not depend on how much of that memory a device has.
struct Staged {
    int eye, column, row, width, height;  // eye is -1 where there is none
    bool copied;
};

__device__ __forceinline__ Staged see_maps(const ComposeArgs& p, int e, int cx0, int cy0) {
    const Rect eye = p.eyes[e];
    const int xb = max((cx0 - REACH) * 2, eye.x), xe = min((cx0 + OWN_W + REACH) * 2, eye.x + eye.width);
    const int yb = max((cy0 - REACH) * 2, eye.y), ye = min((cy0 + OWN_H + REACH) * 2, eye.y + eye.height);
    if (xb >= xe || yb >= ye) return {-1, 0, 0, 0, 0, false};
    const Tap* const across = eye_taps(p, e) - eye.x;
    const Tap* const down = eye_taps(p, e) + eye.width - eye.y;
    const int column = across[xb].first, row = down[yb].first;
    // One more than the last is needed, at the edge once more the last.
    return {e, column, row, (int)across[xe - 1].first + 2 - column, (int)down[ye - 1].first + 2 - row, false};
}

// Whether anything of a circle may lie in the part of its eye that a block and its ring see.
__device__ __forceinline__ bool meets(const Circle& circle, const Rect& eye, int cx0, int cy0) {
    const float xb = (float)max((cx0 - REACH) * 2, eye.x), xe = (float)min((cx0 + OWN_W + REACH) * 2, eye.x + eye.width);
    const float yb = (float)max((cy0 - REACH) * 2, eye.y), ye = (float)min((cy0 + OWN_H + REACH) * 2, eye.y + eye.height);
    const float across = fmaxf(fmaxf(xb - circle.x, circle.x - xe), 0.f), down = fmaxf(fmaxf(yb - circle.y, circle.y - ye), 0.f);
    return fmaf(across, across, down * down) < circle.outside;
}

// Looks at the maps, tells by `staged` which are the block's, and copies those to shared memory if there is room. Interpolated alpha
// is at most the largest of max(A, 0) + b over what the block and its ring see: where that rounds to 0, nothing is
// visible and the picture need not be read.
template <typename Args>
__device__ __forceinline__ bool stage_maps(const Args& p, Shared& s, int cx0, int cy0, Staged& staged) {
    bool possible = false;
    staged.eye = -1;
    for (int e = 0; e < p.eye_count; ++e) {
        const Staged seen = see_maps(p, e, cx0, cy0);
        if (seen.eye < 0) continue;
        const int pixels = seen.width * seen.height;
        // Not for an eye that only the ring sees.
        const Rect eye = p.eyes[e];
        const bool owned = cx0 * 2 < eye.x + eye.width && (cx0 + OWN_W) * 2 > eye.x && cy0 * 2 < eye.y + eye.height && (cy0 + OWN_H) * 2 > eye.y;
        const bool first = staged.eye < 0 && owned, keep = first && pixels <= p.map_room;
        if (first) staged = seen, staged.copied = keep;
        bool met = true;
        if constexpr (Args::FINISHED) met = meets(p.finish.circles[e], eye, cx0, cy0);
        int row = threadIdx.x / seen.width, column = threadIdx.x - row * seen.width;
        const int rows = OWN_W / seen.width, columns = OWN_W - rows * seen.width;
        for (int i = threadIdx.x; i < pixels; i += OWN_W) {
            const unsigned at = (e * p.map_h + min(seen.row + row, p.map_h - 1)) * p.map_w + min(seen.column + column, p.map_w - 1);
            const float4 a = ready(p.a[at]), b = p.b[at];
            possible = possible || (met && !clear_at(p, a.w, b.w));
            if (keep) s.maps[i][0] = a, s.maps[i][1] = b;
            row += rows, column += columns;
            if (column >= seen.width) column -= seen.width, ++row;
        }
    }
    return possible;
}

// Copies the samples of a block's first `whole` rows of cells to where their sums will be. A warp takes a row of one
// kind, by 16 bytes where rows are aligned to that; at the end of a row, and else, by single cells. U and V lie side by
// side, so that a pair of them is copied like a pair of luma.
template <typename T>
__device__ __forceinline__ void stage_samples(const Picture& in, Shared& s, int cx0, int cy0, int whole) {
    using Pair = typename std::conditional<sizeof(T) == 2, unsigned, unsigned short>::type;
    const int lane = threadIdx.x & 31, cells = in.width / 2;
    const bool aligned = ((reinterpret_cast<size_t>(in.y) | reinterpret_cast<size_t>(in.u) | in.y_pitch | in.chroma_pitch) & 15) == 0;
    if (sizeof(T) == 2 && aligned && whole == OWN_H && cx0 + OWN_W <= cells) {
        const int warp = threadIdx.x >> 5;
        const unsigned char* luma = in.y + (size_t)(2 * cy0 + warp) * in.y_pitch + cx0 * 4 + lane * 16;
        const unsigned char* chroma = in.u + (size_t)(cy0 + warp) * in.chroma_pitch + cx0 * 4 + lane * 16;
        const unsigned luma_to = shared_address(&s.cells[REACH + warp / 2].words[warp & 1][REACH + 2 + lane * 4]);
        const unsigned chroma_to = shared_address(&s.cells[REACH + warp].words[2][REACH + 2 + lane * 4]);
#pragma unroll
        for (int k = 0; k < 2 * OWN_H / WARPS; ++k, luma += WARPS * in.y_pitch) copy16(luma_to + k * (WARPS / 2) * (int)sizeof(CellRow), luma, true);
#pragma unroll
        for (int k = 0; k < OWN_H / WARPS; ++k, chroma += WARPS * in.chroma_pitch) copy16(chroma_to + k * WARPS * (int)sizeof(CellRow), chroma, true);
        copy_commit();
        return;
    }
    for (int i = threadIdx.x >> 5; i < 3 * whole; i += WARPS) {
        const int row = i / 3, kind = i % 3, cy = cy0 + row;
        const unsigned char* const from = kind < 2 ? in.y + (size_t)(2 * cy + kind) * in.y_pitch : in.u + (size_t)cy * in.chroma_pitch;
        unsigned* const to = s.cells[row + REACH].words[kind] + REACH + 2;
        const int first = cx0 + lane * 4;
        if (sizeof(T) == 2 && aligned && first + 4 <= cells) {
            copy16(shared_address(to + lane * 4), from + first * sizeof(Pair), true);
            continue;
        }
        for (int k = 0; k < 4; ++k) {
            const int cx = first + k;
            if (cx >= cells) break;
            to[lane * 4 + k] = reinterpret_cast<const Pair*>(from)[cx];
        }
    }
    copy_commit();
}

// Tables of a block: rows of pixels in the eye whose maps are staged, and dither by position.
__device__ __forceinline__ void prepare(const ComposeArgs& p, Shared& s, int cy0, int staged_eye) {
    static_assert(2 * OWN_H <= 32 && OWN_W == 128, "a warp for the keys, a thread for each entry of dither");
    const int i = threadIdx.x;
    if (i < 32) {
        const int row = i >> 1, half = i & 1, y = (cy0 + row) * 2 + half;
        const Rect eye = p.eyes[max(staged_eye, 0)];
        const bool inside = staged_eye >= 0 && y >= eye.y && y < eye.y + eye.height;
        Tap tap = {NOWHERE, NOWHERE, 0.f};
        if (inside) tap = eye_taps(p, staged_eye)[eye.width + y - eye.y];
        unsigned pairs = __ballot_sync(0xffffffffu, inside);
        pairs &= pairs >> 1 & 0x55555555u;  // both rows of a cell
        s.keys[row].first[half] = pairs >> (i & ~1) & 1 ? tap.first : NOWHERE;
        s.keys[row].weight[half] = tap.weight;
        const unsigned split = __ballot_sync(0xffffffffu, i < OWN_H && !(pairs >> (2 * i & 31) & 1));
        if (i == 0) s.split = split;
    }
    if (i < 64) {
        const int at = i & 3, x = (i >> 2 & 3) * 2 + (at & 1), y = (i >> 4) * 2 + (at >> 1);
        s.luma_dither[i >> 4][i >> 2 & 3][at] = dither_at(p.dither, x, y) + p.factors.y_offset;
    } else {
        s.chroma_dither[i >> 3 & 7][i & 7] = dither_at(p.dither, i & 7, i >> 3 & 7);
    }
}

}  // namespace vrp
