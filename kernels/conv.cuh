// Arguments and epilogue that the convolution kernels share. Mirrored by `conv::Args` in Rust.
#pragma once
#include "halfs.cuh"

namespace vrp {

enum ConvMode : int {
    CONV_PLAIN = 0,      // y = act(sum + bias [+ residual]) [* out_scale]
    CONV_GRU_GATES = 1,  // r, z = sigmoid(sum + bias): y0 = r * state, z_buffer = z
    CONV_GRU_STATE = 2,  // c = tanh(sum + bias): state = (1 - z) * state + z * c, y0 = state
};

// Sizes in elements, pitches in halfs. `cin` and `cout` are padded to multiples of eight.
struct ConvArgs {
    const __half* x;          // [n, in_h, in_w, cin], pitch x_pitch
    const __half* w;          // [cout, k_padded], k = (ky * kernel + kx) * cin + c; zeros above
    const float* bias;        // [cout]
    const __half* residual;   // [n, out_h, out_w, cout], or null
    const __half* in_scale;   // [n, k_padded], per input channel of a 1x1 kernel, or null
    const float* out_scale;   // [n, cout], or null
    __half* y0;               // channels below split_channel
    __half* y1;               // channels from split_channel on
    float* state;             // [n, out_h, out_w, gru_channels]
    float* z;                 // as state
    float* partial;           // [splits, tiles, tile_m * tile_n] sums, when splits > 1
    unsigned* counters;       // [tiles], zero before and after
    const unsigned char* next_w;  // weights of the next convolution, or null
    long long next_bytes;
    int x_pitch, y0_pitch, y1_pitch, residual_pitch;
    int split_channel, gru_channels;
    int in_h, in_w, out_h, out_w;
    int cin, cout, k_total, k_padded;
    int kernel, stride, pad, dilation;
    int act, mode, splits, images;
};
static_assert(sizeof(ConvArgs) == 200, "mirrored in src/engine/native/conv.rs");

// Asks for the next convolution's weights: all of a network's are more than the second cache keeps, and a launch whose
// blocks go through theirs in step waits for each part of them anew. A block asks for its share.
__device__ __forceinline__ void prefetch_next(const ConvArgs& p) {
    if (!p.next_w) return;
    const unsigned blocks = gridDim.x * gridDim.y * gridDim.z, block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    constexpr unsigned LINE = 128;
    const unsigned lines = (unsigned)(p.next_bytes / LINE), share = (lines + blocks - 1) / blocks;
    const unsigned past = min(lines, (block + 1) * share);
    for (unsigned i = block * share + threadIdx.x; i < past; i += blockDim.x)
        asm volatile("prefetch.global.L2 [%0];" ::"l"(p.next_w + (size_t)i * LINE));
}

// One group of eight output channels of one pixel, counted over all images: everything after the sum.
__device__ __forceinline__ void conv_epilogue(const ConvArgs& p, int image, size_t at, int channel, const float (&bias)[8], const Half8& residual, float (&v)[8]) {
    float t[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] += bias[i];
    if (p.residual) {
        unpack(residual, t);
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] += t[i];
    }
    activate8(v, p.act);
    if (p.mode == CONV_PLAIN) {
        if (p.out_scale) {
            load_f32x8(p.out_scale + (size_t)image * p.cout + channel, t);
#pragma unroll
            for (int i = 0; i < 8; ++i) v[i] *= t[i];
        }
        // 65504 is the largest half; a value beyond it would become infinite and spread.
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = fminf(fmaxf(v[i], -65504.f), 65504.f);
        const bool first = channel < p.split_channel;
        __half* const y = first ? p.y0 + at * p.y0_pitch + channel : p.y1 + at * p.y1_pitch + (channel - p.split_channel);
        store8(y, pack(v));
    } else if (p.mode == CONV_GRU_GATES) {
        if (channel < p.gru_channels) {
            load_f32x8(p.state + at * p.gru_channels + channel, t);
#pragma unroll
            for (int i = 0; i < 8; ++i) v[i] *= t[i];
            store8(p.y0 + at * p.y0_pitch + channel, pack(v));
        } else {
            store_f32x8(p.z + at * p.gru_channels + (channel - p.gru_channels), v);
        }
    } else {
        // Reads and writes its own pixel only, so the state is updated in place.
        float z[8];
        load_f32x8(p.state + at * p.gru_channels + channel, t);
        load_f32x8(p.z + at * p.gru_channels + channel, z);
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = (1.f - z[i]) * t[i] + z[i] * v[i];
        store_f32x8(p.state + at * p.gru_channels + channel, v);
        store8(p.y0 + at * p.y0_pitch + channel, pack(v));
    }
}

// A lane that holds part of a product holds two neighbouring columns of it. Weights are dealt to columns such that
// the four lanes that share a pixel hold eight neighbouring channels each of every four products: this is the channel
// of row `row` of the weights.
__device__ __forceinline__ int dealt_channel(int row) { return (row & ~31) | ((row & 6) << 2) | ((row >> 2) & 6) | (row & 1); }

// The biases of eight channels; of channels beyond the last zeros.
__device__ __forceinline__ void load_bias(const ConvArgs& p, int channel, float (&bias)[8]) {
#pragma unroll
    for (int i = 0; i < 8; ++i) bias[i] = 0.f;
    if (channel < p.cout) load_f32x8(p.bias + channel, bias);
}

// Sums of 16 x 8 fragments go through shared memory: there the halves of a block are added, in order, and a thread
// can take up eight channels of a pixel. Gives the tile, rows PITCH floats apart; all threads are past a barrier.
template <int MI, int NI, int PITCH>
__device__ __forceinline__ const float* join_halves(unsigned char* shared, const float (&sum)[MI][NI][4], int row0, int column0, int half) {
    float* const tile = reinterpret_cast<float*>(shared);
    const int lane = threadIdx.x & 31;
#pragma unroll
    for (int turn = 0; turn < 2; ++turn) {
        if (half == turn) {
#pragma unroll
            for (int i = 0; i < MI; ++i)
#pragma unroll
                for (int j = 0; j < NI; ++j)
#pragma unroll
                    for (int r = 0; r < 2; ++r) {
                        const int row = row0 + i * 16 + (lane >> 2) + r * 8;
                        float2* const at = reinterpret_cast<float2*>(tile + row * PITCH + column0 + j * 8 + (lane & 3) * 2);
                        const float2 other = turn ? *at : make_float2(0.f, 0.f);
                        *at = make_float2(other.x + sum[i][j][2 * r], other.y + sum[i][j][2 * r + 1]);
                    }
        }
        __syncthreads();
    }
    return tile;
}

// The epilogue of a tile whose rows are TILE_N + 8 floats apart. `pixel_of` gives the pixel of a row, -1 for none.
// Of a divided sum the last block to finish adds the parts, in order.
template <int TILE_M, int TILE_N, int THREADS, typename PixelOf>
__device__ __forceinline__ void store_tile(const ConvArgs& p, const float* tile, int image, int split, int n0, PixelOf pixel_of) {
    constexpr int GROUPS = TILE_N / 8, ITEMS = TILE_M * GROUPS, PITCH = TILE_N + 8;
    const int tid = threadIdx.x;
    const int tiles = gridDim.x * gridDim.y * p.images;
    const int tile_index = (image * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    if (p.splits > 1) {
        float* const mine = p.partial + ((size_t)split * tiles + tile_index) * (TILE_M * TILE_N);
        for (int item = tid; item < ITEMS; item += THREADS) {
            const int row = item / GROUPS, column = (item - row * GROUPS) * 8;
            float v[8];
            load_f32x8(tile + row * PITCH + column, v);
            store_f32x8(mine + item * 8, v);
        }
        __threadfence();
        __shared__ unsigned arrived;
        __syncthreads();
        if (tid == 0) arrived = atomicAdd(p.counters + tile_index, 1u);
        __syncthreads();
        if (arrived != (unsigned)p.splits - 1) return;
        __threadfence();
        if (tid == 0) p.counters[tile_index] = 0;
    }
    // A thread keeps its channels from row to row. What is added is asked for before anything is written.
    static_assert(THREADS % GROUPS == 0 && ITEMS % THREADS == 0, "tile shape");
    const int column = tid % GROUPS * 8, channel = n0 + column;
    if (channel >= p.cout) return;
    const size_t first = (size_t)image * p.out_h * p.out_w;
    float bias[8];
    load_f32x8(p.bias + channel, bias);
    Half8 residual[ITEMS / THREADS];
    if (p.residual) {
#pragma unroll
        for (int turn = 0; turn < ITEMS / THREADS; ++turn) {
            const int pixel = pixel_of((tid + turn * THREADS) / GROUPS);
            if (pixel >= 0) residual[turn] = load8(p.residual + (first + pixel) * p.residual_pitch + channel);
        }
    }
#pragma unroll
    for (int turn = 0; turn < ITEMS / THREADS; ++turn) {
        const int item = tid + turn * THREADS, row = item / GROUPS, pixel = pixel_of(row);
        if (pixel < 0) continue;
        float v[8];
        if (p.splits > 1) {
#pragma unroll
            for (int i = 0; i < 8; ++i) v[i] = 0.f;
            for (int s = 0; s < p.splits; ++s) {
                float t[8];
                load_f32x8(p.partial + ((size_t)s * tiles + tile_index) * (TILE_M * TILE_N) + item * 8, t);
#pragma unroll
                for (int i = 0; i < 8; ++i) v[i] += t[i];
            }
        } else {
            load_f32x8(tile + row * PITCH + column, v);
        }
        conv_epilogue(p, image, first + pixel, channel, bias, residual[turn], v);
    }
}

}  // namespace vrp
