/* run_log.c - in words, what failed on the way: log.txt in the run's folder, one line each, and the same for the terminal.
 *
 * Written line by line as it happens, so that a killed run has it too. Bounded: what fails a thousand times says so a
 * hundred times. What others said is made fit to show. The journal decides; this only explains.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "app/run_private.h"
#include "base/text.h"

#define LINES_MAX  100
#define LINE_BYTES 600

void run_log(struct run *r, const char *format, ...)
{
    char said[LINE_BYTES], line[LINE_BYTES];
    const char *path;
    va_list args;

    if (r->log_lines++ >= LINES_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(said, sizeof said, format, args);
    va_end(args);
    (void)text_clean(line, sizeof line, slice_of(said));
    (void)buf_add_format(&r->log, "%s\n", line);
    path = arena_format(r->arena, "%s/log.txt", r->dir);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd < 0)
        return; /* the folder's disk is full: the journal will say so */
    (void)dprintf(fd, "%s\n", line);
    (void)close(fd);
}

static const char *or_nothing(const char *words)
{
    return *words ? words : "no word why";
}

void run_log_move(struct run *r, uint32_t move, enum move_mark mark)
{
    const struct move_plan *p = &r->plan.work->moves[move];
    const char *box = r->profile->site.mailboxes[p->mailbox].name;

    if (mark == MARK_FAILED)
        run_log(r, "move %u of %s failed: %s", move, box, or_nothing(moves_error(r->moves, move)));
    if (mark == MARK_DISPROVED)
        run_log(r, "move %u of %s: look-up and log-on do not agree with what the mover said", move,
                box);
}

static void log_probe(void *owner, uint32_t mailbox, uint32_t server, uint64_t failures,
                      const char *why)
{
    struct run *r = owner;
    const struct site *s = &r->profile->site;
    const struct server *v = &s->servers[server];
    char whose[200];

    if (mailbox != SITE_NONE)
        (void)snprintf(whose, sizeof whose, "mailbox %s on %s", s->mailboxes[mailbox].name,
                       v->name);
    else
        (void)snprintf(whose, sizeof whose, "%s %s", v->ours ? "callers of" : "queues on", v->name);
    run_log(r, "%s: failed %llu times, the last time: %s", whose, (unsigned long long)failures,
            or_nothing(why));
}

void run_log_end(struct run *r)
{
    if (!r->moves || !r->muster)
        return;
    for (uint32_t i = 0; i < r->profile->action_count; i++)
        if (*moves_action_error(r->moves, i))
            run_log(r, "action %s failed: %s", r->profile->actions[i].name,
                    moves_action_error(r->moves, i));
    muster_failures(r->muster, log_probe, r);
}
