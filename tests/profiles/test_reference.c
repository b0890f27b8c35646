/* test_reference.c - docs/profile.md and the manual page list every key, in the table's words.
 *
 * With PM_REWRITE_DOCS=1 in the environment the test writes the lists into them instead of comparing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/option.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct page {
    const char *path, *begin, *end;
    bool (*list)(struct buf *out);
};

static void rewrite(const struct page *p, const char *text, const char *from, const char *to,
                    const char *list)
{
    FILE *f = fopen(p->path, "we");

    if (!CHECK(f != NULL))
        return;
    (void)fwrite(text, 1, (size_t)(from - text), f);
    (void)fputs(list, f);
    (void)fputs(to, f);
    CHECK(fclose(f) == 0);
}

static void check_page(const struct page *p)
{
    char *text = scratch_read(p->path, NULL);
    char *from = text ? strstr(text, p->begin) : NULL, *to = text ? strstr(text, p->end) : NULL;
    struct buf list;

    buf_init(&list, 1u << 20);
    if (CHECK(from != NULL) && CHECK(to != NULL) && CHECK(p->list(&list))) {
        from += strlen(p->begin);
        if (getenv("PM_REWRITE_DOCS"))
            rewrite(p, text, from, to, buf_text(&list));
        else
            CHECK_MEM(from, (size_t)(to - from), buf_text(&list), list.n);
    }
    buf_fini(&list);
    free(text);
}

static void the_reference_lists_every_key(void)
{
    check_page(&(struct page){PM_SOURCE_DIR "/docs/profile.md", "<!-- keys: begin -->\n",
                              "<!-- keys: end -->", option_markdown});
}

static void the_manual_page_lists_every_key(void)
{
    check_page(&(struct page){PM_SOURCE_DIR "/docs/postmuster.1", ".\\\" keys: begin\n",
                              ".\\\" keys: end", option_roff});
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
