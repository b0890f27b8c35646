/* compare_read.c - one run for a comparison: its summary where it has one, else the judgement of its journal; its window always
 * from the journal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "results/compare.h"
#include "results/json_file.h"
#include "results/judge.h"
#include "results/page_private.h"

#define PATH_BYTES 1200
#define MOVES_MAX  (1u << 24)

#define TAKE(field, said) (void)text_clean(field, sizeof(field), slice_of(said))

/* What a folder says of itself may be anybody's: it is made fit to show. */
static void name_run(struct compared *c, const char *name, const char *variant, const char *target)
{
    TAKE(c->profile, name);
    TAKE(c->variant, variant);
    TAKE(c->target, target);
    if (c->variant[0])
        (void)snprintf(c->name, sizeof c->name, "%.40s %.54s", c->profile, c->variant);
    else
        (void)snprintf(c->name, sizeof c->name, "%.40s (%.50s)", c->profile, c->target);
}

static void name_folder(struct compared *c, const char *run_dir)
{
    size_t n = strlen(run_dir), from;

    while (n > 1 && run_dir[n - 1] == '/')
        n--;
    for (from = n; from > 0 && run_dir[from - 1] != '/';)
        from--;
    (void)text_clean(c->folder, sizeof c->folder,
                     (struct slice){(const unsigned char *)run_dir + from, n - from});
}

static bool make_moves(struct compared *c, struct arena *a, size_t count, struct err *e)
{
    if (count > MOVES_MAX)
        return err_set(e, EX_BAD_PROFILE, "%zu moves are too many", count);
    c->moves = arena_array(a, sizeof *c->moves, count + 1);
    if (c->moves)
        return true;
    (void)err_set(e, EX_IO, "out of memory for the moves");
    return false;
}

/* ---------------------------------------------------------------------------------------------------- from a judgement */

static void print_seed(struct compared *c, uint64_t seed)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)seed);

    c->seed_print = hash_fast(text, (size_t)n);
}

static bool from_judgement(struct compared *c, struct arena *a, const struct judgement *j,
                           struct err *e)
{
    const struct manifest *m = j->manifest;

    name_run(c, m->name, m->variant, m->target);
    (void)snprintf(c->id, sizeof c->id, "%016llx", (unsigned long long)m->run_id);
    (void)snprintf(c->verdict, sizeof c->verdict, "%s", verdict_name(j->verdict));
    print_seed(c, m->seed);
    c->prints = m->prints;
    c->simulated = m->wall_start_ns == 0;
    c->planned = j->tally.planned;
    c->lost_but_alternate = j->tally.lost_but_alternate;
    c->accept_p99_us = tally_quantile(&j->tally.accept, 0.99);
    c->end_p99_us = tally_quantile(&j->tally.end_to_end, 0.99);
    c->saturated = j->tally.saturation.any;
    c->stopped = j->tally.health.stopped;
    c->cut_short = !j->tally.health.ended || j->tally.health.findings[FIND_INTERRUPTED] > 0;
    memcpy(c->classes, j->tally.classes, sizeof c->classes);
    memcpy(c->primaries, j->tally.primaries, sizeof c->primaries);
    if (!make_moves(c, a, m->move_count, e))
        return false;
    for (uint32_t i = 0; c->moves && i < m->move_count; i++) {
        if (j->tally.marks[i].mark_ns[MARK_DONE] == NEVER_NS)
            c->moves_void++;
        else
            memcpy(c->moves[c->move_count++], j->tally.moves[i], sizeof *c->moves);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------ from its summary */

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

/* Only classes with copies are written for a move. */
static bool read_move(const json_t *move, uint64_t *counts, struct err *e)
{
    const json_t *classes = json_object_get(move, "classes");

    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        if (json_object_get(classes, class_name(k)) &&
            !json_get_u64(classes, class_name(k), &counts[k], e))
            return false;
    return true;
}

static bool read_moves(struct compared *c, struct arena *a, const json_t *root, struct err *e)
{
    const json_t *all = json_object_get(root, "moves");
    size_t count = json_array_size(all);

    if (!make_moves(c, a, count, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *move = json_array_get(all, i);
        const json_t *marks = json_object_get(move, "marks_ns");

        if (!json_object_get(marks, event_mark_name(MARK_DONE)))
            c->moves_void++;
        else if (!read_move(move, c->moves[c->move_count++], e))
            return err_wrap(e, "moves %zu", i);
    }
    return true;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static bool from_summary(struct compared *c, struct arena *a, const json_t *root, struct err *e)
{
    const json_t *run = json_object_get(root, "run");
    const json_t *health = json_object_get(root, "health");
    const json_t *findings = json_object_get(health, "findings");
    const json_t *wall = json_object_get(run, "wall_start_ns");
    const char *seed = text_of(run, "seed");

    name_run(c, text_of(run, "name"), text_of(run, "variant"), text_of(run, "target"));
    TAKE(c->id, text_of(run, "id"));
    TAKE(c->verdict, text_of(root, "verdict"));
    c->seed_print = hash_fast(seed, strlen(seed));
    c->simulated = json_is_integer(wall) && json_integer_value(wall) == 0;
    c->cut_short = json_is_false(json_object_get(health, "ended")) ||
                   json_is_true(json_object_get(health, "interrupted"));
    c->stopped =
        json_integer_value(json_object_get(findings, event_finding_name(FIND_STOPPED))) > 0;
    return json_get_u64(root, "planned", &c->planned, e) &&
           json_get_u64(root, "lost_but_alternate_delivered", &c->lost_but_alternate, e) &&
           read_classes(root, "classes", c->classes, e) &&
           read_classes(root, "primary_classes", c->primaries, e) && read_latencies(c, root, e) &&
           read_moves(c, a, root, e);
}

static bool read_prints(struct compared *c, const char *run_dir, struct err *e)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/manifest.json", run_dir);
    if (access(path, F_OK) != 0)
        return true; /* a summary alone: its plan is not stated */
    json_t *root = json_file_read(path, e);
    const json_t *o = json_object_get(root, "fingerprint");
    struct manifest_prints *p = &c->prints;
    bool ok = root && (!o || (json_get_hex(o, "loads", &p->loads, e) &&
                              json_get_hex(o, "mailboxes", &p->mailboxes, e) &&
                              json_get_hex(o, "moves", &p->moves, e) &&
                              json_get_hex(o, "actions", &p->actions, e)));

    json_decref(root);
    return ok || err_wrap(e, "%s", path);
}

bool compared_read(struct compared *c, struct arena *a, const char *run_dir, struct err *e)
{
    char path[PATH_BYTES];
    struct run_record r;

    *c = (struct compared){.window.why = "nobody asked"};
    name_folder(c, run_dir);
    (void)snprintf(path, sizeof path, "%s/summary.json", run_dir);
    if (access(path, F_OK) == 0) {
        json_t *root = json_file_read(path, e);
        bool ok = root && (from_summary(c, a, root, e) || err_wrap(e, "%s", path));

        json_decref(root);
        return ok && read_prints(c, run_dir, e);
    }
    bool ok = judge_folder(&r, run_dir, e) && from_judgement(c, a, r.judgement, e);

    run_record_fini(&r);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------- its window */

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        page_phase_add(owner, &copies[i]);
    return true;
}

static int64_t bound(const json_t *o, const char *key, int64_t none)
{
    const json_t *n = json_object_get(o, key);

    return json_is_integer(n) ? json_integer_value(n) : none;
}

static void take_window(struct compared_window *w, struct arena *a, const json_t *phase, bool late)
{
    const json_t *o = json_object_get(phase, "window");
    const char *mark = text_of(phase, "mark");

    w->looked_for = true;
    w->conclusive = !late;
    w->mark = arena_text(a, mark, strlen(mark));
    w->known = w->mark && json_is_object(o);
    if (!w->known)
        return;
    w->low_ns = bound(o, "low_ns", 0);
    w->high_ns = bound(o, "high_ns", 0);
    w->begin_low_ns = bound(o, "begin_low_ns", INT64_MIN);
    w->begin_high_ns = bound(o, "begin_high_ns", INT64_MAX);
    w->end_low_ns = bound(o, "end_low_ns", INT64_MIN);
    w->end_high_ns = bound(o, "end_high_ns", INT64_MAX);
    w->shots = (uint64_t)bound(o, "shots", 0);
}

/* The same numbers as on the page of the run. */
static bool find_window(struct compared *c, struct arena *a, const struct run_record *r,
                        struct err *e)
{
    const struct line_sink nobody = {0};
    const struct report_source source = {.run = r, .words = &nobody};
    struct page_run run = {.source = &source,
                           .m = r->manifest,
                           .l = r->ledger,
                           .j = r->judgement,
                           .t = &r->judgement->tally};
    json_t *o = NULL;

    run.copies = copies_create(r->ledger, e);
    struct page_phase *phase = run.copies ? page_phase_create(&run, e) : NULL;

    if (phase) {
        (void)copies_each(run.copies, on_message, phase);
        o = page_phase_json(phase);
        take_window(&c->window, a, o, run.t->health.windows_late);
    }
    json_decref(o);
    page_phase_destroy(phase);
    copies_destroy(run.copies);
    return phase != NULL;
}

bool compared_find_window(struct compared *c, struct arena *a, const char *run_dir, struct err *e)
{
    struct run_record r;

    c->window = (struct compared_window){0};
    if (c->move_count == 0)
        c->window.why = "no moves";
    else if (c->planned > COMPARE_WINDOW_MAX)
        c->window.why = "too many copies for a comparison: ask `postmuster window`";
    if (c->window.why)
        return true;
    bool ok = judge_folder(&r, run_dir, e) && find_window(c, a, &r, e);

    run_record_fini(&r);
    return ok;
}
