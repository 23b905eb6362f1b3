"""A job as a runner's handler sees it, and the credit that it came with."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

from . import checkpoint
from ._wire import Channel, clean_text
from .errors import HandlerError, Stopped

TERMINATED = "the runner was told to terminate"


class Credit:
    """The jobs of one `jobs` message, from its arrival to its `done`."""

    def __init__(self, number: int, jobs: list[dict[str, Any]]):
        self.number = number
        self.jobs = jobs
        self.asked: str | None = None  # why it is to finish early
        self.polled = False  # a handler has looked at should_stop()
        self.interrupted = False  # a Stopped is due after this message


class Job:
    """One attempt at a job.

    ``fields`` is the whole job as its producer wrote it; ``input`` and
    ``params`` are its members of those names, None if absent. ``attempt``
    counts from 1. ``model`` is the name of its model or None, ``model_dir``
    the folder of ``model_version`` in the model store. ``work_dir`` is
    private and removed after the job; ``output_dir`` is kept until the job
    is final and is what ``publish`` publishes. ``timeout`` is in seconds.
    """

    def __init__(
        self, message: dict[str, Any], credit: Credit, channel: Channel
    ):
        self.number: int = message["number"]
        self.id: str = message.get("id") or ""
        self.type: str = message.get("type") or "inference"
        self.attempt: int = message.get("attempt") or 1
        self.model: str | None = message.get("model") or None
        self.model_version: int = message.get("model_version") or 0
        self.model_dir: str | None = message.get("model_dir") or None
        self.publish: str | None = message.get("publish") or None
        self._folders = {
            key: message.get(key) or ""
            for key in ("work_dir", "output_dir", "checkpoint_dir")
        }
        self.timeout: float = message.get("timeout") or 0.0
        self.fields: dict[str, Any] = json.loads(message.get("job") or b"{}")
        if not isinstance(self.fields, dict):
            raise HandlerError("the job is not a JSON object")
        self.input: Any = self.fields.get("input")
        self.params: Any = self.fields.get("params")
        self._credit = credit
        self._channel = channel

    # The folders are made when they are first asked for: most jobs ask for
    # none, and making and removing them takes longer than a small model.

    @functools.cached_property
    def work_dir(self) -> str:
        return self._folder("work_dir")

    @functools.cached_property
    def output_dir(self) -> str:
        return self._folder("output_dir")

    @functools.cached_property
    def checkpoint_dir(self) -> str:
        return self._folder("checkpoint_dir")

    def _folder(self, key: str) -> str:
        path: str = self._folders[key]
        if path:
            os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the job is: 0 to 1 (clipped) and a short text."""
        fraction = float(fraction)
        if fraction != fraction:
            raise ValueError("progress is not a number")
        self._tell(
            op="progress",
            fraction=min(max(fraction, 0.0), 1.0),
            message=clean_text(str(message)),
        )

    def log(self, text: str) -> None:
        """Adds lines to the job's log. So does print()."""
        self._tell(op="log", text=clean_text(str(text)))

    def _tell(self, **message: Any) -> None:
        self._channel.send({"number": self.number, **message})
        if self._credit.interrupted:
            self._credit.interrupted = False
            raise Stopped(TERMINATED)

    def should_stop(self) -> bool:
        """True once the job was cancelled, preempted or is out of time.

        A handler that sees it saves a checkpoint and raises ganger.Stopped;
        it has the worker's grace time for that. Costs next to nothing.
        """
        self._credit.polled = True
        return self._credit.asked is not None

    @property
    def stop_reason(self) -> str | None:
        """Why it is to stop: cancel preempt stop timeout lease; or None."""
        return self._credit.asked

    def save_checkpoint(
        self,
        data: bytes | checkpoint.Writer,
        name: str = checkpoint.DEFAULT_NAME,
    ) -> str:
        """Saves atomically to checkpoint_dir; see ganger.checkpoint.save."""
        path = checkpoint.save(self.checkpoint_dir, data, name)
        self._tell(op="checkpoint")
        return path

    def load_checkpoint(
        self,
        reader: checkpoint.Reader | None = None,
        name: str = checkpoint.DEFAULT_NAME,
    ) -> Any:
        """Gives what an earlier attempt saved; None if it saved nothing."""
        return checkpoint.load(self.checkpoint_dir, reader, name)
