/* test_send_p1_cuts.c - connections cut behind every octet of an opening, a transfer and its answer, in all three modes.
 *
 * The simulated network takes one octet at a time and the peer stops reading, so that what was given to the kernel is known to
 * the octet: one more than was read. The test reads the packets by itself (TPKT, session SPDU identifiers) and says how the
 * messages of each connection have to have ended.
 */
#include <string.h>

#include "base/loop_sim.h"
#include "tests/loadgen/send_rig.h"

#define CUT_MOST   8000u /* connections */
#define PACKET_MAX 65536u

struct wire { /* one direction of the connection at hand */
    unsigned char octets[PACKET_MAX];
    size_t n;
    uint32_t packets, ends; /* whole ones; ACTIVITY ENDs, or their acknowledgements */
};

struct scissors {
    bool from_client;           /* which direction is cut */
    uint32_t first, connection; /* connection c passes first + c octets */
    struct wire wire;
    bool over; /* cut: wait for the next */
    uint32_t cuts;
    uint8_t want[2 * CUT_MOST]; /* endings, in order */
    uint32_t wants;
    uint32_t lost_answers; /* an AEA had begun and did not come whole */
};

static struct scissors scissors;

/* GT or PT in front; 29 AE, 2a AEA. */
static bool is_end(const struct wire *w)
{
    return w->n >= 10 && w->octets[5] == 0xf0 && w->octets[8] == 0 &&
           (w->octets[9] == 0x29 || w->octets[9] == 0x2a);
}

static void pass_octet(struct wire *w, unsigned char c)
{
    PM_ASSERT(w->n < PACKET_MAX);
    w->octets[w->n++] = c;
    if (w->n < 4 || w->n < ((size_t)w->octets[2] << 8 | w->octets[3]))
        return;
    w->ends += is_end(w);
    w->packets++;
    w->n = 0;
}

static void want(enum ending how)
{
    PM_ASSERT(scissors.wants < 2 * CUT_MOST);
    scissors.want[scissors.wants++] = (uint8_t)how;
}

/* The connection ends before its next octet, which the sender believes to have given away. */
static void cut_before(unsigned char next)
{
    struct scissors *s = &scissors;
    uint32_t ends = s->wire.ends;

    if (s->from_client) {
        pass_octet(&s->wire, next);
        if (s->wire.ends > ends)
            want(END_DOUBT);
        else if (s->wire.packets >= 2 && s->wire.packets + (s->wire.n > 0) > 2)
            want(END_ABORTED); /* behind CR and CN */
    } else if (s->wire.packets >= 2) {
        s->lost_answers++; /* behind CC and AC there is nothing else */
        want(END_DOUBT);
    }
    s->over = true;
    s->cuts++;
}

static size_t snip(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    struct scissors *s = &scissors;

    (void)m;
    if (flow->connection != s->connection) {
        s->connection = flow->connection;
        memset(&s->wire, 0, sizeof s->wire);
        s->over = false;
    }
    if (flow->from_client != s->from_client || s->over)
        return bytes.n;
    for (size_t i = 0; i < bytes.n; i++) {
        uint32_t ends = s->wire.ends;

        if (flow->passed + i >= s->first + flow->connection) {
            cut_before(bytes.p[i]);
            return s->from_client ? bytes.n : i; /* the peer reads no further */
        }
        pass_octet(&s->wire, bytes.p[i]);
        if (s->wire.ends > ends)
            want(END_ACCEPTED);
    }
    return bytes.n;
}

static uint64_t limit_of(struct fake_p1 *f, struct fake_p1_call *c)
{
    (void)f;
    return scissors.first + c->number;
}

static void compare(void)
{
    uint32_t at = 0, wrong = 0;

    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        if (ev->kind != EV_END)
            continue;
        if (at < scissors.wants && (ev->a & 0xff) != scissors.want[at] && wrong++ == 0)
            CHECK_U64(ev->a & 0xff, scissors.want[at]);
        at++;
    }
    CHECK_U64(at, scissors.wants);
    CHECK_U64(wrong, 0);
}

static void cut_everywhere(enum x400_mode mode, bool from_client, uint32_t messages)
{
    struct sim_meddler meddler = {.pass = snip};

    memset(&scissors, 0, sizeof scissors);
    scissors.from_client = from_client;
    rig_open_p1("p1-cuts");
    rig_network_p1(&(struct sim_config){
        .seed = 5, .start_ns = NS_PER_S, .latency_max_ns = 1000, .window = 1, .meddler = &meddler});
    rig.mta->limit = from_client ? limit_of : NULL;
    rig.run->profile.x400.mode = mode;
    rig.run->load.connections = 1;
    rig.run->load.rate = 100;
    rig.run->load.duration_ns = messages * NS_PER_S / 100;
    rig.run->load.size_min = rig.run->load.size_max = 64;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    for (uint64_t ms = 10000; !sender_is_idle(rig.sender) && ms < 20000000; ms += 10000)
        rig_until_ms(ms);
    CHECK(sender_is_idle(rig.sender));
    compare();
    unsigned accepted = rig_endings(END_ACCEPTED), doubt = rig_endings(END_DOUBT);
    unsigned aborted = rig_endings(END_ABORTED);
    CHECK_U64(accepted + doubt + aborted, messages);
    CHECK(accepted > 3);
    if (from_client) {
        CHECK_U64(rig.mta->apdus, accepted); /* the last octet never came */
        CHECK(aborted > 600);
        CHECK_BETWEEN(doubt, 1, 3);
    } else {
        CHECK_U64(rig.mta->apdus, accepted + doubt);
        CHECK_U64(doubt, scissors.lost_answers);
        CHECK(doubt > 10);
        CHECK_U64(aborted, 0);
    }
    rig_close();
}

static void a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_normal_mode(void)
{
    cut_everywhere(MODE_NORMAL, true, 1100);
}

static void a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_x410_mode(void)
{
    cut_everywhere(MODE_X410, true, 1000);
}

static void a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_1984_mode(void)
{
    cut_everywhere(MODE_1984, true, 900);
}

static void an_answer_cut_behind_any_octet_is_doubt_until_its_last(void)
{
    cut_everywhere(MODE_NORMAL, false, 100);
    cut_everywhere(MODE_1984, false, 100);
}

static size_t snip_some(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    uint64_t *left = m->owner;

    (void)flow;
    if (bytes.n <= *left) {
        *left -= bytes.n;
        return bytes.n;
    }
    size_t pass = (size_t)*left;
    *left = 6151; /* the next cut */
    return pass;
}

/* Several associations, pieces, resends: what the peer took and the account called accepted or doubt agree. */
static void cuts_anywhere_are_accounted_for_with_resends(void)
{
    for (uint64_t first = 100; first < 4000; first += 97) {
        uint64_t left = first;
        struct sim_meddler meddler = {.pass = snip_some, .owner = &left};

        rig_open_p1("p1-snips");
        rig_network_p1(&(struct sim_config){.seed = first,
                                            .start_ns = NS_PER_S,
                                            .latency_min_ns = 20000,
                                            .latency_max_ns = 900000,
                                            .split_per_mille = 300,
                                            .window = first % 2 ? 4096 : 0,
                                            .meddler = &meddler});
        rig.run->load.resend = 1 + (uint32_t)(first % 3);
        rig.run->profile.x400.checkpoint_kb = first % 5 == 0 ? 1 : 0;
        rig.run->load.size_min = rig.run->load.size_max = first % 5 == 0 ? 2500 : 500;
        if (!rig_sender())
            return;
        sender_start(rig.sender);
        rig_until_ms(120000);
        CHECK(sender_is_idle(rig.sender));
        CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
        unsigned accepted = rig_endings(END_ACCEPTED), doubt = rig_endings(END_DOUBT);
        CHECK(accepted + doubt + rig_endings(END_ABORTED) >= 100);
        CHECK_BETWEEN(rig.mta->apdus, accepted, accepted + doubt);
        rig_close();
    }
}

static const struct test tests[] = {
    TEST(a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_normal_mode),
    TEST(a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_x410_mode),
    TEST(a_transfer_cut_behind_any_octet_ends_as_it_has_to_in_1984_mode),
    TEST(an_answer_cut_behind_any_octet_is_doubt_until_its_last),
    TEST(cuts_anywhere_are_accounted_for_with_resends),
    TEST_END,
};

const struct suite send_p1_cuts_suite = {"send_p1_cuts", tests};
