#!/bin/sh
# Every header compiles alone, and every prototype of a public header (lib/,
# verity/, install/, fleet/) stands below a comment.
set -eu
cd "$(dirname "$0")/../.."
cc=${CC:-gcc}
bad=0
n=0
for h in $(git ls-files -co --exclude-standard '*.h'); do
	[ -f "$h" ] || continue
	case $h in bootloader/efi/* | bootloader/selector/* | bootloader/stub/* | qemu/guest/*) continue ;; esac
	n=$((n + 1))
	$cc -std=gnu17 -D_GNU_SOURCE -DKILN_VERSION='"x"' -I. -fsyntax-only -Wall -Werror -Wno-unused-function -Wno-pragma-once-outside-header \
		-x c "$h" || { echo "$h: does not compile alone"; bad=1; }
	case $h in
	lib/* | verity/* | install/* | fleet/*)
		awk -v h="$h" '
			/\*\/[[:space:]]*$/ { doc = 1; next }
			/^[[:space:]]*\/?\*/ { next }
			/^$/ { doc = 0; next }
			/^#/ { next }
			/^[a-z].*\(.*\)[^{]*;|^[a-z][a-z0-9_ *]*\([^)]*$/ { if (!doc && !/^(typedef|static|struct [a-z_]+ \{)/) { print h ":" NR ": undocumented: " $0; bad = 1 } }
			END { exit bad }' "$h" || bad=1
		;;
	esac
done
[ "$n" -gt 0 ] || { echo "no header found"; exit 1; }
[ $bad = 0 ] && echo "$n headers stand alone and teach"
exit $bad
