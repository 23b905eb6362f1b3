#!/bin/sh
# Runs inside the guest of scripts/systemd-check, as a service of its systemd;
# not for any other place. Each thing that was seen is a line "guest: ..." on
# the console, the last one "guest: all good".
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
unit=/sys/fs/cgroup/system.slice/ganger.service

say() {
	printf 'guest: %s\n' "$*"
}

die() {
	say "FAILED: $*"
	systemctl --no-pager status ganger.service || :
	journalctl --no-pager -n 40 -u ganger.service || :
	tail -n 40 /var/log/ganger/gangerd.log || :
	exit 1
}

# until_true SECONDS WHAT COMMAND...
until_true() {
	tries=$(($1 * 5))
	what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "timed out: $what"
		sleep 0.2
	done
}

show() {
	systemctl show -p "$1" --value ganger.service
}

is() {
	[ "$(show "$1")" = "$2" ]
}

job() {
	ganger submit --wait --json --timeout 60 "$1" >/tmp/job 2>&1
}

# job_is STATE ID
job_is() {
	ganger job --json "$2" >/tmp/job 2>&1 &&
	    grep -q "\"state\": *\"$1\"" /tmp/job
}

restart_with() {
	cat >/etc/ganger/ganger.ini
	chown root:ganger /etc/ganger/ganger.ini
	chmod 640 /etc/ganger/ganger.ini
	systemctl restart ganger.service || die "restart: $(systemctl is-active ganger)"
}

configuration() {
	cat <<-INI
	[supervisor]
	user = ganger
	run_dir = /run/ganger
	state_dir = /var/lib/ganger
	shutdown_grace = 20s
	kill_grace = 1s
	[log]
	target = /var/log/ganger/gangerd.log
	[handler selftest]
	[pool cpu]
	slots = 2
	memory_limit = 96M
	queues = ai:cpu:queue
	INI
}

say "systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p'), kernel $(uname -r), cgroup $(stat -fc %T /sys/fs/cgroup)"
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || die "no cgroup v2"
until_true 120 "Redis answers" redis-cli ping

# start
configuration | restart_with
is ActiveState active || die "not active"
is Type notify || die "not Type=notify"
pid=$(show MainPID)
[ "$(stat -c %U "/proc/$pid")" = ganger ] || die "runs as another user"
job '{"type":"selftest","queue":"ai:cpu:queue","input":{"op":"echo","value":42}}' ||
    die "a job: $(cat /tmp/job)"
say "start: active by sd_notify, process $pid of user ganger, status: $(show StatusText)"

# delegation
ganger workers --json >/tmp/workers || die "workers"
grep -q '"containment": *"cgroup2"' /tmp/workers || die "not held by cgroup2"
leaf=$(find "$unit" -maxdepth 2 -type d -name slot0)
[ -n "$leaf" ] || die "no leaf of a slot in $unit"
[ "$(cat "$leaf/memory.max")" = $((96 << 20)) ] ||
    die "memory.max: $(cat "$leaf/memory.max")"
say "delegation: ${leaf#/sys/fs/cgroup/} with memory.max $(cat "$leaf/memory.max") and cgroup.kill"
[ -w "$leaf/cgroup.kill" ] || die "no cgroup.kill"

# memory
if job '{"id":"big","type":"selftest","max_attempts":1,"input":{"op":"allocate","bytes":400000000}}'
then
	die "400 MB fit into 96"
fi
ganger job --json big >/tmp/job
grep -q 'out-of-memory' /tmp/job || die "cause: $(cat /tmp/job)"
is ActiveState active || die "the service did not outlive its job"
is NRestarts 0 || die "restarted"
[ "$(show MainPID)" = "$pid" ] || die "another process"
say "memory limit: the job ended as out-of-memory, the service stayed"

# reload
{ configuration; echo 'nice = 5'; } >/etc/ganger/ganger.ini
systemctl reload ganger.service || die "reload"
until_true 60 "the reload is taken over" \
    grep -q 'key=nice' /var/log/ganger/gangerd.log
until_true 60 "it is active again" is ActiveState active
{ configuration; echo 'colour = green'; } >/etc/ganger/ganger.ini
if systemctl reload ganger.service 2>/dev/null; then
	die "a bad file was taken"
fi
is ActiveState active || die "a bad file ended the service"
[ "$(show MainPID)" = "$pid" ] || die "another process after reload"
configuration >/etc/ganger/ganger.ini
job '{"type":"selftest","input":{"op":"echo","value":1}}' ||
    die "a job after the reload: $(cat /tmp/job)"
say "reload: a good file taken over, a bad one refused, process $pid stayed"

# watchdog
mkdir -p /run/systemd/system/ganger.service.d
printf '[Service]\nWatchdogSec=8\nTimeoutAbortSec=5\n' \
    >/run/systemd/system/ganger.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart ganger.service || die "restart"
pid=$(show MainPID)
from=$(date +%s)
kill -s STOP "$pid"
restarted() {
	[ "$(show NRestarts)" -ge 1 ] && is ActiveState active &&
	    [ "$(show MainPID)" != "$pid" ]
}
until_true 90 "the watchdog restarts it" restarted
say "watchdog: a stopped gangerd was replaced after $(($(date +%s) - from)) s (WatchdogSec=8)"
job '{"type":"selftest","input":{"op":"echo","value":2}}' || die "job"

# upgrade: systemd follows the new process
pid=$(show MainPID)
restarts=$(show NRestarts)
ganger submit '{"id":"long","type":"selftest","input":{"op":"sleep","seconds":30}}' \
    >/dev/null || die "submit"
until_true 30 "it runs" job_is running long
ganger upgrade >/tmp/upgrade 2>&1 || die "upgrade: $(cat /tmp/upgrade)"
new=$(cat /run/ganger/gangerd.pid)
[ "$new" != "$pid" ] || die "the pidfile still names the old process"
until_true 20 "systemd follows the new process" is MainPID "$new"
is ActiveState active || die "not active after the upgrade"
job_is running long || die "the upgrade ended a job: $(cat /tmp/job)"
[ -d "/proc/$pid" ] || die "the old process ended before its job"
# the watchdog (8 s) is the new one's to feed now, while the old one is there
job '{"id":"next","type":"selftest","input":{"op":"sleep","seconds":12}}' ||
    die "a job beside the old process's: $(cat /tmp/job)"
systemctl reload ganger.service || die "reload after the upgrade"
until_true 60 "it is active again" is ActiveState active
until_true 60 "the old process's job is done" job_is "done" long
grep -q '"attempt": *1[,}]' /tmp/job || die "it ran twice: $(cat /tmp/job)"
old_gone() {
	[ ! -d "/proc/$pid" ]
}
until_true 30 "the old process ends" old_gone
is ActiveState active || die "the old process's end was taken for the service's"
is MainPID "$new" || die "main process $(show MainPID), not $new"
is NRestarts "$restarts" || die "restarted by the upgrade"
say "upgrade: process $pid handed over to $new, systemd follows it, the job ran through"
# it is really watched: its death is seen
kill -s KILL "$new"
replaced() {
	[ "$(show NRestarts)" -gt "$restarts" ] && is ActiveState active &&
	    [ "$(show MainPID)" != "$new" ]
}
until_true 60 "the new process is replaced after a KILL" replaced
job '{"type":"selftest","input":{"op":"echo","value":3}}' ||
    die "a job after that: $(cat /tmp/job)"
say "upgrade: killed then, the new process was replaced by $(show MainPID)"

# stop: a job within shutdown_grace ends well
pid=$(show MainPID)
ganger submit '{"id":"short","type":"selftest","input":{"op":"sleep","seconds":4}}' \
    >/dev/null || die "submit"
until_true 30 "it runs" job_is running short
systemctl stop ganger.service || die "stop"
job_is "done" short || die "the stop ended a job: $(cat /tmp/job)"
is Result success || die "result $(show Result)"
[ ! -d "/proc/$pid" ] || die "still there"
[ ! -d "$unit" ] || [ -z "$(cat "$unit/cgroup.procs")" ] || die "processes left"
if pgrep -u ganger; then
	die "processes of ganger are left"
fi
say "stop: the running job ended as done, nothing is left, result $(show Result)"
say "all good"
