#!/bin/sh
# Ends as its first argument says.
case $1 in
junk)	echo '{"half": ' >"$GANGER_RESULT" ;;
empty)	: >"$GANGER_RESULT" ;;
none)	;;
exit)	echo "exit with $2" >&2; exit "$2" ;;
signal)	kill -"$2" $$ ;;
big)	head -c "$2" /dev/zero | tr '\0' 7 >"$GANGER_RESULT" ;;
again)	[ "$GANGER_ATTEMPT" -gt 1 ] || exit 75
	echo "$GANGER_ATTEMPT" >"$GANGER_RESULT" ;;
esac
