#!/usr/bin/env bash
# Makes every binary of the samples and of the simulator from the drawings beside this script.
# Needs ffmpeg built with librsvg, libwebp and libx264, and the DejaVu fonts (on Debian: apt install ffmpeg fonts-dejavu-core).
set -euo pipefail
cd "$(dirname "$0")"
images=../images
clips=../../src/KlingFunctions.Simulator/Clips
quiet="-v error -nostdin -y -bitexact"

ffmpeg $quiet -i robot-front.svg -frames:v 1 -pix_fmt rgb24 $images/robot-front.png
ffmpeg $quiet -i robot-side.svg -frames:v 1 -pix_fmt yuvj420p -q:v 3 $images/robot-side.jpg
ffmpeg $quiet -i valley.svg -frames:v 1 -c:v libwebp -quality 82 $images/valley.webp
ffmpeg $quiet -i connector-icon.svg -frames:v 1 -pix_fmt rgb24 ../../infra/connector/icon.png

# The robot without its background, for the clips.
sed -e '/<rect width="768"/d' -e '/<ellipse cx="384" cy="690"/d' robot-side.svg > robot-alone.svg
trap 'rm -f robot-alone.svg' EXIT

# clip NAME WIDTH HEIGHT SECONDS: the robot walks through the valley at dusk.
clip() {
  ffmpeg $quiet \
    -loop 1 -r 24 -t "$4" -i clip-sky.svg \
    -loop 1 -r 24 -t "$4" -i clip-hills.svg \
    -loop 1 -r 24 -t "$4" -i robot-alone.svg \
    -filter_complex "
      [0]crop=$2:$3[sky];
      [2]scale=180:180[robot];
      [sky][1]overlay=x='-mod(t*64\,640)':y=H-160[far];
      [far][robot]overlay=x='W/2-90+20*sin(t*1.2)':y='H-194-6*abs(sin(t*6))'[near];
      [near]drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf:text='SIMULATED CLIP':fontcolor=white@0.9:fontsize=28:x=(w-tw)/2:y=36,
      drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:text='$1':fontcolor=white@0.75:fontsize=16:x=(w-tw)/2:y=74" \
    -t "$4" -c:v libx264 -profile:v baseline -pix_fmt yuv420p -preset veryslow -crf 27 -g 48 -movflags +faststart $clips/$1.mp4
}

for seconds in 5 10; do
  clip 16x9-${seconds}s 640 360 $seconds
  clip 9x16-${seconds}s 360 640 $seconds
  clip 1x1-${seconds}s 480 480 $seconds
done

cp $images/* ../uploads/lantern-walk/
