"""Atomic checkpoints in a job's checkpoint folder.

The folder (``job.checkpoint_dir`` in a runner, GANGER_CHECKPOINT_DIR in a
command) is kept until the job is final, also across retries and preemption.
save() either replaces the checkpoint as a whole or leaves the old one, even
if the host loses power in between.
"""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO, Callable, Optional, TypeVar, Union, overload

T = TypeVar("T")
Writer = Callable[[BinaryIO], object]
Reader = Callable[[BinaryIO], T]

DEFAULT_NAME = "checkpoint"


def save(
    directory: str, data: Union[bytes, Writer], name: str = DEFAULT_NAME
) -> str:
    """Saves bytes, or what a function writes to the file it is handed.

    ``save(dir, lambda f: torch.save(state, f))`` saves a PyTorch state.
    Gives the path. An error of the writer or the disk leaves the previous
    checkpoint as it was.
    """
    path = os.path.join(directory, name)
    os.makedirs(directory, exist_ok=True)
    fd, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    try:
        with os.fdopen(fd, "wb") as file:
            if callable(data):
                data(file)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_directory(directory)
    return path


@overload
def load(directory: str) -> Optional[bytes]: ...
@overload
def load(
    directory: str, reader: None, name: str = DEFAULT_NAME
) -> Optional[bytes]: ...
@overload
def load(
    directory: str, reader: Reader[T], name: str = DEFAULT_NAME
) -> Optional[T]: ...


def load(directory, reader=None, name=DEFAULT_NAME):  # type: ignore
    """Gives the checkpoint's bytes, or what reader makes of its file.

    None if there is no checkpoint yet. What reader raises goes to the caller.
    """
    try:
        file = open(os.path.join(directory, name), "rb")
    except FileNotFoundError:
        return None
    with file:
        return file.read() if reader is None else reader(file)


def _sync_directory(directory: str) -> None:
    """Makes the rename itself durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
