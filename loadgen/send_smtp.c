/* send_smtp.c - ESMTP and LMTP over the connections of one load on one thread: `sender_smtp` and `sender_lmtp`, rows of the
 * table of senders.
 *
 * Connections (smtp_link.c) are opened as they are needed (pool.c) and stay open, or carry so many messages as the load
 * says. How far one runs ahead is the load's mode: a command a turn; PIPELINING, where the next message's envelope follows
 * in the same write as the text before it; or a window of whole messages by CHUNKING. All memory is made when the load is
 * opened; a connection refers to its messages by small tags.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/smtp_link.h"

static void cut_port(char *host)
{
    char *end = strrchr(host, ':');

    if (host[0] == '[' && strchr(host, ']')) {
        memmove(host, host + 1, strlen(host));
        *strchr(host, ']') = '\0';
    } else if (end && end == strchr(host, ':')) {
        *end = '\0';
    }
}

/* Where the load's mail goes, and so where a known-bad address has to be: behind the first recipient's '@'. */
static const char *recipients_domain(const struct sender_load *l)
{
    const struct site *site = &l->context->work->profile->site;
    const struct group *g = &site->groups[l->load->to[0]];
    const char *at = g->count > 0 ? strrchr(site->mailboxes[g->first].address, '@') : NULL;

    return at ? at + 1 : "invalid";
}

static void name_things(struct smtp_pool *p)
{
    const struct sender_load *l = p->pool.load;
    const struct site *site = &l->context->work->profile->site;
    const char *domain = site->domain ? site->domain : "invalid";
    const char *text = p->pool.to->text ? p->pool.to->text : "";
    char addr[NET_TEXT];

    (void)snprintf(p->host, sizeof p->host, "%s",
                   *text ? text : net_print(&p->pool.to->addr, addr));
    cut_port(p->host);
    (void)snprintf(p->helo, sizeof p->helo, "postmuster.%s", domain);
    (void)snprintf(p->subject_text, sizeof p->subject_text, "postmuster %s", l->load->name);
    (void)snprintf(p->bad_text, sizeof p->bad_text, "pm-no-such-user@%s", recipients_domain(l));
    p->subject = slice_of(p->subject_text);
    p->bad = slice_of(p->bad_text);
}

/* In an envelope of SMTP. */
static bool can_say(const struct mailbox *m, struct err *e)
{
    const char *a = m->address;
    size_t n = strlen(a);

    if (n > 254 || !strchr(a, '@'))
        return err_set(e, EX_BAD_PROFILE, "mailbox %s: \"%.300s\" is no address", m->name, a);
    for (size_t k = 0; k < n; k++)
        if (a[k] <= ' ' || a[k] > '~' || a[k] == '<' || a[k] == '>')
            return err_set(e, EX_BAD_PROFILE,
                           "mailbox %s: \"%.300s\" has characters that cannot be said in SMTP",
                           m->name, a);
    return true;
}

static bool name_mailboxes(struct smtp_pool *p, const struct site *site, struct err *e)
{
    p->addresses = calloc(site->mailbox_count + 1u, sizeof *p->addresses);
    if (!p->addresses)
        return err_set(e, EX_IO, "out of memory for addresses");
    for (uint32_t i = 0; i < site->mailbox_count; i++) {
        if (!can_say(&site->mailboxes[i], e))
            return false;
        p->addresses[i] = slice_of(site->mailboxes[i].address);
    }
    return true;
}

static bool open_pool(struct sender_load *l, bool lmtp, struct err *e)
{
    const struct site *site = &l->context->work->profile->site;
    const struct server *server = &site->servers[l->load->via];
    struct smtp_pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    p->lmtp = lmtp;
    p->window = workload_window(l->context->work->profile,
                                (uint32_t)(l->load - l->context->work->profile->loads));
    if (!pool_init(&p->pool, &smtp_link_ops, l, lmtp ? &server->lmtp : &server->smtp))
        return err_set(e, EX_IO, "out of memory for connections");
    name_things(p);
    if (!name_mailboxes(p, site, e))
        return false;
    p->links = calloc(p->pool.count, sizeof *p->links);
    for (uint32_t i = 0; p->links && i < p->pool.count; i++)
        if (!smtp_link_open(&p->links[i], p))
            return err_set(e, EX_IO, "out of memory for connections");
    return p->links || err_set(e, EX_IO, "out of memory for connections");
}

static bool smtp_open(struct sender_load *l, struct err *e)
{
    return open_pool(l, false, e);
}

static bool lmtp_open(struct sender_load *l, struct err *e)
{
    return open_pool(l, true, e);
}

static void smtp_arm(struct sender_load *l,
                     void (*done)(struct sender_load *l, const struct err *e))
{
    struct smtp_pool *p = l->state;

    name_things(p); /* end points may have been filled in since */
    pool_arm(&p->pool, done);
}

static void smtp_due(struct sender_load *l)
{
    struct smtp_pool *p = l->state;

    pool_due(&p->pool);
}

static void smtp_cut(struct sender_load *l)
{
    struct smtp_pool *p = l->state;

    pool_cut(&p->pool);
}

static void smtp_halt(struct sender_load *l)
{
    struct smtp_pool *p = l->state;

    pool_halt(&p->pool);
}

static void smtp_close(struct sender_load *l)
{
    struct smtp_pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->links && i < p->pool.count; i++)
        smtp_link_close(&p->links[i]);
    pool_fini(&p->pool);
    free(p->links);
    free(p->addresses);
    free(p);
    l->state = NULL;
}

const struct sender_ops sender_smtp = {
    .name = "smtp",
    .help = "ESMTP, ahead of the server's answers as far as it announces and the load allows",
    .open = smtp_open,
    .arm = smtp_arm,
    .due = smtp_due,
    .cut = smtp_cut,
    .halt = smtp_halt,
    .close = smtp_close,
};

const struct sender_ops sender_lmtp = {
    .name = "lmtp",
    .help = "LMTP, where every recipient's delivery is answered for itself",
    .open = lmtp_open,
    .arm = smtp_arm,
    .due = smtp_due,
    .cut = smtp_cut,
    .halt = smtp_halt,
    .close = smtp_close,
};
