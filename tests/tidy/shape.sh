#!/bin/sh
# Sizes and words: files up to 600 lines, functions up to 60 (in tests 90), lines
# up to 100 columns (in tests 120; tabs of 8), no forbidden call, no debris, no
# host name of a mirror.
set -eu
cd "$(dirname "$0")/../.."

files=$(git ls-files -co --exclude-standard '*.c' '*.h' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
[ -n "$files" ] || { echo "no file found"; exit 1; }
bad=0
say() { echo "$1"; bad=1; }
columns() { case $1 in tests/*) echo 120 ;; *) echo 100 ;; esac; }

for f in $files; do
	lines=$(wc -l <"$f")
	[ "$lines" -le 600 ] || say "$f: $lines lines, at most 600"
	case ${f##*/} in *_util.* | *_misc.* | *_helper.* | *_common.*) say "$f: name says nothing" ;; esac
done

# shellcheck disable=SC2086
out=$(expand -t8 $files >/dev/null; for f in $files; do
	expand -t8 "$f" | awk -v f="$f" -v columns=$(columns "$f") '
		length($0) > columns { print f ":" NR ": " length($0) " columns" }
		/^[A-Za-z_].*[)]$/ { name = $0 }
		/^[{]$/ { start = NR }
		/^[}]$/ { if (start && NR - start - 1 > limit(f)) print f ":" start ": function of " NR - start - 1 " lines (" name ")"; start = 0 }
		function limit(f) { return 60 + (f ~ /^tests\// ? 30 : 0) }'
done)
[ -z "$out" ] || say "$out"

out=$(grep -nE '(^|[^a-z_>.])(strcpy|strcat|sprintf|gets|atoi|atol|strtok|system|popen|tmpnam|mktemp|alloca)\(' $files |
	grep -v '^tests/' || true)
[ -z "$out" ] || say "forbidden call: $out"

out=$(grep -nE '(^|[^X])XXX([^X]|$)|FIXME|TODO' $files || true)
[ -z "$out" ] || say "unfinished: $out"

out=$(git grep -nIE '(deb|ftp|security|snapshot|archive)\.(debian|ubuntu)\.(org|com)' -- . ':!tests/tidy' ':!LICENSE' || true)
[ -z "$out" ] || say "a mirror's name: $out"

[ $bad = 0 ] && echo "$(echo "$files" | wc -l) files in shape"
exit $bad
