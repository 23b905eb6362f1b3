"""A runner by the Python SDK, for tests/system/s_b_python.c."""
import ctypes
import os
import time

from ganger import runner


@runner.load(any_name=True)
def load(model):
    """Takes longer than its jobs may run, or for ever."""
    time.sleep(1 if model.name == "slow" else 600)


def keep(job):
    """Uses its folders; the second attempt finds the first one's."""
    made = [os.path.exists(path) for path in job._folders.values()]
    for folder in (job.work_dir, job.output_dir, job.checkpoint_dir):
        with open(os.path.join(folder, "file"), "w") as out:
            out.write("x")
    if job.load_checkpoint() is None:
        job.save_checkpoint(b"first")
        raise ValueError("once more")
    return {"made": made, "folders": list(job._folders.values())}


@runner.infer
def infer(job, model):
    """Answers with what it was given and who it is."""
    what = job.input["do"]
    if what == "raise":
        raise ValueError("no luck in python")
    if what == "hang":
        print("about to hang", flush=True)
        job.progress(0.25, "about to hang")
        libc = ctypes.PyDLL(None)  # keeps the interpreter's lock
        while True:
            libc.sleep(600)
    if what == "keep":
        return keep(job)
    if what == "progress":
        job.progress(0.5, "half way")
    print("said by print", flush=True)
    return {"value": job.input.get("value"), "pid": os.getpid()}


if __name__ == "__main__":
    runner.main()
