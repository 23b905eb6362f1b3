#!/bin/sh
# clang-tidy, cppcheck and shellcheck over the tree, then the tree's checks.
# usage: lint.sh ROOT COMPILER-FLAG...
# The rules are .clang-tidy and scripts/cppcheck.supp; both say why a check is
# off. Runs in a configured build folder, because config.h is needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/files.sh"
root=$1
shift
jobs=$(nproc 2>/dev/null || echo 1)
failed=0

need() {
	command -v "$1" >/dev/null || {
		echo "$1 is missing: install the Debian package $2" >&2
		exit 1
	}
}
need clang-tidy clang-tidy
need cppcheck cppcheck
need shellcheck shellcheck

echo "clang-tidy"
tree_sources "$root" | grep '\.c$' | sed "s|^|$root/|" |
    xargs -P "$jobs" -I '{}' clang-tidy --quiet '{}' -- -std=gnu11 "$@" \
    >lint.out 2>lint.err || cat lint.err >>lint.out
if [ -s lint.out ]; then
	cat lint.out
	failed=1
fi
rm -f lint.out lint.err

echo "cppcheck"
flags=
for flag; do
	case $flag in
	-I*) flags="$flags -I$(cd "${flag#-I}" && pwd -P)" ;;
	-D*) flags="$flags $flag" ;;
	esac
done
# Its parser needs the macros of the one system header with syntax of its own.
queue=$(echo '#include <sys/queue.h>' | cc -M -E -x c - |
    tr ' ' '\n' | grep 'sys/queue\.h$')
# shellcheck disable=SC2046,SC2086 # lists of words
(cd "$root" && cppcheck -q -j "$jobs" --std=c11 --error-exitcode=1 \
    --enable=warning,performance,portability --inline-suppr \
    --suppressions-list="$here/cppcheck.supp" \
    --library="$here/cppcheck.cfg" --include="$queue" \
    --max-configs=1 \
    $flags $(tree_sources "$root" | grep '\.c$')) || failed=1

echo "shellcheck"
# shellcheck disable=SC2046
(cd "$root" && shellcheck -S warning -x -P scripts $(tree_files "$root" |
    tr '\n' '\0' | xargs -0 grep -lE '^#!/bin/(ba)?sh' 2>/dev/null)) ||
    failed=1

for check in layers magic tree; do
	sh "$here/check_$check.sh" "$root" || failed=1
done
exit $failed
