/* sqlite_schema.c - the tables and views of an exported run. Times are target ns since the load began (NULL: never); `_at` is UTC by
 * the wall's clock (NULL on simulated time). Numbers of servers, mailboxes, loads and moves are the manifest's.
 */
#include <stddef.h>

#include "results/sqlite_export.h"

const char *const sqlite_tables[] = {
    "CREATE TABLE run (id TEXT PRIMARY KEY, name TEXT, variant TEXT, description TEXT, target TEXT,"
    " seed TEXT, time_scale INTEGER, started_at TEXT, verdict TEXT, exit_code INTEGER,"
    " planned_messages INTEGER, planned_copies INTEGER, schema INTEGER) WITHOUT ROWID",
    "CREATE TABLE reasons (place INTEGER PRIMARY KEY, reason TEXT)",
    "CREATE TABLE servers (server INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE mailboxes (mailbox INTEGER PRIMARY KEY, name TEXT, address TEXT,"
    " home INTEGER REFERENCES servers, alternate INTEGER REFERENCES mailboxes, both INTEGER)",
    "CREATE TABLE loads (load INTEGER PRIMARY KEY, name TEXT, protocol TEXT, via TEXT,"
    " first INTEGER, messages INTEGER, recipients INTEGER, alternates INTEGER,"
    " silence_asked INTEGER)",
    "CREATE TABLE moves (move INTEGER PRIMARY KEY, mailbox INTEGER REFERENCES mailboxes,"
    " from_server INTEGER REFERENCES servers, to_server INTEGER REFERENCES servers, schedule TEXT,"
    " result TEXT, planned_ns INTEGER, asked_ns INTEGER, copy_ns INTEGER, flipped_ns INTEGER,"
    " done_ns INTEGER, failed_ns INTEGER, verified_ns INTEGER, disproved_ns INTEGER)",
    "CREATE TABLE classes (class TEXT PRIMARY KEY, became TEXT, responsibility TEXT,"
    " transparency TEXT, bad INTEGER, copies INTEGER, primaries INTEGER) WITHOUT ROWID",
    "CREATE TABLE gates (gate TEXT, amount INTEGER, most INTEGER, open INTEGER, verdict TEXT)",
    "CREATE TABLE identities (identity TEXT PRIMARY KEY, left_side INTEGER, right_side INTEGER,"
    " residual INTEGER) WITHOUT ROWID",
    "CREATE TABLE sessions (load INTEGER REFERENCES loads, server INTEGER REFERENCES servers,"
    " connections INTEGER, tls INTEGER, resumed INTEGER, lockstep INTEGER, pipelining INTEGER,"
    " chunking INTEGER, chunk_window INTEGER, reset INTEGER, lmtp INTEGER, p1 INTEGER)",
    "CREATE TABLE findings (finding TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID",
    "CREATE TABLE messages (number INTEGER PRIMARY KEY, token TEXT, load INTEGER REFERENCES loads,"
    " originator INTEGER REFERENCES mailboxes, server INTEGER REFERENCES servers, sent_ns INTEGER,"
    " sent_at TEXT, late_us INTEGER)",
    "CREATE TABLE copies (number INTEGER REFERENCES messages, recipient INTEGER, role TEXT,"
    " recipient_mailbox INTEGER REFERENCES mailboxes, mailbox INTEGER REFERENCES mailboxes,"
    " class TEXT REFERENCES classes, flags TEXT, ending TEXT, status TEXT, final INTEGER,"
    " accepted_ns INTEGER, first_seen_ns INTEGER, reported_ns INTEGER,"
    " move INTEGER REFERENCES moves, phase TEXT, phase_ns INTEGER, accept_us INTEGER,"
    " deliver_us INTEGER, end_to_end_us INTEGER, ndr_us INTEGER)",
    "CREATE TABLE reports (t_ns INTEGER, number INTEGER, server INTEGER REFERENCES servers,"
    " mailbox INTEGER REFERENCES mailboxes, kind TEXT, status TEXT, to_originator INTEGER,"
    " malformed INTEGER, weak INTEGER, wrong_status INTEGER, loop INTEGER, fingerprint INTEGER)",
    "CREATE TABLE report_files (name TEXT PRIMARY KEY, bytes INTEGER, text TEXT) WITHOUT ROWID",
    "CREATE TABLE events (t_ns INTEGER, kind TEXT, number INTEGER, server INTEGER,"
    " a INTEGER, b INTEGER, code INTEGER, slot INTEGER, words TEXT)",
    NULL,
};

#define PERCENTILES(column)                                                                        \
    "SELECT '" column "' AS latency, COUNT(*) AS copies,"                                          \
    " MAX(CASE WHEN at = (n * 50 + 99) / 100 THEN us END) AS p50_us,"                              \
    " MAX(CASE WHEN at = (n * 90 + 99) / 100 THEN us END) AS p90_us,"                              \
    " MAX(CASE WHEN at = (n * 99 + 99) / 100 THEN us END) AS p99_us,"                              \
    " MAX(CASE WHEN at = (n * 999 + 999) / 1000 THEN us END) AS p999_us, MAX(us) AS max_us"        \
    " FROM (SELECT " column "_us AS us, ROW_NUMBER() OVER (ORDER BY " column "_us) AS at,"         \
    " COUNT(*) OVER () AS n FROM copies WHERE " column "_us IS NOT NULL)"

#define STORY(when, what, more)                                                                    \
    "SELECT b.name, c." when ", c.number, c.role, '" what "', " more                               \
    " FROM copies c JOIN mailboxes b ON b.mailbox = c.recipient_mailbox WHERE c." when             \
    " IS NOT NULL"

#define MARK(column, what)                                                                         \
    "SELECT b.name, m." column "_ns, NULL, NULL, 'move " what                                      \
    "', 'move ' || m.move || ' to ' || s.name FROM moves m JOIN mailboxes b USING (mailbox)"       \
    " LEFT JOIN servers s ON s.server = m.to_server WHERE m." column "_ns IS NOT NULL"

/* clang-format off */
#define STORIES                                                                                    \
    " " STORY("accepted_ns", "accepted", "c.class")                                                \
    " UNION ALL " STORY("first_seen_ns", "first seen", "c.flags")                                  \
    " UNION ALL " STORY("reported_ns", "reported", "c.status")                                     \
    " UNION ALL " MARK("asked", "asked")                                                           \
    " UNION ALL " MARK("copy", "copying")                                                          \
    " UNION ALL " MARK("flipped", "flipped")                                                       \
    " UNION ALL " MARK("done", "done")                                                             \
    " UNION ALL " MARK("failed", "failed")

#define LATENCIES                                                                                  \
    " " PERCENTILES("accept")                                                                      \
    " UNION ALL " PERCENTILES("deliver")                                                           \
    " UNION ALL " PERCENTILES("end_to_end")                                                        \
    " UNION ALL " PERCENTILES("ndr")
/* clang-format on */

const char *const sqlite_views[] = {
    "CREATE INDEX copies_number ON copies (number)",
    "CREATE INDEX copies_class ON copies (class, move)",
    "CREATE INDEX copies_mailbox ON copies (recipient_mailbox, accepted_ns)",
    "CREATE INDEX copies_move ON copies (move) WHERE move IS NOT NULL",
    "CREATE INDEX messages_token ON messages (token)",
    "CREATE INDEX reports_number ON reports (number)",
    /* Copies that are no good, with names in place of numbers. */
    "CREATE VIEW bad_copies AS SELECT c.class, c.number, m.token, c.role, r.name AS recipient,"
    " b.name AS mailbox, c.move, c.phase, c.phase_ns / 1e9 AS phase_s, m.sent_at, c.status, c.flags"
    " FROM copies c JOIN classes k USING (class) JOIN messages m USING (number)"
    " LEFT JOIN mailboxes r ON r.mailbox = c.recipient_mailbox"
    " LEFT JOIN mailboxes b ON b.mailbox = c.mailbox WHERE k.bad",
    "CREATE VIEW bad_by_move AS SELECT v.move, b.name AS mailbox, f.name AS from_server,"
    " t.name AS to_server, v.result, c.class, COUNT(*) AS copies,"
    " MIN(c.phase_ns) / 1e9 AS first_s, MAX(c.phase_ns) / 1e9 AS last_s"
    " FROM copies c JOIN classes k USING (class) JOIN moves v ON v.move = c.move"
    " LEFT JOIN mailboxes b ON b.mailbox = v.mailbox"
    " LEFT JOIN servers f ON f.server = v.from_server"
    " LEFT JOIN servers t ON t.server = v.to_server WHERE k.bad GROUP BY v.move, c.class",
    "CREATE VIEW class_mix_by_phase AS SELECT phase, class, COUNT(*) AS copies,"
    " ROUND(100.0 * COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY phase), 4) AS percent"
    " FROM copies GROUP BY phase, class",
    "CREATE VIEW class_mix_by_load AS SELECT l.name AS load, c.class, COUNT(*) AS copies,"
    " ROUND(100.0 * COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY l.load), 4) AS percent"
    " FROM copies c JOIN messages m USING (number) JOIN loads l USING (load)"
    " GROUP BY l.load, c.class",
    "CREATE VIEW mailbox_accounts AS SELECT b.name AS mailbox, c.class, COUNT(*) AS copies"
    " FROM copies c JOIN mailboxes b ON b.mailbox = c.recipient_mailbox"
    " GROUP BY b.mailbox, c.class",
    /* In order of time: SELECT * FROM mailbox_story WHERE mailbox = 'joanne-1' ORDER BY t_ns. */
    "CREATE VIEW mailbox_story (mailbox, t_ns, number, role, what, more) AS" STORIES,
    "CREATE VIEW latency_percentiles AS" LATENCIES,
    NULL,
};
