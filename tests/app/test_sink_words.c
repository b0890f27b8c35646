/* test_sink_words.c - the command line of a sink of SMTP: what is wished, and what each mistake is called.
 */
#include <string.h>

#include "app/sink_words.h"
#include "base/clock.h"
#include "tests/support/check.h"

static void every_misbehaviour_is_read_from_its_words(void)
{
    static const struct {
        enum sink_vice which;
        const char *value;
    } rows[] = {{VICE_SLOW, "end:1500ms:5"}, {VICE_SLOW, "rcpt:2s"},
                {VICE_HANG_UP, "100"},       {VICE_TEMPFAIL, "30/m:421"},
                {VICE_GREYLIST, "5m"},       {VICE_REFUSE, "connect"},
                {VICE_REFUSE, "mail:0.5"},   {VICE_REFUSE, "mail:300ppm:451"},
                {VICE_CLOSE, "before:10%"},  {VICE_CLOSE, "after:90"},
                {VICE_LIE, "1:250"},         {VICE_LIE, "99:452"},
                {VICE_DROP, "12.3456"}};
    struct sink_vices v = {0};
    struct err e = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK(sink_vice_read(&v, rows[i].which, rows[i].value, &e));
    CHECK_STR(e.text, "");
    CHECK_U64(v.on, (1u << SINK_VICES) - 1);
    CHECK_U64(v.slow[SINK_END].ns, 1500 * NS_PER_MS);
    CHECK_U64(v.slow[SINK_END].share, 50000);
    CHECK_U64(v.slow[SINK_RCPT].ns, 2 * NS_PER_S);
    CHECK_U64(v.slow[SINK_RCPT].share, SINK_WHOLE);
    CHECK_U64(v.slow[SINK_MAIL].share, 0);
    CHECK_U64(v.hang_up, 100);
    CHECK(v.rate > 0.49 && v.rate < 0.51);
    CHECK_STR(v.tempfail, "421 4.7.1 more than is taken in a second");
    CHECK_U64(v.grey_ns, 300 * NS_PER_S);
    CHECK_U64(v.refusals, 3);
    CHECK_U64(v.refuse[0].share, SINK_WHOLE);
    CHECK_STR(v.refuse[0].line, "554 5.7.1 refused as told, at connect");
    CHECK_U64(v.refuse[1].share, 5000);
    CHECK_STR(v.refuse[1].line, "550 5.7.1 refused as told, at mail");
    CHECK_U64(v.refuse[2].share, 300);
    CHECK_STR(v.refuse[2].line, "451 4.7.1 refused as told, at mail");
    CHECK_U64(v.close[SINK_CUT_BEFORE], 100000);
    CHECK_U64(v.close[SINK_CUT_WITHIN], 0);
    CHECK_U64(v.close[SINK_CUT_AFTER], 900000);
    CHECK_U64(v.lies, 2);
    CHECK_STR(v.lie[0].line, "");
    CHECK_STR(v.lie[1].line, "452 4.3.0 not taken");
    CHECK_U64(v.drop, 123456);
}

static void each_mistake_is_called_by_its_name(void)
{
    static const struct {
        enum sink_vice which;
        const char *value, *words;
    } rows[] = {
        {VICE_SLOW, "end", "--slow end: how long?"},
        {VICE_SLOW, "end:soon", "--slow end:soon: "},
        {VICE_SLOW, "end:2h", "--slow end:2h: an hour at most"},
        {VICE_SLOW, "dta:2s", "did you mean \"data\"?"},
        {VICE_HANG_UP, "0", "--hang-up-after 0: a number of messages, from 1"},
        {VICE_TEMPFAIL, "10/s:550", "what comes too fast is refused for now: 451 or 421"},
        {VICE_TEMPFAIL, "fast", "--tempfail-above fast: "},
        {VICE_TEMPFAIL, "0/s", "a rate above nothing"},
        {VICE_GREYLIST, "a while", "--greylist a while: "},
        {VICE_GREYLIST, "3d", "a day at most"},
        {VICE_REFUSE, "mial:10", "there is no stage \"mial\"; did you mean \"mail\"?"},
        {VICE_REFUSE, "somewhere:10", "there are connect, ehlo, mail, rcpt, data, end"},
        {VICE_REFUSE, "mail:101", "\"101\" is no share: a percentage such as 10 or 0.5, or 300ppm"},
        {VICE_REFUSE, "mail:1.23456", "is no share"},
        {VICE_REFUSE, "mail:-1", "is no share"},
        {VICE_REFUSE, "mail:10:250", "\"250\" is no code of a refusal: from 400 to 599"},
        {VICE_REFUSE, "mail:10:600", "from 400 to 599"},
        {VICE_REFUSE, "mail:10:0451", "from 400 to 599"},
        {VICE_REFUSE, "mail:", "\"\" is no share"},
        {VICE_REFUSE, "", "there is no stage \"\""},
        {VICE_CLOSE, "in:10", "there is no place to close at"},
        {VICE_CLOSE, "befor:10", "did you mean \"before\"?"},
        {VICE_LIE, "10", "--lie 10: and what is answered? SHARE:250, SHARE:550"},
        {VICE_LIE, "10:251", "250, or from 400 to 599"},
        {VICE_DROP, "much", "\"much\" is no share"},
        {VICE_DROP, "1000001ppm", "is no share"},
        {VICE_DROP, "\t1\x1b[2J", "is no share"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sink_vices v = {0};
        struct err e = {0};

        CHECK(!sink_vice_read(&v, rows[i].which, rows[i].value, &e));
        CHECK_I64(e.code, EX_BAD_USAGE);
        CHECK_HAS(e.text, rows[i].words);
        CHECK(!strchr(e.text, '\x1b'));
    }
}

static void shares_of_one_stage_do_not_exceed_everything(void)
{
    static const struct {
        enum sink_vice which;
        const char *first, *second, *other;
    } rows[] = {{VICE_REFUSE, "end:60", "end:41:451", "data:41"},
                {VICE_CLOSE, "before:60", "after:41", "after:40"},
                {VICE_LIE, "60:250", "41:550", "40:550"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sink_vices v = {0}, w = {0};
        struct err e = {0};

        CHECK(sink_vice_read(&v, rows[i].which, rows[i].first, &e));
        CHECK(sink_vice_read(&w, rows[i].which, rows[i].first, &e));
        CHECK(sink_vice_read(&w, rows[i].which, rows[i].other, &e));
        CHECK(!sink_vice_read(&v, rows[i].which, rows[i].second, &e));
        CHECK_HAS(e.text, "more than 100 %");
    }
}

static void repetition_is_bounded(void)
{
    struct sink_vices v = {0};
    struct err e = {0};

    for (unsigned i = 0; i < SINK_REFUSALS_MAX; i++)
        CHECK(sink_vice_read(&v, VICE_REFUSE, "mail:1", &e));
    CHECK(!sink_vice_read(&v, VICE_REFUSE, "mail:1", &e));
    for (unsigned i = 0; i < SINK_LIES_MAX; i++)
        CHECK(sink_vice_read(&v, VICE_LIE, "1:250", &e));
    CHECK(!sink_vice_read(&v, VICE_LIE, "1:250", &e));
}

static void a_whole_command_line_becomes_a_wish(void)
{
    struct sink_words w = {.lmtp = "[::1]:2424",
                           .name = "lmtp.test",
                           .threads = "4",
                           .connections = "50",
                           .without = "size,Pipelining",
                           .size_max = "10MiB",
                           .tls = "/a/cert.pem,/a/key.pem",
                           .tls_implicit = true,
                           .seed = "9",
                           .count = "1_000",
                           .seconds = "90",
                           .vices[VICE_DROP] = {.items = {"1", "2"}, .count = 2}};
    struct sink_wish out = {.threads = 0};
    struct err e = {0};

    CHECK(sink_words_read(&w, &out, &e));
    CHECK_STR(e.text, "");
    CHECK(out.c.lmtp);
    CHECK_U64(out.c.at.port, 2424);
    CHECK_STR(out.c.name, "lmtp.test");
    CHECK_U64(out.threads, 4);
    CHECK_U64(out.c.connections, 50);
    CHECK_U64(out.c.lacks, SMTP_LACKS_SIZE | SMTP_LACKS_PIPELINING);
    CHECK_U64(out.c.size_max, 10u << 20);
    CHECK(out.tls && !out.tls_selfmade && out.c.tls_implicit);
    CHECK_STR(out.cert, "/a/cert.pem");
    CHECK_STR(out.key, "/a/key.pem");
    CHECK_U64(out.c.vices.seed, 9);
    CHECK_U64(out.c.count, 1000);
    CHECK_U64(out.c.duration_ns, 90 * NS_PER_S);
    CHECK_U64(out.c.vices.drop, 20000);
    w.seconds = "250ms";
    CHECK(sink_words_read(&w, &out, &e));
    CHECK_U64(out.c.duration_ns, 250 * NS_PER_MS);
}

static void options_that_cannot_be_are_refused(void)
{
    static const char at[] = "127.0.0.1:0";

    static const struct {
        struct sink_words w;
        const char *words;
    } rows[] = {
        {{.smtp = at, .threads = "0"}, "--threads 0: expected 1 or more"},
        {{.smtp = at, .threads = "65"}, "--threads 65: expected a number, at most 64"},
        {{.smtp = at, .without = "CHUNKIN"},
         "there is no extension \"CHUNKIN\"; did you mean CHUNKING?"},
        {{.smtp = at, .without = "DSN,"}, "there is no extension \"\""},
        {{.smtp = at, .without = "AUTH"}, "there is no extension \"AUTH\""},
        {{.smtp = at, .tls = "one.pem"}, "--tls one.pem: expected self, or two files of PEM"},
        {{.smtp = at, .tls = "a,"}, "--tls a,: expected self"},
        {{.smtp = at, .tls_implicit = true}, "--implicit-tls goes with --tls"},
        {{.smtp = at, .tls_cert_out = "x"}, "--tls-cert-out goes with --tls"},
        {{.smtp = at, .size_max = "0"}, "--size-max 0: expected a size such as 10MiB"},
        {{.smtp = at, .seconds = "soon"}, "--seconds soon: expected a number"},
        {{.smtp = at, .connections = "9999999999"}, "--connections 9999999999: expected a number"},
        {{.smtp = "192.0.2.1:25"}, "a sink talks to loopback only"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sink_wish out = {.threads = 0};
        struct err e = {0};

        CHECK(!sink_words_read(&rows[i].w, &out, &e));
        CHECK_HAS(e.text, rows[i].words);
    }
}

static const struct test tests[] = {
    TEST(every_misbehaviour_is_read_from_its_words),
    TEST(each_mistake_is_called_by_its_name),
    TEST(shares_of_one_stage_do_not_exceed_everything),
    TEST(repetition_is_bounded),
    TEST(a_whole_command_line_becomes_a_wish),
    TEST(options_that_cannot_be_are_refused),
    TEST_END,
};

const struct suite sink_words_suite = {"sink_words", tests};
