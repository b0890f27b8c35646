#!/usr/bin/env python3
"""pictures.py - the pictures of docs/reading-a-report.md, from a real run on simulated time: pictures.py POSTMUSTER docs/pictures

The same program makes the same run, so that a picture changes only when the page does. pngquant makes them small if it is there. 77: there is no Chromium.
"""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import browser

RUN = ["q172364", "--simulate", "--set", "moves.users.count=12", "--set", "moves.users.every=100s", "--set",
       "load.steady.duration=22m", "--set", "load.steady.rate=4/s"]
AIMED = """schema: 1
run: {name: aimed, seed: 7}
lab: {version: 5.5-sp3, servers: [s1, s2, s3], time_scale: 60}
mailboxes:
  box: {count: 30, home: s1, stock: 10s}
  joe: {count: 5, home: s3}
load:
  hunt: {via: s3, from: joe, to: box, arrivals: aimed, aim: adaptive, mark: flipped, phase: 0s..60s, per_move: 20}
  warm: {via: s3, from: joe, to: box, arrivals: poisson, rate: 2/s, duration: 40m}
moves:
  users: {mailboxes: box, from: s1, to: s2, mover: lab, every: 60s, count: 30}
probes:
  stores: {type: imap, places: [home, old, alternate, originator]}
  queues: {type: http}
settle: {silence: double-collect, retry: 600s, deadline: 40m}
gates: {silent-loss: 0, stranded: 0, ndr: 0, unknown: 0, identities: 0}
"""
WIDTH, NARROW = 1040, 390
PARTS = {"verdict": "#verdict", "account": "#account .scroll", "flow": "#flow", "timeline": "#timeline-pictures", "phase": "#phase",
         "latency": "#latency-pictures", "moves": "#moves"}


def page_of_run(postmuster, folder, name, run):
    subprocess.run([postmuster, "run", *run, "--runs", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
                   check=False)
    runs = sorted(p for p in Path(folder).glob("*-%s-*" % name) if "-sp4-" not in p.name and "-modern-" not in p.name)
    return runs[-1] / "report.html"


def shrink(picture):
    """A page has few colours: a palette of 64 says the same in a third of the octets."""
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--strip", "--speed", "1", "--nofs", "--output", str(picture), "64", str(picture)], check=True,
                       timeout=60)


def around(b, first, last):
    """A box over what stands between two elements, as an element of its own that can be photographed."""
    b.ask("""(() => { const a = document.querySelector('%s').getBoundingClientRect(), z = document.querySelector('%s').getBoundingClientRect();
      const d = document.createElement('div'); d.id = 'around'; d.attributeStyleMap.set('position', 'absolute');
      for (const [k, v] of [['left', a.left + scrollX], ['top', a.top + scrollY], ['width', Math.max(a.width, z.width)],
        ['height', z.bottom - a.top]]) d.attributeStyleMap.set(k, CSS.px(v));
      document.body.append(d); })()""" % (first, last))
    return "#around"


def main():
    if not browser.find():
        print("there is no Chromium here: ./dev deps installs it")
        return 77
    postmuster, into = sys.argv[1], Path(sys.argv[2])
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, browser.Browser() as b:
        page = page_of_run(postmuster, folder, "q172364", RUN)
        b.view(WIDTH)
        b.open(page)
        for name, part in PARTS.items():
            b.picture(into / (name + ".png"), part, 10)
        b.ask("location.hash = 'story-0'")
        b.settle()
        b.picture(into / "story.png", "#story-0", 10)
        b.view(NARROW, 1200, dark=True)
        b.open(page)
        b.picture(into / "phase-narrow-dark.png", "#phase", 10)
        profile = Path(folder) / "aimed.yaml"
        profile.write_text(AIMED, encoding="utf-8")
        b.view(WIDTH)
        b.open(page_of_run(postmuster, folder, "aimed", [str(profile), "--simulate"]))
        b.picture(into / "aim.png", around(b, "#aim", ".facts"), 10)
    for name in sorted([*PARTS, "story", "phase-narrow-dark", "aim"]):
        shrink(into / (name + ".png"))
        print(name, (into / (name + ".png")).stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
