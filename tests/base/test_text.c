/* Durations, sizes, rates, numbers and near misses, as users write them. */
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "tests/support/check.h"

static void durations_are_read_exactly(void)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"90s", 90 * NS_PER_S},
        {"10m", 600 * NS_PER_S},
        {"250ms", 250 * NS_PER_MS},
        {"7us", 7 * NS_PER_US},
        {"7ns", 7},
        {"2h", 7200 * NS_PER_S},
        {"1d", 86400 * NS_PER_S},
        {"1m30s", 90 * NS_PER_S},
        {"1d2h3m4s5ms6us7ns", 93784005006007ull},
        {"0.1s", 100 * NS_PER_MS},
        {"1.5h", 5400 * NS_PER_S},
        {"1m0.5s", 60500 * NS_PER_MS},
        {"213503d", 18446659200 * NS_PER_S},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t ns = 77;

        CHECK(text_duration(slice_of(rows[i].text), &ns, NULL));
        check_u64(ns, rows[i].ns, rows[i].text, __FILE__, __LINE__);
    }
}

static void what_is_no_duration_is_refused_with_an_example(void)
{
    static const char *const bad[] = {"",        "s",
                                      "90",      "-1s",
                                      "1s ",     " 1s",
                                      "1x",      "1S",
                                      "1s1m",    "1s1s",
                                      "1.s",     ".5s",
                                      "0.5ns",   "1,5s",
                                      "1e3s",    "1min",
                                      "ninety",  "1m30",
                                      "213504d", "99999999999999999999s",
                                      "1m s",    "0.00000000000000000001d"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        uint64_t ns;

        check_true(!text_duration(slice_of(bad[i]), &ns, &e), bad[i], __FILE__, __LINE__);
        CHECK_HAS(e.text, "90s, 1m30s or 250ms");
        CHECK_I64(e.code, EX_BAD_PROFILE);
    }
}

static void durations_print_short_and_parse_back_to_themselves(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {90 * NS_PER_S, "1m30s"},
        {60 * NS_PER_S, "1m"},
        {250 * NS_PER_MS, "250ms"},
        {1500 * NS_PER_MS, "1.5s"},
        {1500, "1.5us"},
        {1, "1ns"},
        {60 * NS_PER_S + 1, "1m0.000000001s"},
        {86400 * NS_PER_S, "1d"},
        {NEVER_NS, "never"},
    };
    struct rng r = rng_at(1, 1, 1);
    char out[48];
    unsigned lost = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STR(text_print_duration(out, sizeof out, rows[i].ns), rows[i].text);
    for (int i = 0; i < 20000; i++) {
        uint64_t ns = rng_u64(&r) >> rng_below(&r, 64), back = 1;

        (void)text_print_duration(out, sizeof out, ns);
        lost += !text_duration(slice_of(out), &back, NULL) || back != ns;
    }
    CHECK_U64(lost, 0);
}

static void a_small_room_cuts_what_is_printed(void)
{
    char out[8];

    memset(out, 'x', sizeof out);
    (void)text_print_duration(out, 4, 93784005006007ull);
    CHECK(memchr(out, '\0', 4) && out[4] == 'x');
    CHECK_STR(text_print_count(out, 4, 1234567), "1,2");
    CHECK(out[4] == 'x');
}

static void sizes_are_powers_of_two(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},         {"4096", 4096},    {"1B", 1},        {"10kB", 10240},
        {"10KB", 10240},  {"10KiB", 10240},  {"2MB", 2097152}, {"2MiB", 2097152},
        {"1GB", 1 << 30}, {"1GiB", 1 << 30}, {"1.5KB", 1536},
    };

    static const char *const bad[] = {"",
                                      "KB",
                                      "1kb",
                                      "1 KB",
                                      "-1",
                                      "1.5",
                                      "0.3B",
                                      "1TB",
                                      "1K",
                                      "1KB1",
                                      "99999999999999999999",
                                      "99999999999999GB"};
    struct err e;
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(text_size(slice_of(rows[i].text), &n, NULL));
        check_u64(n, rows[i].bytes, rows[i].text, __FILE__, __LINE__);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_true(!text_size(slice_of(bad[i]), &n, &e), bad[i], __FILE__, __LINE__);
        CHECK_HAS(e.text, "is not a size such as 4096, 10KB or 2MB");
    }
}

static void rates_are_counts_per_time(void)
{
    static const struct {
        const char *text;
        double rate;
    } rows[] = {
        {"0", 0},       {"10/s", 10},    {"6/m", 0.1},          {"36/h", 0.01}, {"1/30s", 1.0 / 30},
        {"2.5/s", 2.5}, {"3/250ms", 12}, {"1/1m30s", 1.0 / 90}, {"0/s", 0},
    };

    static const char *const bad[] = {"",     "10",    "/s",   "10/",    "10/0s", "x/s",
                                      "10/x", "10 /s", "-1/s", "10/s/s", "10/30", "1/s2"};
    struct err e;
    double got = -1;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(text_rate(slice_of(rows[i].text), &got, NULL));
        CHECK_BETWEEN(got, rows[i].rate * (1 - 1e-12), rows[i].rate * (1 + 1e-12));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_true(!text_rate(slice_of(bad[i]), &got, &e), bad[i], __FILE__, __LINE__);
        CHECK_HAS(e.text, "is not a rate such as 10/s, 6/m or 1/30s");
    }
}

static void numbers_may_have_underscores_between_digits(void)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "_1", "1_", "1__0", "0x10", "1.0", "18446744073709551616"};
    uint64_t n = 0;

    CHECK(text_u64(slice_of("18446744073709551615"), &n, NULL));
    CHECK_U64(n, UINT64_MAX);
    CHECK(text_u64(slice_of("1_000_000"), &n, NULL));
    CHECK_U64(n, 1000000);
    CHECK(text_u64(slice_of("007"), &n, NULL));
    CHECK_U64(n, 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_true(!text_u64(slice_of(bad[i]), &n, NULL), bad[i], __FILE__, __LINE__);
}

static void yes_and_no_have_six_words(void)
{
    bool b = false;
    struct err e;

    CHECK(text_bool(slice_of("true"), &b, NULL) && b);
    CHECK(text_bool(slice_of("Yes"), &b, NULL) && b);
    CHECK(text_bool(slice_of("on"), &b, NULL) && b);
    CHECK(text_bool(slice_of("false"), &b, NULL) && !b);
    CHECK(text_bool(slice_of("NO"), &b, NULL) && !b);
    CHECK(text_bool(slice_of("off"), &b, NULL) && !b);
    CHECK(!text_bool(slice_of("1"), &b, &e) && !text_bool(slice_of(""), &b, &e));
    CHECK_HAS(e.text, "true or false");
}

static void counts_have_thousands_apart(void)
{
    char out[40];

    CHECK_STR(text_print_count(out, sizeof out, 0), "0");
    CHECK_STR(text_print_count(out, sizeof out, 999), "999");
    CHECK_STR(text_print_count(out, sizeof out, 1000), "1,000");
    CHECK_STR(text_print_count(out, sizeof out, 1234567), "1,234,567");
    CHECK_STR(text_print_count(out, sizeof out, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void the_nearest_name_is_within_a_third(void)
{
    static const char *const names[] = {"arrivals", "rate", "duration", "size", "from", "to", NULL};
    char longest[70];

    memset(longest, 'a', sizeof longest);
    CHECK_STR(text_nearest(slice_of("durations"), names), "duration");
    CHECK_STR(text_nearest(slice_of("duraiton"), names), "duration"); /* swapped: one step */
    CHECK_STR(text_nearest(slice_of("rats"), names), "rate");
    CHECK_STR(text_nearest(slice_of("form"), names), "from");
    CHECK_STR(text_nearest(slice_of("arivls"), names), "arrivals");
    CHECK(!text_nearest(slice_of("rxtx"), names));
    CHECK(!text_nearest(slice_of("drtn"), names));
    CHECK(!text_nearest(slice_of(""), names));
    CHECK(!text_nearest(slice_from(longest, sizeof longest), names));
    CHECK_STR(text_nearest(slice_of("so"), names), "to");
}

static void what_others_said_is_cleaned_before_it_is_shown(void)
{
    char out[16];

    CHECK_STR(text_clean(out, sizeof out, slice_of("  no\tsuch\r\n\x1b[1m box ")),
              "no such [1m box");
    CHECK_STR(
        text_clean(out, sizeof out, slice_of("gr\xc3\xbc\xc3\xa9 \xff \xc2\x9b \xe0\x80\x80")),
        "gr\xc3\xbc\xc3\xa9 ? ?? ???");
    CHECK_STR(text_clean(out, sizeof out, slice_of("\xf0\x9f\x93\xac \xed\xa0\x80 \xc3")),
              "\xf0\x9f\x93\xac ??? ?");
    // NOLINTNEXTLINE(misc-misleading-bidirectional): that is the point
    CHECK_STR(text_clean(out, sizeof out,
                         slice_of("a\xe2\x80\xae"
                                  "b\xe2\x81\xa6"
                                  "c\xd8\x9c\xef\xbb\xbf")),
              "a?b?c??");
    CHECK_STR(text_clean(out, sizeof out, slice_of("fourteen chars\xc3\xbc")), "fourteen chars");
    CHECK_STR(text_clean(out, 1, slice_of("x")), "");
    CHECK_STR(text_clean(out, sizeof out, slice_from("a\0b", 3)), "a b");
}

static const struct test tests[] = {
    TEST(durations_are_read_exactly),
    TEST(what_is_no_duration_is_refused_with_an_example),
    TEST(durations_print_short_and_parse_back_to_themselves),
    TEST(a_small_room_cuts_what_is_printed),
    TEST(sizes_are_powers_of_two),
    TEST(rates_are_counts_per_time),
    TEST(numbers_may_have_underscores_between_digits),
    TEST(yes_and_no_have_six_words),
    TEST(counts_have_thousands_apart),
    TEST(the_nearest_name_is_within_a_third),
    TEST(what_others_said_is_cleaned_before_it_is_shown),
    TEST_END,
};
const struct suite text_suite = {"text", tests};
