// Global means and the small fully connected layers on them (squeeze-and-excitation, LR-ASPP).
//
// vrp_channel_sums: partial sums over pixels, so that enough blocks share the reading.
// vrp_gate: y[n, o] = act(bias[o] + sum over c of w[o, c] * scale * (sum over parts of x[n, part, c])).
// Sums run in a fixed order: no atomics, the same bits every time.
#include "halfs.cuh"

namespace vrp {

struct SumsArgs {
    const __half* x;  // [n, pixels, channels], pitch x_pitch
    float* y;         // [n, parts, channels]
    int x_pitch, channels, pixels, parts;
};
static_assert(sizeof(SumsArgs) == 32, "mirrored in src/engine/native/gate.rs");

struct GateArgs {
    const float* x;     // [n, parts, inputs]
    const __half* w;    // [outputs, inputs], inputs a multiple of eight
    const float* bias;  // [outputs]
    float* y;           // [n, y_pitch] or null
    __half* y_half;     // [n, y_pitch] or null
    int inputs, outputs, parts, y_pitch;
    float scale;
    int act;
};
static_assert(sizeof(GateArgs) == 64, "mirrored in src/engine/native/gate.rs");

}  // namespace vrp

// Block: 8 channel groups x 32 pixel lanes. Grid: (channels / 64, parts, n).
extern "C" __global__ void __launch_bounds__(256) vrp_channel_sums(vrp::SumsArgs p) {
    using namespace vrp;
    __shared__ float part[32][64];
    const int group = threadIdx.x & 7, lane = threadIdx.x >> 3;
    const int channel = (blockIdx.x * 8 + group) * 8;
    const int begin = (int)((long long)p.pixels * blockIdx.y / p.parts);
    const int end = (int)((long long)p.pixels * (blockIdx.y + 1) / p.parts);
    float sum[8] = {};
    dependency_wait();
    if (channel < p.channels) {
        const __half* const x = p.x + (size_t)blockIdx.z * p.pixels * p.x_pitch + channel;
#pragma unroll 4
        for (int i = begin + lane; i < end; i += 32) {
            float v[8];
            unpack(load8(x + (size_t)i * p.x_pitch), v);
#pragma unroll
            for (int c = 0; c < 8; ++c) sum[c] += v[c];
        }
    }
#pragma unroll
    for (int c = 0; c < 8; ++c) part[lane][group * 8 + c] = sum[c];
    __syncthreads();
    if (threadIdx.x < 64 && blockIdx.x * 64 + threadIdx.x < p.channels) {
        float total = 0.f;
#pragma unroll
        for (int i = 0; i < 32; ++i) total += part[i][threadIdx.x];
        p.y[((size_t)blockIdx.z * p.parts + blockIdx.y) * p.channels + blockIdx.x * 64 + threadIdx.x] = total;
    }
}

// A warp owns an output. Dynamic shared memory: `inputs` floats. Grid: (outputs / 8, n).
extern "C" __global__ void __launch_bounds__(256) vrp_gate(vrp::GateArgs p) {
    using namespace vrp;
    extern __shared__ __align__(16) float mean[];
    dependency_wait();
    const float* const x = p.x + (size_t)blockIdx.y * p.parts * p.inputs;
    for (int c = threadIdx.x; c < p.inputs; c += blockDim.x) {
        float sum = 0.f;
        for (int part = 0; part < p.parts; ++part) sum += x[(size_t)part * p.inputs + c];
        mean[c] = sum * p.scale;
    }
    __syncthreads();
    const int lane = threadIdx.x & 31, output = blockIdx.x * 8 + (threadIdx.x >> 5);
    if (output >= p.outputs) return;
    float sum = 0.f;
    for (int c = lane * 8; c < p.inputs; c += 256) {
        float w[8];
        unpack(load8(p.w + (size_t)output * p.inputs + c), w);
#pragma unroll
        for (int i = 0; i < 8; ++i) sum = fmaf(w[i], mean[c + i], sum);
    }
#pragma unroll
    for (int i = 16; i > 0; i >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, i);
    if (lane == 0) {
        const float v = activate(sum + p.bias[output], p.act);
        const size_t at = (size_t)blockIdx.y * p.y_pitch + output;
        if (p.y) p.y[at] = v;
        if (p.y_half) p.y_half[at] = __float2half_rn(v);
    }
}
