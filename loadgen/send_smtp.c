/* send_smtp.c - ESMTP over the connections of one load on one thread: `sender_smtp`, a row of the table of senders.
 *
 * Connections are opened as they are needed, up to `connections`, and stay open. One message at a time per connection; with
 * PIPELINING the next one's envelope follows in the same write as the text before it. Whatever is decided during a wakeup
 * leaves a connection in one writev. All memory is made when the load is opened; a connection refers to its two messages by
 * the tag 0 or 1. Time limits are those of smtp_client.h, in the target's time. A connection that dies before a message
 * ended on it makes the next try wait (SEND_BACKOFF), so a server that is down costs a few tries a second, each of them a
 * finding.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/sender_ops.h"
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

struct pool;

struct link {
    struct pool *pool;
    struct stream *stream; /* NULL: closed */
    struct smtp_client *client;
    struct smtp_client_config config;
    bool stands, up; /* the connection; the log-in */
    struct timer timer;
    uint64_t deadline_ns; /* NEVER_NS: nothing is awaited */
    struct parcel parcel[SMTP_MAILS_MAX];
};

struct pool {
    struct sender_load *load;
    const struct server *server;
    char host[256], helo[300], subject[128], bad_address[ADDRESS_MAX];
    struct link *links;
    uint32_t count, open, connecting, turn;
    uint64_t backoff_ns;
    struct timer retry;
    void (*armed)(struct sender_load *l, const struct err *e); /* while arming */
    struct timer arm_limit, arm_answer;
    struct err arm_error;
};

static void link_lost(struct link *k);

static struct loop *loop_of(const struct pool *p)
{
    return p->load->context->loop;
}

/* --- arming ---------------------------------------------------------------------------------------------------------- */

/* The answer comes from a timer: never from inside the call that asked. */
static void arm_over(struct pool *p, const char *what)
{
    char text[NET_TEXT];

    if (!p->armed || timer_is_armed(&p->arm_answer))
        return;
    if (what && p->arm_error.code == 0)
        err_set(&p->arm_error, EX_TARGET, "%s", what);
    if (what)
        err_wrap(&p->arm_error, "server %s (%s)", p->server->name,
                 net_print(&p->server->smtp.addr, text));
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_arm(loop_of(p), &p->arm_answer, loop_now(loop_of(p)));
}

static void on_arm_answer(struct timer *t)
{
    struct pool *p = t->owner;
    void (*armed)(struct sender_load * l, const struct err *e) = p->armed;

    p->armed = NULL;
    armed(p->load, p->arm_error.code ? &p->arm_error : NULL);
}

static void on_arm_limit(struct timer *t)
{
    struct pool *p = t->owner;

    for (uint32_t i = 0; i < p->count; i++)
        if (p->links[i].stream && !p->links[i].up) {
            enum smtp_state s = smtp_client_state(p->links[i].client);

            err_set(&p->arm_error, EX_TARGET, "no answer, %s",
                    p->links[i].stands ? smtp_state_doing(s) : "connecting");
            link_lost(&p->links[i]);
        }
    arm_over(p, "no answer");
}

/* --- a connection's life ------------------------------------------------------------------------------------------------ */

static enum stage stage_of(const struct link *k, enum smtp_state s)
{
    static const enum stage stages[] = {
        [SMTP_GREETING] = STAGE_GREETING, [SMTP_EHLO] = STAGE_EHLO, [SMTP_HELO] = STAGE_EHLO,
        [SMTP_STARTTLS] = STAGE_TLS,      [SMTP_AUTH] = STAGE_AUTH, [SMTP_READY] = STAGE_MAIL,
        [SMTP_MAIL] = STAGE_MAIL,         [SMTP_RCPT] = STAGE_RCPT, [SMTP_DATA] = STAGE_DATA,
        [SMTP_BODY] = STAGE_BODY,         [SMTP_DOT] = STAGE_DOT,   [SMTP_LONE_DOT] = STAGE_DOT,
        [SMTP_RSET] = STAGE_MAIL,         [SMTP_NOOP] = STAGE_MAIL, [SMTP_QUIT] = STAGE_MAIL,
    };

    static_assert(sizeof stages / sizeof *stages == SMTP_STATE_COUNT, "a row per state");
    return k->stands ? stages[s] : STAGE_CONNECT;
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
        break;
    }
    PM_UNREACHABLE();
}

static void link_outcome(struct link *k, const struct smtp_outcome *o)
{
    struct parcel *parcel = &k->parcel[o->tag];
    struct sender_load *l = k->pool->load;
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
        k->pool->backoff_ns = 0; /* it answers */
    sender_done(l);
}

static void pool_later(struct pool *p, uint64_t wait_ns)
{
    uint64_t at_ns = loop_now(loop_of(p)) + wait_ns;

    if (!timer_is_armed(&p->retry) || p->retry.at_ns < at_ns)
        timer_arm(loop_of(p), &p->retry, at_ns);
}

/* Failures one after the other make the next try wait longer; the first loss of a connection that was up, not at all. */
static void pool_failed(struct pool *p, bool was_up)
{
    uint64_t wait_ns = p->backoff_ns == 0 && !was_up ? SEND_BACKOFF_MIN_NS : p->backoff_ns;

    p->backoff_ns = wait_ns == 0 ? SEND_BACKOFF_MIN_NS : 2 * wait_ns;
    if (p->backoff_ns > SEND_BACKOFF_MAX_NS)
        p->backoff_ns = SEND_BACKOFF_MAX_NS;
    pool_later(p, wait_ns);
}

static void link_close(struct link *k)
{
    struct pool *p = k->pool;

    if (!k->stream)
        return;
    timer_disarm(loop_of(p), &k->timer);
    stream_close(k->stream);
    k->stream = NULL;
    p->open--;
    p->connecting -= !k->up;
}

/* Closes it and settles what was under way on it. */
static void link_lost(struct link *k)
{
    struct pool *p = k->pool;
    struct smtp_outcome o;
    struct slice nothing = slice_from(NULL, 0);
    bool was_up = k->up;

    link_close(k);
    smtp_client_lost(k->client);
    while (smtp_client_hear(k->client, &nothing, &o) == SMTP_ENDED)
        link_outcome(k, &o);
    k->up = false;
    pool_failed(p, was_up);
}

/* It did not come up, or not any more: an error while arming, a finding in a run. */
static void link_failed(struct link *k, enum finding what, uint32_t a, const char *words)
{
    struct pool *p = k->pool;

    if (p->armed)
        arm_over(p, words);
    else if (sender_is_running(p->load))
        sender_finding(p->load, what, a);
    if (!k->up)
        sender_counts(p->load)->connect_failures++;
    link_lost(k);
}

static void link_watch(struct link *k)
{
    struct pool *p = k->pool;
    uint64_t limit_ns = smtp_state_timeout_s(smtp_client_state(k->client)) * NS_PER_S;

    k->deadline_ns = NEVER_NS;
    if (limit_ns == 0)
        return;
    k->deadline_ns = loop_now(loop_of(p)) + clock_span(p->load->context->clock, limit_ns);
    if (!timer_is_armed(&k->timer) || k->deadline_ns < k->timer.at_ns)
        timer_arm(loop_of(p), &k->timer, k->deadline_ns);
}

/* Deadlines move with every turn; the timer follows only when it fires. */
static void on_link_timer(struct timer *t)
{
    struct link *k = t->owner;
    struct pool *p = k->pool;
    enum smtp_state s = smtp_client_state(k->client);
    char words[160];

    if (k->deadline_ns == NEVER_NS)
        return;
    if (loop_now(loop_of(p)) < k->deadline_ns) {
        timer_arm(loop_of(p), t, k->deadline_ns);
        return;
    }
    (void)snprintf(words, sizeof words, "no answer, %s", smtp_state_doing(s));
    link_failed(k, FIND_TIMEOUT, stage_of(k, s), words);
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static const char *address_of(const struct pool *p, uint32_t mailbox)
{
    return mailbox == SITE_NONE ? p->bad_address
                                : p->load->context->work->profile->site.mailboxes[mailbox].address;
}

static void compose(struct link *k, struct parcel *parcel, struct smtp_mail *m)
{
    const struct pool *p = k->pool;
    const struct sender_context *c = p->load->context;
    const struct load_profile *l = p->load->load;
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

    if (!sender_take(k->pool->load, &parcel->item))
        return false;
    parcel->live = true;
    compose(k, parcel, &m);
    smtp_client_send(k->client, &m);
    return true;
}

static bool link_can_take(const struct link *k)
{
    return k->stream && k->up && smtp_client_can_take(k->client);
}

/* --- hearing ---------------------------------------------------------------------------------------------------------- */

static bool link_secure(struct link *k, struct err *e)
{
    const struct pool *p = k->pool;
    uint32_t via = p->load->load->via;
    struct tls_context *tls = p->load->context->tls ? p->load->context->tls[via] : NULL;

    if (!tls)
        return err_set(e, EX_INTERNAL, "no TLS context for server %s", p->server->name);
    struct stream *filter = tls_wrap(tls, k->stream, p->host, e);
    if (!filter)
        return false;
    k->stream = filter;
    return true;
}

static void link_came_up(struct link *k)
{
    struct pool *p = k->pool;

    k->up = true;
    p->connecting--;
    arm_over(p, NULL);
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
            link_came_up(k);
            break;
        case SMTP_ENDED:
            link_outcome(k, &o);
            break;
        case SMTP_START_TLS:
            if (!link_secure(k, &e)) {
                link_failed(k, FIND_CONNECT_FAILED, 0, e.text);
                return false;
            }
            smtp_client_secured(k->client);
            break;
        case SMTP_DENIED:
            link_failed(k, FIND_CONNECT_FAILED, 0, smtp_client_error(k->client));
            return false;
        case SMTP_BROKEN:
            link_failed(k, FIND_PROTOCOL, stage_of(k, smtp_client_state(k->client)),
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
    if (k->up)
        link_lost(k);
    else
        link_failed(k, FIND_CONNECT_FAILED, 0,
                    n == STREAM_END ? "the server closes the connection" : stream_error(k->stream));
}

/* Reads once; false: the connection is gone. */
static bool link_read(struct link *k)
{
    unsigned char octets[READ_BYTES];
    long n = stream_read(k->stream, octets, sizeof octets);

    if (n == STREAM_AGAIN)
        return true;
    if (n > 0) {
        k->stands = true;
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

    while ((n = stream_read(k->stream, octets, sizeof octets)) > 0)
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
        long got = stream_writev(k->stream, iov, pieces);

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
            sender_began(k->pool->load, &k->parcel[tag].item);
        if ((size_t)got < all)
            break;
    }
    link_watch(k);
    return true;
}

/* --- connecting --------------------------------------------------------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned what);

static bool link_connect(struct link *k)
{
    struct pool *p = k->pool;
    const struct sender_context *c = p->load->context;
    const struct end_point *to = &p->server->smtp;
    struct err e = {0};

    sender_counts(p->load)->connects++;
    k->stands = k->up = false;
    k->config = (struct smtp_client_config){.helo = p->helo,
                                            .host = p->host,
                                            .pipelining = p->load->load->pipelining,
                                            .starttls = to->tls == TLS_STARTTLS,
                                            .secure = to->tls == TLS_IMPLICIT,
                                            .clear_auth = net_is_loopback(&to->addr),
                                            .user = p->server->user,
                                            .password = p->server->password};
    smtp_client_begin(k->client);
    k->stream = loop_connect(c->loop, &c->work->profile->safety.guard, &to->addr, on_ready, k, &e);
    if (!k->stream) {
        sender_counts(p->load)->connect_failures++;
        if (p->armed)
            p->arm_error = e;
        else if (sender_is_running(p->load))
            sender_finding(p->load, FIND_CONNECT_FAILED, 0);
        arm_over(p, e.text);
        pool_failed(p, false);
        return false;
    }
    p->open++;
    p->connecting++;
    if (to->tls == TLS_IMPLICIT && !link_secure(k, &e)) {
        link_failed(k, FIND_CONNECT_FAILED, 0, e.text);
        return false;
    }
    link_watch(k);
    return true;
}

/* What is due and finds no connection deserves another one; they come up one after the other. */
static void pool_grow(struct pool *p)
{
    if (p->open == p->count || p->connecting > 0 || timer_is_armed(&p->retry) ||
        !sender_has_due(p->load))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->links[i].stream) {
            (void)link_connect(&p->links[i]);
            return;
        }
}

static void on_ready(struct stream *s, unsigned what)
{
    struct link *k = s->owner;

    if (what & STREAM_WRITABLE)
        k->stands = true;
    if (what & STREAM_READABLE && !link_read(k))
        return;
    if (link_can_take(k))
        (void)link_take(k);
    if (link_flush(k))
        pool_grow(k->pool);
}

/* Gives every connection that can take one a message. */
static void pool_due(struct pool *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct link *k = &p->links[p->turn++ % p->count];

        if (!link_can_take(k))
            continue;
        if (!link_take(k))
            return;
        (void)link_flush(k);
    }
    pool_grow(p);
}

static void on_retry(struct timer *t)
{
    struct pool *p = t->owner;

    if (sender_has_due(p->load))
        pool_due(p);
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
static const char *recipients_domain(const struct pool *p)
{
    const struct site *site = &p->load->context->work->profile->site;
    const struct group *g = &site->groups[p->load->load->to[0]];
    const char *at = g->count > 0 ? strrchr(site->mailboxes[g->first].address, '@') : NULL;

    return at ? at + 1 : "invalid";
}

static void name_things(struct pool *p)
{
    const struct site *site = &p->load->context->work->profile->site;
    const char *domain = site->domain ? site->domain : "invalid";
    const char *text = p->server->smtp.text ? p->server->smtp.text : "";
    char addr[NET_TEXT];

    (void)snprintf(p->host, sizeof p->host, "%s",
                   *text ? text : net_print(&p->server->smtp.addr, addr));
    cut_port(p->host);
    (void)snprintf(p->helo, sizeof p->helo, "postmuster.%s", domain);
    (void)snprintf(p->subject, sizeof p->subject, "postmuster %s", p->load->load->name);
    (void)snprintf(p->bad_address, sizeof p->bad_address, "pm-no-such-user@%s",
                   recipients_domain(p));
}

static bool smtp_open(struct sender_load *l, struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    p->load = l;
    p->server = &l->context->work->profile->site.servers[l->load->via];
    p->count = l->load->connections > 0 ? l->load->connections : 1;
    p->links = calloc(p->count, sizeof *p->links);
    timer_init(&p->retry, on_retry, p);
    timer_init(&p->arm_limit, on_arm_limit, p);
    timer_init(&p->arm_answer, on_arm_answer, p);
    name_things(p);
    for (uint32_t i = 0; p->links && i < p->count; i++) {
        struct link *k = &p->links[i];

        k->pool = p;
        timer_init(&k->timer, on_link_timer, k);
        k->client = smtp_client_create(&k->config);
        if (!k->client)
            return err_set(e, EX_IO, "out of memory for connections");
    }
    return p->links || err_set(e, EX_IO, "out of memory for connections");
}

static void smtp_arm(struct sender_load *l,
                     void (*done)(struct sender_load *l, const struct err *e))
{
    struct pool *p = l->state;

    name_things(p); /* end points may have been filled in since */
    p->armed = done;
    p->arm_error = (struct err){0};
    timer_arm(loop_of(p), &p->arm_limit, loop_now(loop_of(p)) + SEND_ARM_NS);
    if (!p->links[0].stream)
        (void)link_connect(&p->links[0]);
    else if (p->links[0].up)
        arm_over(p, NULL);
}

static void smtp_due(struct sender_load *l)
{
    pool_due(l->state);
}

static void smtp_cut(struct sender_load *l)
{
    struct pool *p = l->state;

    arm_over(p, "stopped");
    for (uint32_t i = 0; i < p->count; i++)
        if (p->links[i].stream)
            link_lost(&p->links[i]);
    timer_disarm(loop_of(p), &p->retry);
}

/* Connections between messages are left with a QUIT, whose answer nobody waits for. */
static void link_leave(struct link *k)
{
    struct iovec iov[PIECES];

    if (k->stream && smtp_client_is_idle(k->client)) {
        smtp_client_quit(k->client);
        (void)stream_writev(k->stream, iov, smtp_client_output(k->client, iov, PIECES));
    }
    link_close(k);
}

static void smtp_close(struct sender_load *l)
{
    struct pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->links && i < p->count; i++) {
        link_leave(&p->links[i]);
        smtp_client_destroy(p->links[i].client);
    }
    timer_disarm(loop_of(p), &p->retry);
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_disarm(loop_of(p), &p->arm_answer);
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
