/* compare.c - runs side by side. Counts are put next to each other; a sentence is said only where the counts bear it, and of
 * different plans it speaks in shares.
 */
#include "results/compare.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "results/json_file.h"
#include "results/judge.h"
#include "results/report_text.h"

static void name_run(struct compared *c, const char *name, const char *variant, const char *target)
{
    if (variant[0])
        (void)snprintf(c->name, sizeof c->name, "%s %s", name, variant);
    else
        (void)snprintf(c->name, sizeof c->name, "%s (%s)", name, target);
}

static void from_judgement(struct compared *c, const struct judgement *j)
{
    const struct manifest *m = j->manifest;

    name_run(c, m->name, m->variant, m->target);
    (void)snprintf(c->verdict, sizeof c->verdict, "%s", verdict_name(j->verdict));
    c->planned = j->tally.planned;
    c->lost_but_alternate = j->tally.lost_but_alternate;
    c->accept_p99_us = tally_quantile(&j->tally.accept, 0.99);
    c->end_p99_us = tally_quantile(&j->tally.end_to_end, 0.99);
    c->saturated = j->tally.saturation.any;
    memcpy(c->classes, j->tally.classes, sizeof c->classes);
    memcpy(c->primaries, j->tally.primaries, sizeof c->primaries);
}

static bool read_classes(const json_t *root, const char *key, uint64_t *counts, struct err *e)
{
    const json_t *o = json_object_get(root, key);

    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        if (!json_get_u64(o, class_name(k), &counts[k], e))
            return err_wrap(e, "%s", key);
    return true;
}

/* Latencies; a summary of an older version does not say whether they are certified. */
static bool read_latencies(struct compared *c, const json_t *root, struct err *e)
{
    const json_t *all = json_object_get(root, "latency");

    c->saturated = json_is_false(json_object_get(all, "certified"));
    return json_get_u64(json_object_get(all, "accept"), "p99_us", &c->accept_p99_us, e) &&
           json_get_u64(json_object_get(all, "end_to_end"), "p99_us", &c->end_p99_us, e);
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static bool from_summary(struct compared *c, const char *path, struct err *e)
{
    json_t *root = json_file_read(path, e);
    const json_t *run = json_object_get(root, "run");

    if (!root)
        return false;
    name_run(c, text_of(run, "name"), text_of(run, "variant"), text_of(run, "target"));
    (void)snprintf(c->verdict, sizeof c->verdict, "%s", text_of(root, "verdict"));
    bool ok = json_get_u64(root, "planned", &c->planned, e) &&
              json_get_u64(root, "lost_but_alternate_delivered", &c->lost_but_alternate, e) &&
              read_classes(root, "classes", c->classes, e) &&
              read_classes(root, "primary_classes", c->primaries, e) && read_latencies(c, root, e);

    json_decref(root);
    return ok || err_wrap(e, "%s", path);
}

bool compared_read(struct compared *c, const char *run_dir, struct err *e)
{
    char path[1024];
    struct run_record r;

    *c = (struct compared){0};
    (void)snprintf(path, sizeof path, "%s/summary.json", run_dir);
    if (access(path, F_OK) == 0)
        return from_summary(c, path, e);
    bool ok = judge_folder(&r, run_dir, e);

    if (ok)
        from_judgement(c, r.judgement);
    run_record_fini(&r);
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- sentences */

#define WHOLE 10000u /* shares are in hundredths of a percent */

/* Counts of equal plans are compared as they are; of different plans only their shares in what was owed mean anything. */
struct change {
    const struct compared *a, *b;
    bool shares;
};

static uint64_t owed(const struct compared *c)
{
    return c->planned - c->classes[CLASS_NOT_OWED];
}

static uint64_t value(const struct change *g, const struct compared *c, uint64_t n)
{
    if (!g->shares)
        return n;
    return owed(c) ? n * WHOLE / owed(c) : 0;
}

static const char *figure(const struct change *g, char *out, size_t room, uint64_t v)
{
    if (g->shares)
        (void)snprintf(out, room, "%llu.%02llu %%", (unsigned long long)(v / 100),
                       (unsigned long long)(v % 100));
    else
        (void)snprintf(out, room, "%llu", (unsigned long long)v);
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

static bool say_change(const struct compared *a, const struct compared *b, struct buf *out)
{
    struct change g = {a, b, a->planned != b->planned};
    char was[32], is[32];

    buf_add_format(out, "%s -> %s:", a->name, b->name);
    if (g.shares)
        buf_add_format(out, " plans differ (%s and %s owed copies), so shares of them:",
                       text_print_count(was, sizeof was, owed(a)),
                       text_print_count(is, sizeof is, owed(b)));
    return silence_turned_into_reports(&g) ? say_reports(&g, out) : say_classes(&g, out);
}

/* --------------------------------------------------------------------------------------------------------- the table */

static bool shown(const struct compared *runs, uint32_t count, enum outcome k)
{
    for (uint32_t i = 0; i < count; i++)
        if (runs[i].classes[k])
            return true;
    return false;
}

static int width_of(const struct compared *c)
{
    size_t n = strlen(c->name);

    return n < 13 ? 13 : (int)n;
}

/* One row of latencies; those of a saturated generator are withheld. */
static void add_latencies(const struct compared *runs, uint32_t count, bool end, struct buf *out)
{
    char text[32];

    buf_add_format(out, "\n%-20s", end ? "end to end p99" : "accept p99");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t us = end ? runs[i].end_p99_us : runs[i].accept_p99_us;

        buf_add_format(out, "  %*s", width_of(&runs[i]),
                       runs[i].saturated ? "saturated"
                       : us              ? text_us(text, sizeof text, us)
                                         : "-");
    }
}

static bool say_saturated(const struct compared *runs, uint32_t count, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; i < count; i++)
        if (runs[i].saturated)
            ok = buf_add_format(out,
                                "%s: GENERATOR-SATURATED: its latencies are not certified and "
                                "cannot be compared\n",
                                runs[i].name) &&
                 ok;
    return ok;
}

bool compare_text(const struct compared *runs, uint32_t count, struct buf *out, bool color)
{
    char n[32];

    text_ink(out, color, INK_HEAD, "class               ");
    for (uint32_t i = 0; i < count; i++)
        buf_add_format(out, "  %*s", width_of(&runs[i]), runs[i].name);
    buf_add_text(out, "\n");
    for (enum outcome k = 0; k < CLASS_COUNT; k++) {
        if (!shown(runs, count, k))
            continue;
        buf_add_format(out, "%-20s", class_name(k));
        for (uint32_t i = 0; i < count; i++)
            buf_add_format(out, "  %*s", width_of(&runs[i]),
                           text_print_count(n, sizeof n, runs[i].classes[k]));
        buf_add_text(out, "\n");
    }
    buf_add_format(out, "%-20s", "planned");
    for (uint32_t i = 0; i < count; i++)
        buf_add_format(out, "  %*s", width_of(&runs[i]),
                       text_print_count(n, sizeof n, runs[i].planned));
    buf_add_format(out, "\n%-20s", "owed");
    for (uint32_t i = 0; i < count; i++)
        buf_add_format(out, "  %*s", width_of(&runs[i]),
                       text_print_count(n, sizeof n, owed(&runs[i])));
    buf_add_format(out, "\n%-20s", "verdict");
    for (uint32_t i = 0; i < count; i++)
        buf_add_format(out, "  %*s", width_of(&runs[i]), runs[i].verdict);
    add_latencies(runs, count, false, out);
    add_latencies(runs, count, true, out);
    bool ok = buf_add_text(out, "\n\n") && say_saturated(runs, count, out);

    for (uint32_t i = 1; i < count; i++)
        ok = ok && say_change(&runs[i - 1], &runs[i], out);
    return ok;
}

static json_t *counts_json(const uint64_t *counts)
{
    json_t *o = json_object();

    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        (void)json_object_set_new(o, class_name(k), json_u64(counts[k]));
    return o;
}

bool compare_json(const struct compared *runs, uint32_t count, struct buf *out, struct err *e)
{
    json_t *root = json_object(), *all = json_array(), *changes = json_array();
    struct buf text;

    buf_init(&text, 65536);
    for (uint32_t i = 0; i < count; i++) {
        json_t *o = json_object();

        (void)json_object_set_new(o, "name", json_words(runs[i].name));
        (void)json_object_set_new(o, "verdict", json_words(runs[i].verdict));
        (void)json_object_set_new(o, "planned", json_u64(runs[i].planned));
        (void)json_object_set_new(o, "latencies_certified", json_boolean(!runs[i].saturated));
        (void)json_object_set_new(
            o, "accept_p99_us", runs[i].saturated ? json_null() : json_u64(runs[i].accept_p99_us));
        (void)json_object_set_new(o, "end_to_end_p99_us",
                                  runs[i].saturated ? json_null() : json_u64(runs[i].end_p99_us));
        (void)json_object_set_new(o, "classes", counts_json(runs[i].classes));
        (void)json_object_set_new(o, "primary_classes", counts_json(runs[i].primaries));
        (void)json_array_append_new(all, o);
        buf_clear(&text);
        if (i && say_change(&runs[i - 1], &runs[i], &text)) {
            (void)json_array_append_new(changes, json_stringn((const char *)text.p, text.n - 1));
        }
    }
    buf_fini(&text);
    (void)json_object_set_new(root, "schema", json_integer(1));
    (void)json_object_set_new(root, "runs", all);
    (void)json_object_set_new(root, "changes", changes);
    return json_file_print(root, out, e);
}
