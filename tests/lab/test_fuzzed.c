/* test_fuzzed.c - what fuzzing found in the lab's servers; the inputs are in tests/fuzz/corpus. */
#include "lab/lab_imap_talk.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"

/* The section is echoed in the answer, which must be IMAP whatever was asked. */
static void field_names_that_end_the_section_early_are_refused(void)
{
    struct fronts f;

    if (!CHECK(fronts_simulate(&f, 1, NULL)))
        return;
    const struct imap_host host = {.site = f.site, .server = 0, .name = "s1.lab.test"};
    struct talk *t = imap_talk_open(&host, NULL);

    (void)fronts_mail(&f, "ann@lab.test", "Subject: one\r\n\r\nx\r\n");
    fronts_run(&f, 60 * NS_PER_S);
    (void)imap_talk_feed(t, slice_of("p1 LOGIN ann pw\r\np2 SELECT INBOX\r\n"));
    buf_clear(&t->out);
    (void)imap_talk_feed(
        t, slice_of("p3 FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)])] UID)\r\n"));
    CHECK_HAS(buf_text(&t->out), "p3 BAD ");
    buf_clear(&t->out);
    (void)imap_talk_feed(t, slice_of("p4 FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] UID)\r\n"));
    CHECK_HAS(buf_text(&t->out), "BODY[HEADER.FIELDS (SUBJECT)] {16}");
    imap_talk_close(t);
    fronts_fini(&f);
}

static const struct test tests[] = {
    TEST(field_names_that_end_the_section_early_are_refused),
    TEST_END,
};

const struct suite fuzzed_suite = {"fuzzed", tests};
