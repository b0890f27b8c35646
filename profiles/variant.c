/* variant.c - variants, cells of a matrix, and --set: each is a map of dotted keys laid over the file.
 *
 * Later wins: file, variant or cell, --set. Every cell is a variant named <scenario>/<version>.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "profiles/draft.h"

static bool apply_map(struct draft *d, const struct node *set)
{
    if (set->kind != NODE_MAP)
        return node_complain(set, d->err, "expected a map such as {lab.version: 5.5-sp4}");
    for (const struct node *n = set->first; n; n = n->next)
        if (!node_set(d->arena, d->root, n->key, n, d->err))
            return false;
    return true;
}

/* --- expectations ----------------------------------------------------------------------------------------------- */

static const struct node *cell_expect(const struct node *scenario, const char *version)
{
    const struct node *expect = node_find(scenario, "expect"), *best = NULL;

    if (node_find(expect, version))
        return node_find(expect, version);
    for (const struct node *n = expect ? expect->first : NULL; n; n = n->next)
        if (fnmatch(n->key, version, 0) == 0 && (!best || strlen(n->key) > strlen(best->key)))
            best = n;
    return best;
}

static bool is_offered(const struct node *scenario, const char *version)
{
    const struct node *n = cell_expect(scenario, version);

    return !n || n->kind != NODE_TEXT || strcmp(n->text, "n/a") != 0;
}

static bool expect_word(struct draft *d, const struct node *n, const char *word,
                        const char **allowed)
{
    const char *names[64] = {0};
    struct expect_profile *x = &d->p->expect;
    bool must = word[0] == '*';

    if (strcmp(word, "u") == 0) {
        x->unattested = true;
        return true;
    }
    for (int i = 0, k = 0; profile_gates[i].name; i++) {
        const char *name = profile_gates[i].name;

        if (!profile_gates[i].is_class && strcmp(name, "late") != 0)
            continue;
        names[k++] = name;
        if (strcmp(name, word + must) == 0) {
            allowed[x->allowed_count++] = name;
            x->must = must ? name : x->must;
            return true;
        }
    }
    return option_unknown(n, d->err, "expect", "class", word + must, names);
}

static bool read_expect(struct draft *d, const struct node *scenario, const char *version)
{
    const struct node *n = cell_expect(scenario, version);
    struct slice rest, word;

    if (!n || n->kind != NODE_TEXT)
        return node_complain(scenario, d->err, "matrix.scenarios.%s.expect: nothing for %s",
                             scenario->key, version);
    const char **allowed = arena_new(d->arena, const char *, strlen(n->text) / 2 + 2);
    if (!allowed)
        return draft_no_memory(d);
    d->p->has_expect = true;
    d->p->expect.allowed = allowed;
    for (rest = slice_of(n->text); rest.n > 0;) {
        (void)slice_cut(&rest, ' ', &word);
        const char *text = arena_text(d->arena, (const char *)word.p, word.n);

        if (!text)
            return draft_no_memory(d);
        if (word.n > 0 && !expect_word(d, n, text, allowed))
            return false;
    }
    return true;
}

/* --- what is on offer ------------------------------------------------------------------------------------------- */

static bool check_scenario(struct draft *d, const struct node *s)
{
    static const char *const keys[] = {"title", "set", "expect", NULL};
    const struct node *title = node_find(s, "title"), *expect = node_find(s, "expect");

    if (s->kind != NODE_MAP || strchr(s->key, '/'))
        return node_complain_key(s, d->err,
                                 "matrix.scenarios: expected NAME: {title, set, expect}");
    for (const struct node *c = s->first; c; c = c->next) {
        bool known = false;

        for (int i = 0; keys[i]; i++)
            known = known || strcmp(keys[i], c->key) == 0;
        if (!known)
            return option_unknown(c, d->err, "matrix.scenarios", "key", c->key, keys);
    }
    if (!title || title->kind != NODE_TEXT || !expect || expect->kind != NODE_MAP)
        return node_complain_key(s, d->err, "matrix.scenarios.%s: title and expect are needed",
                                 s->key);
    return true;
}

static bool list_matrix(struct draft *d, const struct node *matrix, const char **variants)
{
    struct profile *p = d->p;
    struct matrix_spec spec = {0};
    const struct node *rows = node_find(matrix, "scenarios");
    uint32_t n = 0;

    if (!option_fill(&d->filling, SEC_MATRIX, "matrix", matrix, &spec))
        return false;
    const char **names = arena_new(d->arena, const char *, rows->count + 1u);
    const char **titles = arena_new(d->arena, const char *, rows->count + 1u);
    if (!names || !titles)
        return draft_no_memory(d);
    for (const struct node *s = rows->first; s; s = s->next) {
        if (!check_scenario(d, s))
            return false;
        titles[n] = node_find(s, "title")->text;
        names[n++] = s->key;
        for (uint32_t v = 0; v < spec.version_count; v++)
            if (is_offered(s, spec.versions[v])) {
                const char *cell = arena_format(d->arena, "%s/%s", s->key, spec.versions[v]);

                if (!cell)
                    return draft_no_memory(d);
                variants[p->variant_count++] = cell;
            }
    }
    p->scenarios = names;
    p->scenario_titles = titles;
    p->scenario_count = n;
    p->versions = spec.versions;
    p->version_count = spec.version_count;
    return true;
}

static uint32_t matrix_room(const struct node *matrix)
{
    const struct node *rows = node_find(matrix, "scenarios"),
                      *versions = node_find(matrix, "versions");
    uint32_t columns = versions && versions->kind == NODE_LIST ? versions->count : PARSE_DEPTH_MAX;

    if (versions && versions->kind == NODE_TEXT)
        columns = (uint32_t)strlen(versions->text) / 2 + 1;
    return rows ? rows->count * columns : 0;
}

bool variant_list(struct draft *d)
{
    const struct node *map = node_find(d->root, "variants"), *matrix = node_find(d->root, "matrix");
    size_t room = (map ? map->count : 0) + (size_t)matrix_room(matrix) + 1;

    if (map && map->kind != NODE_MAP)
        return node_complain(map, d->err, "variants: expected NAME: {section.key: value}");
    if (room > ALL_NAMES_MAX)
        return node_complain(matrix ? matrix : map, d->err, "more than %u variants", ALL_NAMES_MAX);
    const char **variants = arena_new(d->arena, const char *, room);
    if (!variants)
        return draft_no_memory(d);
    d->p->variants = variants;
    for (const struct node *n = map ? map->first : NULL; n; n = n->next) {
        if (n->kind != NODE_MAP || strchr(n->key, '/'))
            return node_complain_key(n, d->err, "variants: expected NAME: {section.key: value}");
        variants[d->p->variant_count++] = n->key;
    }
    return !matrix || list_matrix(d, matrix, variants);
}

/* --- what was asked for ----------------------------------------------------------------------------------------- */

static bool apply_cell(struct draft *d, const char *name)
{
    const char *slash = strchr(name, '/');
    char *scenario = arena_text(d->arena, name, (size_t)(slash - name));
    struct node version = {.kind = NODE_TEXT, .file = "matrix", .text = slash + 1};

    if (!scenario)
        return draft_no_memory(d);
    const struct node *s =
        node_find(node_find(node_find(d->root, "matrix"), "scenarios"), scenario);
    const struct node *set = node_find(s, "set");
    return (!set || apply_map(d, set)) &&
           node_set(d->arena, d->root, "lab.version", &version, d->err) &&
           read_expect(d, s, slash + 1);
}

static bool apply_variant(struct draft *d, const char *name)
{
    const struct profile *p = d->p;
    uint32_t i = 0;

    while (i < p->variant_count && strcmp(p->variants[i], name) != 0)
        i++;
    if (i == p->variant_count) {
        const char *near = text_nearest(slice_of(name), p->variants);

        return err_set(d->err, EX_BAD_PROFILE, "%s: no variant \"%.100s\"%s%s%s", p->path, name,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    d->p->variant = p->variants[i];
    if (strchr(name, '/'))
        return apply_cell(d, p->variants[i]);
    return apply_map(d, node_find(node_find(d->root, "variants"), name));
}

/* A --set value stands in no file. */
static void forget_position(struct node *n)
{
    n->file = "--set";
    n->line = n->column = n->key_line = n->key_column = 0;
    for (struct node *c = n->first; c; c = c->next)
        forget_position(c);
}

static bool apply_set(struct draft *d, const char *set)
{
    const char *equals = strchr(set, '=');
    struct node empty = {.kind = NODE_TEXT, .plain = true, .text = ""}, *value = &empty;

    if (!equals || equals == set)
        return err_set(d->err, EX_BAD_USAGE, "--set %.100s: expected section.key=value", set);
    char *path = arena_text(d->arena, set, (size_t)(equals - set));
    if (!path)
        return draft_no_memory(d);
    if (equals[1]) {
        value = parse_text(d->arena, "--set", equals + 1, strlen(equals + 1), d->err);
        if (!value)
            return false;
    }
    forget_position(value);
    return node_set(d->arena, d->root, path, value, d->err);
}

bool variant_apply(struct draft *d, const struct profile_request *rq)
{
    d->p->variant = "";
    if (rq->variant && *rq->variant && !apply_variant(d, rq->variant))
        return false;
    for (uint32_t i = 0; i < rq->set_count; i++)
        if (!apply_set(d, rq->sets[i]))
            return false;
    return true;
}
