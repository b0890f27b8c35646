/* test_cmd_p1.c - postmuster p1 as its user meets it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define GOLDEN PM_SOURCE_DIR "/tests/golden/x400/"

static void says(const char *const *argv, int code, const char *out, const char *err)
{
    const struct program_way here = {.dir = scratch_dir("cmd_p1")};
    struct program p;

    CHECK_I64(program_run(&p, &here, argv), code);
    char *said = program_said(&p, false), *complained = program_said(&p, true);

    CHECK_HAS(said, out);
    CHECK_HAS(complained, err);
    free(said);
    free(complained);
}

static void files_are_shown_one_after_the_other(void)
{
    says((const char *[]){"p1", GOLDEN "71-apdu-ndr.hex", NULL}, EX_PASS,
         "    not delivered      1 unable-to-transfer, 0 unrecognised-OR-name\n", "");
    says((const char *[]){"p1", GOLDEN "01-cr.hex", GOLDEN "37-one-write-n.hex", NULL}, EX_PASS,
         "called \"MPB\" (4d5042)\n\n" GOLDEN "37-one-write-n.hex:\nTSDU of 9 octets\n", "");
}

static void what_is_wrong_is_told_with_the_right_code(void)
{
    says((const char *[]){"p1", NULL}, EX_BAD_USAGE, "", "p1 FILE...");
    says((const char *[]){"p1", "/nowhere/at/all", NULL}, EX_IO, "", "/nowhere/at/all: No such");
    const char *bad = scratch_file(scratch_dir("cmd_p1_files"), "bad", "a0 02 31 00\n");

    says((const char *[]){"p1", bad, NULL}, EX_WIRE, "", "p1: message envelope: no identifier");
}

static const struct test tests[] = {
    TEST(files_are_shown_one_after_the_other),
    TEST(what_is_wrong_is_told_with_the_right_code),
    TEST_END,
};

const struct suite cmd_p1_suite = {"cmd_p1", tests};
