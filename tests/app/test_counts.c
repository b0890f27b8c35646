/* What is counted for those who watch: by load, once a message, into decimal buckets. */
#include <string.h>

#include "app/counts.h"
#include "base/clock.h"
#include "tests/support/check.h"

static const struct manifest_load loads[] = {
    {.name = "first", .first = 0, .count = 100, .recipients = 2},
    {.name = "second", .first = 100, .count = 50, .recipients = 1}};
static const struct manifest manifest = {
    .stride = 4, .planned_messages = 150, .canaries = 8, .loads = loads, .load_count = 2};

static void a_bucket_holds_what_is_at_most_its_bound(void)
{
    for (uint32_t i = 0; i < SPREAD_BOUNDS; i++) {
        struct spread s = {0};

        spread_add(&s, spread_bounds_us[i]);
        CHECK_U64(s.bucket[i], 1);
        spread_add(&s, spread_bounds_us[i] + 1);
        CHECK_U64(s.bucket[i + 1], 1);
        CHECK_U64(s.sum_us, 2 * spread_bounds_us[i] + 1);
    }
}

static void every_value_lies_between_two_bounds(void)
{
    for (uint64_t us = 0; us < UINT64_C(1) << 62; us += us / 8 + 1) {
        struct spread s = {0};
        uint32_t i = 0;

        spread_add(&s, us);
        while (s.bucket[i] == 0)
            i++;
        if (!CHECK((i == SPREAD_BOUNDS || us <= spread_bounds_us[i]) &&
                   (i == 0 || us > spread_bounds_us[i - 1])))
            return;
    }
    CHECK_U64(spread_bounds_us[0], 100);
    CHECK_U64(spread_bounds_us[SPREAD_BOUNDS - 1], 100000000);
}

static void a_share_is_told_by_the_bound_that_it_does_not_exceed(void)
{
    struct spread s = {0}, sum = {0};

    CHECK_U64(spread_within_us(&s, 0.99), 0);
    for (int i = 0; i < 99; i++)
        spread_add(&s, 150);
    spread_add(&s, 40000);
    CHECK_U64(spread_within_us(&s, 0.99), 200);
    CHECK_U64(spread_within_us(&s, 0.991), 50000);
    spread_add(&s, 200000000);
    CHECK_U64(spread_within_us(&s, 1), NEVER_NS);
    spread_merge(&sum, &s);
    spread_merge(&sum, &s);
    CHECK_U64(spread_count(&sum), 2 * spread_count(&s));
    CHECK_U64(sum.sum_us, 2 * s.sum_us);
}

static void messages_count_once_and_recipients_each_by_their_load(void)
{
    struct book_counts c = {0};
    struct load_counts all;
    const struct event events[] = {
        {.kind = EV_SENT, .slot = 0, .b = 10},
        {.kind = EV_SENT, .slot = 2, .b = 10},
        {.kind = EV_END, .slot = 0, .a = END_ACCEPTED, .b = 300},
        {.kind = EV_END, .slot = 2, .a = END_REFUSED_PERM | STAGE_RCPT << 8},
        {.kind = EV_SENT, .slot = 4ul * 100, .b = 7000},
        {.kind = EV_END, .slot = 4ul * 100, .a = END_DOUBT},
        {.kind = EV_SENT, .slot = 4ul * 150},
        {.kind = EV_END, .slot = 4ul * 150, .a = END_ACCEPTED},
        {.kind = EV_REPORT, .code = event_report(REPORT_DELAYED, REPORT_TO_ORIGINATOR, 4, 0, 0)},
        {.kind = EV_END, .slot = 0, .a = 0xff}, /* no ending that there is */
    };

    counts_add(&c, &manifest, events, sizeof events / sizeof *events);
    CHECK_U64(c.loads[0].messages, 1);
    CHECK_U64(c.loads[0].recipients, 2);
    CHECK_U64(c.loads[0].ended[END_ACCEPTED], 1);
    CHECK_U64(c.loads[0].ended[END_REFUSED_PERM], 1);
    CHECK_U64(spread_count(&c.loads[0].late), 1);
    CHECK_U64(c.loads[0].accept.sum_us, 300);
    CHECK_U64(c.loads[1].messages, 1);
    CHECK_U64(c.loads[1].ended[END_DOUBT], 1);
    CHECK_U64(c.loads[1].late.sum_us, 7000);
    CHECK_U64(c.reported[REPORT_DELAYED], 1);
    counts_sum(&c, &all); /* without the canary */
    CHECK_U64(all.messages, 2);
    CHECK_U64(all.recipients, 3);
    CHECK_U64(spread_count(&all.accept), 1);
}

static void loads_beyond_the_last_count_with_the_last(void)
{
    struct manifest_load many[COUNTS_LOADS + 3];
    struct manifest m = {.stride = 1, .load_count = COUNTS_LOADS + 3, .loads = many};
    struct book_counts c = {0};

    for (uint32_t i = 0; i < m.load_count; i++) {
        struct event ev = {.kind = EV_SENT, .slot = i};

        many[i] = (struct manifest_load){.first = i, .count = 1};
        m.planned_messages = m.load_count;
        if (i == m.load_count - 1)
            for (ev.slot = 0; ev.slot < m.load_count; ev.slot++)
                counts_add(&c, &m, &ev, 1);
    }
    CHECK_U64(c.loads[0].messages, 1);
    CHECK_U64(c.loads[COUNTS_LOADS - 1].messages, 4);
}

static const struct test tests[] = {
    TEST(a_bucket_holds_what_is_at_most_its_bound),
    TEST(every_value_lies_between_two_bounds),
    TEST(a_share_is_told_by_the_bound_that_it_does_not_exceed),
    TEST(messages_count_once_and_recipients_each_by_their_load),
    TEST(loads_beyond_the_last_count_with_the_last),
    TEST_END,
};

const struct suite counts_suite = {"counts", tests};
