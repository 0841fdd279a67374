#!/bin/sh
# Reports of three made-up runs (few scenarios, many, and a guest that fights back) are
# what they say they are, and a broken one is found out. Usage: reports.sh BUILD-DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
top=$(mktemp -d "${TMPDIR:-/tmp}/kiln-reports.XXXXXX")
trap 'rm -rf "$top"' EXIT
trap 'exit 1' INT TERM

for kind in few many hostile; do
	"$build/tests/report/sample" $kind "$top/$kind"
	python3 tests/report/check.py "$top/$kind"
done

# The check itself: each of these must be seen.
broken() { # what, sed script
	rm -rf "$top/broken"
	cp -r "$top/few" "$top/broken"
	sed -i "$2" "$top/broken/report.html" "$top/broken/junit.xml"
	if cmp -s "$top/few/report.html" "$top/broken/report.html" && cmp -s "$top/few/junit.xml" "$top/broken/junit.xml"; then
		echo "$1: nothing was broken"
		exit 1
	fi
	if python3 tests/report/check.py "$top/broken" >"$top/said" 2>&1; then
		echo "$1: not found"
		exit 1
	fi
	echo "found: $1: $(tail -n 1 "$top/said")"
}
broken 'an element left open' '0,/<\/summary>/s///'
broken 'a script' 's/<footer>/<footer><script>1<\/script>/'
broken 'a link to nowhere' "s/href='#s1'/href='#s99'/"
broken 'a file that is not there' 's/boot-1\.log"/boot-7.log"/'
broken 'an address outside' 's/href="\.\/01-boots\/serial\.log/href="https:\/\/x\//'
broken 'a handler' "s/<main>/<main onclick='x()'>/"
broken 'an inline style' "s/<main>/<main style='color:red'>/"
broken 'a picture without words' "s/aria-label='passed'//"
broken 'a count' 's/tests="3"/tests="4"/'
broken 'a control character' 's/What was done/\x01/'
