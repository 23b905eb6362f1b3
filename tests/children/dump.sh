#!/bin/sh
# Writes down what a command handler was given, into the folder $DUMP.
env >"$DUMP/env"
pwd >"$DUMP/pwd"
cat >"$DUMP/stdin"
ls -l /proc/$$/fd >"$DUMP/fds"
ls -ld "$GANGER_WORKDIR" "$GANGER_OUTPUT_DIR" "$GANGER_CHECKPOINT_DIR" \
    >"$DUMP/dirs"
echo "a line on stdout"
echo "a line on stderr" >&2
echo kept >"$GANGER_CHECKPOINT_DIR/note"
echo private >"$GANGER_WORKDIR/note"
echo '{"seen": true}' >"$GANGER_RESULT"
