#!/bin/bash
# Strangers agree about our hash trees and signatures, and we about theirs.
# Takes no root. Usage: verity_strangers.sh BUILD-DIR
set -uo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
top=$(realpath "$(dirname "$0")/../..")
build=$(realpath "$1")
tool=$build/tests/bench/verity_tool
for t in veritysetup openssl; do
	command -v "$t" >/dev/null || { echo "SKIP: $t is not installed"; exit 77; }
done
make -C "$top" --no-print-directory O="$build" "$tool" >/dev/null || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kiln-verity.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
bad=0
salt=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
uuid=6b696c6e-0000-8000-8000-000000000001

# expect NAME STATUS COMMAND...: 0, or "no" for any failure.
expect() {
	local name=$1 want=$2 got
	shift 2
	"$@" >"$tmp/out" 2>&1
	got=$?
	if [ "$want" = "$got" ] || { [ "$want" = no ] && [ $got != 0 ]; }; then
		echo "ok   $name"
	else
		echo "FAIL $name: status $got, not $want"; tail -3 "$tmp/out"; bad=1
	fi
}

flip() { # FILE OFFSET
	local b
	b=$(od -An -tu1 -j "$2" -N1 "$1")
	printf "\\$(printf %03o $((b ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

openssl enc -aes-128-ctr -K 01 -iv 00 -nosalt -in /dev/zero 2>/dev/null | head -c 80M >"$tmp/all"
for blocks in 1 2 127 128 129 1000 16383 16384 16385 20480; do
	head -c $((blocks * 4096)) "$tmp/all" >"$tmp/data"
	rm -f "$tmp/theirs"
	veritysetup format --salt $salt --uuid $uuid "$tmp/data" "$tmp/theirs" >"$tmp/log" || exit 1
	theirs=$(awk '/^Root hash/ { print $NF }' "$tmp/log")
	root=$("$tool" format "$tmp/data" "$tmp/ours" $salt ${uuid//-/})
	expect "$blocks blocks: same root hash as veritysetup" 0 [ "$root" = "$theirs" ]
	expect "$blocks blocks: same hash file" 0 cmp "$tmp/ours" "$tmp/theirs"
	expect "$blocks blocks: veritysetup verify" 0 \
		veritysetup verify "$tmp/data" "$tmp/ours" "$root"
	expect "$blocks blocks: our checker on theirs" 0 \
		"$tool" check "$tmp/data" "$tmp/theirs" $salt "$theirs"
	at=$((RANDOM * 32768 + RANDOM)) at=$((at % (blocks * 4096)))
	flip "$tmp/data" $at
	expect "$blocks blocks, byte $at flipped: veritysetup refuses" no \
		veritysetup verify "$tmp/data" "$tmp/ours" "$root"
	expect "$blocks blocks, byte $at flipped: we refuse" 3 \
		"$tool" check "$tmp/data" "$tmp/ours" $salt "$root"
done

"$tool" keygen "$tmp/k" && "$tool" keygen "$tmp/other" || exit 1
"$tool" sign "$tmp/k" "$root" "$tmp/p7s" "$tmp/sig" || exit 1
printf %s "$root" >"$tmp/hex"
printf %s "${root//0/1}" >"$tmp/wrong"
cms=(openssl cms -verify -inform DER -binary -out /dev/null -in "$tmp/p7s")
expect "openssl cms -verify accepts our signature" 0 \
	"${cms[@]}" -content "$tmp/hex" -CAfile "$tmp/k.crt" -purpose any -no_check_time
expect "openssl cms -verify refuses another root hash" no \
	"${cms[@]}" -content "$tmp/wrong" -CAfile "$tmp/k.crt" -purpose any -no_check_time
expect "openssl cms -verify refuses another certificate" no \
	"${cms[@]}" -content "$tmp/hex" -CAfile "$tmp/other.crt" -purpose any -no_check_time
openssl cms -cmsout -print -noout -inform DER -in "$tmp/p7s" >"$tmp/print"
expect "the signature holds no content" 0 grep -q 'eContent: <ABSENT>' "$tmp/print"
expect "the signature has no signed attributes" 0 sh -c \
	"grep -A1 signedAttrs: '$tmp/print' | grep -q ABSENT"
expect "python reads the signature partition as JSON" 0 python3 -c "
import base64, json, sys
raw = open('$tmp/sig', 'rb').read()
assert len(raw) == 16384
sig = json.loads(raw.rstrip(b'\0'))
assert sig['rootHash'] == '$root' and len(sig['certificateFingerprint']) == 64
assert base64.b64decode(sig['signature'], validate=True) == open('$tmp/p7s', 'rb').read()"
expect "the fingerprint is the one of openssl x509" 0 grep -qaF \
	"$(openssl x509 -in "$tmp/k.crt" -outform DER | sha256sum | cut -d' ' -f1)" "$tmp/sig"

openssl smime -sign -nocerts -noattr -binary -in "$tmp/hex" -inkey "$tmp/k.key" -signer "$tmp/k.crt" \
	-outform der -out "$tmp/p7s.theirs" 2>/dev/null
expect "we accept what openssl smime -sign made (as for the kernel's keyring)" 0 \
	"$tool" verify "$tmp/k.crt" "$root" "$tmp/p7s.theirs"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ec -days 1 \
	-keyout "$tmp/ec.key" -out "$tmp/ec.crt" 2>/dev/null
openssl cms -sign -noattr -binary -in "$tmp/hex" -inkey "$tmp/ec.key" -signer "$tmp/ec.crt" \
	-md sha256 -outform der -out "$tmp/p7s.ec"
expect "we accept openssl's ECDSA signature" 0 "$tool" verify "$tmp/ec.crt" "$root" "$tmp/p7s.ec"
expect "we refuse it under another certificate" 3 "$tool" verify "$tmp/k.crt" "$root" "$tmp/p7s.ec"

exit $bad
