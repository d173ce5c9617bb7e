// One cell coded by a warp: residual, transform, levels and what decoders show, as src/vp9/native/pixels/cell.rs and
// quantise.rs have it. Transform blocks of one size go together; a line of a transform is a thread's.
#pragma once
#include "vp9_predict.cuh"
#include "vp9_transform.cuh"

namespace vrp::vp9 {

constexpr int MOST_GAIN = 8191, LARGE = 8, MOST = 32767, BLOCK_BITS = 8;

__device__ __forceinline__ int level_bits(int level) {
    return level == 0 ? 3 : level == 1 ? 13 : level == 2 ? 20 : 14 + 6 * (32 - __clz(level));
}

__device__ __forceinline__ int inverse_of_dc(int coefficient, int side) {
    const int shift = 31 - __clz(side) + 2, twice = mix(mix(coefficient, C16, 0, C16), C16, 0, C16);
    return (twice + (1 << (shift - 1))) >> shift;
}

__device__ __forceinline__ int level_to_move(const Tuning& t, int distance, int side) {
    const int size = abs(distance);
    int level = (size * 8 * side + t.dc_step - 1) / t.dc_step;
    while (level * t.dc_step <= MOST && inverse_of_dc(-level * t.dc_step, side) > -size) ++level;
    while (level * t.dc_step <= MOST && inverse_of_dc(level * t.dc_step, side) < size) ++level;
    level = min(level, MOST / t.dc_step);
    return distance < 0 ? -level : level;
}

__device__ __forceinline__ int residual(const Tuning& t, int source, int predicted) {
    const int difference = source - predicted;
    if (!t.matte || (source != 0 && source != 255)) return difference;
    const int beyond = difference == 0 ? t.guard : t.overshoot;
    return source == 0 ? difference - beyond : difference + beyond;
}

// Where block `b` of a group begins in the samples of its plane.
struct Place {
    int plane, at, quarter;
};
template <int SIDE, int COUNT>
__device__ __forceinline__ Place place(int b) {
    if (COUNT == 1) return {0, 0, 0};
    if (COUNT == 2) return {1 + b, 0, 0};
    if (COUNT == 4) return {0, b / 2 * 8 * 16 + b % 2 * 8, b};
    return {1 + b / 4, b % 4 / 2 * 4 * 8 + b % 2 * 4, b % 4};
}

// Levels of one block, by WIDTH threads with EACH positions a thread. Returns its end.
template <int SIDE, int WIDTH, int EACH>
__device__ __forceinline__ int quantise(const Args9& p, const Tuning& t, int* values, short* levels, int lane) {
    const unsigned short* const scan = p.scans + (SIDE == 4 ? 0 : SIDE == 8 ? 16 : 80);
    const int first = lane % WIDTH * EACH;
    int at[EACH], level[EACH], gain[EACH], total = 0;
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
        const int position = scan[first + k], step = first + k == 0 ? t.dc_step : t.ac_step;
        at[k] = position / SIDE * (SIDE + 1) + position % SIDE;
        const int coefficient = values[at[k]], size = (int)((unsigned)(abs(coefficient) << 4) / (unsigned)step);
        const int found = min((size + t.rounding) >> 4, MOST / step);
        total += found >= LARGE ? MOST_GAIN
                                : min(32 * size * found - 256 * found * found - t.bit_worth * level_bits(found), MOST_GAIN);
        level[k] = coefficient < 0 ? -found : found;
        gain[k] = total;
    }
    int before = total;
#pragma unroll
    for (int step = 1; step < WIDTH; step *= 2) {
        const int other = __shfl_up_sync(ALL, before, step, WIDTH);
        if (lane % WIDTH >= step) before += other;
    }
    before -= total;
    int key = 0;
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
        const int sum = before + gain[k];
        if (level[k] != 0 && sum > t.bit_worth * BLOCK_BITS) key = max(key, sum << 9 | (511 - (first + k)));
    }
#pragma unroll
    for (int step = WIDTH / 2; step > 0; step /= 2) key = max(key, __shfl_xor_sync(ALL, key, step, WIDTH));
    const int end = key ? 512 - (key & 511) : 0;
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
        const bool kept = first + k < end;
        if (kept) levels[first + k] = (short)level[k];
        values[at[k]] = kept ? level[k] * (first + k == 0 ? t.dc_step : t.ac_step) : 0;
    }
    return end;
}

// Codes COUNT blocks of SIDE x SIDE samples whose prediction is in s.samples; `missing` has a bit for each quarter outside
// the frame. Appends levels from `used` on, writes ends from `ends` on; returns the new number of levels.
template <int SIDE, int COUNT>
__device__ __forceinline__ int code_group(const Args9& p, const Tuning& t, Shared& s, unsigned missing, int used, int ends, int lane) {
    constexpr int AREA = SIDE * SIDE, BLOCK = SIDE * (SIDE + 1), PITCH = COUNT == 1 || COUNT == 4 ? 16 : 8;
    unsigned flat = 0;  // blocks of a matte that are all 0 or all 255
    int distances[COUNT] = {};
    if (COUNT == 1 || COUNT == 4) {
        if (t.matte) {
#pragma unroll
            for (int b = 0; b < COUNT; ++b) {
                const Place to = place<SIDE, COUNT>(b);
                const unsigned char* const source = reinterpret_cast<unsigned char*>(s.source[to.plane]) + to.at;
                const unsigned char* const samples = reinterpret_cast<unsigned char*>(s.samples[to.plane]) + to.at;
                const int value = source[0];
                bool same = value == 0 || value == 255;
                unsigned distance = 0;
                for (int i = lane; i < AREA; i += 32) {
                    const int at = i / SIDE * PITCH + i % SIDE;
                    same = same && source[at] == value;
                    distance = max(distance, (unsigned)abs(samples[at] - value));
                }
                if (!__all_sync(ALL, same) || (missing >> to.quarter & 1)) continue;
                distance = warp_max(distance);
                flat |= 1u << b;
                distances[b] = value == 0 ? -(int)distance : (int)distance;
            }
        }
    }
    for (int i = lane; i < COUNT * AREA; i += 32) {
        const int b = i / AREA, at = i % AREA / SIDE, x = i % SIDE;
        const Place to = place<SIDE, COUNT>(b);
        const int sample = to.at + at * PITCH + x;
        const int source = reinterpret_cast<unsigned char*>(s.source[to.plane])[sample];
        const int predicted = reinterpret_cast<unsigned char*>(s.samples[to.plane])[sample];
        const int value = missing >> to.quarter & 1 ? 0 : residual(t, source, predicted);
        s.values[b * BLOCK + at * (SIDE + 1) + x] = SIDE == 4 ? value * 4 : SIDE == 8 ? value * 2 : value;
    }
    __syncwarp();
    lines<SIDE, true, true>(s.values, COUNT, lane);
    lines<SIDE, true, false>(s.values, COUNT, lane);
    unsigned any = 0;
    constexpr int WIDTH = SIDE == 4 ? 16 : 32, TOGETHER = 32 / WIDTH;
#pragma unroll 1
    for (int pair = 0; pair < COUNT / TOGETHER; ++pair) {
        const int b = pair * TOGETHER + lane / WIDTH;
        int* const values = s.values + b * BLOCK;
        // Levels are put where they would be if this block were the next; the second of two is moved up after.
        __shared__ short second[4][16];
        short* const levels = lane < WIDTH ? s.levels + used : second[threadIdx.x / 32];
        int end;
        if (COUNT <= 4 && (flat >> b & 1)) {
            int distance = 0;
#pragma unroll
            for (int k = 0; k < COUNT; ++k) distance = k == b ? distances[k] : distance;
            for (int i = lane; i < BLOCK; i += 32) values[i] = 0;
            __syncwarp();
            end = distance != 0;
            if (lane == 0 && end) {
                const int level = level_to_move(t, distance, SIDE);
                levels[0] = (short)level;
                values[0] = level * t.dc_step;
            }
        } else {
            end = quantise<SIDE, WIDTH, AREA / WIDTH>(p, t, values, levels, lane);
        }
        __syncwarp();
        if (lane % WIDTH == 0) s.ends[ends + b] = (unsigned short)end;
        const int first = __shfl_sync(ALL, end, 0);
        used += first;
        any |= first;
        if (TOGETHER == 2) {
            const int other = __shfl_sync(ALL, end, 16);
            if (lane < other) s.levels[used + lane] = second[threadIdx.x / 32][lane];
            used += other;
            any |= other;
        }
        __syncwarp();
    }
    if (any == 0) return used;
    lines<SIDE, false, false>(s.values, COUNT, lane);
    lines<SIDE, false, true>(s.values, COUNT, lane);
    constexpr int SHIFT = SIDE == 4 ? 4 : SIDE == 8 ? 5 : 6;
    for (int i = lane; i < COUNT * AREA; i += 32) {
        const int b = i / AREA, at = i % AREA / SIDE, x = i % SIDE;
        const Place to = place<SIDE, COUNT>(b);
        const int added = (s.values[b * BLOCK + at * (SIDE + 1) + x] + (1 << (SHIFT - 1))) >> SHIFT;
        unsigned char& sample = reinterpret_cast<unsigned char*>(s.samples[to.plane])[to.at + at * PITCH + x];
        sample = (unsigned char)min(max(sample + added, 0), 255);
    }
    __syncwarp();
    return used;
}

// Predicts a cell as one block or as four, into s.samples.
__device__ __forceinline__ void predict_cell(const Args9& p, const Stream9& stream, Shared& s, int cell_x, int cell_y,
                                             const Motion (&motion)[4], bool whole, unsigned missing, int lane) {
    const Picture9& from = stream.before;
    auto samples = [&](int plane) { return reinterpret_cast<unsigned char*>(s.samples[plane]); };
    if (whole) {
        const int row = motion[0].row, column = motion[0].column;
        predict<16>(p, from.planes[0], p.pitch, cell_x * 16, cell_y * 16, 2 * row, 2 * column, s, samples(0), 16, lane);
        for (int plane = 1; plane < stream.planes; ++plane)
            predict<8>(p, from.planes[plane], p.chroma_pitch, cell_x * 8, cell_y * 8, row, column, s, samples(plane), 8, lane);
        return;
    }
    for (int i = lane; i < 192; i += 32) s.samples[i / 64][i % 64] = 0;
    __syncwarp();
#pragma unroll 1
    for (int b = 0; b < 4; ++b) {
        if (missing >> b & 1) continue;
        const int x = b % 2, y = b / 2, row = motion[b].row, column = motion[b].column;
        predict<8>(p, from.planes[0], p.pitch, cell_x * 16 + x * 8, cell_y * 16 + y * 8, 2 * row, 2 * column, s,
                   samples(0) + y * 128 + x * 8, 16, lane);
        for (int plane = 1; plane < stream.planes; ++plane)
            predict<4>(p, from.planes[plane], p.chroma_pitch, cell_x * 8 + x * 4, cell_y * 8 + y * 4, row, column, s,
                       samples(plane) + y * 32 + x * 4, 8, lane);
    }
}

// Codes a predicted cell; returns its number of levels.
__device__ __forceinline__ int code_parts(const Args9& p, const Stream9& stream, Shared& s, bool whole, unsigned missing, int lane) {
    if (lane < 12) s.ends[lane] = 0;
    __syncwarp();
    if (whole) {
        const int used = code_group<16, 1>(p, stream.tuning, s, 0, 0, 0, lane);
        return stream.planes == 3 ? code_group<8, 2>(p, stream.tuning, s, 0, used, 1, lane) : used;
    }
    const int used = code_group<8, 4>(p, stream.tuning, s, missing, 0, 0, lane);
    return stream.planes == 3 ? code_group<4, 8>(p, stream.tuning, s, missing, used, 4, lane) : used;
}

// A thread's share of what a way to code a cell gives.
struct Kept {
    unsigned samples[3], levels[6], ends;
};
__device__ __forceinline__ unsigned& sample_word(Shared& s, int i, int lane) {
    return i < 2 ? s.samples[0][lane + 32 * i] : s.samples[1 + lane / 16][lane % 16];
}
__device__ __forceinline__ unsigned source_word(const Shared& s, int i, int lane) {
    return i < 2 ? s.source[0][lane + 32 * i] : s.source[1 + lane / 16][lane % 16];
}

// Squared errors and bits in one number.
__device__ __forceinline__ unsigned long long judge(const Stream9& stream, Shared& s, bool whole, int used, int lane) {
    unsigned errors = 0, bits = 0;
#pragma unroll
    for (int i = 0; i < 3; ++i) {
        if (i == 2 && stream.planes == 1) continue;
        const unsigned apart = __vabsdiffu4(sample_word(s, i, lane), source_word(s, i, lane));
        errors = __dp4a(apart, apart, errors);
    }
    for (int i = lane; i < used; i += 32) bits += level_bits(abs(s.levels[i]));
    errors = warp_sum(errors), bits = warp_sum(bits) + (whole ? 0 : stream.tuning.split_worth);
    return 64ull * errors + (unsigned long long)bits * stream.tuning.error_worth;
}

// Predicts and codes a cell. One of many levels is coded as four blocks too, with its motion, and the better way is kept.
__device__ __forceinline__ int code_cell(const Args9& p, const Stream9& stream, Shared& s, int cell_x, int cell_y,
                                         const Motion (&motion)[4], bool& whole, unsigned missing, int lane) {
    predict_cell(p, stream, s, cell_x, cell_y, motion, whole, missing, lane);
    unsigned predicted[3];
#pragma unroll
    for (int i = 0; i < 3; ++i) predicted[i] = sample_word(s, i, lane);
    int used = 0;
    unsigned long long cost = 0;
    Kept kept;
#pragma unroll 1
    for (bool again = false;; again = true) {
        const bool as_whole = whole && !again;
        const int now = code_parts(p, stream, s, as_whole, missing, lane);
        if (!again && (!whole || now < stream.tuning.try_split)) return now;
        const unsigned long long cost_now = judge(stream, s, as_whole, now, lane);
        unsigned* const levels = reinterpret_cast<unsigned*>(s.levels);
        unsigned* const ends = reinterpret_cast<unsigned*>(s.ends);
        __syncwarp();
        if (again) {
            if (cost_now < cost) {
                whole = false;
                return now;
            }
#pragma unroll
            for (int i = 0; i < 3; ++i) sample_word(s, i, lane) = kept.samples[i];
#pragma unroll
            for (int i = 0; i < 6; ++i) levels[lane + 32 * i] = kept.levels[i];
            if (lane < 6) ends[lane] = kept.ends;
            __syncwarp();
            return used;
        }
        used = now, cost = cost_now;
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            kept.samples[i] = sample_word(s, i, lane);
            sample_word(s, i, lane) = predicted[i];
        }
#pragma unroll
        for (int i = 0; i < 6; ++i) kept.levels[i] = levels[lane + 32 * i];
        kept.ends = ends[lane % 6];
        __syncwarp();
    }
}

}  // namespace vrp::vp9
