#!/bin/sh
# The packages kiln chooses for the shipped recipes are those that
# `apt-get install --no-install-recommends` chooses on an empty system from the
# same archives. One preference is kiln's own and is told to apt: usr-is-merged
# instead of usrmerge, which would bring perl.
#
# Needs apt, the network or a warm KILN_CACHE, and no root: apt works in a private
# folder. Usage: apt_agrees.sh KILN WHAT... where WHAT is a recipe file, or
# RECIPE@SUITE for another suite (RECIPE as kiln's own recipes are included), or
# +PACKAGE,...@SUITE for a set of packages upon the base recipe.
set -eu
kiln=$1
shift
for tool in apt-get comm; do
	command -v "$tool" >/dev/null || { echo "SKIP: $tool is missing"; exit 77; }
done
top=$(mktemp -d "${TMPDIR:-/tmp}/apt-agrees.XXXXXX")
trap 'rm -rf "$top"' EXIT
export LC_ALL=C
unset APT_CONFIG

head_word() { sed -n "s/^$1 //p" "$2"; }

# The archives' addresses as kiln finds them: the environment, else the host's apt sources.
mirrors() {
	if [ -n "${KILN_MIRROR:-}" ]; then
		for m in $KILN_MIRROR; do
			case $m in
			main=*) [ "$1" = main ] && echo "${m#main=}" ;;
			security=*) [ "$1" = security ] && echo "${m#security=}" ;;
			*) [ "$1" = main ] && echo "$m" || echo "$m-security" ;;
			esac
		done
		return
	fi
	apt-get indextargets --format '$(SITE) $(RELEASE) $(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
		sort -u | while read -r _ release uri component; do
		[ "$component" = main ] || continue
		case $1/$release in
		security/*-security) echo "$uri" ;;
		main/*-security) ;;
		main/bookworm | main/trixie) echo "$uri" ;;
		esac
	done
}

make_apt() { # DIR SUITE ARCH
	mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/etc/trusted.gpg.d" "$1/etc/sources.list.d" "$1/etc/preferences.d" "$1/none"
	: >"$1/status"
	key=${KILN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
	{
		for m in $(mirrors main | head -n 1); do
			echo "deb [signed-by=$key] $m $2 main"
			echo "deb [signed-by=$key] $m $2-updates main"
		done
		for m in $(mirrors security | head -n 1); do
			echo "deb [signed-by=$key] $m $2-security main"
		done
	} >"$1/etc/sources.list"
	cat >"$1/apt.conf" <<-CONF
	APT::Architecture "$3";
	APT::Architectures { "$3"; };
	Acquire::Languages "none";
	Acquire::Check-Valid-Until "false";
	Dir "$1";
	Dir::Etc "$1/etc";
	Dir::Etc::parts "$1/none";
	Dir::State "$1";
	Dir::State::lists "$1/lists";
	Dir::State::status "$1/status";
	Dir::Cache "$1";
	Dir::Cache::archives "$1/archives";
	Dir::Log "$1/log";
	Debug::NoLocking "true";
	CONF
	APT_CONFIG="$1/apt.conf" apt-get -qq update >"$1/update.log" 2>&1 || {
		echo "SKIP: apt-get update does not work here:"
		tail -3 "$1/update.log"
		exit 77
	}
}

# Not apt's '?essential': apt counts itself in.
essential() {
	APT_CONFIG="$1/apt.conf" apt-cache dumpavail |
		awk '/^Package: / { p = $2 } /^Essential: yes/ { print p }' | sort -u
}

failed=0
# A recipe file for $what; sets recipe and name.
recipe_of() {
	recipe=$what
	name=$(basename "${what%%@*}" .yaml)
	case $what in
	*@*) ;;
	*) return ;;
	esac
	suite=${what##*@}
	name=$(echo "${name#+}" | tr -c 'a-z0-9.\n' - | cut -c 1-40)-$suite
	recipe="$top/$name.yaml"
	case $what in
	+*)
		echo "include: [base/debian.yaml]"
		packages=${what#+}
		echo "packages: [${packages%@*}]"
		;;
	*) echo "include: [${what%@*}]" ;;
	esac >"$recipe"
	printf 'name: set\nversion: "1"\ndistribution: {suite: %s}\n' "$suite" >>"$recipe"
}

for what in "$@"; do
	recipe_of
	lock="$top/$name.lock"
	"$kiln" lock --no-fetch --output "$lock" "$recipe" >"$top/$name.log" 2>&1 || { cat "$top/$name.log"; exit 1; }
	suite=$(head_word suite "$lock")
	apt="$top/apt-$suite"
	[ -d "$apt" ] || make_apt "$apt" "$suite" "$(head_word architecture "$lock")"
	asked=$(awk '$1 == "package" && ($5 == "@recipe" || $5 == "@kernel") { print $2 }' "$lock")
	# shellcheck disable=SC2086
	APT_CONFIG="$apt/apt.conf" apt-get -qq -s install --no-install-recommends $(essential "$apt") usr-is-merged $asked \
		>"$top/$name.apt" 2>"$top/$name.err" || { echo "FAIL $name: apt refuses"; cat "$top/$name.err"; exit 1; }
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' "$top/$name.apt" | sort >"$top/$name.theirs"
	awk '$1 == "package" { print $2, $3 }' "$lock" | sort >"$top/$name.ours"
	grep -q '^usr-is-merged ' "$top/$name.ours" || sed -i '/^usr-is-merged /d' "$top/$name.theirs"
	if cmp -s "$top/$name.ours" "$top/$name.theirs"; then
		echo "ok   $name: apt chooses the same $(wc -l <"$top/$name.ours") packages"
	else
		echo "FAIL $name: < only kiln, > only apt"
		diff "$top/$name.ours" "$top/$name.theirs" || :
		failed=1
	fi
done
exit $failed
