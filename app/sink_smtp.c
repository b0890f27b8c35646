/* sink_smtp.c - a host of SMTP or LMTP whose answers are decided by a table.
 *
 * A visit is what is remembered of a caller while he is here, in a pool that is reused. Without misbehaviour and without
 * anybody who wants the truth there are no visits, and the host asks about nothing but complete messages.
 */
#include "app/sink_smtp.h"

#include <stdlib.h>
#include <string.h>

#include "app/sink_shared.h"
#include "base/clock.h"
#include "base/text.h"
#include "wire/token.h"

#define LAST_NS     (50 * NS_PER_MS) /* for the last answers to leave */
#define TOKEN_ROOM  8192u            /* of a text: where a token is looked for */
#define LINES_ROOM  (4u << 20)
#define LINES_FULL  (64u << 10) /* on their way to the file then */
#define CONNECTIONS 10000u

struct visit {
    struct visit *next; /* free ones */
    uint64_t caller, messages, id, number;
    uint32_t complete, part;
    enum sink_cut cut;
    bool in_text, tokened;
    char token[TOKEN_CHARS];
};

struct sink_smtp {
    struct sink_smtp_config c;
    struct smtp_host *host;        /* NULL: it is over */
    struct smtp_host_counts heard; /* by the host, when it is over */
    struct net_addr at;
    struct sink_shared *shared, *own; /* own: nobody shares it */
    struct sink_smtp_counts counts;
    uint64_t begun_ns, number;
    struct visit *free;
    struct timer end;
    struct hook sleep, wake;
    struct buf lines;
    bool ending, tells;
};

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Whoever is still there is hung up on, so that what he began is counted and told. */
static void hang_up(struct sink_smtp *s)
{
    if (!s->host)
        return;
    s->heard = *smtp_host_counts(s->host);
    smtp_host_close(s->host);
    s->host = NULL;
}

static void end_fires(struct timer *t)
{
    struct sink_smtp *s = t->owner;

    if (s->ending) {
        hang_up(s);
        loop_stop(s->c.loop);
    } else {
        sink_smtp_stop(s);
    }
}

void sink_smtp_stop(struct sink_smtp *s)
{
    if (s->ending)
        return;
    s->ending = true;
    timer_arm(s->c.loop, &s->end, loop_now(s->c.loop) + LAST_NS);
    sink_shared_end(s->shared);
}

static void on_wake(struct hook *h)
{
    struct sink_smtp *s = h->owner;

    if (sink_shared_is_over(s->shared))
        sink_smtp_stop(s);
}

/* --- the truth ---------------------------------------------------------------------------------------------------- */

/* Whole lines, at once: others may write to the same file. */
static void write_lines(struct sink_smtp *s)
{
    if (s->lines.n > 0)
        (void)fwrite(s->lines.p, 1, s->lines.n, s->c.log);
    buf_clear(&s->lines);
}

/* What is known of the message under way; to and what became of it are the caller's to fill in. */
static struct sink_truth truth_of(struct sink_smtp *s, const struct visit *v,
                                  const struct smtp_caller *from)
{
    const struct smtp_server *talk = smtp_caller_talk(from);

    return (struct sink_truth){.number = v->number,
                               .ms = (loop_now(s->c.loop) - s->begun_ns) / NS_PER_MS,
                               .caller = v->caller,
                               .peer = smtp_caller_peer(from),
                               .from = smtp_server_sender(talk),
                               .helo = smtp_server_helo(talk),
                               .envid = smtp_server_envid(talk),
                               .token = v->tokened ? v->token : NULL,
                               .octets = smtp_server_text_octets(talk)};
}

static void tell_one(struct sink_smtp *s, struct sink_truth *t, const char *answer)
{
    t->answered = 0;
    for (const char *p = answer; p && *p >= '0' && *p <= '9'; p++)
        t->answered = t->answered * 10 + (unsigned)(*p - '0');
    if (s->c.truth)
        s->c.truth(s->c.owner, t);
    if (!s->c.log)
        return;
    if (!sink_truth_write(&s->lines, t)) {
        write_lines(s);
        (void)sink_truth_write(&s->lines, t);
    }
    if (s->lines.n >= LINES_FULL)
        write_lines(s);
}

/* The same of all recipients that were taken. */
static void tell_all(struct sink_smtp *s, const struct visit *v, const struct smtp_caller *from,
                     enum sink_ending stage, const char *answer, enum sink_done done)
{
    const struct smtp_server *talk = smtp_caller_talk(from);

    if (!s->tells)
        return;
    struct sink_truth t = truth_of(s, v, from);

    t.stage = stage;
    t.done = done;
    for (uint32_t i = 0; i < smtp_server_recipients(talk); i++) {
        t.to = smtp_server_recipient(talk, i).address;
        tell_one(s, &t, answer);
    }
}

static void tell_refusal(struct sink_smtp *s, const struct visit *v, const struct smtp_caller *from,
                         enum sink_ending stage, struct slice to, const char *answer)
{
    if (!s->tells)
        return;
    struct sink_truth t = truth_of(s, v, from);

    t.stage = stage;
    t.done = SINK_REFUSED;
    t.to = to;
    t.octets = 0;
    tell_one(s, &t, answer);
}

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

static struct visit *visit_of(struct smtp_caller *from)
{
    return *smtp_caller_own(from);
}

static struct sink_verdict decide(struct sink_smtp *s, const struct visit *v,
                                  struct smtp_caller *from, enum sink_stage stage, uint32_t part,
                                  struct slice to)
{
    const struct sink_turn t = {
        .stage = stage,
        .id = v->id,
        .part = part,
        .before = v->complete,
        .now_ns = loop_now(s->c.loop),
        .from = stage >= SINK_MAIL ? smtp_server_sender(smtp_caller_talk(from)) : slice_of(""),
        .to = to};
    struct sink_verdict out = sink_vice_decide(&s->c.vices, s->shared, &t);

    if (out.why < SINK_VICES)
        s->counts.vices[out.why]++;
    if (out.delay_ns) {
        s->counts.vices[VICE_SLOW]++;
        smtp_caller_delay(from, out.delay_ns);
    }
    return out;
}

/* A refusal, said and counted; 421 is the last word. */
static const char *refuse(struct sink_smtp *s, struct smtp_caller *from, enum sink_stage stage,
                          const char *line)
{
    s->counts.refused[stage]++;
    if (stage != SINK_CONNECT && strncmp(line, "421", 3) == 0)
        smtp_caller_close(from, line);
    return line;
}

/* --- what the host asks ------------------------------------------------------------------------------------------- */

static struct visit *visit_begin(struct sink_smtp *s)
{
    struct visit *v = s->free;

    if (v)
        s->free = v->next;
    else
        v = malloc(sizeof *v);
    if (v)
        *v = (struct visit){.caller = sink_shared_caller(s->shared), .cut = SINK_CUT_NOT};
    return v;
}

static const char *on_called(void *owner, struct smtp_caller *from)
{
    struct sink_smtp *s = owner;

    if (!s->counts.first_ns)
        s->counts.first_ns = loop_now(s->c.loop);
    if (!s->tells && !s->c.vices.on)
        return NULL;
    struct visit *v = visit_begin(s);

    if (!v)
        return "421 4.3.0 out of memory";
    *smtp_caller_own(from) = v;
    v->id = sink_id_of_caller(v->caller, 0);
    struct sink_verdict out = decide(s, v, from, SINK_CONNECT, 0, slice_of(""));

    return out.answer ? refuse(s, from, SINK_CONNECT, out.answer) : NULL;
}

static const char *on_hello(void *owner, struct smtp_caller *from)
{
    struct sink_smtp *s = owner;
    struct visit of_caller = *visit_of(from); /* a message that is under way keeps its own */

    of_caller.id = sink_id_of_caller(of_caller.caller, 0);
    struct sink_verdict out = decide(s, &of_caller, from, SINK_EHLO, 0, slice_of(""));

    return out.answer ? refuse(s, from, SINK_EHLO, out.answer) : NULL;
}

static const char *on_sender(void *owner, struct smtp_caller *from)
{
    struct sink_smtp *s = owner;
    const struct smtp_server *talk = smtp_caller_talk(from);
    struct visit *v = visit_of(from);

    v->messages++;
    v->part = 0;
    v->in_text = false;
    v->cut = SINK_CUT_NOT;
    v->number = s->number++ * s->c.shards + s->c.shard;
    v->tokened = token_looks(smtp_server_envid(talk), v->token) ||
                 token_looks(smtp_server_sender(talk), v->token);
    v->id = v->tokened ? sink_id_of_token(v->token) : sink_id_of_caller(v->caller, v->messages);
    struct sink_verdict out = decide(s, v, from, SINK_MAIL, 0, slice_of(""));

    if (!out.answer)
        return NULL;
    tell_refusal(s, v, from, SINK_ENDED_MAIL, slice_of(""), out.answer);
    return refuse(s, from, SINK_MAIL, out.answer);
}

static const char *on_recipient(void *owner, struct smtp_caller *from, struct slice address)
{
    struct sink_smtp *s = owner;
    struct visit *v = visit_of(from);

    if (!v)
        return NULL;
    struct sink_verdict out = decide(s, v, from, SINK_RCPT, v->part++, address);

    if (!out.answer)
        return NULL;
    tell_refusal(s, v, from, SINK_ENDED_RCPT, address, out.answer);
    return refuse(s, from, SINK_RCPT, out.answer);
}

static const char *on_data(void *owner, struct smtp_caller *from)
{
    static const enum smtp_cut places[] = {SMTP_CUT_TEXT, SMTP_CUT_TERMINATOR};
    struct sink_smtp *s = owner;
    struct visit *v = visit_of(from);
    struct sink_verdict out = decide(s, v, from, SINK_DATA, 0, slice_of(""));

    if (out.answer) {
        tell_all(s, v, from, SINK_ENDED_DATA, out.answer, SINK_REFUSED);
        return refuse(s, from, SINK_DATA, out.answer);
    }
    v->in_text = true;
    v->cut = out.cut;
    if (out.cut < SINK_CUT_AFTER)
        smtp_caller_cut(from, places[out.cut]);
    return NULL;
}

/* Counts and tells a complete message of which the same is true for everybody. */
static void end_of_all(struct sink_smtp *s, struct visit *v, struct smtp_caller *from,
                       struct sink_verdict out)
{
    const char *said = out.answer ? out.answer : "250";

    if (out.cut == SINK_CUT_AFTER) {
        s->counts.cut[SINK_CUT_AFTER]++;
        smtp_caller_cut(from, SMTP_CUT_ANSWER);
        tell_all(s, v, from, SINK_ENDED_AFTER, NULL, out.done);
        return;
    }
    s->counts.taken += out.done == SINK_TAKEN;
    s->counts.dropped += out.done == SINK_DROPPED;
    tell_all(s, v, from, SINK_ENDED_END, said, out.done);
    if (out.done != SINK_REFUSED)
        return;
    if (out.why == VICE_LIE)
        s->counts.refused[SINK_END]++;
    else
        (void)refuse(s, from, SINK_END, said);
}

/* What was decided of each recipient at the end. */
static void tell_each(struct sink_smtp *s, const struct visit *v, const struct smtp_caller *from,
                      uint32_t count, const char *const *answers, const enum sink_done *done)
{
    const struct smtp_server *talk = smtp_caller_talk(from);
    struct sink_truth t = truth_of(s, v, from);

    t.stage = SINK_ENDED_END;
    for (uint32_t i = 0; i < count; i++) {
        t.to = smtp_server_recipient(talk, i).address;
        t.done = done[i];
        tell_one(s, &t, answers[i] ? answers[i] : "250");
    }
}

/* LMTP: every recipient for himself. A 421 is not the last word here, the others have theirs to come. */
static void end_of_each(struct sink_smtp *s, struct visit *v, struct smtp_caller *from,
                        const char **answers)
{
    const struct smtp_server *talk = smtp_caller_talk(from);
    const uint32_t count = smtp_server_recipients(talk);
    enum sink_done done[SMTP_SERVER_RECIPIENTS_MAX];
    bool seen[SINK_DONES] = {false};

    for (uint32_t i = 0; i < count; i++) {
        struct sink_verdict out =
            decide(s, v, from, SINK_END, i, smtp_server_recipient(talk, i).address);

        if (out.cut == SINK_CUT_AFTER) { /* the whole message's: nobody is answered */
            end_of_all(s, v, from, out);
            return;
        }
        answers[i] = out.answer;
        done[i] = out.done;
        seen[out.done] = true;
    }
    if (s->tells)
        tell_each(s, v, from, count, answers, done);
    s->counts.taken += seen[SINK_TAKEN];
    s->counts.dropped += !seen[SINK_TAKEN] && seen[SINK_DROPPED];
    s->counts.refused[SINK_END] += !seen[SINK_TAKEN] && !seen[SINK_DROPPED];
}

static void find_token(struct visit *v, struct smtp_caller *from)
{
    char token[TOKEN_CHARS];

    if (!token_looks(smtp_server_content(smtp_caller_talk(from)), token))
        return;
    memcpy(v->token, token, sizeof token);
    v->tokened = true;
}

static void on_complete(struct sink_smtp *s, struct smtp_caller *from, const char **answers)
{
    struct visit *v = visit_of(from);

    v->in_text = false;
    if (s->tells)
        find_token(v, from);
    if (s->c.lmtp) {
        end_of_each(s, v, from, answers);
    } else {
        struct sink_verdict out = decide(s, v, from, SINK_END, 0, slice_of(""));

        answers[0] = out.answer;
        end_of_all(s, v, from, out);
    }
    v->complete++;
}

static void answer_beyond(struct sink_smtp *s, struct smtp_caller *from, const char **answers)
{
    static const char over[] = "451 4.3.2 that was enough";
    struct visit *v = visit_of(from);

    s->counts.beyond++;
    for (uint32_t i = 0; i < smtp_server_answers(smtp_caller_talk(from)); i++)
        answers[i] = over;
    if (!v)
        return;
    v->in_text = false;
    if (s->tells)
        find_token(v, from);
    tell_all(s, v, from, SINK_ENDED_END, over, SINK_REFUSED);
}

static void on_message(void *owner, struct smtp_caller *from, const char **answers)
{
    struct sink_smtp *s = owner;
    enum sink_ticket ticket = SINK_TICKET;

    if (s->ending)
        ticket = SINK_TICKET_NONE;
    else if (s->c.count)
        ticket = sink_shared_message(s->shared, s->c.count);
    s->counts.last_ns = loop_now(s->c.loop);
    if (ticket == SINK_TICKET_NONE)
        answer_beyond(s, from, answers);
    else if (s->tells || s->c.vices.on)
        on_complete(s, from, answers);
    else
        s->counts.taken++;
    if (ticket == SINK_TICKET_LAST)
        sink_smtp_stop(s);
}

/* He is gone, by our doing or his: the text that was under way never was a message. */
static void on_gone(void *owner, struct smtp_caller *from)
{
    struct sink_smtp *s = owner;
    struct visit *v = visit_of(from);

    if (!v)
        return;
    if (v->in_text && smtp_server_is_in_text(smtp_caller_talk(from))) {
        bool cut = v->cut < SINK_CUT_AFTER;

        if (s->tells)
            find_token(v, from);
        s->counts.gone += !cut;
        if (cut)
            s->counts.cut[v->cut]++;
        tell_all(s, v, from, cut ? SINK_ENDED_BEFORE + v->cut : SINK_ENDED_GONE, NULL,
                 SINK_FORGOTTEN);
    }
    *smtp_caller_own(from) = NULL;
    v->next = s->free;
    s->free = v;
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    char at[NET_TEXT], text[512];
    struct sink_smtp *s = owner;

    (void)snprintf(text, sizeof text, "%s: %s", net_print(peer, at), words);
    s->c.trouble(s->c.owner, text);
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

/* The log is on its way to the disk before the loop sleeps: whoever watches the sink reads what happened. */
static void before_sleep(struct hook *h)
{
    struct sink_smtp *s = h->owner;

    if (s->lines.n == 0)
        return;
    write_lines(s);
    (void)fflush(s->c.log);
}

static bool open_host(struct sink_smtp *s, struct err *e)
{
    bool asks = s->tells || s->c.vices.on;
    const struct smtp_host_config c = {.loop = s->c.loop,
                                       .name = s->c.name,
                                       .lmtp = s->c.lmtp,
                                       .size_max = s->c.size_max,
                                       .connections =
                                           s->c.connections ? s->c.connections : CONNECTIONS,
                                       .shared = s->c.shards > 1,
                                       .tls = s->c.tls,
                                       .tls_implicit = s->c.tls_implicit,
                                       .lacks = s->c.lacks,
                                       .discard = true,
                                       .keep = s->tells ? TOKEN_ROOM : 0,
                                       .called = on_called,
                                       .hello = asks ? on_hello : NULL,
                                       .sender = asks ? on_sender : NULL,
                                       .recipient = on_recipient,
                                       .data = asks ? on_data : NULL,
                                       .message = on_message,
                                       .trouble = s->c.trouble ? on_trouble : NULL,
                                       .gone = asks ? on_gone : NULL,
                                       .owner = s};

    s->host = smtp_host_listen(&c, &s->c.at, e);
    if (!s->host)
        return false;
    s->at = smtp_host_addr(s->host);
    return true;
}

static bool open_parts(struct sink_smtp *s, struct err *e)
{
    if (!s->shared)
        s->shared = s->own = sink_shared_create(1);
    if (!s->shared)
        return err_set(e, EX_IO, "no memory for a sink");
    return open_host(s, e);
}

struct sink_smtp *sink_smtp_open(const struct sink_smtp_config *c, struct err *e)
{
    struct sink_smtp *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "no memory for a sink");
        return NULL;
    }
    s->c = *c;
    s->c.shards = c->shards ? c->shards : 1;
    s->shared = c->shared;
    s->tells = c->log || c->truth;
    s->begun_ns = loop_now(c->loop);
    buf_init(&s->lines, LINES_ROOM);
    timer_init(&s->end, end_fires, s);
    s->sleep = (struct hook){.run = before_sleep, .owner = s};
    s->wake = (struct hook){.run = on_wake, .owner = s};
    loop_before_sleep(c->loop, &s->sleep);
    loop_on_wake(c->loop, &s->wake);
    if (!open_parts(s, e)) {
        sink_smtp_close(s);
        return NULL;
    }
    if (c->duration_ns)
        timer_arm(c->loop, &s->end, s->begun_ns + c->duration_ns);
    if (c->log && c->shard == 0)
        (void)fputs(SINK_TRUTH_HEAD, c->log);
    return s;
}

void sink_smtp_close(struct sink_smtp *s)
{
    if (!s)
        return;
    timer_disarm(s->c.loop, &s->end);
    loop_unhook(s->c.loop, &s->sleep);
    loop_unhook(s->c.loop, &s->wake);
    hang_up(s); /* callers who are gone now have their truth */
    if (s->c.log)
        write_lines(s);
    for (struct visit *v = s->free, *next; v; v = next) {
        next = v->next;
        free(v);
    }
    sink_shared_destroy(s->own);
    buf_fini(&s->lines);
    free(s);
}

struct net_addr sink_smtp_addr(const struct sink_smtp *s)
{
    return s->at;
}

/* --- counts ------------------------------------------------------------------------------------------------------- */

struct sink_smtp_counts sink_smtp_counts(const struct sink_smtp *s)
{
    const struct smtp_host_counts *h = s->host ? smtp_host_counts(s->host) : &s->heard;
    struct sink_smtp_counts c = s->counts;

    c.calls = h->calls;
    c.busy = h->refused - c.refused[SINK_CONNECT];
    c.messages = h->messages;
    c.octets = h->octets;
    return c;
}

void sink_smtp_add(struct sink_smtp_counts *to, const struct sink_smtp_counts *more)
{
    to->calls += more->calls;
    to->busy += more->busy;
    to->messages += more->messages;
    to->octets += more->octets;
    to->taken += more->taken;
    to->dropped += more->dropped;
    to->beyond += more->beyond;
    to->gone += more->gone;
    for (uint32_t i = 0; i < SINK_STAGES; i++)
        to->refused[i] += more->refused[i];
    for (uint32_t i = 0; i < SINK_CUTS; i++)
        to->cut[i] += more->cut[i];
    for (uint32_t i = 0; i < SINK_VICES; i++)
        to->vices[i] += more->vices[i];
    if (more->first_ns && (!to->first_ns || more->first_ns < to->first_ns))
        to->first_ns = more->first_ns;
    if (more->last_ns > to->last_ns)
        to->last_ns = more->last_ns;
}
