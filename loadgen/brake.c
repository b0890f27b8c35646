/* brake.c - stops a thread's senders when the target turns mail away. */
#include "loadgen/brake.h"

bool brake_is_busy(uint32_t code)
{
    return event_code_reply(code) == 421 || ((code >> 10 & 7u) == 4 && (code >> 13 & 511u) == 7);
}

static uint32_t share(uint64_t part, uint64_t all)
{
    return (uint32_t)((part > all ? all : part) * 1000 / all);
}

struct brake_word brake_look(const struct brake_count *from, const struct brake_count *to)
{
    uint64_t sent = to->sent - from->sent, connects = to->connects - from->connects;
    struct brake_word busy = {.why = BRAKE_BUSY_REPLIES}, refused = {.why = BRAKE_REFUSED_CONNECTS};

    if (sent >= BRAKE_REPLIES)
        busy.per_mille = share(to->busy - from->busy, sent);
    if (connects >= BRAKE_CONNECTS)
        refused.per_mille = share(to->failed - from->failed, connects);
    if (busy.per_mille > BRAKE_BUSY)
        return busy;
    if (refused.per_mille > BRAKE_REFUSED)
        return refused;
    return (struct brake_word){.why = BRAKE_NOT};
}

static void count(struct brake *b)
{
    const struct sender_health *h = b->health;

    b->at[b->seconds % (BRAKE_SECONDS + 1)] = (struct brake_count){
        .sent = h->sent, .busy = h->busy, .connects = h->connects, .failed = h->connect_failures};
}

static void on_second(struct timer *t)
{
    struct brake *b = t->owner;

    b->seconds++;
    count(b);
    uint32_t from = b->seconds > BRAKE_SECONDS ? b->seconds - BRAKE_SECONDS : 0;
    struct brake_word w =
        brake_look(&b->at[from % (BRAKE_SECONDS + 1)], &b->at[b->seconds % (BRAKE_SECONDS + 1)]);

    if (w.why == BRAKE_NOT)
        timer_arm(b->loop, t, loop_now(b->loop) + NS_PER_S);
    else
        b->pull(b->owner, w);
}

void brake_begin(struct brake *b, struct loop *l, const struct sender_health *health,
                 void (*pull)(void *owner, struct brake_word w), void *owner)
{
    *b = (struct brake){.loop = l, .health = health, .pull = pull, .owner = owner};
    timer_init(&b->timer, on_second, b);
    count(b);
    timer_arm(l, &b->timer, loop_now(l) + NS_PER_S);
}

void brake_end(struct brake *b)
{
    if (b->loop)
        timer_disarm(b->loop, &b->timer);
}
