// A composed frame before a backdrop, and a matte as grey: src/render/backdrop/mod.rs and src/render/grey.rs have the
// formulas, in whole numbers: results are equal to those, bit for bit.
//
// source  composed planes, 8-bit: Y, U, V, alpha, and a byte per 16 x 16 block that is 0 where nothing is visible
// back    Y, U, V of the backdrop, pitch 0 where one row stands for all
// out     Y, U, V, a byte per block; of a matte no U and V, which are 128 from the beginning
// A thread owns a cell of 2x2 pixels. Rows begin at even addresses. Blocks where nothing is visible are the backdrop,
// or black, and nothing else of them is read. Bytes per visible pixel: 4 read, 1.5 written; a matte 1 and 1.
// Tolerance: none.
#include "picture.cuh"

namespace vrp::render {

struct BackdropArgs {
    const unsigned char *y, *u, *v, *alpha, *activity;
    const unsigned char *back_y, *back_u, *back_v;
    unsigned char *out_y, *out_u, *out_v, *drawn;
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int back_pitch, back_chroma_pitch, out_pitch, out_chroma_pitch, drawn_pitch;
    int width, height, floor, span, reserved;
};
static_assert(sizeof(BackdropArgs) == 152, "mirrored in src/render/device/backdrop.rs");

constexpr int BLOCK_CELLS = 8;  // of a block of the activity map, each way

struct Cell {
    int x, y, cx, cy;
    bool inside, seen;
};

// The cell of a thread; the first of a block says whether the block is drawn.
__device__ __forceinline__ Cell own_cell(const BackdropArgs& p) {
    const int cx = blockIdx.x * 32 + (threadIdx.x & 31), cy = blockIdx.y * 8 + (threadIdx.x >> 5);
    Cell cell = {2 * cx, 2 * cy, cx, cy, 2 * cx < p.width && 2 * cy < p.height, false};
    dependency_wait();
    if (!cell.inside) return cell;
    cell.seen = p.activity[(size_t)(cy / BLOCK_CELLS) * p.activity_pitch + cx / BLOCK_CELLS] != 0;
    if (cx % BLOCK_CELLS == 0 && cy % BLOCK_CELLS == 0) p.drawn[(size_t)(cy / BLOCK_CELLS) * p.drawn_pitch + cx / BLOCK_CELLS] = cell.seen;
    return cell;
}

// Two pixels of a row; of an odd width the second may be padding, of which there is a byte.
__device__ __forceinline__ uchar2 two(const unsigned char* plane, int pitch, int x, int y) {
    return *reinterpret_cast<const uchar2*>(plane + (size_t)y * pitch + x);
}

__device__ __forceinline__ void write_two(unsigned char* row, int x, int width, uchar2 codes) {
    if (x + 1 < width) *reinterpret_cast<uchar2*>(row + x) = codes;
    else row[x] = codes.x;
}

__device__ __forceinline__ unsigned char blend(unsigned part, unsigned whole, unsigned front, unsigned back) {
    return (unsigned char)((part * front + (whole - part) * back + whole / 2) / whole);
}

__device__ __forceinline__ void backdrop(const BackdropArgs& p) {
    const Cell cell = own_cell(p);
    if (!cell.inside) return;
    const int x = cell.x, rows = min(2, p.height - cell.y);
    const bool wide = x + 1 < p.width;
    unsigned sum = 0, whole = 0;
    for (int y = cell.y; y < cell.y + rows; ++y) {
        uchar2 codes = two(p.back_y, p.back_pitch, x, y);
        if (cell.seen) {
            const uchar2 alpha = two(p.alpha, p.alpha_pitch, x, y), front = two(p.y, p.y_pitch, x, y);
            codes.x = blend(alpha.x, 255, front.x, codes.x);
            codes.y = blend(alpha.y, 255, front.y, codes.y);
            sum += alpha.x + (wide ? alpha.y : 0), whole += wide ? 510 : 255;
        }
        write_two(p.out_y + (size_t)y * p.out_pitch, x, p.width, codes);
    }
    const size_t from = (size_t)cell.cy * p.chroma_pitch + cell.cx, back = (size_t)cell.cy * p.back_chroma_pitch + cell.cx;
    const size_t to = (size_t)cell.cy * p.out_chroma_pitch + cell.cx;
    p.out_u[to] = cell.seen ? blend(sum, whole, p.u[from], p.back_u[back]) : p.back_u[back];
    p.out_v[to] = cell.seen ? blend(sum, whole, p.v[from], p.back_v[back]) : p.back_v[back];
}

__device__ __forceinline__ void grey(const BackdropArgs& p) {
    const Cell cell = own_cell(p);
    if (!cell.inside) return;
    for (int y = cell.y; y < min(cell.y + 2, p.height); ++y) {
        uchar2 codes = make_uchar2(0, 0);
        if (cell.seen) codes = two(p.alpha, p.alpha_pitch, cell.x, y);
        codes.x = (unsigned char)(p.floor + (p.span * codes.x + 127) / 255);
        codes.y = (unsigned char)(p.floor + (p.span * codes.y + 127) / 255);
        write_two(p.out_y + (size_t)y * p.out_pitch, cell.x, p.width, codes);
    }
}

}  // namespace vrp::render

// Block: 32 x 8 cells. Grid: cells across and down.
extern "C" __global__ void __launch_bounds__(256) vrp_render_backdrop_u8(vrp::render::BackdropArgs p) { vrp::render::backdrop(p); }
extern "C" __global__ void __launch_bounds__(256) vrp_render_grey_u8(vrp::render::BackdropArgs p) { vrp::render::grey(p); }
