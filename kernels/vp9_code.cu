// The pixel half of a VP9 encoder of our own: src/vp9/native/pixels has the formula, src/vp9/native/device the launches.
//
// plan    a thread per cell: which cells are worked on, which only copied because they were not copies before
// search  a warp per cell: its motion
// code    a warp per cell: the motion settled, levels, what decoders show; results go where an atomic counter says
// border  what lies around the new pictures; reset, before a key point: all samples 128
//
// Both streams go together: colour (Y, U, V) and matte (alpha). All integers: results equal the reference's bit for bit but for
// the order of blocks and levels.
// Bytes: a cell that is at rest costs 3; one that is coded about 2 KiB, most of them from the caches.
#include "vp9_cell.cuh"
#include "vp9_search.cuh"

namespace vrp::vp9 {

__device__ __forceinline__ void append(const Args9& p, bool wanted, unsigned item) {
    const unsigned mask = __ballot_sync(ALL, wanted), lane = threadIdx.x & 31;
    unsigned base = 0;
    if (lane == 0 && mask) base = atomicAdd(p.queue, __popc(mask));
    base = __shfl_sync(ALL, base, 0);
    if (wanted) p.items[base + __popc(mask & ((1u << lane) - 1))] = item;
}

__device__ __forceinline__ void plan(const Args9& p) {
    const int across = cells_across(p), cells = across * cells_down(p), cell = blockIdx.x * blockDim.x + threadIdx.x;
    bool work = false;
    const bool inside = cell < cells;
    if (inside) {
        const unsigned char active = p.activity[(size_t)(cell / across) * p.activity_pitch + cell % across] != 0;
        work = p.key || active || p.active_before[cell];
        p.active_before[cell] = active;
    }
    for (int i = 0; i < 2; ++i) {
        const Stream9& stream = p.streams[i];
        bool stale = false;
        if (inside) {
            stale = !work && stream.changed_before[cell];
            stream.changed_after[cell] = 0;
            stream.motions_after[cell] = stream.found[cell] = {0, 0};
            stream.index[cell] = 0;
        }
        append(p, work || stale, (unsigned)cell | (unsigned)i << 30 | (stale ? 1u << 31 : 0));
    }
}

// Reads a cell of the source; beyond the edges samples repeat.
__device__ __forceinline__ void load_cell(const Args9& p, const Stream9& stream, Shared& s, int cell_x, int cell_y, int lane) {
    for (int plane = 0; plane < stream.planes; ++plane) {
        const int side = plane ? 8 : 16, width = plane ? (p.width + 1) / 2 : p.width, height = plane ? (p.height + 1) / 2 : p.height;
        const unsigned char* const from = stream.source[plane];
        const int pitch = stream.source_pitch[plane], x0 = cell_x * side, y0 = cell_y * side, words = side / 4;
        const bool plain = (((size_t)from | pitch) & 3) == 0 && x0 + side <= width && y0 + side <= height;
        for (int i = lane; i < side * words; i += 32) {
            const int x = x0 + i % words * 4, y = min(y0 + i / words, height - 1);
            const unsigned char* const row = from + (size_t)y * pitch;
            unsigned word = 0;
            if (plain) word = *reinterpret_cast<const unsigned*>(row + x);
            else
                for (int k = 0; k < 4; ++k) word |= (unsigned)row[min(x + k, width - 1)] << 8 * k;
            s.source[plane][i] = word;
        }
    }
    __syncwarp();
}

// Mean of the 4x4 samples at (lane % 4, lane / 4) of 16x16.
__device__ __forceinline__ unsigned mean_16(const unsigned* luma, int lane) {
    unsigned sum = 8;
#pragma unroll
    for (int y = 0; y < 4; ++y) sum = __dp4a(luma[(lane / 4 % 4 * 4 + y) * 4 + lane % 4], 0x01010101u, sum);
    return sum >> 4;
}

__device__ __forceinline__ void store_cell(const Args9& p, const Stream9& stream, const Shared& s, int cell_x, int cell_y, int lane) {
    for (int plane = 0; plane < stream.planes; ++plane) {
        const int side = plane ? 8 : 16, width = plane ? (p.width + 1) / 2 : p.width, height = plane ? (p.height + 1) / 2 : p.height;
        const int pitch = plane ? p.chroma_pitch : p.pitch, words = side / 4;
        for (int i = lane; i < side * words; i += 32) {
            const int x = cell_x * side + i % words * 4, y = cell_y * side + i / words;
            if (y >= height) continue;
            unsigned char* const to = stream.after.planes[plane] + (size_t)y * pitch + x;
            const unsigned word = s.samples[plane][i];
            if (x + 4 <= width) *reinterpret_cast<unsigned*>(to) = word;
            else
                for (int k = 0; x + k < width; ++k) to[k] = (unsigned char)(word >> 8 * k);
        }
    }
    if (lane < 16) {
        unsigned char* const to = stream.after.coarse + (size_t)(cell_y * 4 + lane / 4) * p.coarse_pitch + cell_x * 4 + lane % 4;
        *to = (unsigned char)mean_16(s.samples[0], lane);
    }
}

// A cell that is at rest: the picture two frames ago has other samples there than the last one.
__device__ __forceinline__ void copy_cell(const Args9& p, const Stream9& stream, int cell_x, int cell_y, int lane) {
    for (int plane = 0; plane < stream.planes; ++plane) {
        const int side = plane ? 8 : 16, words = side / 4, pitch = plane ? p.chroma_pitch : p.pitch;
        for (int i = lane; i < side * words; i += 32) {
            const size_t at = (size_t)(cell_y * side + i / words) * pitch + cell_x * side + i % words * 4;
            *reinterpret_cast<unsigned*>(stream.after.planes[plane] + at) =
                *reinterpret_cast<const unsigned*>(stream.before.planes[plane] + at);
        }
    }
    if (lane < 4) {
        const size_t at = (size_t)(cell_y * 4 + lane) * p.coarse_pitch + cell_x * 4;
        *reinterpret_cast<unsigned*>(stream.after.coarse + at) = *reinterpret_cast<const unsigned*>(stream.before.coarse + at);
    }
}

// Whether all of a matte's cell is 0 or all is 255: its motion is none.
__device__ __forceinline__ bool flat_cell(const Stream9& stream, const Shared& s, int lane) {
    const unsigned one = s.source[0][lane], two = s.source[0][lane + 32];
    const bool clear = __all_sync(ALL, (one | two) == 0), solid = __all_sync(ALL, (one & two) == ALL);
    return stream.tuning.matte && (clear || solid);
}

__device__ __forceinline__ void search_cell(const Args9& p, const Stream9& stream, Shared& s, int cell, int lane) {
    const int across = cells_across(p), down = cells_down(p), cell_x = cell % across, cell_y = cell / across;
    load_cell(p, stream, s, cell_x, cell_y, lane);
    if (flat_cell(stream, s, lane)) return;
    for (int i = lane; i < 64; i += 32) {
        // Four rows of a column.
        const int column = i % 16, g = i / 16;
        const unsigned char* const from = reinterpret_cast<unsigned char*>(s.source[0]) + g * 64 + column;
        s.turned[column * 5 + g] = from[0] | from[16] << 8 | from[32] << 16 | (unsigned)from[48] << 24;
    }
    if (lane < 16) reinterpret_cast<unsigned char*>(s.coarse)[lane] = (unsigned char)mean_16(s.source[0], lane);
    __syncwarp();
    Search search{p, stream, s, lane, cell_x, cell_y, across, down, 0, 0, 0};
    search.run();
    if (lane == 0) stream.found[cell] = {(short)search.row, (short)search.column};
}

__device__ __forceinline__ void work_cell(const Args9& p, const Stream9& stream, Shared& s, int cell, int lane) {
    const int across = cells_across(p), cell_x = cell % across, cell_y = cell / across;
    const int blocks_across = (p.width + 7) / 8, blocks_down = (p.height + 7) / 8;
    const bool right = 2 * cell_x + 1 < blocks_across, below = 2 * cell_y + 1 < blocks_down, complete = right && below;
    const unsigned missing = (right ? 0 : 0b1010) | (below ? 0 : 0b1100);
    load_cell(p, stream, s, cell_x, cell_y, lane);
    Settled settled{{}, complete};
    if (!flat_cell(stream, s, lane)) settled = settle(p, stream, s, cell_x, cell_y, complete, lane);
    const int used = code_cell(p, stream, s, cell_x, cell_y, settled.motion, settled.whole, missing, lane);
    __syncwarp();
    store_cell(p, stream, s, cell_x, cell_y, lane);
    unsigned motion[4], moved = 0;
    for (int i = 0; i < 4; ++i) {
        motion[i] = (unsigned short)settled.motion[i].row | (unsigned)(unsigned short)settled.motion[i].column << 16;
        moved |= motion[i];
    }
    if (used == 0 && moved == 0) return;

    unsigned block = 0, first = 0;
    if (lane == 0) {
        block = atomicAdd(&stream.counts->blocks, 1u);
        first = atomicAdd(&stream.counts->levels, (unsigned)used);
        if (first + used > stream.level_capacity) stream.counts->overflow = 1;
        stream.index[cell] = block + 1;
        stream.changed_after[cell] = 1;
        stream.motions_after[cell] = settled.motion[0];
    }
    block = __shfl_sync(ALL, block, 0), first = __shfl_sync(ALL, first, 0);
    const bool room = first + used <= stream.level_capacity;
    if (lane < 12) {
        unsigned word = lane == 0 ? motion[0] : lane == 1 ? motion[1] : lane == 2 ? motion[2] : motion[3];
        if (lane == 4) word = room ? first : 0;
        if (lane == 5) word = settled.whole;
        if (lane > 5) word = room ? s.ends[2 * lane - 12] | (unsigned)s.ends[2 * lane - 11] << 16 : 0;
        reinterpret_cast<unsigned*>(stream.blocks + block)[lane] = word;
    }
    if (room)
        for (int i = lane; i < used; i += 32) stream.levels[first + i] = s.levels[i];
}

// Each thread fills four bytes of what surrounds a plane of `width` x `height` samples with the nearest of them.
__device__ __forceinline__ void surround(unsigned char* plane, int pitch, int width, int height, int padded_width, int padded_height,
                                         int border, unsigned worker, unsigned workers) {
    const int columns = (padded_width + 2 * border) / 4, rows = padded_height + 2 * border;
    // Whole rows above and below, then what is left and right of the others.
    const int right = width & ~3, beside = border / 4 + (padded_width + border - right) / 4, outer = rows - height;
    const unsigned total = (unsigned)(outer * columns + height * beside);
    for (unsigned i = worker; i < total; i += workers) {
        int x, y;
        if (i < (unsigned)(outer * columns)) {
            const int line = i / columns;
            y = line < border ? line - border : line - border + height;
            x = i % columns * 4 - border;
        } else {
            const int j = i - outer * columns, k = j % beside;
            y = j / beside;
            x = k < border / 4 ? k * 4 - border : right + (k - border / 4) * 4;
        }
        const unsigned char* const row = plane + (size_t)min(max(y, 0), height - 1) * pitch;
        unsigned word = 0;
#pragma unroll
        for (int k = 0; k < 4; ++k) word |= (unsigned)row[min(max(x + k, 0), width - 1)] << 8 * k;
        *reinterpret_cast<unsigned*>(plane + (ptrdiff_t)y * pitch + x) = word;
    }
}

}  // namespace vrp::vp9

extern "C" __global__ void vrp_vp9_plan(const __grid_constant__ vrp::vp9::Args9 p) {
    vrp::dependency_wait();
    vrp::vp9::plan(p);
}

// A warp takes an item after the other.
template <int COUNTER, typename Work>
__device__ __forceinline__ void take_items(const vrp::vp9::Args9& p, Work work) {
    const int lane = threadIdx.x & 31;
    const unsigned count = *p.queue;
    while (true) {
        unsigned next = 0;
        if (lane == 0) next = atomicAdd(p.queue + COUNTER, 1u);
        next = __shfl_sync(vrp::vp9::ALL, next, 0);
        if (next >= count) break;
        const unsigned item = p.items[next];
        work(p.streams[item >> 30 & 1], (int)(item & 0x3fffffffu), item >> 31 != 0, lane);
        __syncwarp();
    }
}

extern "C" __global__ void __launch_bounds__(128, 8) vrp_vp9_search(const __grid_constant__ vrp::vp9::Args9 p) {
    using namespace vrp::vp9;
    __shared__ Shared shared[4];
    Shared& s = shared[threadIdx.x / 32];
    vrp::dependency_wait();
    take_items<1>(p, [&](const Stream9& stream, int cell, bool copy, int lane) {
        if (!copy) search_cell(p, stream, s, cell, lane);
    });
}

extern "C" __global__ void __launch_bounds__(128, 8) vrp_vp9_code(const __grid_constant__ vrp::vp9::Args9 p) {
    using namespace vrp::vp9;
    __shared__ Shared shared[4];
    Shared& s = shared[threadIdx.x / 32];
    const int across = cells_across(p);
    vrp::dependency_wait();
    take_items<2>(p, [&](const Stream9& stream, int cell, bool copy, int lane) {
        if (copy) copy_cell(p, stream, cell % across, cell / across, lane);
        else work_cell(p, stream, s, cell, lane);
    });
}

// blockIdx.y: 0 to 3 Y, U, V and coarse luma of the colour, 4 and 5 luma and coarse luma of the matte.
extern "C" __global__ void vrp_vp9_border(const __grid_constant__ vrp::vp9::Args9 p) {
    using namespace vrp::vp9;
    const unsigned worker = blockIdx.x * blockDim.x + threadIdx.x, workers = gridDim.x * blockDim.x;
    const int which = blockIdx.y, across = cells_across(p), down = cells_down(p);
    const Picture9& to = p.streams[which / 4].after;
    vrp::dependency_wait();
    if (which == 3 || which == 5)
        surround(to.coarse, p.coarse_pitch, across * 4, down * 4, across * 4, down * 4, COARSE_BORDER, worker, workers);
    else if (which == 0 || which == 4)
        surround(to.planes[0], p.pitch, p.width, p.height, across * 16, down * 16, BORDER, worker, workers);
    else
        surround(to.planes[which], p.chroma_pitch, (p.width + 1) / 2, (p.height + 1) / 2, across * 8, down * 8, BORDER / 2, worker,
                 workers);
}

// All bytes of a piece of memory: `count` groups of 16.
struct Reset9 {
    uint4* to;
    unsigned long long count;
    unsigned value, unused;
};
static_assert(sizeof(Reset9) == 24, "mirrored in src/vp9/native/device/args.rs");

extern "C" __global__ void vrp_vp9_reset(const __grid_constant__ Reset9 p) {
    vrp::dependency_wait();
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < p.count; i += (size_t)gridDim.x * blockDim.x)
        p.to[i] = make_uint4(p.value, p.value, p.value, p.value);
}
