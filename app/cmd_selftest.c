/* cmd_selftest.c - plants every fault of the table into a small site, a run each and several side by side, and shows that each was
 * found as what it is.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/cmd.h"
#include "app/selftest.h"
#include "base/blind.h"
#include "base/clock.h"
#include "base/text.h"
#include "lab/plant.h"
#include "results/json_file.h"

#define STEP_MS      20
#define PARALLEL     8
#define PARALLEL_MAX 64
#define ROWS_MAX     64
#define ARENA_BYTES  (64u << 20)

#ifdef PM_BLINDABLE
unsigned blind_check = BLIND_COUNT;

static const char *const blind_names[] = {
#define X(id, name, help, fault) name,
    BLIND_CHECKS(X)
#undef X
        NULL};

static const char *const blind_faults[] = {
#define X(id, name, help, fault) fault,
    BLIND_CHECKS(X)
#undef X
};

/* "--blind CHECK" or "--blinds", ahead of everything else; true: that was all. */
static bool take_blind(int *argc, char ***argv)
{
    if (*argc > 1 && strcmp((*argv)[1], "--blinds") == 0) {
        for (unsigned i = 0; blind_names[i]; i++)
            (void)printf("%s %s\n", blind_names[i], blind_faults[i]);
        return true;
    }
    if (*argc < 3 || strcmp((*argv)[1], "--blind") != 0)
        return false;
    for (blind_check = 0; blind_names[blind_check]; blind_check++)
        if (strcmp(blind_names[blind_check], (*argv)[2]) == 0)
            break;
    (*argv)[2] = (*argv)[0];
    *argv += 2;
    *argc -= 2;
    return false;
}
#endif

struct trial {
    struct selftest_result all[ROWS_MAX];
    uint32_t count;
};

static struct selftest_result *result_of(struct trial *t, const struct job *j)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->all[i].row->fault, j->variant) == 0)
            return &t->all[i];
    PM_UNREACHABLE();
}

static void on_ended(void *owner, struct job *j)
{
    selftest_judge(result_of(owner, j), j);
}

static int list_faults(void)
{
    char as[120];

    for (const struct selftest_row *r = selftest_rows; r->fault; r++)
        for (unsigned p = 0; plant_name(p); p++)
            if (strcmp(plant_name(p), r->fault) == 0)
                (void)printf("%-18s %s\n%-18s   found as %s; must not be said: %s\n", r->fault,
                             plant_help(p), "", selftest_as(r, as, sizeof as), r->never);
    return EX_PASS;
}

/* The rows that are asked for, in the table's order; all if none is named. */
static bool choose(struct trial *t, const struct cmd_list *only, struct err *e)
{
    const char *names[ROWS_MAX + 1] = {0};
    uint32_t n = 0;

    for (const struct selftest_row *r = selftest_rows; r->fault; r++) {
        bool wanted = only->count == 0;

        PM_ASSERT(n < ROWS_MAX);
        names[n++] = r->fault;
        for (uint32_t i = 0; i < only->count; i++)
            wanted = wanted || strcmp(only->items[i], r->fault) == 0;
        if (wanted)
            t->all[t->count++] = (struct selftest_result){.row = r};
    }
    for (uint32_t i = 0; i < only->count; i++)
        if (!selftest_row_named(only->items[i])) {
            const char *near = text_nearest(slice_of(only->items[i]), names);

            return err_set(e, EX_BAD_USAGE, "there is no fault '%s'%s%s%s", only->items[i],
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
    return true;
}

static bool add_runs(struct campaign *c, const struct trial *t, struct err *e)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!campaign_add(c, SELFTEST_PROFILE, t->all[i].row->fault, e))
            return false;
    return true;
}

static int show(const struct trial *t, bool json, uint64_t began_ns)
{
    struct err e = {0};
    struct buf out;

    buf_init(&out, 16u << 20);
    bool ok = json ? json_file_print(selftest_json(t->all, t->count), &out, &e)
                   : selftest_print(t->all, t->count, &out);

    if (!ok && !e.code)
        (void)err_set(&e, EX_IO, "out of memory for the table");
    if (ok)
        (void)fputs(buf_text(&out), stdout);
    if (ok && !json)
        (void)fprintf(stderr, "%.1f s\n", (double)(clock_mono_ns() - began_ns) / 1e9);
    buf_fini(&out);
    if (!ok)
        return cmd_fail(&e);
    return selftest_failures(t->all, t->count) > 0 ? EX_MISSED : EX_PASS;
}

/* Until all runs have ended; false: somebody broke them off. */
static bool wait_for(struct campaign *c, struct trial *t)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    while (campaign_step(c, on_ended, t))
        if (sigtimedwait(&wanted, NULL, &step) > 0) {
            c->interrupts = 1; /* once more: stop now */
            campaign_interrupt(c);
        }
    return c->interrupts == 0;
}

static int walk(struct campaign *c, const struct cmd_list *only, bool json)
{
    struct trial *t = calloc(1, sizeof *t);
    uint64_t began_ns = clock_mono_ns();
    struct err e = {0};
    int code = EX_INTERRUPTED;

    if (!t || !c->arena)
        (void)err_set(&e, EX_IO, "out of memory for the faults");
    else if (choose(t, only, &e) && add_runs(c, t, &e) && wait_for(c, t))
        code = show(t, json, began_ns);
    if (e.code)
        code = cmd_fail(&e);
    free(t);
    return code;
}

int cmd_selftest(const struct cmd *self, int argc, char **argv)
{
    struct cmd_list only = {0};
    const char *runs = "results/selftest", *parallel = NULL, *seed = NULL;
    bool list = false, json = false, simulate = false;
    const struct cmd_option options[] = {
        {.name = "only", .list = &only},         {.name = "list", .flag = &list},
        {.name = "simulate", .flag = &simulate}, {.name = "seed", .text = &seed},
        {.name = "parallel", .text = &parallel}, {.name = "runs", .text = &runs},
        {.name = "json", .flag = &json},         {0}};
    uint64_t at_once = PARALLEL, number = 0;
    char set[64];
    const char *sets[] = {set};

#ifdef PM_BLINDABLE
    if (take_blind(&argc, &argv))
        return EX_PASS;
#endif
    if (cmd_parse(options, argc, argv) != argc ||
        (seed && !text_u64(slice_of(seed), &number, NULL)) ||
        (parallel &&
         (!text_u64(slice_of(parallel), &at_once, NULL) || at_once == 0 || at_once > PARALLEL_MAX)))
        return cmd_usage(self);
    if (list)
        return list_faults();
    (void)snprintf(set, sizeof set, "run.seed=%llu", (unsigned long long)number);
    struct campaign c = {.arena = arena_create(ARENA_BYTES),
                         .parallel = (uint32_t)at_once,
                         .parallel_given = true,
                         .sets = sets,
                         .set_count = seed ? 1 : 0,
                         .runs_dir = runs,
                         .simulate = simulate};
    int code = walk(&c, &only, json);

    campaign_fini(&c);
    arena_destroy(c.arena);
    return code;
}
