#!/bin/sh
# What must not be in any file of the tree: paths of one machine, notes of
# unfinished work, merge marks, white space at the end of a line.
# usage: check_tree.sh [ROOT]
# Prints each finding as FILE:LINE and exits 1 if there is one.
set -eu
. "$(dirname "$0")/files.sh"
root=$(tree_root "${1-}")
bad=0

# forbid WHAT PATTERN [FILES]: no file whose name matches FILES (default: all)
# may have a line that matches the pattern. The patterns are written so that
# they don't match themselves.
forbid() {
	found=$(cd "$root" && tree_files "$root" | grep -E "${3-.}" |
	    tr '\n' '\0' | xargs -0 grep -InE -e "$2" /dev/null || :)
	if [ -n "$found" ]; then
		printf '%s\n' "$found"
		echo "found: $1" >&2
		bad=1
	fi
}

forbid "a path of one machine" '(^|[^A-Za-z0-9_.}])/(home|root|work|Users)/'
forbid "a note of unfinished work" '[T]ODO|[F]IXME'
forbid "a merge mark" '^(<{7} |>{7} |={7}$)'
forbid "white space at the end of a line" '[[:blank:]]$' \
    '\.([chm]|py|sh|lua|mk|ac|m4|am|ini|md)$'
exit $bad
