#!/bin/sh
# The manual and the completion must be what the command table gives: after a
# change of cli/*_tbl.h run "make cli-docs".
set -eu
ganger=$GANGER_BUILDDIR/ganger
sh "$GANGER_SRCDIR/cli/man.sh" "$ganger" "$GANGER_SRCDIR/docs/ganger.1.in" |
	cmp - "$GANGER_SRCDIR/docs/ganger.1"
"$ganger" help @bash | cmp - "$GANGER_SRCDIR/deploy/bash-completion/ganger"
if command -v bash >/dev/null; then
	bash -n "$GANGER_SRCDIR/deploy/bash-completion/ganger"
fi
