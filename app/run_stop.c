/* run_stop.c - the look on the book's thread, and its word to the desk. */
#include "app/run_stop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "results/stop_rule.h"

#define LOOK_NS (250 * NS_PER_MS)
#define SHARE   10 /* a look that took long is followed by so many times the peace */

struct run_stop {
    struct run_stop_config config;
    struct stop_watch *watch;
    struct post_end line; /* to the desk: a: code, b: moves */
    uint64_t next_ns;
    bool over; /* it has said its word, or cannot */
};

static uint64_t now_ns(const struct run_stop *s)
{
    return s->config.threaded ? clock_mono_ns() : loop_now(s->config.desk);
}

static void look(void *owner, const struct ledger *l, uint64_t newest_ns)
{
    struct run_stop *s = owner;
    uint64_t began_ns = now_ns(s);
    struct stop_decision d;
    struct err e = {0};

    if (s->over || began_ns < s->next_ns)
        return;
    s->over =
        !stop_look(s->watch, l, newest_ns, &d, &e); /* without memory the plan is carried out */
    uint64_t end_ns = now_ns(s);

    s->next_ns = end_ns + LOOK_NS + SHARE * (end_ns - began_ns);
    if (s->over || d.end == STOP_GO_ON)
        return;
    s->over =
        post_send(&s->line, &(struct post){.a = stop_code(s->config.manifest->stop.rule, d.end),
                                           .b = d.moves});
}

static void take(void *owner, const struct post *p)
{
    struct run_stop *s = owner;

    s->config.stop(s->config.owner, p->a, (uint32_t)p->b);
}

bool run_stop_open(struct run_stop **out, const struct run_stop_config *c, struct err *e)
{
    *out = NULL;
    if (c->manifest->stop.rule == STOP_NEVER)
        return true;
    struct run_stop *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, EX_IO, "out of memory for the stop rule");
    s->config = *c;
    s->watch = stop_watch_create(c->manifest, e);
    if (!s->watch || !post_open(&s->line, c->desk, take, s, e)) {
        stop_watch_destroy(s->watch);
        free(s);
        return false;
    }
    book_watch(c->book, look, s);
    *out = s;
    return true;
}

void run_stop_close(struct run_stop *s)
{
    if (!s)
        return;
    post_close(&s->line);
    stop_watch_destroy(s->watch);
    free(s);
}
