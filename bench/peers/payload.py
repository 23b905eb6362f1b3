"""What the Python producers share: PRODUCER fill N | pace N RATE. Jobs take
BENCH_MS milliseconds where that is set."""

import os
import sys
import time

MS = float(os.environ.get("BENCH_MS", "0"))


def job(number, **more):
    if MS:
        more["ms"] = MS
    return {"id": f"job-{number:08d}", "type": "inference", "kind": "echo",
            "input": [round(0.123456789 * (k + 1) + number * 1e-6, 9)
                      for k in range(8)], **more}


def pace(put, count, rate):
    begin = time.monotonic() + 0.5
    for i in range(count):
        left = begin + i / rate - time.monotonic()
        if left > 0:
            time.sleep(left)
        put(job(10 ** 7 + i, t=time.monotonic_ns()))


def main(put, put_many=None):
    count = int(sys.argv[2])
    if sys.argv[1] == "pace":
        pace(put, count, float(sys.argv[3]))
    elif put_many is not None:
        put_many([job(i) for i in range(count)])
    else:
        for i in range(count):
            put(job(i))


def note_start(path, began, work):
    """Notes when a handler began, if the job carries `t`; does its work."""
    if "t" in work:
        with open(path, "a") as f:
            f.write("%d\n" % (began - work["t"]))
    if "ms" in work:
        time.sleep(work["ms"] / 1e3)
