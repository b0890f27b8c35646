#!/usr/bin/env python3
"""states.py - page data of runs that are rare or extreme, made from a seed: states.py FOLDER writes one JSON file each.

pass, fail, inconclusive, empty, large (100,000 copies, as far as their data go), moves (400 of them), hostile (what a server or a
report may say, put wherever text of others stands). Each has the schema of results/page_data.c, and its sums add up.
"""
import json
import math
import random
import sys
from pathlib import Path

S = 10**9
CLASSES = [  # name, what became of them, group, responsibility, transparency
    ("not-owed", "were not owed", "ok", "ok", "ok"),
    ("phantom", "were seen although they were never sent", "invalid", "invalid", "invalid"),
    ("misdelivered", "were put in a wrong mailbox", "violation", "violation", "violation"),
    ("refused-temporary", "were refused for now (4xx)", "warning", "ok", "warning"),
    ("duplicated", "were delivered more than once", "violation", "warning", "violation"),
    ("delivered", "were delivered", "ok", "ok", "ok"),
    ("left-behind", "were left behind: only the old home has them", "violation", "violation", "violation"),
    ("stranded", "stand still in a server's queue, neither delivered nor reported (stranded)", "violation", "violation", "violation"),
    ("ndr", "were reported as undeliverable although their mailboxes existed all along", "violation", "ok", "violation"),
    ("unknown", "are unknown: their silence is not final", "open", "open", "open"),
    ("silent-loss", "were lost in silence", "violation", "violation", "violation"),
]
INDEX = {c[0]: i for i, c in enumerate(CLASSES)}
HOSTILE = ("</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'> & &lt;b&gt; \"'` "
           "\u202eslaveR\u202c \u2028\u2029 \u0007\u001b[31m {{script}} javascript:alert(1) <!-- ]]> \U0001f680")


def token(n):
    rng = random.Random(n)
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(26))


def interval(k, n):
    if n == 0:
        return None, None
    p, z = k / n, 1.96
    mid, half = (p + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return max(0, int((mid - half) * 1e6)), min(10**6, int((mid + half) * 1e6))


class Run:
    def __init__(self, name, seed, moves, copies, seconds, window=None, odds=None, class_of="ndr", words=None):
        self.rng, self.name, self.seed, self.seconds = random.Random(seed), name, seed, seconds
        self.text = words or (lambda plain: plain)
        self.moves, self.copies = [], []  # copies: t, move or -1, class, number
        self.make_moves(moves)
        for n in range(copies):
            self.make_copy(n, window, odds or {}, class_of)

    def make_moves(self, n):
        for i in range(n):
            asked = int((10 + (self.seconds - 40) * i / max(n, 1)) * S)
            copy, took = asked + int(.4 * S), int(self.rng.uniform(6, 18) * S)
            self.moves.append({
                "id": i, "mailbox": self.text("joanne%03d" % i), "from": self.text("s1"), "to": self.text("s2"), "asked_ns": asked,
                "copy_ns": copy, "flipped_ns": copy + took * 3 // 4, "done_ns": copy + took, "failed_ns": None})

    def make_copy(self, number, window, odds, class_of):
        t, lane, what = int(self.rng.random() * self.seconds * S), -1, "delivered"
        if self.moves and self.rng.random() < .8:
            lane = self.rng.randrange(len(self.moves))
            if self.rng.random() < .6:
                t = self.moves[lane]["flipped_ns"] + int(self.rng.uniform(-20, 80) * S)
            phase = t - self.moves[lane]["flipped_ns"]
            if window and window[0] * S <= phase <= window[1] * S and self.rng.random() < .7:
                what = class_of
        draw = self.rng.random()
        for k, share in odds.items():
            draw -= share
            if draw < 0:
                what = k
                break
        self.copies.append((max(0, min(t, self.seconds * S - 1)), lane, INDEX[what], number))

    def counts(self):
        n = [0] * len(CLASSES)
        for c in self.copies:
            n[c[2]] += 1
        return n

    def worst(self):
        order = {"invalid": 0, "violation": 1, "open": 2}
        return sorted((c for c in self.copies if CLASSES[c[2]][2] in order), key=lambda c: (order[CLASSES[c[2]][2]], c[3]))

    def classes(self, stories):
        at, out, total = {s["number"]: i for i, s in enumerate(stories)}, [], len(self.copies)
        for i, (name, became, group, responsibility, transparency) in enumerate(CLASSES):
            k, first = self.counts()[i], [c[3] for c in self.copies if c[2] == i][:3]
            low, high = interval(k, total)
            out.append({"class": name, "became": became, "group": group, "responsibility": responsibility,
                        "transparency": transparency, "copies": k, "share_ppm": k * 10**6 // total if total else 0, "low_ppm": low,
                        "high_ppm": high, "first": [{"token": token(n), "number": n, "story": at.get(n)} for n in first]})
        return out

    def flow(self):
        n, counts = len(self.copies), self.counts()
        refused, groups = counts[INDEX["refused-temporary"]], {}
        fate = [(c[0], k) for c, k in zip(CLASSES, counts) if k]
        for c, k in zip(CLASSES, counts):
            groups[c[2]] = groups.get(c[2], 0) + k
        links = [{"from": "load:steady", "to": "sent:accepted", "copies": n - refused}]
        links += [{"from": "load:steady", "to": "sent:refused-4xx", "copies": refused}]
        for name, k in fate:
            sent = "sent:refused-4xx" if name == "refused-temporary" else "sent:accepted"
            links += [{"from": sent, "to": "class:" + name, "copies": k},
                      {"from": "class:" + name, "to": "group:" + CLASSES[INDEX[name]][2], "copies": k}]
        stages = [("planned", [("load:steady", self.text("steady"), n)]),
                  ("sender", [("sent:accepted", "accepted", n - refused), ("sent:refused-4xx", "refused for now", refused)]),
                  ("fate", [("class:" + name, name, k) for name, k in fate]),
                  ("verdict", [("group:" + g, g, k) for g, k in groups.items()])]
        return {"stages": [{"name": name, "boxes": [{"id": i, "label": label, "copies": k} for i, label, k in boxes]}
                           for name, boxes in stages], "links": [x for x in links if x["copies"]] if n else []}

    def timeline(self):
        bins, end = 240, self.seconds * S
        bin_ns = end // bins or 1
        rows = {k: [0] * bins for k in ("offered", "accepted", "refused", "seen")}
        for t, _, k, _ in self.copies:
            i = min(t // bin_ns, bins - 1)
            rows["offered"][i] += 1
            rows["refused" if CLASSES[k][0] == "refused-temporary" else "accepted"][i] += 1
            if CLASSES[k][0] in ("delivered", "duplicated"):
                rows["seen"][min(i + 2, bins - 1)] += 1
        rows["late_p99_us"] = [int(self.rng.expovariate(1 / 400)) for _ in range(bins)]
        plain = [c for c in self.copies if CLASSES[c[2]][2] == "ok"]
        rest = [c for c in self.copies if CLASSES[c[2]][2] != "ok"]
        dots = rest + plain
        if len(dots) > 20000:
            dots = dots[::-(-len(dots) // 20000)]
        queue, depth = [], 0
        for i in range(0, bins, 2):
            depth = max(0, depth + self.rng.randrange(-6, 7))
            queue.append((i * bin_ns, depth))
        phases = [("load", 0), ("drain", end * 17 // 20), ("settle", end * 18 // 20), ("judge", end - 1)]
        return {"start_ns": 0, "end_ns": end, "bin_ns": bin_ns, "bins": rows, "phases": [{"name": n, "t_ns": t} for n, t in phases],
                "moves": self.moves[:400], "moves_left_out": max(0, len(self.moves) - 400), "dots": [list(d) for d in dots],
                "dots_share_ppm": len(dots) * 10**6 // max(1, len(self.copies)),
                "queues": [{"server": self.text("s1"), "t_ns": [q[0] for q in queue], "depth": [q[1] for q in queue]}]}

    def phase(self, window, cache):
        rows, low, high, size = [], -30 * S, 90 * S, 120
        density = {"bin_ns": (high - low) // size, "sends": [0] * size, "bad": [0] * size}
        by_move = {}
        for c in self.copies:
            by_move.setdefault(c[1], []).append(c)
        for m in self.moves[:400]:
            sends, bad = [], []
            for t, _, k, number in by_move.get(m["id"], []):
                ns = t - m["flipped_ns"]
                if not low <= ns < high:
                    continue
                sends.append(ns)
                density["sends"][(ns - low) // density["bin_ns"]] += 1
                if CLASSES[k][2] in ("violation", "invalid"):
                    density["bad"][(ns - low) // density["bin_ns"]] += 1
                    bad.append({"ns": ns, "class": CLASSES[k][0], "number": number, "token": token(number)})
            rows.append({"move": m["id"], "mailbox": m["mailbox"], "sends": sorted(sends)[::-(-len(sends) // 300) or 1], "bad": bad})
        found = window and {"low_ns": int(window[0] * S), "high_ns": int(window[1] * S), "estimate_ns": int((window[1] - window[0]) * S),
                            "ci_low_ns": int((window[1] - window[0]) * .94 * S), "ci_high_ns": int((window[1] - window[0]) * 1.07 * S),
                            "method": "least and greatest loss, corrected for the gaps between sends"}
        return {"mark": "flipped", "from_ns": low, "to_ns": high, "rows": rows, "density": density, "window": found or None,
                "cache_ns": cache}

    def latency(self):
        out, n = [], len(self.copies)
        for name, median in (("accept", 9000), ("deliver", 480000), ("end_to_end", 500000), ("ndr", 30 * 10**6), ("lateness", 60)):
            have = n if name in ("accept", "lateness") else sum(self.counts()[i] for i, c in enumerate(CLASSES) if c[0] == "delivered")
            if name == "ndr":
                have = self.counts()[INDEX["ndr"]]
            if have == 0:
                continue
            at = lambda q, m=median: int(m * math.exp(.55 * (-math.log10(max(1 - q, 1e-6)) * 1.35 - .4)))
            qs = [1 - 10 ** (-x / 10) for x in range(0, min(50, int(10 * math.log10(have + 1))) + 1)]
            out.append({"name": name, "unit": "us", "real": name == "lateness", "count": have, "missing_ppm": (n - have) * 10**6 // n,
                        "p50": at(.5), "p90": at(.9), "p99": at(.99), "p999": at(.999), "max": at(.99999),
                        "curve": [[int(q * 1e6), at(q)] for q in qs], "certified": True})
        return out

    def move_rows(self):
        out = []
        for m in self.moves:
            mix = {}
            for c in (c for c in self.copies if c[1] == m["id"]):
                mix[CLASSES[c[2]][0]] = mix.get(CLASSES[c[2]][0], 0) + 1
            bad = sum(k for name, k in mix.items() if CLASSES[INDEX[name]][2] == "violation")
            out.append({k: m[k] for k in ("id", "mailbox", "from", "to", "asked_ns")} | {
                "took_ns": m["done_ns"] - m["asked_ns"], "result": "verified", "classes": mix,
                "gap_ns": int(self.rng.uniform(1, 70) * S), "bad": bad})
        return out

    def stories(self):
        out = []
        for t, lane, k, number in self.worst()[:200]:
            box = self.moves[lane]["mailbox"] if lane >= 0 else self.text("joe001")
            events = [[t, "sent to s3 (load steady)"], [t + 8 * 10**6, self.text("s3 answered 250 2.0.0 and took it")],
                      [t + 2 * S, "s1 looked for its home: s1, from what it remembered"],
                      [t + 30 * S, self.text("a scan of s2 found nothing of it (scan 9, complete)")]]
            report = "Your message did not reach some or all of the intended recipients.\n\n  The recipient name is not recognized\n"
            near = {"move": lane, "mark": "flipped", "phase_ns": t - self.moves[lane]["flipped_ns"]} if lane >= 0 else {}
            out.append({"number": number, "token": token(number), "mailbox": box, "role": "primary", "class": CLASSES[k][0],
                        "flags": [self.text("delayed-report")] if number % 7 == 0 else [], "at_ns": t, "rule": 16, **near, "why": "Its mailbox existed all along, and its originator was "
                        "told by s1 that it is unknown (5.1.1).", "events": events,
                        "report": self.text(report) if CLASSES[k][0] == "ndr" else None})
        return out

    def aim(self, window):
        """As if one load of it had been aimed at the flip: bins that double away from it."""
        edges, bins, high = [0] + [60 * S >> i for i in range(9, -1, -1)], [], window[1] * S
        for low, top in zip(edges, edges[1:]):
            sends = self.rng.randrange(20, 80)
            bins.append({"from_ns": low, "to_ns": top, "sends": sends, "losses": int(sends * max(0, min(1, (high - low) / (top - low))))})
        sends, losses = sum(b["sends"] for b in bins), sum(b["losses"] for b in bins)
        rate = lambda r: {"rate_ppb": int(r * 1e9), "se_ppb": 10**7, "interval_ppb": [int((r - .02) * 1e9), int((r + .02) * 1e9)]}
        return {self.text("hunt"): {
            "mark": "flipped", "phase_ns": [0, 60 * S], "moves": len(self.moves), "aimed": sends + 3, "sends": sends, "losses": losses,
            "open": 3, "weighted": rate(.4), "stratified": rate(.41), "covered_ppb": 10**9, "bins": bins,
            "window": {"begin_ns": int(window[0] * S), "begin_interval_ns": [None, int(window[0] * S * 1.2)], "end_ns": int(high),
                       "end_interval_ns": [int(high * .95), int(high * 1.02)], "jitter_ns": S // 5, "lost_inside_ppb": 995 * 10**6}}}

    def page(self, verdict, sentence, proven, not_proven, lamps, window=None, cache=None):
        stories, n = self.stories(), len(self.copies)
        gate = lambda name, k: {"name": name, "limit": 0, "count": k, "open": 0, "verdict": "pass" if not k else "undecided" if name == "unknown" else "fail"}
        counts = dict(zip([c[0] for c in CLASSES], self.counts()))
        return {
            "schema": 1, "title": self.text(self.name), "rerun": "postmuster run %s --seed %d" % (self.name, self.seed),
            "summary": {"run": {"id": "%016x" % self.seed, "seed": str(self.seed), "name": self.text(self.name), "variant": "",
                                "target": "lab 5.5-sp3", "time_scale": 60, "wall_start_ns": 1700000000 * S},
                        "flags": {"late": n // 50, "delayed-report": n // 700, "loop": 0},
                        "aim": self.aim(window) if window and cache else {},
                        "gates": [gate(g, counts[g]) for g in ("ndr", "stranded", "silent-loss", "unknown")]},
            "banner": {"verdict": verdict, "sentence": sentence, "proven": proven, "not_proven": not_proven,
                       "lamps": [{"name": a, "state": b, "words": self.text(c)} for a, b, c in lamps]},
            "classes": self.classes(stories),
            "identities": [{"name": "planned = sum of classes", "left": n, "right": n, "residual": 0},
                           {"name": "attempts = sum of endings", "left": n, "right": n, "residual": 0}],
            "flow": self.flow(), "timeline": self.timeline(), "phase": self.phase(window, cache), "latency": self.latency(),
            "moves": self.move_rows(), "stories": stories, "stories_left_out": max(0, len(self.worst()) - 200),
            "method": {"silence": ["All queues were listed twice after the last send, without a change in between.",
                                   "All places were scanned once more after that."],
                       "coverage": [{"place": self.text("s%d joanne%03d" % (i % 3 + 1, i)), "scans": 9, "complete": 9,
                                     "last_ns": self.seconds * S - S, "final": True} for i in range(min(40, len(self.moves) * 2))],
                       "clock": "One machine, one clock: times of sends and sightings need no offset.",
                       "pacing": "99 % of messages left within 0.9 ms of their time.", "content_percent": 100,
                       "sessions": [{"load": "steady", "server": "s3", "connections": 8, "tls": 0, "resumed": 0, "lockstep": 0,
                                     "pipelining": 8, "chunking": 0, "lmtp": 0, "p1": 0}],
                       "caveats": ["Times are the target's, which runs 60 times as fast as the wall clock."]}}


GOOD = [("generator", "ok", "99 % of messages left within 0.9 ms"), ("canaries", "ok", "2 of 2 came back"),
        ("coverage", "ok", "41 of 41 places scanned to the end"), ("queues", "ok", "listed, and empty at the end"),
        ("identities", "ok", "all add up")]


def make_pass():
    return Run("move-clean", 7, 20, 4800, 480, odds={"refused-temporary": .004}).page(
        "PASS", "All 4,800 copies were delivered or are still their sender's, and none of 20 moves lost mail.",
        ["At most 13.91 % of moves lose mail (95 %, 20 moves without loss).", "No queue holds anything any more."],
        ["Rarer faults: 59 moves without loss would show that fewer than 5 % lose mail."], GOOD)


def make_fail():
    r = Run("q172364", 172364, 20, 4800, 480, (.3, 58), {"stranded": .002, "silent-loss": .0006, "refused-temporary": .003})
    bad = len(r.worst())
    return r.page("FAIL", "20 of 20 moves failed mail: %s copies were reported as undeliverable or came to nothing, "
                  "all between the flip + 0.3 s and the flip + 58 s." % format(bad, ","),
                  ["At least 86.09 % of moves fail mail (95 %, 20 of 20).", "The window is 57.7 s long (95 %: 54.2 s to 61.7 s)."],
                  ["That mail outside the window is safe: 1,204 copies say so, of 20 moves."], GOOD, (.3, 58), 60 * S)


def make_inconclusive():
    r = Run("live-site", 99, 6, 900, 300, odds={"unknown": .02})
    return r.page("INCONCLUSIVE", "The silence of some copies is not final: the queue of s2 could not be listed.",
                  ["No copy was lost as far as was seen."], ["Whether %d copies are lost or late." % r.counts()[INDEX["unknown"]]],
                  [("generator", "warn", "1 % of messages left more than 80 ms late"), ("canaries", "ok", "2 of 2 came back"),
                   ("coverage", "warn", "40 of 41 places"), ("queues", "bad", "s2 was never listed"), ("identities", "ok", "all add up")])


def make_empty():
    return Run("nothing", 1, 0, 0, 0).page("INCONCLUSIVE", "The run ended before anything was sent.", [], ["Anything."],
                                           [("generator", "warn", "nothing was sent"), ("identities", "ok", "all add up")])


def make_large():
    r = Run("large", 5, 60, 100000, 1800, (0, 12), {"refused-temporary": .002}, "silent-loss")
    return r.page("FAIL", "60 of 60 moves lost mail in silence: %s copies." % format(len(r.worst()), ","), ["Losses."], [], GOOD, (0, 12))


def make_moves():
    r = Run("many-moves", 6, 400, 30000, 3600, (.2, 31), {}, "left-behind")
    return r.page("FAIL", "Many of 400 moves left mail behind.", ["At least 97 % of moves do."], [], GOOD, (.2, 31), 60 * S)


def make_hostile():
    r = Run("hostile", 8, 12, 2000, 300, (0, 20), {"unknown": .01}, words=lambda plain: plain + " " + HOSTILE)
    page = r.page("FAIL", HOSTILE, [HOSTILE], [HOSTILE], GOOD, (0, 20), 60 * S)
    page["rerun"] = HOSTILE
    page["stories"][0]["report"] = "A" * 10**6 + HOSTILE
    page["stories"][1]["report"] = (HOSTILE + "\n") * 4000
    page["stories"][2]["events"] = [[i * S, "x" * 5000 + HOSTILE] for i in range(60)]
    return page


MAKERS = {"pass": make_pass, "fail": make_fail, "inconclusive": make_inconclusive, "empty": make_empty, "large": make_large,
          "moves": make_moves, "hostile": make_hostile}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        (folder / (name + ".json")).write_text(json.dumps(make()), encoding="utf-8")
