/* fingerprint.c - what counts of a profile, written out and hashed. */
#include "app/fingerprint.h"

#include "base/bytes.h"
#include "base/hash.h"

#define TEXT_MAX (1u << 30)

struct print {
    struct buf text;
    bool ok;
};

static void add_text(struct print *p, const char *text)
{
    p->ok = p->ok && buf_add_text(&p->text, text ? text : "") && buf_add(&p->text, "", 1);
}

static void add_number(struct print *p, uint64_t n)
{
    p->ok = p->ok && buf_add_format(&p->text, "%llu,", (unsigned long long)n);
}

static void add_groups(struct print *p, const struct site *s, const uint32_t *groups,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add_text(p, s->groups[groups[i]].name);
    add_text(p, ";");
}

static const char *server_name(const struct site *s, uint32_t server)
{
    return server == SITE_NONE ? "" : s->servers[server].name;
}

/* 0 says that there is none, so that no print may be 0. */
static uint64_t take(struct print *p)
{
    uint64_t h = hash_fast(p->text.p, p->text.n);

    buf_clear(&p->text);
    return h ? h : 1;
}

static void add_load(struct print *p, const struct profile *f, const struct load_profile *l)
{
    add_text(p, l->name);
    add_text(p, l->protocol);
    add_text(p, server_name(&f->site, l->via));
    add_groups(p, &f->site, l->from, l->from_count);
    add_groups(p, &f->site, l->to, l->to_count);
    add_number(p, l->recipients);
    add_number(p, l->arrivals);
    p->ok = p->ok && buf_add_format(&p->text, "%.9g,%.9g,", l->rate, l->rate_to);
    add_number(p, l->start_ns);
    add_number(p, l->duration_ns);
    add_number(p, l->burst);
    add_number(p, l->burst_every_ns);
    add_number(p, l->size);
    add_number(p, l->size_min);
    add_number(p, l->size_max);
    add_number(p, l->notify);
    add_number(p, (uint64_t)l->ret_headers << 3 | (uint64_t)l->null_sender << 2 |
                      (uint64_t)l->verp << 1 | (uint64_t)l->seven_bit);
    add_number(p, l->mode);
    add_number(p, l->window);
    add_number(p, l->per_connection);
    add_number(p, l->priority);
    add_number(p, l->deferred_ns);
    add_number(p, l->latest_ns);
    add_number(p, (uint64_t)l->no_reassignment << 1 | (uint64_t)l->no_alternate);
    add_number(p, l->resend);
    add_number(p, l->aim);
    add_number(p, l->law);
    add_number(p, (uint64_t)l->aim_from_ns);
    add_number(p, (uint64_t)l->aim_to_ns);
    add_number(p, l->per_move);
    add_number(p, l->prime);
    add_number(p, l->prime_every_ns);
}

static uint64_t loads(struct print *p, const struct profile *f)
{
    for (uint32_t i = 0; i < f->load_count; i++)
        add_load(p, f, &f->loads[i]);
    if (f->x400.on) {
        add_number(p, f->x400.mode);
        add_number(p, f->x400.content);
    }
    return take(p);
}

static uint64_t mailboxes(struct print *p, const struct profile *f)
{
    const struct site *s = &f->site;

    for (uint32_t i = 0; i < s->mailbox_count; i++) {
        const struct mailbox *m = &s->mailboxes[i];

        add_text(p, m->name);
        add_text(p, server_name(s, m->home));
        add_text(p, m->alternate == SITE_NONE ? "" : s->mailboxes[m->alternate].name);
        add_number(p, m->both);
        add_number(p, m->stock_ns);
    }
    return take(p);
}

static uint64_t moves(struct print *p, const struct profile *f)
{
    for (uint32_t i = 0; i < f->move_count; i++) {
        const struct move_profile *m = &f->moves[i];

        add_text(p, m->name);
        add_groups(p, &f->site, m->groups, m->group_count);
        add_text(p, server_name(&f->site, m->from));
        add_text(p, server_name(&f->site, m->to));
        add_number(p, m->start_ns);
        add_number(p, m->every_ns);
        add_number(p, m->count);
        add_number(p, m->concurrency);
        add_number(p, m->back);
        add_text(p, m->options);
    }
    return take(p);
}

static uint64_t actions(struct print *p, const struct profile *f)
{
    for (uint32_t i = 0; i < f->action_count; i++) {
        const struct action_profile *a = &f->actions[i];

        add_text(p, a->name);
        add_number(p, a->kind);
        add_number(p, a->at_ns);
        if (a->kind == ACT_ALTERNATE) {
            add_groups(p, &f->site, &a->group, 1);
            add_text(p, a->alternate == SITE_NONE ? "" : f->site.groups[a->alternate].name);
        }
        add_number(p, a->both);
        add_text(p, server_name(&f->site, a->server));
        add_text(p, a->knob);
        add_text(p, a->value);
        add_text(p, a->component);
    }
    return take(p);
}

bool fingerprint_make(struct manifest_prints *out, const struct profile *p, struct err *e)
{
    struct print print = {.ok = true};

    buf_init(&print.text, TEXT_MAX);
    *out = (struct manifest_prints){.loads = loads(&print, p)};
    out->mailboxes = mailboxes(&print, p);
    out->moves = moves(&print, p);
    out->actions = actions(&print, p);
    buf_fini(&print.text);
    return print.ok || err_set(e, EX_IO, "out of memory for the plan");
}
