/* send_smtp.c - ESMTP over the connections of one load on one thread: `sender_smtp`, a row of the table of senders.
 *
 * Connections are opened as they are needed, up to `connections`, and stay open. One message at a time per connection; with
 * PIPELINING the next one's envelope follows in the same write as the text before it. Whatever is decided during a wakeup
 * leaves a connection in one writev. All memory is made when the load is opened; a connection refers to its two messages by
 * the tag 0 or 1. Time limits are those of smtp_client.h, in the target's time. When a connection is opened, and how often
 * that is tried, is the pool's business (pool.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/pool.h"
#include "wire/smtp_client.h"
#include "wire/smtp_text.h"

#define READ_BYTES  16384
#define PIECES      16 /* of one writev */
#define ADDRESS_MAX 320

static_assert(MSG_RECIPIENTS_MAX == SMTP_RECIPIENTS_MAX, "what a load may ask a mail can hold");

struct parcel { /* a message in a connection, what the client borrows included */
    struct sender_item item;
    bool live;
    struct slice to[SMTP_RECIPIENTS_MAX];
    struct smtp_text text;
    char verp[ADDRESS_MAX];
};

struct smtp_pool;

struct link {
    struct smtp_pool *pool;
    struct sender_load *load;
    struct pool_line *line;
    struct smtp_client *client;
    struct smtp_client_config config;
    struct parcel parcel[2];
};

struct smtp_pool {
    struct pool pool;
    char host[256], helo[300], subject[128], bad_address[ADDRESS_MAX];
    struct link *links; /* one per line */
};

/* --- a connection's life ------------------------------------------------------------------------------------------------ */

static enum stage stage_of(const struct link *k, enum smtp_state s)
{
    static const enum stage stages[] = {
        [SMTP_GREETING] = STAGE_GREETING, [SMTP_EHLO] = STAGE_EHLO, [SMTP_HELO] = STAGE_EHLO,
        [SMTP_STARTTLS] = STAGE_TLS,      [SMTP_AUTH] = STAGE_AUTH, [SMTP_READY] = STAGE_MAIL,
        [SMTP_MAIL] = STAGE_MAIL,         [SMTP_RCPT] = STAGE_RCPT, [SMTP_DATA] = STAGE_DATA,
        [SMTP_BODY] = STAGE_BODY,         [SMTP_DOT] = STAGE_DOT,   [SMTP_CHUNK] = STAGE_DOT,
        [SMTP_LONE_DOT] = STAGE_DOT,      [SMTP_RSET] = STAGE_MAIL, [SMTP_NOOP] = STAGE_MAIL,
        [SMTP_QUIT] = STAGE_MAIL,
    };

    static_assert(sizeof stages / sizeof *stages == SMTP_STATE_COUNT, "a row per state");
    return k->line->stands ? stages[s] : STAGE_CONNECT;
}

static enum ending ending_of(enum smtp_fate fate)
{
    switch (fate) {
    case SMTP_REFUSED_TEMP:
        return END_REFUSED_TEMP;
    case SMTP_REFUSED_PERM:
        return END_REFUSED_PERM;
    case SMTP_ABORTED:
        return END_ABORTED;
    case SMTP_DOUBT:
        return END_DOUBT;
    case SMTP_ACCEPTED:
        return END_ACCEPTED;
    case SMTP_UNDECIDED:
    case SMTP_UNTOUCHED:
    case SMTP_AGAIN:
        break;
    }
    PM_UNREACHABLE();
}

static void link_outcome(struct link *k, const struct smtp_outcome *o)
{
    struct parcel *parcel = &k->parcel[o->tag];
    struct sender_load *l = k->load;
    const struct smtp_reply *r = &o->reply;

    parcel->live = !o->last;
    if (o->fate == SMTP_UNTOUCHED) {
        if (o->last)
            sender_give_back(l, &parcel->item);
        return;
    }
    sender_ended(l, &parcel->item, o->recipient, ending_of(o->fate), stage_of(k, o->state),
                 event_code(r->code, r->status, r->subject, r->detail));
    if (!o->last)
        return;
    if (o->reply.code != 0)
        k->line->pool->backoff_ns = 0; /* it answers */
    sender_done(l);
}

/* Closes it and settles what was under way on it. */
static void link_lost(void *owner)
{
    struct link *k = owner;
    struct smtp_outcome o;
    struct slice nothing = slice_from(NULL, 0);
    bool was_up = k->line->up;

    pool_close(k->line);
    smtp_client_lost(k->client);
    while (smtp_client_hear(k->client, &nothing, &o) == SMTP_ENDED)
        link_outcome(k, &o);
    k->line->up = false;
    pool_failed(k->line->pool, was_up);
}

static void link_watch(struct link *k)
{
    pool_watch(k->line, smtp_state_timeout_s(smtp_client_state(k->client)));
}

static const char *link_doing(const void *owner)
{
    const struct link *k = owner;

    return k->line->stands ? smtp_state_doing(smtp_client_state(k->client)) : "connecting";
}

/* Nothing came in its time. */
static void link_late(void *owner)
{
    struct link *k = owner;
    enum smtp_state s = smtp_client_state(k->client);
    char words[160];

    (void)snprintf(words, sizeof words, "no answer, %s", smtp_state_doing(s));
    pool_broken(k->line, FIND_TIMEOUT, stage_of(k, s), words);
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static const char *address_of(const struct smtp_pool *p, uint32_t mailbox)
{
    return mailbox == SITE_NONE
               ? p->bad_address
               : p->pool.load->context->work->profile->site.mailboxes[mailbox].address;
}

static void compose(struct link *k, struct parcel *parcel, struct smtp_mail *m)
{
    const struct smtp_pool *p = k->pool;
    const struct sender_context *c = k->load->context;
    const struct load_profile *l = k->load->load;
    const struct msg *msg = &parcel->item.msg;
    bool canary = sender_is_canary(&parcel->item);
    uint64_t wall_ns = c->clock->wall_ns + clock_target(c->clock, loop_now(c->loop));
    struct slice from = slice_of(address_of(p, msg->from));

    for (uint32_t i = 0; i < msg->recipients; i++)
        parcel->to[i] = slice_of(address_of(p, msg->to[i]));
    const struct smtp_text_order order = {
        .number = msg->number,
        .key = c->key,
        .from = from,
        .to = parcel->to,
        .recipients = msg->recipients,
        .subject = slice_of(p->subject),
        .body_bytes = msg->body_bytes,
        .date_s = wall_ns / NS_PER_S,
        .seven_bit = l->seven_bit || !(smtp_client_extensions(k->client) & SMTP_EXT_8BITMIME),
    };
    PM_ASSERT(smtp_text_compose(&parcel->text, c->corpus, &order)); /* addresses were checked */
    *m = (struct smtp_mail){.tag = (uint64_t)(parcel - k->parcel),
                            .from = from,
                            .to = parcel->to,
                            .recipients = msg->recipients,
                            .text = &parcel->text};
    if (l->verp)
        m->from = smtp_text_verp(from, parcel->text.token, parcel->verp, sizeof parcel->verp);
    if (canary)
        return;

    static const enum smtp_notify notify[] = {[NOTIFY_DEFAULT] = SMTP_NOTIFY_DEFAULT,
                                              [NOTIFY_NEVER] = SMTP_NOTIFY_NEVER,
                                              [NOTIFY_FAILURE] = SMTP_NOTIFY_FAILURE,
                                              [NOTIFY_SUCCESS] = SMTP_NOTIFY_SUCCESS};

    m->notify = notify[l->notify];
    m->ret_headers = l->ret_headers;
    if (l->null_sender)
        m->from = slice_from(NULL, 0);
}

/* Takes one message that is due, if this connection can; false: nothing is due. */
static bool link_take(struct link *k)
{
    struct parcel *parcel = k->parcel[0].live ? &k->parcel[1] : &k->parcel[0];
    struct smtp_mail m;

    if (!sender_take(k->load, &parcel->item))
        return false;
    parcel->live = true;
    compose(k, parcel, &m);
    smtp_client_send(k->client, &m);
    return true;
}

static bool link_can_take(const struct link *k)
{
    return k->line->stream && k->line->up && smtp_client_can_take(k->client);
}

/* --- hearing ---------------------------------------------------------------------------------------------------------- */

static bool link_secure(struct link *k, struct err *e)
{
    uint32_t via = k->load->load->via;
    struct tls_context *tls = k->load->context->tls ? k->load->context->tls[via] : NULL;

    if (!tls)
        return err_set(e, EX_INTERNAL, "no TLS context for server %s", k->line->pool->server->name);
    struct stream *filter = tls_wrap(tls, k->line->stream, k->pool->host, e);
    if (!filter)
        return false;
    k->line->stream = filter;
    return true;
}

/* What the client made of the octets; false: the connection is gone. */
static bool link_hear(struct link *k, struct slice in)
{
    struct smtp_outcome o;
    struct err e = {0};

    for (;;) {
        switch (smtp_client_hear(k->client, &in, &o)) {
        case SMTP_MORE:
            return true;
        case SMTP_UP:
            pool_up(k->line);
            break;
        case SMTP_ENDED:
            link_outcome(k, &o);
            break;
        case SMTP_START_TLS:
            if (!link_secure(k, &e)) {
                pool_broken(k->line, FIND_CONNECT_FAILED, 0, e.text);
                return false;
            }
            smtp_client_secured(k->client);
            break;
        case SMTP_DENIED:
            pool_broken(k->line, FIND_CONNECT_FAILED, 0, smtp_client_error(k->client));
            return false;
        case SMTP_BROKEN:
        case SMTP_TRIED:
            pool_broken(k->line, FIND_PROTOCOL, stage_of(k, smtp_client_state(k->client)),
                        smtp_client_error(k->client));
            return false;
        case SMTP_CLOSED:
            link_lost(k);
            return false;
        }
    }
}

/* The stream has ended or broken: what was under way says how it ended; what never came up has failed. */
static void link_gone(struct link *k, long n)
{
    if (k->line->up)
        link_lost(k);
    else
        pool_broken(k->line, FIND_CONNECT_FAILED, 0,
                    n == STREAM_END ? "the server closes the connection"
                                    : stream_error(k->line->stream));
}

/* Reads once; false: the connection is gone. */
static bool link_read(struct link *k)
{
    unsigned char octets[READ_BYTES];
    long n = stream_read(k->line->stream, octets, sizeof octets);

    if (n == STREAM_AGAIN)
        return true;
    if (n > 0) {
        k->line->stands = true;
        return link_hear(k, slice_from(octets, (size_t)n));
    }
    link_gone(k, n);
    return false;
}

/* Nothing can be written any more; what the server said before is still heard. */
static void link_broke(struct link *k)
{
    unsigned char octets[READ_BYTES];
    long n;

    while ((n = stream_read(k->line->stream, octets, sizeof octets)) > 0)
        if (!link_hear(k, slice_from(octets, (size_t)n)))
            return;
    link_gone(k, n == STREAM_END ? n : STREAM_BROKEN);
}

/* Writes what there is; false: the connection is gone. */
static bool link_flush(struct link *k)
{
    struct iovec iov[PIECES];
    uint64_t tag;
    int pieces;

    while ((pieces = smtp_client_output(k->client, iov, PIECES)) > 0) {
        size_t all = 0;
        long got = stream_writev(k->line->stream, iov, pieces);

        if (got == STREAM_AGAIN)
            break;
        if (got <= 0) {
            link_broke(k);
            return false;
        }
        for (int i = 0; i < pieces; i++)
            all += iov[i].iov_len;
        smtp_client_gave(k->client, (size_t)got);
        while (smtp_client_begun(k->client, &tag))
            sender_began(k->load, &k->parcel[tag].item);
        if ((size_t)got < all)
            break;
    }
    link_watch(k);
    return true;
}

/* --- connecting --------------------------------------------------------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned what);

static bool link_connect(void *owner)
{
    struct link *k = owner;
    const struct smtp_pool *p = k->pool;
    const struct server *server = p->pool.server;
    const struct end_point *to = p->pool.to;
    struct err e = {0};

    k->config = (struct smtp_client_config){.helo = p->helo,
                                            .host = p->host,
                                            .pipelining = k->load->load->mode != SEND_LOCKSTEP,
                                            .starttls = to->tls == TLS_STARTTLS,
                                            .secure = to->tls == TLS_IMPLICIT,
                                            .clear_auth = net_is_loopback(&to->addr),
                                            .user = server->user,
                                            .password = server->password};
    smtp_client_begin(k->client);
    if (!pool_connect(k->line, on_ready))
        return false;
    if (to->tls == TLS_IMPLICIT && !link_secure(k, &e)) {
        pool_broken(k->line, FIND_CONNECT_FAILED, 0, e.text);
        return false;
    }
    link_watch(k);
    return true;
}

static void on_ready(struct stream *s, unsigned what)
{
    struct link *k = s->owner;

    if (what & STREAM_WRITABLE)
        k->line->stands = true;
    if (what & STREAM_READABLE && !link_read(k))
        return;
    if (link_can_take(k))
        (void)link_take(k);
    if (link_flush(k))
        pool_grow(k->line->pool);
}

/* Takes a message that is due, if it can. */
static bool link_next(void *owner)
{
    struct link *k = owner;

    if (!link_can_take(k))
        return true;
    if (!link_take(k))
        return false;
    (void)link_flush(k);
    return true;
}

/* --- leaving ------------------------------------------------------------------------------------------------------------ */

static void link_cut(void *owner)
{
    struct link *k = owner;

    if (k->line->stream)
        link_lost(k);
}

/* Connections between messages are left with a QUIT, whose answer nobody waits for. */
static void link_leave(struct link *k)
{
    struct iovec iov[PIECES];

    if (k->line->stream && smtp_client_is_idle(k->client)) {
        smtp_client_quit(k->client);
        (void)stream_writev(k->line->stream, iov, smtp_client_output(k->client, iov, PIECES));
    }
    pool_close(k->line);
}

/* --- the driver --------------------------------------------------------------------------------------------------------- */

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
    (void)snprintf(p->subject, sizeof p->subject, "postmuster %s", l->load->name);
    (void)snprintf(p->bad_address, sizeof p->bad_address, "pm-no-such-user@%s",
                   recipients_domain(l));
}

static const struct pool_ops link_ops = {
    .connect = link_connect,
    .next = link_next,
    .late = link_late,
    .lost = link_lost,
    .cut = link_cut,
    .doing = link_doing,
};

static bool link_open(struct link *k, struct smtp_pool *p)
{
    k->pool = p;
    k->load = p->pool.load;
    k->line = &p->pool.lines[k - p->links];
    k->line->owner = k;
    k->client = smtp_client_create(&k->config, 1);
    return k->client;
}

static bool smtp_open(struct sender_load *l, struct err *e)
{
    const struct server *server = &l->context->work->profile->site.servers[l->load->via];
    struct smtp_pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    if (!pool_init(&p->pool, &link_ops, l, &server->smtp))
        return err_set(e, EX_IO, "out of memory for connections");
    name_things(p);
    p->links = calloc(p->pool.count, sizeof *p->links);
    for (uint32_t i = 0; p->links && i < p->pool.count; i++)
        if (!link_open(&p->links[i], p))
            return err_set(e, EX_IO, "out of memory for connections");
    return p->links || err_set(e, EX_IO, "out of memory for connections");
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

static void smtp_close(struct sender_load *l)
{
    struct smtp_pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->links && i < p->pool.count; i++) {
        if (p->links[i].line)
            link_leave(&p->links[i]);
        smtp_client_destroy(p->links[i].client);
    }
    pool_fini(&p->pool);
    free(p->links);
    free(p);
    l->state = NULL;
}

const struct sender_ops sender_smtp = {
    .name = "smtp",
    .help = "ESMTP, pipelined where the server announces it",
    .open = smtp_open,
    .arm = smtp_arm,
    .due = smtp_due,
    .cut = smtp_cut,
    .close = smtp_close,
};
