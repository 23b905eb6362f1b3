"""RQ: the job, which its worker imports, and the producer."""

import os
import time

import redis
from rq import Queue
from rq.serializers import JSONSerializer

import payload


def job(work):
    began = time.monotonic_ns()
    payload.note_start(os.environ["BENCH_STARTS"], began, work)
    return {"id": work["id"]}


def main():
    queue = Queue("bench", serializer=JSONSerializer, connection=redis.Redis(
        unix_socket_path=os.environ["BENCH_SOCKET"]))

    def put(work):
        queue.enqueue("rq_peer.job", args=(work,), result_ttl=3600)

    def put_many(works):
        for i in range(0, len(works), 500):
            queue.enqueue_many([
                Queue.prepare_data("rq_peer.job", (work,), result_ttl=3600)
                for work in works[i:i + 500]])

    payload.main(put, put_many)


if __name__ == "__main__":
    main()
