/* test_ber.c - BER: golden encodings of X.690, and what hostile lengths can do: nothing. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/ber.h"

static struct sample s;

static void check_int(int64_t n, const char *hex)
{
    unsigned char room[16];
    struct ber_out o;
    struct ber_element e;
    int64_t back = 0;

    ber_out_init(&o, room, sizeof room);
    ber_put_integer(&o, BER_INTEGER, n);
    struct slice got = ber_out_slice(&o), want = sample_hex(&s, hex);

    CHECK_MEM(got.p, got.n, want.p, want.n);
    struct ber b = ber_in(want);

    CHECK(ber_take(&b, BER_INTEGER, &e) && ber_int(&e, &back));
    CHECK_I64(back, n);
}

static void integers_take_the_fewest_octets(void)
{
    check_int(0, "02 01 00");
    check_int(127, "02 01 7f");
    check_int(128, "02 02 00 80");
    check_int(256, "02 02 01 00");
    check_int(-128, "02 01 80");
    check_int(-129, "02 02 ff 7f");
    check_int(INT64_MAX, "02 08 7f ff ff ff ff ff ff ff");
    check_int(INT64_MIN, "02 08 80 00 00 00 00 00 00 00");
}

static void what_is_written_backwards_reads_forwards(void)
{
    unsigned char room[64];
    struct ber_out o;
    size_t outer = 0;

    ber_out_init(&o, room, sizeof room);
    outer = ber_mark(&o);
    ber_put_text(&o, BER_IA5, "ab");
    ber_put_bits(&o, 0x81, 0xa8000000, 5);
    ber_put_empty(&o, BER_NULL);
    ber_put_integer(&o, 0x80, 5);
    ber_put_head(&o, BER_SET, outer);
    struct slice got = ber_out_slice(&o),
                 want = sample_hex(&s, "31 0d 80 01 05 05 00 81 02 03 a8 16 02 61 62");

    CHECK_MEM(got.p, got.n, want.p, want.n);
    CHECK(!o.full);
}

static void long_lengths_and_high_tags_are_written(void)
{
    static unsigned char room[70000];
    struct ber_out o;
    struct ber_element e;

    for (size_t n = 126; n < 66000; n = n * 2 + 3) {
        ber_out_init(&o, room, sizeof room);
        ber_put_bytes(&o, 0xbf1f, slice_from(room, n));
        struct ber b = ber_in(ber_out_slice(&o));

        CHECK(ber_take(&b, 0xbf1f, &e));
        CHECK_U64(e.value.n, n);
        CHECK(e.constructed && ber_at_end(&b));
    }
}

static void a_writer_without_room_says_so_once(void)
{
    unsigned char room[8];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    ber_put_text(&o, BER_IA5, "sixteen octets..");
    ber_put_integer(&o, BER_INTEGER, 1);
    CHECK(o.full);
    CHECK_U64(ber_mark(&o), 0);
}

static void indefinite_lengths_are_measured(void)
{
    struct slice in =
        sample_hex(&s, "30 80 02 01 01 24 80 04 01 61 04 01 62 00 00 a0 80 00 00 00 00 "
                       "05 00");
    struct ber b = ber_in(in), inside;
    struct ber_element e, piece;
    unsigned char scratch[4];
    struct slice text;

    CHECK(ber_check(in));
    CHECK_U64(ber_next(&b, &e), BER_GOT);
    CHECK_U64(e.value.n, 17);
    CHECK_U64(e.whole.n, 21);
    inside = ber_inside(&e);
    CHECK(ber_take(&inside, BER_INTEGER, &piece));
    CHECK(ber_take(&inside, BER_OCTETS, &piece));
    CHECK(ber_string(&piece, scratch, sizeof scratch, &text));
    CHECK_MEM(text.p, text.n, "ab", 2);
    CHECK(!ber_string(&piece, scratch, 1, &text));
    CHECK(ber_take(&inside, 0xa0, &piece));
    CHECK_U64(piece.value.n, 0);
    CHECK(ber_at_end(&inside));
    CHECK(ber_take(&b, BER_NULL, &e));
    CHECK_U64(ber_next(&b, &e), BER_END);
}

static void hostile_lengths_are_bad(void)
{
    static const char *const bad[] = {
        "02",                                  /* no length */
        "02 02 01",                            /* past the end */
        "02 84 ff ff ff ff 00",                /* far past the end */
        "02 89 01 00 00 00 00 00 00 00 00 00", /* wider than a word */
        "02 ff 01",                            /* 127 octets of length */
        "02 80 01 00 00",                      /* indefinite, but primitive */
        "30 80 02 01 01",                      /* no end-of-contents */
        "30 80 02 05 01 00 00",                /* inside past the end */
        "30 80 30 80 00 00",                   /* one end for two */
        "00 00",                               /* an end without a beginning */
        "30 04 02 03 01 02",                   /* inside past its parent */
        "bf ff ff ff 01 00",                   /* tag of four octets */
        "1f",                                  /* half a tag */
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK(!ber_check(sample_hex(&s, bad[i]))))
            CHECK_STR(bad[i], "refused");
}

static void depth_is_limited(void)
{
    unsigned char deep[2000];
    struct ber_out o;

    ber_out_init(&o, deep, sizeof deep);
    for (unsigned n = 0; n < BER_DEPTH_MAX; n++)
        ber_put_head(&o, BER_SEQUENCE, 0);
    CHECK(ber_check(ber_out_slice(&o)));
    ber_put_head(&o, BER_SEQUENCE, 0);
    CHECK(!ber_check(ber_out_slice(&o)));
    memset(deep, 0x30, sizeof deep);
    for (size_t i = 1; i < sizeof deep; i += 2)
        deep[i] = 0x80;
    CHECK(!ber_check(slice_from(deep, sizeof deep)));
}

static void elements_of_a_level_are_limited(void)
{
    static unsigned char many[2 * (BER_ELEMENTS_MAX + 1)];

    for (size_t i = 0; i < sizeof many; i += 2)
        many[i] = BER_NULL;
    CHECK(ber_check(slice_from(many, sizeof many - 2)));
    CHECK(!ber_check(slice_from(many, sizeof many)));
}

static void bits_and_names_are_read(void)
{
    struct ber b = ber_in(sample_hex(&s, "03 02 03 a8 03 01 00 03 02 09 00 06 04 56 00 01 06"));
    struct ber_element e;
    uint32_t bits = 0;
    unsigned count = 9;
    char text[32];

    CHECK(ber_take(&b, BER_BITS, &e) && ber_bits(&e, &bits, &count));
    CHECK_U64(bits, 0xa8000000);
    CHECK_U64(count, 5);
    CHECK(ber_take(&b, BER_BITS, &e) && ber_bits(&e, &bits, &count));
    CHECK_U64(count, 0);
    CHECK(ber_take(&b, BER_BITS, &e) && !ber_bits(&e, &bits, &count));
    CHECK(ber_take(&b, BER_OID, &e));
    CHECK_STR(ber_oid_text(text, sizeof text, e.value), "2.6.0.1.6");
    CHECK_STR(ber_oid_text(text, sizeof text, sample_hex(&s, "2a 86 48 86 f7 14 05 01")),
              "1.2.840.113556.5.1");
    CHECK_STR(ber_oid_text(text, 4, sample_hex(&s, "2a 86 48 86 f7 14 05 01")), "1.2");
}

static void a_length_of_127_takes_one_octet_and_of_128_two(void)
{
    static const struct {
        size_t n;
        const char *head;
        size_t head_n;
    } rows[] = {{127, "\x04\x7f", 2},
                {128, "\x04\x81\x80", 3},
                {255, "\x04\x81\xff", 3},
                {256, "\x04\x82\x01\x00", 4}};

    static unsigned char room[512], value[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ber_out o;

        ber_out_init(&o, room, sizeof room);
        ber_put_bytes(&o, 0x04, slice_from(value, rows[i].n));
        struct slice out = ber_out_slice(&o);

        CHECK_U64(out.n, rows[i].head_n + rows[i].n);
        CHECK_MEM(out.p, rows[i].head_n, rows[i].head, rows[i].head_n);
    }
}

static void an_element_that_ends_one_octet_too_late_is_not_given_out(void)
{
    static const unsigned char octets[] = {0x04, 0x02, 0xaa, 0xbb};
    struct ber_element e;
    struct ber whole = ber_in(slice_from(octets, 4)), cut = ber_in(slice_from(octets, 3));

    CHECK(ber_next(&whole, &e) == BER_GOT);
    CHECK(ber_next(&cut, &e) == BER_BAD);
}

static const struct test tests[] = {
    TEST(integers_take_the_fewest_octets),
    TEST(what_is_written_backwards_reads_forwards),
    TEST(long_lengths_and_high_tags_are_written),
    TEST(a_writer_without_room_says_so_once),
    TEST(indefinite_lengths_are_measured),
    TEST(hostile_lengths_are_bad),
    TEST(depth_is_limited),
    TEST(elements_of_a_level_are_limited),
    TEST(bits_and_names_are_read),
    TEST(a_length_of_127_takes_one_octet_and_of_128_two),
    TEST(an_element_that_ends_one_octet_too_late_is_not_given_out),
    TEST_END,
};

const struct suite ber_suite = {"ber", tests};
