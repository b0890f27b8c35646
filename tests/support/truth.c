/* truth.c - per copy a reading of the truth's records; per reading a class; and what the verdict may say of it. */
#include "tests/support/truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/plan.h"
#include "base/clock.h"
#include "results/copies.h"
#include "results/ledger_private.h"
#include "tests/support/truth_file.h"

#define NO_OFFSET INT64_MAX
#define SLACK_S   10 /* a change of the site reaches our records so much later, target time */

/* ---------------------------------------------------------------------------------------- what was owed, at some time */

struct owes {
    enum owed primary, alternate;
    uint64_t at_ns;
};

/* Calls each() for every setting of this mailbox that caches may have believed at t, or when a message that was deferred then
 * went on; returns how many. */
static uint32_t settings_at(const struct lab_account *a, uint32_t mailbox, uint64_t t_ns,
                            uint64_t deferred_ns,
                            void (*each)(void *owner, const struct setting *s), void *owner)
{
    const struct manifest_mailbox *box = &a->m->mailboxes[mailbox];
    struct setting now = {.mailbox = mailbox, .alternate = box->alternate, .both = box->both};
    uint64_t oldest = t_ns > a->m->alternate_lag_ns ? t_ns - a->m->alternate_lag_ns : 0;
    uint32_t n = 0;

    for (size_t i = 0; i < a->setting_count; i++) {
        const struct setting *s = &a->settings[i];

        if (s->mailbox != mailbox || (s->alternate == now.alternate && s->both == now.both))
            continue;
        if (s->at_ns > t_ns + deferred_ns + a->m->late_ns)
            break; /* nothing that is under way now lives to see it */
        if (s->at_ns > oldest) {
            each(owner, &now);
            n++;
        }
        now = *s;
    }
    each(owner, &now);
    return n + 1;
}

struct tally_of_settings {
    uint32_t none, redirects, other; /* other: set, but not the same one as the first */
    uint32_t first, mailbox;         /* mailbox: is it one of them? */
    bool named;
};

static void count_setting(void *owner, const struct setting *s)
{
    struct tally_of_settings *t = owner;

    if (s->alternate == NO_INDEX) {
        t->none++;
        return;
    }
    t->redirects += !s->both;
    if (t->first == NO_INDEX)
        t->first = s->alternate;
    t->other += s->alternate != t->first;
    t->named |= s->alternate == t->mailbox;
}

static struct owes owes_at(const struct lab_account *a, uint32_t recipient, uint64_t t_ns,
                           uint64_t deferred_ns)
{
    struct tally_of_settings t = {.first = NO_INDEX, .mailbox = NO_INDEX};
    uint32_t n = settings_at(a, recipient, t_ns, deferred_ns, count_setting, &t);
    struct owes o = {OWED, ALLOWED, t_ns};

    if (t.redirects > 0)
        o.primary = t.redirects == n ? BARRED : ALLOWED;
    if (t.first == NO_INDEX)
        o.alternate = BARRED;
    else if (t.none == 0 && t.other == 0)
        o.alternate = OWED;
    return o;
}

static bool is_alternate_at(const struct lab_account *a, uint32_t recipient, uint32_t mailbox,
                            uint64_t t_ns, uint64_t deferred_ns)
{
    struct tally_of_settings t = {.first = NO_INDEX, .mailbox = mailbox};

    (void)settings_at(a, recipient, t_ns, deferred_ns, count_setting, &t);
    return t.named;
}

/* ------------------------------------------------------------------------------------------------ reading of one copy */

struct reading {
    enum ending k;
    enum owed owed;
    uint32_t home, old, elsewhere, queued; /* as the lab ended */
    uint32_t delivered, reports, others_reports, reports_left;
    uint32_t failed_made, others_made; /* reports of failure, of anything else */
    uint32_t forged;                   /* of the reports made */
    uint32_t maybe, maybe_reports; /* handed over, and only the other side knows whether it came */
    bool accepted, asked, corrupted;
    bool excused;     /* not owed by one of the readings near a change */
    uint64_t last_ns; /* when it, or a report about it, came somewhere */
    bool gone;        /* somebody may have seen it, nobody can now */
    bool told, told_others;
};

static bool ours(enum ending k)
{
    return k == END_REFUSED_TEMP || k == END_REFUSED_PERM || k == END_ABORTED;
}

/* DESIGN's table, read once more: its rows for what the sender still owns, ... */
static enum outcome outcome_of_ours(const struct reading *r, bool there, bool told)
{
    if (there)
        return CLASS_REFUSED_BUT_TAKEN;
    if (told)
        return CLASS_REFUSED_AND_NDR;
    if (r->k == END_ABORTED)
        return CLASS_ABORTED;
    return r->k == END_REFUSED_TEMP ? CLASS_REFUSED_TEMPORARY : CLASS_REFUSED_PERMANENT;
}

/* ... for what is at home, ... */
static enum outcome outcome_at_home(const struct reading *r, bool told)
{
    if (told)
        return CLASS_CONTRADICTION;
    if (r->home > 1)
        return CLASS_DUPLICATED;
    return r->old ? CLASS_DELIVERED_RESIDUE : CLASS_DELIVERED;
}

/* ... for what is not, ... */
static enum outcome outcome_away(const struct reading *r)
{
    if (r->old)
        return CLASS_LEFT_BEHIND;
    if (r->gone)
        return CLASS_VANISHED;
    if (r->queued)
        return r->told ? CLASS_NDR_BUT_QUEUED : CLASS_STRANDED;
    if (r->told)
        return CLASS_NDR;
    if (r->told_others)
        return CLASS_NDR_MISROUTED;
    if (r->k == END_DOUBT)
        return CLASS_IN_DOUBT_SILENT;
    return r->asked ? CLASS_SILENT_BY_REQUEST : CLASS_SILENT_LOSS;
}

/* ... and the order of them all. */
static enum outcome outcome_of(const struct reading *r)
{
    bool there = r->home || r->old || r->queued;
    bool told = r->told || r->told_others;
    bool evidence = there || told || r->elsewhere || r->gone;

    if (r->owed != OWED && !evidence)
        return CLASS_NOT_OWED;
    if (r->k == END_NONE)
        return evidence ? CLASS_PHANTOM : CLASS_NOT_SENT;
    if (r->elsewhere)
        return CLASS_MISDELIVERED;
    if (r->corrupted && (r->home || r->old || r->gone))
        return CLASS_CORRUPTED;
    if (ours(r->k))
        return outcome_of_ours(r, there, told);
    return r->home ? outcome_at_home(r, told) : outcome_away(r);
}

static void read_place(const struct lab_account *a, const struct copy *c, const struct record *k,
                       uint64_t t_ns, struct reading *r)
{
    uint64_t deferred_ns = a->m->loads[c->load].deferred_ns;
    uint32_t to = c->to == NO_INDEX ? k->recipient : c->to;
    bool right = c->alternate ? is_alternate_at(a, to, k->mailbox, t_ns, deferred_ns)
                              : k->mailbox == to && r->owed != BARRED;

    if (!right)
        r->elsewhere++;
    else if (k->server == a->home[k->mailbox] || lab_account_is_ours(a, k->mailbox))
        r->home++;
    else
        r->old++;
}

static void read_record(const struct lab_account *a, const struct copy *c, const struct record *k,
                        uint64_t t_ns, struct reading *r)
{
    bool came = k->word == WORD_DELIVERED || k->word == WORD_REPORT_DELIVERED ||
                k->word == WORD_RETURNED || k->word == WORD_REPORT_RETURNED;
    bool stays = lab_account_is_ours(a, k->mailbox); /* what our own MTA has, it has for good */

    r->last_ns = came && k->at_ns > r->last_ns ? k->at_ns : r->last_ns;
    switch ((enum word)k->word) {
    case WORD_ACCEPTED:
        r->accepted = true;
        break;
    case WORD_DELIVERED:
        r->delivered++;
        if (stays)
            read_place(a, c, k, t_ns, r);
        break;
    case WORD_REPORT_DELIVERED:
        r->reports += k->mailbox == c->from;
        r->others_reports += k->mailbox != c->from;
        r->reports_left += stays;
        break;
    case WORD_REPORT_OTHER:
        r->others_made++;
        break;
    case WORD_REPORT_COPY:
        r->reports_left++;
        break;
    case WORD_COPY:
        read_place(a, c, k, t_ns, r);
        break;
    case WORD_ENTRY:
        r->queued += a->view != TRUTH_BLIND;
        break;
    case WORD_REPORT_FAILED:
        r->failed_made++;
        break;
    case WORD_RETURNED:
        r->maybe++;
        break;
    case WORD_CORRUPTED:
        r->corrupted = true;
        break;
    case WORD_FORGED:
        r->forged++;
        break;
    case WORD_REPORT_RETURNED:
        r->maybe_reports++;
        break;
    case WORD_REPORT_ENTRY:
    case WORD_SUPPRESSED:
    case WORD_COUNT:
        break;
    }
}

static uint32_t less(uint32_t n, uint32_t by)
{
    return n > by ? n - by : 0;
}

/* A report that names nothing of ours is about nothing of ours. They are made for the originator. */
static void without_forged(struct reading *r)
{
    r->failed_made = less(r->failed_made, r->forged);
    r->reports = less(r->reports, r->forged);
    r->reports_left = less(r->reports_left, r->forged);
    r->maybe_reports = less(r->maybe_reports, r->forged);
}

/* Reports of a delivery are no evidence here. The truth does not say which kind arrived: where both were made (a restart may
 * send again what was delivered), only all of them are sure to have one of a failure among them. */
static void only_failures(struct reading *r)
{
    uint32_t made = r->failed_made + r->others_made;

    if (r->others_made == 0)
        return;
    if (r->failed_made == 0)
        r->reports = r->others_reports = 0;
    if (r->reports_left < made)
        r->reports_left = 0;
}

/* Leased by a run that died, and no record says to whom it went: what the lab did with the message counts. */
static bool is_nameless(const struct lab_account *a, const struct copy *c)
{
    return c->to == NO_INDEX && c->facts.k == END_DOUBT && a->view >= TRUTH_RESUMED;
}

static struct reading read_copy(const struct lab_account *a, const struct copy *c, uint64_t t_ns)
{
    struct reading r = {.k = c->facts.k, .owed = OWED};
    size_t n;
    struct record *all = lab_account_records(a, c->number, &n);

    r.asked = a->m->loads[c->load].silence_asked;
    if (a->m->loads[c->load].alternates && c->to != NO_INDEX) {
        struct owes o = owes_at(a, c->to, t_ns, a->m->loads[c->load].deferred_ns);

        r.owed = c->alternate ? o.alternate : o.primary;
    }
    for (size_t i = 0; i < n; i++) {
        struct record *k = &all[i];

        if ((k->recipient != c->to && !is_nameless(a, c)) || k->alternate != c->alternate)
            continue;
        k->claimed = true;
        read_record(a, c, k, t_ns, &r);
    }
    without_forged(&r);
    only_failures(&r);
    return r;
}

/* ---------------------------------------------------------------------------------------------------------- comparing */

static uint32_t bit(enum outcome c)
{
    return 1u << c;
}

static const uint32_t silent_classes = 1u << CLASS_LEFT_BEHIND | 1u << CLASS_VANISHED |
                                       1u << CLASS_STRANDED | 1u << CLASS_IN_DOUBT_SILENT |
                                       1u << CLASS_SILENT_BY_REQUEST | 1u << CLASS_SILENT_LOSS;

bool truth_is_silence(enum outcome c)
{
    return bit(c) & silent_classes;
}

/* One, or two where only luck decides whether a probe saw what is gone now. */
static uint32_t classes_by_luck(struct reading r)
{
    bool gone = r.delivered > 0 && !r.home && !r.old && !r.elsewhere;
    uint32_t reports = r.reports + r.others_reports;
    uint32_t out = 0;

    for (unsigned seen = 0; seen < 4; seen++) {
        bool saw_copy = seen & 1, saw_report = seen & 2;

        r.gone = gone && saw_copy && r.owed != BARRED;
        r.elsewhere += gone && saw_copy && r.owed == BARRED;
        r.told = r.reports > 0 && (r.reports_left > 0 || saw_report);
        r.told_others = r.others_reports > 0 && (r.reports_left > 0 || saw_report);
        out |= bit(outcome_of(&r));
        r.elsewhere -= gone && saw_copy && r.owed == BARRED;
        if (!gone && (reports == 0 || r.reports_left > 0))
            break;
    }
    return out;
}

/* The classes of one reading. What was handed over and not acknowledged may have come; one such hand-over more or less makes
 * no other class than two. */
static uint32_t classes_of(struct reading r)
{
    uint32_t most = r.maybe < 2 ? r.maybe : 2, out = 0;
    bool may_hear = r.maybe_reports > 0 && r.failed_made > 0;

    for (uint32_t extra = 0; extra <= most; extra++)
        for (uint32_t heard = 0; heard <= may_hear; heard++) {
            struct reading x = r;

            x.home += extra;
            x.reports += heard;
            x.reports_left += heard;
            out |= classes_by_luck(x);
        }
    return out;
}

static uint64_t lab_time(const struct lab_account *a, uint64_t target_ns)
{
    int64_t t = (int64_t)target_ns + (a->offset_ns == NO_OFFSET ? 0 : a->offset_ns);

    return t > 0 ? (uint64_t)t : 0;
}

/* The times between which the lab took the copy, as far as one can tell. */
static void span_of(const struct lab_account *a, const struct copy *c, uint64_t *from, uint64_t *to)
{
    *from = *to = 0;
    if (c->sent_ns == NEVER_NS)
        return;
    *from = lab_time(a, c->sent_ns);
    *to = lab_time(a, c->end_ns);
    *from = *from > SLACK_S * NS_PER_S ? *from - SLACK_S * NS_PER_S : 0;
    *to += SLACK_S * NS_PER_S;
}

static const char *lies(const struct lab_account *a, const struct copy *c, const struct reading *r)
{
    if (a->view < TRUTH_RESUMED && c->facts.k == END_ACCEPTED && !r->accepted && !c->alternate)
        return "the harness says accepted, the lab never had it";
    if ((ours(c->facts.k) || c->facts.k == END_NONE) && r->accepted)
        return "the lab accepted it, the harness says it did not";
    return NULL;
}

static uint32_t wanted(const struct lab_account *a, const struct copy *c, struct reading *r)
{
    uint64_t from, to;
    uint32_t want;

    span_of(a, c, &from, &to);
    *r = read_copy(a, c, from + (to - from) / 2);
    want = classes_of(*r);
    r->excused = r->owed != OWED;
    if (a->setting_count) { /* near a change either reading is fine */
        struct reading early = read_copy(a, c, from), late = read_copy(a, c, to);

        want |= classes_of(early) | classes_of(late);
        r->excused = r->excused || early.owed != OWED || late.owed != OWED;
    }
    return want;
}

/* Is silence proven by a canary's report that came after the load began? Where none came, unknown is right. */
static bool is_alive(const struct lab_account *a, uint32_t load)
{
    return a->m->loads[load].silence_asked || a->reported[load] > lab_time(a, 0);
}

/* Rows of the table that want final silence stand above those of a report, which do not: without it the report decides. */
static bool is_told(const struct copy *c, uint32_t want, const struct reading *r)
{
    return want & silent_classes && ((c->outcome == CLASS_NDR && r->reports > 0) ||
                                     (c->outcome == CLASS_NDR_MISROUTED && r->others_reports > 0));
}

static bool fits_blind(const struct lab_account *a, const struct copy *c, uint32_t want,
                       const struct reading *r)
{
    if (c->outcome != CLASS_UNKNOWN)
        return want & bit(c->outcome) & ~silent_classes || is_told(c, want, r);
    /* It looks for the last time when it begins to settle. */
    return want & silent_classes || r->last_ns + SLACK_S * NS_PER_S > lab_time(a, a->settle_ns);
}

static bool fits_hasty(const struct lab_account *a, const struct copy *c, uint32_t want,
                       const struct reading *r)
{
    bool came_later = r->last_ns + SLACK_S * NS_PER_S > lab_time(a, a->settle_ns);

    if (c->outcome == CLASS_UNKNOWN || want & bit(c->outcome) || is_told(c, want, r))
        return true;
    if (c->outcome == CLASS_NOT_OWED) /* the table asks for no final silence there */
        return r->excused;
    if (c->outcome == CLASS_DELIVERED_RESIDUE) /* the old home was not read again */
        return r->home > 0;
    return !truth_is_silence(c->outcome) && came_later;
}

static bool fits_killed(const struct copy *c, const struct reading *r)
{
    if (c->outcome == CLASS_UNKNOWN)
        return true;
    if (truth_is_silence(c->outcome))
        return false;
    if (c->outcome == CLASS_DELIVERED || c->outcome == CLASS_DUPLICATED)
        return r->delivered + r->maybe > 0;
    if (c->outcome == CLASS_NDR)
        return r->reports + r->maybe_reports + (c->from == NO_INDEX ? r->others_reports : 0) > 0;
    return c->outcome != CLASS_PHANTOM;
}

static bool fits(const struct lab_account *a, const struct copy *c, uint32_t want,
                 const struct reading *r)
{
    switch (a->view) {
    case TRUTH_WHOLE:
        return c->outcome == CLASS_UNKNOWN ? want & silent_classes && !is_alive(a, c->load)
                                           : want & bit(c->outcome);
    case TRUTH_BLIND:
        return fits_blind(a, c, want, r);
    case TRUTH_HASTY:
        return fits_hasty(a, c, want, r);
    case TRUTH_RESUMED:
        return truth_is_silence(c->outcome) ? want & bit(c->outcome) : fits_killed(c, r);
    case TRUTH_KILLED:
        return fits_killed(c, r);
    }
    return false;
}

static void print_classes(char *out, size_t room, uint32_t set)
{
    size_t n = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < CLASS_COUNT && n < room; i++)
        if (set >> i & 1)
            n += (size_t)snprintf(out + n, room - n, "%s%s", n ? " or " : "",
                                  class_name((enum outcome)i));
}

static void complain(struct lab_account *a, const struct copy *c, const struct reading *r,
                     uint32_t want, const char *lie)
{
    static const char *const owed[] = {"owed", "allowed", "barred"};
    struct truth_score *s = a->score;
    const struct facts *f = &c->facts;
    char classes[200], token[TOKEN_CHARS];

    if (s->wrong++)
        return;
    print_classes(classes, sizeof classes, want);
    token_write(&a->key, c->number, token);
    (void)snprintf(
        s->first, sizeof s->first,
        "message %" PRIu64 " pm.%.*s, %s copy for %s: got %s, want %s%s%s; truth: %s %s home %u "
        "old %u elsewhere %u queued %u delivered %u reports %u+%u left %u; ours: %s %s h%u b%u o%u "
        "l%u v%u q%u f%u w%u z%u, sent %.3f s, ended %.3f s (run %s%s%s, seed %" PRIu64 ")",
        c->number, TOKEN_CHARS, token, c->alternate ? "alternate" : "primary",
        c->to == NO_INDEX ? "?" : a->m->mailboxes[c->to].name, class_name(c->outcome), classes,
        lie ? "; " : "", lie ? lie : "", r->accepted ? "accepted" : "not accepted", owed[r->owed],
        r->home, r->old, r->elsewhere, r->queued, r->delivered, r->reports, r->others_reports,
        r->reports_left, event_ending_name(f->k), owed[f->owed], f->h, f->b, f->o, f->l, f->v, f->q,
        f->f, f->w, f->z, c->sent_ns == NEVER_NS ? -1.0 : (double)c->sent_ns / 1e9,
        c->end_ns == NEVER_NS ? -1.0 : (double)c->end_ns / 1e9, a->m->name,
        *a->m->variant ? " " : "", a->m->variant, a->m->seed);
}

static void claim_all(struct lab_account *a, uint64_t number)
{
    size_t n;
    struct record *all = lab_account_records(a, number, &n);

    for (size_t i = 0; i < n; i++)
        all[i].claimed = true;
}

static bool compare_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct lab_account *a = owner;

    for (uint32_t i = 0; i < n; i++) {
        const struct copy *c = &copies[i];
        struct reading r;
        uint32_t want = wanted(a, c, &r);
        const char *lie = lies(a, c, &r);

        a->score->copies++;
        a->score->classes[c->outcome]++;
        if (is_nameless(a, c)) {
            claim_all(a, c->number); /* leased, and no record says to whom */
            if (c->outcome == CLASS_UNKNOWN)
                continue;
        }
        if (lie || !fits(a, c, want, &r))
            complain(a, c, &r, want, lie);
    }
    return true;
}

/* Lab time less target time: the smallest of what accepted copies show, which is off by less than a reply's way. */
static bool find_offset(void *owner, const struct copy *copies, uint32_t n)
{
    struct lab_account *a = owner;

    for (uint32_t i = 0; i < n; i++) {
        size_t count;
        struct record *all = lab_account_records(a, copies[i].number, &count);

        if (copies[i].alternate || copies[i].facts.k != END_ACCEPTED)
            continue;
        for (size_t k = 0; k < count; k++)
            if (all[k].word == WORD_ACCEPTED && all[k].recipient == copies[i].to) {
                int64_t off = (int64_t)(all[k].at_ns - copies[i].sent_ns);

                a->offset_ns = off < a->offset_ns ? off : a->offset_ns;
            }
    }
    return true;
}

/* Everything that the lab knows of must be a copy that the verdict counts. */
static void find_unclaimed(struct lab_account *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct record *k = &a->records[i];

        if (k->claimed || a->score->wrong++)
            continue;
        (void)snprintf(a->score->first, sizeof a->score->first,
                       "message %" PRIu64 ", %s copy for %s: the lab has it (%s), the verdict does "
                       "not count such a copy",
                       k->number, k->alternate ? "alternate" : "primary",
                       k->recipient == NO_INDEX ? "?" : a->m->mailboxes[k->recipient].name,
                       truth_words[k->word]);
    }
}

bool truth_compare(const struct manifest *m, const struct ledger *l, const char *truth_path,
                   enum truth_view view, struct truth_score *s, struct err *e)
{
    struct lab_account a = {
        .m = m, .view = view, .key = plan_key(m), .offset_ns = NO_OFFSET, .score = s};

    if (l->phases[PHASE_SETTLE])
        a.settle_ns = l->phases[PHASE_SETTLE] - 1;
    struct copies *copies = NULL;

    *s = (struct truth_score){0};
    bool ok = lab_account_read(&a, truth_path, e);

    if (ok)
        copies = copies_create(l, e);
    if (copies) {
        (void)copies_each(copies, find_offset, &a);
        (void)copies_each(copies, compare_message, &a);
        find_unclaimed(&a);
    }
    ok = copies != NULL;
    copies_destroy(copies);
    lab_account_fini(&a);
    return ok;
}
