/* loop.c - what both back ends share: the timer heap with a stable order, hooks, and the life of streams.
 *
 * A timer that is armed while timers fire waits for the next wakeup, even when it is due, so that no chain of timers can
 * starve the streams. Memory for the heap grows by doubling and is kept.
 */
#include "base/loop.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/loop_private.h"

void *loop_must(void *memory)
{
    PM_MEMORY(memory);
    return memory;
}

void loop_init(struct loop *l, const struct loop_ops *ops, uint64_t now_ns)
{
    *l = (struct loop){.ops = ops, .now_ns = now_ns};
}

void loop_destroy(struct loop *l)
{
    if (!l)
        return;
    while (l->open)
        l->open->close(l->open); /* newest first: a filter before the stream below it */
    loop_sweep(l);
    free(l->heap);
    l->ops->destroy(l);
}

void loop_run(struct loop *l)
{
    l->ops->run(l);
    l->stopping = false;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

uint64_t loop_now(const struct loop *l)
{
    return l->now_ns;
}

void loop_wake(struct loop *l)
{
    l->ops->wake(l);
}

bool loop_is_simulated(const struct loop *l)
{
    return l->ops->simulated;
}

/* Timers: a binary heap from 1 on; every slot carries its key, so that sifting does not touch the timers themselves. */

static bool slot_before(const struct loop_slot *a, const struct loop_slot *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct loop *l, uint32_t place, struct loop_slot slot)
{
    l->heap[place] = slot;
    slot.timer->heap_place = place;
}

/* Moves the slot from the free `place` up or down to where it belongs. */
static void heap_settle(struct loop *l, uint32_t place, struct loop_slot slot)
{
    while (place > 1 && slot_before(&slot, &l->heap[place / 2])) {
        heap_put(l, place, l->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        uint32_t child = place * 2;

        if (child > l->timers)
            break;
        if (child < l->timers && slot_before(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!slot_before(&l->heap[child], &slot))
            break;
        heap_put(l, place, l->heap[child]);
        place = child;
    }
    heap_put(l, place, slot);
}

static void heap_remove(struct loop *l, uint32_t place)
{
    struct loop_slot last = l->heap[l->timers];

    l->heap[place].timer->heap_place = 0;
    l->timers--;
    if (place <= l->timers)
        heap_settle(l, place, last);
}

static void heap_make_room(struct loop *l)
{
    if (l->timers + 1 < l->room)
        return;
    l->room = l->room ? l->room * 2 : 64;
    l->heap = loop_must(realloc(l->heap, l->room * sizeof *l->heap));
}

void timer_init(struct timer *t, void (*fire)(struct timer *t), void *owner)
{
    *t = (struct timer){.fire = fire, .owner = owner};
}

void timer_arm(struct loop *l, struct timer *t, uint64_t at_ns)
{
    if (at_ns == NEVER_NS) {
        timer_disarm(l, t);
        return;
    }
    t->at_ns = at_ns;
    t->order = ++l->order;
    if (!t->heap_place) {
        heap_make_room(l);
        t->heap_place = ++l->timers;
    }
    struct loop_slot slot = {at_ns > l->now_ns ? at_ns : l->now_ns, t->order, t};
    heap_settle(l, t->heap_place, slot);
}

void timer_disarm(struct loop *l, struct timer *t)
{
    if (t->heap_place)
        heap_remove(l, t->heap_place);
}

bool timer_is_armed(const struct timer *t)
{
    return t->heap_place != 0;
}

uint64_t loop_next_timer(const struct loop *l)
{
    return l->timers ? l->heap[1].at_ns : NEVER_NS;
}

uint64_t loop_fire_timers(struct loop *l)
{
    uint64_t newest = l->order, fired = 0;

    /* Armed since: later in the heap than all that were due, because their time is not before now. */
    while (l->timers && l->heap[1].at_ns <= l->now_ns && l->heap[1].order <= newest) {
        struct timer *t = l->heap[1].timer;

        heap_remove(l, 1);
        fired++;
        t->fire(t);
    }
    return fired;
}

/* Hooks: two short lists in order of registration. */

static void hook_add(struct hook **list, struct hook *h)
{
    while (*list && *list != h)
        list = &(*list)->next;
    if (*list)
        return;
    h->next = NULL;
    *list = h;
}

static bool hook_remove(struct hook **list, const struct hook *h)
{
    while (*list && *list != h)
        list = &(*list)->next;
    if (!*list)
        return false;
    *list = h->next;
    return true;
}

void loop_before_sleep(struct loop *l, struct hook *h)
{
    hook_add(&l->sleepers, h);
}

void loop_on_wake(struct loop *l, struct hook *h)
{
    hook_add(&l->wakers, h);
}

void loop_unhook(struct loop *l, struct hook *h)
{
    if (!hook_remove(&l->sleepers, h) && !hook_remove(&l->wakers, h))
        return;
    if (l->next_hook == h)
        l->next_hook = h->next;
}

static void hooks_run(struct loop *l, struct hook *first)
{
    for (struct hook *h = first; h; h = l->next_hook) {
        l->next_hook = h->next;
        h->run(h);
    }
    l->next_hook = NULL;
}

void loop_run_sleepers(struct loop *l)
{
    hooks_run(l, l->sleepers);
}

void loop_run_wakers(struct loop *l)
{
    hooks_run(l, l->wakers);
}

/* What is open, and what was closed in this wakeup. */

void loop_node_open(struct loop *l, struct loop_node *n)
{
    n->prev = NULL;
    n->next = l->open;
    if (l->open)
        l->open->prev = n;
    l->open = n;
}

void loop_node_bury(struct loop *l, struct loop_node *n)
{
    if (n->prev)
        n->prev->next = n->next;
    else
        l->open = n->next;
    if (n->next)
        n->next->prev = n->prev;
    n->next = l->closed;
    l->closed = n;
}

void loop_sweep(struct loop *l)
{
    while (l->closed) {
        struct loop_node *n = l->closed;

        l->closed = n->next;
        n->release(n);
    }
}

/* Streams and listeners. */

long stream_read(struct stream *s, void *p, size_t n)
{
    PM_ASSERT(n > 0);
    return s->ops->read(s, p, n);
}

long stream_write(struct stream *s, const void *p, size_t n)
{
    struct iovec iov = {.iov_base = (void *)p, .iov_len = n};

    return s->ops->write(s, &iov, 1);
}

long stream_writev(struct stream *s, const struct iovec *iov, int count)
{
    return s->ops->write(s, iov, count);
}

bool stream_send(struct stream *s, struct buf *out)
{
    while (out->n > 0) {
        long n = stream_write(s, out->p, out->n);

        if (n == STREAM_AGAIN)
            return true;
        if (n < 0)
            return false;
        buf_drop(out, (size_t)n);
    }
    return true;
}

void stream_pause(struct stream *s, bool paused)
{
    s->ops->pause(s, paused);
}

void stream_close(struct stream *s)
{
    if (s)
        s->ops->close(s);
}

const char *stream_error(const struct stream *s)
{
    return s->error ? s->error : "";
}

bool stream_owes(const struct stream *s)
{
    return s->ops->owes && s->ops->owes(s);
}

void stream_mute(struct stream *s)
{
    if (s->ops->mute)
        s->ops->mute(s);
}

static long closed_read(struct stream *s, void *p, size_t n)
{
    (void)s, (void)p, (void)n;
    PM_UNREACHABLE();
}

static long closed_write(struct stream *s, const struct iovec *iov, int count)
{
    (void)s, (void)iov, (void)count;
    PM_UNREACHABLE();
}

static void closed_pause(struct stream *s, bool paused)
{
    (void)s, (void)paused;
    PM_UNREACHABLE();
}

static void closed_close(struct stream *s)
{
    (void)s;
    PM_UNREACHABLE();
}

const struct stream_ops stream_closed_ops = {
    .read = closed_read,
    .write = closed_write,
    .pause = closed_pause,
    .close = closed_close,
};

struct stream *loop_connect(struct loop *l, const struct guard *g, const struct net_addr *to,
                            void (*ready)(struct stream *s, unsigned what), void *owner,
                            struct err *e)
{
    if (!guard_check(g, to, e))
        return NULL;
    struct stream *s = l->ops->connect(l, to, e);

    if (s) {
        s->ready = ready;
        s->owner = owner;
    }
    return s;
}

static struct listener *listen_at(struct loop *l, const struct net_addr *at, bool shared,
                                  void (*accept)(void *owner, struct stream *s), void *owner,
                                  struct err *e)
{
    struct listener *ls = l->ops->listen(l, at, shared, e);

    if (ls) {
        ls->accept = accept;
        ls->owner = owner;
    }
    return ls;
}

struct listener *loop_listen(struct loop *l, const struct net_addr *at,
                             void (*accept)(void *owner, struct stream *s), void *owner,
                             struct err *e)
{
    return listen_at(l, at, false, accept, owner, e);
}

struct listener *loop_listen_shared(struct loop *l, const struct net_addr *at,
                                    void (*accept)(void *owner, struct stream *s), void *owner,
                                    struct err *e)
{
    return listen_at(l, at, true, accept, owner, e);
}

struct net_addr listener_addr(const struct listener *ls)
{
    return ls->at;
}

void listener_close(struct listener *ls)
{
    if (ls)
        ls->close(ls);
}

bool loop_watch(struct loop *l, struct watch *w, unsigned what, struct err *e)
{
    return l->ops->watch(l, w, what, e);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
    l->ops->unwatch(l, w);
}
