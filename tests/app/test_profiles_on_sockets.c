/* test_profiles_on_sockets.c - the shipped profiles over real sockets, threads and all, at a scale that makes each last
 * a few seconds: verdict and truth agree copy by copy, and the classes of their articles show.
 */
#include <stdio.h>

#include "results/judge.h"
#include "tests/app/live.h"
#include "tests/support/check.h"

#define C(name) (1u << CLASS_##name)

#define TROUBLE                                                                                    \
    (C(NDR) | C(STRANDED) | C(SILENT_LOSS) | C(DUPLICATED) | C(MISDELIVERED) | C(CORRUPTED) |      \
     C(LEFT_BEHIND) | C(VANISHED) | C(CONTRADICTION) | C(UNKNOWN))

static bool has(const struct job *j, uint32_t shows, uint32_t may, char *why, size_t room)
{
    const uint64_t *n = j->result.judgement->tally.primaries;

    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        bool wanted = shows >> c & 1, barred = (TROUBLE & ~shows & ~may) >> c & 1;

        if ((wanted && n[c] == 0) || (barred && n[c] > 0)) {
            (void)snprintf(why, room, "%llu primary copies %s", (unsigned long long)n[c],
                           class_name((enum outcome)c));
            return false;
        }
    }
    return true;
}

static bool all_delivered(const struct job *j, char *why, size_t room)
{
    return has(j, C(DELIVERED), 0, why, room);
}

static bool some_reported(const struct job *j, char *why, size_t room)
{
    return has(j, C(DELIVERED) | C(NDR), 0, why, room);
}

static bool some_stranded(const struct job *j, char *why, size_t room)
{
    return has(j, C(DELIVERED) | C(STRANDED), C(NDR), why, room);
}

static bool some_lost(const struct job *j, char *why, size_t room)
{
    return has(j, C(DELIVERED) | C(SILENT_LOSS), C(NDR), why, room);
}

static const char *const steady[] = {"lab.time_scale=120", "load.steady.rate=3/s", NULL};
static const char *const scaled[] = {"lab.time_scale=120", NULL};

static void moves_make_false_reports(void)
{
    live_walk(&(struct live_job){
        .path = "q172364", .variant = "", .sets = steady, .parallel = 1, .shows = some_reported});
}

static void deliver_to_both_loses_in_silence(void)
{
    live_walk(&(struct live_job){
        .path = "q248839", .variant = "", .sets = steady, .parallel = 1, .shows = some_lost});
}

static void service_pack_4_reports_instead(void)
{
    live_walk(&(struct live_job){.path = "q248839",
                                 .variant = "sp4",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = some_reported});
}

static void both_moving_strands_mail(void)
{
    live_walk(&(struct live_job){.path = "q172364-both-moving",
                                 .variant = "",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = some_stranded});
}

static void without_the_cache_all_arrives(void)
{
    live_walk(&(struct live_job){.path = "q172364-cache-0",
                                 .variant = "",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = all_delivered});
}

static void quiet_long_enough_all_arrives(void)
{
    live_walk(&(struct live_job){.path = "q172364-offline",
                                 .variant = "",
                                 .sets = scaled,
                                 .parallel = 1,
                                 .shows = all_delivered});
}

static void an_alternate_removed_too_late_changes_nothing(void)
{
    live_walk(&(struct live_job){.path = "q248839-alternate-removed",
                                 .variant = "",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = some_lost});
}

static void over_x400_moves_make_false_reports(void)
{
    live_walk(&(struct live_job){.path = "q172364-x400",
                                 .variant = "",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = some_reported});
}

static void over_the_older_x400_on_turns_it_is_the_same(void)
{
    static const char *const modes[] = {"x400.mode=x410", "x400.mode=1984"};

    for (int i = 0; i < 2; i++) {
        const char *const sets[] = {"lab.time_scale=120",
                                    "load.steady.rate=3/s",
                                    modes[i],
                                    "x400.dialogue=two-way",
                                    "x400.tsel=0x504d",
                                    "load.steady.recipients=2",
                                    "load.steady.notify=success",
                                    "load.steady.resend=2",
                                    "load.steady.deferred=2s",
                                    NULL};

        live_walk(&(struct live_job){.path = "q172364-x400",
                                     .variant = "",
                                     .sets = sets,
                                     .parallel = 1,
                                     .shows = some_reported});
    }
}

static void smtp_and_x400_senders_share_a_site(void)
{
    live_walk(&(struct live_job){.path = "q172364-x400",
                                 .variant = "mixed",
                                 .sets = steady,
                                 .parallel = 1,
                                 .shows = some_reported});
}

static void over_x400_deliver_to_both_loses_in_silence(void)
{
    live_walk(&(struct live_job){
        .path = "q248839-x400", .variant = "", .sets = steady, .parallel = 1, .shows = some_lost});
}

static void when_nothing_moves_all_arrives(void)
{
    static const char *const sets[] = {"load.steady.rate=500/s", "load.steady.duration=4s", NULL};

    live_walk(&(struct live_job){
        .path = "control", .variant = "", .sets = sets, .parallel = 1, .shows = all_delivered});
}

static const struct test tests[] = {
    TEST(moves_make_false_reports),
    TEST(deliver_to_both_loses_in_silence),
    TEST(service_pack_4_reports_instead),
    TEST(both_moving_strands_mail),
    TEST(without_the_cache_all_arrives),
    TEST(quiet_long_enough_all_arrives),
    TEST(an_alternate_removed_too_late_changes_nothing),
    TEST(over_x400_moves_make_false_reports),
    TEST(over_the_older_x400_on_turns_it_is_the_same),
    TEST(smtp_and_x400_senders_share_a_site),
    TEST(over_x400_deliver_to_both_loses_in_silence),
    TEST(when_nothing_moves_all_arrives),
    TEST_END,
};

const struct suite profiles_on_sockets_suite = {"profiles_on_sockets", tests};
