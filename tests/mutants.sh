# What the scripts of mutants have in common; to be sourced. They define mutants(), which prints
# lines `file | what is broken | sed expression`, and run_one FILE WHAT EXPRESSION, which sets
# $by to the tests that went red and fails when that cannot be told.

# mutate FOLDER SOURCES FILE WHAT EXPRESSION: copies of FOLDER's SOURCES (a pattern) in $work/src, of
# which FILE is changed by the expression; none without a FILE.
mutate() {
	rm -rf "$work/src" && mkdir -p "$work/src/$1" && cp "$1"/$2 "$work/src/$1/" || return 1
	[ -n "$3" ] || return 0
	sed -i "$5" "$work/src/$1/$3"
	if cmp -s "$work/src/$1/$3" "$1/$3"; then
		echo "STALE     $4: the expression changes nothing"
		return 1
	fi
}

# Run them all: a line for each, and failure if one survives or no longer applies.
run_mutants() {
	local failed=0 killed=0 file what expr by
	while IFS='|' read -r file what expr; do
		by=
		run_one "$file" "$what" "$expr" || { failed=1; continue; }
		if [ -n "$by" ]; then
			echo "killed    $what ($by)"
			killed=$((killed + 1))
		else
			echo "SURVIVED  $what"
			failed=1
		fi
	done < <(mutants)
	echo "$killed mutants killed"
	return $failed
}
