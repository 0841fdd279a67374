# What the scripts of mutants have in common; to be sourced. They define $work and $flags,
# mutants(), which prints lines `file | what is broken | sed expression`, and run_one FILE WHAT
# EXPRESSION, which sets $by to the tests that went red and fails when that cannot be told.
# Everything is compiled once, and then only what an expression changed.

# The object file of a source; objects SOURCE...: of all of them.
objects() {
	local s
	for s; do echo "$work/obj/${s//\//_}.o"; done
}

compile() { # source, object
	gcc $flags -I. -c "$1" -o "$2"
}

precompile() { # source...
	local s
	mkdir -p "$work/obj"
	for s; do compile "$s" "$(objects "$s")" || exit 1; done
}

# mutate FOLDER FILE WHAT EXPRESSION: $work/mutant.o is FOLDER/FILE changed by the expression.
# Without a FILE there is no mutant.
mutate() {
	[ -n "$2" ] || return 0
	sed "$4" "$1/$2" >"$work/mutant.c"
	if cmp -s "$work/mutant.c" "$1/$2"; then
		echo "STALE     $3: the expression changes nothing"
		return 1
	fi
	compile "$work/mutant.c" "$work/mutant.o" 2>"$work/log" ||
		{ echo "BROKEN    $3: does not compile"; cat "$work/log"; return 1; }
}

# mutated FILE SOURCE...: the objects of the sources, with the mutant in FILE's place.
mutated() {
	local s of=$1
	shift
	for s; do if [ "$s" = "$of" ]; then echo "$work/mutant.o"; else objects "$s"; fi; done
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
