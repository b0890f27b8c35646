/* selftest.c - the rows, and the comparison of a truth file's "planted" lines with what the run made of them. */
#include "app/selftest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/plan.h"
#include "base/clock.h"
#include "base/text.h"
#include "results/copies.h"
#include "results/judge.h"

#define TRUTH_MAX   (256u << 20)
#define PLANTED_MAX 256u
#define FIELDS      9

#define PASS         VERDICT_PASS
#define FAIL         VERDICT_FAIL
#define INCONCLUSIVE VERDICT_INCONCLUSIVE
#define COPIES       MARK_ASKED
#define DELAYED      (1u << FLAG_DELAYED_REPORT)

// clang-format off
const struct selftest_row selftest_rows[] = {
    {"drop", CLASS_SILENT_LOSS, COPIES, 0, FIND_COUNT, FAIL, "delivered, or unknown"},
    {"drop-both", CLASS_SILENT_LOSS, COPIES, 1u << FLAG_ALTERNATE_DELIVERED, FIND_COUNT, FAIL, "delivered, because the alternate has it"},
    {"ndr", CLASS_NDR, COPIES, 0, FIND_COUNT, FAIL, "lost in silence"},
    {"ndr-and-deliver", CLASS_CONTRADICTION, COPIES, 0, FIND_COUNT, FAIL, "delivered, or reported"},
    {"twice", CLASS_DUPLICATED, COPIES, 0, FIND_COUNT, FAIL, "delivered"},
    {"stranger", CLASS_MISDELIVERED, COPIES, 0, FIND_COUNT, FAIL, "lost, or delivered"},
    {"leave-behind", CLASS_LEFT_BEHIND, COPIES, 0, FIND_COUNT, FAIL, "delivered, or lost"},
    {"leave-too", CLASS_DELIVERED_RESIDUE, COPIES, 0, FIND_COUNT, FAIL, "duplicated, or left behind"},
    {"behind-copier", CLASS_SILENT_LOSS, COPIES, 0, FIND_COUNT, FAIL, "delivered"},
    {"copier-skips", CLASS_VANISHED, COPIES, 0, FIND_COUNT, FAIL, "delivered, because it was seen"},
    {"corrupt-start", CLASS_CORRUPTED, COPIES, 0, FIND_COUNT, FAIL, "delivered, or lost"},
    {"corrupt-4095", CLASS_CORRUPTED, COPIES, 0, FIND_COUNT, FAIL, "delivered"},
    {"corrupt-end", CLASS_CORRUPTED, COPIES, 0, FIND_COUNT, FAIL, "delivered"},
    {"rewrite-line-ends", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "corrupted"},
    {"rewrite-base64", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "corrupted"},
    {"rewrite-quoted", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "corrupted"},
    {"rewrite-folding", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "corrupted, or lost"},
    {"strand", CLASS_STRANDED, COPIES, 0, FIND_COUNT, FAIL, "lost in silence"},
    {"hold", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "stranded, lost or unknown, because it waited"},
    {"queue-hides", CLASS_UNKNOWN, COPIES, 0, FIND_QUEUE_FAILED, INCONCLUSIVE, "lost in silence, because the listing is empty"},
    {"ndr-misrouted", CLASS_NDR_MISROUTED, COPIES, 0, FIND_COUNT, FAIL, "reported to the originator"},
    {"ndr-stranger", CLASS_DELIVERED, COPIES, 0, FIND_FOREIGN, PASS, "reported, because the id is nearly ours"},
    {"ndr-nameless", CLASS_SILENT_LOSS, COPIES, 0, FIND_FOREIGN, FAIL, "reported, because some report came"},
    {"delay-deliver", CLASS_DELIVERED, COPIES, DELAYED, FIND_COUNT, PASS, "a contradiction"},
    {"delay-drop", CLASS_SILENT_LOSS, COPIES, DELAYED, FIND_COUNT, FAIL, "reported as undeliverable"},
    {"reports-lost", CLASS_UNKNOWN, COPIES, 0, FIND_COUNT, INCONCLUSIVE, "lost in silence, while no report can come"},
    {"move-nothing", CLASS_DELIVERED, MARK_DISPROVED, 0, FIND_COUNT, FAIL, "verified, because the mover says so"},
    {"move-half", CLASS_DELIVERED, MARK_FAILED, 0, FIND_COUNT, INCONCLUSIVE, "done, or mail lost by it"},
    {"imap-hides", CLASS_UNKNOWN, COPIES, 0, FIND_COUNT, INCONCLUSIVE, "lost in silence, because no listing shows it"},
    {"clock-ahead", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "late, or given up on"},
    {"clock-back", CLASS_DELIVERED, COPIES, 0, FIND_COUNT, PASS, "phantom, or waited for"},
    {0},
};

// clang-format on

const struct selftest_row *selftest_row_named(const char *fault)
{
    for (const struct selftest_row *r = selftest_rows; r->fault; r++)
        if (strcmp(r->fault, fault) == 0)
            return r;
    return NULL;
}

/* --------------------------------------------------------------------------------------------------- what was planted */

struct planted {
    uint64_t number;
    uint32_t mailbox; /* a copy's recipient; of a move: whose */
    bool alternate, is_move;
};

struct account {
    const struct judgement *judgement;
    struct token_key key;
    struct planted all[PLANTED_MAX];
    uint32_t count;
    struct selftest_result *result;
};

static uint32_t mailbox_of(const struct manifest *m, struct slice text)
{
    for (uint32_t i = 0; i < m->mailbox_count; i++)
        if (slice_is_nocase(text, m->mailboxes[i].name) ||
            slice_is_nocase(text, m->mailboxes[i].address))
            return i;
    return NO_INDEX;
}

static void read_line(struct account *a, struct slice line, const char *fault)
{
    struct slice f[FIELDS] = {0};
    char wanted[80];
    size_t at = 0;
    int n = 0;

    while (n < FIELDS && line.n > 0)
        (void)slice_cut(&line, '\t', &f[n++]);
    (void)snprintf(wanted, sizeof wanted, "fault=%s", fault);
    if (n < FIELDS || !slice_is(f[2], "planted") || !slice_find(f[8], slice_of(wanted), &at) ||
        (at + strlen(wanted) < f[8].n && f[8].p[at + strlen(wanted)] > ' '))
        return;
    a->result->planted++;
    if (a->count == PLANTED_MAX)
        return;
    struct planted *p = &a->all[a->count++];

    at = 0;
    *p = (struct planted){.alternate = slice_is(f[5], "alternate")};
    p->is_move = !token_find(&a->key, f[3], &at, &p->number);
    p->mailbox = mailbox_of(a->judgement->manifest, p->is_move ? f[6] : f[4]);
}

static bool read_truth(struct account *a, const char *dir, const char *fault)
{
    struct slice rest, line;
    struct buf text;
    unsigned char piece[65536];
    char *path = NULL;
    size_t n;

    PM_MEMORY(asprintf(&path, "%s/truth.tsv", dir) >= 0);
    FILE *f = fopen(path, "re");

    free(path);
    if (!f)
        return false;
    buf_init(&text, TRUTH_MAX);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        (void)buf_add(&text, piece, n);
    (void)fclose(f);
    for (rest = buf_slice(&text); rest.n > 0;) {
        (void)slice_cut(&rest, '\n', &line);
        read_line(a, line, fault);
    }
    buf_fini(&text);
    return true;
}

/* ----------------------------------------------------------------------------------------------------- what was found */

static void complain(struct selftest_result *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct selftest_result *r, const char *format, ...)
{
    va_list args;

    r->ok = false;
    r->missed = r->missed || strncmp(format, "invented", 8) != 0;
    if (*r->why)
        return; /* the first says most */
    va_start(args, format);
    (void)vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
}

static bool is_planted(const struct account *a, const struct copy *c)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (!a->all[i].is_move && a->all[i].number == c->number &&
            a->all[i].alternate == c->alternate && a->all[i].mailbox == c->to)
            return true;
    return false;
}

static const char *name_of(const struct account *a, uint32_t mailbox)
{
    return mailbox < a->judgement->manifest->mailbox_count
               ? a->judgement->manifest->mailboxes[mailbox].name
               : "?";
}

static void hold_planted(struct account *a, const struct copy *c)
{
    const struct selftest_row *row = a->result->row;

    if (c->outcome == row->as && (c->flags & row->flags) == row->flags &&
        !(c->flags & 1u << FLAG_LATE)) {
        a->result->found++;
        return;
    }
    complain(a->result, "missed: message %" PRIu64 " to %s is %s%s", c->number, name_of(a, c->to),
             class_name(c->outcome), c->flags & 1u << FLAG_LATE ? ", late" : "");
}

/* Flags that say that something was wrong. */
static uint32_t accusing(const struct copy *c)
{
    return c->flags & (1u << FLAG_LATE | DELAYED | 1u << FLAG_MALFORMED_REPORT |
                       1u << FLAG_DUPLICATE_REPORT | 1u << FLAG_WRONG_STATUS | 1u << FLAG_LOOP);
}

static bool hold_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct account *a = owner;

    for (uint32_t i = 0; i < n; i++) {
        const struct copy *c = &copies[i];

        if (is_planted(a, c)) {
            hold_planted(a, c);
            continue;
        }
        if ((c->outcome == CLASS_DELIVERED || c->outcome == CLASS_NOT_OWED) && !accusing(c))
            continue;
        a->result->invented++;
        complain(a->result, "invented: message %" PRIu64 " to %s, which nobody touched, is %s%s",
                 c->number, name_of(a, c->to), class_name(c->outcome),
                 accusing(c) ? ", flagged" : "");
    }
    return true;
}

static bool moved_wrongly(const struct account *a, uint32_t mailbox)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->all[i].is_move && a->all[i].mailbox == mailbox)
            return true;
    return false;
}

static void hold_moves(struct account *a)
{
    const struct judgement *j = a->judgement;
    struct selftest_result *r = a->result;

    for (uint32_t i = 0; i < j->manifest->move_count; i++) {
        const uint64_t *mark_ns = j->tally.marks[i].mark_ns;
        uint32_t mailbox = j->manifest->moves[i].mailbox;
        bool marked = r->row->mark != COPIES && mark_ns[r->row->mark] != NEVER_NS;
        bool wrong = mark_ns[MARK_VERIFIED] == NEVER_NS;

        if (moved_wrongly(a, mailbox)) {
            r->found += marked;
            if (!marked)
                complain(r, "missed: the move of %s is not %s", name_of(a, mailbox),
                         event_mark_name(r->row->mark));
        } else if (wrong) {
            r->invented++;
            complain(r, "invented: the move of %s, which nobody touched, is not verified",
                     name_of(a, mailbox));
        }
    }
}

static void hold_findings(struct account *a)
{
    const struct health *h = &a->judgement->tally.health;
    struct selftest_result *r = a->result;
    uint64_t foreign = h->findings[FIND_FOREIGN] + h->findings[FIND_UNREADABLE_REPORT];
    uint64_t wanted = r->row->finding == FIND_FOREIGN ? r->planted : 0;

    if (foreign < wanted)
        complain(r, "missed: %" PRIu64 " of %" PRIu64 " reports about nothing of ours", foreign,
                 wanted);
    if (foreign > wanted)
        complain(r, "invented: %" PRIu64 " reports about nothing of ours, planted were %" PRIu64,
                 foreign, wanted);
    if (r->row->finding < FIND_COUNT && h->findings[r->row->finding] == 0)
        complain(r, "missed: nothing was found that is called %s",
                 event_finding_name(r->row->finding));
}

static void hold_run(struct account *a, const struct job *j)
{
    struct selftest_result *r = a->result;
    struct err e = {0};
    struct copies *copies = copies_create(j->result.ledger, &e);

    if (!copies) {
        complain(r, "%.200s", e.text);
        return;
    }
    (void)copies_each(copies, hold_message, a);
    copies_destroy(copies);
    hold_moves(a);
    hold_findings(a);
    if (r->planted < r->wanted || r->planted == 0)
        complain(r, "only %" PRIu64 " of %" PRIu64 " could be planted", r->planted, r->wanted);
    if (r->found != r->planted)
        complain(r, "missed: %" PRIu64 " of %" PRIu64, r->planted - r->found, r->planted);
    if (r->verdict == r->row->verdict)
        return;
    if (r->row->verdict == PASS)
        complain(r, "invented: the run is %s, not PASS", verdict_name(r->verdict));
    else
        complain(r, "missed: the run is %s, not %s", verdict_name(r->verdict),
                 verdict_name(r->row->verdict));
}

static uint64_t wanted_of(const struct job *j, const char *fault)
{
    uint64_t n = 0;

    for (uint32_t i = 0; j->profile && i < j->profile->lab.plant_count; i++)
        if (strcmp(j->profile->lab.plant_names[i], fault) == 0)
            (void)text_u64(slice_of(j->profile->lab.plant_values[i]), &n, NULL);
    return n;
}

void selftest_judge(struct selftest_result *r, const struct job *j)
{
    *r = (struct selftest_result){.row = selftest_row_named(j->variant),
                                  .dir = j->result.dir,
                                  .ok = true,
                                  .verdict = INCONCLUSIVE};
    PM_ASSERT(r->row && r->dir);
    r->wanted = wanted_of(j, r->row->fault);
    if (!j->result.judgement) {
        complain(r, "there is no verdict: %.200s", j->result.error.text);
        return;
    }
    struct account *a = calloc(1, sizeof *a);

    PM_MEMORY(a);
    a->judgement = j->result.judgement;
    a->key = plan_key(j->result.manifest);
    a->result = r;
    r->verdict = j->result.judgement->verdict;
    if (read_truth(a, r->dir, r->row->fault))
        hold_run(a, j);
    else
        complain(r, "%.200s has no truth.tsv", r->dir);
    free(a);
}

/* ------------------------------------------------------------------------------------------------------------ shown */

const char *selftest_as(const struct selftest_row *row, char *out, size_t room)
{
    const char *as = row->mark == COPIES           ? class_name(row->as)
                     : row->mark == MARK_DISPROVED ? "move disproved"
                                                   : "move failed";
    size_t n = (size_t)snprintf(out, room, "%s", as);

    for (unsigned f = 0; f < FLAG_COUNT; f++)
        if (row->flags >> f & 1 && n < room)
            n += (size_t)snprintf(out + n, room - n, ", %s", flag_name((enum flag)f));
    if (row->finding < FIND_COUNT && n < room)
        (void)snprintf(out + n, room - n, ", %s", event_finding_name(row->finding));
    return out;
}

uint32_t selftest_failures(const struct selftest_result *all, uint32_t count)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n += !all[i].ok;
    return n;
}

/* "2 of 31 missed: strand, hold"; nothing if there are none. */
static bool print_those(const struct selftest_result *all, uint32_t count, bool missed,
                        const char *before, struct buf *out)
{
    uint32_t n = 0;
    bool ok = true;

    for (uint32_t i = 0; i < count; i++)
        n += !all[i].ok && all[i].missed == missed;
    if (n == 0)
        return true;
    ok = buf_add_format(out, "%s%u of %u %s", before, n, count,
                        missed ? "missed" : "with something else that nobody planted");
    before = ": ";
    for (uint32_t i = 0; ok && i < count; i++)
        if (!all[i].ok && all[i].missed == missed) {
            ok = buf_add_format(out, "%s%s", before, all[i].row->fault);
            before = ", ";
        }
    return ok;
}

static bool print_sentence(const struct selftest_result *all, uint32_t count, struct buf *out)
{
    bool any_missed = false;

    if (selftest_failures(all, count) == 0)
        return buf_add_format(
            out, "All of %u faults were found as what they are, and nothing else.\n", count);
    for (uint32_t i = 0; i < count; i++)
        any_missed = any_missed || (!all[i].ok && all[i].missed);
    return print_those(all, count, true, "", out) &&
           print_those(all, count, false, any_missed ? "; " : "", out) && buf_add_text(out, ".\n");
}

bool selftest_print(const struct selftest_result *all, uint32_t count, struct buf *out)
{
    char as[120];
    bool ok = buf_add_format(out, "%-18s %8s %6s  %-36s %-13s %s\n", "fault", "planted", "found",
                             "as", "run", "verdict");

    for (uint32_t i = 0; ok && i < count; i++) {
        const struct selftest_result *r = &all[i];

        ok = buf_add_format(out, "%-18s %8" PRIu64 " %6" PRIu64 "  %-36s %-13s %s\n", r->row->fault,
                            r->planted, r->found, selftest_as(r->row, as, sizeof as),
                            verdict_name(r->verdict),
                            r->ok       ? "ok"
                            : r->missed ? "MISSED"
                                        : "INVENTED");
        if (ok && !r->ok)
            ok = buf_add_format(out, "  %s\n  must not be said: %s; run folder: %s\n", r->why,
                                r->row->never, r->dir);
    }
    return ok && buf_add_text(out, "\n") && print_sentence(all, count, out);
}

json_t *selftest_json(const struct selftest_result *all, uint32_t count)
{
    json_t *rows = json_array();
    char as[120];

    for (uint32_t i = 0; i < count; i++) {
        const struct selftest_result *r = &all[i];

        (void)json_array_append_new(
            rows,
            json_pack("{s:s s:I s:I s:I s:s s:s s:b s:s s:s}", "fault", r->row->fault, "planted",
                      (json_int_t)r->planted, "found", (json_int_t)r->found, "invented",
                      (json_int_t)r->invented, "as", selftest_as(r->row, as, sizeof as), "run",
                      verdict_name(r->verdict), "ok", r->ok, "why", r->why, "dir", r->dir));
    }
    return json_pack("{s:b s:I s:o}", "ok", selftest_failures(all, count) == 0, "failures",
                     (json_int_t)selftest_failures(all, count), "faults", rows);
}
