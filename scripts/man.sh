#!/bin/sh
# man.sh GEN_MAN VERSION TEMPLATE: the manual with what the tables say put in.
set -eu
{
	echo @ROUTES@
	"$1" routes
	echo @CAUSES@
	"$1" causes
	echo @XIDS@
	"$1" xids
} | awk -v version="$2" -v template="$3" '
	/^@[A-Z]*@$/ { part = $0; next }
	{ text[part] = text[part] $0 "\n" }
	END {
		while ((getline line < template) > 0) {
			if (line in text) {
				printf "%s", text[line]
				continue
			}
			gsub(/@VERSION@/, version, line)
			print line
		}
	}
'
