#!/bin/sh
# Includes point one way, and one library belongs to one room.
# usage: check_layers.sh [ROOT]
# Prints each offending include as FILE:LINE and exits 1 if there is one.
set -eu
. "$(dirname "$0")/files.sh"
root=$(tree_root "${1-}")

(cd "$root" && tree_sources "$root" | xargs grep -n '^[[:space:]]*#[[:space:]]*include' /dev/null) |
awk -F: '
# room: the rooms it may include from. plugins see the installed ABI only.
function room(name, uses) { may[name] = " " uses " " }
# library: header prefix, and a pattern of the files that may include it.
function library(prefix, files, why)
{
	lib[++libs] = prefix; where[libs] = files; reason[libs] = why
}
function complain(text) { printf "%s:%s: %s\n", $1, $2, text; bad = 1 }
BEGIN {
	room("base", "base")
	room("proto", "base proto")
	room("conf", "base conf")
	room("place", "base conf place")
	room("supervisor", "base proto conf place supervisor")
	room("child", "base proto child plugins/handler.h")
	room("cli", "base proto conf place cli")
	room("gpu", "base proto gpu")
	room("plugins", "plugins")
	library("zmq", "^(supervisor/route|child/link)[.]c$",
	    "zmq is for supervisor/route.c and child/link.c")
	library("hiredis", "^(supervisor/(broker|conn|script|bell)[a-z_]*[.][ch]|cli/.*)$",
	    "hiredis is for the broker files of supervisor and for cli")
	library("msgpack", "^proto/msg[.][ch]$",
	    "msgpack is reached through proto/msg.h")
	library("event2/", "^supervisor/", "libevent is for supervisor")
	library("event.h", "^supervisor/", "libevent is for supervisor")
	library("hwloc", "^place/", "hwloc is for place")
	library("cuda", "^(gpu|plugins)/", "CUDA is for the prober and plugins")
	library("nvml", "^gpu/", "NVML is for the prober")
	library("onnxruntime", "^plugins/", "ONNX Runtime is for its plugin")
	library("jansson", "^(conf|place|proto|supervisor|child|cli|gpu|plugins)/",
	    "base stands below jansson")
	library("check.h", "^$", "libcheck is for tests")
}
{
	from = $1; sub("/.*", "", from)
	if (from == "tests" || from == "bench")
		next
	# fields 3.. are the line itself, which may hold colons
	line = $0; sub("^[^:]*:[^:]*:", "", line)
	header = line
	if (!sub("^[^\"<]*[\"<]", "", header))
		next
	quoted = line ~ /include[[:space:]]*"/
	sub("[\">].*$", "", header)
	for (i = 1; i <= libs; i++)
		if (index(header, lib[i]) == 1 && !(header in here) &&
		    !(quoted && header ~ "^[a-z]+/" && lib[i] !~ "/$" && \
		    header !~ "^" lib[i]) && $1 !~ where[i])
			complain(reason[i] ": " header)
	if (!quoted || header == "config.h")
		next
	if (!(from in may)) {
		complain("no rule for the room " from)
		next
	}
	to = header; sub("/.*", "", to)
	if (index(header, "/") == 0) {
		# a generated table of its own room
		if (header !~ "[.]inc$")
			complain("name the room: " header)
	} else if (index(may[from], " " to " ") == 0 &&
	    index(may[from], " " header " ") == 0)
		complain(from " must not include " header)
}
END { exit bad }
' || { echo "includes break the layers" >&2; exit 1; }
