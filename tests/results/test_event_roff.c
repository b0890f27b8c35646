/* test_event_roff.c - the manual page of the journal lists every kind of event, and every name in its codes. */
#include <string.h>

#include "results/event.h"
#include "tests/support/check.h"
#include "tests/support/doc_page.h"

static void the_manual_page_lists_every_kind(void)
{
    doc_page_check("docs/postmuster-journal.5", "kinds", event_roff_kinds);
}

static void the_manual_page_lists_every_name(void)
{
    doc_page_check("docs/postmuster-journal.5", "names", event_roff_names);
}

static void every_kind_says_what_it_is(void)
{
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        const char *help = event_kind_help(i);
        size_t n = strlen(help);

        check_true(n > 5 && help[n - 1] == '.', event_kind_name(i), __FILE__, __LINE__);
    }
    CHECK_STR(event_kind_help(EVENT_KIND_COUNT), "?");
}

static const struct test tests[] = {
    TEST(the_manual_page_lists_every_kind),
    TEST(the_manual_page_lists_every_name),
    TEST(every_kind_says_what_it_is),
    TEST_END,
};

const struct suite event_roff_suite = {"event_roff", tests};
