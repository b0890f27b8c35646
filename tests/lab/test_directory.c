/* test_directory.c - replication delays, the merge rule, replicas that are down; and the schedule under it. */
#include "base/clock.h"
#include "base/rng.h"
#include "lab/directory.h"
#include "tests/lab/scene.h"
#include "tests/support/check.h"

struct fixture {
    struct schedule schedule;
    struct knobs knobs;
    struct directory *d;
};

static void fixture_open(struct fixture *f)
{
    schedule_init(&f->schedule);
    fault_defaults(&f->knobs, fault_version("5.5-sp3"));
    f->d = directory_create(3, 2, &f->schedule, &f->knobs);
    directory_seed(f->d, 0, S, NO_MAILBOX, false);
    directory_seed(f->d, 1, S, 0, true);
}

static void fixture_close(struct fixture *f)
{
    schedule_fini(&f->schedule);
    directory_destroy(f->d);
}

static void run_until(struct fixture *f, double s)
{
    uint64_t at = 0;
    struct due *due;

    while ((due = schedule_take(&f->schedule, SEC(s), &at)) != NULL)
        due->fire(due, at);
}

static int home(const struct fixture *f, int server, uint32_t mailbox)
{
    const struct directory_entry *e = directory_read(f->d, server, mailbox);

    return e ? e->home : -1;
}

static void others_hear_after_300_and_330_s(void)
{
    struct fixture f;

    fixture_open(&f);
    CHECK(directory_set_home(f.d, S, 0, D, SEC(191)));
    CHECK_I64(home(&f, S, 0), D);
    CHECK_I64(home(&f, D, 0), S);
    run_until(&f, 490.9);
    CHECK_I64(home(&f, D, 0), S);
    run_until(&f, 491);
    CHECK_I64(home(&f, D, 0), D);
    run_until(&f, 520.9);
    CHECK_I64(home(&f, T, 0), S);
    run_until(&f, 521);
    CHECK_I64(home(&f, T, 0), D);
    CHECK_U64(schedule_next_ns(&f.schedule), NEVER_NS);
    fixture_close(&f);
}

static void a_sync_asked_for_comes_when_asked_for(void)
{
    struct fixture f;

    fixture_open(&f);
    CHECK(directory_set_home(f.d, S, 0, D, SEC(191)));
    directory_sync(f.d, S, D, 0, SEC(193), SEC(191));
    CHECK_I64(home(&f, D, 0), S);
    run_until(&f, 193);
    CHECK_I64(home(&f, D, 0), D);
    CHECK(directory_set_home(f.d, S, 1, D, SEC(193)));
    directory_sync(f.d, S, D, 1, SEC(193), SEC(193));
    CHECK_I64(home(&f, D, 1), D);
    fixture_close(&f);
}

static void the_higher_version_wins(void)
{
    struct directory_entry mine = {.home = S, .version = 3, .signature = S, .when_changed_ns = 9};
    struct directory_entry theirs = {.home = D, .version = 4, .signature = D, .when_changed_ns = 1};
    bool conflict = true;

    CHECK(directory_merge(&mine, &theirs, &conflict));
    CHECK_I64(mine.home, D);
    CHECK(!conflict);
}

static void equal_versions_of_two_writers_are_decided_by_the_later_change(void)
{
    struct directory_entry mine = {.home = S, .version = 4, .signature = S, .when_changed_ns = 9};
    struct directory_entry theirs = {.home = D, .version = 4, .signature = D, .when_changed_ns = 8};
    bool conflict = false;

    CHECK(!directory_merge(&mine, &theirs, &conflict));
    CHECK(conflict);
    theirs.when_changed_ns = 10;
    CHECK(directory_merge(&mine, &theirs, &conflict));
    CHECK_I64(mine.home, D);
}

static void two_administrators_make_a_conflict_and_all_replicas_agree_in_the_end(void)
{
    struct fixture f;

    fixture_open(&f);
    CHECK(directory_set_home(f.d, S, 0, D, SEC(10)));
    CHECK(directory_set_home(f.d, T, 0, T, SEC(11)));
    run_until(&f, 1000);
    CHECK(directory_conflicts(f.d) > 0);
    CHECK_I64(home(&f, S, 0), T);
    CHECK_I64(home(&f, D, 0), T);
    CHECK_I64(home(&f, T, 0), T);
    fixture_close(&f);
}

static void an_alternate_changes_everywhere_or_on_one_server_first(void)
{
    struct fixture f;

    fixture_open(&f);
    directory_set_alternate_everywhere(f.d, 1, NO_MAILBOX, false, SEC(5));
    for (int i = 0; i < 3; i++)
        CHECK_U64(directory_read(f.d, i, 1)->alternate, NO_MAILBOX);
    CHECK(directory_set_alternate(f.d, S, 1, 0, false, SEC(6)));
    CHECK_U64(directory_read(f.d, S, 1)->alternate, 0);
    CHECK_U64(directory_read(f.d, T, 1)->alternate, NO_MAILBOX);
    run_until(&f, 400);
    CHECK_U64(directory_read(f.d, T, 1)->alternate, 0);
    fixture_close(&f);
}

static void a_replica_that_is_down_answers_nothing_and_catches_up(void)
{
    struct fixture f;

    fixture_open(&f);
    directory_set_up(f.d, D, false);
    CHECK(!directory_is_up(f.d, D));
    CHECK(!directory_read(f.d, D, 0));
    CHECK(!directory_set_home(f.d, D, 0, T, SEC(1)));
    CHECK(directory_set_home(f.d, S, 0, T, SEC(1)));
    run_until(&f, 1000);
    directory_set_up(f.d, D, true);
    CHECK_I64(home(&f, D, 0), T);
    run_until(&f, 1030);
    CHECK_U64(schedule_next_ns(&f.schedule), NEVER_NS);
    fixture_close(&f);
}

static void update_now_takes_what_others_have(void)
{
    struct fixture f;

    fixture_open(&f);
    CHECK(directory_set_home(f.d, S, 0, D, SEC(1)));
    directory_update_now(f.d, T);
    CHECK_I64(home(&f, T, 0), D);
    CHECK_I64(home(&f, D, 0), S);
    fixture_close(&f);
}

/* --- the schedule ------------------------------------------------------------------------------------------------ */

static void no_fire(struct due *d, uint64_t now_ns)
{
    (void)d;
    (void)now_ns;
}

static void at_one_time_the_class_decides_then_the_order_of_asking(void)
{
    struct due d[4] = {{.fire = no_fire}, {.fire = no_fire}, {.fire = no_fire}, {.fire = no_fire}};
    struct schedule s;
    uint64_t at = 0;

    schedule_init(&s);
    schedule_at(&s, &d[0], 5, DUE_ARRIVAL);
    schedule_at(&s, &d[1], 5, DUE_DELIVERY);
    schedule_at(&s, &d[2], 5, DUE_ARRIVAL);
    schedule_at(&s, &d[3], 5, DUE_DIRECTORY);
    CHECK(!schedule_take(&s, 4, &at));
    CHECK(schedule_take(&s, 5, &at) == &d[3]);
    CHECK(schedule_take(&s, 5, &at) == &d[1]);
    CHECK(schedule_take(&s, 5, &at) == &d[0]);
    CHECK(schedule_take(&s, 5, &at) == &d[2]);
    CHECK_U64(schedule_next_ns(&s), NEVER_NS);
    schedule_fini(&s);
}

static void any_mix_of_planning_and_cancelling_comes_out_in_order(void)
{
    enum { N = 2000 };

    static struct due d[N];
    struct rng r = rng_at(1, 2, 3);
    struct schedule s;
    uint64_t at = 0, last = 0;
    size_t left = 0;

    schedule_init(&s);
    for (int i = 0; i < N; i++) {
        d[i] = (struct due){.fire = no_fire};
        schedule_at(&s, &d[i], rng_below(&r, 500), DUE_MOVE);
    }
    for (int i = 0; i < N; i += 3)
        schedule_cancel(&s, &d[rng_below(&r, N)]);
    for (int i = 0; i < N; i += 5)
        schedule_at(&s, &d[i], rng_below(&r, 500), DUE_MOVE);
    for (int i = 0; i < N; i++)
        left += d[i].place != 0;
    for (struct due *next; (next = schedule_take(&s, 500, &at)) != NULL; left--) {
        CHECK(at >= last);
        CHECK(next->place == 0);
        last = at;
    }
    CHECK_U64(left, 0);
    schedule_fini(&s);
}

static const struct test tests[] = {
    TEST(others_hear_after_300_and_330_s),
    TEST(a_sync_asked_for_comes_when_asked_for),
    TEST(the_higher_version_wins),
    TEST(equal_versions_of_two_writers_are_decided_by_the_later_change),
    TEST(two_administrators_make_a_conflict_and_all_replicas_agree_in_the_end),
    TEST(an_alternate_changes_everywhere_or_on_one_server_first),
    TEST(a_replica_that_is_down_answers_nothing_and_catches_up),
    TEST(update_now_takes_what_others_have),
    TEST(at_one_time_the_class_decides_then_the_order_of_asking),
    TEST(any_mix_of_planning_and_cancelling_comes_out_in_order),
    TEST_END,
};

const struct suite directory_suite = {"directory", tests};
