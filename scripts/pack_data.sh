#!/usr/bin/env bash
# Pack what train_lite.py reads into parts that travel one by one: DAVIS train at 360p, the photographs, the cut-outs.
# usage: pack_data.sh DATA STAMPS OUT [SIZE]    (SIZE of a part, as split has it: 56M by default; takes GNU tar)
# There: cat part-* | tar --extract    makes data/DAVIS, data/images and stamps
set -euo pipefail
data=${1:?the folder that holds DAVIS/ and images/} stamps=${2:?a folder of cut-outs with transparency}
out=${3:?the folder for the parts} size=${4:-56M}
mkdir -p "$out"
rm -f "$out"/part-*
cut_outs=$(mktemp)
trap 'rm -f "$cut_outs"' EXIT
(cd "$stamps" && find . \( -name '*.png' -o -name '*.webp' \) -print0 | LC_ALL=C sort --zero-terminated) >"$cut_outs"
tar --create --dereference --sort=name --transform 's,^\./,stamps/,' --transform 's,^\(DAVIS\|images\)\b,data/\1,' \
    --directory "$data" DAVIS/JPEGImages/360p DAVIS/Annotations/360p DAVIS/ImageSets images \
    --directory "$stamps" --null --files-from "$cut_outs" |
    split --bytes="$size" --numeric-suffixes=1 - "$out/part-"
ls -l "$out"
