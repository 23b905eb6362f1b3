"""The exceptions of the SDK.

A handler raises a HandlerError, or one of its subclasses, to choose its
job's cause; the exception's text alone becomes the job's message. Any other
exception is a `handler-error` whose message is the traceback.
"""

from __future__ import annotations

from typing import Any, Iterable


class GangerError(Exception):
    """The base of every exception of this package."""


class HandlerError(GangerError):
    """The job failed; it is charged and retried after a back-off."""

    cause = "handler-error"


class TryAgain(HandlerError):
    """The job can't run now; it is charged and retried after a back-off."""

    cause = "try-again"


class LoadFailed(HandlerError):
    """A model could not be loaded; charged and retried after a back-off."""

    cause = "load-failed"


class UnknownModel(HandlerError):
    """There is no such model; the job is not retried."""

    cause = "unknown-model"


class GpuError(HandlerError):
    """The GPU failed: not charged, and this runner is replaced."""

    cause = "gpu-error"


class GpuMemory(HandlerError):
    """Others hold the GPU's memory: not charged, run again at once."""

    cause = "gpu-memory"


class BatchFailed(HandlerError):
    """A batch raised, and nobody knows for which job: it is divided."""

    cause = "batch-failed"


class Stopped(HandlerError):
    """The job ended early because should_stop() said so."""

    cause = "stopped"


class ProtocolError(GangerError):
    """The other side sent bytes that are not the runner protocol."""


class JobFailed(GangerError):
    """A job that ended `failed`, `cancelled` or `expired`.

    ``record`` is the whole final record, ``log`` the job's last log lines.
    """

    def __init__(self, record: dict[str, Any], log: Iterable[str] = ()):
        error = record.get("error") or {}
        self.record = record
        self.log: list[str] = list(log)
        self.id: str = record.get("id", "")
        self.queue: str | None = record.get("queue")
        self.state: str = record.get("state", "failed")
        self.cause: str = error.get("cause") or self.state
        self.message: str = error.get("message") or ""
        self.exit_code: int | None = error.get("exit_code")
        self.signal: int | None = error.get("signal")
        text = f"job {self.id} {self.state}: {self.cause}"
        super().__init__(f"{text}: {self.message}" if self.message else text)


class WaitTimeout(GangerError, TimeoutError):
    """Not every job was final in time.

    ``done`` maps the ids that were to their records; ``pending`` is the set
    of the others.
    """

    def __init__(self, done: dict[str, dict[str, Any]], pending: set[str]):
        self.done = done
        self.pending = pending
        some = ", ".join(sorted(pending)[:3])
        more = " and others" if len(pending) > 3 else ""
        super().__init__(f"{len(pending)} jobs are not final: {some}{more}")


class NotConfirmed(GangerError):
    """A submission could not be confirmed as it was asked to be.

    ``ids`` are jobs that are queued and may run, though replicas or the disk
    may not have them yet; empty if nothing was queued.
    """

    def __init__(self, ids: list[str], why: str):
        self.ids = ids
        head = f"{len(ids)} jobs queued, but not confirmed" if ids else ""
        super().__init__(f"{head}: {why}" if head else why)
