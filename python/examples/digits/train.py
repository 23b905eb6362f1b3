#!/usr/bin/python3
"""Trains the digit classifier: a Ganger handler of kind `command`.

Reads the job from stdin; params.epochs (12) and params.seed (1) may be set.
Writes the model to the job's output folder and a checkpoint after each epoch,
from which a later attempt goes on; it stops after the epoch in which it is
asked to. The same job gives
the same model, also when it was interrupted in between.
"""

from __future__ import annotations

import os

import torch

import digits
from ganger import command

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
    job = command.begin()
    params = job.params or {}
    training = Training(params.get("epochs", 12), params.get("seed", 1))
    if job.load_checkpoint(training.restore):
        print(f"going on after epoch {training.epoch}")
    (images, labels), (held_images, held_labels) = digits.load_split()
    images, labels = digits.as_input(images), torch.as_tensor(labels)
    while training.epoch < training.epochs:
        if job.should_stop():  # the last epoch is saved already
            command.give_up()
        training.step(images, labels)
        job.save_checkpoint(training.save)
        text = f"epoch {training.epoch}/{training.epochs}"
        text += f" loss {training.loss:.4f}"
        job.progress(training.epoch / training.epochs, text)
        print(text, flush=True)
    accuracy = training.accuracy(
        digits.as_input(held_images), torch.as_tensor(held_labels)
    )
    path = os.path.join(job.output_dir, digits.MODEL_FILE)
    torch.save(training.network.state_dict(), path)
    job.result(
        {
            "epochs": training.epoch,
            "loss": training.loss,
            "accuracy": accuracy,
            "trained_on": len(images),
            "held_out": len(held_images),
        }
    )


if __name__ == "__main__":
    main()
