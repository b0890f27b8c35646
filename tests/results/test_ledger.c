/* The fold: order, repetition, splitting and merging change nothing, nor do tables so small that most slots spill. Random
 * events, the judgement's bytes compared. */
#include <string.h>

#include "base/rng.h"
#include "results/ledger.h"
#include "results/ledger_private.h"
#include "results/lines.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

struct drawn {
    struct world *w;
    struct rng r;
};

static uint32_t below(struct drawn *d, uint32_t n)
{
    return (uint32_t)rng_below(&d->r, n);
}

static void draw_evidence(struct drawn *d, uint64_t number)
{
    struct world *w = d->w;
    struct event ev = {.slot = number * w->m.stride,
                       .t_ns = S(100 + below(d, 300)),
                       .place = (uint16_t)below(d, 3),
                       .a = below(d, 4),
                       .b = below(d, 12)};

    switch (below(d, 6)) {
    case 0:
    case 1:
        ev.kind = EV_SEEN;
        ev.code = 1 + below(d, 2) + (below(d, 10) == 0 ? SEEN_CORRUPT : 0);
        break;
    case 2:
        ev.kind = EV_GONE;
        break;
    case 3:
        ev.kind = EV_QUEUED;
        ev.code = below(d, 3) + (below(d, 4) == 0 ? QUEUED_DUE : 0);
        ev.b = 80 + below(d, 12);
        break;
    default:
        ev.kind = EV_REPORT;
        ev.a = below(d, 5) == 0 ? NO_INDEX : ev.a;
        ev.code = event_report(below(d, 4) ? REPORT_FAILED : REPORT_DELAYED,
                               below(d, 5) ? REPORT_TO_ORIGINATOR : REPORT_MALFORMED, 5, 1, 1);
    }
    add(w, ev);
}

static void draw_site(struct drawn *d)
{
    struct world *w = d->w;

    moved(w, 0, 100 + below(d, 50), 190, 200 + below(d, 50));
    add(w, (struct event){.kind = EV_ALTERNATE,
                          .t_ns = S(below(d, 400)),
                          .a = BOB,
                          .b = below(d, 2) ? NO_INDEX : EVE,
                          .code = below(d, 2)});
    for (uint32_t i = 0; i < 12; i++)
        add(w, (struct event){.kind = EV_WAVE,
                              .t_ns = S(300 + 10 * i),
                              .place = (uint16_t)below(d, 3),
                              .b = 80 + i,
                              .code = below(d, 4) != 0});
    for (uint32_t i = 0; i < 6; i++)
        add(w, (struct event){.kind = EV_SCAN,
                              .t_ns = S(100 + 40 * i),
                              .place = (uint16_t)below(d, 3),
                              .a = below(d, 4),
                              .b = 2 * i,
                              .code = below(d, 8)});
    for (uint32_t i = 0; i < 4; i++)
        add(w, (struct event){.kind = EV_FINDING, .t_ns = S(i), .code = below(d, FIND_COUNT)});
}

static void draw(struct world *w, uint64_t seed)
{
    struct drawn d = {w, rng_at(seed, 1, 0)};

    world_init(w, 12);
    world_alternate(w, below(&d, 2) != 0);
    add(w, (struct event){.kind = EV_LEASE, .a = 10, .b = 1});
    for (uint64_t n = 0; n < 11; n++) {
        sent(w, n, 90 + below(&d, 150));
        if (below(&d, 16) == 0) { /* odd: named twice, the second time somebody else */
            sent(w, n, 300);
            w->events[w->count - 1].a = EVE;
        }
        for (uint32_t i = below(&d, 8) ? 1 + below(&d, 2) : 0; i > 0; i--) {
            ended(w, n, 250, (enum ending)(1 + below(&d, 5)));
            w->events[w->count - 1].code += below(&d, 4);
        }
        if (below(&d, 2))
            seen(w, n, 260 + below(&d, 3), below(&d, 4) == 0, BOB, 1 + below(&d, 3));
        for (uint32_t i = below(&d, 6); i > 0; i--)
            draw_evidence(&d, n);
    }
    draw_site(&d);
    settle(w, 420);
    if (below(&d, 4) == 0)
        w->events[w->count - 1].kind = EV_NONE; /* killed */
}

static bool take_line(void *owner, struct slice text)
{
    return buf_add(owner, text.p, text.n);
}

/* All that a ledger says: the summary and every copy's line. */
static void print_all(const struct world *w, struct ledger *l, struct buf *out)
{
    struct err e = {0};
    struct judgement *j = judge(&w->m, l, &e);
    struct run_record r = {.manifest = (struct manifest *)&w->m, .ledger = l, .judgement = j};
    struct list_filter all = {CLASS_COUNT, FLAG_COUNT, NO_INDEX, true};
    struct line_sink sink = {.line = take_line, .owner = out};

    buf_init(out, 1u << 22);
    PM_ASSERT(j && judgement_print_summary(j, out, &e));
    PM_ASSERT(list_copies(&r, &all, &sink, &e));
    judgement_destroy(j);
}

/* Some ledgers have tables with room for a word or two, or none: other slots spill in each, the facts are the same. */
static struct ledger *some_ledger(const struct world *w, uint64_t draw)
{
    static const uint32_t rooms[] = {SLOT_CODES, 0, 1, 2, 5};

    return ledger_create_small(&w->m, rooms[draw % 5], rooms[draw / 5 % 5], NULL);
}

static struct ledger *fold(const struct world *w, const struct event *events, uint32_t count,
                           uint64_t draw)
{
    struct ledger *l = some_ledger(w, draw);

    ledger_apply(l, events, count);
    return l;
}

static void shuffle(struct event *events, uint32_t count, struct rng *r)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(r, i);
        struct event swap = events[i - 1];

        events[i - 1] = events[k];
        events[k] = swap;
    }
}

static bool same(const struct world *w, struct ledger *l, const struct buf *want)
{
    struct buf got;

    print_all(w, l, &got);
    bool ok = CHECK_MEM(got.p, got.n, want->p, want->n);

    buf_fini(&got);
    ledger_destroy(l);
    return ok;
}

static struct world w; /* large: off the stack */

static void any_order_and_any_repetition_gives_the_same_bytes(void)
{
    static struct event events[2 * WORLD_EVENTS];

    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng r = rng_at(seed, 2, 0);
        struct buf want;
        uint32_t n;

        draw(&w, seed);
        n = w.count;
        struct ledger *l = fold(&w, w.events, n, 0);

        print_all(&w, l, &want);
        ledger_destroy(l);
        memcpy(events, w.events, n * sizeof *events);
        for (uint32_t i = 0; i < w.count; i++) /* each again, or not, or twice */
            for (uint64_t k = rng_below(&r, 3); k > 0 && n < 2 * WORLD_EVENTS; k--)
                events[n++] = w.events[i];
        shuffle(events, n, &r);
        bool ok = same(&w, fold(&w, events, n, seed), &want);

        buf_fini(&want);
        world_fini(&w);
        if (!ok)
            return;
    }
}

static void split_over_several_ledgers_and_merged_they_are_one(void)
{
    for (uint64_t seed = 100; seed < 140; seed++) {
        struct rng r = rng_at(seed, 3, 0);
        struct ledger *part[3];
        struct buf want;

        draw(&w, seed);
        struct ledger *whole = fold(&w, w.events, w.count, 0);
        struct ledger_counts counts = ledger_counts(whole);

        print_all(&w, whole, &want);
        ledger_destroy(whole);
        for (int i = 0; i < 3; i++)
            part[i] = some_ledger(&w, seed * 3 + i);
        for (uint32_t i = 0; i < w.count; i++) { /* to one of them, sometimes to two */
            ledger_apply(part[rng_below(&r, 3)], &w.events[i], 1);
            if (rng_below(&r, 5) == 0)
                ledger_apply(part[rng_below(&r, 3)], &w.events[i], 1);
        }
        ledger_merge(part[2], part[0]);
        ledger_merge(part[1], part[2]);
        ledger_merge(part[1], part[1]); /* with itself: nothing */
        struct ledger_counts merged = ledger_counts(part[1]);

        CHECK_U64(merged.accepted, counts.accepted);
        CHECK_U64(merged.seen, counts.seen);
        CHECK_U64(merged.reports, counts.reports);
        bool ok = same(&w, part[1], &want);

        ledger_destroy(part[0]);
        ledger_destroy(part[2]);
        buf_fini(&want);
        world_fini(&w);
        if (!ok)
            return;
    }
}

static void every_random_world_balances(void)
{
    for (uint64_t seed = 200; seed < 500; seed++) {
        draw(&w, seed);
        const struct judgement *j = judged(&w);

        for (uint32_t i = 0; i < j->identity_count; i++)
            CHECK_U64(j->identities[i].left, j->identities[i].right);
        if (!CHECK(j->exit_code != EX_INTERNAL || j->tally.classes[CLASS_PHANTOM]))
            return;
        world_fini(&w);
    }
}

static void same_hist(const struct hist *got, const struct hist *want)
{
    CHECK_U64(got->count, want->count);
    CHECK_U64(got->sum, want->sum);
    CHECK_U64(got->min, want->min);
    CHECK_U64(got->max, want->max);
    if (want->count)
        CHECK_MEM(got->bucket, HIST_BUCKETS * sizeof *got->bucket, want->bucket,
                  HIST_BUCKETS * sizeof *want->bucket);
}

#define SAME(field) CHECK_MEM(&got->field, sizeof got->field, &want->field, sizeof want->field)

static void same_tally(const struct tally *got, const struct tally *want, const struct manifest *m)
{
    SAME(planned);
    SAME(classes);
    SAME(primaries);
    SAME(flags);
    SAME(certain);
    SAME(lost_but_alternate);
    SAME(not_final);
    SAME(phases);
    SAME(attempts);
    SAME(endings);
    SAME(open);
    SAME(received);
    SAME(attributed);
    SAME(raw);
    SAME(health);
    SAME(saturation.any); /* by field: between them a returned struct has any octets */
    SAME(saturation.load);
    SAME(saturation.p99_ns);
    SAME(saturation.limit_ns);
    CHECK_MEM(got->moves, m->move_count * sizeof *got->moves, want->moves,
              m->move_count * sizeof *want->moves);
    CHECK_MEM(got->loads, m->load_count * sizeof *got->loads, want->loads,
              m->load_count * sizeof *want->loads);
    same_hist(&got->accept, &want->accept);
    same_hist(&got->deliver, &want->deliver);
    same_hist(&got->end_to_end, &want->end_to_end);
    same_hist(&got->ndr, &want->ndr);
    same_hist(&got->lateness, &want->lateness);
    for (uint32_t i = 0; i < m->load_count; i++)
        same_hist(&got->pacing.late[i], &want->pacing.late[i]);
}

static void the_tally_is_the_same_on_any_number_of_threads(void)
{
    for (uint64_t seed = 700; seed < 710; seed++) {
        struct tally one, many;
        struct err e = {0};

        draw(&w, seed);
        struct ledger *l = some_ledger(&w, seed);

        ledger_apply(l, w.events, w.count);
        for (uint32_t threads = 1; threads < 20; threads += 1 + threads / 3) {
            struct copies *a = copies_create(l, &e), *b = copies_create(l, &e);

            CHECK(tally_run_on(&one, a, 1, &e));
            CHECK(tally_run_on(&many, b, threads, &e));
            CHECK(one.attempts > 0 && one.raw.found > 0);
            same_tally(&many, &one, &w.m);
            tally_fini(&one);
            tally_fini(&many);
            copies_destroy(a);
            copies_destroy(b);
        }
        ledger_destroy(l);
        world_fini(&w);
    }
}

static void more_evidence_never_betters_a_certain_class(void)
{
    for (uint64_t seed = 500; seed < 600; seed++) {
        struct drawn d = {&w, rng_at(seed, 4, 0)};
        enum outcome before;

        draw(&w, seed);
        before = outcome_of(&w, 3);
        draw_evidence(&d, 3);
        if (class_is_certain(before) && w.events[w.count - 1].kind != EV_GONE &&
            w.events[w.count - 1].kind != EV_QUEUED)
            CHECK(class_is_certain(outcome_of(&w, 3)));
        world_fini(&w);
    }
    CHECK(true);
}

static void live_counts_do_not_count_twice(void)
{
    world_init(&w, 3);
    accepted(&w, 0, 10);
    accepted(&w, 0, 10);
    sent(&w, 1, 10);
    ended(&w, 1, 11, END_DOUBT);
    ended(&w, 1, 11, END_ACCEPTED); /* the better knowledge wins */
    seen(&w, 0, 12, 0, BOB, 1);
    seen(&w, 0, 13, 0, BOB, 2);
    seen(&w, 0, 13, 1, BOB, 2);
    reported(&w, 1, 20, BOB, 1);
    reported(&w, 1, 21, BOB, 1);
    (void)judged(&w);
    struct ledger_counts c = ledger_counts(w.ledger);

    CHECK_U64(c.attempted, 2);
    CHECK_U64(c.accepted, 2);
    CHECK_U64(c.doubt, 0);
    CHECK_U64(c.seen, 2);
    CHECK_U64(c.reports, 1);
    world_fini(&w);
}

static struct clue the_clue(const struct ledger *l, uint64_t slot)
{
    struct evidence it = ledger_evidence(l, ledger_slot(l, slot));
    struct clue c = {0}, more;

    CHECK(evidence_next(&it, &c));
    CHECK(!evidence_next(&it, &more));
    return c;
}

static void the_usual_sighting_costs_no_memory_beyond_its_slot(void)
{
    world_init(&w, 3);
    accepted(&w, 0, 10);
    seen(&w, 0, 13, 0, BOB, 2);
    seen(&w, 0, 12, 0, BOB, 5);
    seen(&w, 1, 12, 0, BOB, 1); /* before anybody said to whom it goes */
    accepted(&w, 1, 10);
    accepted(&w, 2, 10);
    seen(&w, 2, 12, 0, EVE, 1); /* not the recipient's */
    (void)judged(&w);
    struct clue c = the_clue(w.ledger, 0);

    CHECK_U64(w.ledger->clue_count, 2); /* Eve's, where that of message 1 was */
    CHECK_U64(slot_shape(ledger_slot(w.ledger, 0)) != 0, 1);
    CHECK_U64(slot_shape(ledger_slot(w.ledger, 2)) != 0, 1);
    CHECK_U64(c.mailbox, BOB);
    CHECK_U64(c.first, 12 * NS_PER_S / TICK_NS + 1);
    CHECK_U64(c.as.copy.seen, 6);
    CHECK_U64(the_clue(w.ledger, 2).as.copy.seen, 2);
    CHECK_U64(the_clue(w.ledger, 4).mailbox, EVE);
    CHECK_U64(ledger_counts(w.ledger).seen, 3);
    world_fini(&w);
}

static void more_evidence_moves_the_sighting_to_a_chain_and_nothing_is_told_twice(void)
{
    world_init(&w, 1);
    accepted(&w, 0, 10);
    seen(&w, 0, 12, 0, BOB, 1);
    reported(&w, 0, 20, BOB, 7);
    seen(&w, 0, 11, 0, BOB, 2);
    (void)judged(&w);
    struct evidence it = ledger_evidence(w.ledger, ledger_slot(w.ledger, 0));
    struct clue c;
    uint32_t sightings = 0, reports = 0;

    while (evidence_next(&it, &c)) {
        sightings +=
            c.kind == CLUE_SEEN && c.as.copy.seen == 3 && c.first == 11 * NS_PER_S / TICK_NS + 1;
        reports += c.kind == CLUE_REPORT;
    }
    CHECK_U64(sightings, 1);
    CHECK_U64(reports, 1);
    CHECK_U64(slot_shape(ledger_slot(w.ledger, 0)), 0);
    CHECK_U64(ledger_counts(w.ledger).seen, 1);
    world_fini(&w);
}

static void codes_beyond_the_table_are_kept_as_they_are(void)
{
    world_init(&w, 4);
    for (uint32_t n = 0; n < 4; n++) {
        sent(&w, n, 1);
        ended(&w, n, 2, END_REFUSED_PERM);
        w.events[w.count - 1].code = 1000 + n;
        seen(&w, n, 3, 0, BOB, 1);
        add(&w, w.events[w.count - 2]); /* again, with a higher code */
        w.events[w.count - 1].code = 2000 + n;
    }
    for (uint32_t room = 0; room < 10; room++) {
        struct ledger *l = ledger_create_small(&w.m, room, room, NULL);

        ledger_apply(l, w.events, w.count);
        for (uint64_t n = 0; n < 4; n++) {
            CHECK_U64(ledger_code(l, ledger_slot(l, 2 * n)), 2000 + n);
            CHECK_U64(the_clue(l, 2 * n).as.copy.seen, 2);
        }
        ledger_destroy(l);
    }
    world_fini(&w);
}

static void a_table_of_words_numbers_them_up_to_its_limit(void)
{
    struct intern t;

    intern_init(&t, 1000);
    for (int again = 0; again < 2; again++)
        for (uint64_t i = 0; i < 1000; i++)
            CHECK_U64(intern_number(&t, (struct intern_key){i % 7, i}), i + 1);
    CHECK_U64(intern_number(&t, (struct intern_key){1, 1000}), 0);
    CHECK_U64(intern_number(&t, (struct intern_key){1, 1}), 2);
    CHECK_U64(intern_at(&t, 9)->b, 8);
    intern_fini(&t);
}

static const struct test tests[] = {
    TEST(any_order_and_any_repetition_gives_the_same_bytes),
    TEST(split_over_several_ledgers_and_merged_they_are_one),
    TEST(every_random_world_balances),
    TEST(the_tally_is_the_same_on_any_number_of_threads),
    TEST(more_evidence_never_betters_a_certain_class),
    TEST(live_counts_do_not_count_twice),
    TEST(the_usual_sighting_costs_no_memory_beyond_its_slot),
    TEST(more_evidence_moves_the_sighting_to_a_chain_and_nothing_is_told_twice),
    TEST(codes_beyond_the_table_are_kept_as_they_are),
    TEST(a_table_of_words_numbers_them_up_to_its_limit),
    TEST_END,
};

const struct suite ledger_suite = {"ledger", tests};
