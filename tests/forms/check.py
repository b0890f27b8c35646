#!/usr/bin/env python3
"""check.py - a run's forms for machines, read by readers that are not ours: check.py POSTMUSTER FOLDER

Runs q248839 on simulated time below FOLDER as GitHub's runner would, then asks for every form. JUnit is held to what Jenkins'
schema says (elements, where they may stand, their attributes), SARIF to what 2.1.0 requires of the properties we write, CSV,
SQLite and the percentile text to Python's readers. All numbers must agree with summary.json. Then the same with hostile names in the
manifest. The files that the run left must be what `report` makes again. Standard library only.
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

HOSTILE = "=1+1\"';|`<b>&]]>\n\x01\x1b[2J\u202e\ufffe\\"

# Jenkins' xunit: what may stand in what, with which attributes (those with ! must be there).
JUNIT = {
    "testsuites": ({"testsuite"}, "name time tests failures errors"),
    "testsuite": ({"testsuite", "properties", "testcase", "system-out", "system-err"},
                  "name! tests! failures! errors! group time skipped timestamp hostname id package file log url"),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, "name! time classname group"),
    "failure": (set(), "type message"), "error": (set(), "type message"), "skipped": (set(), "type message"),
    "system-out": (set(), ""), "system-err": (set(), ""),
}

checks = 0


def check(ok, *what):
    global checks
    checks += 1
    if not ok:
        sys.exit("check.py: " + " ".join(str(w) for w in what))


def call(program, *args, env=None, codes=(0,)):
    done = subprocess.run([program, *args], capture_output=True, timeout=120, env=env)
    check(done.returncode in codes, args, "ended with", done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def report(program, run, form):
    return call(program, "report", run, "-f", form)


def walk_junit(e, inside=None):
    check(e.tag in JUNIT, "element", e.tag)
    check(inside is None or e.tag in JUNIT[inside][0], e.tag, "in", inside)
    known = JUNIT[e.tag][1].split()
    check(set(e.attrib) <= {k.rstrip("!") for k in known}, e.tag, "has", list(e.attrib))
    for k in known:
        check(not k.endswith("!") or k[:-1] in e.attrib, e.tag, "lacks", k)
    if "time" in e.attrib:
        check(re.fullmatch(r"[0-9]+\.[0-9]{6}", e.attrib["time"]), "time", e.attrib["time"])
    for child in e:
        walk_junit(child, e.tag)


def check_junit(text, summary):
    root = ET.fromstring(text)
    check(root.tag == "testsuites", root.tag)
    walk_junit(root)
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


def typed(o, where, **kinds):
    """Each key: (type, required)."""
    check(set(o) <= set(kinds), where, "has", sorted(set(o) - set(kinds)))
    for k, (kind, required) in kinds.items():
        check(k in o or not required, where, "lacks", k)
        check(k not in o or isinstance(o[k], kind), where, k, o.get(k))


def check_sarif(text, summary):
    log = json.loads(text)
    typed({k.lstrip("$"): v for k, v in log.items()}, "log", schema=(str, False), version=(str, True), runs=(list, True))
    check(log["version"] == "2.1.0" and len(log["runs"]) == 1, "version")
    run = log["runs"][0]
    typed(run, "run", tool=(dict, True), automationDetails=(dict, False), invocations=(list, False), results=(list, False))
    rules = run["tool"]["driver"]["rules"]
    typed(run["tool"]["driver"], "driver", name=(str, True), rules=(list, False))
    check(len({r["id"] for r in rules}) == len(rules), "rules are unique")
    for r in rules:
        typed(r, "rule", id=(str, True), name=(str, False), shortDescription=(dict, False),
              defaultConfiguration=(dict, False), properties=(dict, False))
        check(r["defaultConfiguration"]["level"] in ("none", "note", "warning", "error"), r)
        check(r["shortDescription"]["text"], r)
    for i in run["invocations"]:
        typed(i, "invocation", executionSuccessful=(bool, True), exitCode=(int, False), startTimeUtc=(str, False),
              toolExecutionNotifications=(list, False), properties=(dict, False))
        for n in i["toolExecutionNotifications"]:
            check(n["level"] in ("none", "note", "warning", "error") and n["message"]["text"], n)
    prints = set()
    for r in run["results"]:
        typed(r, "result", ruleId=(str, False), ruleIndex=(int, False), kind=(str, False), level=(str, False),
              message=(dict, True), locations=(list, False), partialFingerprints=(dict, False), properties=(dict, False))
        check(r["kind"] == "fail" and r["level"] in ("warning", "error"), r)
        check(rules[r["ruleIndex"]]["id"] == r["ruleId"], r)
        check(all(isinstance(v, str) for v in r["partialFingerprints"].values()), r)
        check(re.fullmatch("[a-z2-7]{26}", r["partialFingerprints"]["token/v1"]), r)
        check(r["message"]["text"] and r["locations"][0]["logicalLocations"][0]["name"], r)
        prints.add(r["partialFingerprints"]["copy/v1"])
    check(len(prints) == len(run["results"]), "fingerprints are unique")
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


def check_sqlite(program, run, folder, summary):
    path = os.path.join(folder, "run.db")
    call(program, "export", run, "--sqlite", path, "--events")
    db = sqlite3.connect(path)
    check(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity")
    check(db.execute("PRAGMA foreign_key_check").fetchall() == [], "foreign keys")
    classes = dict(db.execute("SELECT class, COUNT(*) FROM copies GROUP BY class"))
    check(classes == {c: n for c, n in summary["classes"].items() if n}, classes)
    for (view,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        check(db.execute("SELECT COUNT(*) FROM " + view).fetchone()[0] > 0 or view.startswith("bad"), view)
    db.close()


def check_run(program, run, folder):
    summary = json.loads(report(program, run, "json"))
    check_junit(report(program, run, "junit"), summary)
    check_sarif(report(program, run, "sarif"), summary)
    check_csv(report(program, run, "csv"), summary)
    check_hdr(report(program, run, "hdr-accept"), summary, "accept")
    check_hdr(report(program, run, "hdr-end-to-end"), summary, "end_to_end")
    check_markdown(report(program, run, "markdown"), summary)
    check_sqlite(program, run, folder, summary)
    return summary


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    run, step = os.path.join(folder, "run"), os.path.join(folder, "step.md")
    env = dict(os.environ, GITHUB_STEP_SUMMARY=step, GITHUB_ACTIONS="true")
    said = call(program, "run", "q248839", "--variant", "", "--simulate", "--quiet", "--dir", run, env=env, codes=(1,))
    page = report(program, run, "markdown")
    with open(step, "rb") as f:
        check(f.read() == page + b"\n", "the job's summary is the page")
    errors = [line for line in said.decode().splitlines() if line.startswith("::")]
    check(errors and all(e.startswith("::error title=postmuster q248839%3A FAIL::") for e in errors), errors)
    for name, form in (("junit.xml", "junit"), ("summary.md", "markdown"), ("summary.json", "json")):
        with open(os.path.join(run, name), "rb") as f:
            check(f.read() == report(program, run, form), name, "is what report makes")
    summary = check_run(program, run, folder)
    check(summary["verdict"] == "FAIL" and summary["classes"]["silent-loss"] > 0, "the run lost something")
    path = os.path.join(run, "manifest.json")
    with open(path) as f:
        manifest = json.load(f)
    manifest["name"] = manifest["target"] = HOSTILE
    manifest["servers"] = [HOSTILE + s for s in manifest["servers"]]
    for m in manifest["mailboxes"]:
        m["name"] = HOSTILE + m["name"]
    for load in manifest["loads"]:
        load["name"] = HOSTILE + load["name"]
    with open(path, "w") as f:
        json.dump(manifest, f)
    check_run(program, run, folder)
    print(f"{checks} checks passed")


if __name__ == "__main__":
    main()
