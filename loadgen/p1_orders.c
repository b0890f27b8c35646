/* p1_orders.c - a load's O/R names and message templates. */
#include "loadgen/p1_orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/smtp_text.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_template.h"

#define NO_WALL_S    1767225600 /* 2026-01-01T00:00:00Z */
#define CANARY_MOST  1024u
#define NAME_ROOM    8192u /* of an encoded O/R name; its attributes are 128 octets at most */
#define SCRATCH      65536u
#define PER_MAILBOX  2048u
#define SUBJECT_ROOM 81u /* p1_template.h: 80 octets */
#define DOMAIN_MAX   255

struct p1_orders {
    const struct sender_context *context;
    const struct load_profile *load;
    enum x400_year year;
    struct p1_template *usual, *canary;
    struct arena *arena;
    struct slice *names; /* by mailbox; empty: it is none of this load's */
    struct slice bad;    /* nobody's */
    struct smtp_text text;
    struct p1_addressee to[MSG_RECIPIENTS_MAX];
};

/* --- addresses ------------------------------------------------------------------------------------------------------ */

static bool no_memory(struct err *e)
{
    return err_set(e, EX_IO, "out of memory for O/R addresses");
}

static bool encode(struct p1_orders *o, const struct oraddr *name, struct slice *out, struct err *e)
{
    unsigned char room[NAME_ROOM];
    struct ber_out ber;

    if (o->year == X400_1984 && name->common_name.p)
        return err_set(e, EX_BAD_PROFILE, "O/R address: cn: there is no common name in 1984");
    ber_out_init(&ber, room, sizeof room);
    oraddr_put(&ber, 0x60, name, o->year);
    PM_ASSERT(!ber.full);
    struct slice s = ber_out_slice(&ber);
    unsigned char *copy = arena_bytes(o->arena, s.n);

    if (!copy)
        return no_memory(e);
    memcpy(copy, s.p, s.n);
    *out = slice_from(copy, s.n);
    return true;
}

static bool name_of(struct p1_orders *o, const char *template, const char *address,
                    struct slice *out, struct err *e)
{
    struct arena *scratch = arena_create(SCRATCH);
    struct oraddr name;

    if (!scratch)
        return no_memory(e);
    bool ok = oraddr_from_smtp(template, slice_of(address), scratch, &name, e) &&
              encode(o, &name, out, e);
    arena_destroy(scratch);
    return ok;
}

static bool name_group(struct p1_orders *o, uint32_t group, struct err *e)
{
    const struct profile *p = o->context->work->profile;
    const struct group *g = &p->site.groups[group];

    for (uint32_t i = g->first; i < g->first + g->count; i++) {
        const struct mailbox *m = &p->site.mailboxes[i];
        const char *template = profile_x400_template(p, i);

        if (o->names[i].n > 0)
            continue;
        if (!template)
            return err_set(e, EX_BAD_PROFILE, "mailbox %s: x400.address is missing", m->name);
        if (!name_of(o, template, m->address, &o->names[i], e))
            return err_wrap(e, "mailbox %s (%s)", m->name, template);
    }
    return true;
}

/* Known to nobody: in the site's domain, by the site's template. */
static bool name_nobody(struct p1_orders *o, struct err *e)
{
    const struct profile *p = o->context->work->profile;
    const char *template = profile_x400_template(p, SITE_NONE);
    const char *domain = p->site.domain ? p->site.domain : "invalid";
    char address[DOMAIN_MAX + 32];

    (void)snprintf(address, sizeof address, "pm-no-such-user@%.*s", DOMAIN_MAX, domain);
    if (!template)
        return err_set(e, EX_BAD_PROFILE, "canaries: x400.address is missing");
    return name_of(o, template, address, &o->bad, e) || err_wrap(e, "canaries (%s)", template);
}

static bool name_all(struct p1_orders *o, struct err *e)
{
    const struct load_profile *l = o->load;
    const struct site *site = &o->context->work->profile->site;

    o->arena = arena_create(((size_t)site->mailbox_count + 16) * PER_MAILBOX + SCRATCH);
    o->names = o->arena ? arena_new(o->arena, struct slice, site->mailbox_count + 1u) : NULL;
    if (!o->names)
        return no_memory(e);
    for (uint32_t i = 0; i < l->from_count; i++)
        if (!name_group(o, l->from[i], e))
            return false;
    for (uint32_t i = 0; i < l->to_count; i++)
        if (!name_group(o, l->to[i], e))
            return false;
    return name_nobody(o, e);
}

/* --- templates ------------------------------------------------------------------------------------------------------ */

static bool make_templates(struct p1_orders *o, struct err *e)
{
    static const uint32_t asks[] = {[NOTIFY_DEFAULT] = P1_ASK_NON,
                                    [NOTIFY_NEVER] = P1_ASK_NOTHING,
                                    [NOTIFY_FAILURE] = P1_ASK_NON,
                                    [NOTIFY_SUCCESS] = P1_ASK_BOTH};
    static const int32_t priorities[] = {
        [PRIO_NORMAL] = P1_NORMAL, [PRIO_NON_URGENT] = P1_NON_URGENT, [PRIO_URGENT] = P1_URGENT};
    const struct x400_profile *x = &o->context->work->profile->x400;
    const struct load_profile *l = o->load;
    char subject[SUBJECT_ROOM];
    struct oraddr ours;

    if (!oraddr_parse(slice_of(x->domain), o->arena, &ours, e))
        return err_wrap(e, "x400.domain");
    (void)snprintf(subject, sizeof subject, "postmuster %s", l->name);
    struct p1_template_setup s = {
        .year = o->year,
        .domain = ours.domain,
        .mta = slice_of(x->mta),
        .content_type = o->year == X400_1984 || x->content == X400_P2 ? CONTENT_P2 : CONTENT_P22,
        .priority = priorities[l->priority],
        .indicators =
            (l->no_alternate ? 0 : P1_ALTERNATE_ALLOWED) | (l->ret_headers ? 0 : P1_RETURN_CONTENT),
        .ask = asks[l->notify],
        .correlator = true,
        .no_reassignment = l->no_reassignment,
        .subject = slice_of(subject),
    };
    o->usual = p1_template_create(&s, e);
    s.indicators = 0;
    s.ask = P1_ASK_NON;
    o->canary = o->usual ? p1_template_create(&s, e) : NULL;
    return o->canary != NULL;
}

struct p1_orders *p1_orders_create(const struct sender_load *l, struct err *e)
{
    struct p1_orders *o = calloc(1, sizeof *o);

    if (!o) {
        (void)no_memory(e);
        return NULL;
    }
    o->context = l->context;
    o->load = l->load;
    o->year = l->context->work->profile->x400.mode == MODE_1984 ? X400_1984 : X400_1988;
    if (name_all(o, e) && make_templates(o, e))
        return o;
    p1_orders_destroy(o);
    return NULL;
}

void p1_orders_destroy(struct p1_orders *o)
{
    if (!o)
        return;
    p1_template_destroy(o->usual);
    p1_template_destroy(o->canary);
    arena_destroy(o->arena);
    free(o);
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

static void compose_body(struct p1_orders *o, uint64_t number, uint32_t bytes)
{
    const struct smtp_text_order order = {
        .number = number, .key = o->context->key, .body_bytes = bytes, .seven_bit = true};

    smtp_text_compose_body(&o->text, o->context->corpus, &order);
}

static uint32_t largest_body(const struct load_profile *l)
{
    return l->size_max > CANARY_MOST ? l->size_max : CANARY_MOST;
}

size_t p1_orders_most(struct p1_orders *o)
{
    struct slice longest = o->bad;
    struct p1_order x = {.body = &o->text,
                         .to = o->to,
                         .recipients = o->load->recipients > 0 ? o->load->recipients : 1};

    for (uint32_t i = 0; i < o->context->work->profile->site.mailbox_count; i++)
        if (o->names[i].n > longest.n)
            longest = o->names[i];
    for (uint32_t i = 0; i < MSG_RECIPIENTS_MAX; i++)
        o->to[i] = (struct p1_addressee){.name = longest};
    x.from = longest;
    compose_body(o, 0, largest_body(o->load));
    return p1_template_most(o->usual, &x) + 64; /* a body may be short by two octets */
}

int64_t p1_orders_now_s(const struct p1_orders *o)
{
    const struct run_clock *c = o->context->clock;
    uint64_t target_ns = clock_target(c, loop_now(o->context->loop));

    return c->wall_ns > 0 ? (int64_t)((c->wall_ns + target_ns) / NS_PER_S)
                          : NO_WALL_S + (int64_t)(target_ns / NS_PER_S);
}

static int64_t later_s(int64_t now_s, uint64_t span_ns)
{
    return span_ns > 0 ? now_s + (int64_t)((span_ns + NS_PER_S - 1) / NS_PER_S) : 0;
}

struct slice p1_orders_fill(struct p1_orders *o, const struct sender_item *item, int64_t now_s,
                            void *room, size_t n)
{
    const struct msg *m = &item->msg;
    bool canary = sender_is_canary(item);
    struct p1_order x = {.number = m->number,
                         .key = o->context->key,
                         .from = o->names[m->from],
                         .to = o->to,
                         .recipients = m->recipients,
                         .now_s = now_s,
                         .body = &o->text};

    for (uint32_t i = 0; i < m->recipients; i++)
        o->to[i].name = m->to[i] == SITE_NONE ? o->bad : o->names[m->to[i]];
    if (!canary) {
        x.deferred_s = later_s(now_s, o->load->deferred_ns);
        x.latest_s = later_s(now_s, o->load->latest_ns);
    }
    compose_body(o, m->number, m->body_bytes);
    struct slice apdu = p1_template_fill(canary ? o->canary : o->usual, &x, room, n);

    PM_ASSERT(apdu.n > 0); /* p1_orders_most() octets were there */
    return apdu;
}
