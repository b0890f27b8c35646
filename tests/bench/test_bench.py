#!/usr/bin/env python3
"""test_bench.py - what the bench must not believe: a mode that was not used, a Dovecot that was not there, a wrong judgement."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import run
import tables


class Modes(unittest.TestCase):
    def refused(self, contender, sessions, window):
        try:
            run.Bench.check_mode(contender, {"sessions": sessions, "window": window})
        except harness.BenchError:
            return True
        return False

    def test_what_was_asked_for_is_believed(self):
        for contender, sessions, window in (("lockstep", [], 0), ("pipelined", ["pipelining"], 0), ("reconnecting", ["pipelining"], 0),
                                            ("pipelined, TLS", ["tls", "pipelining"], 0),
                                            ("chunking W=8", ["pipelining", "chunking"], 8)):
            self.assertFalse(self.refused(contender, sessions, window), contender)

    def test_a_mode_that_was_not_used_is_not(self):
        for contender, sessions, window in (("lockstep", ["pipelining"], 0), ("pipelined", [], 0), ("reconnecting", [], 0),
                                            ("pipelined", ["pipelining", "chunking"], 0), ("pipelined, TLS", ["pipelining"], 0),
                                            ("chunking W=8", ["pipelining", "no-chunking"], 0),
                                            ("chunking W=32", ["pipelining", "chunking"], 8)):
            self.assertTrue(self.refused(contender, sessions, window), contender)


class Bars(unittest.TestCase):
    def test_without_dovecot_its_bars_are_not_met_by_zeros(self):
        found = {"skipped": "dovecot is missing", "dovecot": {"per_s": 0, "cpu_us": 0.0}, "dovecot_times_libcurl": 0.0,
                 "canned": {"per_s": 200000, "cpu_us": 1.0}}
        self.assertEqual([b["met"] for b in tables.imap_bars({"imap": found})], [None, None, True])
        self.assertEqual([row[0] for row in tables.imap_rows(found)], ["canned", "Dovecot: dovecot is missing"])

    def test_a_judgement_that_misses_what_was_planted_is_not_believed(self):
        b = run.Bench.__new__(run.Bench)
        b.rounds, b.folder = 1, "."
        for right in (True, False):
            b.program = lambda *_, r=right: {"sizes": [{"copies": 1, "right": r}, {"copies": 2, "left_out": "left out: no disk"}]}
            if right:
                self.assertEqual(len(b.ledger()["sizes"]), 2)
            else:
                self.assertRaises(harness.BenchError, b.ledger)


if __name__ == "__main__":
    unittest.main()
