/* Addresses, and the guard: what a flood may be aimed at. */
#include <string.h>

#include "base/net.h"
#include "tests/support/check.h"

static void literals_parse_and_print_back(void)
{
    static const char *const rows[][2] = {
        {"127.0.0.1:25", "127.0.0.1:25"},
        {"127.0.0.1", "127.0.0.1:2525"},
        {"[::1]:25", "[::1]:25"},
        {"[::1]", "[::1]:2525"},
        {"::1", "[::1]:2525"},
        {"fd00:0::5", "[fd00::5]:2525"},
        {"127.0.0.1:0", "127.0.0.1:0"},
        {"[fe80::1%7]:25", "[fe80::1%7]:25"},
        {"255.255.255.255:65535", "255.255.255.255:65535"},
    };
    char out[NET_TEXT];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_addr a;

        check_true(net_parse(&a, rows[i][0], 2525, NULL), rows[i][0], __FILE__, __LINE__);
        CHECK_STR(net_print(&a, out), rows[i][1]);
    }
    CHECK_STR(net_print(&(struct net_addr){0}, out), "none");
}

static void what_is_no_address_is_refused_by_name(void)
{
    static const char *const bad[] = {"",
                                      ":25",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "127.1:25",
                                      "0177.0.0.1",
                                      "2130706433",
                                      "0x7f000001",
                                      "localhost",
                                      "[::1",
                                      "[::1]25",
                                      "[]:25",
                                      "127.0.0.1 ",
                                      "[127.0.0.2]x",
                                      "::g",
                                      "[fe80::1%nope]",
                                      "1.2.3.4.5",
                                      "127.0.0.1%1"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct net_addr a;
        struct err e = {0};

        check_true(!net_parse(&a, bad[i], 25, &e), bad[i], __FILE__, __LINE__);
        CHECK_I64(e.code, EX_BAD_PROFILE);
        CHECK_HAS(e.text, bad[i]);
    }
}

static void addresses_are_equal_with_their_port(void)
{
    struct net_addr a, b;

    CHECK(net_parse(&a, "127.0.0.1:25", 0, NULL) && net_parse(&b, "127.0.0.1:25", 0, NULL));
    memset(a.ip + 4, 0xee, 12); /* what lies behind an IPv4 address does not count */
    CHECK(net_equal(&a, &b));
    b.port = 26;
    CHECK(!net_equal(&a, &b));
    CHECK(net_parse(&a, "[fe80::1%1]:25", 0, NULL) && net_parse(&b, "[fe80::1%2]:25", 0, NULL));
    CHECK(!net_equal(&a, &b));
    CHECK(net_equal(&(struct net_addr){0}, &(struct net_addr){0}));
}

static void names_are_resolved_and_literals_stay(void)
{
    struct net_addr a;
    struct err e = {0};

    CHECK(net_resolve(&a, "localhost:2525", 25, &e) && net_is_loopback(&a) && a.port == 2525);
    CHECK(net_resolve(&a, "[::1]", 25, &e) && a.family == 6 && a.port == 25);
    CHECK(!net_resolve(&a, "no-such-host.invalid:25", 25, &e));
    CHECK_I64(e.code, EX_TARGET);
    CHECK_HAS(e.text, "cannot resolve no-such-host.invalid");
    CHECK(!net_resolve(&a, "localhost:smtp", 25, &e));
    CHECK_I64(e.code, EX_BAD_PROFILE);
}

/* One row an address; `listed`: the guard has 10.1.0.0/16, 192.168.7.9 and fd00:1::/32, and 93.184.216.0/24 in vain. */
static const struct {
    const char *address;
    bool loopback, private, listed;
} targets[] = {
    {"127.0.0.1", true, false, true},
    {"127.255.255.254", true, false, true},
    {"127.0.0.53", true, false, true},
    {"::1", true, false, true},
    {"::ffff:127.0.0.1", true, false, true},
    {"10.1.0.0", false, true, true},
    {"10.1.255.255", false, true, true},
    {"::ffff:10.1.2.3", false, true, true},
    {"10.2.0.0", false, true, false},
    {"10.0.255.255", false, true, false},
    {"::ffff:10.2.0.1", false, true, false},
    {"172.16.0.1", false, true, false},
    {"172.31.255.255", false, true, false},
    {"192.168.7.9", false, true, true},
    {"192.168.7.8", false, true, false},
    {"192.168.7.10", false, true, false},
    {"169.254.169.254", false, true, false},
    {"fd00:1::5", false, true, true},
    {"fd00:1:ffff::5", false, true, true},
    {"fd00:2::5", false, true, false},
    {"fc00::1", false, true, false},
    {"fe80::1", false, true, false},
    {"febf::1", false, true, false},
    {"172.15.255.255", false, false, false},
    {"172.32.0.0", false, false, false},
    {"192.167.255.255", false, false, false},
    {"192.169.0.0", false, false, false},
    {"9.255.255.255", false, false, false},
    {"11.0.0.0", false, false, false},
    {"126.255.255.255", false, false, false},
    {"128.0.0.1", false, false, false},
    {"100.64.0.1", false, false, false},
    {"93.184.216.34", false, false, false},
    {"8.8.8.8", false, false, false},
    {"0.0.0.0", false, false, false},
    {"255.255.255.255", false, false, false},
    {"224.0.0.1", false, false, false},
    {"::", false, false, false},
    {"::2", false, false, false},
    {"::127.0.0.1", false, false, false},
    {"::ffff:8.8.8.8", false, false, false},
    {"::ffff:0:127.0.0.1", false, false, false},
    {"64:ff9b::7f00:1", false, false, false},
    {"64:ff9b::a01:203", false, false, false},
    {"2002:7f00:1::1", false, false, false},
    {"2001:db8::1", false, false, false},
    {"2606:4700::1111", false, false, false},
    {"fec0::1", false, false, false},
    {"fe00::1", false, false, false},
    {"ff02::1", false, false, false},
};

static struct guard_net listed[4];

static struct guard guard_of_the_table(void)
{
    static const char *const nets[] = {"10.1.0.0/16", "192.168.7.9", "fd00:1::/32",
                                       "93.184.216.0/24"};

    for (size_t i = 0; i < 4; i++)
        CHECK(guard_net_parse(&listed[i], nets[i], NULL));
    return (struct guard){.nets = listed, .count = 4};
}

static void the_guard_lets_through_loopback_and_listed_private_addresses_only(void)
{
    struct guard g = guard_of_the_table();

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct net_addr a;
        struct err e = {0};
        const char *t = targets[i].address;

        check_true(net_parse(&a, t, 25, NULL), t, __FILE__, __LINE__);
        check_true(net_is_loopback(&a) == targets[i].loopback, t, __FILE__, __LINE__);
        check_true(net_is_private(&a) == targets[i].private, t, __FILE__, __LINE__);
        check_true(guard_check(&g, &a, &e) == targets[i].listed, t, __FILE__, __LINE__);
        if (!targets[i].listed)
            CHECK_I64(e.code, EX_GUARD);
    }
}

static void a_refusal_names_the_address_and_the_rule(void)
{
    struct net_addr a;
    struct err e;

    CHECK(net_parse(&a, "10.9.8.7:25", 0, NULL) && !guard_check(NULL, &a, &e));
    CHECK_HAS(e.text, "10.9.8.7:25");
    CHECK_HAS(e.text, "safety section");
    CHECK(net_parse(&a, "[2606:4700::1111]:25", 0, NULL) && !guard_check(NULL, &a, &e));
    CHECK_HAS(e.text, "[2606:4700::1111]:25");
    CHECK_HAS(e.text, "refused by rule public: ");
    CHECK(!guard_check(NULL, &(struct net_addr){0}, &e));
    CHECK_I64(e.code, EX_GUARD);
}

static void without_a_guard_only_loopback_passes(void)
{
    struct net_addr a;

    CHECK(net_parse(&a, "127.0.0.9:25", 0, NULL) && guard_check(NULL, &a, NULL));
    CHECK(net_parse(&a, "10.1.0.1:25", 0, NULL) && !guard_check(NULL, &a, NULL));
}

static void networks_are_refused_when_they_are_not_what_they_seem(void)
{
    static const char *const bad[] = {"",           "/8",          "10.0.0.0/33",  "10.0.0.0/",
                                      "10.0.0.0/x", "10.0.0.5/8",  "10.0.0/24",    "fd00::/129",
                                      "fd00::1/64", "lab.test/24", "fe80::1%1/64", "10.0.0.0/-1"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct guard_net n;
        struct err e = {0};

        check_true(!guard_net_parse(&n, bad[i], &e), bad[i], __FILE__, __LINE__);
        CHECK_I64(e.code, EX_BAD_PROFILE);
    }
}

static void prefixes_that_end_within_an_octet_are_exact(void)
{
    struct guard_net n;
    struct guard g = {.nets = &n, .count = 1};
    struct net_addr in, out;

    CHECK(guard_net_parse(&n, "10.0.0.128/26", NULL));
    CHECK(net_parse(&in, "10.0.0.191", 25, NULL) && net_parse(&out, "10.0.0.192", 25, NULL));
    CHECK(guard_check(&g, &in, NULL) && !guard_check(&g, &out, NULL));
    CHECK(guard_net_parse(&n, "0.0.0.0/0", NULL));
    CHECK(guard_check(&g, &in, NULL) && net_parse(&out, "1.1.1.1", 25, NULL));
    CHECK(!guard_check(&g, &out, NULL));
}

static void a_number_is_no_name_however_it_is_written(void)
{
    static const char *const numbers[] = {"0x7f000001", "0X7F.0.0.1",  "127.0.0.0x1", "0x",
                                          "2130706433", "0177.0.0.01", "mail.0x7f"};
    struct err e = {0};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        check_true(!guard_name(numbers[i], &e), numbers[i], __FILE__, __LINE__);
        CHECK_HAS(e.text, "odd-literal");
    }
    CHECK(guard_name("0x7f.example", &e));
}

static const struct test tests[] = {
    TEST(literals_parse_and_print_back),
    TEST(what_is_no_address_is_refused_by_name),
    TEST(addresses_are_equal_with_their_port),
    TEST(names_are_resolved_and_literals_stay),
    TEST(the_guard_lets_through_loopback_and_listed_private_addresses_only),
    TEST(a_refusal_names_the_address_and_the_rule),
    TEST(without_a_guard_only_loopback_passes),
    TEST(networks_are_refused_when_they_are_not_what_they_seem),
    TEST(prefixes_that_end_within_an_octet_are_exact),
    TEST(a_number_is_no_name_however_it_is_written),
    TEST_END,
};
const struct suite net_suite = {"net", tests};
