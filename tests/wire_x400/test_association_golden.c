/* test_association_golden.c - every sample below P1, made by another program and tried on a live ISODE peer: one of our
 * associations says exactly these octets, and the other one understands them. */
#include "tests/support/check.h"
#include "tests/wire_x400/pair.h"
#include "tests/wire_x400/sample.h"

static struct slice load(const char *file)
{
    static struct sample samples[4];
    static unsigned next;

    return sample_load(&samples[next++ % 4], file);
}

static void says(struct side *s, const char *file)
{
    (void)side_says(s, load(file), file);
}

static void hears(struct side *s, const char *file)
{
    side_hear(s, load(file));
}

static struct side initiator(enum stack_mode mode)
{
    struct side s = side_initiator(mode);

    if (mode != STACK_NORMAL)
        s.config.versions = 1; /* as the samples do */
    return s;
}

/* Opened with samples on the other side. */
static struct side bound(enum stack_mode mode)
{
    struct side s = initiator(mode);

    side_begin(&s);
    hears(&s, "02-cc.hex");
    hears(&s, mode == STACK_NORMAL ? "11-n-ac.hex" : "21-x-ac.hex");
    association_gave(s.a, association_output(s.a).n);
    CHECK_U64(side_last(&s)->news, ASSOC_BOUND);
    return s;
}

static struct side asked(enum stack_mode mode)
{
    struct side s = side_responder();

    s.accept = s.confirm = false;
    side_begin(&s);
    hears(&s, "01-cr.hex");
    hears(&s, mode == STACK_NORMAL ? "10-n-cn.hex" : "20-x-cn.hex");
    association_gave(s.a, association_output(s.a).n);
    CHECK_U64(side_last(&s)->news, ASSOC_ASKED);
    return s;
}

static struct side answering(enum stack_mode mode)
{
    static struct sample bind;
    struct side s = asked(mode);

    association_accept(s.a, sample_hex(&bind, mode == STACK_NORMAL
                                                  ? "b1 13 a1 11 80 05 4d 54 41 2d 42 a1 08 16 06 "
                                                    "70 75 62 6c 69 63"
                                                  : "a1 11 80 05 4d 54 41 2d 42 a1 08 16 06 70 75 "
                                                    "62 6c 69 63"));
    return s;
}

static void an_initiator_opens_in_the_octets_of_the_samples(void)
{
    struct side n = initiator(STACK_NORMAL), x = initiator(STACK_X410_1988);

    side_begin(&n);
    says(&n, "01-cr.hex");
    hears(&n, "02-cc.hex");
    says(&n, "10-n-cn.hex");
    hears(&n, "11-n-ac.hex");
    CHECK_U64(side_last(&n)->news, ASSOC_BOUND);
    CHECK_U64(association_checkpoint_kb(n.a), 64);
    CHECK_U64(association_window(n.a), 3);
    CHECK(association_can_send(n.a));
    side_begin(&x);
    says(&x, "01-cr.hex");
    hears(&x, "02-cc.hex");
    says(&x, "20-x-cn.hex");
    hears(&x, "21-x-ac.hex");
    CHECK_U64(side_last(&x)->news, ASSOC_BOUND);
    CHECK(association_can_send(x.a));
    side_fini(&n);
    side_fini(&x);
}

static void a_responder_answers_in_the_octets_of_the_samples(void)
{
    struct side s = side_responder();

    s.accept = false;
    side_begin(&s);
    hears(&s, "01-cr.hex");
    says(&s, "02-cc.hex");
    side_fini(&s);
    s = answering(STACK_NORMAL);
    says(&s, "11-n-ac.hex");
    CHECK_U64(association_mode(s.a), STACK_NORMAL);
    CHECK(association_two_way(s.a));
    side_fini(&s);
    s = answering(STACK_X410_1988);
    says(&s, "21-x-ac.hex");
    CHECK_U64(association_mode(s.a), STACK_X410_1988);
    side_fini(&s);
}

static void the_bind_of_both_modes_arrives_as_it_was_sent(void)
{
    static struct sample want;
    struct side s = side_responder();
    struct assoc_event ev;
    struct slice in = load("10-n-cn.hex");

    s.accept = false;
    side_begin(&s);
    hears(&s, "01-cr.hex");
    CHECK_U64(association_hear(s.a, &in, &ev), ASSOC_ASKED);
    sample_hex(&want, "b0 13 a1 11 80 05 4d 54 41 2d 41 a1 08 16 06 73 65 63 72 65 74");
    CHECK_MEM(ev.bytes.p, ev.bytes.n, want.octets, want.n);
    side_begin(&s);
    hears(&s, "01-cr.hex");
    in = load("20-x-cn.hex");
    CHECK_U64(association_hear(s.a, &in, &ev), ASSOC_ASKED);
    CHECK_MEM(ev.bytes.p, ev.bytes.n, want.octets + 2, want.n - 2);
    side_fini(&s);
}

static void refusals_are_said_and_understood(void)
{
    static struct sample error;
    struct side s = side_responder();

    s.config.our_tsel = slice_of("XYZ");
    side_begin(&s);
    hears(&s, "01-cr.hex");
    says(&s, "03-dr.hex");
    CHECK_U64(side_last(&s)->news, ASSOC_REFUSED);
    CHECK_U64(association_state(s.a), ASSOC_OVER);
    side_fini(&s);
    s = asked(STACK_NORMAL);
    association_refuse(s.a, RTSE_VALIDATION, sample_hex(&error, "b2 03 02 01 02"));
    says(&s, "12-n-rf.hex");
    CHECK_U64(association_state(s.a), ASSOC_OVER);
    side_fini(&s);
    s = asked(STACK_X410_1988);
    association_refuse(s.a, RTSE_BUSY, slice_from(NULL, 0));
    says(&s, "22-x-rf.hex");
    side_fini(&s);
}

static void a_refused_initiator_is_told_by_whom_and_why(void)
{
    static const struct {
        const char *cc, *rf;
        enum stack_mode mode;
        enum stack_layer layer;
        int code;
        const char *text;
    } cases[] = {
        {"03-dr.hex", NULL, STACK_NORMAL, STACK_COTP, 3, "address unknown"},
        {"02-cc.hex", "12-n-rf.hex", STACK_NORMAL, STACK_USER, -1, "the bind was refused"},
        {"02-cc.hex", "22-x-rf.hex", STACK_X410_1988, STACK_RTSE, RTSE_BUSY, "busy"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct side s = initiator(cases[i].mode);

        side_begin(&s);
        hears(&s, cases[i].cc);
        if (cases[i].rf)
            hears(&s, cases[i].rf);
        CHECK_U64(side_last(&s)->news, ASSOC_REFUSED);
        CHECK_U64(side_last(&s)->by, ASSOC_BY_PEER);
        CHECK_U64(side_last(&s)->layer, cases[i].layer);
        CHECK_I64(side_last(&s)->code, cases[i].code);
        CHECK_HAS(side_last(&s)->text, cases[i].text);
        CHECK_U64(association_state(s.a), ASSOC_OVER);
        side_fini(&s);
    }
}

static void a_message_is_one_write_in_the_octets_of_the_samples(void)
{
    static struct sample apdu;
    struct side s = bound(STACK_NORMAL), x = bound(STACK_X410_1988);
    struct slice message = sample_load(&apdu, "70-apdu-message.hex");
    unsigned char want[2048];
    struct ber_out o;

    association_send(s.a, message, 7);
    says(&s, "37-one-write-n.hex");
    CHECK(association_exposed(s.a));
    hears(&s, "34-aea.hex");
    CHECK_U64(side_last(&s)->news, ASSOC_ENDED);
    CHECK_U64(side_last(&s)->fate, ASSOC_TAKEN);
    CHECK_U64(side_last(&s)->tag, 7);
    side_fini(&s);
    ber_out_init(&o, want, sizeof want);
    ber_put_raw(&o, load("33-ae.hex"));
    ber_put_raw(&o, load("32-x-dt.hex"));
    ber_put_raw(&o, load("30-as.hex"));
    association_send(x.a, message, 8);
    (void)side_says(&x, ber_out_slice(&o), "30, 32, 33 in one");
    side_fini(&x);
}

static void a_message_is_received_whole_and_confirmed(void)
{
    static struct sample apdu;
    struct slice message = sample_load(&apdu, "70-apdu-message.hex");
    struct side s = answering(STACK_NORMAL), x = answering(STACK_X410_1988);

    association_gave(s.a, association_output(s.a).n);
    association_gave(x.a, association_output(x.a).n);
    hears(&s, "37-one-write-n.hex");
    CHECK_U64(side_last(&s)->news, ASSOC_RECEIVED);
    CHECK_MEM(s.got.p, s.got.n, message.p, message.n);
    CHECK(!association_was_bare(s.a));
    CHECK(side_says_nothing(&s));
    CHECK(association_confirm(s.a));
    says(&s, "34-aea.hex");
    CHECK(!association_confirm(s.a));
    hears(&x, "30-as.hex");
    hears(&x, "32-x-dt.hex");
    hears(&x, "33-ae.hex");
    CHECK_U64(side_last(&x)->news, ASSOC_RECEIVED);
    CHECK_MEM(x.got.p, x.got.n, message.p, message.n);
    CHECK(association_confirm(x.a));
    says(&x, "34-aea.hex");
    side_fini(&s);
    side_fini(&x);
}

static void checkpoints_are_said_and_confirmed(void)
{
    unsigned char apdu[3000] = {0xa0};
    struct side s = bound(STACK_X410_1988), r = answering(STACK_X410_1988);
    struct slice said, want = load("35-mip.hex");

    side_fini(&s);
    s = side_initiator(STACK_X410_1988);
    s.config.checkpoint_kb = 1;
    s.config.window = 1;
    side_begin(&s);
    hears(&s, "02-cc.hex");
    hears(&s, "21-x-ac.hex");
    association_gave(s.a, association_output(s.a).n);
    association_send(s.a, slice_from(apdu, sizeof apdu), 1);
    said = association_output(s.a); /* AS, DT of 1,024, MIP: then the window is full */
    CHECK_U64(said.n, 16 + 11 + 1024 + want.n);
    CHECK_MEM(said.p + said.n - want.n, want.n, want.p, want.n);
    association_gave(r.a, association_output(r.a).n);
    side_hear(&r, said);
    association_gave(s.a, said.n);
    CHECK(side_says_nothing(&s));
    says(&r, "36-mia.hex");
    hears(&s, "36-mia.hex");
    CHECK_U64(association_output(s.a).n, 11 + 1024 + 14);
    side_fini(&s);
    side_fini(&r);
}

static void the_turn_is_asked_for_and_given(void)
{
    struct side n = bound(STACK_NORMAL), x = bound(STACK_X410_1988);

    CHECK(!association_please(n.a, 5));
    CHECK(association_give(n.a));
    says(&n, "42-gtc.hex");
    CHECK(!association_can_send(n.a));
    hears(&n, "43-gta.hex");
    CHECK(association_please(n.a, 5));
    says(&n, "40-n-pt.hex");
    hears(&n, "42-gtc.hex");
    says(&n, "43-gta.hex");
    CHECK_U64(side_last(&n)->news, ASSOC_TURN_GIVEN);
    CHECK(association_can_send(n.a));
    hears(&n, "40-n-pt.hex");
    CHECK_U64(side_last(&n)->news, ASSOC_TURN_ASKED);
    CHECK_I64(side_last(&n)->code, 5);
    CHECK(association_give(x.a));
    says(&x, "42-gtc.hex");
    hears(&x, "43-gta.hex");
    CHECK(association_please(x.a, 5));
    says(&x, "41-x-pt.hex");
    hears(&x, "42-gtc.hex");
    hears(&x, "41-x-pt.hex");
    CHECK_I64(side_last(&x)->code, 5);
    side_fini(&n);
    side_fini(&x);
}

/* A transfer that waits for its window. */
static struct side waiting(void)
{
    static unsigned char apdu[3000] = {0xa0};
    struct side s = side_initiator(STACK_X410_1988);

    s.config.checkpoint_kb = 1;
    s.config.window = 1;
    side_begin(&s);
    hears(&s, "02-cc.hex");
    hears(&s, "21-x-ac.hex");
    association_gave(s.a, association_output(s.a).n);
    association_send(s.a, slice_from(apdu, sizeof apdu), 1);
    association_gave(s.a, association_output(s.a).n);
    return s;
}

static void a_transfer_is_taken_back(void)
{
    static const struct {
        bool resumable;
        const char *say, *answer;
    } cases[] = {{false, "50-ad.hex", "51-ada.hex"}, {true, "52-ai.hex", "53-aia.hex"}};

    for (size_t i = 0; i < 2; i++) {
        struct side s = waiting(), r = answering(STACK_X410_1988);

        CHECK(association_take_back(s.a, cases[i].resumable));
        says(&s, cases[i].say);
        hears(&s, cases[i].answer);
        CHECK_U64(side_last(&s)->news, ASSOC_ENDED);
        CHECK_U64(side_last(&s)->fate, ASSOC_CUT);
        CHECK(side_last(&s)->resumable == cases[i].resumable);
        CHECK(association_can_send(s.a));
        association_gave(r.a, association_output(r.a).n);
        hears(&r, "30-as.hex");
        hears(&r, "32-x-dt.hex");
        hears(&r, cases[i].say);
        says(&r, cases[i].answer);
        CHECK_U64(side_last(&r)->news, ASSOC_DROPPED);
        CHECK(side_last(&r)->resumable == cases[i].resumable);
        side_fini(&s);
        side_fini(&r);
    }
}

static void a_receiver_that_cannot_take_it_says_so(void)
{
    struct side s = waiting(), r = answering(STACK_NORMAL);

    association_gave(r.a, association_output(r.a).n);
    hears(&r, "37-one-write-n.hex");
    CHECK(association_except(r.a, 1));
    says(&r, "54-ed.hex");
    hears(&r, "50-ad.hex");
    says(&r, "51-ada.hex");
    hears(&s, "54-ed.hex");
    says(&s, "50-ad.hex");
    hears(&s, "51-ada.hex");
    CHECK_U64(side_last(&s)->fate, ASSOC_NOT_TAKEN);
    CHECK_I64(side_last(&s)->code, 1);
    CHECK_HAS(side_last(&s)->text, "temporarily unable");
    side_fini(&s);
    side_fini(&r);
}

static void release_in_both_modes(void)
{
    struct side n = bound(STACK_NORMAL), x = bound(STACK_X410_1988);

    CHECK(association_release(n.a));
    says(&n, "60-n-fn.hex");
    hears(&n, "61-n-dn.hex");
    CHECK_U64(side_last(&n)->news, ASSOC_RELEASED);
    CHECK_U64(association_state(n.a), ASSOC_OVER);
    CHECK(association_release(x.a));
    says(&x, "62-x-fn.hex");
    hears(&x, "63-x-dn.hex");
    CHECK_U64(side_last(&x)->news, ASSOC_RELEASED);
    side_fini(&n);
    side_fini(&x);
    n = answering(STACK_NORMAL);
    x = answering(STACK_X410_1988);
    association_gave(n.a, association_output(n.a).n);
    association_gave(x.a, association_output(x.a).n);
    hears(&n, "60-n-fn.hex");
    says(&n, "61-n-dn.hex");
    hears(&x, "62-x-fn.hex");
    says(&x, "63-x-dn.hex");
    CHECK_U64(side_last(&x)->news, ASSOC_RELEASED);
    side_fini(&n);
    side_fini(&x);
}

static void aborts_are_said_in_the_words_of_their_layer(void)
{
    static struct sample octets;
    struct side n = bound(STACK_NORMAL), x = bound(STACK_X410_1988), p = bound(STACK_NORMAL);

    association_abort(n.a, RTSE_PROTOCOL_ERROR);
    says(&n, "64-n-ab.hex");
    CHECK_U64(association_state(n.a), ASSOC_ABORTING);
    hears(&n, "67-aa.hex");
    CHECK_U64(association_state(n.a), ASSOC_OVER);
    association_abort(x.a, RTSE_PROTOCOL_ERROR);
    says(&x, "65-x-ab.hex");
    hears(&p, "34-aea.hex"); /* of nothing */
    CHECK_U64(side_last(&p)->news, ASSOC_ABORTED);
    CHECK_U64(side_last(&p)->by, ASSOC_BY_US);
    CHECK_HAS(side_last(&p)->text, "session: ACTIVITY END ACK while having the turn; packet at "
                                   "octet 189: 02 f0 80 02 00 2a");
    says(&p, "66-ab-prov.hex");
    side_fini(&n);
    side_fini(&x);
    side_fini(&p);
    n = bound(STACK_NORMAL);
    side_hear(&n, sample_hex(&octets, "03 00 00 0c 02 f0 80 19 03 11 01 08")); /* stays open */
    says(&n, "67-aa.hex");
    side_fini(&n);
}

static void an_abort_is_told_by_whom_and_why(void)
{
    static const struct {
        const char *file;
        enum stack_mode mode;
        enum assoc_by by;
        enum stack_layer layer;
        int code;
        const char *text;
    } cases[] = {
        {"64-n-ab.hex", STACK_NORMAL, ASSOC_BY_PEER, STACK_RTSE, RTSE_PROTOCOL_ERROR,
         "rtse: the peer aborted while we were between messages: protocol error (4)"},
        {"65-x-ab.hex", STACK_X410_1988, ASSOC_BY_PEER, STACK_RTSE, RTSE_PROTOCOL_ERROR,
         "protocol error"},
        {"66-ab-prov.hex", STACK_NORMAL, ASSOC_BY_PROVIDER, STACK_SESSION, 5, "protocol error"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct side s = bound(cases[i].mode);

        hears(&s, cases[i].file);
        CHECK_U64(side_last(&s)->news, ASSOC_ABORTED);
        CHECK_U64(side_last(&s)->by, cases[i].by);
        CHECK_U64(side_last(&s)->layer, cases[i].layer);
        CHECK_I64(side_last(&s)->code, cases[i].code);
        CHECK_HAS(side_last(&s)->text, cases[i].text);
        CHECK_U64(association_state(s.a), ASSOC_OVER);
        side_fini(&s);
    }
}

static void with_extended_concatenation_a_transfer_is_one_tsdu(void)
{
    static struct sample apdu;
    struct slice message = sample_load(&apdu, "70-apdu-message.hex");
    struct side s = side_initiator(STACK_NORMAL), r = side_responder();

    s.config.extended = r.config.extended = true;
    if (pair_bind(&s, &r)) {
        association_send(s.a, message, 1);
        says(&s, "38-ext-concat.hex");
        hears(&r, "38-ext-concat.hex");
        CHECK_U64(r.heard.received, 1);
        CHECK_MEM(r.got.p, r.got.n, message.p, message.n);
        says(&r, "34-aea.hex");
    }
    side_fini(&r);
    r = side_responder(); /* one that did not offer it */
    if (pair_bind(&s, &r)) {
        association_send(s.a, message, 1);
        says(&s, "37-one-write-n.hex");
        hears(&r, "38-ext-concat.hex");
        CHECK_U64(side_last(&r)->news, ASSOC_ABORTED);
    }
    side_fini(&s);
    side_fini(&r);
}

static const struct test tests[] = {
    TEST(an_initiator_opens_in_the_octets_of_the_samples),
    TEST(a_responder_answers_in_the_octets_of_the_samples),
    TEST(the_bind_of_both_modes_arrives_as_it_was_sent),
    TEST(refusals_are_said_and_understood),
    TEST(a_refused_initiator_is_told_by_whom_and_why),
    TEST(a_message_is_one_write_in_the_octets_of_the_samples),
    TEST(a_message_is_received_whole_and_confirmed),
    TEST(checkpoints_are_said_and_confirmed),
    TEST(the_turn_is_asked_for_and_given),
    TEST(a_transfer_is_taken_back),
    TEST(a_receiver_that_cannot_take_it_says_so),
    TEST(release_in_both_modes),
    TEST(aborts_are_said_in_the_words_of_their_layer),
    TEST(an_abort_is_told_by_whom_and_why),
    TEST(with_extended_concatenation_a_transfer_is_one_tsdu),
    TEST_END,
};

const struct suite association_golden_suite = {"association_golden", tests};
