#!/bin/sh
# The UEFI firmware of the next Debian release: it reaches the selector in half the time, as it does
# not wait for a TPM that is not there. Most real boots use it; the rest, this machine's own.
# Usage: firmware.sh BUILD-DIR	makes BUILD-DIR/ovmf/OVMF_{CODE,VARS}_4M.fd
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/kiln-firmware.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -r "$top/recipes/base" "$work/"
cat >"$work/ovmf.yaml" <<END
name: ovmf
version: "1"
include: [base/debian.yaml]
distribution: {suite: trixie}
packages: [ovmf]
END
"$build/kiln" lock "$work/ovmf.yaml" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
# package NAME VERSION ARCH BY COMPONENT BYTES SHA256 PATH
sha256=$(sed -n 's/^package ovmf .* \([0-9a-f]\{64\}\) .*/\1/p' "$work/ovmf.lock")
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
dpkg-deb -x "$(find "$cache/store/sha256" -name "$sha256")" "$work/ovmf"
mkdir -p "$build/ovmf"
cp "$work"/ovmf/usr/share/OVMF/OVMF_VARS_4M.fd "$work"/ovmf/usr/share/OVMF/OVMF_CODE_4M.fd "$build/ovmf/"
