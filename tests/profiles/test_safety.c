/* test_safety.c - whom a profile may write to, slow start, and secrets in files. */
#include <stdio.h>

#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "profiles/workload.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void reserved_domains_are_those_of_the_rfcs_and_below_them(void)
{
    static const char *const yes[] = {"test",        "lab.test",      "a.b.example",
                                      "x.invalid",   "EXAMPLE.COM",   "example.org",
                                      "a.localhost", "mx.example.net"};
    static const char *const no[] = {"example.de",  "notexample.com", "example.com.de", "testing",
                                     "lab.testing", "examplecom",     "example.com.",   ""};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        check_true(profile_domain_reserved(yes[i]), yes[i], __FILE__, __LINE__);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        check_true(!profile_domain_reserved(no[i]), no[i], __FILE__, __LINE__);
}

static void providers_of_mailboxes_are_denied_with_all_below_them(void)
{
    CHECK(profile_domain_denied("gmail.com") && profile_domain_denied("Mx.Gmail.Com"));
    CHECK(profile_domain_denied("contoso.onmicrosoft.com") && profile_domain_denied("web.de"));
    CHECK(profile_domain_denied("gmail.com.") && profile_domain_denied("mx.gmail.com."));
    CHECK(!profile_domain_denied("notgmail.com") && !profile_domain_denied("gmail.com.lab.test"));
    CHECK(!profile_domain_denied("me.company.de") && !profile_domain_denied("lab.test"));
}

static void a_slow_start_doubles_every_five_seconds_and_delays_the_rest_evenly(void)
{
    uint64_t extra_ns = SLOW_EXTRA_NS;
    double extra = (double)extra_ns / 1e9, before = -1;

    CHECK(pace_slow(0) == 0);
    CHECK(pace_slow(1.0 / 32) == 1); /* 1/32 of the rate */
    CHECK(pace_slow(5.0 / 32) == 5);
    CHECK(pace_slow(5.0 / 32 + 1.0 / 16) == 6); /* 1/16 */
    CHECK(pace_slow(5.0 * 31 / 32) == 25);      /* all of it from now on */
    CHECK(pace_slow(100) == 100 + extra);
    CHECK(pace_slow(101) - pace_slow(100) == 1);
    for (int i = 0; i < 800; i++) {
        CHECK(pace_slow(i / 100.0) > before);
        before = pace_slow(i / 100.0);
    }
}

#define PROFILE                                                                                    \
    "schema: 1\n"                                                                                  \
    "servers:\n"                                                                                   \
    "  s1: {smtp: '127.0.0.1:2525', tls: none, user: joe, password: file:secret}\n"                \
    "mailboxes:\n"                                                                                 \
    "  joe: {home: s1, address: 'joe@lab.test'}\n"                                                 \
    "load:\n"                                                                                      \
    "  steady: {via: s1, from: joe, to: joe, rate: 5/s, duration: 2s}\n"

static void load_with_mode(mode_t mode, struct err *e, char *password, size_t room)
{
    char dir[300], path[400];
    struct arena *a = arena_create(64u << 20);

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("secrets"));
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "p.yaml", PROFILE));
    const char *secret = scratch_file(dir, "secret", "hush-hush\n");
    (void)CHECK(chmod(secret, mode) == 0);
    const struct profile *p = profile_load(a, &(struct profile_request){.path = path}, e);

    (void)snprintf(password, room, "%s", p ? p->site.servers[0].password : "");
    arena_destroy(a);
}

static void a_file_with_a_secret_is_read_only_if_nobody_else_can(void)
{
    char password[40];
    struct err e = {0};

    load_with_mode(0600, &e, password, sizeof password);
    CHECK_STR(password, "hush-hush");
    load_with_mode(0400, &e, password, sizeof password);
    CHECK_STR(password, "hush-hush");
    load_with_mode(0640, &e, password, sizeof password);
    CHECK_STR(password, "");
    CHECK_I64(e.code, EX_GUARD);
    CHECK_HAS(e.text, "refused by rule secret-mode");
    load_with_mode(0604, &e, password, sizeof password);
    CHECK_I64(e.code, EX_GUARD);
}

static void who_has_read_a_secret_leaves_no_core_and_cannot_be_traced(void)
{
    char password[40];
    struct err e = {0};

    load_with_mode(0600, &e, password, sizeof password);
    CHECK_I64(prctl(PR_GET_DUMPABLE), 0);
    (void)prctl(PR_SET_DUMPABLE, 1);
}

static const struct test tests[] = {
    TEST(reserved_domains_are_those_of_the_rfcs_and_below_them),
    TEST(providers_of_mailboxes_are_denied_with_all_below_them),
    TEST(a_slow_start_doubles_every_five_seconds_and_delays_the_rest_evenly),
    TEST(a_file_with_a_secret_is_read_only_if_nobody_else_can),
    TEST(who_has_read_a_secret_leaves_no_core_and_cannot_be_traced),
    TEST_END,
};
const struct suite safety_suite = {"safety", tests};
