"""Celery: the application that its worker loads, and the producer."""

import os
import time

from celery import Celery

import payload

SOCKET = os.environ["BENCH_SOCKET"]
STARTS = os.environ["BENCH_STARTS"]

app = Celery("bench", broker=f"redis+socket://{SOCKET}?virtual_host=0",
             backend=f"redis+socket://{SOCKET}?virtual_host=1")
app.conf.update(
    task_serializer="json", result_serializer="json",
    accept_content=["json"], task_acks_late=True,
    task_reject_on_worker_lost=True, worker_prefetch_multiplier=64,
    result_expires=3600, broker_connection_retry_on_startup=True,
    task_default_queue="bench")


@app.task(name="bench.job")
def job(work):
    began = time.monotonic_ns()
    payload.note_start(STARTS, began, work)
    return {"id": work["id"]}


if __name__ == "__main__":
    producer = app.amqp.producer_pool.acquire(block=True)
    payload.main(lambda work: job.apply_async((work,), producer=producer,
                                              retry=False))
