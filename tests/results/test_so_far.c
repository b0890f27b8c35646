/* test_so_far.c - classes of a run that goes on: read in pieces, over once, and the same as a whole judgement has. */
#include "results/so_far.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

/* Looks until a round is done. */
static struct so_far_classes look(struct so_far *s, const struct ledger *l, double t,
                                  unsigned *pieces)
{
    struct so_far_classes c = {{0}};
    struct err e = {0};
    bool round = false;

    for (*pieces = 0; !round && *pieces < 100; ++*pieces)
        CHECK(so_far_look(s, l, S(t), &c, &round, &e));
    CHECK(round);
    return c;
}

static void copies_are_counted_as_if_nothing_more_came(void)
{
    struct world w;
    struct err e = {0};
    unsigned pieces;

    world_init(&w, 10);
    w.loads[0].alternates = false;
    struct ledger *l = ledger_create(&w.m, &e);
    struct so_far *s = so_far_create(&w.m, &e);

    add(&w, (struct event){.kind = EV_PHASE, .code = PHASE_LOAD});
    accepted(&w, 0, 10);
    seen(&w, 0, 12, 0, BOB, 3);
    accepted(&w, 1, 11);
    accepted(&w, 2, 12);
    reported(&w, 2, 13, BOB, 77);
    sent(&w, 4, 14);            /* under way */
    seen(&w, 5, 15, 0, BOB, 3); /* before the record of its send: nothing is said of it yet */
    ledger_apply(l, w.events, w.count);
    struct so_far_classes c = look(s, l, 16, &pieces);

    CHECK_U64(pieces, 1);
    CHECK_U64(c.of[CLASS_DELIVERED], 1);
    CHECK_U64(c.of[CLASS_NDR], 1);
    CHECK_U64(c.of[CLASS_UNKNOWN], 2);
    CHECK_U64(c.of[CLASS_NOT_SENT] + c.of[CLASS_PHANTOM], 0);
    uint32_t told = w.count;

    accepted(&w, 5, 15);
    seen(&w, 1, 17, 0, BOB, 4);
    ledger_apply(l, w.events + told, w.count - told);
    for (unsigned i = 0; i < 3; i++) { /* over by now, and counted once for all */
        c = look(s, l, 100 + i, &pieces);
        CHECK_U64(c.of[CLASS_DELIVERED], 3);
        CHECK_U64(c.of[CLASS_NDR], 1);
        CHECK_U64(c.of[CLASS_UNKNOWN], 1);
    }
    so_far_destroy(s);
    ledger_destroy(l);
    world_fini(&w);
}

#define MANY 50000ul

static void many_messages_are_read_in_pieces_and_those_that_are_over_once(void)
{
    struct world w;
    struct err e = {0};
    unsigned pieces;

    world_init(&w, 2 * MANY);
    w.loads[0].alternates = false;
    struct ledger *l = ledger_create(&w.m, &e);
    struct so_far *s = so_far_create(&w.m, &e);

    for (uint64_t n = 0; n < MANY; n++) {
        w.count = 0;
        accepted(&w, n, 10 + (double)n / 1e5);
        if (n != 30000)
            seen(&w, n, 20, 0, BOB, 3);
        ledger_apply(l, w.events, w.count);
    }
    struct so_far_classes c = look(s, l, 15, &pieces);

    CHECK_BETWEEN((double)pieces, 3, 4);
    CHECK_U64(c.of[CLASS_DELIVERED], MANY - 1);
    CHECK_U64(c.of[CLASS_UNKNOWN], 1);
    (void)look(s, l, 100, &pieces); /* all before 30000 are over */
    c = look(s, l, 101, &pieces);
    CHECK_BETWEEN((double)pieces, 2, 3);
    CHECK_U64(c.of[CLASS_DELIVERED], MANY - 1);
    CHECK_U64(c.of[CLASS_UNKNOWN], 1);
    so_far_destroy(s);
    ledger_destroy(l);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(copies_are_counted_as_if_nothing_more_came),
    TEST(many_messages_are_read_in_pieces_and_those_that_are_over_once),
    TEST_END,
};

const struct suite so_far_suite = {"so_far", tests};
