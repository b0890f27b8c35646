/* test_oraddr.c - O/R addresses as text, as octets, compared, and made from SMTP addresses. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/oraddr.h"

#define CEILING 65536u

struct desk { /* what most tests need */
    struct arena *arena;
    struct buf out;
    struct err e;
};

static void desk_open(struct desk *d)
{
    *d = (struct desk){.arena = arena_create(CEILING)};
    buf_init(&d->out, 8192);
}

static void desk_close(struct desk *d)
{
    arena_destroy(d->arena);
    buf_fini(&d->out);
}

static const char *print(struct desk *d, const struct oraddr *o)
{
    buf_clear(&d->out);
    CHECK(oraddr_print(o, &d->out));
    return buf_text(&d->out);
}

static void parse(struct desk *d, const char *text, struct oraddr *o)
{
    d->e = (struct err){0};
    CHECK(oraddr_parse(slice_of(text), d->arena, o, &d->e));
    CHECK_STR(d->e.text, "");
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void text_is_printed_in_one_order(void)
{
    static const char *const cases[][2] = {
        {"c=US;a= ;p=ORG;o=SITE;s=Joe;g=Jo;", "c=US;a= ;p=ORG;o=SITE;s=Joe;g=Jo"},
        {"G=Jo; S=Joe ;A=;C=us", "c=us;a=;s=Joe ;g=Jo"},
        {"ou2=B;ou1=A;o=O;i=X;q=III;cn=Joe Public", "o=O;ou1=A;ou2=B;i=X;q=III;cn=Joe Public"},
        {"dda:MSXCHNGE=//o=ORG//ou=SITE//cn=RECIPIENTS//cn=X;c=US;a= ;p=ORG;o=SITE;",
         "c=US;a= ;p=ORG;o=SITE;dda:MSXCHNGE=//o=ORG//ou=SITE//cn=RECIPIENTS//cn=X"},
        {"x.121=2342;n-id=17;t-id=T;DDA:a\\=b=c", "x121=2342;t-id=T;n-id=17;dda:a\\=b=c"},
        {"c=840;a#=0;p#=12", "c=840;a#=0;p#=12"},
        {"admd=x;prmd=y;org=z;ou=u;surname=s;given=g;initials=i;generation=q",
         "a=x;p=y;o=z;ou1=u;s=s;g=g;i=i;q=q"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct desk d;
        struct oraddr o, again;

        desk_open(&d);
        parse(&d, cases[i][0], &o);
        CHECK_STR(print(&d, &o), cases[i][1]);
        parse(&d, cases[i][1], &again);
        CHECK_STR(print(&d, &again), cases[i][1]);
        desk_close(&d);
    }
}

static void refuses(const char *text, const char *why)
{
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    CHECK(!oraddr_parse(slice_of(text), d.arena, &o, &d.e));
    CHECK_HAS(d.e.text, why);
    CHECK_I64(d.e.code, EX_BAD_PROFILE);
    desk_close(&d);
}

static void bad_text_is_refused_in_words(void)
{
    refuses("", "empty");
    refuses("Joe", "'Joe' is not KEY=VALUE");
    refuses("x=1", "'x' is no attribute");
    refuses("s#=1", "'s' is no attribute");
    refuses("s=Joe;surname=Jim", "s is there twice");
    refuses("s=joe_public", "PrintableString");
    refuses("s=joe\\;public", "PrintableString");
    refuses("x121=12a", "NumericString");
    refuses("a#=x", "NumericString");
    refuses("c=USAX", "c has 4 characters, 3 are allowed");
    refuses("i=ABCDEF", "i has 6");
    refuses("ou2=B", "ou2 without ou1");
    refuses("dda:X", "TYPE=VALUE");
    refuses("dda:=x", "TYPE=VALUE");
    refuses("dda:TOOLONGTYPE=x", "type of a dda");
    refuses("dda:a=1;dda:b=1;dda:c=1;dda:d=1;dda:e=1", "more than 4");
}

static void what_peers_send_is_printed_without_harm(void)
{
    struct oraddr o = {.surname = slice_from("J\n;\\\xff", 5), .dda_count = 1};
    struct desk d;

    desk_open(&d);
    o.ddas[0] = (struct oraddr_dda){slice_of("a=b"), slice_of("c=d;")};
    CHECK_STR(print(&d, &o), "s=J\\x0a\\;\\\\\\xff;dda:a\\=b=c=d\\;");
    desk_close(&d);
}

/* --- octets ------------------------------------------------------------------------------------------------------- */

static struct slice put(const struct oraddr *o, enum x400_year year, unsigned char *room, size_t n)
{
    struct ber_out out;

    ber_out_init(&out, room, n);
    oraddr_put(&out, 0x60, o, year);
    CHECK(!out.full);
    return ber_out_slice(&out);
}

static bool read(struct desk *d, struct slice octets, struct oraddr *o)
{
    struct ber level = ber_in(octets);
    struct ber_element e;

    return ber_next(&level, &e) == BER_GOT && oraddr_read(&e, d->arena, o, &d->e);
}

static void octets_are_those_of_the_standard(void)
{
    /* every attribute: written out by hand from X.411 */
    static const char hex[] =
        "60 6c"
        " 30 3e 61 04 13 02 55 53  62 03 13 01 20  80 02 31 32  81 01 54  a2 05 13 03 4f 52 47"
        " 83 04 53 49 54 45  84 01 37  a5 10 80 03 4a 6f 65 81 02 4a 6f 82 01 4a 83 02 49 49"
        " a6 08 13 02 55 31 13 02 55 32"
        " 30 0d 30 0b 13 04 54 59 50 45 13 03 56 61 6c"
        " 31 1b 30 19 80 01 01 a1 14 13 12 4a 6f 65 20 51 2e 20 50 75 62 6c 69 63 20 41 2e 53 2e";
    static const char text[] = "c=US;a= ;p=ORG;o=SITE;ou1=U1;ou2=U2;s=Joe;g=Jo;i=J;q=II;"
                               "cn=Joe Q. Public A.S.;x121=12;t-id=T;n-id=7;dda:TYPE=Val";
    unsigned char room[512];
    struct sample s;
    struct desk d;
    struct oraddr o, back;

    desk_open(&d);
    parse(&d, text, &o);
    struct slice got = put(&o, X400_1988, room, sizeof room), want = sample_hex(&s, hex);

    CHECK_MEM(got.p, got.n, want.p, want.n);
    CHECK(read(&d, got, &back));
    CHECK_STR(print(&d, &back), text);
    CHECK(oraddr_equal(&o, &back));
    CHECK_U64(put(&back, X400_1988, room, sizeof room).n, want.n); /* from what was read, too */
    desk_close(&d);
}

static void an_address_of_1984_has_no_common_name(void)
{
    unsigned char room[512];
    struct desk d;
    struct oraddr o, back;

    desk_open(&d);
    parse(&d, "c=US;a= ;s=Joe;cn=Joe Public;dda:T=V", &o);
    CHECK(read(&d, put(&o, X400_1984, room, sizeof room), &back));
    CHECK_STR(print(&d, &back), "c=US;a= ;s=Joe;dda:T=V");
    desk_close(&d);
}

/* Q168140: "no ADMD" as a single space and as a numeric 0 are different octets. */
static void numeric_and_printable_values_keep_their_encodings(void)
{
    unsigned char room[512];
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    parse(&d, "a#=0", &o);
    struct slice got = put(&o, X400_1988, room, sizeof room);

    CHECK_MEM(got.p, got.n, "\x60\x07\x30\x05\x62\x03\x12\x01\x30", 9);
    parse(&d, "a=0", &o);
    got = put(&o, X400_1988, room, sizeof room);
    CHECK_MEM(got.p, got.n, "\x60\x07\x30\x05\x62\x03\x13\x01\x30", 9);
    parse(&d, "c=840", &o);
    got = put(&o, X400_1988, room, sizeof room);
    CHECK_MEM(got.p, got.n, "\x60\x09\x30\x07\x61\x05\x12\x03\x38\x34\x30", 11);
    desk_close(&d);
}

static void reads_as(const char *hex, const char *text)
{
    struct sample s;
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    CHECK(read(&d, sample_hex(&s, hex), &o));
    CHECK_STR(print(&d, &o), text);
    desk_close(&d);
}

static void old_and_odd_octets_are_read(void)
{
    /* the EAN messages of 1985: everything in ddas, one without a type */
    reads_as("60 18 30 08 61 02 13 00 62 02 13 00 30 0c 30 0a 13 00 13 06 6d 65 40 65 61 6e",
             "c=;a=;dda:=me@ean");
    /* indefinite lengths, a surname in pieces, tag [0] in place of the ORName's own */
    reads_as("a0 80 30 80 a5 80 a0 80 04 01 4a 04 02 6f 65 00 00 00 00 00 00 00 00", "s=Joe");
    /* a teletex common name, and one that is no string at all */
    reads_as("60 0f 30 00 31 0b 30 09 80 01 02 a1 04 14 02 4a 6f", "ext2=14024a6f");
    /* a directory name alone: an address of nothing */
    reads_as("60 04 a0 02 30 00", "");
}

static void does_not_read(const char *hex)
{
    struct sample s;
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    CHECK(!read(&d, sample_hex(&s, hex), &o));
    CHECK_HAS(d.e.text, "O/R name");
    desk_close(&d);
}

static void bad_octets_are_refused(void)
{
    does_not_read("60 00");
    does_not_read("60 03 30 05 80");
    does_not_read("60 0e 30 0c a6 0a 13 00 13 00 13 00 13 00 13 00");
    does_not_read("60 04 30 02 61 00");
    does_not_read("60 06 30 00 30 02 30 00");
    does_not_read("60 08 30 00 31 04 30 02 80 00");
}

static void an_attribute_without_end_is_refused(void)
{
    static const unsigned char attribute[] = {0x83, 0x82, 0x01, 0x2c};
    unsigned char octets[8 + 300] = {0x60, 0x82, 0x01, 0x34, 0x30, 0x82, 0x01, 0x30};
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    memcpy(octets + 8, attribute, sizeof attribute);
    memset(octets + 12, 'x', sizeof octets - 12);
    octets[3] = (unsigned char)(sizeof octets - 4 - 256);
    octets[7] = (unsigned char)(sizeof octets - 8 - 256);
    octets[11] = (unsigned char)(sizeof octets - 12 - 256);
    CHECK(!read(&d, slice_from(octets, sizeof octets), &o));
    desk_close(&d);
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static bool same(const char *x, const char *y)
{
    struct desk d;
    struct oraddr a = {0}, b = {0};

    desk_open(&d);
    parse(&d, x, &a);
    parse(&d, y, &b);
    bool equal = oraddr_equal(&a, &b);

    CHECK(equal == oraddr_equal(&b, &a));
    desk_close(&d);
    return equal;
}

static void addresses_are_compared_by_x402(void)
{
    CHECK(same("c=US;a= ;p=ORG;s=Joe", "c=us;a=;p=org;s=JOE"));
    CHECK(same("c=US;a= ;s=Joe", "c=US;s=Joe"));
    CHECK(same("c=US;a=x;s= van  der   Berg ", "c=US;a=x;s=Van der Berg"));
    CHECK(same("a#=0;s=x", "a=0;s=x"));
    CHECK(same("s=x;dda:A=1;dda:B=2", "s=x;dda:b=2;dda:a=1"));
    CHECK(!same("a= ;s=x", "a=0;s=x"));
    CHECK(!same("c=US;s=Joe", "c=US;g=Joe"));
    CHECK(!same("s=Joe", "s=Joe;g=A"));
    CHECK(!same("ou1=A;ou2=B", "ou1=B;ou2=A"));
    CHECK(!same("s=x;dda:A=1", "s=x;dda:A=2"));
    CHECK(!same("s=x;dda:A=1;dda:A=1", "s=x;dda:A=1"));
    CHECK(!same("s=Joe Public", "s=JoePublic"));
    CHECK(!same("cn=Joe", "s=Joe"));
}

static void a_common_name_counts_once_however_it_came(void)
{
    unsigned char room[512];
    struct desk d;
    struct oraddr o = {0}, back = {0};

    desk_open(&d);
    parse(&d, "s=Joe;cn=Joe Public", &o);
    if (!CHECK(read(&d, put(&o, X400_1988, room, sizeof room), &back)))
        return;
    CHECK(back.extended.p && !o.extended.p);
    CHECK(oraddr_equal(&o, &back));
    back.directory = slice_of("anything");
    CHECK(oraddr_equal(&o, &back));
    desk_close(&d);
}

static void the_fold_of_the_longest_address_fits(void)
{
    char out[ORADDR_FOLD_MAX], long_text[129], text[2000];
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    memset(long_text, 'X', 128);
    long_text[128] = 0;
    (void)snprintf(text, sizeof text,
                   "c=US;a=%.16s;p=%.16s;o=%.64s;ou1=%.32s;ou2=%.32s;ou3=%.32s;ou4=%.32s;s=%.40s;"
                   "g=%.16s;i=%.5s;q=%.3s;cn=%.64s;dda:%.8s=%s;dda:a=%s;dda:b=%s;dda:c=%s",
                   long_text, long_text, long_text, long_text, long_text, long_text, long_text,
                   long_text, long_text, long_text, long_text, long_text, long_text, long_text,
                   long_text, long_text, long_text);
    parse(&d, text, &o);
    CHECK(oraddr_fold(&o, out));
    CHECK_U64(strlen(out), strlen(text));
    static unsigned char ff[ORADDR_ATTRIBUTE_MAX];

    memset(ff, 0xff, sizeof ff);
    o.surname = o.given = o.organisation = o.common_name = slice_from(ff, sizeof ff);
    CHECK(!oraddr_fold(&o, out)); /* 1,024 characters each */
    CHECK(!oraddr_equal(&o, &o));
    desk_close(&d);
}

/* --- SMTP addresses ------------------------------------------------------------------------------------------------ */

static void there_and_back(const char *template, const char *smtp, const char *text)
{
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    CHECK(oraddr_from_smtp(template, slice_of(smtp), d.arena, &o, &d.e));
    CHECK_STR(d.e.text, "");
    CHECK_STR(print(&d, &o), text);
    buf_clear(&d.out);
    CHECK(oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    CHECK_STR(d.e.text, "");
    CHECK_STR(buf_text(&d.out), smtp);
    desk_close(&d);
}

static void smtp_addresses_go_there_and_back(void)
{
    there_and_back("c=US;a= ;p=LAB;o=SITE;s={local}", "joanne-1@lab.example",
                   "c=US;a= ;p=LAB;o=SITE;s=joanne-1");
    there_and_back("c=US;a= ;p=LAB;o=SITE;s={local}", "joe_public%x@lab.example",
                   "c=US;a= ;p=LAB;o=SITE;s=joe(u)public(p)x");
    there_and_back("c=US;a= ;p=LAB;dda:RFC-822={smtp}", "joe@lab.example",
                   "c=US;a= ;p=LAB;dda:RFC-822=joe(a)lab.example");
    there_and_back("c=US;a= ;p=LAB;dda:SMTP={smtp}", "joe@lab.example",
                   "c=US;a= ;p=LAB;dda:SMTP=joe(a)lab.example");
    there_and_back("c=US;a= ;p=LAB;o={domain};s=u-{local}-x", "joe@other.example",
                   "c=US;a= ;p=LAB;o=other.example;s=u-joe-x");
    there_and_back("c=US;a= ;p=LAB;cn={local}", "a(b)\"!#@lab.example",
                   "c=US;a= ;p=LAB;cn=a(l)b(r)(q)(b)(035)");
}

static void an_address_that_does_not_fit_the_template_is_refused(void)
{
    static const char template[] = "c=US;a= ;p=LAB;o=SITE;s={local}";
    struct desk d;
    struct oraddr o;

    desk_open(&d);
    parse(&d, "c=us;p=lab;o=site;s=Joanne-1", &o);
    CHECK(oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    CHECK_STR(buf_text(&d.out), "Joanne-1@lab.example");
    parse(&d, "c=US;a= ;p=LAB;o=OTHER;s=joanne-1", &o);
    CHECK(!oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    CHECK_HAS(d.e.text, "does not fit");
    parse(&d, "c=US;a= ;p=LAB;o=SITE;s=joanne-1;g=x", &o);
    CHECK(!oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    parse(&d, "c=US;a= ;p=LAB;o=SITE", &o);
    CHECK(!oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    parse(&d, "c=US;dda:RFC-822=a(zz)", &o);
    CHECK(!oraddr_to_smtp(template, &o, "lab.example", &d.out, &d.e));
    CHECK(!oraddr_from_smtp(template, slice_of("nobody"), d.arena, &o, &d.e));
    CHECK_HAS(d.e.text, "LOCAL@DOMAIN");
    CHECK(!oraddr_from_smtp("s={who}", slice_of("a@b"), d.arena, &o, &d.e));
    desk_close(&d);
}

static const struct test tests[] = {
    TEST(text_is_printed_in_one_order),
    TEST(bad_text_is_refused_in_words),
    TEST(what_peers_send_is_printed_without_harm),
    TEST(octets_are_those_of_the_standard),
    TEST(an_address_of_1984_has_no_common_name),
    TEST(numeric_and_printable_values_keep_their_encodings),
    TEST(old_and_odd_octets_are_read),
    TEST(bad_octets_are_refused),
    TEST(an_attribute_without_end_is_refused),
    TEST(addresses_are_compared_by_x402),
    TEST(a_common_name_counts_once_however_it_came),
    TEST(the_fold_of_the_longest_address_fits),
    TEST(smtp_addresses_go_there_and_back),
    TEST(an_address_that_does_not_fit_the_template_is_refused),
    TEST_END,
};

const struct suite oraddr_suite = {"oraddr", tests};
