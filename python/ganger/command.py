"""Commands: handlers that are one process per job.

    from ganger import command

    job = command.begin()
    state = job.load_checkpoint(read) or fresh()
    for step in range(state.step, STEPS):
        if job.should_stop():           # displaced, cancelled, stopped ...
            job.save_checkpoint(state.write)
            command.give_up()
        state.advance()
        job.progress(step / STEPS)
    job.result({"loss": state.loss})

A command is asked to stop by TERM and has the worker's grace to obey
(preempt_grace, kill_grace, shutdown_grace). begin() catches the signal;
should_stop() tells of it. A program that does not look is ended with its work
since the last checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, NoReturn, TextIO

from . import checkpoint

EX_STOPPED = 75  # try again: what was asked for is not done


class CommandJob:
    """One attempt at a job, as the process that was started for it sees it.

    ``fields`` is the whole job; ``input`` and ``params`` are its members of
    those names, None if absent.
    """

    def __init__(self, fields: dict[str, Any]):
        environ = os.environ
        self.fields = fields
        self.input: Any = fields.get("input")
        self.params: Any = fields.get("params")
        self.id = environ.get("GANGER_JOB_ID", "")
        self.attempt = int(environ.get("GANGER_ATTEMPT") or 1)
        self.work_dir = environ.get("GANGER_WORKDIR", "")
        self.output_dir = environ.get("GANGER_OUTPUT_DIR", "")
        self.checkpoint_dir = environ.get("GANGER_CHECKPOINT_DIR", "")
        self._result = environ.get("GANGER_RESULT", "")
        self._progress: TextIO | None = None
        self._asked = False

    def should_stop(self) -> bool:
        """True once TERM has come; costs nothing."""
        return self._asked

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the job is: 0 to 1 and a short text."""
        if self._progress is None:
            fd = os.environ.get("GANGER_PROGRESS_FD")
            if not fd:
                return
            self._progress = open(int(fd), "w", buffering=1)
        print(fraction, " ".join(message.split()), file=self._progress)

    def save_checkpoint(
        self,
        data: bytes | checkpoint.Writer,
        name: str = checkpoint.DEFAULT_NAME,
    ) -> str:
        """Saves atomically to checkpoint_dir; see ganger.checkpoint.save."""
        return checkpoint.save(self.checkpoint_dir, data, name)

    def load_checkpoint(
        self,
        reader: checkpoint.Reader | None = None,
        name: str = checkpoint.DEFAULT_NAME,
    ) -> Any:
        """Gives what an earlier attempt saved; None if it saved nothing."""
        return checkpoint.load(self.checkpoint_dir, reader, name)

    def result(self, value: Any) -> None:
        """Writes the job's result, which must be JSON; arrays are lists."""
        text = json.dumps(value, allow_nan=False, default=lambda v: v.tolist())
        with open(self._result, "w", encoding="utf-8") as file:
            file.write(text)


def begin() -> CommandJob:
    """Reads the job from stdin, and from now on notices TERM."""
    job = CommandJob(json.load(sys.stdin))

    def on_term(signum: int, frame: Any) -> None:
        job._asked = True

    signal.signal(signal.SIGTERM, on_term)
    return job


def give_up() -> NoReturn:
    """Ends the process as one that obeyed: the job is not done."""
    sys.exit(EX_STOPPED)
