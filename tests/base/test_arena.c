/* Memory that dies together: zeroed, aligned, and bounded by its ceiling. */
#include <string.h>

#include "base/arena.h"
#include "tests/support/check.h"

static bool all_zero(const unsigned char *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n == 0;
}

static void memory_comes_zeroed_aligned_and_apart(void)
{
    struct arena *a = arena_create(10 << 20);
    bool zero = true, aligned = true, kept = true;
    unsigned char *parts[300];

    for (size_t i = 0; i < 300; i++) {
        size_t n = i * 7 % 5000 + 1;

        parts[i] = arena_bytes(a, n);
        if (!CHECK(parts[i]))
            return;
        zero = zero && all_zero(parts[i], n);
        aligned = aligned && (uintptr_t)parts[i] % 16 == 0;
        memset(parts[i], (int)i, n);
    }
    for (size_t i = 0; i < 300; i++)
        kept = kept && parts[i][0] == i % 256 && parts[i][i * 7 % 5000] == i % 256;
    CHECK(zero);
    CHECK(aligned);
    CHECK(kept);
    arena_destroy(a);
}

static void the_ceiling_refuses_and_smaller_wishes_still_fit(void)
{
    struct arena *a = arena_create(1000);

    CHECK(arena_bytes(a, 900));
    CHECK(!arena_bytes(a, 200));
    CHECK(!arena_bytes(a, SIZE_MAX));
    CHECK(!arena_bytes(a, SIZE_MAX - 8));
    CHECK(arena_bytes(a, 80));
    CHECK_U64(arena_used(a), 912 + 80);
    CHECK(!arena_bytes(a, 9));
    CHECK(arena_bytes(a, 0) == NULL); /* even nothing takes a place of its own */
    arena_destroy(a);
}

static void a_large_wish_does_not_waste_the_block_in_use(void)
{
    struct arena *a = arena_create(10 << 20);
    unsigned char *first = arena_bytes(a, 16), *large = arena_bytes(a, 1 << 20),
                  *second = arena_bytes(a, 16);

    CHECK(first && large && second == first + 16);
    arena_destroy(a);
}

static void arrays_do_not_overflow(void)
{
    struct arena *a = arena_create(SIZE_MAX / 2);

    CHECK(!arena_new(a, uint64_t, SIZE_MAX / 4));
    CHECK(!arena_array(a, SIZE_MAX, 2));
    uint64_t *eight = arena_new(a, uint64_t, 8);
    CHECK(eight && eight[7] == 0);
    arena_destroy(a);
}

static void texts_are_copied_and_ended(void)
{
    struct arena *a = arena_create(100000);
    char long_text[5000];

    CHECK_STR(arena_text(a, "joanne@lab", 6), "joanne");
    CHECK_STR(arena_text(a, NULL, 0), "");
    CHECK_STR(arena_format(a, "%s-%03d", "joe", 7), "joe-007");
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    CHECK_STR(arena_format(a, "%s", long_text), long_text);
    CHECK(!arena_text(a, "x", SIZE_MAX));
    arena_destroy(a);
}

static void destroying_nothing_is_fine(void)
{
    arena_destroy(NULL);
    struct arena *a = arena_create(0);
    CHECK(a && !arena_bytes(a, 1));
    arena_destroy(a);
}

static const struct test tests[] = {
    TEST(memory_comes_zeroed_aligned_and_apart),
    TEST(the_ceiling_refuses_and_smaller_wishes_still_fit),
    TEST(a_large_wish_does_not_waste_the_block_in_use),
    TEST(arrays_do_not_overflow),
    TEST(texts_are_copied_and_ended),
    TEST(destroying_nothing_is_fine),
    TEST_END,
};
const struct suite arena_suite = {"arena", tests};
