#!/bin/sh
# lib/core needs nothing but the memory functions, and builds for UEFI on both
# architectures. Usage: freestanding.sh BUILD-DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
ours=$(nm --defined-only "$build/libcore.a" | awk 'NF == 3 { print $3 }' | sort -u)
extra=$(nm -u "$build/libcore.a" | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u | { grep -vxF "$ours" || true; } |
	{ grep -vxE 'mem(cpy|set|cmp|move)|strlen|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|gcov).*' || true; })
[ -z "$extra" ] || { echo "lib/core needs from outside: $extra"; exit 1; }
n=0
for arch in x86_64 aarch64; do
	for c in lib/core/*.c; do
		${CLANG:-clang} --target=$arch-unknown-windows -std=c17 -ffreestanding -fshort-wchar -Wall -Wextra -Werror \
			-I. -fsyntax-only "$c"
		n=$((n + 1))
	done
done
echo "lib/core is freestanding ($n compilations)"
