#!/usr/bin/env bash
# Mattes a clip, verifies the result and draws a contact sheet. usage: demo.sh [INPUT]
# Without INPUT it makes a short side-by-side stereo clip of its own: from the test clip of a real
# person where that lies beside the checkout, else a drawn figure before a green screen.
set -euo pipefail
cd "$(dirname "$0")/.."
vrpipe=target/release/vrpipe
mkdir -p demo

ff() { ffmpeg -v error -nostdin -y "$@"; }

# A figure with head, hair and shoulders that sways before a green screen; the right eye sees it
# a few pixels further left.
draw_figure() {
  local head='lt(pow((X-200)/70,2)+pow((Y-160)/92,2),1)' body='lt(pow((X-200)/175,2)+pow((Y-490)/225,2),1)'
  local neck='between(X,168,232)*between(Y,220,300)' hair='lt(pow((X-200)/78,2)+pow((Y-130)/84,2),1)*lt(Y,120)'
  local eye='(lt(pow((X-172)/10,2)+pow((Y-160)/6,2),1)+lt(pow((X-228)/10,2)+pow((Y-160)/6,2),1))'
  local mouth='lt(pow((X-200)/24,2)+pow((Y-212)/6,2),1)' skin='(1-0.25*abs(X-185)/90)'
  pick() { echo "if($eye,$1,if($mouth,$2,if($hair,$3,if($head+$neck,$4*$skin,$5*(1-0.3*Y/480)))))"; }
  ff -f lavfi -i "color=black:s=400x480,format=rgba,geq=r='$(pick 30 150 60 224 90)':g='$(pick 30 70 40 172 40)':b='$(pick 40 70 30 140 60)':a='255*gt($head+$neck+$hair+$body,0)',gblur=1" \
    -frames:v 1 demo/figure.png
  local screen="color=0x28b446:s=640x640:r=30:d=3"
  ff -f lavfi -i "$screen" -loop 1 -r 30 -i demo/figure.png -filter_complex "
      [0]noise=alls=4:allf=t,split[bl][br]; [1]split[fl][fr];
      [bl][fl]overlay=x='124+60*sin(2*t)':y=160:shortest=1[l]; [br][fr]overlay=x='112+60*sin(2*t)':y=160:shortest=1[r];
      [l][r]hstack,format=yuv420p" -c:v libx264 -g 30 -t 3 "$1"
}

model=yes
if ! $vrpipe model list >/dev/null 2>&1; then
  echo "No network weights found; trying to download them (15 MB)."
  $vrpipe model fetch mobilenetv3 || model=no
fi

person=../shared/media/carphone_pristine.mp4
matte=(--matte rvm)
if [ $# -gt 0 ]; then
  input=$1
  [ $model = yes ] || { echo "No weights and no download: keying by the colour of a screen instead of by the network."; matte=(--matte chroma); }
elif [ $model = yes ] && [ -f $person ]; then
  input=demo/person_SBS.mp4
  ff -i $person -vf "scale=704:576:flags=bicubic,split[l][r];[r]scroll=hpos=0.02[rs];[l][rs]hstack" -c:v libx264 -g 30 -crf 18 $input
else
  input=demo/figure_SBS.mp4
  draw_figure $input
  [ $model = yes ] || { echo "No weights and no download: keying the green screen of a drawn clip instead of using the network."; matte=(--matte chroma); }
fi

name=$(basename "${input%.*}")
output=demo/$name.webm sheet=demo/$name.png
$vrpipe run "$input" -o "$output" "${matte[@]}" --overwrite
$vrpipe verify "$output" --against "$input"
$vrpipe sheet "$output" --input "$input" -o "$sheet"
echo
echo "Output:        $output"
echo "Contact sheet: $sheet   (input, matte, composite)"
