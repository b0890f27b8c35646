/* test_association_soak.c - two associations under seeded mischief: octets carried a few at a time, messages sent, taken
 * back, refused late, turns asked and given, aborts and lost connections at any moment.
 *
 * The receiver's own record is the truth: a message whose fate is TAKEN was confirmed, one whose fate is not DOUBT and not
 * TAKEN never was, what was received is what was sent, and neither side ever finds the other at fault.
 */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/check.h"
#include "tests/wire_x400/pair.h"

#define MESSAGES_MAX 4096u
#define APDU_MAX     6000u

struct soak {
    struct rng r;
    struct association *a[2];
    unsigned char apdu[2][APDU_MAX];
    size_t apdu_n[2];
    uint64_t next;   /* tag */
    bool pending[2]; /* an APDU of the peer is received and not answered */
    uint64_t pending_tag[2];
    bool confirmed[MESSAGES_MAX];
    uint8_t fate[MESSAGES_MAX];
    unsigned fates[5], faults, lies, mangled;
    bool broken; /* on purpose */
};

static uint64_t tag_of(struct slice apdu)
{
    uint64_t tag = 0;

    if (apdu.n >= 9)
        memcpy(&tag, apdu.p + 1, 8);
    return tag;
}

static void on_event(struct soak *s, unsigned me, const struct assoc_event *ev)
{
    if (ev->news == ASSOC_ASKED)
        association_accept(s->a[me], slice_from("\x05\x00", 2));
    if (ev->news == ASSOC_ENDED) {
        s->fates[ev->fate]++;
        s->fate[ev->tag % MESSAGES_MAX] = (uint8_t)ev->fate;
        bool taken = s->confirmed[ev->tag % MESSAGES_MAX];

        s->lies += ev->fate == ASSOC_TAKEN ? !taken : ev->fate != ASSOC_DOUBT && taken;
    }
    if (ev->news == ASSOC_RECEIVED) {
        s->pending[me] = true;
        s->pending_tag[me] = tag_of(ev->bytes);
        s->mangled +=
            ev->bytes.n != s->apdu_n[!me] || memcmp(ev->bytes.p, s->apdu[!me], ev->bytes.n) != 0;
    }
    if (ev->news == ASSOC_DROPPED)
        s->pending[me] = false;
    if (ev->news == ASSOC_REFUSED || (ev->news == ASSOC_ABORTED && !s->broken)) {
        s->faults++;
        (void)printf("    side %u: %s\n", me, ev->text);
    }
}

static void hear(struct soak *s, unsigned me, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(s->a[me], &in, &ev) != ASSOC_MORE)
        on_event(s, me, &ev);
}

static bool carry(struct soak *s, unsigned from, size_t most)
{
    struct slice said = association_output(s->a[from]);
    unsigned char copy[66000];
    size_t n = said.n < most ? said.n : most;

    n = n < sizeof copy ? n : sizeof copy;
    if (n == 0)
        return false;
    memcpy(copy, said.p, n);
    association_gave(s->a[from], n);
    hear(s, !from, slice_from(copy, n));
    return true;
}

static void carry_all(struct soak *s)
{
    bool more = true;

    while (more) {
        more = carry(s, 0, SIZE_MAX);
        more = carry(s, 1, SIZE_MAX) || more;
    }
}

static void send(struct soak *s, unsigned me)
{
    size_t n = 9 + rng_below(&s->r, rng_below(&s->r, 2) ? 200 : APDU_MAX - 9);

    if (!association_can_send(s->a[me]))
        return;
    memset(s->apdu[me], (int)rng_below(&s->r, 256), n);
    s->apdu[me][0] = 0xa0;
    memcpy(s->apdu[me] + 1, &s->next, 8);
    s->apdu_n[me] = n;
    association_send(s->a[me], slice_from(s->apdu[me], n), s->next++);
}

static void answer(struct soak *s, unsigned me)
{
    if (!s->pending[me])
        return;
    s->pending[me] = false;
    if (rng_below(&s->r, 4) == 0)
        (void)association_except(s->a[me], 1);
    else if (association_confirm(s->a[me]))
        s->confirmed[s->pending_tag[me] % MESSAGES_MAX] = true;
}

static void end_both(struct soak *s)
{
    s->broken = true;
    association_lost(s->a[0]);
    association_lost(s->a[1]);
    hear(s, 0, slice_from(NULL, 0));
    hear(s, 1, slice_from(NULL, 0));
    s->pending[0] = s->pending[1] = false;
}

static void step(struct soak *s)
{
    unsigned me = (unsigned)rng_below(&s->r, 2);

    switch (rng_below(&s->r, 12)) {
    case 0:
    case 1:
        send(s, me);
        break;
    case 2:
        answer(s, me);
        break;
    case 3:
        if (rng_below(&s->r, 4) == 0)
            (void)association_take_back(s->a[me], rng_below(&s->r, 2));
        break;
    case 4:
        (void)association_please(s->a[me], 5);
        break;
    case 5:
        (void)association_give(s->a[me]);
        break;
    case 6:
        if (rng_below(&s->r, 40) == 0) {
            s->broken = true;
            association_abort(s->a[me], RTSE_TEMPORARY);
        }
        break;
    default:
        (void)carry(s, me, 1 + rng_below(&s->r, rng_below(&s->r, 2) ? 20 : 5000));
    }
}

static void run(struct soak *s, uint64_t seed)
{
    struct side i = side_initiator((enum stack_mode)(seed % 3)), r = side_responder();

    memset(s, 0, sizeof *s);
    s->r = rng_at(seed, 4, 0);
    i.config.checkpoint_kb = (uint16_t)rng_below(&s->r, 3);
    i.config.window = (uint8_t)rng_below(&s->r, 4);
    i.config.tpdu_bytes = rng_below(&s->r, 2) ? 128 : 0;
    i.config.two_way = rng_below(&s->r, 4) > 0;
    i.config.turn_theirs = i.config.two_way && rng_below(&s->r, 2);
    i.config.extended = r.config.extended = rng_below(&s->r, 4) == 0;
    i.config.out_room = r.config.out_room = STACK_OUT_MIN;
    s->a[0] = association_create(&i.config);
    s->a[1] = association_create(&r.config);
    for (unsigned connection = 0; connection < 4; connection++) {
        s->broken = false;
        association_begin(s->a[0]);
        association_begin(s->a[1]);
        carry_all(s);
        for (unsigned n = 0; n < 400 && !s->broken; n++)
            step(s);
        if (rng_below(&s->r, 2))
            carry_all(s);
        end_both(s);
    }
    association_destroy(s->a[0]);
    association_destroy(s->a[1]);
}

static void a_fate_is_what_the_receiver_knows(void)
{
    static struct soak s;
    unsigned fates[5] = {0};

    for (uint64_t seed = 0; seed < 400; seed++) {
        run(&s, seed);
        if (s.faults || s.lies || s.mangled)
            CHECK_U64(seed, UINT64_MAX);
        CHECK_U64(s.faults, 0);
        CHECK_U64(s.lies, 0);
        CHECK_U64(s.mangled, 0);
        for (unsigned f = 0; f < 5; f++)
            fates[f] += s.fates[f];
    }
    CHECK(fates[ASSOC_UNTOUCHED] > 10); /* all of them came up */
    CHECK(fates[ASSOC_CUT] > 100);
    CHECK(fates[ASSOC_NOT_TAKEN] > 100);
    CHECK(fates[ASSOC_DOUBT] > 100);
    CHECK(fates[ASSOC_TAKEN] > 1000);
}

static const struct test tests[] = {
    TEST(a_fate_is_what_the_receiver_knows),
    TEST_END,
};

const struct suite association_soak_suite = {"association_soak", tests};
