// Colour, alpha and activity planes of a frame in one pass: src/kernels/compose/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16             a, b  [eyes, map_h, map_w, 4] floats
// taps     per eye: its columns, then its rows   out   8-bit Y, U, V, alpha; activity per 16 x 16 pixels
//
// A thread owns a column of 2x2 cells and walks down it: horizontal interpolation of the maps is done anew only
// where the row of the maps changes, so a pixel costs eight multiplications for its eight coefficients. A
// block owns 120 x 24 cells (15 x 3 activity blocks) and shades two more on each side. A cell with visible
// pixels is finished on the spot; which cells have any is noted as bits, and their sums stay in shared memory,
// from which empty cells take the mean colour of the 5x5 around them.
// Bytes per pixel: 1.5 or 3 read (a fifth of it twice, from L2), 2.5 written.
// Tolerance: one code where a value falls on a rounding boundary (multiplications and additions are fused here).
#include "picture.cuh"

namespace vrp {

struct ComposeArgs {
    Picture picture;
    const float4* a;
    const float4* b;
    const Tap* taps;
    unsigned char* y;
    unsigned char* u;
    unsigned char* v;
    unsigned char* alpha;
    unsigned char* activity;
    ToRgb to_rgb;
    FromRgb from_rgb;
    Rect eyes[2];
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int map_w, map_h, eye_count, dither;
};
static_assert(sizeof(ComposeArgs) == 240, "mirrored in src/kernels/compose/launch.rs");

constexpr int REACH = 2, LANES = 128, STRIPS = 2;
constexpr int OWN_W = 120, OWN_H = 24, ROWS = OWN_H + 2 * REACH, STRIP_ROWS = ROWS / STRIPS;
static_assert(ROWS % STRIPS == 0 && OWN_W + 2 * REACH <= LANES, "tile");

struct Sums {
    float alpha = 0.f, y = 0.f, u = 0.f, v = 0.f;
};

// Maps of one column of pixels at the current row of the maps: values at the upper row, and steps to the lower.
struct Column {
    int eye = -1;
    unsigned row = 0xffffffffu;
    unsigned eyes = 0;  // which eyes have this column, as bits
    float upper[8], step[8];
};

// A row of pixels in an eye: its tap, and whether the eye has it.
struct alignas(16) Row {
    unsigned first, second;
    float weight;
    unsigned inside;
};

__device__ __forceinline__ unsigned bayer(int x, int y) {
    unsigned value = 0;
#pragma unroll
    for (int bit = 0; bit < 3; ++bit) value = value << 2 | (((x ^ y) >> bit) & 1) << 1 | ((y >> bit) & 1);
    return value;
}

// Threshold of rounding, in 128ths of a code.
__device__ __forceinline__ unsigned threshold(int dither, int x, int y) { return dither ? 2 * bayer(x & 7, y & 7) + 1 : 64; }

// floor(mean + threshold / 128) of a weighted sum in 16ths of a code.
__device__ __forceinline__ unsigned char mean_code(unsigned weighted, unsigned alpha, unsigned threshold) {
    return (unsigned char)min((8 * weighted + threshold * alpha) / (128 * alpha), 255u);
}

__device__ __forceinline__ const Tap* eye_taps(const ComposeArgs& p, int eye) {
    return p.taps + (eye ? p.eyes[0].width + p.eyes[0].height : 0);
}

__device__ __forceinline__ void load_maps(const ComposeArgs& p, Column& column, int eye, const Row& row, int x) {
    const Tap at = eye_taps(p, eye)[x - (eye ? p.eyes[1].x : p.eyes[0].x)];
    const size_t base = (size_t)eye * p.map_h * p.map_w;
    const size_t up = base + (size_t)row.first * p.map_w, down = base + (size_t)row.second * p.map_w;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float4* const map = half ? p.b : p.a;
        const float4 ul = map[up + at.first], ur = map[up + at.second], dl = map[down + at.first], dr = map[down + at.second];
        float* const upper = column.upper + half * 4;
        float* const step = column.step + half * 4;
        upper[0] = mix(ul.x, ur.x, at.weight), upper[1] = mix(ul.y, ur.y, at.weight);
        upper[2] = mix(ul.z, ur.z, at.weight), upper[3] = mix(ul.w, ur.w, at.weight);
        step[0] = mix(dl.x, dr.x, at.weight) - upper[0], step[1] = mix(dl.y, dr.y, at.weight) - upper[1];
        step[2] = mix(dl.z, dr.z, at.weight) - upper[2], step[3] = mix(dl.w, dr.w, at.weight) - upper[3];
    }
    column.eye = eye;
    column.row = row.first;
}

// A changed component kept in [0, 1], or no further outside than the input already was.
__device__ __forceinline__ float settle(float changed, float input) {
    return fminf(fmaxf(changed, fminf(input, 0.f)), fmaxf(input, 1.f));
}

// Alpha (0..255) of a pixel, its luma code before rounding, and its share of the cell's sums.
__device__ __forceinline__ unsigned shade(const ComposeArgs& p, const Column& column, float weight_down, float luma_code,
                                          float3 chroma, float& luma_out, Sums& sums) {
    const float luma = (luma_code - p.to_rgb.luma_offset) * p.to_rgb.luma_scale;
    const float rgb[3] = {luma + chroma.x, luma + chroma.y, luma + chroma.z};
    float seen[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) seen[c] = __saturatef(rgb[c]);
    auto map = [&](int i) { return fmaf(column.step[i], weight_down, column.upper[i]); };
    const float gray = (seen[0] + seen[1] + seen[2]) * (1.f / 3.f);
    // __saturatef makes 0 of what is not a number: invisible.
    const unsigned alpha8 = (unsigned)(__saturatef(fmaf(map(3), gray, map(7))) * 255.f + 0.5f);
    if (alpha8 == 0) return 0;
    float out[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) out[c] = settle(rgb[c] + fmaf(map(c), seen[c], map(4 + c)), rgb[c]);
    const FromRgb& f = p.from_rgb;
    const float mean = f.luma_r * out[0] + f.luma_g * out[1] + f.luma_b * out[2];
    const float yc = fminf(fmaxf(fmaf(f.luma_scale, mean, f.luma_offset), 0.f), 255.f);
    const float uc = fminf(fmaxf(fmaf(f.u_scale, out[2] - mean, f.chroma_offset), 0.f), 255.f);
    const float vc = fminf(fmaxf(fmaf(f.v_scale, out[0] - mean, f.chroma_offset), 0.f), 255.f);
    const float weight = (float)alpha8;
    sums.alpha += weight;
    sums.y = fmaf(weight, yc, sums.y);
    sums.u = fmaf(weight, uc, sums.u);
    sums.v = fmaf(weight, vc, sums.v);
    luma_out = yc;
    return alpha8;
}

__device__ __forceinline__ void store2(unsigned char* row, int x, int width, unsigned first, unsigned second) {
    if (x + 1 < width)
        *reinterpret_cast<unsigned short*>(row + x) = (unsigned short)(first | second << 8);
    else
        row[x] = (unsigned char)first;
}

// The samples of a cell: two rows of two, U and V.
template <typename T>
struct Samples {
    T luma[2][2], u, v;
};

template <typename T>
struct alignas(2 * sizeof(T)) Pair {
    T a, b;
};

// Rows are whole pairs long and aligned to them, so a pair may reach into a row's padding, not beyond.
template <typename T>
__device__ __forceinline__ Samples<T> load_cell(const Picture& in, int cx, int cy) {
    Samples<T> s;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int y = min(cy * 2 + i, in.height - 1);
        const Pair<T> pair = reinterpret_cast<const Pair<T>*>(in.y + (size_t)y * in.y_pitch)[cx];
        s.luma[i][0] = pair.a, s.luma[i][1] = pair.b;
    }
    const size_t at = (size_t)cy * in.chroma_pitch;
    s.u = reinterpret_cast<const T*>(in.u + at)[cx * in.chroma_step];
    s.v = reinterpret_cast<const T*>(in.v + at)[cx * in.chroma_step];
    return s;
}

template <typename T>
__device__ __forceinline__ void compose(const ComposeArgs& p) {
    extern __shared__ __align__(16) unsigned char shared[];
    uint4* const cells = reinterpret_cast<uint4*>(shared);
    __shared__ unsigned masks[ROWS][LANES / 32];
    __shared__ Row rows[2][2 * ROWS];
    const int lane = threadIdx.x % LANES, strip = threadIdx.x / LANES;
    const int cells_w = (p.picture.width + 1) / 2, cells_h = (p.picture.height + 1) / 2;
    const int cx = (int)blockIdx.x * OWN_W - REACH + lane, cy0 = (int)blockIdx.y * OWN_H - REACH;
    const bool column_inside = lane < OWN_W + 2 * REACH && cx >= 0 && cx < cells_w;
    const bool column_own = column_inside && lane >= REACH && lane < REACH + OWN_W;
    const int width = p.picture.width, height = p.picture.height, x0 = cx * 2;
    dependency_wait();

    Column columns[2];
#pragma unroll
    for (int e = 0; e < 2; ++e) {
        const Rect eye = p.eyes[e];
        const bool exists = e < p.eye_count;
        for (int i = threadIdx.x; i < 2 * ROWS; i += LANES * STRIPS) {
            const int y = cy0 * 2 + i;
            Row row = {0, 0, 0.f, 0};
            if (exists && y >= eye.y && y < eye.y + eye.height) {
                const Tap tap = eye_taps(p, e)[eye.width + (y - eye.y)];
                row = {tap.first, tap.second, tap.weight, 1};
            }
            rows[e][i] = row;
        }
#pragma unroll
        for (int j = 0; j < 2; ++j)
            columns[j].eyes |= (unsigned)(exists && x0 + j >= eye.x && x0 + j < eye.x + eye.width) << e;
    }
    __syncthreads();

    int some = 0;
    Samples<T> next = {};
    auto inside_at = [&](int row) { return column_inside && cy0 + row >= 0 && cy0 + row < cells_h; };
    if (inside_at(strip * STRIP_ROWS)) next = load_cell<T>(p.picture, cx, cy0 + strip * STRIP_ROWS);
    for (int row = strip * STRIP_ROWS; row < (strip + 1) * STRIP_ROWS; ++row) {
        const int cy = cy0 + row;
        const bool inside = inside_at(row);
        const bool own = inside && column_own && row >= REACH && row < REACH + OWN_H;
        const Samples<T> now = next;
        // Under way while this cell is shaded.
        if (row + 1 < (strip + 1) * STRIP_ROWS && inside_at(row + 1)) next = load_cell<T>(p.picture, cx, cy + 1);
        uint4 cell = make_uint4(0, 0, 0, 0);
        if (inside) {
            const int shift = p.picture.shift;
            const float u = (float)(now.u >> shift) - p.to_rgb.chroma_offset, v = (float)(now.v >> shift) - p.to_rgb.chroma_offset;
            const float3 chroma = make_float3(p.to_rgb.red_v * v, p.to_rgb.green_u * u + p.to_rgb.green_v * v, p.to_rgb.blue_u * u);
            Sums sums;
            float luma[2][2];
            unsigned alpha[2][2] = {};
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int y = cy * 2 + i;
                if (y >= height) break;
                const Row first = rows[0][row * 2 + i];
                float weights[2];
                bool seen[2];
#pragma unroll
                for (int j = 0; j < 2; ++j) {
                    const bool in_first = (columns[j].eyes & 1) && first.inside;
                    Row at = first;
                    if (!in_first) at = rows[1][row * 2 + i];
                    seen[j] = in_first || ((columns[j].eyes & 2) && at.inside);
                    weights[j] = at.weight;
                    const int eye = in_first ? 0 : 1;
                    if (seen[j] && (columns[j].eye != eye || columns[j].row != at.first)) load_maps(p, columns[j], eye, at, x0 + j);
                }
#pragma unroll
                for (int j = 0; j < 2; ++j)
                    if (seen[j]) alpha[i][j] = shade(p, columns[j], weights[j], (float)(now.luma[i][j] >> shift), chroma, luma[i][j], sums);
                if (own) store2(p.alpha + (size_t)y * p.alpha_pitch, x0, width, alpha[i][0], alpha[i][1]);
            }
            if (sums.alpha > 0.f) {
                cell.x = (unsigned)sums.alpha;
                cell.y = (unsigned)(sums.y * 16.f + 0.5f);
                cell.z = (unsigned)(sums.u * 16.f + 0.5f);
                cell.w = (unsigned)(sums.v * 16.f + 0.5f);
            }
            if (own && cell.x) {
                const bool full = alpha[0][0] && alpha[0][1] && alpha[1][0] && alpha[1][1];
                const unsigned fill = full ? 0 : mean_code(cell.y, cell.x, 64);
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    const int y = cy * 2 + i;
                    if (y >= height) break;
                    unsigned out[2];
#pragma unroll
                    for (int j = 0; j < 2; ++j)
                        out[j] = alpha[i][j] ? (unsigned)(luma[i][j] + (float)threshold(p.dither, x0 + j, y) * (1.f / 128.f)) : fill;
                    store2(p.y + (size_t)y * p.y_pitch, x0, width, min(out[0], 255u), min(out[1], 255u));
                }
                const unsigned t = threshold(p.dither, cx, cy);
                const size_t at = (size_t)cy * p.chroma_pitch + cx;
                p.u[at] = mean_code(cell.z, cell.x, t);
                p.v[at] = mean_code(cell.w, cell.x, t);
            }
        }
        cells[row * LANES + lane] = cell;
        const unsigned mask = __ballot_sync(0xffffffffu, cell.x != 0);
        some |= mask;
        if ((lane & 31) == 0) masks[row][lane >> 5] = mask;
    }
    const bool anything = __syncthreads_or(some);

    // Bits of the five cells around `at` in a row, whichever words they lie in.
    auto near = [&](int row, int from, int count) {
        const int word = from >> 5, bit = from & 31;
        const unsigned long long both =
            masks[row][word] | (word + 1 < LANES / 32 ? (unsigned long long)masks[row][word + 1] << 32 : 0ull);
        return (unsigned)(both >> bit) & ((1u << count) - 1);
    };
    const unsigned char black = (unsigned char)p.from_rgb.luma_offset;
    if (column_own) {
        for (int row = REACH + strip * (OWN_H / STRIPS); row < REACH + (strip + 1) * (OWN_H / STRIPS); ++row) {
            const int cy = cy0 + row;
            if (cy >= cells_h || (masks[row][lane >> 5] >> (lane & 31) & 1)) continue;
            unsigned luma = black, u = 128, v = 128;
            unsigned any = 0;
#pragma unroll
            for (int dy = -REACH; dy <= REACH; ++dy)
                if (anything) any |= near(row + dy, lane - REACH, 2 * REACH + 1);
            if (any) {
                uint4 sum = make_uint4(0, 0, 0, 0);
                for (int dy = -REACH; dy <= REACH; ++dy)
                    for (int dx = -REACH; dx <= REACH; ++dx) {
                        const uint4 c = cells[(row + dy) * LANES + lane + dx];
                        sum.x += c.x, sum.y += c.y, sum.z += c.z, sum.w += c.w;
                    }
                luma = mean_code(sum.y, sum.x, 64);
                u = mean_code(sum.z, sum.x, 64);
                v = mean_code(sum.w, sum.x, 64);
            }
            for (int y = cy * 2; y < min(cy * 2 + 2, height); ++y) store2(p.y + (size_t)y * p.y_pitch, x0, width, luma, luma);
            const size_t at = (size_t)cy * p.chroma_pitch + cx;
            p.u[at] = (unsigned char)u;
            p.v[at] = (unsigned char)v;
        }
    }
    // A block of 8 x 8 cells is active where any is visible or within reach of one that is.
    if (threadIdx.x < (OWN_W / 8) * (OWN_H / 8)) {
        const int bx = threadIdx.x % (OWN_W / 8), by = threadIdx.x / (OWN_W / 8);
        const int gx = blockIdx.x * (OWN_W / 8) + bx, gy = blockIdx.y * (OWN_H / 8) + by;
        if (gx * 8 < cells_w && gy * 8 < cells_h) {
            unsigned any = 0;
            for (int row = by * 8; row < by * 8 + 8 + 2 * REACH; ++row) any |= near(row, bx * 8, 8 + 2 * REACH);
            p.activity[(size_t)gy * p.activity_pitch + gx] = any ? 1 : 0;
        }
    }
}

}  // namespace vrp

// Block: 2 strips of 128 columns of cells. Grid: (cells / 120, cells / 24). Dynamic shared memory: ROWS * LANES cells.
extern "C" __global__ void __launch_bounds__(256) vrp_compose_u8_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned char>(p);
}
extern "C" __global__ void __launch_bounds__(256) vrp_compose_u16_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned short>(p);
}
