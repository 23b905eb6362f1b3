"""The client: submit jobs, wait for them, read what became of them.

    from ganger.client import Client

    client = Client()                       # REDIS_URL, or localhost
    id = client.submit(type="inference", model="digits", input=[...])
    print(client.result(id, timeout=30))    # or JobFailed

It talks to Redis alone, over redis-py (Debian: python3-redis). Times given
to it are seconds; those in records are unix milliseconds.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any, Iterable, Iterator, Literal, Mapping
from urllib.parse import parse_qs, unquote

from .errors import JobFailed, NotConfirmed, WaitTimeout

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:  # pragma: no cover - depends on the host
    raise ImportError(
        "ganger.client needs redis-py 4 or later "
        "(Debian: apt install python3-redis; elsewhere: pip install redis)"
    ) from error

from ._confirm import Confirmation

__all__ = [
    "Client",
    "EventStream",
    "JobFailed",
    "NotConfirmed",
    "WaitTimeout",
    "uuid7",
]

DEFAULT_URL = "redis://127.0.0.1:6379/0"
PRIORITIES = ("high", "normal", "low")
FINAL = frozenset(("done", "failed", "cancelled", "expired"))
ID_RE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CHUNK = 1000  # commands that travel in one pipeline
KNOWN_MAX = 65536  # ids whose queue a client remembers
LOOK_AGAIN = 10.0  # seconds; a net under lost events, not how waiting works

Json = dict  # a decoded JSON object


def uuid7() -> str:
    """Makes an id: a UUID of version 7 (RFC 9562), which sorts by time."""
    value = int.from_bytes(os.urandom(16), "big")
    value &= ~(((1 << 48) - 1) << 80 | 0xF << 76 | 0x3 << 62)
    value |= (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | 0x2 << 62
    text = f"{value:032x}"
    cuts = (0, 8, 12, 16, 20, 32)
    return "-".join(text[a:b] for a, b in zip(cuts, cuts[1:]))


def connect(url: str) -> redis.Redis:
    """Gives a connection for redis://, rediss:// or unix:/path.

    A command is never sent twice by itself: a push that was repeated would
    be a second job.
    """
    once = Retry(NoBackoff(), 0)
    if not url.startswith("unix:"):
        return redis.Redis.from_url(url, retry=once, client_name="ganger-py")
    path, _, query = url[len("unix:") :].partition("?")
    options = parse_qs(query)
    if path.startswith("//"):
        path = path[2:]
    return redis.Redis(
        unix_socket_path=unquote(path),
        db=int(options.get("db", ["0"])[0]),
        password=options.get("password", [None])[0],
        retry=once,
        client_name="ganger-py",
    )


def _lane(queue: str, priority: str) -> str:
    return queue if priority == "normal" else f"{{{queue}}}:{priority}"


def _decode(data: bytes | None) -> Json | None:
    """Gives a JSON object; None for anything else that may lie in a key."""
    if data is None:
        return None
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _text(data: Any) -> str:
    """Gives what Redis answered as text, whatever the connection decodes."""
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


def _line_of(fields: Mapping[Any, Any]) -> str:
    """Gives the line of a log stream's entry."""
    for key in (b"line", "line"):
        if key in fields:
            return _text(fields[key])
    return ""


def _age(record: Json) -> tuple[bool, float]:
    """Orders records of one id: a moved job's is older than any other."""
    times = (record.get("finished_at"), record.get("started_at"))
    moments = [t for t in times if isinstance(t, (int, float))]
    return record.get("state") != "moved", max(moments, default=0)


class EventStream:
    """A subscription to the fleet's job transitions, live from its making.

    Iterate over it, or call get(); close it or use it in a `with`. Each
    event is a dict with ``ts id queue state attempt worker slot``, and
    ``cause progress message`` where they apply.
    """

    def __init__(self, connection: redis.Redis, channel: str):
        self._pubsub = connection.pubsub()
        self._pubsub.subscribe(channel)
        # once the server has confirmed it, nothing is missed
        while self._pubsub.get_message(timeout=60) is None:
            pass

    def get(self, timeout: float | None = None) -> Json | None:
        """Waits for one event; None if none came in time (seconds)."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600.0 if end is None else end - time.monotonic()
            message = self._pubsub.get_message(timeout=max(left, 0.0))
            if message is not None and message["type"] == "message":
                event = _decode(message["data"])
                if event is not None:
                    return event
            elif end is not None and time.monotonic() >= end:
                return None

    def __iter__(self) -> Iterator[Json]:
        while True:
            event = self.get()
            if event is not None:
                yield event

    def close(self) -> None:
        self._pubsub.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Client:
    """A producer's and operator's view of one Redis.

    Errors of the connection are redis.RedisError; a bad job is a ValueError
    before anything is sent. Threads may share a client.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "ai",
        connection: redis.Redis | None = None,
    ):
        """``url`` defaults to REDIS_URL, then to Redis on this host."""
        self._redis = connection or connect(
            url or os.environ.get("REDIS_URL") or DEFAULT_URL
        )
        self.prefix = prefix
        self._queue_of: dict[str, str] = {}

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()
        self._redis.connection_pool.disconnect()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Submitting.

    def submit(
        self,
        job: Mapping[str, Any] | None = None,
        *,
        queue: str | None = None,
        priority: str | None = None,
        gpu: bool | None = None,
        worker: str | None = None,
        min_replicas: int = 0,
        wait_aof: bool = False,
        confirm_timeout: float = 5.0,
        **fields: Any,
    ) -> str:
        """Submits one job and gives its id.

        The job is a mapping, or keyword arguments, or both (the arguments
        win). Without ``queue`` or ``worker`` (that worker's direct queue)
        its keys choose: requires_gpu, then type. ``gpu`` sets requires_gpu.

        With ``min_replicas`` it returns once so many replicas hold the job,
        with ``wait_aof`` once it is on disk; raises NotConfirmed if that
        takes more than ``confirm_timeout`` seconds.
        """
        return self.submit_many(
            [{**(job or {}), **fields}],
            queue=queue,
            priority=priority,
            gpu=gpu,
            worker=worker,
            min_replicas=min_replicas,
            wait_aof=wait_aof,
            confirm_timeout=confirm_timeout,
        )[0]

    def submit_many(
        self,
        jobs: Iterable[Mapping[str, Any]],
        *,
        queue: str | None = None,
        priority: str | None = None,
        gpu: bool | None = None,
        worker: str | None = None,
        min_replicas: int = 0,
        wait_aof: bool = False,
        confirm_timeout: float = 5.0,
    ) -> list[str]:
        """Submits jobs in few round trips; gives their ids in order.

        All are checked before the first is sent. For confirmation see
        submit().
        """
        sure = Confirmation(min_replicas, wait_aof, confirm_timeout)
        if queue is not None and worker is not None:
            raise ValueError("queue and worker exclude each other")
        if worker is not None:
            queue = f"{self.prefix}:worker:{worker}:queue"
        ready = [
            self._prepare(dict(job), queue, priority, gpu) for job in jobs
        ]
        sure.check(self._redis)
        ids = [id for id, _, _, _ in ready]
        for start in range(0, len(ready), CHUNK):
            last = start + CHUNK >= len(ready)
            asked = self._push(ready[start : start + CHUNK], last and sure)
            if last:
                sure.judge(asked, ids)
        return ids

    def _push(
        self,
        ready: list[tuple[str, str, str, bytes]],
        sure: Confirmation | Literal[False],
    ) -> list[Any]:
        """Pushes jobs; gives the answers to what ``sure`` asks behind them.

        What a replica or a file has of the last push, it has of all that
        came before it, so that only the last pipeline asks.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            for id, where, lane, payload in ready:
                pipe.lpush(lane, payload)
                self._remember(id, where)
            if sure:
                sure.ask(pipe)
            answers = pipe.execute(raise_on_error=False)
        for answer in answers[: len(ready)]:
            if isinstance(answer, Exception):
                raise answer
        return answers[len(ready) :]

    def _prepare(
        self,
        job: Json,
        queue: str | None,
        priority: str | None,
        gpu: bool | None,
    ) -> tuple[str, str, str, bytes]:
        """Completes and checks a job: its id, queue, lane and payload."""
        if priority is not None:
            job["priority"] = priority
        if gpu is not None:
            job["requires_gpu"] = gpu
        if job.get("id") is None:
            job["id"] = uuid7()
        if job.get("queued_at") is None:
            job["queued_at"] = time.time_ns() // 1_000_000
        if not isinstance(job["id"], str) or not ID_RE.fullmatch(job["id"]):
            raise ValueError(
                f"id {job['id']!r} is not 1 to 128 of [A-Za-z0-9._:-]"
            )
        if (job.get("priority") or "normal") not in PRIORITIES:
            raise ValueError(
                f"priority {job['priority']!r} is not high, normal or low"
            )
        where = queue or self.route(job)
        try:
            payload = json.dumps(job, allow_nan=False).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError(f"the job is not JSON: {error}") from None
        lane = _lane(where, job.get("priority") or "normal")
        return job["id"], where, lane, payload

    def route(self, job: Mapping[str, Any]) -> str:
        """Gives the queue that a job goes to if nothing else is said."""
        kind = job.get("type") or "inference"
        if job.get("requires_gpu"):
            kind = "gpu"
        elif kind not in ("training", "inference"):
            kind = "cpu"
        return f"{self.prefix}:{kind}:queue"

    def _remember(self, id: str, queue: str) -> None:
        while len(self._queue_of) >= KNOWN_MAX:
            self._queue_of.pop(next(iter(self._queue_of)), None)
        self._queue_of[id] = queue

    # Reading.

    def record(self, id: str, queue: str | None = None) -> Json | None:
        """Gives a job's record, None if there is none (yet).

        Without ``queue`` it is looked for in the queue that this client sent
        it to, else in the default queues and those of live workers. A job
        that moved to another queue is followed there.
        """
        return self._records(self._where([id], queue))[id]

    def log(
        self, id: str, queue: str | None = None, lines: int = 1000
    ) -> list[str]:
        """Gives the last lines that a job wrote."""
        found: list[Any] = []
        for place in self._where([id], queue)[id]:
            key = f"{{{place}}}:log:{id}"
            found = self._redis.xrevrange(key, count=lines)
            if found:
                break
        return [_line_of(fields) for _, fields in reversed(found)]

    def as_completed(
        self,
        ids: Iterable[str],
        timeout: float | None = None,
        queue: str | None = None,
    ) -> Iterator[Json]:
        """Yields each job's final record as it becomes final.

        Raises WaitTimeout after ``timeout`` seconds.
        """
        for _, record in self._completed(set(ids), timeout, queue):
            yield record

    def wait(
        self,
        ids: str | Iterable[str],
        timeout: float | None = None,
        queue: str | None = None,
    ) -> dict[str, Json]:
        """Waits until every job is final; maps ids to records.

        Raises WaitTimeout, which has the records that were there, after
        ``timeout`` seconds.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        done: dict[str, Json] = {}
        try:
            done.update(self._completed(set(wanted), timeout, queue))
        except WaitTimeout as late:
            raise WaitTimeout(done, late.pending) from None
        return {id: done[id] for id in wanted}

    def result(
        self,
        id: str,
        timeout: float | None = None,
        queue: str | None = None,
    ) -> Any:
        """Waits for a job and gives its result.

        Raises JobFailed with its cause, message and log if it did not end
        well, WaitTimeout if it did not end within ``timeout`` seconds.
        """
        record = self.wait(id, timeout, queue)[id]
        if record["state"] == "done":
            return record.get("result")
        where = record.get("queue") or queue
        raise JobFailed(record, self.log(id, where, lines=100))

    def events(self) -> EventStream:
        """Subscribes to every job's transitions."""
        return EventStream(self._redis, f"{self.prefix}:events")

    def queues(self) -> list[Json]:
        """Gives the counts of the default queues and of live workers'.

        Each is a dict with ``queue high normal low delayed leased dead``.
        """
        workers = self._workers()
        places = self._places(workers)
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in places:
                pipe.llen(_lane(queue, "high"))
                pipe.llen(queue)
                pipe.llen(_lane(queue, "low"))
                pipe.zcard(f"{{{queue}}}:delayed")
                pipe.llen(f"{{{queue}}}:dead")
                for worker in workers:
                    pipe.hlen(f"{{{queue}}}:leased:{worker}")
            counts = iter(pipe.execute())
        keys = ("high", "normal", "low", "delayed", "dead")
        table = []
        for queue in places:
            row: Json = {"queue": queue}
            row.update((key, next(counts)) for key in keys)
            row["leased"] = sum(next(counts) for _ in workers)
            table.append(row)
        return table

    def cancel(self, id: str) -> int:
        """Asks the fleet to cancel a job; gives how many workers heard it.

        The job's record says `cancelled` once it is.
        """
        return self._redis.publish(
            f"{self.prefix}:control", json.dumps({"op": "cancel", "id": id})
        )

    # Where things are.

    def _workers(self) -> list[str]:
        found = self._redis.zrange(f"{self.prefix}:workers", 0, -1)
        return [_text(worker) for worker in found]

    def _places(self, workers: list[str] | None = None) -> list[str]:
        """Gives every queue that is known without being told."""
        if workers is None:
            workers = self._workers()
        return [
            f"{self.prefix}:{kind}:queue"
            for kind in ("inference", "training", "gpu", "cpu")
        ] + [f"{self.prefix}:worker:{worker}:queue" for worker in workers]

    def _where(
        self, ids: Iterable[str], queue: str | None
    ) -> dict[str, list[str]]:
        """Maps ids to the queues where their keys may lie."""
        places: list[str] | None = None
        found = {}
        for id in ids:
            known = queue or self._queue_of.get(id)
            if known is None and places is None:
                places = self._places()
            found[id] = [known] if known else places or []
        return found

    def _records(
        self, where: Mapping[str, list[str]]
    ) -> dict[str, Json | None]:
        """Reads records; where an id has several, the last job's counts."""
        best: dict[str, Json | None] = dict.fromkeys(where)
        todo = [(id, queue) for id, queues in where.items() for queue in queues]
        seen = set(todo)
        while todo:
            now, todo = todo[:CHUNK], todo[CHUNK:]
            keys = [f"{{{queue}}}:job:{id}" for id, queue in now]
            with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.get(key)
                answers = pipe.execute()
            for (id, _), data in zip(now, answers):
                record = _decode(data)
                if record is None:
                    continue
                best[id] = max(best[id] or record, record, key=_age)
                next_place = (id, record.get("moved_to"))
                if next_place[1] and next_place not in seen:
                    seen.add(next_place)
                    todo.append(next_place)
        return best

    # Waiting.

    def _completed(
        self, pending: set[str], timeout: float | None, queue: str | None
    ) -> Iterator[tuple[str, Json]]:
        """Yields ids and final records.

        Subscribes to the events first and reads the records second, so that
        no transition falls in between; after a lost subscription it does
        both again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while pending:
            try:
                with self.events() as events:
                    yield from self._follow(events, pending, end, queue)
            except redis.ConnectionError:
                # raises if Redis is gone; it may only have dropped a
                # subscriber that was slow to read
                self._redis.ping()

    def _follow(
        self,
        events: EventStream,
        pending: set[str],
        end: float | None,
        queue: str | None,
    ) -> Iterator[tuple[str, Json]]:
        """Yields what becomes final and takes it out of pending."""
        look = 0.0  # when to read all records: first at once
        while pending:
            now = time.monotonic()
            if now >= look:
                where = self._where(pending, queue)
                look = now + LOOK_AGAIN
            elif end is not None and now >= end:
                raise WaitTimeout({}, set(pending))
            else:
                until = look if end is None else min(look, end)
                where = self._ended(events, pending, until)
            for id, record in self._records(where).items():
                if record is not None and record.get("state") in FINAL:
                    pending.discard(id)
                    yield id, record

    @staticmethod
    def _ended(
        events: EventStream, pending: set[str], until: float
    ) -> dict[str, list[str]]:
        """Waits for final events, then takes all that are already here.

        Maps their ids to their queues; empty if there was none by then.
        """
        found: dict[str, list[str]] = {}
        while len(found) < CHUNK:
            left = 0.0 if found else max(until - time.monotonic(), 0.0)
            event = events.get(timeout=left)
            if event is None:
                break
            id, place = event.get("id"), event.get("queue")
            if event.get("state") in FINAL and id in pending and place:
                found[id] = [place]
        return found
