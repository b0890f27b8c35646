#!/usr/bin/env python3
"""panic.py PROGRAM data|chunking signal|file - what a panic stop leaves: nothing that a server takes for a message.

A server of our own reads large messages slowly, so that on every connection one is under way. Then the run is stopped, by SIGINT or by
a file called stop in its folder, while the program still has most of each message in hand. The server reads every connection to its
end: no message may be completed after the stop, on any of them, and no command may follow; the program ends with 130 and calls
those messages aborted. Everything on 127.0.0.1; ends only the process that it started.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CONNECTIONS = 4
BODY = 24 << 20
WELL_UNDER_WAY = 1 << 20
PATIENCE = 60


class Talk(threading.Thread):
    """One connection: reads it to its end and counts."""

    def __init__(self, of, sock):
        super().__init__(daemon=True)
        self.of, self.sock, self.buf = of, sock, b""
        self.octets = 0  # of the message being read
        self.completed, self.late_commands = [], []
        self.over = False

    def more(self):
        if self.octets:
            time.sleep(0.002)
        piece = self.sock.recv(16384)
        if not piece:
            raise EOFError
        self.buf += piece

    def line(self):
        while b"\n" not in self.buf:
            self.more()
        text, self.buf = self.buf.split(b"\n", 1)
        return text.strip()

    def take(self, n):
        while n > 0:
            if not self.buf:
                self.more()
            part = min(n, len(self.buf))
            self.buf = self.buf[part:]
            self.octets += part
            n -= part

    def text(self):
        tail = b"\r\n"
        while True:
            if not self.buf:
                self.more()
            at = (tail + self.buf).find(b"\r\n.\r\n")
            if at >= 0:
                self.buf = (tail + self.buf)[at + 5:]
                return
            self.octets += len(self.buf)
            tail, self.buf = (tail + self.buf)[-4:], b""

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def done(self):
        self.completed.append(self.of.stopped.is_set())
        self.octets = 0
        self.say("250 taken")

    def converse(self):
        good = 0
        self.say("220 slow.test")
        while True:
            text = self.line()
            word = text[:4].upper()
            if self.of.stopped.is_set():
                self.late_commands.append(text[:60])
            if word == b"EHLO":
                self.say("250-slow.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 "
                         + ("CHUNKING" if self.of.chunking else "HELP"))
            elif word == b"RCPT":
                known = b"pm-no-such-user" not in text
                good += known
                self.say("250 ok" if known else "550 5.1.1 nobody")
            elif word == b"DATA" and good:
                self.say("354 go on")
                self.text()
                self.done()
                good = 0
            elif word == b"BDAT":
                self.take(int(text.split()[1]))
                if good and text.upper().endswith(b"LAST"):
                    self.done()
                    good = 0
                else:
                    self.octets = 0
                    self.say("250 ok" if good else "503 5.5.1 nobody to give it to")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                good = 0 if word in (b"MAIL", b"RSET") else good
                self.say("250 ok" if word in (b"MAIL", b"RSET", b"NOOP") else "503 not now")

    def run(self):
        try:
            self.converse()
        except (EOFError, OSError):
            pass
        self.over = True


class Server(threading.Thread):
    def __init__(self, chunking):
        super().__init__(daemon=True)
        self.chunking, self.stopped, self.talks = chunking, threading.Event(), []
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)

    def run(self):
        while True:
            sock, _ = self.sock.accept()
            self.talks.append(Talk(self, sock))
            self.talks[-1].start()


def wait_for(what, question):
    end = time.monotonic() + PATIENCE
    while not question():
        if time.monotonic() > end:
            sys.exit("not ok: waited in vain for " + what)
        time.sleep(0.01)


def main():
    program, mode, how = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    server = Server(mode == "chunking")
    server.start()
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "run")
        with open(os.path.join(work, "panic.yaml"), "w") as f:
            f.write(f"""schema: 1
servers:
  s1: {{smtp: '127.0.0.1:{server.sock.getsockname()[1]}', tls: none}}
mailboxes:
  box: {{count: 8, home: s1, address: 'box{{n}}@lab.test'}}
  joe: {{home: s1, address: 'joe@lab.test'}}
load:
  steady: {{via: s1, from: joe, to: box, rate: 50/s, duration: 60s, size: {BODY}, connections: {CONNECTIONS},
           mode: {"chunking" if mode == "chunking" else "pipelining"}}}
settle: {{canary: no, deadline: 2s}}
""")
        run = subprocess.Popen([program, "run", "panic.yaml", "--dir", folder, "--quiet"], cwd=work,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            wait_for("messages under way",
                     lambda: run.poll() is not None
                     or sum(t.octets > WELL_UNDER_WAY for t in server.talks) >= CONNECTIONS)
            if run.poll() is not None:
                sys.exit("not ok: the run ended early: " + run.stderr.read())
            under_way = [t for t in server.talks if t.octets > WELL_UNDER_WAY]
            before = [len(t.completed) for t in server.talks]
            server.stopped.set()
            if how == "signal":
                run.send_signal(signal.SIGINT)
            else:
                open(os.path.join(folder, "stop"), "w").close()
            code = run.wait(PATIENCE)
        finally:
            if run.poll() is None:
                run.kill()
        wait_for("the ends of all connections", lambda: all(t.over for t in server.talks))
        with open(os.path.join(folder, "summary.json")) as f:
            classes = json.load(f)["classes"]
    late = [sum(t.completed[n:]) for t, n in zip(server.talks, before)]
    commands = [c for t in server.talks for c in t.late_commands if c.upper() != b"QUIT"]
    checks = {
        f"{len(under_way)} messages were under way on as many connections": len(under_way) >= CONNECTIONS,
        f"messages completed after the stop, by connection: {late}": sum(late) == 0,
        f"commands after the stop: {commands}": not commands,
        f"exit code {code}": code == 130,
        f"{classes['aborted']} aborted, {classes['in-doubt-silent']} in doubt":
            classes["aborted"] >= CONNECTIONS and classes["in-doubt-silent"] == 0,
        "octets of a cut message were read": all(t.octets > WELL_UNDER_WAY for t in under_way),
    }
    for text, ok in checks.items():
        print("ok" if ok else "not ok", text, sep=": ")
    return 0 if all(checks.values()) else 1


sys.exit(main())
