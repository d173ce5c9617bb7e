// The DCT lines of src/vp9/native/pixels/transform.rs: VP9 specification, section 8.7. A line is held by a thread.
#pragma once

namespace vrp::vp9 {

// cos(n pi / 64) in 14 bits
enum : int {
    C2 = 16305, C4 = 16069, C6 = 15679, C8 = 15137, C10 = 14449, C12 = 13623, C14 = 12665, C16 = 11585,
    C18 = 10394, C20 = 9102, C22 = 7723, C24 = 6270, C26 = 4756, C28 = 3196, C30 = 1606,
};

__device__ __forceinline__ int mix(int a, int m, int b, int n) { return (a * m + b * n + (1 << 13)) >> 14; }

__device__ __forceinline__ void inverse_4(int x0, int x1, int x2, int x3, int (&out)[4]) {
    const int a = mix(x0, C16, x2, C16), b = mix(x0, C16, x2, -C16), c = mix(x1, C24, x3, -C8), d = mix(x1, C8, x3, C24);
    out[0] = a + d, out[1] = b + c, out[2] = b - c, out[3] = a - d;
}

__device__ __forceinline__ void inverse_8(const int* x, int step, int (&out)[8]) {
    int even[4];
    inverse_4(x[0], x[2 * step], x[4 * step], x[6 * step], even);
    const int x1 = x[step], x3 = x[3 * step], x5 = x[5 * step], x7 = x[7 * step];
    const int s4 = mix(x1, C28, x7, -C4), s7 = mix(x1, C4, x7, C28);
    const int s5 = mix(x5, C12, x3, -C20), s6 = mix(x5, C20, x3, C12);
    const int a = s4 + s5, b = s4 - s5, c = s7 - s6, d = s7 + s6;
    const int odd[4] = {d, mix(c, C16, b, C16), mix(c, C16, b, -C16), a};
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = even[i] + odd[i], out[7 - i] = even[i] - odd[i];
}

template <int N>
__device__ __forceinline__ void inverse(int (&x)[N]);

template <>
__device__ __forceinline__ void inverse<4>(int (&x)[4]) {
    int out[4];
    inverse_4(x[0], x[1], x[2], x[3], out);
#pragma unroll
    for (int i = 0; i < 4; ++i) x[i] = out[i];
}

template <>
__device__ __forceinline__ void inverse<8>(int (&x)[8]) {
    int out[8];
    inverse_8(x, 1, out);
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = out[i];
}

template <>
__device__ __forceinline__ void inverse<16>(int (&x)[16]) {
    int even[8];
    inverse_8(x, 2, even);
    const int s8 = mix(x[1], C30, x[15], -C2), s15 = mix(x[1], C2, x[15], C30);
    const int s9 = mix(x[9], C14, x[7], -C18), s14 = mix(x[9], C18, x[7], C14);
    const int s10 = mix(x[5], C22, x[11], -C10), s13 = mix(x[5], C10, x[11], C22);
    const int s11 = mix(x[13], C6, x[3], -C26), s12 = mix(x[13], C26, x[3], C6);
    const int p8 = s8 + s9, p9 = s8 - s9, p10 = s11 - s10, p11 = s10 + s11;
    const int p12 = s12 + s13, p13 = s12 - s13, p14 = s15 - s14, p15 = s14 + s15;
    const int t9 = mix(p9, -C8, p14, C24), t14 = mix(p9, C24, p14, C8);
    const int t10 = mix(p10, -C24, p13, -C8), t13 = mix(p10, -C8, p13, C24);
    const int u8 = p8 + p11, u9 = t9 + t10, u10 = t9 - t10, u11 = p8 - p11;
    const int u12 = p15 - p12, u13 = t14 - t13, u14 = t13 + t14, u15 = p12 + p15;
    const int odd[8] = {u15, u14, mix(u10, C16, u13, C16), mix(u11, C16, u12, C16),
                        mix(u12, C16, u11, -C16), mix(u13, C16, u10, -C16), u9, u8};
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = even[i] + odd[i], x[15 - i] = even[i] - odd[i];
}

__device__ __forceinline__ void forward_4(int x0, int x1, int x2, int x3, int (&out)[4]) {
    const int a = x0 + x3, b = x1 + x2, c = x1 - x2, d = x0 - x3;
    out[0] = mix(a, C16, b, C16), out[1] = mix(c, C24, d, C8), out[2] = mix(a, C16, b, -C16), out[3] = mix(c, -C8, d, C24);
}

__device__ __forceinline__ void forward_8(const int (&x)[8], int (&out)[8]) {
    int even[4];
    forward_4(x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4], even);
    const int d = x[0] - x[7], c0 = x[1] - x[6], b0 = x[2] - x[5], a = x[3] - x[4];
    const int c = mix(c0, C16, b0, C16), b = mix(c0, C16, b0, -C16);
    const int p = a + b, q = a - b, r = d - c, s = d + c;
    out[0] = even[0], out[2] = even[1], out[4] = even[2], out[6] = even[3];
    out[1] = mix(p, C28, s, C4), out[3] = mix(q, -C20, r, C12), out[5] = mix(q, C12, r, C20), out[7] = mix(p, -C4, s, C28);
}

template <int N>
__device__ __forceinline__ void forward(int (&x)[N]);

template <>
__device__ __forceinline__ void forward<4>(int (&x)[4]) {
    int out[4];
    forward_4(x[0], x[1], x[2], x[3], out);
#pragma unroll
    for (int i = 0; i < 4; ++i) x[i] = out[i];
}

template <>
__device__ __forceinline__ void forward<8>(int (&x)[8]) {
    int out[8];
    forward_8(x, out);
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = out[i];
}

template <>
__device__ __forceinline__ void forward<16>(int (&x)[16]) {
    int sums[8], even[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) sums[i] = x[i] + x[15 - i];
    forward_8(sums, even);
    const int u15 = x[0] - x[15], u14 = x[1] - x[14], u13 = x[2] - x[13], u12 = x[3] - x[12];
    const int u11 = x[4] - x[11], u10 = x[5] - x[10], u9 = x[6] - x[9], u8 = x[7] - x[8];
    const int v10 = mix(u13, C16, u10, -C16), v13 = mix(u10, C16, u13, C16);
    const int v11 = mix(u12, C16, u11, -C16), v12 = mix(u11, C16, u12, C16);
    const int w8 = u8 + v11, w9 = u9 + v10, w10 = u9 - v10, w11 = u8 - v11;
    const int w12 = u15 - v12, w13 = u14 - v13, w14 = v13 + u14, w15 = v12 + u15;
    const int y9 = mix(w9, -C8, w14, C24), y14 = mix(w9, C24, w14, C8);
    const int y10 = mix(w10, -C24, w13, -C8), y13 = mix(w10, -C8, w13, C24);
    const int z8 = w8 + y9, z9 = w8 - y9, z10 = w11 - y10, z11 = y10 + w11;
    const int z12 = w12 + y13, z13 = w12 - y13, z14 = w15 - y14, z15 = y14 + w15;
#pragma unroll
    for (int i = 0; i < 8; ++i) x[2 * i] = even[i];
    x[1] = mix(z8, C30, z15, C2), x[3] = mix(z11, -C26, z12, C6), x[5] = mix(z10, C22, z13, C10);
    x[7] = mix(z9, -C18, z14, C14), x[9] = mix(z9, C14, z14, C18), x[11] = mix(z10, -C10, z13, C22);
    x[13] = mix(z11, C6, z12, C26), x[15] = mix(z8, -C2, z15, C30);
}

// All rows or columns of `count` blocks of N x N values, a line to a thread; a block's rows are N + 1 apart.
template <int N, bool FORWARD, bool COLUMNS>
__device__ __forceinline__ void lines(int* values, int count, int lane) {
    if (lane < N * count) {
        int* const at = values + lane / N * (N * (N + 1)) + lane % N * (COLUMNS ? 1 : N + 1);
        constexpr int STEP = COLUMNS ? N + 1 : 1;
        int x[N];
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = at[i * STEP];
        if (FORWARD) forward<N>(x);
        else inverse<N>(x);
#pragma unroll
        for (int i = 0; i < N; ++i) at[i * STEP] = x[i];
    }
    __syncwarp();
}

}  // namespace vrp::vp9
