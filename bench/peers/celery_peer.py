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
# What is paced goes before what was filled in, where BENCH_PRIORITY is set:
# the broker keeps a list for each step, 0 is served first.
PRIORITY = "BENCH_PRIORITY" in os.environ
if PRIORITY:
    app.conf.update(
        worker_prefetch_multiplier=1,
        broker_transport_options={"priority_steps": list(range(10)),
                                  "queue_order_strategy": "priority"})


@app.task(name="bench.job")
def job(work):
    began = time.monotonic_ns()
    payload.note_start(STARTS, began, work)
    return {"id": work["id"]}


if __name__ == "__main__":
    producer = app.amqp.producer_pool.acquire(block=True)

    def put(work):
        more = {"priority": 0 if "t" in work else 6} if PRIORITY else {}
        job.apply_async((work,), producer=producer, retry=False, **more)

    payload.main(put)
