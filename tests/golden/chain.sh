#!/bin/sh
# Newer selectors in real firmware: one that works, and ones that hang, come back or reset the
# machine, started by the selector on the image's ESP.
# Usage: chain.sh BUILD-DIR IMAGE-DIR CASE...
#
# Cases: good, hangs, returns, resets. The one that works is this source tree's, called
# version 9.9.9.
set -eu
build=$(cd "$1" && pwd)
image=$(cd "$2" && pwd)
shift 2
top=$(cd "$(dirname "$0")/../.." && pwd)
tool=$build/tests/golden/slot_tool
mkdir -p "$build/lab"
work=$(mktemp -d "$build/lab/chain.XXXXXX")
trap 'rm -rf "$work"' EXIT
disk=$work/disk.raw
newer=$build/chain/kiln-selector-x64.efi

make --no-print-directory -C "$top" O="$build/chain" VERSION=9.9.9 "$newer" >/dev/null

stand_in() { # which
	"$tool" payload "$work/broken.efi" "$build/fault-$1-x64.efi" selector
	"$tool" selector "$disk" "$work/broken.efi" 6.6.6
}

for case; do
	cp --sparse=always "$image"/*.raw "$disk"
	case $case in
	good) "$tool" selector "$disk" "$newer" 9.9.9 ;;
	hangs) stand_in hang ;;
	returns) stand_in return ;;
	resets)
		"$tool" selector "$disk" "$newer" 9.9.9
		"$tool" selector-good "$disk"
		stand_in reset
		;;
	*)
		echo "chain.sh: no case '$case'" >&2
		exit 2
		;;
	esac
	"$build/kiln" test -j1 --firmware="$build/ovmf/OVMF_CODE_4M.fd" --output "$build/lab/chain-$case" "$disk" "$top/tests/golden/chain/$case.scn"
done
