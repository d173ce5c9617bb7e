// A picture of high dynamic range becomes one of standard range: src/kernels/hdr/mod.rs has the formula.
//
// picture  4:2:0, 8 bits or up to 16             out      the same as Y and interleaved U, V (NV12 or P016)
// tables   light, gain and gamma: STEPS + 1 pairs of neighbouring values each
// A thread owns a cell of 2x2 pixels, whose chroma is the mean of theirs.
// Bytes per pixel: 1.5 or 3 read, as many written; the tables (96 KiB) stay in the cache.
// Tolerance: one code, where a value falls on a rounding boundary.
#include "picture.cuh"

namespace vrp {

constexpr int HDR_STEPS = 4096;

struct HdrArgs {
    Picture picture;
    const float2* tables;
    unsigned char* y;
    unsigned char* uv;
    ToRgb to_rgb;
    FromRgb from_rgb;
    float peak;          // light is over this
    float top;           // largest code
    int y_pitch, uv_pitch;
    int out_shift;       // of codes in their samples
    int is_scene_light;  // HLG: the display's gamma is yet to come
    int is_wide;         // primaries of BT.2020
};
static_assert(sizeof(HdrArgs) == 160, "mirrored in src/kernels/hdr/launch.rs");

__device__ __forceinline__ float table_at(const float2* table, float x) {
    const float place = __saturatef(x) * (float)HDR_STEPS;
    const int index = (int)place;
    const float2 pair = __ldg(table + index);
    return pair.x + (pair.y - pair.x) * (place - (float)index);
}

__device__ __forceinline__ float3 to_sdr(const HdrArgs& p, float red, float green, float blue) {
    const float2* const light = p.tables;
    const float2* const gain = light + HDR_STEPS + 1;
    const float2* const gamma = gain + HDR_STEPS + 1;
    float r = table_at(light, red), g = table_at(light, green), b = table_at(light, blue);
    float scale = p.peak;
    if (p.is_scene_light) scale *= powf(fmaxf(0.2627f * r + 0.678f * g + 0.0593f * b, 1e-9f), 0.2f);
    r *= scale, g *= scale, b *= scale;
    const float bend = table_at(gain, sqrtf(fmaxf(r, fmaxf(g, b)) / p.peak));
    r *= bend, g *= bend, b *= bend;
    if (p.is_wide) {
        const float wide_r = r, wide_g = g, wide_b = b;
        r = 1.660491f * wide_r - 0.5876411f * wide_g - 0.0728499f * wide_b;
        g = -0.1245505f * wide_r + 1.1328999f * wide_g - 0.0083494f * wide_b;
        b = -0.0181508f * wide_r - 0.1005789f * wide_g + 1.1187297f * wide_b;
    }
    return make_float3(table_at(gamma, sqrtf(__saturatef(r))), table_at(gamma, sqrtf(__saturatef(g))), table_at(gamma, sqrtf(__saturatef(b))));
}

template <typename T>
__device__ __forceinline__ void map_cell(const HdrArgs& p) {
    const int cx = blockIdx.x * 32 + (threadIdx.x & 31), cy = blockIdx.y * 8 + (threadIdx.x >> 5);
    dependency_wait();
    const Picture& in = p.picture;
    if (2 * cx >= in.width || 2 * cy >= in.height) return;
    const ToRgb& to = p.to_rgb;
    const FromRgb& from = p.from_rgb;
    const size_t chroma = (size_t)cy * in.chroma_pitch;
    const float u = code<T>(in.u + chroma, cx * in.chroma_step, in.shift) - to.chroma_offset;
    const float v = code<T>(in.v + chroma, cx * in.chroma_step, in.shift) - to.chroma_offset;
    auto store = [&](unsigned char* row, int at, float x) {
        reinterpret_cast<T*>(row)[at] = (T)((unsigned)fminf(fmaxf(x + 0.5f, 0.f), p.top) << p.out_shift);
    };
    float u_sum = 0.f, v_sum = 0.f, count = 0.f;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int x = 2 * cx + (i & 1), y = 2 * cy + (i >> 1);
        if (x >= in.width || y >= in.height) continue;
        const float luma_in = (code<T>(in.y + (size_t)y * in.y_pitch, x, in.shift) - to.luma_offset) * to.luma_scale;
        const float3 rgb = to_sdr(p, luma_in + to.red_v * v, luma_in + (to.green_u * u + to.green_v * v), luma_in + to.blue_u * u);
        const float luma = from.luma_r * rgb.x + from.luma_g * rgb.y + from.luma_b * rgb.z;
        store(p.y + (size_t)y * p.y_pitch, x, from.luma_offset + from.luma_scale * luma);
        u_sum += from.chroma_offset + from.u_scale * (rgb.z - luma);
        v_sum += from.chroma_offset + from.v_scale * (rgb.x - luma);
        count += 1.f;
    }
    unsigned char* const row = p.uv + (size_t)cy * p.uv_pitch;
    store(row, 2 * cx, u_sum / count);
    store(row, 2 * cx + 1, v_sum / count);
}

}  // namespace vrp

// Block: 32 x 8 cells. Grid: (cells / 32, cells / 8).
extern "C" __global__ void __launch_bounds__(256) vrp_hdr_u8_u8(const __grid_constant__ vrp::HdrArgs p) { vrp::map_cell<unsigned char>(p); }
extern "C" __global__ void __launch_bounds__(256) vrp_hdr_u16_u16(const __grid_constant__ vrp::HdrArgs p) { vrp::map_cell<unsigned short>(p); }
