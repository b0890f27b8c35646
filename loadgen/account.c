/* account.c - the journal of a sender's thread, its group commit, and the counts of its connections. */
#include "loadgen/account.h"

#include <stdlib.h>

#define FLUSH_NS (100 * NS_PER_MS)
/* Of a load all is fixed but whether a session was resumed, what the server announced, and what its trial said. */
#define KINDS_PER_LOAD 32u

static void note_sessions(struct account *a)
{
    a->sessions_changed = false;
    for (uint32_t i = 0; i < a->kinds; i++) {
        struct session_count *s = &a->sessions[i];

        if (s->told == s->count)
            continue;
        s->told = s->count;
        account_note(a, &(struct event){.t_ns = account_now(a),
                                        .slot = a->thread,
                                        .kind = EV_SESSIONS,
                                        .place = s->server,
                                        .code = s->code,
                                        .a = s->load,
                                        .b = s->count});
    }
}

static void on_flush(struct timer *t)
{
    (void)account_commit(t->owner);
}

static void flush_soon(struct account *a)
{
    if (!timer_is_armed(&a->flush))
        timer_arm(a->loop, &a->flush, loop_now(a->loop) + FLUSH_NS);
}

bool account_init(struct account *a, struct loop *l, const struct run_clock *clock,
                  struct journal *journal, uint32_t thread, uint32_t loads)
{
    *a = (struct account){.loop = l, .clock = clock, .journal = journal, .thread = thread};
    timer_init(&a->flush, on_flush, a);
    a->room = KINDS_PER_LOAD * loads;
    a->sessions = calloc(a->room + 1u, sizeof *a->sessions);
    return a->sessions;
}

void account_fini(struct account *a)
{
    if (a->loop)
        timer_disarm(a->loop, &a->flush);
    free(a->sessions);
    a->sessions = NULL;
}

uint64_t account_now(const struct account *a)
{
    return clock_target(a->clock, loop_now(a->loop));
}

void account_note(struct account *a, const struct event *ev)
{
    if (a->over || !a->journal)
        return;
    a->over = !journal_add(a->journal, ev);
    flush_soon(a);
}

bool account_commit(struct account *a)
{
    if (a->sessions_changed)
        note_sessions(a);
    if (a->journal && !a->over)
        a->over = !journal_flush(a->journal);
    return !a->over;
}

void account_session(struct account *a, uint32_t load, uint16_t server, uint32_t code)
{
    uint32_t i = 0;

    while (i < a->kinds && (a->sessions[i].load != load || a->sessions[i].code != code))
        i++;
    PM_ASSERT(i < a->room);
    if (i == a->kinds)
        a->sessions[a->kinds++] =
            (struct session_count){.load = load, .code = code, .server = server};
    a->sessions[i].count++;
    a->sessions_changed = true;
    if (!a->over && a->journal)
        flush_soon(a);
}

void account_close(struct account *a)
{
    (void)account_commit(a);
    timer_disarm(a->loop, &a->flush);
    a->over = true;
}
