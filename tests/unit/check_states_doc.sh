#!/bin/sh
# docs/states.md is what supervisor/slot_tbl.h says.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$GANGER_BUILDDIR/supervisor/gen_states" >"$out"
diff -u "$GANGER_SRCDIR/docs/states.md" "$out" || {
	echo "docs/states.md is not current: run make states-doc" >&2
	exit 1
}
