"""Ganger's Python SDK.

``ganger.runner``      handlers that stay loaded: inference and training jobs
``ganger.client``      submit jobs, wait for them, read results (needs redis)
``ganger.command``     what a process that is started for one job needs
``ganger.checkpoint``  atomic checkpoints, for runners and commands alike

The exceptions of all of them are importable from here.
"""

from __future__ import annotations

from .errors import (
    GangerError,
    GpuError,
    GpuMemory,
    HandlerError,
    JobFailed,
    LoadFailed,
    NotConfirmed,
    ProtocolError,
    Stopped,
    TryAgain,
    UnknownModel,
    WaitTimeout,
)

__version__ = "0.1.0"

__all__ = [
    "GangerError",
    "GpuError",
    "GpuMemory",
    "HandlerError",
    "JobFailed",
    "LoadFailed",
    "NotConfirmed",
    "ProtocolError",
    "Stopped",
    "TryAgain",
    "UnknownModel",
    "WaitTimeout",
]
