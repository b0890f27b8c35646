#!/usr/bin/env python3
"""expect.py - does a run show what its profile's head comment says it shows?

usage: expect.py PROFILE RUN COPIES
Lines of the comment:  # Expected: FAIL; left-behind > 0, ndr + silent-loss > 0, duplicated = 0
                       # Expected of GROUP: ndr = 0              copies for mailboxes of that group only
                       # Expected of GROUP after 10 s: ndr = 0   those sent later than that after the flip of their move
Numbers are copies of a class, as `postmuster list --json` gives them (COPIES); the verdict is summary.json's, and so is the
count of a gate that is about no class (moves-disproved).
Exit status 0: all of it. 1: not. 64: a profile that expects nothing.
"""
import json
import os
import re
import sys

LINE = re.compile(r"# Expected(?: of (\w+)(?: after (\d+) s)?)?: *(.*)")
TERM = re.compile(r"([a-z -]+(?:\+[a-z -]+)*) (=|>|<|>=|<=) (\d+)$")


def late(copy, marks, seconds):
    if copy["move"] is None or copy["sent_ns"] is None:
        return False
    flipped = marks.get(copy["move"])
    return flipped is not None and copy["sent_ns"] > flipped + seconds * 1_000_000_000


def holds(words, copies, gates):
    m = TERM.match(words)
    if not m:
        sys.exit(f"expect: cannot read \"{words}\"")
    names = {n.strip() for n in m.group(1).split("+")}
    n, limit = sum(c["class"] in names for c in copies), int(m.group(3))
    n += sum(gates.get(name, 0) for name in names)
    ok = {"=": n == limit, ">": n > limit, "<": n < limit, ">=": n >= limit, "<=": n <= limit}[m.group(2)]
    return ok, n


def main(profile, run, listing):
    with open(os.path.join(run, "summary.json")) as f:
        summary = json.load(f)
    with open(listing) as f:
        copies = [json.loads(line) for line in f]
    gates = {g["name"]: g["count"] for g in summary["gates"] if g["name"] not in summary["classes"]}
    marks = {m["id"]: (m.get("marks_ns") or {}).get("flipped") for m in summary["moves"]}
    wrong = expected = 0
    with open(profile) as f:
        lines = [m for m in map(LINE.match, f) if m]
    for group, seconds, words in (m.groups() for m in lines):
        some = [c for c in copies if not group or re.fullmatch(rf"{group}(-\d+)?", c["mailbox"])]
        if seconds:
            some = [c for c in some if late(c, marks, int(seconds))]
        for term in re.split(r"[;,] *", words.strip()):
            expected += 1
            if term in ("PASS", "FAIL", "INCONCLUSIVE"):
                ok, got = summary["verdict"] == term, summary["verdict"]
            else:
                ok, got = holds(term, some, gates)
            wrong += not ok
            whose = f" of {group}" + (f" later than {seconds} s after the flip" if seconds else "") if group else ""
            print(f"expect: {'ok ' if ok else 'NOT'} {term}{whose}: {got} ({len(some)} copies)")
    if not expected:
        print(f"expect: {profile} says nothing", file=sys.stderr)
        return 64
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    sys.exit(main(*sys.argv[1:]))
