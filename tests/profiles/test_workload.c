/* test_workload.c - what message n is, when it is owed, and which moves there are. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "profiles/workload.h"
#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

struct plan_of {
    struct reading_of r;
    const struct workload *w;
};

static struct plan_of plan(const char *tail)
{
    struct plan_of p = {.r = read_draft(plain_lab, tail)};

    if (CHECK_STR(p.r.err.text, ""))
        p.w = workload_create(p.r.arena, p.r.profile, &p.r.err);
    return p;
}

static uint64_t last_of(const struct workload *w, uint32_t load, uint64_t *count)
{
    struct pace p;
    uint64_t t, last = 0;

    pace_begin(&p, w, load);
    for (*count = 0; (t = pace_next(&p)) != NEVER_NS; ++*count) {
        CHECK(t >= last);
        last = t;
    }
    CHECK(pace_next(&p) == NEVER_NS);
    return last;
}

#define HEAD "load: {x: {via: s1, from: joe, to: joanne, "

static void constant_arrivals_keep_their_distance(void)
{
    struct plan_of p = plan(HEAD "rate: 10/s, start: 5s, duration: 10s}}\n");
    struct pace at;
    uint64_t count;

    if (p.w) {
        CHECK_U64(p.w->planned, 100);
        pace_begin(&at, p.w, 0);
        CHECK_U64(pace_next(&at), 5 * NS_PER_S);
        CHECK_U64(pace_next(&at), 5100 * NS_PER_MS);
        CHECK_U64(last_of(p.w, 0, &count), 14900 * NS_PER_MS);
        CHECK_U64(count, 100);
    }
    reading_end(&p.r);
}

static void poisson_arrivals_are_the_same_every_time_and_of_their_rate(void)
{
    struct plan_of p = plan(HEAD "arrivals: poisson, rate: 1000/s, duration: 100s}}\n");
    uint64_t once, again;

    if (p.w) {
        CHECK_BETWEEN((double)p.w->planned, 99000, 101000); /* 3 sigma */
        uint64_t last = last_of(p.w, 0, &once);

        CHECK_U64(once, p.w->planned);
        CHECK(last < 100 * NS_PER_S);
        CHECK_U64(last_of(p.w, 0, &again), last);
    }
    reading_end(&p.r);
}

static void gaps_of_poisson_arrivals_are_exponential(void)
{
    struct plan_of p = plan(HEAD "arrivals: poisson, rate: 1000/s, duration: 100s}}\n");
    double sum = 0, squares = 0;
    struct pace at;

    if (p.w) {
        uint64_t before = 0;

        pace_begin(&at, p.w, 0);
        for (uint64_t i = 0; i < p.w->planned; i++) {
            uint64_t t = pace_next(&at);
            double gap = (double)(t - before) / 1e6;

            sum += gap;
            squares += gap * gap;
            before = t;
        }
        double n = (double)p.w->planned, mean = sum / n;
        CHECK_BETWEEN(mean, 0.98, 1.02);
        CHECK_BETWEEN(sqrt(squares / n - mean * mean), 0.97, 1.03);
    }
    reading_end(&p.r);
}

static void a_ramp_goes_from_one_rate_to_the_other(void)
{
    struct plan_of p = plan(HEAD "arrivals: ramp, rate: 10/s, rate_to: 30/s, duration: 10s}}\n");
    uint64_t count, half = 0;
    struct pace at;

    if (p.w) {
        CHECK_U64(p.w->planned, 200);
        CHECK(last_of(p.w, 0, &count) < 10 * NS_PER_S);
        CHECK_U64(count, 200);
        pace_begin(&at, p.w, 0);
        while (pace_next(&at) < 5 * NS_PER_S)
            half++;
        CHECK_BETWEEN((double)half, 74, 76); /* 5 s at 10 to 20 a second */
    }
    reading_end(&p.r);
}

static void bursts_come_all_at_once(void)
{
    struct plan_of p = plan(HEAD "arrivals: bursts, burst: 5, burst_every: 4s, duration: 10s}}\n");
    struct pace at;

    if (p.w) {
        CHECK_U64(p.w->planned, 15);
        pace_begin(&at, p.w, 0);
        for (int i = 0; i < 5; i++)
            CHECK_U64(pace_next(&at), 0);
        CHECK_U64(pace_next(&at), 4 * NS_PER_S);
    }
    reading_end(&p.r);
}

static void a_message_is_the_same_whenever_it_is_asked_for(void)
{
    struct plan_of p =
        plan("load:\n"
             "  a: {via: s1, from: joe, to: joanne, recipients: 3, rate: 10/s, duration: 50s, "
             "size: mmb}\n"
             "  b: {via: s2, from: [joe, joanne], to: [joanne, joe], rate: 10/s, duration: 50s}\n");

    for (uint64_t n = 0; p.w && n < p.w->planned; n++) {
        struct msg m = workload_message(p.w, n), again = workload_message(p.w, n);
        const struct mailbox *box = p.r.profile->site.mailboxes;

        CHECK(m.from == again.from && m.to[0] == again.to[0] && m.body_bytes == again.body_bytes);
        CHECK_U64(m.load, n < 500 ? 0 : 1);
        CHECK_U64(m.recipients, n < 500 ? 3 : 1);
        CHECK(m.to[0] != m.from);
        if (m.load == 0) {
            CHECK_STR(p.r.profile->site.groups[box[m.from].group].name, "joe");
            CHECK(m.to[0] != m.to[1] && m.to[1] != m.to[2] && m.to[0] != m.to[2]);
            CHECK(m.to[0] < 4 && m.to[1] < 4 && m.to[2] < 4);
        }
    }
    if (p.w)
        CHECK_U64(p.w->stride, 6);
    reading_end(&p.r);
}

static void recipients_are_drawn_evenly_and_sizes_by_the_mix(void)
{
    struct plan_of p = plan(HEAD "recipients: 2, rate: 1000/s, duration: 10s, size: mmb}}\n");
    uint64_t hits[6] = {0}, small = 0, large = 0;

    for (uint64_t n = 0; p.w && n < p.w->planned; n++) {
        struct msg m = workload_message(p.w, n);

        hits[m.to[0]]++;
        hits[m.to[1]]++;
        hits[m.from]++;
        small += m.body_bytes == 1024;
        large += m.body_bytes == 43 * 1024;
    }
    for (int i = 0; p.w && i < 4; i++)
        CHECK_BETWEEN((double)hits[i], 4800, 5200);
    CHECK_BETWEEN((double)hits[4], 4800, 5200);
    CHECK_BETWEEN((double)small, 10000 * 60 / 96.0 - 200, 10000 * 60 / 96.0 + 200);
    CHECK_BETWEEN((double)large, 150, 270);
    reading_end(&p.r);
}

static void canaries_stand_above_the_plan(void)
{
    struct plan_of p =
        plan("load:\n  a: {via: s1, from: joe, to: joanne, rate: 10/s, duration: 1s}\n"
             "  b: {via: s2, from: joanne, to: joe, rate: 10/s, duration: 1s}\n");

    if (p.w) {
        CHECK_U64(p.w->planned, 20);
        CHECK_U64(p.w->canaries, 128);
        CHECK_U64(p.w->stride, 1);
        for (uint64_t k = 0; k < p.w->canaries; k++) {
            struct msg m = workload_message(p.w, 20 + k);

            CHECK_U64(m.load, SITE_NONE);
            CHECK_U64(m.to[0], SITE_NONE);
            CHECK_U64(m.from, k % 2 == 0 ? 4 + k / 2 % 2 : k / 2 % 4);
        }
        CHECK_U64(workload_load_of(p.w, 19), 1);
        CHECK_U64(workload_load_of(p.w, 20), SITE_NONE);
    }
    reading_end(&p.r);
}

static void rounds_move_the_next_mailbox_of_every_group(void)
{
    struct plan_of p = {
        .r = read_changed(
            plain_lab,
            "moves: {m: {mailboxes: [joanne, joe], to: s3, start: 5s, every: 10s, count: 2}}\n",
            "lab.servers=[s1, s2, s3]", NULL)};
    if (CHECK_STR(p.r.err.text, "")) {
        static const char *const names[] = {"joanne-1", "joe-1", "joanne-2", "joe-2"};

        p.w = workload_create(p.r.arena, p.r.profile, &p.r.err);
        CHECK_U64(p.w->move_count, 4);
        for (uint32_t i = 0; i < 4; i++) {
            const struct move_plan *m = &p.w->moves[i];

            CHECK_STR(p.r.profile->site.mailboxes[m->mailbox].name, names[i]);
            CHECK_U64(m->from, i % 2);
            CHECK_U64(m->to, 2);
            CHECK_U64(m->at_ns, (5 + i / 2 * 10) * NS_PER_S);
            CHECK_U64(m->place, i % 2);
        }
    }
    reading_end(&p.r);
}

static void back_moves_them_home_again(void)
{
    struct plan_of p =
        plan("moves: {m: {mailboxes: joe, to: s1, every: 10s, count: 5, back: yes}}\n");
    static const uint32_t to[] = {0, 0, 1, 1, 0};

    for (uint32_t i = 0; p.w && i < 5; i++) {
        CHECK_U64(p.w->moves[i].to, to[i]);
        CHECK_U64(p.w->moves[i].from, 1 - to[i]);
        CHECK_U64(p.w->moves[i].mailbox, 4 + i % 2);
    }
    reading_end(&p.r);
}

static void aimed_messages_surround_the_moves_of_their_recipients(void)
{
    struct plan_of p = plan(
        HEAD
        "recipients: 2, arrivals: aimed, mark: asked, phase: -10s..30s, per_move: 4, prime: 2, "
        "prime_every: 5s}}\n"
        "moves: {m: {mailboxes: [joanne, joe], from: s1, to: s2, count: 2}}\n");

    if (p.w) {
        CHECK_U64(p.w->aimed_count[0], 2);
        CHECK_U64(p.w->planned, 12);
        for (uint64_t n = 0; n < 12; n++) {
            struct msg m = workload_message(p.w, n);
            uint64_t k = n % 6;

            CHECK_U64(m.move, n < 6 ? 0 : 2);
            CHECK_U64(m.to[0], p.w->moves[m.move].mailbox);
            CHECK(m.to[1] != m.to[0]);
            CHECK(m.prime == (k < 2));
            double from = k < 2 ? 5.0 * (double)k : -10 + 10.0 * (double)(k - 2);

            CHECK_BETWEEN((double)m.aim_ns / 1e9, from, from + (k < 2 ? 0 : 10));
        }
    }
    reading_end(&p.r);
}

/* With a step of 10 s and 21 moves no two sends of one place are further apart than 1.895 steps over 21, around the end too. */
static void a_comb_leaves_no_gap_from_move_to_move(void)
{
    struct plan_of p = plan(HEAD "arrivals: aimed, aim: comb, phase: 0s..40s, per_move: 4}}\n"
                                 "moves: {m: {mailboxes: [joanne], from: s1, to: s2, count: 21, "
                                 "back: yes}}\n");
    bool tenth[10] = {false};

    if (p.w) {
        CHECK_U64(p.w->planned, 84);
        for (uint64_t n = 0; n < 84; n++) {
            double at = (double)workload_message(p.w, n).aim_ns / 1e9;
            double first = (double)workload_message(p.w, n - n % 4).aim_ns / 1e9;

            CHECK_BETWEEN(at - first, 10.0 * (double)(n % 4) - 1e-6, 10.0 * (double)(n % 4) + 1e-6);
            CHECK_BETWEEN(first, 0, 10);
            tenth[(int)first] = true;
        }
        for (int i = 0; i < 10; i++)
            CHECK(tenth[i]);
        CHECK_I64(workload_message(p.w, 0).aim_ns, 0);
        CHECK_BETWEEN((double)workload_message(p.w, 4).aim_ns / 1e9, 6.18, 6.181);
    }
    reading_end(&p.r);
}

static void the_stride_is_wide_where_an_alternate_may_come(void)
{
    struct plan_of p =
        plan(HEAD "rate: 1/s, duration: 5s}}\n"
                  "actions: {a: {at: 5s, do: alternate, mailboxes: joanne, alternate: joe}}\n");

    if (p.w) {
        CHECK_U64(p.w->stride, 2);
        CHECK(workload_alternates(p.r.profile, 0));
    }
    reading_end(&p.r);
}

static void a_plan_too_large_is_refused(void)
{
    check_refused(plain_lab, HEAD "arrivals: poisson, rate: 1000000/s, duration: 1h}}\n",
                  "p.yaml: load.x: 3600000000 messages are more than 2^30");
}

static const struct test tests[] = {
    TEST(constant_arrivals_keep_their_distance),
    TEST(poisson_arrivals_are_the_same_every_time_and_of_their_rate),
    TEST(gaps_of_poisson_arrivals_are_exponential),
    TEST(a_ramp_goes_from_one_rate_to_the_other),
    TEST(bursts_come_all_at_once),
    TEST(a_message_is_the_same_whenever_it_is_asked_for),
    TEST(recipients_are_drawn_evenly_and_sizes_by_the_mix),
    TEST(canaries_stand_above_the_plan),
    TEST(rounds_move_the_next_mailbox_of_every_group),
    TEST(back_moves_them_home_again),
    TEST(aimed_messages_surround_the_moves_of_their_recipients),
    TEST(a_comb_leaves_no_gap_from_move_to_move),
    TEST(the_stride_is_wide_where_an_alternate_may_come),
    TEST(a_plan_too_large_is_refused),
    TEST_END,
};

const struct suite workload_suite = {"workload", tests};
