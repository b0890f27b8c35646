/* case.c - one table of keys, written and read. */
#include "tests/sim/case.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/sim/draw.h"

enum { STREAM_CASE = 0x434153, STREAM_DEATH = 0x444541 };

static const struct key {
    const char *name;
    size_t at;
} keys[] = {
    {"view", offsetof(struct sim_case, view)},
    {"seed", offsetof(struct sim_case, seed)},
    {"latency_min_us", offsetof(struct sim_case, latency_min_us)},
    {"latency_max_us", offsetof(struct sim_case, latency_max_us)},
    {"split_per_mille", offsetof(struct sim_case, split_per_mille)},
    {"window", offsetof(struct sim_case, window)},
    {"stall_per_mille", offsetof(struct sim_case, stall_per_mille)},
    {"stall_ms", offsetof(struct sim_case, stall_ms)},
    {"cut_mail_percent", offsetof(struct sim_case, cut_mail_percent)},
    {"cut_imap_percent", offsetof(struct sim_case, cut_imap_percent)},
    {"interrupt_ms", offsetof(struct sim_case, interrupt_ms)},
    {"again_ms", offsetof(struct sim_case, again_ms)},
    {"dies_ms", offsetof(struct sim_case, dies_ms)},
    {"down_ms", offsetof(struct sim_case, down_ms)},
    {"wall_s", offsetof(struct sim_case, wall_s)},
    {"twice", offsetof(struct sim_case, twice)},
};

#define KEYS (sizeof keys / sizeof keys[0])

static uint64_t *field(struct sim_case *c, const struct key *k)
{
    return (uint64_t *)(void *)((char *)c + k->at);
}

void case_read(struct sim_case *c, const char *text)
{
    *c = (struct sim_case){0};
    for (const char *p = text; strncmp(p, "# sim ", 6) == 0; p += strcspn(p, "\n") + 1) {
        const char *name = p + 6;
        size_t n = strcspn(name, " \n");

        for (size_t i = 0; i < KEYS; i++)
            if (strlen(keys[i].name) == n && strncmp(keys[i].name, name, n) == 0)
                *field(c, &keys[i]) = strtoull(name + n, NULL, 10);
        if (!strchr(p, '\n'))
            break;
    }
}

static bool chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

static enum draw_kind draw_kind(struct rng *r, uint64_t *view)
{
    static const struct {
        unsigned upto;
        enum draw_kind kind;
        enum truth_view view;
    } kinds[] = {{50, DRAW_WHOLE, TRUTH_WHOLE},
                 {70, DRAW_X400, TRUTH_WHOLE},
                 {80, DRAW_BLIND, TRUTH_BLIND},
                 {90, DRAW_HASTY, TRUTH_HASTY},
                 {100, DRAW_TOLD, TRUTH_WHOLE}};

    unsigned at = (unsigned)rng_below(r, 100), i = 0;

    while (at >= kinds[i].upto)
        i++;
    *view = kinds[i].view;
    return kinds[i].kind;
}

/* From a stream of its own, so that all other cases stay as they are. */
static void draw_death(struct sim_case *c)
{
    struct rng r = rng_at(c->seed, STREAM_DEATH, 0);

    if (!chance(&r, 20))
        return;
    c->dies_ms = 1 + rng_below(&r, chance(&r, 70) ? 6000 : 30000);
    c->down_ms = chance(&r, 50) ? rng_below(&r, 5000) : 0;
}

void case_draw(uint64_t seed, struct buf *out)
{
    struct rng r = rng_at(seed, STREAM_CASE, 0);
    struct drawn_net d = draw_net(seed);
    struct sim_case c = {.seed = seed,
                         .latency_min_us = d.net.latency_min_ns / NS_PER_US,
                         .latency_max_us = d.net.latency_max_ns / NS_PER_US,
                         .split_per_mille = d.net.split_per_mille,
                         .window = d.net.window,
                         .cut_mail_percent = d.cut_smtp_percent,
                         .cut_imap_percent = d.cut_imap_percent};
    enum draw_kind kind = draw_kind(&r, &c.view);

    if (chance(&r, 30)) {
        c.stall_per_mille = 1 + rng_below(&r, 30);
        c.stall_ms = chance(&r, 30) ? 1 + rng_below(&r, 30000) : 1 + rng_below(&r, 1000);
    }
    if (kind == DRAW_TOLD) {
        c.interrupt_ms = 1 + rng_below(&r, 8000);
        c.again_ms = chance(&r, 50) ? c.interrupt_ms + 1 + rng_below(&r, 3000) : 0;
    }
    if (kind == DRAW_WHOLE)
        draw_death(&c);
    if (chance(&r, 30))
        c.wall_s = 1 + rng_below(&r, 4000000000u);
    c.twice = chance(&r, 20);
    for (size_t i = 0; i < KEYS; i++)
        if (*field(&c, &keys[i]))
            PM_ASSERT(
                buf_add_format(out, "# sim %s %" PRIu64 "\n", keys[i].name, *field(&c, &keys[i])));
    draw_profile(seed, kind, out);
}
