// The motion search of src/vp9/native/pixels/search.rs by a warp: same candidates, same order, same costs.
// Whole positions: eight at once, four threads to each, a thread to four rows.
#pragma once
#include "vp9_predict.cuh"

namespace vrp::vp9 {

__device__ __forceinline__ int clamp_motion(int motion, int cell, int cells) {
    const int start = cell * CELL;
    return min(max(motion, max(-(start + 48) * 8, -8000)), min((cells * CELL + 16 - start) * 8, 8000));
}

__device__ __forceinline__ int digits(int a, int b) {
    const int quarters = abs(a - b) >> 1;
    return quarters ? 2 * (32 - __clz(quarters)) + 1 : 0;
}

__device__ __forceinline__ int apart(int row, int column, Motion other) {
    const int distance = digits(row, other.row) + digits(column, other.column);
    return distance ? 3 + distance : 0;
}

struct Search {
    const Args9& p;
    const Stream9& stream;
    Shared& s;
    int lane, cell_x, cell_y, across, down;  // cells across and down
    int row, column;
    unsigned cost;

    __device__ __forceinline__ int clamp_row(int motion) const { return clamp_motion(motion, cell_y, down); }
    __device__ __forceinline__ int clamp_column(int motion) const { return clamp_motion(motion, cell_x, across); }

    // Motions of the frame before, around the cell; none where there is no cell.
    __device__ __forceinline__ void know() {
        if (lane < 8) {
            const int dx = (int[8]){0, 0, -1, 1, 0, 0, -1, 1}[lane], dy = (int[8]){0, 0, 0, 0, -1, 1, -1, 1}[lane];
            const int x = cell_x + dx, y = cell_y + dy;
            Motion motion = {0, 0};
            if (lane > 0 && x >= 0 && x < across && y >= 0 && y < down) motion = stream.motions_before[(size_t)y * across + x];
            s.known[lane] = motion;
        }
        __syncwarp();
    }

    // Takes the best of eight whole motions, of which this thread helps with one; `first` has nothing to beat.
    __device__ __forceinline__ void best_of_8(int r, int c, const unsigned (&rows)[16], bool first) {
        const int group = lane >> 2, part = lane & 3;
        const unsigned char* const plane = stream.before.planes[0];
        const size_t at = (size_t)(plane + (ptrdiff_t)(cell_y * CELL + part * 4 + (r >> 3)) * p.pitch + cell_x * CELL + (c >> 3));
        const unsigned* words = reinterpret_cast<const unsigned*>(at & ~(size_t)3);
        const int shift = (int)(at & 3) * 8;
        unsigned sum = 0;
#pragma unroll
        for (int y = 0; y < 4; ++y) {
            unsigned left = words[0];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const unsigned right = words[i + 1];
                sum += __vsadu4(__funnelshift_r(left, right, shift), rows[y * 4 + i]);
                left = right;
            }
            words += p.pitch / 4;
        }
        int bits = min((part ? 2 : 0) + apart(r, c, s.known[2 * part]), 2 + apart(r, c, s.known[2 * part + 1]));
#pragma unroll
        for (int step = 1; step < 4; step *= 2) {
            sum += __shfl_xor_sync(ALL, sum, step);
            bits = min(bits, __shfl_xor_sync(ALL, bits, step));
        }
        const unsigned key = warp_min((16 * sum + stream.tuning.motion_worth * bits) * 8 + group);
        const int winner = (key & 7) * 4;
        r = __shfl_sync(ALL, r, winner), c = __shfl_sync(ALL, c, winner);
        if (first || key >> 3 < cost) cost = key >> 3, row = r, column = c;
    }

    // The best coarse position of each of four directions, tried at full size.
    __device__ __forceinline__ void afar(const unsigned (&rows)[16]) {
        unsigned best[4] = {ALL, ALL, ALL, ALL};
        const unsigned char* const corner = stream.before.coarse + (ptrdiff_t)cell_y * 4 * p.coarse_pitch + cell_x * 4;
        unsigned source[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) source[i] = s.coarse[i];
        for (int at = lane; at < 625; at += 32) {
            const int dy = at / 25 - 12, dx = at % 25 - 12;
            const size_t from = (size_t)(corner + (ptrdiff_t)dy * p.coarse_pitch + dx);
            const unsigned* words = reinterpret_cast<const unsigned*>(from & ~(size_t)3);
            const int shift = (int)(from & 3) * 8;
            unsigned sum = 0;
#pragma unroll
            for (int y = 0; y < 4; ++y) {
                sum += __vsadu4(__funnelshift_r(words[0], words[1], shift), source[y]);
                words += p.coarse_pitch / 4;
            }
            const unsigned key = (64 * sum + abs(dy) + abs(dx)) * 1024 + at;
            const int which = 2 * (dy >= 0) + (dx >= 0);
#pragma unroll
            for (int i = 0; i < 4; ++i) best[i] = i == which ? min(best[i], key) : best[i];
        }
        int r = 0, c = 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int at = warp_min(best[i]) & 1023;
            if ((lane >> 2 & 3) == i) r = clamp_row(32 * (at / 25 - 12)), c = clamp_column(32 * (at % 25 - 12));
        }
        best_of_8(r, c, rows, false);
    }

    // The eight motions around the best, `distance` eighths of a pixel away, with the true filters. The window holds luma
    // from 4 pixels before the whole position (whole_row, whole_column).
    __device__ __forceinline__ void finer(int distance, int whole_row, int whole_column) {
        const int centre_row = row, centre_column = column;
        unsigned char* const middle = reinterpret_cast<unsigned char*>(s.middle);
        int bits = 0;
        if (lane < 9) {
            const int r = clamp_row(centre_row + (lane / 3 - 1) * distance), c = clamp_column(centre_column + (lane % 3 - 1) * distance);
            bits = apart(r, c, s.known[0]);
            for (int i = 1; i < 8; ++i) bits = min(bits, 2 + apart(r, c, s.known[i]));
        }
        unsigned key = ALL;
        for (int i = 0; i < 3; ++i) {
            const int c = 2 * (clamp_column(centre_column + (i - 1) * distance) - whole_column), fx = c & 15, first = 1 + (c >> 4);
            const uint2 taps = p.taps[fx];
#pragma unroll
            for (int j = 0; j < 3; ++j) {
                const int r = lane + 32 * j >> 2, g = lane & 3;
                const unsigned* const words = s.window + r * 7 + g;
                scatter(middle + 4 * g * 28 + r, 28, filter_4(words[0], words[1], words[2], first, fx, taps));
            }
            __syncwarp();
            for (int j = 0; j < 3; ++j) {
                if (i == 1 && j == 1) continue;
                const int r = 2 * (clamp_row(centre_row + (j - 1) * distance) - whole_row), fy = r & 15, top = 1 + (r >> 4);
                const uint2 down_taps = p.taps[fy];
                unsigned sum = 0;
#pragma unroll
                for (int k = 0; k < 2; ++k) {
                    const int column_of = lane & 15, g = (lane >> 4) + 2 * k;
                    const unsigned* const words = s.middle + column_of * 7 + g;
                    sum += __vsadu4(filter_4(words[0], words[1], words[2], top, fy, down_taps), s.turned[column_of * 5 + g]);
                }
                sum = warp_sum(sum);
                if (lane == j * 3 + i) key = (16 * sum + stream.tuning.motion_worth * bits) * 16 + lane;
            }
            __syncwarp();
        }
        key = warp_min(key);
        if (key >> 4 < cost) {
            const int at = key & 15;
            cost = key >> 4;
            row = clamp_row(centre_row + (at / 3 - 1) * distance);
            column = clamp_column(centre_column + (at % 3 - 1) * distance);
        }
    }

    __device__ __forceinline__ void run() {
        know();
        unsigned rows[16];
#pragma unroll
        for (int i = 0; i < 16; ++i) rows[i] = s.source[0][(lane & 3) * 16 + i];
        const int group = lane >> 2;
        const Motion near = s.known[group];
        best_of_8(clamp_row((near.row + 4) & ~7), clamp_column((near.column + 4) & ~7), rows, true);
        if (cost >= (unsigned)stream.tuning.near) afar(rows);
        const int eighth = group + (group >= 4), dy = eighth / 3 - 1, dx = eighth % 3 - 1;
        for (int i = 0; i < 3; ++i) {
            const int distance = i ? 8 : 16;
            best_of_8(clamp_row(row + dy * distance), clamp_column(column + dx * distance), rows, false);
        }
        // 24 rows and columns of luma from 4 before the position.
        const int whole_row = row, whole_column = column;
        const unsigned char* const corner = stream.before.planes[0] + (ptrdiff_t)(cell_y * CELL + (row >> 3) - 4) * p.pitch +
                                            cell_x * CELL + (column >> 3) - 4;
        const int shift = (int)((size_t)corner & 3) * 8;
        for (int i = lane; i < 24 * 6; i += 32) {
            const size_t at = (size_t)(corner + (ptrdiff_t)(i / 6) * p.pitch) & ~(size_t)3;
            const unsigned* const words = reinterpret_cast<const unsigned*>(at) + i % 6;
            s.window[i / 6 * 7 + i % 6] = __funnelshift_r(words[0], words[1], shift);
        }
        __syncwarp();
        finer(4, whole_row, whole_column);
        finer(2, whole_row, whole_column);
    }
};

// The motion of most of a superblock's cells, as pixels/search.rs finds it.
__device__ __forceinline__ Motion common_motion(const Args9& p, const Stream9& stream, int cell_x, int cell_y, int lane) {
    const int across = cells_across(p), down = cells_down(p), x = (cell_x & ~3) + (lane & 3), y = (cell_y & ~3) + (lane >> 2 & 3);
    const bool inside = lane < 16 && x < across && y < down;
    const Motion own = inside ? stream.found[(size_t)y * across + x] : Motion{0, 0};
    const unsigned there = __ballot_sync(ALL, inside);
    int far = 0;
    for (int i = 0; i < 16; ++i) {
        const int row = __shfl_sync(ALL, (int)own.row, i), column = __shfl_sync(ALL, (int)own.column, i);
        if (there >> i & 1) far += min(abs(row - own.row), 64) + min(abs(column - own.column), 64);
    }
    const int best = (int)(warp_min(inside ? (unsigned)(far * 16 + lane) : ALL) & 15);
    return {(short)__shfl_sync(ALL, (int)own.row, best), (short)__shfl_sync(ALL, (int)own.column, best)};
}

// What a cell's motions settle to.
struct Settled {
    Motion motion[4];
    bool whole;
};

// The cell's motions, once those of all cells are known: its own, none, the common one or a neighbour's; for all of it, or for
// each quarter where that is better or the cell is not complete.
__device__ __forceinline__ Settled settle(const Args9& p, const Stream9& stream, Shared& s, int cell_x, int cell_y, bool complete,
                                          int lane) {
    const int across = cells_across(p), down = cells_down(p);
    const Tuning& t = stream.tuning;
    const Motion common = common_motion(p, stream, cell_x, cell_y, lane);
    // Own, none, common, left, right, above, below.
    if (lane < 7) {
        int row = 0, column = 0;
        const int x = cell_x + (lane == 4) - (lane == 3), y = cell_y + (lane == 6) - (lane == 5);
        if (lane == 2) row = common.row, column = common.column;
        else if (lane != 1 && x >= 0 && x < across && y >= 0 && y < down) {
            const Motion motion = stream.found[(size_t)y * across + x];
            row = motion.row, column = motion.column;
        }
        s.known[lane] = {(short)clamp_motion(row, cell_y, down), (short)clamp_motion(column, cell_x, across)};
    }
    __syncwarp();
    int cost = 0x7fffffff, best = 0, quarter_cost[4], quarter_best[4];
#pragma unroll
    for (int q = 0; q < 4; ++q) quarter_cost[q] = 0x7fffffff, quarter_best[q] = 0;
#pragma unroll 1
    for (int i = 0; i < 7; ++i) {
        const Motion motion = s.known[i];
        bool seen = false;
        for (int j = 0; j < i; ++j) seen = seen || (s.known[j].row == motion.row && s.known[j].column == motion.column);
        if (seen) continue;
        predict<16>(p, stream.before.planes[0], p.pitch, cell_x * CELL, cell_y * CELL, 2 * motion.row, 2 * motion.column, s,
                    reinterpret_cast<unsigned char*>(s.samples[0]), 16, lane);
        const int none = apart(motion.row, motion.column, {0, 0}), other = apart(motion.row, motion.column, common);
        const int bits = t.settling_worth * min(none ? none + t.new_bits : 0, 1 + (other ? other + t.new_bits : 0));
        // Upper and lower quarters have 32 words each, their left halves words 0 and 1 of four.
        const unsigned upper = __vsadu4(s.samples[0][lane], s.source[0][lane]);
        const unsigned lower = __vsadu4(s.samples[0][lane + 32], s.source[0][lane + 32]);
        const bool right = lane & 2;
        const unsigned left_sums = warp_sum(right ? 0 : upper | lower << 16), right_sums = warp_sum(right ? upper | lower << 16 : 0);
        const int sums[4] = {(int)(left_sums & 0xffff), (int)(right_sums & 0xffff), (int)(left_sums >> 16), (int)(right_sums >> 16)};
        const int next = 16 * (sums[0] + sums[1] + sums[2] + sums[3]) + bits;
        if (next < cost) cost = next, best = i;
#pragma unroll
        for (int q = 0; q < 4; ++q)
            if (16 * sums[q] + bits < quarter_cost[q]) quarter_cost[q] = 16 * sums[q] + bits, quarter_best[q] = i;
        __syncwarp();
    }
    const int split = quarter_cost[0] + quarter_cost[1] + quarter_cost[2] + quarter_cost[3];
    Settled out;
    out.whole = complete && cost <= split + t.settling_worth * t.split_bits;
#pragma unroll
    for (int q = 0; q < 4; ++q) out.motion[q] = s.known[out.whole ? best : quarter_best[q]];
    return out;
}

}  // namespace vrp::vp9
