#!/bin/sh
# Lines that the tests ran, per folder and in all.
# usage: coverage.sh BUILD-FOLDER (configured with --enable-coverage)
set -eu
cd "$1"
find . -name '*.gcda' ! -path './tests/*' | while read -r data; do
	gcov -n -o "$(dirname "$data")" "$data" 2>/dev/null
done | awk '
/^File / {
	file = $0
	sub(/^File ./, "", file); sub(/.$/, "", file)
	# the last two parts of the name: ROOM/FILE
	n = split(file, part, "/")
	room = n > 1 ? part[n - 1] : ""
	own = file !~ /^\/usr/
}
/^Lines executed:/ && own {
	split($2, of, ":"); percent = of[2]; sub(/%/, "", percent)
	lines = $4; ran = percent * lines / 100
	# a file compiled into several programs: keep its best
	if (lines > total[file] || ran > hit[file]) {
		total[file] = lines; hit[file] = ran
	}
	in_room[file] = room
}
END {
	for (f in total) {
		t[in_room[f]] += total[f]; h[in_room[f]] += hit[f]
		all_t += total[f]; all_h += hit[f]
	}
	for (r in t)
		printf "%-12s %6d lines  %5.1f %%\n", r, t[r], 100 * h[r] / t[r] | "sort"
	close("sort")
	if (all_t == 0) {
		print "no data: was the suite run in this build?"
		exit 1
	}
	printf "%-12s %6d lines  %5.1f %%\n", "all", all_t, 100 * all_h / all_t
}'
