/* classify.c - the class table. A test walks every vector of facts and compares it with a second, plain reading. */
#include "results/classify.h"

#include <string.h>

#include "base/err.h"

enum { /* facts as bits */
       B_OWED = 1 << 0,
       B_NEVER = 1 << 1,
       B_TEMP = 1 << 2,
       B_PERM = 1 << 3,
       B_ABORTED = 1 << 4,
       B_OURS = 1 << 5, /* refused or aborted: the sender still owns it */
       B_DOUBT = 1 << 6,
       B_H = 1 << 7,
       B_H2 = 1 << 8,
       B_B = 1 << 9,
       B_O = 1 << 10,
       B_L = 1 << 11,
       B_V = 1 << 12,
       B_Q = 1 << 13,
       B_F = 1 << 14,
       B_W = 1 << 15,
       B_Z = 1 << 16,
       B_ASKED = 1 << 17,
       B_EVIDENCE = B_H | B_B | B_O | B_L | B_V | B_Q | B_F | B_W,
};

/* The first row that holds: all of `must`, none of `without`, and, unless 0, something of `any`. */
static const struct rule {
    uint32_t must, any, without;
    enum outcome outcome;
} rules[] = {
    {0, 0, B_OWED | B_EVIDENCE, CLASS_NOT_OWED},
    {B_NEVER, B_EVIDENCE, 0, CLASS_PHANTOM},
    {B_NEVER, 0, 0, CLASS_NOT_SENT},
    {B_O, 0, 0, CLASS_MISDELIVERED},
    {B_B, 0, 0, CLASS_CORRUPTED},
    {B_OURS, B_H | B_L | B_Q, 0, CLASS_REFUSED_BUT_TAKEN},
    {B_OURS, B_F | B_W, 0, CLASS_REFUSED_AND_NDR},
    {B_TEMP, 0, 0, CLASS_REFUSED_TEMPORARY},
    {B_PERM, 0, 0, CLASS_REFUSED_PERMANENT},
    {B_ABORTED, 0, 0, CLASS_ABORTED},
    {B_H, B_F | B_W, 0, CLASS_CONTRADICTION},
    {B_H2, 0, 0, CLASS_DUPLICATED},
    {B_H | B_L, 0, 0, CLASS_DELIVERED_RESIDUE},
    {B_H, 0, 0, CLASS_DELIVERED},
    {B_L | B_Z, 0, 0, CLASS_LEFT_BEHIND},
    {B_V | B_Z, 0, 0, CLASS_VANISHED},
    {B_Q | B_F, 0, 0, CLASS_NDR_BUT_QUEUED},
    {B_Q | B_Z, 0, 0, CLASS_STRANDED},
    {B_F, 0, 0, CLASS_NDR},
    {B_W, 0, 0, CLASS_NDR_MISROUTED},
    {0, 0, B_Z, CLASS_UNKNOWN},
    {B_DOUBT, 0, 0, CLASS_IN_DOUBT_SILENT},
    {B_ASKED, 0, 0, CLASS_SILENT_BY_REQUEST},
    {0, 0, 0, CLASS_SILENT_LOSS},
};

static const uint32_t ending_bits[] = {
    [END_NONE] = B_NEVER,
    [END_REFUSED_TEMP] = B_TEMP | B_OURS,
    [END_REFUSED_PERM] = B_PERM | B_OURS,
    [END_ABORTED] = B_ABORTED | B_OURS,
    [END_DOUBT] = B_DOUBT,
    [END_ACCEPTED] = 0,
};

static uint32_t fact_bits(const struct facts *f)
{
    uint32_t bits = ending_bits[f->k];

    bits |= f->owed == OWED ? B_OWED : 0;
    bits |= f->h >= 1 ? B_H : 0;
    bits |= f->h >= 2 ? B_H2 : 0;
    bits |= f->b ? B_B : 0;
    bits |= f->o ? B_O : 0;
    bits |= f->l ? B_L : 0;
    bits |= f->v ? B_V : 0;
    bits |= f->q ? B_Q : 0;
    bits |= f->f ? B_F : 0;
    bits |= f->w ? B_W : 0;
    bits |= f->z ? B_Z : 0;
    bits |= f->asked ? B_ASKED : 0;
    return bits;
}

enum outcome classify(const struct facts *f)
{
    uint32_t bits = fact_bits(f);

    if ((bits & ~(uint32_t)B_Z) ==
        (B_OWED | B_H)) /* by far the most: the row that they would reach */
        return CLASS_DELIVERED;
    for (const struct rule *r = rules; r < rules + sizeof rules / sizeof rules[0]; r++)
        if ((bits & r->must) == r->must && (!r->any || (bits & r->any)) && !(bits & r->without))
            return r->outcome;
    PM_UNREACHABLE(); /* the last row asks for nothing */
}

static const struct class_words {
    const char *name, *became;
    enum axis responsibility, transparency;
} words[] = {

#define X(id, name, responsibility, transparency, became)                                          \
    {name, became, AXIS_##responsibility, AXIS_##transparency},
    CLASSES(X)
#undef X
};
static const char *const flag_names[] = {
#define X(id, name) name,
    FLAGS(X)
#undef X
};

bool class_is_certain(enum outcome c)
{
    static const uint32_t certain =
        1u << CLASS_PHANTOM | 1u << CLASS_MISDELIVERED | 1u << CLASS_CORRUPTED |
        1u << CLASS_REFUSED_BUT_TAKEN | 1u << CLASS_REFUSED_AND_NDR |
        1u << CLASS_REFUSED_TEMPORARY | 1u << CLASS_REFUSED_PERMANENT | 1u << CLASS_ABORTED |
        1u << CLASS_CONTRADICTION | 1u << CLASS_DUPLICATED | 1u << CLASS_NDR |
        1u << CLASS_NDR_BUT_QUEUED | 1u << CLASS_NDR_MISROUTED;

    return certain >> c & 1;
}

enum axis class_responsibility(enum outcome c)
{
    return words[c].responsibility;
}

enum axis class_transparency(enum outcome c)
{
    return words[c].transparency;
}

const char *class_name(enum outcome c)
{
    return words[c].name;
}

const char *class_became(enum outcome c)
{
    return words[c].became;
}

bool class_named(const char *name, enum outcome *c)
{
    for (*c = 0; *c < CLASS_COUNT; (*c)++)
        if (strcmp(words[*c].name, name) == 0)
            return true;
    return false;
}

const char *flag_name(enum flag f)
{
    return flag_names[f];
}

bool flag_named(const char *name, enum flag *f)
{
    for (*f = 0; *f < FLAG_COUNT; (*f)++)
        if (strcmp(flag_names[*f], name) == 0)
            return true;
    return false;
}
