/* report_junit.c - for CI servers that read JUnit's XML: suites verdict, gates, identities, moves.
 *
 * A failing gate is a failure. What is undecided is an error, for a server that knows only pass and skip must not show an
 * unproven run as a good one. A move fails on copies of a class whose gate fails, so that failures are there if and only if
 * the verdict is FAIL; a move that nobody ever asked for is skipped. An identity with a residual is an error: ours, not the
 * target's. Moves: 1,000 at most, those that lose first. Times are s of the target's time.
 */
#include "results/report_junit.h"

#include <string.h>

#include "base/clock.h"
#include "results/ledger_private.h"
#include "results/report_moves.h"
#include "results/report_stream.h"

#define MOVES_SHOWN 1000u

enum fate { GOOD, FAILED, UNDECIDED, SKIPPED, FATES };

struct junit {
    const struct report_source *source;
    const struct manifest *m;
    const struct judgement *j;
    struct report_stream out;
    struct shown_moves moves;
    bool fails[CLASS_COUNT]; /* a gate of that class does */
};

static enum fate fate_of(enum verdict v)
{
    return v == VERDICT_PASS ? GOOD : v == VERDICT_FAIL ? FAILED : UNDECIDED;
}

/* The verdict of the first gate of that name; PASS if there is none. */
static enum verdict gate_named(const struct judgement *j, const char *name)
{
    for (uint32_t i = 0; i < j->gate_count; i++)
        if (strcmp(j->gates[i].name, name) == 0)
            return j->gates[i].verdict;
    return VERDICT_PASS;
}

static enum fate fate_of_move(const struct junit *u, const struct shown_move *v)
{
    const struct tally *t = &u->j->tally;
    const uint64_t *marks = t->marks[v->move].mark_ns;
    bool ended = marks[MARK_DONE] != NEVER_NS;
    enum fate fate = GOOD;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (u->fails[o] && t->moves[v->move][o])
            return FAILED;
    if (marks[MARK_ASKED] == NEVER_NS)
        return SKIPPED;
    if (marks[MARK_DISPROVED] != NEVER_NS)
        fate = fate_of(gate_named(u->j, "moves-disproved"));
    if (fate == GOOD && (marks[MARK_FAILED] != NEVER_NS || !ended))
        fate = fate_of(gate_named(u->j, "moves-failed"));
    if (fate == GOOD && t->moves[v->move][CLASS_UNKNOWN])
        fate = fate_of(gate_named(u->j, class_name(CLASS_UNKNOWN)));
    return fate;
}

static void seconds(struct report_stream *s, uint64_t ns)
{
    stream_format(s, "%llu.%06llu", (unsigned long long)(ns / NS_PER_S),
                  (unsigned long long)(ns % NS_PER_S / NS_PER_US));
}

static uint64_t run_ns(const struct junit *u)
{
    uint64_t end = u->source->run->ledger->phases[PHASE_END];

    return end ? end - 1 : 0;
}

static void suite_begin(struct junit *u, const char *name, const uint64_t n[FATES],
                        uint64_t time_ns)
{
    char at[ISO_BYTES];

    stream_format(&u->out, "  <testsuite name=\"%s\" tests=\"", name);
    stream_u64(&u->out, n[GOOD] + n[FAILED] + n[UNDECIDED] + n[SKIPPED]);
    stream_add(&u->out, "\" failures=\"");
    stream_u64(&u->out, n[FAILED]);
    stream_add(&u->out, "\" errors=\"");
    stream_u64(&u->out, n[UNDECIDED]);
    stream_add(&u->out, "\" skipped=\"");
    stream_u64(&u->out, n[SKIPPED]);
    stream_add(&u->out, "\" time=\"");
    seconds(&u->out, time_ns);
    if (*report_iso(at, u->m, 0))
        stream_format(&u->out, "\" timestamp=\"%.19s", at);
    stream_add(&u->out, "\">\n");
}

/* `<testcase classname="..." name="`: the name is the caller's to say, and case_time() after it. */
static void case_begin(struct junit *u, const char *suite)
{
    stream_add(&u->out, "    <testcase classname=\"postmuster.");
    stream_xml(&u->out, u->m->name);
    stream_add(&u->out, *u->m->variant ? "." : "");
    stream_xml(&u->out, u->m->variant);
    stream_format(&u->out, ".%s\" name=\"", suite);
}

static void case_time(struct junit *u, uint64_t time_ns)
{
    stream_add(&u->out, "\" time=\"");
    seconds(&u->out, time_ns);
    stream_add(&u->out, "\"");
}

static void case_named(struct junit *u, const char *suite, const char *name, uint64_t time_ns)
{
    case_begin(u, suite);
    stream_xml(&u->out, name);
    case_time(u, time_ns);
}

static const char *const elements[FATES] = {"", "failure", "error", "skipped"};

/* `<failure type="fail" message="`: the message is the caller's to say. */
static void outcome_begin(struct junit *u, enum fate f)
{
    static const char *const types[FATES] = {"", "fail", "inconclusive", "never-asked"};

    stream_format(&u->out, ">\n      <%s type=\"%s\" message=\"", elements[f], types[f]);
}

static void outcome_end(struct junit *u, enum fate f)
{
    stream_format(&u->out, "</%s>\n    </testcase>\n", elements[f]);
}

/* ---------------------------------------------------------------------------------------------------------- suites */

static void add_verdict(struct junit *u)
{
    enum fate f = u->j->exit_code == EX_INTERNAL ? UNDECIDED : fate_of(u->j->verdict);
    uint64_t n[FATES] = {0};

    n[f] = 1;
    suite_begin(u, "verdict", n, run_ns(u));
    case_named(u, "verdict", "verdict", run_ns(u));
    if (f == GOOD)
        stream_add(&u->out, "/>\n");
    else {
        outcome_begin(u, f);
        stream_xml(&u->out, verdict_name(u->j->verdict));
        stream_add(&u->out, "\">");
        for (uint32_t i = 0; i < u->j->reason_count; i++) {
            stream_xml(&u->out, u->j->reasons[i]);
            stream_add(&u->out, "\n");
        }
        outcome_end(u, f);
    }
    stream_add(&u->out, "  </testsuite>\n");
}

static void add_gate(struct junit *u, const struct gate_result *g)
{
    enum fate f = fate_of(g->verdict);

    case_named(u, "gates", g->name, 0);
    if (f == GOOD) {
        stream_add(&u->out, "/>\n");
        return;
    }
    outcome_begin(u, f);
    stream_xml(&u->out, g->name);
    stream_format(&u->out, " %llu, limit %llu", (unsigned long long)g->count,
                  (unsigned long long)g->limit);
    if (g->uncertified)
        stream_add(&u->out, ": latencies are not certified");
    else if (f == UNDECIDED && g->open)
        stream_format(&u->out, ": %llu more might count", (unsigned long long)g->open);
    stream_add(&u->out, "\">");
    if (g->outcome < CLASS_COUNT)
        stream_format(&u->out, "%llu of %llu copies %s", (unsigned long long)g->count,
                      (unsigned long long)u->j->tally.planned, class_became(g->outcome));
    outcome_end(u, f);
}

static void add_gates(struct junit *u)
{
    uint64_t n[FATES] = {0};

    for (uint32_t i = 0; i < u->j->gate_count; i++)
        n[fate_of(u->j->gates[i].verdict)]++;
    suite_begin(u, "gates", n, 0);
    for (uint32_t i = 0; i < u->j->gate_count; i++)
        add_gate(u, &u->j->gates[i]);
    stream_add(&u->out, "  </testsuite>\n");
}

static void add_identities(struct junit *u)
{
    uint64_t n[FATES] = {0};

    for (uint32_t i = 0; i < u->j->identity_count; i++)
        n[u->j->identities[i].left == u->j->identities[i].right ? GOOD : UNDECIDED]++;
    suite_begin(u, "identities", n, 0);
    for (uint32_t i = 0; i < u->j->identity_count; i++) {
        const struct identity *d = &u->j->identities[i];

        case_named(u, "identities", d->name, 0);
        if (d->left == d->right) {
            stream_add(&u->out, "/>\n");
            continue;
        }
        outcome_begin(u, UNDECIDED);
        stream_format(&u->out, "%llu against %llu\">the account does not balance: a bug of ours",
                      (unsigned long long)d->left, (unsigned long long)d->right);
        outcome_end(u, UNDECIDED);
    }
    stream_add(&u->out, "  </testsuite>\n");
}

static void add_classes(struct junit *u, const struct shown_move *v)
{
    const uint64_t *n = u->j->tally.moves[v->move];
    bool any = false;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (n[o]) {
            stream_format(&u->out, "%s%s %llu", any ? ", " : "", class_name(o),
                          (unsigned long long)n[o]);
            any = true;
        }
    stream_add(&u->out, any ? "" : "no copies");
}

static void add_firsts(struct junit *u, const struct shown_move *v)
{
    char token[27];

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        for (unsigned i = 0; i < v->firsts[o]; i++) {
            stream_format(&u->out, i ? ", " : "%s: ", class_name(o));
            stream_xml(&u->out, said_token(u->source, v->first[o][i], token));
            stream_add(&u->out, i + 1 == v->firsts[o] ? "\n" : "");
        }
}

static uint64_t took_ns(const struct move_marks *k)
{
    uint64_t asked = k->mark_ns[MARK_ASKED], end = k->mark_ns[MARK_DONE];

    if (end == NEVER_NS)
        end = k->mark_ns[MARK_FAILED];
    return asked == NEVER_NS || end == NEVER_NS || end < asked ? 0 : end - asked;
}

static void add_move(struct junit *u, const struct shown_move *v)
{
    const struct manifest_move *plan = &u->m->moves[v->move];
    const struct move_marks *marks = &u->j->tally.marks[v->move];
    enum fate f = fate_of_move(u, v);

    case_begin(u, "moves");
    stream_format(&u->out, "move %u of ", v->move);
    stream_xml(&u->out, report_mailbox(u->m, plan->mailbox));
    stream_add(&u->out, " from ");
    stream_xml(&u->out, report_server(u->m, plan->from));
    stream_add(&u->out, " to ");
    stream_xml(&u->out, report_server(u->m, plan->to));
    case_time(u, took_ns(marks));
    if (f == GOOD) {
        stream_add(&u->out, ">\n      <system-out>");
        add_classes(u, v);
        stream_add(&u->out, "</system-out>\n    </testcase>\n");
        return;
    }
    outcome_begin(u, f);
    stream_format(&u->out, "%s: ", report_move_result(marks));
    add_classes(u, v);
    stream_add(&u->out, "\">");
    add_firsts(u, v);
    outcome_end(u, f);
}

static bool add_moves(struct junit *u)
{
    uint64_t n[FATES] = {0}, time_ns = 0;

    for (uint32_t i = 0; i < u->moves.count; i++) {
        n[fate_of_move(u, &u->moves.all[i])]++;
        time_ns += took_ns(&u->j->tally.marks[u->moves.all[i].move]);
    }
    suite_begin(u, "moves", n, time_ns);
    for (uint32_t i = 0; i < u->moves.count && stream_step(&u->out); i++)
        add_move(u, &u->moves.all[i]);
    if (u->moves.left_out)
        stream_format(&u->out,
                      "    <system-out>%u more moves are left out here: those that lost something "
                      "come first; summary.json has them all</system-out>\n",
                      u->moves.left_out);
    stream_add(&u->out, "  </testsuite>\n");
    return stream_step(&u->out);
}

static bool write_junit(const struct report_source *s, const struct report_out *out, struct err *e)
{
    struct junit u = {.source = s, .m = s->run->manifest, .j = s->run->judgement};

    if (!moves_choose(&u.moves, s, MOVES_SHOWN, false, e)) {
        moves_release(&u.moves);
        return false;
    }
    for (uint32_t i = 0; i < u.j->gate_count; i++)
        if (u.j->gates[i].outcome < CLASS_COUNT && u.j->gates[i].verdict == VERDICT_FAIL)
            u.fails[u.j->gates[i].outcome] = true;
    stream_begin(&u.out, out);
    stream_add(&u.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"");
    stream_xml(&u.out, u.m->name);
    stream_add(&u.out, "\">\n");
    add_verdict(&u);
    add_gates(&u);
    add_identities(&u);
    if (u.m->move_count)
        (void)add_moves(&u);
    stream_add(&u.out, "</testsuites>\n");
    moves_release(&u.moves);
    return stream_end(&u.out, e);
}

const struct report_form form_junit = {
    .name = "junit",
    .file = "junit.xml",
    .help = "JUnit XML for CI: verdict, gates, identities and moves as test cases",
    .write = write_junit};
