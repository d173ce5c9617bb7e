// What the full-size jobs share: a decoded picture on the device, taps, and colour conversion.
// Mirrored in src/kernels/device.rs.
#pragma once
#include "halfs.cuh"

namespace vrp {

// 4:2:0 planes as a decoder leaves them: NV12 and P016 (chroma_step 2, v = u + 1 sample) or three planes
// (chroma_step 1). A code is the stored sample shifted right: P016 keeps codes in its high bits.
struct Picture {
    const unsigned char* y;
    const unsigned char* u;
    const unsigned char* v;
    int y_pitch, chroma_pitch;  // bytes
    int chroma_step;            // samples
    int shift;
    int width, height;
};
static_assert(sizeof(Picture) == 48, "mirrored in src/kernels/device.rs");

// Two neighbours and the weight of the second, as src/kernels/bilinear.rs makes them.
struct Tap {
    unsigned first, second;
    float weight;
};
static_assert(sizeof(Tap) == 12, "mirrored in src/kernels/bilinear.rs");

// Factors of H.273, as src/kernels/colour.rs makes them.
struct ToRgb {
    float luma_offset, luma_scale, chroma_offset, red_v, green_u, green_v, blue_u;
};
struct FromRgb {
    float luma_r, luma_g, luma_b, luma_offset, luma_scale, chroma_offset, u_scale, v_scale;
};

struct Rect {
    int x, y, width, height;
};

__device__ __forceinline__ float mix(float a, float b, float weight) { return a + (b - a) * weight; }

template <typename T>
__device__ __forceinline__ float code(const unsigned char* row, int at, int shift) {
    return (float)(reinterpret_cast<const T*>(row)[at] >> shift);
}

}  // namespace vrp
