#!/bin/sh
# gangerd(8) is what the tables give (else run make man-docs), the page of the
# C interface names all of it, and mandoc has nothing to say about any page.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
docs=$GANGER_SRCDIR/docs
version=$("$GANGER_BUILDDIR/ganger" --version)
sh "$GANGER_SRCDIR/scripts/man.sh" "$GANGER_BUILDDIR/supervisor/gen_man" \
    "${version#ganger }" "$docs/gangerd.8.in" >"$dir/gangerd.8"
diff -u "$docs/gangerd.8" "$dir/gangerd.8" || {
	echo "docs/gangerd.8 is not current: run make man-docs" >&2
	exit 1
}
# every member that can be called, every status, every flag
sed 's/\\//g' "$docs/ganger-handler.3" >"$dir/handler"
sed -n -e 's/.*(\*\([a-z_]*\))(.*/\1/p' \
    -e 's/^	\(GANGER_[A-Z_]*\) = [0-9].*/\1/p' \
    -e 's/^#define \(GANGER_PLUGIN_[A-Z_]*\) .*/\1/p' \
    "$GANGER_SRCDIR/plugins/handler.h" >"$dir/names"
[ "$(wc -l <"$dir/names")" -ge 20 ]
while read -r name; do
	grep -qw "$name" "$dir/handler" || {
		echo "ganger-handler(3) does not name $name" >&2
		exit 1
	}
done <"$dir/names"
command -v mandoc >/dev/null || {
	echo "no mandoc here: the pages are not checked by it"
	exit 77
}
mandoc -T lint "$docs/ganger.1" "$docs/ganger-handler.3" \
    "$docs/ganger.ini.5" "$docs/ganger-runner.7" "$docs/gangerd.8"
