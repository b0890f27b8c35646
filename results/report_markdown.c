/* report_markdown.c - the judgement as a page of Markdown: for a pull request, a ticket, a CI job's summary.
 *
 * Verdict and reasons, account, gates, moves that lost something, phases, latencies. Bounded whatever the run was: names are cut at
 * 80 characters, losing moves at 50, so that it stays far below the 1 MiB that GitHub takes.
 */
#include "results/report_markdown.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "results/report_moves.h"
#include "results/report_stream.h"
#include "results/report_text.h"

#define NAME_MAX_CHARACTERS 80u
#define REASON_CHARACTERS   1000u
#define MOVES_SHOWN         50u
#define GATES_SHOWN         200u

struct page {
    const struct report_source *source;
    const struct manifest *m;
    const struct judgement *j;
    struct report_stream out;
};

static void name(struct page *p, const char *text)
{
    stream_markdown(&p->out, text, NAME_MAX_CHARACTERS);
}

static void count(struct page *p, uint64_t n)
{
    char text[32];

    stream_add(&p->out, text_print_count(text, sizeof text, n));
}

static void add_verdict(struct page *p)
{
    static const char *const signs[] = {"✅", "❌", "❔"};

    stream_format(&p->out, "## %s %s: ", signs[p->j->verdict], verdict_name(p->j->verdict));
    name(p, p->m->name);
    stream_add(&p->out, *p->m->variant ? " " : "");
    name(p, p->m->variant);
    stream_add(&p->out, " on ");
    name(p, p->m->target);
    stream_add(&p->out, "\n\n");
    for (uint32_t i = 0; i < p->j->reason_count; i++) {
        stream_add(&p->out, i ? "- " : "**");
        stream_markdown(&p->out, p->j->reasons[i], REASON_CHARACTERS);
        stream_add(&p->out, i ? "\n" : "**\n\n");
    }
    stream_format(&p->out, "\nRun `%016llx`, seed %llu", (unsigned long long)p->m->run_id,
                  (unsigned long long)p->m->seed);
    char at[ISO_BYTES];
    if (*report_iso(at, p->m, 0))
        stream_format(&p->out, ", begun %.19s UTC", at);
    stream_add(&p->out, ".\n");
}

static void add_classes(struct page *p)
{
    const struct tally *t = &p->j->tally;

    stream_add(&p->out, "\n### Account\n\n| class | copies | share | primaries | responsibility | "
                        "transparency |\n|---|---:|---:|---:|---|---|\n");
    for (enum outcome o = 0; o < CLASS_COUNT; o++) {
        if (!t->classes[o])
            continue;
        stream_format(&p->out, "| %s | ", class_name(o));
        count(p, t->classes[o]);
        stream_format(&p->out, " | %.4f %% | ",
                      100 * (double)t->classes[o] / (double)(t->planned ? t->planned : 1));
        count(p, t->primaries[o]);
        stream_format(&p->out, " | %s | %s |\n", report_axis(class_responsibility(o)),
                      report_axis(class_transparency(o)));
    }
    stream_add(&p->out, "| **planned** | ");
    count(p, t->planned);
    stream_add(&p->out, " | | | | |\n");
}

static void add_imbalance(struct page *p)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < p->j->identity_count; i++) {
        const struct identity *d = &p->j->identities[i];

        if (d->left == d->right)
            continue;
        stream_format(&p->out, "\nThe account does not balance: %s: %llu against %llu.\n", d->name,
                      (unsigned long long)d->left, (unsigned long long)d->right);
        wrong++;
    }
    if (!wrong)
        stream_format(&p->out, "\nAll %u identities of the account balance.\n",
                      p->j->identity_count);
}

static void gate_number(struct page *p, const struct gate_result *g, uint64_t n)
{
    char text[32];

    if (strcmp(g->name, "pacing-p99") == 0)
        stream_add(&p->out, text_us(text, sizeof text, n / NS_PER_US));
    else
        count(p, n);
}

static void add_gates(struct page *p)
{
    stream_add(&p->out, "\n### Gates\n\n| gate | count | limit | verdict |\n|---|---:|---:|---|\n");
    for (uint32_t i = 0; i < p->j->gate_count && i < GATES_SHOWN; i++) {
        const struct gate_result *g = &p->j->gates[i];

        stream_add(&p->out, "| ");
        name(p, g->name);
        stream_add(&p->out, " | ");
        gate_number(p, g, g->count);
        stream_add(&p->out, " | ");
        gate_number(p, g, g->limit);
        stream_format(&p->out, g->verdict == VERDICT_PASS ? " | %s" : " | **%s**",
                      gate_verdict_name(g->verdict));
        if (g->uncertified)
            stream_add(&p->out, ": latencies are not certified");
        else if (g->verdict == VERDICT_INCONCLUSIVE && g->open) {
            stream_add(&p->out, ": ");
            count(p, g->open);
            stream_add(&p->out, " more might count");
        }
        stream_add(&p->out, " |\n");
    }
    if (p->j->gate_count > GATES_SHOWN)
        stream_format(&p->out, "\nand %u more\n", p->j->gate_count - GATES_SHOWN);
}

static void add_mix(struct page *p, const uint64_t *n)
{
    bool any = false;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (n[o]) {
            stream_format(&p->out, "%s%s ", any ? ", " : "", class_name(o));
            count(p, n[o]);
            any = true;
        }
    stream_add(&p->out, any ? "" : "-");
}

static void add_firsts(struct page *p, const struct shown_move *v)
{
    char token[27];
    bool any = false;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        for (unsigned i = 0; i < v->firsts[o]; i++) {
            stream_format(&p->out, "%s`%s`", any ? " " : "",
                          said_token(p->source, v->first[o][i], token));
            any = true;
        }
    stream_add(&p->out, any ? "" : "-");
}

static void add_move(struct page *p, const struct shown_move *v)
{
    const struct manifest_move *plan = &p->m->moves[v->move];
    const struct move_marks *marks = &p->j->tally.marks[v->move];
    char asked[32], flipped[32];

    stream_format(&p->out, "| %u | ", v->move);
    name(p, report_mailbox(p->m, plan->mailbox));
    stream_add(&p->out, " | ");
    name(p, report_server(p->m, plan->from));
    stream_add(&p->out, " to ");
    name(p, report_server(p->m, plan->to));
    stream_format(
        &p->out, " | %s | %s | %s | ", text_at(asked, sizeof asked, marks->mark_ns[MARK_ASKED]),
        text_at(flipped, sizeof flipped, marks->mark_ns[MARK_FLIPPED]), report_move_result(marks));
    add_mix(p, p->j->tally.moves[v->move]);
    stream_add(&p->out, " | ");
    add_firsts(p, v);
    stream_add(&p->out, " |\n");
}

static void add_moves(struct page *p, const struct shown_moves *losing)
{
    if (!p->m->move_count)
        return;
    stream_format(&p->out, "\n### Moves\n\n%u of %u moves have violations or did not succeed.\n",
                  losing->count + losing->left_out, p->m->move_count);
    if (!losing->count)
        return;
    stream_add(&p->out, "\n| move | mailbox | from, to | asked | flipped | result | copies near it "
                        "| first tokens |\n|---:|---|---|---:|---:|---|---|---|\n");
    for (uint32_t i = 0; i < losing->count; i++)
        add_move(p, &losing->all[i]);
    if (losing->left_out)
        stream_format(&p->out, "\nand %u more\n", losing->left_out);
}

static void add_phases(struct page *p)
{
    if (!p->m->move_count)
        return;
    stream_add(&p->out, "\n### Where in a move the copies were accepted\n\n| phase | copies "
                        "|\n|---|---|\n");
    for (enum move_phase phase = 0; phase < MOVE_PHASE_COUNT; phase++) {
        stream_format(&p->out, "| %s | ", move_phase_name(phase));
        add_mix(p, p->j->tally.phases[phase]);
        stream_add(&p->out, " |\n");
    }
}

static void add_latency(struct page *p, const char *what, const struct hist *h)
{
    static const double quantiles[] = {0.5, 0.9, 0.99};
    char text[32];

    if (!h->count)
        return;
    stream_format(&p->out, "| %s | ", what);
    count(p, h->count);
    for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        stream_format(&p->out, " | %s",
                      text_us(text, sizeof text, tally_quantile(h, quantiles[i])));
    stream_format(&p->out, " | %s |\n", text_us(text, sizeof text, h->max));
}

static void add_latencies(struct page *p)
{
    const struct tally *t = &p->j->tally;

    stream_add(&p->out, "\n### Latency\n\n| | count | p50 | p90 | p99 | max "
                        "|\n|---|---:|---:|---:|---:|---:|\n");
    add_latency(p, "accept", &t->accept);
    add_latency(p, "seen", &t->deliver);
    add_latency(p, "end to end", &t->end_to_end);
    add_latency(p, "ndr", &t->ndr);
    add_latency(p, "lateness of the generator", &t->lateness);
    if (t->saturation.any)
        stream_add(&p->out, "\nThe generator was saturated: none of these is certified.\n");
}

static bool write_markdown(const struct report_source *s, const struct report_out *out,
                           struct err *e)
{
    struct page p = {.source = s, .m = s->run->manifest, .j = s->run->judgement};
    struct shown_moves losing;

    if (!moves_choose(&losing, s, MOVES_SHOWN, true, e)) {
        moves_release(&losing);
        return false;
    }
    stream_begin(&p.out, out);
    add_verdict(&p);
    add_classes(&p);
    add_imbalance(&p);
    add_gates(&p);
    add_moves(&p, &losing);
    add_phases(&p);
    add_latencies(&p);
    moves_release(&losing);
    return stream_end(&p.out, e);
}

const struct report_form form_markdown = {
    .name = "markdown",
    .file = "summary.md",
    .help = "a page of Markdown for a pull request or a job's summary",
    .write = write_markdown};
