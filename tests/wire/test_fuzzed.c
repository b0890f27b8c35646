/* test_fuzzed.c - what fuzzing found in the codecs; the inputs are in tests/fuzz/corpus. */
#include <string.h>

#include "tests/support/check.h"
#include "wire/imap.h"

static void of_a_body_said_twice_the_last_one_counts(void)
{
    static const char said[] =
        "* 8 FETCH (UID 9 BODY[] \"o\\\"ne\" BODY[] NIL)\r\n"
        "* 8 FETCH (UID 9 BODY[HEADER.FIELDS (X)] \"one\" BODY[HEADER.FIELDS (X)] NIL)\r\n"
        "* 8 FETCH (UID 9 BODY[] NIL BODY[] \"two\")\r\n";
    struct imap_in in;
    struct imap_response r;

    imap_in_init(&in);
    unsigned char *room = imap_in_room(&in, sizeof said - 1);

    CHECK(room != NULL);
    if (room) {
        memcpy(room, said, sizeof said - 1);
        imap_in_took(&in, sizeof said - 1);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK(!r.has_body);
        CHECK_U64(r.body.n, 0);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK_U64(r.fields.n, 0);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK(r.has_body && slice_is(r.body, "two"));
    }
    imap_in_fini(&in);
}

static const struct test tests[] = {
    TEST(of_a_body_said_twice_the_last_one_counts),
    TEST_END,
};

const struct suite fuzzed_suite = {"fuzzed", tests};
