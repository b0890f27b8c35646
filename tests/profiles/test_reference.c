/* test_reference.c - docs/profile.md and the manual page list every key, in the table's words.
 *
 * With PM_REWRITE_DOCS=1 in the environment the test writes the lists into them instead of comparing.
 */
#include <string.h>

#include "profiles/option.h"
#include "tests/support/check.h"
#include "tests/support/doc_page.h"

static void the_reference_lists_every_key(void)
{
    doc_page_check("docs/profile.md", "keys", option_markdown);
}

static void the_manual_page_lists_every_key(void)
{
    doc_page_check("docs/postmuster-profile.5", "keys", option_roff);
}

static void every_row_has_its_sentence_and_a_key_of_its_own(void)
{
    for (int i = 0; option_at(i); i++) {
        const struct option *o = option_at(i);
        size_t n = strlen(o->help);

        check_true(n > 2 && o->help[n - 1] == '.', o->key, __FILE__, __LINE__);
        for (int k = 0; k < i; k++)
            if (option_at(k)->section == o->section)
                check_true(strcmp(option_at(k)->key, o->key) != 0, o->key, __FILE__, __LINE__);
    }
}

static const struct test tests[] = {
    TEST(the_reference_lists_every_key),
    TEST(the_manual_page_lists_every_key),
    TEST(every_row_has_its_sentence_and_a_key_of_its_own),
    TEST_END,
};

const struct suite reference_suite = {"reference", tests};
