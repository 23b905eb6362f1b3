#!/bin/sh
# gangerd(8) and ganger-gpuprobe(8) are what the tables give (else run make
# man-docs), the page of the C interface names all of it, that of the prober its
# options, and mandoc has nothing to say about any page.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
docs=$GANGER_SRCDIR/docs
version=$("$GANGER_BUILDDIR/ganger" --version)
for page in gangerd.8 ganger-gpuprobe.8; do
	sh "$GANGER_SRCDIR/scripts/man.sh" \
	    "$GANGER_BUILDDIR/supervisor/gen_man" "${version#ganger }" \
	    "$docs/$page.in" >"$dir/$page"
	diff -u "$docs/$page" "$dir/$page" || {
		echo "docs/$page is not current: run make man-docs" >&2
		exit 1
	}
done
# the prober's options, there and here
"$GANGER_BUILDDIR/ganger-gpuprobe" --help | grep -o -e '--[a-z]*' |
    sort -u >"$dir/has"
echo --help >>"$dir/has"
sort -u -o "$dir/has" "$dir/has"
sed -n -e '/^\.SH OPTIONS/,/^\.SH "EXIT/{' \
    -e 's/\\f[BIR]//g; s/\\//g; s/^\.B //; s/^\(--[a-z]*\).*/\1/p; }' \
    "$docs/ganger-gpuprobe.8" | sort -u >"$dir/says"
diff -u "$dir/has" "$dir/says" || {
	echo "ganger-gpuprobe(8) has other options than --help" >&2
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
    "$docs/ganger.ini.5" "$docs/ganger-runner.7" "$docs/gangerd.8" \
    "$docs/ganger-gpuprobe.8"
