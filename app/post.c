/* post.c - short messages between the desk and the threads that work for it. */
#include "app/post.h"

#define POSTS_WAITING 4096

bool post_next(struct post_end *e, struct post *p)
{
    return e->ring && ring_pop(e->ring, p);
}

static void on_wake(struct hook *h)
{
    struct post_end *e = h->owner;
    struct post p;

    while (post_next(e, &p))
        e->take(e->owner, &p);
}

bool post_open(struct post_end *e, struct loop *reader,
               void (*take)(void *owner, const struct post *p), void *owner, struct err *err)
{
    *e = (struct post_end){.reader = reader, .take = take, .owner = owner};
    e->hook = (struct hook){.run = on_wake, .owner = e};
    e->ring = ring_create(sizeof(struct post), POSTS_WAITING);
    if (!e->ring)
        return err_set(err, EX_IO, "out of memory for a line between threads");
    loop_on_wake(reader, &e->hook);
    return true;
}

void post_close(struct post_end *e)
{
    if (!e->ring)
        return;
    loop_unhook(e->reader, &e->hook);
    ring_destroy(e->ring);
    e->ring = NULL;
}

bool post_send(struct post_end *e, const struct post *p)
{
    if (!ring_push(e->ring, p))
        return false;
    loop_wake(e->reader);
    return true;
}
