#!/bin/sh
# kiln install against `dd oflag=direct bs=4M conv=fsync` of the same image to the same file:
# medians of 5, taken in turns, from an image that no cache holds. dd checks nothing; kiln
# verifies the image, writes, reads everything back to the signed root hash. First the image as
# it is, whose empty slot and state dd writes as zeroes; then one with so much in its root that
# there is hardly a hole.
#
# Usage: provision.sh BUILD-DIR IMAGE
set -eu
build=$(realpath "${1:?usage: provision.sh BUILD-DIR IMAGE}")
image=$(realpath "${2:?usage: provision.sh BUILD-DIR IMAGE}")
runs=5
top=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench.XXXXXX")
trap 'rm -rf "$top"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C

median() { sort -n "$1" | sed -n "$(((runs + 1) / 2))p"; }
now() { date +%s%N; }
forget() { dd if="$1" iflag=nocache count=0 status=none; } # in the page cache

# Both write over a file of the image's size that is all there, as a disk is.
compare() { # NAME IMAGE
	bytes=$(stat -c %s "$2")
	data=$(($(du -k "$2" | cut -f1) / 1024))
	fallocate -l "$bytes" "$top/target"
	dd if=/dev/zero of="$top/target" bs=4M count=$((bytes >> 22)) conv=notrunc,fsync status=none
	: >"$top/dd"
	: >"$top/kiln"
	for i in $(seq $runs); do
		forget "$2"
		a=$(now)
		dd if="$2" of="$top/target" oflag=direct bs=4M conv=fsync,notrunc status=none
		b=$(now)
		forget "$2"
		c=$(now)
		"$build/kiln" install --yes "$2" "$top/target" >"$top/said"
		d=$(now)
		echo $(((b - a) / 1000000)) >>"$top/dd"
		echo $(((d - c) / 1000000)) >>"$top/kiln"
	done
	dd=$(median "$top/dd")
	kiln=$(median "$top/kiln")
	echo "$1: $((bytes >> 20)) MiB, $data of them data"
	echo "  dd            $dd ms  $((bytes / 1049 / dd)) MiB/s  ($(tr '\n' ' ' <"$top/dd"))"
	echo "  kiln install  $kiln ms  $((bytes / 1049 / kiln)) MiB/s  ($(tr '\n' ' ' <"$top/kiln"))"
	sed -n 's/^  \(wrote\|read back\)/     &/p' "$top/said"
	echo "  dd / kiln     $((dd * 100 / kiln)) %"
	rm "$top/target"
}

compare "as built" "$image"

mkdir "$top/recipe"
cp "$(dirname "$0")/dense.yaml" "$top/recipe/"
head -c 512M /dev/urandom >"$top/recipe/noise"
"$build/kiln" -q build -o "$top/out" "$top/recipe/dense.yaml" >"$top/log" 2>&1 || { cat "$top/log"; exit 1; }
compare "dense" "$(ls "$top"/out/*/*.raw)"
