/* smtp_host.c - callers of SMTP and LMTP: their streams, their conversations, and what becomes of both.
 *
 * A wakeup reads what a caller said, asks the owner, and writes all replies at once. A conversation that is over has its last
 * words written and is closed. Of a caller whose replies wait, what was read already waits too: he is heard on afterwards, so
 * that all happens to him in order.
 */
#include "probes/smtp_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/door.h"

#define SIZE_MAX_BYTES (64u << 20)
#define HELD_MAX_BYTES (256u << 20)
#define REST_MAX       (1u << 20)
#define PATIENCE_S     300u /* RFC 5321 4.5.3.2.7 */

struct smtp_caller {
    struct smtp_host *host;
    struct call call;
    struct smtp_server *talk;
    void *own;
    uint64_t octets;
    size_t held;
    /* smtp_caller_delay() */
    struct timer late;
    uint64_t due_ns; /* 0: not delayed */
    size_t prompt;   /* octets of output that do not wait */
    struct buf rest; /* read, and not heard yet */
    bool over, gone; /* over: to be closed when all is said */
    bool cut;        /* by us, over too */
    bool to_tls;     /* when all is said */
    bool known;      /* called() was asked, or would have been */
    bool noted;      /* note_end() */
};

struct smtp_host {
    struct smtp_host_config c;
    struct smtp_server_config talk;
    struct door *door;
    size_t held;
    struct smtp_host_counts counts;
    const char *answers[SMTP_SERVER_RECIPIENTS_MAX];
};

static void trouble(struct smtp_caller *c, const char *words)
{
    const struct smtp_host_config *hc = &c->host->c;

    if (hc->trouble)
        hc->trouble(hc->owner, &c->call.stream->peer, words);
}

/* --- the end of a caller ------------------------------------------------------------------------------------------ */

static void end_caller(struct smtp_caller *c)
{
    struct smtp_host *h = c->host;

    if (h->c.gone && c->known)
        h->c.gone(h->c.owner, c);
    h->held -= c->held;
    timer_disarm(h->c.loop, &c->late);
    call_end(&c->call);
    smtp_server_destroy(c->talk);
    buf_fini(&c->rest);
    free(c);
}

static void end(struct call *k)
{
    end_caller(k->owner);
}

static void be_patient(struct smtp_caller *c)
{
    call_until(&c->call, call_after_s(&c->call, PATIENCE_S));
}

/* He is gone, or silent, or sent away: a message that was under way is his still. Once, though he may be silent first and gone
 * when he is told so. */
static void note_end(struct smtp_caller *c, const char *why)
{
    bool busy = smtp_server_is_busy(c->talk);
    char words[160];

    if (c->noted)
        return;
    c->noted = true;
    c->host->counts.broken += busy;
    if (!busy && !*why)
        return;
    (void)snprintf(words, sizeof words, "%s%s", *why ? why : "broken off",
                   busy ? ", with a message under way" : "");
    trouble(c, words);
}

/* --- what comes in ------------------------------------------------------------------------------------------------ */

static void ask_about_message(struct smtp_caller *c)
{
    struct smtp_host *h = c->host;
    uint32_t n = smtp_server_answers(c->talk);
    bool yes = false;

    memset(h->answers, 0, smtp_server_recipients(c->talk) * sizeof *h->answers);
    h->counts.messages++;
    h->c.message(h->c.owner, c, h->answers);
    size_t said = smtp_server_output(c->talk).n;

    for (uint32_t i = 0; i < n && !c->cut; i++) {
        yes = yes || !h->answers[i] || h->answers[i][0] == '2';
        smtp_server_answer(c->talk, h->answers[i]);
    }
    h->counts.taken += yes && smtp_server_output(c->talk).n > said; /* unless it is cut */
}

/* The owner's answer, unless he closed the conversation meanwhile. */
static void answer(struct smtp_caller *c, const char *(*owner_says)(void *, struct smtp_caller *))
{
    const char *line = owner_says ? owner_says(c->host->c.owner, c) : NULL;

    if (!c->cut)
        smtp_server_answer(c->talk, line);
}

static void answer_recipient(struct smtp_caller *c)
{
    const struct smtp_host_config *hc = &c->host->c;
    const char *line = hc->recipient(hc->owner, c, smtp_server_asked(c->talk));

    if (!c->cut)
        smtp_server_answer(c->talk, line);
}

static void ask(struct smtp_caller *c, enum smtp_ask what)
{
    const struct smtp_host_config *hc = &c->host->c;

    switch (what) {
    case SMTP_ASK_HELLO:
        answer(c, hc->hello);
        break;
    case SMTP_ASK_SENDER:
        answer(c, hc->sender);
        break;
    case SMTP_ASK_RECIPIENT:
        answer_recipient(c);
        break;
    case SMTP_ASK_DATA:
        answer(c, hc->data);
        break;
    case SMTP_ASK_MESSAGE:
        ask_about_message(c);
        break;
    case SMTP_ASK_TLS:
        c->to_tls = true;
        break;
    case SMTP_ASK_CUT:
        c->cut = true;
        c->over = true;
        break;
    case SMTP_ASK_END:
        c->over = true;
        break;
    case SMTP_ASK_MORE:
        break;
    }
}

/* What all hold together is bounded: who makes it too much has his message refused for now. */
static void count_held(struct smtp_caller *c)
{
    struct smtp_host *h = c->host;
    size_t held = smtp_server_held(c->talk);

    h->held = h->held - c->held + held;
    c->held = held;
    if (h->held <= h->c.held_max || held == 0 || c->over || c->to_tls)
        return;
    smtp_server_overflow(c->talk);
    h->held -= c->held;
    c->held = 0;
}

/* Hears until there is nothing to hear, or he is not to be heard on now. */
static void hear_all(struct smtp_caller *c, struct slice *in)
{
    enum smtp_ask what;

    do {
        what = smtp_server_hear(c->talk, in);
        ask(c, what);
    } while (what != SMTP_ASK_MORE && !c->over && !c->to_tls && c->due_ns == 0);
}

static void hear(struct smtp_caller *c, struct slice in)
{
    const struct smtp_server_counts *now = smtp_server_counts(c->talk);
    const char *blamed = now->blamed;
    uint32_t errors = now->errors;

    hear_all(c, &in);
    count_held(c);
    c->host->counts.octets += now->octets - c->octets;
    c->octets = now->octets;
    if (now->blamed && (now->blamed != blamed || now->errors > errors))
        trouble(c, now->blamed);
    if (c->due_ns > 0 && !buf_add(&c->rest, in.p, in.n))
        c->over = true; /* no memory: what he said is lost, so he is */
}

static bool heard(struct call *k, struct slice in)
{
    struct smtp_caller *c = k->owner;

    hear(c, in);
    if (c->due_ns == 0)
        be_patient(c);
    return !c->over && !c->to_tls && c->due_ns == 0;
}

/* --- what goes out ------------------------------------------------------------------------------------------------ */

static bool secure(struct smtp_caller *c)
{
    struct err e;

    c->to_tls = false;
    if (!call_secure(&c->call, c->host->c.tls, &e)) {
        trouble(c, e.text);
        return false;
    }
    smtp_server_secured(c->talk);
    return true;
}

/* Writes what is to be said; he may be gone afterwards. */
static void say(struct smtp_caller *c)
{
    struct slice out = smtp_server_output(c->talk);

    if (c->due_ns > 0)
        out.n = c->prompt;
    long put = call_write(&c->call, out);

    if (put == STREAM_BROKEN && !c->gone) {
        c->gone = true;
        note_end(c, "");
    }
    if (put > 0) {
        smtp_server_gave(c->talk, (size_t)put);
        c->prompt -= c->due_ns > 0 ? (size_t)put : 0;
    }
    bool said = c->due_ns == 0 && put == (long)out.n;

    if (c->gone || (c->over && said) || (c->to_tls && said && !secure(c)))
        end_caller(c);
}

/* The delay is over: what waited is said, and the rest of what was read is heard, which may be delayed again. */
static void late_fires(struct timer *t)
{
    struct smtp_caller *c = t->owner;
    struct buf rest = c->rest;

    c->due_ns = 0;
    buf_init(&c->rest, rest.limit);
    if (!c->over)
        hear(c, buf_slice(&rest));
    buf_fini(&rest);
    if (c->due_ns == 0) {
        call_hold(&c->call, false);
        be_patient(c);
    }
    say(c);
}

static void ready(struct call *k, bool readable)
{
    struct smtp_caller *c = k->owner;

    if (readable && !c->over && !c->to_tls && !call_read(k)) {
        c->gone = true;
        note_end(c, "");
    }
    say(c);
}

static void expired(struct call *k)
{
    struct smtp_caller *c = k->owner;

    note_end(c, "nothing came for too long");
    if (!c->over && !k->paused) {
        smtp_server_end(c->talk, "421 4.4.2 nothing came for too long");
        c->over = true;
        be_patient(c);
        say(c);
    } else {
        end_caller(c);
    }
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static struct call *come(void *owner)
{
    struct smtp_host *h = owner;
    struct smtp_caller *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->host = h;
    c->call.owner = c;
    timer_init(&c->late, late_fires, c);
    buf_init(&c->rest, REST_MAX);
    c->talk = smtp_server_create(&h->talk);
    if (!c->talk) {
        free(c);
        return NULL;
    }
    return &c->call;
}

static const char *refusal_of(struct smtp_caller *c)
{
    const struct smtp_host_config *hc = &c->host->c;

    if (c->call.surplus)
        return "421 4.3.2 too many connections";
    return hc->called ? hc->called(hc->owner, c) : NULL;
}

static bool begin_tls(struct smtp_caller *c)
{
    if (!c->host->c.tls || !c->host->c.tls_implicit)
        return true;
    return secure(c);
}

static void begin(struct call *k)
{
    struct smtp_caller *c = k->owner;

    if (!begin_tls(c)) {
        end_caller(c);
        return;
    }
    c->known = !k->surplus;
    const char *refusal = refusal_of(c);

    c->host->counts.refused += refusal || c->over;
    if (refusal)
        trouble(c, refusal);
    if (!c->over)
        smtp_server_begin(c->talk, refusal);
    c->over = c->over || refusal;
    if (c->due_ns == 0)
        be_patient(c);
    say(c);
}

struct smtp_host *smtp_host_listen(const struct smtp_host_config *c, const struct net_addr *at,
                                   struct err *e)
{
    struct smtp_host *h = calloc(1, sizeof *h);

    if (!h) {
        (void)err_set(e, EX_IO, "no memory to listen for %s", c->lmtp ? "LMTP" : "SMTP");
        return NULL;
    }
    h->c = *c;
    h->c.held_max = c->held_max ? c->held_max : HELD_MAX_BYTES;
    h->talk = (struct smtp_server_config){.name = c->name,
                                          .lmtp = c->lmtp,
                                          .starttls = c->tls && !c->tls_implicit,
                                          .lacks = c->lacks,
                                          .size_max = c->size_max ? c->size_max : SIZE_MAX_BYTES,
                                          .discard = c->discard,
                                          .keep = c->keep};
    h->door = door_open(&(struct door_config){.loop = c->loop,
                                              .clock = c->clock,
                                              .connections = c->connections,
                                              .shared = c->shared,
                                              .calls = &h->counts.calls,
                                              .refused = &h->counts.refused,
                                              .come = come,
                                              .begin = begin,
                                              .ready = ready,
                                              .heard = heard,
                                              .expired = expired,
                                              .end = end,
                                              .owner = h},
                        at, e);
    if (!h->door) {
        free(h);
        return NULL;
    }
    return h;
}

struct net_addr smtp_host_addr(const struct smtp_host *h)
{
    return door_addr(h->door);
}

const struct smtp_host_counts *smtp_host_counts(const struct smtp_host *h)
{
    return &h->counts;
}

void smtp_host_close(struct smtp_host *h)
{
    if (!h)
        return;
    door_close(h->door);
    free(h);
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

const struct smtp_server *smtp_caller_talk(const struct smtp_caller *c)
{
    return c->talk;
}

struct net_addr smtp_caller_peer(const struct smtp_caller *c)
{
    return c->call.stream->peer;
}

uint64_t smtp_caller_number(const struct smtp_caller *c)
{
    return c->call.number;
}

void **smtp_caller_own(struct smtp_caller *c)
{
    return &c->own;
}

void smtp_caller_delay(struct smtp_caller *c, uint64_t ns)
{
    struct loop *l = c->host->c.loop;

    if (ns == 0)
        return;
    if (c->due_ns == 0) {
        c->due_ns = loop_now(l);
        c->prompt = smtp_server_output(c->talk).n;
        call_until(&c->call, NEVER_NS);
        call_hold(&c->call, true);
    }
    c->due_ns += ns;
    timer_arm(l, &c->late, c->due_ns);
}

void smtp_caller_cut(struct smtp_caller *c, enum smtp_cut where)
{
    smtp_server_cut(c->talk, where);
}

void smtp_caller_close(struct smtp_caller *c, const char *line)
{
    c->cut = true;
    c->over = true;
    smtp_server_end(c->talk, line);
}
