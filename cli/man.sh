#!/bin/sh
# man.sh GANGER TEMPLATE: the manual with the commands put in, on stdout.
set -eu
version=$("$1" --version)
"$1" help @man | awk -v version="${version#ganger }" -v part=- '
	/^@COMMANDS@$/ { while ((getline line < part) > 0) print line; next }
	{ gsub(/@VERSION@/, version); print }
' "$2"
