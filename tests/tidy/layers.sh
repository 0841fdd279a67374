#!/bin/sh
# Who may include whom. A line of the table names a folder and the folders it
# may use besides itself; anything else included from our own tree is an error.
set -eu
cd "$(dirname "$0")/../.."

allowed() {
	case $1 in
	lib/core) echo "lib/core" ;;
	lib/base) echo "lib/base lib/core" ;;
	verity) echo "verity lib/core lib/base" ;;
	fleet) echo "fleet lib/core lib/base verity" ;;
	install) echo "install lib/core lib/base verity" ;;
	fetch) echo "fetch lib/core lib/base" ;;
	uki) echo "uki lib/core lib/base" ;;
	update) echo "update lib/core lib/base verity install fleet" ;;
	qemu/guest) echo "qemu/guest bootloader/efi lib/core" ;;
	qemu) echo "qemu lib/base lib/core verity uki" ;;
	bootloader/efi) echo "bootloader/efi lib/core" ;;
	bootloader/selector) echo "bootloader/selector bootloader/efi lib/core" ;;
	bootloader/stub) echo "bootloader/stub bootloader/efi lib/core" ;;
	bootloader/initramfs) echo "bootloader/initramfs lib/core lib/base verity" ;;
	builder/recipe) echo "builder/recipe lib/core lib/base" ;;
	builder/resolve) echo "builder/resolve builder/recipe lib/core lib/base" ;;
	builder/rootfs) echo "builder/rootfs builder/recipe builder/resolve lib/core lib/base" ;;
	builder/squash | builder/publish)
		echo "$1 lib/core lib/base verity" ;;
	builder/disk | builder/bundle) echo "$1 lib/core lib/base verity install" ;;
	builder) echo "builder lib/core lib/base verity uki install fleet" ;;
	esac
}

bad=0
n=0
for f in $(git ls-files -co --exclude-standard 'lib/*.[ch]' 'verity/*.[ch]' 'fleet/*.[ch]' 'update/*.[ch]' 'fetch/*.[ch]' \
	'install/*.[ch]' 'uki/*.[ch]' 'qemu/*.[ch]' 'bootloader/*.[ch]' 'builder/*.[ch]'); do
	[ -f "$f" ] || continue
	dir=${f%/*}
	case $dir in lib/* | bootloader/* | builder/* | qemu/*) room=$(echo "$dir" | cut -d/ -f1-2) ;; *) room=${dir%%/*} ;; esac
	n=$((n + 1))
	for inc in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f"); do
		case $inc in
		lib/* | bootloader/*) target=$(echo "$inc" | cut -d/ -f1-2) ;;
		builder/*/* | qemu/*/*) target=$(echo "$inc" | cut -d/ -f1-2) ;;
		*/*) target=${inc%%/*} ;;
		*) echo "$f: includes \"$inc\" without its full path"; bad=1; continue ;;
		esac
		ok=no
		for a in $(allowed "$room"); do
			if [ "$a" = "$target" ]; then ok=yes; fi
		done
		# The joining layer of the builder (pipeline and commands) may use every stage.
		if [ "$room" = builder ] && [ "${target%%/*}" = builder ]; then ok=yes; fi
		# The packers compare against the manifest of the tree.
		if [ "$inc" = builder/rootfs/manifest.h ]; then ok=yes; fi
		if [ $ok = no ]; then echo "$f: may not include \"$inc\""; bad=1; fi
	done
done
[ "$n" -gt 0 ] || { echo "no file found"; exit 1; }
echo "$n files, layers $([ $bad = 0 ] && echo hold || echo BROKEN)"
exit $bad
