/* test_content.c - interpersonal messages and notifications. */
#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"

#define CEILING (1u << 20)

struct read {
    struct sample sample;
    struct arena *arena;
    struct content content;
    struct err e;
    bool ok;
};

static void read_slice(struct read *r, struct slice s)
{
    r->e = (struct err){0};
    r->arena = arena_create(CEILING);
    r->ok = content_read(s, r->arena, &r->content, &r->e);
}

static void read_hex(struct read *r, const char *hex)
{
    read_slice(r, sample_hex(&r->sample, hex));
}

static void read_end(struct read *r)
{
    arena_destroy(r->arena);
}

#define CHECK_SLICE(s, text) CHECK_MEM((s).p, (s).n, text, sizeof(text) - 1)

static struct slice sample_content(struct sample *s)
{
    struct p1_keys k;

    CHECK(p1_keys_read(sample_load(s, "70-apdu-message.hex"), &k));
    return k.content;
}

static void the_sample_content_has_its_fields(void)
{
    struct sample s;
    struct read r;

    read_slice(&r, sample_content(&s));
    CHECK_STR(r.e.text, "");
    if (CHECK(r.ok && !r.content.notification)) {
        const struct ipm *m = &r.content.ipm;

        CHECK(m->id.named);
        CHECK_SLICE(m->id.local, "MP-00000001");
        CHECK_SLICE(m->id.user.surname, "Sender");
        CHECK(m->from_set && m->from.named);
        CHECK_SLICE(m->from.name.given, "Load");
        if (CHECK_U64(m->to.count, 1))
            CHECK_SLICE(m->to.at[0].name.surname, "User0001");
        CHECK(!m->copy.set);
        CHECK_SLICE(m->subject, "moveproof MP-00000001");
        if (CHECK_U64(m->part_count, 1)) {
            CHECK_U64(m->parts[0].tag, 0xa0);
            CHECK_SLICE(m->parts[0].text, "probe 1\r\n");
        }
    }
    read_end(&r);
}

/* With the body part's own octets, and with its text alone. */
static void the_sample_content_is_written_back_to_its_octets(void)
{
    unsigned char room[SAMPLE_MAX];
    struct sample s;
    struct slice want = sample_content(&s);
    struct read r;
    struct ber_out o;

    read_slice(&r, want);
    for (int text = 0; r.ok && text < 2; text++) {
        if (text)
            r.content.ipm.parts[0].raw = slice_from(NULL, 0);
        ber_out_init(&o, room, sizeof room);
        CHECK(content_write(&o, &r.content, X400_1988));
        CHECK_MEM(o.p, ber_mark(&o), want.p, want.n);
    }
    ber_out_init(&o, room, 100);
    CHECK(!content_write(&o, &r.content, X400_1988));
    read_end(&r);
}

static void a_heading_with_all_that_is_read_survives(void)
{
    unsigned char room[SAMPLE_MAX];
    struct ipm_person to[2] = {
        {.named = true, .name.surname = slice_of("A"), .notify = 0xe0, .reply = true},
        {.free_form = slice_of("Free"), .telephone = slice_of("1"), .notify = -1}};
    struct ipm_part parts[2] = {{.text = slice_of("one")}, {.text = slice_of("")}};
    struct content c;
    struct ber_out o;
    struct read r;

    content_init(&c);
    c.ipm.id = (struct ipm_id){.set = true, .local = slice_of("id")};
    c.ipm.replied_to = (struct ipm_id){.set = true, .local = slice_of("old")};
    c.ipm.to = (struct ipm_people){to, 2, true};
    c.ipm.copy = (struct ipm_people){to, 1, true};
    c.ipm.blind = (struct ipm_people){to, 0, true};
    c.ipm.importance = 2;
    c.ipm.sensitivity = 3;
    c.ipm.auto_forwarded = true;
    c.ipm.parts = parts;
    c.ipm.part_count = 2;
    ber_out_init(&o, room, sizeof room);
    CHECK(content_write(&o, &c, X400_1988));
    read_slice(&r, ber_out_slice(&o));
    CHECK_STR(r.e.text, "");
    if (CHECK(r.ok)) {
        const struct ipm *m = &r.content.ipm;

        CHECK(m->to.count == 2 && m->copy.count == 1 && m->blind.set && m->blind.count == 0);
        CHECK_I64(m->to.at[0].notify, 0xe0);
        CHECK(m->to.at[0].reply && !m->to.at[1].reply);
        CHECK_I64(m->to.at[1].notify, -1);
        CHECK_SLICE(m->to.at[1].free_form, "Free");
        CHECK_SLICE(m->replied_to.local, "old");
        CHECK(m->importance == 2 && m->sensitivity == 3 && m->auto_forwarded && !m->from_set);
        CHECK(m->part_count == 2 && m->parts[1].text.p && m->parts[1].text.n == 0);
    }
    read_end(&r);
}

/* The shape of the receipts in the EAN messages of 1985. */
static void notifications_are_read_and_written(void)
{
    static const char receipt[] = "a1 25 6b 09 13 07 4d 50 2d 30 30 30 31"
                                  " a0 18 a1 16 80 11 38 35 30 33 31 34 30 39 33 30 30 30 2b 30 30"
                                  " 30 30 81 01 01";
    static const char discarded[] =
        "a1 14 6b 04 13 02 69 64 a0 0c a0 0a 80 01 00 81 01 02 82 02 6f 68";
    unsigned char room[200];
    struct ber_out o;
    struct read r;

    read_hex(&r, receipt);
    CHECK_STR(r.e.text, "");
    if (CHECK(r.ok && r.content.notification && r.content.ipn.receipt)) {
        CHECK_SLICE(r.content.ipn.subject.local, "MP-0001");
        CHECK_SLICE(r.content.ipn.time, "850314093000+0000");
        CHECK_I64(r.content.ipn.mode, 1);
        ber_out_init(&o, room, sizeof room);
        CHECK(content_write(&o, &r.content, X400_1984));
        CHECK_MEM(o.p, ber_mark(&o), r.sample.octets, r.sample.n);
    }
    read_end(&r);
    read_hex(&r, discarded);
    if (CHECK(r.ok && !r.content.ipn.receipt && !r.content.ipn.other)) {
        CHECK_I64(r.content.ipn.reason, 0);
        CHECK_I64(r.content.ipn.discard, 2);
        CHECK_SLICE(r.content.ipn.comment, "oh");
        ber_out_init(&o, room, sizeof room);
        CHECK(content_write(&o, &r.content, X400_1984));
        CHECK_MEM(o.p, ber_mark(&o), r.sample.octets, r.sample.n);
    }
    read_end(&r);
}

static void text_is_found_in_other_body_parts(void)
{
    /* general text (extended), IA5 in pieces as in 1985, teletex, and a bilateral part that is none */
    static const char hex[] = "a0 49 31 05 6b 03 13 01 31 30 40"
                              " af 14 28 12 06 04 56 01 04 0b a0 0a 1b 08 67 65 6e 65 72 61 6c 21"
                              " a0 13 31 03 80 01 05 36 0c 04 04 6f 6e 65 2c 04 04 74 77 6f 21"
                              " a5 0b 31 03 80 01 01 30 04 14 02 54 36"
                              " 8e 03 78 79 7a"
                              " a9 01 00";
    struct read r;

    read_hex(&r, hex);
    /* a9 01 00 is no well-formed message, which is no concern of ours: it stays raw */
    CHECK_STR(r.e.text, "");
    if (CHECK(r.ok) && CHECK_U64(r.content.ipm.part_count, 5)) {
        CHECK_SLICE(r.content.ipm.parts[0].text, "general!");
        CHECK_SLICE(r.content.ipm.parts[1].text, "one,two!");
        CHECK_SLICE(r.content.ipm.parts[2].text, "T6");
        CHECK(!r.content.ipm.parts[3].text.p && !r.content.ipm.parts[4].text.p);
        CHECK_U64(r.content.ipm.parts[3].tag, 0x8e);
    }
    read_end(&r);
}

static void refuses(const char *hex, const char *why)
{
    struct read r;

    read_hex(&r, hex);
    CHECK(!r.ok);
    CHECK_HAS(r.e.text, why);
    read_end(&r);
}

static void what_cannot_be_right_is_refused_in_words(void)
{
    refuses("", "nothing there");
    refuses("04 00", "neither an IPM nor a notification");
    refuses("a0 00", "no heading");
    refuses("a0 02 31 00", "no body");
    refuses("a0 06 31 02 8c 05 30 00", "BER at octet 4");
    refuses("a0 08 31 04 8c 02 80 00 30 00", "number");
    refuses("a1 00", "a notification of nothing");
    refuses("a1 08 6b 04 13 02 69 64 a0 00", "a notification of nothing");
}

static void flips_and_cuts_are_survived(void)
{
    struct sample s;
    struct slice whole = sample_content(&s);

    for (size_t i = 0; i < whole.n; i++) {
        struct read r;

        read_slice(&r, slice_from(whole.p, i));
        CHECK(!r.ok);
        read_end(&r);
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            ((unsigned char *)whole.p)[i] ^= (unsigned char)flip;
            read_slice(&r, whole);
            read_end(&r);
            ((unsigned char *)whole.p)[i] ^= (unsigned char)flip;
        }
    }
}

static const struct test tests[] = {
    TEST(the_sample_content_has_its_fields),
    TEST(the_sample_content_is_written_back_to_its_octets),
    TEST(a_heading_with_all_that_is_read_survives),
    TEST(notifications_are_read_and_written),
    TEST(text_is_found_in_other_body_parts),
    TEST(what_cannot_be_right_is_refused_in_words),
    TEST(flips_and_cuts_are_survived),
    TEST_END,
};

const struct suite content_suite = {"content", tests};
