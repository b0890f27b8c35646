/* test_x400_words.c - the journal's X.400 codes in words. */
#include "app/x400_words.h"
#include "results/event.h"
#include "tests/support/check.h"
#include "wire/x400/stack.h"

static const char *of_report(unsigned reason, unsigned diagnostic)
{
    static char out[120];

    return x400_words(event_report(REPORT_FAILED, 0, EVENT_X400, reason, diagnostic), 0, out,
                      sizeof out);
}

static const char *of_ending(enum stack_layer layer, unsigned code, enum ending k, enum stage at)
{
    static char out[120];

    return x400_words(event_code(0, EVENT_X400, layer, code), (uint32_t)k | (uint32_t)at << 8, out,
                      sizeof out);
}

static void reports_are_told_by_reason_and_diagnostic(void)
{
    CHECK_STR(of_report(1, 0), "unable-to-transfer, unrecognised-OR-name");
    CHECK_STR(of_report(1, 5), "unable-to-transfer, maximum-time-expired");
    CHECK_STR(of_report(0, 3), "transfer-failure, loop-detected");
    CHECK_STR(of_report(0, EVENT_X400_NO_DIAG), "transfer-failure");
    CHECK_STR(of_report(200, 300), "?, ?");
    CHECK_STR(of_report(EVENT_X400_NO_DIAG, EVENT_X400_NO_DIAG), "");
}

static void the_same_number_means_another_thing_in_another_place(void)
{
    CHECK_STR(of_ending(STACK_RTSE, 2, END_REFUSED_PERM, STAGE_BIND),
              "rtse: validation failure: name, password or mode");
    CHECK_STR(of_ending(STACK_RTSE, 2, END_ABORTED, STAGE_TRANSFER), "rtse: unrecognised activity");
    CHECK_STR(of_ending(STACK_RTSE, 0, END_REFUSED_TEMP, STAGE_BIND), "rtse: busy");
    CHECK_HAS(of_ending(STACK_COTP, 3, END_REFUSED_TEMP, STAGE_BIND), "cotp: ");
    CHECK_STR(of_ending(STACK_COTP, EVENT_X400_NO_CODE, END_DOUBT, STAGE_TAKEN), "cotp");
    CHECK_STR(of_ending(STACK_TPKT, EVENT_X400_NO_CODE, END_DOUBT, STAGE_TAKEN), "connection lost");
    CHECK_STR(of_ending(STACK_LAYER_COUNT, 1, END_ABORTED, STAGE_TRANSFER), "");
    CHECK_STR(of_ending(STACK_TPKT, 0, END_ACCEPTED, STAGE_TAKEN), "");
}

/* Whatever a journal holds: words, and no reading past a table. */
static void every_code_has_words_or_none(void)
{
    char out[16];

    for (uint32_t layer = 0; layer < 512; layer += layer < 8 ? 1 : 63)
        for (uint32_t code = 0; code < 1024; code++)
            for (uint32_t how = 0; how < 4; how++) {
                uint32_t end = END_REFUSED_TEMP + (how & 1) +
                               (uint32_t)(how & 2 ? STAGE_TAKEN : STAGE_BIND) * 256;
                const char *text =
                    x400_words(event_code(0, EVENT_X400, layer, code), end, out, sizeof out);

                if (!CHECK(text == out && out[15] == '\0'))
                    return;
            }
}

static const struct test tests[] = {
    TEST(reports_are_told_by_reason_and_diagnostic),
    TEST(the_same_number_means_another_thing_in_another_place),
    TEST(every_code_has_words_or_none),
    TEST_END,
};

const struct suite x400_words_suite = {"x400_words", tests};
