/* matrix.c - a matrix of runs: versions down, scenarios across, expected beside observed. */
#include "app/matrix.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "results/compare_matrix.h"
#include "results/compare_page.h"
#include "results/judge.h"

#define DOUBT_BYTES 240

static bool is_allowed(const struct expect_profile *e, enum outcome c)
{
    if (c == CLASS_NOT_OWED)
        return true;
    for (uint32_t i = 0; i < e->allowed_count; i++)
        if (strcmp(e->allowed[i], class_name(c)) == 0)
            return true;
    return e->must && strcmp(e->must, class_name(c)) == 0;
}

/* Two moves of a half-failed pair end where the directory never says so: the profile asks for that by skip_commit. */
static bool may_be_disproved(const struct profile *p, const char *schedule)
{
    for (uint32_t i = 0; i < p->move_count; i++)
        if (strcmp(p->moves[i].name, schedule) == 0)
            return p->moves[i].options && strstr(p->moves[i].options, "skip_commit");
    return false;
}

static bool moves_are_known(const struct profile *p, const struct judgement *v)
{
    for (uint32_t i = 0; i < v->manifest->move_count; i++) {
        const uint64_t *mark_ns = v->tally.marks[i].mark_ns;
        bool disproved = mark_ns[MARK_DISPROVED] != NEVER_NS;

        if (mark_ns[MARK_DONE] == NEVER_NS ||
            (disproved && !may_be_disproved(p, v->manifest->moves[i].schedule)) ||
            (!disproved && mark_ns[MARK_VERIFIED] == NEVER_NS))
            return false;
    }
    return true;
}

/* The run went as the cell describes it, to its own end: only then do its classes say something about the version. */
static bool has_happened(const struct job *j)
{
    const struct judgement *v = j->result.judgement;
    const struct health *h = &v->tally.health;

    return v->exit_code != EX_INTERNAL && !j->result.error.code &&
           j->result.exit_code <= EX_INCONCLUSIVE && h->ended &&
           h->findings[FIND_ACTION_FAILED] == 0 && v->tally.classes[CLASS_NOT_SENT] == 0 &&
           v->tally.classes[CLASS_UNKNOWN] == 0 && moves_are_known(j->profile, v);
}

static uint64_t alternates(const struct judgement *v, unsigned c)
{
    return v->tally.classes[c] - v->tally.primaries[c];
}

/* A class of alternates that no scenario expects. */
static bool strays(const struct judgement *v, unsigned c)
{
    return alternates(v, c) && c != CLASS_DELIVERED && c != CLASS_NOT_OWED;
}

static bool is_unexpected(const struct job *j, unsigned c)
{
    const struct judgement *v = j->result.judgement;

    return strays(v, c) ||
           (v->tally.primaries[c] && !is_allowed(&j->profile->expect, (enum outcome)c));
}

enum cell_verdict matrix_cell(const struct job *j)
{
    const struct judgement *v = j->result.judgement;
    const struct expect_profile *e = j->profile ? &j->profile->expect : NULL;
    enum outcome must;

    if (!v || !e || !j->profile->has_expect || !has_happened(j))
        return CELL_NO_VERDICT;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (is_unexpected(j, c))
            return CELL_UNEXPECTED;
    if (e->must && class_named(e->must, &must) && v->tally.primaries[must] == 0)
        return CELL_NOT_REPRODUCED;
    return CELL_AS_EXPECTED;
}

static const struct job *find(const struct campaign *c, const char *path, const char *scenario,
                              const char *version)
{
    size_t n = strlen(scenario);

    for (uint32_t i = 0; i < c->count; i++) {
        const struct job *j = &c->jobs[i];

        if (strcmp(j->path, path) == 0 && strncmp(j->variant, scenario, n) == 0 &&
            j->variant[n] == '/' && strcmp(j->variant + n + 1, version) == 0)
            return j;
    }
    return NULL;
}

static bool print_expected(const struct expect_profile *e, struct buf *out)
{
    bool ok = buf_add_text(out, "expected");

    for (uint32_t i = 0; ok && i < e->allowed_count; i++) {
        bool must = e->must && strcmp(e->must, e->allowed[i]) == 0;

        ok = buf_add_format(out, "%s %s%s", i ? "," : "", must ? "*" : "", e->allowed[i]);
    }
    return ok && (!e->unattested || buf_add_text(out, " (unattested)"));
}

static bool print_observed(const struct judgement *v, struct buf *out)
{
    bool ok = buf_add_text(out, "; observed"), any = false;

    for (unsigned c = 0; ok && c < CLASS_COUNT; c++) {
        if (!v->tally.primaries[c] || c == CLASS_NOT_OWED)
            continue;
        ok = buf_add_format(out, "%s %s %llu", any ? "," : "", class_name((enum outcome)c),
                            (unsigned long long)v->tally.primaries[c]);
        any = true;
    }
    ok = ok && (any || buf_add_text(out, " no owed primaries"));
    any = false;
    if (ok && v->tally.flags[FLAG_LATE])
        ok = buf_add_format(out, " (late %llu)", (unsigned long long)v->tally.flags[FLAG_LATE]);
    for (unsigned c = 0; ok && c < CLASS_COUNT; c++) {
        if (!alternates(v, c) || c == CLASS_NOT_OWED)
            continue;
        ok = buf_add_format(out, "%s %s %llu",
                            any ? "," : "; alternates:", class_name((enum outcome)c),
                            (unsigned long long)alternates(v, c));
        any = true;
    }
    return ok;
}

/* What did not come out as expected while messages left too late for the scenario may be the machine's doing. NULL: not so. */
static const char *doubt_of(const struct job *j, enum cell_verdict v, char *out, size_t room)
{
    const struct judgement *judged = j->result.judgement;
    char late[32], limit[32];

    if (v == CELL_AS_EXPECTED || !judged || !judged->tally.health.windows_late)
        return NULL;
    (void)snprintf(
        out, room,
        "messages left up to %s late, on the target's clock more than the scenario stands (%s): "
        "run it again on a quieter machine",
        text_print_duration(late, sizeof late,
                            tally_quantile(&judged->tally.lateness, 0.99) * NS_PER_US),
        text_print_duration(limit, sizeof limit, judged->manifest->lateness_limit_ns));
    return out;
}

static bool print_cell(const struct job *j, enum cell_verdict v, struct buf *out)
{
    static const char *const words[] = {
        [CELL_AS_EXPECTED] = "as expected",
        [CELL_NOT_REPRODUCED] = "NOT REPRODUCED",
        [CELL_UNEXPECTED] = "UNEXPECTED CLASS",
        [CELL_NO_VERDICT] = "NO VERDICT",
    };
    char doubt[DOUBT_BYTES];
    bool ok = buf_add_format(out, "  %-18s %-16s ", strchr(j->variant, '/') + 1, words[v]);

    if (ok && j->profile && j->profile->has_expect)
        ok = print_expected(&j->profile->expect, out);
    if (ok && j->result.judgement)
        ok = print_observed(j->result.judgement, out);
    if (ok && doubt_of(j, v, doubt, sizeof doubt))
        ok = buf_add_format(out, "; %s", doubt);
    if (ok && j->result.error.code)
        ok = buf_add_format(out, "; %s", j->result.error.text);
    return ok && buf_add_text(out, "\n");
}

/* A cell of this row or column (NULL: of any) has ended. */
static bool any_ended(const struct campaign *c, const char *path, const char *scenario,
                      const char *version)
{
    size_t n = scenario ? strlen(scenario) : 0;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct job *j = &c->jobs[i];
        const char *slash = strchr(j->variant, '/');

        if (j->ended && slash && strcmp(j->path, path) == 0 &&
            (!scenario || (slash == j->variant + n && memcmp(j->variant, scenario, n) == 0)) &&
            (!version || strcmp(slash + 1, version) == 0))
            return true;
    }
    return false;
}

/* One word a cell: the classes' initials would say nothing to a reader, the verdict does. */
static bool print_grid(const struct campaign *c, const struct profile *p, const char *path,
                       struct buf *out)
{
    static const char *const marks[] = {[CELL_AS_EXPECTED] = "ok",
                                        [CELL_NOT_REPRODUCED] = "not rep.",
                                        [CELL_UNEXPECTED] = "UNEXPECTED",
                                        [CELL_NO_VERDICT] = "?"};
    bool ok = buf_add_format(out, "%-18s", "");

    for (uint32_t s = 0; ok && s < p->scenario_count; s++)
        if (any_ended(c, path, p->scenarios[s], NULL))
            ok = buf_add_format(out, " %-10s", p->scenarios[s]);
    for (uint32_t v = 0; ok && v < p->version_count; v++) {
        if (!any_ended(c, path, NULL, p->versions[v]))
            continue;
        ok = buf_add_format(out, "\n%-18s", p->versions[v]);
        for (uint32_t s = 0; ok && s < p->scenario_count; s++) {
            if (!any_ended(c, path, p->scenarios[s], NULL))
                continue;
            const struct job *j = find(c, path, p->scenarios[s], p->versions[v]);

            ok = buf_add_format(out, " %-10s", j && j->ended ? marks[matrix_cell(j)] : "-");
        }
    }
    return ok && buf_add_text(out, "\n");
}

static const struct profile *any_profile(const struct campaign *c, const char *path)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->jobs[i].path, path) == 0 && c->jobs[i].profile)
            return c->jobs[i].profile;
    return NULL;
}

bool matrix_print(const struct campaign *c, const char *path, struct buf *out,
                  uint32_t counts[CELL_NO_VERDICT + 1])
{
    const struct profile *p = any_profile(c, path);
    bool ok = p != NULL;

    memset(counts, 0, (CELL_NO_VERDICT + 1) * sizeof *counts);
    for (uint32_t s = 0; ok && s < p->scenario_count; s++) {
        if (!any_ended(c, path, p->scenarios[s], NULL))
            continue;
        ok = buf_add_format(out, "\n%s  %s\n", p->scenarios[s], p->scenario_titles[s]);
        for (uint32_t v = 0; ok && v < p->version_count; v++) {
            const struct job *j = find(c, path, p->scenarios[s], p->versions[v]);

            if (!j || !j->ended)
                continue;
            enum cell_verdict verdict = matrix_cell(j);

            counts[verdict]++;
            ok = print_cell(j, verdict, out);
        }
    }
    return ok && buf_add_text(out, "\n") && print_grid(c, p, path, out);
}

/* -------------------------------------------------------------------------------------------------------------- the page */

#define PAGE_BYTES     (64u << 20)
#define EXPECTED_BYTES 4096

/* The run's own page, as seen from the folder that all runs lie in. */
static const char *page_of(const struct job *j, struct arena *a)
{
    const char *dir = j->result.dir, *slash = dir ? strrchr(dir, '/') : NULL;
    char path[1200];

    if (!slash)
        return NULL;
    (void)snprintf(path, sizeof path, "%s/report.html", dir);
    return access(path, F_OK) == 0 ? arena_format(a, "%s/report.html", slash + 1) : NULL;
}

static const char *expected_of(const struct expect_profile *e, struct arena *a)
{
    const size_t skip = strlen("expected ");
    struct buf text;

    buf_init(&text, EXPECTED_BYTES);
    const char *words = print_expected(e, &text) && text.n > skip
                            ? arena_text(a, (const char *)text.p + skip, text.n - skip)
                            : NULL;

    buf_fini(&text);
    return words;
}

/* Which classes made it unexpected, or which one is missed. */
static const char *words_of(const struct job *j, enum cell_verdict v, struct arena *a)
{
    const struct judgement *judged = j->result.judgement;
    struct buf text;

    if (v == CELL_AS_EXPECTED || v == CELL_NO_VERDICT)
        return v == CELL_NO_VERDICT ? "no verdict" : "as expected";
    if (v == CELL_NOT_REPRODUCED)
        return arena_format(a, "not reproduced: %s", j->profile->expect.must);
    buf_init(&text, EXPECTED_BYTES);
    bool ok = buf_add_text(&text, "unexpected:");

    for (unsigned c = 0; ok && c < CLASS_COUNT; c++)
        if (is_unexpected(j, c))
            ok = buf_add_format(&text, " %s%s", class_name((enum outcome)c),
                                strays(judged, c) ? " of alternates" : "");
    const char *words = ok ? arena_text(a, (const char *)text.p, text.n) : NULL;

    buf_fini(&text);
    return words ? words : "unexpected class";
}

static struct matrix_cell_shown show_cell(const struct job *j, struct arena *a)
{
    struct matrix_cell_shown s = {0};

    if (!j || !j->ended)
        return s;
    enum cell_verdict v = matrix_cell(j);
    const struct judgement *judged = j->result.judgement;
    char doubt[DOUBT_BYTES];

    s = (struct matrix_cell_shown){.there = true,
                                   .good = v == CELL_AS_EXPECTED,
                                   .open = v == CELL_NO_VERDICT,
                                   .words = words_of(j, v, a),
                                   .page = page_of(j, a),
                                   .error = j->result.error.code ? j->result.error.text : NULL,
                                   .has_counts = judged != NULL};
    if (doubt_of(j, v, doubt, sizeof doubt))
        s.doubt = arena_text(a, doubt, strlen(doubt));
    if (j->profile && j->profile->has_expect)
        s.expected = expected_of(&j->profile->expect, a);
    for (unsigned c = 0; judged && c < CLASS_COUNT; c++) {
        s.primaries[c] = judged->tally.primaries[c];
        s.alternates[c] = alternates(judged, c);
    }
    s.late = judged ? judged->tally.flags[FLAG_LATE] : 0;
    return s;
}

/* The profile has no variant of that name: what the version cannot do is no cell. */
static bool is_impossible(const struct profile *p, const char *scenario, const char *version)
{
    char name[256];

    (void)snprintf(name, sizeof name, "%s/%s", scenario, version);
    for (uint32_t i = 0; i < p->variant_count; i++)
        if (strcmp(p->variants[i], name) == 0)
            return false;
    return true;
}

static void sum_up(struct matrix_shown *m, struct arena *a)
{
    unsigned as_expected = 0, open = 0, ended = 0;

    for (size_t i = 0; i < (size_t)m->version_count * m->scenario_count; i++) {
        ended += m->cells[i].there;
        as_expected += m->cells[i].good;
        open += m->cells[i].open;
    }
    m->state = ended > as_expected + open          ? "fail"
               : ended == 0 || as_expected < ended ? "undecided"
                                                   : "pass";
    m->summary =
        ended && as_expected == ended
            ? arena_format(a, "All %u cells show the classes that were expected of them.", ended)
            : arena_format(a,
                           "%u of %u cells show what was expected; %u do not; %u have no verdict.",
                           as_expected, ended, ended - as_expected - open, open);
}

bool matrix_write_page(const struct campaign *c, const char *path, const char *file,
                       struct arena *a, struct err *e)
{
    const struct profile *p = any_profile(c, path);
    size_t count = p ? (size_t)p->version_count * p->scenario_count : 0;
    struct matrix_cell_shown *cells = count ? arena_new(a, struct matrix_cell_shown, count) : NULL;
    struct buf text;

    if (!p)
        return true; /* no cell got as far as a profile */
    if (!cells)
        return err_set(e, EX_IO, "out of memory for the matrix");
    for (uint32_t v = 0; v < p->version_count; v++)
        for (uint32_t s = 0; s < p->scenario_count; s++) {
            struct matrix_cell_shown *cell = &cells[(size_t)v * p->scenario_count + s];

            *cell = show_cell(find(c, path, p->scenarios[s], p->versions[v]), a);
            cell->impossible = is_impossible(p, p->scenarios[s], p->versions[v]);
        }
    struct matrix_shown m = {.name = p->name,
                             .description = p->description ? p->description : "",
                             .versions = p->versions,
                             .scenarios = p->scenarios,
                             .titles = p->scenario_titles,
                             .version_count = p->version_count,
                             .scenario_count = p->scenario_count,
                             .cells = cells};

    sum_up(&m, a);
    buf_init(&text, PAGE_BYTES);
    bool ok = m.summary && matrix_html(&m, &text, e) && compare_page_write(&text, file, e);

    buf_fini(&text);
    return ok;
}
