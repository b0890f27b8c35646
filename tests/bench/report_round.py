"""report_round.py - what it costs to read a large run: judge, every form of report, list, trace, window, compare, export.

bench_report makes up two runs of the same plan and says how many copies must be in each class. A figure is believed when the
judgement, the lines of the list and of the CSV, and the rows of the SQLite file are exactly these; and when the forms that
people and viewers open stay of a size that they can open, however many copies there were.
"""
import json
import os
import shutil
import sqlite3
import statistics
import subprocess

from harness import BenchError, Child

EXPORT = "export --sqlite"
EXPORTED = 1_000_000  # copies of the run whose export has a bar
SECONDS = 600  # no reader lives longer
ROW_BYTES = 300  # of a copy: in the CSV, or in SQLite with its message and indexes
MOST_BYTES = {"report html": 6 << 20, "report junit": 8 << 20, "report sarif": 16 << 20, "report markdown": 1 << 20,
              "report text": 1 << 20, "report json": 1 << 20, "compare html": 6 << 20}
FORMS = ["text", "json", "html", "markdown", "junit", "sarif", "csv", "hdr"]


def rows(run, other, copies, out):
    """(name, arguments)"""
    yield "judge", ["judge", run]
    for form in FORMS:
        yield f"report {form}", ["report", run, "-f", form, "-o", out]
    yield "list of a class", ["list", run, "--class", "silent-loss"]
    yield "trace of a message", ["trace", run, str(copies // 8)]
    yield "trace of a mailbox", ["trace", run, "user0007"]
    yield "window", ["window", run]
    for form in ("text", "html", "json"):
        yield f"compare {form}", ["compare", run, other, "-f", form, "-o", out]
    yield EXPORT, ["export", run, "--sqlite", out]


def lines_of(path):
    done = subprocess.run(["wc", "-l", path], capture_output=True, text=True, check=True, timeout=SECONDS)
    return int(done.stdout.split()[0])


def sqlite_classes(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        found = dict(db.execute("SELECT class, COUNT(*) FROM copies GROUP BY class"))
    return found


def agree(what, got, want):
    if got != want:
        raise BenchError(f"{what}: {got} where {want} were planted")


def check(name, expected, copies, said, out):
    """Of a row that ended: what it says is what was planted."""
    planted = {k: n for k, n in expected.items() if n}
    if name == "report json":
        with open(out, encoding="utf-8") as f:
            agree(name, {k: n for k, n in json.load(f)["classes"].items() if n}, planted)
    elif name == "report csv":
        agree(name, lines_of(out), copies + 1)
    elif name == "list of a class":
        agree(name, said.count(" silent-loss "), expected["silent-loss"])
    elif name == EXPORT:
        agree(name, sqlite_classes(out), planted)
    if name in MOST_BYTES and os.path.getsize(out) > MOST_BYTES[name]:
        raise BenchError(f"{name}: {os.path.getsize(out)} octets, more than anybody opens")


def make(build, folder, copies, seed, window_ms):
    path = f"{folder}/run-{seed}"
    child = Child([f"{build}/bench_report", path, str(copies), str(seed), str(window_ms)], None)
    child.wait(SECONDS)
    if child.status != 0:
        raise BenchError(f"bench_report: {child.err.strip()[-300:]}")
    with open(f"{path}/expected.json", encoding="ascii") as f:
        return path, json.load(f), copies


def shot(argv, name, expected, copies, out):
    child = Child(argv, None)
    said = child.wait(SECONDS)
    want = 1 if name == "judge" else 0  # violations were planted: FAIL
    if child.status != want:
        raise BenchError(f"{name}: exit status {child.status}: {child.err.strip()[-300:]}")
    check(name, expected, copies, said, out)
    size = os.path.getsize(out) if os.path.exists(out) else len(said)
    if os.path.exists(out):
        os.unlink(out)
    return {"s": child.wall_s, "cpu_s": child.us / 1e6, "peak_bytes": child.rss_kb * 1024, "bytes": size}


def medians(shots):
    return {key: statistics.median(s[key] for s in shots) for key in shots[0]}


def read(argv, name, made, rounds, out):
    _, expected, copies = made
    return medians([shot(argv, name, expected, copies, out) for _ in range(rounds)])


def measure(build, folder, copies, rounds, say):
    free = shutil.disk_usage(folder).free
    need = copies * (2 * 110 + ROW_BYTES) + (1 << 30)
    if free < need:
        raise BenchError(f"{copies} copies take {need / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free")
    run, other = make(build, folder, copies, 1, 1500), make(build, folder, copies, 2, 300)
    out = f"{folder}/read.out"
    found = {}
    for name, args in rows(run[0], other[0], copies, out):
        found[name] = read([f"{build}/postmuster", *args], name, run, rounds, out)
        say(f"report: {name}: {found[name]['s']:.2f} s, {found[name]['peak_bytes'] / 1e6:.0f} MB")
    shutil.rmtree(other[0])
    export = found[EXPORT]
    if copies != EXPORTED:
        other = make(build, folder, EXPORTED, 3, 1500)
        export = read([f"{build}/postmuster", "export", other[0], "--sqlite", out], EXPORT, other, rounds, out)
        shutil.rmtree(other[0])
    shutil.rmtree(run[0])
    return {"copies": copies, "planted": {k: n for k, n in run[1].items() if n}, "rows": found, "export": export}
