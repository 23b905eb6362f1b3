"""A training job that can be displaced: a sum that depends on every step and
on their order. It saves a checkpoint every so often and when it is asked to
stop. Each step leaves a byte in $STEPS/<id>. For tests and bench/preempt."""

import json
import os
import time

from ganger import command

job = command.begin()
steps, every = job.input["steps"], job.input["every"]
nap = job.input["seconds"] / steps
state = json.loads(job.load_checkpoint() or "[0, 1]")


def save():
    job.save_checkpoint(json.dumps(state).encode())


with open(os.path.join(os.environ["STEPS"], job.id), "ab", 0) as trace:
    while state[0] < steps:
        if job.should_stop():
            if job.input.get("obeys", True):
                save()
            command.give_up()
        time.sleep(nap)
        state = [state[0] + 1, (state[1] * 1103515245 + state[0]) % 2**61]
        trace.write(b".")
        if state[0] % every == 0:
            save()
            job.progress(state[0] / steps)
job.result(state[1])
