#!/bin/bash
# Bad input and a bad world: one clear error each, the right exit status, and
# nothing half-made. Usage: bad_input.sh BUILD-DIR RECIPE (with a lock and a warm store)
set -uo pipefail
build=$(realpath "$1") recipe=$(realpath "$2")
top=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d /var/tmp/kiln-bad-input.XXXXXX)
trap 'umount "$tmp/small" 2>/dev/null; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
kiln=$build/kiln
export KILN_KEYS=${KILN_KEYS:-$HOME/.config/kiln/keys} KILN_CACHE=${KILN_CACHE:-$HOME/.cache/kiln}
bad=0
n=0

# expect NAME STATUS PATTERN COMMAND...: runs it with its own output directory.
expect() {
	local name=$1 status=$2 pattern=$3 got
	shift 3
	n=$((n + 1))
	rm -rf "$tmp/out"
	timeout 300 "$@" >"$tmp/log" 2>&1
	got=$?
	if [ $got != "$status" ]; then
		echo "FAIL $name: status $got, not $status"; tail -5 "$tmp/log"; bad=1
	elif ! grep -qE -- "$pattern" "$tmp/log"; then
		echo "FAIL $name: no message like '$pattern':"; tail -5 "$tmp/log"; bad=1
	elif [ -n "$(find "$tmp/out" -mindepth 1 2>/dev/null | head -1)" ]; then
		echo "FAIL $name: left something:"; find "$tmp/out"; bad=1
	else
		echo "ok   $name"
	fi
}

write() { # FILE PACKAGES [EXTRA]
	cat >"$tmp/$1" <<EOF
name: bad
version: "1"
distribution: {suite: bookworm}
include: [base/debian.yaml]
packages: [$2]
${3:-}
EOF
}
cp -r "$top/recipes/base" "$tmp/base"

write unknown.yaml "nginx-lihgt"
expect "unknown package" 1 "nginx-lihgt" "$kiln" build -o "$tmp/out" "$tmp/unknown.yaml"
write conflict.yaml "exim4-daemon-light, postfix"
expect "conflicting packages" 1 "conflict" "$kiln" build -o "$tmp/out" "$tmp/conflict.yaml"
printf 'name: x\nversion: 1\nnmae: y\n' >"$tmp/wrong.yaml"
expect "wrong recipe" 2 "wrong.yaml:3:1: .*nmae.*did you mean" "$kiln" build -o "$tmp/out" "$tmp/wrong.yaml"
expect "missing recipe" 1 "nowhere.yaml" "$kiln" build -o "$tmp/out" "$tmp/nowhere.yaml"
write mirror.yaml "dbus"
expect "missing mirror" 1 "127.0.0.1" env KILN_CACHE="$tmp/cold" "$kiln" build -o "$tmp/out" --mirror http://127.0.0.1:9/debian "$tmp/mirror.yaml"

# A package whose bytes changed on this disk.
mkdir -p "$tmp/cache" && cp -a "$KILN_CACHE/." "$tmp/cache/"
sha=$(sed -n 's/^package dbus .* \([0-9a-f]\{64\}\) .*/\1/p' "${recipe%.yaml}.lock")
f=$(find "$tmp/cache" -name "$sha")
chmod u+w "$f" && printf 'X' | dd of="$f" bs=1 seek=2000 conv=notrunc status=none
expect "changed package, offline" 1 "offline, and 1 package is not in the store" env KILN_CACHE="$tmp/cache" "$kiln" build --locked --offline -o "$tmp/out" "$recipe"
rm -rf "$tmp/cache"
mkdir -p "$tmp/empty"
expect "offline with an empty store" 1 "offline|missing" env KILN_CACHE="$tmp/empty" "$kiln" build --locked --offline -o "$tmp/out" "$recipe"

# A recipe that asks for more than its lock holds.
cp -r "$top/recipes/fragments" "$tmp/"
sed "s,^packages: \[,packages: [less\, ," "$recipe" >"$tmp/locked.yaml"
cp "${recipe%.yaml}.lock" "$tmp/locked.lock"
expect "locked, but the recipe changed" 1 "lock" "$kiln" build --locked --offline -o "$tmp/out" "$tmp/locked.yaml"

# A root larger than its slot.
cp "${recipe%.yaml}.lock" "$tmp/small.lock"
{ grep -v '^slots:' "$recipe"; echo 'slots: {root: 16M, boot: 64M}'; } >"$tmp/small.yaml"
expect "root larger than its slot" 1 "more than its slot holds: raise slots.root" "$kiln" build --offline -o "$tmp/out" "$tmp/small.yaml"
grep -qE "linux-image|systemd|libc6|perl|python" "$tmp/log" || { echo "FAIL largest packages are not named"; tail -5 "$tmp/log"; bad=1; }

# A full disk.
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$tmp/small" && mount -t tmpfs -o size=100m none "$tmp/small"
	expect "full disk while assembling" 1 "[Nn]o space" env TMPDIR="$tmp/small" "$kiln" build --offline --locked -o "$tmp/out" "$recipe"
	[ -z "$(find "$tmp/small" -mindepth 1 -name 'kiln-*')" ] || { echo "FAIL full disk: work directory left"; bad=1; }
	rm -rf "$tmp/small"/* && expect "full disk while publishing" 1 "[Nn]o space" "$kiln" build --offline --locked -o "$tmp/small/out" "$recipe"
	umount "$tmp/small"
fi

# No subordinate ids; user namespaces forbidden.
mkdir -p "$tmp/bin" && cp -a "$build"/{kiln,kiln-init,slotctl,kiln-fetch,kiln-selector-x64.efi,kiln-stub-x64.efi,units} "$tmp/bin/"
expect "no subordinate ids" 1 "add-subuids" "$top/tests/as-user" --no-subuid "$tmp/home" "$tmp/bin/kiln" build -o "$tmp/home/out" "$recipe"
# shellcheck disable=SC2016
expect "user namespaces forbidden" 1 "user.max_user_namespaces" \
	"$top/tests/as-user" "$tmp/home" unshare --user --map-auto --map-root-user sh -c '
	echo 0 >/proc/sys/user/max_user_namespaces
	exec setpriv --reuid=54321 --regid=54321 --clear-groups "$@"' sh \
	"$tmp/bin/kiln" build -o "$tmp/home/out" "$recipe"
expect "root with too few ids" 1 "only 1 ids" unshare --user --map-root-user \
	"$kiln" build --offline --locked -o "$tmp/out" "$recipe"

# Killed at any moment: the next run is as if it never ran.
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$tmp/killed"
	for s in 0.3 1.5 4 8; do
		TMPDIR=$tmp/killed setsid "$kiln" build --offline --locked -o "$tmp/out2" "$recipe" >/dev/null 2>&1 &
		pid=$!
		sleep $s
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		[ -z "$(ls "$tmp/out2" 2>/dev/null)" ] || { echo "FAIL killed after $s s: output appeared"; ls -A "$tmp/out2"; bad=1; }
		sleep 0.5
		if grep -q "$tmp/killed" /proc/mounts; then echo "FAIL killed after $s s: mounts left"; bad=1; fi
		if pgrep -f "$tmp/killed" >/dev/null; then echo "FAIL killed after $s s: processes left"; pgrep -af "$tmp/killed"; bad=1; fi
	done
	TMPDIR=$tmp/killed "$kiln" build --offline --locked -o "$tmp/out2" "$recipe" >"$tmp/log" 2>&1 || { echo "FAIL run after kills"; tail -5 "$tmp/log"; bad=1; }
	[ "$(ls -A "$tmp/killed" | wc -l)" = 0 ] || { echo "FAIL work directories left after kills"; ls -A "$tmp/killed"; bad=1; }
	n=$((n + 1))
fi
echo "$n cases"
exit $bad
