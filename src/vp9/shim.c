/* See shim.h. Nothing here decides anything: settings, their ranges and their reasons are in Rust. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

struct vrp_vp9_encoder {
  vpx_codec_ctx_t codec;
  vpx_codec_iter_t packets;    /* position in the packets of the last encode */
  unsigned long deadline;
};

struct vrp_vp9_decoder {
  vpx_codec_ctx_t codec;
  vpx_codec_iter_t pictures;
};

static void copy_text(char *to, size_t size, const char *from) {
  to[0] = 0;
  if (from) {
    size_t len = 0;
    for (; len + 1 < size && from[len]; len++) to[len] = from[len];
    to[len] = 0;
  }
}

static int fail(vrp_vp9_failure *failure, vpx_codec_ctx_t *codec, const char *call, vpx_codec_err_t code) {
  if (code == VPX_CODEC_OK) return 0;
  failure->code = (int32_t)code;
  copy_text(failure->call, sizeof failure->call, call);
  copy_text(failure->message, sizeof failure->message, vpx_codec_err_to_string(code));
  copy_text(failure->detail, sizeof failure->detail, codec ? vpx_codec_error_detail(codec) : NULL);
  return 1;
}

int vrp_vp9_version(void) { return vpx_codec_version(); }

uint64_t vrp_vp9_blocks(void) { return vrp_vp9_allocated(); }

/* The control macros are typed, so each needs its own call; the first failure stops the list. */
#define CONTROL(id, value)                                                                     \
  if (fail(failure, codec, #id, vpx_codec_control(codec, id, value))) return 1

static int set_controls(vpx_codec_ctx_t *codec, const vrp_vp9_encoder_config *c, vrp_vp9_failure *failure) {
  CONTROL(VP8E_SET_CPUUSED, c->cpu_used);
  CONTROL(VP8E_SET_CQ_LEVEL, c->cq_level);
  CONTROL(VP8E_SET_ENABLEAUTOALTREF, c->lag > 0 ? 1u : 0u);
  CONTROL(VP8E_SET_SHARPNESS, c->sharpness);
  CONTROL(VP8E_SET_STATIC_THRESHOLD, c->static_threshold);
  CONTROL(VP9E_SET_LOSSLESS, c->lossless);
  CONTROL(VP9E_SET_TILE_COLUMNS, (int)c->tile_columns_log2);
  CONTROL(VP9E_SET_TILE_ROWS, 0);
  CONTROL(VP9E_SET_ROW_MT, c->row_mt);
  CONTROL(VP9E_SET_FRAME_PARALLEL_DECODING, c->frame_parallel);
  CONTROL(VP9E_SET_AQ_MODE, 0u);
  CONTROL(VP9E_SET_TUNE_CONTENT, c->screen_content ? VP9E_CONTENT_SCREEN : VP9E_CONTENT_DEFAULT);
  CONTROL(VP9E_SET_COLOR_SPACE, (int)c->color_space);
  CONTROL(VP9E_SET_COLOR_RANGE, (int)c->full_range);
  return 0;
}

vrp_vp9_encoder *vrp_vp9_encoder_new(const vrp_vp9_encoder_config *c, vrp_vp9_failure *failure) {
  vpx_codec_iface_t *vp9 = vpx_codec_vp9_cx();
  vpx_codec_enc_cfg_t config;
  if (fail(failure, NULL, "vpx_codec_enc_config_default", vpx_codec_enc_config_default(vp9, &config, 0)))
    return NULL;
  config.g_w = c->width;
  config.g_h = c->height;
  config.g_profile = 0;
  config.g_threads = c->threads;
  /* Frames are numbered; see encoder.rs for why timestamps do not reach the rate control. */
  config.g_timebase.num = 1;
  config.g_timebase.den = 30;
  config.g_pass = VPX_RC_ONE_PASS;
  config.g_lag_in_frames = c->lag;
  config.g_error_resilient = 0;
  config.rc_end_usage = VPX_Q;
  config.rc_min_quantizer = c->min_quantizer;
  config.rc_max_quantizer = c->max_quantizer;
  config.rc_dropframe_thresh = 0;
  config.rc_resize_allowed = 0;
  /* Key frames come when asked for and never by themselves. One-pass libvpx puts one every
   * kf_max_dist frames even when disabled, so the distance is out of reach too. */
  config.kf_mode = VPX_KF_DISABLED;
  config.kf_min_dist = 0;
  config.kf_max_dist = 1u << 30;

  vrp_vp9_encoder *encoder = calloc(1, sizeof *encoder);
  if (!encoder) {
    fail(failure, NULL, "calloc", VPX_CODEC_MEM_ERROR);
    return NULL;
  }
  encoder->deadline = c->good_deadline ? VPX_DL_GOOD_QUALITY : VPX_DL_REALTIME;
  if (fail(failure, &encoder->codec, "vpx_codec_enc_init", vpx_codec_enc_init(&encoder->codec, vp9, &config, 0))) {
    free(encoder);
    return NULL;
  }
  if (set_controls(&encoder->codec, c, failure)) {
    vrp_vp9_encoder_free(encoder);
    return NULL;
  }
  return encoder;
}

int vrp_vp9_encoder_encode(vrp_vp9_encoder *encoder, const vrp_vp9_picture *picture, int64_t frame,
                           uint32_t force_key, vrp_vp9_failure *failure) {
  encoder->packets = NULL;
  if (!picture)
    return fail(failure, &encoder->codec, "vpx_codec_encode",
                vpx_codec_encode(&encoder->codec, NULL, 0, 0, 0, encoder->deadline));
  vpx_image_t image;
  /* libvpx has no const pictures but only reads what it is given here. */
  if (!vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture->width, picture->height, 1,
                    (unsigned char *)picture->planes[0]))
    return fail(failure, NULL, "vpx_img_wrap", VPX_CODEC_INVALID_PARAM);
  for (int plane = 0; plane < 3; plane++) {
    image.planes[plane] = (unsigned char *)picture->planes[plane];
    image.stride[plane] = (int)picture->strides[plane];
  }
  return fail(failure, &encoder->codec, "vpx_codec_encode",
              vpx_codec_encode(&encoder->codec, &image, frame, 1, force_key ? VPX_EFLAG_FORCE_KF : 0,
                               encoder->deadline));
}

int vrp_vp9_encoder_packet(vrp_vp9_encoder *encoder, vrp_vp9_packet *packet) {
  const vpx_codec_cx_pkt_t *next;
  while ((next = vpx_codec_get_cx_data(&encoder->codec, &encoder->packets))) {
    if (next->kind != VPX_CODEC_CX_FRAME_PKT) continue;
    packet->data = next->data.frame.buf;
    packet->len = next->data.frame.sz;
    packet->frame = next->data.frame.pts;
    packet->key = (next->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
    return 1;
  }
  return 0;
}

int vrp_vp9_encoder_active_map(vrp_vp9_encoder *encoder, const uint8_t *map, uint32_t rows,
                               uint32_t columns, vrp_vp9_failure *failure) {
  vpx_active_map_t active = { (unsigned char *)map, rows, columns };
  return fail(failure, &encoder->codec, "VP8E_SET_ACTIVEMAP",
              vpx_codec_control(&encoder->codec, VP8E_SET_ACTIVEMAP, &active));
}

void vrp_vp9_encoder_free(vrp_vp9_encoder *encoder) {
  if (!encoder) return;
  vpx_codec_destroy(&encoder->codec);
  free(encoder);
}

vrp_vp9_decoder *vrp_vp9_decoder_new(uint32_t threads, vrp_vp9_failure *failure) {
  vpx_codec_dec_cfg_t config = { threads, 0, 0 };
  vrp_vp9_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    fail(failure, NULL, "calloc", VPX_CODEC_MEM_ERROR);
    return NULL;
  }
  if (fail(failure, &decoder->codec, "vpx_codec_dec_init",
           vpx_codec_dec_init(&decoder->codec, vpx_codec_vp9_dx(), &config, 0))) {
    free(decoder);
    return NULL;
  }
  return decoder;
}

int vrp_vp9_decoder_decode(vrp_vp9_decoder *decoder, const uint8_t *data, uint32_t len,
                           vrp_vp9_failure *failure) {
  decoder->pictures = NULL;
  return fail(failure, &decoder->codec, "vpx_codec_decode",
              vpx_codec_decode(&decoder->codec, data, len, NULL, 0));
}

int vrp_vp9_decoder_picture(vrp_vp9_decoder *decoder, vrp_vp9_picture *picture) {
  const vpx_image_t *image = vpx_codec_get_frame(&decoder->codec, &decoder->pictures);
  if (!image) return 0;
  if (image->fmt != VPX_IMG_FMT_I420 && image->fmt != VPX_IMG_FMT_I42016) return -1;
  for (int plane = 0; plane < 3; plane++) {
    picture->planes[plane] = image->planes[plane];
    picture->strides[plane] = image->stride[plane];
  }
  picture->width = image->d_w;
  picture->height = image->d_h;
  picture->depth = image->bit_depth;
  picture->sample_bytes = image->fmt == VPX_IMG_FMT_I42016 ? 2 : 1;
  picture->color_space = (uint32_t)image->cs;
  picture->full_range = image->range == VPX_CR_FULL_RANGE;
  return 1;
}

void vrp_vp9_decoder_free(vrp_vp9_decoder *decoder) {
  if (!decoder) return;
  vpx_codec_destroy(&decoder->codec);
  free(decoder);
}

void vrp_vp9_struct_sizes(uint64_t sizes[4]) {
  sizes[0] = sizeof(vrp_vp9_failure);
  sizes[1] = sizeof(vrp_vp9_encoder_config);
  sizes[2] = sizeof(vrp_vp9_picture);
  sizes[3] = sizeof(vrp_vp9_packet);
}
