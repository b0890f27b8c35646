#!/usr/bin/env python3
"""check.py - opens report pages in a headless Chromium and looks whether they keep their promises: check.py RENDER POSTMUSTER FOLDER

RENDER (tests/page/render.c) makes pages of the states in states.py; POSTMUSTER makes one of a simulated run. Over each page, wide
and narrow, light and dark: nothing complains, nothing is fetched, the policy holds, pictures are drawn, links lead somewhere, tables
sort, nothing of what others said became markup, paper has room for it. Then faults are planted in a good page, and each must be
noticed. Exit 0 all well, 1 not, 77 there is no Chromium.
"""
import base64
import contextlib
import hashlib
import html.parser
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import browser
import states

PAGE_OCTETS = 6 << 20
READY_MS = 3000
STATES = {"pass", "fail", "inconclusive", "empty", "large", "moves", "hostile"}
failures = []


def check(ok, words, *more):
    if not ok:
        failures.append(words)
        print("FAILED:", words, *more, flush=True)


class Marks(html.parser.HTMLParser):
    """Tags and attributes of a page: only those that we write may be there."""
    TAGS = set("""html head meta title link style body a header nav button main section p b span svg path circle h1 h2 h3 h4 div ul li code
        table thead tbody tfoot tr th td small figure canvas details summary ol time pre dl dt dd footer script""".split())

    def __init__(self):
        super().__init__()
        self.strange, self.scripts = [], 0

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        names = [a for a, _ in attributes]
        if tag not in self.TAGS or any(a.startswith("on") or a in ("style", "src") for a in names):
            self.strange.append((tag, attributes))


def check_text(name, path):
    text, marks = path.read_bytes(), Marks()
    check(len(text) <= PAGE_OCTETS, "%s: at most 6 MB" % name, len(text))
    marks.feed(text.decode("utf-8"))
    check(not marks.strange, "%s: no markup but ours" % name, marks.strange[:3])
    check(marks.scripts == 3, "%s: the data and two scripts" % name, marks.scripts)
    check(b"\xe2\x80\xa8" not in text.split(b'id="data">')[1].split(b"</script>")[0], "%s: no line end of scripts in the data" % name)
    check(not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text), "%s: no control characters" % name)


DRAWN = """[...document.querySelectorAll('canvas')].filter(c => c.offsetParent).map(c => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();
  for (let i = 0; i < d.length; i += 64) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
  return [c.id, c.width > 0 && seen.size > 2, c.offsetWidth <= document.documentElement.clientWidth]; })"""
DANGLING = """[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))
  .filter(h => !h.startsWith('#') || !document.getElementById(h.slice(1)))"""
NAMELESS = """[...document.querySelectorAll('canvas, svg[role=img], [tabindex], nav, section, .scroll')]
  .filter(e => !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')).map(e => e.outerHTML.slice(0, 80))"""
SCRIPT = """(() => { const s = document.createElement('script'); s.textContent = 'document.title = "owned"'; document.body.append(s);
  const d = document.createElement('p'); d.setAttribute('style', 'color: rgb(1, 2, 3)'); document.body.append(d);
  const styled = getComputedStyle(d).color === 'rgb(1, 2, 3)'; s.remove(); d.remove(); return [document.title, styled]; })()"""
FETCH = "fetch('http://127.0.0.1:9/').then(() => 'fetched', e => e.constructor.name)"
SORT = """(column => { const t = document.getElementById('moves-table'), th = t.tHead.rows[0].cells[column];
  th.querySelector('button').click();
  return [th.getAttribute('aria-sort'), [...t.tBodies[0].rows].map(r => r.cells[column].dataset.v ?? r.cells[column].textContent)]; })"""


def check_policy(b, name):
    title, styled = b.ask(SCRIPT)
    check(title != "owned" and not styled, "%s: the policy keeps foreign script and style out" % name, title, styled)
    check(b.ask(FETCH) == "TypeError", "%s: the policy keeps the page from fetching" % name)


def check_sorting(b, name):
    for column, key in ((0, float), (5, str), (6, float)):
        for want, backwards in (("ascending", False), ("descending", True)):
            said, got = b.ask(SORT + "(%d)" % column)
            check(said == want and got == sorted(got, key=key, reverse=backwards), "%s: column %d sorts %s" % (name, column, want), got[:9])


def check_links(b, name):
    check(b.ask(DANGLING) == [], "%s: each link leads somewhere" % name, b.ask(DANGLING)[:3])
    story = b.ask("(document.querySelector('.first a') || {getAttribute: () => ''}).getAttribute('href')")
    if not story:
        return
    b.ask("document.querySelector('.first a').click()")
    b.settle()
    seen = "(e => e.open && Math.abs(e.getBoundingClientRect().top) < innerHeight)(document.querySelector('%s'))" % story
    check(b.ask(seen), "%s: a token leads to its story, opened" % name)


def check_view(b, name, path, width, dark):
    b.view(width, dark=dark)
    before = b.cpu_ms()
    b.open(path)
    after = b.cpu_ms()
    spent = after - before if after >= before else after  # the browser may have taken a new process for the page
    where = "%s at %d, %s" % (name, width, "dark" if dark else "light")
    check(b.complaints() == [], where + ": nothing complains", b.complaints()[:3])
    check(b.requests() == ["file://" + str(path)], where + ": nothing is fetched", b.requests())
    check(b.ask("document.documentElement.scrollWidth") <= width, where + ": no wider than the window")
    drawn = b.ask(DRAWN)
    check(all(ok and fits for _, ok, fits in drawn), where + ": each picture is drawn", drawn)
    check(b.ask(NAMELESS) == [], where + ": whatever is not text has a name", b.ask(NAMELESS))
    check(spent < READY_MS, where + ": ready after less than 3 s of computing", spent)
    return spent


PAPER = """[...document.querySelectorAll('main *')].filter(e => e.getClientRects().length && !e.closest('svg, .sr'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
HEADINGS = """[...document.querySelectorAll('#moves-table thead th')].filter(h => !h.textContent.trim() ||
  !h.firstChild.getClientRects().length).length"""


def check_paper(b, name):
    """A4 with margins is 720 px wide: nothing runs over it, tables keep their headings."""
    b.view(720)
    b.paper(True)
    b.settle()
    check(b.ask(HEADINGS) == 0, name + " on paper: the moves have their headings")
    over = b.ask(PAPER)
    check(name == "hostile" or over == [], name + " on paper: nothing runs over the edge", over[:3])
    check(b.ask("getComputedStyle(document.querySelector('.top')).display") == "none", name + " on paper: nothing to click")
    b.paper(False)
    b.view(1280)


def check_page(b, name, path, views=((1280, False), (1280, True), (390, False), (390, True))):
    check_text(name, path)
    spent = [check_view(b, name, path, width, dark) for width, dark in views]
    before = b.ask("getComputedStyle(document.body).backgroundColor")
    b.ask("document.getElementById('theme').click()")
    check(b.ask("getComputedStyle(document.body).backgroundColor") != before, name + ": the switch changes light and dark")
    check_links(b, name)
    if b.ask("!!document.getElementById('moves-table')"):
        check_sorting(b, name)
    check_paper(b, name)
    check(b.complaints() == [], name + ": nothing complained afterwards", b.complaints()[:3])
    check_policy(b, name)
    return max(spent)


PLANTED = {  # what is wrong, where it goes, in whose stead
    "a picture from elsewhere": (b"</main>", b"<img src=http://127.0.0.1:9/x.png></main>"),
    "a script of another": (b"</main>", b"<script>document.title = 1</script></main>"),
    "an error of the script": (b"function drawFlow() {", b"function drawFlow() { throw new Error('planted');"),
    "a handler in a tag": (b"<main>", b"<main onclick=x()>"),
    "a link that leads nowhere": (b'href="#account"', b'href="#nowhere"'),
    "no policy": (b"Content-Security-Policy", b"Content-Nothing"),
    "a word that is too wide": (b"</main>", b"<p>" + b"x" * 900 + b"</p></main>"),
    "an empty picture": (b"function drawLanes(t) {", b"function drawLanes(t) { return;"),
    "headings that do not print": (b"<th scope=\"col\" class=\"n\">Move</th>", b"<th scope=\"col\"></th>"),
}


def check_planted(b, path, folder):
    """The checks themselves: each fault that is planted in a good page is found."""
    found, b.wait_s = list(failures), 10  # some of these pages never say that they are ready
    for what, (old, new) in PLANTED.items():
        text, planted = path.read_bytes(), folder / "planted.html"
        check(old in text, "there is room to plant " + what)
        planted.write_bytes(again_allowed(text, text.replace(old, new, 1)))
        failures.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                check_page(b, "planted", planted, ((390, False),))
            except (RuntimeError, TimeoutError) as why:
                failures.append(str(why))
        found += [] if failures else ["nobody noticed " + what]
        print("%s: %s" % (what, failures[0] if failures else "NOT NOTICED"), flush=True)
    failures[:], b.wait_s = found, 60


def again_allowed(old, new):
    """The policy names scripts by their digest: a script that was changed gets its own, so that it runs and fails by itself."""
    digest = lambda text: base64.b64encode(hashlib.sha256(re.findall(rb"<script>(.*?)</script>", text, re.S)[1]).digest())
    return new.replace(digest(old), digest(new))


# What turns the direction of text, or is seen by nobody, is shown as being there.
UNSEEN = "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"


def check_content(b, name, path, data):
    b.view(1280)
    b.open(path)
    check(b.ask("document.querySelector('#h-verdict .word').textContent") == data["banner"]["verdict"], name + ": the verdict")
    words = lambda s: " ".join(re.sub(r"[\x00-\x20\x7f\u00a0]+", " ", s).split())
    given = re.sub("[" + UNSEEN + "]", "\ufffd", data["banner"]["sentence"])
    check(words(b.ask("document.querySelector('#h-verdict .why').textContent")) == words(given),
          name + ": the sentence as it was given")
    copies = sum(c["copies"] for c in data["classes"])
    check(b.ask("document.querySelector('.account tfoot td').textContent") == format(copies, ","), name + ": classes add up")
    drawn = {"timeline": copies > 0, "phase": bool(data["phase"]["rows"]), "latency": bool(data["latency"])}
    for part, want in drawn.items():
        check(b.ask("!document.getElementById('%s-pictures').hidden" % part) == want, "%s: %s is drawn if there is any" % (name, part))
    check(b.ask("document.querySelectorAll('.story').length") == len(data["stories"]), name + ": its stories")


def pages_of_states(render, folder):
    for name, make in states.MAKERS.items():
        data, source, path = make(), folder / (name + ".json"), folder / (name + ".html")
        source.write_text(json.dumps(data), encoding="utf-8")
        for target in (path, folder / "again.html"):
            with open(target, "wb") as f:
                subprocess.run([render, str(source)], stdout=f, check=True, timeout=60)
        check(path.read_bytes() == (folder / "again.html").read_bytes(), name + ": the same data make the same page")
        yield name, path, data


def page_of_run(postmuster, folder):
    """A simulated run leaves its page, and `report` makes the same octets of it again."""
    runs = folder / "runs"
    subprocess.run([postmuster, "run", "q172364", "--simulate", "--runs", str(runs)], timeout=300, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    run = sorted(p for p in runs.iterdir() if p.name != "latest" and "-sp4-" not in p.name and "-modern-" not in p.name)[-1]
    again = subprocess.run([postmuster, "report", str(run), "-f", "html"], timeout=60, stdout=subprocess.PIPE, check=True).stdout
    check((run / "report.html").read_bytes() == again, "run: report makes the page again, octet for octet")
    return run / "report.html"


def main():
    if not browser.find():
        print("there is no Chromium here: ./dev deps installs it")
        return 77
    render, postmuster, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with browser.Browser() as b:
        for name, path, data in pages_of_states(render, folder):
            spent = check_page(b, name, path)
            check_content(b, name, path, data)
            print("%s: %d octets, %d ms of computing until ready" % (name, path.stat().st_size, spent), flush=True)
        check(set(states.MAKERS) == STATES, "every state has its page")
        check_page(b, "run", page_of_run(postmuster, folder))
        check_planted(b, folder / "pass.html", folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
