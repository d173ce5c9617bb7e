// The end of a block of the compose kernel where not all of its cells are visible: empty ones take the mean colour
// of the 5x5 around them, for which cells around the block are shaded as far as needed.
#pragma once
#include "compose_tile.cuh"

namespace vrp {

// `count` bits from bit `from` of a row of words.
__device__ __forceinline__ unsigned window(const unsigned* words, int size, int from, int count) {
    const int word = from >> 5;
    const unsigned next = word + 1 < size ? words[word + 1] : 0;
    return __funnelshift_r(words[word], next, from & 31) & ((1u << count) - 1);
}

// Marks own cells that have a visible one within reach, 32 of a row to a thread.
__device__ __forceinline__ void mark_near(Shared& s) {
    static_assert(OWN_H * WARPS <= OWN_W, "a thread for each word");
    if (threadIdx.x >= OWN_H * WARPS) return;
    const int row = threadIdx.x / WARPS, word = threadIdx.x % WARPS;
    unsigned low = 0, high = 0;
#pragma unroll
    for (int dy = 0; dy <= 2 * REACH; ++dy) low |= s.seen[row + dy][word], high |= s.seen[row + dy][word + 1];
    unsigned any = low;
#pragma unroll
    for (int dx = 1; dx <= 2 * REACH; ++dx) any |= __funnelshift_r(low, high, dx);
    s.near[row][word] = any;
}

// Whether a cell of the ring may be visible. Most of those that a block asks for are not, since they lie beside empty
// ones, and opacity alone takes far less than shading a cell does.
template <typename T, typename Args>
__device__ __forceinline__ bool may_show(const Args& p, const Shared& s, const Staged& staged, int cx, int cy) {
    const Picture& in = p.picture;
    const Rect eye = p.eyes[max(staged.eye, 0)];
    const int x = cx * 2, y = cy * 2, left = x - eye.x, top = y - eye.y;
    // Where the copy of the maps does not tell of the whole cell it is shaded.
    if (!staged.copied || left < 0 || top < 0 || left + 1 >= eye.width || top + 1 >= eye.height || x + 1 >= in.width || y + 1 >= in.height) return true;
    const Tap* const taps = eye_taps(p, staged.eye);
    const Tap across[2] = {taps[left], taps[left + 1]}, down[2] = {taps[eye.width + top], taps[eye.width + top + 1]};
    auto map = [&](unsigned row, unsigned column, int which) { return s.maps[(row - staged.row) * staged.width + column - staged.column][which].w; };
    bool clear = true;
    for (unsigned row = down[0].first; row <= down[1].second; ++row)
        for (unsigned column = across[0].first; column <= across[1].second; ++column)
            clear = clear && clear_at(p, map(row, column, 0), map(row, column, 1));
    if (clear) return false;
    const unsigned code_bits = p.code_bits & 0xffff;
    const size_t at = (size_t)cy * in.chroma_pitch;
    const float u = (float)(reinterpret_cast<const T*>(in.u + at)[cx * in.chroma_step] & code_bits);
    const float v = (float)(reinterpret_cast<const T*>(in.v + at)[cx * in.chroma_step] & code_bits);
    const float3 chroma = chroma_rgb(p.factors, u, v);
    bool shows = false;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const Tap &a = across[i & 1], &d = down[i >> 1];
        auto between = [&](int which) {
            const float upper = mix(map(d.first, a.first, which), map(d.first, a.second, which), a.weight);
            return mix(upper, mix(map(d.second, a.first, which), map(d.second, a.second, which), a.weight), d.weight);
        };
        const float luma = (float)(reinterpret_cast<const T*>(in.y + (size_t)(y + (i >> 1)) * in.y_pitch)[x + (i & 1)] & code_bits);
        float share = 1.f;
        if constexpr (Args::FINISHED) share = cover(p.finish.circles[staged.eye], x + (i & 1), y + (i >> 1));
        shows = shows || opacity_code(opacity_of(p, between(0), between(1), rgb_of(p.factors, luma, chroma), share)) != 0;
    }
    return shows;
}

// Gives empty cells of a block their colour and the block its activity. `mine` has a bit for each visible cell
// of this thread's column, `own` for each that lies in the picture. Cells that take some work are listed
// first, so that all threads share it.
template <typename T, typename Args>
__device__ __noinline__ void bleed(const Args& p, Shared& s, const Staged& staged, int cx0, int cy0, unsigned mine, unsigned own) {
    const int lane = threadIdx.x, warp = lane >> 5;
    const int width = p.picture.width, height = p.picture.height, cells_w = (width + 1) / 2, cells_h = (height + 1) / 2;
    if (lane < 3) s.listed[lane] = 0;
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
            s.cells[row].set(column, Cell{});
    }
    // What lies in the block but not in the picture is empty, too.
    for (int row = 0; row < OWN_H; ++row)
        if (!(own >> row & 1)) s.cells[row + REACH].set(lane + REACH, Cell{});
    __syncthreads();
    for (int i = lane; i < (int)s.listed[0]; i += OWN_W) {
        const int row = s.list[i] >> 8, column = s.list[i] & 0xff;
        if (may_show<T>(p, s, staged, cx0 + column - REACH, cy0 + row - REACH))
            s.list[RING + atomicAdd(&s.listed[1], 1u)] = s.list[i];
        else
            s.cells[row].set(column, Cell{});
    }
    __syncthreads();
    for (int i = lane; i < (int)s.listed[1]; i += OWN_W) {
        const int row = s.list[RING + i] >> 8, column = s.list[RING + i] & 0xff;
        const Cell cell = lone_cell<T>(p, cx0 + column - REACH, cy0 + row - REACH, false);
        s.cells[row].set(column, cell);
        if (cell_alpha(cell.luma)) atomicOr(&s.seen[row][column >> 5], 1u << (column & 31));
    }
    __syncthreads();
    mark_near(s);
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
        if (s.near[row][warp] >> (lane & 31) & 1)
            s.list[RING + atomicAdd(&s.listed[2], 1u)] = (unsigned short)(row << 8 | lane);
        else
            paint(row, lane, p.black, 128, 128);
    }
    __syncthreads();
    for (int i = lane; i < (int)s.listed[2]; i += OWN_W) {
        const int row = s.list[RING + i] >> 8, column = s.list[RING + i] & 0xff;
        uint4 sum = make_uint4(0, 0, 0, 0);
        for (int dy = 0; dy <= 2 * REACH; ++dy)
#pragma unroll
            for (int dx = 0; dx <= 2 * REACH; ++dx) {
                const Cell c = s.cells[row + dy].get(column + dx);
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

}  // namespace vrp
