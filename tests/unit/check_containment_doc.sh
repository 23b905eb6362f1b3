#!/bin/sh
# docs/containment.md tells of each cause of proto/cause_tbl.h, and of no other.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed -n 's/^	CAUSE([A-Z_]*, *"\([a-z-][a-z-]*\)".*/\1/p' \
	"$GANGER_SRCDIR/proto/cause_tbl.h" | sort >"$dir/table"
sed -n '/^## Causes/,/^## Evidence/p' "$GANGER_SRCDIR/docs/containment.md" |
	sed -n 's/^| \(`[^|]*\)|.*/\1/p' | tr -d '`' | tr -s ' ' '\n' |
	grep . | sort >"$dir/page"
test -s "$dir/table"
diff -u "$dir/table" "$dir/page" || {
	echo "docs/containment.md does not list the causes as they are" >&2
	exit 1
}
