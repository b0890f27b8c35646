/* test_flood.c - the sender's account against the truth of a sink that misbehaves: the same, recipient by recipient.
 *
 * A sender floods `postmuster sink` on a simulated network, both with all their code; the sink's truth is a call for each
 * recipient of each message. For every misbehaviour, in lockstep, pipelined, over LMTP, and with chunks at W = 1, 8, 32, each
 * over PM_FLOOD_SEEDS drawn floods (100):
 *   accepted  <=>  the sink answered 2yz at its end (what it did with the message then is the sink's lie, not our account's);
 *   refused   <=>  the sink answered so, with this code, at this stage;
 *   doubt or aborted: the sink answered nothing about it; no more at once than stand in a window, on each connection that fell.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sink_smtp.h"
#include "base/rng.h"
#include "loadgen/sender.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"
#include "wire/smtp_text.h"

#define MESSAGES    40u
#define RECIPIENTS  2u
#define CONNECTIONS 3u

struct way {
    const char *name, *protocol;
    enum send_mode mode;
    uint32_t window;
};

static const struct way ways[] = {
    {"lockstep", "smtp", SEND_LOCKSTEP, 0},        {"DATA", "smtp", SEND_PIPELINING, 0},
    {"chunks W=1", "smtp", SEND_CHUNKING, 1},      {"chunks W=8", "smtp", SEND_CHUNKING, 8},
    {"chunks W=32", "smtp", SEND_CHUNKING, 32},    {"LMTP DATA", "lmtp", SEND_PIPELINING, 0},
    {"LMTP chunks W=8", "lmtp", SEND_CHUNKING, 8},
};

struct heard { /* what the sink said about one recipient of one message */
    unsigned lines, accepted, refused, cut, other;
    unsigned code; /* of the refusal */
    enum sink_ending stage;
};

struct told { /* what the sender's account says */
    unsigned sent, ended;
    enum ending how;
    unsigned stage, code;
};

struct flood {
    const struct way *way;
    struct fake_run *run;
    struct sink_smtp *sink;
    struct workload *work;
    struct arena *arena;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct sender *sender;
    uint32_t foreign; /* truths about nothing of ours */
    bool armed;
    struct heard heard[MESSAGES][RECIPIENTS];
    struct told told[MESSAGES][RECIPIENTS];
    char wrong[300];
};

static uint64_t endings[END_ACCEPTED + 1]; /* of one test, to show that something happened */

/* --- the two sides ---------------------------------------------------------------------------------------------------- */

static void note_truth(struct heard *h, const struct sink_truth *t)
{
    h->lines++;
    if (t->answered / 100 == 2 && t->stage == SINK_ENDED_END) {
        h->accepted++;
    } else if (t->answered >= 400) {
        h->refused++;
        h->code = t->answered;
        h->stage = t->stage;
    } else if (t->answered == 0) {
        h->cut++;
    } else {
        h->other++;
    }
}

static void on_truth(void *owner, const struct sink_truth *t)
{
    struct flood *f = owner;
    uint64_t number = MESSAGES;

    if (!t->token || !token_read(&f->key, slice_from(t->token, TOKEN_CHARS), &number) ||
        number >= MESSAGES) {
        f->foreign++;
        return;
    }
    for (uint32_t r = 0; r < RECIPIENTS; r++) {
        struct heard *h = &f->heard[number][r];
        bool named = t->to.n == 0 || slice_is_nocase(t->to, f->run->mailboxes[r].address);

        /* 421 ends the conversation, and so the message for those who had not been refused. */
        if (named || (t->answered == 421 && h->lines == 0))
            note_truth(h, t);
    }
}

static void read_account(struct flood *f)
{
    uint32_t stride = f->work->stride;

    PM_ASSERT(journal_flush(f->run->journal));
    for (uint32_t i = 0; i < f->run->event_count; i++) {
        const struct event *ev = &f->run->events[i];
        uint64_t number = ev->slot / stride;

        if ((ev->kind != EV_SENT && ev->kind != EV_END) || number >= MESSAGES)
            continue;
        struct msg m = workload_message(f->work, number);
        uint32_t who = m.to[ev->slot % stride / 2];
        struct told *t = &f->told[number][who];

        if (ev->kind == EV_SENT) {
            t->sent++;
        } else {
            t->ended++;
            t->how = (enum ending)(ev->a & 0xff);
            t->stage = ev->a >> 8 & 0xff;
            t->code = event_code_reply(ev->code);
        }
    }
}

/* --- the comparison --------------------------------------------------------------------------------------------------- */

static bool is_stage(const struct flood *f, unsigned ours, enum sink_ending theirs)
{
    static const unsigned stages[] = {[SINK_ENDED_MAIL] = STAGE_MAIL,
                                      [SINK_ENDED_RCPT] = STAGE_RCPT,
                                      [SINK_ENDED_DATA] = STAGE_DATA,
                                      [SINK_ENDED_END] = STAGE_DOT};

    if (theirs > SINK_ENDED_END)
        return false;
    /* With chunks DATA is never said: its refusal answers the last chunk. */
    if (f->way->mode == SEND_CHUNKING && theirs == SINK_ENDED_DATA)
        return ours == STAGE_DOT;
    return ours == stages[theirs];
}

static const char *difference(const struct flood *f, const struct told *t, const struct heard *h)
{
    if (t->ended != 1 || t->sent < 1)
        return "not exactly one end of what was sent";
    if (h->accepted > 1 || h->other > 0)
        return "the sink took it twice, or said what is no answer";
    switch (t->how) {
    case END_ACCEPTED:
        return h->accepted == 1 ? NULL : "accepted, and the sink did not say so";
    case END_REFUSED_TEMP:
    case END_REFUSED_PERM:
        if (h->accepted > 0 || h->refused == 0)
            return "refused, and the sink did not say so";
        if (h->code != t->code || (h->code / 100 == 4) != (t->how == END_REFUSED_TEMP))
            return "refused with another code";
        return is_stage(f, t->stage, h->stage) ? NULL : "refused at another stage";
    case END_DOUBT:
    case END_ABORTED:
        return h->accepted + h->refused == 0 ? NULL : "lost, and the sink has answered it";
    case END_NONE:
        break;
    }
    return "it never ended";
}

static void compare(struct flood *f)
{
    unsigned lost = 0;

    for (uint32_t n = 0; n < MESSAGES; n++) {
        struct msg m = workload_message(f->work, n);
        bool is_lost = false;

        for (uint32_t i = 0; i < m.recipients; i++) {
            const struct told *t = &f->told[n][m.to[i]];
            const struct heard *h = &f->heard[n][m.to[i]];
            const char *why = difference(f, t, h);

            endings[t->how]++;
            is_lost = is_lost || t->how == END_DOUBT || t->how == END_ABORTED;
            if (why && !*f->wrong)
                (void)snprintf(f->wrong, sizeof f->wrong,
                               "message %u to %u: %s (sent %u, ended %u: %s at %s %u; the sink: %u "
                               "taken, %u refused %u at %u, %u unanswered)",
                               n, m.to[i], why, t->sent, t->ended, event_ending_name(t->how),
                               event_stage_name(t->stage), t->code, h->accepted, h->refused,
                               h->code, (unsigned)h->stage, h->cut);
        }
        lost += is_lost;
    }
    const uint32_t at_once = f->way->mode == SEND_CHUNKING ? f->way->window : 2;
    const struct sender_health *health = sender_health(f->sender);

    if (lost > health->connects * at_once && !*f->wrong)
        (void)snprintf(f->wrong, sizeof f->wrong, "%u lost on %" PRIu64 " connections", lost,
                       health->connects);
    if (f->foreign > 0 && !*f->wrong)
        (void)snprintf(f->wrong, sizeof f->wrong, "%u truths about nothing of ours", f->foreign);
}

/* --- one flood -------------------------------------------------------------------------------------------------------- */

static void shape_load(struct flood *f, uint64_t seed)
{
    struct rng r = rng_at(seed, 77, 0);
    struct load_profile *l = &f->run->load;
    struct server *s3 = &f->run->servers[2];
    struct end_point at = {.text = "127.0.0.3:2525", .addr = sink_smtp_addr(f->sink)};

    s3->smtp = s3->lmtp = at;
    l->protocol = f->way->protocol;
    l->arrivals = ARRIVE_CONSTANT;
    l->rate = 200;
    l->duration_ns = MESSAGES * NS_PER_S / 200;
    l->recipients = 1 + (uint32_t)rng_below(&r, RECIPIENTS);
    l->size_min = 100;
    l->size_max = 100 + (uint32_t)rng_below(&r, 12000);
    l->size = SIZE_UNIFORM;
    l->mode = f->way->mode;
    l->window = f->way->window;
    l->per_connection = rng_below(&r, 4) == 0 ? 1 + (uint32_t)rng_below(&r, 20) : 0;
    l->threads = 1;
    l->connections = 1 + (uint32_t)rng_below(&r, CONNECTIONS);
    f->run->profile.seed = seed;
}

/* NULL vices: it behaves, and nobody asks for the truth. */
static bool open_sink(struct flood *f, const struct sink_vices *vices, uint64_t seed)
{
    struct err e = {0};
    struct sink_smtp_config c = {.loop = f->run->loop,
                                 .lmtp = strcmp(f->way->protocol, "lmtp") == 0,
                                 .name = "sink.test",
                                 .truth = vices ? on_truth : NULL,
                                 .owner = f};

    if (vices)
        c.vices = *vices;
    c.vices.seed = seed;
    PM_ASSERT(net_parse(&c.at, "127.0.0.3:2525", 0, &e));
    f->sink = sink_smtp_open(&c, &e);
    return check_str(f->sink ? "" : e.text, "", "sink", __FILE__, __LINE__);
}

static bool open_flood(struct flood *f, uint64_t seed)
{
    struct err e = {0};
    const struct sim_config net = {.seed = seed,
                                   .start_ns = NS_PER_S,
                                   .latency_min_ns = 20 * NS_PER_US,
                                   .latency_max_ns = 2 * NS_PER_MS,
                                   .split_per_mille = 300};

    f->run->loop = loop_sim_create(&net, &e);
    f->run->event_count = 0;
    f->run->clock.origin_ns = 2 * NS_PER_S;
    if (!open_sink(f, NULL, seed))
        return false;
    shape_load(f, seed);
    f->arena = arena_create(1u << 24);
    f->work = workload_create(f->arena, &f->run->profile, &e);
    const struct sender_context sender = {.loop = f->run->loop,
                                          .clock = &f->run->clock,
                                          .work = f->work,
                                          .journal = f->run->journal,
                                          .key = &f->key,
                                          .corpus = f->corpus,
                                          .threads = 1,
                                          .owner = f};

    PM_ASSERT(f->work && f->work->planned == MESSAGES);
    f->sender = sender_create(&sender, &e);
    return check_str(f->sender ? "" : e.text, "", "sender", __FILE__, __LINE__);
}

static void close_flood(struct flood *f)
{
    sender_destroy(f->sender);
    sink_smtp_close(f->sink);
    loop_destroy(f->run->loop);
    f->run->loop = NULL;
    arena_destroy(f->arena);
}

static void on_armed(void *owner, const struct err *e)
{
    struct flood *f = owner;

    f->armed = true;
    if (e)
        (void)snprintf(f->wrong, sizeof f->wrong, "arming: %.200s", e->text);
}

/* The server is tried while it behaves; then it is another one. */
static bool arm(struct flood *f, const struct sink_vices *vices, uint64_t seed)
{
    sender_arm(f->sender, on_armed);
    fake_run_until(f->run, NS_PER_S + 800 * NS_PER_MS);
    sink_smtp_close(f->sink);
    f->sink = NULL;
    fake_run_until(f->run, NS_PER_S + 900 * NS_PER_MS); /* until that is known */
    return CHECK(f->armed) && CHECK_STR(f->wrong, "") && open_sink(f, vices, seed);
}

struct field { /* where floods take place, one after another */
    struct fake_run *run;
    struct smtp_corpus *corpus;
};

static bool walk(const struct field *on, const struct way *way, const struct sink_vices *vices,
                 uint64_t seed)
{
    static struct flood f;
    char text[500];

    f = (struct flood){
        .way = way, .run = on->run, .corpus = on->corpus, .key = token_key_make(seed, 12)};
    if (!open_flood(&f, seed) || !arm(&f, vices, seed)) {
        close_flood(&f);
        return false;
    }
    sender_start(f.sender);
    for (uint64_t s = 2; s < 600 && (s == 2 || !sender_is_idle(f.sender)); s++)
        fake_run_until(f.run, s * NS_PER_S);
    bool idle = sender_is_idle(f.sender);

    sender_stop(f.sender, true);
    read_account(&f);
    compare(&f);
    (void)snprintf(text, sizeof text, "%s seed %" PRIu64 ": %s%s", way->name, seed, f.wrong,
                   idle ? "" : " (it never ended)");
    bool ok = check_true(idle && !*f.wrong, text, __FILE__, __LINE__);
    close_flood(&f);
    return ok;
}

static void vice(struct sink_vices *v, enum sink_vice which, const char *value)
{
    struct err e = {0};

    (void)check_str(sink_vice_read(v, which, value, &e) ? "" : e.text, "", value, __FILE__,
                    __LINE__);
}

/* All ways and seeds with one misbehaviour; stops at the third difference. */
static void flood_with(const struct sink_vices *vices)
{
    const char *wanted = getenv("PM_FLOOD_SEEDS");
    uint64_t seeds = wanted ? strtoull(wanted, NULL, 10) : 100;
    struct field on = {fake_run_create("flood"), smtp_corpus_create(11)};
    unsigned bad = 0;

    loop_destroy(on.run->loop);
    on.run->loop = NULL;

    memset(endings, 0, sizeof endings);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (uint64_t seed = 1; seed <= seeds && bad < 3; seed++)
            bad += !walk(&on, &ways[w], vices, seed);
    smtp_corpus_destroy(on.corpus);
    fake_run_destroy(on.run);
}

static void flood_once_with(enum sink_vice which, const char *value)
{
    struct sink_vices v = {0};

    vice(&v, which, value);
    flood_with(&v);
}

/* --- the tests -------------------------------------------------------------------------------------------------------- */

static void a_sink_that_behaves_takes_all_and_the_account_says_so(void)
{
    struct sink_vices v = {0};

    flood_with(&v);
    (void)CHECK(endings[END_ACCEPTED] > 0);
    (void)CHECK_U64(endings[END_DOUBT] + endings[END_ABORTED] + endings[END_REFUSED_TEMP] +
                        endings[END_REFUSED_PERM],
                    0);
}

static void callers_refused_at_connect_or_ehlo_call_again(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "connect:30:421");
    vice(&v, VICE_REFUSE, "ehlo:20:450");
    flood_with(&v);
    (void)CHECK(endings[END_ACCEPTED] > 0);
}

static void senders_refused_are_refused_at_mail(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "mail:20:550");
    vice(&v, VICE_REFUSE, "mail:15:451");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void recipients_refused_are_refused_at_rcpt(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "rcpt:25:550");
    vice(&v, VICE_REFUSE, "rcpt:20:450");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void messages_refused_at_data_are_refused_there(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "data:20:554");
    vice(&v, VICE_REFUSE, "data:15:451");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void messages_refused_at_their_end_are_refused_there(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "end:25:554");
    vice(&v, VICE_REFUSE, "end:20:452");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void a_421_refuses_what_it_answers_and_no_more(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "mail:5:421");
    vice(&v, VICE_REFUSE, "rcpt:4:421");
    vice(&v, VICE_REFUSE, "end:4:421");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_ACCEPTED] > 0);
}

static void everything_may_be_refused_somewhere(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_REFUSE, "mail:10:550");
    vice(&v, VICE_REFUSE, "rcpt:20:550");
    vice(&v, VICE_REFUSE, "data:10:554");
    vice(&v, VICE_REFUSE, "end:10:451");
    flood_with(&v);
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void what_comes_too_fast_is_refused_for_now(void)
{
    flood_once_with(VICE_TEMPFAIL, "10/s");
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_ACCEPTED] > 0);
}

static void late_replies_change_nothing(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_SLOW, "rcpt:30ms:20");
    vice(&v, VICE_SLOW, "end:200ms:20");
    flood_with(&v);
    (void)CHECK(endings[END_ACCEPTED] > 0);
    (void)CHECK_U64(endings[END_DOUBT] + endings[END_ABORTED], 0);
}

static void a_connection_closed_before_the_terminator_leaves_no_acceptance(void)
{
    flood_once_with(VICE_CLOSE, "before:10");
    (void)CHECK(endings[END_DOUBT] + endings[END_ABORTED] > 0);
}

static void a_connection_closed_within_the_terminator_leaves_doubt(void)
{
    flood_once_with(VICE_CLOSE, "within:10");
    (void)CHECK(endings[END_DOUBT] > 0);
}

static void a_connection_closed_after_the_terminator_leaves_doubt(void)
{
    flood_once_with(VICE_CLOSE, "after:10");
    (void)CHECK(endings[END_DOUBT] > 0);
}

static void what_is_dropped_after_its_250_was_accepted(void)
{
    flood_once_with(VICE_DROP, "30");
    (void)CHECK(endings[END_ACCEPTED] > 0);
}

static void an_account_says_what_was_answered_not_what_was_done(void)
{
    struct sink_vices v = {0};

    vice(&v, VICE_LIE, "20:250");
    vice(&v, VICE_LIE, "20:554");
    flood_with(&v);
    (void)CHECK(endings[END_ACCEPTED] > 0 && endings[END_REFUSED_PERM] > 0);
}

static void strangers_on_the_grey_list_are_refused_for_now(void)
{
    flood_once_with(VICE_GREYLIST, "50ms");
    (void)CHECK(endings[END_REFUSED_TEMP] > 0 && endings[END_ACCEPTED] > 0);
}

static void a_sink_that_hangs_up_after_so_many_loses_no_message_twice(void)
{
    flood_once_with(VICE_HANG_UP, "5");
    (void)CHECK(endings[END_ACCEPTED] > 0);
}

static const struct test tests[] = {
    TEST(a_sink_that_behaves_takes_all_and_the_account_says_so),
    TEST(callers_refused_at_connect_or_ehlo_call_again),
    TEST(senders_refused_are_refused_at_mail),
    TEST(recipients_refused_are_refused_at_rcpt),
    TEST(messages_refused_at_data_are_refused_there),
    TEST(messages_refused_at_their_end_are_refused_there),
    TEST(a_421_refuses_what_it_answers_and_no_more),
    TEST(everything_may_be_refused_somewhere),
    TEST(what_comes_too_fast_is_refused_for_now),
    TEST(late_replies_change_nothing),
    TEST(a_connection_closed_before_the_terminator_leaves_no_acceptance),
    TEST(a_connection_closed_within_the_terminator_leaves_doubt),
    TEST(a_connection_closed_after_the_terminator_leaves_doubt),
    TEST(what_is_dropped_after_its_250_was_accepted),
    TEST(an_account_says_what_was_answered_not_what_was_done),
    TEST(strangers_on_the_grey_list_are_refused_for_now),
    TEST(a_sink_that_hangs_up_after_so_many_loses_no_message_twice),
    TEST_END,
};

const struct suite flood_suite = {"flood", tests};
