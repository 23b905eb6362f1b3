"""A Redis client of one page: RESP2 over a unix socket, bytes in and out."""

import socket


class RedisError(Exception):
    """An error reply; its text is the server's."""


def _encode(word):
    if isinstance(word, bytes):
        return word
    return str(word).encode()


class Redis:
    def __init__(self, path, timeout=10.0):
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(timeout)
        try:
            self._sock.connect(path)
        except OSError:
            self._sock.close()
            raise
        self._in = self._sock.makefile("rb")

    def close(self):
        self._in.close()
        self._sock.close()

    def __call__(self, *words):
        """One command; a nil is None, an error reply is raised."""
        parts = [b"*%d\r\n" % len(words)]
        for word in map(_encode, words):
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self._sock.sendall(b"".join(parts))
        return self.read()

    def read(self):
        line = self._in.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b"*":
            return self._array(int(rest))
        raise ConnectionError("not RESP: %r" % line)

    def _bulk(self, size):
        if size < 0:
            return None
        data = self._in.read(size + 2)
        if len(data) != size + 2:
            raise ConnectionError("the server closed the connection")
        return data[:-2]

    def _array(self, count):
        if count < 0:
            return None
        return [self.read() for _ in range(count)]
