#!/bin/sh
# Prints supervisor/page_embed.c: the status page as a C string, page_text of
# supervisor/http_ask.h. White space that begins a line is left out.
#
# usage: embed_page.sh FILE.html
set -eu
LC_ALL=C
export LC_ALL

cat <<'END'
/* Made by scripts/embed_page.sh from supervisor/page/; change it there. */
#include "config.h"

#include "supervisor/http_ask.h"

const char page_text[] =
END
awk '
{
	sub(/^[ \t]+/, "")
	gsub(/\\/, "&&")
	gsub(/"/, "\\\\&")
	gsub(/\t/, "\\t")
	gsub(/\?/, "\\?")
	printf "\t\"%s\\n\"\n", $0
}
END { print "\t\"\";" }' "$1"
