// Colour, alpha and activity planes of a frame in one pass: src/kernels/compose/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16             a, b  [eyes, map_h, map_w, 4] floats
// taps     per eye: its columns, then its rows   out   8-bit Y, U, V, alpha; activity per 16 x 16 pixels
//
// A thread owns a column of 2x2 cells and walks down it: horizontal interpolation of the maps is done anew only
// where the row of the maps changes, so a pixel costs eight multiplications for its eight coefficients. A
// block owns 120 x 40 cells (15 x 5 activity blocks) and shades two more on each side. A cell with visible
// pixels is finished on the spot; which cells have any is noted as bits, and their sums stay in shared memory,
// from which empty cells take the mean colour of the 5x5 around them.
// Bytes per pixel: 1.5 or 3 read (a fifth of it twice, from L2), 2.5 written.
// Tolerance: one code where a value falls on a rounding boundary (multiplications and additions are fused here).
#include "compose.cuh"

namespace vrp {

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

// Fills a rectangle of a plane with a byte, by 8 bytes where everything is a multiple of that.
__device__ __forceinline__ void fill(unsigned char* plane, int pitch, int x, int y, int w, int h, unsigned char value) {
    unsigned char* const start = plane + (size_t)y * pitch + x;
    if (((reinterpret_cast<size_t>(start) | pitch | w) & 7) == 0) {
        const unsigned four = value * 0x01010101u;
        for (int i = threadIdx.x; i < h * (w / 8); i += LANES * STRIPS)
            *reinterpret_cast<uint2*>(start + (size_t)(i / (w / 8)) * pitch + i % (w / 8) * 8) = make_uint2(four, four);
    } else {
        for (int i = threadIdx.x; i < h * w; i += LANES * STRIPS) start[(size_t)(i / w) * pitch + i % w] = value;
    }
}

template <typename T>
__device__ __forceinline__ void compose(const ComposeArgs& p) {
    extern __shared__ __align__(16) unsigned char shared[];
    uint4* const cells = reinterpret_cast<uint4*>(shared);
    __shared__ unsigned masks[ROWS][LANES / 32];
    __shared__ Row rows[2][2 * ROWS];
    __shared__ float2 dithers[8][4];      // (threshold - 64) / 128 of two neighbouring columns
    __shared__ unsigned thresholds[8][8];
    const int lane = threadIdx.x % LANES, strip = threadIdx.x / LANES;
    const int cells_w = (p.picture.width + 1) / 2, cells_h = (p.picture.height + 1) / 2;
    const int cx = (int)blockIdx.x * OWN_W - REACH + lane, cy0 = (int)blockIdx.y * OWN_H - REACH;
    const bool column_inside = lane < OWN_W + 2 * REACH && cx >= 0 && cx < cells_w;
    const bool column_own = column_inside && lane >= REACH && lane < REACH + OWN_W;
    const int width = p.picture.width, height = p.picture.height, x0 = cx * 2;
    dependency_wait();

    if (threadIdx.x < 64) {
        const int x = threadIdx.x & 7, y = threadIdx.x >> 3;
        thresholds[y][x] = threshold(p.dither, x, y);
        reinterpret_cast<float*>(dithers)[threadIdx.x] = ((float)threshold(p.dither, x, y) - 64.f) * (1.f / 128.f);
    }
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

    // Interpolated alpha is at most the largest of max(A, 0) + b over the maps' pixels that the block sees: where
    // that rounds to 0, nothing here is visible and the picture need not be read.
    int possible = 0;
#pragma unroll
    for (int e = 0; e < 2; ++e) {
        if (e >= p.eye_count) break;
        const Rect eye = p.eyes[e];
        const int xb = max(((int)blockIdx.x * OWN_W - REACH) * 2, eye.x), xe = min(((int)blockIdx.x * OWN_W + OWN_W + REACH) * 2, eye.x + eye.width);
        const int yb = max(cy0 * 2, eye.y), ye = min((cy0 + ROWS) * 2, eye.y + eye.height);
        if (xb >= xe || yb >= ye) continue;
        const Tap* const taps = eye_taps(p, e);
        const unsigned left = taps[xb - eye.x].first, right = taps[xe - 1 - eye.x].second;
        const unsigned top = rows[e][yb - cy0 * 2].first, bottom = rows[e][ye - 1 - cy0 * 2].second;
        for (unsigned y = top + threadIdx.x / 64; y <= bottom; y += LANES * STRIPS / 64)
            for (unsigned x = left + threadIdx.x % 64; x <= right; x += 64) {
                const size_t at = ((size_t)e * p.map_h + y) * p.map_w + x;
                // Written so that what is not a number counts as possible.
                if (!(fmaxf(p.a[at].w, 0.f) + p.b[at].w < 0.49f / 255.f)) possible = 1;
            }
    }
    const unsigned char black = (unsigned char)p.from_rgb.luma_offset;
    if (!__syncthreads_or(possible)) {
        const int ccx = blockIdx.x * OWN_W, ccy = blockIdx.y * OWN_H;
        const int w = min(OWN_W * 2, width - ccx * 2), h = min(OWN_H * 2, height - ccy * 2);
        fill(p.alpha, p.alpha_pitch, ccx * 2, ccy * 2, w, h, 0);
        fill(p.y, p.y_pitch, ccx * 2, ccy * 2, w, h, black);
        fill(p.u, p.chroma_pitch, ccx, ccy, (w + 1) / 2, (h + 1) / 2, 128);
        fill(p.v, p.chroma_pitch, ccx, ccy, (w + 1) / 2, (h + 1) / 2, 128);
        if (threadIdx.x < (OWN_W / 8) * (OWN_H / 8)) {
            const int gx = blockIdx.x * (OWN_W / 8) + threadIdx.x % (OWN_W / 8), gy = blockIdx.y * (OWN_H / 8) + threadIdx.x / (OWN_W / 8);
            if (gx * 8 < cells_w && gy * 8 < cells_h) p.activity[(size_t)gy * p.activity_pitch + gx] = 0;
        }
        return;
    }

    // Most threads stay in one eye all the way down; then its tables are looked up once.
    const bool single = columns[0].eyes == columns[1].eyes && (columns[0].eyes == 1 || columns[0].eyes == 2);
    const int own_eye = columns[0].eyes == 2 ? 1 : 0;
    Tap own_taps[2] = {};
    if (column_inside && columns[0].eyes) {
        const Tap* const taps = eye_taps(p, own_eye) - (own_eye ? p.eyes[1].x : p.eyes[0].x);
        own_taps[0] = taps[x0];
        if (single) own_taps[1] = taps[x0 + 1];
    }
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
            const float u = to_float(now.u >> shift) - p.to_rgb.chroma_offset, v = to_float(now.v >> shift) - p.to_rgb.chroma_offset;
            const float3 chroma = make_float3(p.to_rgb.red_v * v, p.to_rgb.green_u * u + p.to_rgb.green_v * v, p.to_rgb.blue_u * u);
            Sums sums;
            float luma[2][2];
            unsigned alpha[2][2] = {};
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int y = cy * 2 + i;
                if (y >= height) break;
                float weights[2];
                bool seen[2];
                if (single) {
                    const Row at = rows[own_eye][row * 2 + i];
                    weights[0] = weights[1] = at.weight;
                    seen[0] = seen[1] = at.inside;
                    if (at.inside && columns[0].row != at.first) {
                        load_maps(p, columns[0], own_eye, at, own_taps[0]);
                        load_maps(p, columns[1], own_eye, at, own_taps[1]);
                    }
                } else {
#pragma unroll
                    for (int j = 0; j < 2; ++j) {
                        Row at = rows[0][row * 2 + i];
                        const bool in_first = (columns[j].eyes & 1) && at.inside;
                        if (!in_first) at = rows[1][row * 2 + i];
                        seen[j] = in_first || ((columns[j].eyes & 2) && at.inside);
                        weights[j] = at.weight;
                        const int eye = in_first ? 0 : 1;
                        if (seen[j] && (columns[j].eye != eye || columns[j].row != at.first))
                            load_maps(p, columns[j], eye, at, eye_taps(p, eye)[x0 + j - (eye ? p.eyes[1].x : p.eyes[0].x)]);
                    }
                }
#pragma unroll
                for (int j = 0; j < 2; ++j)
                    if (seen[j] && !columns[j].clear) alpha[i][j] = shade(p, columns[j], weights[j], to_float(now.luma[i][j] >> shift), chroma, luma[i][j], sums);
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
                const float scale = full && cell.x == 4 * 255 ? 0.f : mean_scale(cell.x);
                const unsigned fill = full ? 0 : mean_code(cell.y, cell.x, 64, scale);
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    const int y = cy * 2 + i;
                    if (y >= height) break;
                    unsigned out[2];
                    const float2 pair = dithers[y & 7][cx & 3];
#pragma unroll
                    for (int j = 0; j < 2; ++j)
                        // floor(x + t / 128) as the integer nearest to x + (t - 64) / 128, which may be below 0.
                        out[j] = alpha[i][j] ? min(__float_as_uint(round_bits(fmaxf(luma[i][j] + (j ? pair.y : pair.x), 0.f))) & 0x1ff, 255u) : fill;
                    store2(p.y + (size_t)y * p.y_pitch, x0, width, out[0], out[1]);
                }
                const unsigned t = thresholds[cy & 7][cx & 7];
                const size_t at = (size_t)cy * p.chroma_pitch + cx;
                if (cell.x == 4 * 255) {  // division by a constant: most visible cells are opaque
                    p.u[at] = (unsigned char)min((8 * cell.z + t * 1020) / (128 * 1020), 255u);
                    p.v[at] = (unsigned char)min((8 * cell.w + t * 1020) / (128 * 1020), 255u);
                } else {
                    p.u[at] = (unsigned char)mean_code(cell.z, cell.x, t, scale);
                    p.v[at] = (unsigned char)mean_code(cell.w, cell.x, t, scale);
                }
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
                const float scale = mean_scale(sum.x);
                luma = mean_code(sum.y, sum.x, 64, scale);
                u = mean_code(sum.z, sum.x, 64, scale);
                v = mean_code(sum.w, sum.x, 64, scale);
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

// Block: 2 strips of 128 columns of cells. Grid: (cells / 120, cells / 40). Dynamic shared memory: ROWS * LANES cells.
extern "C" __global__ void __launch_bounds__(256) vrp_compose_u8_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned char>(p);
}
extern "C" __global__ void __launch_bounds__(256) vrp_compose_u16_u8(const __grid_constant__ vrp::ComposeArgs p) {
    vrp::compose<unsigned short>(p);
}
