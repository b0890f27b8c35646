/* p1_listener.c - what our own MTA is handed: copies for mailboxes of ours, reports, probes, and things that are none of ours.
 *
 * Taking an APDU apart and comparing its text costs a few microseconds; memory of an APDU dies with it. A message is a copy when
 * its envelope names one of this run, or its content does as its own name or in its first line: a report as text and a forwarded
 * message quote it elsewhere.
 */
#include "probes/p1_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "probes/correlate.h"
#include "probes/ndr.h"
#include "probes/ours.h"
#include "probes/p1_book.h"
#include "probes/p1_host.h"
#include "probes/p1_seen.h"
#include "wire/smtp_text.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"

#define ARENA_BYTES (64u << 20)
#define LINE_MAX    998u

struct p1_listener {
    struct loop *loop;
    const struct run_clock *clock;
    const struct profile *profile;
    uint32_t ours;
    struct p1_host *host;
    struct p1_book *book;
    struct probe_context c; /* as it began */
    bool begun;
    struct p1_seen seen;
    struct p1_listener_counts counts;
    char utc[P1_TIME_CHARS + 1], why[240];
};

struct heard { /* a message that came */
    struct slice apdu;
    const struct p1_message *m;
    uint64_t number;
    bool corrupt;
};

static struct event event_at(const struct p1_listener *l, uint32_t mailbox)
{
    return (struct event){.t_ns = clock_target(l->clock, loop_now(l->loop)),
                          .place = (uint16_t)l->ours,
                          .a = mailbox};
}

static void find_foreign(struct p1_listener *l, struct slice apdu, uint32_t mailbox)
{
    const struct event like = event_at(l, mailbox);

    l->counts.foreign++;
    correlate_find(l->c.correlate, FIND_FOREIGN, apdu, &like);
}

/* ---- whose message ---- */

static bool has_token(const struct p1_listener *l, struct slice text, uint64_t number)
{
    uint64_t found;
    size_t at = 0;

    return token_find(l->c.key, text, &at, &found) && found == number;
}

/* Nothing but the content names the message: as its own, or as somebody else's that it quotes? */
static bool content_is_own(const struct p1_listener *l, const struct ipm *ipm, uint64_t number)
{
    if (has_token(l, ipm->id.local, number))
        return true;
    for (uint32_t i = 0; i < ipm->part_count; i++) {
        struct slice rest = slice_trim(ipm->parts[i].text), line;

        (void)slice_cut(&rest, '\n', &line);
        if (line.n > LINE_MAX)
            line.n = LINE_MAX;
        if (has_token(l, line, number))
            return true;
    }
    return false;
}

static bool is_intact(const struct p1_listener *l, const struct ipm *ipm, uint64_t number)
{
    const struct msg m = workload_message(l->c.work, number);

    for (uint32_t i = 0; i < ipm->part_count; i++)
        if (ipm->parts[i].text.p &&
            smtp_text_check_body(l->c.corpus, l->c.key, number, m.body_bytes, ipm->parts[i].text) !=
                SMTP_TEXT_CORRUPT)
            return true;
    return false;
}

/* Is it a copy of a planned message? Sets number and corrupt. */
static bool is_copy(const struct p1_listener *l, struct heard *h, struct arena *a)
{
    const struct p1_extension *x = p1_extension_find(&h->m->extensions, P1_EXT_CORRELATOR);
    const struct p1_keys keys = {.kind = P1_MESSAGE,
                                 .id = h->m->id,
                                 .content_id = h->m->content_id,
                                 .correlator = x ? x->value : slice_from(NULL, 0),
                                 .content = h->m->content};
    enum p1_by by = p1_identify(&keys, l->c.key, &h->number);
    struct content content;
    struct err e;

    if (by == P1_BY_NOTHING || h->number >= l->c.work->planned)
        return false; /* also a canary that was delivered */
    h->corrupt = true;
    if (!content_read(h->m->content, a, &content, &e))
        return true;
    if (content.notification ||
        (by == P1_BY_CONTENT && !content_is_own(l, &content.ipm, h->number)))
        return false;
    h->corrupt = !is_intact(l, &content.ipm, h->number);
    return true;
}

/* ---- messages ---- */

static bool is_responsible(const struct p1_recipient *r)
{
    return r->indicators.bits & P1_RESPONSIBLE;
}

static void see(struct p1_listener *l, const struct heard *h, uint32_t mailbox)
{
    l->counts.copies++;
    ours_see(correlate_ours(l->c.correlate), h->number, mailbox, h->corrupt,
             event_at(l, mailbox).t_ns);
}

/* The same message to the same recipients, sent once more. */
static uint64_t transfer_of(const struct p1_listener *l, const struct heard *h)
{
    uint64_t f = hash_fast(h->m->id.local.p, h->m->id.local.n) ^ h->number;

    for (uint32_t i = 0; i < h->m->recipient_count; i++)
        if (is_responsible(&h->m->recipients[i]))
            f = f * 31 + p1_book_find(l->book, &h->m->recipients[i].name);
    return f;
}

static enum p1_verdict take_copy(struct p1_listener *l, const struct p1_caller *from,
                                 const struct heard *h)
{
    uint64_t transfer = transfer_of(l, h);
    uint32_t unknown = 0, known = 0;

    if (!ours_reserve(correlate_ours(l->c.correlate), h->m->recipient_count))
        return P1_NOT_NOW;
    if (p1_seen_again(&l->seen, transfer)) {
        l->counts.again++;
    } else {
        for (uint32_t i = 0; i < h->m->recipient_count; i++) {
            const struct p1_recipient *r = &h->m->recipients[i];
            uint32_t mailbox = is_responsible(r) ? p1_book_find(l->book, &r->name) : SITE_NONE;

            if (mailbox != SITE_NONE)
                see(l, h, mailbox);
            known += mailbox != SITE_NONE;
            unknown += mailbox == SITE_NONE && is_responsible(r);
        }
        if (unknown > 0 || known == 0) /* somebody who is nobody of ours, or no one at all */
            find_foreign(l, h->apdu, NO_INDEX);
    }
    if (from)
        p1_seen_taken(&l->seen, from, transfer);
    return P1_TAKE;
}

/* The first mailbox that it is for. */
static uint32_t mailbox_of(const struct p1_listener *l, const struct p1_message *m)
{
    uint32_t found = SITE_NONE;

    for (uint32_t i = 0; found == SITE_NONE && i < m->recipient_count; i++)
        if (is_responsible(&m->recipients[i]))
            found = p1_book_find(l->book, &m->recipients[i].name);
    return found;
}

static enum p1_verdict take_message(struct p1_listener *l, const struct p1_caller *from,
                                    struct slice apdu, const struct p1_message *m, struct arena *a)
{
    struct heard h = {.apdu = apdu, .m = m};

    l->counts.messages++;
    if (is_copy(l, &h, a))
        return take_copy(l, from, &h);
    find_foreign(l, apdu, mailbox_of(l, m));
    return P1_TAKE;
}

/* ---- reports ---- */

static void report_unreadable(struct p1_listener *l, struct slice apdu, uint32_t mailbox)
{
    const struct event like = event_at(l, mailbox);

    correlate_find(l->c.correlate, FIND_UNREADABLE_REPORT, apdu, &like);
}

static enum p1_verdict take_report(struct p1_listener *l, struct slice apdu,
                                   const struct p1_report *r)
{
    uint32_t mailbox = p1_book_find(l->book, &r->destination);

    l->counts.reports++;
    switch (ndr_take_p1(correlate_ndr(l->c.correlate), l->book, apdu, r, l->ours,
                        event_at(l, 0).t_ns)) {
    case NDR_TAKEN:
        break;
    case NDR_UNREADABLE:
        report_unreadable(l, apdu, mailbox);
        break;
    case NDR_NO_REPORT:
    case NDR_FOREIGN:
        find_foreign(l, apdu, mailbox);
        break;
    }
    return P1_TAKE;
}

/* ---- what cannot be read ---- */

static void find_nonsense(struct p1_listener *l, struct slice what, enum stage stage)
{
    const struct event like = event_at(l, stage);

    if (l->begun)
        correlate_find(l->c.correlate, FIND_PROTOCOL, what, &like);
}

static void set_why(struct p1_listener *l, const char *who, const char *words)
{
    (void)snprintf(l->why, sizeof l->why, "%s: %.170s", who, words);
    l->counts.why = l->why;
    l->counts.trouble++;
}

/* A report is ours to keep, whatever it says; a message that names nobody stays with who has it. */
static enum p1_verdict take_unreadable(struct p1_listener *l, struct slice apdu,
                                       const struct err *e)
{
    struct p1_keys keys;
    uint64_t number;

    if (e->code == EX_IO)
        return P1_NOT_NOW;
    if (p1_keys_read(apdu, &keys) && keys.kind == P1_REPORT) {
        l->counts.reports++;
        ndr_keep_p1(correlate_ndr(l->c.correlate), apdu);
        if (p1_identify(&keys, l->c.key, &number) != P1_BY_NOTHING)
            report_unreadable(l, apdu, NO_INDEX);
        else
            find_foreign(l, apdu, NO_INDEX);
        return P1_TAKE;
    }
    set_why(l, "an APDU that cannot be read", e->text);
    find_nonsense(l, apdu, STAGE_TRANSFER);
    return P1_NEVER;
}

/* ---- an APDU ---- */

static enum p1_verdict take_read(struct p1_listener *l, const struct p1_caller *from,
                                 struct slice apdu, const struct p1_apdu *read, struct arena *a)
{
    switch (read->kind) {
    case P1_MESSAGE:
        return take_message(l, from, apdu, &read->message, a);
    case P1_REPORT:
        return take_report(l, apdu, &read->report);
    case P1_PROBE:
        break;
    }
    l->counts.probes++;
    return P1_TAKE;
}

static enum p1_verdict take(struct p1_listener *l, const struct p1_caller *from, struct slice apdu)
{
    struct arena *a = l->begun ? arena_create(ARENA_BYTES) : NULL;
    enum p1_verdict v = P1_NOT_NOW;
    struct p1_apdu read;
    struct err e = {0};

    if (a) {
        correlate_heard(l->c.correlate);
        if (p1_read(apdu, a, &read, &e))
            v = take_read(l, from, apdu, &read, a);
        else
            v = take_unreadable(l, apdu, &e);
        if (journal_error(l->c.journal))
            v = P1_NOT_NOW;
    }
    arena_destroy(a);
    l->counts.refused += v != P1_TAKE;
    return v;
}

void p1_listener_take(struct p1_listener *l, struct slice apdu)
{
    (void)take(l, NULL, apdu);
}

/* ---- callers ---- */

static enum p1_verdict on_apdu(void *owner, struct p1_caller *from, struct slice apdu)
{
    struct p1_listener *l = owner;

    p1_seen_answered(&l->seen, from); /* or nothing more would come this way */
    return take(l, from, apdu);
}

/* Of the site's MTAs; those that are not described may say what they like. */
static bool may_call(void *owner, struct slice mta, struct slice password)
{
    const struct p1_listener *l = owner;
    const struct site *s = &l->profile->site;

    for (uint32_t i = 0; i < s->server_count; i++) {
        const struct server *v = &s->servers[i];

        if (!v->ours && (v->p1.at.text || v->p1.at.addr.family) &&
            (!v->p1.mta || slice_is(mta, v->p1.mta)) &&
            (!v->p1.password || slice_is(password, v->p1.password)))
            return true;
    }
    return false;
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    struct p1_listener *l = owner;
    char who[NET_TEXT];

    set_why(l, net_print(peer, who), words);
    find_nonsense(l, slice_of(words), STAGE_BIND);
}

static void on_released(void *owner, struct p1_caller *from)
{
    struct p1_listener *l = owner;

    p1_seen_answered(&l->seen, from);
}

static void on_ended(void *owner, struct p1_caller *from)
{
    struct p1_listener *l = owner;

    p1_seen_broke(&l->seen, from);
}

/* ---- life ---- */

static struct slice octets_of(const struct selector *s)
{
    return slice_from(s->n > 0 ? s->p : NULL, s->n);
}

static bool listen_at(struct p1_listener *l, struct err *e)
{
    const struct x400_profile *x = &l->profile->x400;
    struct net_addr at = {.family = 4, .ip = {127, 0, 0, 1}};
    const struct p1_host_config config = {
        .loop = l->loop,
        .clock = l->clock,
        .association = {.our_tsel = octets_of(&x->tsel),
                        .our_ssel = octets_of(&x->ssel),
                        .our_psel = octets_of(&x->psel),
                        .name = x->mta ? x->mta : "",
                        .utc = l->utc,
                        .tpdu_bytes = x->tpdu_bytes,
                        .checkpoint_kb = (uint16_t)x->checkpoint_kb,
                        .window = (uint8_t)x->window,
                        .two_way = x->two_way},
        .mta = slice_of(x->mta),
        .password = slice_of(x->password),
        .may_call = may_call,
        .apdu = on_apdu,
        .trouble = on_trouble,
        .released = on_released,
        .ended = on_ended,
        .owner = l};

    if (x->listen && !net_resolve(&at, x->listen, 102, e))
        return err_wrap(e, "x400.listen");
    l->host = p1_host_listen(&config, &at, e);
    if (!l->host)
        return err_wrap(e, "x400.listen");
    l->profile->site.servers[l->ours].p1.at.addr = p1_host_addr(l->host);
    return true;
}

struct p1_listener *p1_listener_create(struct loop *loop, const struct run_clock *clock,
                                       const struct profile *p, struct err *e)
{
    struct p1_listener *l = calloc(1, sizeof *l);

    PM_ASSERT(site_ours(&p->site) != SITE_NONE);
    if (l) {
        l->loop = loop;
        l->clock = clock;
        l->profile = p;
        l->ours = site_ours(&p->site);
        p1_time_write((int64_t)(clock->wall_ns / NS_PER_S), l->utc);
    }
    if (!l || !p1_seen_init(&l->seen))
        (void)err_set(e, EX_IO, "out of memory for our MTA");
    else if (listen_at(l, e))
        return l;
    p1_listener_destroy(l);
    return NULL;
}

void p1_listener_destroy(struct p1_listener *l)
{
    if (!l)
        return;
    p1_host_close(l->host);
    p1_book_destroy(l->book);
    p1_seen_fini(&l->seen);
    free(l);
}

struct net_addr p1_listener_addr(const struct p1_listener *l)
{
    return p1_host_addr(l->host);
}

bool p1_listener_begin(struct p1_listener *l, const struct probe_context *c, struct err *e)
{
    PM_ASSERT(!l->begun && c->correlate);
    if (!l->book) /* not before: a lab's addresses are known when it is there */
        l->book = p1_book_create(l->profile, e);
    if (!l->book)
        return false;
    l->c = *c;
    l->begun = true;
    return true;
}

void p1_listener_end(struct p1_listener *l)
{
    if (l)
        l->begun = false;
}

const struct p1_listener_counts *p1_listener_counts(const struct p1_listener *l)
{
    return &l->counts;
}
