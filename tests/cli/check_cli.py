"""ganger without any daemon: records, lanes and letters are written here,
and what the program prints, pushes and exits with is compared."""
import base64
import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_rig import Redis, main, until  # noqa: E402

CPU, GPU = "ai:cpu:queue", "ai:gpu:queue"
INFERENCE, TRAINING = "ai:inference:queue", "ai:training:queue"


def queued(rig, key):
    return [json.loads(x) for x in rig.redis("LRANGE", key, 0, -1)]


def worker(rig, id, **members):
    status = {"worker_id": id, "host": "h", "pid": 1, "state": "running",
              "active_jobs": 0, "available_slots": 2, "gpu_enabled": False,
              "queues": [CPU, "my:queue"], "slots": []}
    status.update(members)
    rig.redis("ZADD", "ai:workers", 1, id)
    rig.redis("SET", "ai:worker:" + id, json.dumps(status))


def t_submit_routes_by_gpu_and_type(rig):
    for job, queue in (({}, INFERENCE), ({"type": "inference"}, INFERENCE),
                       ({"type": "training"}, TRAINING),
                       ({"type": "other"}, CPU), ({"type": None}, INFERENCE),
                       ({"type": "training", "requires_gpu": True}, GPU)):
        (said,) = rig.lines("submit", json.dumps(job))
        assert said["queue"] == queue, (job, said)
        (got,) = queued(rig, queue)
        assert got["id"] == said["id"] and got["queued_at"] > 10**12
        rig.redis("DEL", queue)
    (said,) = rig.lines("submit", "--gpu", "{}")
    assert said["queue"] == GPU and queued(rig, GPU)[0]["requires_gpu"]


def t_submit_keeps_the_other_bytes(rig):
    rig.run("submit", '{"id":"a", "queued_at": 7 , "x": [1,  2.50, "\\u00e9"]}')
    assert rig.redis("LPOP", INFERENCE) == \
        b'{"id":"a", "queued_at": 7 , "x": [1,  2.50, "\\u00e9"]}'
    rig.run("submit", '{ "id" : null , "queued_at":7, "y":1.0}')
    raw = rig.redis("LPOP", INFERENCE)
    assert raw.startswith(b'{ "id" : "') and raw.endswith(
        b'" , "queued_at":7, "y":1.0}'), raw


def t_submit_takes_many_jobs_and_lanes(rig):
    path = os.path.join(rig.dir, "jobs")
    with open(path, "w") as f:
        f.write('{"id":"1"}\n{"id":"2",\n "n": {"}": "{"}}\n\n{"id":"3"}')
    assert rig.run("submit", path, "--priority", "high") == "1\n2\n3\n"
    lane = queued(rig, "{%s}:high" % INFERENCE)
    assert [j["id"] for j in lane] == ["3", "2", "1"]
    assert all(j["priority"] == "high" for j in lane)
    assert rig.run("submit", "-", stdin=b'{"id":"4","priority":"low"}') == "4\n"
    assert [j["id"] for j in queued(rig, "{%s}:low" % INFERENCE)] == ["4"]
    rig.run("submit", "-q", "my:q", '{"id":"5"}')
    assert [j["id"] for j in queued(rig, "my:q")] == ["5"]


def t_submit_passes_msgpack(rig):
    rig.run("submit", "-", stdin=b"\x82\xa2id\xa1m\xa1x\xc4\x02\x00\xff")
    raw = rig.redis("LPOP", INFERENCE)
    assert raw[0] == 0x83 and raw.endswith(b"\xa2id\xa1m\xa1x\xc4\x02\x00\xff")


def t_a_bad_job_queues_nothing(rig):
    for bad in (b'{"id":"1"}\n{"id":2}', b'{"id":"1"} x', b"not json", b"",
                b'{"id":"1"', b'{"a":1,"a":2}', b'{"priority":"urgent"}',
                b"\x81\xa1x"):
        rig.run("submit", "-", stdin=bad, rc=2)
        assert rig.redis("DBSIZE") == 0, bad
    rig.run("submit", "-", stdin=b'{"id":"1"}\n{"id":2}', rc=2)
    assert "standard input:2" in rig.err, rig.err


def t_usage_errors_exit_2(rig):
    for args in ((), ("nope",), ("submit",), ("job",), ("job", "a", "b"),
                 ("job", "--wait", "a"), ("job", "--nope", "a"),
                 ("job", "b d"), ("wait", "--timeout", "x", "a"),
                 ("submit", "{}", "--priority", "urgent"),
                 ("submit", "{}", "--queue", "q", "--spread"),
                 ("submit", "/nonexistent/file"), ("dead", "eat"),
                 ("dead", "retry"), ("queues", "x"), ("job", "--queue"),
                 ("help", "nope"), ("--redis", "http://x", "queues")):
        rig.run(*args, rc=2)
        assert rig.err, args


def t_help_of_every_command(rig):
    listed = [x.split()[0] for x in
              rig.run("help").split("commands:\n")[1].split("\n\n")[0]
              .splitlines()]
    assert "submit" in listed and len(listed) > 10
    for name in listed:
        assert "usage: ganger " + name in rig.run("help", name)
        assert rig.run(name, "--help") == rig.run("help", name)


def t_unreachable_exits_3(rig):
    for args in (("queues",), ("submit", "{}"), ("wait", "a"), ("status",)):
        rig.run("--redis", "unix:" + rig.dir + "/none", *args, rc=3)
    rig.run("--redis", "redis://127.0.0.1:1", "queues", rc=3)


def t_job_shows_record_or_place(rig):
    rig.record(CPU, "r", result={"v": 1})
    assert rig.lines("job", "r")[0]["result"] == {"v": 1}
    assert "done" in rig.run("job", "r")
    rig.run("job", "none", rc=1)
    rig.run("job", "r", "--queue", GPU, rc=1)
    rig.run("submit", '{"id":"p1"}', '{"id":"p2"}')
    (p2,) = rig.lines("job", "p2")
    assert p2["state"] == "queued" and p2["before"] == 1, p2
    rig.redis("ZADD", "{%s}:delayed" % CPU, 99, 'n:w.1:1:{"id":"d"}')
    (d,) = rig.lines("job", "d")
    assert d["state"] == "delayed" and d["due"] == 99, d
    worker(rig, "w1")
    rig.redis("HSET", "{%s}:leased:w1" % CPU, "t:1", '{"id":"l"}')
    (leased,) = rig.lines("job", "l")
    assert leased["state"] == "claimed" and leased["worker"] == "w1"
    rig.record("my:queue", "mine")
    assert rig.lines("job", "mine")[0]["queue"] == "my:queue"


def t_job_keeps_the_lines_of_an_error(rig):
    message = "Traceback:\n  File \"x\x1b[31m.py\"\n\nValueError: no\n"
    rig.redis("SET", "{%s}:job:tb" % INFERENCE, json.dumps({
        "id": "tb", "queue": INFERENCE, "state": "failed",
        "error": {"cause": "handler-error", "message": message}}))
    out = rig.run("job", "tb")
    pad = " " * 13
    assert ("error        Traceback:\n" + pad + '  File "x?[31m.py"\n' +
            pad + "\n" + pad + "ValueError: no\n") in out, out
    assert out.endswith("ValueError: no\n") and "\x1b" not in out


def t_job_follows_a_move(rig):
    rig.record(CPU, "m", state="moved", moved_to="far:queue")
    rig.record("far:queue", "m", result=5)
    assert rig.lines("job", "m")[0]["result"] == 5
    assert rig.lines("wait", "m")[0]["result"] == 5


def t_wait_exit_codes(rig):
    rig.record(CPU, "ok", result=[1])
    rig.record(GPU, "bad", state="failed",
               error={"cause": "crashed", "message": "segv"})
    rig.run("submit", '{"id":"waits"}')
    assert rig.run("wait", "ok").split()[:2] == ["ok", "done"]
    assert "crashed: segv" in rig.run("wait", "ok", "bad", rc=1)
    rig.run("wait", "--timeout", "0.2", "ok", "waits", rc=4)
    rig.run("wait", "--timeout", "0.2", "never", rc=1)
    assert rig.lines("wait", "never", rc=1)[0]["state"] == "unknown"


def t_wait_ends_by_event(rig):
    rig.run("submit", '{"id":"e"}')
    p = rig.start("wait", "--json", "e")
    until("it listens", lambda: rig.redis("PUBSUB", "NUMSUB", "ai:events")[1])
    rig.record(INFERENCE, "e", result="late")
    rig.redis("PUBLISH", "ai:events", json.dumps(
        {"v": 1, "id": "e", "queue": INFERENCE, "state": "done"}))
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 0 and json.loads(out)["result"] == "late"


def t_wait_needs_no_event(rig):
    p = rig.start("submit", "--wait", '{"id":"e"}')
    until("it is queued", lambda: rig.redis("LLEN", INFERENCE))
    rig.record(INFERENCE, "e", result=7)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 0 and out.decode().endswith(" 7\n"), (out, err)


def t_follow_shows_all_lines_then_the_end(rig):
    log = "{%s}:log:f" % INFERENCE
    p = rig.start("submit", "--follow", '{"id":"f"}')
    until("it is queued", lambda: rig.redis("LLEN", INFERENCE))
    for i in range(50):
        rig.redis("XADD", log, "*", "stream", "stdout", "line", "line %d" % i)
    rig.record(INFERENCE, "f", state="failed",
               error={"cause": "timeout", "message": "late"})
    rig.redis("PUBLISH", "ai:events", json.dumps(
        {"v": 1, "id": "f", "queue": INFERENCE, "state": "failed"}))
    out = p.communicate(timeout=20)[0].decode().splitlines()
    assert out[:-1] == ["line %d" % i for i in range(50)], out
    assert p.returncode == 1 and out[-1].startswith("f failed")
    assert rig.run("logs", "f").splitlines() == out[:-1]
    assert rig.run("logs", "-f", "f").splitlines() == out[:-1]
    assert rig.lines("logs", "f")[3]["line"] == "line 3"
    rig.run("logs", "none", rc=1)


def t_cancel_takes_a_waiting_job_out(rig):
    rig.run("submit", '{"id":"c","reply_to":"ans","unique":"u"}', '{"id":"d"}')
    rig.redis("SET", "{%s}:unique:u" % INFERENCE, "c")
    (rec,) = rig.lines("cancel", "c")
    assert rec["state"] == "cancelled" and rec["queue"] == INFERENCE
    assert [j["id"] for j in queued(rig, INFERENCE)] == ["d"]
    assert json.loads(rig.redis("LPOP", "ans"))["id"] == "c"
    assert rig.redis("EXISTS", "{%s}:unique:u" % INFERENCE) == 0
    assert rig.redis("PTTL", "{%s}:job:c" % INFERENCE) > 0
    rig.run("wait", "c", rc=1)
    rig.redis("ZADD", "{%s}:delayed" % CPU, 99, 'h:w.1:1:{"id":"z"}')
    rig.run("cancel", "z")
    assert rig.redis("ZCARD", "{%s}:delayed" % CPU) == 0
    rig.run("cancel", "none", rc=1)
    rig.record(CPU, "done")
    rig.run("cancel", "done", rc=1)


def t_cancel_of_a_running_job_needs_its_worker(rig):
    rig.record(CPU, "r", state="running")
    rig.run("cancel", "r", rc=3)


def letter(rig, id, **members):
    d = {"id": id, "queue": CPU, "cause": "crashed", "message": "m",
         "attempts": 3, "failed_at": 1, "worker": "w", "log": []}
    d.update(members)
    rig.redis("LPUSH", "{%s}:dead" % CPU, json.dumps(d))


def t_dead_letters(rig):
    assert "no dead letters" in rig.run("dead", "list")
    raw = b"\x00\xffjunk"
    letter(rig, "a", job={"id": "a", "priority": "low"})
    letter(rig, None, raw=base64.b64encode(raw).decode())
    letter(rig, "b", job={"id": "b"})
    letter(rig, "c", job={"id": "c"})
    assert [x["id"] for x in rig.lines("dead", "list")] == \
        ["c", "b", None, "a"]
    assert len(rig.lines("dead", "list", "-n", "2")) == 2
    rig.run("dead", "retry", "a")
    assert [j["id"] for j in queued(rig, "{%s}:low" % CPU)] == ["a"]
    rig.run("dead", "retry", "a", rc=1)
    rig.run("dead", "drop", "c")
    assert [x["id"] for x in rig.lines("dead", "list")] == ["b", None]
    rig.run("dead", "retry", "--all")
    assert rig.redis("RPOP", CPU) == raw
    assert json.loads(rig.redis("RPOP", CPU))["id"] == "b"
    letter(rig, "d", job={"id": "d"})
    rig.run("dead", "drop", "--all", "--queue", GPU)
    assert len(rig.lines("dead", "list")) == 1
    rig.run("dead", "drop", "--all")
    assert rig.lines("dead", "list") == []


def t_dead_all_walks_more_than_one_chunk(rig):
    for i in range(200):
        letter(rig, "j%d" % i, job={"id": "j%d" % i})
    rig.run("dead", "retry", "--all")
    ids = [j["id"] for j in queued(rig, CPU)]
    assert ids == ["j%d" % i for i in reversed(range(200))], ids[:5]
    assert rig.redis("LLEN", "{%s}:dead" % CPU) == 0


def t_queues_counts_lanes(rig):
    worker(rig, "w1")
    rig.redis("LPUSH", "my:queue", "{}", "{}")
    rig.redis("LPUSH", "{my:queue}:high", '{"queued_at":1000}')
    rig.redis("LPUSH", "{my:queue}:dead", "{}")
    rig.redis("ZADD", "{my:queue}:delayed", 1, "x")
    rig.redis("HSET", "{my:queue}:leased:w1", "f", "{}")
    all = {q["queue"]: q for q in rig.lines("queues")[0]["queues"]}
    assert set(all) == {CPU, GPU, INFERENCE, TRAINING, "my:queue",
                        "ai:worker:w1:queue"}
    q = all["my:queue"]
    assert (q["high"], q["normal"], q["low"], q["delayed"], q["leased"],
            q["dead"]) == (1, 2, 0, 1, 1, 1), q
    assert q["oldest_age_ms"] > 10**9
    assert "my:queue" in rig.run("queues")


def t_status_sums_the_fleet(rig):
    worker(rig, "w1", active_jobs=1, slots=[
        {"slot": 0, "pool": "cpu", "state": "BUSY", "pid": 5,
         "generation": 2, "cpus": "0-1", "devices": [], "job": "j",
         "handler": "h", "models": [], "why": ""}])
    worker(rig, "w2", gpu_enabled=True)
    (s,) = rig.lines("status")
    assert (s["active_jobs"], s["available_slots"], s["gpu_enabled"]) == \
        (1, 4, True)
    assert "BUSY" in rig.run("status") and "w2" in rig.run("workers")
    assert [w["worker_id"] for w in rig.lines("workers")] == ["w1", "w2"]


def t_submit_to_workers(rig):
    rig.run("submit", "--worker", "w1", "{}", rc=3)
    rig.run("submit", "--spread", "{}", rc=3)
    worker(rig, "w1", available_slots=3)
    worker(rig, "w2", available_slots=1, gpu_enabled=True)
    rig.run("submit", "--worker", "w1", "{}")
    assert rig.redis("LLEN", "ai:worker:w1:queue") == 1
    rig.redis("DEL", "ai:worker:w1:queue")
    rig.run("submit", "--spread", *["{}"] * 8)
    assert rig.redis("LLEN", "ai:worker:w1:queue") == 6
    assert rig.redis("LLEN", "ai:worker:w2:queue") == 2
    for _ in range(40):
        rig.run("submit", "--spread", "{}")
    assert 6 < rig.redis("LLEN", "ai:worker:w1:queue") < 46
    rig.redis("DEL", "ai:worker:w2:queue")
    rig.redis("LPUSH", "ai:worker:w2:queue", "{}", "{}")
    rig.run("submit", "--spread", "--gpu", "{}")
    assert rig.redis("LLEN", "ai:worker:w2:queue") == 3


def t_unconfirmed_copies_exit_3(rig):
    rig.run("submit", "--min-replicas", "1", "--confirm-timeout", "50ms",
            "{}", rc=3)
    assert "not confirmed" in rig.err and rig.redis("LLEN", INFERENCE) == 1
    rig.run("submit", "--min-replicas", "0", "{}")


def t_on_disk(rig):
    if rig.redis("COMMAND", "INFO", "waitaof") in ([], [None]):
        rig.run("submit", "--wait-aof", "{}", rc=3)
        assert "nothing was queued" in rig.err and rig.redis("DBSIZE") == 0
        return                  # Redis before 7.2
    rig.run("submit", "--wait-aof", "{}", rc=3)
    assert "not confirmed: local disk: ERR" in rig.err
    rig.redis("CONFIG", "SET", "appendonly", "yes")
    try:
        rig.run("submit", "--wait-aof", "--confirm-timeout", "20s", "{}")
        rig.redis("CONFIG", "SET", "appendfsync", "always")
        rig.run("submit", "--wait-aof", "--min-replicas", "1",
                "--confirm-timeout", "50ms", "{}", rc=3)
        assert "not confirmed: disks of replicas: 0 of 1" in rig.err
    finally:
        rig.redis("CONFIG", "SET", "appendonly", "no")
    assert rig.redis("LLEN", INFERENCE) == 3


def t_explain_says_why(rig):
    rig.run("submit", '{"id":"a"}', '{"id":"b"}')
    assert "no live worker serves" in rig.run("explain", "b")
    worker(rig, "w1", queues=[INFERENCE], state="draining")
    (e,) = rig.lines("explain", "b")
    assert e["before"] == 1 and e["workers"] == ["w1"] and e["why"]
    assert "draining" in rig.run("explain", "b")
    rig.redis("SET", "{%s}:job:b" % INFERENCE, json.dumps(
        {"id": "b", "queue": INFERENCE, "state": "waiting", "attempt": 0,
         "message": "waits for GPU memory: it asks for 90.0 GiB"}))
    assert "it asks for 90.0 GiB" in rig.run("explain", "b")
    rig.run("explain", "none", rc=1)
    limit = {"queue": INFERENCE, "max_running": 2, "rate": "30/m"}
    worker(rig, "w1", queues=[INFERENCE],
           limits=[{**limit, "reached": "max_running"}])
    (e,) = rig.lines("explain", "b")
    assert e["limit"] == "max_running"
    assert "2 job(s) of its queue may run" in " ".join(e["why"])
    worker(rig, "w1", queues=[INFERENCE], limits=[{**limit, "reached": "rate"}])
    assert "30/m" in rig.run("explain", "b")
    rig.run("submit", '{"id":"wide","gpus":4,"requires_gpu":true}')
    worker(rig, "w2", queues=[GPU], gpu_enabled=True,
           slots=[{"slot": 0, "devices": ["GPU-1", "GPU-2"]}])
    (e,) = rig.lines("explain", "wide")
    assert (e["gpus_wanted"], e["gpus_of_largest_slot"]) == (4, 2), e
    gpu = {"index": 0, "memory_total": 24 << 30, "memory_free": 2 << 30}
    worker(rig, "w2", queues=[GPU], gpu_enabled=True, gpus=[
        gpu, {**gpu, "index": 1, "memory_free": 4 << 30}])
    rig.run("submit", '{"id":"large","gpu_memory":"6G","requires_gpu":true}')
    (e,) = rig.lines("explain", "large")
    assert (e["gpu_memory_wanted"], e["gpu_memory_free"]) == (6 << 30, 4 << 30)
    assert "GPU 1 of worker w2" in " ".join(e["why"]), e
    rig.run("submit", '{"id":"fits","gpu_memory":"4G","requires_gpu":true}')
    (e,) = rig.lines("explain", "fits")
    assert "gpu_memory_wanted" not in e, e
    rig.run("submit", '{"id":"slow","delay":600}')
    assert "not to start before" in rig.run("explain", "slow")
    rig.redis("HSET", "{%s}:leased:w1" % INFERENCE, "t:1", '{"id":"kept"}')
    worker(rig, "w1", queues=[INFERENCE], held=[
        {"id": "kept", "queue": INFERENCE, "why": "handler h may run 1"}])
    assert "handler h may run 1" in rig.run("explain", "kept")
    rig.redis("SET", "{%s}:job:later" % INFERENCE, json.dumps({
        "id": "later", "queue": INFERENCE, "state": "waiting", "attempt": 0,
        "message": "waits for its turn: rate limit"}))
    assert "rate limit" in rig.run("explain", "later")


def t_control_waits_for_the_effect(rig):
    rig.run("drain", "w1", rc=3)
    worker(rig, "w1")
    rig.run("drain", "w1", rc=3)
    from cli_rig import Redis
    sub = Redis(rig.path)
    sub("SUBSCRIBE", "ai:control:w1")
    rig.run("drain", "w1", "--timeout", "50ms", rc=4)
    assert json.loads(sub.reply()[2]) == {"op": "drain"}
    p = rig.start("drain", "w1")
    assert json.loads(sub.reply()[2]) == {"op": "drain"}
    worker(rig, "w1", state="draining")
    assert p.communicate(timeout=20)[0] == b"w1 draining\n"
    assert p.returncode == 0
    for ok in (True, False):
        p = rig.start("reload", "w1", "--json")
        assert json.loads(sub.reply()[2]) == {"op": "reload"}
        config = {"ok": ok, "loaded_at": 5 + ok, "message": "m"}
        worker(rig, "w1", config=config)
        assert json.loads(p.communicate(timeout=20)[0])["config"] == config
        assert p.returncode == (0 if ok else 1)
    p = rig.start("reload", "w1")   # each problem of a bad file on its line
    assert json.loads(sub.reply()[2]) == {"op": "reload"}
    worker(rig, "w1", config={"ok": False, "loaded_at": 9,
                              "message": "a.ini:1: x\nb.ini:2: y"})
    assert p.communicate(timeout=20)[0] == b"w1 a.ini:1: x\nw1 b.ini:2: y\n"
    assert p.returncode == 1
    sub.close()


def t_upgrade_waits_for_the_next_process(rig):
    worker(rig, "w1")
    sub = Redis(rig.path)
    sub("SUBSCRIBE", "ai:control:w1")
    for ok in (False, True):
        p = rig.start("upgrade", "w1")
        assert json.loads(sub.reply()[2]) == {"op": "upgrade"}
        # between the two processes the worker has no status at all
        rig.redis("DEL", "ai:worker:w1")
        worker(rig, "w1", pid=7 + ok,
               upgrade={"ok": ok, "at": 5 + ok, "message": "so it went"})
        assert p.communicate(timeout=20)[0] == b"w1 so it went\n"
        assert p.returncode == (0 if ok else 1)
    sub.close()


def t_doctor_finds_what_is_wrong(rig):
    got = {c["check"]: c for c in rig.lines("doctor", rc=1)}
    assert got["redis"]["verdict"] == got["clock"]["verdict"] == "ok"
    assert got["persistence"]["verdict"] == "warn"
    assert got["workers"]["verdict"] == "fail" and got["workers"]["remedy"]
    worker(rig, "w1")
    got = {c["check"]: c for c in rig.lines("doctor")}
    assert got["workers"]["verdict"] == got["leases"]["verdict"] == "ok"
    rig.redis("ZADD", "{%s}:leases" % CPU, 1000, "w0")
    worker(rig, "w2", containment="freezer")
    got = {c["check"]: c for c in rig.lines("doctor", rc=1)}
    assert got["containment"]["verdict"] == "ok"
    assert "1 by the v1 freezer, 0 by sweep" in got["containment"]["found"]
    assert "freezer" in rig.run("status")
    worker(rig, "w2", containment="sweep")
    worker(rig, "w1", slots=[{"slot": 0, "state": "QUARANTINED"}],
           gpus=[{"state": "good"}, {"state": "lost"}],
           gpu_prober={"state": "up"})
    assert got["gpus"]["verdict"] == "ok"
    got = {c["check"]: c for c in rig.lines("doctor", rc=1)}
    assert got["gpus"]["verdict"] == "warn"
    assert got["gpus"]["found"].startswith("1 of 2 GPUs")
    assert got["containment"]["verdict"] == "warn"
    assert got["leases"]["verdict"] == "fail"
    assert got["slots"]["verdict"] == "warn"
    rig.run("--redis", "unix:/nonexistent", "doctor", rc=3)


class Echoes(threading.Thread):
    """Answers the jobs of a queue as a worker's commit would."""

    def __init__(self, rig, queue, state="done"):
        super().__init__()
        self.rig, self.queue, self.state = rig, queue, state
        self.jobs, self.over = [], False
        self.start()

    def run(self):
        redis = Redis(self.rig.path)
        while not self.over:
            got = redis("BRPOP", self.queue, 0.05)
            if got:
                self.answer(redis, json.loads(got[1]))
        redis.close()

    def answer(self, redis, job):
        self.jobs.append(job)
        redis("LPUSH", job["reply_to"], json.dumps(
            {"id": job["id"], "state": self.state, "error": {
                "cause": "handler-error", "message": "no luck"},
             "queued_at": job["queued_at"],
             "finished_at": job["queued_at"] + len(self.jobs)}))

    def end(self):
        self.over = True
        self.join()


def t_bench_counts_each_reply(rig):
    worker(rig, "w1", slots=[{}, {}])
    echoes = Echoes(rig, CPU)
    try:
        (said,) = rig.lines("bench", "--jobs", "700")
    finally:
        echoes.end()
    assert (said["queue"], said["workers"], said["slots"]) == (CPU, 1, 2)
    assert said["failed"] == 0 and len(echoes.jobs) == 900
    assert said["one_at_a_time"]["jobs"] == 200
    assert said["together"]["jobs"] == 700
    # the times that the records tell are 201 to 900 ms
    assert said["together"]["p50_ms"] == 551, said
    assert said["together"]["max_ms"] == 900, said
    assert len({j["id"] for j in echoes.jobs}) == 900
    assert all(j["input"] == {"op": "echo"} for j in echoes.jobs)
    assert rig.redis("DBSIZE") == 2, rig.redis("KEYS", "*")


def t_bench_takes_a_job_and_a_lane(rig):
    worker(rig, "w1")
    echoes = Echoes(rig, "{my:queue}:high")
    try:
        text = rig.run("bench", "--jobs", "3", "--queue", "my:queue",
                       '{"type": "x", "priority": "high"}')
    finally:
        echoes.end()
    assert "my:queue, 0 slot(s) of 1 worker(s), 0 of 6 jobs failed" in text
    assert "one at a time     3" in text, text
    assert all(j["type"] == "x" for j in echoes.jobs)


def t_bench_says_why_it_ends(rig):
    rig.run("bench", rc=3)
    assert "no live worker serves ai:cpu:queue" in rig.err
    worker(rig, "w1")
    for job in ("[1]", "{", "{}{}"):
        rig.run("bench", job, rc=2)
    rig.run("bench", "--jobs", "0", rc=2)
    rig.run("bench", "--timeout", "50ms", rc=4)
    assert "1 job(s) are still queued" in rig.err, rig.err
    rig.redis("DEL", CPU)
    echoes = Echoes(rig, CPU, "failed")
    try:
        rig.run("bench", rc=1)
    finally:
        echoes.end()
    assert "handler-error: no luck" in rig.err and len(echoes.jobs) == 1


def t_models_lists_versions(rig):
    for v in ("1", "2", "10", "junk"):
        os.makedirs(os.path.join(rig.dir, "models", "digits", v))
    with open(os.path.join(rig.dir, "models/digits/10/w.bin"), "wb") as f:
        f.write(b"x" * 100)
    got = rig.lines("models", "--dir", os.path.join(rig.dir, "models"))
    assert [m["version"] for m in got] == [10, 2, 1]
    assert got[0]["newest"] and got[0]["bytes"] == 100
    rig.run("models", "--dir", "/nonexistent", rc=1)


main([v for k, v in list(globals().items()) if k.startswith("t_")])
