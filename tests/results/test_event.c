#include <string.h>

#include "results/event.h"
#include "tests/support/check.h"

static void every_kind_ending_stage_mark_and_finding_has_a_name_of_its_own(void)
{
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
        for (unsigned k = 0; k < i; k++)
            if (!CHECK(strcmp(event_kind_name(i), event_kind_name(k)) != 0))
                return;
    CHECK_STR(event_kind_name(EVENT_KIND_COUNT), "?");
    CHECK_STR(event_ending_name(END_DOUBT), "doubt");
    CHECK_STR(event_ending_name(99), "?");
    CHECK_STR(event_stage_name(STAGE_DOT), "dot");
    CHECK_STR(event_stage_name(STAGE_COUNT), "?");
    CHECK_STR(event_mark_name(MARK_FLIPPED), "flipped");
    CHECK_STR(event_mark_name(MARK_COUNT), "?");
    CHECK_STR(event_finding_name(FIND_TIMEOUT), "timeout");
    CHECK_STR(event_finding_name(FIND_COUNT), "?");
}

static void codes_keep_reply_and_enhanced_status_apart(void)
{
    uint32_t code = event_code(554, 5, 7, 999);

    CHECK_U64(event_code_reply(code), 554);
    CHECK_U64(code >> 10 & 7, 5);
    CHECK_U64(code >> 13 & 511, 7);
    CHECK_U64(code >> 22, 999);
    code = event_report(REPORT_EXPANDED, REPORT_LOOP | REPORT_TO_ORIGINATOR, 4, 400, 500);
    CHECK_U64(code & 7, REPORT_EXPANDED);
    CHECK(code & REPORT_LOOP);
    CHECK(code & REPORT_TO_ORIGINATOR);
    CHECK(!(code & REPORT_WEAK));
    CHECK_U64(code >> 8 & 7, 4);
    CHECK_U64(code >> 11 & 511, 400);
    CHECK_U64(code >> 20 & 511, 500);
}

static void the_record_on_disk_is_little_endian_and_has_these_bytes(void)
{
    const struct event ev = {.t_ns = 0x0807060504030201,
                             .slot = 0x100f0e0d0c0b0a09,
                             .kind = 0x1211,
                             .place = 0x1413,
                             .code = 0x18171615,
                             .a = 0x1c1b1a19,
                             .b = 0x201f1e1d};
    unsigned char want[32];

    for (unsigned i = 0; i < sizeof want; i++)
        want[i] = (unsigned char)(i + 1);
    CHECK_MEM(&ev, sizeof ev, want, sizeof want);
}

static const struct test tests[] = {
    TEST(every_kind_ending_stage_mark_and_finding_has_a_name_of_its_own),
    TEST(codes_keep_reply_and_enhanced_status_apart),
    TEST(the_record_on_disk_is_little_endian_and_has_these_bytes),
    TEST_END,
};

const struct suite event_suite = {"event", tests};
