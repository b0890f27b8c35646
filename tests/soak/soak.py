#!/usr/bin/env python3
"""soak.py POSTMUSTER [--minutes N] [--part flood|site] [--folder DIR] - whether a long run stays what it was when it began.

N minutes (120) at 1,000 messages a second are sent as fast as they go, over real sockets. Two parts:

flood  N x 60,000 messages of 1 KB, a new connection every 1,000 messages, to mailboxes of our own, which the same process
       takes in over SMTP: both ends of every message are ours, and each has to be accounted as delivered.
site   a hundredth of them at 500 a second, to the embedded lab, a process of its own, whose mailboxes move to and fro all the
       while: senders, IMAP probes, queues, home look-ups and mover, log-ins by the thousand; each delivered, and the run passes.

Once a second the resident memory, descriptors, threads and CPU of the process are read from /proc, and the progress from the
sizes of its journal. Then: memory and descriptors are flat once the load is warm, but for what probes remember of mailboxes that
fill; every copy is delivered; and `judge` makes the same summary from the journal, octet for octet. Else exit 1. What a message
costs in CPU at the end and at the start is shown, and is no reason to fail: other work on the machine changes it. Everything on
127.x addresses in a temporary folder; waits are bounded, and only processes started here are ended. 77: POSTMUSTER is not there.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
RECORD = 32
A_MINUTE = 60_000  # messages
OCTETS = {"flood": 0.5,  # a message: a leak of the smallest piece of memory at one in 64 messages
          "site": 384}  # what lies in mailboxes is remembered (probes/known.h): 44 to 88 for a message, at the old home and at
                        # the new one, in pieces that double; twice that
WARM = {"flood": 0.1, "site": 0.35}  # of the load: by then every mailbox has moved, and both its homes are watched
ROOM = 1 << 20  # what an allocator may keep more of than at the start, however few messages
DESCRIPTORS = 2  # up and down with connections that are made anew
HOURS = 4 * 3600  # no run takes longer

FLOOD = """schema: 1
run: {{name: soak-flood, seed: 72, max_lateness: 1h}}
servers:
  edge: {{smtp: "127.0.61.1:{port}", tls: none}}
listen: {{smtp: "127.0.61.1:{port}"}}
mailboxes:
  jane: {{count: 200, home: ours, address: "{{name}}@there.test"}}
  joe: {{count: 20, home: ours, address: "{{name}}@back.test"}}
load:
  flood: {{via: edge, from: joe, to: jane, rate: 100000/s, duration: {us}us, connections: 16, messages_per_connection: 1000}}
probes:
  queues: {{type: exec, argv: [/bin/echo, end], period: 1s}}
settle: {{silence: double-collect, retry: 5s, deadline: 2m, canary: no}}
safety: {{max_rate: 100000/s, max_messages: 1_000_000_000, max_bytes: 1_000_000_000_000_000}}
"""
SITE = """schema: 1
run: {{name: soak-site, seed: 73, max_lateness: 1h}}
{site}
mailboxes:
  jane: {{count: 20, home: s1{jane}}}
  john: {{count: 4, home: s3{john}}}
load:
  flood: {{via: s3, from: john, to: jane, rate: 500/s, duration: {ms}ms, connections: 4, messages_per_connection: 1000}}
moves:
  users: {{mailboxes: jane, to: s2, start: 1s, every: 1s, count: {rounds}, back: yes{mover}}}
settle: {{silence: double-collect, retry: 5s, deadline: 2m}}
safety: {{max_rate: 100000/s, max_messages: 1_000_000_000}}
"""
LAB = """lab:
  version: modern
  servers: [s1, s2, s3]
  ndr: dsn
  knobs: {ds_read_cache_latency: 0s, pause_after_modify: 100ms, pause_between: 0s, copy_time: 300ms,
          purge_before_commit: no}"""
LIVE = """servers:
{servers}
movers:
  admin:
    type: http
    start: "POST {{control}}/v1/move"
    body: '{{"mailbox":"{{mailbox}}","from":"{{from}}","to":"{{to}}"}}'
    poll: "GET {{control}}/v1/move?id={{id}}"
home_lookup: {{type: http, url: "{{control}}/v1/home?mailbox={{mailbox}}"}}
probes:
  stores: {{type: imap, places: [home, old, alternate, originator]}}
  queues: {{type: http}}"""


class SoakError(Exception):
    """Something did not hold, in one sentence."""


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.61.1", 0))
        return s.getsockname()[1]


def end(child, seconds=30):
    """In order if it can, by its pid."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def look(pid, journal):
    """One sample: time, records so far, resident octets, descriptors, threads, CPU in seconds. None: it is over."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            stat = f.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{pid}/statm") as f:
            resident = int(f.read().split()[1]) * PAGE
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        sizes = sum(e.stat().st_size for e in os.scandir(journal)) if os.path.isdir(journal) else 0
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    if stat[0] == "Z" or not resident:
        return None
    return {"at": time.monotonic(), "records": sizes // RECORD, "rss": resident, "fds": descriptors,
            "threads": int(stat[17]), "cpu": (int(stat[11]) + int(stat[12])) / TICK}


def watch(child, journal, seconds, say):
    """Samples once a second until it ends."""
    samples, begun = [], time.monotonic()
    while child.poll() is None:
        sample = look(child.pid, journal)
        if sample:
            samples.append(sample)
            if len(samples) % 30 == 0:
                say(f"  {sample['records']:,} records, {sample['rss'] >> 20} MB, {sample['fds']} descriptors")
        if time.monotonic() - begun > seconds:
            raise SoakError(f"still not over after {seconds} s")
        time.sleep(1)
    return samples


def slope(samples, per):
    """Least squares: octets of memory a message."""
    xs = [s["records"] / per for s in samples]
    ys = [s["rss"] for s in samples]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / over if over else 0.0


def cost(samples, per):
    """CPU a message over these samples, in us."""
    first, last = samples[0], samples[-1]
    messages = (last["records"] - first["records"]) / per
    return (last["cpu"] - first["cpu"]) * 1e6 / messages if messages > 0 else float("nan")


class Part:
    """One run, watched from arm to its end."""

    def __init__(self, name, program, folder, messages):
        self.name, self.program, self.messages = name, program, messages
        self.run = os.path.join(folder, name)
        self.profile = os.path.join(folder, f"{name}.yaml")

    def write(self, text):
        with open(self.profile, "w") as f:
            f.write(text)

    def go(self, exits, say):
        say(f"{self.name}: {self.messages:,} messages")
        begun = time.monotonic()
        with open(self.run + ".out", "w") as out:
            child = subprocess.Popen([*self.program, "run", self.profile, "--dir", self.run, "--quiet"], stdout=out,
                                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            try:
                self.samples = watch(child, os.path.join(self.run, "journal"), HOURS, say)
            finally:
                end(child)
        self.seconds = time.monotonic() - begun
        if child.returncode not in exits:
            with open(self.run + ".out") as f:
                raise SoakError(f"{self.name}: exit status {child.returncode}: {f.read()[-2000:]}")

    def load(self):
        """The load, warmed up, until all of it is written."""
        last = max(s["records"] for s in self.samples)
        under = [s for s in self.samples if last * WARM[self.name] <= s["records"] < last * 0.995]
        if len(under) < 12:
            raise SoakError(f"{self.name}: only {len(under)} samples of the load: more minutes are needed to say anything")
        return under, last

    def summary(self):
        with open(os.path.join(self.run, "summary.json"), "rb") as f:
            return f.read()

    def judge_again(self):
        before = self.summary()
        done = subprocess.run([*self.program, "judge", self.run], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=HOURS, check=False)
        if done.returncode not in (0, 1, 2):
            raise SoakError(f"{self.name}: judge gives no verdict (exit {done.returncode})")
        if self.summary() != before:
            raise SoakError(f"{self.name}: judge makes another summary than the run did")

    def check(self):
        under, records = self.load()
        self.per = records / self.messages
        third = max(len(under) // 3, 2)
        early, late = under[:third], under[-third:]
        self.figures = {
            "messages": self.messages, "seconds": round(self.seconds), "records a message": round(self.per, 2),
            "rss at the start": under[0]["rss"], "rss at the end": under[-1]["rss"],
            "rss most, all phases": max(s["rss"] for s in self.samples),
            "octets a message": round(slope(under, self.per), 3),
            "descriptors": [min(s["fds"] for s in under), max(s["fds"] for s in under)],
            "threads": [min(s["threads"] for s in under), max(s["threads"] for s in under)],
            "us a message, first third": round(cost(early, self.per), 2),
            "us a message, last third": round(cost(late, self.per), 2),
        }
        grown = under[-1]["rss"] - under[0]["rss"]
        moved = (under[-1]["records"] - under[0]["records"]) / self.per
        if grown > ROOM + OCTETS[self.name] * moved:
            raise SoakError(f"{self.name}: memory grew by {grown:,} octets over {moved:,.0f} messages")
        # Connections are left and made anew: what counts is that the least and the most of the last third are not above.
        low, high = (max(s["fds"] for s in part) for part in (early, late))
        if high > low + DESCRIPTORS:
            raise SoakError(f"{self.name}: {high} descriptors at the end, {low} at the start")
        if late[-1]["threads"] != early[0]["threads"]:
            raise SoakError(f"{self.name}: {late[-1]['threads']} threads at the end, {early[0]['threads']} at the start")
        classes = {k: n for k, n in json.loads(self.summary())["classes"].items() if n}
        if classes != {"delivered": self.messages}:
            raise SoakError(f"{self.name}: {self.messages} messages became {classes}")


def flood(program, folder, minutes, say):
    messages = minutes * A_MINUTE
    part = Part("flood", program, folder, messages)
    part.write(FLOOD.format(port=free_port(), us=messages * 10))
    part.go((2,), say)  # there is no site that could show that its reports work, so a PASS would be a guess
    return part


def lab_of(program, folder, messages):
    """The lab as a process of its own, and the profile of what it said it serves."""
    rounds = max(messages // 500 - 2, 1)
    lab = os.path.join(folder, "lab.yaml")
    with open(lab, "w") as f:
        f.write(SITE.format(site=LAB, jane="", john="", ms=messages * 2, rounds=rounds, mover=""))
    out = open(os.path.join(folder, "lab.out"), "w+")
    child = subprocess.Popen([*program, "lab", lab, "--dir", folder], stdout=out, stdin=subprocess.DEVNULL)
    text = ""
    for _ in range(600):
        time.sleep(0.1)
        with open(out.name) as f:
            text = f.read()
        if "Ctrl-C" in text or child.poll() is not None:
            break
    out.close()
    servers = [f"  {n}: {{smtp: \"{smtp}\", tls: none, imap: \"{imap}\", imap_tls: none, control: \"{control}\"}}" for
               n, smtp, imap, control in re.findall(r"^  (s\d) +smtp (\S+) +imap (\S+) .*control (\S+)$", text, re.M)]
    word = dict(re.findall(r"mailboxes (\w+) .*password (\S+), on", text))
    if len(servers) != 3 or len(word) != 2:
        end(child)
        raise SoakError(f"the lab did not come up: {text[-500:]}")
    live = {g: f", address: \"{{name}}@lab.test\", password: {word[g]}" for g in word}
    return child, SITE.format(site=LIVE.format(servers="\n".join(servers)), jane=live["jane"], john=live["john"],
                              ms=messages * 2, rounds=rounds, mover=", mover: admin")


def site(program, folder, minutes, say):
    messages = minutes * A_MINUTE // 100
    part = Part("site", program, folder, messages)
    lab, text = lab_of(program, folder, messages)
    try:
        part.write(text)
        part.go((0,), say)
    finally:
        end(lab)
    return part


def table(parts):
    """What docs/trust.md shows."""
    names = list(parts[0].figures)
    rows = ["| | " + " | ".join(p.name for p in parts) + " |", "|---|" + "---|" * len(parts)]
    for name in names:
        cells = []
        for p in parts:
            v = p.figures[name]
            if name.startswith("rss"):
                cells.append(f"{v / (1 << 20):.1f} MB")
            elif isinstance(v, list):
                cells.append(f"{v[0]} to {v[1]}" if v[0] != v[1] else f"{v[0]}")
            else:
                cells.append(f"{v:,}")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("program")
    args.add_argument("--minutes", type=int, default=120)
    args.add_argument("--part", choices=("flood", "site"))
    args.add_argument("--folder")
    a = args.parse_args()
    if not os.access(a.program, os.X_OK):
        print(f"{a.program} is not there")
        return 77
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    folder = tempfile.mkdtemp(prefix="postmuster-soak.", dir=a.folder or "/var/tmp")
    parts = []
    try:
        for name, one in (("flood", flood), ("site", site)):
            if a.part in (None, name):
                part = one([os.path.realpath(a.program)], folder, a.minutes, say)
                parts.append(part)
                part.check()
                part.judge_again()
        return 0
    except SoakError as e:
        say(f"FAILED: {e}")
        return 1
    finally:
        parts = [p for p in parts if hasattr(p, "figures")]
        if parts:
            print(table(parts))
        if os.environ.get("PM_SOAK_KEEP"):
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
