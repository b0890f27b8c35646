/* doc_page.c - compares a list in a page with its table, or writes it there. */
#include "tests/support/doc_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void rewrite(const char *path, const char *text, const char *from, const char *to,
                    const char *list)
{
    FILE *f = fopen(path, "we");

    if (!CHECK(f != NULL))
        return;
    (void)fwrite(text, 1, (size_t)(from - text), f);
    (void)fputs(list, f);
    (void)fputs(to, f);
    CHECK(fclose(f) == 0);
}

void doc_page_check(const char *page, const char *what, bool (*list)(struct buf *out))
{
    size_t n = strlen(page);
    bool markdown = n > 3 && strcmp(page + n - 3, ".md") == 0;
    const char *open = markdown ? "<!--" : ".\\\"", *close = markdown ? " -->" : "";
    char path[600], begin[100], end[100];
    struct buf made;

    (void)snprintf(path, sizeof path, "%s/%s", PM_SOURCE_DIR, page);
    (void)snprintf(begin, sizeof begin, "%s %s: begin%s\n", open, what, close);
    (void)snprintf(end, sizeof end, "%s %s: end%s", open, what, close);
    char *text = scratch_read(path, NULL);
    char *from = text ? strstr(text, begin) : NULL, *to = from ? strstr(from, end) : NULL;

    buf_init(&made, 1u << 20);
    if (CHECK(from != NULL) && CHECK(to != NULL) && CHECK(list(&made))) {
        from += strlen(begin);
        if (getenv("PM_REWRITE_DOCS"))
            rewrite(path, text, from, to, buf_text(&made));
        else
            CHECK_MEM(from, (size_t)(to - from), buf_text(&made), made.n);
    }
    buf_fini(&made);
    free(text);
}
