"""tables.py - from what run.py found to bars (met or not), a table for the terminal, and the section of docs/performance.md."""
import statistics

KB = 1024
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
CALL_BARS = {"lockstep": 9, "pipelined": 2.5, "chunking W=8": 0.4, "chunking W=32": 0.12}
SINKS = {"own": "own sink", "smtp-sink": "smtp-sink", "postfix": "Postfix, discard"}


def cell(section, sink, size, contender):
    for c in (section or {}).get("cells", []):
        if (c["sink"], c["size"], c["contender"]) == (sink, size, contender):
            return c
    return None


def mid(values):
    values = sorted(values)
    return {"median": statistics.median(values), "least": values[0], "most": values[-1]}


def ratios(over, under, key="us"):
    """Per round, how many times `over` costs what `under` does."""
    if not over or not under:
        return None
    return mid([a[key] / b[key] for a, b in zip(over["samples"], under["samples"])])


def bar(name, bound, want, got, unit="x"):
    """bound: 'at least' or 'at most'. got: None (not measured) or {median, least, most}."""
    row = {"name": name, "bound": bound, "want": want, "unit": unit, "got": got, "met": None}
    if got:
        row["met"] = got["median"] >= want if bound == "at least" else got["median"] <= want
    return row


def one(value):
    return None if value is None else {"median": value, "least": value, "most": value}


def send_bars(s):
    send = s.get("send")
    rows = []
    for contender, size, want in (("lockstep", KB, 1.25), ("pipelined", KB, 4.5), ("pipelined", 10 * KB, 4),
                                  ("chunking W=8", KB, 20), ("chunking W=8", 10 * KB, 9), ("chunking W=32", KB, 35)):
        rows.append(bar(f"{contender}, {size // KB} KB: cheaper than smtp-source -d", "at least", want,
                        ratios(cell(send, "own", size, "smtp-source"), cell(send, "own", size, contender))))
    rows.append(bar("reconnecting, 1 KB: cheaper than smtp-source's reconnecting", "at least", 1.8,
                    ratios(cell(send, "own", KB, "smtp-source, reconnecting"), cell(send, "own", KB, "reconnecting"))))
    rows.append(bar("pipelined, 1 KB: postal's messages a second", "at least", 40,
                    ratios(cell(send, "own", KB, "pipelined"), cell(send, "own", KB, "postal"), "per_s")))
    return rows


def other_bars(s):
    account, tls, sink = s.get("account"), s.get("tls"), s.get("sink")
    rows = [bar("pipelined, 1 KB: with account, of the cost without", "at most", 1.10,
                ratios(cell(account, "own", KB, "pipelined"), cell(account, "own", KB, "pipelined, no account")))]
    for size, want in ((KB, 3), (10 * KB, 8), (100 * KB, 20)):
        for sender, words in (("pipelined", "pipelined sender"), ("as it comes", "our sender as it comes, CHUNKING here")):
            rows.append(bar(f"own sink, {size // KB} KB, {words}: cheaper than smtp-sink", "at least", want,
                            ratios(cell(sink, "smtp-sink", size, sender), cell(sink, "own", size, sender), "sink_us")))
    rows.append(bar("pipelined, 10 KB: TLS, of the cost in clear", "at most", 3.5,
                    ratios(cell(tls, "own", 10 * KB, "pipelined, TLS"), cell(tls, "own", 10 * KB, "pipelined"))))
    return rows


def was_read(way):
    return isinstance(way, dict) and way.get("per_s", 0) > 0


def imap_bars(s):
    imap = s.get("imap") or {}
    stored = imap if was_read(imap.get("dovecot")) else {}  # without a Dovecot its figures are 0
    canned = imap.get("canned") or {}
    return [bar("IMAP, Dovecot, 1 KB: client CPU a message", "at most", 1.5, one(stored.get("dovecot", {}).get("cpu_us")), "us"),
            bar("IMAP, Dovecot: libcurl's messages a second one by one", "at least", 20, one(stored.get("dovecot_times_libcurl"))),
            bar("IMAP, fake server", "at least", 100000, one(canned.get("per_s")), "/s")]


def sizes_of(s):
    return {x["copies"]: x for x in (s.get("ledger") or {}).get("sizes", []) if not x.get("left_out")}


def ledger_bars(s):
    sizes = sizes_of(s)
    top = sizes.get(100_000_000, {})
    live, replay = top.get("live", {}), top.get("replay", {})
    costs = [x["cost_ns_copy"] for x in sizes.values()]
    peak = max(live.get("peak_bytes", 0), replay.get("peak_bytes", 0))
    spread = one(max(costs) / min(costs)) if len(costs) == 3 else None
    return [bar("ledger, 100 M copies: journal and slot, an event", "at most", 150, one(live.get("ns_event")), "ns"),
            bar("ledger, 100 M copies: replayed", "at least", 15e6, one(replay.get("events_s")), "events/s"),
            bar("ledger, 100 M copies: classified", "at most", 5, mid([live["judge_s"], replay["judge_s"]]) if top else None, "s"),
            bar("ledger, 100 M copies: peak memory", "at most", 3.5, one(peak / 1e9 if peak else None), "GB"),
            bar("ledger, a copy: dearest of 1, 10, 100 M, of the cheapest", "at most", 1.3, spread)]


def report_bars(s):
    """What ten million copies may take, by as many as there were; and what SQLite may for one million."""
    section = s.get("report") or {}
    rows, copies = section.get("rows"), section.get("copies", 10_000_000)
    name, share = f"a run of {copies / 1e6:g} M copies", copies / 10_000_000
    read = [r for k, r in rows.items() if k != "export --sqlite"] if rows else []
    return [bar(f"{name}: the slowest of judge, report, compare, list, trace, window", "at most", 60 * share,
                one(max(r["s"] for r in read) if rows else None), "s"),
            bar(f"{name}: peak memory of the largest of them", "at most", 4 * share,
                one(max(r["peak_bytes"] for r in read) / 1e9 if rows else None), "GB"),
            bar("a run of 1 M copies: export --sqlite", "at most", 10, one(section["export"]["s"] if rows else None), "s")]


def bars(s):
    rows = []
    calls = (s.get("calls") or {}).get("rows", {})
    for contender, want in CALL_BARS.items():
        rows.append(bar(f"{contender}: system calls a message", "at most", want, one(calls.get(contender, {}).get("calls")), ""))
    rows += send_bars(s) + other_bars(s) + imap_bars(s) + ledger_bars(s) + report_bars(s)
    late = [r["p99"] / 1000 for r in (s.get("pace") or {}).get("late_us", [])]
    rows.append(bar("pacing at 10,000/s: lateness, p99", "at most", 1, mid(late) if late else None, "ms"))
    lab = [r["per_s"] for r in (s.get("lab") or {}).get("shots", [])]
    rows.append(bar("end to end on the lab: accounted messages", "at least", 20000, mid(lab) if lab else None, "/s"))
    return rows


# --- how figures look ---------------------------------------------------------------------------------------------------------


def figure(v):
    if v >= 10000:
        return f"{v:,.0f}"
    return f"{v:.3g}" if v < 1000 else f"{v:.0f}"


def spread(g, unit=""):
    text = figure(g["median"]) + unit
    return text if g["least"] == g["most"] else f"{text} ({figure(g['least'])} to {figure(g['most'])})"


def with_unit(unit):
    return unit if unit in ("x", "") else " " + unit if unit[0] != "/" else unit


def bar_cells(b):
    unit = with_unit(b["unit"])
    got = spread(b["got"], unit) if b["got"] else "not measured"
    met = {True: "met", False: "NOT MET", None: "-"}[b["met"]]
    return [b["name"], f"{b['bound']} {figure(b['want'])}{unit}", got, met]


def against(section, c):
    """(what it is compared with, ratio of CPU)"""
    names = ["smtp-source"] if c["contender"] != "reconnecting" else ["smtp-source, reconnecting", "smtp-source"]
    for name in names:
        base = cell(section, c["sink"], c["size"], name)
        if base and name != c["contender"]:
            return ratios(base, c)
    return None


def flood_rows(section):
    for c in section["cells"]:
        x = against(section, c)
        yield [SINKS[c["sink"]], f"{c['size'] // KB} KB", c["contender"], figure(mid([s["us"] for s in c["samples"]])["median"]),
               figure(mid([s["user_us"] for s in c["samples"]])["median"]),
               figure(mid([s["per_s"] for s in c["samples"]])["median"]),
               figure(mid([s["sink_us"] for s in c["samples"]])["median"]), spread(x, "x") if x else ""]


FLOOD_HEAD = ["to", "body", "sender", "sender us", "in user mode", "messages/s", "sink us", "smtp-source / it"]
FLOODS = [("send", "Senders, our sink"), ("peers", "Senders, the sinks of others"), ("account", "Accounting"), ("tls", "TLS"),
          ("sink", "Sinks under our sender")]


def calls_rows(section):
    for name, row in section.get("rows", {}).items():
        most = ", ".join(f"{k} {v:.2f}" for k, v in row["most"].items() if v >= 0.005)
        yield [name, f"{row['calls']:.3f}", most]


def ledger_rows(section):
    for x in section["sizes"]:
        if x.get("left_out"):
            yield [f"{x['copies']:,}", x["left_out"], "", "", "", "", "", ""]
            continue
        live, replay = x["live"], x["replay"]
        yield [f"{x['copies']:,}", figure(x["ready_ns_copy"]), figure(live["ns_event"]), figure(x["cost_ns_copy"]), figure(x["own_ns_copy"]),
               figure(max(live["judge_s"], replay["judge_s"])),
               figure(replay["events_s"] / 1e6), figure(max(live["peak_bytes"], replay["peak_bytes"]) / 1e9),
               figure(x["bytes_copy"])]


LEDGER_HEAD = ["copies", "made ready, ns a copy", "ns an event", "ns a copy", "in user mode", "judged in s", "replayed, M events/s", "peak GB", "peak bytes a copy"]


def octets(n):
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{n / 1e3:.0f} kB"


def report_rows(section):
    yield [f"{section['copies']:,} copies", "", "", "", ""]
    for name, r in section["rows"].items():
        yield [name, figure(r["s"]), figure(r["cpu_s"]), figure(r["peak_bytes"] / 1e6), octets(r["bytes"])]
    if section["copies"] != 1_000_000:
        r = section["export"]
        yield ["export --sqlite of 1,000,000", figure(r["s"]), figure(r["cpu_s"]), figure(r["peak_bytes"] / 1e6), octets(r["bytes"])]


def imap_rows(section):
    for name, row in section.items():
        if was_read(row):
            yield [name.replace("_", " "), figure(row["per_s"]), figure(row["cpu_us"])]
    if section.get("skipped"):
        yield [f"Dovecot: {section['skipped']}", "", ""]


def pace_rows(section):
    for p in ("p50", "p99", "p999", "max"):
        yield [p, spread(mid([r[p] for r in section["late_us"]]))]


def lab_rows(section):
    for key, name in (("per_s", "accounted messages/s"), ("us", "CPU us a message, all threads")):
        yield [name, spread(mid([r[key] for r in section["shots"]]))]


def p1_rows(p):
    yield ["X.400 P1", figure(p["p1_per_s"]), figure(p["p1_cpu_us"]["sender"]), figure(p["p1_cpu_us"]["all"])]
    yield ["echo of equal octets", figure(p["echo_per_s"]), figure(p["echo_cpu_us"]["asking"]), figure(p["echo_cpu_us"]["all"])]


def parts(kept):
    """(title, head, rows) of every table that there is something for."""
    s = kept["sections"]
    yield "Bars", ["what", "bar", "measured", ""], [bar_cells(b) for b in kept["bars"]]
    for name, title in FLOODS:
        if name in s:
            yield title, FLOOD_HEAD, list(flood_rows(s[name]))
    if s.get("calls", {}).get("rows"):
        yield "System calls a message", ["sender", "calls", "of which"], list(calls_rows(s["calls"]))
    for name, title, head, rows in (
            ("ledger", "Ledger", LEDGER_HEAD, ledger_rows),
            ("report", "Reading a large run", ["", "s", "CPU s", "peak MB", "output"], report_rows),
            ("imap", "Reading over IMAP", ["way", "messages/s", "client CPU us"], imap_rows),
            ("pace", "Lateness at 10,000/s, us", ["", "us"], pace_rows), ("lab", "End to end on the lab", ["", ""], lab_rows),
            ("p1", "X.400 P1", ["", "messages/s", "sender us", "all us"], p1_rows)):
        if name in s:
            yield title, head, list(rows(s[name]))


def as_text(head, rows):
    width = [max(len(str(r[i])) for r in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(str(v).ljust(w) for v, w in zip(r, width)).rstrip() for r in [head, *rows])


def as_markdown(head, rows):
    lines = ["| " + " | ".join(r) + " |" for r in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def sections_line(kept):
    return "; ".join(f"{k}: {v['when']}, {v['rounds']} round{'s' * (v['rounds'] != 1)}, load {v['load'][0]}"
                     for k, v in kept["sections"].items())


def machine_line(kept):
    m = kept["machine"]
    peers = ", ".join(f"{k} {v}" for k, v in m["peers"].items())
    return (f"{m['cpu']}, {m['processors']} processors, {m['memory_gb']} GB, Linux {m['kernel']}; senders pinned to one, "
            f"sinks to another; {peers}")


def terminal(kept):
    blocks = [machine_line(kept)]
    for title, head, rows in parts(kept):
        if title != "Bars":
            blocks.append(f"{title}\n{as_text(head, rows)}")
    blocks.append(f"Bars\n{as_text(['what', 'bar', 'measured', ''], [bar_cells(b) for b in kept['bars']])}")
    return "\n\n" + "\n\n".join(blocks)


def write_docs(kept, path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    blocks = [f"Machine: {machine_line(kept)}.",
              f"Taken (load is that of the machine when the section began): {sections_line(kept)}."]
    missed = [b["name"] for b in kept["bars"] if b["met"] is False]
    absent = [b["name"] for b in kept["bars"] if b["met"] is None]
    if missed:
        blocks.append(f"**Not met in this run:** {'; '.join(missed)}.")
    if absent:
        blocks.append(f"**Not measured in this run:** {'; '.join(absent)}.")
    if not missed and not absent:
        blocks.append("All bars were met in this run.")
    for title, columns, rows in parts(kept):
        blocks.append(f"### {title}\n\n{as_markdown(columns, rows)}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + BEGIN + "\n\n" + "\n\n".join(blocks) + "\n\n" + END + tail)
