/* fold_again.c - each event goes to one ledger or to several, in any order; then the ledgers are merged, in any order. */
#include "tests/sim/fold_again.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "results/copies.h"
#include "results/journal.h"
#include "results/judge.h"

enum { STREAM_FOLD = 0x464f4c };

#define LEDGERS 3u
#define WAYS    2u
#define BLOCK   64u /* as many events at once, at most */

static void take(void *owner, const struct event *events, uint32_t count)
{
    struct events *v = owner;

    if (v->count + count > v->room) {
        v->room = (v->count + count) * 2;
        v->all = realloc(v->all, v->room * sizeof *v->all);
        PM_ASSERT(v->all);
    }
    memcpy(v->all + v->count, events, count * sizeof *events);
    v->count += count;
}

bool events_read(struct events *v, const char *dir, uint64_t run_id, struct err *e)
{
    char path[600];
    uint32_t torn = 0;

    *v = (struct events){0};
    (void)snprintf(path, sizeof path, "%s/journal", dir);
    return journal_read(path, run_id, take, v, &torn, e) &&
           (torn == 0 || err_set(e, EX_IO, "%u journals are torn", torn));
}

void events_fini(struct events *v)
{
    free(v->all);
    *v = (struct events){0};
}

/* ---------------------------------------------------------------------------------------------------------- the print */

static bool add_copies(void *owner, const struct copy *copies, uint32_t n)
{
    uint64_t *print = owner;

    for (uint32_t i = 0; i < n; i++) {
        const struct copy *c = &copies[i];
        const struct facts *f = &c->facts;
        const uint64_t words[] = {
            *print,
            c->number,
            c->load,
            c->recipient,
            c->alternate,
            c->tried,
            c->to,
            c->mailbox,
            c->from,
            c->server,
            f->k,
            f->owed,
            f->h,
            f->b,
            f->o,
            f->l,
            f->v,
            f->q,
            f->f,
            f->w,
            f->z,
            f->asked,
            c->outcome,
            c->flags,
            c->sent_ns,
            c->end_ns,
            c->first_seen_ns,
            c->first_reported_ns,
            c->late_us,
            c->end_code,
            c->report_code,
            c->stage,
            c->report_print,
            c->move.move,
            c->move.phase,
            (uint64_t)c->move.phase_ns,
        };

        *print = hash_fast(words, sizeof words);
    }
    return true;
}

uint64_t account_print(const struct manifest *m, const struct ledger *l, struct err *e)
{
    uint64_t print = 1;
    struct buf text;
    struct copies *c = copies_create(l, e);
    struct judgement *j = c ? judge(m, l, e) : NULL;

    buf_init(&text, 16u << 20);
    if (c)
        (void)copies_each(c, add_copies, &print);
    if (j && judgement_print_summary(j, &text, e))
        print ^= hash_fast(text.p, text.n);
    else
        print = 0;
    buf_fini(&text);
    judgement_destroy(j);
    copies_destroy(c);
    return print;
}

/* ----------------------------------------------------------------------------------------------------------- the fold */

static void shuffle(struct event *all, size_t n, struct rng *r)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(r, i);
        struct event kept = all[i - 1];

        all[i - 1] = all[k];
        all[k] = kept;
    }
}

static void scatter(struct event *all, size_t n, struct ledger **into, struct rng *r)
{
    unsigned again = (unsigned)rng_below(r, 30); /* so many of a hundred are told once more */

    for (size_t i = 0; i < n;) {
        size_t count = 1 + rng_below(r, BLOCK);

        count = count < n - i ? count : n - i;
        ledger_apply(into[rng_below(r, LEDGERS)], all + i, (uint32_t)count);
        if (rng_below(r, 100) < again)
            ledger_apply(into[rng_below(r, LEDGERS)], all + i, (uint32_t)count);
        i += count;
    }
}

struct ledger *events_fold(const struct events *v, const struct manifest *m, uint64_t seed,
                           struct err *e)
{
    struct rng r = rng_at(seed, STREAM_FOLD, 0);
    struct ledger *l[LEDGERS] = {NULL};
    struct event *all = malloc((v->count + 1) * sizeof *all);
    unsigned first = (unsigned)rng_below(&r, LEDGERS), step = 1 + (unsigned)rng_below(&r, 2);
    bool ok = all != NULL;

    for (unsigned i = 0; i < LEDGERS; i++)
        ok = (l[i] = ledger_create(m, e)) != NULL && ok;
    if (ok) {
        memcpy(all, v->all, v->count * sizeof *all);
        if (rng_below(&r, 4) > 0)
            shuffle(all, v->count, &r);
        scatter(all, v->count, l, &r);
        ledger_merge(l[first], l[(first + step) % LEDGERS]);
        ledger_merge(l[first], l[(first + 2 * step) % LEDGERS]);
    }
    for (unsigned i = 0; i < LEDGERS; i++)
        if (i != first || !ok)
            ledger_destroy(l[i]);
    free(all);
    return ok ? l[first] : NULL;
}

bool fold_differs(const struct sim_run *s, uint64_t seed, char *why, size_t room)
{
    const struct manifest *m = s->result.manifest;
    struct events v;
    struct err e = {0};
    bool same = events_read(&v, s->result.dir, m->run_id, &e);
    uint64_t want = same ? account_print(m, s->result.ledger, &e) : 0;

    *why = '\0';
    for (unsigned i = 0; same && i < WAYS; i++) {
        struct ledger *l = events_fold(&v, m, seed * WAYS + i, &e);
        uint64_t got = l ? account_print(m, l, &e) : 0;

        same = got != 0 && got == want;
        if (!same)
            (void)snprintf(why, room,
                           "%zu events in another order (way %u): the account is another%s%s",
                           v.count, i, *e.text ? ": " : "", e.text);
        ledger_destroy(l);
    }
    if (!same && !*why)
        (void)snprintf(why, room, "the journal: %s", e.text);
    events_fini(&v);
    return !same;
}
