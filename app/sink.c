/* sink.c - a host of P1 whose verdicts are drawn. */
#include "app/sink.h"

#include <stdlib.h>
#include <string.h>

#include "app/sink_out.h"
#include "base/rng.h"
#include "base/text.h"
#include "wire/x400/p1_make.h"

#define REPORT_ARENA (64u << 20)
#define GRACE_NS     (2 * NS_PER_S) /* for callers to leave and reports to be handed over */
#define LOOK_NS      (20 * NS_PER_MS)
#define FIELD        80u
#define REPORT_ROOM  4096u /* of a report, beyond what it repeats of its message */
#define NONE         UINT32_MAX

enum { DRAW_BIND = 1, DRAW_DEED, DRAW_REPORT };

struct sink {
    struct sink_config c;
    struct p1_host *host;
    struct sink_out *out;
    struct sink_counts counts;
    uint64_t binds, apdus, begun_ns, stop_by_ns;
    struct timer end;
    struct hook sleep;
    bool ending, log_dirty, reads; /* reads: somebody wants to know what an APDU is */
};

static const char *const deed_names[] = {"not-now", "never", "abort", "hang-up", "silent"};

_Static_assert(sizeof deed_names / sizeof *deed_names == SINK_DEEDS, "a name a deed");

static uint32_t draw(const struct sink *s, uint32_t stream, uint64_t n)
{
    struct rng r = rng_at(s->c.seed, stream, n);

    return (uint32_t)rng_below(&r, SINK_ALL);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Reports on callers' turns that are still under way. */
static uint64_t on_turns(const struct sink *s)
{
    const struct p1_host_counts *h = p1_host_counts(s->host);

    return s->out ? 0 : s->counts.reports - h->handed - h->unhanded;
}

static bool has_left_nothing(const struct sink *s)
{
    return (!s->out || sink_out_is_done(s->out)) && on_turns(s) == 0;
}

static void end_fires(struct timer *t)
{
    struct sink *s = t->owner;
    uint64_t now = loop_now(s->c.loop);

    if (!s->ending)
        sink_stop(s);
    else if (now >= s->stop_by_ns || has_left_nothing(s))
        loop_stop(s->c.loop);
    else
        timer_arm(s->c.loop, &s->end, now + LOOK_NS);
}

void sink_stop(struct sink *s)
{
    uint64_t now = loop_now(s->c.loop);

    if (s->ending)
        return;
    s->ending = true;
    s->stop_by_ns = now + GRACE_NS;
    timer_arm(s->c.loop, &s->end, now + LOOK_NS); /* the last answers leave first */
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

/* The report about all recipients of whom it was asked; empty: nobody asked, or it cannot be made. `room` to be freed. */
static struct slice make_report(struct sink *s, const struct p1_message *m,
                                const struct sink_report *how, enum x400_year year, struct arena *a,
                                size_t octets, unsigned char **room)
{
    char id[33], now[P1_TIME_CHARS];
    struct p1_fate *fates = arena_new(a, struct p1_fate, m->recipient_count);
    struct p1_apdu apdu = {.kind = P1_REPORT};
    struct p1_report_order order = {.now = slice_from(now, sizeof now), .fates = fates};
    struct p1_mta us = {.name = s->c.mta.n > 0 ? s->c.mta : slice_of("SINK")};
    struct ber_out o;

    p1_time_write((int64_t)(clock_wall_ns() / NS_PER_S), now);
    (void)snprintf(id, sizeof id, "SINK.%.13s.%llu", now, (unsigned long long)s->apdus);
    order.local_id = slice_of(id);
    for (uint32_t i = 0; fates && i < m->recipient_count; i++)
        if (p1_report_wanted(&m->recipients[i], how->delivered))
            fates[order.count++] = (struct p1_fate){.recipient = i,
                                                    .delivered = how->delivered,
                                                    .time = order.now,
                                                    .reason = how->reason,
                                                    .diagnostic = how->diagnostic};
    if (order.count == 0)
        return slice_from(NULL, 0);
    us.domain = m->recipients[0].name.domain;
    size_t n = octets * 2 + REPORT_ROOM + (size_t)order.count * 64u;

    *room = malloc(n);
    if (!*room || !p1_report_make(&apdu.report, m, &us, &order, a))
        return slice_from(NULL, 0);
    ber_out_init(&o, *room, n);
    return p1_write(&o, &apdu, year) ? ber_out_slice(&o) : slice_from(NULL, 0);
}

static const char *hand_over(struct sink *s, struct p1_caller *from, struct slice report)
{
    bool ok = s->out ? sink_out_send(s->out, report) : p1_caller_send(from, report);

    s->counts.reports += ok;
    s->counts.unmade += !ok;
    return ok ? NULL : "no-way-back";
}

/* What became of it, in a word for the log. */
static const char *report_on(struct sink *s, struct p1_caller *from, struct slice octets,
                             const struct sink_report *how)
{
    struct arena *a = arena_create(REPORT_ARENA);
    unsigned char *room = NULL;
    const char *word = "unmade";
    struct p1_apdu apdu;
    struct err e;

    if (a && p1_read(octets, a, &apdu, &e) && apdu.kind != P1_REPORT) {
        struct slice report = make_report(
            s, &apdu.message, how, p1_caller_mode(from) == STACK_1984 ? X400_1984 : X400_1988, a,
            octets.n, &room);

        if (report.n > 0)
            word = hand_over(s, from, report);
        else if (!room)
            word = "unasked";
    }
    if (!word)
        word = how->delivered ? "delivered" : "failed";
    else if (strcmp(word, "unmade") == 0)
        s->counts.unmade++;
    free(room);
    arena_destroy(a);
    return word;
}

static const struct sink_report *report_drawn(const struct sink *s)
{
    uint32_t p = s->c.report_count ? draw(s, DRAW_REPORT, s->apdus) : 0, from = 0;

    for (uint32_t i = 0; i < s->c.report_count; i++) {
        from += s->c.reports[i].share;
        if (p < from)
            return &s->c.reports[i];
    }
    return NULL;
}

/* --- APDUs -------------------------------------------------------------------------------------------------------- */

static uint32_t deed_drawn(const struct sink *s)
{
    uint32_t p = draw(s, DRAW_DEED, s->apdus), from = 0;

    for (uint32_t i = 0; i < SINK_DEEDS; i++) {
        from += s->c.deeds[i];
        if (p < from)
            return i;
    }
    return NONE;
}

static const char *field(char out[FIELD], struct slice s)
{
    return s.n > 0 ? text_clean(out, FIELD, s) : "-";
}

static void write_log(struct sink *s, struct p1_caller *from, struct slice apdu,
                      const struct p1_keys *keys, const char *kind, const char *deed,
                      const char *report)
{
    char mta[FIELD], id[FIELD], content[FIELD];
    uint64_t ms = (loop_now(s->c.loop) - s->begun_ns) / NS_PER_MS;

    (void)fprintf(s->c.log, "%llu\t%llu\t%llu\t%s\t%s\t%s\t%s\t%zu\t%s\t%s\n",
                  (unsigned long long)s->apdus, (unsigned long long)ms,
                  (unsigned long long)p1_caller_number(from), field(mta, p1_caller_mta(from)), kind,
                  field(id, keys->id.local), field(content, keys->content_id), apdu.n, deed,
                  report);
    s->log_dirty = true;
}

static enum p1_verdict verdict_of(uint32_t deed)
{
    static const enum p1_verdict verdicts[SINK_DEEDS] = {P1_NOT_NOW, P1_NEVER, P1_ABORT, P1_HANG_UP,
                                                         P1_IGNORE};

    return deed < SINK_DEEDS ? verdicts[deed] : P1_TAKE;
}

static enum p1_verdict on_apdu(void *owner, struct p1_caller *from, struct slice apdu)
{
    static const char *const kinds[] = {"message", "report", "probe"};
    struct sink *s = owner;
    const struct sink_report *how = NULL;
    const char *report = "-", *kind = "unreadable";
    struct p1_keys keys = {0};

    if (s->ending || (s->c.count && s->apdus == s->c.count)) {
        s->counts.beyond++;
        return P1_NOT_NOW;
    }
    uint32_t deed = deed_drawn(s);

    if (deed == NONE)
        how = report_drawn(s);
    else
        s->counts.deeds[deed]++;
    if (s->reads && p1_keys_read(apdu, &keys))
        kind = kinds[keys.kind];
    else
        s->counts.unreadable += s->reads;
    if (how && kind == kinds[P1_MESSAGE])
        report = report_on(s, from, apdu, how);
    if (s->c.log)
        write_log(s, from, apdu, &keys, kind, deed == NONE ? "taken" : deed_names[deed], report);
    s->apdus++;
    if (s->apdus == s->c.count)
        sink_stop(s);
    return verdict_of(deed);
}

static enum p1_welcome on_asked(void *owner, struct p1_caller *from)
{
    struct sink *s = owner;
    uint32_t p = draw(s, DRAW_BIND, s->binds++);

    (void)from;
    if (p < s->c.busy)
        return P1_BUSY;
    return p < s->c.busy + s->c.strangers ? P1_STRANGER : P1_WELCOME;
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    char at[NET_TEXT], text[512], clean[512];
    struct sink *s = owner;

    (void)snprintf(text, sizeof text, "%s: %s", net_print(peer, at), words);
    s->c.trouble(s->c.owner, text_clean(clean, sizeof clean, slice_of(text)));
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

/* The log is on its way to the disk before the loop sleeps: whoever watches the sink reads what happened. */
static void before_sleep(struct hook *h)
{
    struct sink *s = h->owner;

    if (s->log_dirty && fflush(s->c.log) == 0)
        s->log_dirty = false;
}

static bool open_way_back(struct sink *s, struct err *e)
{
    const struct sink_out_config out = {
        .loop = s->c.loop,
        .to = s->c.report_to,
        .mode = s->c.association.modes == 1u << STACK_1984        ? STACK_1984
                : s->c.association.modes == 1u << STACK_X410_1988 ? STACK_X410_1988
                                                                  : STACK_NORMAL,
        .mta = s->c.mta,
        .password = s->c.password,
        .our_tsel = s->c.association.our_tsel,
        .our_ssel = s->c.association.our_ssel,
        .our_psel = s->c.association.our_psel,
        .their_tsel = s->c.report_tsel,
        .their_ssel = s->c.report_ssel,
        .their_psel = s->c.report_psel,
        .trouble = s->c.trouble,
        .owner = s->c.owner};

    if (s->c.report_to.family == 0)
        return true;
    s->out = sink_out_create(&out);
    return s->out || err_set(e, EX_IO, "no memory for a way back");
}

static bool open_host(struct sink *s, struct err *e)
{
    const struct p1_host_config c = {.loop = s->c.loop,
                                     .association = s->c.association,
                                     .mta = s->c.mta,
                                     .password = s->c.password,
                                     .peer_mta = s->c.peer_mta,
                                     .peer_password = s->c.peer_password,
                                     .asked = on_asked,
                                     .apdu = on_apdu,
                                     .trouble = s->c.trouble ? on_trouble : NULL,
                                     .owner = s};

    s->host = p1_host_listen(&c, &s->c.at, e);
    return s->host != NULL;
}

struct sink *sink_open(const struct sink_config *c, struct err *e)
{
    struct sink *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "no memory for a sink");
        return NULL;
    }
    s->c = *c;
    s->reads = c->log || c->report_count > 0;
    s->begun_ns = loop_now(c->loop);
    timer_init(&s->end, end_fires, s);
    s->sleep = (struct hook){.run = before_sleep, .owner = s};
    loop_before_sleep(c->loop, &s->sleep);
    if (!open_way_back(s, e) || !open_host(s, e)) {
        sink_close(s);
        return NULL;
    }
    if (c->duration_ns)
        timer_arm(c->loop, &s->end, s->begun_ns + c->duration_ns);
    if (c->log)
        (void)fputs("number\tms\tcaller\tmta\tkind\tid\tcontent-id\toctets\tdone\treport\n",
                    c->log);
    return s;
}

void sink_close(struct sink *s)
{
    if (!s)
        return;
    timer_disarm(s->c.loop, &s->end);
    loop_unhook(s->c.loop, &s->sleep);
    p1_host_close(s->host);
    sink_out_destroy(s->out);
    free(s);
}

struct net_addr sink_addr(const struct sink *s)
{
    return p1_host_addr(s->host);
}

struct sink_counts sink_counts(const struct sink *s)
{
    const struct p1_host_counts *h = p1_host_counts(s->host);
    struct sink_counts counts = s->counts;

    counts.handed = s->out ? sink_out_handed(s->out) : h->handed;
    counts.unhanded = s->out ? sink_out_unhanded(s->out) : s->counts.reports - h->handed;
    return counts;
}

const struct p1_host_counts *sink_host_counts(const struct sink *s)
{
    return p1_host_counts(s->host);
}
