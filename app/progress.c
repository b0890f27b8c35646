/* progress.c - one line while runs go on. */
#include "app/progress.h"

#include "base/clock.h"
#include "base/text.h"

static const char *const phase_names[] = {"arm", "load", "drain", "settle", "judge", "end"};

static bool one_run(const struct job *j, struct buf *out)
{
    const struct run_status *s = &j->status;
    char time[32];
    uint64_t target = s->target_ns / NS_PER_S * NS_PER_S;

    return buf_add_format(out, "%s%s%s %s %s: %llu/%llu sent, %llu seen, %llu reports",
                          j->profile->name, *j->variant ? " " : "", j->variant,
                          phase_names[s->phase], text_print_duration(time, sizeof time, target),
                          (unsigned long long)s->counts.attempted, (unsigned long long)s->planned,
                          (unsigned long long)s->counts.seen,
                          (unsigned long long)s->counts.reports) &&
           (s->moves == 0 || buf_add_format(out, ", moves %u/%u", s->moves_ended, s->moves)) &&
           (!s->waiting_for[0] || buf_add_format(out, ", waits for %s", s->waiting_for));
}

bool progress_line(const struct campaign *c, unsigned columns, struct buf *out)
{
    uint32_t running = 0, ended = 0;
    const struct job *first = NULL;
    bool ok = true;

    for (uint32_t i = 0; i < c->count; i++) {
        ended += c->jobs[i].ended;
        if (!c->jobs[i].thread)
            continue;
        running++;
        first = first ? first : &c->jobs[i];
    }
    if (c->count > 1)
        ok = buf_add_format(out, "[%u/%u runs ended, %u under way] ", ended, c->count, running);
    if (ok && first)
        ok = one_run(first, out);
    if (out->n > columns)
        out->n = columns;
    return ok;
}

bool progress_phase(struct job *j, struct buf *out)
{
    if (!j->has_status || (j->told && j->told_phase == j->status.phase))
        return false;
    j->told = true;
    j->told_phase = j->status.phase;
    return one_run(j, out);
}
