/* sink_shared.c - a few numbers behind a lock.
 *
 * The grey list is a table of sets of four places, chosen by a hash of the pair; a new pair takes the place of the oldest. A
 * pair is known by 64 bits of that hash.
 */
#include "app/sink_shared.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

#define SETS 16384u
#define WAYS 4u

struct pair {
    uint64_t key; /* 0: free */
    uint64_t first_ns;
};

struct sink_shared {
    bool many, over, filled;
    pthread_mutex_t lock;
    uint64_t callers, messages, filled_ns;
    double tokens;
    struct pair (*grey)[WAYS]; /* NULL: not needed yet */
    struct loop *loops[SINK_THREADS_MAX];
    uint32_t joined;
};

struct sink_shared *sink_shared_create(uint32_t threads)
{
    struct sink_shared *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->many = threads > 1;
    if (pthread_mutex_init(&s->lock, NULL) == 0)
        return s;
    free(s);
    return NULL;
}

void sink_shared_destroy(struct sink_shared *s)
{
    if (!s)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s->grey);
    free(s);
}

static void enter(struct sink_shared *s)
{
    if (s->many)
        PM_ASSERT(pthread_mutex_lock(&s->lock) == 0);
}

static void leave(struct sink_shared *s)
{
    if (s->many)
        PM_ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

void sink_shared_join(struct sink_shared *s, struct loop *l)
{
    PM_ASSERT(s->joined < SINK_THREADS_MAX);
    s->loops[s->joined++] = l;
}

uint64_t sink_shared_caller(struct sink_shared *s)
{
    enter(s);
    uint64_t number = ++s->callers;
    leave(s);
    return number;
}

enum sink_ticket sink_shared_message(struct sink_shared *s, uint64_t count)
{
    enter(s);
    uint64_t n = s->messages;

    s->messages += n < count;
    leave(s);
    if (n >= count)
        return SINK_TICKET_NONE;
    return n + 1 == count ? SINK_TICKET_LAST : SINK_TICKET;
}

bool sink_shared_in_rate(struct sink_shared *s, double per_second, uint64_t now_ns)
{
    double most = per_second > 1 ? per_second : 1;

    enter(s);
    if (!s->filled)
        s->tokens = most;
    else if (now_ns > s->filled_ns)
        s->tokens += (double)(now_ns - s->filled_ns) * per_second / (double)NS_PER_S;
    if (!s->filled || now_ns > s->filled_ns)
        s->filled_ns = now_ns;
    s->filled = true;
    if (s->tokens > most)
        s->tokens = most;
    bool ok = s->tokens >= 1;

    s->tokens -= ok;
    leave(s);
    return ok;
}

static uint64_t key_of(struct slice from, struct slice to)
{
    const uint64_t halves[2] = {hash_fast(from.p, from.n), hash_fast(to.p, to.n)};
    uint64_t key = hash_fast(halves, sizeof halves);

    return key ? key : 1;
}

static bool is_known(struct sink_shared *s, uint64_t key, uint64_t wait_ns, uint64_t now_ns)
{
    struct pair *set = s->grey[key % SETS], *oldest = set;

    for (uint32_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return now_ns >= set[i].first_ns + wait_ns;
        if (!set[i].key || (oldest->key && set[i].first_ns < oldest->first_ns))
            oldest = &set[i];
    }
    *oldest = (struct pair){.key = key, .first_ns = now_ns};
    return false;
}

bool sink_shared_known(struct sink_shared *s, struct slice from, struct slice to, uint64_t wait_ns,
                       uint64_t now_ns)
{
    uint64_t key = key_of(from, to);

    enter(s);
    if (!s->grey)
        s->grey = calloc(SETS, sizeof *s->grey);
    bool known = s->grey && is_known(s, key, wait_ns, now_ns); /* no memory: all are new */

    leave(s);
    return known;
}

void sink_shared_end(struct sink_shared *s)
{
    enter(s);
    bool news = !s->over;

    s->over = true;
    leave(s);
    for (uint32_t i = 0; news && i < s->joined; i++)
        loop_wake(s->loops[i]);
}

bool sink_shared_is_over(struct sink_shared *s)
{
    enter(s);
    bool over = s->over;

    leave(s);
    return over;
}
