#!/usr/bin/env python3
"""pictures.py - the pictures of docs/reading-a-report.md, from a real run on simulated time: pictures.py POSTMUSTER docs/pictures

The same program makes the same run, so that a picture changes only when the page does. 77: there is no Chromium.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import browser

RUN = ["q172364", "--simulate", "--set", "moves.users.count=12", "--set", "moves.users.every=100s", "--set",
       "load.steady.duration=22m", "--set", "load.steady.rate=4/s"]
WIDTH, NARROW = 900, 390
PARTS = {"verdict": "#verdict", "account": "#account .scroll", "flow": "#flow", "timeline": "#timeline-pictures", "phase": "#phase",
         "latency": "#latency-pictures", "moves": "#moves"}


def page_of_run(postmuster, folder):
    subprocess.run([postmuster, "run", *RUN, "--runs", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
                   check=False)
    runs = sorted(p for p in Path(folder).glob("*-q172364-*") if "-sp4-" not in p.name and "-modern-" not in p.name)
    return runs[-1] / "report.html"


def main():
    if not browser.find():
        print("there is no Chromium here: ./dev deps installs it")
        return 77
    postmuster, into = sys.argv[1], Path(sys.argv[2])
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, browser.Browser() as b:
        page = page_of_run(postmuster, folder)
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
    for picture in sorted(into.glob("*.png")):
        print(picture.name, picture.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
