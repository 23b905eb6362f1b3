"""beanstalkd's producer, in its own protocol."""

import json
import os
import socket

import payload


def main():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(os.environ["BENCH_BEAN"])
    answers = sock.makefile("rb")

    def command(work):
        text = json.dumps(work, separators=(",", ":")).encode()
        return b"put 1024 0 60 %d\r\n%s\r\n" % (len(text), text)

    def put_many(works):
        for i in range(0, len(works), 200):
            part = works[i:i + 200]
            sock.sendall(b"".join(map(command, part)))
            for _ in part:
                assert answers.readline().startswith(b"INSERTED")

    payload.main(lambda work: put_many([work]), put_many)


if __name__ == "__main__":
    main()
