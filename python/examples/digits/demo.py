#!/usr/bin/python3
"""The main job from end to end: train, publish, classify, report.

scripts/demo builds Ganger and starts this. It runs a private instance, trains
a network on scikit-learn's handwritten digits through ai:training:queue,
publishes it as the model `digits`, classifies every held-out image through
ai:inference:queue, one job each, and says how well and how fast that went.

Exit status: 0 if the accuracy is at least 0.95 and all ended well, else 1;
130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import urllib.request

import settings

sys.path.insert(0, settings.SDK)

import digits  # noqa: E402
import show  # noqa: E402
from instance import Instance, Trouble, on_terminate  # noqa: E402

from ganger import JobFailed, WaitTimeout  # noqa: E402
from ganger.client import FINAL, Client  # noqa: E402

LEAST_ACCURACY = 0.95
TRAIN_LIMIT = 300.0  # seconds
INFER_LIMIT = 120.0  # seconds


def train(client: Client) -> dict:
    """Runs the training job and shows its epochs; gives its record."""
    bar = show.Progress("training")
    end = time.monotonic() + TRAIN_LIMIT
    with client.events() as events:
        id = client.submit(settings.TRAIN_JOB)
        print(f"  job {id} in ai:training:queue")
        while time.monotonic() < end:
            event = events.get(timeout=1.0) or client.record(id) or {}
            if event.get("id") != id:
                continue
            if event.get("progress") is not None:
                bar.show(event["progress"], event.get("message") or "")
            if event.get("state") in FINAL:
                break
    bar.end()
    client.result(id, timeout=0)  # or JobFailed, with the log
    return client.record(id)


def classify(client: Client, images) -> tuple[list[dict], float, float]:
    """Sends every image as a job; gives the records in the images' order,
    the seconds until the first answer and those for all the others.

    The first job goes alone: it pays for the start of the runner.
    """
    bar = show.Progress("inference")
    jobs = [settings.image_job(image.tolist()) for image in images]
    began = time.monotonic()
    first = client.submit(jobs[0])
    done = client.wait(first, timeout=INFER_LIMIT)
    cold = time.monotonic() - began
    began = time.monotonic()
    ids = client.submit_many(jobs[1:])
    for record in client.as_completed(ids, timeout=INFER_LIMIT):
        done[record["id"]] = record
        if len(done) % 36 == 0:
            bar.show(len(done) / len(images), f"{len(done)} images")
    spent = time.monotonic() - began
    bar.end()
    return [done[id] for id in [first, *ids]], cold, spent


def check(client: Client, records: list[dict]) -> None:
    """Raises JobFailed for the first job that did not end well."""
    for record in records:
        if record["state"] != "done":
            client.result(record["id"], timeout=0)


def report(records: list[dict], labels, cold: float, spent: float) -> float:
    """Prints what came out; gives the accuracy."""
    right = sum(
        record["result"]["digit"] == label
        for record, label in zip(records, labels.tolist())
    )
    accuracy = right / len(records)
    print(f"\naccuracy    {accuracy:.4f} ({right} of {len(records)} right)")
    print(f"throughput  {(len(records) - 1) / spent:.0f} jobs/s", end="")
    print(f" ({len(records) - 1} jobs in {spent:.2f} s)")
    print(f"cold start  {cold:.2f} s to the first answer: interpreter,")
    print("            PyTorch and model loaded, once\n")
    warm = records[1:]
    waits = [r["started_at"] - r["queued_at"] for r in warm]
    runs = [r["finished_at"] - r["started_at"] for r in warm]
    totals = [r["finished_at"] - r["queued_at"] for r in warm]
    print("latency of the jobs after the first, which were queued at once, ms")
    show.table(
        [
            ["", "p50", "p90", "p99", "max"],
            show.percentiles("waited", waits),
            show.percentiles("ran", runs),
            show.percentiles("in all", totals),
        ]
    )
    print("\nhow many jobs had which latency in all")
    show.chart(totals)
    return accuracy


def print_slots(url: str) -> None:
    """Prints the slots as GET /workers/status gives them."""
    with urllib.request.urlopen(f"{url}/workers/status", timeout=10) as reply:
        status = json.load(reply)
    keys = ("slot", "pool", "state", "pid", "generation", "cpus", "models")
    rows: list[list[object]] = [list(keys)]
    for worker in status["workers"]:
        for slot in worker["slots"]:
            row = dict(slot, models=" ".join(slot.get("models") or []) or "-")
            rows.append([row.get(key, "-") for key in keys])
    print("\nslots")
    show.table(rows)


def run(ganger: str) -> float:
    """Runs everything; gives the accuracy."""
    print("starting a private Redis and gangerd", flush=True)
    with Instance(ganger, settings.config) as instance:
        print(f"  {instance.url}  {instance.socket}")
        with Client(f"unix:{instance.socket}") as client:
            _, (images, labels) = digits.load_split()
            print("\ntraining a network on 1437 handwritten digits")
            result = train(client)["result"]
            versions = sorted(os.listdir(instance.path("models/digits")))
            print(f"  published as digits@{versions[-1]};", end="")
            print(f" it says {result['accuracy']:.4f} of itself")
            print(f"\nclassifying {len(images)} others, one job each")
            records, cold, spent = classify(client, images)
            check(client, records)
            accuracy = report(records, labels, cold, spent)
        print_slots(instance.url)
        print(settings.by_hand(ganger, images[0].astype(int).tolist()))
        instance.stop()
    print("\nstopped; no process and no file is left")
    return accuracy


def main() -> int:
    parser = argparse.ArgumentParser(description="Ganger's demo")
    parser.add_argument("ganger", help="the program to run")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, on_terminate)
    began = time.monotonic()
    try:
        accuracy = run(arguments.ganger)
    except JobFailed as failed:
        print(f"\ndemo: {failed}", *failed.log, sep="\n  ", file=sys.stderr)
        return 1
    except (Trouble, WaitTimeout) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; all is cleaned up", file=sys.stderr)
        return 130
    print(f"done in {time.monotonic() - began:.1f} s")
    if accuracy < LEAST_ACCURACY:
        print(f"demo: accuracy is below {LEAST_ACCURACY}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
