#!/usr/bin/env python3
"""check_compared.py - opens pages of comparisons and matrices in a headless Chromium: check_compared.py POSTMUSTER FOLDER

The pages are of simulated runs: better, not shown, four runs, plans that differ, one move, a killed run, names that are markup, eight
runs; a matrix as expected and one that is not. Wide and narrow, light and dark: nothing complains, nothing is fetched, the policy holds,
links lead somewhere, all is named, and the page says what the terminal says. Exit 0 all well, 1 not, 77 there is no Chromium.
"""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
from check import FETCH, NAMELESS, SCRIPT, Marks, check, failures
from states import HOSTILE

LOAD = ["--set", "load.steady.duration=14m", "--set", "load.steady.rate=3/s", "--set", "settle.deadline=60m", "--set",
        "moves.users.every=40s", "--set", "moves.users.count=20", "--set", "mailboxes.joanne.stock=20s"]
PAGE_OCTETS = 1 << 20
UNNAMED_CELLS = """[...document.querySelectorAll('table')].filter(t => !t.tHead || !t.closest('.scroll') ||
  [...t.tHead.querySelectorAll('th')].some(th => !th.textContent.trim()) ||
  [...t.tBodies[0].rows].some(r => r.cells.length > 1 && r.cells[0].tagName !== 'TH' && r.cells[0].textContent)).map(t => t.outerHTML.slice(0, 90))"""
CLIPPED = """[...document.querySelectorAll('td, th, p, li, h1, h2')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
  .map(e => e.textContent.slice(0, 60))"""
OVERLAPS = """[...document.querySelectorAll('td, th')].filter(e => e.getClientRects().length && e.getBoundingClientRect().height > 420)
  .map(e => e.textContent.slice(0, 60))"""
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
LOST = "%s.filter(h => h.startsWith('#') && !document.getElementById(h.slice(1)))" % LINKS


def said(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    return done.stdout.decode("utf-8", "replace")


def simulate(postmuster, folder, name, *sets):
    more = [word for s in sets for word in ("--set", s)]
    out = said(postmuster, "run", "q248839", "--simulate", "--live", "none", "--variant", "", "--dir", folder / name, *LOAD, *more)
    if not (folder / name / "summary.json").exists():
        raise RuntimeError(name + ": " + out[-600:])
    return folder / name


def copy_run(run, name):
    other = run.parent / name
    shutil.copytree(run, other)
    return other


def make_hostile(run):
    """A folder may come from anywhere: its names are markup, and turn the direction of text."""
    other = copy_run(run, "hostile <b>&amp;")
    path = other / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["run"].update(name=HOSTILE, variant=HOSTILE, target=HOSTILE, id=HOSTILE)
    summary["verdict"] = HOSTILE
    path.write_text(json.dumps(summary), encoding="utf-8")
    return other


def make_killed(run):
    other = copy_run(run, "killed")
    (other / "summary.json").unlink()
    for part in (other / "journal").iterdir():
        with open(part, "r+b") as f:
            f.truncate(part.stat().st_size * 6 // 10)
    return other


def comparisons(postmuster, folder):
    sp = {v: simulate(postmuster, folder, v, "lab.version=5.5-" + v) for v in ("sp1", "sp2", "sp3", "sp4")}
    modern = simulate(postmuster, folder, "modern", "lab.version=modern")
    one = [simulate(postmuster, folder, "one-" + v, "lab.version=5.5-" + v, "moves.users.count=1") for v in ("sp3", "sp4")]
    still = simulate(postmuster, folder, "still", "moves.users=null")
    return {
        "better": ([sp["sp3"], sp["sp4"]], "BETTER", "sp4 is better in silence"),
        "not-shown": ([sp["sp1"], sp["sp2"]], "NOT SHOWN", "a difference was not shown in silence"),
        "worse": ([sp["sp4"], sp["sp3"]], "WORSE", "sp3 is worse in silence"),
        "four": ([sp["sp1"], sp["sp3"], sp["sp4"], modern], "NOT SHOWN", "a difference was not shown in silence"),
        "eight": ([sp["sp1"], sp["sp2"], sp["sp3"], sp["sp4"], modern, copy_run(modern, "m2"), copy_run(modern, "m3"), copy_run(modern, "m4")],
                  "NOT SHOWN", "a difference was not shown in silence"),
        "no-harm": ([modern, folder / "m2"], "NO HARM", "no harm in either in silence"),
        "one-move": (one, "NOT SHOWN", "a difference was not shown in silence"),
        "plans-differ": ([sp["sp3"], still], "PLANS DIFFER", "(counted by copy)"),
        "killed": ([sp["sp3"], make_killed(sp["sp3"])], "NOT SHOWN", "a difference was not shown in silence"),
        "hostile": ([sp["sp3"], make_hostile(sp["sp4"])], "BETTER", "is better in silence"),
    }


def check_text(name, text):
    marks = Marks()
    marks.TAGS = Marks.TAGS | {"rect", "q"}
    check(len(text) <= PAGE_OCTETS, name + ": at most 1 MB", len(text))
    marks.feed(text.decode("utf-8"))
    check(not marks.strange, name + ": no markup but ours", marks.strange[:3])
    check(marks.scripts == 0, name + ": no script", marks.scripts)
    check(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text), name + ": no control characters")
    check("\u202e" not in text.decode("utf-8"), name + ": nothing turns the direction of text")


def check_page(b, name, path):
    check_text(name, path.read_bytes())
    for width in (1280, 390):
        for dark in (False, True):
            b.view(width, dark=dark)
            b.open(path)
            where = "%s at %d, %s" % (name, width, "dark" if dark else "light")
            check(b.complaints() == [], where + ": nothing complains", b.complaints()[:3])
            check(b.requests() == ["file://" + str(path)], where + ": nothing is fetched", b.requests())
            check(b.ask("document.documentElement.scrollWidth") <= width, where + ": no wider than the window")
            for question, words in ((NAMELESS, "whatever is not text has a name"), (UNNAMED_CELLS, "tables have heads and can be scrolled"),
                                    (CLIPPED, "nothing is clipped"), (OVERLAPS, "no cell is a tower"), (LOST, "each link leads somewhere")):
                check(b.ask(question) == [], "%s: %s" % (where, words), b.ask(question)[:3])
    title, styled = b.ask(SCRIPT)
    check(title != "owned" and not styled, name + ": the policy keeps foreign script and style out", title, styled)
    check(b.ask(FETCH) == "TypeError", name + ": the policy keeps the page from fetching")


def check_comparisons(b, postmuster, folder):
    for name, (runs, word, words) in comparisons(postmuster, folder).items():
        page, again = folder / (name + ".html"), folder / "again.html"
        force = ["--force"] if name == "plans-differ" else []
        for target in (page, again):
            said(postmuster, "compare", *runs, *force, "-f", "html", "-o", target)
        check(page.read_bytes() == again.read_bytes(), name + ": the same runs make the same page")
        check_page(b, name, page)
        check(b.ask("document.querySelector('.word').textContent") == word, name + ": its word", b.ask("document.querySelector('.word').textContent"))
        check(words in b.ask("document.querySelector('.why').textContent"), name + ": its sentence", words)
        text = said(postmuster, "compare", *runs, *force)
        check(words in text and "\x1b" not in text, name + ": the terminal says the same", text[:400])
        for line in b.ask("[...document.querySelectorAll('.conclusion .why')].map(e => e.textContent)"):
            check(line in text, name + ": each conclusion is the terminal's too", line)
        check(b.ask("document.querySelectorAll('#tests table').length") == len(runs) - 1, name + ": a table for each two neighbours")
        print("%s: %d octets" % (name, page.stat().st_size), flush=True)


def check_matrix(b, postmuster, folder, name, profile, cells, word):
    runs = folder / name
    out = said(postmuster, "run", profile, "--simulate", "--live", "none", "--variant", ",".join(cells), "--runs", runs)
    page = runs / "matrix.html"
    if not page.exists():
        check(False, name + ": there is a page", out[-400:])
        return
    check_page(b, name, page)
    check(b.ask("document.querySelector('.word').textContent") == word, name + ": its word")
    check(b.ask("document.querySelectorAll('.brief a').length") == len(cells), name + ": a cell for each run")
    leads = [h for h in b.ask(LINKS) if not h.startswith("#")]
    check(len(leads) == len(cells) and all((runs / h).exists() for h in leads), name + ": cells lead to their pages", leads[:3])
    b.ask("document.querySelector('.brief a').click()")
    b.settle()
    check(b.ask("(e => e && e.getBoundingClientRect().top < innerHeight)(document.querySelector('td:target'))"), name + ": a cell leads to its numbers")
    print("%s: %d octets" % (name, page.stat().st_size), flush=True)


def check_matrices(b, postmuster, folder):
    cells = ["A/5.5-sp3", "A/modern", "C/5.5-sp3", "C/5.5-sp4", "G/5.5-sp3", "H/5.5-sp3", "I/5.5-sp3"]
    check_matrix(b, postmuster, folder, "matrix", "service-packs", cells, "AS EXPECTED")
    wrong = folder / "wrong.yaml"
    shipped = Path(__file__).resolve().parents[2] / "profiles" / "service-packs.yaml"
    text = shipped.read_text(encoding="utf-8").replace("modern: delivered late}", "modern: stranded}")
    wrong.write_text(text.replace("plain move", "plain <b>move</b> &amp;"), encoding="utf-8")
    check_matrix(b, postmuster, folder, "matrix-wrong", wrong, ["A/5.5-sp3", "A/modern"], "NOT AS EXPECTED")
    check(b.ask("document.querySelector('td.odd .grade').textContent"), "matrix-wrong: a cell is marked")
    words = b.ask("[...document.querySelectorAll('.matrix .odd .grade')].map(e => e.textContent).join()")
    check(words == "unexpected: delivered", "matrix-wrong: it says what was not expected", words)


def main():
    if not browser.find():
        print("there is no Chromium here: ./dev deps installs it")
        return 77
    postmuster, folder = sys.argv[1], Path(sys.argv[2]).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with browser.Browser() as b:
        check_comparisons(b, postmuster, folder)
        check_matrices(b, postmuster, folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
