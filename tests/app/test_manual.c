/* test_manual.c - postmuster(1) lists every command and option in the words of the table, and the pages are clean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "app/cmd_words.h"
#include "tests/support/check.h"
#include "tests/support/doc_page.h"
#include "tests/support/scratch.h"

#define PAGE "docs/postmuster.1"

static void the_manual_page_has_every_synopsis(void)
{
    doc_page_check(PAGE, "synopsis", cmd_roff_synopsis);
}

static void the_manual_page_has_every_option(void)
{
    doc_page_check(PAGE, "options", cmd_roff_options);
}

static void the_manual_page_has_a_paragraph_on_every_command(void)
{
    char *page = scratch_read(PM_SOURCE_DIR "/" PAGE, NULL);
    char *from = page ? strstr(page, "\n.SH COMMANDS\n") : NULL;
    char *to = from ? strstr(from, "\n.SH OPTIONS\n") : NULL;

    if (CHECK(from && to) && to) {
        *to = '\0';
        for (const struct cmd *c = cmd_table; c->name; c++) {
            char head[80];

            (void)snprintf(head, sizeof head, "\n.TP\n.B %s\n", c->name);
            CHECK_HAS(from, head);
        }
    }
    free(page);
}

/* Whoever formats it has nothing to complain about. */
static void check_clean(const char *page)
{
    const char *dir = scratch_dir("manual");
    char command[2000], path[600];

    (void)snprintf(path, sizeof path, "%s/said", dir);
    (void)snprintf(command, sizeof command,
                   "t= && if head -n 1 %s/%s | grep -q t$; then t=-t; fi; groff -ww $t -man -Tutf8 "
                   "%s/%s 2>&1 >/dev/null | grep -v 'page break' >%s; "
                   "if command -v mandoc >/dev/null; then mandoc -T lint %s/%s >>%s; fi",
                   PM_SOURCE_DIR, page, PM_SOURCE_DIR, page, path, PM_SOURCE_DIR, page, path);
    (void)system(command); /* NOLINT(cert-env33-c): a formatter, of a file of ours */
    char *said = scratch_read(path, NULL);

    CHECK_STR(said ? said : "nothing was formatted", "");
    free(said);
}

static void formatters_have_nothing_to_complain_about(void)
{
    if (access("/usr/bin/groff", X_OK) != 0) {
        (void)printf("groff is not installed: the pages were not formatted\n");
        CHECK(true);
        return;
    }
    check_clean(PAGE);
    check_clean("docs/postmuster-profile.5");
    check_clean("docs/postmuster-journal.5");
}

static const struct test tests[] = {
    TEST(the_manual_page_has_every_synopsis),
    TEST(the_manual_page_has_every_option),
    TEST(the_manual_page_has_a_paragraph_on_every_command),
    TEST(formatters_have_nothing_to_complain_about),
    TEST_END,
};

const struct suite manual_suite = {"manual", tests};
