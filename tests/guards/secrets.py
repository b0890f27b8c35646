#!/usr/bin/env python3
"""secrets.py PROGRAM - a secret is read, used, and left nowhere.

Servers of our own (SMTP with AUTH, IMAP, LDAP) are given three secrets, from the environment and from a file. While the program runs with
them, and a mover of the user's as its child, the arguments of both are read; afterwards every file of the run's folder, and everything
that was printed. Neither a secret nor its base64 may stand anywhere. Then the IMAP server refuses and repeats the command that it
was given, as some do. Last a run is aborted: it leaves no core, while one without secrets does, where cores are left at all.
Everything on 127.0.0.1; ends only processes that it started.
"""
import base64
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SMTP, IMAP, LDAP = "smtp-S3cret-horse", "imap-S3cret-battery", "ldap-S3cret-staple"
PATIENCE = 60
PLAIN = """schema: 1
servers:
  s1: {smtp: '%s', tls: none}
mailboxes:
  box: {home: s1, address: 'box@lab.test'}
load:
  steady: {via: s1, from: box, to: box, rate: 20/s, duration: 20s}
settle: {canary: no, deadline: 1s}
"""


class Server(threading.Thread):
    """One port; every connection is a thread that hands what comes to a conversation, and keeps it."""

    def __init__(self, converse):
        super().__init__(daemon=True)
        self.converse, self.heard, self.sock = converse, b"", socket.socket()
        self.home = b"s1"  # what the directory says
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.at = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.talk, args=(self.sock.accept()[0],), daemon=True).start()

    def talk(self, sock):
        try:
            with sock, sock.makefile("rwb", buffering=0) as f:
                self.converse(self, f)
        except OSError:
            pass

    def lines(self, f):
        for line in f:
            self.heard += line
            yield line.decode("latin-1").rstrip("\r\n")


def smtp(server, f):
    f.write(b"220 lab.test\r\n")
    text = False
    for line in server.lines(f):
        word = line[:4].upper()
        if text:
            text = line != "."
            answer = b"" if text else b"250 taken"
        elif word == "EHLO":
            answer = b"250-lab.test\r\n250 AUTH PLAIN"
        elif word == "AUTH":
            answer = b"235 welcome"
        elif word == "DATA":
            answer, text = b"354 go on", True
        else:
            answer = b"250 ok"
        if answer:
            f.write(answer + b"\r\n")


def imap(server, f, refuses=False):
    f.write(b"* OK lab.test\r\n")
    for line in server.lines(f):
        tag, word, *rest = line.split(" ") + [""]
        word = word.upper()
        if word == "CAPABILITY":
            f.write(b"* CAPABILITY IMAP4rev1\r\n")
        if word in ("SELECT", "EXAMINE"):
            f.write(b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] fine\r\n* OK [UIDNEXT 1] fine\r\n")
        if word == "STATUS":
            f.write(b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)\r\n")
        no = refuses and word in ("LOGIN", "AUTHENTICATE")
        f.write((f"{tag} NO what is \"{line}\"?\r\n" if no else f"{tag} OK {word} done\r\n").encode())


def parrot(server, f):
    imap(server, f, True)


def element(tag, content):
    return bytes([tag, len(content)]) + content


def ldap(server, f):
    while True:
        head = f.read(2)
        if len(head) < 2:
            return
        n = head[1] if head[1] < 0x80 else int.from_bytes(f.read(head[1] & 0x7f), "big")
        body = b""
        while len(body) < n:
            body += f.read(n - len(body))
        server.heard += body
        number, op = body[:2 + body[1]], body[2 + body[1]]
        if op == 0x42:
            return
        if op == 0x63:
            f.write(element(0x30, number + element(0x64, element(4, b"cn=box") + element(0x30, element(
                0x30, element(4, b"mailHost") + element(0x31, element(4, server.home)))))))
        f.write(element(0x30, number + element(op + (1 if op == 0x60 else 2), b"\x0a\x01\x00\x04\x00\x04\x00")))


def profile(work, smtp_at, imap_at, ldap_at, duration):
    mover = os.path.join(work, "mover.sh")
    with open(mover, "w") as f:
        f.write("#!/bin/sh\ntr '\\0' ' ' </proc/$$/cmdline >>\"$1\"\nexec sleep 1\n")
    os.chmod(mover, 0o755)
    secret = os.path.join(work, "secret")
    with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(IMAP + "\n")
    name = os.path.join(work, "secrets.yaml")
    with open(name, "w") as f:
        f.write(f"""schema: 1
servers:
  s1: {{smtp: '{smtp_at}', tls: none, user: joe, password: env:PM_SMTP, imap: '{imap_at}', imap_tls: none}}
  s2: {{smtp: '{smtp_at}', tls: none, imap: '{imap_at}', imap_tls: none}}
mailboxes:
  box: {{home: s1, address: 'box@lab.test', user: box, password: 'file:{secret}'}}
movers:
  mine: {{type: exec, argv: ['{mover}', '{work}/children']}}
moves:
  users: {{mailboxes: box, from: s1, to: s2, mover: mine, count: 1, old_home: kept}}
probes:
  stores: {{type: imap, places: [home, old]}}
home_lookup: {{type: ldap, url: 'ldap://{ldap_at}', tls: none, base: 'o=lab', attribute: mailHost, user: 'cn=admin', password: env:PM_LDAP}}
load:
  steady: {{via: s1, from: box, to: box, rate: 20/s, duration: {duration}}}
settle: {{canary: no, deadline: 1s}}
""")
    return name


def shapes(*secrets):
    for s in secrets:
        yield s.encode()
        for lead in range(3):  # base64 at each of its three places
            yield base64.b64encode(b"\0" * lead + s.encode())[4 if lead else 0:-4]


def run(program, work, path, folder, env, watch=None, abort=False):
    with open(os.path.join(work, "said"), "wb") as said:
        p = subprocess.Popen([program, "run", path, "--dir", folder], cwd=work, env=env, stdout=said, stderr=subprocess.STDOUT,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
        seen, end = b"", time.monotonic() + PATIENCE
        while p.poll() is None and time.monotonic() < end:
            if watch:
                if os.path.exists(os.path.join(work, "children")):
                    watch.home = b"s2"
                with open(f"/proc/{p.pid}/cmdline", "rb") as f:
                    seen += f.read()
            if abort and os.path.exists(os.path.join(folder, "journal")):
                time.sleep(1)
                p.send_signal(signal.SIGABRT)
                _, status = os.waitpid(p.pid, 0)
                p.returncode = -signal.SIGABRT
                return os.WCOREDUMP(status)
            time.sleep(0.05)
        if p.poll() is None:
            p.kill()
            sys.exit("not ok: it does not end: " + open(os.path.join(work, "said")).read()[-1500:])
    with open(os.path.join(work, "said"), "rb") as f:
        return p.returncode, f.read(), seen


def found(where, folder, *texts):
    out = []
    for shape in shapes(SMTP, IMAP, LDAP):
        out += ["what was said or shown" for t in texts if shape in t]
        for root, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(root, name), "rb") as f:
                    if shape in f.read():
                        out.append(name)
    print("not ok" if out else "ok", where, f"secrets stand in {sorted(set(out))}" if out else "no secret anywhere", sep=": ")
    return not out


def main():
    program = os.path.abspath(sys.argv[1])
    servers = [Server(smtp), Server(imap), Server(ldap)]
    env = dict(os.environ, PM_SMTP=SMTP, PM_LDAP=LDAP)
    good = True
    with tempfile.TemporaryDirectory() as work:
        path = profile(work, *[s.at for s in servers], "2s")
        folder = os.path.join(work, "run1")
        code, said, seen = run(program, work, path, folder, env, watch=servers[2])
        children = b""
        if os.path.exists(os.path.join(work, "children")):
            with open(os.path.join(work, "children"), "rb") as f:
                children = f.read()
        used = [any(s in server.heard for s in shapes(secret)) for server, secret in zip(servers, (SMTP, IMAP, LDAP))]
        good &= all(used) and code in (0, 1, 2) and b"mover.sh" in children and b"run" in seen
        print("ok" if good else "not ok", f"the servers were given their secrets: {used}, exit code {code}, {said[-300:]}", sep=": ")
        good &= found("a run", folder, said, seen, children)
        folder = os.path.join(work, "run2")
        path = profile(work, servers[0].at, Server(parrot).at, servers[2].at, "2s")
        code, said, seen = run(program, work, path, folder, env)
        good &= found(f"a server that repeats what it is told (exit code {code})", folder, said)
        if b"IMAP" not in said and code != 69:
            print("not ok: nobody was refused:", code, said[-500:])
            good = False
        path = profile(work, *[s.at for s in servers], "20s")
        held = run(program, work, path, os.path.join(work, "run3"), env, abort=True)
        with open(path, "w") as f:
            f.write(PLAIN % servers[0].at)
        free = run(program, work, path, os.path.join(work, "run4"), env, abort=True)
        good &= held is False
        print("ok" if held is False else "not ok", f"core with secrets: {held}; without: {free}", sep=": ")
    return 0 if good else 1


sys.exit(main())
