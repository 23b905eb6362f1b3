#!/bin/sh
# What is in deploy/ holds together: shell scripts are clean, the unit is one
# that systemd has nothing to say about, the configuration is one that gangerd
# takes, every file is packed. Tools that are not here are left out and named.
set -eu
src=$GANGER_SRCDIR
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
missing=
has() {
	command -v "$1" >/dev/null || {
		missing="$missing $1"
		return 1
	}
}

# Unknown user names are no fault of the file where the package is not
# installed; everything else is.
sed -e '/^user = /d' -e "s|/var/lib/ganger|$dir/lib|" \
    -e "s|/run/ganger|$dir/run|" -e "s|/var/log/ganger|$dir/log|" \
    "$src/deploy/ganger.ini" >"$dir/ganger.ini"
chmod 600 "$dir/ganger.ini"
grep -q '^user = ganger$' "$src/deploy/ganger.ini"
"$GANGER_BUILDDIR/gangerd" -t -c "$dir/ganger.ini" >/dev/null

# Every library that the build needs is named by the package.
sed -n "/^build='/,/'\$/p" "$src/scripts/setup" | tr -s " '|" '\n' |
    grep -e '-dev$' | grep -v libc6-dev >"$dir/libraries"
[ -s "$dir/libraries" ]
while read -r library; do
	sed -n '/^Build-Depends/,/^[^ ]*Standards/p' "$src/debian/control" |
	    grep -qw -e "$library" || {
		echo "debian/control does not name $library in Build-Depends"
		exit 1
	}
done <"$dir/libraries"

if has shellcheck; then
	shellcheck "$src/deploy/init.d/ganger"
fi
sh -n "$src/deploy/default/ganger"
if has systemd-analyze; then
	sed "s|/usr/sbin/gangerd|$GANGER_BUILDDIR/gangerd|" \
	    "$src/deploy/systemd/ganger.service" >"$dir/ganger.service"
	systemd-analyze --man=no verify "$dir/ganger.service" 2>"$dir/err" || :
	# other units of the host have their own faults
	if grep 'ganger' "$dir/err" >&2; then
		exit 1
	fi
fi
if has logrotate; then
	sed -e '/^	su /d' -e 's/ ganger adm$//' \
	    "$src/deploy/logrotate.d/ganger" >"$dir/logrotate"
	chmod 600 "$dir/logrotate"
	logrotate -d -s "$dir/state" "$dir/logrotate" >"$dir/err" 2>&1
	if grep -i 'error' "$dir/err" >&2; then
		exit 1
	fi
fi
[ -z "$missing" ] || {
	echo "not here, so not checked by:$missing"
	exit 77
}
