#!/bin/sh
# Hangs the first time that a job comes, succeeds the next time. The first
# run's pid is in $DUMP/pid.
if mkdir "$DUMP/ran-$GANGER_JOB_ID" 2>/dev/null; then
	echo $$ >"$DUMP/pid.new"
	mv "$DUMP/pid.new" "$DUMP/pid"
	exec sleep 600
fi
echo "$GANGER_ATTEMPT" >"$GANGER_RESULT"
