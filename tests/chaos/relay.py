"""A relay between gangerd and Redis that can lose what Redis answers: the one
thing that killing a process at a given step can't do."""

import os
import socket
import threading


class Relay:
    def __init__(self, path, server):
        self.path = path
        self.server = server
        self._pairs = set()
        self._deaf = set()              # pairs whose answers are dropped
        self.trap = None                # a request with these bytes is lost
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            back = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                back.connect(self.server)
            except OSError:
                client.close()
                back.close()
                continue
            pair = (client, back)
            with self._lock:
                self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._copy, daemon=True,
                                 args=(pair, source, sink)).start()

    def _copy(self, pair, source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if source is pair[1] and pair in self._deaf:
                    continue
                trap = self.trap
                if source is pair[0] and trap and trap in data:
                    self.trap = None
                    self.cut()
                    return
                sink.sendall(data)
        except OSError:
            pass
        self._shut(pair)

    def _shut(self, pair):
        with self._lock:
            self._pairs.discard(pair)
            self._deaf.discard(pair)
        for s in pair:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def deafen(self):
        """From now on the answers on these connections are lost."""
        with self._lock:
            self._deaf = set(self._pairs)

    def cut(self):
        """Breaks all connections."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._shut(pair)

    def close(self):
        # accept() is woken by shutdown, not by close
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        os.unlink(self.path)
