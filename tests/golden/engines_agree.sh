#!/bin/bash
# The fast engine and dpkg itself make the same root: the bakes of demo and
# demo-trixie (fast) are repeated with the faithful engine from the same lock,
# and the squashfs images compared byte for byte. On a mismatch the differing
# paths are listed with the packages that own them.
# Usage: engines_agree.sh BUILD-DIR [RECIPE-NAME...]
set -euo pipefail
build=$(realpath "$1")
shift
top=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d /var/tmp/kiln-engines.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
[ $# -gt 0 ] || set -- demo demo-trixie

list() # SQUASHFS: one line per path with everything but the time, and content hashes
{
	unsquashfs -quiet -no-progress -d "$tmp/x" "$1" >"$tmp/unsquashfs.log" 2>&1 ||
		[ "$(id -u)" != 0 ] || { cat "$tmp/unsquashfs.log" >&2; return 1; }
	(cd "$tmp/x" && find . -printf '%P %y %m %U %G %T@ %l\n' | sort &&
		find . -type f -print0 | sort -z | xargs -0 sha256sum)
	chmod -R u+rwX "$tmp/x" && rm -rf "$tmp/x"
}

bad=0
for name; do
	fast=$(echo "$build/bake/$name"/*/*.root.squashfs)
	[ -f "$fast" ] || { echo "no bake of $name in $build/bake (make bakes)"; exit 1; }
	"$build/kiln" build --engine faithful --locked --offline -o "$tmp/out" \
		"$top/recipes/$name.yaml" >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
	faithful=$(echo "$tmp/out"/*/*.root.squashfs)
	if cmp -s "$fast" "$faithful"; then
		echo "ok: $name: both engines, $(stat -c %s "$fast") bytes"
	else
		echo "$name: the engines differ (< fast, > faithful):"
		diff <(list "$fast") <(list "$faithful") | head -40 || true
		bad=1
	fi
	rm -rf "$tmp/out"
done
exit $bad
