#!/bin/bash
# A stranger installs the same packages: mmdebstrap, given the .debs of the demo
# image's lock, makes a root that differs from ours only where listed below.
# Usage: mmdebstrap_agrees.sh BUILD-DIR [RECIPE-NAME]
set -euo pipefail
build=$(realpath "$1") name=${2:-demo}
top=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d /var/tmp/kiln-mmdebstrap.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
for t in mmdebstrap dpkg-scanpackages unsquashfs python3; do
	command -v $t >/dev/null || { echo "missing program: $t"; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP: comparing owners of files needs root"; exit 77; }

squashfs=$(echo "$build/bake/$name"/*/*.root.squashfs)
[ -f "$squashfs" ] || { echo "no bake of $name in $build/bake (make bakes)"; exit 1; }
lock=${LOCK:-$top/recipes/$name.lock}
cache=${KILN_CACHE:-$HOME/.cache/kiln}

# A mirror of exactly the packages of the lock, out of kiln's store.
python3 - "$lock" "$cache" "$tmp/repo" "$tmp/include" <<'EOF'
import os, re, sys
lock, cache, repo, include = sys.argv[1:]
os.makedirs(repo)
store = {f: os.path.join(d, f) for d, _, files in os.walk(cache) for f in files}
names = []
for line in open(lock):
    w = line.split()
    if not w or w[0] != "package":
        continue
    sha = next(x for x in w if re.fullmatch("[0-9a-f]{64}", x))
    where = store.get(sha) or store.get(sha + ".deb") or store.get(sha[2:])
    if not where:
        sys.exit("not in the store: " + line)
    os.symlink(where, f"{repo}/{w[1]}_{len(names)}.deb")
    names.append(w[1])
open(include, "w").write(",".join(names))
print(len(names), "packages")
EOF
suite=$(sed -n 's/^suite //p' "$lock")
(cd "$tmp/repo" && dpkg-scanpackages -m . /dev/null >Packages 2>"$tmp/scan.log")
epoch=$(sed -n 's/^timestamp //p' "$lock")
INITRD=No SOURCE_DATE_EPOCH=$epoch mmdebstrap --quiet --mode=root --variant=custom \
	--include="$(cat "$tmp/include")" --aptopt='Apt::Install-Recommends "false"' \
	--aptopt='APT::Sandbox::User "root"' \
	--setup-hook='mkdir -p "$1/usr/bin" "$1/usr/sbin" "$1/usr/lib" "$1/usr/lib64"; for d in bin sbin lib lib64; do ln -s usr/$d "$1/$d"; done' \
	"$suite" "$tmp/theirs.tar" "deb [trusted=yes] copy:$tmp/repo ./" >"$tmp/mm.log" 2>&1 || {
	tail -30 "$tmp/mm.log"
	exit 1
}
unsquashfs -quiet -no-progress -d "$tmp/ours" "$squashfs" >/dev/null
dpkg --root="$tmp/ours" --audit >"$tmp/audit"
[ ! -s "$tmp/audit" ] || { echo "dpkg --audit:"; cat "$tmp/audit"; exit 1; }
python3 "$top/tests/golden/mmdebstrap_compare.py" "$tmp/ours" "$tmp/theirs.tar"
