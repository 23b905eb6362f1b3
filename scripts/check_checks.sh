#!/bin/sh
# The checks of the tree can fail: each is given a small tree that breaks one
# rule and must refuse it, and one that keeps all and must pass.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
dir=$(mktemp -d "${TMPDIR:-/tmp}/ganger-checks-XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0

# tree FILE TEXT ...: a fresh tree with a good file and the given ones.
tree() {
	rm -rf "$dir/t"
	mkdir -p "$dir/t/base"
	printf '#include "base/good.h"\n#define GOOD_MAGIC 0x1u\n' \
	    >"$dir/t/base/good.c"
	while [ $# -gt 0 ]; do
		mkdir -p "$dir/t/$(dirname "$1")"
		printf '%b\n' "$2" >"$dir/t/$1"
		shift 2
	done
}

expect() {
	want=$1
	check=$2
	what=$3
	if sh "$here/$check" "$dir/t" >"$dir/out" 2>&1; then
		got=pass
	else
		got=refuse
	fi
	if [ "$got" != "$want" ]; then
		echo "$check: $what: expected $want, got $got"
		cat "$dir/out"
		failed=1
	fi
}

tree
for check in check_layers.sh check_magic.sh check_tree.sh; do
	expect pass $check "a good tree"
done

tree base/up.c '#include "proto/frame.h"'
expect refuse check_layers.sh "base includes proto"
tree proto/up.c '#include "supervisor/slot.h"'
expect refuse check_layers.sh "proto includes supervisor"
tree child/across.c '#include "supervisor/slot.h"'
expect refuse check_layers.sh "child includes supervisor"
tree plugins/p.c '#include "base/buf.h"'
expect refuse check_layers.sh "a plugin includes base"
tree child/p.c '#include "plugins/handler.h"'
expect pass check_layers.sh "child includes the plugin ABI"
tree child/own.c '#include "own.h"'
expect refuse check_layers.sh "an include without its room"
tree attic/x.c '#include "base/buf.h"'
expect refuse check_layers.sh "a room without a rule"
tree supervisor/slot.c '#include <zmq.h>'
expect refuse check_layers.sh "zmq outside its files"
tree supervisor/route.c '#include <zmq.h>'
expect pass check_layers.sh "zmq in its file"
tree child/work.c '#  include <hiredis/hiredis.h>'
expect refuse check_layers.sh "hiredis in child"
tree supervisor/http.c '#include <event2/http.h>'
expect pass check_layers.sh "libevent in supervisor"
tree cli/x.c '#include <event2/http.h>'
expect refuse check_layers.sh "libevent in cli"
tree tests/unit/x.c '#include "supervisor/slot.h"\n#include <check.h>'
expect pass check_layers.sh "tests see everything"

tree base/twin.h '#define TWIN_MAGIC 0x1'
expect refuse check_magic.sh "one value twice"
tree base/other.h '#define OTHER_MAGIC 0x2u'
expect pass check_magic.sh "two values"

slash=/
tree docs/x.md "see ${slash}home${slash}someone${slash}file"
expect refuse check_tree.sh "a path of one machine"
tree base/x.c "/* TO""DO later */"
expect refuse check_tree.sh "a note of unfinished work"
tree base/x.c 'int x; '
expect refuse check_tree.sh "white space at the end of a line"
tree base/x.c '<<<<<<< ours'
expect refuse check_tree.sh "a merge mark"
exit $failed
