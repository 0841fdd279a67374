#!/bin/bash
# The selector on 64-bit ARM: counted tries, fallback, a refused UKI, in real firmware. The
# UKIs are stand-ins that say which slot they are and reset the machine, or stay.
# Usage: selector_arm64.sh BUILD-DIR
set -eu
build=$(cd "$1" && pwd)
tool=$build/tests/golden/slot_tool
firmware=/usr/share/AAVMF
for need in qemu-system-aarch64 mcopy "$firmware/AAVMF_CODE.fd"; do
	command -v "$need" >/dev/null || [ -e "$need" ] || { echo "SKIP: $need is missing"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-arm64.XXXXXX")
qemu=
trap '[ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

fail() {
	echo "selector_arm64: $1"
	tr -d '\r' <serial | grep -a 'kiln:\|guest:' || true
	exit 1
}

make_disk() {
	"$tool" disk disk
	truncate -s 40M esp
	mformat -i esp -F ::
	mmd -i esp ::/EFI ::/EFI/BOOT
	mcopy -i esp "$build/kiln-selector-aa64.efi" ::/EFI/BOOT/BOOTAA64.EFI
	dd if=esp of=disk bs=1M seek=1 conv=notrunc,sparse status=none
	"$tool" payload a.efi "$build/fault-hang-aa64.efi" "slot=a kiln.watchdog=i6300esb,iTCO"
	"$tool" payload b.efi "$build/fault-reset-aa64.efi" slot=b
	"$tool" write disk a a.efi good
	"$tool" write disk b b.efi 2
}

# Run the machine until slot a, which stays, says so.
run() {
	rm -f serial vars
	cp --sparse=always "$firmware/AAVMF_VARS.fd" vars
	qemu-system-aarch64 -M virt -cpu cortex-a57 -accel tcg -m 256 -nodefaults \
		-display none -serial file:serial -boot menu=on,splash-time=0 \
		-drive if=pflash,unit=0,format=raw,readonly=on,file=$firmware/AAVMF_CODE.fd \
		-drive if=pflash,unit=1,format=raw,file=vars \
		-drive if=none,id=disk,format=raw,file=disk \
		-device virtio-blk-pci,drive=disk,bootindex=1 -device i6300esb </dev/null &
	qemu=$!
	for ((i = 0; i < 600; i++)); do
		grep -aq 'guest: hang: slot=a' serial 2>/dev/null && break
		kill -0 "$qemu" 2>/dev/null || fail "QEMU ended by itself"
		sleep 0.1
	done
	kill -KILL "$qemu"
	wait "$qemu" 2>/dev/null || true
	qemu=
	[ "$i" -lt 600 ] || fail "slot a was not started within a minute"
}

# What selector and stand-ins said, in order, one line each.
said() {
	tr -d '\r' <serial | grep -ao 'kiln: slot .*\|kiln: watchdog: .*\|guest: .*'
}

expect() { # what we got, what it is
	diff -u expected - <<<"$1" || fail "$2 is not as expected"
}

make_disk
run
cat >expected <<'X'
kiln: slot b: trying (1 tries left)
kiln: slot b: starting hand-made 1
kiln: watchdog: not armed: the image cannot feed any
guest: reset: slot=b
kiln: slot b: trying (0 tries left)
kiln: slot b: starting hand-made 1
kiln: watchdog: not armed: the image cannot feed any
guest: reset: slot=b
kiln: slot b: passed over: it stopped without a word (reset, hang, panic or power cut)
kiln: slot a: good, boot 1 since the last confirm
kiln: slot a: starting hand-made 1
kiln: watchdog: i6300esb armed, 180 s
guest: hang: slot=a kiln.watchdog=i6300esb,iTCO
X
expect "$(said)" "a trial that resets twice"
cat >expected <<'X'
slot a: ready, good, 0 tries left, 1 unconfirmed, none
slot b: bad, not good, 0 tries left, 2 unconfirmed, no-verdict
3 starts, last slot a
X
expect "$("$tool" state disk)" "the state after three starts"

# A bit of the trial is another: refused, and the other slot in the same boot.
"$tool" write disk b b.efi 2
"$tool" flip disk b
run
cat >expected <<'X'
kiln: slot b: trying (1 tries left)
kiln: slot b: UKI hash mismatch
kiln: slot a: good, boot 2 since the last confirm
kiln: slot a: starting hand-made 1
kiln: watchdog: i6300esb armed, 180 s
guest: hang: slot=a kiln.watchdog=i6300esb,iTCO
X
expect "$(said)" "a flipped bit"
[ "$(grep -ac 'kiln: selector' serial)" = 1 ] || fail "it was not the same boot"
cat >expected <<'X'
slot a: ready, good, 0 tries left, 2 unconfirmed, none
slot b: bad, not good, 0 tries left, 1 unconfirmed, uki-hash
5 starts, last slot a
X
expect "$("$tool" state disk)" "the state after a refused UKI"
echo "arm64: tries, fallback, refusal and watchdog as on x86-64"
