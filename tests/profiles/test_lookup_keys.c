/* test_lookup_keys.c - the keys of home_lookup by IMAP and LDAP, a master's log-on, and what is told where they are wrong. */
#include <stdio.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

static void check_lookup(const char *keys, const char *part)
{
    char text[600];

    (void)snprintf(text, sizeof text, "home_lookup: {%s}\n", keys);
    check_refused(plain_lab, text, part);
}

static void a_directory_is_read_with_its_defaults(void)
{
    struct reading_of r = read_draft(
        plain_lab, "home_lookup: {type: ldap, url: \"ldaps://127.0.0.1:1636\", base: \"o=x\", "
                   "user: \"cn=a\", password: word, period: 2s}\n");
    const struct lookup_profile *l = &r.profile->home_lookup;

    CHECK_STR(r.err.text, "");
    CHECK(l->on && l->type == LOOKUP_LDAP && !l->insecure);
    CHECK_STR(l->filter, "(mail={address})");
    CHECK_STR(l->attribute, "homeMDB");
    CHECK_U64(l->tls, TLS_STARTTLS);
    CHECK_STR(l->user, "cn=a");
    CHECK_U64(l->period_real_ns, 2000000000);
    reading_end(&r);
}

static void servers_that_are_asked_need_nothing_more(void)
{
    struct reading_of r = read_draft(plain_lab, "home_lookup: {type: imap}\n");

    CHECK_STR(r.err.text, "");
    CHECK(r.profile->home_lookup.type == LOOKUP_IMAP && !r.profile->home_lookup.list);
    reading_end(&r);
}

static void what_does_not_fit_together_is_told(void)
{
    check_lookup("type: ldap", "home_lookup: expected url: ldap://HOST:PORT");
    check_lookup("type: ldap, url: \"http://127.0.0.1\"", "expected url: ldap://HOST:PORT");
    check_lookup("type: ldap, url: \"ldap:///o=x\"", "expected url: ldap://HOST:PORT");
    check_lookup("type: ldap, url: \"ldap://127.0.0.1/o=x\"", "expected url: ldap://HOST:PORT");
    check_lookup("type: ldap, url: \"ldap://127.0.0.1\", user: \"cn=a\"",
                 "home_lookup: \"password\" is missing: there is a user");
    check_lookup("type: ldap, url: \"ldap://192.0.2.1\", user: a, password: word",
                 "a literal password is read only for a lab or a loopback server");
    check_lookup("type: ldap, url: \"ldap://localhost.strangers.de\", user: a, password: word",
                 "a literal password is read only for a lab or a loopback server");
    check_lookup("type: ldap, url: \"ldap://192.0.2.1\", insecure: yes",
                 "only loopback and private addresses go unverified");
    check_lookup("type: imap, user: admin", "\"password\" is missing: there is a user");
    check_lookup("type: exec", "home_lookup: \"argv\" is missing: type is exec");
    check_lookup("type: ldpa", "home_lookup.type: ");
    check_lookup("type: imap, list: [a]", "home_lookup.list: expected text");
}

static const struct test tests[] = {
    TEST(a_directory_is_read_with_its_defaults),
    TEST(servers_that_are_asked_need_nothing_more),
    TEST(what_does_not_fit_together_is_told),
    TEST_END,
};
const struct suite lookup_keys_suite = {"lookup_keys", tests};
