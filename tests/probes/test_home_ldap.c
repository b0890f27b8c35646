/* test_home_ldap.c - an LDAP directory that is slow, mad or gone, octet by octet on the simulated loop; and the words of
 * questions and answers. A real directory is asked in tests/app/test_ldap.c.
 */
#include <stdio.h>
#include <string.h>

#include "probes/home_driver.h"
#include "probes/home_lookup.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"

/* ---- a directory of few octets ---- */

struct reply { /* octets, "\x7f" in the place of the message id */
    const char *octets;
    size_t n;
    bool closes;
};

static struct fake_ldap {
    struct listener *listener;
    struct stream *stream;
    struct buf in, out;
    struct reply reply;
    unsigned connections, requests;
    unsigned char asked[600]; /* the newest request */
    size_t asked_n;
} fake;

#define OCTETS(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1, false                                                              \
    }
#define REPLY(text) ((struct reply)OCTETS(text))
/* RFC 4511 section 4.5.2: an entry with one attribute "h", whose value is given with its lengths; and success. */
#define ENTRY(all, list, one, set, length, value)                                                  \
    "\x30" all "\x02\x01\x7f\x64" list "\x04\x04"                                                  \
    "cn=x\x30" one "\x30" set "\x04\x01h\x31" length value
#define DONE "\x30\x0c\x02\x01\x7f\x65\x07\x0a\x01\x00\x04\x00\x04\x00"

/* 02 01 ID follows the sequence's length, of one octet or two. */
static unsigned char id_of(const unsigned char *p)
{
    return p[1] & 0x80 ? p[2 + (p[1] & 0x7f) + 2] : p[4];
}

static void take_request(size_t n)
{
    unsigned char id = id_of(fake.in.p);

    fake.requests++;
    fake.asked_n = n < sizeof fake.asked ? n : sizeof fake.asked;
    memcpy(fake.asked, fake.in.p, fake.asked_n);
    for (size_t i = 0; i < fake.reply.n; i++) {
        unsigned char c = (unsigned char)fake.reply.octets[i];

        PM_ASSERT(buf_add(&fake.out, c == 0x7f ? &id : &c, 1));
    }
}

static void on_request(struct stream *s, unsigned what)
{
    unsigned char piece[1000];
    long n;

    (void)what;
    while ((n = stream_read(s, piece, sizeof piece)) > 0)
        PM_ASSERT(buf_add(&fake.in, piece, (size_t)n));
    for (;;) {
        size_t head = fake.in.n > 2 && (fake.in.p[1] & 0x80) ? 2 + (fake.in.p[1] & 0x7f) : 2;
        size_t length = 0;

        if (fake.in.n < 7)
            break;
        length = fake.in.p[1];
        if (head > 2) {
            length = 0;
            for (size_t i = 2; i < head; i++)
                length = length * 256 + fake.in.p[i];
        }
        if (fake.in.n < head + length)
            break;
        take_request(head + length);
        buf_drop(&fake.in, head + length);
    }
    if (fake.out.n > 0)
        (void)stream_write(s, fake.out.p, fake.out.n);
    buf_clear(&fake.out);
    if (n != STREAM_AGAIN || (fake.reply.closes && fake.requests > 0)) {
        stream_close(s);
        fake.stream = NULL;
    }
}

static void on_accept(void *owner, struct stream *s)
{
    (void)owner;
    stream_close(fake.stream);
    buf_clear(&fake.in);
    fake.stream = s;
    fake.connections++;
    s->ready = on_request;
}

/* ---- a look-up ---- */

static struct rig {
    struct fake_run *run;
    struct probe_context context;
    struct home_lookup *h;
    struct home_answer last;
    char why[300];
    unsigned answers;
    struct err e;
} rig;

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    (void)owner;
    (void)mailbox;
    rig.last = *a;
    rig.answers++;
    (void)snprintf(rig.why, sizeof rig.why, "%s", a->why);
}

static void begin(struct reply reply)
{
    struct net_addr at = {.family = 4, .port = 389, .ip = {127, 0, 0, 5}};

    rig = (struct rig){.run = fake_run_create("home_ldap")};
    memset(&fake, 0, sizeof fake);
    buf_init(&fake.in, 1 << 20);
    buf_init(&fake.out, 4 << 20);
    fake.reply = reply;
    fake.listener = loop_listen(rig.run->loop, &at, on_accept, NULL, &rig.e);
    rig.run->profile.home_lookup = (struct lookup_profile){.on = true,
                                                           .type = LOOKUP_LDAP,
                                                           .url = "ldap://127.0.0.5",
                                                           .base = "o=x",
                                                           .filter = "(mail={address})",
                                                           .attribute = "h",
                                                           .period_real_ns = 100 * NS_PER_MS};
    rig.context = (struct probe_context){.loop = rig.run->loop,
                                         .clock = &rig.run->clock,
                                         .work = &rig.run->work,
                                         .journal = rig.run->journal};
    rig.h = home_lookup_create(&rig.context, on_answered, NULL, &rig.e);
    CHECK(rig.h);
}

static void end(void)
{
    home_lookup_destroy(rig.h);
    stream_close(fake.stream);
    listener_close(fake.listener);
    buf_fini(&fake.in);
    buf_fini(&fake.out);
    fake_run_destroy(rig.run);
}

static void run_ms(uint64_t ms)
{
    fake_run_until(rig.run, loop_now(rig.run->loop) + ms * NS_PER_MS);
}

static const struct reply in_order =
    OCTETS(ENTRY("\x1a", "\x15", "\x0d", "\x0b", "\x06", "\x04\x04s2.x") DONE);

static void an_entry_names_the_home(void)
{
    begin(in_order);
    home_lookup_ask(rig.h, 0);
    run_ms(50);
    CHECK_STR(rig.why, "");
    CHECK(rig.last.ok);
    CHECK_U64(rig.last.home, 1);
    CHECK(memmem(fake.asked, fake.asked_n, "joanne-1@lab.test", 17));
    home_lookup_watch(rig.h, 0, true);
    run_ms(1050);
    CHECK_U64(fake.connections, 1);
    CHECK_BETWEEN(fake.requests, 10, 12);
    CHECK_U64(fake_run_count(rig.run, EV_HOME), 1);
    end();
}

static void check_failure(struct reply reply, const char *why)
{
    begin(reply);
    home_lookup_ask(rig.h, 0);
    run_ms(11000);
    CHECK_U64(rig.answers, 1);
    CHECK(!rig.last.ok);
    CHECK_HAS(rig.why, why);
    fake.reply = in_order; /* and it comes to its senses */
    home_lookup_ask(rig.h, 0);
    run_ms(1000);
    CHECK(rig.last.ok);
    CHECK_U64(rig.last.home, 1);
    CHECK_U64(fake_run_count(rig.run, EV_HOME), 1);
    end();
}

static void nonsense_is_no_answer_and_the_next_question_is_asked_anew(void)
{
    struct reply half = REPLY("\x30\x1a\x02\x01\x7f\x64");

    check_failure(REPLY("HTTP/1.1 400 Bad Request\r\n\r\n"), "LDAP: ");
    check_failure(REPLY("\x30\x84\xff\xff\xff\xff\x02\x01\x7f"), "LDAP: "); /* 4 GB */
    check_failure(REPLY("\x30\x83\x7e\xff\xff\x02\x01\x7f"), "LDAP: ");     /* 8 MB */
    check_failure(REPLY("\x30\x80\x02\x01\x7f"), "LDAP: "); /* no length: not in LDAP */
    check_failure(REPLY("\x30\x07\x02\x01\x7f\x65\x02\x0a\x01"), "LDAP");
    check_failure(REPLY(DONE), "no entry");
    check_failure(REPLY("\x30\x0c\x02\x01\x7f\x65\x07\x0a\x01\x33\x04\x00\x04\x00"), "busy");
    check_failure(REPLY("\x30\x0c\x02\x01\x66\x65\x07\x0a\x01\x00\x04\x00\x04\x00"),
                  "no answer in time"); /* to nobody's question */
    check_failure(REPLY(ENTRY("\x1a", "\x15", "\x0d", "\x0b", "\x06", "\x04\x04s2s3") DONE),
                  "\"s2s3\" names no server of ours");
    check_failure(half, "no answer in time");
    half.closes = true;
    check_failure(half, "closed the connection");
    check_failure((struct reply){"", 0, true}, "closed the connection");
    check_failure((struct reply){"", 0, false}, "no answer in time");
}

static void one_that_is_not_there_is_asked_ever_more_seldom(void)
{
    begin(in_order);
    listener_close(fake.listener);
    fake.listener = NULL;
    home_lookup_watch(rig.h, 0, true);
    home_lookup_watch(rig.h, 1, true);
    run_ms(60000);
    CHECK(!rig.last.ok);
    CHECK_BETWEEN(rig.last.failures, 15, 40);
    CHECK_HAS(rig.why, "LDAP: ");
    end();
}

static void eight_wait_for_one_connection_and_fail_together(void)
{
    begin((struct reply){"", 0, false});
    for (uint32_t i = 0; i < 6; i++)
        home_lookup_ask(rig.h, i);
    run_ms(9000);
    CHECK_U64(fake.requests, 6);
    CHECK_U64(rig.answers, 0);
    run_ms(2000);
    CHECK_U64(rig.answers, 6);
    CHECK_U64(fake.connections, 1);
    for (uint32_t i = 0; i < 6; i++)
        home_lookup_ask(rig.h, i);
    run_ms(100);
    end(); /* in the middle of it */
}

/* ---- words ---- */

static uint32_t named(const char *value)
{
    static const char *const first[] = {"EXCH1", NULL};
    static const char *const second[] = {"EXCH-2", "Servers of s1", NULL};
    struct server servers[] = {{.name = "s1", .match = first}, {.name = "s2", .match = second}};
    struct site site = {.servers = servers, .server_count = 2};

    return home_named(&site, slice_of(value));
}

static void a_server_is_named_by_whole_words_of_which_the_longest_wins(void)
{
    CHECK_U64(named("s1"), 0);
    CHECK_U64(named("S1.lab.test"), 0);
    CHECK_U64(named("s17.lab.test"), SITE_NONE);
    CHECK_U64(named("mx-s1.lab.test"), SITE_NONE);
    CHECK_U64(named("cn=MDB,cn=exch1,cn=Servers"), 0);
    CHECK_U64(named("cn=EXCH1-OLD,cn=Servers"), SITE_NONE);
    CHECK_U64(named("cn=Servers of s1,cn=x"), 1);
    CHECK_U64(named("cn=s1,cn=exch-2"), 1);
    CHECK_U64(named("s1 s2"), SITE_NONE);
    CHECK_U64(named(""), SITE_NONE);
}

static void words_of_mailboxes_are_no_filters(void)
{
    struct mailbox box = {.name = "a*b", .address = "o(x)\\@lab.test", .user = "u\n\xc3\xa9"};
    struct buf out;
    struct err e = {0};

    buf_init(&out, 1000);
    CHECK(home_fill(&box, "(&(a={mailbox})(b={address})(c={local}{domain})(d={user}))", true, &out,
                    &e));
    CHECK_STR(buf_text(&out), "(&(a=a\\2ab)(b=o\\28x\\29\\5c@lab.test)"
                              "(c=o\\28x\\29\\5clab.test)(d=u\\0a\\c3\\a9))");
    buf_clear(&out);
    CHECK(home_fill(&box, "user/{mailbox}", false, &out, &e));
    CHECK_STR(buf_text(&out), "user/a*b");
    CHECK(!home_fill(&box, "{server}", false, &out, &e));
    CHECK_HAS(e.text, "unknown word {server}");
    buf_fini(&out);
}

static const struct test tests[] = {
    TEST(an_entry_names_the_home),
    TEST(nonsense_is_no_answer_and_the_next_question_is_asked_anew),
    TEST(one_that_is_not_there_is_asked_ever_more_seldom),
    TEST(eight_wait_for_one_connection_and_fail_together),
    TEST(a_server_is_named_by_whole_words_of_which_the_longest_wins),
    TEST(words_of_mailboxes_are_no_filters),
    TEST_END,
};
const struct suite home_ldap_suite = {"home_ldap", tests};
