/* test_sasl.c - AUTH exchanges against the examples of RFC 2195, RFC 5802 and RFC 4616. */
#include "tests/support/check.h"
#include "wire/sasl.h"

static const struct sasl_login joe = {"joe", "secret", "smtp", "mx.test"};

static void the_strongest_mechanism_in_common_is_taken(void)
{
    static const struct {
        const char *offered, *taken;
    } cases[] = {
        {"LOGIN PLAIN", "PLAIN"},
        {"plain CRAM-MD5", "CRAM-MD5"},
        {"LOGIN", "LOGIN"},
        {"PLAIN SCRAM-SHA-1 LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"},
        {"GSSAPI X-OWN SCRAM-SHA-1 CRAM-MD5", "SCRAM-SHA-1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sasl *s = sasl_create(slice_of(cases[i].offered), &joe, NULL);

        if (CHECK(s))
            CHECK_STR(sasl_name(s), cases[i].taken);
        sasl_destroy(s);
    }
}

static void nothing_in_common_is_said_so(void)
{
    struct err e;

    CHECK(!sasl_create(slice_of("X-OWN EXTERNAL PLAINER"), &joe, &e));
    CHECK_U64((uint64_t)e.code, EX_TARGET);
    CHECK_HAS(e.text, "X-OWN EXTERNAL PLAINER");
    sasl_destroy(NULL);
}

static void plain_says_everything_at_once(void)
{
    struct sasl *s = sasl_create(slice_of("PLAIN"), &joe, NULL);
    struct buf out;

    buf_init(&out, 1000);
    CHECK(sasl_initial(s, &out));
    CHECK_STR(buf_text(&out), "AGpvZQBzZWNyZXQ=");
    CHECK(sasl_is_complete(s));
    buf_fini(&out);
    sasl_destroy(s);
}

/* RFC 2195 section 2. */
static void cram_md5_answers_as_the_rfc_shows(void)
{
    const struct sasl_login tim = {"tim", "tanstaaftanstaaf", "smtp", "mx.test"};
    struct sasl *s = sasl_create(slice_of("CRAM-MD5"), &tim, NULL);
    struct buf out;

    buf_init(&out, 1000);
    CHECK(!sasl_initial(s, &out));
    CHECK(sasl_answer(s, slice_of("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"), &out,
                      NULL));
    CHECK_STR(buf_text(&out), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
    CHECK(sasl_is_complete(s));
    buf_fini(&out);
    sasl_destroy(s);
}

static void scram_wants_the_servers_proof(void)
{
    struct sasl *s = sasl_create(slice_of("SCRAM-SHA-1"), &joe, NULL);
    struct buf out;
    struct err e;

    buf_init(&out, 1000);
    CHECK(sasl_initial(s, &out));
    CHECK(out.n > 0);
    CHECK(!sasl_is_complete(s));
    CHECK(!sasl_answer(s, slice_of("bm9uc2Vuc2U="), &out, &e)); /* "nonsense" */
    CHECK_HAS(e.text, "AUTH SCRAM-SHA-1: ");
    CHECK(!sasl_is_complete(s));
    buf_fini(&out);
    sasl_destroy(s);
}

static void a_challenge_without_end_is_refused(void)
{
    static char endless[10000];
    struct sasl *s = sasl_create(slice_of("LOGIN"), &joe, NULL);
    struct buf out;

    buf_init(&out, 1000);
    CHECK(!sasl_answer(s, slice_from(endless, sizeof endless), &out, NULL));
    buf_fini(&out);
    sasl_destroy(s);
}

static const struct test tests[] = {
    TEST(the_strongest_mechanism_in_common_is_taken),
    TEST(nothing_in_common_is_said_so),
    TEST(plain_says_everything_at_once),
    TEST(cram_md5_answers_as_the_rfc_shows),
    TEST(scram_wants_the_servers_proof),
    TEST(a_challenge_without_end_is_refused),
    TEST_END,
};

const struct suite sasl_suite = {"sasl", tests};
