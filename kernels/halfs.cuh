// What every kernel of the engine shares: 16-byte groups of eight halfs, activations, cp.async.
//
// Activations lie channels-last: pixel (n, y, x) starts at ((n * h + y) * w + x) * pitch halfs,
// where pitch may be larger than the tensor's channels, so that a tensor can be a slice of a
// concatenation. Channels are padded to a multiple of eight; padding is always written, finite,
// and meets zero weights. Bases and pitches are multiples of 16 bytes.
#pragma once
#include <cuda_fp16.h>
#include <stdint.h>

namespace vrp {

enum Activation : int { ACT_NONE = 0, ACT_RELU, ACT_HARD_SWISH, ACT_HARD_SIGMOID, ACT_SIGMOID, ACT_TANH };

__device__ __forceinline__ float activate(float x, int act) {
    switch (act) {
        case ACT_RELU: return fmaxf(x, 0.f);
        case ACT_HARD_SWISH: return x * __saturatef(x * (1.f / 6.f) + 0.5f);
        case ACT_HARD_SIGMOID: return __saturatef(x * (1.f / 6.f) + 0.5f);
        // __expf overflows to inf below -88, which gives the right limit, 0.
        case ACT_SIGMOID: return 1.f / (1.f + __expf(-x));
        case ACT_TANH: return 1.f - 2.f / (1.f + __expf(2.f * x));
        default: return x;
    }
}

// The same of a group of eight, asked once.
__device__ __forceinline__ void activate8(float (&v)[8], int act) {
    auto each = [&](auto f) {
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = f(v[i]);
    };
    switch (act) {
        case ACT_NONE: break;
        case ACT_RELU: each([](float x) { return activate(x, ACT_RELU); }); break;
        case ACT_HARD_SWISH: each([](float x) { return activate(x, ACT_HARD_SWISH); }); break;
        default: each([&](float x) { return activate(x, act); });
    }
}

struct alignas(16) Half8 {
    __half2 v[4];
};

// As one access of 16 bytes: a struct would be copied by its members, with four.
__device__ __forceinline__ Half8 load8(const __half* p) {
    Half8 x;
    *reinterpret_cast<uint4*>(&x) = *reinterpret_cast<const uint4*>(p);
    return x;
}
__device__ __forceinline__ void store8(__half* p, const Half8& x) { *reinterpret_cast<uint4*>(p) = *reinterpret_cast<const uint4*>(&x); }

__device__ __forceinline__ void unpack(const Half8& x, float (&f)[8]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float2 t = __half22float2(x.v[i]);
        f[2 * i] = t.x;
        f[2 * i + 1] = t.y;
    }
}

__device__ __forceinline__ Half8 pack(const float (&f)[8]) {
    Half8 x;
#pragma unroll
    for (int i = 0; i < 4; ++i) x.v[i] = __floats2half2_rn(f[2 * i], f[2 * i + 1]);
    return x;
}

__device__ __forceinline__ void load_f32x4(const float* p, float (&f)[4]) {
    const float4 a = *reinterpret_cast<const float4*>(p);
    f[0] = a.x, f[1] = a.y, f[2] = a.z, f[3] = a.w;
}

__device__ __forceinline__ void load_f32x8(const float* p, float (&f)[8]) {
    const float4 a = *reinterpret_cast<const float4*>(p), b = *reinterpret_cast<const float4*>(p + 4);
    f[0] = a.x, f[1] = a.y, f[2] = a.z, f[3] = a.w, f[4] = b.x, f[5] = b.y, f[6] = b.z, f[7] = b.w;
}

__device__ __forceinline__ void store_f32x8(float* p, const float (&f)[8]) {
    *reinterpret_cast<float4*>(p) = make_float4(f[0], f[1], f[2], f[3]);
    *reinterpret_cast<float4*>(p + 4) = make_float4(f[4], f[5], f[6], f[7]);
}

// Each kernel may be started when all blocks of the one before it have ended but their writes are yet to be seen
// (programmatic dependent launch, from Hopper on): before this it must touch nothing that another kernel writes or
// reads. Letting it start even before those end (griddepcontrol.launch_dependents) costs far more than it saves: blocks
// gather on the multiprocessors that are idle first instead of spreading over all (ResNet50's step on an H100: 1.61 ms
// so, 1.34 as it is, 1.36 without any of this).
__device__ __forceinline__ void dependency_wait() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;\n" ::: "memory");
#endif
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Copies 16 bytes to shared memory, or writes zeros where `valid` is false (`src` is then not read).
__device__ __forceinline__ void copy16(uint32_t dst, const void* src, bool valid) {
#if __CUDA_ARCH__ >= 800
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;\n" ::"r"(dst), "l"(src), "r"(bytes) : "memory");
#else
    uint4 v = make_uint4(0, 0, 0, 0);
    if (valid) v = *static_cast<const uint4*>(src);
    asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};\n" ::"r"(dst), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
#endif
}

// As copy16, 8 bytes.
__device__ __forceinline__ void copy8(uint32_t dst, const void* src, bool valid) {
#if __CUDA_ARCH__ >= 800
    const int bytes = valid ? 8 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;\n" ::"r"(dst), "l"(src), "r"(bytes) : "memory");
#else
    uint2 v = make_uint2(0, 0);
    if (valid) v = *static_cast<const uint2*>(src);
    asm volatile("st.shared.v2.b32 [%0], {%1,%2};\n" ::"r"(dst), "r"(v.x), "r"(v.y) : "memory");
#endif
}

__device__ __forceinline__ void copy_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}

// Waits until at most `N` of this thread's newest groups are still under way.
template <int N>
__device__ __forceinline__ void copy_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;\n" ::"n"(N) : "memory");
#endif
}

__device__ __forceinline__ void load_matrix4(uint32_t (&r)[4], uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

// d += a (16 x 16, row) * b (16 x 8, column), 32-bit sums. Turing has the k = 8 form only.
__device__ __forceinline__ void mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b0));
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

}  // namespace vrp
