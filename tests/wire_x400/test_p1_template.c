/* test_p1_template.c - prebuilt messages are those that the general writer makes, and carry the token where it belongs. */
#include <string.h>

#include "tests/support/check.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_template.h"

#define NOW     1795262400 /* 2026-11-21 12:00:00 UTC */
#define NAMES   4u
#define BODY    900u
#define CEILING (1u << 20)

static const char *const names[NAMES] = {"c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load",
                                         "c=XX;a=;p=LAB;o=ORGB;s=User0001", "c=XX;a=;p=LAB;s=Z",
                                         "c=XX;a=;p=LAB;o=ORGB;s=Deputy;cn=Deputy"};

struct rig {
    struct arena *arena;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct oraddr plain[NAMES];
    struct slice coded[NAMES];
    unsigned char octets[NAMES][200];
    struct p1_template_setup setup;
    struct p1_addressee to[2];
    struct smtp_text body;
    struct p1_order order;
    struct p1_template *t;
};

static void set_up(struct rig *r, enum x400_year year)
{
    *r = (struct rig){.arena = arena_create(CEILING),
                      .corpus = smtp_corpus_create(7),
                      .key = token_key_make(1, 2)};
    for (unsigned i = 0; i < NAMES; i++) {
        struct ber_out o;

        CHECK(oraddr_parse(slice_of(names[i]), r->arena, &r->plain[i], NULL));
        ber_out_init(&o, r->octets[i], sizeof r->octets[i]);
        oraddr_put(&o, 0x60, &r->plain[i], year);
        r->coded[i] = ber_out_slice(&o);
    }
    r->setup = (struct p1_template_setup){.year = year,
                                          .domain = r->plain[0].domain,
                                          .mta = slice_of("MTA-A"),
                                          .content_type = CONTENT_P22,
                                          .priority = P1_URGENT,
                                          .indicators = P1_ALTERNATE_ALLOWED,
                                          .ask = P1_ASK_BOTH,
                                          .correlator = true,
                                          .no_reassignment = true,
                                          .no_expansion = true,
                                          .subject = slice_of("load test")};
    r->to[0] = (struct p1_addressee){.name = r->coded[1], .alternate = r->coded[3]};
    r->to[1] = (struct p1_addressee){.name = r->coded[2]};
    r->order = (struct p1_order){.number = 30020,
                                 .key = &r->key,
                                 .from = r->coded[0],
                                 .to = r->to,
                                 .recipients = 2,
                                 .now_s = NOW,
                                 .deferred_s = NOW + 60,
                                 .latest_s = NOW + 3600,
                                 .body = &r->body};
    r->t = p1_template_create(&r->setup, NULL);
    CHECK(r->t && r->corpus);
}

static void compose(struct rig *r, uint64_t number, uint32_t body_bytes)
{
    const struct smtp_text_order o = {
        .number = number, .key = &r->key, .body_bytes = body_bytes, .seven_bit = true};

    r->order.number = number;
    smtp_text_compose_body(&r->body, r->corpus, &o);
}

static void tear_down(struct rig *r)
{
    p1_template_destroy(r->t);
    smtp_corpus_destroy(r->corpus);
    arena_destroy(r->arena);
}

/* --- the same message, written by p1_write() and content_write() -------------------------------------------------- */

static struct slice body_of(struct rig *r)
{
    size_t n = smtp_text_bytes(&r->body, false), done = 0;
    unsigned char *all = arena_bytes(r->arena, n);

    while (done < n) {
        struct iovec iov;

        CHECK(smtp_text_iov(&r->body, false, done, &iov, 1) == 1);
        memcpy(all + done, iov.iov_base, iov.iov_len);
        done += iov.iov_len;
    }
    return slice_from(all, n);
}

static struct slice general_content(struct rig *r, struct slice id, struct slice subject)
{
    unsigned char *room = arena_bytes(r->arena, 65536);
    struct ipm_person to[2] = {{.named = true, .name = r->plain[1], .notify = -1},
                               {.named = true, .name = r->plain[2], .notify = -1}};
    struct ipm_part part = {.text = body_of(r)};
    struct content c;
    struct ber_out o;

    content_init(&c);
    c.ipm.id = (struct ipm_id){true, true, r->plain[0], id};
    c.ipm.from_set = true;
    c.ipm.from = (struct ipm_person){.named = true, .name = r->plain[0]};
    c.ipm.to = (struct ipm_people){to, r->order.recipients, true};
    c.ipm.subject = subject;
    c.ipm.parts = &part;
    c.ipm.part_count = 1;
    ber_out_init(&o, room, 65536);
    CHECK(content_write(&o, &c, r->setup.year));
    return ber_out_slice(&o);
}

static struct slice general_message(struct rig *r)
{
    unsigned char *room = arena_bytes(r->arena, 65536);
    char id[29] = "pm.", brief[16], subject[41] = "load test [pm.";

    token_write(&r->key, r->order.number, id + 3);
    token_write_short(&r->key, r->order.number, brief);
    memcpy(subject + 11, id, 29);
    subject[40] = ']';
    struct p1_hop outer = {.domain = r->plain[0].domain, .arrival = slice_of("261121120000Z")};
    struct p1_hop inner = outer;
    struct p1_extension each = {.type = 2, .form = P1_NAME, .name = &r->plain[3]};
    struct p1_extension all[] = {
        {.type = 1, .form = P1_NUMBER, .number = 1},
        {.type = 3, .form = P1_NUMBER, .number = 1},
        {.type = 23, .form = P1_TEXT, .tag = BER_IA5, .value = slice_from(id, 29)},
        {.type = 38, .form = P1_HOPS, .hops = {&inner, 1, true}},
        {.type = 5, .form = P1_TIME, .value = slice_of("261121130000Z")},
    };
    struct p1_bits ask = {true, 8, P1_ASK_BOTH};
    struct p1_recipient to[2] = {
        {.name = r->plain[1], .number = 1, .indicators = ask, .conversion = P1_NONE},
        {.name = r->plain[2], .number = 2, .indicators = ask, .conversion = P1_NONE}};
    struct p1_apdu apdu = {.kind = P1_MESSAGE};
    struct p1_message *m = &apdu.message;
    struct ber_out o;

    inner.mta = slice_of("MTA-A");
    to[0].extensions = (struct p1_extensions){&each, 1, true};
    p1_message_init(m);
    m->id = (struct p1_id){r->plain[0].domain, slice_from(id, 29)};
    m->originator = r->plain[0];
    m->eits = slice_from("\x80\x03\x06\x20\x00", 5);
    m->content_type.number = CONTENT_P22;
    m->content_id = slice_from(brief, 16);
    m->priority = P1_URGENT;
    m->indicators = (struct p1_bits){true, 8, P1_ALTERNATE_ALLOWED};
    m->deferred = slice_of("261121120100Z");
    m->recipients = to;
    m->recipient_count = r->order.recipients;
    m->trace = (struct p1_hops){&outer, 1, true};
    m->extensions = (struct p1_extensions){all, 5, true};
    m->content = general_content(r, slice_from(id, 29), slice_from(subject, 41));
    ber_out_init(&o, room, 65536);
    CHECK(p1_write(&o, &apdu, r->setup.year));
    return ber_out_slice(&o);
}

static void templates_are_what_the_general_writer_makes(void)
{
    static const uint32_t sizes[] = {0, 60, 128, 700, 4096, 40000};

    for (int year = 0; year < 2; year++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            static unsigned char room[65536];
            struct rig r;

            set_up(&r, year ? X400_1988 : X400_1984);
            compose(&r, 30020 + i, sizes[i]);
            r.order.recipients = 1 + (uint32_t)i % 2;
            struct slice want = general_message(&r);
            struct slice got = p1_template_fill(r.t, &r.order, room, sizeof room);

            CHECK_MEM(got.p, got.n, want.p, want.n);
            CHECK(got.n <= p1_template_most(r.t, &r.order));
            tear_down(&r);
        }
}

static void the_token_stands_in_every_place(void)
{
    static unsigned char room[65536];
    struct rig r;
    struct p1_keys k, none = {0};
    struct p1_apdu apdu;
    struct content c;
    uint64_t n = 0;

    set_up(&r, X400_1988);
    for (uint64_t number = 0; number < 3; number++) {
        compose(&r, number, BODY);
        struct slice got = p1_template_fill(r.t, &r.order, room, sizeof room);

        CHECK(p1_keys_read(got, &k));
        CHECK(p1_identify(&k, &r.key, &n) == P1_BY_ID && n == number);
        k.id = none.id;
        CHECK(p1_identify(&k, &r.key, &n) == P1_BY_CONTENT_ID && n == number);
        k.content_id = none.content_id;
        CHECK(p1_identify(&k, &r.key, &n) == P1_BY_CORRELATOR && n == number);
        k.correlator = none.correlator;
        CHECK(p1_identify(&k, &r.key, &n) == P1_BY_CONTENT && n == number);
        CHECK(p1_read(got, r.arena, &apdu, NULL));
        CHECK(content_read(apdu.message.content, r.arena, &c, NULL));
        for (int i = 0; i < 3; i++) {
            struct slice in = i == 0   ? c.ipm.id.local
                              : i == 1 ? c.ipm.subject
                                       : c.ipm.parts[0].text;
            size_t at = 0;

            CHECK(token_find(&r.key, in, &at, &n) && n == number);
        }
        CHECK_U64(smtp_text_check_body(r.corpus, &r.key, number, BODY, c.ipm.parts[0].text),
                  SMTP_TEXT_INTACT);
    }
    tear_down(&r);
}

static void a_resend_is_the_same_octets(void)
{
    static unsigned char first[8192], second[8192];
    struct rig r;

    set_up(&r, X400_1988);
    compose(&r, 1, BODY);
    struct slice one = p1_template_fill(r.t, &r.order, first, sizeof first);

    compose(&r, 2, 2 * BODY);
    r.order.now_s++;
    CHECK(p1_template_fill(r.t, &r.order, second, sizeof second).n > 0);
    compose(&r, 1, BODY);
    r.order.now_s--;
    struct slice again = p1_template_fill(r.t, &r.order, second, sizeof second);

    CHECK_MEM(again.p, again.n, one.p, one.n);
    tear_down(&r);
}

static void what_is_not_asked_for_is_not_there(void)
{
    static unsigned char room[65536];
    struct rig r;
    struct p1_apdu apdu;

    set_up(&r, X400_1988);
    p1_template_destroy(r.t);
    r.setup.correlator = r.setup.no_expansion = r.setup.no_reassignment = false;
    r.setup.mta = slice_of("");
    r.setup.subject = slice_of("");
    r.t = p1_template_create(&r.setup, NULL);
    r.order.deferred_s = r.order.latest_s = 0;
    r.to[0].alternate = slice_from(NULL, 0);
    compose(&r, 5, BODY);
    CHECK(p1_read(p1_template_fill(r.t, &r.order, room, sizeof room), r.arena, &apdu, NULL));
    CHECK(!apdu.message.extensions.set && !apdu.message.deferred.p);
    CHECK(!apdu.message.recipients[0].extensions.set);
    tear_down(&r);
}

static void bad_set_ups_and_small_rooms_are_refused(void)
{
    static unsigned char room[65536];
    struct rig r;
    struct err e = {0};

    set_up(&r, X400_1988);
    compose(&r, 5, BODY);
    size_t n = p1_template_fill(r.t, &r.order, room, sizeof room).n;

    for (size_t i = 0; i < n; i++)
        if (!CHECK_U64(p1_template_fill(r.t, &r.order, room, i).n, 0))
            break;
    CHECK_U64(p1_template_fill(r.t, &r.order, room, n).n, n);
    r.setup.mta = slice_of("a name of an MTA that is too long");
    CHECK(!p1_template_create(&r.setup, &e));
    CHECK_HAS(e.text, "32 of an MTA's name");
    tear_down(&r);
}

static const struct test tests[] = {
    TEST(templates_are_what_the_general_writer_makes),
    TEST(the_token_stands_in_every_place),
    TEST(a_resend_is_the_same_octets),
    TEST(what_is_not_asked_for_is_not_there),
    TEST(bad_set_ups_and_small_rooms_are_refused),
    TEST_END,
};

const struct suite p1_template_suite = {"p1_template", tests};
