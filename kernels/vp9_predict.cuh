// The 8-tap filters of src/vp9/native/pixels/predict.rs, four samples at a time with dp4a.
#pragma once
#include "vp9_args.cuh"

namespace vrp::vp9 {

// Four unsigned bytes times four signed ones, added to `sum`.
__device__ __forceinline__ int dot(unsigned samples, unsigned taps, int sum) {
    int out;
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(samples), "r"(taps), "r"(sum));
    return out;
}

// The four filtered samples that begin at byte `first` (0 to 1) of 12 bytes; a fraction of 0 takes the fourth byte on.
__device__ __forceinline__ unsigned filter_4(unsigned w0, unsigned w1, unsigned w2, int first, int fraction, uint2 taps) {
    if (first) w0 = __funnelshift_r(w0, w1, 8), w1 = __funnelshift_r(w1, w2, 8), w2 >>= 8;
    if (fraction == 0) return __funnelshift_r(w0, w1, 24);
    unsigned out = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const unsigned low = k ? __funnelshift_r(w0, w1, 8 * k) : w0, high = k ? __funnelshift_r(w1, w2, 8 * k) : w1;
        const int sum = dot(low, taps.x, dot(high, taps.y, 64)) >> 7;
        out |= (unsigned)min(max(sum, 0), 255) << 8 * k;
    }
    return out;
}

__device__ __forceinline__ void scatter(unsigned char* to, int step, unsigned bytes) {
#pragma unroll
    for (int k = 0; k < 4; ++k) to[k * step] = (unsigned char)(bytes >> 8 * k);
}

// A block of SIDE x SIDE samples at (x, y) of a plane, moved by (row, column) sixteenths; by the whole warp.
template <int SIDE>
__device__ __forceinline__ void predict(const Args9& p, const unsigned char* plane, int pitch, int x, int y, int row, int column,
                                        Shared& s, unsigned char* out, int out_pitch, int lane) {
    const int fx = column & 15, fy = row & 15;
    const uint2 across = p.taps[fx], down = p.taps[fy];
    const unsigned char* const corner = plane + (ptrdiff_t)(y + (row >> 4) - 3) * pitch + (x + (column >> 4) - 3);
    unsigned char* const middle = reinterpret_cast<unsigned char*>(s.middle);
    constexpr int GROUPS = SIDE / 4;
    for (int i = lane; i < (SIDE + 7) * GROUPS; i += 32) {
        const int r = i / GROUPS, g = i % GROUPS;
        const size_t at = (size_t)(corner + (ptrdiff_t)r * pitch + 4 * g);
        const unsigned* const words = reinterpret_cast<const unsigned*>(at & ~(size_t)3);
        const int shift = (int)(at & 3) * 8;
        const unsigned q0 = words[0], q1 = words[1], q2 = words[2], q3 = words[3];
        const unsigned filtered = filter_4(__funnelshift_r(q0, q1, shift), __funnelshift_r(q1, q2, shift),
                                           __funnelshift_r(q2, q3, shift), 0, fx, across);
        scatter(middle + 4 * g * 28 + r, 28, filtered);
    }
    __syncwarp();
    for (int i = lane; i < SIDE * GROUPS; i += 32) {
        const int c = i % SIDE, g = i / SIDE;
        const unsigned* const words = s.middle + c * 7 + g;
        scatter(out + 4 * g * out_pitch + c, out_pitch, filter_4(words[0], words[1], words[2], 0, fy, down));
    }
    __syncwarp();
}

}  // namespace vrp::vp9
