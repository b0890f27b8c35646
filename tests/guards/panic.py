#!/usr/bin/env python3
"""panic.py PROGRAM MODE signal|file - what a panic stop leaves: nothing that a server takes for a message.

MODE: data, chunking, lockstep or lmtp, and behind a dash tls, held, or both (data-tls-held).
A server of our own reads large messages slowly, so that on every connection one is under way. Then the run is stopped, by SIGINT or by
a file called stop in its folder, while the program still has most of each message in hand. The server reads every connection to its
end: no message may be completed after the stop, on any of them, and no command may follow; the program ends with 130 and calls
those messages aborted.
held: the messages are small enough for buffers, and the server reads nothing before the program has ended. Terminator and all are
the kernel's, or libssl's, when the stop comes; they stay there, and the messages are in doubt, for nobody can know.
Everything on 127.0.0.1; ends only the process that it started.
"""
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

CONNECTIONS = 4
BODY, HELD_BODY = 24 << 20, 400 << 10
WELL_UNDER_WAY = 1 << 20
PATIENCE = 60


class Talk(threading.Thread):
    """One connection: reads it to its end and counts."""

    def __init__(self, of, sock):
        super().__init__(daemon=True)
        self.of, self.sock, self.buf = of, sock, b""
        self.octets = 0  # of the message being read
        self.held = False
        self.completed, self.late_commands = [], []
        self.over = False

    def more(self):
        if self.held:
            self.of.ended.wait(PATIENCE)
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
        if self.of.tls:
            self.sock = self.of.tls.wrap_socket(self.sock, server_side=True)
        self.say("220 slow.test")
        while True:
            text = self.line()
            word = text[:4].upper()
            if self.of.stopped.is_set():
                self.late_commands.append(text[:60])
            if word in (b"EHLO", b"LHLO"):
                self.say("250-slow.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 "
                         + ("CHUNKING" if self.of.chunking else "HELP"))
            elif word == b"RCPT":
                known = b"pm-no-such-user" not in text
                good += known
                self.say("250 ok" if known else "550 5.1.1 nobody")
            elif word == b"DATA" and good:
                self.held = self.of.holds
                self.say("354 go on")
                self.text()
                self.done()
                good = 0
            elif word == b"BDAT":
                self.held = self.of.holds and good > 0
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
    def __init__(self, words, work):
        super().__init__(daemon=True)
        self.chunking, self.holds, self.tls = "chunking" in words, "held" in words, None
        self.stopped, self.ended, self.talks = threading.Event(), threading.Event(), []
        if "tls" in words:
            cert = os.path.join(work, "cert.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                            "-subj", "/CN=slow.test", "-keyout", cert, "-out", cert + ".crt"], check=True, capture_output=True)
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert + ".crt", cert)
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


def profile(server, words):
    protocol = "lmtp" if "lmtp" in words else "smtp"
    mode = next((w for w in words if w in ("chunking", "lockstep")), "pipelining")
    at = f"{protocol}: '127.0.0.1:{server.sock.getsockname()[1]}'"
    tls = "implicit, insecure: yes" if server.tls else "none"
    return f"""schema: 1
servers:
  s1: {{{at}, tls: {tls}}}
mailboxes:
  box: {{count: 8, home: s1, address: 'box{{n}}@lab.test'}}
  joe: {{home: s1, address: 'joe@lab.test'}}
load:
  steady: {{via: s1, protocol: {protocol}, from: joe, to: box, rate: 50/s, duration: 60s, size: {HELD_BODY if server.holds else BODY},
           connections: {CONNECTIONS}, mode: {mode}}}
settle: {{canary: no, deadline: 2s}}
"""


def is_under_way(server):
    if server.holds:
        return sum(t.held for t in server.talks) >= CONNECTIONS
    return sum(t.octets > WELL_UNDER_WAY for t in server.talks) >= CONNECTIONS


def stop(run, how, folder):
    if how == "signal":
        run.send_signal(signal.SIGINT)
    else:
        open(os.path.join(folder, "stop"), "w").close()
    return run.wait(PATIENCE)


def main():
    program, words, how = os.path.abspath(sys.argv[1]), sys.argv[2].split("-"), sys.argv[3]
    with tempfile.TemporaryDirectory() as work:
        server, folder = Server(words, work), os.path.join(work, "run")
        server.start()
        with open(os.path.join(work, "panic.yaml"), "w") as f:
            f.write(profile(server, words))
        run = subprocess.Popen([program, "run", "panic.yaml", "--dir", folder, "--quiet"], cwd=work,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            wait_for("messages under way", lambda: run.poll() is not None or is_under_way(server))
            if run.poll() is not None:
                sys.exit("not ok: the run ended early: " + run.stderr.read())
            if server.holds:
                time.sleep(1)  # the program writes what it can
            under_way = [t for t in server.talks if t.held or t.octets > WELL_UNDER_WAY]
            before = [len(t.completed) for t in server.talks]
            server.stopped.set()
            code = stop(run, how, folder)
        finally:
            if run.poll() is None:
                run.kill()
        server.ended.set()
        wait_for("the ends of all connections", lambda: all(t.over for t in server.talks))
        with open(os.path.join(folder, "summary.json")) as f:
            summary = json.load(f)
    aborted, doubt = summary["classes"]["aborted"], summary["flags"]["doubt"]
    late = [sum(t.completed[n:]) for t, n in zip(server.talks, before)]
    commands = [c for t in server.talks for c in t.late_commands if c.upper() != b"QUIT"]
    checks = {
        f"{len(under_way)} messages were under way on as many connections": len(under_way) >= CONNECTIONS,
        f"messages completed after the stop, by connection: {late}": sum(late) == 0,
        f"commands after the stop: {commands}": not commands,
        f"exit code {code}": code == 130,
        f"{aborted} aborted, {doubt} in doubt": doubt >= CONNECTIONS if server.holds else aborted >= CONNECTIONS and doubt == 0,
        "octets of a cut message were read": server.holds or all(t.octets > WELL_UNDER_WAY for t in under_way),
    }
    for text, ok in checks.items():
        print("ok" if ok else "not ok", text, sep=": ")
    return 0 if all(checks.values()) else 1


sys.exit(main())
