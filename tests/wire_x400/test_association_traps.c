/* test_association_traps.c - what is easy to get wrong, as the guide and Exchange's articles tell it, and hostile peers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire_x400/pair.h"
#include "tests/wire_x400/sample.h"

static struct slice load(const char *file)
{
    static struct sample samples[4];
    static unsigned next;

    return sample_load(&samples[next++ % 4], file);
}

/* A copy of a sample in which the octets `from` are `to` (as many); all of them, or the n-th (from 1). */
static struct slice changed(const char *file, const char *from, const char *to, unsigned which)
{
    static struct sample all, a, b;
    struct slice in = sample_load(&all, file), old = sample_hex(&a, from), new = sample_hex(&b, to);
    unsigned seen = 0;

    CHECK_U64(old.n, new.n);
    for (size_t i = 0; i + old.n <= in.n; i++)
        if (memcmp(all.octets + i, old.p, old.n) == 0 && (++seen == which || which == 0))
            memcpy(all.octets + i, new.p, new.n);
    CHECK(seen >= which && seen > 0);
    return sample_slice(&all);
}

static bool has(struct slice in, const char *hex)
{
    static struct sample what;
    size_t at = 0;

    return slice_find(in, sample_hex(&what, hex), &at);
}

static void give_all(struct side *s)
{
    association_gave(s->a, association_output(s->a).n);
}

static void begin_responder(struct side *s)
{
    side_begin(s);
    side_hear(s, load("01-cr.hex"));
    give_all(s);
}

static void begin_initiator(struct side *s)
{
    side_begin(s);
    give_all(s);
    side_hear(s, load("02-cc.hex"));
}

static void answers_go_out_behind_please_tokens(void)
{
    static const char *const asks[] = {"50-ad.hex", "52-ai.hex", "35-mip.hex", "33-ae.hex"};

    for (size_t n = 0; n < sizeof asks / sizeof *asks; n++) {
        struct side s = side_responder();

        s.config.our_tsel = slice_of("MPB");
        begin_responder(&s);
        side_hear(&s, load("20-x-cn.hex"));
        give_all(&s);
        side_hear(&s, load("30-as.hex"));
        side_hear(&s, load("32-x-dt.hex"));
        side_hear(&s, load(asks[n]));
        struct slice said = association_output(s.a);

        CHECK_U64(said.p[7], 0x02); /* PT; GT there made ISODE abort */
        CHECK_U64(said.p[8], 0x00);
        side_fini(&s);
    }
}

static void no_session_selector_goes_out_in_x410_mode(void)
{
    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct side s = side_initiator(mode);

        s.config.our_ssel = slice_of("SSELA");
        s.config.their_ssel = slice_of("SSELB");
        begin_initiator(&s);
        struct slice cn = association_output(s.a);

        CHECK(has(cn, "33 05 53 53 45 4c 41 34 05 53 53 45 4c 42") == (mode == STACK_NORMAL));
        CHECK(has(cn, "53 53 45 4c") == (mode == STACK_NORMAL));
        side_fini(&s);
    }
}

static void the_dialogue_mode_is_said_even_where_it_is_the_default(void)
{
    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct side s = side_initiator(mode);

        s.config.two_way = false;
        begin_initiator(&s);
        CHECK(has(association_output(s.a), "81 01 03 82 01 00 a3"));
        side_fini(&s);
    }
}

static void modes_differ_in_version_and_application_protocol(void)
{
    static const struct {
        const char *version, *application;
    } want[] = {{"16 01 01", "84 01 01"}, {"16 01 03", "84 01 0c"}, {"16 01 02", "82 01 01 a3 17"}};

    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct side s = side_initiator(mode), r = side_responder();

        begin_initiator(&s);
        CHECK(has(association_output(s.a), want[mode].version));
        CHECK(has(association_output(s.a), want[mode].application));
        CHECK(pair_bind(&s, &r));
        CHECK_U64(association_mode(r.a), mode);
        side_fini(&s);
        side_fini(&r);
    }
}

static void context_ids_are_taken_from_the_cp(void)
{
    static struct sample cn;
    struct side r = side_responder();
    struct slice in;

    begin_responder(&r);
    in = changed("10-n-cn.hex", "02 01 01 06 04 52", "02 01 07 06 04 52", 1);
    memcpy(cn.octets, in.p, cn.n = in.n);
    for (size_t i = 0; i + 5 <= cn.n; i++) /* ACSE's data in it too */
        if (memcmp(cn.octets + i, "\x02\x01\x01\xa0\x37", 5) == 0)
            cn.octets[i + 2] = 7;
    side_hear(&r, sample_slice(&cn));
    CHECK_U64(side_last(&r)->news, ASSOC_ASKED);
    CHECK(has(association_output(r.a), "61 47 30 45 02 01 07 a0"));
    give_all(&r);
    side_hear(&r, load("37-one-write-n.hex")); /* still 3 and 5 */
    CHECK_U64(r.heard.received, 1);
    give_all(&r);
    side_hear(&r, changed("60-n-fn.hex", "02 01 01 a0 05", "02 01 07 a0 05", 1));
    CHECK_U64(side_last(&r)->news, ASSOC_RELEASED);
    CHECK(has(association_output(r.a), "02 01 07 a0 05 63"));
    side_fini(&r);
}

static void data_in_a_context_nobody_agreed_on_is_an_error(void)
{
    struct side r = side_responder();

    begin_responder(&r);
    side_hear(&r, load("10-n-cn.hex"));
    give_all(&r);
    side_hear(&r, load("30-as.hex"));
    side_hear(&r, changed("31-n-dt.hex", "02 01 03 a0 82 02 00", "02 01 09 a0 82 02 00", 1));
    CHECK_U64(side_last(&r)->news, ASSOC_ABORTED);
    CHECK_HAS(side_last(&r)->text, "presentation: data in context 9, which was not agreed");
    CHECK(has(association_output(r.a), "19 0a 11 01 03 c1 05 30 03 80 01 00")); /* ARP */
    side_fini(&r);
}

static void an_apdu_is_taken_with_its_external_and_without(void)
{
    static struct sample apdu, bare;
    struct side n = side_responder(), x = side_responder();
    struct slice message = sample_load(&apdu, "70-apdu-message.hex");
    struct slice wrapped = load("31-n-dt.hex");

    /* Normal mode, bare: TPKT, COTP, GT, DT, 61{30{02 01 03 a0{04 message}}} */
    struct ber_out o;

    ber_out_init(&o, bare.octets, sizeof bare.octets);
    ber_put_bytes(&o, BER_OCTETS, message);
    ber_put_head(&o, 0xa0, 0);
    ber_put_integer(&o, BER_INTEGER, 3);
    ber_put_head(&o, BER_SEQUENCE, 0);
    ber_put_head(&o, 0x61, 0);
    ber_put_raw(&o, slice_from("\x02\xf0\x80\x01\x00\x01\x00", 7));
    size_t length = ber_mark(&o) + 4;

    ber_put_octet(&o, (unsigned char)length);
    ber_put_octet(&o, (unsigned char)(length >> 8));
    ber_put_raw(&o, slice_from("\x03\x00", 2));
    begin_responder(&n);
    side_hear(&n, load("10-n-cn.hex"));
    side_hear(&n, load("30-as.hex"));
    side_hear(&n, ber_out_slice(&o));
    side_hear(&n, load("33-ae.hex"));
    CHECK_MEM(n.got.p, n.got.n, message.p, message.n);
    CHECK(association_was_bare(n.a));
    side_fini(&n);

    /* X.410 mode, wrapped: what RTTR holds in normal mode, as it stands. */
    size_t external = wrapped.n - 508;

    ber_out_init(&o, bare.octets, sizeof bare.octets);
    ber_put_raw(&o, slice_skip(wrapped, external));
    CHECK_U64(o.p[0], BER_EXTERNAL);
    ber_put_raw(&o, slice_from("\x02\xf0\x80\x01\x00\x01\x00", 7));
    length = ber_mark(&o) + 4;
    ber_put_octet(&o, (unsigned char)length);
    ber_put_octet(&o, (unsigned char)(length >> 8));
    ber_put_raw(&o, slice_from("\x03\x00", 2));
    begin_responder(&x);
    side_hear(&x, load("20-x-cn.hex"));
    side_hear(&x, load("30-as.hex"));
    side_hear(&x, ber_out_slice(&o));
    side_hear(&x, load("33-ae.hex"));
    CHECK_MEM(x.got.p, x.got.n, message.p, message.n);
    CHECK(!association_was_bare(x.a));
    side_fini(&x);
}

/* A CN that the responder says no to, in whose name, and in which octets. */
static void an_opening_is_refused_by_the_layer_that_minds(void)
{
    static const struct {
        const char *file, *from, *to;
        enum stack_layer layer;
        int code;
        const char *text, *said;
    } cases[] = {
        {"10-n-cn.hex", "56 00 02 07", "56 00 02 08", STACK_PRESENTATION, 0,
         "presentation: refused: no reason given", "30 06 80 01 02 82 01 01 8a 01 00"},
        {"10-n-cn.hex", "56 00 01 06", "56 00 01 07", STACK_ACSE, 2, "application context",
         "a2 03 02 01 01 a3 05 a1 03 02 01 02"},
        {"10-n-cn.hex", "a3 17 a0 15", "a3 17 a1 15", STACK_RTSE, RTSE_CANNOT_RECOVER,
         "it cannot recover", "a0 02 b2 00"},
        {"20-x-cn.hex", "a3 15 a0 13", "a3 15 a1 13", STACK_RTSE, RTSE_CANNOT_RECOVER,
         "it cannot recover", "31 03 80 01 01"},
        {"10-n-cn.hex", "16 01 02", "16 01 04", STACK_SESSION, 132, "versions", "32 01 84"},
    };

    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct side r = side_responder();

        begin_responder(&r);
        side_hear(&r, changed(cases[n].file, cases[n].from, cases[n].to, 1));
        CHECK_U64(side_last(&r)->news, ASSOC_REFUSED);
        CHECK_U64(side_last(&r)->by, ASSOC_BY_US);
        CHECK_U64(side_last(&r)->layer, cases[n].layer);
        CHECK_I64(side_last(&r)->code, cases[n].code);
        CHECK_HAS(side_last(&r)->text, cases[n].text);
        if (!CHECK(has(association_output(r.a), cases[n].said)))
            CHECK_STR(cases[n].said, "said");
        CHECK_U64(association_state(r.a), ASSOC_OVER);
        side_fini(&r);
    }
}

static void wrong_selectors_are_refused_by_their_own_layer(void)
{
    static const struct {
        const char *tsel, *ssel, *psel;
        enum stack_layer layer;
        int code;
    } cases[] = {{"ABC", "S", "P", STACK_COTP, 3},
                 {"MPB", "X", "P", STACK_SESSION, 129},
                 {"MPB", "S", "X", STACK_PRESENTATION, 3}};

    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct side i = side_initiator(STACK_NORMAL), r = side_responder();

        r.config.our_tsel = slice_of(cases[n].tsel);
        r.config.our_ssel = slice_of(cases[n].ssel);
        r.config.our_psel = slice_of(cases[n].psel);
        i.config.their_ssel = slice_of("S");
        i.config.their_psel = slice_of("P");
        side_begin(&i);
        side_begin(&r);
        pair_talk(&i, &r);
        CHECK_U64(side_last(&i)->news, ASSOC_REFUSED);
        CHECK_U64(side_last(&i)->by, ASSOC_BY_PEER);
        CHECK_U64(side_last(&i)->layer, cases[n].layer);
        CHECK_I64(side_last(&i)->code, cases[n].code);
        CHECK_U64(side_last(&r)->news, ASSOC_REFUSED);
        side_fini(&i);
        side_fini(&r);
    }
}

static void modes_that_are_not_wanted_are_refused(void)
{
    for (enum stack_mode mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct side i = side_initiator(mode), r = side_responder();

        r.config.modes = STACK_ANY_MODE & ~(1u << mode);
        side_begin(&i);
        side_begin(&r);
        pair_talk(&i, &r);
        CHECK_U64(side_last(&i)->news, ASSOC_REFUSED);
        CHECK_U64(side_last(&i)->layer, mode == STACK_NORMAL ? STACK_ACSE : STACK_RTSE);
        CHECK_HAS(side_last(&i)->text,
                  mode == STACK_NORMAL ? "application context" : "name, password or mode");
        CHECK_HAS(side_last(&r)->text, stack_mode_name(mode));
        CHECK_HAS(side_last(&r)->text, "mode is not taken here");
        side_fini(&i);
        side_fini(&r);
    }
}

static void titles_and_long_names_take_extended_user_data(void)
{
    static unsigned char title[400];
    struct side i = side_initiator(STACK_NORMAL), r = side_responder();

    for (size_t n = 0; n < sizeof title; n += 2)
        title[n] = BER_NULL;
    i.config.calling_ap = i.config.called_ap = slice_from(title, sizeof title);
    begin_initiator(&i);
    CHECK(has(association_output(i.a), "14 02 02 49 c2 ff"));
    CHECK(pair_bind(&i, &r));
    side_fini(&i);
    side_fini(&r);
    i = side_initiator(STACK_NORMAL);
    i.config.calling_ap = i.config.called_ap = slice_from(title, sizeof title);
    i.config.versions = 1;
    begin_initiator(&i);
    CHECK_U64(side_last(&i)->news, ASSOC_ABORTED);
    CHECK_HAS(side_last(&i)->text, "do not fit in a CONNECT");
    side_fini(&i);
}

static void an_activity_we_do_not_know_is_not_resumed(void)
{
    static struct sample ar;
    struct side r = side_responder();

    begin_responder(&r);
    side_hear(&r, load("10-n-cn.hex"));
    give_all(&r);
    side_hear(&r, sample_hex(&ar, "03 00 00 1a 02 f0 80 01 00 1d 0f 21 08 29 03 02 01 01 2a 01 31 "
                                  "29 03 02 01 02"));
    CHECK_U64(side_last(&r)->news, ASSOC_ABORTED);
    CHECK_HAS(side_last(&r)->text, "an activity is resumed that we have not");
    CHECK(has(association_output(r.a), "b6 03 80 01 02"));
    side_fini(&r);
}

static void trash_after_connect_is_named_as_such(void)
{
    static const struct {
        const char *octets, *text;
    } cases[] = {
        {"48 54 54 50 2f 31", "tpkt: version 72, not 3: this is not RFC 1006 (48 54 54 50 2f 31)"},
        {"03 00 00 04", "tpkt: a packet of 4 octets (03 00 00 04)"},
        {"03 00 00 07 02 f0 80", "cotp: DT where a CC was due"},
        {"03 00 00 0b 20 d0 00 01 00 01 00",
         "cotp: the header of a TPDU is longer than its packet"},
        {"03 00 00 0e 09 d0 12 34 00 01 00 c0 05 0d", "cotp: a parameter runs past the end"},
        {"03 00 00 0b 06 d0 12 34 00 01 20", "cotp: CC chose class 2"},
    };

    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        static struct sample trash;
        struct side i = side_initiator(STACK_NORMAL);

        side_begin(&i);
        give_all(&i);
        side_hear(&i, sample_hex(&trash, cases[n].octets));
        CHECK_U64(side_last(&i)->news, ASSOC_ABORTED);
        CHECK_HAS(side_last(&i)->text, cases[n].text);
        CHECK_U64(association_state(i.a), ASSOC_OVER);
        CHECK(side_says_nothing(&i));
        side_fini(&i);
    }
}

/* Every length of every sample made as large as it can be, at every place: nothing but news comes of it. */
static void no_length_is_believed(void)
{
    static const char *const files[] = {"01-cr.hex",  "10-n-cn.hex", "20-x-cn.hex", "31-n-dt.hex",
                                        "35-mip.hex", "40-n-pt.hex", "64-n-ab.hex"};
    static const unsigned char tries[] = {0x00, 0x7f, 0x80, 0x84, 0x88, 0xfe, 0xff};
    unsigned ends = 0;

    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        struct sample s;
        struct slice in = sample_load(&s, files[f]);

        for (size_t at = 4; at < in.n; at++)
            for (size_t t = 0; t < sizeof tries; t++) {
                struct side r = side_responder();
                unsigned char kept = s.octets[at];

                s.octets[at] = tries[t];
                side_begin(&r);
                if (f > 0)
                    side_hear(&r, load("01-cr.hex"));
                if (f > 2)
                    side_hear(&r, load("10-n-cn.hex"));
                if (f == 3 || f == 4)
                    side_hear(&r, load("30-as.hex"));
                give_all(&r);
                side_hear(&r, in);
                ends += side_told(&r, ASSOC_ABORTED);
                s.octets[at] = kept;
                side_fini(&r);
            }
    }
    CHECK(ends > 1000);
}

static void a_peer_that_never_reads_is_given_up(void)
{
    struct side r = side_responder();
    unsigned n = 0;

    r.config.out_room = STACK_OUT_MIN;
    begin_responder(&r);
    side_hear(&r, load("20-x-cn.hex"));
    for (; n < 10000 && !side_told(&r, ASSOC_ABORTED); n++) {
        side_forget(&r);
        side_hear(&r, load("30-as.hex"));
        side_hear(&r, load("50-ad.hex")); /* each wants an ADA */
    }
    CHECK_BETWEEN(n, 500, 1000);
    CHECK_HAS(side_last(&r)->text, "cotp: the peer does not read what it is told");
    CHECK_U64(association_state(r.a), ASSOC_OVER);
    side_fini(&r);
}

static void a_tsdu_size_that_the_answer_names_is_kept(void)
{
    static struct sample ac;
    static unsigned char apdu[5000] = {0xa0};
    struct side i = side_initiator(STACK_X410_1988);
    struct slice in = load("21-x-ac.hex");

    /* 14 02 02 49 becomes 14 02 02 49 15 04 01 00 00 00: 256 octets towards the responder */
    memcpy(ac.octets, in.p, 50);
    size_t at = 0;

    CHECK(slice_find(in, slice_from("\x14\x02\x02\x49", 4), &at));
    at += 4;
    memcpy(ac.octets, in.p, at);
    memcpy(ac.octets + at, "\x15\x04\x01\x00\x00\x00", 6);
    memcpy(ac.octets + at + 6, in.p + at, in.n - at);
    ac.n = in.n + 6;
    ac.octets[3] = (unsigned char)(ac.octets[3] + 6);
    ac.octets[8] = (unsigned char)(ac.octets[8] + 6);
    begin_initiator(&i);
    give_all(&i);
    side_hear(&i, sample_slice(&ac));
    CHECK_U64(side_last(&i)->news, ASSOC_BOUND);
    association_send(i.a, slice_from(apdu, sizeof apdu), 1);
    struct slice said = slice_skip(association_output(i.a), 16);
    unsigned tsdus = 0;

    for (; said.n > 14; tsdus++) {
        size_t length = (size_t)said.p[2] << 8 | said.p[3];

        CHECK(length <= 256 + 7);
        said = slice_skip(said, length);
    }
    CHECK_U64(tsdus, 27); /* 5,000 / 192 */
    side_fini(&i);
}

static const struct test tests[] = {
    TEST(answers_go_out_behind_please_tokens),
    TEST(no_session_selector_goes_out_in_x410_mode),
    TEST(the_dialogue_mode_is_said_even_where_it_is_the_default),
    TEST(modes_differ_in_version_and_application_protocol),
    TEST(context_ids_are_taken_from_the_cp),
    TEST(data_in_a_context_nobody_agreed_on_is_an_error),
    TEST(an_apdu_is_taken_with_its_external_and_without),
    TEST(an_opening_is_refused_by_the_layer_that_minds),
    TEST(wrong_selectors_are_refused_by_their_own_layer),
    TEST(modes_that_are_not_wanted_are_refused),
    TEST(titles_and_long_names_take_extended_user_data),
    TEST(an_activity_we_do_not_know_is_not_resumed),
    TEST(trash_after_connect_is_named_as_such),
    TEST(no_length_is_believed),
    TEST(a_peer_that_never_reads_is_given_up),
    TEST(a_tsdu_size_that_the_answer_names_is_kept),
    TEST_END,
};

const struct suite association_traps_suite = {"association_traps", tests};
