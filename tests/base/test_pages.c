/* Tables from the kernel are zeroed, whole and given back. */
#include "base/pages.h"
#include "tests/support/check.h"

static void they_come_zeroed_to_the_last_byte(void)
{
    static const size_t sizes[] = {1, 4096, 5ul << 20};

    for (unsigned i = 0; i < 3; i++) {
        unsigned char *p = pages_create(sizes[i]);

        CHECK(p != NULL);
        if (!p)
            return;
        CHECK_U64(p[0] + p[sizes[i] - 1], 0);
        p[sizes[i] - 1] = 7;
        CHECK_U64(p[sizes[i] - 1], 7);
        pages_destroy(p, sizes[i]);
    }
}

static void what_cannot_be_had_is_said(void)
{
    CHECK(!pages_create(0));
    CHECK(!pages_create((size_t)1 << 62));
    pages_destroy(NULL, 4096);
}

static const struct test tests[] = {
    TEST(they_come_zeroed_to_the_last_byte),
    TEST(what_cannot_be_had_is_said),
    TEST_END,
};

const struct suite pages_suite = {"pages", tests};
