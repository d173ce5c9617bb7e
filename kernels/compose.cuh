// Parts of the compose kernel: its arguments, the maps along a column of pixels, the shading of a pixel, and
// the sums of a cell. src/kernels/compose/mod.rs has the formula, compose.cu the walk over the frame.
#pragma once
#include "picture.cuh"

#include <type_traits>

namespace vrp {

// All of the colour conversion that does not depend on the pixel, worked out by the launch. Input is in samples
// as they are stored (not shifted down), output in 255ths of 255 codes, so that saturation clamps codes.
struct Factors {
    float luma_scale;                                   // RGB per sample of luma
    float red_v, red, green_u, green_v, green, blue_u, blue;  // what chroma adds, the offset of luma included
    float luma_red, luma_green, luma_blue;              // samples of luma per RGB
    float y_scale, y_offset;                            // sample of luma to code
    float chroma_scale, chroma_offset;                  // sample of chroma to code
    float u_gain, v_gain;                               // codes per blue (red) less luma
};

struct ComposeArgs {
    static constexpr bool FINISHED = false;
    Picture picture;
    const float4* a;
    const float4* b;
    const Tap* taps;
    unsigned char* y;
    unsigned char* u;
    unsigned char* v;
    unsigned char* alpha;
    unsigned char* activity;
    Factors factors;
    Rect eyes[2];
    int y_pitch, chroma_pitch, alpha_pitch, activity_pitch;
    int map_w, map_h, eye_count, dither;
    unsigned code_bits;  // bits of a pair of samples that hold codes
    unsigned black;      // luma of black
    int map_room;        // pixels of the maps for which there is shared memory
    int reserved;
};
static_assert(sizeof(ComposeArgs) == 264, "mirrored in src/kernels/compose/launch.rs");

// The circle of a lens, in pixels of the frame. Squares of distances of a cell's middle from the centre up to which it
// lies wholly inside, and from which on wholly outside.
struct Circle {
    float x, y, radius, inside, outside;
};

// What becomes of opacity after the coefficients gave it: ((alpha - cutoff) * stretch) ^ gamma, times the share of a
// pixel that lies in the circle. What is at most `clear` before that rounds to 0 then, what is above `solid` to 255.
struct Finish {
    float cutoff, stretch, gamma, clear, solid;
    Circle circles[2];
    int reserved;
};

// The same with more done to opacity: kernels of their own, so that the others know nothing of it.
struct FinishedArgs : ComposeArgs {
    static constexpr bool FINISHED = true;
    Finish finish;
};
static_assert(sizeof(Finish) == 64 && sizeof(FinishedArgs) == 328, "mirrored in src/kernels/compose/finish.rs");

constexpr float MAGIC = 8388608.f;  // 2^23: a float of this size counts in ones

// Maps of one column of pixels between two of their rows: values at the upper, and steps to the lower.
struct Column {
    float upper[8], step[8];
};

struct Sums {
    float alpha, luma, luma_in, red, blue;  // of alpha and of alpha times luma, luma before, changes of red and blue
};

// Sums of a cell as integers: alpha | luma << 10, then chroma (the low 23 bits), codes in 16ths.
struct Cell {
    unsigned luma, u, v;
};
__device__ __forceinline__ unsigned cell_alpha(unsigned luma) { return luma & 0x3ff; }

// A cell's colour, in 255ths of 255 codes.
struct Colour {
    float y, u, v;
    Cell cell;
};

__device__ __forceinline__ unsigned bayer(int x, int y) {
    unsigned value = 0;
#pragma unroll
    for (int bit = 0; bit < 3; ++bit) value = value << 2 | (((x ^ y) >> bit) & 1) << 1 | ((y >> bit) & 1);
    return value;
}

// What is added before rounding to nearest: (threshold - 64) / 128 of a code. Saturated colours of full range lie
// half-way between codes; without dither a little more has them go up, as in the reference.
__device__ __forceinline__ float dither_at(int dither, int x, int y) {
    return (dither ? (2.f * (float)bayer(x & 7, y & 7) - 63.f) * (1.f / 128.f) : 1.f / 4096.f) * (1.f / 255.f);
}

// The code of a colour is the low byte; saturation comes first.
__device__ __forceinline__ unsigned code_of(float x) { return __float_as_uint(fmaf(__saturatef(x), 255.f, MAGIC)); }

// floor(mean + 1/2) of a weighted sum in 16ths of a code; `scale` is about 1 / (128 * alpha). The quotient of
// floats is off by at most one, which the remainder tells.
__device__ __forceinline__ unsigned mean_code(unsigned weighted, unsigned alpha, float scale) {
    const unsigned n = 8 * weighted + 64 * alpha, d = 128 * alpha;
    unsigned q = (unsigned)(__uint2float_rz(n) * scale);
    const int rest = (int)(n - q * d);
    q += rest < 0 ? -1 : rest >= (int)d ? 1 : 0;
    return min(q, 255u);
}

__device__ __forceinline__ const Tap* eye_taps(const ComposeArgs& p, int eye) {
    return p.taps + (eye ? p.eyes[0].width + p.eyes[0].height : 0);
}

// The first or second sample of a stored pair, exactly. Conversion instructions run at an eighth of the rate of
// others, so the float is put together from its bytes.
template <typename T, int WHICH>
__device__ __forceinline__ float sample_of(unsigned pair) {
    const unsigned pick = sizeof(T) == 2 ? (WHICH ? 0x7432 : 0x7410) : (WHICH ? 0x7441 : 0x7440);
    return __uint_as_float(__byte_perm(pair, 0x4b000000u, pick)) - MAGIC;
}

// Slopes made ready: those of colour get the 1 of the input itself, that of alpha the 1/3 of the mean.
__device__ __forceinline__ float4 ready(float4 a) { return make_float4(a.x + 1.f, a.y + 1.f, a.z + 1.f, a.w * (1.f / 3.f)); }

// The eight coefficients between two columns of the maps.
__device__ __forceinline__ void mix_maps(float4 al, float4 ar, float4 bl, float4 br, float weight, float (&out)[8]) {
    out[0] = mix(al.x, ar.x, weight), out[1] = mix(al.y, ar.y, weight), out[2] = mix(al.z, ar.z, weight), out[3] = mix(al.w, ar.w, weight);
    out[4] = mix(bl.x, br.x, weight), out[5] = mix(bl.y, br.y, weight), out[6] = mix(bl.z, br.z, weight), out[7] = mix(bl.w, br.w, weight);
}

// As they lie in memory, for a row that begins at pixel `base` of the maps.
__device__ __forceinline__ void map_row(const ComposeArgs& p, unsigned base, Tap across, float (&out)[8]) {
    const unsigned left = base + across.first, right = base + across.second;
    mix_maps(ready(p.a[left]), ready(p.a[right]), p.b[left], p.b[right], across.weight, out);
}

template <typename Args>
__device__ __forceinline__ float clear_limit(const Args& p) {
    if constexpr (Args::FINISHED) return p.finish.clear;
    else return 0.49f / 255.f;
}
template <typename Args>
__device__ __forceinline__ float solid_limit(const Args& p) {
    if constexpr (Args::FINISHED) return p.finish.solid;
    else return 254.51f / 255.f;
}

// Whether alpha rounds to 0 whatever the colour. Not so for what is not a number.
template <typename Args>
__device__ __forceinline__ bool clear_at(const Args& p, float slope, float offset) { return fmaf(fmaxf(slope, 0.f), 3.f, offset) < clear_limit(p); }

// Whether alpha rounds to 255 whatever the colour.
template <typename Args>
__device__ __forceinline__ bool solid_at(const Args& p, float slope, float offset) { return fmaf(fminf(slope, 0.f), 3.f, offset) > solid_limit(p); }

// The share of a pixel that lies in a circle, by its middle.
__device__ __forceinline__ float cover(const Circle& circle, int x, int y) {
    const float across = (float)x + 0.5f - circle.x, down = (float)y + 0.5f - circle.y;
    return __saturatef(circle.radius - sqrtf(fmaf(across, across, down * down)) + 0.5f);
}

__device__ __forceinline__ float finished(const Finish& finish, float alpha, float cover) {
    alpha = fmaxf((alpha - finish.cutoff) * finish.stretch, 0.f);
    if (finish.gamma != 1.f) alpha = __powf(alpha, finish.gamma);
    return alpha * cover;
}

// Red, green and blue of a pixel: luma, and what its cell's chroma adds.
__device__ __forceinline__ float3 rgb_of(const Factors& f, float luma, float3 chroma) {
    return make_float3(__saturatef(fmaf(luma, f.luma_scale, chroma.x)), __saturatef(fmaf(luma, f.luma_scale, chroma.y)), __saturatef(fmaf(luma, f.luma_scale, chroma.z)));
}

// By the coefficients of alpha. Saturation makes 0 of what is not a number: invisible. `cover` is of a finish only.
template <typename Args>
__device__ __forceinline__ float opacity_of(const Args& p, float slope, float offset, float3 rgb, float cover) {
    const float opacity = __saturatef(fmaf(slope, rgb.x + rgb.y + rgb.z, offset));
    if constexpr (Args::FINISHED) return finished(p.finish, opacity, cover);
    else return opacity;
}
__device__ __forceinline__ unsigned opacity_code(float opacity) { return __float_as_uint(fmaf(opacity, 255.f, MAGIC)) & 0xff; }

// Coefficients of colour, then of alpha: slopes 0 to 3, offsets 4 to 7.
//
// A pixel: its alpha (the low byte) and luma in samples, and its share of the cell's sums, with which they start
// where it is the FIRST. `cover` is of a finish only.
template <bool FIRST, typename Args>
__device__ __forceinline__ unsigned shade(const Args& p, const float (&k)[8], float luma_in, float3 chroma, float& luma, Sums& sums, float cover) {
    const Factors& f = p.factors;
    const float3 rgb = rgb_of(f, luma_in, chroma);
    const float rounded = fmaf(opacity_of(p, k[3], k[7], rgb, cover), 255.f, MAGIC);
    const float weight = rounded - MAGIC;
    const float d_red = __saturatef(fmaf(k[0], rgb.x, k[4])) - rgb.x;
    const float d_green = __saturatef(fmaf(k[1], rgb.y, k[5])) - rgb.y;
    const float d_blue = __saturatef(fmaf(k[2], rgb.z, k[6])) - rgb.z;
    luma = fmaf(f.luma_red, d_red, fmaf(f.luma_green, d_green, fmaf(f.luma_blue, d_blue, luma_in)));
    sums.alpha = FIRST ? weight : sums.alpha + weight;
    sums.luma = FIRST ? weight * luma : fmaf(weight, luma, sums.luma);
    sums.luma_in = FIRST ? weight * luma_in : fmaf(weight, luma_in, sums.luma_in);
    sums.red = FIRST ? weight * d_red : fmaf(weight, d_red, sums.red);
    sums.blue = FIRST ? weight * d_blue : fmaf(weight, d_blue, sums.blue);
    return __float_as_uint(rounded);
}

// As `shade` where alpha is 1: sums have no weights.
template <bool FIRST>
__device__ __forceinline__ void shade_solid(const Factors& f, const float (&k)[8], float luma_in, float3 chroma, float& luma, Sums& sums) {
    const float3 rgb = rgb_of(f, luma_in, chroma);
    const float d_red = __saturatef(fmaf(k[0], rgb.x, k[4])) - rgb.x;
    const float d_green = __saturatef(fmaf(k[1], rgb.y, k[5])) - rgb.y;
    const float d_blue = __saturatef(fmaf(k[2], rgb.z, k[6])) - rgb.z;
    luma = fmaf(f.luma_red, d_red, fmaf(f.luma_green, d_green, fmaf(f.luma_blue, d_blue, luma_in)));
    sums.luma = FIRST ? luma : sums.luma + luma;
    sums.luma_in = FIRST ? luma_in : sums.luma_in + luma_in;
    sums.red = FIRST ? d_red : sums.red + d_red;
    sums.blue = FIRST ? d_blue : sums.blue + d_blue;
}

__device__ __forceinline__ float3 chroma_rgb(const Factors& f, float u, float v) {
    return make_float3(fmaf(f.red_v, v, f.red), fmaf(f.green_u, u, fmaf(f.green_v, v, f.green)), fmaf(f.blue_u, u, f.blue));
}

// The mean colour of a cell's visible pixels; anything where there is none.
template <bool SOLID = false>
__device__ __forceinline__ Colour mean_of(const Factors& f, const Sums& sums, float u, float v) {
    float inverse = 0.25f;
    if (!SOLID) asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(sums.alpha));
    const float change = (sums.luma - sums.luma_in) * f.luma_scale;
    Colour c;
    c.y = __saturatef(fmaf(sums.luma * inverse, f.y_scale, f.y_offset));
    c.u = __saturatef(fmaf((sums.blue - change) * inverse, f.u_gain, fmaf(u, f.chroma_scale, f.chroma_offset)));
    c.v = __saturatef(fmaf((sums.red - change) * inverse, f.v_gain, fmaf(v, f.chroma_scale, f.chroma_offset)));
    const float weight = (SOLID ? 4.f * 255.f : sums.alpha) * (255.f * 16.f);
    const unsigned alpha = SOLID ? 4 * 255 : cell_alpha(__float_as_uint(sums.alpha + MAGIC));
    c.cell.luma = __float_as_uint(fmaf(c.y, weight, MAGIC)) << 10 | alpha;
    c.cell.u = __float_as_uint(fmaf(c.u, weight, MAGIC));
    c.cell.v = __float_as_uint(fmaf(c.v, weight, MAGIC));
    return c;
}

// A cell by itself, wherever it lies: at the edge of an eye or of the picture, or in the halo of a block. Its
// sums; with `write` its pixels too.
template <typename T, typename Args>
__device__ __noinline__ Cell lone_cell(const Args& p, int cx, int cy, bool write) {
    const Picture& in = p.picture;
    const unsigned code_bits = p.code_bits & 0xffff;
    const size_t at = (size_t)cy * in.chroma_pitch;
    const float u = (float)(reinterpret_cast<const T*>(in.u + at)[cx * in.chroma_step] & code_bits);
    const float v = (float)(reinterpret_cast<const T*>(in.v + at)[cx * in.chroma_step] & code_bits);
    const float3 chroma = chroma_rgb(p.factors, u, v);
    Sums sums = {};
    unsigned alpha[4] = {};
    float luma[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int x = cx * 2 + (i & 1), y = cy * 2 + (i >> 1);
        if (x >= in.width || y >= in.height) continue;
        for (int e = 0; e < p.eye_count; ++e) {
            const Rect eye = p.eyes[e];
            if (x < eye.x || x >= eye.x + eye.width || y < eye.y || y >= eye.y + eye.height) continue;
            const Tap across = eye_taps(p, e)[x - eye.x], down = eye_taps(p, e)[eye.width + y - eye.y];
            const unsigned base = e * p.map_h;
            float k[8], lower[8];
            map_row(p, (base + down.first) * p.map_w, across, k);
            map_row(p, (base + down.second) * p.map_w, across, lower);
#pragma unroll
            for (int c = 0; c < 8; ++c) k[c] = mix(k[c], lower[c], down.weight);
            const float sample = (float)(reinterpret_cast<const T*>(in.y + (size_t)y * in.y_pitch)[x] & code_bits);
            float share = 1.f;
            if constexpr (Args::FINISHED) share = cover(p.finish.circles[e], x, y);
            alpha[i] = shade<false>(p, k, sample, chroma, luma[i], sums, share) & 0xff;
            break;
        }
    }
    const Colour mean = mean_of(p.factors, sums, u, v);
    if (write) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int x = cx * 2 + (i & 1), y = cy * 2 + (i >> 1);
            if (x >= in.width || y >= in.height) continue;
            p.alpha[(size_t)y * p.alpha_pitch + x] = (unsigned char)alpha[i];
            const float code = fmaf(luma[i], p.factors.y_scale, p.factors.y_offset) + dither_at(p.dither, x, y);
            p.y[(size_t)y * p.y_pitch + x] = (unsigned char)code_of(alpha[i] ? code : mean.y);
        }
        const float dither = dither_at(p.dither, cx, cy);
        p.u[(size_t)cy * p.chroma_pitch + cx] = (unsigned char)code_of(mean.u + dither);
        p.v[(size_t)cy * p.chroma_pitch + cx] = (unsigned char)code_of(mean.v + dither);
    }
    return mean.cell;
}

__device__ __forceinline__ void store2(unsigned char* row, int x, int width, unsigned value) {
    if (x + 1 < width)
        *reinterpret_cast<unsigned short*>(row + x) = (unsigned short)(value | value << 8);
    else
        row[x] = (unsigned char)value;
}

}  // namespace vrp
