/* test_sink_vices.c - every misbehaviour of the sink, by windows of messages on a simulated network: what the callers heard must
 * be what the sink says of itself, message by message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sink_shared.h"
#include "base/clock.h"
#include "base/loop_sim.h"
#include "tests/app/sink_rig.h"
#include "tests/support/check.h"

#define WINDOW 8u
#define SEEDS  20u

/* `windows` windows of WINDOW messages, in one breath each, on one connection. */
static struct rig_caller *flood(struct rig *r, unsigned first, unsigned windows)
{
    struct rig_caller *c = rig_call(r);

    for (unsigned w = 0; w < windows; w++) {
        for (unsigned i = 0; i < WINDOW; i++)
            rig_message(c, first + w * WINDOW + i);
        rig_wait(c, 3 * WINDOW);
    }
    rig_say(c, "QUIT\r\n");
    return c;
}

static const struct rig_truth nothing = {.stage = SINK_ENDINGS};

static const struct rig_truth *truth_of(const struct rig *r, unsigned n)
{
    const struct rig_truth *t = rig_truth(r, n, NULL);

    return t ? t : &nothing;
}

/* One message as its sender knows it, from its three replies. */
static void check_answered(const struct rig_truth *t, const unsigned *codes)
{
    if (codes[0] / 100 != 2) {
        CHECK_U64(t->stage, SINK_ENDED_MAIL);
        CHECK_U64(t->answered, codes[0]);
        CHECK_U64(t->done, SINK_REFUSED);
    } else if (codes[1] / 100 != 2) {
        CHECK_U64(t->stage, SINK_ENDED_RCPT);
        CHECK_U64(t->answered, codes[1]);
        CHECK_U64(t->done, SINK_REFUSED);
        CHECK_U64(codes[2] / 100, 5);
    } else {
        CHECK(t->stage == SINK_ENDED_DATA || t->stage == SINK_ENDED_END);
        CHECK_U64(t->answered, codes[2]);
        if (t->stage == SINK_ENDED_DATA)
            CHECK_U64(t->done, SINK_REFUSED);
    }
}

/* What a caller heard of `count` messages from `first` on agrees with the truth; answers the number of complete ones. */
static unsigned check_account(const struct rig *r, const struct rig_caller *c, unsigned first,
                              unsigned count)
{
    unsigned codes[2048], answered = 0, complete = 0;
    uint32_t n = rig_codes(c, codes, 2048);
    bool quits = n > 0 && codes[n - 1] == 221;
    bool sent_away = n > 0 && codes[n - 1] == 421;

    n -= quits;
    while ((answered + 1) * 3 <= n) {
        const struct rig_truth *t = truth_of(r, first + answered);

        check_answered(t, codes + (size_t)answered * 3);
        complete += t->stage == SINK_ENDED_END;
        answered++;
    }
    if (quits)
        CHECK_U64(answered, count);
    if (answered == count)
        return complete;
    const struct rig_truth *t = truth_of(r, first + answered);

    CHECK(c->over);
    if (sent_away)
        CHECK_U64(t->answered, 421);
    else
        CHECK(t->stage >= SINK_ENDED_BEFORE && t->stage <= SINK_ENDED_AFTER && t->answered == 0);
    CHECK_U64(t->done, sent_away                      ? SINK_REFUSED
                       : t->stage == SINK_ENDED_AFTER ? SINK_TAKEN
                                                      : SINK_FORGOTTEN);
    for (unsigned i = answered + 1; i < count; i++)
        CHECK(!rig_truth(r, first + i, NULL));
    return complete + (t->stage == SINK_ENDED_AFTER);
}

static void check_sum(const struct rig *r)
{
    struct sink_smtp_counts c = sink_smtp_counts(r->sink);

    CHECK_U64(c.messages,
              c.taken + c.dropped + c.refused[SINK_END] + c.cut[SINK_CUT_AFTER] + c.beyond);
}

static unsigned done_so(const struct rig *r, enum sink_done done)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < r->truth_count; i++)
        count += r->truths[i].done == done;
    return count;
}

static unsigned ended_so(const struct rig *r, enum sink_ending stage)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < r->truth_count; i++)
        count += r->truths[i].stage == stage;
    return count;
}

/* Many seeds, several callers each: their accounts, and how often the deed was seen in all. */
static unsigned seen_over_seeds(const char *const *vices, enum sink_ending stage,
                                enum sink_done done)
{
    unsigned seen = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig *r = rig_open(vices, seed, false);

        for (unsigned i = 0; i < 3; i++)
            (void)flood(r, 1 + i * 100, 2);
        rig_run(r);
        for (unsigned i = 0; i < 3; i++)
            (void)check_account(r, &r->callers[i], 1 + i * 100, 2 * WINDOW);
        check_sum(r);
        for (uint32_t i = 0; i < r->truth_count; i++)
            seen += r->truths[i].stage == stage && r->truths[i].done == done;
        rig_close(r);
    }
    return seen;
}

/* --- each ---------------------------------------------------------------------------------------------------------- */

static void a_sink_that_behaves_takes_whole_windows(void)
{
    struct rig *r = rig_open(NULL, 1, false);
    struct rig_caller *c = flood(r, 1, 3);

    rig_run(r);
    CHECK_U64(check_account(r, c, 1, 3 * WINDOW), 24);
    CHECK_U64(done_so(r, SINK_TAKEN), 24);
    CHECK_STR(r->truths[4].from, "joe@x.test");
    CHECK_STR(r->truths[4].to, "j5@y.test");
    CHECK_U64(r->truths[4].octets, strlen("Subject: 5\r\n\r\nhello 5\r\n.\r\n"));
    CHECK_U64(r->troubles, 0);
    check_sum(r);
    rig_close(r);
}

static void refusals_at_mail_rcpt_data_and_the_end_are_told_where_they_were(void)
{
    static const struct {
        const char *vices[3];
        enum sink_ending stage;
    } rows[] = {{{"refuse=mail:30", NULL}, SINK_ENDED_MAIL},
                {{"refuse=rcpt:30:451", NULL}, SINK_ENDED_RCPT},
                {{"refuse=data:30", NULL}, SINK_ENDED_DATA},
                {{"refuse=end:20:452", "refuse=end:10", NULL}, SINK_ENDED_END}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) /* 960 messages, 30 % of them */
        CHECK_BETWEEN(seen_over_seeds(rows[i].vices, rows[i].stage, SINK_REFUSED), 200, 376);
}

static void connections_and_greetings_are_refused(void)
{
    static const char *const connect[] = {"refuse=connect:100:421", NULL};
    static const char *const ehlo[] = {"refuse=ehlo:100", NULL};
    struct rig *r = rig_open(connect, 1, false);
    struct rig_caller *c = flood(r, 1, 1);

    rig_run(r);
    CHECK_HAS(buf_text(&c->heard), "421 4.7.1 refused as told, at connect\r\n");
    CHECK(c->over);
    CHECK_U64(sink_smtp_counts(r->sink).refused[SINK_CONNECT], 1);
    CHECK_U64(r->truth_count, 0);
    rig_close(r);
    r = rig_open(ehlo, 1, false);
    c = rig_call(r);
    rig_say(c, "QUIT\r\n");
    rig_run(r);
    CHECK_HAS(buf_text(&c->heard), "550 5.7.1 refused as told, at ehlo\r\n221 ");
    CHECK_U64(sink_smtp_counts(r->sink).refused[SINK_EHLO], 1);
    rig_close(r);
}

static void a_421_is_the_last_word_at_every_stage(void)
{
    static const char *const stages[] = {"mail", "rcpt", "data", "end"};

    for (size_t i = 0; i < 4; i++) {
        char text[40];
        const char *const vices[] = {text, NULL};

        (void)snprintf(text, sizeof text, "refuse=%s:25:421", stages[i]);
        struct rig *r = rig_open(vices, 5, false);
        struct rig_caller *c = flood(r, 1, 4);

        rig_run(r);
        unsigned codes[200];
        uint32_t n = rig_codes(c, codes, 200);

        CHECK(n > 0 && codes[n - 1] == 421);
        CHECK(c->over);
        CHECK_U64(done_so(r, SINK_REFUSED), 1);
        CHECK_U64(r->truths[r->truth_count - 1].answered, 421);
        CHECK_U64(r->truths[r->truth_count - 1].stage, SINK_ENDED_MAIL + i);
        check_sum(r);
        rig_close(r);
    }
}

static void connections_are_closed_before_within_and_after_the_end_of_chunks(void)
{
    static const char *const places[] = {"before", "within", "after"};

    for (unsigned i = 0; i < 3; i++) {
        char text[40];
        const char *const vices[] = {text, NULL};

        (void)snprintf(text, sizeof text, "close=%s:10", places[i]);
        CHECK_BETWEEN(
            seen_over_seeds(vices, SINK_ENDED_BEFORE + i, i == 2 ? SINK_TAKEN : SINK_FORGOTTEN), 20,
            60); /* of 60 connections */
    }
}

static void connections_are_closed_before_within_and_after_the_final_dot(void)
{
    static const char *const places[] = {"before", "within", "after"};

    for (unsigned i = 0; i < 3; i++) {
        char text[40], token[27];
        const char *const vices[] = {text, NULL};

        (void)snprintf(text, sizeof text, "close=%s", places[i]);
        rig_token(7, token);
        struct rig *r = rig_open(vices, 1, false);
        struct rig_caller *c = rig_call(r);

        rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nRCPT TO:<k@x>\r\nDATA\r\n");
        rig_wait(c, 4);
        rig_say(c, "pm.%s\r\n..two dots\r\n.\r\nMAIL FROM:<c@d>\r\n", token);
        rig_run(r);
        unsigned codes[10];

        CHECK_U64(rig_codes(c, codes, 10), 4);
        CHECK_U64(codes[3], 354);
        CHECK(c->over);
        CHECK_U64(r->truth_count, 2);
        for (unsigned k = 0; k < 2; k++) {
            CHECK_U64(r->truths[k].stage, SINK_ENDED_BEFORE + i);
            CHECK_U64(r->truths[k].answered, 0);
            CHECK_U64(r->truths[k].done, i == 2 ? SINK_TAKEN : SINK_FORGOTTEN);
            CHECK_STR(r->truths[k].to, k ? "k@x" : "j@x");
        }
        if (i == 2) {
            CHECK_U64(r->truths[0].octets, 42);
            CHECK_STR(r->truths[0].token, token);
        }
        CHECK_U64(sink_smtp_counts(r->sink).cut[i], 1);
        rig_close(r);
    }
}

static void a_dropped_message_is_answered_as_if_it_were_taken(void)
{
    static const char *const vices[] = {"drop=50", NULL};
    struct rig *r = rig_open(vices, 3, false);
    struct rig_caller *c = flood(r, 1, 8);

    rig_run(r);
    (void)check_account(r, c, 1, 64);
    unsigned dropped = done_so(r, SINK_DROPPED);

    CHECK_BETWEEN(dropped, 16, 48);
    CHECK_U64(done_so(r, SINK_TAKEN), 64 - dropped);
    CHECK_U64(sink_smtp_counts(r->sink).dropped, dropped);
    CHECK(!strstr(buf_text(&c->heard), "\n5") && !strstr(buf_text(&c->heard), "\n4"));
    for (uint32_t i = 0; i < r->truth_count; i++)
        CHECK_U64(r->truths[i].answered, 250);
    check_sum(r);
    rig_close(r);
}

static void a_lie_says_the_other_thing(void)
{
    static const char *const vices[] = {"lie=30:250", "lie=30:554", "lie=10:451", NULL};
    struct rig *r = rig_open(vices, 3, false);
    struct rig_caller *c = flood(r, 1, 8);
    unsigned lied[3] = {0}; /* 250, 554, 451 */

    rig_run(r);
    (void)check_account(r, c, 1, 64);
    for (uint32_t i = 0; i < r->truth_count; i++) {
        const struct rig_truth *t = &r->truths[i];

        lied[0] += t->answered == 250 && t->done == SINK_REFUSED;
        lied[1] += t->answered == 554 && t->done == SINK_TAKEN;
        lied[2] += t->answered == 451 && t->done == SINK_TAKEN;
        CHECK(t->answered == 250 || t->done == SINK_TAKEN);
    }
    CHECK_BETWEEN(lied[0], 8, 32);
    CHECK_BETWEEN(lied[1], 8, 32);
    CHECK_BETWEEN(lied[2], 1, 16);
    CHECK_U64(sink_smtp_counts(r->sink).vices[VICE_LIE], lied[0] + lied[1] + lied[2]);
    CHECK_U64(sink_smtp_counts(r->sink).refused[SINK_END], lied[0]);
    check_sum(r);
    rig_close(r);
}

static void a_new_pair_waits_on_the_grey_list(void)
{
    static const char *const vices[] = {"greylist=10s", "slow=mail:3s", NULL};
    static const unsigned want[] = {451, 451, 451, 451, 250}; /* at 3, 6, 9, 12, 15 s */
    struct rig *r = rig_open(vices, 1, false);
    struct rig_caller *c = rig_call(r);
    unsigned codes[20];

    for (unsigned i = 0; i < 5; i++) { /* tried every three seconds */
        rig_say(c, "MAIL FROM:<a@b>\r\n");
        rig_wait(c, 1);
        rig_say(c, "RCPT TO:<j@x>\r\nRSET\r\n");
        rig_wait(c, 2);
    }
    rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<other@x>\r\nQUIT\r\n");
    rig_run(r);
    CHECK_U64(rig_codes(c, codes, 20), 18);
    for (unsigned i = 0; i < 5; i++)
        CHECK_U64(codes[i * 3 + 1], want[i]);
    CHECK_U64(codes[16], 451);
    CHECK_U64(r->truths[0].stage, SINK_ENDED_RCPT);
    CHECK_U64(r->truths[0].answered, 451);
    CHECK_STR(r->truths[0].to, "j@x");
    rig_close(r);
}

static void what_comes_faster_than_the_rate_is_refused_for_now(void)
{
    static const char *const vices[] = {"tempfail-above=10/s", NULL};
    struct rig *r = rig_open(vices, 1, false);
    struct rig_caller *c = flood(r, 1, 4); /* all at once, in simulated milliseconds */

    rig_run(r);
    (void)check_account(r, c, 1, 32);
    CHECK_U64(done_so(r, SINK_TAKEN), 10);
    CHECK_U64(ended_so(r, SINK_ENDED_MAIL), 22);
    CHECK_U64(r->truths[31].answered, 451);
    CHECK_U64(sink_smtp_counts(r->sink).vices[VICE_TEMPFAIL], 22);
    rig_close(r);
}

static void too_fast_may_be_the_last_word(void)
{
    static const char *const vices[] = {"tempfail-above=3/s:421", NULL};
    struct rig *r = rig_open(vices, 1, false);
    struct rig_caller *c = flood(r, 1, 1);

    rig_run(r);
    CHECK_U64(check_account(r, c, 1, WINDOW), 3);
    CHECK(c->over);
    rig_close(r);
}

static void a_connection_carries_so_many_messages_and_no_more(void)
{
    static const char *const vices[] = {"hang-up-after=5", NULL};
    struct rig *r = rig_open(vices, 1, false);
    struct rig_caller *c = flood(r, 1, 2);

    rig_run(r);
    CHECK_U64(check_account(r, c, 1, 16), 5);
    CHECK_HAS(buf_text(&c->heard), "421 4.7.0 enough for one connection\r\n");
    CHECK(c->over);
    CHECK_U64(truth_of(r, 6)->stage, SINK_ENDED_MAIL);
    CHECK_U64(truth_of(r, 6)->answered, 421);
    rig_close(r);
}

static void late_answers_are_late_and_hold_up_nobody_else(void)
{
    static const char *const stages[] = {"connect", "ehlo", "mail", "rcpt", "data", "end"};

    for (unsigned i = 0; i < 6; i++) {
        char text[40];
        const char *const vices[] = {text, NULL};

        (void)snprintf(text, sizeof text, "slow=%s:5s", stages[i]);
        struct rig *r = rig_open(vices, 1, false);
        struct rig_caller *a = flood(r, 1, 1), *b = flood(r, 101, 1);

        rig_run(r);
        uint64_t times = i < 2 ? 1 : WINDOW;

        CHECK_U64(check_account(r, a, 1, WINDOW), WINDOW);
        CHECK_U64(check_account(r, b, 101, WINDOW), WINDOW);
        for (unsigned k = 0; k < 2; k++)
            CHECK_BETWEEN((double)(r->callers[k].over_ns - NS_PER_S) / (double)NS_PER_S,
                          (double)times * 5, (double)times * 5 + 1);
        CHECK_U64(sink_smtp_counts(r->sink).vices[VICE_SLOW], 2 * times);
        rig_close(r);
    }
}

/* --- draws --------------------------------------------------------------------------------------------------------- */

static const char *const mixed[] = {
    "refuse=mail:10", "refuse=rcpt:10:450", "refuse=end:10",      "drop=10",
    "lie=10:250",     "lie=10:550",         "refuse=data:10:451", NULL};

static void fates(uint64_t seed, unsigned callers, unsigned *out)
{
    struct rig *r = rig_open(mixed, seed, false);

    for (unsigned i = 0; i < callers; i++)
        (void)flood(r, 1 + i * 64 / callers, 64 / callers / WINDOW);
    rig_run(r);
    for (unsigned n = 1; n <= 64; n++) {
        const struct rig_truth *t = truth_of(r, n);

        out[n - 1] = t->stage * 10000 + t->answered * 10 + t->done;
    }
    rig_close(r);
}

static void the_same_messages_meet_the_same_fate_whoever_brings_them(void)
{
    unsigned one[64], four[64], other[64];

    fates(7, 1, one);
    fates(7, 4, four);
    fates(8, 1, other);
    CHECK_MEM(one, sizeof one, four, sizeof four);
    CHECK(memcmp(one, other, sizeof one) != 0);
}

static void without_a_token_the_caller_and_his_count_decide(void)
{
    static const char *const half[] = {"refuse=mail:50", NULL};
    char first[2][40] = {"", ""};

    for (unsigned round = 0; round < 2; round++) {
        struct rig *r = rig_open(half, 9, false);

        for (size_t k = 0; k < 2; k++) {
            struct rig_caller *c = rig_call(r);

            for (unsigned i = 0; i < 16; i++)
                rig_say(c, "MAIL FROM:<a@b>\r\nRSET\r\n");
            rig_run(r);
            unsigned codes[32];

            CHECK_U64(rig_codes(c, codes, 32), 32);
            for (size_t i = 0; i < 16; i++)
                first[round][k * 16 + i] = codes[i * 2] == 250 ? 'y' : 'n';
        }
        CHECK(memcmp(first[round], first[round] + 16, 16) != 0);
        rig_close(r);
    }
    CHECK_STR(first[0], first[1]);
}

/* --- LMTP, and the rest ---------------------------------------------------------------------------------------------- */

static void on_lmtp_every_recipient_has_a_fate_of_his_own(void)
{
    static const char *const vices[] = {"refuse=end:25", "drop=25", "slow=end:1s", NULL};
    struct rig *r = rig_open(vices, 4, true);
    struct rig_caller *c = rig_call(r);
    unsigned codes[100], of[SINK_DONES] = {0};

    rig_say(c, "MAIL FROM:<a@b>\r\n");
    for (unsigned i = 0; i < 40; i++)
        rig_say(c, "RCPT TO:<j%u@x>\r\n", i);
    rig_say(c, "BDAT 5 LAST\r\nhelloQUIT\r\n");
    rig_run(r);
    CHECK_U64(rig_codes(c, codes, 100), 82);
    CHECK_U64(r->truth_count, 40);
    for (unsigned i = 0; i < 40; i++) {
        char to[20];

        (void)snprintf(to, sizeof to, "j%u@x", i);
        CHECK_STR(r->truths[i].to, to);
        CHECK_U64(r->truths[i].answered, codes[41 + i]);
        CHECK_U64(r->truths[i].done == SINK_REFUSED, codes[41 + i] == 554);
        of[r->truths[i].done]++;
    }
    CHECK_BETWEEN(of[SINK_REFUSED], 3, 20);
    CHECK_BETWEEN(of[SINK_DROPPED], 2, 18);
    CHECK_U64(sink_smtp_counts(r->sink).vices[VICE_SLOW], 1);
    CHECK_U64(sink_smtp_counts(r->sink).taken, 1);
    check_sum(r);
    rig_close(r);
}

static void a_caller_who_leaves_in_his_text_is_told(void)
{
    struct rig *r = rig_open(NULL, 1, false);
    struct rig_caller *c = rig_call(r);

    rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nBDAT 10\r\n");
    rig_say(c, "0123456789BDAT 100 LAST\r\n01234");
    rig_wait(c, 4); /* the last never comes */
    loop_sim_limit(r->loop, 10 * NS_PER_S);
    rig_run(r);
    stream_close(c->s);
    c->s = NULL;
    loop_sim_limit(r->loop, 20 * NS_PER_S);
    rig_run(r);
    CHECK_U64(r->truth_count, 1);
    CHECK_U64(r->truths[0].stage, SINK_ENDED_GONE);
    CHECK_U64(r->truths[0].octets, 15);
    CHECK_U64(r->truths[0].done, SINK_FORGOTTEN);
    CHECK_U64(sink_smtp_counts(r->sink).gone, 1);
    rig_close(r);
}

static void what_comes_after_the_last_is_told_as_refused(void)
{
    struct rig *r = rig_open(NULL, 1, false);

    r->c.count = 10;
    struct rig_caller *c = flood(r, 1, 2);

    rig_run(r);
    CHECK_U64(check_account(r, c, 1, 16), 16);
    CHECK_U64(done_so(r, SINK_TAKEN), 10);
    CHECK_U64(done_so(r, SINK_REFUSED), 6);
    CHECK_U64(sink_smtp_counts(r->sink).beyond, 6);
    check_sum(r);
    rig_close(r);
}

static void the_grey_list_is_bounded_and_the_bucket_true(void)
{
    struct sink_shared *s = sink_shared_create(2);
    unsigned known = 0, taken = 0;
    char to[40];

    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 200000; i++) {
            (void)snprintf(to, sizeof to, "j%u@x", i);
            known += sink_shared_known(s, slice_of("a@b"), slice_of(to), 1, round * 10u + 5);
        }
    CHECK(known < 65536);
    CHECK(sink_shared_known(s, slice_of("a@b"), slice_of(to), 1, 100));
    CHECK(!sink_shared_known(s, slice_of("a@bj"), slice_of("199999@x"), 1, 100));
    for (uint64_t ms = 0; ms < 10000; ms++) /* ten seconds, a thousand a second offered */
        taken += sink_shared_in_rate(s, 50, NS_PER_S + ms * NS_PER_MS);
    CHECK_BETWEEN(taken, 549, 550); /* a second's worth at once, then 50 a second */
    CHECK_U64(sink_shared_message(s, 2), SINK_TICKET);
    CHECK_U64(sink_shared_message(s, 2), SINK_TICKET_LAST);
    CHECK_U64(sink_shared_message(s, 2), SINK_TICKET_NONE);
    sink_shared_destroy(s);
}

/* One draw of a refusal a recipient, one of the cut for all: who was refused has no line of his own beside the cut's. */
static void a_cut_on_lmtp_leaves_one_line_for_each_recipient(void)
{
    static const char *const vices[] = {"refuse=end:50", "close=after", NULL};
    struct rig *r = rig_open(vices, 4, true);
    struct rig_caller *c = rig_call(r);
    unsigned codes[100];

    rig_say(c, "MAIL FROM:<a@b>\r\n");
    for (unsigned i = 0; i < 40; i++)
        rig_say(c, "RCPT TO:<j%u@x>\r\n", i);
    rig_say(c, "BDAT 5 LAST\r\nhello");
    rig_run(r);
    CHECK_U64(rig_codes(c, codes, 100), 41);
    CHECK(c->over);
    CHECK_U64(sink_smtp_counts(r->sink).vices[VICE_CLOSE], 1);
    CHECK(sink_smtp_counts(r->sink).vices[VICE_REFUSE] > 0); /* the first ones were drawn so */
    CHECK_U64(r->truth_count, 40);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_U64(r->truths[i].stage, SINK_ENDED_AFTER);
        CHECK_U64(r->truths[i].answered, 0);
        CHECK_U64(r->truths[i].done, SINK_TAKEN);
    }
    CHECK_U64(sink_smtp_counts(r->sink).cut[SINK_CUT_AFTER], 1);
    check_sum(r);
    rig_close(r);
}

static void who_is_in_his_text_when_the_sink_ends_is_counted_and_told(void)
{
    struct rig *r = rig_open(NULL, 1, false);
    struct rig_caller *c;

    r->c.duration_ns = NS_PER_S;
    c = rig_call(r);
    rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nBDAT 10\r\n01234");
    rig_run(r);
    CHECK_U64(r->truth_count, 1);
    CHECK_U64(r->truths[0].stage, SINK_ENDED_GONE);
    CHECK_U64(sink_smtp_counts(r->sink).gone, 1);
    CHECK_U64(sink_smtp_counts(r->sink).calls, 1);
    rig_close(r);
}

static void the_token_in_a_text_that_was_cut_is_told(void)
{
    static const char *const vices[] = {"close=within", NULL};
    struct rig *r = rig_open(vices, 1, false);
    struct rig_caller *c = rig_call(r);
    char token[27];

    rig_token(7, token);
    rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nDATA\r\n");
    rig_wait(c, 3);
    rig_say(c, "Subject: [pm.%s]\r\n\r\n.\r\n", token);
    rig_run(r);
    CHECK_U64(r->truth_count, 1);
    CHECK_U64(r->truths[0].stage, SINK_ENDED_WITHIN);
    CHECK_STR(r->truths[0].token, token);
    rig_close(r);
}

static const struct test tests[] = {
    TEST(a_sink_that_behaves_takes_whole_windows),
    TEST(refusals_at_mail_rcpt_data_and_the_end_are_told_where_they_were),
    TEST(connections_and_greetings_are_refused),
    TEST(a_421_is_the_last_word_at_every_stage),
    TEST(connections_are_closed_before_within_and_after_the_end_of_chunks),
    TEST(connections_are_closed_before_within_and_after_the_final_dot),
    TEST(a_dropped_message_is_answered_as_if_it_were_taken),
    TEST(a_lie_says_the_other_thing),
    TEST(a_new_pair_waits_on_the_grey_list),
    TEST(what_comes_faster_than_the_rate_is_refused_for_now),
    TEST(too_fast_may_be_the_last_word),
    TEST(a_connection_carries_so_many_messages_and_no_more),
    TEST(late_answers_are_late_and_hold_up_nobody_else),
    TEST(the_same_messages_meet_the_same_fate_whoever_brings_them),
    TEST(without_a_token_the_caller_and_his_count_decide),
    TEST(on_lmtp_every_recipient_has_a_fate_of_his_own),
    TEST(a_cut_on_lmtp_leaves_one_line_for_each_recipient),
    TEST(a_caller_who_leaves_in_his_text_is_told),
    TEST(who_is_in_his_text_when_the_sink_ends_is_counted_and_told),
    TEST(the_token_in_a_text_that_was_cut_is_told),
    TEST(what_comes_after_the_last_is_told_as_refused),
    TEST(the_grey_list_is_bounded_and_the_bucket_true),
    TEST_END,
};

const struct suite sink_vices_suite = {"sink_vices", tests};
