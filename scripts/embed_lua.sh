#!/bin/sh
# Prints supervisor/lua_embed.c: the texts of the Lua scripts as C strings and
# script_text(), which script.h declares. Lines that are only a comment become
# empty ones, so that line numbers in Redis's error messages stay right.
#
# usage: embed_lua.sh FILE.lua...
set -eu
LC_ALL=C
export LC_ALL

cat <<'END'
/* Made by scripts/embed_lua.sh from supervisor/lua/; change it there. */
#include "config.h"

#include "supervisor/script.h"

#include "base/obj.h"

END

for file in "$@"; do
	name=$(basename "$file" .lua)
	echo "static const char text_${name}[] ="
	awk '
	/^[ \t]*--/ { $0 = "" }
	{
		sub(/^[ \t]+/, "")
		gsub(/\\/, "&&")
		gsub(/"/, "\\\\&")
		gsub(/\t/, "\\t")
		printf "\t\"%s\\n\"\n", $0
	}
	END { print "\t\"\";\n" }' "$file"
done

cat <<'END'
static const struct slice texts[SCRIPT_N] = {
#define X(id, name, what) \
	[SCRIPT_##id] = { text_##name, sizeof(text_##name) - 1 },
	SCRIPT_TABLE(X)
#undef X
};

struct slice
script_text(enum script_id id)
{
	ASSERT((unsigned)id < SCRIPT_N);
	return (texts[id]);
}
END
