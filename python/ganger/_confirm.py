"""Confirmation of a submission: that others hold the jobs before it returns.

WAIT and WAITAOF speak of what their own connection wrote, so they travel in
the pipeline that pushes the jobs. Neither undoes anything: what is not
confirmed in time is queued all the same, and may run.
"""

from __future__ import annotations

from typing import Any, Sequence

import redis

from .errors import NotConfirmed


class Confirmation:
    """What a submitter wants to be sure of.

    ``min_replicas`` replicas have the jobs (WAIT); ``wait_aof``: they are in
    the append-only file of the primary, and of as many replicas (WAITAOF,
    Redis 7.2). ``timeout``: seconds, for each of the two.
    """

    def __init__(self, min_replicas: int, wait_aof: bool, timeout: float):
        if isinstance(min_replicas, bool) or not isinstance(min_replicas, int):
            raise ValueError(f"min_replicas {min_replicas!r} is not a number")
        if min_replicas < 0:
            raise ValueError(f"min_replicas {min_replicas} is negative")
        if not timeout > 0:  # 0 would mean for ever to Redis
            raise ValueError(f"confirm_timeout {timeout!r} is not positive")
        self._replicas = min_replicas
        self._aof = wait_aof
        self._ms = max(int(timeout * 1000), 1)

    def check(self, connection: redis.Redis) -> None:
        """Refuses what the server can't confirm, before a job is sent."""
        if not self._aof:
            return
        # in one word: redis-py's parser of COMMAND's answer trips over nil
        found = connection.execute_command("COMMAND INFO", "waitaof")
        if not found or found == [None]:
            raise NotConfirmed(
                [], "wait_aof needs WAITAOF (Redis 7.2); nothing was queued"
            )

    def ask(self, pipe: redis.client.Pipeline) -> None:
        """Adds the questions behind the pushes."""
        if self._aof:
            pipe.execute_command("WAITAOF", 1, self._replicas, self._ms)
        if self._replicas:
            pipe.execute_command("WAIT", self._replicas, self._ms)

    def judge(self, answers: Sequence[Any], ids: list[str]) -> None:
        """Takes the answers to ask(); raises NotConfirmed."""
        left = list(answers)
        if self._aof:
            answer = left.pop(0)
            local = answer[0] if isinstance(answer, list) else answer
            self._expect(local, 1, "the append-only file", ids)
            self._expect(answer[1], self._replicas, "files of replicas", ids)
        if self._replicas:
            self._expect(left.pop(0), self._replicas, "replicas", ids)

    @staticmethod
    def _expect(got: Any, wanted: int, what: str, ids: list[str]) -> None:
        if isinstance(got, Exception):
            raise NotConfirmed(ids, f"{what}: {got}")
        if got < wanted:
            raise NotConfirmed(ids, f"{what}: {got} of {wanted} in time")
