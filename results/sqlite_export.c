/* sqlite_export.c - see sqlite_export.h. Statements are prepared once a table; a column's value is NULL where nothing is known. */
#include "results/sqlite_export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "results/journal.h"
#include "results/report_moves.h"
#include "results/report_stream.h"

#define SCHEMA           1
#define PATH_MAX_BYTES   1200
#define STATUS_MAX       240
#define REPORT_MAX_BYTES 16384u /* of a kept report's text */
#define WIDEST           3u     /* octets of U+FFFD: what one of no character may become */
#define ROW_BYTES        4096u
#define REPORTS_MAX      100000u /* kept reports */

struct exporting {
    const struct report_source *source;
    const struct manifest *m;
    const struct judgement *j;
    sqlite3 *db;
    sqlite3_stmt *row; /* of the table at hand */
    int column;
    sqlite3_stmt *messages, *copies, *reports, *events; /* while they stream */
    struct same_status status;
    struct buf words; /* of the row at hand, that the statement borrows */
    bool all_events, failed;
    struct sqlite_exported done;
};

static bool says(struct exporting *x, struct err *e, const char *doing)
{
    return err_set(e, EX_IO, "%s: %s", doing, x->db ? sqlite3_errmsg(x->db) : "out of memory");
}

static bool run_sql(struct exporting *x, const char *sql, struct err *e)
{
    return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK || says(x, e, "SQLite");
}

/* Columns are bound from left to right: begin, then one call a column, then end. */
static void begin(struct exporting *x, sqlite3_stmt *row)
{
    x->row = row;
    x->column = 0;
    buf_clear(&x->words);
}

static void number(struct exporting *x, uint64_t n)
{
    x->failed |= sqlite3_bind_int64(x->row, ++x->column, (sqlite3_int64)n) != SQLITE_OK;
}

static void nothing(struct exporting *x)
{
    x->failed |= sqlite3_bind_null(x->row, ++x->column) != SQLITE_OK;
}

static void place(struct exporting *x, uint32_t n)
{
    if (n == NO_INDEX)
        nothing(x);
    else
        number(x, n);
}

static void when(struct exporting *x, uint64_t t_ns)
{
    if (t_ns == NEVER_NS)
        nothing(x);
    else
        number(x, t_ns);
}

static void spent(struct exporting *x, uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns == NEVER_NS || to_ns == NEVER_NS)
        nothing(x);
    else
        number(x, to_ns > from_ns ? (to_ns - from_ns) / NS_PER_US : 0);
}

static void own(struct exporting *x, const char *text) /* ours, and for ever */
{
    x->failed |= sqlite3_bind_text(x->row, ++x->column, text, -1, SQLITE_STATIC) != SQLITE_OK;
}

/* Where the row's words have no room left, and would move if they were given more, SQLite keeps a copy. */
static void bytes(struct exporting *x, struct slice said)
{
    bool stays = x->words.room - x->words.n > WIDEST * said.n;
    size_t at = stays ? x->words.n : 0;
    struct buf apart, *to = stays ? &x->words : &apart;

    buf_init(&apart, WIDEST * said.n + 1);
    report_utf8(to, said);
    x->failed |=
        sqlite3_bind_text(x->row, ++x->column, to->n ? (const char *)to->p + at : "",
                          (int)(to->n - at), stays ? SQLITE_STATIC : SQLITE_TRANSIENT) != SQLITE_OK;
    buf_fini(&apart);
}

static void words(struct exporting *x, const char *text) /* of others */
{
    bytes(x, slice_of(text));
}

static void iso(struct exporting *x, uint64_t t_ns)
{
    char at[ISO_BYTES];

    if (*report_iso(at, x->m, t_ns))
        words(x, at);
    else
        nothing(x);
}

static bool end(struct exporting *x)
{
    x->failed |= x->failed || sqlite3_step(x->row) != SQLITE_DONE;
    x->failed |= sqlite3_reset(x->row) != SQLITE_OK;
    return !x->failed;
}

static sqlite3_stmt *prepare(struct exporting *x, const char *sql, struct err *e)
{
    sqlite3_stmt *row = NULL;

    if (sqlite3_prepare_v2(x->db, sql, -1, &row, NULL) != SQLITE_OK)
        (void)says(x, e, "SQLite");
    return row;
}

/* ---------------------------------------------------------------------------------------------------- small tables */

static void run_rows(struct exporting *x)
{
    const struct manifest *m = x->m;
    char id[24], seed[24];

    (void)snprintf(id, sizeof id, "%016" PRIx64, m->run_id);
    (void)snprintf(seed, sizeof seed, "%" PRIu64, m->seed);
    begin(x, x->row);
    words(x, id);
    words(x, m->name);
    words(x, m->variant);
    words(x, m->description);
    words(x, m->target);
    words(x, seed);
    number(x, m->time_scale);
    iso(x, 0);
    own(x, verdict_name(x->j->verdict));
    number(x, (uint64_t)x->j->exit_code);
    number(x, m->planned_messages);
    number(x, x->j->tally.planned);
    number(x, SCHEMA);
    (void)end(x);
}

static void reason_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->j->reason_count; i++) {
        begin(x, x->row);
        number(x, i);
        words(x, x->j->reasons[i]);
        (void)end(x);
    }
}

static void server_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->m->server_count; i++) {
        begin(x, x->row);
        number(x, i);
        words(x, x->m->servers[i]);
        (void)end(x);
    }
}

static void mailbox_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->m->mailbox_count; i++) {
        const struct manifest_mailbox *b = &x->m->mailboxes[i];

        begin(x, x->row);
        number(x, i);
        words(x, b->name);
        words(x, b->address);
        place(x, b->home);
        place(x, b->alternate);
        number(x, b->both);
        (void)end(x);
    }
}

static void load_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->m->load_count; i++) {
        const struct manifest_load *l = &x->m->loads[i];

        begin(x, x->row);
        number(x, i);
        words(x, l->name);
        words(x, l->protocol);
        words(x, l->via);
        number(x, l->first);
        number(x, l->count);
        number(x, l->recipients);
        number(x, l->alternates);
        number(x, l->silence_asked);
        (void)end(x);
    }
}

static void move_rows(struct exporting *x)
{
    static const enum move_mark marks[] = {MARK_ASKED,  MARK_COPY,     MARK_FLIPPED,  MARK_DONE,
                                           MARK_FAILED, MARK_VERIFIED, MARK_DISPROVED};

    for (uint32_t i = 0; i < x->m->move_count; i++) {
        const struct manifest_move *v = &x->m->moves[i];
        const struct move_marks *k = &x->j->tally.marks[i];

        begin(x, x->row);
        number(x, i);
        place(x, v->mailbox);
        place(x, v->from);
        place(x, v->to);
        words(x, v->schedule);
        own(x, report_move_result(k));
        when(x, v->at_ns);
        for (unsigned n = 0; n < sizeof marks / sizeof marks[0]; n++)
            when(x, k->mark_ns[marks[n]]);
        (void)end(x);
    }
}

static void class_rows(struct exporting *x)
{
    for (enum outcome o = 0; o < CLASS_COUNT; o++) {
        begin(x, x->row);
        own(x, class_name(o));
        own(x, class_became(o));
        own(x, report_axis(class_responsibility(o)));
        own(x, report_axis(class_transparency(o)));
        number(x, class_is_bad(o));
        number(x, x->j->tally.classes[o]);
        number(x, x->j->tally.primaries[o]);
        (void)end(x);
    }
}

static void gate_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->j->gate_count; i++) {
        const struct gate_result *g = &x->j->gates[i];

        begin(x, x->row);
        words(x, g->name);
        number(x, g->count);
        number(x, g->limit);
        number(x, g->open);
        own(x, gate_verdict_name(g->verdict));
        (void)end(x);
    }
}

static void identity_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->j->identity_count; i++) {
        const struct identity *d = &x->j->identities[i];

        begin(x, x->row);
        words(x, d->name);
        number(x, d->left);
        number(x, d->right);
        number(x, d->left - d->right);
        (void)end(x);
    }
}

static void session_rows(struct exporting *x)
{
    for (uint32_t i = 0; i < x->j->tally.session_count; i++) {
        const struct session_sum *s = &x->j->tally.sessions[i];

        begin(x, x->row);
        place(x, s->load);
        place(x, s->server);
        number(x, s->connections);
        number(x, s->tls);
        number(x, s->resumed);
        number(x, s->lockstep);
        number(x, s->pipelining);
        number(x, s->chunking);
        number(x, s->window);
        number(x, s->reset);
        number(x, s->lmtp);
        number(x, s->p1);
        (void)end(x);
    }
}

static void finding_rows(struct exporting *x)
{
    for (unsigned i = 0; i < FIND_COUNT; i++) {
        begin(x, x->row);
        own(x, event_finding_name(i));
        number(x, x->j->tally.health.findings[i]);
        (void)end(x);
    }
}

/* ---------------------------------------------------------------------------------------------------- kept reports */

static int is_report(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void report_row(struct exporting *x, int dir, const char *name)
{
    unsigned char text[REPORT_MAX_BYTES];
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return;
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : -1;

    (void)close(fd);
    if (n < 0)
        return;
    begin(x, x->row);
    words(x, name);
    number(x, (uint64_t)st.st_size);
    bytes(x, slice_from(text, (size_t)n));
    (void)end(x);
}

/* Those of reports/, by name; a run without them has none. */
static void report_file_rows(struct exporting *x)
{
    char path[PATH_MAX_BYTES];
    struct dirent **all = NULL;

    (void)snprintf(path, sizeof path, "%s/reports", x->source->run_dir);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int n = dir < 0 ? 0 : scandir(path, &all, is_report, alphasort);

    for (int i = 0; i < n; i++) {
        if (i < (int)REPORTS_MAX && !x->failed)
            report_row(x, dir, all[i]->d_name);
        free(all[i]);
    }
    free(all);
    if (dir >= 0)
        (void)close(dir);
}

static const struct small {
    const char *sql;
    void (*rows)(struct exporting *x);
} smalls[] = {
    {"INSERT INTO run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", run_rows},
    {"INSERT INTO reasons VALUES (?,?)", reason_rows},
    {"INSERT INTO servers VALUES (?,?)", server_rows},
    {"INSERT INTO mailboxes VALUES (?,?,?,?,?,?)", mailbox_rows},
    {"INSERT INTO loads VALUES (?,?,?,?,?,?,?,?,?)", load_rows},
    {"INSERT INTO moves VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", move_rows},
    {"INSERT INTO classes VALUES (?,?,?,?,?,?,?)", class_rows},
    {"INSERT INTO gates VALUES (?,?,?,?,?)", gate_rows},
    {"INSERT INTO identities VALUES (?,?,?,?)", identity_rows},
    {"INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", session_rows},
    {"INSERT INTO findings VALUES (?,?)", finding_rows},
    {"INSERT INTO report_files VALUES (?,?,?)", report_file_rows},
};

static bool fill_small(struct exporting *x, struct err *e)
{
    for (size_t i = 0; i < sizeof smalls / sizeof smalls[0]; i++) {
        sqlite3_stmt *row = prepare(x, smalls[i].sql, e);

        if (!row)
            return false;
        x->row = row;
        smalls[i].rows(x);
        if (x->failed)
            (void)says(x, e, "SQLite");
        (void)sqlite3_finalize(row);
        if (x->failed)
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ messages, copies */

static uint64_t planned_ns(const struct exporting *x, const struct copy *p)
{
    uint64_t late_ns = (uint64_t)p->late_us * NS_PER_US * x->m->time_scale;

    return p->sent_ns == NEVER_NS ? NEVER_NS : p->sent_ns > late_ns ? p->sent_ns - late_ns : 0;
}

static void message_row(struct exporting *x, const struct copy *p)
{
    char token[27];

    begin(x, x->messages);
    number(x, p->number);
    words(x, said_token(x->source, p->number, token));
    number(x, p->load);
    place(x, p->from);
    place(x, p->tried ? p->server : NO_INDEX);
    when(x, p->sent_ns);
    iso(x, p->sent_ns);
    if (p->tried)
        number(x, p->late_us);
    else
        nothing(x);
    (void)end(x);
}

static void flags(struct exporting *x, const struct copy *p)
{
    struct buf text;

    if (!p->flags) {
        own(x, "");
        return;
    }
    buf_init(&text, 4096);
    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1)
            buf_add_format(&text, "%s%s", text.n ? " " : "", flag_name(f));
    words(x, buf_text(&text));
    buf_fini(&text);
}

static void latencies(struct exporting *x, const struct copy *p)
{
    bool accepted = p->facts.k == END_ACCEPTED, seen = accepted && p->facts.h;
    uint64_t planned = planned_ns(x, p), taken = accepted ? p->end_ns : NEVER_NS;

    spent(x, p->alternate ? NEVER_NS : planned, taken);
    spent(x, seen ? taken : NEVER_NS, p->first_seen_ns);
    spent(x, seen ? planned : NEVER_NS, p->first_seen_ns);
    spent(x, taken, p->first_reported_ns);
}

static void copy_row(struct exporting *x, const struct copy *p)
{
    bool near = p->move.move != NO_INDEX;

    begin(x, x->copies);
    number(x, p->number);
    number(x, p->recipient);
    own(x, p->alternate ? "alternate" : "primary");
    place(x, p->to);
    place(x, p->mailbox);
    own(x, class_name(p->outcome));
    flags(x, p);
    own(x, event_ending_name(p->facts.k));
    words(x, same_status(&x->status, x->source, p));
    number(x, p->facts.z);
    when(x, p->facts.k == END_ACCEPTED ? p->end_ns : NEVER_NS);
    when(x, p->first_seen_ns);
    when(x, p->first_reported_ns);
    place(x, p->move.move);
    own(x, move_phase_name(p->move.phase));
    if (near)
        number(x, (uint64_t)p->move.phase_ns);
    else
        nothing(x);
    latencies(x, p);
    x->done.copies += end(x);
}

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct exporting *x = owner;

    if (n)
        message_row(x, &copies[0]);
    for (uint32_t i = 0; i < n; i++)
        copy_row(x, &copies[i]);
    return !x->failed;
}

static bool fill_copies(struct exporting *x, struct err *e)
{
    x->messages = prepare(x, "INSERT INTO messages VALUES (?,?,?,?,?,?,?,?)", e);
    x->copies =
        prepare(x, "INSERT INTO copies VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", e);
    bool ok = x->messages && x->copies && report_each_copy(x->source, on_message, x, e) &&
              (!x->failed || says(x, e, "SQLite"));

    (void)sqlite3_finalize(x->messages);
    (void)sqlite3_finalize(x->copies);
    return ok;
}

/* ----------------------------------------------------------------------------------------------------- the journal */

static void reported_row(struct exporting *x, const struct event *ev)
{
    static const char *const kinds[] = {"?",         "failed",  "delayed",
                                        "delivered", "relayed", "expanded"};
    static const uint32_t bits[] = {REPORT_TO_ORIGINATOR, REPORT_MALFORMED, REPORT_WEAK,
                                    REPORT_WRONG_STATUS, REPORT_LOOP};
    unsigned kind = ev->code & 7u;
    char status[STATUS_MAX];

    begin(x, x->reports);
    when(x, ev->t_ns);
    number(x, ev->slot / x->m->stride);
    number(x, ev->place);
    place(x, ev->a);
    own(x, kinds[kind < 6 ? kind : 0]);
    words(x, status_words(x->source->words, ev->code, 0, status, sizeof status));
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
        number(x, (ev->code & bits[i]) != 0);
    number(x, ev->b);
    (void)end(x);
}

static bool is_about_a_message(unsigned kind)
{
    return kind == EV_SENT || kind == EV_END || kind == EV_SEEN || kind == EV_GONE ||
           kind == EV_QUEUED || kind == EV_REPORT;
}

static void event_row(struct exporting *x, const struct event *ev)
{
    struct buf said;

    begin(x, x->events);
    when(x, ev->t_ns);
    own(x, event_kind_name(ev->kind));
    if (is_about_a_message(ev->kind))
        number(x, ev->slot / x->m->stride);
    else
        nothing(x);
    number(x, ev->place);
    place(x, ev->a);
    place(x, ev->b);
    number(x, ev->code);
    number(x, ev->slot);
    buf_init(&said, 65536);
    (void)event_words(x->m, x->source->words, ev, &said);
    bytes(x, buf_slice(&said));
    buf_fini(&said);
    x->done.events += end(x);
}

static void on_block(void *owner, const struct event *events, uint32_t count)
{
    struct exporting *x = owner;

    for (uint32_t i = 0; i < count && !x->failed; i++) {
        if (events[i].kind == EV_REPORT)
            reported_row(x, &events[i]);
        if (x->all_events)
            event_row(x, &events[i]);
    }
}

static bool fill_journal(struct exporting *x, struct err *e)
{
    char path[PATH_MAX_BYTES];
    uint32_t torn;

    (void)snprintf(path, sizeof path, "%s/journal", x->source->run_dir);
    x->reports = prepare(x, "INSERT INTO reports VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", e);
    x->events = prepare(x, "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", e);
    bool ok = x->reports && x->events && journal_read(path, x->m->run_id, on_block, x, &torn, e) &&
              (!x->failed || says(x, e, "SQLite"));

    (void)sqlite3_finalize(x->reports);
    (void)sqlite3_finalize(x->events);
    return ok;
}

/* -------------------------------------------------------------------------------------------------------- the file */

static bool run_each(struct exporting *x, const char *const *sql, struct err *e)
{
    for (; *sql; sql++)
        if (!run_sql(x, *sql, e))
            return false;
    return true;
}

/* Nobody sees the file before it is whole, so that neither a journal nor a sync is needed until then. */
static bool fill(struct exporting *x, struct err *e)
{
    return run_sql(x,
                   "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                   "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;"
                   "PRAGMA application_id = 1347244364; PRAGMA user_version = 1; BEGIN",
                   e) &&
           run_each(x, sqlite_tables, e) && fill_small(x, e) && fill_copies(x, e) &&
           fill_journal(x, e) && run_each(x, sqlite_views, e) &&
           (x->all_events ? run_sql(x, "CREATE INDEX events_number ON events (number, t_ns)", e)
                          : run_sql(x, "DROP TABLE events", e)) &&
           run_sql(x, "COMMIT", e);
}

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;

    return close(fd) == 0 && ok;
}

static bool write_part(struct exporting *x, const char *part, struct err *e)
{
    if (unlink(part) < 0 && errno != ENOENT)
        return err_set(e, EX_IO, "%s: %s", part, strerrordesc_np(errno));
    bool ok = sqlite3_open_v2(part, &x->db,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                              NULL) == SQLITE_OK
                  ? fill(x, e)
                  : says(x, e, part);

    if (sqlite3_close(x->db) != SQLITE_OK && ok)
        ok = err_set(e, EX_IO, "%s: it cannot be closed", part);
    return ok;
}

bool sqlite_export(const struct report_source *s, const char *path, bool events,
                   struct sqlite_exported *done, struct err *e)
{
    struct exporting x = {
        .source = s, .m = s->run->manifest, .j = s->run->judgement, .all_events = events};
    char part[PATH_MAX_BYTES];

    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(e, EX_IO, "%s: the name is too long", path);
    buf_init(&x.words, ROW_BYTES);
    bool ok = (buf_reserve(&x.words, ROW_BYTES) || err_set(e, EX_IO, "out of memory")) &&
              (write_part(&x, part, e) || err_wrap(e, "%s", path));

    if (ok && (!sync_file(part) || rename(part, path) < 0))
        ok = err_set(e, EX_IO, "%s: %s", path, strerrordesc_np(errno));
    if (!ok)
        (void)unlink(part);
    buf_fini(&x.words);
    *done = x.done;
    return ok;
}
