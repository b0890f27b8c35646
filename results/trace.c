/* trace.c - `trace`: the events about one message, mailbox or move in words, and the class of each copy with its row.
 *
 * The journal is read once more and only what concerns the question is kept; scans that found nothing new are left out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "results/bag.h"
#include "results/copies.h"
#include "results/journal.h"
#include "results/ledger_private.h"
#include "results/lines.h"
#include "results/report_text.h"

#define TRACE_EVENTS_MAX (1u << 20)
#define STATUS_MAX       240

struct tracing {
    const struct manifest *m;
    const struct ledger *l;
    bool (*concerns)(const struct tracing *t, const struct event *ev);
    uint64_t number;
    uint32_t mailbox, move;
    struct bag found;
};

static const char *server(const struct manifest *m, uint32_t at)
{
    return at < m->server_count ? m->servers[at] : "?";
}

static const char *mailbox(const struct manifest *m, uint32_t at)
{
    return at < m->mailbox_count ? m->mailboxes[at].name : "nobody";
}

/* ---------------------------------------------------------------------------------------------------------- words */

static bool words_of_end(const struct manifest *m, const struct line_sink *sink,
                         const struct event *ev, struct buf *out)
{
    char code[STATUS_MAX];
    const char *words = status_words(sink, ev->code, ev->a, code, sizeof code);

    return buf_add_format(out, "%s: %s at %s%s%s", server(m, ev->place),
                          event_ending_name(ev->a & 0xff), event_stage_name(ev->a >> 8 & 0xff),
                          *words ? " " : "", words);
}

static bool words_of_report(const struct manifest *m, const struct line_sink *sink,
                            const struct event *ev, struct buf *out)
{
    static const char *const kinds[] = {"?",         "failed",  "delayed",
                                        "delivered", "relayed", "expanded"};
    unsigned kind = ev->code & 7u;
    char status[STATUS_MAX];
    const char *words = status_words(sink, ev->code, 0, status, sizeof status);

    return buf_add_format(out, "%s: a report says %s for %s%s%s%s%s%s%s", server(m, ev->place),
                          kinds[kind < 6 ? kind : 0], mailbox(m, ev->a), *words ? " " : "", words,
                          ev->code & REPORT_TO_ORIGINATOR ? "" : ", not to the originator",
                          ev->code & REPORT_MALFORMED ? ", malformed" : "",
                          ev->code & REPORT_WRONG_STATUS ? ", wrong status" : "",
                          ev->code & REPORT_LOOP ? ", loop" : "");
}

static bool words_of_scan(const struct manifest *m, const struct event *ev, struct buf *out)
{
    return buf_add_format(out, "%s: scan %u of %s begun%s%s%s", server(m, ev->place), ev->b,
                          mailbox(m, ev->a), ev->code & SCAN_COMPLETE ? ", complete" : "",
                          ev->code & SCAN_ABSENT ? ", no such mailbox" : "",
                          ev->code & SCAN_RESET ? ", renumbered" : "");
}

static bool words_of_copy(const struct manifest *m, const struct event *ev, struct buf *out)
{
    if (ev->kind == EV_GONE)
        return buf_add_format(out, "%s: not in %s any more (scan %u)", server(m, ev->place),
                              mailbox(m, ev->a), ev->b);
    return buf_add_format(out, "%s: copy %u in %s%s (scan %u)", server(m, ev->place),
                          ev->code & 0xff, mailbox(m, ev->a),
                          ev->code & SEEN_CORRUPT ? ", changed on its way" : "", ev->b);
}

static bool words_of_site(const struct manifest *m, const struct event *ev, struct buf *out)
{
    if (ev->kind == EV_HOME)
        return ev->code == NO_INDEX
                   ? buf_add_format(out, "%s lives on %s", mailbox(m, ev->a), server(m, ev->place))
                   : buf_add_format(out, "the directory of %s says that %s lives on %s",
                                    server(m, ev->code), mailbox(m, ev->a), server(m, ev->place));
    if (ev->kind == EV_ALTERNATE)
        return buf_add_format(out, "the alternate of %s is now %s%s", mailbox(m, ev->a),
                              mailbox(m, ev->b),
                              ev->b == NO_INDEX ? ""
                              : ev->code & 1    ? ", delivered to both"
                                                : ", redirected");
    if (ev->kind == EV_LOGON)
        return buf_add_format(out, "%s: log-on as %s %s", server(m, ev->place), mailbox(m, ev->a),
                              ev->code ? "succeeded" : "did not succeed");
    return buf_add_format(out, "move %llu of %s from %s to %s: %s", (unsigned long long)ev->slot,
                          mailbox(m, ev->a), server(m, ev->b), server(m, ev->place),
                          event_mark_name(ev->code));
}

static bool words_of_queue(const struct manifest *m, const struct event *ev, struct buf *out)
{
    return buf_add_format(out, "%s: %s for %s in a queue, %u %s%s (wave %u)", server(m, ev->place),
                          ev->code & QUEUED_REPORT ? "a report" : "the message", mailbox(m, ev->a),
                          ev->code & 0xffff, (ev->code & 0xffff) == 1 ? "try" : "tries",
                          ev->code & QUEUED_DUE ? ", another is due" : ", none due", ev->b);
}

static bool words_of_finding(const struct manifest *m, const struct event *ev, struct buf *out)
{
    if (ev->code == FIND_NO_CHUNKING)
        return buf_add_format(out,
                              "%s: announces CHUNKING but failed its trial: %s; DATA is used for "
                              "load %s",
                              server(m, ev->place), event_trial_words(ev->b),
                              ev->a < m->load_count ? m->loads[ev->a].name : "?");
    return buf_add_format(out, "%s: finding %s (%u, %u)", server(m, ev->place),
                          event_finding_name(ev->code), ev->a, ev->b);
}

static bool words_of_sessions(const struct manifest *m, const struct event *ev, struct buf *out)
{
    buf_add_format(out, "%s: %u connection%s of load %s so far", server(m, ev->place), ev->b,
                   ev->b == 1 ? "" : "s", ev->a < m->load_count ? m->loads[ev->a].name : "?");
    if (ev->code & SESSION_CHUNKING)
        buf_add_format(out, ", CHUNKING with %u in flight", event_sessions_window(ev->code));
    else if (ev->code & SESSION_PIPELINING)
        buf_add_text(out, ", PIPELINING");
    return buf_add_format(out, "%s%s%s", ev->code & SESSION_LMTP ? ", LMTP" : "",
                          ev->code & SESSION_TLS ? ", TLS" : "",
                          ev->code & SESSION_RESUMED ? " resumed by ticket" : "");
}

static bool words_of_canary(const struct manifest *m, const struct event *ev, struct buf *out)
{
    if (ev->code == CANARY_REPORTED)
        return buf_add_format(out, "%s: a report about the canary came back to %s",
                              server(m, ev->place), mailbox(m, ev->a));
    return buf_add_format(out, "%s: canary from %s to an address that nobody has: %s",
                          server(m, ev->place), mailbox(m, ev->a),
                          ev->code == CANARY_SENT ? "accepted" : "refused");
}

static bool words_of_sent(const struct manifest *m, const struct event *ev, struct buf *out)
{
    buf_add_format(out, "%s: sent to %s from %s", server(m, ev->place), mailbox(m, ev->a),
                   mailbox(m, ev->code));
    return ev->b > 0 ? buf_add_format(out, ", %u us late", ev->b) : buf_add_text(out, ", on time");
}

bool event_words(const struct manifest *m, const struct line_sink *sink, const struct event *ev,
                 struct buf *out)
{
    switch (ev->kind) {
    case EV_SENT:
        return words_of_sent(m, ev, out);
    case EV_END:
        return words_of_end(m, sink, ev, out);
    case EV_SEEN:
    case EV_GONE:
        return words_of_copy(m, ev, out);
    case EV_SCAN:
        return words_of_scan(m, ev, out);
    case EV_QUEUED:
        return words_of_queue(m, ev, out);
    case EV_REPORT:
        return words_of_report(m, sink, ev, out);
    case EV_HOME:
    case EV_ALTERNATE:
    case EV_LOGON:
    case EV_MOVE:
        return words_of_site(m, ev, out);
    case EV_CANARY:
        return words_of_canary(m, ev, out);
    case EV_FINDING:
        return words_of_finding(m, ev, out);
    case EV_SESSIONS:
        return words_of_sessions(m, ev, out);
    case EV_UNWATCHED:
        return buf_add_format(out, "%s: nobody watched for %u ms", event_unwatched_words(ev->code),
                              ev->b);
    case EV_AIM:
        return buf_add_format(out, "aimed at %u us after the mark of move %u, with weight %u.%06u",
                              ev->b, event_aim_move(ev->a), ev->code / 1000000, ev->code % 1000000);
    default:
        return buf_add_format(out, "%s", event_kind_name(ev->kind));
    }
}

/* ------------------------------------------------------------------------------------------------- what concerns it */

static bool about_copies(const struct event *ev)
{
    return ev->kind == EV_SENT || ev->kind == EV_END || ev->kind == EV_SEEN ||
           ev->kind == EV_GONE || ev->kind == EV_QUEUED || ev->kind == EV_REPORT;
}

static bool concerns_message(const struct tracing *t, const struct event *ev)
{
    if (ev->kind == EV_CANARY) /* carries the number itself */
        return ev->slot == t->number;
    return (about_copies(ev) || ev->kind == EV_AIM) && ev->slot / t->m->stride == t->number;
}

static bool concerns_mailbox(const struct tracing *t, const struct event *ev)
{
    if (ev->kind == EV_END)
        return ev->slot < t->l->slot_count && t->l->slots[ev->slot].mailbox == t->mailbox + 1;
    if (ev->kind == EV_SCAN)
        return ev->a == t->mailbox && ev->code & (SCAN_RESET | SCAN_ABSENT);
    return (about_copies(ev) || ev->kind == EV_HOME || ev->kind == EV_ALTERNATE ||
            ev->kind == EV_LOGON || ev->kind == EV_MOVE) &&
           ev->a == t->mailbox;
}

static bool concerns_move(const struct tracing *t, const struct event *ev)
{
    if (ev->kind == EV_MOVE || ev->kind == EV_LOGON)
        return ev->slot == t->move;
    return ev->kind == EV_HOME && ev->a == t->mailbox;
}

static void keep(void *owner, const struct event *events, uint32_t count)
{
    struct tracing *t = owner;

    for (uint32_t i = 0; i < count; i++)
        if (t->concerns(t, &events[i]))
            bag_add(&t->found, &events[i]);
}

/* --------------------------------------------------------------------------------------------------------- the story */

static bool tell(const struct line_sink *sink, struct buf *line)
{
    return buf_add_text(line, "\n") && sink->line(sink->owner, buf_slice(line));
}

static bool tell_events(const struct tracing *t, const struct line_sink *sink, struct err *e)
{
    struct event *sorted = bag_sorted(&t->found);
    struct buf line;
    char at[32];

    if (!sorted && t->found.count)
        return err_set(e, EX_IO, "out of memory for the story");
    buf_init(&line, 65536);
    for (uint32_t i = 0; i < t->found.count; i++) {
        if (sink->before && !sink->before(sink->owner, sorted[i].t_ns))
            break;
        buf_clear(&line);
        buf_add_format(&line, "%13s  ", text_at(at, sizeof at, sorted[i].t_ns));
        if (t->number == UINT64_MAX && about_copies(&sorted[i]))
            buf_add_format(&line,
                           "message %llu: ", (unsigned long long)(sorted[i].slot / t->m->stride));
        (void)event_words(t->m, sink, &sorted[i], &line);
        if (!tell(sink, &line))
            break;
    }
    if (t->found.full) {
        buf_clear(&line);
        (void)buf_add_format(&line, "(only the first %u events are shown)", TRACE_EVENTS_MAX);
        (void)tell(sink, &line);
    }
    if (sink->before)
        (void)sink->before(sink->owner, UINT64_MAX);
    buf_fini(&line);
    free(sorted);
    return true;
}

static bool trace(struct tracing *t, const struct run_record *r, const char *run_dir,
                  const struct line_sink *sink, struct err *e)
{
    char path[1024];
    uint32_t torn;

    t->m = r->manifest;
    t->l = r->ledger;
    bag_init(&t->found, TRACE_EVENTS_MAX);
    (void)snprintf(path, sizeof path, "%s/journal", run_dir);
    bool ok = journal_read(path, r->manifest->run_id, keep, t, &torn, e) && tell_events(t, sink, e);

    bag_fini(&t->found);
    return ok;
}

static void tell_facts(struct buf *line, const struct copy *p)
{
    const struct facts *f = &p->facts;
    static const char *const owed[] = {"owed", "allowed", "barred"};

    buf_add_format(line, " (%s, %s; at home %u%s%s%s%s%s%s%s; silence %s)", owed[f->owed],
                   event_ending_name(f->k), f->h, f->l ? ", at an old home" : "",
                   f->o ? ", elsewhere" : "", f->b ? ", changed" : "", f->v ? ", seen once" : "",
                   f->q ? ", in a queue" : "", f->f ? ", reported" : "",
                   f->w ? ", reported to others" : "", f->z ? "final" : "not final");
}

static bool tell_copies(const struct run_record *r, uint64_t number, const struct line_sink *sink,
                        struct err *e)
{
    struct copies *c = copies_create(r->ledger, e);
    uint32_t n = 0, load = c ? copies_load_of(c, number) : NO_INDEX;
    const struct copy *copies = load == NO_INDEX ? NULL : copies_of(c, load, number, &n);
    struct buf line;

    buf_init(&line, 65536);
    for (uint32_t i = 0; i < n; i++) {
        const struct copy *p = &copies[i];

        buf_clear(&line);
        buf_add_format(&line, "%s copy for %s: %s", p->alternate ? "alternate" : "primary",
                       mailbox(r->manifest, p->mailbox), class_name(p->outcome));
        for (enum flag f = 0; f < FLAG_COUNT; f++)
            if (p->flags >> f & 1)
                buf_add_format(&line, " %s", flag_name(f));
        tell_facts(&line, p);
        if (!tell(sink, &line))
            break;
    }
    buf_fini(&line);
    copies_destroy(c);
    return c != NULL;
}

/* Canaries have no class: they show whether silence means anything. */
static bool tell_canary(const struct run_record *r, uint64_t number, const struct line_sink *sink)
{
    const struct canary *k = &r->ledger->canaries[number - r->manifest->planned_messages];
    struct buf line;

    buf_init(&line, 4096);
    (void)buf_add_text(
        &line, k->states >> CANARY_REPORTED & 1
                   ? "canary: reported, so the way of reports was alive"
               : k->states >> CANARY_SENT & 1
                   ? "canary: accepted and never reported, so it shows nothing about reports"
               : k->states >> CANARY_REFUSED & 1 ? "canary: refused, so no report was owed"
                                                 : "canary: never sent");
    bool ok = tell(sink, &line);

    buf_fini(&line);
    return ok;
}

bool trace_message(const struct run_record *r, const char *run_dir, uint64_t number,
                   const struct line_sink *sink, struct err *e)
{
    struct tracing t = {.concerns = concerns_message, .number = number};

    if (number >= r->manifest->planned_messages + r->manifest->canaries)
        return err_set(e, EX_BAD_USAGE, "message %llu is not of this run (%llu are planned)",
                       (unsigned long long)number,
                       (unsigned long long)r->manifest->planned_messages);
    if (!trace(&t, r, run_dir, sink, e))
        return false;
    return number < r->manifest->planned_messages ? tell_copies(r, number, sink, e)
                                                  : tell_canary(r, number, sink);
}

bool trace_mailbox(const struct run_record *r, const char *run_dir, uint32_t mailbox_index,
                   const struct line_sink *sink, struct err *e)
{
    struct tracing t = {
        .concerns = concerns_mailbox, .number = UINT64_MAX, .mailbox = mailbox_index};

    return trace(&t, r, run_dir, sink, e);
}

bool trace_move(const struct run_record *r, const char *run_dir, uint32_t move,
                const struct line_sink *sink, struct err *e)
{
    struct tracing t = {.concerns = concerns_move, .number = UINT64_MAX, .move = move};

    if (move >= r->manifest->move_count)
        return err_set(e, EX_BAD_USAGE, "move %u is not of this run (%u are planned)", move,
                       r->manifest->move_count);
    t.mailbox = r->manifest->moves[move].mailbox;
    return trace(&t, r, run_dir, sink, e);
}
