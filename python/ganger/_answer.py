"""How a handler's result or exception is put into words for the worker."""

from __future__ import annotations

import json
import os
import traceback
from types import TracebackType
from typing import Any

from ._wire import clean_text
from .errors import HandlerError, Stopped

ERROR_MAX = 16 << 10  # characters of a traceback that travel, its end kept
_HERE = os.path.dirname(__file__)


def _plain(value: Any) -> Any:
    """json's hook for what it does not know: arrays and tensors."""
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def encode_result(value: Any) -> bytes:
    """Gives a handler's result as JSON text. HandlerError if it is none."""
    try:
        text = json.dumps(
            value,
            allow_nan=False,
            ensure_ascii=False,
            separators=(",", ":"),
            default=_plain,
        )
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise HandlerError(f"the result is not JSON: {error}") from None


def describe_error(error: BaseException) -> tuple[str, str]:
    """Gives the cause and the text that a job's error is reported with."""
    cause = error.cause if isinstance(error, HandlerError) else None
    if cause is not None and (str(error) or cause == Stopped.cause):
        text = str(error) or "stopped early as asked"
    else:
        text = "".join(
            traceback.format_exception(
                type(error), error, _own_frames_off(error.__traceback__)
            )
        ).rstrip("\n")
    if len(text) > ERROR_MAX:
        text = "... " + text[-ERROR_MAX:]
    return cause or HandlerError.cause, clean_text(text)


def _own_frames_off(tb: TracebackType | None) -> TracebackType | None:
    """Gives the part of a traceback below this package's own frames."""
    while tb and os.path.dirname(tb.tb_frame.f_code.co_filename) == _HERE:
        tb = tb.tb_next
    return tb
