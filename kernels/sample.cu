// Small RGB picture of each eye, straight from the decoder's planes: src/kernels/sample/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16             taps  per eye: w luma columns, w chroma columns, h luma rows, h chroma rows
// out      [eyes, 3, h, w] floats in [0, 1]
// A thread owns a pixel of the stage: four samples of each plane, bilinear, then the conversion and a clamp.
// Bytes per pixel of the stage: 12 samples read (from other rows of the picture each time), 12 bytes written.
// Tolerance: 1e-5, the reference's operations in the reference's order up to contraction.
#include "picture.cuh"

namespace vrp {

struct SampleArgs {
    Picture picture;
    const Tap* taps;
    float* out;
    ToRgb convert;
    int w, h;
};
static_assert(sizeof(SampleArgs) == 104, "mirrored in src/kernels/sample/launch.rs");

template <typename T>
__device__ __forceinline__ float bilinear(const unsigned char* plane, int pitch, int step, int shift, Tap row, Tap column) {
    const unsigned char* const top = plane + (size_t)row.first * pitch;
    const unsigned char* const bottom = plane + (size_t)row.second * pitch;
    const int left = column.first * step, right = column.second * step;
    const float upper = mix(code<T>(top, left, shift), code<T>(top, right, shift), column.weight);
    const float lower = mix(code<T>(bottom, left, shift), code<T>(bottom, right, shift), column.weight);
    return mix(upper, lower, row.weight);
}

template <typename T>
__device__ __forceinline__ void sample(const SampleArgs& p) {
    const int x = blockIdx.x * 32 + (threadIdx.x & 31), y = blockIdx.y * 8 + (threadIdx.x >> 5), eye = blockIdx.z;
    dependency_wait();
    if (x >= p.w || y >= p.h) return;
    const Tap* const taps = p.taps + (size_t)eye * 2 * (p.w + p.h);
    const Tap luma_x = taps[x], chroma_x = taps[p.w + x], luma_y = taps[2 * p.w + y], chroma_y = taps[2 * p.w + p.h + y];
    const Picture& in = p.picture;
    const ToRgb& c = p.convert;
    const float luma = (bilinear<T>(in.y, in.y_pitch, 1, in.shift, luma_y, luma_x) - c.luma_offset) * c.luma_scale;
    const float u = bilinear<T>(in.u, in.chroma_pitch, in.chroma_step, in.shift, chroma_y, chroma_x) - c.chroma_offset;
    const float v = bilinear<T>(in.v, in.chroma_pitch, in.chroma_step, in.shift, chroma_y, chroma_x) - c.chroma_offset;
    const size_t plane = (size_t)p.w * p.h;
    float* const out = p.out + eye * 3 * plane + (size_t)y * p.w + x;
    out[0] = __saturatef(luma + c.red_v * v);
    out[plane] = __saturatef(luma + (c.green_u * u + c.green_v * v));
    out[2 * plane] = __saturatef(luma + c.blue_u * u);
}

}  // namespace vrp

// Block: 32 x 8 pixels. Grid: (w / 32, h / 8, eyes).
extern "C" __global__ void __launch_bounds__(256) vrp_sample_u8_f32(vrp::SampleArgs p) { vrp::sample<unsigned char>(p); }
extern "C" __global__ void __launch_bounds__(256) vrp_sample_u16_f32(vrp::SampleArgs p) { vrp::sample<unsigned short>(p); }
