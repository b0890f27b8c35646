/* Every vector of facts against a second, plain reading of DESIGN's table. */
#include <string.h>

#include "results/classify.h"
#include "tests/support/check.h"

static enum outcome read_refused(const struct facts *f)
{
    if (f->h || f->l || f->q)
        return CLASS_REFUSED_BUT_TAKEN;
    if (f->f || f->w)
        return CLASS_REFUSED_AND_NDR;
    if (f->k == END_ABORTED)
        return CLASS_ABORTED;
    return f->k == END_REFUSED_TEMP ? CLASS_REFUSED_TEMPORARY : CLASS_REFUSED_PERMANENT;
}

static enum outcome read_delivered(const struct facts *f)
{
    if (f->f || f->w)
        return CLASS_CONTRADICTION;
    if (f->h > 1)
        return CLASS_DUPLICATED;
    return f->l ? CLASS_DELIVERED_RESIDUE : CLASS_DELIVERED;
}

static enum outcome read_absent(const struct facts *f)
{
    if (f->l && f->z)
        return CLASS_LEFT_BEHIND;
    if (f->v && f->z)
        return CLASS_VANISHED;
    if (f->q && f->f)
        return CLASS_NDR_BUT_QUEUED;
    if (f->q && f->z)
        return CLASS_STRANDED;
    if (f->f)
        return CLASS_NDR;
    if (f->w)
        return CLASS_NDR_MISROUTED;
    if (!f->z)
        return CLASS_UNKNOWN;
    if (f->k == END_DOUBT)
        return CLASS_IN_DOUBT_SILENT;
    return f->asked ? CLASS_SILENT_BY_REQUEST : CLASS_SILENT_LOSS;
}

/* The rows as a person would read them down the page. */
static enum outcome second_reading(const struct facts *f)
{
    bool evidence = f->h || f->b || f->o || f->l || f->v || f->q || f->f || f->w;

    if (f->owed != OWED && !evidence)
        return CLASS_NOT_OWED;
    if (f->k == END_NONE)
        return evidence ? CLASS_PHANTOM : CLASS_NOT_SENT;
    if (f->o)
        return CLASS_MISDELIVERED;
    if (f->b)
        return CLASS_CORRUPTED;
    if (f->k == END_REFUSED_TEMP || f->k == END_REFUSED_PERM || f->k == END_ABORTED)
        return read_refused(f);
    return f->h ? read_delivered(f) : read_absent(f);
}

static struct facts vector(unsigned k, unsigned owed, unsigned h, unsigned bits)
{
    return (struct facts){.k = (enum ending)k,
                          .owed = (enum owed)owed,
                          .h = (uint8_t)h,
                          .b = bits & 1,
                          .o = bits >> 1 & 1,
                          .l = bits >> 2 & 1,
                          .v = bits >> 3 & 1,
                          .q = bits >> 4 & 1,
                          .f = bits >> 5 & 1,
                          .w = bits >> 6 & 1,
                          .z = bits >> 7 & 1,
                          .asked = bits >> 8 & 1};
}

static void every_vector_of_facts_has_one_class_and_every_class_is_reached(void)
{
    unsigned long reached[CLASS_COUNT] = {0}, vectors = 0, wrong = 0;

    for (unsigned k = END_NONE; k <= END_ACCEPTED; k++)
        for (unsigned owed = OWED; owed <= BARRED; owed++)
            for (unsigned h = 0; h < 3; h++)
                for (unsigned bits = 0; bits < 1u << 9; bits++) {
                    struct facts f = vector(k, owed, h, bits);
                    enum outcome o = classify(&f);

                    vectors++;
                    reached[o]++;
                    wrong += o != second_reading(&f);
                }
    CHECK_U64(vectors, 6ul * 3 * 3 * 512);
    CHECK_U64(wrong, 0);
    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        CHECK(reached[o] > 0);
}

static void the_shares_of_the_classes_are_those_of_this_table(void)
{
    unsigned long silent = 0, stranded = 0, unknown = 0;

    for (unsigned h = 0; h < 3; h++)
        for (unsigned bits = 0; bits < 1u << 9; bits++) {
            struct facts f = vector(END_ACCEPTED, OWED, h, bits);
            enum outcome o = classify(&f);

            silent += o == CLASS_SILENT_LOSS;
            stranded += o == CLASS_STRANDED;
            unknown += o == CLASS_UNKNOWN;
        }
    CHECK_U64(silent, 1);   /* accepted, owed, final, not asked for, and nothing else */
    CHECK_U64(stranded, 4); /* with or without a misrouted report, asked or not */
    CHECK_U64(unknown, 16); /* not final: l, v, q free, reports excluded, asked free */
}

static void what_cannot_get_better_is_only_what_rests_on_growing_facts(void)
{
    /* Adding a fact that grows (evidence) to a certain class leads to a certain class again, but where a primary that was
     * reported comes to light after all: that is a contradiction, which is certain too. */
    unsigned long wrong = 0;

    for (unsigned k = END_REFUSED_TEMP; k <= END_ACCEPTED; k++)
        for (unsigned bits = 0; bits < 1u << 9; bits++)
            for (unsigned h = 0; h < 3; h++)
                for (unsigned more = 0; more < 9; more++) {
                    struct facts f = vector(k, OWED, h, bits), g = f;
                    const unsigned growing = 1u | 1u << 1 | 1u << 5 | 1u << 6;

                    if (!class_is_certain(classify(&f)) || !(growing >> more & 1))
                        continue;
                    g = vector(k, OWED, h, bits | 1u << more);
                    wrong += !class_is_certain(classify(&g));
                }
    CHECK_U64(wrong, 0);
}

static void names_lead_back_to_their_classes_and_flags(void)
{
    enum outcome o;
    enum flag f;

    for (enum outcome k = 0; k < CLASS_COUNT; k++) {
        CHECK(class_named(class_name(k), &o));
        CHECK_U64(o, k);
        CHECK(strlen(class_became(k)) > 5);
    }
    for (enum flag k = 0; k < FLAG_COUNT; k++) {
        CHECK(flag_named(flag_name(k), &f));
        CHECK_U64(f, k);
    }
    CHECK(!class_named("lost", &o));
    CHECK(!flag_named("lost", &f));
}

static void a_false_report_passes_responsibility_and_fails_transparency(void)
{
    CHECK_U64(class_responsibility(CLASS_NDR), AXIS_OK);
    CHECK_U64(class_transparency(CLASS_NDR), AXIS_VIOLATION);
    CHECK_U64(class_responsibility(CLASS_SILENT_LOSS), AXIS_VIOLATION);
    CHECK_U64(class_transparency(CLASS_SILENT_LOSS), AXIS_VIOLATION);
    CHECK_U64(class_responsibility(CLASS_UNKNOWN), AXIS_OPEN);
}

static void silence_is_never_certain_by_itself(void)
{
    CHECK(!class_is_certain(CLASS_SILENT_LOSS));
    CHECK(!class_is_certain(CLASS_IN_DOUBT_SILENT));
    CHECK(!class_is_certain(CLASS_STRANDED));
    CHECK(!class_is_certain(CLASS_VANISHED));
    CHECK(!class_is_certain(CLASS_LEFT_BEHIND));
    CHECK(!class_is_certain(CLASS_UNKNOWN));
}

static const struct test tests[] = {
    TEST(every_vector_of_facts_has_one_class_and_every_class_is_reached),
    TEST(the_shares_of_the_classes_are_those_of_this_table),
    TEST(what_cannot_get_better_is_only_what_rests_on_growing_facts),
    TEST(names_lead_back_to_their_classes_and_flags),
    TEST(a_false_report_passes_responsibility_and_fails_transparency),
    TEST(silence_is_never_certain_by_itself),
    TEST_END,
};

const struct suite classify_suite = {"classify", tests};
