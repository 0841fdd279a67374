#!/bin/bash
# What an update fetches, against the peers: everything, zchunk, and casync with
# chunks of 16 and of 64 KiB on average, over the same UKI, root and signature. Three
# steps between versions: one changed file; that and one more package; and all updates
# that the suite had since its last point release (packages of the release itself
# against those with updates and security), without and with a kernel among them.
# Usage: bundle.sh BUILD-DIR RECIPE
set -euo pipefail
export LC_ALL=C
build=$(realpath "$1") recipe=$(realpath "$2")
top=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
for tool in casync zck zck_delta_size; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done

name=$(basename "$recipe" .yaml)
cp -a "$top/recipes" "$tmp/recipes"
cd "$tmp/recipes"
"$build/kiln" lock "$name.yaml" >/dev/null 2>&1
# variant NAME VERSION LINES: a recipe beside the first one, with its packages where it can.
variant() {
	printf 'include: [%s.yaml]\nversion: "%s"\n%s\n' "$name" "$2" "$3" >"$1.yaml"
	[ "$1" = release ] || cp "$name.lock" "$1.lock"
}
file='files: [{path: /etc/motd, content: "another day\n"}]'
variant now 1.0 ''
variant file 1.1 "$file"
variant package 1.2 "$file
packages: [tree]"
variant release 0.8 'distribution: {updates: false, security: false}'
"$build/kiln" lock release.yaml >/dev/null 2>&1
kernel=$(sed -n 's/^package \(linux-image-[0-9][^ ]*\) .*/\1/p' release.lock)
variant same-kernel 1.3 "kernel: {package: $kernel}"

for v in now file package release same-kernel; do
	"$build/kiln" build -q -o "$tmp/out" "$v.yaml" >"$tmp/log" 2>&1 || { tail -20 "$tmp/log"; exit 1; }
	set -- "$tmp/out"/*/
	mv "$1" "$tmp/$v"
	cat "$tmp/$v"/*.efi "$tmp/$v"/*.root.squashfs "$tmp/$v"/*.verity-sig.json >"$tmp/$v.blob"
	zck -o "$tmp/$v.zck" "$tmp/$v.blob"
	for size in 16 64; do
		casync make --store="$tmp/$v.$size" --chunk-size=$((size * 1024)) "$tmp/$v.$size.caibx" "$tmp/$v.blob" >/dev/null
	done
done

# casync fetches the chunks, compressed, that are not in the old version, and the index.
casync_bytes() { # FROM TO SIZE
	{ (cd "$tmp/$1.$3" && find . -name '*.cacnk' -printf 'old %P 0\n')
	  (cd "$tmp/$2.$3" && find . -name '*.cacnk' -printf 'new %P %s\n'); } |
		awk -v sum="$(stat -c %s "$tmp/$2.$3.caibx")" \
			'$1 == "old" { have[$2] = 1 } $1 == "new" && !have[$2] { sum += $3 } END { printf "%d", sum }'
}
# zchunk fetches a header with its index, then chunks.
zchunk_bytes() {
	local header
	header=$(zck_read_header -v "$tmp/$2.zck" | sed -n 's/^Header size: //p')
	zck_delta_size "$tmp/$1.zck" "$tmp/$2.zck" | awk -v h="$header" '/^Would download/ { printf "%d", $3 + h }'
}
ours_bytes() { "$build/kiln" inspect --json --since "$tmp/$1"/*.kiln "$tmp/$2"/*.kiln | sed -n 's/.*"fetched_bytes": \([0-9]*\).*/\1/p'; }

bad=0
printf '%-28s %9s %9s %9s %9s %9s\n' 'fetched, MiB (times kiln)' kiln casync16 casync64 zchunk everything
row() { # LABEL FROM TO
	local ours all
	ours=$(ours_bytes "$2" "$3")
	all=$(stat -c %s "$tmp/$3"/*.kiln)
	awk -v l="$1" -v o="$ours" -v a="$(casync_bytes "$2" "$3" 16)" -v b="$(casync_bytes "$2" "$3" 64)" \
		-v z="$(zchunk_bytes "$2" "$3")" -v e="$all" 'BEGIN {
		m = 1048576
		printf "%-28s %9.2f %9.2f %9.2f %9.2f %9.2f\n", l, o / m, a / m, b / m, z / m, e / m
		printf "%-28s %9s %9.2f %9.2f %9.2f %9.1f\n", "", "", a / o, b / o, z / o, e / o
		exit !(o > 0 && o <= a && o <= b && o <= z && o <= e) }' || bad=1
}
row 'one file' now file
row 'one file, one package' now package
row 'updates of the suite' release same-kernel
row 'updates and a kernel' release now
[ $bad = 0 ] || { echo "FAIL a peer fetches less"; exit 1; }
