#!/usr/bin/env bash
# Makes the clips that the tests of src/gpu/nvdec decode, and beside each what software makes of it:
# NAME.sha256 holds one line per shown frame, the SHA-256 of its NV12 or P010 bytes without padding.
# Needs ffmpeg with libx264, libx265, libvpx and libsvtav1; seconds of work, 3 MB.
# usage: make_clips.sh OUT_DIR [BIG_CLIP...]   BIG_CLIP: an 8K file; its first 8 frames are hashed
set -euo pipefail
out=${1:?output folder}
shift
mkdir -p "$out"
ff() { ffmpeg -nostdin -v error -y "$@"; }
src() { echo "testsrc2=size=$1:rate=30000/1001:duration=$2,noise=alls=6:all_seed=7"; }
x265() { echo "log-level=error:pools=2:keyint=20:min-keyint=20:$1"; }

ff -f lavfi -i "$(src 704x288 1.6)" -pix_fmt yuv420p -c:v libx264 -preset fast -g 15 -bf 3 "$out/h264.mp4"
ff -f lavfi -i "$(src 320x180 1)" -pix_fmt yuv420p -c:v libx264 -preset fast -g 15 "$out/h264_180.mp4"
ff -f lavfi -i "$(src 640x352 1)" -pix_fmt yuv420p -c:v libx264 -preset fast -g 15 \
    -bsf:v h264_metadata=crop_left=32:crop_top=8:crop_right=6:crop_bottom=4 "$out/h264_crop.mkv"
ff -f lavfi -i "$(src 704x576 1)" -pix_fmt yuv420p -c:v libx264 -preset fast -g 15 -flags +ilme+ildct \
    -x264-params tff=1 "$out/h264_interlaced.mkv"
ff -f lavfi -i "$(src 704x288 2)" -pix_fmt yuv420p -c:v libx265 -preset fast -x265-params "$(x265 open-gop=1)" \
    -tag:v hvc1 "$out/hevc.mp4"
ff -f lavfi -i "$(src 640x360 2)" -pix_fmt yuv420p10le -c:v libx265 -preset fast \
    -x265-params "$(x265 open-gop=0)" "$out/hevc10.mkv"
ff -f lavfi -i "$(src 704x288 1.6)" -pix_fmt yuv420p -c:v libx264 -preset fast -g 15 -keyint_min 15 -bf 3 \
    -x264-params open-gop=1 "$out/h264_open.mp4"
# Hidden frames, shown later by a packet of one byte.
for pass in 1 2; do
    ff -f lavfi -i "$(src 352x288 3)" -pix_fmt yuv420p -c:v libvpx-vp9 -deadline good -cpu-used 4 \
        -lag-in-frames 25 -auto-alt-ref 6 -b:v 300k -g 40 -pass $pass -passlogfile "$out/pass" "$out/vp9.webm"
done
rm -f "$out"/pass*
ff -f lavfi -i "$(src 352x288 1)" -vf scale=353:287 -pix_fmt yuv420p -c:v libvpx-vp9 -deadline good -cpu-used 5 \
    -b:v 400k -g 25 "$out/vp9_odd.webm"
ff -f lavfi -i "$(src 352x288 1)" -pix_fmt yuv420p10le -c:v libvpx-vp9 -profile:v 2 -deadline realtime \
    -cpu-used 8 -b:v 400k -g 25 "$out/vp9_10bit.webm"
ff -f lavfi -i "$(src 352x288 1)" -pix_fmt yuv420p -c:v libsvtav1 -preset 12 -g 25 "$out/av1.mp4" 2>/dev/null

# hashes CLIP NAME PIXEL_FORMAT [more options of ffmpeg]
hashes() {
    local clip=$1 name=$2 format=$3
    shift 3
    ff -i "$clip" -map 0:v:0 "$@" -fps_mode passthrough -pix_fmt "$format" -c:v rawvideo \
        -f framehash -hash sha256 - | sed '/^#/d; s/.*, *//' >"$out/$name.sha256"
}
for clip in "$out"/*.mp4 "$out"/*.mkv "$out"/*.webm; do
    name=$(basename "$clip")
    case $name in *10*) format=p010le ;; *) format=nv12 ;; esac
    hashes "$clip" "$name" "$format"
done
for clip in "$@"; do
    hashes "$clip" "$(basename "$clip")" p010le -frames:v 8
done
wc -l "$out"/*.sha256
