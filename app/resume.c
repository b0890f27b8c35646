/* resume.c - what a run that died left, and what is still to be found out about it. */
#include "app/resume.h"

#include <string.h>

#include "app/run_private.h"
#include "base/clock.h"
#include "results/folder.h"
#include "results/history.h"

bool resume_profile(struct arena *a, const char *run_dir, const char *profile, const char **path,
                    const char **variant, struct err *e)
{
    const char *file = arena_format(a, "%s/manifest.json", run_dir);
    const struct manifest *m = file ? manifest_read(a, file, e) : NULL;

    if (!file)
        return err_set(e, EX_IO, "out of memory");
    if (!m)
        return err_wrap(e, "%s: cannot be resumed", run_dir);
    *path = profile ? profile : arena_format(a, "%s/profile.yaml", run_dir);
    *variant = profile ? m->variant : "";
    return *path || err_set(e, EX_IO, "out of memory");
}

bool resume_read(struct run *r, struct err *e)
{
    struct resume *s = &r->resume;
    const char *dir = r->options.resume;

    s->on = true;
    if (r->profile->lab.on && !r->options.world.lab)
        return err_set(e, EX_TARGET,
                       "%s: its lab was a part of it and ended with it: there is nothing left to "
                       "look at; judge says what is known",
                       dir);
    r->folder = folder_reopen(dir, e);
    if (!r->folder)
        return false;
    r->dir = folder_path(r->folder);
    r->journal_dir = arena_format(r->arena, "%s/journal", r->dir);
    s->manifest = manifest_read(r->arena, arena_format(r->arena, "%s/manifest.json", dir), e);
    r->sends_stopped = r->sends_cut = true;
    return s->manifest != NULL;
}

bool resume_check(struct run *r, struct err *e)
{
    const struct manifest *was = r->resume.manifest, *now = &r->plan.manifest;

    if (strcmp(was->name, now->name) != 0 || was->seed != now->seed || was->stride != now->stride ||
        was->planned_messages != now->planned_messages || was->canaries != now->canaries ||
        was->server_count != now->server_count || was->mailbox_count != now->mailbox_count ||
        was->move_count != now->move_count || was->time_scale != now->time_scale ||
        memcmp(&was->prints, &now->prints, sizeof was->prints) != 0)
        return err_set(e, EX_BAD_PROFILE, "%s: plans another run than the one in %s",
                       r->profile->path, r->dir);
    r->plan.manifest = *was;
    return true;
}

/* What is on record, as the ledger learns it. */
static void fold(void *owner, const struct event *events, uint32_t count)
{
    struct run *r = owner;
    struct resume *s = &r->resume;

    book_fold(r->book, events, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct event *ev = &events[i];
        uint32_t epoch = 0, wave = 0;

        if (ev->kind == EV_SEEN || ev->kind == EV_GONE || ev->kind == EV_SCAN)
            epoch = ev->b;
        else if (ev->kind == EV_UNWATCHED)
            epoch = ev->a;
        else if (ev->kind == EV_WAVE || ev->kind == EV_QUEUED)
            wave = ev->b;
        else if (ev->kind == EV_PHASE && ev->code == PHASE_END)
            s->sealed = true;
        s->epochs = epoch > s->epochs ? epoch : s->epochs;
        s->waves = wave > s->waves ? wave : s->waves;
        s->newest_ns = ev->t_ns > s->newest_ns ? ev->t_ns : s->newest_ns;
    }
}

/* Target time goes on by the wall clock, and never back. */
static bool set_clock(struct run *r, struct err *e)
{
    const struct manifest *m = r->resume.manifest;
    uint64_t now = run_wall_now(r), ns;

    if (now <= m->wall_start_ns ||
        __builtin_mul_overflow(now - m->wall_start_ns, (uint64_t)m->time_scale, &ns) ||
        ns < r->resume.newest_ns)
        ns = r->resume.newest_ns;
    r->clock.origin_ns = loop_now(r->loop);
    r->clock.wall_ns = m->wall_start_ns;
    r->clock.ahead_ns = ns;
    return ledger_reaches(ns) ||
           err_set(
               e, EX_BAD_USAGE,
               "%s: the run began more than 76 hours of the target's time ago: its account does "
               "not reach that far",
               r->dir);
}

static bool find_unverified_moves(struct run *r, struct err *e)
{
    struct resume *s = &r->resume;

    s->open = arena_new(r->arena, uint32_t, s->manifest->move_count + 1ul);
    for (uint32_t i = 0; s->open && i < s->manifest->move_count; i++)
        if (history_move_is_unverified(s->history, i))
            s->open[s->open_count++] = i;
    return s->open || err_set(e, EX_IO, "out of memory for the run");
}

bool resume_records(struct run *r, struct err *e)
{
    const struct manifest *m = &r->plan.manifest;

    r->book = book_create(m, !r->options.world.shared, e);
    if (!r->book || !journal_mend(r->journal_dir, m->run_id, fold, r, &r->resume.cut, e))
        return false;
    if (r->resume.sealed)
        return err_set(e, EX_BAD_USAGE,
                       "%s: the run came to its end and was judged: there is nothing to resume; "
                       "report shows it again",
                       r->dir);
    struct journal_sink *sink = book_writer(r->book, e);

    if (!sink || !set_clock(r, e))
        return false;
    r->resume.history = history_create(book_ledger(r->book), e);
    if (!r->resume.history || !find_unverified_moves(r, e))
        return false;
    r->journal = journal_reopen(r->journal_dir, 0, m->run_id, sink, e);
    return r->journal && (r->options.world.no_sync || book_sync(sink, r->journal, e));
}

static void tell_gap(struct run *r)
{
    const struct resume *s = &r->resume;
    uint64_t gap_ns = r->clock.ahead_ns - s->newest_ns;
    uint64_t ms = clock_span(&r->clock, gap_ns) / NS_PER_MS;

    run_record(r, &(struct event){.t_ns = r->clock.ahead_ns,
                                  .slot = gap_ns,
                                  .kind = EV_UNWATCHED,
                                  .place = (uint16_t)(s->cut < UINT16_MAX ? s->cut : UINT16_MAX),
                                  .code = UNWATCHED_RESUMED,
                                  .a = s->epochs,
                                  .b = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX});
}

/* Wherever a mailbox has been, or was to go, a copy may lie. */
void resume_arm(struct run *r)
{
    struct history *h = r->resume.history;

    tell_gap(r);
    for (uint32_t box = 0; box < r->plan.manifest.mailbox_count; box++) {
        const uint32_t *servers;
        uint32_t n = history_servers(h, box, &servers);

        for (uint32_t i = 0; i < n; i++)
            muster_recall(r->muster, box, servers[i], servers[i] == history_home(h, box));
    }
    history_destroy(h);
    r->resume.history = NULL;
}

void resume_verify(struct run *r)
{
    for (uint32_t i = 0; i < r->resume.open_count; i++) {
        muster_move_begins(r->muster, r->resume.open[i]);
        r->resume.verifying++;
        muster_move_ended(r->muster, r->resume.open[i]);
    }
}

/* If all agree, it took place; if not, nobody knows what became of it since it was watched last. */
void resume_verified(struct run *r, uint32_t move, bool agrees)
{
    const struct move_plan *p = &r->plan.work->moves[move];

    if (r->resume.verifying)
        r->resume.verifying--;
    if (agrees)
        run_record(r, &(struct event){.t_ns = run_target_now(r),
                                      .slot = move,
                                      .kind = EV_MOVE,
                                      .place = (uint16_t)p->to,
                                      .code = MARK_VERIFIED,
                                      .a = p->mailbox,
                                      .b = p->from});
    else
        run_log(r,
                "move %u of %s was not verified when the run died, and is not where it was to go",
                move, r->profile->site.mailboxes[p->mailbox].name);
    run_nudge(r);
}
