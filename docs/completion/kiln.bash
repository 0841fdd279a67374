# Completion of kiln for bash. Verbs and options come from the help of the kiln
# that is completed, so that the two never disagree.

# The verbs: kiln's own, and the programs it runs as verbs.
_kiln_verbs()
{
	"$1" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
	printf '%s\n' boot test
}

# The long options of verb $2, with "=" where a value follows.
_kiln_options()
{
	"$1" "$2" --help 2>/dev/null |
		sed -n 's/^ *\(-., *\)\{0,1\}\(--[a-z][a-z-]*=\{0,1\}\).*/\2/p'
	printf '%s\n' --help
}

_kiln()
{
	local kiln=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} verb='' i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }
	done
	if [[ -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_kiln_verbs "$kiln") --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_kiln_options "$kiln" "$verb")" -- "$cur")
		[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	else
		[[ $cur == "=" ]] && cur=
		compopt -o filenames
		case $verb in
		build | lock | recipe)
			mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$cur"; compgen -d -- "$cur") ;;
		inspect | verify)
			mapfile -t COMPREPLY < <(compgen -f -X '!*.raw' -- "$cur"
				compgen -f -X '!*.kiln' -- "$cur"; compgen -d -- "$cur") ;;
		boot | test | install)
			mapfile -t COMPREPLY < <(compgen -f -X '!*.raw' -- "$cur"; compgen -d -- "$cur") ;;
		*)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
	fi
}

complete -F _kiln kiln
