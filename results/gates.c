/* gates.c - a gate about a class or flag passes while the count, and all that might still be added to it, is within its
 * limit (unknown copies may become anything, others that are not final whatever another copy or a report makes of them);
 * it fails on copies whose class nothing can better any more; between the two it is undecided. Unknown copies, a late
 * generator and an account that does not balance never fail a target: they leave the gate undecided. So does a saturated
 * generator every gate about a latency (the flag `late`), also one that would pass: its load was not the one of the plan.
 */
#include "results/gates.h"

#include <string.h>

const struct manifest_gate gates_default[] = {
    {"silent-loss", 0},       {"stranded", 0},          {"ndr", 0},
    {"ndr-misrouted", 0},     {"ndr-but-queued", 0},    {"left-behind", 0},
    {"vanished", 0},          {"misdelivered", 0},      {"corrupted", 0},
    {"contradiction", 0},     {"duplicated", 0},        {"refused-but-taken", 0},
    {"refused-permanent", 0}, {"silent-by-request", 0}, {"not-sent", 0},
    {"unknown", 0},           {"identities", 0},        {"moves-failed", 0},
    {"moves-disproved", 0},   {"actions-failed", 0},
};
const uint32_t gates_default_count = sizeof gates_default / sizeof gates_default[0];

static const char *const others[] = {"identities", "moves-failed", "moves-disproved",
                                     "actions-failed", "pacing-p99"};

bool gate_is_known(const char *name)
{
    enum outcome o;
    enum flag f;

    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(others[i], name) == 0)
            return true;
    return class_named(name, &o) || flag_named(name, &f);
}

/* Can another sighting, or a report, make this class of a copy that is delivered or reported already? */
static bool can_follow(enum outcome o)
{
    static const uint32_t followers =
        1u << CLASS_MISDELIVERED | 1u << CLASS_CORRUPTED | 1u << CLASS_CONTRADICTION |
        1u << CLASS_DUPLICATED | 1u << CLASS_DELIVERED_RESIDUE | 1u << CLASS_DELIVERED |
        1u << CLASS_LEFT_BEHIND | 1u << CLASS_VANISHED | 1u << CLASS_NDR_BUT_QUEUED |
        1u << CLASS_NDR | 1u << CLASS_NDR_MISROUTED;

    return followers >> o & 1;
}

static void decide_class(struct gate_result *r, const struct tally *t)
{
    enum outcome o = r->outcome;

    r->count = t->classes[o];
    if (o == CLASS_UNKNOWN || o == CLASS_NOT_SENT) { /* no fault of the target */
        r->verdict = r->count > r->limit ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
        if (o == CLASS_NOT_SENT && t->health.stopped)
            r->verdict = VERDICT_PASS; /* the plan was cut short on purpose */
        return;
    }
    if (t->certain[o] > r->limit)
        r->verdict = VERDICT_FAIL;
    else
        r->verdict = r->count + r->open > r->limit ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
}

static uint64_t count_of(const char *name, const struct tally *t, uint64_t residuals)
{
    if (strcmp(name, "pacing-p99") == 0)
        return tally_quantile(&t->lateness, 0.99) * 1000;
    if (strcmp(name, "moves-failed") == 0)
        return t->health.moves_undone;
    if (strcmp(name, "actions-failed") == 0)
        return t->health.findings[FIND_ACTION_FAILED];
    return residuals;
}

struct gate_result gate_decide(const struct manifest_gate *g, const struct tally *t,
                               uint64_t residuals, uint64_t open)
{
    struct gate_result r = {.name = g->name, .limit = g->limit, .outcome = CLASS_COUNT};
    enum outcome o;
    enum flag f;
    enum verdict worse = VERDICT_FAIL;

    if (class_named(g->name, &o)) {
        r.outcome = o;
        r.open = o == CLASS_UNKNOWN || o == CLASS_NOT_SENT ? 0 : open;
        if (can_follow(o))
            r.open += tally_open_seen(t) - t->open[o];
        decide_class(&r, t);
        return r;
    }
    if (flag_named(g->name, &f)) {
        r.count = t->flags[f];
        r.uncertified = f == FLAG_LATE && t->saturation.any;
        r.excused = f == FLAG_LATE && r.count <= r.limit && r.count + t->excused > r.limit;
    } else if (strcmp(g->name, "moves-disproved") == 0)
        r.count = t->health.moves_disproved;
    else {
        worse = VERDICT_INCONCLUSIVE;
        r.count = count_of(g->name, t, residuals);
    }
    r.verdict = r.uncertified || r.excused ? VERDICT_INCONCLUSIVE
                : r.count > r.limit        ? worse
                                           : VERDICT_PASS;
    return r;
}

const char *gate_verdict_name(enum verdict v)
{
    return v == VERDICT_PASS ? "pass" : v == VERDICT_FAIL ? "fail" : "undecided";
}
