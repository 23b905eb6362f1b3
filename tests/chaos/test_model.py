#!/usr/bin/env python3
"""The lease machine's model keeps its promises for thousands of seeds, and
sees them broken where a rule is left out. CHAOS_SEEDS: how many seeds."""

import os
import unittest

import model

SEEDS = int(os.environ.get("CHAOS_SEEDS", "1000"))


def explore(seeds, rules=model.RULES):
    """(seed, what) of the first promise broken, or None."""
    for seed in seeds:
        try:
            model.World(seed, rules).explore()
        except model.Broken as e:
            return seed, str(e)
    return None


class Model(unittest.TestCase):
    def test_all_rules_keep_all_promises(self):
        self.assertIsNone(explore(range(SEEDS)))

    def test_each_rule_is_needed(self):
        for rule in sorted(model.RULES):
            with self.subTest(rule=rule):
                self.assertIsNotNone(explore(range(5000),
                                             model.RULES - {rule}))


if __name__ == "__main__":
    unittest.main()
