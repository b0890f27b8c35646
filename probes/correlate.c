/* correlate.c - reading one message: a single pass over its header, then the content check or the report reader.
 *
 * About half a microsecond for a copy of 1 KB.
 */
#include "probes/correlate.h"

#include <stdlib.h>
#include <string.h>

#include "base/blind.h"
#include "base/hash.h"
#include "probes/ndr.h"
#include "probes/ours.h"
#include "wire/fields.h"
#include "wire/smtp_text.h"

#define ONCE_MAX                                                                                   \
    (1u << 20) /* different foreign messages that are told apart; later ones count each time */

struct correlate {
    struct probe_context c;
    struct ndr *ndr;
    struct ours *ours; /* NULL: nobody lives at our own MTA */
    uint32_t *epochs;  /* mailbox * servers + server */
    uint64_t *once;    /* open-addressed hashes of what was counted as a finding */
    uint32_t once_room, once_count;
    uint64_t read;
};

struct correlate *correlate_create(const struct probe_context *c,
                                   void (*canary_seen)(void *owner, uint64_t number), void *owner)
{
    const struct site *site = &c->work->profile->site;
    struct correlate *co = calloc(1, sizeof *co);

    if (!co)
        return NULL;
    co->c = *c;
    co->ndr = ndr_create(c, canary_seen, owner);
    size_t places = (size_t)site->mailbox_count * site->server_count; /* may be none */

    co->epochs = calloc(places + 1, sizeof *co->epochs);
    if (site_ours(site) != SITE_NONE)
        co->ours = ours_create(c, co);
    if (!co->ndr || !co->epochs || (site_ours(site) != SITE_NONE && !co->ours)) {
        correlate_destroy(co);
        return NULL;
    }
    for (size_t i = 0; i < places; i++)
        co->epochs[i] = c->epochs_used;
    return co;
}

void correlate_destroy(struct correlate *c)
{
    if (!c)
        return;
    ndr_destroy(c->ndr);
    ours_destroy(c->ours);
    free(c->epochs);
    free(c->once);
    free(c);
}

uint32_t correlate_epoch(struct correlate *c, uint32_t mailbox, uint32_t server)
{
    return ++c->epochs[(size_t)mailbox * c->c.work->profile->site.server_count + server];
}

uint64_t correlate_count(const struct correlate *c)
{
    return c->read;
}

void correlate_heard(struct correlate *c)
{
    c->read++;
}

struct ours *correlate_ours(struct correlate *c)
{
    return c->ours;
}

struct ndr *correlate_ndr(struct correlate *c)
{
    return c->ndr;
}

/* ---- findings, once per message ---- */

static void once_put(uint64_t *table, uint32_t room, uint64_t h)
{
    uint32_t at = (uint32_t)h & (room - 1);

    while (table[at] != 0)
        at = (at + 1) & (room - 1);
    table[at] = h;
}

static bool once_grow(struct correlate *c)
{
    uint32_t room = c->once_room ? c->once_room * 2 : 256;
    uint64_t *table = calloc(room, sizeof *table);

    if (!table)
        return false;
    for (uint32_t i = 0; i < c->once_room; i++)
        if (c->once[i] != 0)
            once_put(table, room, c->once[i]);
    free(c->once);
    c->once = table;
    c->once_room = room;
    return true;
}

static bool is_first(struct correlate *c, uint64_t h)
{
    h += h == 0;
    for (uint32_t at = (uint32_t)h, i = 0; i < c->once_room; i++, at++) {
        uint64_t there = c->once[at & (c->once_room - 1)];

        if (there == h)
            return false;
        if (there == 0)
            break;
    }
    if (c->once_count >= ONCE_MAX || (c->once_count * 2 >= c->once_room && !once_grow(c)))
        return true;
    once_put(c->once, c->once_room, h);
    c->once_count++;
    return true;
}

void correlate_find(struct correlate *c, enum finding finding, struct slice raw,
                    const struct event *like)
{
    struct event ev = *like;

    uint64_t print = hash_fast(raw.p, raw.n);

    ev.kind = EV_FINDING;
    ev.code = finding;
    ev.b = (uint32_t)(print ^ print >> 32); /* two that are found at once are two */
    if (CHECK_ON(FOREIGN) && is_first(c, print ^ ev.a))
        (void)journal_add(c->c.journal, &ev);
}

static struct reading find(struct correlate *c, enum finding finding, struct slice raw,
                           const struct event *like)
{
    correlate_find(c, finding, raw, like);
    return (struct reading){.kind = READING_OTHER};
}

/* ---- copies ---- */

struct head {
    bool ours, report; /* a token of ours stands in it; it says multipart/report */
    uint64_t number;
    struct slice from, body;
};

/* The next field whose name begins as one of those below, or after lines that are none. The others, folded lines too, are
 * passed over line by line. */
static bool next_of_ours(struct slice *rest, struct field *f)
{
    while (rest->n > 0) {
        unsigned char first = rest->p[0] | 0x20;
        const unsigned char *lf;

        if (first == 'x' || first == 'm' || first == 'c' || first == 'f' || rest->p[0] == '\n' ||
            (rest->p[0] == '\r' && rest->n > 1 && rest->p[1] == '\n'))
            break;
        lf = memchr(rest->p, '\n', rest->n);
        *rest = slice_skip(*rest, lf ? (size_t)(lf - rest->p) + 1 : rest->n);
    }
    return fields_next(rest, f);
}

static struct head read_head(const struct correlate *c, struct slice raw)
{
    struct slice rest = raw;
    struct head h = {.ours = false};
    struct field f;

    if (rest.n > FIELDS_HEADER_MAX)
        rest.n = FIELDS_HEADER_MAX;
    while (next_of_ours(&rest, &f)) {
        size_t at = 0;

        if (slice_is_nocase(f.name, "From"))
            h.from = f.value;
        else if (slice_is_nocase(f.name, "Content-Type"))
            h.report = slice_starts_nocase(f.value, "multipart/report");
        else if (!h.ours &&
                 (slice_is_nocase(f.name, "X-Postmuster") || slice_is_nocase(f.name, "Message-ID")))
            h.ours = token_find(c->c.key, f.value, &at, &h.number);
    }
    h.body = slice_skip(raw, (size_t)(rest.p - raw.p));
    return h;
}

/* A gateway may have taken header and all: then the first line of the body is the witness, unless a report quotes it. */
static bool read_first_line(const struct correlate *c, struct slice raw, struct head *h)
{
    struct slice rest = slice_trim(h->body), line;
    size_t at = 0;

    (void)slice_cut(&rest, '\n', &line);
    if (line.n > 998)
        line.n = 998;
    h->ours = token_find(c->c.key, line, &at, &h->number) && !report_suspect(raw);
    return h->ours;
}

/* The body alone first: where its header ends is known, and nothing else is asked of a body that is as it was sent. */
static bool is_corrupt(const struct correlate *c, uint64_t number, struct slice raw,
                       struct slice body)
{
    struct msg m = workload_message(c->c.work, number);

    if (smtp_text_check_body(c->c.corpus, c->c.key, number, m.body_bytes, body) == SMTP_TEXT_INTACT)
        return false;
    return smtp_text_check(c->c.corpus, c->c.key, number, m.body_bytes, raw) == SMTP_TEXT_CORRUPT;
}

static struct reading take_report(struct correlate *c, struct slice raw, const struct event *like)
{
    switch (ndr_take(c->ndr, raw, like->a, like->place, like->t_ns)) {
    case NDR_TAKEN:
        return (struct reading){.kind = READING_REPORT};
    case NDR_UNREADABLE:
        return find(c, FIND_UNREADABLE_REPORT, raw, like);
    case NDR_NO_REPORT:
    case NDR_FOREIGN:
        break;
    }
    return find(c, FIND_FOREIGN, raw, like);
}

struct reading correlate_read(struct correlate *c, struct slice raw, uint32_t mailbox,
                              uint32_t server, uint64_t t_ns)
{
    const struct event like = {.t_ns = t_ns, .place = (uint16_t)server, .a = mailbox};
    struct reading got = {.kind = READING_COPY};
    struct head h = read_head(c, raw);

    c->read++;
    if (h.report || (!h.ours && !read_first_line(c, raw, &h)))
        return take_report(c, raw, &like);
    if (h.number >= c->c.work->planned) /* a canary that was delivered, or a number beyond them */
        return find(c, FIND_FOREIGN, raw, &like);
    got.number = h.number;
    got.corrupt = CHECK_ON(CONTENT) && is_corrupt(c, h.number, raw, h.body);
    if (got.corrupt && report_suspect(raw) &&
        ndr_take(c->ndr, raw, mailbox, server, t_ns) == NDR_TAKEN)
        return (struct reading){.kind = READING_REPORT};
    return got;
}

/* Reports come from others: with a token of ours in its own header and the originator's address as From, it is a copy. */
bool correlate_settle(struct correlate *c, struct slice fields, uint64_t *number)
{
    struct head h = read_head(c, fields);

    if (!h.ours || h.report || h.number >= c->c.work->planned)
        return false;
    struct msg m = workload_message(c->c.work, h.number);

    if (!fields_has(h.from, c->c.work->profile->site.mailboxes[m.from].address))
        return false;
    c->read++;
    *number = h.number;
    return true;
}
