/* The only face of libvpx that Rust sees: flat structs of fixed-width fields and a dozen functions.
 *
 * Job: hide libvpx's configuration structs, ABI numbers and variadic controls, which differ between
 * its versions. Ownership: encoder and decoder are freed by their own _free; packets and pictures
 * lent by _packet and _picture live until the next call on the same object. Threads: an object may
 * move between threads but is used by one at a time. Functions that can fail return 0 on success
 * and otherwise fill the failure. Mirrored by ffi.rs, which tests the sizes. */
#ifndef VRPIPE_VP9_SHIM_H
#define VRPIPE_VP9_SHIM_H

#include <stdint.h>

typedef struct {
  int32_t code;       /* vpx_codec_err_t, never 0 */
  char call[32];      /* the libvpx function or control that failed */
  char message[64];   /* vpx_codec_err_to_string */
  char detail[160];   /* vpx_codec_error_detail, may be empty */
} vrp_vp9_failure;

typedef struct {
  uint32_t width, height;
  uint32_t threads;
  uint32_t lag;                /* frames looked ahead */
  uint32_t good_deadline;      /* 0 realtime, 1 good */
  int32_t cpu_used;
  uint32_t cq_level, min_quantizer, max_quantizer; /* 0..63 */
  uint32_t lossless;
  uint32_t tile_columns_log2;
  uint32_t row_mt;
  uint32_t frame_parallel;
  uint32_t sharpness;
  uint32_t static_threshold;
  uint32_t screen_content;
  uint32_t color_space;        /* vpx_color_space_t */
  uint32_t full_range;
} vrp_vp9_encoder_config;

/* A 4:2:0 picture. sample_bytes 2 means native-endian 16-bit words. */
typedef struct {
  const uint8_t *planes[3];
  int64_t strides[3];          /* bytes from a row to the next */
  uint32_t width, height;
  uint32_t depth;              /* bits per sample */
  uint32_t sample_bytes;
  uint32_t color_space, full_range;
} vrp_vp9_picture;

typedef struct {
  const uint8_t *data;
  uint64_t len;
  int64_t frame;               /* the number given to _encode */
  uint32_t key;
  uint32_t reserved;
} vrp_vp9_packet;

typedef struct vrp_vp9_encoder vrp_vp9_encoder;
typedef struct vrp_vp9_decoder vrp_vp9_decoder;

int vrp_vp9_version(void);     /* major << 16 | minor << 8 | patch */

vrp_vp9_encoder *vrp_vp9_encoder_new(const vrp_vp9_encoder_config *config, vrp_vp9_failure *failure);
/* A null picture flushes. */
int vrp_vp9_encoder_encode(vrp_vp9_encoder *encoder, const vrp_vp9_picture *picture, int64_t frame,
                           uint32_t force_key, vrp_vp9_failure *failure);
/* 1 and a packet, or 0 when there is none left. */
int vrp_vp9_encoder_packet(vrp_vp9_encoder *encoder, vrp_vp9_packet *packet);
/* A null map makes every block active. */
int vrp_vp9_encoder_active_map(vrp_vp9_encoder *encoder, const uint8_t *map, uint32_t rows,
                               uint32_t columns, vrp_vp9_failure *failure);
void vrp_vp9_encoder_free(vrp_vp9_encoder *encoder);

vrp_vp9_decoder *vrp_vp9_decoder_new(uint32_t threads, vrp_vp9_failure *failure);
int vrp_vp9_decoder_decode(vrp_vp9_decoder *decoder, const uint8_t *data, uint32_t len,
                           vrp_vp9_failure *failure);
/* 1 and a picture; 0 when there is none; -1 when it is not 4:2:0. */
int vrp_vp9_decoder_picture(vrp_vp9_decoder *decoder, vrp_vp9_picture *picture);
void vrp_vp9_decoder_free(vrp_vp9_decoder *decoder);

/* Blocks that libvpx has been given since the program began, by memory.c; _blocks ties that file to
 * this one and says the same. */
uint64_t vrp_vp9_blocks(void);
uint64_t vrp_vp9_allocated(void);

/* Sizes of the structs above, in their order, as the C compiler sees them. */
void vrp_vp9_struct_sizes(uint64_t sizes[4]);

#endif
