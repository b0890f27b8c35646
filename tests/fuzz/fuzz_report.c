/* fuzz_report.c - libFuzzer's entry for the reader of reports: whatever a mail says, what is read of it holds together. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/report.h"

#define CEILING (8u << 20)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void hold(const struct report *r)
{
    PM_ASSERT(r->count <= REPORT_RECIPIENTS_MAX);
    PM_ASSERT(r->sort != SORT_REPORT || r->count > 0);
    PM_ASSERT((r->sort != SORT_MAIL && r->sort != SORT_UNREADABLE) || r->count == 0);
    PM_ASSERT(strlen(r->text) <= REPORT_TEXT_MAX);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct report_recipient *to = &r->recipients[i];

        PM_ASSERT(to->final && to->original && to->diagnostic);
        PM_ASSERT(to->reply == 0 || (to->reply >= 200 && to->reply < 600));
        PM_ASSERT(!to->expired || to->action == ACTION_FAILED);
        PM_ASSERT(r->sort != SORT_FEEDBACK || to->action == ACTION_NONE);
    }
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice mail = {.p = data, .n = n};
    struct arena *a = arena_create(CEILING);
    char token[REPORT_TOKEN_CHARS + 1];
    struct report r;

    if (a && report_read(a, mail, &r)) {
        hold(&r);
        PM_ASSERT(report_suspect(mail) || r.sort == SORT_MAIL);
        PM_ASSERT(strcmp(report_kind(&r), "?") != 0);
        PM_ASSERT(report_token(&r, mail, token) == (token[0] != 0));
    }
    arena_destroy(a);
    return 0;
}
