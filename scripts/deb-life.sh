#!/bin/sh
# The life of the packages in /debs, inside the clean Debian that
# scripts/deb-check made; not for any other place. Prints each step, ends with
# 1 at the first that is not as it must be.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset REDIS_URL WORKER_ID || :

say() {
	printf '   %s\n' "$*"
}

die() {
	printf 'deb-life: %s\n' "$*" >&2
	tail -n 30 /var/log/ganger/gangerd.log >&2 2>/dev/null || :
	exit 1
}

# want CODE COMMAND...: its output goes to /out
want() {
	code=$1
	shift
	got=0
	"$@" >/out 2>&1 </dev/null || got=$?
	[ "$got" = "$code" ] || {
		cat /out >&2
		die "$* ended with $got, expected $code"
	}
}

# until_true WHAT COMMAND...
until_true() {
	what=$1
	shift
	tries=300
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "timed out: $what"
		sleep 0.1
	done
}

# All files but what dpkg, apt and the logs of others keep for themselves.
snapshot() {
	find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev \
	    -o -path /tmp -o -path /debs -o -path /var/lib/dpkg \
	    -o -path /var/cache -o -path /var/lib/apt \
	    -o -path /var/log/apt -o -path /var/log/dpkg.log \
	    -o -path /var/log/redis -o -path /var/lib/redis \
	    -o -path /var/log/alternatives.log -o -name __pycache__ \) \
	    -prune -o -print | grep -vx -e /out -e /before -e /after \
	    -e '/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-' | sort
	cut -d : -f 1 /etc/passwd | sed 's/^/user /' | sort
	cut -d : -f 1 /etc/group | sed 's/^/group /' | sort
}

field() {
	sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" /out | head -n 1
}

# job_is STATE ID: what its record says
job_is() {
	ganger job --json "$2" >/out 2>&1 && [ "$(field state)" = "$1" ]
}

# Nobody reaps what daemons leave in this place: a zombie is gone.
gone() {
	case $(sed -n 's/^State:[[:blank:]]*//p' "/proc/$1/status" \
	    2>/dev/null) in
	''|Z*) return 0 ;;
	esac
	return 1
}

snapshot >/before

say "install, with no Redis there"
want 0 dpkg -i /debs/ganger_*.deb /debs/ganger-plugins_*.deb \
    /debs/python3-ganger_*.deb /debs/libganger-dev_*.deb
want 3 service ganger status
want 0 service ganger configtest
want 1 service ganger start
[ "$(stat -c '%U:%G %a' /etc/ganger/ganger.ini)" = 'root:ganger 640' ] ||
    die "ganger.ini: $(stat -c '%U:%G %a' /etc/ganger/ganger.ini)"
want 0 python3 -c 'import ganger.client, ganger.runner'
want 0 test -r /usr/include/ganger/handler.h

say "start"
printf '\n[handler selftest]\n' >>/etc/ganger/ganger.ini
redis-server --port 6379 --save '' --daemonize yes --dir /tmp >/dev/null
until_true "Redis listens" redis-cli ping
want 0 service ganger start
want 0 service ganger start
want 0 service ganger status
pid=$(cat /run/ganger/gangerd.pid)
[ "$(stat -c %U "/proc/$pid")" = ganger ] ||
    die "gangerd runs as $(stat -c %U "/proc/$pid")"

say "reload: a good file, a bad one"
sed -i 's/^\[log\]$/&\nlevel = debug/' /etc/ganger/ganger.ini
want 0 service ganger reload
until_true "the reload is in the status" sh -c '
	ganger workers --json | grep -q "\"ok\": *true" &&
	grep -q "reload" /var/log/ganger/gangerd.log'
echo 'colour = green' >>/etc/ganger/ganger.ini
want 6 service ganger reload
grep -q colour /out || die "the bad key is not named: $(cat /out)"
sed -i '$d' /etc/ganger/ganger.ini

say "every verb of the init script under service"
want 2 service ganger enlarge
want 0 service ganger force-reload
want 0 service ganger restart
want 0 service ganger try-restart
want 0 service ganger stop
want 3 service ganger status
want 0 service ganger stop
want 7 service ganger reload
want 7 service ganger force-reload
want 0 service ganger try-restart
want 3 service ganger status
want 0 service ganger start
want 0 service ganger status

say "a job"
want 0 ganger submit --wait --json --timeout 20 \
    '{"type":"selftest","input":{"op":"echo","value":42}}'
grep -q 42 /out || die "the answer has no 42: $(cat /out)"

say "logrotate"
if command -v logrotate >/dev/null; then
	want 0 logrotate -f /etc/logrotate.d/ganger
fi

say "upgrade under a running job"
want 0 ganger submit \
    '{"id":"long","type":"selftest","input":{"op":"sleep","seconds":25}}'
until_true "the job runs" job_is running long
before=$(cat /run/ganger/gangerd.pid)
want 0 dpkg -i /debs/next-*.deb
want 0 service ganger status
job_is running long || die "the upgrade waited for the job, or ended it"
[ "$(cat /run/ganger/gangerd.pid)" != "$before" ] ||
    die "the old version still runs: $(cat /out)"
until_true "the job is done" job_is "done" long
[ "$(field attempt)" = 1 ] || die "the upgrade was charged to the job: $(cat /out)"
want 0 ganger submit --wait --timeout 20 \
    '{"type":"selftest","input":{"op":"echo","value":43}}'
pid=$(cat /run/ganger/gangerd.pid)
case $(ganger workers --json) in
*"\"pid\": $pid,"*|*"\"pid\":$pid,"*) ;;
*) die "the fleet does not know process $pid" ;;
esac
say "the job ran through; gangerd was process $before, is $pid"

say "remove"
want 0 dpkg -r ganger-plugins ganger python3-ganger libganger-dev
gone "$pid" || die "gangerd still runs"
[ -e /etc/ganger/ganger.ini ] || die "remove took the configuration"

say "purge"
want 0 dpkg -P ganger ganger-plugins python3-ganger libganger-dev
for pid in $(pgrep ganger); do
	gone "$pid" || die "process $pid is left"
done
[ -z "$(ls -A /run/ganger 2>/dev/null)" ] || die "/run/ganger is left"
snapshot >/after
diff /before /after || die "the purge left or took something"
redis-cli shutdown nosave 2>/dev/null || :
