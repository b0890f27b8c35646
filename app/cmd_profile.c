/* cmd_profile.c - check a profile, and list those that are shipped. */
#include <stdio.h>

#include "app/cmd.h"
#include "app/plan.h"
#include "base/clock.h"
#include "base/text.h"

static void print_estimate(const struct plan *plan)
{
    const struct profile *p = plan->profile;
    char count[32], time[32];
    uint64_t longest = 0;

    for (uint32_t i = 0; i < p->load_count; i++) {
        uint64_t end = p->loads[i].start_ns + p->loads[i].duration_ns;

        longest = end > longest ? end : longest;
    }
    (void)printf("%s: %s messages in %u load%s, %u move%s, %u mailbox%s on %u server%s\n", p->name,
                 text_print_count(count, sizeof count, plan->work->planned), p->load_count,
                 p->load_count == 1 ? "" : "s", plan->work->move_count,
                 plan->work->move_count == 1 ? "" : "s", p->site.mailbox_count,
                 p->site.mailbox_count == 1 ? "" : "es", p->site.server_count,
                 p->site.server_count == 1 ? "" : "s");
    (void)printf("  load lasts %s of the target's time",
                 text_print_duration(time, sizeof time, longest));
    if (p->lab.time_scale > 1)
        (void)printf(", %s of yours",
                     text_print_duration(time, sizeof time, longest / p->lab.time_scale));
    (void)printf("; silence is settled within %s\n",
                 text_print_duration(time, sizeof time, p->settle_deadline_ns));
    for (uint32_t i = 0; i < p->variant_count; i++)
        (void)printf("%s%s%s", i ? ", " : "  variants: ", p->variants[i],
                     i + 1 == p->variant_count ? "\n" : "");
}

static int check_profile(struct arena *a, const struct profile_request *rq, bool print)
{
    struct err e = {0};
    struct plan plan;
    struct buf text;
    const struct profile *p = profile_load(a, rq, &e);

    if (!p || !plan_make(&plan, a, p, 1, &e))
        return cmd_fail(&e);
    buf_init(&text, 16u << 20);
    bool ok = print ? profile_print(p, &text) : profile_lint(p, &text);

    (void)fputs(buf_text(&text), stdout);
    buf_fini(&text);
    if (!print)
        print_estimate(&plan);
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
    struct arena *a = arena_create(1ull << 30);
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
