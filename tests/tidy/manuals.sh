#!/bin/sh
# Manuals are well-formed, and kiln(1) names every verb and option there is.
# Usage: manuals.sh BUILD-DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
bad=0
for m in docs/man/*.[1-8] "$build"/man/*.[1-8]; do
	mandoc -T lint -W warning "$m" || { echo "$m: lint"; bad=1; }
done
check() { # program page verb
	for o in $("$1" "$3" --help | sed -n 's/^ *\(-.,\)\{0,1\} *--\([a-z-]*\).*/\2/p'); do
		case $o in help | json | verbose | quiet) continue ;; esac
		tr -d '\\' <"$2" | grep -qE -- "Fl -?$o( |\$)|Fl . , Fl -$o( |\$)|\| -$o|Fl -$o" ||
			{ echo "$2: says nothing of '$3 --$o'"; bad=1; }
	done
}
verbs=$("$build/kiln" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$verbs" ] || { echo "no verbs found"; exit 1; }
for v in $verbs; do
	grep -q "^\.It Ic $v" docs/man/kiln.1 || { echo "kiln.1: no verb '$v'"; bad=1; }
	check "$build/kiln" docs/man/kiln.1 "$v"
done
[ $bad = 0 ] && echo "manuals agree with the programs"
exit $bad
