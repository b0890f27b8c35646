/* test_sweep_parts.c - what a sweep rests on can fail: a case is cut down to what matters, an account that lacks an event is another,
 * and a killed account that says too much is noticed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "results/copies.h"
#include "results/judge.h"
#include "tests/sim/case.h"
#include "tests/sim/fold_again.h"
#include "tests/sim/hold.h"
#include "tests/sim/killed.h"
#include "tests/sim/shrink.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* ------------------------------------------------------------------------------------------------------ cutting it down */

/* As if every run in which somebody moves to s2 with more than two boxes failed. */
static bool fails(void *owner, const char *text)
{
    const char *count = strstr(text, "box: {count: ");

    ++*(unsigned *)owner;
    return strstr(text, "to: s2") && count &&
           strtoul(count + strlen("box: {count: "), NULL, 10) > 2;
}

static void a_failing_case_is_cut_down_to_what_makes_it_fail(void)
{
    unsigned asked = 0;
    struct shrink s = {.fails = fails, .owner = &asked, .trials = 500};
    char *small = shrink_text(
        "# sim view 0\n"
        "# sim window 900\n"
        "schema: 1\n"
        "lab:\n"
        "  version: 5.5-sp4\n"
        "mailboxes:\n"
        "  box: {count: 40, home: s1, stock: 10s}\n"
        "moves:\n"
        "  one: {mailboxes: [box, joe], to: s2, options: {a: 1, b: [2, 3]}, every: 5s}\n"
        "  two: {mailboxes: joe, to: s3}\n",
        &s);

    CHECK_STR(small, "# sim view 0\n"
                     "schema: 1\n"
                     "lab:\n"
                     "mailboxes:\n"
                     "  box: {count: 5}\n"
                     "  one: {mailboxes: [box], to: s2}\n");
    CHECK(asked <= 500 && asked == 500 - s.trials);
    free(small);
}

static void cutting_down_ends_when_its_trials_do(void)
{
    unsigned asked = 0;
    struct shrink s = {.fails = fails, .owner = &asked, .trials = 3};
    char *small = shrink_text("  box: {count: 40}\n  one: {to: s2}\n  a\n  b\n  c\n", &s);

    CHECK_U64(asked, 3);
    CHECK(fails(&asked, small));
    free(small);
}

/* ------------------------------------------------------------------------------------------------------------- the case */

static void the_same_seed_is_the_same_case_and_its_head_is_read_back(void)
{
    struct buf one, two;
    struct sim_case c;

    buf_init(&one, 1u << 20);
    buf_init(&two, 1u << 20);
    case_draw(77, &one);
    case_draw(77, &two);
    CHECK_MEM(one.p, one.n, two.p, two.n);
    case_read(&c, buf_text(&one));
    CHECK_U64(c.seed, 77);
    CHECK(c.latency_max_us >= c.latency_min_us && c.latency_max_us > 0);
    case_read(&c, "# sim stall_ms 12\n# sim again_ms 7\n# other\n# sim seed 9\nschema: 1\n");
    CHECK_U64(c.stall_ms, 12);
    CHECK_U64(c.again_ms, 7);
    CHECK_U64(c.seed, 0);
    buf_fini(&one);
    buf_fini(&two);
}

static void a_case_that_is_no_profile_is_a_failure_that_says_so(void)
{
    static struct held h;

    CHECK(!hold_case("# sim seed 1\nschema: 1\nload: nonsense\n", "nonsense", &h));
    CHECK_STR(h.rule, "begins");
    CHECK_HAS(h.wrong, "load");
}

/* ------------------------------------------------------------------------------------------------------ the fold again */

static bool walk_to(struct sim_run *s, const char *folder, uint64_t dies_ns)
{
    static const char *const sets[] = {"load.steady.duration=2m", "moves.users.count=1"};
    struct sim_order o = {
        .profile = {.path = "q248839", .sets = sets, .set_count = 2},
        .dir = folder,
        .dies_ns = dies_ns,
        .down_ns = NS_PER_S,
        .net = {.start_ns = NS_PER_S, .latency_min_ns = 50000, .latency_max_ns = 500000}};
    bool ok = sim_walk(s, &o);

    CHECK_STR(s->wrong, "");
    return ok;
}

static bool walk(struct sim_run *s)
{
    char folder[320];

    (void)snprintf(folder, sizeof folder, "%s/run", scratch_dir("sweep"));
    return walk_to(s, folder, 0);
}

static void an_account_that_lacks_one_event_of_its_copies_is_another(void)
{
    static const enum event_kind kinds[] = {EV_SENT, EV_END, EV_SEEN, EV_MOVE, EV_QUIESCENT};
    struct sim_run s;
    struct events v;
    struct err e = {0};
    char why[400];

    if (walk(&s) && CHECK(events_read(&v, s.result.dir, s.result.manifest->run_id, &e))) {
        uint64_t whole = account_print(s.result.manifest, s.result.ledger, &e);

        CHECK(whole != 0);
        CHECK(!fold_differs(&s, 5, why, sizeof why));
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            size_t at = 0;

            while (at < v.count && v.all[at].kind != kinds[k])
                at++;
            if (!CHECK(at < v.count))
                break;
            struct event kept = v.all[at];

            v.all[at] = (struct event){.kind = EV_NONE};
            struct ledger *l = events_fold(&v, s.result.manifest, 5, &e);

            CHECK(l && account_print(s.result.manifest, l, &e) != whole);
            ledger_destroy(l);
            v.all[at] = kept;
        }
        events_fini(&v);
    }
    sim_fini(&s);
}

/* ------------------------------------------------------------------------------------------------------------- killed */

#define NONE ""

static const char *wrong(struct copy killed, struct copy whole, struct killed_when when)
{
    const char *w = killed_wrong(&killed, &whole, &when);

    return w ? w : NONE;
}

static void what_a_killed_account_must_not_say_is_noticed(void)
{
    const struct killed_when then = {.target_ns = 10 * NS_PER_S};
    const struct killed_when torn = {.target_ns = 10 * NS_PER_S, .torn = true};
    const struct killed_when ended = {.target_ns = 10 * NS_PER_S, .ended = true};
    const struct copy unknown = {.outcome = CLASS_UNKNOWN, .facts = {.k = END_ACCEPTED}};
    const struct copy lost = {
        .outcome = CLASS_SILENT_LOSS, .sent_ns = NS_PER_S, .facts = {.k = END_ACCEPTED, .z = true}};
    const struct copy there = {.outcome = CLASS_DELIVERED, .facts = {.k = END_ACCEPTED, .h = 1}};
    const struct copy told = {.outcome = CLASS_NDR, .facts = {.k = END_ACCEPTED, .f = true}};
    const struct copy unsent = {.outcome = CLASS_NOT_SENT, .sent_ns = NEVER_NS};
    const struct copy aborted = {.outcome = CLASS_ABORTED, .facts = {.k = END_ABORTED}};
    const struct copy phantom = {.outcome = CLASS_PHANTOM, .facts = {.h = 1}};
    const struct copy later = {
        .outcome = CLASS_DELIVERED, .sent_ns = 20 * NS_PER_S, .facts = {.k = END_ACCEPTED, .h = 1}};

    CHECK_STR(wrong(unknown, lost, then), NONE);
    CHECK_STR(wrong(there, there, then), NONE);
    CHECK_STR(wrong(lost, lost, ended), NONE);
    CHECK_STR(wrong(unsent, later, then), NONE);
    CHECK_STR(wrong(phantom, there, torn), NONE);
    CHECK_HAS(wrong(lost, lost, then), "called final");
    CHECK_HAS(wrong(unknown, lost, ended), "class is another");
    CHECK_HAS(wrong(there, lost, then), "never was");
    CHECK_HAS(wrong(told, lost, then), "never was");
    CHECK_HAS(wrong(aborted, lost, then), "ended otherwise");
    CHECK_HAS(wrong(phantom, there, then), "before it was sent");
    CHECK_HAS(wrong(unsent, lost, then), "after it had left");
}

static void a_kill_that_cannot_be_put_down_says_so(void)
{
    struct sim_run s;
    struct killer k;
    char why[400], fine[320];

    if (walk(&s)) {
        killer_init(&k, 1, &s, s.result.dir);
        killer_watch(&k);
        (void)snprintf(fine, sizeof fine, "%s/killed", s.result.dir);
        CHECK(!killed_differs(&k, fine, why, sizeof why));
        CHECK_STR(why, "");
        CHECK(killed_differs(&k, "/dev/null/killed", why, sizeof why));
        CHECK_HAS(why, "cannot be written");
    }
    sim_fini(&s);
}

/* ------------------------------------------------------------------------------------------------------------ resumed */

static uint64_t classes_of(const struct sim_run *s, enum outcome c)
{
    return s->result.judgement->tally.classes[c];
}

static void a_run_that_is_killed_and_resumed_is_the_same_each_time_and_knows_what_it_missed(void)
{
    static struct sim_run one, two;
    char folder[300], other[300], why[400] = "";

    (void)snprintf(folder, sizeof folder, "%s/one", scratch_dir("resumed"));
    (void)snprintf(other, sizeof other, "scratch/resumed-%ld/two", (long)getpid());
    if (walk_to(&one, folder, NS_PER_S) && walk_to(&two, other, NS_PER_S)) {
        CHECK(one.died && two.died);
        CHECK_U64(one.resumed, 1);
        CHECK_U64(one.result.judgement->tally.health.unwatched[UNWATCHED_RESUMED], 1);
        CHECK(classes_of(&one, CLASS_NOT_SENT) > 0);
        CHECK(classes_of(&one, CLASS_DELIVERED) > 0);
        CHECK(sim_same_bytes(folder, other, why, sizeof why));
        CHECK_STR(why, "");
    }
    sim_fini(&one);
    sim_fini(&two);
}

static bool has_one(const char *line, size_t n, const char *const *words)
{
    while (*words && !memmem(line, n, *words, strlen(*words)))
        words++;
    return *words != NULL;
}

/* Writes the truth anew without the lines that have one of the words. */
static bool forget(const char *from, const char *to, const char *const *words)
{
    char *text = scratch_read(from, NULL);
    FILE *f = text ? fopen(to, "we") : NULL;

    for (char *line = text, *next; f && line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (!has_one(line, (size_t)(next - line), words))
            (void)fwrite(line, (size_t)(next - line), 1, f);
    }
    free(text);
    return f && fclose(f) == 0;
}

static void a_resumed_account_that_says_delivered_where_nothing_was_is_noticed(void)
{
    static const char *const deliveries[] = {"\tdelivered\t", "\tcopy\t", NULL};
    static const char *const mails[] = {"\tid=", NULL};
    static struct sim_run s;
    struct truth_score score;
    struct err e = {0};
    char folder[300], truth[400], lies[400];

    (void)snprintf(folder, sizeof folder, "%s/run", scratch_dir("resumed"));
    if (walk_to(&s, folder, NS_PER_S)) {
        (void)snprintf(truth, sizeof truth, "%s.lab/truth.tsv", folder);
        (void)snprintf(lies, sizeof lies, "%s.lab/lies.tsv", folder);
        CHECK(forget(truth, lies, deliveries));
        CHECK(truth_compare(s.result.manifest, s.result.ledger, truth, TRUTH_RESUMED, &score, &e));
        CHECK_U64(score.wrong, 0);
        CHECK(truth_compare(s.result.manifest, s.result.ledger, lies, TRUTH_RESUMED, &score, &e));
        CHECK(score.wrong >= classes_of(&s, CLASS_DELIVERED));
        CHECK_HAS(score.first, "got delivered");
        CHECK(forget(truth, lies, mails)); /* the lab knows of nothing at all */
        CHECK(truth_compare(s.result.manifest, s.result.ledger, lies, TRUTH_RESUMED, &score, &e));
        CHECK_U64(score.lines, 0);
        CHECK(score.wrong > 0);
    }
    sim_fini(&s);
}

static const struct test tests[] = {
    TEST(a_failing_case_is_cut_down_to_what_makes_it_fail),
    TEST(cutting_down_ends_when_its_trials_do),
    TEST(the_same_seed_is_the_same_case_and_its_head_is_read_back),
    TEST(a_case_that_is_no_profile_is_a_failure_that_says_so),
    TEST(an_account_that_lacks_one_event_of_its_copies_is_another),
    TEST(what_a_killed_account_must_not_say_is_noticed),
    TEST(a_kill_that_cannot_be_put_down_says_so),
    TEST(a_run_that_is_killed_and_resumed_is_the_same_each_time_and_knows_what_it_missed),
    TEST(a_resumed_account_that_says_delivered_where_nothing_was_is_noticed),
    TEST_END,
};

const struct suite sweep_parts_suite = {"sweep_parts", tests};
