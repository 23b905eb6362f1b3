#!/bin/sh
# Reports progress, then waits for the file $DUMP/go before it goes on.
echo "0.25 first quarter" >"/dev/fd/$GANGER_PROGRESS_FD"
while [ ! -e "$DUMP/go" ]; do
	sleep 0.01
done
echo "0.75 nearly there" >"/dev/fd/$GANGER_PROGRESS_FD"
