/* test_association.c - two associations against each other: messages, turns, checkpoints, interruptions, and what is
 * certain about a message when the connection breaks at any octet. */
#include <malloc.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/check.h"
#include "tests/wire_x400/pair.h"

#define LONG_APDU 200000u

static unsigned char text[LONG_APDU];

/* Looks like an MTS-APDU (a0 first), and no two places look alike. */
static struct slice apdu(size_t n)
{
    if (text[0] == 0) {
        struct rng r = rng_at(400, 1, 0);

        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (unsigned char)rng_below(&r, 256);
        text[0] = 0xa0;
    }
    return slice_from(text, n);
}

static bool send_and_check(struct side *from, struct side *to, size_t n, uint64_t tag)
{
    struct slice message = apdu(n);

    side_forget(from);
    side_forget(to);
    if (!CHECK(association_can_send(from->a)))
        return false;
    association_send(from->a, message, tag);
    pair_talk(from, to);
    return CHECK_U64(side_last(from)->news, ASSOC_ENDED) &&
           CHECK_U64(side_last(from)->fate, ASSOC_TAKEN) && CHECK_U64(side_last(from)->tag, tag) &&
           CHECK_U64(to->heard.received, 1) &&
           CHECK_MEM(to->got.p, to->got.n, message.p, message.n);
}

static void talk_both_ways(struct side *i, struct side *r)
{
    if (!pair_bind(i, r))
        return;
    for (unsigned n = 0; n < 3; n++) {
        (void)send_and_check(i, r, 700, n);
        (void)send_and_check(i, r, LONG_APDU, n);
        if (!i->config.two_way)
            continue;
        CHECK(!association_can_send(r->a));
        CHECK(association_please(r->a, 5));
        pair_talk(i, r);
        CHECK(side_told(i, ASSOC_TURN_ASKED));
        CHECK(association_give(i->a));
        pair_talk(i, r);
        CHECK(side_told(r, ASSOC_TURN_GIVEN));
        (void)send_and_check(r, i, LONG_APDU, n);
        CHECK(association_give(r->a));
        pair_talk(i, r);
    }
    CHECK(association_release(i->a));
    pair_talk(i, r);
    CHECK_U64(side_last(i)->news, ASSOC_RELEASED);
    CHECK_U64(side_last(r)->news, ASSOC_RELEASED);
    CHECK_U64(association_state(i->a), ASSOC_OVER);
    CHECK_U64(association_state(r->a), ASSOC_OVER);
}

static void long_messages_cross_in_every_mode(void)
{
    static const uint16_t checkpoints[] = {0, 1, 16, 64};
    static const uint32_t tpdus[] = {128, 2048, 0};

    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++)
        for (size_t c = 0; c < sizeof checkpoints / sizeof *checkpoints; c++)
            for (size_t t = 0; t < sizeof tpdus / sizeof *tpdus; t++) {
                struct side i = side_initiator(mode), r = side_responder();

                i.config.checkpoint_kb = checkpoints[c];
                i.config.tpdu_bytes = tpdus[t];
                i.config.two_way = c % 2 == 0;
                talk_both_ways(&i, &r);
                CHECK_U64(association_mode(r.a), mode);
                CHECK_U64(association_checkpoint_kb(r.a), checkpoints[c]);
                side_fini(&i);
                side_fini(&r);
            }
}

static void the_split_into_reads_does_not_matter(void)
{
    static const size_t chunks[] = {1, 2, 3, 5, 7, 11, 16, 1000};

    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++)
        for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
            struct side i = side_initiator(mode), r = side_responder();

            i.chunk = chunks[c];
            r.chunk = chunks[(c + 3) % 8];
            i.config.checkpoint_kb = 1;
            talk_both_ways(&i, &r);
            side_fini(&i);
            side_fini(&r);
        }
}

static void the_lesser_of_both_proposals_is_agreed(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    i.config.checkpoint_kb = 30;
    i.config.window = 5;
    r.config.checkpoint_kb = 16;
    r.config.window = 8;
    CHECK(pair_bind(&i, &r));
    CHECK_U64(association_checkpoint_kb(i.a), 16);
    CHECK_U64(association_checkpoint_kb(r.a), 16);
    CHECK_U64(association_window(i.a), 5);
    CHECK_U64(association_window(r.a), 5);
    side_fini(&i);
    side_fini(&r);
}

static void the_responder_may_have_the_first_turn(void)
{
    struct side i = side_initiator(STACK_X410_1988), r = side_responder();

    i.config.turn_theirs = true;
    CHECK(pair_bind(&i, &r));
    CHECK(!association_can_send(i.a));
    (void)send_and_check(&r, &i, 700, 1);
    CHECK(association_release(i.a)); /* asks for the turn, and closes when it comes */
    pair_talk(&i, &r);
    CHECK(side_told(&r, ASSOC_TURN_ASKED));
    CHECK(association_give(r.a));
    pair_talk(&i, &r);
    CHECK_U64(side_last(&i)->news, ASSOC_RELEASED);
    side_fini(&i);
    side_fini(&r);
}

static enum assoc_fate fate_of(const struct side *s)
{
    unsigned ends = 0, aborts = 0;
    enum assoc_fate fate = ASSOC_UNTOUCHED;

    for (size_t n = 0; n < s->heard.n; n++) {
        if (s->heard.ev[n].news == ASSOC_ENDED)
            fate = s->heard.ev[n].fate;
        ends += s->heard.ev[n].news == ASSOC_ENDED;
        aborts += s->heard.ev[n].news == ASSOC_ABORTED;
    }
    CHECK_U64(ends, 1);
    CHECK_U64(aborts, 1);
    return fate;
}

static void a_message_is_in_doubt_exactly_when_all_of_its_end_has_left(void)
{
    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++) {
        size_t whole = 1;

        for (size_t k = 0; k <= whole; k++) {
            struct side i = side_initiator(mode), r = side_responder();

            if (!pair_bind(&i, &r))
                return;
            side_forget(&i);
            association_send(i.a, apdu(90), k);
            whole = association_output(i.a).n;
            if (k > 0)
                association_gave(i.a, k);
            CHECK(association_exposed(i.a) == (k == whole));
            CHECK_U64(association_state(i.a), k == whole ? ASSOC_ENDING : ASSOC_SENDING);
            association_lost(i.a);
            side_hear(&i, slice_from(NULL, 0));
            CHECK_U64(fate_of(&i), k == 0 ? ASSOC_UNTOUCHED : k == whole ? ASSOC_DOUBT : ASSOC_CUT);
            CHECK_U64(association_state(i.a), ASSOC_OVER);
            side_fini(&i);
            side_fini(&r);
        }
        CHECK_BETWEEN((double)whole, 120, 220);
    }
}

static void a_peer_that_aborts_after_the_end_leaves_doubt(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    r.confirm = false;
    if (pair_bind(&i, &r)) {
        association_send(i.a, apdu(700), 1);
        pair_talk(&i, &r);
        CHECK_U64(r.heard.received, 1);
        CHECK(association_exposed(i.a));
        side_forget(&i);
        association_abort(r.a, RTSE_TEMPORARY);
        pair_talk(&i, &r);
        CHECK_U64(fate_of(&i), ASSOC_DOUBT);
        CHECK_U64(side_last(&i)->by, ASSOC_BY_PEER);
        CHECK_HAS(side_last(&i)->text, "it may have been taken: temporary problem (3)");
    }
    side_fini(&i);
    side_fini(&r);
}

static void a_message_refused_after_its_end_is_not_in_doubt(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    r.confirm = false;
    if (pair_bind(&i, &r)) {
        association_send(i.a, apdu(700), 1);
        pair_talk(&i, &r);
        CHECK(association_except(r.a, 5));
        pair_talk(&i, &r);
        CHECK_U64(side_last(&i)->news, ASSOC_ENDED);
        CHECK_U64(side_last(&i)->fate, ASSOC_NOT_TAKEN);
        CHECK_I64(side_last(&i)->code, 5);
        CHECK_U64(side_last(&r)->news, ASSOC_DROPPED);
        r.confirm = true;
        (void)send_and_check(&i, &r, 700, 2);
    }
    side_fini(&i);
    side_fini(&r);
}

static void either_side_may_abort_at_every_octet_of_a_transfer(void)
{
    for (size_t k = 0; k < 4000; k += 37)
        for (unsigned who = 0; who < 2; who++) {
            struct side i = side_initiator(STACK_NORMAL), r = side_responder();

            i.config.checkpoint_kb = 1;
            if (!pair_bind(&i, &r))
                return;
            side_forget(&i);
            side_forget(&r);
            association_send(i.a, apdu(3000), 1);
            i.stop_after = k;
            pair_talk(&i, &r);
            i.stop_after = SIZE_MAX;
            bool ended = side_told(&i, ASSOC_ENDED);

            association_abort(who ? i.a : r.a, RTSE_TEMPORARY);
            pair_talk(&i, &r);
            side_hear(&i, slice_from(NULL, 0));
            side_hear(&r, slice_from(NULL, 0));
            CHECK(side_told(&i, ASSOC_ABORTED));
            CHECK(side_told(&r, ASSOC_ABORTED));
            if (!ended)
                CHECK(fate_of(&i) == ASSOC_CUT || fate_of(&i) == ASSOC_DOUBT ||
                      fate_of(&i) == ASSOC_UNTOUCHED);
            side_fini(&i);
            side_fini(&r);
        }
}

static void a_transfer_taken_back_leaves_the_association_usable(void)
{
    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++)
        for (size_t k = 1; k < 9000; k += 997) {
            struct side i = side_initiator(mode), r = side_responder();

            i.config.checkpoint_kb = 1;
            if (!pair_bind(&i, &r))
                return;
            association_send(i.a, apdu(LONG_APDU), 1);
            i.stop_after = k;
            pair_talk(&i, &r);
            CHECK(association_take_back(i.a, k % 2));
            i.stop_after = SIZE_MAX;
            pair_talk(&i, &r);
            CHECK_U64(side_last(&i)->news, ASSOC_ENDED);
            CHECK_U64(side_last(&i)->fate, ASSOC_CUT);
            CHECK(side_last(&i)->resumable == (k % 2 == 1));
            CHECK_U64(r.heard.received, 0);
            (void)send_and_check(&i, &r, 5000, 2);
            side_fini(&i);
            side_fini(&r);
        }
}

static void a_message_whose_end_is_said_cannot_be_taken_back(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    if (pair_bind(&i, &r)) {
        association_send(i.a, apdu(700), 1);
        CHECK(!association_take_back(i.a, false));
        pair_talk(&i, &r);
        CHECK_U64(side_last(&i)->fate, ASSOC_TAKEN);
        CHECK(!association_take_back(i.a, false));
    }
    side_fini(&i);
    side_fini(&r);
}

static void a_message_too_long_is_refused_and_costs_no_memory(void)
{
    for (unsigned c = 0; c < 2; c++) {
        struct side i = side_initiator(STACK_NORMAL), r = side_responder();

        i.config.checkpoint_kb = c ? 4 : 0;
        r.config.apdu_max = 10000;
        if (pair_bind(&i, &r)) {
            (void)send_and_check(&i, &r, 10000, 1);
            side_forget(&r);
            association_send(i.a, apdu(LONG_APDU), 2);
            pair_talk(&i, &r);
            CHECK_U64(side_last(&i)->fate, ASSOC_NOT_TAKEN);
            CHECK_I64(side_last(&i)->code, 5);
            CHECK_U64(r.heard.received, 0);
            CHECK_U64(side_last(&r)->news, ASSOC_DROPPED);
            CHECK_HAS(side_last(&r)->text, "longer than 10000 octets");
            association_send(i.a, apdu(10001), 3);
            pair_talk(&i, &r);
            CHECK_U64(side_last(&i)->fate, ASSOC_NOT_TAKEN);
            (void)send_and_check(&i, &r, 9999, 4);
        }
        side_fini(&i);
        side_fini(&r);
    }
}

static void no_more_than_the_window_is_unconfirmed(void)
{
    struct side i = side_initiator(STACK_X410_1988), r = side_responder();

    i.config.checkpoint_kb = 1;
    i.config.window = 3;
    if (pair_bind(&i, &r)) {
        association_send(i.a, apdu(LONG_APDU), 1);
        size_t said = association_output(i.a).n;

        CHECK_U64(said, 16 + 3 * (11 + 1024 + 14));
        association_gave(i.a, said);
        CHECK(side_says_nothing(&i));
    }
    side_fini(&i);
    side_fini(&r);
}

static void a_hundred_thousand_messages_leave_memory_flat(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    if (pair_bind(&i, &r)) {
        (void)send_and_check(&i, &r, 700, 0);
        size_t before = mallinfo2().uordblks;

        for (unsigned n = 0; n < 100000; n++) {
            struct assoc_event ev;

            association_send(i.a, apdu(700), n);
            struct slice said = association_output(i.a);

            association_gave(i.a, said.n); /* its octets stay until something new is said */
            while (association_hear(r.a, &said, &ev) == ASSOC_RECEIVED)
                (void)association_confirm(r.a);
            said = association_output(r.a);
            association_gave(r.a, said.n);
            if (association_hear(i.a, &said, &ev) != ASSOC_ENDED || ev.fate != ASSOC_TAKEN) {
                CHECK_U64(n, 100000);
                break;
            }
        }
        CHECK_U64(mallinfo2().uordblks, before);
    }
    side_fini(&i);
    side_fini(&r);
}

static void one_association_serves_connection_after_connection(void)
{
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    for (unsigned n = 0; n < 5 && pair_bind(&i, &r); n++) {
        (void)send_and_check(&i, &r, 3000, n);
        association_send(i.a, apdu(700), n);
        if (n % 2)
            association_lost(i.a);
        else
            association_abort(i.a, RTSE_TEMPORARY);
    }
    side_fini(&i);
    side_fini(&r);
}

static const struct test tests[] = {
    TEST(long_messages_cross_in_every_mode),
    TEST(the_split_into_reads_does_not_matter),
    TEST(the_lesser_of_both_proposals_is_agreed),
    TEST(the_responder_may_have_the_first_turn),
    TEST(a_message_is_in_doubt_exactly_when_all_of_its_end_has_left),
    TEST(a_peer_that_aborts_after_the_end_leaves_doubt),
    TEST(a_message_refused_after_its_end_is_not_in_doubt),
    TEST(either_side_may_abort_at_every_octet_of_a_transfer),
    TEST(a_transfer_taken_back_leaves_the_association_usable),
    TEST(a_message_whose_end_is_said_cannot_be_taken_back),
    TEST(a_message_too_long_is_refused_and_costs_no_memory),
    TEST(no_more_than_the_window_is_unconfirmed),
    TEST(a_hundred_thousand_messages_leave_memory_flat),
    TEST(one_association_serves_connection_after_connection),
    TEST_END,
};

const struct suite association_suite = {"association", tests};
