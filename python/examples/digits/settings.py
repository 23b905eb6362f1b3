"""The digits example's configuration and jobs.

As a program, it prints the configuration for an instance whose models lie
in FOLDER/models.
usage: settings.py FOLDER
"""

from __future__ import annotations

import json
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SDK = os.path.dirname(os.path.dirname(HERE))
DEMO = os.path.join(os.path.dirname(SDK), "scripts", "demo")

CONFIG = """\
[supervisor]
max_concurrent_jobs = 2
kill_grace = 3s
shutdown_grace = 3s

[models]
dir = {folder}/models

[handler train]
kind = command
command = /usr/bin/python3 -B {train}
types = training
env.PYTHONPATH = {sdk}

[handler digits]
kind = runner
command = /usr/bin/python3 -B {infer}
types = inference
batch_size = 8
env.PYTHONPATH = {sdk}
"""

BY_HAND = """
the same by hand, in an empty folder:
  {demo} --config "$PWD" >digits.ini
  {ganger} up --dir state --config digits.ini
and in a second terminal, in the same folder:
  PATH={bin}:$PATH
  export REDIS_URL=unix:$PWD/state/redis.sock
  ganger submit --wait '{train}'
  ganger submit --wait '{infer}'
  ganger status
or, with nothing but Redis (other ids, as each job is one of its own):
  redis-cli -s state/redis.sock LPUSH ai:training:queue \\
    '{train2}'
  redis-cli -s state/redis.sock LPUSH ai:inference:queue \\
    '{infer2}'
  redis-cli -s state/redis.sock GET '{{ai:inference:queue}}:job:digit-2'"""

TRAIN_JOB = {
    "type": "training",
    "publish": "digits",
    "params": {"epochs": 12, "seed": 1},
}


def config(folder: str) -> str:
    """Gives the configuration for an instance that works in a folder."""
    return CONFIG.format(
        folder=folder,
        train=shlex.quote(os.path.join(HERE, "train.py")),
        infer=shlex.quote(os.path.join(HERE, "infer.py")),
        sdk=SDK,
    )


def image_job(image: list) -> dict:
    """Gives the job that classifies an image, 8 rows of 8 numbers."""
    return {"type": "inference", "model": "digits", "input": image}


def by_hand(ganger: str, image: list) -> str:
    """Gives what one types to do what the demo does."""

    def text(job: dict, id: str) -> str:
        return json.dumps({"id": id, **job}, separators=(",", ":"))

    return BY_HAND.format(
        demo=shlex.quote(DEMO),
        ganger=shlex.quote(ganger),
        bin=shlex.quote(os.path.dirname(ganger)),
        train=text(TRAIN_JOB, "train-1"),
        train2=text(TRAIN_JOB, "train-2"),
        infer=text(image_job(image), "digit-1"),
        infer2=text(image_job(image), "digit-2"),
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: settings.py FOLDER")
    print(config(os.path.abspath(sys.argv[1])), end="")
