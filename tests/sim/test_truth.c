/* test_truth.c - a witness that says yes to everything is none: the comparison is given truths that were tampered with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct scene {
    struct sim_run s;
    char dir[300];
    char *text; /* the truth file */
};

static bool begin(struct scene *c, const char *variant)
{
    static const char *const sets[] = {"load.steady.duration=4m", "load.steady.rate=2/s",
                                       "moves.users.count=2"};

    (void)snprintf(c->dir, sizeof c->dir, "%s/run", scratch_dir("truth"));
    struct sim_order o = {
        .profile = {.path = "q248839", .variant = variant, .sets = sets, .set_count = 3},
        .dir = c->dir,
        .net = {.start_ns = 1000000000, .latency_min_ns = 50000, .latency_max_ns = 500000}};
    char path[400];
    bool ok = sim_walk(&c->s, &o);

    (void)snprintf(path, sizeof path, "%s/truth.tsv", c->dir);
    c->text = scratch_read(path, NULL);
    return check_true(ok, c->s.wrong, __FILE__, __LINE__) && CHECK(c->text != NULL);
}

static void end(struct scene *c)
{
    free(c->text);
    sim_fini(&c->s);
}

/* How many copies differ from a truth in which the first line with all these words reads otherwise (NULL: is missing). */
static uint64_t wrong_after(struct scene *c, const char *word, const char *also, const char *become)
{
    char path[400], line[1000];
    struct truth_score score = {0};
    struct err e = {0};
    bool done = false;

    (void)snprintf(path, sizeof path, "%s/tampered.tsv", c->dir);
    FILE *f = fopen(path, "we");

    for (const char *p = c->text; f && *p; p += strcspn(p, "\n") + 1) {
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(p, "\n"), p);
        char *at = done ? NULL : strstr(line, word);

        done = done || (at && strstr(line, also));
        if (!at || !strstr(line, also))
            (void)fprintf(f, "%s\n", line);
        else if (become)
            (void)fprintf(f, "%.*s%s%s\n", (int)(at - line), line, become, at + strlen(word));
    }
    if (!f || fclose(f) != 0 || !CHECK(done))
        return 0;
    if (!truth_compare(c->s.result.manifest, c->s.result.ledger, path, TRUTH_WHOLE, &score, &e))
        (void)check_true(false, e.text, __FILE__, __LINE__);
    return score.wrong;
}

static void one_fact_changed_is_one_copy_wrong(void)
{
    struct scene c;

    if (begin(&c, NULL)) {
        CHECK_U64(wrong_after(&c, "\tmove-begun\t", "move", "\tmove-begun\t"), 0);
        CHECK_U64(wrong_after(&c, "\tcopy\t", "\tprimary\tjoanne", NULL), 1);
        CHECK_U64(wrong_after(&c, "\tcopy\t", "\talternate\tjoanne-alt", NULL), 1);
        CHECK_U64(wrong_after(&c, "\tcopy\t", "\tprimary\tjoanne", "\tentry\t"), 1);
        CHECK_U64(wrong_after(&c, "\taccepted\t", "joanne", NULL), 1);
        CHECK_U64(wrong_after(&c, "\tdropped\t", "@", "\tcopy\t"), 1);
        CHECK_U64(
            wrong_after(&c, "\talternate\tjoanne-alt-1\ts3", "\tcopy\t", "\talternate\tjoe-1\ts3"),
            1);
        CHECK_U64(wrong_after(&c, "\tprimary\tjoanne-1\ts2", "\tcopy\t", "\tprimary\tjoanne-1\ts1"),
                  1);
    }
    end(&c);
}

static void a_report_more_or_less_is_noticed(void)
{
    struct scene c;

    if (begin(&c, "sp4")) {
        CHECK_U64(wrong_after(&c, "\treport-delivered\t", "joanne", NULL), 1);
        CHECK_U64(wrong_after(&c, "\treport-copy\t", "joanne", "\tcopy\t"), 1);
    }
    end(&c);
}

static void a_mailbox_that_did_not_move_makes_its_copies_left_behind(void)
{
    struct scene c;

    if (begin(&c, NULL))
        CHECK(wrong_after(&c, "\tmove-flipped\t", "joanne-1\t", NULL) > 10);
    end(&c);
}

static const struct test tests[] = {
    TEST(one_fact_changed_is_one_copy_wrong),
    TEST(a_report_more_or_less_is_noticed),
    TEST(a_mailbox_that_did_not_move_makes_its_copies_left_behind),
    TEST_END,
};

const struct suite truth_suite = {"truth", tests};
