/* compare_json.c - a comparison for machines: canonical (sorted keys, integers only; shares and p-values in parts of a billion,
 * p-values rounded up, so that 0 is never said of one that is not), the same bytes for the same runs.
 */
#include <math.h>
#include <string.h>

#include "results/compare.h"
#include "results/json_file.h"

#define COMPARE_SCHEMA 2
#define WORDS_MAX      65536
#define BILLION        1e9

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *ppb(double share)
{
    return json_integer(llround(share * BILLION));
}

static json_t *p_ppb(double p)
{
    return json_integer((json_int_t)ceil(p * BILLION));
}

static json_t *proportion_json(struct proportion p)
{
    return json_pack("{so so}", "k", json_u64(p.k), "n", json_u64(p.n));
}

static json_t *counts_json(const uint64_t *counts)
{
    json_t *o = json_object();

    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        put(o, class_name(k), json_u64(counts[k]));
    return o;
}

static json_t *edge(int64_t ns)
{
    return ns == INT64_MIN || ns == INT64_MAX ? json_null() : json_integer(ns);
}

static json_t *window_json(const struct compared_window *w)
{
    json_t *o = json_object();

    put(o, "looked_for", json_boolean(w->looked_for));
    put(o, "known", json_boolean(w->known));
    if (!w->known)
        return o;
    put(o, "conclusive", json_boolean(w->conclusive));
    put(o, "mark", json_words(w->mark));
    put(o, "low_ns", json_integer(w->low_ns));
    put(o, "high_ns", json_integer(w->high_ns));
    put(o, "begin_low_ns", edge(w->begin_low_ns));
    put(o, "begin_high_ns", edge(w->begin_high_ns));
    put(o, "end_low_ns", edge(w->end_low_ns));
    put(o, "end_high_ns", edge(w->end_high_ns));
    put(o, "shots", json_u64(w->shots));
    return o;
}

static json_t *run_json(const struct compared *c)
{
    json_t *o = json_object();

    put(o, "id", json_words(c->id));
    put(o, "name", json_words(c->name));
    put(o, "label", json_words(compared_word(c)));
    put(o, "cut_short", json_boolean(c->cut_short));
    put(o, "target", json_words(c->target));
    put(o, "verdict", json_words(c->verdict));
    put(o, "planned", json_u64(c->planned));
    put(o, "moves", json_u64(c->move_count));
    put(o, "moves_void", json_u64(c->moves_void));
    put(o, "latencies_certified", json_boolean(!c->saturated));
    put(o, "accept_p99_us", c->saturated ? json_null() : json_u64(c->accept_p99_us));
    put(o, "end_to_end_p99_us", c->saturated ? json_null() : json_u64(c->end_p99_us));
    put(o, "classes", counts_json(c->classes));
    put(o, "primary_classes", counts_json(c->primaries));
    put(o, "window", window_json(&c->window));
    return o;
}

/* ---------------------------------------------------------------------------------------------------------------- pairs */

static json_t *without_newline(const struct buf *text)
{
    size_t n = text->n && text->p[text->n - 1] == '\n' ? text->n - 1 : text->n;
    char words[4096];

    n = n < sizeof words ? n : sizeof words - 1;
    memcpy(words, text->p, n);
    words[n] = '\0';
    return json_words(words);
}

static json_t *lines_json(struct buf *text)
{
    json_t *all = json_array();
    struct slice rest = buf_slice(text), line;

    while (slice_cut(&rest, '\n', &line)) {
        struct buf one = {.p = (unsigned char *)line.p, .n = line.n};

        (void)json_array_append_new(all, without_newline(&one));
    }
    return all;
}

static json_t *said(const struct pair *p, const struct answer *q)
{
    struct buf text;

    buf_init(&text, WORDS_MAX);
    json_t *words = say_answer(p, q, &text) ? without_newline(&text) : NULL;

    buf_fini(&text);
    return words;
}

static json_t *arm_json(const struct arm *arm, bool by_move)
{
    json_t *o = json_object();

    put(o, "units", proportion_json(arm->units));
    put(o, "copies", proportion_json(arm->copies));
    put(o, "left_out", json_integer(arm->open));
    if (by_move) {
        put(o, "icc_ppb", arm->estimable ? ppb(arm->icc) : json_null());
        put(o, "design_effect_ppb", arm->estimable ? ppb(arm->design_effect) : json_null());
    }
    return o;
}

static void put_tests(json_t *o, const struct pair *p, const struct answer *q)
{
    put(o, "p_units_ppb", p_ppb(q->fisher));
    put(o, "p_units_adjusted_ppb", p_ppb(q->fisher_adjusted));
    put(o, "difference_low_ppb", ppb(q->difference.low));
    put(o, "difference_high_ppb", ppb(q->difference.high));
    put(o, "better_ppb", ppb(q->better));
    if (!p->by_move || q->deal.looked_at == 0)
        return;
    put(o, "p_copies_ppb", p_ppb(q->dealt));
    put(o, "p_copies_adjusted_ppb", p_ppb(q->dealt_adjusted));
    put(o, "permutations", json_u64(q->deal.looked_at));
    put(o, "permutations_exact", json_boolean(q->deal.exact));
}

static json_t *answer_json(const struct pair *p, const struct answer *q)
{
    json_t *o = json_object();

    put(o, "question", json_words(q->question.name));
    put(o, "headline", json_boolean(q->question.headline));
    put(o, "same_as", json_words(p->answers[q->same_as].question.name));
    put(o, "before", arm_json(&q->a, p->by_move));
    put(o, "now", arm_json(&q->b, p->by_move));
    put(o, "shown", json_words(shown_words(q)));
    put(o, "words", said(p, q));
    put_tests(o, p, q);
    if (q->in_units == SHOWN_NOT) {
        put(o, "units_needed", q->needed == SAMPLE_NEVER ? json_null() : json_u64(q->needed));
        put(o, "needed_for_before_ppb", ppb(q->aim_a));
        put(o, "needed_for_now_ppb", ppb(q->aim_b));
        put(o, "least_before", q->can_show ? proportion_json(q->least_a) : json_null());
        put(o, "least_now", q->can_show ? proportion_json(q->least_b) : json_null());
    }
    return o;
}

static json_t *pair_json(const struct pair *p)
{
    json_t *o = json_object(), *answers = json_array();
    struct buf text;
    char what[64];

    buf_init(&text, WORDS_MAX);
    put(o, "before", json_words(p->a->id));
    put(o, "now", json_words(p->b->id));
    put(o, "unit", json_words(p->by_move ? "move" : "copy"));
    put(o, "same_plan", p->differ == DIFFER_UNSAID ? json_null() : json_boolean(!p->differ));
    put(o, "plans_differ_in", json_words(plans_differ(p->differ, what, sizeof what)));
    put(o, "same_messages", json_boolean(p->same_seed));
    if (say_conclusion(p, &text))
        put(o, "conclusion", without_newline(&text));
    buf_clear(&text);
    if (say_caveats(p, &text))
        put(o, "caveats", lines_json(&text));
    buf_fini(&text);
    for (uint32_t i = 0; i < p->answer_count; i++)
        (void)json_array_append_new(answers, answer_json(p, &p->answers[i]));
    put(o, "answers", answers);
    return o;
}

static json_t *change_json(const struct pair *p)
{
    struct buf text;

    buf_init(&text, WORDS_MAX);
    json_t *words = say_change(p->a, p->b, &text) ? without_newline(&text) : NULL;

    buf_fini(&text);
    return words;
}

bool compare_json(const struct comparison *c, struct buf *out, struct err *e)
{
    json_t *root = json_object(), *runs = json_array(), *pairs = json_array();
    json_t *changes = json_array();
    struct buf method;

    for (uint32_t i = 0; i < c->count; i++)
        (void)json_array_append_new(runs, run_json(&c->runs[i]));
    for (uint32_t i = 0; i + 1 < c->count; i++) {
        (void)json_array_append_new(pairs, pair_json(&c->pairs[i]));
        (void)json_array_append_new(changes, change_json(&c->pairs[i]));
    }
    buf_init(&method, WORDS_MAX);
    if (say_method(c, &method))
        put(root, "method", without_newline(&method));
    buf_fini(&method);
    put(root, "schema", json_integer(COMPARE_SCHEMA));
    put(root, "tests", json_integer(c->tests));
    put(root, "runs", runs);
    put(root, "comparisons", pairs);
    put(root, "changes", changes);
    return json_file_print(root, out, e);
}
