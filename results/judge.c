/* judge.c - tally, identities, gates and the verdict from them; and a run's folder read back. */
#include "results/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/copies.h"
#include "results/journal.h"
#include "results/ledger_private.h"
#include "results/reasons.h"

#define MANIFEST_ARENA_BYTES (1ul << 31)

const char *verdict_name(enum verdict v)
{
    return v == VERDICT_PASS ? "PASS" : v == VERDICT_FAIL ? "FAIL" : "INCONCLUSIVE";
}

static uint64_t sum(const uint64_t *n, unsigned count)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < count; i++)
        all += n[i];
    return all;
}

static void identity(struct judgement *j, const char *name, uint64_t left, uint64_t right)
{
    PM_ASSERT(j->identity_count < IDENTITIES_MAX);
    j->identities[j->identity_count++] = (struct identity){name, left, right};
}

static void write_identities(struct judgement *j)
{
    const struct tally *t = &j->tally;
    uint64_t by_load = 0, by_phase = 0;

    for (uint32_t i = 0; i < j->manifest->load_count; i++)
        by_load += sum(t->loads[i], CLASS_COUNT);
    for (int i = 0; i < MOVE_PHASE_COUNT; i++)
        by_phase += sum(t->phases[i], CLASS_COUNT);
    identity(j, "planned = sum of classes", t->planned, sum(t->classes, CLASS_COUNT));
    identity(j, "planned = sum over loads", t->planned, by_load);
    identity(j, "planned = sum over phases", t->planned, by_phase);
    identity(j, "attempts = refused + aborted + doubt + accepted", t->attempts,
             sum(t->endings + END_REFUSED_TEMP, END_ACCEPTED));
    identity(j, "send records = attempts", t->raw.sent, t->attempts);
    identity(j, "acceptances recorded = accepted", t->raw.accepted, t->endings[END_ACCEPTED]);
    identity(j, "copies counted by scans = of their slots + elsewhere", t->raw.found,
             t->attributed.found + t->attributed.elsewhere);
    identity(j, "copies seen = attributed", t->received.copies, t->attributed.copies);
    identity(j, "queue entries seen = attributed", t->received.entries, t->attributed.entries);
    identity(j, "reports = attributed + unattributed",
             t->received.reports + t->health.findings[FIND_UNREADABLE_REPORT],
             t->attributed.reports + t->reports_unattributed);
    identity(j, "events = events of this manifest", t->health.strays, 0);
}

static uint64_t residuals(const struct judgement *j)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < j->identity_count; i++) {
        const struct identity *d = &j->identities[i];

        all += d->left > d->right ? d->left - d->right : d->right - d->left;
    }
    return all;
}

/* So many of these are one too many, unless a gate of the profile allows them. */
static uint64_t beyond(const struct judgement *j, const char *gate, uint64_t count)
{
    for (uint32_t i = 0; i < j->manifest->gate_count; i++)
        if (strcmp(j->manifest->gates[i].name, gate) == 0 && count <= j->manifest->gates[i].limit)
            return 0;
    return count;
}

static uint64_t unknown_beyond(const struct judgement *j)
{
    return beyond(j, class_name(CLASS_UNKNOWN), j->tally.classes[CLASS_UNKNOWN]);
}

/* What was planned took place: else the run was milder than its profile. */
static bool was_carried_out(const struct judgement *j)
{
    const struct tally *t = &j->tally;

    return t->health.findings[FIND_INTERRUPTED] == 0 && !t->health.disturbed &&
           t->health.findings[FIND_BRAKED] == 0 &&
           (t->health.stopped ||
            beyond(j, class_name(CLASS_NOT_SENT), t->classes[CLASS_NOT_SENT]) == 0) &&
           beyond(j, "moves-failed", t->health.moves_undone) == 0 &&
           beyond(j, "moves-disproved", t->health.moves_disproved) == 0 &&
           beyond(j, "actions-failed", t->health.findings[FIND_ACTION_FAILED]) == 0;
}

static bool decide_gates(struct judgement *j)
{
    const struct manifest *m = j->manifest;
    const struct manifest_gate *gates = m->gate_count ? m->gates : gates_default;
    uint64_t open = unknown_beyond(j), imbalance = residuals(j);

    j->gate_count = m->gate_count ? m->gate_count : gates_default_count;
    j->gates = calloc(j->gate_count, sizeof *j->gates);
    for (uint32_t i = 0; j->gates && i < j->gate_count; i++)
        j->gates[i] = gate_decide(&gates[i], &j->tally, imbalance, open);
    return j->gates != NULL;
}

/* Without these the run has shown nothing, whatever its gates say. */
static bool shows_something(const struct judgement *j)
{
    const struct tally *t = &j->tally;

    return t->health.ended && t->health.torn == 0 && !t->health.overlong &&
           unknown_beyond(j) == 0 && t->endings[END_ACCEPTED] + t->endings[END_DOUBT] > 0 &&
           (j->manifest->move_count == 0 || t->health.moves_done > 0);
}

/* false: out of memory. */
static bool decide(struct judgement *j, const struct ledger *l)
{
    bool fails = false, open = !shows_something(j) || !was_carried_out(j);

    for (uint32_t i = 0; i < j->gate_count; i++) {
        fails |= j->gates[i].verdict == VERDICT_FAIL;
        open |= j->gates[i].verdict == VERDICT_INCONCLUSIVE;
    }
    if (!stop_judge(&j->stop, l, &j->tally, fails))
        return false;
    open |= j->stop.stopped && !j->stop.holds; /* too early, as it turned out */
    j->verdict = fails ? VERDICT_FAIL : open ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
    j->exit_code = fails ? EX_FAIL : open ? EX_INCONCLUSIVE : EX_PASS;
    /* A message that nobody sent, or sums that differ: no other word of ours can be trusted then. */
    if (residuals(j) ||
        (j->tally.classes[CLASS_PHANTOM] && j->tally.health.torn + j->tally.health.cut == 0)) {
        j->verdict = VERDICT_INCONCLUSIVE;
        j->exit_code = EX_INTERNAL;
    }
    return true;
}

/* Evidence that found no room is gone: nothing that is said without it would be sound. */
static bool has_all(const struct ledger *l, struct err *e)
{
    if (l->out_of_memory)
        return err_set(e, EX_IO, "the ledger ran out of memory: not all evidence is known");
    if (l->homes.full || l->alternates.full || l->waves.full || l->aims.full || l->unwatched.full)
        return err_set(e, EX_IO, "the ledger ran out of room for changes of the site");
    return true;
}

struct judgement *judge(const struct manifest *m, const struct ledger *l, struct err *e)
{
    if (!has_all(l, e))
        return NULL;
    struct judgement *j = calloc(1, sizeof *j);
    struct copies *c = j ? copies_create(l, e) : NULL;
    bool ok = c && tally_run(&j->tally, c, e) && aims_find(&j->aims, c, e);

    if (!j)
        err_set(e, EX_IO, "out of memory for the judgement");
    copies_destroy(c);
    if (ok) {
        j->manifest = m;
        write_identities(j);
        ok = decide_gates(j) && decide(j, l);
        ok = (ok && reasons_write(j)) || err_set(e, EX_IO, "out of memory for the judgement");
    }
    if (!ok) {
        judgement_destroy(j);
        return NULL;
    }
    return j;
}

void judgement_destroy(struct judgement *j)
{
    if (!j)
        return;
    for (uint32_t i = 0; i < j->reason_count; i++)
        free(j->reasons[i]);
    free(j->gates);
    tally_fini(&j->tally);
    aims_fini(&j->aims);
    free(j);
}

int judgement_exit_code(const struct judgement *j)
{
    return j->exit_code;
}

static void fold_block(void *owner, const struct event *events, uint32_t count)
{
    ledger_apply(owner, events, count);
}

bool judge_folder(struct run_record *r, const char *run_dir, struct err *e)
{
    char path[1024];
    uint32_t torn = 0;

    *r = (struct run_record){.arena = arena_create(MANIFEST_ARENA_BYTES)};
    if (!r->arena)
        return err_set(e, EX_IO, "out of memory");
    (void)snprintf(path, sizeof path, "%s/manifest.json", run_dir);
    r->manifest = manifest_read(r->arena, path, e);
    r->ledger = r->manifest ? ledger_create(r->manifest, e) : NULL;
    if (!r->ledger)
        return false;
    (void)snprintf(path, sizeof path, "%s/journal", run_dir);
    if (!journal_read(path, r->manifest->run_id, fold_block, r->ledger, &torn, e))
        return false;
    ledger_torn(r->ledger, torn);
    r->judgement = judge(r->manifest, r->ledger, e);
    return r->judgement != NULL;
}

void run_record_fini(struct run_record *r)
{
    judgement_destroy(r->judgement);
    ledger_destroy(r->ledger);
    arena_destroy(r->arena);
    *r = (struct run_record){0};
}
