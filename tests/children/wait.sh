#!/bin/sh
# Runs until the file $DUMP/go is there; leaves its pid in $DUMP/pid.
echo $$ >"$DUMP/pid.new"
mv "$DUMP/pid.new" "$DUMP/pid"
while [ ! -e "$DUMP/go" ]; do
	sleep 0.01
done
echo "$GANGER_ATTEMPT" >"$GANGER_RESULT"
