"""Runners: handlers whose process stays, with its models, across jobs.

    from ganger import runner

    @runner.load
    def load(model):                    # once per model and version
        return read_weights(model.dir)

    @runner.infer
    def infer(job, model):              # once per job
        return {"digit": model.classify(job.input)}

    if __name__ == "__main__":
        runner.main()

ganger-child starts the program and talks to it on the descriptor named by
GANGER_RUNNER_FD (docs/runner-protocol.md). Handlers run one after the other
on the main thread; a second thread reads the socket, so that should_stop()
is true as soon as a job is cancelled, preempted or out of time.

What a handler returns must be JSON; objects with a tolist() method (NumPy
arrays, PyTorch tensors) are converted. What it raises becomes the job's
error: a traceback, or just the text of a ganger.HandlerError.

Exit status of the process: 0 asked to leave, 64 not started as a runner,
76 the other side broke the protocol.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any, Callable, TypeVar

from ._answer import describe_error, encode_result
from ._job import TERMINATED, Credit, Job
from ._model_cache import Model, ModelCache
from ._wire import MESSAGE_MAX, PROTOCOL, Channel, clean_text
from .errors import (
    BatchFailed,
    GpuError,
    GpuMemory,
    HandlerError,
    LoadFailed,
    ProtocolError,
    Stopped,
    TryAgain,
    UnknownModel,
)

__all__ = [
    "Job",
    "Model",
    "Runner",
    "infer",
    "infer_batch",
    "load",
    "main",
    "train",
    "unload",
]

FD_VARIABLE = "GANGER_RUNNER_FD"
EX_USAGE = 64
EX_PROTOCOL = 76
RESULT_MAX = MESSAGE_MAX - 1024  # bytes; the message's other keys fit too

F = TypeVar("F", bound=Callable[..., Any])


def _whole(message: dict[str, Any], key: str) -> int:
    """Gives an integer of a message, 0 if it is absent."""
    value = message.get(key) or 0
    if not isinstance(value, int):
        raise ProtocolError(f"{key} is not an integer")
    return value


def _one_each(results: Any, count: int) -> list[Any]:
    """Gives a batch's results, or an error for each job if they don't fit."""
    if results is not None and len(results) == count:
        return results
    found = "no list" if results is None else len(results)
    error = HandlerError(f"infer_batch gave {found} for {count} jobs")
    return [error] * count


class Runner:
    """A set of handlers and the loop that serves them.

    The functions of this module with the same names work on one shared
    Runner; that is all that most programs need.
    """

    def __init__(self, name: str = ""):
        self.name = name or os.path.basename(sys.argv[0] or "runner")
        self._infer: Callable[..., Any] | None = None
        self._infer_batch: Callable[..., Any] | None = None
        self._train: Callable[..., Any] | None = None
        self._load: Callable[[Model], Any] | None = None
        self._unload: Callable[[Model, Any], None] | None = None
        self._any_name = False
        self._models: ModelCache | None = None
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._open: list[Credit] = []  # guarded by _lock
        self._lock = threading.Lock()
        self._running: Credit | None = None
        self._interruptible = False  # the user's code is on the stack's top
        self._max_result = RESULT_MAX
        self._channel: Channel  # set by serve()

    # What a program registers.

    def infer(self, function: F) -> F:
        """Registers ``infer(job, model) -> result``, for one job.

        It serves every job that is not a training job that `train` takes.
        ``model`` is what `load` returned, None where there is none.
        """
        self._infer = function
        return function

    def infer_batch(self, function: F) -> F:
        """Registers ``infer_batch(jobs, model) -> results``, as infer.

        The jobs all name the same model. It returns one result per job, in
        order; an exception instance in the list fails that job alone. If it
        raises or its process dies, the worker runs the batch again in
        smaller parts until the job to blame stands alone; so it must be
        free of lasting effects.
        """
        self._infer_batch = function
        return function

    def train(self, function: F) -> F:
        """Registers ``train(job) -> result`` for jobs of type training."""
        self._train = function
        return function

    def load(self, function: Any = None, *, any_name: bool = False) -> Any:
        """Registers ``load(model) -> value``; model is a runner.Model.

        Results are cached: at most ``max_models`` of the configuration, the
        least recently used goes first. Jobs for a model that the store does
        not have fail as unknown-model, unless ``any_name`` says that `load`
        finds models by name itself (``model.dir`` is then None).
        """
        if function is None:
            return lambda f: self.load(f, any_name=any_name)
        self._load = function
        self._any_name = any_name
        return function

    def unload(self, function: F) -> F:
        """Registers ``unload(model, value)``, called as a model goes."""
        self._unload = function
        return function

    # The process.

    def main(self) -> None:
        """Serves jobs until asked to leave; ends the process."""
        sys.exit(self._main())

    def _main(self) -> int:
        text = os.environ.pop(FD_VARIABLE, "")
        try:
            sock = socket.socket(fileno=int(text))
            sock.set_inheritable(False)
        except (ValueError, OSError) as error:
            print(
                f"{self.name}: {FD_VARIABLE}={text!r} is not a socket "
                f"({error}); ganger-child starts this program as a runner",
                file=sys.stderr,
            )
            return EX_USAGE
        # lines of the log must not wait for the next job's
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR2, all_threads=True)
        signal.signal(signal.SIGTERM, self._on_term)
        return self.serve(sock)

    def serve(self, sock: socket.socket, max_models: int = 10) -> int:
        """Serves jobs from a connected socket; gives the exit status.

        Takes the socket. ``max_models`` holds where the welcome names none.
        """
        self._channel = Channel(sock)
        self._channel.send(
            {
                "op": "hello",
                "protocol": PROTOCOL,
                "pid": os.getpid(),
                "name": clean_text(self.name),
                "makes_dirs": 1,
            }
        )
        try:
            if not self._read_welcome(max_models):
                return 0
            threading.Thread(target=self._read_all, daemon=True).start()
            while (credit := self._inbox.get()) is not None:
                if isinstance(credit, ProtocolError):
                    raise credit
                self._run_credit(credit)
        except ProtocolError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return EX_PROTOCOL
        finally:
            if self._models:
                self._models.clear()
            self._channel.close()
        return 0

    def _read_welcome(self, max_models: int) -> bool:
        """Waits for the welcome; False if asked to leave instead."""
        while (message := self._channel.receive()) is not None:
            op = message.get("op")
            if op == "quit":
                return False
            if op != "welcome":
                continue
            if message.get("protocol", PROTOCOL) != PROTOCOL:
                raise ProtocolError(
                    f"protocol {message['protocol']!r} is not {PROTOCOL}"
                )
            limit = _whole(message, "max_result_size") or RESULT_MAX
            self._max_result = min(limit, RESULT_MAX)
            self._models = ModelCache(
                self._load_model,
                self._unload,
                _whole(message, "max_models") or max_models,
            )
            return True
        return False

    # The reading thread.

    def _read_all(self) -> None:
        """Reads until the end; wakes the main thread through the inbox."""
        end: ProtocolError | None = None
        try:
            while (message := self._channel.receive()) is not None:
                op = message.get("op")
                if op == "jobs":
                    self._accept(message)
                elif op == "ask":
                    self._ask(str(message.get("why") or "stop"))
                elif op == "quit":
                    break
        except ProtocolError as error:
            end = error
        except OSError as error:
            end = ProtocolError(f"could not read: {error}")
        self._ask("stop")
        self._inbox.put(end)

    def _accept(self, message: dict[str, Any]) -> None:
        number, jobs = message.get("credit"), message.get("jobs")
        if not isinstance(number, int) or not isinstance(jobs, list):
            raise ProtocolError("jobs without a credit or a list of jobs")
        for job in jobs:
            if not isinstance(job, dict) or not isinstance(
                job.get("number"), int
            ):
                raise ProtocolError("a job without a number")
        credit = Credit(number, jobs)
        with self._lock:
            self._open.append(credit)
        self._inbox.put(credit)

    def _ask(self, why: str) -> None:
        """Asks what is open to finish early; an ask that is late is none."""
        with self._lock:
            for credit in self._open:
                credit.asked = credit.asked or why

    def _on_term(self, signum: int, frame: FrameType | None) -> None:
        """TERM: leave after the job that runs now.

        A handler that looks at should_stop() is left to end by itself.
        Another one is interrupted where it stands by a Stopped, or after the
        message that it is in the middle of. Runs on the main thread, so it
        must not wait for a lock that this thread may hold.
        """
        credit = self._running
        self._inbox.put(None)
        if self._models is None:
            raise SystemExit(0)  # not welcomed yet: nothing to end
        if credit is None:
            return
        credit.asked = credit.asked or "stop"
        if credit.polled or not self._interruptible:
            return
        self._interruptible = False
        if self._channel.sending:
            credit.interrupted = True
        else:
            raise Stopped(TERMINATED)

    # One credit.

    def _run_credit(self, credit: Credit) -> None:
        self._running = credit
        jobs = []
        for message in credit.jobs:
            try:
                jobs.append(Job(message, credit, self._channel))
            except Exception as error:
                self._send_error(message["number"], error)
        for model, group in self._groups(jobs):
            self._run_group(model, group)
        with self._lock:
            self._open.remove(credit)
        self._running = None
        assert self._models is not None
        self._channel.send(
            {
                "op": "done",
                "credit": credit.number,
                "models": self._models.names(),
            }
        )

    def _groups(self, jobs: list[Job]) -> list[tuple[Model | None, list[Job]]]:
        """Sorts jobs by what they need, each group in the order it came.

        A training job stands alone, and so does every job without a batch
        function.
        """
        groups: dict[Any, tuple[Model | None, list[Job]]] = {}
        for job in jobs:
            model, key = None, (job.number,)
            if not self._trains(job):
                if job.model:
                    model = Model(job.model, job.model_version, job.model_dir)
                if self._infer_batch:
                    key = (job.model, job.model_version)
            groups.setdefault(key, (model, []))[1].append(job)
        return list(groups.values())

    def _trains(self, job: Job) -> bool:
        only = not (self._infer or self._infer_batch)
        return self._train is not None and (job.type == "training" or only)

    def _run_group(self, model: Model | None, jobs: list[Job]) -> None:
        """Runs jobs that one call may take together, and answers each."""
        try:
            value = self._loaded(model)
        except Exception as error:
            for job in jobs:
                self._send_error(job.number, error)
            return
        if self._trains(jobs[0]):
            self._run_one(jobs[0], self._train, jobs[0])
        elif self._infer_batch:
            self._run_batch(jobs, value)
        else:
            self._run_one(jobs[0], self._infer, jobs[0], value)

    def _run_one(self, job: Job, function: Any, *args: Any) -> None:
        try:
            if job.stop_reason:
                raise Stopped("asked to stop before it began")
            if function is None:
                raise HandlerError(
                    f"{self.name} has no function for type {job.type}"
                )
            self._send_result(job.number, self._call(function, *args))
        except Exception as error:
            self._send_error(job.number, error)

    def _run_batch(self, jobs: list[Job], value: Any) -> None:
        """Runs a batch; of one that raises the worker runs smaller parts.

        Errors that are no job's fault (the GPU, a stop) are not searched
        for: they fail all.
        """
        results: list[Any] | None
        try:
            if jobs[0].stop_reason:
                raise Stopped("asked to stop before it began")
            results = self._call(self._call_batch, jobs, value)
        except (GpuError, GpuMemory, Stopped, TryAgain) as error:
            results = [error] * len(jobs)
        except Exception as error:
            if len(jobs) > 1:
                error = BatchFailed(describe_error(error)[1])
            results = [error] * len(jobs)
        for job, result in zip(jobs, _one_each(results, len(jobs))):
            if isinstance(result, BaseException):
                self._send_error(job.number, result)
            else:
                self._send_result(job.number, result)

    def _call_batch(self, jobs: list[Job], value: Any) -> list[Any] | None:
        assert self._infer_batch is not None
        results = self._infer_batch(jobs, value)
        return None if results is None else list(results)

    def _call(self, function: Any, *args: Any) -> Any:
        """Calls the user's function; here TERM may interrupt it."""
        try:
            self._interruptible = True
            return function(*args)
        finally:
            self._interruptible = False
            sys.stdout.flush()
            sys.stderr.flush()

    def _loaded(self, model: Model | None) -> Any:
        if model is None or self._load is None:
            return None
        if model.dir is None and not self._any_name:
            raise UnknownModel(f"the store has no model {model.name}")
        assert self._models is not None
        return self._models.get(model)

    def _load_model(self, model: Model) -> Any:
        """Loads for the cache; an unnamed error becomes a load-failed."""
        assert self._load is not None
        self._channel.send({"op": "loading", "model": model.name})
        try:
            value = self._call(self._load, model)
            self._channel.send({"op": "loaded", "model": model.name})
            return value
        except HandlerError:
            raise
        except Exception as error:
            _, text = describe_error(error)
            raise LoadFailed(
                f"could not load model {model.name}: {text}"
            ) from None

    # Answers.

    def _send_result(self, number: int, value: Any) -> None:
        try:
            data = encode_result(value)
        except HandlerError as error:
            self._send_error(number, error)
            return
        if len(data) > self._max_result:
            self._send_answer(
                number,
                cause="result-too-large",
                error=f"the result of {len(data)} bytes is over "
                f"max_result_size ({self._max_result})",
            )
            return
        self._send_answer(number, result=data)

    def _send_error(self, number: int, error: BaseException) -> None:
        cause, text = describe_error(error)
        self._send_answer(number, cause=cause, error=text)

    def _send_answer(self, number: int, **answer: Any) -> None:
        self._channel.send({"op": "result", "number": number, **answer})


_shared = Runner()
infer = _shared.infer
infer_batch = _shared.infer_batch
train = _shared.train
load = _shared.load
unload = _shared.unload
main = _shared.main
