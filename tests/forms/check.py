#!/usr/bin/env python3
"""check.py - a run's forms for machines, read by readers that are not ours: check.py POSTMUSTER FOLDER

Runs a FAIL, a PASS, an INCONCLUSIVE and an empty run on simulated time below FOLDER, the first as GitHub's runner would, and again
with hostile names in its manifest, then asks for every form of each. JUnit is held to junit.xsd by xmllint, SARIF to sarif.json by
jsonschema (and to the schema in the file that PM_SARIF_SCHEMA names), CSV, SQLite and the percentile text to Python's readers. All
numbers must agree with summary.json. Every form is made twice, and again where the run's folder was moved to, in another time zone
and language: the same bytes. Wrong ones are planted, and each check must refuse them.
Exit status 0: all of it. 1: not. 77: skipped, for xmllint or python3-jsonschema is not installed.
"""
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET

HOSTILE = "=1+1\"><svg onload=alert(1)>\"';|`<b>&]]>\n\x01\x1b[2J\u202e\ufffe\\"

UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")

HERE = os.path.dirname(os.path.abspath(__file__))
checks = 0


class Wrong(Exception):
    pass


def check(ok, *what):
    global checks
    checks += 1
    if not ok:
        raise Wrong(" ".join(str(w) for w in what)[:2000])


def call(program, *args, env=None, codes=(0,), cwd=None):
    done = subprocess.run([program, *args], capture_output=True, timeout=120, env=env, cwd=cwd)
    check(done.returncode in codes, args, "ended with", done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def report(program, run, form):
    return call(program, "report", run, "-f", form)


def check_junit(text, summary):
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", os.path.join(HERE, "junit.xsd"), "-"], input=text,
                          capture_output=True, timeout=60)
    check(done.returncode == 0, "xmllint:", done.stderr.decode(errors="replace"))
    root = ET.fromstring(text)
    for suite in root:
        cases = suite.findall("testcase")
        check(int(suite.get("tests")) == len(cases), suite.get("name"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            found = sum(c.find(tag) is not None for c in cases)
            check(int(suite.get(attribute)) == found, suite.get("name"), attribute, found)
    names = {s.get("name"): s for s in root}
    gates = {c.get("name"): c for c in names["gates"].findall("testcase")}
    for g in summary["gates"]:
        tag = {"pass": None, "fail": "failure", "undecided": "error"}[g["verdict"]]
        got = [e.tag for e in gates[g["name"]]]
        check(got == ([tag] if tag else []), g["name"], got)
    check(len(names["moves"].findall("testcase")) == min(1000, len(summary["moves"])), "moves")
    check((root.find(".//failure") is not None) == (summary["verdict"] == "FAIL"), "failures and verdict")


def sarif_schemas():
    for path in filter(None, (os.path.join(HERE, "sarif.json"), os.environ.get("PM_SARIF_SCHEMA"))):
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        reader = jsonschema.validators.validator_for(schema)
        yield reader(schema, format_checker=jsonschema.FormatChecker())


def check_sarif(text, summary):
    log = json.loads(text)
    for schema in SARIF:
        errors = [f"{list(e.absolute_path)}: {e.message}" for e in schema.iter_errors(log)]
        check(not errors, "SARIF:", *errors[:5])
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    check(len({r["id"] for r in rules}) == len(rules), "rules are unique")
    check(all(r["name"].lower() != r["id"] for r in rules), "names of rules say more than their ids")
    check(run["invocations"][0]["executionSuccessful"] == (summary["verdict"] != "INCONCLUSIVE"), "successful")
    check(run["invocations"][0]["properties"]["verdict"] == summary["verdict"], "verdict")
    for r in run["results"]:
        check(r["ruleIndex"] < len(rules) and rules[r["ruleIndex"]]["id"] == r["ruleId"], "rule", r)
        check(rules[r["ruleIndex"]]["defaultConfiguration"]["level"] == r["level"], "level", r)
    check(len({r["partialFingerprints"]["copy/v1"] for r in run["results"]}) == len(run["results"]), "fingerprints are unique")
    bad = sum(n for c, n in summary["classes"].items() if c in {r["id"] for r in rules})
    check(len(run["results"]) == min(bad, 5000), "results", len(run["results"]), bad)


def check_csv(text, summary):
    check(text.count(b"\r\n") == text.count(b"\n") or HOSTILE.encode()[:4] in text, "line ends")
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    classes = {}
    for r in rows:
        classes[r["class"]] = classes.get(r["class"], 0) + 1
        check(None not in r and None not in r.values(), r)
        check(not any(v[:1] in ("=", "+", "@") for v in r.values()), r)
        check(r["phase_ns"] == "" or int(r["phase_ns"]) is not None, r)
    check(classes == {c: n for c, n in summary["classes"].items() if n}, classes)
    check(sum(classes.values()) == summary["planned"], "planned")


def check_hdr(text, summary, name):
    rows = [line.split() for line in text.decode().splitlines() if line and not line.startswith("#")][1:]
    shares = [float(r[1]) for r in rows]
    values = [float(r[0]) for r in rows]
    check(shares == sorted(shares) and values == sorted(values), "ascending")
    if not summary["latency"][name]["count"]:
        check(all(v == 0 for v in values), name, values)
        return
    check(shares[-1] == 1 and int(rows[-1][2]) == summary["latency"][name]["count"], "count")
    check(abs(values[-1] - summary["latency"][name]["max_us"] / 1000) < 0.001, "max")
    half = next(v for v, s in zip(values, shares) if s >= 0.5)
    check(abs(half - summary["latency"][name]["p50_us"] / 1000) < 0.002, "median", half)


def check_markdown(text, summary):
    page = text.decode()
    check(page.splitlines()[0].startswith("## ") and summary["verdict"] in page.splitlines()[0], "verdict first")
    check(len(text) < 1 << 20, "size")
    check(not re.search(r"(?<!\\)<", page) and "\x1b" not in page and "\u202e" not in page, "markup")
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        columns = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}
        check(len(columns) == 1, "columns", columns, table)


def check_html(text):
    page = text.decode()
    check("<svg onload" not in page and "<b>&]]>" not in page, "markup")
    check(not UNSEEN.search(page), "control and direction", UNSEEN.search(page))


def check_shown(program, run, twin):
    """What a terminal gets: nothing that drives it, or turns its text."""
    for words in (("list", run), ("window", run), ("trace", run, "0"), ("trace", run, "move:0"), ("report", run, "-f", "text"),
                  ("compare", run, twin), ("compare", run, twin, "-f", "md"), ("judge", run)):
        done = subprocess.run([program, *words], capture_output=True, timeout=120)
        said = (done.stdout + done.stderr).decode()
        check(said and not UNSEEN.search(said), words, UNSEEN.search(said), said[:200])


def check_sqlite(program, run, folder, summary):
    path = os.path.join(folder, "run.db")
    call(program, "export", run, "--sqlite", path, "--events")
    db = sqlite3.connect(path)
    check(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity")
    check(db.execute("PRAGMA foreign_key_check").fetchall() == [], "foreign keys")
    classes = dict(db.execute("SELECT class, COUNT(*) FROM copies GROUP BY class"))
    check(classes == {c: n for c, n in summary["classes"].items() if n}, classes)
    for (view,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        check(db.execute("SELECT COUNT(*) FROM " + view).fetchone()[0] > 0 or view.startswith("bad") or not summary["planned"], view)
    db.close()


def check_run(program, run, folder):
    summary = json.loads(report(program, run, "json"))
    check_junit(report(program, run, "junit"), summary)
    check_sarif(report(program, run, "sarif"), summary)
    check_csv(report(program, run, "csv"), summary)
    check_hdr(report(program, run, "hdr-accept"), summary, "accept")
    check_hdr(report(program, run, "hdr-end-to-end"), summary, "end_to_end")
    check_markdown(report(program, run, "markdown"), summary)
    check_html(report(program, run, "html"))
    check_sqlite(program, run, folder, summary)
    return summary


def forms(program, run, twin):
    """Every form there is, and what is said of a run besides, as bytes; twin: a copy of it, to compare with."""
    said = {form: report(program, run, form) for form in FORMS}
    said["list"] = call(program, "list", run, "--json")
    said["window"] = call(program, "window", run, "--json")
    said["trace"] = call(program, "trace", run, "0") if b'"number"' in said["list"] else b""
    said["compare"] = call(program, "compare", run, twin, "-f", "json")
    database = os.path.join(os.path.abspath(sys.argv[2]), "forms.db")
    call(program, "export", run, "--sqlite", database, "--events")
    with open(database, "rb") as f:
        said["sqlite"] = f.read()
    os.unlink(database)
    said["judge"] = call(program, "judge", run, codes=(0, 1, 2))
    return said


def check_reproducible(program, run, folder):
    """Twice, then from a copy under another name, with another time zone, language and folder to stand in."""
    twin = os.path.join(folder, "twin")
    shutil.copytree(run, twin)
    first, again = forms(program, run, twin), forms(program, run, twin)
    check(first == again, "made again:", [f for f in first if first[f] != again[f]])
    away = os.path.join(folder, "moved away", "under another name")
    os.makedirs(os.path.dirname(away))
    shutil.move(run, away)
    here, kept = os.getcwd(), dict(os.environ)
    try:
        os.chdir(os.path.dirname(away))
        os.environ.update(TZ="Pacific/Chatham", LANG="tr_TR.UTF-8", LC_ALL="C")
        moved = forms(program, os.path.basename(away), twin)
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(kept)
        shutil.move(away, run)
        os.rmdir(os.path.dirname(away))
        shutil.rmtree(twin)
    check(first == moved, "made where it was moved to:", [f for f in first if first[f] != moved[f]])


def refused(what, reader, wrong, *args):
    try:
        reader(wrong, *args)
    except (Wrong, ET.ParseError, ValueError, KeyError):
        return
    raise Wrong("planted, and not refused: " + what)


def edited(text, path, value):
    """SARIF with the value at a path of keys replaced (... takes it away)."""
    log = json.loads(text)
    *way, last = path
    at = log
    for key in way:
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return json.dumps(log).encode()


def check_plants(program, run, summary):
    """A check that takes everything proves nothing."""
    junit, sarif = report(program, run, "junit"), report(program, run, "sarif")
    for what, old, new in (
            ("no name", b'<testsuite name="gates" ', b"<testsuite "), ("an unknown element", b"failure", b"fault"),
            ("an unknown attribute", b"<testcase ", b'<testcase colour="red" '), ("a wrong time", b' time="0.000000"', b' time="0,0"'),
            ("a wrong count", b'<testsuite name="gates" tests="5"', b'<testsuite name="gates" tests="6"'),
            ("no type", b'<failure type="fail" ', b"<failure "), ("a raw ampersand", b" lost in silence", b" & lost in silence"),
            ("a control character", b" lost in silence", b" \x01 lost in silence"),
            ("suites within a case", b"<failure ", b'<testsuite name="x"/><failure '),
            ("a gate that passes", b'<failure type="fail" message="silent-loss', b'<error type="fail" message="silent-loss')):
        wrong = junit.replace(old, new)
        check(wrong != junit, "nothing to plant:", what)
        refused("JUnit, " + what, check_junit, wrong, summary)
    run_of, result = ("runs", 0), ("runs", 0, "results", 0)
    for path, value in (
            (("version",), "2.0.0"), (("runs",), {}), (run_of + ("tool",), ...), (run_of + ("tool", "driver", "name"), ...),
            (run_of + ("colour",), "red"), (run_of + ("invocations", 0, "executionSuccessful"), "yes"),
            (run_of + ("invocations", 0, "startTimeUtc"), "yesterday"), (run_of + ("automationDetails", "id"), 7),
            (result + ("message",), {}), (result + ("level",), "fatal"), (result + ("kind",), "broken"), (result + ("ruleIndex",), 1),
            (result + ("ruleId",), "nothing"), (result + ("locations", 0, "physicalLocation", "region", "startLine"), 0),
            (result + ("locations", 0, "logicalLocations"), "joanne"), (result + ("partialFingerprints", "token/v1"), 5),
            (result, ...), (run_of + ("results", 1), json.loads(sarif)["runs"][0]["results"][0])):
        refused(f"SARIF, {path} = {value!r}"[:200], check_sarif, edited(sarif, path, value), summary)
    table = report(program, run, "csv")
    refused("CSV, a row less", check_csv, table[:table.rindex(b"\r\n", 0, -2) + 2], summary)
    refused("CSV, a formula", check_csv, table.replace(b"joanne-1", b"=joanne-1"), summary)
    refused("CSV, a field less", check_csv, table.replace(b",joanne-1,", b","), summary)
    page = report(program, run, "markdown")
    refused("Markdown, markup", check_markdown, page + b"<b>\n", summary)
    refused("Markdown, a column more", check_markdown, page.replace(b"\n| delivered", b"\n| | delivered"), summary)
    text = report(program, run, "hdr-accept")
    refused("HDR, out of order", check_hdr, b"\n".join(text.splitlines()[:2] + text.splitlines()[2:][::-1]), summary, "accept")


def plant_hostile_names(program, run):
    path = os.path.join(run, "manifest.json")
    with open(path, encoding="utf-8") as f:
        manifest = json.load(f)
    manifest["name"] = manifest["target"] = HOSTILE
    manifest["servers"] = [HOSTILE + s for s in manifest["servers"]]
    for m in manifest["mailboxes"]:
        m["name"] = HOSTILE + m["name"]
    for load in manifest["loads"]:
        load["name"] = HOSTILE + load["name"]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(manifest, f)
    call(program, "judge", run, codes=(1,))  # its summary goes with it again


def check_failing(program, folder):
    """A run as GitHub's runner has it; then its manifest turns hostile."""
    run, step = os.path.join(folder, "run"), os.path.join(folder, "step.md")
    env = dict(os.environ, GITHUB_STEP_SUMMARY=step, GITHUB_ACTIONS="true")
    said = call(program, "run", "q248839", "--variant", "", "--simulate", "--quiet", "--dir", run, env=env, codes=(1,))
    page = report(program, run, "markdown")
    with open(step, "rb") as f:
        check(f.read() == page + b"\n", "the job's summary is the page")
    errors = [line for line in said.decode().splitlines() if line.startswith("::")]
    check(errors and all(e.startswith("::error title=postmuster q248839%3A FAIL::") for e in errors), errors)
    for name, form in (("junit.xml", "junit"), ("summary.md", "markdown"), ("summary.json", "json"), ("report.html", "html")):
        with open(os.path.join(run, name), "rb") as f:
            check(f.read() == report(program, run, form), name, "is what report makes")
    summary = check_run(program, run, folder)
    check(summary["verdict"] == "FAIL" and summary["classes"]["silent-loss"] > 0, "the run lost something")
    check_plants(program, run, summary)
    check_reproducible(program, run, folder)
    plant_hostile_names(program, run)
    check_run(program, run, folder)
    twin = os.path.join(folder, "hostile twin")
    shutil.copytree(run, twin)
    check_shown(program, run, twin)
    shutil.rmtree(twin)
    check_reproducible(program, run, folder)


def check_other(program, folder, name, code, verdict, *words):
    run = os.path.join(folder, name)
    call(program, "run", *words, "--simulate", "--quiet", "--dir", run, codes=(code,))
    summary = check_run(program, run, folder)
    check(summary["verdict"] == verdict, name, summary["verdict"])
    check_reproducible(program, run, folder)
    return summary


def main():
    program, folder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    FORMS.extend(re.findall(r"[a-z-]+", re.search(r"--format FORM.*?:(.*?)\n *-", call(program, "help", "report").decode(), re.S)[1]))
    check(len(FORMS) >= 13 and {"html", "junit", "sarif", "csv", "hdr-lateness"} <= set(FORMS), "forms", FORMS)
    check_failing(program, folder)
    check_other(program, folder, "passed", 0, "PASS", "q172364-cache-0")
    late = check_other(program, folder, "late", 2, "INCONCLUSIVE", "q172364-cache-0", "--set", "settle.deadline=1s")
    check(late["classes"]["unknown"] > 0, "unknown", late["classes"]["unknown"])
    empty = check_other(program, folder, "empty", 2, "INCONCLUSIVE", "q172364-cache-0", "--set", "load.steady.duration=1ms")
    check(empty["planned"] == 0, "planned", empty["planned"])
    print(f"{checks} checks passed")


FORMS = []
if __name__ == "__main__":
    try:
        import jsonschema
    except ImportError:
        jsonschema = None
    if not jsonschema or not shutil.which("xmllint"):
        print("SKIP: xmllint (libxml2-utils) or python3-jsonschema is not installed")
        sys.exit(77)
    SARIF = list(sarif_schemas())
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"check.py: {wrong}")
