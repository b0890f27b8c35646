/* story.c - the trace of one message beside the truth file's lines of it. */
#include "tests/sim/sweep/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/plan.h"
#include "base/clock.h"
#include "results/lines.h"
#include "tests/support/scratch.h"

#define LINES_MOST 60u

static bool print_line(void *owner, struct slice text)
{
    unsigned *lines = owner;

    if (++*lines <= LINES_MOST)
        (void)printf("    %.*s", (int)text.n, (const char *)text.p);
    return true;
}

static void print_token(void *owner, uint64_t number, char out[27])
{
    (void)owner;
    (void)snprintf(out, 27, "%" PRIu64, number);
}

/* Lines of the truth that name the message, moves, or a change of an alternate. */
static void print_truth(const struct manifest *m, uint64_t number, const char *dir)
{
    struct token_key key = plan_key(m);
    char token[TOKEN_CHARS + 1] = "", path[600];
    unsigned lines = 0;

    token_write(&key, number, token);
    token[TOKEN_CHARS] = '\0';
    (void)snprintf(path, sizeof path, "%s/truth.tsv", dir);
    char *text = scratch_read(path, NULL);

    (void)printf("  what the lab knows of it, and of moves (truth.tsv, lab's ns):\n");
    for (char *line = text, *next; line && *line && lines < LINES_MOST; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strstr(line, token) || strstr(line, "\tmove-") || strstr(line, "\talternate-set")) {
            (void)printf("    %s\n", line);
            lines++;
        }
    }
    free(text);
}

void story_case(const char *text)
{
    (void)printf("  cut down to:\n");
    for (const char *p = text; *p; p += strcspn(p, "\n") + (strchr(p, '\n') != NULL))
        (void)printf("    %.*s\n", (int)strcspn(p, "\n"), p);
}

void story_tell(const char *text, const struct held *h, const char *dir)
{
    struct run_record r;
    struct err e = {0};
    unsigned lines = 0;
    const struct line_sink sink = {.line = print_line, .token = print_token, .owner = &lines};

    story_case(text);
    (void)printf("  %s: %s\n", h->rule, h->wrong);
    if (h->number == NEVER_NS)
        return;
    if (judge_folder(&r, dir, &e)) {
        (void)printf("  message %" PRIu64 ", from the journal:\n", h->number);
        (void)trace_message(&r, dir, h->number, &sink, &e);
        print_truth(r.manifest, h->number, dir);
    }
    run_record_fini(&r);
    if (*e.text)
        (void)printf("  %s\n", e.text);
}
