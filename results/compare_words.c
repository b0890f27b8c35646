/* compare_words.c - a comparison in sentences, the same on the terminal, in JSON and on the page. What the numbers do not bear is
 * not said: then the words are "a difference was not shown".
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "results/compare.h"

#define WHOLE 10000u /* shares are in hundredths of a percent */

const char *compared_word(const struct compared *c)
{
    return c->label[0] ? c->label : c->name;
}

uint64_t compared_owed(const struct compared *c)
{
    return c->planned - c->classes[CLASS_NOT_OWED];
}

const char *say_p(char *out, size_t room, double p)
{
    (void)snprintf(out, room, p < 0.0001 ? "< 0.0001" : "%.4f", p);
    return out;
}

const char *say_share(char *out, size_t room, double share)
{
    double percent = fabs(share) * 100, ppm = fabs(share) * 1e6;
    const char *sign = share < 0 && ppm >= 0.005 ? "-" : "";

    if (percent >= 0.01 || ppm < 0.005)
        (void)snprintf(out, room, "%s%.*f %%", sign,
                       percent < 0.01 ? 0
                       : percent < 1  ? 2
                       : percent < 10 ? 1
                                      : 0,
                       percent);
    else
        (void)snprintf(out, room, "%s%.*f ppm", sign, ppm < 1 ? 2 : ppm < 10 ? 1 : 0, ppm);
    return out;
}

const char *say_chance(char *out, size_t room, double p)
{
    (void)snprintf(out, room,
                   p > 0.999   ? "> 99.9 %%"
                   : p < 0.001 ? "< 0.1 %%"
                               : "%.1f %%",
                   p * 100);
    return out;
}

/* ---------------------------------------------------------------------------------------------- what changed, in classes */

/* Counts of equal plans are compared as they are; of different plans only their shares in what was owed mean anything. */
struct change {
    const struct compared *a, *b;
    bool shares;
};

static uint64_t value(const struct change *g, const struct compared *c, uint64_t n)
{
    if (!g->shares)
        return n;
    return compared_owed(c) ? n * WHOLE / compared_owed(c) : 0;
}

static const char *figure(const struct change *g, char *out, size_t room, uint64_t v)
{
    if (g->shares)
        (void)snprintf(out, room, "%llu.%02llu %%", (unsigned long long)(v / 100),
                       (unsigned long long)(v % 100));
    else
        (void)text_print_count(out, room, v);
    return out;
}

static uint64_t delivered(const struct change *g, const struct compared *c)
{
    return value(g, c,
                 c->classes[CLASS_DELIVERED] + c->classes[CLASS_DELIVERED_RESIDUE] +
                     c->classes[CLASS_DUPLICATED] + c->classes[CLASS_CONTRADICTION]);
}

static uint64_t silent(const struct change *g, const struct compared *c)
{
    return value(g, c, c->classes[CLASS_SILENT_LOSS] + c->classes[CLASS_VANISHED]);
}

static uint64_t reported(const struct change *g, const struct compared *c)
{
    return value(g, c, c->classes[CLASS_NDR]);
}

/* Deliveries differ by no more than 2 % of what was planned: two runs on real time never agree exactly. */
static const char *more_or_less(const struct change *g)
{
    uint64_t x = delivered(g, g->a), y = delivered(g, g->b);
    uint64_t planned = g->a->planned > g->b->planned ? g->a->planned : g->b->planned;
    uint64_t slack = (g->shares ? WHOLE : planned) * 2 / 100;

    if ((x > y ? x - y : y - x) <= slack)
        return "nothing more was delivered";
    return y > x ? "more was delivered" : "less was delivered";
}

static bool silence_turned_into_reports(const struct change *g)
{
    uint64_t was = silent(g, g->a), is = silent(g, g->b);
    uint64_t reported_was = reported(g, g->a), reported_is = reported(g, g->b);

    return was > 2 * is && reported_is > reported_was &&
           reported_is - reported_was >= (was - is) / 2;
}

static bool say_reports(const struct change *g, struct buf *out)
{
    char n[6][32];

    return buf_add_format(
        out,
        " silence turned into reports: %s lost in silence became %s, %s reported became %s; %s (%s "
        "and %s %s)\n",
        figure(g, n[0], sizeof n[0], silent(g, g->a)),
        figure(g, n[1], sizeof n[1], silent(g, g->b)),
        figure(g, n[2], sizeof n[2], reported(g, g->a)),
        figure(g, n[3], sizeof n[3], reported(g, g->b)), more_or_less(g),
        figure(g, n[4], sizeof n[4], delivered(g, g->a)),
        figure(g, n[5], sizeof n[5], delivered(g, g->b)), g->shares ? "of owed copies" : "copies");
}

static bool say_classes(const struct change *g, struct buf *out)
{
    char before[32], after[32];
    bool any = false;

    for (enum outcome k = 0; k < CLASS_COUNT; k++) {
        uint64_t was = value(g, g->a, g->a->classes[k]), is = value(g, g->b, g->b->classes[k]);
        bool appeared = !g->a->classes[k] != !g->b->classes[k];

        if ((was == is && !appeared) || (g->shares && k == CLASS_NOT_OWED))
            continue;
        buf_add_format(out, "%s %s %s -> %s", any ? "," : "", class_name(k),
                       figure(g, before, sizeof before, was), figure(g, after, sizeof after, is));
        any = true;
    }
    return buf_add_text(out, any ? "\n" : " no class differs\n");
}

bool say_change(const struct compared *a, const struct compared *b, struct buf *out)
{
    struct change g = {a, b, a->planned != b->planned};
    char was[32], is[32];

    buf_add_format(out, "%s -> %s:", compared_word(a), compared_word(b));
    if (g.shares)
        buf_add_format(out, " of %s and %s owed copies, so shares of them:",
                       text_print_count(was, sizeof was, compared_owed(a)),
                       text_print_count(is, sizeof is, compared_owed(b)));
    return silence_turned_into_reports(&g) ? say_reports(&g, out) : say_classes(&g, out);
}

/* --------------------------------------------------------------------------------------------------------- what is shown */

const char *shown_words(const struct answer *q)
{
    static const char *const words[] = {[SHOWN_NEITHER] = "in neither",
                                        [SHOWN_NOT] = "not shown",
                                        [SHOWN_BETTER] = "better",
                                        [SHOWN_WORSE] = "worse"};

    if (!q->question.headline && q->all == SHOWN_BETTER)
        return "fewer";
    if (!q->question.headline && q->all == SHOWN_WORSE)
        return "more";
    return words[q->all];
}

bool answer_has_row(const struct pair *p, uint32_t i)
{
    return p->answers[i].question.headline || p->answers[i].same_as == i;
}

static uint32_t headlines(const struct pair *p, enum shown shown, const char *before,
                          struct buf *out)
{
    uint32_t count = 0, left;

    for (uint32_t i = 0; i < p->answer_count; i++)
        count += p->answers[i].question.headline && p->answers[i].all == shown;
    left = count;
    for (uint32_t i = 0; i < p->answer_count; i++) {
        if (!p->answers[i].question.headline || p->answers[i].all != shown)
            continue;
        left--;
        buf_add_format(out, "%s%s%s", left + 1 == count ? before : "", p->answers[i].question.name,
                       left > 1 ? ", "
                       : left   ? " and "
                                : "");
    }
    return count;
}

bool say_conclusion(const struct pair *p, struct buf *out)
{
    static const struct {
        enum shown shown;
        const char *words;
    } kinds[] = {{SHOWN_BETTER, "is better in "},
                 {SHOWN_WORSE, "is worse in "},
                 {SHOWN_NOT, "a difference was not shown in "},
                 {SHOWN_NEITHER, "no harm in either in "}};

    char before[160];
    bool any = false, named = false;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool about_b = kinds[i].shown == SHOWN_BETTER || kinds[i].shown == SHOWN_WORSE;

        (void)snprintf(before, sizeof before, "%s%s%s%s", any ? "; " : "",
                       about_b && !named ? compared_word(p->b) : "", about_b && !named ? " " : "",
                       kinds[i].words);
        bool said = headlines(p, kinds[i].shown, before, out) > 0;

        named |= said && about_b;
        any |= said;
    }
    return buf_add_text(out, p->by_move ? "\n" : " (counted by copy)\n");
}

static const char *unit_name(const struct pair *p, uint64_t n)
{
    return p->by_move ? (n == 1 ? "move" : "moves") : n == 1 ? "copy" : "copies";
}

static bool add_of(struct buf *out, struct proportion p)
{
    char k[32], n[32];

    return buf_add_format(out, "%s of %s", text_print_count(k, sizeof k, p.k),
                          text_print_count(n, sizeof n, p.n));
}

static bool say_shown(const struct pair *p, const struct answer *q, struct buf *out)
{
    char low[32], high[32], by[32], number[32];

    buf_add_format(out, "%s is %s: ", compared_word(p->b), shown_words(q));
    add_of(out, q->b.units);
    buf_add_format(out, " %s %s instead of ", unit_name(p, q->b.units.n), q->question.harm);
    add_of(out, q->a.units);
    buf_add_format(
        out, " (%s, 95 %% interval %s to %s; p %s)",
        say_share(by, sizeof by, proportion_rate(q->b.units) - proportion_rate(q->a.units)),
        say_share(low, sizeof low, q->difference.low),
        say_share(high, sizeof high, q->difference.high),
        say_p(number, sizeof number, q->fisher_adjusted));
    if (!p->by_move)
        return buf_add_text(out, "\n");
    if (q->in_units == SHOWN_NOT)
        buf_add_format(out, ", which was not shown to be another number of moves, but %s copies",
                       q->in_copies == SHOWN_BETTER ? "fewer" : "more");
    else
        buf_add_text(out, "; copies");
    buf_add_text(out, ": ");
    add_of(out, q->b.copies);
    buf_add_text(out, " instead of ");
    add_of(out, q->a.copies);
    return buf_add_format(out, " (p %s)\n", say_p(number, sizeof number, q->dealt_adjusted));
}

/* "20 moves each", "20 and 30 moves" */
static void add_units(const struct pair *p, const struct answer *q, struct buf *out)
{
    char a[32], b[32];
    bool equal = q->a.units.n == q->b.units.n;

    buf_add_text(out, text_print_count(a, sizeof a, q->a.units.n));
    if (!equal)
        buf_add_format(out, " and %s", text_print_count(b, sizeof b, q->b.units.n));
    buf_add_format(out, " %s%s ", unit_name(p, equal ? q->a.units.n : 2), equal ? " each" : "");
}

/* All that so many units could have shown, as far as that was searched for. */
static void say_least(const struct pair *p, const struct answer *q, struct buf *out)
{
    if (!q->searched)
        return;
    buf_add_text(out, "; ");
    add_units(p, q, out);
    if (!q->can_show) {
        buf_add_text(out, "are too few to show anything");
        return;
    }
    buf_add_text(out, "can show no less than ");
    add_of(out, q->least_a);
    buf_add_text(out, " against ");
    add_of(out, q->least_b);
}

/* One line for all that was not shown, where so few units can show nothing at all. */
bool say_too_few(const struct pair *p, struct buf *out)
{
    for (uint32_t i = 0; i < p->answer_count; i++) {
        const struct answer *q = &p->answers[i];

        if (!q->question.headline || q->all != SHOWN_NOT || !q->searched || q->can_show)
            continue;
        add_units(p, q, out);
        return buf_add_text(out, "are too few to show anything; `postmuster compare` says how many "
                                 "would do\n");
    }
    return true;
}

static void say_needed(const struct pair *p, const struct answer *q, struct buf *out)
{
    char n[32], a[32], b[32];

    if (q->needed == SAMPLE_NEVER)
        buf_add_format(out, "; more than a million %s each would be needed", unit_name(p, 2));
    else if (!q->aims_apart)
        buf_add_format(out, "; about %s each would be needed if these are the true shares",
                       text_print_count(n, sizeof n, q->needed));
    else if (q->needed > q->a.units.n || q->needed > q->b.units.n)
        buf_add_format(out, "; about %s each would be needed to show %s against %s",
                       text_print_count(n, sizeof n, q->needed), say_share(a, sizeof a, q->aim_a),
                       say_share(b, sizeof b, q->aim_b));
}

static bool say_not_shown(const struct pair *p, const struct answer *q, struct buf *out)
{
    char number[32];

    buf_add_text(out, "a difference was not shown: ");
    add_of(out, q->a.units);
    buf_add_text(out, " and ");
    add_of(out, q->b.units);
    buf_add_format(out, " %s %s (p %s", unit_name(p, q->b.units.n), q->question.harm,
                   say_p(number, sizeof number, q->fisher_adjusted));
    if (p->by_move)
        buf_add_format(out, "; by copies p %s", say_p(number, sizeof number, q->dealt_adjusted));
    buf_add_text(out, ")");
    if (q->in_units != SHOWN_NOT && q->in_units != SHOWN_NEITHER)
        return buf_add_text(out, "; moves and copies speak against each other\n");
    if (q->a.units.n == 0 || q->b.units.n == 0)
        return buf_add_format(out, "; one of them has no %s that say anything\n", unit_name(p, 2));
    say_least(p, q, out);
    say_needed(p, q, out);
    return buf_add_text(out, "\n");
}

/* No harm seen is not no harm: the interval of the arm that says less. */
static bool say_neither(const struct pair *p, const struct answer *q, struct buf *out)
{
    const uint64_t least = q->a.units.n < q->b.units.n ? q->a.units.n : q->b.units.n;
    char n[32], m[32], most[32];

    return buf_add_format(
        out, "none of %s and of %s %s %s; at most %s do (95 %%)\n",
        text_print_count(n, sizeof n, q->a.units.n), text_print_count(m, sizeof m, q->b.units.n),
        unit_name(p, 2), q->question.harm,
        say_share(most, sizeof most,
                  proportion_upper((struct proportion){0, least}, COMPARE_ALPHA)));
}

bool say_answer(const struct pair *p, const struct answer *q, struct buf *out)
{
    const char *first = p->answers[q->same_as].question.name;

    buf_add_format(out, "%s: ", q->question.name);
    if (q->all == SHOWN_NEITHER)
        return say_neither(p, q, out);
    if (strcmp(first, q->question.name) != 0)
        return buf_add_format(out, "%s, by the very same moves and copies as %s\n",
                              q->all == SHOWN_NOT ? "a difference was not shown" : shown_words(q),
                              first);
    return q->all == SHOWN_NOT ? say_not_shown(p, q, out) : say_shown(p, q, out);
}

/* --------------------------------------------------------------------------------------------------------------- caveats */

bool say_plans(const struct pair *p, struct buf *out)
{
    char what[64];

    if (!p->differ)
        return true;
    if (p->differ == DIFFER_UNSAID)
        return buf_add_text(out, "WARNING: whether the plans are the same is not known: what "
                                 "differs may be the load, and not the build\n");
    return buf_add_format(out,
                          "WARNING: the plans differ in %s: what differs may be that, and not the "
                          "build\n",
                          plans_differ(p->differ, what, sizeof what));
}

static bool say_of_run(const struct pair *p, const struct compared *c, struct buf *out)
{
    char n[32];

    if (c->cut_short)
        buf_add_format(out, "%s did not come to its own end: this is its account until then\n",
                       compared_word(c));
    if (c->stopped)
        buf_add_format(
            out,
            "%s was ended by its stop rule: tests that take the number of moves as fixed "
            "are a little too sure\n",
            compared_word(c));
    if (c->classes[CLASS_UNKNOWN])
        buf_add_format(out,
                       "%s: %s copies are unknown: shares leave them out, and tests count them "
                       "against the run that looks better\n",
                       compared_word(c), text_print_count(n, sizeof n, c->classes[CLASS_UNKNOWN]));
    if (p->by_move && c->moves_void)
        buf_add_format(out, "%s: %u planned moves were not done and say nothing\n",
                       compared_word(c), c->moves_void);
    return true;
}

bool say_caveats(const struct pair *p, struct buf *out)
{
    bool ok = say_plans(p, out);

    if (!p->by_move)
        ok = buf_add_text(out, "Counted by copy, as not both made moves: copies are taken to be "
                               "independent, which they seldom are\n") &&
             ok;
    if (p->same_seed)
        ok = buf_add_text(out, "Both were sent the same messages at the same times (one seed)\n") &&
             ok;
    if (p->a->simulated != p->b->simulated)
        ok = buf_add_format(out,
                            "%s ran on simulated time and %s over sockets: what their latencies "
                            "differ in is not the build's\n",
                            compared_word(p->a->simulated ? p->a : p->b),
                            compared_word(p->a->simulated ? p->b : p->a)) &&
             ok;
    return ok && say_of_run(p, p->a, out) && say_of_run(p, p->b, out);
}

static const char *tests_words(const struct comparison *c, char *out, size_t room)
{
    if (c->tests == 0)
        return "; there was no harm, so nothing was tested";
    (void)snprintf(out, room, ", after Holm's correction over all %u tests", c->tests);
    return out;
}

bool say_method(const struct comparison *c, struct buf *out)
{
    char tests[80];

    buf_add_format(
        out,
        "p: Fisher's exact test on moves that did harm, and a permutation of whole moves "
        "on copies, both two-sided%s. Shown: p at most 0.05.\n",
        tests_words(c, tests, sizeof tests));
    return buf_add_text(
        out, "Intervals are 95 % (Newcombe), not corrected; P(better) is Bayesian (Jeffreys). "
             "Moves needed are for a chance of 80 % to be shown after correction, if the shares "
             "seen are the true ones.\n");
}
