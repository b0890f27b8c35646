/* test_fuzzed.c - what fuzzing found in the probes' readers; the inputs are in tests/fuzz/corpus. */
#include "probes/queue_list.h"
#include "tests/probes/queue_rig.h"
#include "tests/support/check.h"

static void check_bad_number(enum probe_type type, const char *text)
{
    struct queue_rig r;

    queue_rig_begin(&r, &(struct probe_profile){.name = "queues", .type = type});
    CHECK(!queue_rig_read(&r, text));
    CHECK_U64((uint64_t)r.e.code, EX_WIRE);
    CHECK_HAS(r.e.text, "is not a whole number");
    queue_rig_end(&r);
}

/* Not a fault of the profile, which its exit code would have said. */
static void a_number_that_is_none_is_the_listings_fault(void)
{
    check_bad_number(PROBE_QUEUE_EXCHANGE,
                     "\"Identity\",\"FromAddress\",\"Status\",\"RetryCount\",\"Recipients\","
                     "\"InternetMessageId\"\r\n\"s1\\Submission\\1\",\"joe-1@lab.test\",\"Ready\","
                     "\"x\",\"joanne-1@lab.test\",\"<a@b>\"\r\nend\r\n");
    check_bad_number(PROBE_QUEUE_SENDMAIL, "\t\tTotal requests: 99999999999999999999999999\n");
}

static void a_number_that_is_none_is_the_fault_of_a_commands_line(void)
{
    struct queue_rig r;
    struct queue_list list;

    queue_rig_begin(&r, &(struct probe_profile){.name = "queues", .type = PROBE_QUEUE_EXEC});
    CHECK(queue_list_init(&list, &r.run->profile.site, &r.key));
    CHECK(!queue_list_line(&list, slice_of("counters s1 7 many"), &r.e));
    CHECK_U64((uint64_t)r.e.code, EX_WIRE);
    CHECK_HAS(r.e.text, "\"many\" is not a whole number");
    queue_list_fini(&list);
    queue_rig_end(&r);
}

static const struct test tests[] = {
    TEST(a_number_that_is_none_is_the_listings_fault),
    TEST(a_number_that_is_none_is_the_fault_of_a_commands_line),
    TEST_END,
};

const struct suite fuzzed_suite = {"fuzzed", tests};
