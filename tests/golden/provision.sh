#!/bin/sh
# kiln install on real block devices: loop devices with sectors of 512 and 4096 bytes, from
# 8 GiB to 8 TiB, judged by strangers; what is in use is refused; interrupted, full and
# failing targets end in one clear error and boot nothing.
#
# Needs root for loop devices, and releases every one. Usage: provision.sh BUILD-DIR ARTEFACT-DIRECTORY [KEYS-DIR]
set -eu
build=$(realpath "${1:?usage: provision.sh BUILD-DIR ARTEFACT-DIRECTORY [KEYS-DIR]}")
image=$(realpath "${2:?usage: provision.sh BUILD-DIR ARTEFACT-DIRECTORY [KEYS-DIR]}")
[ -z "${3:-}" ] || KILN_KEYS=$3 && export KILN_KEYS
kiln=$build/kiln
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || { echo "needs root for loop devices"; exit 77; }
for tool in losetup sfdisk sgdisk mkfs.ext4 mkswap swapon script blkid blockdev partx lsblk; do
	command -v "$tool" >/dev/null || { echo "FAIL: $tool is missing"; exit 1; }
done
losetup -f >/dev/null 2>&1 || { echo "there are no loop devices here"; exit 77; }
# Mounts of this test are seen by nobody else, and end with it.
if [ "${PROVISION_UNSHARED:-}" != 1 ]; then
	PROVISION_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi

top=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-provision.XXXXXX")
loops=
clean() {
	umount "$top/mnt" 2>/dev/null || true
	for l in $loops; do
		swapoff "$l" 2>/dev/null || true
		losetup -d "$l" 2>/dev/null || true
	done
	umount "$top/small" 2>/dev/null || true
	rm -rf "$top"
}
trap clean EXIT
trap 'exit 1' INT TERM
mkdir "$top/mnt" "$top/small"
failed=0
fail() { echo "FAIL $1"; failed=1; }

# loop FILE SECTOR: sets $dev.
loop() {
	dev=$(losetup -f --show --sector-size "$2" -P "$1")
	loops="$loops $dev"
}

# Some kernels read no GPT by themselves.
partitions() { partx -u "$1" 2>"$top/log" || { cat "$top/log"; fail "partx $1"; }; }

# install STATUS WORDS...: kiln install ends with this status; what it said is in $top/said.
install() {
	want=$1
	shift
	got=0
	"$kiln" install "$@" </dev/null >"$top/said" 2>&1 || got=$?
	[ "$got" = "$want" ] || { sed 's/^/     /' "$top/said"; fail "kiln install $*: exit status $got, not $want"; }
}

said() {
	grep -qF -- "$1" "$top/said" || { sed 's/^/     /' "$top/said"; fail "it does not say: $1"; }
}

whole() { "$kiln" verify "$1" >"$top/log" 2>&1 || { sed 's/^/     /' "$top/log"; fail "$1 does not verify"; }; }
no_table() { [ -z "$(blkid -p -s PTTYPE -o value "$1")" ] || fail "$2: there is a partition table"; }

# ---- sizes and sectors ----
for size in 8G 100G 8T; do
	for sector in 512 4096; do
		name="$size, sectors of $sector bytes"
		truncate -s "$size" "$top/disk"
		loop "$top/disk" "$sector"
		install 0 --yes "$image" "$dev"
		whole "$dev"
		[ "$(blockdev --getss "$dev")" = "$sector" ] || fail "$name: the loop device has other sectors"
		sgdisk -v "$dev" >"$top/log" 2>&1
		grep -q 'No problems found' "$top/log" || { cat "$top/log"; fail "$name: sgdisk finds problems"; }
		sfdisk --verify "$dev" >"$top/log" 2>&1 || { cat "$top/log"; fail "$name: sfdisk finds problems"; }
		partitions "$dev"
		[ "$(lsblk -nro TYPE "$dev" | grep -c part)" = 11 ] || fail "$name: the kernel does not see 11 partitions"
		used=$(du -m "$top/disk" | cut -f1)
		[ "$used" -lt 300 ] || fail "$name: $used MiB are written"
		losetup -d "$dev"
		rm "$top/disk"
		echo "ok   $name"
	done
done

# ---- a disk that held something ----
truncate -s 2G "$top/disk"
loop "$top/disk" 512
printf 'label: gpt\nsize=100M,name=boot\nsize=500M,name=home\nname=rest\n' | sfdisk -q "$dev"
partitions "$dev"
mkfs.ext4 -q -L home "${dev}p2"
mkswap -q -L swap "${dev}p3"
sync "$top/disk"
cksum "$top/disk" >"$top/before"
same() { cksum "$top/disk" | cmp -s - "$top/before" || fail "$1: the disk was written to"; }
install 0 --dry-run "$image" "$dev"
said "a gpt partition table with 3 partitions"
said "ext4 'home', partition 'home'"
said "swap 'swap', partition 'rest'"
same "a dry run"
install 2 "$image" "$dev"
said "there is nobody to ask; say --yes to mean it"
for answer in no y YES ''; do
	printf '%s\n' "$answer" | script -qec "'$kiln' install '$image' '$dev'" /dev/null >"$top/said" 2>&1 &&
		fail "'$answer' was taken for yes"
	said "nothing was done"
done
same "an answer that was not yes"
mount -o ro,noload "${dev}p2" "$top/mnt"
install 3 --yes "$image" "$dev"
said "is mounted on $top/mnt"
umount "$top/mnt"
if swapon "${dev}p3" 2>/dev/null; then
	install 3 --yes "$image" "$dev"
	said "is a swap area"
	swapoff "${dev}p3"
fi
install 3 --yes "$image" "${dev}p2"
said "is a partition; an image fills a whole disk"
install 3 --yes "$image" "$top/disk"
said "is in use: it is $dev"
install 3 --yes --sector-size=512 "$image" "$dev"
said "has its own sector size"
blockdev --setro "$dev"
install 3 --yes "$image" "$dev"
said "is read-only"
blockdev --setrw "$dev"
same "a refusal"
printf 'yes\n' | script -qec "'$kiln' install '$image' '$dev'" /dev/null >"$top/said" 2>&1 || { cat "$top/said"; fail "yes was not taken for yes"; }
whole "$dev"
echo "ok   what is in use is refused, what would be lost is named"

# ---- onto a disk that has a system: state that has grown is blank again ----
state=$(sfdisk -d "$dev" | sed -n 's/.*start= *\([0-9]*\),.*name="state".*/\1/p')
sfdisk -q --no-reread -N 11 "$dev" <<-END
	- +
END
partitions "$dev"
mkfs.ext4 -q -F -b 4096 "${dev}p11"
install 0 --yes --discard "$image" "$dev"
whole "$dev"
[ -z "$(blkid -p -o value -s TYPE -O $((state * 512)) "$dev")" ] || fail "an old state partition is still there"
echo "ok   an old state is not inherited"
losetup -d "$dev"
rm "$top/disk"

# ---- too small, failing, interrupted ----
truncate -s 1G "$top/disk"
loop "$top/disk" 512
install 3 --yes "$image" "$dev"
said "it is too small: 1024 MiB"
losetup -d "$dev"
rm "$top/disk"

# A disk on storage that is full: it takes the first 40 MiB and fails then.
mount -t tmpfs -o size=40M none "$top/small"
truncate -s 8G "$top/small/disk"
loop "$top/small/disk" 512
install 1 --yes "$image" "$dev"
said "is left without a partition table: it boots nothing"
no_table "$dev" "a failing disk"
losetup -d "$dev"
rm "$top/small/disk"
install 1 --size=8G "$image" "$top/small/new"
said "No space left on device"
said "is removed again"
[ ! -e "$top/small/new" ] || fail "a file that failed is still there"
echo "ok   a failing target is one clear error"

n=0
for ms in 02 06 10 14 18 22 26 30 35 40 45 50 60 70; do
	rm -f "$top/new"
	timeout --preserve-status -s INT "0.$ms" "$kiln" install --size=8G "$image" "$top/new" >"$top/said" 2>&1 && { whole "$top/new"; continue; }
	n=$((n + 1))
	[ ! -e "$top/new" ] || fail "interrupted after 0.$ms s: the file is still there"
done
[ "$n" -gt 0 ] || fail "nothing was interrupted"
echo "ok   interrupted $n times: nothing is left"
exit $failed
