#!/usr/bin/python3
"""Classifies digits: a Ganger handler of kind `runner`.

A job's input is an image, 8 rows of 8 numbers from 0 to 16. Its result is
{"digit": 0 to 9, "confidence": 0 to 1}. The model is loaded once and kept.
"""

from __future__ import annotations

import os

import torch

import digits
from ganger import HandlerError, runner


@runner.load
def load(model):
    network = digits.make_network()
    path = os.path.join(model.dir, digits.MODEL_FILE)
    network.load_state_dict(torch.load(path, map_location="cpu"))
    return network.eval()


@runner.infer_batch
def infer_batch(jobs, network):
    if network is None:
        raise HandlerError("the job names no model")
    images = digits.as_input([job.input for job in jobs])
    with torch.inference_mode():
        chances, guesses = network(images).softmax(1).max(1)
    return [
        {"digit": digit, "confidence": round(chance, 4)}
        for digit, chance in zip(guesses.tolist(), chances.tolist())
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)  # so small a network only gets slower by more
    runner.main()
