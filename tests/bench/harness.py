"""harness.py - processes of a bench: pinned, timed by their own rusage, ended by pid in bounded time; and the sinks.

A sample is believed only when the sink's own count is what the sender says was acknowledged; else BenchError. Senders run on the
first processor, sinks on the last one (on a machine with one, together). Everything listens on 127.x addresses.
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CPUS = sorted(os.sched_getaffinity(0))
SENDERS, SINKS = {CPUS[0]}, {CPUS[-1]}
CHILD_S = 120  # no child lives longer
OWN, THEIRS, POSTFIX = "127.0.40.1", "127.0.40.2:2526", "127.0.40.3:2527"


class BenchError(Exception):
    """The bench itself is wrong, or counts differ: no figure of it may be shown."""


class Child:
    """A process that is surely reaped; `us` is its CPU, with that of its reaped children."""

    def __init__(self, argv, cpus, cwd=None, stderr=subprocess.PIPE):
        self.name = os.path.basename(argv[0])
        self.ended = False
        self.status = None
        self.us = self.user_us = self.rss_kb = 0
        self.begun = time.monotonic()
        self.popen = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
        self.out = b""

    def line(self, seconds=10):
        """Its first line, or what there is after so long."""
        end = time.monotonic() + seconds
        while b"\n" not in self.out and time.monotonic() < end:
            if select.select([self.popen.stdout], [], [], 0.1)[0]:
                more = os.read(self.popen.stdout.fileno(), 65536)
                if not more:
                    break
                self.out += more
        return self.out.decode(errors="replace")

    def signal(self, what):
        if not self.ended:
            os.kill(self.popen.pid, what)

    def _reap(self, block):
        pid, status, usage = os.wait4(self.popen.pid, 0 if block else os.WNOHANG)
        if pid == 0:
            return False
        self.ended = True
        self.wall_s = time.monotonic() - self.begun
        self.status = os.waitstatus_to_exitcode(status)
        self.popen.returncode = self.status  # so that Popen waits for nobody
        self.us = round((usage.ru_utime + usage.ru_stime) * 1e6)
        self.user_us = round(usage.ru_utime * 1e6)
        self.rss_kb = usage.ru_maxrss
        return True

    def is_over(self):
        return self.ended or self._reap(False)

    def wait(self, seconds=CHILD_S):
        """Its output and exit status; killed by its pid after so long, which is an error, and where we are ended ourselves."""
        try:
            return self._wait(seconds)
        except BaseException:
            self.kill()
            raise

    def _wait(self, seconds):
        end = time.monotonic() + seconds
        err = b""
        streams = [s for s in (self.popen.stdout, self.popen.stderr) if s]
        while streams and time.monotonic() < end:
            for s in select.select(streams, [], [], 0.2)[0]:
                more = os.read(s.fileno(), 65536)
                if not more:
                    streams.remove(s)
                elif s is self.popen.stdout:
                    self.out += more
                else:
                    err += more
        while not self._reap(False):
            if time.monotonic() > end:
                raise BenchError(f"{self.name} was not done in {seconds} s")
            time.sleep(0.002)
        self.close()
        self.err = err.decode(errors="replace")
        return self.out.decode(errors="replace")

    def kill(self):
        """Ends it whatever it does; its CPU counts all the same."""
        if not self.ended:
            self.signal(signal.SIGKILL)
            self._reap(True)
        self.close()

    def close(self):
        for s in (self.popen.stdout, self.popen.stderr):
            if s:
                s.close()


def listens(address, seconds=10):
    """Waits until somebody greets there (a sink may greet before it is asked to count: the call costs it a session)."""
    host, port = address.rsplit(":", 1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection((host, int(port)), 1) as s:
                s.settimeout(5)
                s.recv(100)
                return
        except OSError:
            time.sleep(0.02)
    raise BenchError(f"nobody listens on {address}")


class OwnSink:
    """postmuster sink --smtp --json: one thread."""
    name, title = "own", "own sink"

    def __init__(self, build, options=()):
        self.child = Child([f"{build}/postmuster", "sink", "--smtp", f"{OWN}:0", "--json", "--seconds", str(CHILD_S), *options],
                           SINKS, stderr=subprocess.DEVNULL)
        found = re.search(r" on (127\.\S+:\d+)\n", self.child.line())
        if not found:
            self.child.kill()
            raise BenchError(f"postmuster sink does not start: {self.child.out.decode(errors='replace')}")
        self.address = found[1]

    def end(self, _acknowledged):
        """(messages that it counted, its CPU in us)"""
        self.child.signal(signal.SIGTERM)
        said = self.child.wait(20)
        return json.loads(said[said.index("{"):])["taken"], self.child.us

    def kill(self):
        self.child.kill()


class SmtpSink:
    """Postfix's smtp-sink. It counts cheaply only up to a number at which it exits: that is one above what is to come, and one
    more message after the flood must make it exit, no sooner and no later."""
    name, title = "smtp-sink", "smtp-sink"

    def __init__(self, count):
        self.address = THEIRS
        self.count = count
        argv = ["smtp-sink", "-m", "500", "-M", str(count + 1), *(["-u", "nobody"] if os.getuid() == 0 else []), THEIRS, "500"]
        self.child = Child(argv, SINKS, stderr=subprocess.DEVNULL)
        try:
            listens(THEIRS)
        except BenchError:
            self.child.kill()
            raise

    def end(self, acknowledged):
        if acknowledged != self.count or self.child.is_over():
            self.child.kill()
            return -1, self.child.us  # not the number that it was to count
        host, port = THEIRS.rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), 5) as s:
                s.settimeout(5)
                for line in ("HELO a", "MAIL FROM:<a@bench.test>", "RCPT TO:<b@bench.test>", "DATA", "x\r\n."):
                    s.recv(1000)
                    s.sendall(line.encode() + b"\r\n")
                s.recv(1000)
        except OSError:
            pass  # it had its number: it exits without an answer, or had exited before
        try:
            self.child.wait(5)
        except BenchError:
            return -1, self.child.us  # it counted fewer
        return self.count, self.child.us

    def kill(self):
        self.child.kill()


def stat_us(pid):
    """CPU of a process and its reaped children, in us; and its parent."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        rest = f.read().rsplit(")", 1)[1].split()
    return sum(int(x) for x in rest[11:15]) * 1000000 // os.sysconf("SC_CLK_TCK"), int(rest[1])


class PostfixSite:
    """A Postfix of our own with discard transport and real queue files; samples share it. It counts by its log."""
    name, title = "postfix", "Postfix, discard"

    def __init__(self, folder):
        self.address = POSTFIX
        self.folder = folder
        try:
            subprocess.run(["bash", f"{HERE}/postfix.sh", "up", folder, *POSTFIX.rsplit(":", 1)], check=True, timeout=60,
                           stdin=subprocess.DEVNULL)
            with open(f"{folder}/edge/spool/pid/master.pid", encoding="ascii") as f:
                self.master = int(f.read())
        except BaseException:
            self.stop()
            raise

    def family_us(self):
        us = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                us[int(pid)] = stat_us(pid)
            except (OSError, IndexError):
                pass
        return sum(u for pid, (u, parent) in us.items() if self.master in (pid, parent))

    def delivered(self):
        with open(f"{self.folder}/edge/maillog", "rb") as f:
            f.seek(self.log_at)
            return len(re.findall(rb"relay=none,.* status=sent ", f.read()))

    def begin(self):
        self.log_at = os.path.getsize(f"{self.folder}/edge/maillog")
        self.before = self.family_us()
        return self

    def end(self, acknowledged):
        end = time.monotonic() + 60
        while self.delivered() < acknowledged and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(0.3)  # for what would be too many
        return self.delivered(), self.family_us() - self.before

    def kill(self):
        pass

    def stop(self):
        subprocess.run(["bash", f"{HERE}/postfix.sh", "down", self.folder], check=False, timeout=60, stdin=subprocess.DEVNULL)


def strace_calls(build_argv, messages, folder):
    """System calls a message of a flood: that of twice as many messages less that of as many."""
    totals = []
    for n in (messages, 2 * messages):
        out = f"{folder}/strace.out"
        child = Child(["strace", "-f", "-c", "-o", out, *build_argv(n)], SENDERS, cwd=folder)
        child.wait()
        if child.status != 0:
            raise BenchError(f"strace: {child.err.strip()[:300]}")
        with open(out, encoding="ascii", errors="replace") as f:
            rows = [line.split() for line in f if re.match(r"\s*\d+[.,]\d\d ", line)]
        totals.append({r[-1]: int(r[3]) for r in rows})
        os.unlink(out)
    names = set(totals[0]) | set(totals[1])
    each = {k: (totals[1].get(k, 0) - totals[0].get(k, 0)) / messages for k in names}
    total = each.pop("total")
    return total, dict(sorted(each.items(), key=lambda kv: -kv[1])[:6])


def can_trace():
    """None, or why not."""
    try:
        done = subprocess.run(["strace", "-c", "-o", "/dev/null", "true"], capture_output=True, text=True, timeout=20,
                              check=False)
    except FileNotFoundError:
        return "strace is missing"
    return None if done.returncode == 0 else f"strace may not trace here: {done.stderr.strip()[:200]}"
