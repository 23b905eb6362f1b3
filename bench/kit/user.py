"""A user's own handlers under a private gangerd: their configuration, with
only that replaced which ties it to a place (Redis, ports, folders, names) and
the number of slots."""

import json
import os
import re

from . import systems

QUEUE = "ai:inference:queue"
LOW, TOP_UP = 1000, 1000        # jobs waiting; jobs pushed when fewer are

# section: keys that are replaced or left out
OURS = {
    "supervisor": {"worker_id", "run_dir", "state_dir", "pidfile",
                   "max_concurrent_jobs"},
    "redis": {"url", "prefix", "username", "password_file"},
    "http": {"listen", "token_file", "open_read"},
    "log": {"target"},
    "pool": {"slots", "slots_per_device", "queues"},
    "models": {"dir"},
}


def parse(text):
    """[(section, [(key, line)])], comments and empty lines left out."""
    found = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            found.append((line.strip("[]").strip(), []))
        elif found:
            found[-1][1].append((line.split("=")[0].strip(), line))
    return found


def value(sections, section, key, fallback=None):
    for name, lines in sections:
        for k, line in lines:
            if name == section and k == key:
                return line.split("=", 1)[1].strip()
    return fallback


def models_folder(sections):
    own = value(sections, "models", "dir")
    state = value(sections, "supervisor", "state_dir")
    if own or state:
        return own or os.path.join(state, "models")
    home = os.environ.get("XDG_STATE_HOME",
                          os.path.expanduser("~/.local/state"))
    root = "/var/lib" if os.geteuid() == 0 else home
    return os.path.join(root, "ganger", "models")


def rewrite(text, folder, slots):
    """The configuration for one run, in a folder of its own."""
    sections = parse(text)
    add = {
        "supervisor": ["worker_id = benchmark",
                       f"run_dir = {folder}/run",
                       f"state_dir = {folder}/state",
                       f"max_concurrent_jobs = {slots}"],
        "redis": [f"url = unix:{folder}/redis.sock"],
        "http": ["listen ="],
        "models": [f"dir = {models_folder(sections)}"],
    }
    out, pools = [], 0
    for name, lines in sections:
        kind = name.split()[0]
        pools += kind == "pool"
        # one pool is measured, the first; the clock's jobs are not ours
        if kind == "schedule" or (kind == "pool" and pools > 1):
            continue
        out += ["", f"[{name}]", *add.pop(name, [])]
        out += [line for key, line in lines
                if key not in OURS.get(kind, ())]
        if kind == "pool":
            gpu = any(key == "devices" for key, _ in lines)
            out.append(("slots_per_device" if gpu else "slots")
                       + f" = {slots}")
    for name, lines in add.items():
        out += ["", f"[{name}]", *lines]
    return "\n".join(out).lstrip() + "\n", pools


class User(systems.ListSystem):
    """One number of slots. gangerd and child are (program, environment)."""

    key = QUEUE

    def __init__(self, program, env, text, job, slots):
        super().__init__(None)
        self.name = f"{slots} slots"
        self.program, self.env = program, env
        self.text, self.job, self.slots = text, job, slots
        self.pushed = 0

    def prepare(self, aof):
        text, _ = rewrite(self.text, self.dir, self.slots)
        self.ini = self.dir + "/ini"
        with open(self.ini, "w") as f:
            f.write(text)
        os.chmod(self.ini, 0o600)

    def fill(self, count, size=200, key=None):
        first = self.pushed
        self.pushed += count
        self.redis("LPUSH", QUEUE, *(
            json.dumps({**self.job, "id": f"benchmark-{i}"})
            for i in range(first, self.pushed)))

    def top_up(self):
        if int(self.redis("LLEN", QUEUE)) < LOW:
            self.fill(TOP_UP)

    def start(self):
        self.run([self.program, "-F", "-c", self.ini], env=self.env)

    def counters(self):
        words = self.redis("HGETALL", "{%s}:stats" % QUEUE)
        return {words[i].decode(): int(words[i + 1])
                for i in range(0, len(words), 2)}

    def done(self):
        return self.counters().get("done", 0)

    def records(self, most=1000):
        """Some of the final records."""
        found, cursor = [], b"0"
        while True:
            cursor, keys = self.redis("SCAN", cursor, "MATCH",
                                      "{%s}:job:*" % QUEUE, "COUNT", 500)
            if keys:
                found += [json.loads(r) for r in self.redis("MGET", *keys)
                          if r]
            if cursor == b"0" or len(found) >= most:
                return [r for r in found if r["finished_at"]]

    def last_words(self):
        with open(self.dir + "/log", errors="replace") as f:
            lines = [x for x in f if re.search(r" (error|warn) ", x)]
        return "".join(lines[-5:])
