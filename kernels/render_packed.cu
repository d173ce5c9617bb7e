// Packed alpha: two fisheyes with the mattes in the corners. src/render/packed has the layout (mod.rs), the table
// (table.rs) and the formulas (remap.rs, corners.rs), in whole numbers: results are equal to those, bit for bit.
//
// source   composed planes, 8-bit: Y, U, V, alpha, and a byte per 16 x 16 block that is 0 where nothing is visible
// places   [side, side], where a pixel of an eye comes from: 256ths of a pixel, with the run in the top 8 bits
// sources  per block of the output the blocks that it comes from: first and last column, first and last row
// out      Y, U, V [side, 2 side], a byte per block; the mattes of both eyes at full size [side, 2 side]
//
// vrp_render_packed_u8: a thread owns a cell of 2x2 pixels, a block of 64 threads a 16 x 16 block. Where nothing of the
// source is visible constants are written. vrp_render_corners_u8, after it: a thread owns a pixel of the rows that
// hold mattes. Bytes per visible pixel: 8 of the table, about 12 read through the caches, 2.5 written.
// Tolerance: none.
#include "picture.cuh"

namespace vrp::render {

struct Place {
    unsigned column_and_run, row;
};
static_assert(sizeof(Place) == 8, "mirrored in src/render/packed/table.rs");

struct PackedArgs {
    const unsigned char *y, *u, *v, *alpha, *activity;
    unsigned char *out_y, *out_u, *out_v, *drawn, *matte;
    const Place* places;
    const ushort4* sources;
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int out_pitch, out_chroma_pitch, drawn_pitch, matte_pitch;
    int eye_x[2], eye_y[2];
    int eye_w, eye_h, side, black, span;
    // Rows of mattes from the middle of a shrunken one; the last row of blocks of the upper ones, the first of the lower.
    int reach, upper_rows, lower_row;
};
static_assert(sizeof(PackedArgs) == 176, "mirrored in src/render/device/packed.rs");

constexpr int ONE = 256, BLOCK = 16, CELLS = BLOCK / 2;

// The part of a plane that belongs to an eye, as remap::Source.
struct Part {
    const unsigned char* plane;
    int pitch, left, right, top, bottom;

    __device__ __forceinline__ const unsigned char* line(int y) const {
        return plane + (size_t)min(max(y, top), bottom) * pitch;
    }
    __device__ __forceinline__ unsigned at(int x, int y) const { return line(y)[min(max(x, left), right)]; }
};

__device__ __forceinline__ Part full(const unsigned char* plane, int pitch, const PackedArgs& p, int eye) {
    return {plane, pitch, p.eye_x[eye], p.eye_x[eye] + p.eye_w - 1, p.eye_y[eye], p.eye_y[eye] + p.eye_h - 1};
}

__device__ __forceinline__ Part half(const unsigned char* plane, int pitch, const PackedArgs& p, int eye) {
    const Part f = full(plane, pitch, p, eye);
    return {plane, pitch, f.left / 2, f.right / 2, f.top / 2, f.bottom / 2};
}

// Places may be negative by less than a cell; shifts of negative numbers round down, as div_euclid does.
__device__ __forceinline__ unsigned sample(const Part& s, int column, int row) {
    const int x = column >> 8, y = row >> 8;
    const unsigned f = column & (ONE - 1), g = row & (ONE - 1);
    const unsigned upper = (ONE - f) * s.at(x, y) + f * s.at(x + 1, y);
    const unsigned lower = (ONE - f) * s.at(x, y + 1) + f * s.at(x + 1, y + 1);
    return ((ONE - g) * upper + g * lower + ONE * ONE / 2) / (ONE * ONE);
}

// Calls tap(weight, x, y) for every tap of a run.
template <typename F>
__device__ __forceinline__ void each(int column, int row, int run, F tap) {
    const int start = column - ONE / 2 * (run - 1), first = start >> 8, y = row >> 8;
    const unsigned part = start & (ONE - 1), lower = row & (ONE - 1);
    for (int j = 0; j < 2; ++j)
        for (int i = 0; i <= run; ++i)
            tap((j ? lower : ONE - lower) * (i == 0 ? ONE - part : i == run ? part : ONE), first + i, y + j);
}

__device__ unsigned plain(const Part& s, int column, int row, int run) {
    if (run == 1) return sample(s, column, row);
    unsigned sum = 0;
    each(column, row, run, [&](unsigned weight, int x, int y) { sum += weight * s.at(x, y); });
    const unsigned whole = ONE * ONE * run;
    return (sum + whole / 2) / whole;
}

// By the alpha of each tap: `alpha(x, y)`, given the tap's own column and row, which lie within the part.
template <typename A>
__device__ unsigned weighted(const Part& s, A alpha, int column, int row, int run) {
    if (run == 1) return sample(s, column, row);
    unsigned long long sum = 0, whole = 0;
    each(column, row, run, [&](unsigned weight, int x, int y) {
        // As the reference: the column is one of the eye's before alpha is asked for, the row is not.
        const int inside = min(max(x, s.left), s.right);
        const unsigned long long share = (unsigned long long)weight * alpha(inside, y);
        whole += share;
        sum += share * s.at(x, y);
    });
    return whole == 0 ? plain(s, column, row, run) : (unsigned)((sum + whole / 2) / whole);
}

__device__ __forceinline__ int run_of(Place place) { return place.column_and_run >> 24; }
__device__ __forceinline__ int column_of(Place place) { return place.column_and_run & 0xffffff; }

__device__ __forceinline__ void packed(const PackedArgs& p) {
    const int side = p.side, cx = blockIdx.x * CELLS + threadIdx.x % CELLS, cy = blockIdx.y * CELLS + threadIdx.x / CELLS;
    const int blocks = (2 * side + BLOCK - 1) / BLOCK;
    dependency_wait();
    const ushort4 from = p.sources[(size_t)blockIdx.y * blocks + blockIdx.x];
    const int wide = (int)from.y - from.x + 1, high = (int)from.w - from.z + 1;
    bool seen = false;
    for (int at = threadIdx.x; wide > 0 && at < wide * high; at += CELLS * CELLS)
        seen |= p.activity[(size_t)(from.z + at / wide) * p.activity_pitch + from.x + at % wide] != 0;
    seen = __syncthreads_or(seen);
    if (threadIdx.x == 0) p.drawn[(size_t)blockIdx.y * p.drawn_pitch + blockIdx.x] = seen;
    if (cx >= side || cy >= side / 2) return;

    const int eye = 2 * cx >= side, left = 2 * cx - eye * side;
    const int origin_x = ONE * p.eye_x[eye], origin_y = ONE * p.eye_y[eye];
    const Part luma = full(p.y, p.y_pitch, p, eye), alpha = full(p.alpha, p.alpha_pitch, p, eye);
    int count = 0, column = 0, row = 0, runs = 0;
    for (int j = 0; j < 2; ++j) {
        const int y = 2 * cy + j;
        // Both at once: sides are even.
        uint4 two = make_uint4(0, 0, 0, 0);
        if (seen) two = *reinterpret_cast<const uint4*>(p.places + (size_t)y * side + left);
        for (int i = 0; i < 2; ++i) {
            unsigned code = p.black, matte = 0;
            const Place place = i == 0 ? Place{two.x, two.y} : Place{two.z, two.w};
            const int run = run_of(place);
            if (run > 0) {
                const int at_x = column_of(place) + origin_x, at_y = (int)place.row + origin_y;
                matte = plain(alpha, at_x, at_y, run);
                code = weighted(luma, [&](int x, int y) { return alpha.at(x, y); }, at_x, at_y, run);
                ++count, column += column_of(place), row += place.row, runs += run;
            }
            p.out_y[(size_t)y * p.out_pitch + 2 * cx + i] = (unsigned char)code;
            p.matte[(size_t)y * p.matte_pitch + 2 * cx + i] = (unsigned char)matte;
        }
    }
    unsigned chroma[2] = {128, 128};
    if (count > 0) {
        const int at_x = ((column / count + origin_x) >> 1) - ONE / 4, at_y = ((row / count + origin_y) >> 1) - ONE / 4;
        const int run = (runs / count + 1) / 2;
        auto of_cell = [&](int x, int y) {
            return alpha.at(2 * x, 2 * y) + alpha.at(2 * x + 1, 2 * y) + alpha.at(2 * x, 2 * y + 1) +
                   alpha.at(2 * x + 1, 2 * y + 1);
        };
        chroma[0] = weighted(half(p.u, p.chroma_pitch, p, eye), of_cell, at_x, at_y, run);
        chroma[1] = weighted(half(p.v, p.chroma_pitch, p, eye), of_cell, at_x, at_y, run);
    }
    p.out_u[(size_t)cy * p.out_chroma_pitch + cx] = (unsigned char)chroma[0];
    p.out_v[(size_t)cy * p.out_chroma_pitch + cx] = (unsigned char)chroma[1];
}

__device__ __forceinline__ bool within(int at, int reach) { return -reach <= at && at < reach; }

__device__ __forceinline__ void corners(const PackedArgs& p) {
    const int side = p.side, row = (int)blockIdx.y < p.upper_rows ? blockIdx.y : p.lower_row + blockIdx.y - p.upper_rows;
    const int x = blockIdx.x * BLOCK + threadIdx.x % BLOCK, y = row * BLOCK + threadIdx.x / BLOCK;
    dependency_wait();
    bool any = false;
    if (x < 2 * side && y < side) {
        const long long a = 2 * (x % side) + 1 - side, b = 2 * y + 1 - side;
        const int j = y < side / 2 ? y : y - side, right = x < side ? x : x - 2 * side, left = x - side;
        const bool in_left = within(left, p.reach), in_right = within(right, p.reach);
        if (a * a + b * b > (long long)side * side && within(j, p.reach) && (in_left || in_right)) {
            const int eye = in_left ? 0 : 1, i = in_left ? left : right;
            // Half pixels of the matte: five of them, over three pixels.
            const int start_x = side + 5 * i, start_y = side + 5 * j;
            unsigned sum = 0;
            for (int dy = 0; dy < 3; ++dy) {
                const int my = (start_y >> 1) + dy;
                if (my < 0 || my >= side) continue;
                const unsigned down = dy == 1 || (dy == 0) == !(start_y & 1) ? 2 : 1;
                for (int dx = 0; dx < 3; ++dx) {
                    const int mx = (start_x >> 1) + dx;
                    if (mx < 0 || mx >= side) continue;
                    const unsigned across = dx == 1 || (dx == 0) == !(start_x & 1) ? 2 : 1;
                    sum += down * across * p.matte[(size_t)my * p.matte_pitch + eye * side + mx];
                }
            }
            const unsigned value = (sum + 12) / 25;
            any = value != 0;
            p.out_y[(size_t)y * p.out_pitch + x] = (unsigned char)(p.black + (p.span * value + 127) / 255);
        }
    }
    any = __syncthreads_or(any);
    if (threadIdx.x == 0 && any) p.drawn[(size_t)row * p.drawn_pitch + blockIdx.x] = 1;
}

}  // namespace vrp::render

// Block: a 16 x 16 block, a thread to a cell. Grid: blocks across and down.
extern "C" __global__ void __launch_bounds__(64) vrp_render_packed_u8(vrp::render::PackedArgs p) { vrp::render::packed(p); }
// Block: 16 x 16 pixels. Grid: blocks across; rows of blocks that hold mattes.
extern "C" __global__ void __launch_bounds__(256) vrp_render_corners_u8(vrp::render::PackedArgs p) { vrp::render::corners(p); }
