# shellcheck shell=sh
# Sourced by the scripts that look at the tree. Not a program.
#
# tree_files ROOT: the project's own files below ROOT, one a line, relative
# to it. In a checkout these are the tracked ones and new ones that are not
# ignored; in an unpacked release all but what a build makes.
tree_files() {
	if [ "$(git -C "$1" rev-parse --show-toplevel 2>/dev/null)" = \
	    "$(cd "$1" && pwd -P)" ]; then
		(cd "$1" && git ls-files --cached --others \
		    --exclude-standard | sort -u |
		    while IFS= read -r f; do
			[ ! -f "$f" ] || printf '%s\n' "$f"
		    done)
	else
		(cd "$1" && find . \( -name _build -o -name .git -o \
		    -name build-aux -o -name m4 -o -name autom4te.cache -o \
		    -name .deps -o -name .libs -o \
		    -name __pycache__ \) -prune -o -type f \
		    ! -name configure ! -name aclocal.m4 ! -name libtool \
		    ! -name Makefile ! -name Makefile.in ! -name 'config.*' \
		    ! -name '*.o' ! -name '*.lo' ! -name '*.la' \
		    ! -name '*.log' ! -name '*.trs' \
		    -print | sed 's|^\./||' | sort)
	fi
}

# tree_sources ROOT: the C files and headers among them.
tree_sources() {
	tree_files "$1" | grep '\.[ch]$'
}

# The root: the argument, else what the harness says, else this checkout.
tree_root() {
	if [ -n "${1-}" ]; then
		(cd "$1" && pwd -P)
	elif [ -n "${GANGER_SRCDIR-}" ]; then
		printf '%s\n' "$GANGER_SRCDIR"
	else
		(cd "$(dirname "$0")/.." && pwd -P)
	fi
}
