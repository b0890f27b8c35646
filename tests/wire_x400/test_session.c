/* test_session.c - every state of the session layer against every SPDU: what is legal stands in the table below, written
 * from X.225 and the guide and not from the code; everything else is answered with ABORT. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/session.h"

struct rig { /* a session between a user that only listens and a transport that only takes */
    struct stack stack;
    struct session session;
    struct layer user, transport;
    unsigned told;
    struct unit last;
    unsigned char said[256];
    size_t said_n;
};

static bool user_up(struct layer *l, struct unit *u, struct err *e)
{
    struct rig *r = (struct rig *)(void *)((char *)l - offsetof(struct rig, user));

    (void)e;
    r->told++;
    r->last = *u;
    return true;
}

static bool transport_down(struct layer *l, struct unit *u, struct err *e)
{
    struct rig *r = (struct rig *)(void *)((char *)l - offsetof(struct rig, transport));
    struct slice head = ber_out_slice(&u->head);

    (void)e;
    r->said_n = head.n < sizeof r->said ? head.n : sizeof r->said;
    memcpy(r->said, head.p, r->said_n);
    return true;
}

static const struct layer_ops user_ops = {.id = STACK_USER, .up = user_up};
static const struct layer_ops transport_ops = {.id = STACK_COTP, .down = transport_down};

static struct association_config config = {.name = "MTA-B", .utc = "261121120000Z"};

static void begin(struct rig *r, enum session_state state)
{
    memset(r, 0, sizeof *r);
    r->stack.config = &config;
    r->stack.mode = STACK_NORMAL;
    session_init(&r->session, &r->stack);
    r->user = (struct layer){.ops = &user_ops, .stack = &r->stack};
    r->transport = (struct layer){.ops = &transport_ops, .stack = &r->stack};
    r->session.l.above = &r->user;
    r->session.l.below = &r->transport;
    session_begin(&r->session);
    r->session.state = state;
    if (state == SES_SENDING || state == SES_ENDING || state == SES_DISCARDING ||
        state == SES_INTERRUPTING)
        r->session.next_serial = 2; /* one point is unconfirmed */
}

static bool hears(struct rig *r, struct slice tsdu, struct err *e)
{
    struct unit u = {.what = SV_DATA, .data = tsdu};

    return r->session.l.ops->up(&r->session.l, &u, e);
}

/* One of each, well formed. */
static const char *const octets[SPDU_COUNT] = {
    [SPDU_CN] = "0d 0c 05 06 16 01 02 1a 01 00 14 02 02 49",
    [SPDU_AC] = "0e 0c 05 06 16 01 02 1a 01 00 14 02 02 49",
    [SPDU_RF] = "0c 06 11 01 01 32 01 00",
    [SPDU_FN] = "09 03 11 01 01",
    [SPDU_DN] = "0a 00",
    [SPDU_NF] = "08 00",
    [SPDU_AB] = "19 03 11 01 05",
    [SPDU_AA] = "1a 00",
    [SPDU_GT] = "01 03 10 01 15",
    [SPDU_PT] = "02 03 10 01 01",
    [SPDU_GTC] = "15 00",
    [SPDU_GTA] = "16 00",
    [SPDU_EX] = "05 00",
    [SPDU_TD] = "21 00",
    [SPDU_PR] = "07 00",
    [SPDU_OA] = "10 00",
    [SPDU_CDO] = "0f 00",
    [SPDU_DT] = "01 00 01 00 61",
    [SPDU_MIP] = "01 00 31 03 2a 01 31",
    [SPDU_MIA] = "02 00 32 03 2a 01 31",
    [SPDU_AE] = "01 00 29 03 2a 01 31",
    [SPDU_AEA] = "02 00 2a 03 2a 01 32",
    [SPDU_AS] = "01 00 2d 05 29 03 02 01 01",
    [SPDU_AR] = "01 00 1d 0f 21 08 29 03 02 01 01 2a 01 31 29 03 02 01 02",
    [SPDU_AI] = "01 00 19 03 32 01 00",
    [SPDU_AIA] = "02 00 1a 00",
    [SPDU_AD] = "01 00 39 03 32 01 00",
    [SPDU_ADA] = "02 00 3a 00",
    [SPDU_ED] = "02 00 30 03 32 01 01",
    [SPDU_ER] = "02 00 00 00",
    [SPDU_RS] = "01 00 35 00",
    [SPDU_RA] = "02 00 22 00",
    [SPDU_CD] = "01 00 3d 00",
    [SPDU_CDA] = "02 00 3e 00",
    [SPDU_MAP] = "01 00 29 06 0f 01 01 2a 01 31",
};

#define T(kind, next)                                                                              \
    {                                                                                              \
        SPDU_##kind, SES_TELL, SES_##next                                                          \
    }
#define D(kind, next)                                                                              \
    {                                                                                              \
        SPDU_##kind, SES_DROP, SES_##next                                                          \
    }

struct legal {
    enum spdu_kind kind;
    enum session_act act;
    enum session_state next;
};

// clang-format off
static const struct legal legal[SES_COUNT][12] = {
    [SES_FRESH]        = {T(AB, CLOSED)},
    [SES_WAITING]      = {T(CN, CALLED), T(AB, CLOSED)},
    [SES_CALLING]      = {T(AC, HOLDING), T(RF, CLOSED), T(AB, CLOSED)},
    [SES_CALLED]       = {T(AB, CLOSED)},
    [SES_HOLDING]      = {T(PT, HOLDING), T(AB, CLOSED)},
    [SES_LISTENING]    = {T(AS, RECEIVING), T(AR, RECEIVING), T(GTC, HOLDING), T(GT, HOLDING), T(FN, FINISHED),
                          T(AB, CLOSED)},
    [SES_SENDING]      = {T(MIA, SENDING), T(PT, SENDING), T(ED, EXCEPTION), T(ER, EXCEPTION), T(AB, CLOSED)},
    [SES_ENDING]       = {T(MIA, ENDING), T(PT, ENDING), T(ED, EXCEPTION), T(ER, EXCEPTION), T(AEA, HOLDING),
                          T(AB, CLOSED)},
    [SES_EXCEPTION]    = {T(PT, EXCEPTION), T(AB, CLOSED)},
    [SES_INTERRUPTING] = {T(AIA, HOLDING), D(MIA, INTERRUPTING), D(ED, INTERRUPTING), D(ER, INTERRUPTING),
                          T(PT, INTERRUPTING), T(AB, CLOSED)},
    [SES_DISCARDING]   = {T(ADA, HOLDING), D(MIA, DISCARDING), D(ED, DISCARDING), D(ER, DISCARDING),
                          T(PT, DISCARDING), T(AB, CLOSED)},
    [SES_GIVING]       = {D(GTA, LISTENING), D(PT, GIVING), T(AB, CLOSED)},
    [SES_RECEIVING]    = {T(DT, RECEIVING), T(MIP, RECEIVING), T(AE, ENDED), T(AI, INTERRUPTED), T(AD, DISCARDED),
                          T(AB, CLOSED)},
    [SES_ENDED]        = {T(AI, INTERRUPTED), T(AD, DISCARDED), T(AB, CLOSED)},
    [SES_EXCEPTED]     = {D(DT, EXCEPTED), D(MIP, EXCEPTED), D(AE, EXCEPTED), T(AI, INTERRUPTED), T(AD, DISCARDED),
                          T(AB, CLOSED)},
    [SES_INTERRUPTED]  = {T(AB, CLOSED)},
    [SES_DISCARDED]    = {T(AB, CLOSED)},
    [SES_RELEASING]    = {T(DN, CLOSED), D(PT, RELEASING), T(AB, CLOSED)},
    [SES_FINISHED]     = {T(AB, CLOSED)},
    [SES_ABORTING]     = {T(AA, CLOSED), T(AB, CLOSED)}, /* and everything else is dropped */
    [SES_CLOSED]       = {{SPDU_NONE, SES_ILLEGAL, SES_FRESH}}, /* everything is dropped */
};

// clang-format on

static struct legal wanted(enum session_state state, enum spdu_kind kind)
{
    bool over = state == SES_ABORTING || state == SES_CLOSED;

    for (size_t i = 0; i < sizeof legal[0] / sizeof *legal[0]; i++)
        if (legal[state][i].kind == kind)
            return legal[state][i];
    return (struct legal){kind, over ? SES_DROP : SES_ILLEGAL, state};
}

static void every_spdu_in_every_state_is_legal_or_an_abort(void)
{
    static struct sample tsdu;
    static struct rig r;
    unsigned cells = 0, ok = 0, legals = 0;
    struct err e;

    for (unsigned state = 0; state < SES_COUNT; state++)
        for (unsigned kind = SPDU_NONE + 1; kind < SPDU_COUNT; kind++) {
            struct legal want = wanted(state, kind);

            begin(&r, state);
            bool fine = hears(&r, sample_hex(&tsdu, octets[kind]), &e);
            bool same = fine == (want.act != SES_ILLEGAL) && r.session.state == want.next &&
                        r.told == (want.act == SES_TELL);

            if (!same)
                (void)printf("    %s while %s: fine %d, told %u, then %s\n", spdu_name(kind),
                             session_state_name(state), fine, r.told,
                             session_state_name(r.session.state));
            cells++;
            ok += same;
            legals += want.act != SES_ILLEGAL && state < SES_ABORTING;
        }
    CHECK_U64(cells, (uint64_t)SES_COUNT * (SPDU_COUNT - 1));
    CHECK_U64(ok, cells);
    CHECK_U64(legals, 64);
}

static bool fine(enum session_state state, const char *hex, const char **why)
{
    static struct sample tsdu;
    static struct rig r;
    static struct err e;

    begin(&r, state);
    e.text[0] = 0;
    bool ok = hears(&r, sample_hex(&tsdu, hex), &e);

    *why = e.text;
    return ok;
}

static void either_prefix_is_taken_but_none_is_not(void)
{
    const char *why = NULL;

    CHECK(fine(SES_ENDING, "01 00 2a 03 2a 01 32", &why)); /* GT before AEA: accepted, not said */
    CHECK(fine(SES_RECEIVING, "02 00 01 00 61", &why));
    CHECK(!fine(SES_RECEIVING, "29 03 2a 01 31", &why));
    CHECK_HAS(why, "session");
    CHECK(!fine(SES_RECEIVING, "01 00", &why));
    CHECK_HAS(why, "names no token");
    CHECK(!fine(SES_LISTENING, "01 00 2d 05 29 03 02 01 01 01 00 61", &why)); /* extended */
    CHECK_HAS(why, "more than one");
    CHECK(!fine(SES_LISTENING, "15 00 01 00", &why));
    CHECK_HAS(why, "not alone");
}

static void tokens_move_together(void)
{
    const char *why = NULL;

    CHECK(!fine(SES_LISTENING, "01 03 10 01 01", &why));
    CHECK_HAS(why, "move together");
    CHECK(fine(SES_LISTENING, "01 03 10 01 15", &why));
}

static void serial_numbers_are_checked(void)
{
    const char *why = NULL;

    CHECK(!fine(SES_RECEIVING, "01 00 31 03 2a 01 32", &why));
    CHECK_HAS(why, "MINOR SYNC POINT with serial number 2, 1 was due");
    CHECK(!fine(SES_RECEIVING, "01 00 29 03 2a 01 35", &why));
    CHECK_HAS(why, "ACTIVITY END with serial number 5, 1 was due");
    CHECK(!fine(SES_RECEIVING, "01 00 29 00", &why));
    CHECK(!fine(SES_RECEIVING, "01 00 31 03 2a 01 41", &why));
    CHECK(!fine(SES_RECEIVING, "01 00 31 09 2a 07 31 31 31 31 31 31 31", &why));
    CHECK(!fine(SES_SENDING, "02 00 32 03 2a 01 32", &why));
    CHECK_HAS(why, "1 to 1 are unconfirmed");
    CHECK(!fine(SES_ENDING, "02 00 2a 03 2a 01 31", &why));
}

static void a_connect_that_cannot_be_met_is_refused_with_its_reason(void)
{
    static const struct {
        const char *cn;
        int reason;
    } cases[] = {
        {"0d 0c 05 06 16 01 04 1a 01 00 14 02 02 49", 132},          /* version 3 only */
        {"0d 0c 05 06 16 01 02 1a 01 00 14 02 02 41", 133},          /* no minor sync */
        {"0d 0c 05 06 16 01 02 1a 01 01 14 02 02 49", 133},          /* tokens apart */
        {"0d 0f 05 06 16 01 02 1a 01 00 14 02 02 49 3c 01 01", 134}, /* data overflow */
    };
    static struct sample tsdu;
    static struct rig r;
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&r, SES_WAITING);
        CHECK(hears(&r, sample_hex(&tsdu, cases[i].cn), &e));
        CHECK_U64(r.session.state, SES_CLOSED);
        CHECK_U64(r.said[0], 0x0c);
        CHECK_U64(r.said[r.said_n - 1], cases[i].reason);
        CHECK_U64(r.last.what, SV_REFUSE);
        CHECK_I64(r.last.reason, cases[i].reason);
    }
}

static void another_session_selector_is_not_ours(void)
{
    static struct association_config strict = {.our_ssel = {(const unsigned char *)"S1", 2}};
    static struct sample tsdu;
    static struct rig r;
    struct err e;

    begin(&r, SES_WAITING);
    r.stack.config = &strict;
    CHECK(
        hears(&r, sample_hex(&tsdu, "0d 10 05 06 16 01 02 1a 01 00 14 02 02 49 34 02 53 32"), &e));
    CHECK_I64(r.last.reason, 129);
    begin(&r, SES_WAITING);
    r.stack.config = &strict;
    CHECK(
        hears(&r, sample_hex(&tsdu, "0d 10 05 06 16 01 02 1a 01 00 14 02 02 49 34 02 53 31"), &e));
    CHECK_U64(r.last.what, SV_CONNECT);
    begin(&r, SES_WAITING); /* X.410 mode names none */
    r.stack.config = &strict;
    CHECK(hears(&r, sample_hex(&tsdu, octets[SPDU_CN]), &e));
    CHECK_U64(r.last.what, SV_CONNECT);
}

static void the_first_turn_may_be_the_responders(void)
{
    static struct sample tsdu;
    static struct rig r;
    struct err e;

    begin(&r, SES_WAITING);
    CHECK(hears(&r, sample_hex(&tsdu, "0d 0c 05 06 16 01 02 1a 01 15 14 02 02 49"), &e));
    struct unit u = stack_unit(&r.stack, SV_ACCEPT);

    CHECK(r.session.l.ops->down(&r.session.l, &u, &e));
    CHECK_U64(r.session.state, SES_HOLDING);
    begin(&r, SES_WAITING);
    CHECK(hears(&r, sample_hex(&tsdu, octets[SPDU_CN]), &e));
    u = stack_unit(&r.stack, SV_ACCEPT);
    CHECK(r.session.l.ops->down(&r.session.l, &u, &e));
    CHECK_U64(r.session.state, SES_LISTENING);
}

static void unknown_parameters_and_long_lengths_are_read(void)
{
    const char *why = NULL;

    CHECK(fine(SES_LISTENING, "01 00 2d 0a 63 03 01 02 03 29 03 02 01 01", &why));
    CHECK(fine(SES_LISTENING, "01 00 2d ff 00 05 29 03 02 01 01", &why));
    CHECK(fine(SES_LISTENING, "01 00 2d 07 29 ff 00 03 02 01 01", &why));
    CHECK(!fine(SES_LISTENING, "01 00 2d 05 29 07 02 01 01", &why));
    CHECK(!fine(SES_LISTENING, "01 00 2d ff 00", &why));
    CHECK(!fine(SES_LISTENING, "01 00 2d ff ff ff 29 03 02 01 01", &why));
    CHECK(
        !fine(SES_LISTENING, "01 00 2d 09 29 07 01 02 03 04 05 06 07", &why)); /* 7 octets of id */
    CHECK(!fine(SES_LISTENING, "01 00 2d 00", &why));
    CHECK_HAS(why, "without an identifier");
    CHECK(!fine(SES_RECEIVING, "01 00 01 03 19 01 01 61", &why));
    CHECK_HAS(why, "segment");
}

static const struct test tests[] = {
    TEST(every_spdu_in_every_state_is_legal_or_an_abort),
    TEST(either_prefix_is_taken_but_none_is_not),
    TEST(tokens_move_together),
    TEST(serial_numbers_are_checked),
    TEST(a_connect_that_cannot_be_met_is_refused_with_its_reason),
    TEST(another_session_selector_is_not_ours),
    TEST(the_first_turn_may_be_the_responders),
    TEST(unknown_parameters_and_long_lengths_are_read),
    TEST_END,
};

const struct suite session_suite = {"session", tests};
