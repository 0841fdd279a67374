# Completion of slotctl for bash. Verbs and options come from the help of the
# slotctl that is completed, so that the two never disagree. kiln puts this into
# every image; it works where bash-completion is in it.

_slotctl_verbs()
{
	"$1" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# The long options of verb $2, with "=" where a value follows.
_slotctl_options()
{
	"$1" "$2" --help 2>/dev/null |
		sed -n 's/^ *\(-., *\)\{0,1\}\(--[a-z][a-z-]*=\{0,1\}\).*/\2/p'
	printf '%s\n' --help
}

_slotctl()
{
	local slotctl=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} verb='' i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }
	done
	if [[ -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_slotctl_verbs "$slotctl") --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_slotctl_options "$slotctl" "$verb")" -- "$cur")
		[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	elif [[ $cur == "=" || ${COMP_WORDS[COMP_CWORD-1]} == "=" ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "${cur#=}")
	else
		case $verb in
		install)
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			;;
		boot-once) mapfile -t COMPREPLY < <(compgen -W 'a b' -- "$cur") ;;
		retry) mapfile -t COMPREPLY < <(compgen -W 'a b selector' -- "$cur") ;;
		provision)
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
	fi
}

complete -F _slotctl slotctl
