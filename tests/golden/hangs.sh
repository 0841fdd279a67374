#!/bin/sh
# Whatever hangs, the machine comes back by itself, and the boot was counted.
# Usage: hangs.sh BUILD-DIR IMAGE-DIR CASE...
#
# Cases: early-init for an image with watchdog drivers; unfed, guard for one without
# (Debian's cloud kernel). A kernel that hangs is one of `kiln test --faults`; a systemd that
# crashed reboots by itself (08-systemd-crashes).
set -eu
build=$(cd "$1" && pwd)
image=$(cd "$2" && pwd)
shift 2
scenarios=$(cd "$(dirname "$0")/hangs" && pwd)
tool=$build/tests/golden/slot_tool
mkdir -p "$build/lab"
work=$(mktemp -d "$build/lab/hangs.XXXXXX")
trap 'rm -rf "$work"' EXIT
disk=$(echo "$image"/*.raw)
uki=$(echo "$image"/*.efi)

play() { # disk, scenarios
	d=$1
	shift
	"$build/kiln" test -j2 --firmware="$build/ovmf/OVMF_CODE_4M.fd" --output "$build/lab/hangs-$case" "$d" "$@"
}

# The image in slot a, confirmed; in slot b, first in line and with one try, a file.
beside() {
	cp --sparse=always "$disk" "$work/disk.raw"
	"$tool" good "$work/disk.raw" a
	"$tool" write "$work/disk.raw" b "$1" 1
}

for case; do
	case $case in
	early-init)
		"$tool" words "$work/words.efi" "$uki" hanging.unguarded
		"$tool" init "$work/b.efi" "$work/words.efi" "$build/tests/golden/hanging_init"
		beside "$work/b.efi"
		play "$work/disk.raw" "$scenarios/early-init.scn"
		;;
	guard)
		"$tool" init "$work/b.efi" "$uki" "$build/tests/golden/hanging_init"
		beside "$work/b.efi"
		play "$work/disk.raw" "$scenarios/guard.scn"
		;;
	unfed)
		"$tool" words "$work/a.efi" "$uki" kiln.watchdog=i6300esb
		cp --sparse=always "$disk" "$work/disk.raw"
		"$tool" write "$work/disk.raw" a "$work/a.efi" good
		play "$work/disk.raw" "$scenarios/unfed.scn"
		;;
	*)
		echo "hangs.sh: no case '$case'" >&2
		exit 2
		;;
	esac
done
