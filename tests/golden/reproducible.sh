#!/bin/bash
# Two bakes of one lock, in different directories, as different users, with
# another umask, time zone, locale and clock, give the same bytes. On a mismatch
# the differing file inside the root and its package are named.
# Usage: reproducible.sh BUILD-DIR RECIPE ARTEFACT-DIR-OF-THE-FIRST-BAKE
set -euo pipefail
build=$(realpath "$1") recipe=$(realpath "$2") first=$(realpath "$3")
top=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d /var/tmp/kiln-reproducible.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# The other user's world: own home, cache and keys (copies: keys are private).
mkdir -p "$tmp/home/work/elsewhere" "$tmp/home/.cache"
cp -a "${KILN_KEYS:-$HOME/.config/kiln/keys}" "$tmp/home/keys"
cp -al "${KILN_CACHE:-$HOME/.cache/kiln}" "$tmp/home/.cache/kiln" 2>/dev/null ||
	cp -a "${KILN_CACHE:-$HOME/.cache/kiln}" "$tmp/home/.cache/kiln"
cp -a "$top/recipes" "$tmp/home/work/elsewhere/recipes"
cp "${recipe%.yaml}.lock" "$tmp/home/work/elsewhere/recipes/$(realpath --relative-to="$top/recipes" "${recipe%.yaml}.lock")"
mkdir "$tmp/bin" && cp -a "$build"/{kiln,kiln-init,slotctl,kiln-fetch,kiln-selector-x64.efi,kiln-stub-x64.efi,units} "$tmp/bin/"
[ "$(id -u)" != 0 ] || chown -R 54321:54321 "$tmp/home"

rel=$(realpath --relative-to="$top/recipes" "$recipe")
# shellcheck disable=SC2016
"$top/tests/as-user" "$tmp/home" env KILN_KEYS="$tmp/home/keys" KILN_CACHE="$tmp/home/.cache/kiln" \
	TZ=Pacific/Chatham LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 SOURCE_DATE_EPOCH=1 \
	FAKETIME='+400d' bash -c '
	umask 077
	cd "$1/home/work/elsewhere"
	faketime -f "$FAKETIME" "$1/bin/kiln" build --locked --offline -o "$1/home/out" "recipes/$2"
' sh "$tmp" "$rel" >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }

second=$(echo "$tmp"/home/out/*/)
bad=0
n=0
for f in "$first"/*; do
	n=$((n + 1))
	cmp -s "$f" "$second/$(basename "$f")" || { echo "differs: $(basename "$f")"; bad=1; }
done
[ "$n" -ge 9 ] || { echo "only $n artefacts found in $first"; exit 1; }
[ "$(ls "$first" | wc -l)" = "$(ls "$second" | wc -l)" ] || { echo "the sets of artefacts differ"; bad=1; }
if [ $bad = 1 ]; then
	for i in 1 2; do
		d=$first
		[ $i = 1 ] || d=$second
		mkdir -p "$tmp/x$i"
		unsquashfs -quiet -no-progress -d "$tmp/x$i/r" "$d"/*.root.squashfs >/dev/null 2>&1 || true
		(cd "$tmp/x$i/r" && find . -printf '%P %y %m %U %G %s %T@ %l\n' | sort >"$tmp/x$i/list"
		 find . -type f -print0 | sort -z | xargs -0 sha256sum >>"$tmp/x$i/list")
	done
	diff "$tmp/x1/list" "$tmp/x2/list" | head -40 || true
	diff "$tmp/x1/list" "$tmp/x2/list" | sed -n 's/^[<>] [0-9a-f]*  *\.\/\(.*\)$/\1/p' | sort -u | while read -r path; do
		owner=$(grep -lxE "/?${path#usr}|/$path" "$tmp/x1/r/var/lib/dpkg/info/"*.list 2>/dev/null | head -1 || true)
		echo "file /$path of package $(basename "${owner:-none}" .list)"
	done
	exit 1
fi
echo "$n artefacts are the same, byte for byte, as root and as uid 54321 in another place and time"
