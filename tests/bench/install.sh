#!/bin/bash
# slotctl install against its peers: one version, of which the machine has nothing, from a file in
# the page cache into an empty slot of one disk behind loop devices. Medians of 5, in turns.
#
#	dd		parts one after the other, oflag=direct bs=4M conv=fsync: checks nothing
#	careful	the same, then each part read around the page cache through sha256sum
#	slotctl	signature, each chunk's hash before it is written, all of it read back from the
#			medium to the signed root hash and hashes; the hash tree is made on the way
#	RAUC		signature over the bundle's SHA-256 (format plain, which needs no device-mapper);
#			nothing is read back
#	SWUpdate	signature over its description, each part's SHA-256 while it is written; nothing
#			is read back
#
# Root, for loop devices and mounts, which are seen by nobody else; all is released at the end.
# Usage: install.sh BUILD-DIR ARTEFACT-DIRECTORY; RUNS=1 to try it out
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
[ $# = 2 ] || { echo "usage: install.sh BUILD-DIR ARTEFACT-DIRECTORY" >&2; exit 2; }
build=$(realpath "$1") demo=$(realpath "$2") here=$(realpath "$(dirname "$0")")
runs=${RUNS:-5}
for tool in rauc swupdate cpio dbus-daemon losetup sfdisk mksquashfs openssl; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed: ./setup bench"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for loop devices"; exit 77; }
losetup -f >/dev/null 2>&1 || { echo "SKIP: there are no loop devices here"; exit 77; }
grep -qw squashfs /proc/filesystems || { echo "SKIP: RAUC mounts squashfs, which this kernel does not"; exit 77; }
if [ "${BENCH_UNSHARED:-}" != 1 ]; then
	BENCH_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi
make -C "$here/../.." --no-print-directory O="$build" "$build/tests/slotctl/device" >/dev/null

top=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench.XXXXXX")
loops=() daemons=()
release() {
	for p in "${daemons[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	umount "$top"/mnt/* 2>/dev/null || true
	for l in "${loops[@]}"; do losetup -d "$l" 2>/dev/null || true; done
	loops=() daemons=()
}
trap 'release; rm -rf "$top"' EXIT
trap 'exit 1' INT TERM
cd "$top"

# loop VARIABLE WORDS...: a loop device around every cache.
loop() {
	local dev
	dev=$(losetup -f --show --direct-io=on "${@:2}")
	loops+=("$dev")
	printf -v "$1" %s "$dev"
}

# ---- the machine: a disk with the image's table and nothing in it ---------------------------
partition() { # NAME: losetup's words for it
	sfdisk -d disk | sed -n "s/.*start= *\([0-9]*\), size= *\([0-9]*\),.*name=\"$1\".*/\1 \2/p" |
		{ read -r start size; echo "-o $((start * 512)) --sizelimit $((size * 512)) disk"; }
}
make_machine() { # ARTEFACT-DIRECTORY
	local raw mib
	raw=$(ls "$1"/*.raw)
	mib=$(($(stat -c %s "$raw") >> 20))
	fallocate -l "${mib}M" disk
	dd if="$raw" of=disk bs=1M count=1 conv=notrunc status=none
	dd if="$raw" of=disk bs=1M skip=$((mib - 1)) seek=$((mib - 1)) conv=notrunc status=none
	loop whole disk
	# shellcheck disable=SC2046 # several words
	{ loop boot $(partition boot-b); loop root $(partition root-b); loop verity $(partition verity-b); }
	mkdir -p run
	openssl pkcs7 -inform DER -print_certs -in "$1"/*.p7s | sed -n '/BEGIN/,/END/p' >run/trusted.pem
	printf 'NAME=%s\nARCH=amd64\nVERSION=0.9\nSTATE=1-1\n' "$(basename "$raw" | cut -d_ -f1)" >run/update.conf
}
# An empty slot, and the boot state of a machine that never had another version. Zeroes are written:
# a file with holes is no disk.
reset() {
	for l in $boot $root $verity; do
		dd if=/dev/zero of="$l" bs=1M count=$(($(blockdev --getsize64 "$l") >> 20)) oflag=direct status=none
	done
	"$build/tests/slotctl/device" run disk "$whole" fresh 0.9 0 boot confirm
	rm -rf rauc.status
	sync disk run/*
	for l in "${loops[@]}"; do blockdev --flushbufs "$l"; done
}

# ---- the same content for everyone ----------------------------------------------------------
make_keys() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3650 -subj /CN=bench \
		-addext extendedKeyUsage=emailProtection -addext keyUsage=digitalSignature 2>/dev/null
}
make_parts() { # ARTEFACT-DIRECTORY
	mkdir -p parts
	cp "$1"/*.efi parts/boot.img
	cp "$1"/*.root.squashfs parts/root.img
	cp "$1"/*.root.verity parts/verity.img
	cp "$1"/*.kiln bundle.kiln
}
make_rauc() {
	mkdir -p mnt
	{ printf '[update]\ncompatible=bench\nversion=1\n[bundle]\nformat=plain\n'
	  for p in boot root verity; do printf '[image.%s]\nfilename=%s.img\n' $p $p; done; } >parts/manifest.raucm
	rauc --cert=cert.pem --key=key.pem bundle parts bundle.raucb >log 2>&1
	rm parts/manifest.raucm
	{ printf '[system]\ncompatible=bench\nbootloader=noop\nstatusfile=%s/rauc.status\nmountprefix=%s/mnt\n' "$top" "$top"
	  printf '[keyring]\npath=%s/cert.pem\n[slot.root.0]\ndevice=/dev/null\ntype=raw\nbootname=A\n' "$top"
	  printf '[slot.root.1]\ndevice=%s\ntype=raw\nbootname=B\n' "$root"
	  printf '[slot.boot.1]\ndevice=%s\ntype=raw\nparent=root.1\n' "$boot"
	  printf '[slot.verity.1]\ndevice=%s\ntype=raw\nparent=root.1\n' "$verity"; } >system.conf
	cat >bus.conf <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>unix:path=$top/bus</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
		<allow receive_sender="*"/></policy></busconfig>
	END
	dbus-daemon --config-file="$top/bus.conf" --nofork >bus.log 2>&1 &
	daemons+=($!)
	until [ -S bus ]; do sleep 0.1; done
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$top/bus rauc --conf="$top/system.conf" --override-boot-slot=A service >rauc.log 2>&1 &
	daemons=($! "${daemons[@]}")
	# Until it is there, whoever asks it crashes.
	for _ in $(seq 50); do
		{ DBUS_SYSTEM_BUS_ADDRESS=unix:path=$top/bus rauc --conf="$top/system.conf" status >/dev/null; } 2>/dev/null && return
		sleep 0.1
	done
	cat rauc.log
	return 1
}
make_swu() {
	local comma=
	mkdir -p sockets
	{ echo 'software = { version = "1"; hardware-compatibility = [ "1.0" ]; images: ('
	  for p in boot root verity; do
		echo "$comma { filename = \"$p.img\"; device = \"${!p}\"; type = \"raw\"; installed-directly = true;"
		echo "sha256 = \"$(sha256sum <parts/$p.img | cut -d' ' -f1)\"; }"
		comma=,
	  done
	  echo '); };'; } >parts/sw-description
	openssl cms -sign -in parts/sw-description -out parts/sw-description.sig -signer cert.pem -inkey key.pem \
		-outform DER -nosmimecap -binary
	(cd parts && printf '%s\n' sw-description sw-description.sig boot.img root.img verity.img |
		cpio -o -H crc --quiet) >bundle.swu
}

# ---- one install each -------------------------------------------------------------------------
do_dd() {
	for p in boot root verity; do dd if=parts/$p.img of="${!p}" oflag=direct bs=4M conv=fsync,notrunc status=none; done
}
do_careful() {
	do_dd
	for p in boot root verity; do
		dd if="${!p}" iflag=direct,count_bytes bs=4M count="$(stat -c %s parts/$p.img)" status=none | sha256sum
	done
}
do_slotctl() { /usr/bin/time -f %M -o memory "$build/slotctl" install --run-dir=run --policy-dir=run bundle.kiln; }
do_rauc() { DBUS_SYSTEM_BUS_ADDRESS=unix:path=$top/bus rauc --conf="$top/system.conf" install "$top/bundle.raucb"; }
do_swupdate() { TMPDIR=$top/sockets swupdate -k cert.pem -H bench:1.0 -B none -m -M -l 3 -i bundle.swu; }

# run NAME: adds its milliseconds to NAME.ms, and looks whether it did its work.
run() {
	local start end
	reset
	start=$(date +%s%N)
	"do_$1" >log 2>&1 || { cat log; echo "FAIL $1"; exit 1; }
	end=$(date +%s%N)
	echo $(((end - start) / 1000000)) >>"$1.ms"
	for l in "${loops[@]}"; do blockdev --flushbufs "$l"; done
	for p in boot root verity; do
		cmp -n "$(stat -c %s parts/$p.img)" parts/$p.img "${!p}" || { echo "FAIL $1 wrote another $p"; exit 1; }
	done
}
median() { sort -n "$1.ms" | sed -n "$(((runs + 1) / 2))p"; }

compare() { # NAME ARTEFACT-DIRECTORY
	local ours bytes name bad=0
	make_machine "$2"
	make_parts "$2"
	make_rauc
	make_swu
	bytes=$(cat parts/{boot,root,verity}.img | wc -c)
	cat parts/*.img bundle.* >/dev/null
	rm -f -- *.ms
	for _ in $(seq $runs); do for name in dd careful slotctl rauc swupdate; do run $name; done; done
	ours=$(median slotctl)
	echo "$1: $((bytes >> 20)) MiB into an empty slot, $(nproc) CPUs; peak memory of slotctl $(($(cat memory) / 1024)) MiB"
	for name in dd careful slotctl rauc swupdate; do
		awk -v n=$name -v t="$(median $name)" -v o="$ours" -v b="$bytes" -v all="$(tr '\n' ' ' <$name.ms)" 'BEGIN {
			printf "  %-9s %6d ms %6d MiB/s  its time / slotctl'\''s %5.2f  (%s)\n", n, t, b / 1048.576 / t, t / o, all }'
	done
	for name in careful rauc swupdate; do
		[ "$ours" -lt "$(median $name)" ] || { echo "FAIL slotctl is not faster than $name"; bad=1; }
	done
	release
	rm -rf disk run parts bundle.* sockets
	return $bad
}

make_keys
failed=0
compare demo "$demo" || failed=1
mkdir recipe
cp "$here/dense.yaml" recipe/
head -c 512M /dev/urandom >recipe/noise
"$build/kiln" -q build -o out recipe/dense.yaml >log 2>&1 || { cat log; exit 1; }
compare dense "$(ls -d out/*/)" || failed=1
exit $failed
