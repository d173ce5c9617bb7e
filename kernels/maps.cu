// Small jobs around a step of the network, on what it sees and on what it gives. Their references: cuts.rs, seam.rs and
// touch.rs of src/kernels/maps/; launch.rs there launches them.
//
// small    [eyes, 3, h, w] floats in [0, 1]       a, b    [eyes, h, w, 4] floats
// cuts     is this frame of another scene than the one before? If so the state of the network is cleared.
// seam     the answers at both sides of a picture that goes round become one
// touch    the small matte grows, shrinks, and follows the one before; what that changes is added to b
// Tolerance: none. Operations are the reference's in its order, not contracted; sums over a frame are of integers.
// Bytes per pixel of `small`: cuts 20; touch 28 and 8 for each whole pixel that it grows by, mostly from the cache.
#include "halfs.cuh"

namespace vrp {

constexpr int BINS = 32, EYES_MAX = 2, STATES_MAX = 4;
constexpr float CUT_UNITS = 65536.f;

// What the blocks have found in a frame so far: all zeros between frames but for the verdict.
struct CutsTally {
    unsigned long long moved[EYES_MAX];  // changes of luma, in 65536ths
    int bins[EYES_MAX][BINS];            // pixels of the frame less those of the frame before, by luma
    unsigned done;                       // blocks
    unsigned cut;                        // the verdict on the newest frame
};
static_assert(sizeof(CutsTally) == 280, "mirrored in src/kernels/maps/launch.rs");

struct CutsArgs {
    const float* small;  // rows of w + 2 * margin pixels, of which those between the margins count
    float* before;       // [eyes, h, w] luma of the frame before
    CutsTally* tally;
    unsigned* state[STATES_MAX];
    unsigned long long state_words[STATES_MAX];
    unsigned long long moved, replaced, other;  // least sums of an eye: may be a cut, is one, has other contents
    int eyes, h, w, margin;
    int first;  // there is no frame before
    int reserved;
};
static_assert(sizeof(CutsArgs) == 136, "mirrored in src/kernels/maps/launch.rs");

__device__ __forceinline__ int luma_bin(float luma) { return min(max((int)(luma * (float)BINS), 0), BINS - 1); }

struct SeamArgs {
    float4* a;
    float4* b;
    int rows, width, margin;  // of all eyes; pixels of a row, margins included
    int reserved;
};
static_assert(sizeof(SeamArgs) == 32, "mirrored in src/kernels/maps/launch.rs");

struct TouchArgs {
    const float* small;
    const float4* a;
    float4* b;
    float* told;              // [eyes, h, w] the small matte as the network has it
    float2* spread;           // [eyes, h, w] the most extreme of it along rows, within `radius` and one more
    float* before;            // [eyes, h, w] the small matte of the frame before, as it was left
    const CutsTally* tally;
    int eyes, h, w;
    int radius;    // whole pixels that the matte grows or shrinks by
    float part;    // and the part of the next
    int direction; // 1 to grow, -1 to shrink, 0 for neither
    float smooth;  // share of the frame before
    int first;     // there is none
};
static_assert(sizeof(TouchArgs) == 88, "mirrored in src/kernels/maps/launch.rs");

// Opacity of a pixel of the small matte.
__device__ __forceinline__ float told_at(const TouchArgs& p, int i) {
    const int area = p.h * p.w, eye = i / area;
    const float* const red = p.small + (size_t)eye * 3 * area + (i - eye * area);
    const float grey = __fdiv_rn(__fadd_rn(__fadd_rn(red[0], red[area]), red[2 * (size_t)area]), 3.f);
    return __saturatef(__fadd_rn(__fmul_rn(p.a[i].w, grey), p.b[i].w));
}

__device__ __forceinline__ float extreme(float a, float b, bool largest) { return largest ? fmaxf(a, b) : fminf(a, b); }

__device__ __forceinline__ float mix_exactly(float a, float b, float weight) { return __fadd_rn(a, __fmul_rn(__fsub_rn(b, a), weight)); }

}  // namespace vrp

// Grid: (any number, eyes). The last block to be done decides for all and clears the state: that takes a fraction of a
// millisecond, after a cut only, where a launch of its own would cost every frame some.
extern "C" __global__ void __launch_bounds__(256) vrp_cuts(const __grid_constant__ vrp::CutsArgs p) {
    using namespace vrp;
    __shared__ int bins[BINS];
    __shared__ unsigned long long moved;
    __shared__ bool last, verdict;
    const int tid = threadIdx.x, eye = blockIdx.y, area = p.h * p.w, width = p.w + 2 * p.margin;
    if (tid < BINS) bins[tid] = 0;
    if (tid == 0) moved = 0, verdict = false;
    dependency_wait();
    __syncthreads();

    const size_t plane = (size_t)p.h * width;
    const float* const red = p.small + eye * 3 * plane + p.margin;
    float* const before = p.before + (size_t)eye * area;
    unsigned long long sum = 0;
    for (int i = blockIdx.x * 256 + tid; i < area; i += gridDim.x * 256) {
        const int y = i / p.w;
        const size_t at = (size_t)y * width + (i - y * p.w);
        const float luma = __fadd_rn(__fadd_rn(__fmul_rn(0.2126f, red[at]), __fmul_rn(0.7152f, red[plane + at])), __fmul_rn(0.0722f, red[2 * plane + at]));
        const float old = before[i];
        before[i] = luma;
        sum += (unsigned)__fadd_rn(__fmul_rn(fabsf(__fsub_rn(old, luma)), CUT_UNITS), 0.5f);
        const int was = luma_bin(old), is = luma_bin(luma);
        if (was != is) atomicSub(&bins[was], 1), atomicAdd(&bins[is], 1);
    }
    for (int offset = 16; offset; offset >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if ((tid & 31) == 0) atomicAdd(&moved, sum);
    __syncthreads();
    if (tid < BINS && bins[tid] != 0) atomicAdd(&p.tally->bins[eye][tid], bins[tid]);
    if (tid == 0) atomicAdd(&p.tally->moved[eye], moved);
    __threadfence();
    __syncthreads();
    if (tid == 0) last = atomicAdd(&p.tally->done, 1u) + 1 == gridDim.x * gridDim.y;
    __syncthreads();
    if (!last) return;
    __threadfence();

    if (tid < 32) {
        bool cut = !p.first;
        for (int e = 0; e < p.eyes; ++e) {
            int other = abs(__ldcg(&p.tally->bins[e][tid]));
            for (int offset = 16; offset; offset >>= 1) other += __shfl_xor_sync(0xffffffffu, other, offset);
            const unsigned long long all = __ldcg(&p.tally->moved[e]);
            cut = cut && (all >= p.replaced || (all >= p.moved && (unsigned long long)other >= p.other));
        }
        __syncwarp();
        for (int e = 0; e < p.eyes; ++e) p.tally->bins[e][tid] = 0;
        if (tid < EYES_MAX) p.tally->moved[tid] = 0;
        if (tid == 0) p.tally->done = 0, p.tally->cut = cut, verdict = cut;
    }
    __syncthreads();
    if (!verdict) return;
    for (int set = 0; set < STATES_MAX; ++set)
        for (unsigned long long i = tid; i < p.state_words[set]; i += 256) p.state[set][i] = 0;
}

// A thread owns both places of a column at the seam, in A (blockIdx.y 0) or b. Grid: (rows * 2 * margin / 256, 2).
extern "C" __global__ void __launch_bounds__(256) vrp_seam(const __grid_constant__ vrp::SeamArgs p) {
    using namespace vrp;
    dependency_wait();
    const int columns = 2 * p.margin, i = blockIdx.x * 256 + threadIdx.x, row = i / columns, step = i - row * columns;
    if (row >= p.rows) return;
    float4* const left = (blockIdx.y ? p.b : p.a) + (size_t)row * p.width + step;
    float4* const right = left + (p.width - columns);
    // Middle of the column, in columns from the seam.
    const float place = __fsub_rn((float)step + 0.5f, (float)p.margin);
    const float share = __saturatef(__fadd_rn(__fdiv_rn(place, (float)p.margin), 0.5f));
    const float4 l = *left, r = *right;
    const float4 one = make_float4(mix_exactly(r.x, l.x, share), mix_exactly(r.y, l.y, share), mix_exactly(r.z, l.z, share), mix_exactly(r.w, l.w, share));
    *left = one;
    *right = one;
}

// Only where it grows or shrinks, before vrp_touch_rows. Grid of this and the next two: eyes * h * w / 256.
extern "C" __global__ void __launch_bounds__(256) vrp_touch_matte(const __grid_constant__ vrp::TouchArgs p) {
    using namespace vrp;
    dependency_wait();
    const int i = blockIdx.x * 256 + threadIdx.x;
    if (i < p.eyes * p.h * p.w) p.told[i] = told_at(p, i);
}

extern "C" __global__ void __launch_bounds__(256) vrp_touch_rows(const __grid_constant__ vrp::TouchArgs p) {
    using namespace vrp;
    dependency_wait();
    const int i = blockIdx.x * 256 + threadIdx.x, x = i % p.w;
    if (i >= p.eyes * p.h * p.w) return;
    const float* const row = p.told + (i - x);
    const bool largest = p.direction > 0;
    float near = row[x];
    for (int at = max(x - p.radius, 0); at <= min(x + p.radius, p.w - 1); ++at) near = extreme(near, row[at], largest);
    float far = near;
    if (x - p.radius > 0) far = extreme(far, row[x - p.radius - 1], largest);
    if (x + p.radius + 1 < p.w) far = extreme(far, row[x + p.radius + 1], largest);
    p.spread[i] = make_float2(near, far);
}

extern "C" __global__ void __launch_bounds__(256) vrp_touch_finish(const __grid_constant__ vrp::TouchArgs p) {
    using namespace vrp;
    dependency_wait();
    const int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= p.eyes * p.h * p.w) return;
    const float told = p.direction ? p.told[i] : told_at(p, i);
    float matte = told;
    if (p.direction) {
        const int y = i / p.w % p.h;
        const float2* const column = p.spread + i;
        const bool largest = p.direction > 0;
        float near = column->x, far = column->y;
        for (int dy = -min(y, p.radius + 1); dy <= min(p.h - 1 - y, p.radius + 1); ++dy) {
            const float2 value = column[dy * p.w];
            if (abs(dy) <= p.radius) near = extreme(near, value.x, largest);
            far = extreme(far, value.y, largest);
        }
        matte = mix_exactly(near, far, p.part);
    }
    if (p.smooth != 0.f && !p.first && !p.tally->cut) matte = mix_exactly(matte, p.before[i], p.smooth);
    p.before[i] = matte;
    p.b[i].w = __fadd_rn(p.b[i].w, __fsub_rn(matte, told));
}
