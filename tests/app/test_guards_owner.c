/* test_guards_owner.c - what an owner's DNS record has to say, and the brake through the program itself.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/owner.h"
#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* --- the owner's word ------------------------------------------------------------------------------------------- */

#define NOW_S 1790000000u /* 2026-09-21 */

static bool reads(const char *txt, struct owner_record *r, struct err *e)
{
    return owner_read(r, txt, "00112233445566778899aabbccddeeff", NOW_S, e);
}

static void an_owners_record_says_networks_rate_and_time(void)
{
    struct owner_record r;
    struct net_addr in, out;
    struct err e = {0};

    (void)CHECK(
        reads("v=pm1; key=00112233445566778899AABBCCDDEEFF; net=93.184.216.0/24,2606:4700::/32; "
              "max=50/s; until=2026-12-31",
              &r, &e));
    (void)CHECK_U64(r.count, 2);
    (void)CHECK(r.max_rate == 50);
    (void)CHECK_U64(r.until_s, 1798761600); /* the end of that day */
    (void)CHECK(net_parse(&in, "93.184.216.7:25", 0, NULL) &&
                net_parse(&out, "93.184.217.7:25", 0, NULL));
    (void)CHECK(guard_nets_hold(r.nets, 1, &in) && !guard_nets_hold(r.nets, 1, &out));
    (void)CHECK(
        reads("v=pm1;key=00112233445566778899aabbccddeeff;net=1.2.3.4;until=2026-09-21", &r, &e));
    (void)CHECK(r.max_rate == OWNER_RATE);
}

static void an_owners_record_that_is_not_whole_proves_nothing(void)
{
#define KEY "key=00112233445566778899aabbccddeeff;"
    static const char *const rows[][2] = {
        {"", "version pm1"},
        {"v=spf1 -all", "version pm1"},
        {"v=pm2;" KEY "net=1.2.3.4;until=2026-12-31", "version pm1"},
        {KEY "net=1.2.3.4;until=2026-12-31", "version pm1"},
        {"v=pm1;key=00112233445566778899aabbccddeefe;net=1.2.3.4;until=2026-12-31", "owner_key"},
        {"v=pm1;key=;net=1.2.3.4;until=2026-12-31", "owner_key"},
        {"v=pm1;net=1.2.3.4;until=2026-12-31", "owner_key"},
        {"v=pm1;" KEY "until=2026-12-31", "no net="},
        {"v=pm1;" KEY "net=1.2.3.4", "no until="},
        {"v=pm1;" KEY "net=1.2.3.4;until=2026-09-20", "time is over"},
        {"v=pm1;" KEY "net=1.2.3.4;until=2026-13-31", "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3.4;until=20261231", "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3;until=2026-12-31", "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3.4/33;until=2026-12-31", "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3.4,;until=2026-12-31", "makes no sense"},
        {"v=pm1;" KEY "net=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9;"
         "until=2026-12-31",
         "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3.4;max=fast;until=2026-12-31", "makes no sense"},
        {"v=pm1;" KEY "net=1.2.3.4;until=2026-12-31;please", "makes no sense"},
    };
#undef KEY
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct owner_record r;
        struct err e = {0};

        (void)check_true(!reads(rows[i][0], &r, &e), rows[i][0], __FILE__, __LINE__);
        (void)CHECK_I64(e.code, EX_GUARD);
        (void)CHECK_HAS(e.text, rows[i][1]);
        (void)CHECK_HAS(e.text, "refused by rule unproven");
    }
}

static void a_name_is_below_a_domain_by_whole_labels(void)
{
    (void)CHECK(profile_domain_below("mx.corp.example", "corp.example"));
    (void)CHECK(profile_domain_below("CORP.example.", "corp.EXAMPLE"));
    (void)CHECK(!profile_domain_below("mxcorp.example", "corp.example"));
    (void)CHECK(!profile_domain_below("corp.example.evil.de", "corp.example"));
    (void)CHECK(!profile_domain_below("example", "corp.example") && !profile_domain_below("x", ""));
    (void)CHECK(profile_domain_denied("mx.gmail.com.") && !profile_domain_denied("notgmail.com"));
}

static void a_fingerprint_is_of_the_key_and_tells_keys_apart(void)
{
    char a[OWNER_FINGERPRINT], b[OWNER_FINGERPRINT];

    owner_fingerprint("correct horse",
                      a); /* printf 'postmuster owner\ncorrect horse' | sha256sum */
    (void)CHECK_STR(a, "89f8720f77dc1a6a7810dfb3a0f3f615");
    owner_fingerprint("correct horsf", b);
    (void)CHECK(strcmp(a, b) != 0);
}

/* --- the brake --------------------------------------------------------------------------------------------------- */

static int flood(const char *dir, uint16_t port, const char *safety, char **said)
{
    struct program run;
    char path[400], folder[400], text[1200];
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    (void)snprintf(text, sizeof text,
                   "schema: 1\n"
                   "servers:\n"
                   "  s1: {smtp: '127.0.0.1:%u', tls: none}\n"
                   "mailboxes:\n"
                   "  box: {home: s1, address: 'box@lab.test'}\n"
                   "load:\n"
                   "  steady: {via: s1, from: box, to: box, rate: 100/s, duration: 6s}\n"
                   "settle: {canary: no, deadline: 2s}\n"
                   "safety: {%s}\n",
                   (unsigned)port, safety);
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "flood.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run-%s", dir, *safety ? "braked" : "free");
    int code = program_run(&run, &(struct program_way){.dir = dir}, argv);

    *said = program_said(&run, false);
    return code;
}

static void a_target_that_says_4_7_x_stops_the_senders_and_the_run_is_inconclusive(void)
{
    const char *const argv[] = {"sink",        "--smtp",    "127.0.0.1:0", "--refuse",
                                "rcpt:20:451", "--seconds", "60",          NULL};
    char dir[300], *said = NULL;
    struct program sink;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("brake"));
    if (!CHECK(program_start(&sink, &(struct program_way){.dir = dir}, argv)))
        return;
    uint16_t port = program_port(&sink);
    char apart[320];

    (void)snprintf(apart, sizeof apart, "%s", scratch_dir("brake-run"));
    (void)CHECK(port != 0);
    (void)CHECK_I64(flood(apart, port, "brake: on", &said), EX_INCONCLUSIVE);
    (void)CHECK_HAS(said, "the brake stopped the senders: 421 or 4.7.x came too often");
    (void)CHECK_HAS(said, "braked 1");
    (void)CHECK_HAS(said, "planned copies were not sent");
    free(said);
    (void)CHECK(flood(apart, port, "", &said) >= 0);
    (void)CHECK(strstr(said, "the brake stopped") ==
                NULL); /* on loopback a stall is the experiment */
    free(said);
    program_signal(&sink, SIGTERM);
    (void)CHECK(program_wait(&sink, 10));
}

static const struct test tests[] = {
    TEST(an_owners_record_says_networks_rate_and_time),
    TEST(an_owners_record_that_is_not_whole_proves_nothing),
    TEST(a_name_is_below_a_domain_by_whole_labels),
    TEST(a_fingerprint_is_of_the_key_and_tells_keys_apart),
    TEST(a_target_that_says_4_7_x_stops_the_senders_and_the_run_is_inconclusive),
    TEST_END,
};
const struct suite guards_owner_suite = {"guards_owner", tests};
