/* sender_words.c - what a driver says besides the fates of messages, what it asks, and the brake's word. */
#include "loadgen/sender_private.h"

void sender_finding(struct sender_load *l, enum finding what, uint32_t a, uint32_t b)
{
    struct account *account = &owed_of(l)->sender->account;

    account_note(account, &(struct event){.t_ns = account_now(account),
                                          .kind = EV_FINDING,
                                          .place = (uint16_t)l->load->via,
                                          .code = what,
                                          .a = a,
                                          .b = b});
}

void sender_session(struct sender_load *l, uint32_t code)
{
    struct owed *o = owed_of(l);

    account_session(&o->sender->account, o->index, (uint16_t)l->load->via, code);
}

uint32_t sender_load_index(const struct sender_load *l)
{
    return ((const struct owed *)(const void *)l)->index;
}

bool sender_has_more(const struct sender_load *l)
{
    const struct owed *o = (const struct owed *)(const void *)l;
    const struct sender *s = o->sender;

    if (!s->started || s->stopping || s->cut || s->account.over)
        return false;
    if (o->returned_count > 0 || o->canary_count > 0)
        return true;
    return is_aimed(o) ? o->heap.count > 0 || !s->moves_over : o->next_ns != NEVER_NS;
}

bool sender_is_running(const struct sender_load *l)
{
    const struct owed *o = (const struct owed *)(const void *)l;

    return o->sender->started && !o->sender->cut && !o->sender->halted;
}

struct sender_health *sender_counts(struct sender_load *l)
{
    return &owed_of(l)->sender->health;
}

/* In 10 s too many were turned away. */
void sender_on_brake(void *owner, struct brake_word w)
{
    struct sender *s = owner;

    account_note(&s->account, &(struct event){.t_ns = account_now(&s->account),
                                              .kind = EV_FINDING,
                                              .code = FIND_BRAKED,
                                              .a = w.why,
                                              .b = w.per_mille});
    sender_stop(s, STOP_HALT);
    if (s->c.braked)
        s->c.braked(s->c.owner);
}
