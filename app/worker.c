/* worker.c - a sender's thread: its loop, its journal, its senders, and its line to the desk. */
#include "app/worker.h"

#include <stdlib.h>
#include <string.h>

#include "app/book.h"
#include "app/post.h"
#include "base/thread.h"

#define FLUSH_NS (100 * NS_PER_MS)

enum order {
    ORDER_ARM,
    ORDER_START,
    ORDER_MARK,
    ORDER_AIMS,
    ORDER_MOVES_OVER,
    ORDER_CANARY,
    ORDER_STOP,
    ORDER_END
};

struct worker {
    struct worker_config c;
    struct loop *loop; /* its own, or the desk's */
    struct thread *thread;
    struct run_clock clock;
    struct journal *journal;
    struct sender *sender;
    struct timer flush;
    struct post_end orders, news;
    struct err error;
    /* the desk's side */
    uint64_t ordered; /* orders given */
    uint64_t idle_at; /* orders that the worker had carried out when it last said idle */
    bool idle, end_given, end_said, dead;
    /* the worker's side */
    uint64_t carried_out;
    bool ended;
};

static void tell(struct worker *w, enum worker_news what)
{
    struct post p = {.kind = what, .b = w->carried_out};

    while (!post_send(&w->news, &p)) /* the desk reads at every wakeup: a full line empties soon */
        loop_wake(w->c.desk);
}

static void broke(struct worker *w, const struct err *e)
{
    if (w->error.code)
        return;
    w->error = *e;
    tell(w, NEWS_BROKEN);
}

static bool flush(struct worker *w)
{
    if (!w->journal || journal_flush(w->journal))
        return true;
    broke(w, journal_error(w->journal));
    return false;
}

static void on_flush(struct timer *t)
{
    struct worker *w = t->owner;

    if (flush(w) && !w->ended)
        timer_arm(w->loop, t, loop_now(w->loop) + FLUSH_NS);
}

static void on_idle(void *owner)
{
    struct worker *w = owner;

    if (!w->ended && flush(w))
        tell(w, NEWS_IDLE);
}

static void on_braked(void *owner)
{
    tell(owner, NEWS_BRAKED);
}

static void on_ready(void *owner, const struct err *e)
{
    struct worker *w = owner;

    if (e)
        broke(w, e);
    else
        tell(w, NEWS_ARMED);
}

/* The answer to the peer follows when the desk has it in hand. */
static void on_heard(void *owner, struct slice apdu, uint32_t server)
{
    struct worker *w = owner;
    unsigned char *copy = malloc(apdu.n + 1);
    struct post p = {.kind = NEWS_HEARD, .a = (uint32_t)apdu.n, .b = (uintptr_t)copy, .c = server};

    if (!copy) {
        struct err e;

        (void)err_set(&e, EX_IO, "out of memory for what an MTA said");
        broke(w, &e);
        return;
    }
    memcpy(copy, apdu.p, apdu.n);
    while (!post_send(&w->news, &p))
        loop_wake(w->c.desk);
}

static void heard(struct worker *w, const struct post *p)
{
    unsigned char *copy =
        (unsigned char *)(uintptr_t)p->b; // NOLINT(performance-no-int-to-ptr): posted as a number

    if (w->c.heard)
        w->c.heard(w->c.owner, slice_from(copy, p->a));
    free(copy);
}

static void end(struct worker *w)
{
    struct err e = {0};

    timer_disarm(w->loop, &w->flush);
    w->ended = true;
    sender_stop(w->sender, STOP_NOW);
    bool ok = journal_close(w->journal, &e);
    w->journal = NULL;
    if (!ok)
        broke(w, &e);
    tell(w, NEWS_ENDED); /* also then: the desk waits for it */
    if (w->c.threaded)
        loop_stop(w->loop);
}

static const int64_t *aims_of(const struct post *p)
{
    uintptr_t at = p->c;

    return (const int64_t *)at; // NOLINT(performance-no-int-to-ptr): posted as a number
}

static void carry_out(struct worker *w, const struct post *p)
{
    switch ((enum order)p->kind) {
    case ORDER_ARM:
        sender_arm(w->sender, on_ready);
        break;
    case ORDER_START:
        w->clock.origin_ns = p->b;
        w->clock.wall_ns = p->c;
        sender_start(w->sender);
        break;
    case ORDER_MARK:
        sender_mark(w->sender, p->a, (enum move_mark)p->b, p->c);
        break;
    case ORDER_AIMS:
        sender_aims(w->sender, p->a, (uint32_t)p->b, aims_of(p));
        break;
    case ORDER_MOVES_OVER:
        sender_moves_over(w->sender);
        break;
    case ORDER_CANARY:
        sender_canary(w->sender, p->b);
        break;
    case ORDER_STOP:
        sender_stop(w->sender, (enum sender_stop)p->a);
        break;
    case ORDER_END:
        end(w);
        break;
    }
}

static void on_order(void *owner, const struct post *p)
{
    struct worker *w = owner;

    w->carried_out++;
    if (w->ended)
        return;
    carry_out(w, p);
    if (!w->ended && p->kind != ORDER_ARM && sender_is_idle(w->sender))
        on_idle(w);
}

static void on_news(void *owner, const struct post *p)
{
    struct worker *w = owner;

    if (p->kind == NEWS_HEARD) {
        heard(w, p);
        return;
    }
    if (p->kind == NEWS_IDLE) {
        w->idle = true;
        w->idle_at = p->b;
    }
    w->end_said |= p->kind == NEWS_ENDED;
    w->c.news(w->c.owner, w, (enum worker_news)p->kind);
}

/* There is somebody who will read orders. */
static bool is_there(const struct worker *w)
{
    return !w->c.threaded || (w->thread && !thread_is_over(w->thread));
}

static void give(struct worker *w, enum order what, uint32_t a, uint64_t b, uint64_t c)
{
    struct post p = {.kind = what, .a = a, .b = b, .c = c};

    if (w->dead)
        return;
    w->ordered++;
    while (!post_send(&w->orders, &p) && is_there(w))
        loop_wake(w->loop);
}

static void thread_main(void *owner)
{
    struct worker *w = owner;

    loop_run(w->loop);
}

static bool open_sender(struct worker *w, struct err *e)
{
    const struct worker_config *c = &w->c;

    w->journal = journal_create(c->journal_dir, c->index + 1, c->run_id, c->sink, e);
    if (!w->journal || (c->sync && !book_sync(c->sink, w->journal, e)))
        return false;
    struct sender_context context = {.loop = w->loop,
                                     .clock = &w->clock,
                                     .work = c->work,
                                     .journal = w->journal,
                                     .key = c->key,
                                     .corpus = c->corpus,
                                     .tls = c->tls,
                                     .thread = c->index,
                                     .threads = c->count,
                                     .heard = c->heard ? on_heard : NULL,
                                     .idle = on_idle,
                                     .braked = on_braked,
                                     .owner = w};
    w->sender = sender_create(&context, e);
    return w->sender != NULL;
}

struct worker *worker_create(const struct worker_config *c, struct err *e)
{
    struct worker *w = calloc(1, sizeof *w);

    if (!w) {
        (void)err_set(e, EX_IO, "out of memory for a sender's thread");
        return NULL;
    }
    w->c = *c;
    w->clock = (struct run_clock){.origin_ns = NEVER_NS, .scale = c->work->profile->lab.time_scale};
    timer_init(&w->flush, on_flush, w);
    w->loop = c->threaded ? loop_epoll_create(e) : c->desk;
    if (!w->loop || !post_open(&w->orders, w->loop, on_order, w, e) ||
        !post_open(&w->news, c->desk, on_news, w, e) || !open_sender(w, e)) {
        worker_destroy(w);
        return NULL;
    }
    return w;
}

bool worker_begin(struct worker *w, struct err *e)
{
    timer_arm(w->loop, &w->flush, loop_now(w->loop) + FLUSH_NS);
    if (w->c.threaded) {
        char name[16] = "sender-00";

        name[7] = (char)('0' + w->c.index / 10 % 10);
        name[8] = (char)('0' + w->c.index % 10);
        w->thread = thread_start(name, thread_main, w, e);
        if (!w->thread)
            return false;
    }
    give(w, ORDER_ARM, 0, 0, 0);
    return true;
}

void worker_start(struct worker *w, const struct run_clock *clock)
{
    give(w, ORDER_START, 0, clock->origin_ns, clock->wall_ns);
}

void worker_mark(struct worker *w, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    give(w, ORDER_MARK, move, mark, t_ns);
}

void worker_aims(struct worker *w, uint32_t load, uint32_t move, const int64_t *aims_ns)
{
    give(w, ORDER_AIMS, load, move, (uintptr_t)aims_ns);
}

void worker_moves_over(struct worker *w)
{
    give(w, ORDER_MOVES_OVER, 0, 0, 0);
}

void worker_canary(struct worker *w, uint64_t number)
{
    give(w, ORDER_CANARY, 0, number, 0);
}

void worker_stop(struct worker *w, enum sender_stop how)
{
    give(w, ORDER_STOP, how, 0, 0);
}

bool worker_end(struct worker *w)
{
    w->end_given = true;
    give(w, ORDER_END, 0, 0, 0);
    return !w->c.threaded || w->thread;
}

bool worker_is_idle(const struct worker *w)
{
    return w->idle && w->idle_at == w->ordered;
}

const struct err *worker_error(const struct worker *w)
{
    return &w->error;
}

bool worker_died(struct worker *w)
{
    if (w->dead || !w->thread || !thread_is_over(w->thread))
        return false;
    for (struct post p; post_next(&w->news, &p);)
        on_news(w, &p);
    w->dead = !w->end_said;
    return w->dead;
}

void worker_destroy(struct worker *w)
{
    if (!w)
        return;
    if (w->thread) {
        if (!w->end_given)
            worker_end(w);
        thread_join(w->thread);
    }
    if (w->loop)
        timer_disarm(w->loop, &w->flush);
    sender_destroy(w->sender);
    (void)journal_close(w->journal, NULL);
    post_close(&w->orders);
    w->c.heard = NULL; /* what the desk has not taken by now is forgotten */
    for (struct post p; post_next(&w->news, &p);)
        if (p.kind == NEWS_HEARD)
            heard(w, &p);
    post_close(&w->news);
    if (w->c.threaded)
        loop_destroy(w->loop);
    free(w);
}
