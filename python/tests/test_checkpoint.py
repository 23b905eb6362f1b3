"""Checkpoints: whole or not at all."""

from __future__ import annotations

import os
import pickle
import tempfile
import unittest

from ganger import checkpoint


class Checkpoint(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = os.path.join(folder.name, "job")

    def test_there_is_none_at_first(self):
        self.assertIsNone(checkpoint.load(self.dir))

    def test_bytes_come_back_and_the_last_save_counts(self):
        for data in (b"one", b"two"):
            path = checkpoint.save(self.dir, data)
        self.assertEqual(checkpoint.load(self.dir), b"two")
        self.assertEqual(os.listdir(self.dir), ["checkpoint"])
        self.assertEqual(path, os.path.join(self.dir, "checkpoint"))

    def test_functions_write_and_read_the_file(self):
        state = {"epoch": 3}
        checkpoint.save(
            self.dir, lambda file: pickle.dump(state, file), name="a"
        )
        self.assertEqual(
            checkpoint.load(self.dir, pickle.load, name="a"), state
        )
        self.assertIsNone(checkpoint.load(self.dir, pickle.load, name="b"))

    def test_a_writer_that_fails_leaves_the_old_one_and_no_litter(self):
        checkpoint.save(self.dir, b"good")

        def write(file):
            file.write(b"half")
            raise OSError("disk full")

        with self.assertRaisesRegex(OSError, "disk full"):
            checkpoint.save(self.dir, write)
        self.assertEqual(checkpoint.load(self.dir), b"good")
        self.assertEqual(os.listdir(self.dir), ["checkpoint"])


if __name__ == "__main__":
    unittest.main()
