#!/bin/sh
# Programs that know nothing of kiln agree with what it wrote: the partition
# table, the ESP, squashfs, hash tree, signature and checksums of one built image.
#
# Needs no network; systemd-dissect alone needs root. Usage: image_strangers.sh ARTEFACT-DIRECTORY, or
# image_strangers.sh DISK ARTEFACT-DIRECTORY for a copy of its disk.
set -eu
usage='usage: image_strangers.sh [DISK] ARTEFACT-DIRECTORY'
dir=${2:-${1:?$usage}}
disk=$1
[ -d "$disk" ] && disk=$(ls "$dir"/*.raw)
[ -f "$disk" ] || { echo "FAIL: $disk is no disk image ($usage)"; exit 1; }
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
for tool in sfdisk sgdisk unsquashfs systemd-dissect openssl veritysetup fsck.vfat mdir objdump \
	sbsign sbverify sha256sum; do
	command -v "$tool" >/dev/null || { echo "FAIL: $tool is missing"; exit 1; }
done
top=$(mktemp -d "${TMPDIR:-/tmp}/image-strangers.XXXXXX")
trap 'rm -rf "$top"' EXIT
failed=0

# check NAME COMMAND...: the command succeeds; its words are shown when not.
check() {
	name=$1
	shift
	if "$@" >"$top/log" 2>&1; then
		echo "ok   $name"
	else
		echo "FAIL $name"
		sed 's/^/     /' "$top/log"
		failed=1
	fi
}

# expect NAME FILE PATTERN: FILE has a line that matches.
expect() {
	if grep -Eq -- "$3" "$2"; then
		echo "ok   $1"
	else
		echo "FAIL $1: no line matches $3"
		sed 's/^/     /' "$2"
		failed=1
	fi
}

# part NAME: its offset and size in bytes, as sfdisk sees them.
part() {
	sed -n "s/.*start= *\([0-9]*\), size= *\([0-9]*\),.*name=\"$1\".*/\1 \2/p" "$top/table" |
		awk '{ printf "%.0f %.0f\n", $1 * 512, $2 * 512 }'
}

# extract NAME FILE [BYTES]: the partition, or its first BYTES.
extract() {
	# shellcheck disable=SC2046
	set -- "$1" "$2" "${3:-}" $(part "$1")
	dd if="$disk" of="$2" bs=1M iflag=skip_bytes,count_bytes skip="$4" count="${3:-$5}" \
		conv=sparse status=none
}

# The artefacts carry one stem: NAME_VERSION_ARCH.
stem=$(basename "$(ls "$dir"/*.roothash)" .roothash)
art() { echo "$dir/$stem.$1"; }
root_hash=$(cat "$(art roothash)")

(cd "$dir" && check "sha256sum -c" sha256sum --strict -c SHA256SUMS; exit $failed) || failed=1

# ---- partition table ----
check "sfdisk --verify" sfdisk --verify "$disk"
sgdisk -v "$disk" >"$top/sgdisk" 2>&1 || true
expect "sgdisk -v: no problems" "$top/sgdisk" '^No problems found'
if grep -qi 'caution\|warning\|not aligned' "$top/sgdisk"; then
	echo "FAIL sgdisk complains"; sed 's/^/     /' "$top/sgdisk"; failed=1
fi
sfdisk -d "$disk" >"$top/table"
for name in esp boot-state boot-a root-a verity-a sig-a boot-b root-b verity-b sig-b state; do
	expect "partition $name" "$top/table" "name=\"$name\""
done
[ "$(grep -c 'name=' "$top/table")" = 11 ] || { echo "FAIL not 11 partitions"; failed=1; }
h=$root_hash
uuid() { echo "$1" | sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12})$/\U\1-\2-\3-\4-\5/'; }
expect "root-a is named by the root hash" "$top/table" \
	"uuid=$(uuid "$(echo "$h" | cut -c1-32)"),.*name=\"root-a\""
expect "verity-a is named by the root hash" "$top/table" \
	"uuid=$(uuid "$(echo "$h" | cut -c33-64)"),.*name=\"verity-a\""

# ---- ESP ----
extract esp "$top/esp"
check "fsck.vfat" fsck.vfat -n -v "$top/esp"
expect "the ESP is FAT32" "$top/log" '2 FATs, 32 bit entries'
mdir -/ -b -i "$top/esp" :: >"$top/mdir"
printf '::/EFI/\n::/EFI/BOOT/\n::/EFI/BOOT/BOOTX64.EFI\n' >"$top/mdir.want"
check "the ESP holds the selector and nothing else" diff "$top/mdir.want" "$top/mdir"

# ---- root ----
data_bytes=$(stat -c %s "$(art root.squashfs)")
tree_bytes=$(stat -c %s "$(art root.verity)")
extract root-a "$top/root" "$data_bytes"
extract verity-a "$top/verity" "$tree_bytes"
check "root-a is the squashfs" cmp "$top/root" "$(art root.squashfs)"
check "verity-a is the hash tree" cmp "$top/verity" "$(art root.verity)"
check "unsquashfs -s" unsquashfs -s "$top/root"
expect "squashfs is zstd" "$top/log" 'Compression zstd'
expect "squashfs has xattrs" "$top/log" '^Xattrs are (un)?compressed'
check "unsquashfs -ll reads every directory" unsquashfs -ll "$top/root"
check "veritysetup verify" veritysetup verify "$top/root" "$top/verity" "$root_hash"
cp "$top/root" "$top/flipped"
printf X | dd of="$top/flipped" bs=1 seek=$((data_bytes / 2)) conv=notrunc 2>/dev/null
printf Y | dd of="$top/flipped" bs=1 seek=$((data_bytes / 2 + 1)) conv=notrunc 2>/dev/null
if veritysetup verify "$top/flipped" "$top/verity" "$root_hash" >/dev/null 2>&1; then
	echo "FAIL veritysetup accepts a flipped byte: this test proves nothing"; failed=1
fi

# ---- packages ----
unsquashfs -q -n -no-xattrs -d "$top/tree" "$top/root" var/lib/dpkg >/dev/null 2>&1 || true
if [ -s "$top/tree/var/lib/dpkg/status" ]; then
	check "dpkg --audit" dpkg --root="$top/tree" --audit
	cp "$top/log" "$top/audit"
	check "dpkg --audit has nothing to say" diff /dev/null "$top/audit"
	grep -o '"name": "[^"]*",' "$(art spdx.json)" | sort >"$top/sbom" || true
	dpkg-query --admindir="$top/tree/var/lib/dpkg" -f '${Package}\n' -W | sort >"$top/dpkg"
	while read -r package; do
		grep -qF "\"name\": \"$package\"," "$top/sbom" || echo "$package"
	done <"$top/dpkg" >"$top/missing"
	check "the SPDX document names every package" diff /dev/null "$top/missing"
else
	echo "SKIP dpkg --audit: no dpkg database in the image"
fi

# ---- signature ----
printf %s "$root_hash" >"$top/hash"
check "openssl cms -verify" openssl cms -verify -inform DER -in "$(art roothash.p7s)" \
	-content "$top/hash" -binary -noverify -out /dev/null
extract sig-a "$top/sig" 16384
check "sig-a is the signature file" sh -c 'tr -d "\000" <"$1" >"$3" && tr -d "\000" <"$2" | cmp - "$3"' \
	- "$top/sig" "$(art verity-sig.json)" "$top/sig.json"
sed -n 's/.*"signature" *: *"\([^"]*\)".*/\1/p' "$top/sig.json" | openssl base64 -d -A >"$top/sig.der"
check "sig-a holds the same signature" cmp "$top/sig.der" "$(art roothash.p7s)"
if command -v jq >/dev/null; then
	check "sig-a is JSON" jq -e ".rootHash == \"$root_hash\"" "$top/sig.json"
	check "manifest.json is JSON" jq -e '.verity.root_hash and .packages' "$(art manifest.json)"
	check "spdx.json is JSON" jq -e '.spdxVersion == "SPDX-2.3"' "$(art spdx.json)"
else
	for j in "$top/sig.json" "$(art manifest.json)" "$(art spdx.json)"; do
		check "$(basename "$j") is JSON" python3 -m json.tool "$j"
	done
fi

# ---- the image as systemd sees it ----
if [ "$(id -u)" = 0 ] && [ -e /dev/loop-control ]; then
	systemd-dissect --json=short "$disk" >"$top/dissect" 2>&1 || true
	expect "systemd-dissect finds a signed verity root" "$top/dissect" \
		'"designator":"root",.*"partition_label":"root-a",.*"verity":"signed"'
else
	echo "SKIP systemd-dissect: this one needs root and a loop device"
fi

# ---- UKI ----
uki_bytes=$(stat -c %s "$(art efi)")
extract boot-a "$top/uki" "$uki_bytes"
check "boot-a is the UKI" cmp "$top/uki" "$(art efi)"
objdump -h "$top/uki" >"$top/sections"
for section in .osrel .uname .cmdline .linux .initrd .sbat; do
	expect "UKI section $section" "$top/sections" " $section "
done
objcopy -O binary --dump-section ".cmdline=$top/cmdline" "$top/uki" "$top/ignored" 2>/dev/null || true
expect "the signed command line names the root" "$top/cmdline" "kiln.roothash=$root_hash "
expect "a panic reboots" "$top/cmdline" ' panic=-1 '
python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["kernel"]["cmdline"])' \
	<"$(art manifest.json)" >"$top/cmdline.want"
check "the manifest tells the command line" cmp "$top/cmdline.want" "$top/cmdline"
objdump -p "$top/uki" >"$top/pe"
expect "the UKI is an EFI program" "$top/pe" '^Subsystem.*0000000a'
expect "the UKI is made for memory that is either written or run" "$top/pe" NX_COMPAT
expect "the UKI's sections are whole pages" "$top/pe" '^SectionAlignment.*00001000'
objdump -h "$top/uki" | awk '$1 ~ /^[0-9]+$/ { name = $2 } /CODE/ && !/READONLY/ { print name }' >"$top/writable"
check "no code of the UKI can be written" diff /dev/null "$top/writable"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=stranger -days 1 -keyout "$top/key" -out "$top/crt" 2>/dev/null
check "sbsign signs the UKI" sbsign --key "$top/key" --cert "$top/crt" --output "$top/signed" "$top/uki"
check "sbverify accepts it" sbverify --cert "$top/crt" "$top/signed"
expect "... without a warning" "$top/log" '^Signature verification OK$'
if grep -qi warning "$top/log"; then echo "FAIL sbverify warns"; cat "$top/log"; failed=1; fi

# ---- state ----
extract state "$top/state"
if [ ! -s "$top/state" ]; then
	echo "FAIL no state partition"; failed=1
elif tr -d '\000' <"$top/state" | head -c 1 | grep -q .; then
	echo "FAIL the state partition is not blank"; failed=1
else
	echo "ok   the state partition is blank"
fi
exit $failed
