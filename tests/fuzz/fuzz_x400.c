/* fuzz_x400.c - libFuzzer's entry for the layers below P1: whatever a peer says, in every state of an association.
 *
 * The input is heard by associations of both roles and modes, brought into one of twelve states by well-formed octets; once
 * as it came, and once put into a TPKT and a DT of the right length, so that session and above are reached although a
 * length was mutated. What must hold: a message has one fate, TAKEN only after a confirmation; how the input is split into
 * reads makes no difference to the news.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/x400/association.h"

#define NEWS_MAX 256u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* The samples of tests/golden/x400 that open an association. */
static const unsigned char cr[] = {0x03, 0x00, 0x00, 0x18, 0x13, 0xe0, 0x00, 0x00,
                                   0x12, 0x34, 0x00, 0xc0, 0x01, 0x0d, 0xc1, 0x03,
                                   0x4d, 0x50, 0x41, 0xc2, 0x03, 0x4d, 0x50, 0x42};
static const unsigned char activity[] = {0x03, 0x00, 0x00, 0x10, 0x02, 0xf0, 0x80, 0x01,
                                         0x00, 0x2d, 0x05, 0x29, 0x03, 0x02, 0x01, 0x01};

enum prepared {
    FRESH_RESPONDER,
    CALLED_RESPONDER,
    LISTENING_NORMAL,
    RECEIVING_NORMAL,
    LISTENING_X410,
    RECEIVING_X410,
    FRESH_INITIATOR,
    BINDING_NORMAL,
    BINDING_X410,
    IDLE_NORMAL,
    SENDING_NORMAL,
    SENDING_X410,
    PREPARED
};

struct told {
    unsigned char news[NEWS_MAX];
    unsigned n, ended, taken, received;
};

static unsigned char apdu[3000] = {0xa0};

static struct association_config config_of(bool initiator, enum stack_mode mode)
{
    return (struct association_config){.initiator = initiator,
                                       .mode = mode,
                                       .name = "MTA",
                                       .utc = "261121120000Z",
                                       .bind = slice_from("\x05\x00", 2),
                                       .tpdu_bytes = 8192,
                                       .checkpoint_kb = 1,
                                       .window = 2,
                                       .two_way = true,
                                       .extended = true,
                                       .apdu_max = 20000,
                                       .out_room = STACK_OUT_MIN};
}

static void hear(struct association *a, struct slice in, struct told *t)
{
    struct assoc_event ev;

    while (association_hear(a, &in, &ev) != ASSOC_MORE) {
        PM_ASSERT(memchr(ev.text, 0, sizeof ev.text));
        if (t->n < NEWS_MAX)
            t->news[t->n++] = (unsigned char)(ev.news << 4 | ev.fate);
        t->ended += ev.news == ASSOC_ENDED;
        t->taken += ev.news == ASSOC_ENDED && ev.fate == ASSOC_TAKEN;
        if (ev.news == ASSOC_ASKED)
            association_accept(a, slice_from("\x05\x00", 2));
        if (ev.news == ASSOC_RECEIVED && (t->received++ % 2 == 0 || !association_except(a, 1)))
            (void)association_confirm(a);
        if (ev.news == ASSOC_TURN_GIVEN)
            (void)association_give(a);
    }
    PM_ASSERT(in.n == 0);
}

static void say(struct association *a)
{
    association_gave(a, association_output(a).n);
}

/* What the two say to each other until neither has more. */
static void talk(struct association *a, struct association *b)
{
    struct told ignored = {0};

    for (bool more = true; more;) {
        struct slice x = association_output(a);

        more = x.n > 0;
        hear(b, x, &ignored);
        association_gave(a, x.n);
        struct slice y = association_output(b);

        more = more || y.n > 0;
        hear(a, y, &ignored);
        association_gave(b, y.n);
    }
}

static struct association *made[2][STACK_MODE_COUNT], *partner[2][STACK_MODE_COUNT];

static struct association *get(struct association **at, bool initiator, enum stack_mode mode)
{
    struct association_config config = config_of(initiator, mode);

    if (!*at)
        *at = association_create(&config);
    PM_ASSERT(*at);
    association_begin(*at);
    return *at;
}

static struct association *bound(bool initiator, enum stack_mode mode)
{
    struct association *a = get(&made[initiator][mode], initiator, mode);

    talk(a, get(&partner[initiator][mode], !initiator, mode));
    return a;
}

static bool is_sending(enum prepared how)
{
    return how == SENDING_NORMAL || how == SENDING_X410;
}

static struct association *prepare(enum prepared how)
{
    struct told ignored = {0};
    struct association *a = NULL;
    enum stack_mode mode =
        how == LISTENING_X410 || how == RECEIVING_X410 || how == BINDING_X410 || how == SENDING_X410
            ? STACK_X410_1988
            : STACK_NORMAL;

    if (how == FRESH_RESPONDER || how == CALLED_RESPONDER) {
        a = get(&made[false][mode], false, mode);
        if (how == CALLED_RESPONDER)
            hear(a, slice_from(cr, sizeof cr), &ignored);
    } else if (how < FRESH_INITIATOR) {
        a = bound(false, mode);
        if (how == RECEIVING_NORMAL || how == RECEIVING_X410)
            hear(a, slice_from(activity, sizeof activity), &ignored);
    } else if (how < IDLE_NORMAL) {
        a = get(&made[true][mode], true, mode);
        say(a);
        if (how != FRESH_INITIATOR)
            hear(a, slice_from("\x03\x00\x00\x0e\x09\xd0\x00\x01\x00\x02\x00\xc0\x01\x0d", 14),
                 &ignored);
    } else {
        a = bound(true, mode);
        if (is_sending(how))
            association_send(a, slice_from(apdu, sizeof apdu), 1);
    }
    say(a);
    return a;
}

static void finish(struct association *a, struct told *t, enum prepared how)
{
    say(a);
    association_lost(a);
    hear(a, slice_from(NULL, 0), t);
    PM_ASSERT(association_state(a) == ASSOC_OVER);
    PM_ASSERT(t->ended == is_sending(how));
    PM_ASSERT(t->taken <= t->ended);
}

static void run(enum prepared how, struct slice in, bool split_too)
{
    struct told whole = {0}, split = {0};
    struct association *a = prepare(how);

    hear(a, in, &whole);
    finish(a, &whole, how);
    if (!split_too)
        return;
    a = prepare(how);
    for (size_t i = 0; i < in.n; i++)
        hear(a, slice_from(in.p + i, 1), &split);
    finish(a, &split, how);
    PM_ASSERT(whole.n == split.n && memcmp(whole.news, split.news, whole.n) == 0);
}

/* Which states an input is tried in follows from its octets: two of the twelve, so that a run is short. */
static unsigned pick(struct slice in)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < in.n; i++)
        h = (h ^ in.p[i]) * 16777619u;
    return (h ^ h >> 16) % PREPARED;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static unsigned char framed[65535];
    struct slice in = slice_from(data, n), rest = in;

    if (n > sizeof framed - 7)
        return 0;
    if (n > 7 && data[0] == 3 && data[1] == 0)
        rest = slice_skip(in, data[4] == 2 && data[5] == 0xf0 ? 7 : 4);
    bool tpdu = n > 7 && rest.n == n - 4;
    size_t head = tpdu ? 4 : 7, length = head + rest.n;
    const unsigned char front[] = {
        3, 0, (unsigned char)(length >> 8), (unsigned char)(length & 255), 2, 0xf0, 0x80};

    memcpy(framed, front, head);
    if (rest.n > 0)
        memcpy(framed + head, rest.p, rest.n);
    for (unsigned i = 0; i < 2; i++) {
        unsigned how = (pick(in) + 5 * i) % PREPARED;

        run(how, in, i == 0);
        if (length >= 7)
            run(how, slice_from(framed, length), false);
    }
    (void)ber_check(rest);
    return 0;
}
