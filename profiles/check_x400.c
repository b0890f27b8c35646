/* check_x400.c - what no single key shows where X.400 is spoken: which loads may be written by whom, what has no counterpart in
 * the other protocol, bounds of X.411 and ISO 8073, and what is lost without a word.
 */
#include <stdio.h>
#include <string.h>

#include "profiles/draft.h"

#define MTA_NAME_MAX 32u /* X.411: ub-mta-name-length */
#define PASSWORD_MAX 64u /* what Exchange and others take; X.411 itself says 62 */
#define TPDU_MIN     128u

static bool is_p1(const struct load_profile *l)
{
    return strcmp(l->protocol, "p1") == 0;
}

/* --- section x400 ----------------------------------------------------------------------------------------------- */

static bool complain_x400(const struct draft *d, const char *key, const char *why)
{
    const struct node *map = node_find(d->root, "x400"), *n = node_find(map, key);

    if (n)
        return node_complain(n, d->err, "x400.%s: %s", key, why);
    return node_complain_key(map ? map : d->root, d->err, "x400.%s: %s", key, why);
}

static bool check_ours(const struct draft *d)
{
    const struct x400_profile *x = &d->p->x400;
    const struct site *s = &d->p->site;
    bool here = true;

    if (!*x->mta || strlen(x->mta) > MTA_NAME_MAX)
        return complain_x400(d, "mta", "the name of an MTA has 1 to 32 characters");
    if (strlen(x->password) > PASSWORD_MAX)
        return complain_x400(d, "password", "a password of X.400 has at most 64 characters");
    if (x->tpdu_bytes && (x->tpdu_bytes < TPDU_MIN || x->tpdu_bytes & (x->tpdu_bytes - 1)))
        return complain_x400(d, "tpdu", "expected 0, 128, 256, 512, 1024, 2048, 4096 or 8192");
    for (uint32_t i = 0; i < s->server_count; i++)
        here = here && (!s->servers[i].p1.at.text || draft_is_here(s->servers[i].p1.at.text));
    return draft_check_secret(d, node_find(d->root, "x400"), "x400", "password",
                              d->p->lab.on || here);
}

static bool check_theirs(const struct draft *d, const struct server *s)
{
    if (d->p->lab.on)
        return strlen(s->name) <= MTA_NAME_MAX ||
               node_complain(node_find(node_find(d->root, "lab"), "servers"), d->err,
                             "lab.servers: \"%s\" is its MTA's name too, which has at most 32 "
                             "characters",
                             s->name);
    if (s->p1.mta && (!*s->p1.mta || strlen(s->p1.mta) > MTA_NAME_MAX))
        return draft_complain(d, SEC_SERVERS, s->name, "p1_mta",
                              "the name of an MTA has 1 to 32 characters");
    if (s->p1.password && strlen(s->p1.password) > PASSWORD_MAX)
        return draft_complain(d, SEC_SERVERS, s->name, "p1_password",
                              "a password of X.400 has at most 64 characters");
    return true;
}

/* --- who lives at ours ------------------------------------------------------------------------------------------ */

static bool lives_at_ours(const struct profile *p, uint32_t group)
{
    return p->site.servers[p->site.mailboxes[p->site.groups[group].first].home].ours;
}

static bool check_move(const struct draft *d, const struct move_profile *m)
{
    const struct profile *p = d->p;
    uint32_t ours = site_ours(&p->site);

    if (ours == SITE_NONE)
        return true;
    if (m->to == ours)
        return draft_complain(d, SEC_MOVES, m->name, "to",
                              "ours is our own MTA: no mailbox moves there");
    if (m->from == ours)
        return draft_complain(d, SEC_MOVES, m->name, "from",
                              "ours is our own MTA: no mailbox moves from there");
    for (uint32_t i = 0; i < m->group_count; i++)
        if (lives_at_ours(p, m->groups[i]))
            return draft_complain(d, SEC_MOVES, m->name, "mailboxes",
                                  "a group that lives at ours does not move");
    return true;
}

static bool check_people(const struct draft *d)
{
    const struct profile *p = d->p;

    for (uint32_t g = 0; g < p->site.group_count; g++)
        if (lives_at_ours(p, g) &&
            p->site.mailboxes[p->site.groups[g].first].alternate != SITE_NONE)
            return draft_complain(d, SEC_MAILBOXES, p->site.groups[g].name, "alternate",
                                  "our own MTA knows no alternates");
    for (uint32_t i = 0; i < p->move_count; i++)
        if (!check_move(d, &p->moves[i]))
            return false;
    for (uint32_t i = 0; i < p->action_count; i++)
        if (p->actions[i].kind == ACT_ALTERNATE && p->actions[i].group != SITE_NONE &&
            lives_at_ours(p, p->actions[i].group))
            return draft_complain(d, SEC_ACTIONS, p->actions[i].name, "mailboxes",
                                  "our own MTA knows no alternates");
    return true;
}

bool x400_check(const struct draft *d)
{
    const struct profile *p = d->p;

    if (!check_people(d))
        return false;
    if (!p->x400.on)
        return true;
    if (!check_ours(d))
        return false;
    for (uint32_t i = 0; i < p->site.server_count; i++)
        if (!check_theirs(d, &p->site.servers[i]))
            return false;
    return true;
}

/* --- loads ------------------------------------------------------------------------------------------------------ */

static bool check_p1(const struct draft *d, const struct load_profile *l)
{
    if (!d->p->lab.on && !d->p->site.servers[l->via].p1.at.text)
        return draft_complain(d, SEC_LOAD, l->name, "via", "this server has no p1 end point");
    if (l->null_sender)
        return draft_complain(d, SEC_LOAD, l->name, "null_sender",
                              "X.400 has no null originator; notify: never asks for no report");
    if (l->verp)
        return draft_complain(d, SEC_LOAD, l->name, "verp",
                              "is SMTP's; X.400's reports name the message by its identifier");
    if (l->latest_ns && l->latest_ns <= l->deferred_ns)
        return draft_complain(d, SEC_LOAD, l->name, "latest",
                              "delivery is not due before \"deferred\" is over");
    return true;
}

/* Can reports come to a mailbox at ours by the protocol that its messages went out by? A lab calls by X.400 alone. */
static bool is_reached(const struct profile *p, bool by_p1)
{
    if (by_p1)
        return p->lab.on || p->x400.listen;
    return !p->lab.on && (p->listen.smtp || p->listen.lmtp);
}

bool x400_check_load(const struct draft *d, const struct load_profile *l)
{
    if (d->p->site.servers[l->via].ours)
        return draft_complain(d, SEC_LOAD, l->name, "via",
                              "ours is our own MTA; mail enters at a server of the site");
    if (is_p1(l) && !check_p1(d, l))
        return false;
    for (uint32_t i = 0; i < l->from_count; i++)
        if (lives_at_ours(d->p, l->from[i]) && !is_reached(d->p, is_p1(l)))
            return draft_complain(d, SEC_LOAD, l->name, "from",
                                  is_p1(l) ? "a group that lives at ours writes by smtp only: x400 "
                                             "has no \"listen\", where its reports would come"
                                           : "a group that lives at ours writes by p1 only: "
                                             "reports reach it as X.400");
    return true;
}

/* --- lint ------------------------------------------------------------------------------------------------------- */

static bool lint_smtp(const struct load_profile *l, struct buf *out)
{
    const struct {
        const char *key;
        bool set;
    } rows[] = {{"priority", l->priority != PRIO_NORMAL},
                {"deferred", l->deferred_ns > 0},
                {"latest", l->latest_ns > 0},
                {"reassignment", l->no_reassignment},
                {"alternate", l->no_alternate},
                {"resend", l->resend > 0}};

    bool ok = true;

    for (size_t i = 0; ok && i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].set)
            ok = buf_add_format(out, "load.%s.%s: means nothing over SMTP\n", l->name, rows[i].key);
    return ok;
}

static bool lint_p1(const struct profile *p, const struct load_profile *l, struct buf *out)
{
    bool ok = true;

    if (p->x400.mode == MODE_1984 && l->latest_ns)
        ok = buf_add_format(out, "load.%s.latest: 1984 has no latest delivery time\n", l->name);
    if (ok && p->x400.mode == MODE_1984 && l->no_reassignment)
        ok = buf_add_format(out, "load.%s.reassignment: 1984 cannot prohibit it\n", l->name);
    if (ok && l->deferred_ns >= p->settle_deadline_ns)
        ok = buf_add_format(out, "load.%s.deferred: settling is given up before it is over\n",
                            l->name);
    return ok;
}

/* Keys that the mode chosen leaves out of what is said. */
static bool lint_mode(const struct profile *p, struct buf *out)
{
    const struct x400_profile *x = &p->x400;
    bool ok = true;

    if (x->mode == MODE_NORMAL)
        return true;
    if (x->ssel.n || x->psel.n)
        ok = buf_add_format(out, "x400.%s: never said outside normal mode\n",
                            x->ssel.n ? "ssel" : "psel");
    if (ok && x->mode == MODE_1984 &&
        (strstr(x->address, ";cn=") || strstr(x->our_address, ";cn=")))
        ok = buf_add_text(out, "x400.address: 1984 has no common name, it is left out\n");
    return ok;
}

bool x400_lint(const struct profile *p, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < p->load_count; i++)
        ok = is_p1(&p->loads[i]) ? lint_p1(p, &p->loads[i], out) : lint_smtp(&p->loads[i], out);
    return ok && (!p->x400.on || lint_mode(p, out));
}
