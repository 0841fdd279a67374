#!/bin/sh
# Manuals are well-formed, and those of the programs name every verb and option there is.
# Usage: manuals.sh BUILD-DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
bad=0
for m in docs/man/*.[1-8] "$build"/man/*.[1-8]; do
	mandoc -T lint -W warning "$m" || { echo "$m: lint"; bad=1; }
done
check() { # program page verb
	for o in $("$1" ${3:+"$3"} --help | sed -n 's/^ *\(-.,\)\{0,1\} *--\([a-z-]*\).*/\2/p'); do
		case $o in help | json | verbose | quiet) continue ;; esac
		tr -d '\\' <"$2" | grep -qE -- "Fl -?$o( |\$)|Fl . , Fl -$o( |\$)|\| -$o|Fl -$o" ||
			{ echo "$2: says nothing of '$3 --$o'"; bad=1; }
	done
}
verbs() { # program page
	verbs=$("$1" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
	[ -n "$verbs" ] || { echo "$1: no verbs found"; exit 1; }
	for v in $verbs; do
		grep -q "^\.It Ic $v\( \|\$\)" "$2" || { echo "$2: no verb '$v'"; bad=1; }
		check "$1" "$2" "$v"
	done
}
verbs "$build/kiln" docs/man/kiln.1
verbs "$build/slotctl" docs/man/slotctl.8
check "$build/kiln-fetch" docs/man/kiln-fetch.8 ""
# An option may be told at one verb only; every key of --json has its place, too.
for key in $(sed -n 's/.*json_[a-z0-9]*(&*j, "\([a-z_]*\)".*/\1/p' update/status_json.c update/cmd_log.c update/cmd_diff.c); do
	grep -qE "^\.Li (.* )?$key( |\$)" docs/man/slotctl.8 || { echo "slotctl.8: says nothing of the key '$key'"; bad=1; }
done
for metric in $(grep -ohE '"kiln_[a-z_]+"' update/status_prometheus.c | tr -d '"' | sort -u); do
	grep -qE "\b$metric\b" docs/man/slotctl.8 || { echo "slotctl.8: says nothing of $metric"; bad=1; }
done
[ $bad = 0 ] && echo "manuals agree with the programs"
exit $bad
