/* smtp_link.c - a connection by its stages: called, tried, filled with messages, heard, watched, left, lost.
 *
 * Whatever is decided during a wakeup leaves in one writev: texts, envelopes behind them, and behind the last message that the
 * connection may carry its QUIT. A connection that has carried messages and ends, by our limit or by one of the server's, is
 * made anew at once. Time limits are those of smtp_client.h, in the target's time; that of the trial is real.
 */
#include "loadgen/smtp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tls.h"

#define PIECES   256 /* of one writev: a window of messages */
#define TRIAL_NS (10 * NS_PER_S)

static_assert(MSG_RECIPIENTS_MAX == SMTP_RECIPIENTS_MAX, "what a load may ask a mail can hold");
static_assert(SEND_WINDOW_MAX == SMTP_WINDOW_MAX && SEND_WINDOW_MAX <= 64, "a bit per message");

/* --- what becomes of a message ------------------------------------------------------------------------------------------ */

static enum stage stage_of(const struct smtp_link *k, enum smtp_state s)
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

/* It was surely not taken, and that is not its own fault: it goes back. One that broke off before its first reply, behind
 * messages that were answered, met a server that hangs up after so many. */
static bool goes_back(const struct smtp_link *k, const struct smtp_outcome *o)
{
    return o->fate == SMTP_UNTOUCHED || o->fate == SMTP_AGAIN ||
           (o->fate == SMTP_ABORTED && o->state == SMTP_MAIL && k->answered);
}

static void link_outcome(struct smtp_link *k, const struct smtp_outcome *o)
{
    struct sender_item *item = &k->items[o->tag];
    uint64_t bit = 1ull << o->tag;
    const struct smtp_reply *r = &o->reply;

    if (goes_back(k, o))
        k->again |= bit;
    else
        sender_ended(k->load, item, o->recipient, ending_of(o->fate), stage_of(k, o->state),
                     event_code(r->code, r->status, r->subject, r->detail));
    if (r->code != 0) { /* it answers */
        k->answered = true;
        k->line->pool->backoff_ns = 0;
    }
    if (!o->last)
        return;
    k->live &= ~bit;
    if (k->again & bit)
        sender_give_back(k->load, item);
    else
        sender_done(k->load);
    k->again &= ~bit;
}

/* --- the trial of chunks ------------------------------------------------------------------------------------------------ */

static struct slice address_of(const struct smtp_pool *p, uint32_t mailbox)
{
    return mailbox == SITE_NONE ? p->bad : p->addresses[mailbox];
}

static bool may_try(const struct smtp_link *k)
{
    const struct smtp_pool *p = k->pool;

    return k->load->load->mode == SEND_CHUNKING && !p->tried && !p->trying &&
           smtp_client_extensions(k->client) & SMTP_EXT_CHUNKING;
}

static void trial_begin(struct smtp_link *k)
{
    const struct site *site = &k->load->context->work->profile->site;
    uint32_t from = site->groups[k->load->load->from[0]].first;

    k->pool->trying = k;
    smtp_client_try(k->client, address_of(k->pool, from), k->pool->bad);
    pool_watch_until(k->line, loop_now(k->load->context->loop) + TRIAL_NS);
}

static void trial_over(struct smtp_link *k, enum trial_end end)
{
    struct smtp_pool *p = k->pool;

    p->trying = NULL;
    p->tried = true;
    p->chunking = end == TRIAL_PASSED        ? SMTP_CHUNKS_PLAIN
                  : end == TRIAL_NEEDS_RESET ? SMTP_CHUNKS_RESET
                                             : SMTP_CHUNKS_OFF;
    k->config.chunking = p->chunking;
    if (p->chunking == SMTP_CHUNKS_OFF)
        sender_finding(k->load, FIND_NO_CHUNKING, sender_load_index(k->load), end);
}

static void link_forget(struct smtp_link *k);

/* The server cannot be trusted with chunks, and this connection cannot be used any more; that it answers is shown. */
static void trial_failed(struct smtp_link *k, enum trial_end end)
{
    trial_over(k, end);
    link_forget(k);
    pool_stands(k->line->pool);
    pool_renew(k->line);
}

/* --- a connection's life ------------------------------------------------------------------------------------------------ */

static uint32_t session_of(const struct smtp_link *k)
{
    const struct stream *s = k->line->stream;
    bool chunking = smtp_client_is_chunking(k->client);
    unsigned bits = (tls_version(s) ? SESSION_TLS : 0) |
                    (tls_was_resumed(s) ? SESSION_RESUMED : 0) |
                    (k->pool->lmtp ? SESSION_LMTP : 0) | (chunking ? SESSION_CHUNKING : 0);

    if (k->config.pipelining && smtp_client_extensions(k->client) & SMTP_EXT_PIPELINING)
        bits |= SESSION_PIPELINING;
    if (chunking && k->config.chunking == SMTP_CHUNKS_RESET)
        bits |= SESSION_RESET;
    return event_sessions(bits, chunking ? k->pool->window : 0);
}

static void link_up(struct smtp_link *k)
{
    if (may_try(k))
        trial_begin(k);
    else
        pool_up(k->line, session_of(k));
}

/* Closes it and settles what was under way on it. */
static void link_forget(struct smtp_link *k)
{
    struct smtp_outcome o;
    struct slice nothing = slice_from(NULL, 0);

    pool_close(k->line);
    smtp_client_lost(k->client);
    while (smtp_client_hear(k->client, &nothing, &o) == SMTP_ENDED)
        link_outcome(k, &o);
    PM_ASSERT(k->live == 0);
    k->line->up = false;
}

static void link_lost(void *owner)
{
    struct smtp_link *k = owner;
    bool was_up = k->line->up;

    if (k->pool->trying == k) {
        trial_failed(k, TRIAL_BROKEN);
        return;
    }
    link_forget(k);
    if (k->answered)
        pool_renew(k->line);
    else
        pool_failed(k->line->pool, was_up);
}

/* It did not come up, or not any more, for this reason; while chunks are tried, that is the trial's. */
static void link_broken(struct smtp_link *k, enum finding what, uint32_t a, const char *words)
{
    if (k->pool->trying == k)
        trial_failed(k, TRIAL_BROKEN);
    else
        pool_broken(k->line, what, a, words);
}

static void link_watch(struct smtp_link *k)
{
    if (k->pool->trying != k)
        pool_watch(k->line, smtp_state_timeout_s(smtp_client_state(k->client)));
}

static const char *link_doing(const void *owner)
{
    const struct smtp_link *k = owner;

    return k->line->stands ? smtp_state_doing(smtp_client_state(k->client)) : "connecting";
}

/* Nothing came in its time. */
static void link_late(void *owner)
{
    struct smtp_link *k = owner;
    enum smtp_state s = smtp_client_state(k->client);
    char words[160];

    if (k->pool->trying == k) {
        trial_failed(k, TRIAL_SILENT);
        return;
    }
    if (k->halted) {
        link_lost(k);
        return;
    }
    (void)snprintf(words, sizeof words, "no answer, %s", smtp_state_doing(s));
    pool_broken(k->line, FIND_TIMEOUT, stage_of(k, s), words);
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static void ask_reports(const struct load_profile *l, struct smtp_mail *m)
{
    static const enum smtp_notify notify[] = {[NOTIFY_DEFAULT] = SMTP_NOTIFY_DEFAULT,
                                              [NOTIFY_NEVER] = SMTP_NOTIFY_NEVER,
                                              [NOTIFY_FAILURE] = SMTP_NOTIFY_FAILURE,
                                              [NOTIFY_SUCCESS] = SMTP_NOTIFY_SUCCESS};

    m->notify = notify[l->notify];
    m->ret_headers = l->ret_headers;
    if (l->null_sender)
        m->from = slice_from(NULL, 0);
}

static void compose(struct smtp_link *k, uint64_t tag, struct smtp_draft *d, struct smtp_mail *m)
{
    const struct smtp_pool *p = k->pool;
    const struct sender_context *c = k->load->context;
    const struct load_profile *l = k->load->load;
    const struct msg *msg = &k->items[tag].msg;
    uint64_t wall_ns = c->clock->wall_ns + clock_target(c->clock, loop_now(c->loop));
    struct slice from = address_of(p, msg->from);

    for (uint32_t i = 0; i < msg->recipients; i++)
        d->to[i] = address_of(p, msg->to[i]);
    const struct smtp_text_order order = {
        .number = msg->number,
        .key = c->key,
        .from = from,
        .to = d->to,
        .recipients = msg->recipients,
        .subject = p->subject,
        .body_bytes = msg->body_bytes,
        .date_s = wall_ns / NS_PER_S,
        .memo = &k->pool->memo,
        .seven_bit = l->seven_bit || !(smtp_client_extensions(k->client) & SMTP_EXT_8BITMIME),
    };
    PM_ASSERT(smtp_text_compose(&d->text, c->corpus, &order)); /* addresses were checked */
    *m = (struct smtp_mail){
        .tag = tag, .from = from, .to = d->to, .recipients = msg->recipients, .text = &d->text};
    if (l->verp)
        m->from = smtp_text_verp(from, d->text.token, d->verp, sizeof d->verp);
    if (!sender_is_canary(&k->items[tag]))
        ask_reports(l, m);
}

/* Takes one message that is due; false: none is. */
static bool link_take(struct smtp_link *k)
{
    uint64_t tag = (uint64_t)__builtin_ctzll(~k->live);
    struct smtp_mail m;

    if (!sender_take(k->load, &k->items[tag]))
        return false;
    k->live |= 1ull << tag;
    k->carried++;
    compose(k, tag, smtp_client_is_chunking(k->client) ? &k->pool->draft : k->draft[tag & 1], &m);
    smtp_client_send(k->client, &m);
    return true;
}

/* It has carried as many messages as one connection may. */
static bool link_is_full(const struct smtp_link *k)
{
    uint32_t limit = k->load->load->per_connection;

    return limit > 0 && k->carried >= limit;
}

static bool link_can_take(const struct smtp_link *k)
{
    return k->line->stream && k->line->up && !k->halted && !link_is_full(k) &&
           smtp_client_can_take(k->client);
}

/* Takes what is due, as far ahead as it may run. Behind the last message that it may carry it says QUIT. false: nothing is
 * due any more. */
static bool link_fill(struct smtp_link *k)
{
    bool due = true;

    while (due && link_can_take(k))
        due = link_take(k);
    if (k->line->up && link_is_full(k))
        smtp_client_quit(k->client); /* as soon as it may be said */
    return due;
}

/* --- hearing ---------------------------------------------------------------------------------------------------------- */

static bool link_secure(struct smtp_link *k, struct err *e)
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

/* The trial has come to its end; false: the connection is gone. */
static bool link_tried(struct smtp_link *k)
{
    switch (smtp_client_trial(k->client)) {
    case SMTP_TRIAL_PASSED:
        trial_over(k, TRIAL_PASSED);
        break;
    case SMTP_TRIAL_NEEDS_RESET:
        trial_over(k, TRIAL_NEEDS_RESET);
        break;
    case SMTP_TRIAL_NOT_CONSUMED:
        trial_failed(k, TRIAL_NOT_CONSUMED);
        return false;
    case SMTP_TRIAL_BROKEN:
        trial_failed(k, TRIAL_BROKEN);
        return false;
    }
    pool_up(k->line, session_of(k));
    return true;
}

/* false: the connection is gone. */
static bool link_news(struct smtp_link *k, enum smtp_news news, const struct smtp_outcome *o)
{
    struct err e = {0};

    switch (news) {
    case SMTP_UP:
        link_up(k);
        return true;
    case SMTP_ENDED:
        link_outcome(k, o);
        return true;
    case SMTP_TRIED:
        return link_tried(k);
    case SMTP_START_TLS:
        if (!link_secure(k, &e)) {
            link_broken(k, FIND_CONNECT_FAILED, 0, e.text);
            return false;
        }
        smtp_client_secured(k->client);
        return true;
    case SMTP_DENIED:
        link_broken(k, FIND_CONNECT_FAILED, 0, smtp_client_error(k->client));
        return false;
    case SMTP_BROKEN:
        link_broken(k, FIND_PROTOCOL, stage_of(k, smtp_client_state(k->client)),
                    smtp_client_error(k->client));
        return false;
    case SMTP_CLOSED:
        link_lost(k);
        return false;
    case SMTP_MORE:
        break;
    }
    return true;
}

/* What the client made of the octets; false: the connection is gone. */
static bool link_hear(struct smtp_link *k, struct slice in)
{
    struct smtp_outcome o;
    enum smtp_news news;

    while ((news = smtp_client_hear(k->client, &in, &o)) != SMTP_MORE)
        if (!link_news(k, news, &o))
            return false;
    return true;
}

/* The stream has ended or broken: what was under way says how it ended; what never came up has failed. */
static void link_gone(struct smtp_link *k, long n)
{
    if (k->line->up)
        link_lost(k);
    else
        link_broken(k, FIND_CONNECT_FAILED, 0,
                    n == STREAM_END ? "the server closes the connection"
                                    : stream_error(k->line->stream));
}

/* Reads once; false: the connection is gone. */
static bool link_read(struct smtp_link *k)
{
    unsigned char *octets = k->pool->octets;
    long n = stream_read(k->line->stream, octets, SMTP_READ_BYTES);

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
static void link_broke(struct smtp_link *k)
{
    unsigned char *octets = k->pool->octets;
    long n;

    while ((n = stream_read(k->line->stream, octets, SMTP_READ_BYTES)) > 0)
        if (!link_hear(k, slice_from(octets, (size_t)n)))
            return;
    link_gone(k, n == STREAM_END ? n : STREAM_BROKEN);
}

/* All is said and answered but QUIT, and QUIT has left with what went before it: nobody waits for its answer, which comes
 * with the last one or is not worth a turn. In lockstep it is a turn like all others. */
static bool link_is_over(const struct smtp_link *k)
{
    return k->live == 0 && link_is_full(k) && smtp_client_state(k->client) == SMTP_QUIT &&
           k->config.pipelining && smtp_client_extensions(k->client) & SMTP_EXT_PIPELINING;
}

/* When everything that had wholly left is answered, what had not is cut. false: the connection is gone. */
static bool link_is_awaited(struct smtp_link *k)
{
    if (smtp_client_under_way(k->client, true) > 0)
        return true;
    link_lost(k);
    return false;
}

/* Writes what there is; false: the connection is gone. */
static bool link_flush(struct smtp_link *k)
{
    struct iovec iov[PIECES];
    uint64_t tag;
    int pieces;

    if (k->halted)
        return link_is_awaited(k);
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
            sender_began(k->load, &k->items[tag]);
        if ((size_t)got < all)
            break;
    }
    if (pieces == 0 && link_is_over(k)) {
        link_lost(k);
        return false;
    }
    link_watch(k);
    return true;
}

/* --- connecting --------------------------------------------------------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned what)
{
    struct smtp_link *k = s->owner;

    if (what & STREAM_WRITABLE)
        k->line->stands = true;
    if (what & STREAM_READABLE && !link_read(k))
        return;
    (void)link_fill(k);
    if (link_flush(k))
        pool_grow(k->line->pool);
}

static bool link_connect(void *owner)
{
    struct smtp_link *k = owner;
    const struct smtp_pool *p = k->pool;
    const struct server *server = p->pool.server;
    const struct end_point *to = p->pool.to;
    struct err e = {0};

    k->config = (struct smtp_client_config){.helo = p->helo,
                                            .host = p->host,
                                            .lmtp = p->lmtp,
                                            .pipelining = k->load->load->mode != SEND_LOCKSTEP,
                                            .chunking = p->chunking,
                                            .starttls = to->tls == TLS_STARTTLS,
                                            .secure = to->tls == TLS_IMPLICIT,
                                            .clear_auth = net_is_loopback(&to->addr),
                                            .user = server->user,
                                            .password = server->password};
    k->carried = 0;
    k->answered = k->halted = false;
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

/* Takes what is due, if it can. */
static bool link_next(void *owner)
{
    struct smtp_link *k = owner;

    if (!link_can_take(k))
        return true;
    bool due = link_fill(k);
    (void)link_flush(k);
    return due;
}

/* --- leaving ------------------------------------------------------------------------------------------------------------ */

static void link_cut(void *owner)
{
    struct smtp_link *k = owner;

    if (k->pool->trying == k)
        k->pool->trying = NULL; /* it tells nothing about the server */
    if (k->line->stream)
        link_lost(k);
}

/* Between messages it stays, for canaries; and where all that was begun has wholly left, libssl's and the kernel's share too, it
 * is answered as ever. */
static void link_halt(void *owner)
{
    struct smtp_link *k = owner;

    if (k->pool->trying == k) {
        link_cut(k);
        return;
    }
    if (!k->line->stream)
        return;
    uint32_t begun = smtp_client_under_way(k->client, false),
             exposed = smtp_client_under_way(k->client, true);
    bool owes = stream_owes(k->line->stream);

    if (begun == 0 && (exposed == 0 || !owes))
        return;
    k->halted = true;
    if (owes)
        stream_mute(k->line->stream);
    if (link_is_awaited(k))
        pool_watch_until(k->line, loop_now(k->load->context->loop) + SEND_HALT_NS);
}

/* --- the pool's table --------------------------------------------------------------------------------------------------- */

const struct pool_ops smtp_link_ops = {
    .connect = link_connect,
    .next = link_next,
    .late = link_late,
    .lost = link_lost,
    .cut = link_cut,
    .halt = link_halt,
    .doing = link_doing,
};

bool smtp_link_open(struct smtp_link *k, struct smtp_pool *p)
{
    k->pool = p;
    k->load = p->pool.load;
    k->line = &p->pool.lines[k - p->links];
    k->line->owner = k;
    k->items = calloc(sender_flight(k->load), sizeof *k->items);
    k->draft[0] = calloc(2, sizeof *k->draft[0]);
    k->draft[1] = k->draft[0] ? k->draft[0] + 1 : NULL;
    k->client = smtp_client_create(&k->config, p->window);
    return k->items && k->draft[0] && k->client;
}

void smtp_link_close(struct smtp_link *k)
{
    struct iovec iov[PIECES];

    if (k->client && k->line->stream && smtp_client_is_idle(k->client)) {
        smtp_client_quit(k->client);
        (void)stream_writev(k->line->stream, iov, smtp_client_output(k->client, iov, PIECES));
    }
    if (k->line)
        pool_close(k->line);
    smtp_client_destroy(k->client);
    free(k->items);
    free(k->draft[0]);
}
