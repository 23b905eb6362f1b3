#!/bin/sh
# The documents made from the table of parameters are those in the tree.
set -eu

gen=$GANGER_BUILDDIR/conf/gen_docs
failed=0

compare() {
	if ! "$gen" "$1" | cmp - "$GANGER_SRCDIR/$2"; then
		echo "$2 is not current: run make conf-docs"
		failed=1
	fi
}

compare example conf/ganger.ini.example
compare markdown docs/config.md
compare man docs/ganger.ini.5
if "$gen" nonsense 2>/dev/null; then
	echo "gen_docs takes an unknown form"
	failed=1
fi
exit $failed
