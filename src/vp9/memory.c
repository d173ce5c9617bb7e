/* libvpx's four allocation functions, in place of its own (vpx_mem/vpx_mem.c): it clears what it
 * allocates by writing zeros, so an encoder for 7680x3840 begins by touching 1.4 GB of token buffer of
 * which a key frame uses a small part. calloc gives pages that are zero already and cost nothing, in
 * time or memory, until they are used. (Huge pages were tried for planes and tokens; see
 * docs/encoder.md.)
 *
 * The linker takes a member of libvpx.a only for a symbol that is still missing, so these win as long
 * as this object is linked first: shim.c refers to it for that. Blocks are those of malloc, so nothing
 * is tied to a thread. */
#include "shim.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What malloc aligns to, and libvpx's own vpx_malloc. */
#define ALIGNMENT (2 * sizeof(void *))

void *vpx_memalign(size_t align, size_t size);
void *vpx_malloc(size_t size);
void *vpx_calloc(size_t count, size_t size);
void vpx_free(void *block);

static _Atomic uint64_t allocated_blocks;

uint64_t vrp_vp9_allocated(void) { return allocated_blocks; }

void *vpx_memalign(size_t align, size_t size) {
  void *block = NULL;
  if (align <= ALIGNMENT) {
    block = malloc(size);
  } else if (posix_memalign(&block, align, size) != 0) {
    return NULL;
  }
  if (block) allocated_blocks++;
  return block;
}

void *vpx_malloc(size_t size) { return vpx_memalign(ALIGNMENT, size); }

void *vpx_calloc(size_t count, size_t size) {
  void *block = calloc(count, size);
  if (block) allocated_blocks++;
  return block;
}

void vpx_free(void *block) { free(block); }
