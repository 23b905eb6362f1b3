#!/bin/sh
# docs/gpu.md lists the Xids of each class as supervisor/xid_tbl.h has them.
set -eu
src=${GANGER_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd -P)}
bad=0
for pair in APP:application RESTART:restart DEVICE:device HOST:host; do
	class=${pair%:*}
	name=${pair#*:}
	table=$(sed -n "s/.*XID(\([0-9]*\), $class, .*/\1/p" \
	    "$src/supervisor/xid_tbl.h" | sort -n | tr '\n' ' ')
	page=$(grep "^| $name |" "$src/docs/gpu.md" | sed 's/.*| *\([^|]*\)|$/\1/' |
	    sed 's/;.*//' | tr -cs '0-9' '\n' | sed '/^$/d' | sort -n |
	    tr '\n' ' ')
	if [ -z "$table" ] || [ "$table" != "$page" ]; then
		echo "class $name: xid_tbl.h has $table; docs/gpu.md has $page"
		bad=1
	fi
done
exit $bad
