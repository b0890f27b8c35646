/* test_site.c - finding servers, groups and mailboxes. */
#include <stdio.h>
#include <string.h>

#include "profiles/site.h"
#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

static uint32_t find(const struct site *s, const char *address)
{
    return site_address(s, (const unsigned char *)address, strlen(address));
}

static void check_finding(const struct site *s)
{
    char long_one[600];

    CHECK_U64(site_server(s, "s2"), 1);
    CHECK_U64(site_server(s, "s9"), SITE_NONE);
    CHECK_U64(site_group(s, "joe"), 1);
    CHECK_U64(site_group(s, "jo"), SITE_NONE);
    CHECK_U64(site_mailbox(s, "joe-2"), 5);
    CHECK_U64(site_mailbox(s, "JOE-2"), SITE_NONE);
    CHECK_U64(find(s, "joanne-3@lab.test"), 2);
    CHECK_U64(find(s, "JoAnne-3@LAB.Test"), 2);
    CHECK_U64(find(s, "joanne-3+abc@lab.test"), 2);
    CHECK_U64(find(s, "joanne-3+@lab.test"), 2);
    CHECK_U64(find(s, "joanne-3@lab.test+x"), SITE_NONE);
    CHECK_U64(find(s, "joanne-9@lab.test"), SITE_NONE);
    CHECK_U64(find(s, ""), SITE_NONE);
    CHECK_U64(find(s, "+@"), SITE_NONE);
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    CHECK_U64(find(s, long_one), SITE_NONE);
    CHECK_U64(site_mailbox(s, long_one), SITE_NONE);
}

static void names_and_addresses_are_found_with_and_without_tables(void)
{
    struct reading_of r = read_draft(plain_lab, "");

    if (CHECK_STR(r.err.text, "")) {
        struct site bare = r.profile->site;

        check_finding(&bare);
        bare.by_address = bare.by_name = NULL;
        check_finding(&bare);
    }
    reading_end(&r);
}

static void a_hundred_thousand_mailboxes_find_themselves(void)
{
    struct reading_of r =
        read_draft("schema: 1\nlab: {}\nmailboxes: {u: {count: 100000, home: s1}}\n", "");
    uint32_t wrong = 0;

    if (CHECK_STR(r.err.text, ""))
        for (uint32_t i = 0; i < 100000; i++)
            wrong += find(&r.profile->site, r.profile->site.mailboxes[i].address) != i;
    CHECK_U64(wrong, 0);
    reading_end(&r);
}

static const struct test tests[] = {
    TEST(names_and_addresses_are_found_with_and_without_tables),
    TEST(a_hundred_thousand_mailboxes_find_themselves),
    TEST_END,
};

const struct suite site_suite = {"site", tests};
