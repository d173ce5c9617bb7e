// Packed alpha: two fisheyes with the mattes in the corners. src/render/packed has the layout (mod.rs), the table
// (table.rs) and the formulas (remap.rs, corners.rs), in whole numbers: results are equal to those, bit for bit.
//
// source   composed planes, 8-bit: Y, U, V, alpha, and a byte per 16 x 16 block that is 0 where nothing is visible
// places   [side, side], where a pixel of an eye comes from: 256ths of a pixel, with the run in the top 8 bits
// sources  per block of the output the blocks that it comes from: first and last column, first and last row
// holders  the blocks of the output that hold mattes: column and row
// out      Y, U, V [side, 2 side], a byte per block; the mattes of both eyes at full size [side, 2 side]
//
// Three kernels, in this order. plan: a thread owns a block and says whether anything of its source is visible. packed:
// a thread owns a cell of 2x2 pixels, a warp 32 of a row, a block of threads 64 x 16 pixels; where nothing is visible
// constants are written. corners: a thread owns a pixel of a block that holds mattes. Bytes per visible pixel: 8 of the
// table, about 12 read through the caches, 2.5 written.
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
    unsigned char* seen;
    const ushort2* holders;
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int out_pitch, out_chroma_pitch, drawn_pitch, matte_pitch, seen_pitch;
    int eye_x[2], eye_y[2];
    int eye_w, eye_h, side, black, span;
    int reach;  // rows of mattes from the middle of a shrunken one
    int reserved;
};
static_assert(sizeof(PackedArgs) == 192, "mirrored in src/render/device/packed.rs");

constexpr int ONE = 256, BLOCK = 16, CELLS = BLOCK / 2, PLAN_THREADS = 256;

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
    const int x = eye ? p.eye_x[1] : p.eye_x[0], y = eye ? p.eye_y[1] : p.eye_y[0];
    return {plane, pitch, x, x + p.eye_w - 1, y, y + p.eye_h - 1};
}

__device__ __forceinline__ Part half(const unsigned char* plane, int pitch, const PackedArgs& p, int eye) {
    const Part f = full(plane, pitch, p, eye);
    return {plane, pitch, f.left / 2, f.right / 2, f.top / 2, f.bottom / 2};
}

// Four samples around a place, and 256ths of the right and the lower ones; of all planes of one part.
struct Spot {
    int left, right, above, below;
    unsigned f, g;
};

// Places may be negative by less than a cell; shifts of negative numbers round down, as div_euclid does.
__device__ __forceinline__ Spot spot(const Part& s, int column, int row) {
    const int x = column >> 8, y = row >> 8;
    return {min(max(x, s.left), s.right),  min(max(x + 1, s.left), s.right),  min(max(y, s.top), s.bottom),
            min(max(y + 1, s.top), s.bottom), (unsigned)column & (ONE - 1), (unsigned)row & (ONE - 1)};
}

__device__ __forceinline__ unsigned sample(const unsigned char* plane, int pitch, const Spot& at) {
    const unsigned char *const above = plane + (size_t)at.above * pitch, *const below = plane + (size_t)at.below * pitch;
    const unsigned upper = (ONE - at.f) * above[at.left] + at.f * above[at.right];
    const unsigned lower = (ONE - at.f) * below[at.left] + at.f * below[at.right];
    return ((ONE - at.g) * upper + at.g * lower + ONE * ONE / 2) / (ONE * ONE);
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

// A mean by alpha, of sums over the taps of a run: `plain` of weights times samples, `sum` of weights times alpha times
// samples, `whole` of weights times alpha. Where alpha is the same everywhere, `full` or nothing, it is the plain mean.
__device__ __forceinline__ unsigned mean(unsigned plain, unsigned long long sum, unsigned whole, unsigned weights, unsigned full) {
    if (whole == 0 || whole == full * weights) return (plain + weights / 2) / weights;
    return (unsigned)((sum + whole / 2) / whole);
}

// Luma of a run, by the alpha of each tap, and above it the matte.
__device__ __forceinline__ unsigned picture_run(Part luma, Part alpha, int column, int row, int run) {
    unsigned plain = 0, whole = 0;
    unsigned long long sum = 0;
    each(column, row, run, [&](unsigned weight, int x, int y) {
        const unsigned code = luma.at(x, y), share = weight * alpha.at(x, y);
        plain += weight * code, whole += share, sum += (unsigned long long)share * code;
    });
    const unsigned weights = ONE * ONE * run;
    return mean(plain, sum, whole, weights, 255) | (whole + weights / 2) / weights << 8;
}

// U of a run, by the alpha of each cell, and above it V.
__device__ __forceinline__ unsigned chroma_run(Part u, Part v, Part alpha, int column, int row, int run) {
    unsigned plain[2] = {0, 0}, whole = 0;
    unsigned long long sum[2] = {0, 0};
    each(column, row, run, [&](unsigned weight, int x, int y) {
        // As the reference: the column is one of the eye's before alpha is asked for, the row is not.
        const int left = 2 * min(max(x, u.left), u.right);
        const unsigned cell = alpha.at(left, 2 * y) + alpha.at(left + 1, 2 * y) + alpha.at(left, 2 * y + 1) + alpha.at(left + 1, 2 * y + 1);
        const unsigned codes[2] = {u.at(x, y), v.at(x, y)}, share = weight * cell;
        whole += share;
        for (int i = 0; i < 2; ++i) plain[i] += weight * codes[i], sum[i] += (unsigned long long)share * codes[i];
    });
    const unsigned weights = ONE * ONE * run;
    return mean(plain[0], sum[0], whole, weights, 4 * 255) | mean(plain[1], sum[1], whole, weights, 4 * 255) << 8;
}

__device__ __forceinline__ int run_of(Place place) { return place.column_and_run >> 24; }
__device__ __forceinline__ int column_of(Place place) { return place.column_and_run & 0xffffff; }

__device__ __forceinline__ void plan(const PackedArgs& p) {
    const int across = (2 * p.side + BLOCK - 1) / BLOCK, down = (p.side + BLOCK - 1) / BLOCK;
    const int block = blockIdx.x * PLAN_THREADS + threadIdx.x, x = block % across, y = block / across;
    dependency_wait();
    if (y >= down) return;
    const ushort4 from = p.sources[block];
    bool seen = false;
    for (int row = from.z; row <= from.w; ++row)
        for (int column = from.x; column <= from.y; ++column) seen |= p.activity[(size_t)row * p.activity_pitch + column] != 0;
    p.seen[(size_t)y * p.seen_pitch + x] = p.drawn[(size_t)y * p.drawn_pitch + x] = seen;
}

__device__ __forceinline__ void packed(const PackedArgs& p) {
    const int side = p.side, cx = blockIdx.x * 32 + (threadIdx.x & 31), cy = blockIdx.y * CELLS + (threadIdx.x >> 5);
    dependency_wait();
    if (cx >= side || cy >= side / 2) return;
    const bool seen = p.seen[(size_t)(cy / CELLS) * p.seen_pitch + cx / CELLS] != 0;
    // Written where it is known, so that little must be kept.
    const auto write = [&](int j, unsigned left, unsigned right) {
        const size_t y = 2 * cy + j;
        *reinterpret_cast<uchar2*>(p.out_y + y * p.out_pitch + 2 * cx) = make_uchar2(left & 255, right & 255);
        *reinterpret_cast<uchar2*>(p.matte + y * p.matte_pitch + 2 * cx) = make_uchar2(left >> 8, right >> 8);
    };
    const auto write_chroma = [&](unsigned u, unsigned v) {
        const size_t at = (size_t)cy * p.out_chroma_pitch + cx;
        p.out_u[at] = (unsigned char)u, p.out_v[at] = (unsigned char)v;
    };
    if (!seen) {
        write(0, p.black, p.black), write(1, p.black, p.black);
        return write_chroma(128, 128);
    }
    const int eye = 2 * cx >= side;
    const int origin_x = ONE * (eye ? p.eye_x[1] : p.eye_x[0]), origin_y = ONE * (eye ? p.eye_y[1] : p.eye_y[0]);
    const Part luma = full(p.y, p.y_pitch, p, eye), alpha = full(p.alpha, p.alpha_pitch, p, eye);
    const Place* const places = p.places + (size_t)(2 * cy) * side + 2 * cx - eye * side;
    int count = 0, column = 0, row = 0, runs = 0;
#pragma unroll 1
    for (int j = 0; j < 2; ++j) {
        // Both at once: sides are even.
        const uint4 two = *reinterpret_cast<const uint4*>(places + (size_t)j * side);
        unsigned codes[2];  // of luma, above it the matte
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const Place place = i == 0 ? Place{two.x, two.y} : Place{two.z, two.w};
            const int run = run_of(place), at_x = column_of(place) + origin_x, at_y = (int)place.row + origin_y;
            codes[i] = p.black;
            if (run == 0) continue;
            ++count, column += column_of(place), row += place.row, runs += run;
            if (run == 1) {
                const Spot at = spot(luma, at_x, at_y);
                codes[i] = sample(p.y, p.y_pitch, at) | sample(p.alpha, p.alpha_pitch, at) << 8;
            } else {
                codes[i] = picture_run(luma, alpha, at_x, at_y, run);
            }
        }
        write(j, codes[0], codes[1]);
    }
    unsigned u = 128, v = 128;
    if (count > 0) {
        // Nearly always four, and without a division.
        if (count == 4) column >>= 2, row >>= 2, runs >>= 2;
        else column /= count, row /= count, runs /= count;
        const int at_x = ((column + origin_x) >> 1) - ONE / 4, at_y = ((row + origin_y) >> 1) - ONE / 4, run = (runs + 1) / 2;
        const Part part = half(p.u, p.chroma_pitch, p, eye);
        if (run == 1) {
            const Spot at = spot(part, at_x, at_y);
            u = sample(p.u, p.chroma_pitch, at), v = sample(p.v, p.chroma_pitch, at);
        } else {
            const unsigned both = chroma_run(part, half(p.v, p.chroma_pitch, p, eye), alpha, at_x, at_y, run);
            u = both & 255, v = both >> 8;
        }
    }
    write_chroma(u, v);
}

__device__ __forceinline__ bool within(int at, int reach) { return -reach <= at && at < reach; }

// Whether anything is visible in the blocks of the pixels from (x, y) of an eye's matte to two further on.
__device__ __forceinline__ bool any_seen(const PackedArgs& p, int eye, int x, int y) {
    const int last = p.side - 1, from = eye * p.side;
    const int left = (from + min(max(x, 0), last)) / BLOCK, right = (from + min(max(x + 2, 0), last)) / BLOCK;
    const unsigned char* const upper = p.seen + (size_t)(min(max(y, 0), last) / BLOCK) * p.seen_pitch;
    const unsigned char* const lower = p.seen + (size_t)(min(max(y + 2, 0), last) / BLOCK) * p.seen_pitch;
    return (upper[left] | upper[right] | lower[left] | lower[right]) != 0;
}

__device__ __forceinline__ void corners(const PackedArgs& p) {
    const int side = p.side;
    const ushort2 block = p.holders[blockIdx.x];
    const int x = block.x * BLOCK + threadIdx.x % BLOCK, y = block.y * BLOCK + threadIdx.x / BLOCK;
    dependency_wait();
    bool any = false;
    if (x < 2 * side && y < side) {
        const long long a = 2 * (x < side ? x : x - side) + 1 - side, b = 2 * y + 1 - side;
        const int j = y < side / 2 ? y : y - side, right = x < side ? x : x - 2 * side, left = x - side;
        const bool in_left = within(left, p.reach), in_right = within(right, p.reach);
        if (a * a + b * b > (long long)side * side && within(j, p.reach) && (in_left || in_right)) {
            const int eye = in_left ? 0 : 1, i = in_left ? left : right;
            // Half pixels of the matte: five of them, over three pixels.
            const int start_x = side + 5 * i, start_y = side + 5 * j;
            unsigned sum = 0;
            if (any_seen(p, eye, start_x >> 1, start_y >> 1)) for (int dy = 0; dy < 3; ++dy) {
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
    if (threadIdx.x == 0 && any) p.drawn[(size_t)block.y * p.drawn_pitch + block.x] = 1;
}

}  // namespace vrp::render

// Block: 256 blocks of the output. Grid: all of them.
extern "C" __global__ void __launch_bounds__(256) vrp_render_plan_u8(vrp::render::PackedArgs p) { vrp::render::plan(p); }
// Block: 32 x 8 cells. Grid: cells across and down.
extern "C" __global__ void __launch_bounds__(256, 5) vrp_render_packed_u8(vrp::render::PackedArgs p) { vrp::render::packed(p); }
// Block: 16 x 16 pixels. Grid: blocks that hold mattes.
extern "C" __global__ void __launch_bounds__(256) vrp_render_corners_u8(vrp::render::PackedArgs p) { vrp::render::corners(p); }
