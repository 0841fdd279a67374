#!/bin/sh
# Disks of `kiln install`, with sectors of 512 and of 4096 bytes, boot alone, and their state
# takes the disk. Usage: provision_boots.sh BUILD-DIR IMAGE
set -eu
build=${1:?usage: provision_boots.sh BUILD-DIR IMAGE}
image=${2:?usage: provision_boots.sh BUILD-DIR IMAGE}
here=$(dirname "$(realpath "$0")")
top=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-provision.XXXXXX")
trap 'rm -rf "$top"' EXIT
trap 'exit 1' INT TERM
for sector in 512 4096; do
	"$build/kiln" install --size=8G --sector-size=$sector "$image" "$top/disk.raw"
	"$build/kiln" test --output "$build/lab/provision-$sector" -j1 "$top/disk.raw" "$here/sector-$sector.scn"
	rm "$top/disk.raw"
done
