// A composed frame before a backdrop, and a matte as grey: src/render/backdrop/mod.rs and src/render/grey.rs have the
// formulas, in whole numbers: results are equal to those, bit for bit.
//
// source  composed planes, 8-bit: Y, U, V, alpha     back  Y, U, V of the backdrop, pitch 0 where one row stands for all
// out     Y, U, V; of a matte Y only, whose U and V are 128 from the beginning
// A thread owns a cell of 2x2 pixels. Bytes per pixel: 4 read, 1.5 written; a matte 1 and 1.
// Tolerance: none.
#include "picture.cuh"

namespace vrp::render {

struct BackdropArgs {
    const unsigned char *y, *u, *v, *alpha;
    const unsigned char *back_y, *back_u, *back_v;
    unsigned char *out_y, *out_u, *out_v;
    int y_pitch, chroma_pitch, alpha_pitch, back_pitch, back_chroma_pitch, out_pitch, out_chroma_pitch;
    int width, height, floor, span, reserved;
};
static_assert(sizeof(BackdropArgs) == 128, "to be mirrored by the launcher");

__device__ __forceinline__ unsigned char blend(unsigned part, unsigned whole, unsigned front, unsigned back) {
    return (unsigned char)((part * front + (whole - part) * back + whole / 2) / whole);
}

__device__ __forceinline__ void backdrop(const BackdropArgs& p) {
    const int cx = blockIdx.x * 32 + (threadIdx.x & 31), cy = blockIdx.y * 8 + (threadIdx.x >> 5);
    dependency_wait();
    if (2 * cx >= p.width || 2 * cy >= p.height) return;
    unsigned sum = 0, whole = 0;
    for (int y = 2 * cy; y < min(2 * cy + 2, p.height); ++y)
        for (int x = 2 * cx; x < min(2 * cx + 2, p.width); ++x) {
            const unsigned alpha = p.alpha[(size_t)y * p.alpha_pitch + x];
            sum += alpha, whole += 255;
            const unsigned char front = p.y[(size_t)y * p.y_pitch + x], back = p.back_y[(size_t)y * p.back_pitch + x];
            p.out_y[(size_t)y * p.out_pitch + x] = blend(alpha, 255, front, back);
        }
    const size_t from = (size_t)cy * p.chroma_pitch + cx, back = (size_t)cy * p.back_chroma_pitch + cx;
    const size_t to = (size_t)cy * p.out_chroma_pitch + cx;
    p.out_u[to] = blend(sum, whole, p.u[from], p.back_u[back]);
    p.out_v[to] = blend(sum, whole, p.v[from], p.back_v[back]);
}

__device__ __forceinline__ void grey(const BackdropArgs& p) {
    const int x = blockIdx.x * 128 + threadIdx.x, y = blockIdx.y;
    dependency_wait();
    if (x >= p.width) return;
    const unsigned alpha = p.alpha[(size_t)y * p.alpha_pitch + x];
    p.out_y[(size_t)y * p.out_pitch + x] = (unsigned char)(p.floor + (p.span * alpha + 127) / 255);
}

}  // namespace vrp::render

// Block: 32 x 8 cells. Grid: cells across and down.
extern "C" __global__ void __launch_bounds__(256) vrp_render_backdrop_u8(vrp::render::BackdropArgs p) { vrp::render::backdrop(p); }
// Block: 128 pixels of a row. Grid: across; rows.
extern "C" __global__ void __launch_bounds__(128) vrp_render_grey_u8(vrp::render::BackdropArgs p) { vrp::render::grey(p); }
