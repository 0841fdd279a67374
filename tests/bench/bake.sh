#!/bin/bash
# A whole bake against the peer: mmdebstrap with the same packages, mksquashfs
# with the same compression, veritysetup. Both from local files, as root, no
# caches of ours. Reports medians and ratios, peak memory of ours.
# Usage: bake.sh BUILD-DIR RECIPE [RUNS]
set -euo pipefail
build=$(realpath "$1") recipe=$(realpath "$2") runs=${3:-3}
tmp=$(mktemp -d /var/tmp/kiln-bench.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
lock=${recipe%.yaml}.lock
"$build/kiln" lock "$recipe" >/dev/null
"$build/kiln" build -q -o "$tmp/warm" "$recipe" >/dev/null 2>&1 || "$build/kiln" build -o "$tmp/warm" "$recipe" >/dev/null
rm -rf "$tmp/warm"
suite=$(sed -n 's/^suite //p' "$lock")
epoch=$(sed -n 's/^timestamp //p' "$lock")
cache=${KILN_CACHE:-$HOME/.cache/kiln}

# The peer's mirror: the very same .debs as a local repository.
mkdir -p "$tmp/repo"
while read -r _ name version arch _ _ _ sha _; do
	ln "$(find "$cache" -path "*/sha256/*/$sha")" "$tmp/repo/${name}_${version//:/%3a}_$arch.deb" 2>/dev/null ||
		cp "$(find "$cache" -path "*/sha256/*/$sha")" "$tmp/repo/${name}_${version//:/%3a}_$arch.deb"
done < <(grep '^package ' "$lock")
(cd "$tmp/repo" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null
	{ printf 'Suite: %s\nCodename: %s\nDate: %s\nSHA256:\n' "$suite" "$suite" "$(date -Ru)"
	printf ' %s %s Packages\n' "$(sha256sum <Packages | cut -d' ' -f1)" "$(stat -c %s Packages)"; } >Release)
names=$(sed -n 's/^package \([^ ]*\) .*/\1/p' "$lock" | paste -sd,)

measure() { # LABEL COMMAND...: prints "wall cpu rss_kib"
	/usr/bin/time -f '%e %U %S %M' -o "$tmp/time" "${@:2}" >"$tmp/$1.log" 2>&1 || { tail -15 "$tmp/$1.log" >&2; return 1; }
	awk '{ printf "%.2f %.2f %d\n", $1, $2 + $3, $4 }' "$tmp/time"
}
ours() { set -e; "$build/kiln" build --locked --offline -o "$tmp/ours" "$recipe"; }
peer() {
	set -e
	rm -rf "$tmp/peer" && mkdir "$tmp/peer"
	INITRD=No SOURCE_DATE_EPOCH=$epoch mmdebstrap --mode=root --variant=minbase --include="$names" --skip=check/empty \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --aptopt='Apt::Install-Recommends "false"' \
		"$suite" "$tmp/peer/root" "deb [trusted=yes] copy:$tmp/repo ./"
	mksquashfs "$tmp/peer/root" "$tmp/peer/root.squashfs" -comp zstd -Xcompression-level 9 -b 256K -noappend -quiet -no-progress
	veritysetup format "$tmp/peer/root.squashfs" "$tmp/peer/root.verity"
}
export -f ours peer
export build tmp recipe names suite epoch
for i in $(seq "$runs"); do
	measure ours bash -c ours >>"$tmp/ours.m"
	rm -rf "$tmp/ours"
	measure peer bash -c peer >>"$tmp/peer.m"
	echo "run $i: kiln $(tail -1 "$tmp/ours.m")  peer $(tail -1 "$tmp/peer.m")  (wall s, CPU s, RSS KiB)"
done
median() { sort -n -k"$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }
for c in 1 2; do
	a=$(median "$tmp/ours.m" $c) b=$(median "$tmp/peer.m" $c)
	awk -v a="$a" -v b="$b" -v what="$([ $c = 1 ] && echo wall || echo CPU)" \
		'BEGIN { printf "bake, %s: kiln %.1f s, peer %.1f s, ratio %.2f\n", what, a, b, a / b }'
done
echo "bake, peak resident memory of one kiln process: $(($(median "$tmp/ours.m" 3) / 1024)) MiB"
