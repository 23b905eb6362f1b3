#!/bin/sh
# Ignores TERM, and so do its descendants, which leave its session, keep its
# output open and lose their parents. Nothing but KILL to each ends them.
trap '' TERM HUP INT
for _ in 1 2 3; do
	(setsid sh -c 'sleep 7654321 & sleep 7654321' &)
done
touch "$DUMP/up"
sleep 7654321
sleep 7654321
