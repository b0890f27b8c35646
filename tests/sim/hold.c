/* hold.c - one walk, and what is asked of it. */
#include "tests/sim/hold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include "app/run_private.h"
#include "base/clock.h"
#include "tests/sim/case.h"
#include "tests/sim/fold_again.h"
#include "tests/sim/killed.h"
#include "tests/sim/sim_run.h"
#include "tests/support/scratch.h"

#define DIR_ROOM 320

struct walk {
    struct sim_run s;
    struct sim_order order;
    struct meddle meddle;
    struct killer killer;
    struct timer timer;
    const struct sim_case *c;
    unsigned told;
};

static const char *profile_path(const char *dir, const char *text)
{
    return scratch_file(dir, "drawn.yaml", text);
}

static uint64_t told_at(const struct walk *w, unsigned times)
{
    uint64_t ms = times == 0 ? w->c->interrupt_ms : times == 1 ? w->c->again_ms : 0;

    return ms ? NS_PER_S + ms * NS_PER_MS : 0;
}

static void on_time(struct timer *t)
{
    struct walk *w = t->owner;

    if (run_has_ended(w->s.run))
        return;
    run_interrupt(w->s.run, ++w->told);
    if (w->told > 1) /* what was proven by then stays so */
        w->order.view = w->s.run->phase >= PHASE_SETTLE ? TRUTH_HASTY : TRUTH_KILLED;
    if (told_at(w, w->told))
        timer_arm(w->s.loop, t, told_at(w, w->told));
}

static void on_armed(void *owner, const struct profile *p)
{
    struct walk *w = owner;

    meddle_site(&w->meddle, p);
    timer_init(&w->timer, on_time, w);
    if (told_at(w, 0))
        timer_arm(w->s.loop, &w->timer, told_at(w, 0));
}

static bool walk(struct walk *w, const struct sim_case *c, const char *profile, const char *folder)
{
    w->order = (struct sim_order){.profile = {.path = profile},
                                  .dir = folder,
                                  .view = (enum truth_view)c->view,
                                  .wall_ns = c->wall_s * NS_PER_S,
                                  .dies_ns = c->dies_ms * NS_PER_MS,
                                  .down_ns = c->down_ms * NS_PER_MS,
                                  .armed = on_armed,
                                  .owner = w,
                                  .net = {.seed = c->seed + 1,
                                          .start_ns = NS_PER_S,
                                          .latency_min_ns = c->latency_min_us * NS_PER_US,
                                          .latency_max_ns = c->latency_max_us * NS_PER_US,
                                          .split_per_mille = (uint32_t)c->split_per_mille,
                                          .window = c->window,
                                          .stall_per_mille = (uint32_t)c->stall_per_mille,
                                          .stall_ns = c->stall_ms * NS_PER_MS,
                                          .meddler = &w->meddle.meddler}};

    if (w->order.net.latency_max_ns < w->order.net.latency_min_ns)
        w->order.net.latency_max_ns = w->order.net.latency_min_ns;
    w->c = c;
    w->told = 0;
    meddle_init(&w->meddle, c->seed, (uint32_t)c->cut_mail_percent, (uint32_t)c->cut_imap_percent);
    killer_init(&w->killer, c->seed, &w->s, folder);
    w->meddle.watch = c->dies_ms ? NULL : killer_watch;
    w->meddle.watcher = &w->killer;
    return sim_walk(&w->s, &w->order);
}

/* Told to stop before there was anything to judge, or a server kept silent when it was greeted; or a run that died cannot be
 * resumed, for some server is out of order for good: no run, and no verdict. */
static bool never_began(const struct walk *w)
{
    int code = w->s.result.exit_code;

    return w->s.run && run_has_ended(w->s.run) && !w->s.result.judgement &&
           (w->s.died || w->s.run->clock.origin_ns == NEVER_NS) &&
           ((code == 130 && w->told > 0) ||
            (code == EX_TARGET && (w->s.died || w->c->stall_per_mille > 0)));
}

static void end_walk(struct walk *w)
{
    if (w->s.loop)
        timer_disarm(w->s.loop, &w->timer);
    sim_fini(&w->s);
}

/* ------------------------------------------------------------------------------------------------------- what is wrong */

/* "got X, want Y" is what stays when a case is cut down, numbers and names are not. */
static void sign(struct held *h)
{
    const char *got = strstr(h->wrong, "got "), *want = strstr(h->wrong, "killed at ");

    if (got)
        (void)snprintf(h->sign, sizeof h->sign, "%s: %.*s", h->rule, (int)strcspn(got, ";("), got);
    else if (want && strchr(want, ':'))
        (void)snprintf(h->sign, sizeof h->sign, "%s%.*s", h->rule,
                       (int)strcspn(strchr(want, ':'), ";"), strchr(want, ':'));
    else
        (void)snprintf(h->sign, sizeof h->sign, "%s: %.*s", h->rule,
                       (int)strcspn(h->wrong, "0123456789"), h->wrong);
}

static bool broken(struct held *h, const char *rule, const char *wrong)
{
    const char *about = strstr(wrong, "message ");

    (void)snprintf(h->rule, sizeof h->rule, "%s", rule);
    if (wrong != h->wrong)
        (void)snprintf(h->wrong, sizeof h->wrong, "%s", wrong);
    if (about)
        h->number = strtoull(about + strlen("message "), NULL, 10);
    sign(h);
    return false;
}

static void count(struct held *h, const struct walk *w)
{
    h->copies = w->s.score.copies;
    h->steps = w->s.steps;
    h->cuts = w->meddle.cuts;
    h->died = w->s.died;
    h->resumed = w->s.resumed > 0 && w->s.result.judgement;
    for (unsigned i = 0; i < KILLS; i++)
        h->kills += w->killer.kill[i].taken;
    memcpy(h->classes, w->s.score.classes, sizeof h->classes);
    memcpy(h->ends, w->meddle.ends, sizeof h->ends);
}

static bool is_same_again(const struct sim_case *c, const char *profile, const char *dir,
                          struct held *h)
{
    static struct walk second;
    char folder[DIR_ROOM], other[DIR_ROOM];

    h->twice++;
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    (void)snprintf(other, sizeof other, "%s/second", dir);
    bool ok = walk(&second, c, profile, other);

    if (!ok)
        (void)broken(h, "twice", second.s.wrong);
    else if (!sim_same_bytes(folder, other, h->wrong, sizeof h->wrong))
        ok = broken(h, "twice", h->wrong);
    end_walk(&second);
    return ok;
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

bool hold_case(const char *text, const char *name, struct held *h)
{
    static struct walk w;
    struct sim_case c;
    char dir[DIR_ROOM - 20], folder[DIR_ROOM], killed[DIR_ROOM], profile[DIR_ROOM];
    double before_s = cpu_s();

    *h = (struct held){.number = NEVER_NS};
    case_read(&c, text);
    (void)snprintf(dir, sizeof dir, "%s", scratch_dir(name));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    (void)snprintf(killed, sizeof killed, "%s/killed", dir);
    (void)snprintf(profile, sizeof profile, "%s", profile_path(dir, text));
    bool ok = walk(&w, &c, profile, folder), no_run = !ok && never_began(&w);

    ok = ok || no_run || broken(h, w.s.rule, w.s.wrong);
    count(h, &w);
    if (no_run) {
        h->not_begun = 1;
        end_walk(&w);
        return true;
    }
    if (ok && fold_differs(&w.s, c.seed, h->wrong, sizeof h->wrong))
        ok = broken(h, "merge", h->wrong);
    if (ok && killed_differs(&w.killer, killed, h->wrong, sizeof h->wrong))
        ok = broken(h, "killed", h->wrong);
    end_walk(&w);
    ok = ok && (!c.twice || is_same_again(&c, profile, dir, h));
    h->cpu_s = cpu_s() - before_s;
    return ok;
}
