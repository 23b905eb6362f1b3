#!/bin/sh
# clang-format over the tree's C files.
# usage: format.sh format|format-check ROOT
set -eu
. "$(dirname "$0")/files.sh"
command -v clang-format >/dev/null || {
	echo "clang-format is missing: install the Debian package clang-format" >&2
	exit 1
}

sources() {
	tree_sources "$1" | grep -v '_tbl\.h$'
}

cd "$2"
case $1 in
format) sources "$2" | xargs clang-format -i ;;
format-check) sources "$2" | xargs clang-format --dry-run -Werror ;;
*) echo "usage: format.sh format|format-check ROOT" >&2; exit 2 ;;
esac
