/* run_stop.c - looks on the book's thread, and their word to the desk. */
#include "app/run_stop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/ring.h"
#include "results/stop_rule.h"

#define LOOK_NS       (250 * NS_PER_MS)
#define SHARE         10 /* a look that took long is followed by so many times the peace */
#define CLASSES_NS    (500 * NS_PER_MS)
#define CLASSES_SHARE 100
#define CLASSES_AHEAD 4

struct run_stop {
    struct run_stop_config config;
    struct stop_watch *watch; /* NULL: no rule */
    struct post_end line;     /* to the desk: a: code, b: moves */
    uint64_t next_ns;
    bool over;              /* it has said its word, or cannot */
    struct so_far *so_far;  /* NULL: nobody watches */
    struct ring *classes;   /* of struct so_far_classes, to the desk */
    uint64_t classes_at_ns; /* the next piece */
    bool blind;             /* no memory for it */
};

static uint64_t now_ns(const struct run_stop *s)
{
    return s->config.threaded ? clock_mono_ns() : loop_now(s->config.desk);
}

static void look_for_stop(struct run_stop *s, const struct ledger *l, uint64_t newest_ns)
{
    uint64_t began_ns = now_ns(s);
    struct stop_decision d;
    struct err e = {0};

    if (!s->watch || s->over || began_ns < s->next_ns)
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

static void look_for_classes(struct run_stop *s, const struct ledger *l, uint64_t newest_ns)
{
    uint64_t began_ns = now_ns(s);
    struct so_far_classes c;
    struct err e = {0};
    bool round = false;

    if (!s->so_far || s->blind || began_ns < s->classes_at_ns)
        return;
    s->blind = !so_far_look(s->so_far, l, newest_ns, &c, &round, &e);
    uint64_t end_ns = now_ns(s);

    s->classes_at_ns = end_ns + (round ? CLASSES_NS : 0) + CLASSES_SHARE * (end_ns - began_ns);
    if (round)
        (void)ring_push(s->classes, &c); /* full: the desk has not told anybody of those before */
}

static void look(void *owner, const struct ledger *l, uint64_t newest_ns)
{
    look_for_stop(owner, l, newest_ns);
    look_for_classes(owner, l, newest_ns);
}

static void take(void *owner, const struct post *p)
{
    struct run_stop *s = owner;

    s->config.stop(s->config.owner, p->a, (uint32_t)p->b);
}

static void destroy(struct run_stop *s)
{
    stop_watch_destroy(s->watch);
    so_far_destroy(s->so_far);
    ring_destroy(s->classes);
    free(s);
}

static bool has_rule(const struct run_stop_config *c)
{
    return c->stops && c->manifest->stop.rule != STOP_NEVER;
}

static bool open_looks(struct run_stop *s, struct err *e)
{
    const struct run_stop_config *c = &s->config;

    if (c->watched) {
        s->so_far = so_far_create(c->manifest, e);
        s->classes = ring_create(sizeof(struct so_far_classes), CLASSES_AHEAD);
        if (!s->so_far || !s->classes)
            return err_set(e, EX_IO, "out of memory for the classes so far");
    }
    if (!has_rule(c))
        return true;
    s->watch = stop_watch_create(c->manifest, e);
    return s->watch && post_open(&s->line, c->desk, take, s, e);
}

bool run_stop_open(struct run_stop **out, const struct run_stop_config *c, struct err *e)
{
    *out = NULL;
    if (!has_rule(c) && !c->watched)
        return true;
    struct run_stop *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, EX_IO, "out of memory for the stop rule");
    s->config = *c;
    if (!open_looks(s, e)) {
        destroy(s);
        return false;
    }
    book_watch(c->book, look, s);
    *out = s;
    return true;
}

bool run_stop_classes(struct run_stop *s, struct so_far_classes *c)
{
    bool any = false;

    while (s && s->classes && ring_pop(s->classes, c))
        any = true;
    return any;
}

void run_stop_close(struct run_stop *s)
{
    if (!s)
        return;
    if (s->watch)
        post_close(&s->line);
    destroy(s);
}
