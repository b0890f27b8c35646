#!/usr/bin/env python3
"""test_bench.py - what the bench must not believe: a mode that was not used, a Dovecot that was not there, a wrong judgement."""
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import report_round
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

    def test_a_report_that_misses_what_was_planted_is_not_believed(self):
        expected = {"delivered": 3, "silent-loss": 1, "ndr": 0}
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/out"
            for classes, right in (({"delivered": 3, "silent-loss": 1, "ndr": 0}, True), ({"delivered": 4, "ndr": 0}, False)):
                with open(out, "w", encoding="ascii") as f:
                    json.dump({"classes": classes}, f)
                self.believed(right, "report json", expected, "", out)
            for lines, right in ((5, True), (4, False)):
                with open(out, "w", encoding="ascii") as f:
                    f.write("a\r\n" * lines)
                self.believed(right, "report csv", expected, "", out)
            with open(out, "wb") as f:
                f.truncate(report_round.MOST_BYTES["report html"] + 1)
            self.believed(False, "report html", expected, "", out)
            self.believed(True, "list of a class", expected, "1 primary silent-loss +1s\n", out)
            self.believed(False, "list of a class", expected, "", out)

    def believed(self, right, name, expected, said, out):
        if right:
            report_round.check(name, expected, 4, said, out)
        else:
            self.assertRaises(harness.BenchError, report_round.check, name, expected, 4, said, out)

    def test_bars_of_a_run_go_by_its_copies(self):
        row = {"s": 5.0, "cpu_s": 5.0, "peak_bytes": 5e8, "bytes": 1}
        for copies, met in ((1_000_000, [True, False, True]), (10_000_000, [True, True, True]), (400_000, [False, False, True])):
            section = {"copies": copies, "rows": {"judge": row, "export --sqlite": {}}, "export": row}
            self.assertEqual([b["met"] for b in tables.report_bars({"report": section})], met)
        self.assertEqual([b["met"] for b in tables.report_bars({})], [None, None, None])


if __name__ == "__main__":
    unittest.main()
