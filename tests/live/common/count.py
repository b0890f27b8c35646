#!/usr/bin/env python3
"""count.py - an independent count of a live run: every file of every mailbox, NDR box and queue, against what postmuster says.

usage: count.py CTL RUN COPIES [--suppressed]
  CTL     the system's ctl.sh; its `folders`, `home` and `qdirs` say where files lie and who lives where
  RUN     the run's folder, for summary.json
  COPIES  what `postmuster list RUN --json` printed: which copies there should be, and the class that it gave to each

Nothing of the product's is used but the tokens that it stamped. From files alone follow, per copy: h whole copies at home, l at
an old home, o in other mailboxes, q queue entries, f NDRs that name the recipient as failed. From those and from how the
sender's conversation ended follows the class. What is nowhere is silent: whether it was visible before (vanished), lost
(silent-loss) or silent by request cannot be seen in files; --suppressed says that every sender had asked for silence.
Exit status 0: every copy agrees, and the classes add up to the summary's. 1: they do not.
"""
import collections
import email
import email.policy
import json
import os
import re
import subprocess
import sys

TOKEN = re.compile(rb"pm\.([a-z2-7]{26})", re.I)
SILENT = {"vanished", "silent-loss", "silent-by-request"}


def ctl(path, *words):
    return subprocess.run([path, *words], check=True, capture_output=True, text=True).stdout


def mails(folder):
    """The messages of a Maildir, or of a Cyrus mailbox (files called "17."), as octets."""
    for part in ("cur", "new", "."):
        where = os.path.join(folder, part)
        for name in sorted(os.listdir(where)) if os.path.isdir(where) else []:
            if part == "." and not re.fullmatch(r"\d+\.", name):
                continue
            with open(os.path.join(where, name), "rb") as f:
                yield f.read()


def is_report(raw):
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].lower()
    return b"multipart/report" in head or (b"\nsubject: delivery status notification" in head and b"multipart/mixed" in head)


def failures(raw):
    """(token, failed address) of every recipient that a report calls failed; empty for what is no report."""
    if not is_report(raw):
        return []
    token = TOKEN.search(raw)
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    found = []
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in part.get_payload():
            action = (block.get("Action") or "").strip().lower()
            # OpenSMTPD 6.8 says "delayed" of what it has just deleted (and of nothing else here: its first warning is an hour off).
            if action != "failed" and not (action == "delayed" and b"\nSubject: Delivery status notification" in raw):
                continue
            address = (block.get("Final-Recipient") or "").split(";", 1)[-1].strip().lower()
            found.append((token.group(1).decode().lower() if token else "", address))
    return found


def own_token(raw):
    """The token in a message's own header: that of a copy."""
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    m = re.search(rb"(?im)^X-Postmuster:\s*pm\.([a-z2-7]{26})", head)
    return m.group(1).decode().lower() if m else ""


class Site:
    """What lies where."""

    def __init__(self, path):
        self.path = path
        self.homes = {}
        self.copies = collections.Counter()  # (token, server, mailbox)
        self.where = collections.defaultdict(set)  # token: (server, mailbox)
        self.failed = collections.Counter()  # (token, local part)
        self.queued = collections.Counter()  # token
        self.files = 0
        for line in ctl(path, "folders").splitlines():
            server, mailbox, folder = line.split(" ", 2)
            self.read_folder(server, mailbox, folder)
        for folder in ctl(path, "qdirs").split():
            for top, _, names in os.walk(folder):
                for name in names:
                    self.read_queued(os.path.join(top, name))

    def read_folder(self, server, mailbox, folder):
        for raw in mails(folder):
            self.files += 1
            reports = failures(raw)
            for token, address in reports:
                self.failed[token, address.split("@")[0]] += 1
            token = own_token(raw)
            if token and not is_report(raw):
                self.copies[token, server, mailbox] += 1
                self.where[token].add((server, mailbox))

    def read_queued(self, path):
        try:
            with open(path, "rb") as f:
                for token in {t.decode().lower() for t in TOKEN.findall(f.read())}:
                    self.queued[token] += 1
        except FileNotFoundError:
            pass  # it left the queue just now; the next run of this count would say so

    def home(self, mailbox):
        if mailbox not in self.homes:
            self.homes[mailbox] = ctl(self.path, "home", mailbox).strip()
        return self.homes[mailbox]


def classify(site, copy, mates):
    """The class of a copy; `mates` are the mailboxes that this message may be in."""
    token, box, ending = copy["token"], copy["mailbox"], copy["ending"]
    home = site.home(box)
    h = site.copies[token, home, box]
    l = sum(site.copies[token, s, b] for s, b in site.where[token] if b == box and s != home)
    o = sum(site.copies[token, s, b] for s, b in site.where[token] if b not in mates)
    q, f = site.queued[token], site.failed[token, box]
    if ending == "none":
        return "phantom" if h + l + o + q + f else "not-sent"
    if o and copy["role"] == "primary":
        return "misdelivered"
    if ending not in ("accepted", "doubt"):
        return "refused-but-taken" if h + l + q else "refused-and-ndr" if f else ending
    if h and f:
        return "contradiction"
    if h > 1:
        return "duplicated"
    if h:
        return "delivered-residue" if l else "delivered"
    if l:
        return "left-behind"
    if q:
        return "ndr-but-queued" if f else "stranded"
    if f:
        return "ndr"
    return "silent"


def agrees(mine, theirs, suppressed):
    if mine == "silent":
        return theirs == "silent-by-request" if suppressed else theirs in SILENT - {"silent-by-request"}
    return mine == theirs


def main(argv):
    suppressed = "--suppressed" in argv
    path, run, listing = [a for a in argv if not a.startswith("--")]
    with open(listing) as f:
        copies = [json.loads(line) for line in f]
    with open(os.path.join(run, "summary.json")) as f:
        summary = json.load(f)
    site = Site(path)
    mates = collections.defaultdict(set)
    for c in copies:
        mates[c["token"]].add(c["mailbox"])
    mine, theirs, wrong = collections.Counter(), collections.Counter(), []
    for c in copies:
        found = classify(site, c, mates[c["token"]])
        mine[found] += 1
        theirs[c["class"]] += 1
        if not agrees(found, c["class"], suppressed):
            wrong.append((c["number"], c["mailbox"], found, c["class"]))
    strangers = [t for t in site.where if t not in mates]
    told = {k: v for k, v in summary["classes"].items() if v}
    print(f"count: {site.files} files, {len(copies)} copies: " + ", ".join(f"{k} {v}" for k, v in sorted(mine.items())))
    if told != dict(theirs):
        print(f"count: summary.json says {told}, the list {dict(theirs)}")
    for number, box, found, said in wrong[:20]:
        print(f"count: message {number} to {box}: files say {found}, postmuster {said}")
    for token in strangers[:20]:
        print(f"count: a copy of {token} lies somewhere, and is in no list")
    bad = len(wrong) + len(strangers) + (told != dict(theirs))
    print(f"count: {len(copies) - len(wrong)} of {len(copies)} copies agree" + ("" if not bad else ": NOT THE SAME"))
    return 1 if bad or not copies else 0


if __name__ == "__main__":
    if len([a for a in sys.argv[1:] if not a.startswith("--")]) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    sys.exit(main(sys.argv[1:]))
