/* cmd_profile.c - check a profile, and list those that are shipped. */
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "app/lab_host.h"
#include "app/plan.h"
#include "app/targets.h"
#include "base/clock.h"
#include "base/text.h"

#define ARENA_BYTES (1ull << 30)

/* What a run would refuse at its start. */
static bool would_start(struct arena *a, const struct profile *p, struct err *e)
{
    if (!plan_check_addresses(p, e))
        return false;
    if (p->lab.on)
        return lab_host_check(p, a, e);
    return targets_check_literals(p, e);
}

static uint64_t load_end_ns(const struct profile *p)
{
    uint64_t end_ns = 0;

    for (uint32_t i = 0; i < p->load_count; i++)
        if (p->loads[i].start_ns + p->loads[i].duration_ns > end_ns)
            end_ns = p->loads[i].start_ns + p->loads[i].duration_ns;
    return end_ns;
}

struct cells {
    uint64_t messages, moves, load_real_ns;
};

/* Reads a variant or cell, adds it up, and says its lint unless that is `known`. */
static bool add_cell(const struct profile_request *of, const char *variant, const char *known,
                     struct cells *sum, struct buf *out, struct err *e)
{
    struct profile_request rq = *of;
    struct arena *a = arena_create(ARENA_BYTES);
    struct plan plan;
    struct buf lint;

    rq.variant = variant;
    buf_init(&lint, 1u << 20);
    const struct profile *p = a ? profile_load(a, &rq, e) : NULL;
    bool ok = p && would_start(a, p, e) && plan_make(&plan, a, p, 1, e) && profile_lint(p, &lint);

    if (ok) {
        sum->messages += plan.work->planned;
        sum->moves += plan.work->move_count;
        sum->load_real_ns += load_end_ns(p) / p->lab.time_scale;
        if (lint.n && strcmp(buf_text(&lint), known) != 0)
            ok = buf_add_format(out, "%s:\n%s", variant, buf_text(&lint));
    } else if (!a)
        (void)err_set(e, EX_IO, "out of memory");
    buf_fini(&lint);
    arena_destroy(a);
    return ok;
}

static bool estimate_matrix(const struct profile *p, const struct profile_request *rq,
                            struct buf *out, struct err *e)
{
    struct cells sum = {0};
    char messages[32], time[32];

    for (uint32_t i = 0; i < p->variant_count; i++)
        if (!add_cell(rq, p->variants[i], "", &sum, out, e))
            return false;
    (void)text_print_count(messages, sizeof messages, sum.messages);
    (void)text_print_duration(time, sizeof time,
                              sum.load_real_ns / (p->parallel ? p->parallel : 1) / NS_PER_S *
                                  NS_PER_S);
    return buf_add_format(out,
                          "%u cells of %u scenarios and %u versions: %s messages, %llu moves\n"
                          "their loads last about %s in real time, %u at once; settling comes on "
                          "top\n",
                          p->variant_count, p->scenario_count, p->version_count, messages,
                          (unsigned long long)sum.moves, time, p->parallel ? p->parallel : 1);
}

/* A variant may be wrong where the plain profile is not. */
static bool check_variants(const struct profile *p, const struct profile_request *rq,
                           struct buf *out, struct err *e)
{
    struct cells sum = {0};
    struct buf plain;
    bool cell = rq->variant && *rq->variant;

    buf_init(&plain, 1u << 20);
    bool ok = profile_lint(p, &plain) && buf_add(out, plain.p, plain.n);

    for (uint32_t i = 0; ok && !cell && i < p->variant_count; i++)
        ok = add_cell(rq, p->variants[i], buf_text(&plain), &sum, out, e);
    buf_fini(&plain);
    return ok;
}

static bool estimate(const struct profile *p, const struct profile_request *rq, struct buf *out,
                     struct err *e)
{
    bool cell = rq->variant && *rq->variant;

    if (p->scenario_count && !cell)
        return estimate_matrix(p, rq, out, e);
    bool ok = check_variants(p, rq, out, e) && profile_estimate(p, out, e);

    for (uint32_t i = 0; ok && !cell && i < p->variant_count; i++)
        ok = buf_add_format(out, "%s%s%s", i ? ", " : "variants: ", p->variants[i],
                            i + 1 == p->variant_count ? "\n" : "");
    return ok;
}

static int check_profile(struct arena *a, const struct profile_request *rq, bool print)
{
    struct err e = {0};
    struct buf text;
    const struct profile *p = profile_load(a, rq, &e);

    if (!p || !would_start(a, p, &e))
        return cmd_fail(&e);
    buf_init(&text, 16u << 20);
    bool ok = print ? profile_print(p, &text) : estimate(p, rq, &text, &e);

    (void)fputs(buf_text(&text), stdout);
    buf_fini(&text);
    if (e.code)
        return cmd_fail(&e);
    return ok && fflush(stdout) == 0 ? EX_PASS : EX_IO;
}

int cmd_check(const struct cmd *self, int argc, char **argv)
{
    struct profile_request rq = {0};
    struct cmd_list sets = {0};
    bool print = false;
    const struct cmd_option options[] = {{.name = "print", .flag = &print}, {0}};

    if (!cmd_profile_request(options, argc, argv, &sets, &rq))
        return cmd_usage(self);
    struct arena *a = arena_create(ARENA_BYTES);
    int code = a ? check_profile(a, &rq, print) : EX_IO;

    arena_destroy(a);
    return code;
}

int cmd_profiles(const struct cmd *self, int argc, char **argv)
{
    struct arena *a = arena_create(64u << 20);
    const char *const *names = a ? profile_shipped(a) : NULL;

    (void)argv;
    if (argc != 1) {
        arena_destroy(a);
        return cmd_usage(self);
    }
    for (; names && *names; names++) {
        struct profile_request rq = {.path = *names};
        struct err e = {0};
        const struct profile *p = profile_load(a, &rq, &e);

        (void)printf("%-28s %s\n", *names, p ? p->description : e.text);
    }
    int code = names && fflush(stdout) == 0 ? EX_PASS : EX_IO;

    arena_destroy(a);
    return code;
}
