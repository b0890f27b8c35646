/* fake_exec.c - a struct exec that a test scripts. */
#include "tests/support/fake_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct child {
    struct child *next;
    struct fake_exec *exec;
    const struct child_handler *handler;
    void *owner;
    const struct fake_step *step;
    size_t left;
    struct timer timer;
};

static void drop(struct child *c)
{
    struct child **at = &c->exec->children;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    timer_disarm(c->exec->loop, &c->timer);
    free(c);
}

static void next_step(struct child *c)
{
    if (c->left > 0)
        timer_arm(c->exec->loop, &c->timer, loop_now(c->exec->loop) + c->step->after_ns);
}

static void do_step(struct timer *t)
{
    struct child *c = t->owner;
    const struct fake_step *s = c->step++;
    char why[32];

    c->left--;
    if (s->line) {
        next_step(c); /* first: the line may lead to a kill */
        c->handler->line(c->owner, slice_of(s->line), s->error);
        return;
    }
    const struct child_handler *h = c->handler;
    void *owner = c->owner;

    (void)snprintf(why, sizeof why, "exit status %d", s->status);
    drop(c);
    h->ended(owner, s->status, why);
}

static struct child *start(struct exec *e, const char *const *argv, const struct child_handler *h,
                           void *owner, struct err *err)
{
    struct fake_exec *x = (struct fake_exec *)(void *)e;
    size_t steps = 0;

    for (size_t i = 0; argv[i]; i++)
        PM_ASSERT(buf_add_format(&x->log, "[%s]", argv[i]));
    PM_ASSERT(buf_add_text(&x->log, "\n"));
    x->starts++;
    const struct fake_step *script = x->script(x, argv, &steps);
    if (!script) {
        (void)err_set(err, EX_IO, "%s: no such command", argv[0]);
        return NULL;
    }
    struct child *c = calloc(1, sizeof *c);
    PM_ASSERT(c);
    *c = (struct child){.next = x->children,
                        .exec = x,
                        .handler = h,
                        .owner = owner,
                        .step = script,
                        .left = steps};
    x->children = c;
    timer_init(&c->timer, do_step, c);
    next_step(c);
    return c;
}

static void kill_child(struct exec *e, struct child *c)
{
    struct fake_exec *x = (struct fake_exec *)(void *)e;

    if (!c)
        return;
    x->kills++;
    drop(c);
}

void fake_exec_init(struct fake_exec *x, struct loop *l)
{
    *x = (struct fake_exec){.exec = {.start = start, .kill = kill_child}, .loop = l};
    buf_init(&x->log, 1u << 20);
}

void fake_exec_fini(struct fake_exec *x)
{
    for (struct child *c = x->children, *next; c; c = next) {
        next = c->next;
        drop(c);
    }
    buf_fini(&x->log);
}

const char *fake_exec_log(struct fake_exec *x)
{
    return buf_text(&x->log);
}
