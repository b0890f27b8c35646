#!/usr/bin/env python3
"""run.py - what it costs to send, to take, to read and to account for mail, beside what others need for the same (./dev bench).

usage: run.py --build DIR [--rounds N] [--copies N] [--write-docs FILE] [SECTION...]   everything, or these: see SECTIONS
       run.py --syscalls POSTMUSTER BENCH_SEND     only counts system calls of sending and holds them to their bars (a ctest)

Builds nothing. In each round every contender runs once, in turn, so that what disturbs one disturbs all; a ratio is taken within
a round, and medians of ratios are shown with the least and the most. How many messages a sample has follows from a warm-up:
at least 0.35 s of CPU, or 1.5 s of time. What was acknowledged must equal what the sink counted, else nothing is believed and the
exit status is 1. A bar that is missed is shown as such; it does not change the exit status.

DIR/bench.json keeps the newest result of every section. Exit status: 0 done; 1 counts differ, or something failed; 77: --syscalls
cannot be done here.
"""
import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import report_round
import tables
from harness import BenchError, Child, OwnSink, PostfixSite, SmtpSink

KB = 1024
WORK_US, MOST_S, PILOT = 350_000, 1.5, 400
POSTAL_S = 4

OURS = {
    "lockstep": ["--mode", "lockstep"],
    "pipelined": ["--mode", "pipelining"],
    "pipelined, no account": ["--mode", "pipelining", "--account", "off"],
    "pipelined, TLS": ["--mode", "pipelining", "--tls", "implicit"],
    "chunking W=1": ["--mode", "chunking", "--window", "1"],
    "chunking W=8": ["--mode", "chunking", "--window", "8"],
    "chunking W=32": ["--mode", "chunking", "--window", "32"],
    "as it comes": ["--mode", "chunking"],  # what a profile has that says nothing: CHUNKING where offered, else PIPELINING
    "reconnecting": ["--mode", "pipelining", "--per-connection", "1"],
}
FROM_TO = ["-f", "writer@bench.test", "-t", "reader@bench.test"]

# section: (sink, body bytes, connections, contenders); the first is what ratios are taken against, unless tables.py says else
CELLS = {
    "send": [
        ("own", KB, 50, ["smtp-source", "lockstep", "pipelined", "chunking W=1", "chunking W=8", "chunking W=32",
                         "smtp-source, reconnecting", "reconnecting", "libcurl", "postal"]),
        ("own", 10 * KB, 50, ["smtp-source", "lockstep", "pipelined", "chunking W=1", "chunking W=8", "chunking W=32",
                              "smtp-source, reconnecting", "reconnecting", "libcurl"]),
        ("own", 100 * KB, 50, ["smtp-source", "pipelined", "chunking W=8"]),
    ],
    "account": [("own", KB, 50, ["pipelined, no account", "pipelined"])],
    "tls": [("own", 10 * KB, 50, ["pipelined", "pipelined, TLS"])],
    "sink": [(sink, size, 50, ["pipelined", "as it comes"]) for size in (KB, 10 * KB, 100 * KB) for sink in ("smtp-sink", "own")],
    "peers": [
        ("smtp-sink", KB, 50, ["smtp-source", "lockstep", "pipelined", "reconnecting", "libcurl"]),
        ("smtp-sink", 10 * KB, 50, ["smtp-source", "lockstep", "pipelined"]),
        ("postfix", KB, 10, ["smtp-source", "lockstep", "pipelined", "chunking W=8"]),
    ],
}
SECTIONS = [*CELLS, "pace", "calls", "lab", "imap", "ledger", "report", "p1"]
MORE_ROUNDS = {"account": 5}  # where the difference is small


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The build, a scratch folder, and what was found."""

    def __init__(self, build, folder, rounds, copies):
        self.build = build
        self.folder = folder
        self.rounds = rounds
        self.copies = copies
        self.postfix = None
        self.pem = f"{folder}/sink.pem"
        self.users = f"{folder}/users"
        with open(self.users, "w", encoding="ascii") as f:
            f.writelines(f"reader-{i}@bench.test\n" for i in range(64))

    # --- one sample ---------------------------------------------------------------------------------------------------

    def sink(self, name, contender, n):
        if name == "smtp-sink":
            return SmtpSink(n)
        if name == "postfix":
            self.postfix = self.postfix or PostfixSite(self.folder)
            return self.postfix.begin()
        if "TLS" in contender:
            return OwnSink(self.build, ["--name", harness.OWN, "--tls", "self", "--tls-cert-out", self.pem, "--implicit-tls"])
        return OwnSink(self.build)

    def argv(self, contender, to, n, size, connections):
        if contender in OURS:
            return self.ours(contender, to, n, size, connections)
        if contender == "libcurl":
            return [f"{self.build}/bench_curl", to, str(n), str(size), str(connections)]
        if contender == "postal":
            host, port = to.rsplit(":", 1)
            kb = str(size // KB)
            return ["postal", "-m", kb, "-M", kb, "-t", str(connections), "-c", "100000", "-r", "100000000", f"[{host}]{port}",
                    self.users]
        keep = [] if "reconnecting" in contender else ["-d"]
        return ["smtp-source", *keep, "-s", str(connections), "-m", str(n), "-l", str(size), *FROM_TO, to]

    def ours(self, contender, to, n, size, connections):
        more = ["--ca", self.pem] if "TLS" in contender else []
        return [f"{self.build}/bench_send", "--to", to, "--messages", str(n), "--size", str(size), "--connections",
                str(connections), *OURS[contender], *more]

    def flood(self, contender, argv, n):
        """(acknowledged or None, CPU us, of it in user mode, seconds)"""
        child = Child(argv, harness.SENDERS, cwd=self.folder)
        if contender == "postal":
            time.sleep(POSTAL_S)
            child.kill()
            return None, child.us, child.user_us, POSTAL_S
        said = child.wait()
        if child.status != 0:
            raise BenchError(f"{contender}: exit status {child.status}: {child.err.strip()[-300:]}")
        if contender not in OURS and contender != "libcurl":
            return n, child.us, child.user_us, child.wall_s
        got = json.loads(said)
        self.check_mode(contender, got)
        acknowledged = got["accepted"] if got["accepted"] is not None else got["messages"]
        return acknowledged, got["cpu_user_us"] + got["cpu_system_us"], got["cpu_user_us"], got["wall_us"] / 1e6

    @staticmethod
    def check_mode(contender, got):
        """A fall back to something dearer must not pass for the mode that was asked for."""
        if "no account" in contender or contender in ("libcurl", "as it comes"):
            return  # nobody tells, or either is right
        used, window = got["sessions"], re.search(r"W=(\d+)", contender)
        wanted = {"tls": "TLS" in contender, "chunking": window is not None, "pipelining": contender != "lockstep"}
        wrong = [mode for mode, want in wanted.items() if (mode in used) != want]
        if wrong or got["window"] != int(window[1] if window else 0):
            raise BenchError(f"{contender}: connections came up as {used}, window {got['window']}")

    def sample(self, cell, contender, n):
        name, size, connections, _ = cell
        sink = self.sink(name, contender, n)
        try:
            argv = self.argv(contender, sink.address, n, size, connections)
            acknowledged, us, user_us, wall_s = self.flood(contender, argv, n)
            received, sink_us = sink.end(acknowledged)
        except BaseException:
            sink.kill()
            raise
        if not received or (acknowledged is not None and (received != acknowledged or acknowledged != n)):
            raise BenchError(f"{contender} at {name}, {size} octets: of {n} messages {acknowledged} acknowledged, the sink "
                             f"counted {received}")
        return {"messages": received, "us": us / received, "user_us": user_us / received, "sink_us": sink_us / received,
                "per_s": received / wall_s}

    # --- rounds ---------------------------------------------------------------------------------------------------------

    def calibrate(self, cell, contender):
        """The warm-up: how many messages make a sample."""
        if contender == "postal":
            return 0
        n = PILOT
        for _ in range(2):
            s = self.sample(cell, contender, n)
            n = max(PILOT, min(int(WORK_US / s["us"]), int(MOST_S * s["per_s"])))
        return n - n % 10 + 10

    def measure(self, section):
        cells = CELLS[section]
        plan = [(cell, c) for cell in cells for c in cell[3]]
        say(f"{section}: warm-up of {len(plan)}")
        count = [self.calibrate(cell, c) for cell, c in plan]
        found = [[] for _ in plan]
        rounds = self.rounds * MORE_ROUNDS.get(section, 1)
        for r in range(rounds):
            say(f"{section}: round {r + 1} of {rounds}")
            for i in range(len(plan)) if r % 2 == 0 else reversed(range(len(plan))):
                cell, c = plan[i]
                found[i].append(self.sample(cell, c, count[i]))
        return {"cells": [{"sink": cell[0], "size": cell[1], "connections": cell[2], "contender": c, "samples": found[i]}
                          for i, (cell, c) in enumerate(plan)]}

    # --- the other sections -----------------------------------------------------------------------------------------------

    def pace(self):
        rows = []
        for _ in range(self.rounds):
            sink = OwnSink(self.build)
            try:
                child = Child([f"{self.build}/bench_send", "--to", sink.address, "--messages", "30000", "--rate", "10000",
                               "--mode", "pipelining"], harness.SENDERS, cwd=self.folder)
                got = json.loads(child.wait() or '{"accepted": null}')
                received, _ = sink.end(got["accepted"])
            except BaseException:
                sink.kill()
                raise
            if received != 30000 or got["accepted"] != received:
                raise BenchError(f"pacing: {got['accepted']} acknowledged, {received} counted")
            rows.append(got["late_us"])
        return {"rate": 10000, "late_us": rows}

    def calls(self, rows=None):
        why = harness.can_trace()
        if why:
            return {"skipped": why}
        found = {}
        for contender in rows or [*tables.CALL_BARS, "chunking W=1", "reconnecting", "smtp-source"]:
            n = 2000 if contender in ("smtp-source", "reconnecting") else 20000 if "chunking" in contender else 4000
            sink = OwnSink(self.build)
            try:
                total, each = harness.strace_calls(
                    lambda m, c=contender, to=sink.address: self.argv(c, to, m, KB, 50), n, self.folder)
                received, _ = sink.end(3 * n)
            except BaseException:
                sink.kill()
                raise
            if received != 3 * n:
                raise BenchError(f"strace of {contender}: of {3 * n} messages the sink counted {received}")
            found[contender] = {"calls": total, "most": each}
            say(f"calls: {contender}: {total:.3f} a message: " + ", ".join(f"{k} {v:.3f}" for k, v in each.items() if v > 0.0005))
        return {"rows": found}

    def lab(self):
        shots = []
        for r in range(self.rounds):
            say(f"lab: round {r + 1} of {self.rounds}")
            where = f"{self.folder}/lab"
            child = Child([f"{self.build}/postmuster", "run", f"{harness.HERE}/lab.yaml", "--dir", where, "--quiet"], None,
                          cwd=self.folder)
            child.wait(200)
            if child.status != 0:
                raise BenchError(f"the lab's run: exit status {child.status}: {child.err.strip()[-300:]}")
            shots.append(self.read_lab(where, child))
            shutil.rmtree(where)
        return {"shots": shots}

    def read_lab(self, where, child):
        first, last, copies = None, 0, 0
        lister = Child([f"{self.build}/postmuster", "list", where, "--json", "--class", "delivered"], None)
        for line in lister.wait().splitlines():
            c = json.loads(line)
            copies += 1
            first = c["sent_ns"] if first is None else min(first, c["sent_ns"])
            last = max(last, c["first_seen_ns"])
        with open(f"{where}/summary.json", encoding="utf-8") as f:
            summary = json.load(f)
        if copies != summary["planned"] or summary["verdict"] != "PASS":
            raise BenchError(f"the lab's run: {copies} of {summary['planned']} delivered, {summary['verdict']}")
        return {"copies": copies, "seconds": (last - first) / 1e9, "per_s": copies * 1e9 / (last - first),
                "us": child.us / copies}

    def program(self, argv, file, seconds):
        """A bench that writes a JSON object of its own and shows its progress itself; its exit status may be a missed goal."""
        path = f"{self.folder}/{file}"
        child = Child([f"{self.build}/{argv[0]}", *[path if a is None else a for a in argv[1:]]], None, cwd=self.folder)
        said = child.wait(seconds)
        say(said.rstrip())
        if not os.path.exists(path):
            raise BenchError(f"{argv[0]}: exit status {child.status}: {child.err.strip()[-300:]}")
        with open(path, encoding="utf-8") as f:
            found = json.load(f)
        found["exit"] = child.status
        return found

    def imap(self):
        return self.program(["bench_imap", None, str(min(self.rounds, 3))], "imap.json", 300)

    def ledger(self):
        sizes = ["1M", "10M"] + (["100M"] if self.rounds > 1 else [])
        found = self.program(["bench_ledger", "-o", None, "-d", self.folder, *sizes], "ledger.json", 600)
        if not all(x.get("left_out") or x["right"] for x in found["sizes"]):
            raise BenchError("bench_ledger: the judgement does not find what was planted")
        return found

    def report(self):
        rounds = min(self.rounds, 3) if self.copies <= 2_000_000 else 1
        return report_round.measure(self.build, self.folder, self.copies, rounds, say)

    def p1(self):
        return self.program(["bench_p1", str(self.rounds), "100000", None], "p1.json", 300)

    def run(self, section):
        if section in CELLS:
            return self.measure(section)
        return {"pace": self.pace, "calls": self.calls, "lab": self.lab, "imap": self.imap, "ledger": self.ledger,
                "report": self.report, "p1": self.p1}[section]()


# --- the machine ------------------------------------------------------------------------------------------------------------


def first_match(pattern, text, default="?"):
    m = re.search(pattern, text)
    return m.group(1).strip() if m else default


def package(name):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False)
    return done.stdout or "absent"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = first_match(r"model name\s*:\s*(.*)", f.read())
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(first_match(r"MemTotal:\s*(\d+)", f.read(), "0"))
    peers = {p: package(p) for p in ("postfix", "postal", "libcurl4", "dovecot-core", "libssl3", "strace")}
    return {"cpu": model, "processors": len(harness.CPUS), "memory_gb": round(memory / 1048576), "kernel": platform.release(),
            "peers": peers}


def stamp(found):
    found["when"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    found["load"] = [round(x, 1) for x in os.getloadavg()]
    return found


# --- entries ----------------------------------------------------------------------------------------------------------------


def hold_calls(postmuster, bench_send):
    """ctest bench.syscalls: exact counts, no times."""
    why = harness.can_trace()
    if why:
        print(f"SKIP: {why}")
        return 77
    with tempfile.TemporaryDirectory(dir=".") as folder:
        folder = os.path.abspath(folder)
        for name, path in (("postmuster", postmuster), ("bench_send", bench_send)):
            os.symlink(os.path.abspath(path), f"{folder}/{name}")
        rows = Bench(folder, folder, 1, 0).calls(list(tables.CALL_BARS))["rows"]
    bad = 0
    for name, bar in tables.CALL_BARS.items():
        got = rows[name]["calls"]
        bad += got > bar
        print(f"{'ok' if got <= bar else 'FAILED'}: {name}: {got:.3f} system calls a message, at most {bar}")
    return 1 if bad else 0


def write(path, kept):
    with open(f"{path}.new", "w", encoding="utf-8") as f:
        json.dump(kept, f, indent=1)
    os.replace(f"{path}.new", path)


def bench(args):
    path = f"{args.build}/bench.json"
    kept = {"machine": machine(), "sections": {}, "bars": []}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = json.load(f)
        kept["sections"] = old.get("sections", {})
        kept["bars"] = tables.bars(kept["sections"])
    status = 0
    folder = tempfile.mkdtemp(prefix="postmuster-bench.", dir="/var/tmp")
    os.chmod(folder, 0o755)  # user postfix passes through
    b = Bench(os.path.abspath(args.build), folder, args.rounds, args.copies)
    try:
        for section in args.sections or SECTIONS:
            try:
                load = [round(x, 1) for x in os.getloadavg()]
                found = stamp(b.run(section))
                found.update(rounds=args.rounds, load=load)
                kept["sections"][section] = found
                kept["bars"] = tables.bars(kept["sections"])
                write(path, kept)
            except (BenchError, OSError, subprocess.SubprocessError, ValueError, KeyError) as e:
                say(f"FAILED: {section}: {type(e).__name__}: {e}")
                status = 1
    finally:
        if b.postfix:
            b.postfix.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(tables.terminal(kept))
    if args.write_docs:
        tables.write_docs(kept, args.write_docs)
    return status


def count_of(text):
    """10M as 10,000,000"""
    m = re.fullmatch(r"([1-9]\d{0,8})([Mk]?)", text)
    if not m or int(m[1]) * {"M": 1_000_000, "k": 1000, "": 1}[m[2]] > 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text}: a number of copies is expected, as 1M or 10M")
    return int(m[1]) * {"M": 1_000_000, "k": 1000, "": 1}[m[2]]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.argv[1:2] == ["--syscalls"]:
        return hold_calls(*sys.argv[2:4])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--copies", type=count_of, default=1_000_000, help="of the run that section report reads: 1M, or more")
    p.add_argument("--write-docs", metavar="FILE")
    p.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    args = p.parse_args()
    wrong = [s for s in args.sections if s not in SECTIONS]
    if wrong or args.rounds < 1:
        p.error(f"no such section: {' '.join(wrong)}; there are {', '.join(SECTIONS)}")
    return bench(args)


if __name__ == "__main__":
    sys.exit(main())
