"""Framed msgpack messages on a stream socket (docs/runner-protocol.md).

A message is a 4-byte big-endian length and that many bytes of one msgpack
map with text keys. This module knows nothing of what messages mean.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import msgpack

from .errors import ProtocolError

PROTOCOL = 1
MESSAGE_MAX = 64 << 20  # bytes of one message, length prefix not counted
_LENGTH = struct.Struct(">I")


def clean_text(text: str) -> str:
    """Gives the text without lone surrogates, which UTF-8 can't carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def pack(message: dict[str, Any]) -> bytes:
    """Gives the message with its length. ValueError if it is too large."""
    body = msgpack.packb(
        message, use_bin_type=True, unicode_errors="surrogateescape"
    )
    if len(body) > MESSAGE_MAX:
        raise ValueError(
            f"message of {len(body)} bytes is over the limit of {MESSAGE_MAX}"
        )
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> dict[str, Any]:
    """Gives the one map in body. ProtocolError if it is anything else.

    msgpack checks each claimed count against len(body), so that a few bytes
    can't make it allocate much. Paths that are not UTF-8 survive as
    surrogate escapes, as in the rest of Python.
    """
    try:
        message = msgpack.unpackb(
            body, raw=False, unicode_errors="surrogateescape"
        )
    except Exception as error:  # msgpack raises many unrelated kinds
        raise ProtocolError(f"not a msgpack message: {error!r}") from None
    if not isinstance(message, dict):
        raise ProtocolError(
            f"message is a {type(message).__name__}, not a map"
        )
    return message


class Channel:
    """One end of a connection. Any thread may send; one thread receives."""

    def __init__(self, sock: socket.socket):
        """Takes the socket."""
        self._sock = sock
        self._lock = threading.Lock()
        self._gone = False

    @property
    def sending(self) -> bool:
        """True while a message is partly written."""
        return self._lock.locked()

    def send(self, message: dict[str, Any]) -> bool:
        """Sends one message; False if the peer has gone."""
        data = pack(message)
        with self._lock:
            if self._gone:
                return False
            try:
                self._sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                self._gone = True
        return not self._gone

    def receive(self) -> dict[str, Any] | None:
        """Waits for one message; None at the end of file."""
        prefix = self._read(_LENGTH.size)
        if not prefix:
            return None
        (size,) = _LENGTH.unpack(prefix)
        if size > MESSAGE_MAX:
            raise ProtocolError(
                f"message claims {size} bytes, over the limit of {MESSAGE_MAX}"
            )
        return unpack(bytes(self._read(size)))

    def _read(self, size: int) -> bytearray:
        """Gives size bytes, or none at all at the end of file."""
        data = bytearray()
        while len(data) < size:
            try:
                part = self._sock.recv(min(size - len(data), 1 << 20))
            except ConnectionResetError:
                part = b""
            if not part:
                if data or size > _LENGTH.size:
                    raise ProtocolError("end of file inside a message")
                break
            data += part
        return data

    def close(self) -> None:
        """Closes the socket and wakes a thread that waits in receive()."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster
        self._sock.close()
