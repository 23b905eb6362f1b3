"""The digits example's handlers, run as ganger-child runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest

from fake_child import DEADLINE, PYTHON_DIR, PYTHONPATH, ProcessChild

FOLDER = os.path.join(PYTHON_DIR, "examples", "digits")
EPOCHS = 6
sys.path.insert(0, FOLDER)

try:
    import digits
    import sklearn  # noqa: F401
    import torch
except ImportError:
    torch = None


def train(folder, name, epochs, die_after=None):
    """Trains with folders of that name; gives result, model's folder, lines.

    With die_after it is killed when it has reported that many epochs; then
    it gives the exit status.
    """
    paths = {}
    for key in ("OUTPUT_DIR", "CHECKPOINT_DIR"):
        paths[key] = os.path.join(folder, f"{name}.{key}")
        os.makedirs(paths[key], exist_ok=True)
    paths["RESULT"] = os.path.join(folder, f"{name}.result")
    read, write = os.pipe()
    with open(read) as progress:
        process = subprocess.Popen(
            [sys.executable, os.path.join(FOLDER, "train.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[write],
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": PYTHONPATH,
                "GANGER_PROGRESS_FD": str(write),
                **{f"GANGER_{key}": path for key, path in paths.items()},
            },
        )
        os.close(write)
        job = {"type": "training", "params": {"epochs": epochs}}
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        lines = []
        for line in progress:
            lines.append(line)
            if len(lines) == die_after:
                process.kill()
    try:
        status = process.wait(DEADLINE)
    finally:
        process.kill()
    if die_after:
        return status
    if status != 0:
        raise AssertionError(f"train.py ended with {status}")
    with open(paths["RESULT"]) as file:
        return json.load(file), paths["OUTPUT_DIR"], lines


@unittest.skipUnless(torch, "needs PyTorch and scikit-learn")
class Digits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.dir = folder.name
        cls.whole = train(cls.dir, "whole", EPOCHS)

    def weights(self, folder):
        return torch.load(os.path.join(folder, digits.MODEL_FILE))

    def test_every_epoch_is_a_line_of_progress(self):
        lines = [line.split(maxsplit=1) for line in self.whole[2]]
        self.assertEqual(
            [round(float(fraction) * EPOCHS) for fraction, _ in lines],
            list(range(1, EPOCHS + 1)),
        )
        self.assertRegex(lines[0][1], f"^epoch 1/{EPOCHS} loss [0-9.]+\n$")

    def test_a_training_that_was_killed_goes_on_and_ends_the_same(self):
        self.assertEqual(train(self.dir, "cut", EPOCHS, die_after=1), -9)
        result, folder, lines = train(self.dir, "cut", EPOCHS)
        self.assertLess(len(lines), EPOCHS)
        self.assertEqual(result, self.whole[0])
        same = self.weights(folder)
        for key, value in self.weights(self.whole[1]).items():
            self.assertTrue(torch.equal(value, same[key]), key)

    def test_the_runner_classifies_what_training_never_saw(self):
        result, folder, _ = self.whole
        child = ProcessChild([os.path.join(FOLDER, "infer.py")])
        self.addCleanup(child.sock.close)
        self.addCleanup(child.process.kill)
        _, (images, labels) = digits.load_split()
        self.assertGreaterEqual(len(images), 300)
        model = {"model": "digits", "model_version": 1, "model_dir": folder}
        right = 0
        for start in range(0, len(images), 90):
            jobs = [
                {**model, "fields": {"input": image.tolist()}}
                for image in images[start : start + 90]
            ]
            results, done = child.run(*jobs)
            self.assertEqual(done["models"], ["digits"])
            for n, answer in results.items():
                self.assertTrue(0 < answer["value"]["confidence"] <= 1)
                right += answer["value"]["digit"] == labels[start + n - 1]
        self.assertAlmostEqual(right / len(images), result["accuracy"], 2)
        self.assertGreaterEqual(right / len(images), 0.9)
        results, _ = child.run({**model, "fields": {"input": "a"}}, {})
        self.assertEqual(results[1]["cause"], "handler-error")
        self.assertIn("names no model", results[2]["error"])
        self.assertEqual(child.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
