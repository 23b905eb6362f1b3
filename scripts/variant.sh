#!/bin/sh
# Configures and builds the tree in _build/NAME of the current folder.
# usage: variant.sh NAME [CONFIGURE-ARGUMENT...]
# A folder that is configured already is only brought up to date. Where the
# source folder itself is configured, which rules out other builds beside it,
# the build uses a copy of what `make dist` would take.
set -eu
name=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd -P)
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
mkdir -p "_build/$name"
build=$(cd "_build/$name" && pwd -P)
unset MAKEFLAGS MFLAGS MAKELEVEL LIBRARY_PATH

if [ ! -x "$root/configure" ]; then
	(cd "$root" && mkdir -p m4 && autoreconf -fi >/dev/null)
fi
source=$root
if [ -f "$root/config.status" ]; then
	source=$build-source
	make -s -C "$root" distdir distdir="$source.new" >/dev/null
	rm -rf "$source"
	mv "$source.new" "$source"
fi
cd "$build"
wanted="$source $*"
if [ ! -f Makefile ] || [ "$(cat .variant 2>/dev/null)" != "$wanted" ]; then
	"$source/configure" -q "$@"
	printf '%s\n' "$wanted" >.variant
fi
make -s -j"$jobs"
