// What the kernels of the pixel half of VP9 are given, and where things lie. Mirrored in src/vp9/native/device/args.rs.
#pragma once
#include "halfs.cuh"

namespace vrp::vp9 {

constexpr unsigned ALL = 0xffffffffu;
constexpr int CELL = 16;
// Samples kept around a picture: as far as a motion and the taps reach, see pixels/geometry.rs.
constexpr int BORDER = 64, COARSE_BORDER = 16;

struct Motion {
    short row, column;  // 1/8 luma pixels
};
struct Block {
    Motion motion[4];
    unsigned first_level, whole;
    unsigned short ends[12];
};
static_assert(sizeof(Block) == 48, "mirrored in src/vp9/native/coded.rs");

// src/vp9/native/pixels/tuning.rs
struct Tuning {
    int dc_step, ac_step, rounding, bit_worth, motion_worth, settling_worth, new_bits, split_bits, try_split, split_worth, error_worth,
        near, matte, overshoot, guard;
};
static_assert(sizeof(Tuning) == 60, "mirrored in src/vp9/native/pixels/tuning.rs");

struct Counts {
    unsigned blocks, levels, overflow, unused;
};

// One picture: addresses of the first samples of luma, chroma and of the coarse luma, all with borders.
struct Picture9 {
    unsigned char* planes[3];
    unsigned char* coarse;
};

struct Stream9 {
    Tuning tuning;
    int planes;           // 3, of a matte 1
    int source_pitch[3];  // bytes
    unsigned level_capacity;
    const unsigned char* source[3];
    Picture9 before, after;
    Motion* found;  // by the search, before motions settle
    const Motion* motions_before;
    Motion* motions_after;
    const unsigned char* changed_before;  // per cell: not a copy in the frame before
    unsigned char* changed_after;
    Counts* counts;
    unsigned* index;
    Block* blocks;
    short* levels;
};
static_assert(sizeof(Stream9) == 240, "mirrored in src/vp9/native/device/args.rs");

struct Args9 {
    Stream9 streams[2];
    const unsigned char* activity;
    unsigned char* active_before;
    unsigned* items;  // work: cell, bit 30 the stream, bit 31 only a copy
    unsigned* queue;  // items written, taken by the search, taken by the coding
    const unsigned short* scans;  // 16, 64, 256 positions
    const uint2* taps;            // 16 times 8 signed bytes; the first is not used
    int activity_pitch, width, height, pitch, chroma_pitch, coarse_pitch, key, unused;
};
static_assert(sizeof(Args9) == 560, "mirrored in src/vp9/native/device/args.rs");

__device__ __forceinline__ int cells_across(const Args9& p) { return (p.width + CELL - 1) / CELL; }
__device__ __forceinline__ int cells_down(const Args9& p) { return (p.height + CELL - 1) / CELL; }

__device__ __forceinline__ unsigned warp_sum(unsigned value) {
#if __CUDA_ARCH__ >= 800
    return __reduce_add_sync(ALL, value);
#else
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(ALL, value, step);
    return value;
#endif
}
__device__ __forceinline__ unsigned warp_min(unsigned value) {
#if __CUDA_ARCH__ >= 800
    return __reduce_min_sync(ALL, value);
#else
    for (int step = 16; step > 0; step /= 2) value = min(value, __shfl_xor_sync(ALL, value, step));
    return value;
#endif
}
__device__ __forceinline__ unsigned warp_max(unsigned value) { return ~warp_min(~value); }

// Rows of the state that a warp keeps in shared memory while it codes a cell.
struct Shared {
    unsigned source[3][64];    // luma 16 rows of 4 words; chroma 8 rows of 2
    unsigned samples[3][64];   // predicted, then shown
    unsigned turned[16 * 5];   // luma of the source by columns, 4 words each
    unsigned window[24 * 7];   // luma around a whole pixel position, 24 columns and some
    unsigned middle[16 * 7];   // filtered across, by columns of 24 rows
    int values[320];           // residual or coefficients
    alignas(4) short levels[384];
    alignas(4) unsigned short ends[12];
    Motion known[8];
    unsigned coarse[4];
};

}  // namespace vrp::vp9
