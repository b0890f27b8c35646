#!/usr/bin/env python3
"""mutants.py - plausible bugs, each of which must turn the tests red that are named for it (./dev mutants).

mutants.py run ROOT [NAME...]   applies, builds, runs the named tests, restores; exit 1 where one survives
mutants.py apply ROOT           every mutant still applies, its tests exist, docs/trust.md lists it (milliseconds)
mutants.py list ROOT            the table of docs/trust.md
mutants.py selftest ROOT        tables that are wrong are called so

A mutant is a paragraph of tests/mutants/*.txt:

    == its-name
    bug  what is wrong now, as somebody may well write it
    in   results/ledger_slot.c join_copy       the file; and the function, where the text stands elsewhere too
    -    join_max32(&c->as.copy.gone           text that stands there once, spaces and all (several lines, several "-")
    +    join_min32(&c->as.copy.gone           what is put in its place
    red  results.ledger.a_copy_that_went       tests that must fail: folder.suite.test, each of them

Sources are never touched: two copies in build/mutants, with a build folder each, take the mutants in turns. A test that ends its
process, or has no end, has failed; those behind it have not. Before the first mutant every named suite must be green.
"""
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

FEWEST = 60
WORKERS = 2
SUITE_LIMIT_S = 120
BUILD_LIMIT_S = 1200
LEFT_OUT = {".git", "build", "scratch", "__pycache__"}
STOP = threading.Event()  # Ctrl-C: what is under way is finished and restored
WORDS = ("bug", "in", "-", "+", "red")


class Wrong(Exception):
    """A table that cannot be believed: file, line and what is wrong."""


class Mutant:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.file = self.function = None
        self.words = {word: [] for word in WORDS}

    def close(self):
        missing = [word for word in WORDS if word != "+" and not self.words[word]]
        if missing or len(self.words["in"]) != 1:
            raise Wrong(f"{self.where}: {self.name} needs one \"in\", and: {' '.join(missing)}")
        self.bug = " ".join(self.words["bug"])
        self.file, _, function = self.words["in"][0].partition(" ")
        self.function = function.strip()
        self.old, self.new = "\n".join(self.words["-"]), "\n".join(self.words["+"])
        self.red = self.words["red"]
        self.suites = sorted({red.rsplit(".", 1)[0] for red in self.red})
        return self

    def mutate(self, text):
        """The file with the bug in it; its place is the only one, or Wrong."""
        begin, end = 0, len(text)
        if self.function:
            heads = re.findall(rf"^[a-z][^;{{}}]*?\b{self.function}\([^;{{}}]*?\)\n\{{.*?^\}}", text, re.M | re.S)
            if len(heads) != 1:
                raise Wrong(f"{self.where}: {self.name}: {self.file} has {len(heads)} functions {self.function}")
            begin = text.index(heads[0])
            end = begin + len(heads[0])
        found = text.count(self.old, begin, end)
        if found != 1 or self.old == self.new:
            raise Wrong(f"{self.where}: {self.name}: its text stands {found} times in {self.file} {self.function}".rstrip())
        at = text.index(self.old, begin, end)
        return text[:at] + self.new + text[at + len(self.old):]


def read_table(path):
    """The mutants of one file, in order."""
    mutants, open_one = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if line.startswith("== "):
            if open_one:
                mutants.append(open_one.close())
            open_one = Mutant(line[3:].strip(), where)
        elif open_one and line.strip():
            word, rest = line.split(" ", 1)[0], line[5:]
            if word not in WORDS or line[len(word):5].strip():
                raise Wrong(f"{where}: a line begins with one of: == {' '.join(WORDS)}")
            open_one.words[word].append(rest if word in "-+" else rest.strip())
        elif line.strip() and not line.startswith("#"):
            raise Wrong(f"{where}: before the first mutant there are only comments")
    if open_one:
        mutants.append(open_one.close())
    return mutants


def read_all(root):
    mutants = [m for path in sorted((root / "tests/mutants").glob("*.txt")) for m in read_table(path)]
    names = [m.name for m in mutants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Wrong(f"two mutants of one name: {' '.join(twice)}")
    return mutants


# --- without building ----------------------------------------------------------------------------------------------


def check_mutant(root, m):
    path = root / m.file
    if not path.is_file():
        raise Wrong(f"{m.where}: {m.name}: there is no {m.file}")
    m.mutate(path.read_text())
    for red in m.red:
        folder, _, rest = red.partition(".")
        suite, _, test = rest.partition(".")
        source = root / f"tests/{folder}/test_{suite}.c"
        if not test or not source.is_file() or not re.search(rf"\bTEST\({test}\)", source.read_text()):
            raise Wrong(f"{m.where}: {m.name}: there is no test {red}")


def the_list(mutants):
    lines = ["| mutant | in | the bug | turns red |", "|---|---|---|---|"]
    for m in mutants:
        red = "<br>".join(f"`{red}`" for red in m.red)
        lines.append(f"| `{m.name}` | {m.file} | {m.bug} | {red} |")
    return "\n".join(lines) + "\n"


def apply(root):
    complaints, mutants = [], read_all(root)
    for m in mutants:
        try:
            check_mutant(root, m)
        except Wrong as wrong:
            complaints.append(str(wrong))
    if len(mutants) < FEWEST:
        complaints.append(f"{len(mutants)} mutants, and {FEWEST} are promised")
    if the_list(mutants) not in (root / "docs/trust.md").read_text():
        complaints.append("docs/trust.md lists other mutants: put in what ./dev mutants --list says")
    print("\n".join(complaints) if complaints else f"{len(mutants)} mutants apply")
    return 1 if complaints else 0


def selftest(root):
    good = "== one\nbug  b\nin   wire/a.c f\n-    x\n+    y\nred  wire.a.stays_red\n"
    source = "static int g(int i)\n{\n    return x;\n}\n\nint f(void)\n{\n    return x;\n}\n"
    cases = {
        "the text is gone": (good, source.replace("x", "z"), "stands 0 times"),
        "the text stands twice": (good.replace(" f\n", "\n"), source, "stands 2 times"),
        "the function is gone": (good.replace(" f\n", " h\n"), source, "has 0 functions h"),
        "the test is gone": (good.replace("stays", "goes"), source, "there is no test"),
        "the file is gone": (good.replace("a.c", "b.c"), source, "there is no wire/b.c"),
        "nothing changes": (good.replace("y\n", "x\n"), source, "stands 1 times"),
        "a word is wrong": (good.replace("bug ", "bag "), source, "begins with one of"),
        "a word is missing": (good.replace("bug  b\n", ""), source, "bug"),
        "a name comes twice": (good + good, source, "two mutants of one name"),
        "all is well": (good, source, ""),
    }
    bad = 0
    for name, (table, text, want) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for sub in ("tests/mutants", "tests/wire", "wire"):
                (tree / sub).mkdir(parents=True)
            (tree / "tests/mutants/t.txt").write_text(table)
            (tree / "tests/wire/test_a.c").write_text("    TEST(stays_red),\n")
            (tree / "wire/a.c").write_text(text)
            got = ""
            try:
                for m in read_all(tree):
                    check_mutant(tree, m)
                    got = "" if m.mutate(text).endswith("return y;\n}\n") else "changed elsewhere"
            except Wrong as wrong:
                got = str(wrong)
        ok = want in got if want else got == ""
        bad += not ok
        print(f"{'ok' if ok else 'not ok'} {name}: {got or 'nothing to say'}")
    return 1 if bad else 0


# --- a copy of the sources, and its build -------------------------------------------------------------------------------


def files_of(root):
    for folder, subs, names in os.walk(root):
        subs[:] = [s for s in subs if s not in LEFT_OUT and not s.startswith("build-")]
        if pathlib.Path(folder) == root / "results":
            subs[:] = [s for s in subs if s != "runs"]
        for name in names:
            yield (pathlib.Path(folder) / name).relative_to(root)


def copy_sources(root, tree):
    """Only what differs is written, so that a build goes on where the last one ended."""
    kept = set(files_of(root))
    for name in kept:
        target, content = tree / name, (root / name).read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            shutil.copymode(root / name, target)
    for name in set(files_of(tree)) - kept:
        (tree / name).unlink()


class Copy:
    """One worker's tree and build folder."""

    def __init__(self, base, number):
        self.tree, self.build = base / f"tree-{number}", base / f"build-{number}"
        self.env = dict(os.environ, CCACHE_BASEDIR=str(self.tree), CCACHE_NOHASHDIR="1")
        self.order = {}  # of the tests of a suite

    def call(self, args, limit_s, cwd=None):
        """Exit code (None: no end in time) and output."""
        with subprocess.Popen(args, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as child:
            try:
                out = child.communicate(timeout=limit_s)[0]
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, 9)
                return None, child.communicate()[0].decode(errors="replace")
            return child.returncode, out.decode(errors="replace")

    def prepare(self, root):
        copy_sources(root, self.tree)
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        code, out = self.call(["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
                               "-DCMAKE_C_FLAGS=-O1", *launcher], BUILD_LIMIT_S)
        if code != 0:
            raise Wrong(f"cmake: {out}")

    def make(self, targets):
        """What the compiler says where it does not build, or ""."""
        code, out = self.call(["ninja", "-C", self.build, *targets], BUILD_LIMIT_S)
        return "" if code == 0 else out

    def run(self, suite):
        """The names of the tests that failed, and of those that did not."""
        folder, name = suite.split(".")
        code, out = self.call([self.build / f"test_{folder}", name], SUITE_LIMIT_S, self.build)
        lines = re.findall(rf"^(ok|not ok) {name}\.(\w+) \(", out, re.M)
        bad = [test for word, test in lines if word == "not ok"]
        good = [test for word, test in lines if word == "ok"]
        if code is None or code < 0:  # the first test without a line is the one that did it
            silent = [test for test in self.order.get(suite, []) if test not in bad + good]
            bad += silent[:1]
        elif code == 77 or not lines:
            raise Wrong(f"{suite} tests nothing here: {out.strip()[-200:]}")
        return bad, good


def targets_of(suites):
    return sorted({f"test_{suite.split('.')[0]}" for suite in suites})


class Fate:
    def __init__(self, m):
        self.m, self.begun = m, time.monotonic()
        self.killers, self.others, self.word = [], [], ""

    def close(self, word):
        self.word, self.seconds = word, time.monotonic() - self.begun
        return self


def try_mutant(copy, m):
    path, fate = copy.tree / m.file, Fate(m)
    sound = path.read_text()
    path.write_text(m.mutate(sound))
    try:
        complaint = copy.make(targets_of(m.suites))
        if complaint:
            error = re.search(r"error: .*", complaint)
            return fate.close(f"DOES NOT BUILD: {error.group(0) if error else complaint[-200:]}")
        for suite in m.suites:
            bad, _ = copy.run(suite)
            for test in bad:
                (fate.killers if f"{suite}.{test}" in m.red else fate.others).append(f"{suite}.{test}")
        return fate.close("killed" if set(fate.killers) == set(m.red) else "SURVIVES")
    finally:
        path.write_text(sound)


def tell(fate):
    also = f" and {len(fate.others)} more" if fate.others else ""
    green = sorted(set(fate.m.red) - set(fate.killers))
    print(f"{fate.word:9} {fate.seconds:5.1f} s  {fate.m.name:32} {' '.join(sorted(fate.killers))}{also}"
          + (f"; STAYS GREEN: {' '.join(green)}" if green and not fate.word.startswith("DOES") else ""), flush=True)
    if green and os.environ.get("PM_MUTANTS_OTHERS"):
        print("            red:", " ".join(fate.others), flush=True)


def prove_green(copy, suites, copies):
    for suite in suites:
        bad, good = copy.run(suite)
        if bad or not good:
            raise Wrong(f"{suite} is red without any mutant: {' '.join(bad)}")
        for each in copies:
            each.order[suite] = good


def work(copy, left, fates, errors):
    while not errors and not STOP.is_set():
        try:
            m = left.get_nowait()
        except queue.Empty:
            return
        try:
            fates.append(try_mutant(copy, m))
            tell(fates[-1])
        except Exception as error:  # pylint: disable=broad-except; told by the main thread
            errors.append(error)


def in_turns(task, copies):
    threads = [threading.Thread(target=task, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def make_all(root, copies, targets):
    said = []

    def make(copy):
        try:
            copy.prepare(root)
            said.append(copy.make(targets))
        except Wrong as wrong:
            said.append(str(wrong))

    in_turns(make, copies)
    if any(said):
        raise Wrong(f"the sources do not build: {''.join(said)[-2000:]}")


def run(root, names):
    mutants = read_all(root)
    unknown = set(names) - {m.name for m in mutants}
    if unknown:
        raise Wrong(f"no such mutant: {' '.join(sorted(unknown))}")
    mutants = [m for m in mutants if not names or m.name in names]
    for m in mutants:
        m.mutate((root / m.file).read_text())
    begun, suites = time.monotonic(), sorted({s for m in mutants for s in m.suites})
    copies = [Copy(root / "build/mutants", n + 1) for n in range(min(WORKERS, len(mutants)))]
    make_all(root, copies, targets_of(suites))
    prove_green(copies[0], suites, copies)
    print(f"{len(suites)} suites are green without a mutant, after {time.monotonic() - begun:.0f} s", flush=True)
    left, fates, errors = queue.Queue(), [], []
    for m in mutants:
        left.put(m)
    in_turns(lambda copy: work(copy, left, fates, errors), copies)
    if errors:
        raise errors[0]
    alive = [f.m.name for f in fates if f.word != "killed"]
    print(f"\n{len(fates) - len(alive)} of {len(fates)} mutants are killed by the tests named for them, in "
          f"{time.monotonic() - begun:.0f} s" + (f"; not: {' '.join(sorted(alive))}" if alive else ""))
    return 1 if alive else 0


def main(args):
    word, root, names = args[0], pathlib.Path(args[1]).resolve(), args[2:]
    try:
        if word == "run":
            return run(root, names)
        if word == "list":
            sys.stdout.write(the_list(read_all(root)))
            return 0
        return apply(root) if word == "apply" else selftest(root)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        STOP.set()
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
