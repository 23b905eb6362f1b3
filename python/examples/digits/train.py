#!/usr/bin/python3
"""Trains the digit classifier: a Ganger handler of kind `command`.

Reads the job from stdin; params.epochs (12) and params.seed (1) may be set.
Writes progress lines to GANGER_PROGRESS_FD, the model to GANGER_OUTPUT_DIR,
the result to GANGER_RESULT, and a checkpoint after each epoch to
GANGER_CHECKPOINT_DIR, from which a later attempt goes on. The same job gives
the same model, also when it was interrupted in between.
"""

from __future__ import annotations

import json
import os
import sys

import torch

import digits
from ganger import checkpoint

BATCH = 64


class Training:
    """A network on its way, all of whose state can be saved and restored."""

    def __init__(self, epochs: int, seed: int):
        torch.manual_seed(seed)
        self.epochs = epochs
        self.epoch = 0  # epochs that are behind us
        self.loss = 0.0  # the last one's mean
        self.network = digits.make_network()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=4e-3)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, epochs
        )

    def _parts(self):
        return (self.network, self.optimizer, self.schedule)

    def save(self, file) -> None:
        parts = [part.state_dict() for part in self._parts()]
        state = (self.epoch, self.loss, torch.get_rng_state(), parts)
        torch.save(state, file)

    def restore(self, file) -> bool:
        self.epoch, self.loss, rng, parts = torch.load(file)
        torch.set_rng_state(rng)
        for part, state in zip(self._parts(), parts):
            part.load_state_dict(state)
        return True

    def step(self, images, labels) -> None:
        """Trains for one epoch."""
        self.network.train()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(
                self.network(images[chosen]), labels[chosen]
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(chosen)
        self.schedule.step()
        self.epoch += 1
        self.loss = total / len(images)

    def accuracy(self, images, labels) -> float:
        self.network.eval()
        with torch.no_grad():
            guesses = self.network(images).argmax(1)
        return (guesses == labels).float().mean().item()


def main() -> None:
    torch.set_num_threads(1)  # so small a network only gets slower by more
    params = json.load(sys.stdin).get("params") or {}
    checkpoints = os.environ["GANGER_CHECKPOINT_DIR"]
    training = Training(params.get("epochs", 12), params.get("seed", 1))
    if checkpoint.load(checkpoints, training.restore):
        print(f"going on after epoch {training.epoch}")
    (images, labels), (held_images, held_labels) = digits.load_split()
    images, labels = digits.as_input(images), torch.as_tensor(labels)
    with open(int(os.environ["GANGER_PROGRESS_FD"]), "w", 1) as progress:
        while training.epoch < training.epochs:
            training.step(images, labels)
            checkpoint.save(checkpoints, training.save)
            text = f"epoch {training.epoch}/{training.epochs}"
            text += f" loss {training.loss:.4f}"
            print(training.epoch / training.epochs, text, file=progress)
            print(text, flush=True)
    accuracy = training.accuracy(
        digits.as_input(held_images), torch.as_tensor(held_labels)
    )
    path = os.path.join(os.environ["GANGER_OUTPUT_DIR"], digits.MODEL_FILE)
    torch.save(training.network.state_dict(), path)
    with open(os.environ["GANGER_RESULT"], "w") as file:
        json.dump(
            {
                "epochs": training.epoch,
                "loss": training.loss,
                "accuracy": accuracy,
                "trained_on": len(images),
                "held_out": len(held_images),
            },
            file,
        )


if __name__ == "__main__":
    main()
