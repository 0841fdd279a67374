#!/bin/bash
# The hash tree of 1 GiB in the page cache: ours against `veritysetup format`,
# run alternately; medians of wall and CPU seconds, and their ratio.
# Usage: verity.sh BUILD-DIR [MEBIBYTES [RUNS]]
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
top=$(realpath "$(dirname "$0")/../..")
build=$(realpath "$1") mib=${2:-1024} runs=${3:-5}
tool=$build/tests/bench/verity_tool
command -v veritysetup >/dev/null || { echo "SKIP: veritysetup is not installed"; exit 77; }
make -C "$top" --no-print-directory O="$build" "$tool" >/dev/null
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kiln-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

salt=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
uuid=6b696c6e-0000-8000-8000-000000000001
openssl enc -aes-128-ctr -K 00 -iv 00 -nosalt -in /dev/zero 2>/dev/null |
	head -c "${mib}M" >"$tmp/data" || true
cat "$tmp/data" >/dev/null # warm

# timed FILE COMMAND...: adds a line "wall cpu" to FILE; standard output goes to $tmp/out.
timed() {
	local file=$1 TIMEFORMAT='%R %U %S'
	shift
	{ time "$@" >"$tmp/out" 2>"$tmp/log"; } 2>"$tmp/time" || { cat "$tmp/log"; exit 1; }
	awk '{ print $1, $2 + $3 }' "$tmp/time" >>"$file"
}

for _ in $(seq "$runs"); do
	rm -f "$tmp/theirs" "$tmp/ours"
	timed "$tmp/t.theirs" veritysetup format --salt "$salt" --uuid "$uuid" "$tmp/data" "$tmp/theirs"
	theirs=$(awk '/^Root hash/ { print $NF }' "$tmp/out")
	timed "$tmp/t.ours" "$tool" format "$tmp/data" "$tmp/ours" "$salt" "${uuid//-/}"
	ours=$(cat "$tmp/out")
	[ "$ours" = "$theirs" ] || { echo "FAIL root hash $ours, veritysetup says $theirs"; exit 1; }
	cmp "$tmp/ours" "$tmp/theirs" || { echo "FAIL the hash files differ"; exit 1; }
done

median() { cut -d' ' -f"$2" "$1" | sort -n | sed -n "$(((runs + 1) / 2))p"; }
awk -v mib="$mib" -v cpus="$(nproc)" \
	-v tw="$(median "$tmp/t.theirs" 1)" -v tc="$(median "$tmp/t.theirs" 2)" \
	-v ow="$(median "$tmp/t.ours" 1)" -v oc="$(median "$tmp/t.ours" 2)" 'BEGIN {
	printf "hash tree of %d MiB, %d CPUs, same bytes\n", mib, cpus
	printf "  veritysetup  wall %.3f s  cpu %.3f s\n", tw, tc
	printf "  kiln         wall %.3f s  cpu %.3f s\n", ow, oc
	printf "  ratio        wall %.1f     cpu %.1f\n", tw / ow, tc / oc
}'
