#!/bin/sh
# Stands in for ffmpeg in tests; misbehaves as the name it is called by says.
mode=$(basename "$0")
if [ "$1" = -version ]; then
    case $mode in
        never_says_its_version) sleep 1000 ;;
        has_no_version) echo "cannot load libavcodec" >&2; exit 127 ;;
        old) echo "libavcodec     58.134.100 / 58.134.100" ;;
        *) echo "libavcodec     59. 37.100 / 59. 37.100" ;;
    esac
    exit 0
fi
case $mode in
    sleeps) sleep 1000 ;;
    stubborn) trap '' PIPE TERM INT HUP; while :; do sleep 1000; done ;;
    garbage) exec yes garbage ;;
    fails) echo "no such decoder" >&2; exit 1 ;;
    chatters) while :; do echo "a complaint without end"; done >&2 ;;
    old) for option; do case $option in -vsync|-fps_mode) echo "got $option" >&2 ;; esac; done; exit 3 ;;
    gives_every_second)
        shift_last() { unset kept; for option; do [ "$option" = pipe:1 ] || kept="$kept $option"; done; }
        shift_last "$@"
        # The options of the command hold no spaces.
        exec ffmpeg $kept -vf "select=not(mod(n\,2))" pipe:1 ;;
    dies_midway) ffmpeg "$@" | head -c 20000; exit 7 ;;
    ends_midway) ffmpeg "$@" | head -c 20000; exit 0 ;;
    lingers) ffmpeg "$@"; exec 1>&-; sleep 1000 ;;
esac
