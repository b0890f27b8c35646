/* ndr_p1.c - X.400 reports to the slots they belong to.
 *
 * Whom a report is about is said twice: by the actual recipient's address, and by the number that the originator's MTA gave the
 * recipient. An address that is a recipient's of that message, or his alternate's, is believed: that is how the alternate's report
 * is told from the primary's. Otherwise names have changed on the way, and the number counts. Where neither helps, whom the
 * report says it was intended for; then nobody, which is weak.
 */
#include <string.h>

#include "base/hash.h"
#include "probes/ndr_private.h"
#include "probes/p1_book.h"
#include "wire/x400/p1.h"

#define DIAG_LOOP             3
#define DIAG_REDIRECTION_LOOP 27

struct named { /* whom one recipient of a report is */
    uint32_t mailbox;
    unsigned flags;
};

/* The alternate that an action would give it; SITE_NONE: none. */
static uint32_t action_alternate(const struct profile *p, const struct action_profile *a,
                                 uint32_t mailbox)
{
    const struct mailbox *box = &p->site.mailboxes[mailbox];

    if (a->kind != ACT_ALTERNATE || a->group != box->group || a->alternate == SITE_NONE ||
        p->site.groups[a->alternate].count == 0)
        return SITE_NONE;
    const struct group *g = &p->site.groups[a->alternate];

    return g->first + box->index % g->count;
}

static bool is_alternate(const struct profile *p, uint32_t mailbox, uint32_t of)
{
    if (p->site.mailboxes[of].alternate == mailbox)
        return true;
    for (uint32_t i = 0; i < p->action_count; i++)
        if (action_alternate(p, &p->actions[i], of) == mailbox)
            return true;
    return false;
}

static uint32_t alternate_of(const struct profile *p, uint32_t mailbox)
{
    uint32_t found = p->site.mailboxes[mailbox].alternate;

    for (uint32_t i = 0; found == SITE_NONE && i < p->action_count; i++)
        found = action_alternate(p, &p->actions[i], mailbox);
    return found;
}

static bool has_to_do_with(const struct profile *p, const struct msg *m, uint32_t mailbox)
{
    for (uint32_t i = 0; mailbox != SITE_NONE && i < m->recipients; i++)
        if (m->to[i] == mailbox || is_alternate(p, mailbox, m->to[i]))
            return true;
    return false;
}

static struct named name_of(const struct ndr *n, const struct p1_book *book, const struct msg *m,
                            const struct p1_reported *r)
{
    const struct profile *p = n->c.work->profile;
    uint32_t named = p1_book_find(book, &r->actual), of = SITE_NONE, instead = SITE_NONE;
    bool numbered = r->number >= 1 && (uint32_t)r->number <= m->recipients;
    unsigned bad = numbered ? 0 : REPORT_MALFORMED;

    if (has_to_do_with(p, m, named))
        return (struct named){named, bad};
    if (numbered)
        of = m->to[r->number - 1];
    else if (r->redirected)
        of = p1_book_find(book, &r->intended);
    if (of == SITE_NONE || !has_to_do_with(p, m, of))
        return (struct named){NO_INDEX, bad | REPORT_WEAK};
    if (r->redirected && named == SITE_NONE)
        instead = alternate_of(p, of);
    if (instead != SITE_NONE)
        return (struct named){instead, bad};
    /* A mailbox of ours that this message had nothing to do with, or a stranger in its place: a guess. */
    return (struct named){of, named != SITE_NONE || r->redirected || !numbered ? bad | REPORT_WEAK
                                                                               : bad};
}

static unsigned bounded(int32_t code)
{
    return code >= 0 && code < (int32_t)EVENT_X400_NO_DIAG ? (unsigned)code : EVENT_X400_NO_DIAG;
}

static uint32_t code_of(const struct p1_reported *r, unsigned flags)
{
    if (r->delivered)
        return event_report(REPORT_DELIVERED, flags, EVENT_X400, EVENT_X400_NO_DIAG,
                            EVENT_X400_NO_DIAG);
    if (r->diagnostic == DIAG_LOOP || r->diagnostic == DIAG_REDIRECTION_LOOP)
        flags |= REPORT_LOOP;
    return event_report(REPORT_FAILED, flags, EVENT_X400, bounded(r->reason),
                        bounded(r->diagnostic));
}

/* The same report again, on whatever way, is the same. */
static uint32_t print_of(const struct p1_report *r, const struct p1_reported *to, uint32_t named)
{
    const struct slice parts[] = {r->id.domain.country.text, r->id.domain.admd.text,
                                  r->id.domain.prmd.text, r->id.local};
    uint64_t h = ((uint64_t)named << 32) ^ (uint32_t)to->number;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        h = h * 31 + (parts[i].n > 0 ? hash_fast(parts[i].p, parts[i].n) : 0);
    h = hash_fast(&h, sizeof h);
    return (uint32_t)(h ^ (h >> 32));
}

static void take_recipient(struct ndr *n, const struct p1_book *book, const struct p1_report *r,
                           const struct p1_reported *to, const struct msg *m,
                           const struct event *like)
{
    struct named named = name_of(n, book, m, to);
    unsigned flags = named.flags | (like->a == m->from ? REPORT_TO_ORIGINATOR : 0);
    struct event ev = *like;

    if (r->id.local.n == 0 || to->arrival.n == 0 || (to->delivered && to->delivery.n == 0))
        flags |= REPORT_MALFORMED;
    ev.kind = EV_REPORT;
    ev.slot = m->number * n->c.work->stride;
    ev.a = named.mailbox;
    ev.b = print_of(r, to, named.mailbox);
    ev.code = code_of(to, flags);
    (void)journal_add(n->c.journal, &ev);
}

static void take_canary(struct ndr *n, const struct p1_report *r, const struct msg *m,
                        const struct event *like)
{
    bool failed = false;

    for (uint32_t i = 0; i < r->recipient_count; i++)
        failed = failed || !r->recipients[i].delivered;
    if (failed && m->from == like->a)
        ndr_canary_reported(n, m->number, like);
}

static bool find_message(const struct ndr *n, const struct p1_report *r, uint64_t *number)
{
    const struct p1_extension *x = p1_extension_find(&r->content_extensions, P1_EXT_CORRELATOR);
    const struct p1_keys keys = {.kind = P1_REPORT,
                                 .id = r->subject,
                                 .content_id = r->content_id,
                                 .correlator = x ? x->value : slice_from(NULL, 0),
                                 .content = r->returned};

    return p1_identify(&keys, n->c.key, number) != P1_BY_NOTHING &&
           *number < n->c.work->planned + n->c.work->canaries;
}

enum ndr_outcome ndr_take_p1(struct ndr *n, const struct p1_book *book, struct slice apdu,
                             const struct p1_report *r, uint32_t server, uint64_t t_ns)
{
    const struct event like = {
        .t_ns = t_ns, .place = (uint16_t)server, .a = p1_book_find(book, &r->destination)};
    uint64_t number;

    ndr_keep_p1(n, apdu);
    if (!find_message(n, r, &number))
        return NDR_FOREIGN;
    const struct msg m = workload_message(n->c.work, number);

    if (number >= n->c.work->planned)
        take_canary(n, r, &m, &like);
    else
        for (uint32_t i = 0; i < r->recipient_count; i++)
            take_recipient(n, book, r, &r->recipients[i], &m, &like);
    return r->recipient_count > 0 ? NDR_TAKEN : NDR_UNREADABLE;
}

void ndr_keep_p1(struct ndr *n, struct slice apdu)
{
    ndr_keep(n, apdu, ".p1");
}
