#!/bin/sh
# Every *_MAGIC constant of a checked object has a value of its own.
# usage: check_magic.sh [ROOT]
# Prints the constants that share a value and exits 1 if there are any.
set -eu
. "$(dirname "$0")/files.sh"
root=$(tree_root "${1-}")

(cd "$root" && tree_sources "$root" | xargs grep -n \
    '^[[:space:]]*#[[:space:]]*define[[:space:]]\{1,\}[A-Z0-9_]*_MAGIC[[:space:]]' \
    /dev/null) |
awk '
{
	where = $0; sub(":[^:]*$", "", where)
	for (i = 1; i < NF && $i !~ /_MAGIC$/; i++)
		;
	name = $i
	value = tolower($(i + 1))
	gsub(/[()ul]/, "", value)
	if (value in owner) {
		printf "%s: %s has the value of %s: %s\n", where, name,
		    owner[value], value
		bad = 1
	}
	owner[value] = name
	n++
}
END {
	if (n == 0) {
		print "no constant found"
		bad = 1
	}
	exit bad
}' || { echo "magic constants are not unique" >&2; exit 1; }
