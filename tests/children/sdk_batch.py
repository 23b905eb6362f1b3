"""A runner that takes batches, for tests/system/s_b_python.c."""
import os
import signal
import time

from ganger import runner


@runner.infer_batch
def infer_batch(jobs, model):
    """One bad job spoils what all of its batch would get."""
    if jobs[0].input == "wait":
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.002)
    if any(job.input == "raise" for job in jobs):
        raise ValueError("no luck in python")
    if any(job.input == "die" for job in jobs):
        os.kill(os.getpid(), signal.SIGABRT)
    if any(job.input == "exit" for job in jobs):
        os._exit(3)
    return [len(jobs) for _ in jobs]


if __name__ == "__main__":
    runner.main()
