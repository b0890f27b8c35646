/* x400.c - our own MTA: section x400, the server `ours` at the end of the site's, and the templates of O/R addresses.
 *
 * The server `ours` is there when some group of mailboxes lives at it, and is reached by X.400 (section x400) or by SMTP and
 * LMTP (section listen). In a lab the site's template is made from the lab's
 * name; what a live profile must say is complained about here.
 */
#include <ctype.h>
#include <string.h>

#include "profiles/draft.h"

#define SITE_NAME_MAX 64u /* of an organisation's name (X.411's upper bound) */

static bool is_at_ours(const struct node *group)
{
    const struct node *home = node_find(group, "home");

    return home && home->kind == NODE_TEXT && strcmp(home->text, SITE_OURS) == 0;
}

static const struct node *first_at_ours(const struct node *mailboxes)
{
    for (const struct node *n = mailboxes ? mailboxes->first : NULL; n; n = n->next)
        if (is_at_ours(n))
            return n;
    return NULL;
}

static bool check_name(const struct draft *d)
{
    const struct node *servers = node_find(d->root, "servers");
    const struct node *at = node_find(servers, SITE_OURS);
    bool lab = d->p->lab.on;

    if (site_server(&d->p->site, SITE_OURS) == SITE_NONE)
        return true;
    return node_complain_key(lab ? node_find(node_find(d->root, "lab"), "servers") : at, d->err,
                             "%s: \"" SITE_OURS "\" is the name of our own MTA, call it "
                             "something else",
                             lab ? "lab.servers" : "servers");
}

bool x400_add_ours(struct draft *d, const struct node *mailboxes)
{
    struct site *s = &d->p->site;

    if (!check_name(d))
        return false;
    if (!first_at_ours(mailboxes))
        return true;
    struct server *all = arena_new(d->arena, struct server, s->server_count + 1u);
    if (!all)
        return draft_no_memory(d);
    if (s->server_count > 0)
        memcpy(all, s->servers, s->server_count * sizeof *all);
    all[s->server_count] = (struct server){.name = SITE_OURS, .ours = true};
    s->servers = all;
    s->server_count++;
    return true;
}

/* "50site" as an organisation of a lab's addresses: capitals, and nothing that a PrintableString or a template may not hold. */
static const char *lab_address(struct draft *d)
{
    char name[SITE_NAME_MAX + 1] = "";
    const char *site = d->p->lab.site_name;
    size_t n = strnlen(site, SITE_NAME_MAX);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)site[i];

        name[i] = (char)(isalnum(c) || c == ' ' || c == '.' ? toupper(c) : '-');
    }
    return arena_format(d->arena, "c=US;a= ;p=LAB;o=%s;s={local}", n > 0 ? name : "LAB");
}

bool x400_fill(struct draft *d, const struct node *map)
{
    struct x400_profile *x = &d->p->x400;

    if (!option_fill(&d->filling, SEC_X400, option_sections[SEC_X400].name, map, x))
        return false;
    if (x->mode == MODE_1984)
        x->content = X400_P2; /* P22 came in 1988 */
    if (d->p->lab.on && !x->address)
        x->address = lab_address(d);
    return !d->p->lab.on || x->address || draft_no_memory(d);
}

/* A live site does not say what its addresses look like. */
static bool check_live(const struct draft *d)
{
    const struct x400_profile *x = &d->p->x400;
    const struct node *map = node_find(d->root, "x400");

    if (!x->address)
        return node_complain_key(map ? map : d->root, d->err,
                                 "x400: \"address\" is missing: the O/R addresses of the site's "
                                 "mailboxes, such as c=US;a= ;p=ORG;o=SITE;s={local}");
    return true;
}

/* Somebody lives at ours, and the site's MTAs have to know where to call us; in a lab they do. */
static bool check_doors(const struct draft *d)
{
    const struct listen_profile *l = &d->p->listen;
    const struct node *doors = node_find(d->root, "listen");
    const struct node *map = node_find(d->root, "x400");
    const struct node *home = first_at_ours(node_find(d->root, "mailboxes"));

    if (!home && (l->smtp || l->lmtp))
        return node_complain_key(doors, d->err, "listen: no mailbox has \"home: " SITE_OURS "\"");
    if (home && !d->p->lab.on && !d->p->x400.listen && !l->smtp && !l->lmtp)
        return node_complain_key(map ? map : home, d->err,
                                 "x400: \"listen\" is missing: mailboxes.%s lives at ours, and the "
                                 "site's MTAs have to call us (or listen: {smtp: HOST:PORT})",
                                 home->key);
    return true;
}

bool x400_loads(struct draft *d)
{
    struct profile *p = d->p;

    p->x400.on = site_ours(&p->site) != SITE_NONE && (p->lab.on || p->x400.listen);
    for (uint32_t i = 0; i < p->load_count; i++) {
        struct load_profile *l = &p->loads[i];

        if (!l->protocol)
            l->protocol = p->protocol;
        p->x400.on = p->x400.on || strcmp(l->protocol, "p1") == 0;
    }
    return (p->lab.on || !p->x400.on || check_live(d)) && check_doors(d);
}

const char *profile_x400_template(const struct profile *p, uint32_t mailbox)
{
    bool ours = mailbox != SITE_NONE && p->site.servers[p->site.mailboxes[mailbox].home].ours;

    return ours ? p->x400.our_address : p->x400.address;
}
