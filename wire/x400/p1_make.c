/* p1_make.c - X.411 clause 14: what an MTA adds to what it passes on, and what it says of what it keeps. */
#include "wire/x400/p1_make.h"

#include <string.h>

/* --- lists that grow by one --------------------------------------------------------------------------------------- */

static bool hop_add(struct p1_hops *h, const struct p1_hop *hop, struct arena *a)
{
    struct p1_hop *at = arena_new(a, struct p1_hop, h->count + 1u);

    if (!at)
        return false;
    if (h->count > 0)
        memcpy(at, h->at, h->count * sizeof *at);
    at[h->count] = *hop;
    *h = (struct p1_hops){.at = at, .count = h->count + 1, .set = true};
    return true;
}

/* The extension of that type in a list of our own, made if need be; NULL: the arena is full. */
static struct p1_extension *extension_of(struct p1_extensions *x, int32_t type, enum p1_form form,
                                         struct arena *a)
{
    struct p1_extension *at = arena_new(a, struct p1_extension, x->count + 1u);

    if (!at)
        return NULL;
    if (x->count > 0)
        memcpy(at, x->at, x->count * sizeof *at);
    x->at = at;
    x->set = true;
    for (uint32_t i = 0; i < x->count; i++)
        if (at[i].type == type)
            return &at[i];
    at[x->count] = (struct p1_extension){.type = type, .form = form};
    return &at[x->count++];
}

/* --- passing on --------------------------------------------------------------------------------------------------- */

static struct p1_hop our_hop(const struct p1_mta *us, struct slice now, uint32_t other)
{
    return (struct p1_hop){.domain = us->domain,
                           .arrival = now,
                           .action = P1_RELAYED,
                           .other = {.set = other != 0, .count = 2, .bits = other}};
}

static bool internal_add(struct p1_extensions *x, const struct p1_mta *us, struct p1_hop hop,
                         struct arena *a)
{
    if (us->name.n == 0)
        return true;
    struct p1_extension *e = extension_of(x, P1_EXT_INTERNAL_TRACE, P1_HOPS, a);

    hop.mta = us->name;
    return e && hop_add(&e->hops, &hop, a);
}

bool p1_trace_add(struct p1_message *m, const struct p1_mta *us, struct slice now, uint32_t other,
                  struct arena *a)
{
    const struct p1_hop hop = our_hop(us, now, other);

    return hop_add(&m->trace, &hop, a) && internal_add(&m->extensions, us, hop, a);
}

bool p1_redirect(struct p1_recipient *r, const struct oraddr *to, int32_t reason, struct slice now,
                 struct arena *a)
{
    struct p1_extension *x = extension_of(&r->extensions, P1_EXT_REDIRECTIONS, P1_CHANGES, a);
    struct p1_change *at = x ? arena_new(a, struct p1_change, x->count + 1u) : NULL;

    if (!at)
        return false;
    if (x->count > 0)
        memcpy(at, x->changes, x->count * sizeof *at);
    at[x->count++] = (struct p1_change){.name = r->name, .time = now, .reason = reason};
    x->changes = at;
    r->name = *to;
    return true;
}

const struct oraddr *p1_intended(const struct p1_recipient *r)
{
    const struct p1_extension *x = p1_extension_find(&r->extensions, P1_EXT_REDIRECTIONS);

    return x && x->form == P1_CHANGES && x->count > 0 ? &x->changes[0].name : &r->name;
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

bool p1_report_wanted(const struct p1_recipient *r, bool delivered)
{
    return r->indicators.bits & (delivered ? P1_MTA_REPORT : P1_MTA_REPORT | P1_MTA_NON);
}

static void describe(struct p1_reported *out, const struct p1_recipient *r, const struct p1_fate *f,
                     struct slice now)
{
    const struct oraddr *intended = p1_intended(r);
    const struct p1_extension *x = p1_extension_find(&r->extensions, P1_EXT_REDIRECTIONS);

    *out = (struct p1_reported){.actual = r->name,
                                .number = r->number,
                                .indicators = r->indicators,
                                .arrival = now,
                                .delivered = f->delivered,
                                .delivery = f->time,
                                .user = f->delivered ? 0 : P1_NONE,
                                .reason = f->delivered ? P1_NONE : f->reason,
                                .diagnostic = f->delivered ? P1_NONE : f->diagnostic,
                                .redirected = intended != &r->name};
    if (f->supplementary.n > 0)
        out->supplementary = f->supplementary;
    if (out->redirected)
        out->intended = *intended;
    if (x)
        out->extensions = (struct p1_extensions){(struct p1_extension *)x, 1, true};
}

bool p1_report_make(struct p1_report *out, const struct p1_message *m, const struct p1_mta *us,
                    const struct p1_report_order *o, struct arena *a)
{
    const struct p1_hop hop = our_hop(us, o->now, 0);
    const struct p1_extension *x = p1_extension_find(&m->extensions, P1_EXT_CORRELATOR);
    bool failed = false;

    p1_report_init(out);
    out->id = (struct p1_id){us->domain, o->local_id};
    out->destination = m->originator;
    out->subject = m->id;
    out->eits = m->eits;
    out->content_type = m->content_type;
    out->content_id = m->content_id;
    if (x)
        out->content_extensions = (struct p1_extensions){(struct p1_extension *)x, 1, true};
    out->recipients = arena_new(a, struct p1_reported, o->count);
    if (!out->recipients || !hop_add(&out->trace, &hop, a) ||
        !internal_add(&out->extensions, us, hop, a))
        return false;
    for (uint32_t i = 0; i < o->count; i++) {
        PM_ASSERT(o->fates[i].recipient < m->recipient_count);
        describe(&out->recipients[i], &m->recipients[o->fates[i].recipient], &o->fates[i], o->now);
        failed = failed || !o->fates[i].delivered;
    }
    out->recipient_count = o->count;
    if (failed && (m->indicators.bits & P1_RETURN_CONTENT))
        out->returned = m->content;
    return true;
}
