/* page_accounts.c - the account: classes with their shares and first copies, the flow from plan to verdict, latencies. */
#include <stdlib.h>
#include <string.h>

#include "results/json_file.h"
#include "results/page_private.h"
#include "results/stats.h"

#define FLOW_LOADS   24u /* boxes; the others share one more */
#define ENDINGS      (END_ACCEPTED + 1)
#define GROUPS       (AXIS_INVALID + 1)
#define CURVE_POINTS 10u /* a nine */
#define CURVE_NINES  6u

struct first {
    uint64_t number;
    uint32_t recipient;
    bool alternate;
};

struct page_accounts {
    struct page_run r;
    uint32_t boxes; /* of loads */
    uint64_t ends[FLOW_LOADS + 1][ENDINGS];
    uint64_t fates[ENDINGS][CLASS_COUNT];
    struct first first[CLASS_COUNT][PAGE_FIRST];
    uint32_t firsts[CLASS_COUNT];

    struct { /* copies that should have got somewhere, and did not */
        uint64_t tried, refused, accepted, unseen, silent, undelivered;
    } n;
};

struct page_accounts *page_accounts_create(const struct page_run *r, struct err *e)
{
    struct page_accounts *a = calloc(1, sizeof *a);

    if (!a) {
        (void)err_set(e, EX_IO, "out of memory for the page");
        return NULL;
    }
    a->r = *r;
    a->boxes = r->m->load_count <= FLOW_LOADS ? r->m->load_count : FLOW_LOADS + 1;
    return a;
}

void page_accounts_destroy(struct page_accounts *a)
{
    free(a);
}

/* Of a message to several, or with an alternate, one copy is enough. */
static bool is_again(const struct page_accounts *a, const struct copy *p)
{
    uint32_t n = a->firsts[p->outcome];

    return n && a->first[p->outcome][n - 1].number == p->number;
}

void page_accounts_add(struct page_accounts *a, const struct copy *p)
{
    enum outcome c = p->outcome;
    bool owed = p->facts.owed == OWED && c != CLASS_NOT_OWED;

    a->ends[p->load < FLOW_LOADS ? p->load : FLOW_LOADS][p->facts.k]++;
    a->fates[p->facts.k][c]++;
    if (a->firsts[c] < PAGE_FIRST && !is_again(a, p))
        a->first[c][a->firsts[c]++] = (struct first){p->number, p->recipient, p->alternate};
    if (p->tried && !p->alternate) {
        a->n.tried++;
        a->n.refused += p->facts.k != END_ACCEPTED;
    }
    if (p->facts.k != END_ACCEPTED || !owed)
        return;
    a->n.accepted++;
    a->n.unseen += p->facts.h == 0;
    a->n.undelivered += p->facts.h == 0;
    a->n.silent += p->facts.h == 0 && !p->facts.f && !p->facts.w;
}

/* ----------------------------------------------------------------------------------------------------------- classes */

static json_t *first_json(const struct page_accounts *a, enum outcome c,
                          const struct page_stories *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < a->firsts[c]; i++) {
        const struct first *f = &a->first[c][i];
        json_t *o = json_object();

        page_put(o, "token", page_token(&a->r, f->number));
        page_put(o, "number", json_u64(f->number));
        page_put(o, "story",
                 json_index(page_stories_find(s, f->number, f->recipient, f->alternate)));
        page_push(all, o);
    }
    return all;
}

json_t *page_classes_json(const struct page_accounts *a, const struct page_stories *s)
{
    uint64_t planned = a->r.t->planned;
    json_t *all = json_array();

    for (enum outcome c = 0; c < CLASS_COUNT; c++) {
        struct proportion p = {a->r.t->classes[c], planned};
        json_t *o = json_object();

        if (p.k > p.n) /* a sum that does not balance: the identities say so */
            p.k = p.n;
        struct interval i = proportion_exact(p, 0.05);

        page_put(o, "class", page_words(class_name(c)));
        page_put(o, "became", page_words(class_became(c)));
        page_put(o, "group", page_words(page_axis_name(page_group(c))));
        page_put(o, "responsibility", page_words(page_axis_name(class_responsibility(c))));
        page_put(o, "transparency", page_words(page_axis_name(class_transparency(c))));
        page_put(o, "copies", json_u64(a->r.t->classes[c]));
        page_put(o, "share_ppm", p.n ? page_ppm(proportion_rate(p)) : json_null());
        page_put(o, "low_ppm", p.n ? page_ppm(i.low) : json_null());
        page_put(o, "high_ppm", p.n ? page_ppm(i.high) : json_null());
        page_put(o, "first", first_json(a, c, s));
        page_push(all, o);
    }
    return all;
}

/* -------------------------------------------------------------------------------------------------------------- flow */

static json_t *box_json(const char *kind, const char *id, const char *label, uint64_t copies)
{
    json_t *o = json_object();

    page_put(o, "id", page_format("%s:%s", kind, id));
    page_put(o, "label", page_words(label));
    page_put(o, "copies", json_u64(copies));
    return o;
}

static void push_link(json_t *links, json_t *from, json_t *to, uint64_t copies)
{
    if (copies == 0) {
        json_decref(from);
        json_decref(to);
        return;
    }
    json_t *o = json_object();

    page_put(o, "from", from);
    page_put(o, "to", to);
    page_put(o, "copies", json_u64(copies));
    page_push(links, o);
}

static const char *load_id(const struct page_accounts *a, uint32_t box)
{
    return box < FLOW_LOADS ? a->r.m->loads[box].name : "(others)";
}

static const char *ending_label(unsigned k)
{
    return k == END_NONE ? "never attempted" : event_ending_name(k);
}

static json_t *stage_json(const char *name, json_t *boxes)
{
    json_t *o = json_object();

    page_put(o, "name", page_words(name));
    page_put(o, "boxes", boxes);
    return o;
}

static json_t *loads_json(const struct page_accounts *a, json_t *links)
{
    json_t *boxes = json_array();

    for (uint32_t i = 0; i < a->boxes; i++) {
        uint64_t copies = 0;

        for (unsigned k = 0; k < ENDINGS; k++) {
            copies += a->ends[i][k];
            push_link(links, page_format("load:%s", load_id(a, i)),
                      page_format("end:%s", event_ending_name(k)), a->ends[i][k]);
        }
        page_push(boxes, box_json("load", load_id(a, i), load_id(a, i), copies));
    }
    return stage_json("planned", boxes);
}

static json_t *endings_json(const struct page_accounts *a, json_t *links)
{
    json_t *boxes = json_array();

    for (unsigned k = 0; k < ENDINGS; k++) {
        uint64_t copies = 0;

        for (enum outcome c = 0; c < CLASS_COUNT; c++) {
            copies += a->fates[k][c];
            push_link(links, page_format("end:%s", event_ending_name(k)),
                      page_format("class:%s", class_name(c)), a->fates[k][c]);
        }
        if (copies)
            page_push(boxes, box_json("end", event_ending_name(k), ending_label(k), copies));
    }
    return stage_json("sender", boxes);
}

static json_t *fates_json(const struct page_accounts *a, json_t *links, uint64_t groups[GROUPS])
{
    json_t *boxes = json_array();

    for (enum outcome c = 0; c < CLASS_COUNT; c++) {
        uint64_t copies = 0;

        for (unsigned k = 0; k < ENDINGS; k++)
            copies += a->fates[k][c];
        groups[page_group(c)] += copies;
        push_link(links, page_format("class:%s", class_name(c)),
                  page_format("group:%s", page_axis_name(page_group(c))), copies);
        if (copies)
            page_push(boxes, box_json("class", class_name(c), class_name(c), copies));
    }
    return stage_json("fate", boxes);
}

json_t *page_flow_json(const struct page_accounts *a)
{
    uint64_t groups[GROUPS] = {0};
    json_t *o = json_object(), *stages = json_array(), *links = json_array(), *boxes = json_array();

    page_push(stages, loads_json(a, links));
    page_push(stages, endings_json(a, links));
    page_push(stages, fates_json(a, links, groups));
    for (unsigned g = 0; g < GROUPS; g++)
        if (groups[g])
            page_push(boxes, box_json("group", page_axis_name((enum axis)g),
                                      page_axis_name((enum axis)g), groups[g]));
    page_push(stages, stage_json("verdict", boxes));
    page_put(o, "stages", stages);
    page_put(o, "links", links);
    return o;
}

/* --------------------------------------------------------------------------------------------------------- latencies */

static void push_point(json_t *curve, const struct hist *h, uint64_t q_ppm)
{
    json_t *point = json_array();

    page_push(point, json_u64(q_ppm));
    page_push(point, json_u64(tally_quantile(h, (double)q_ppm / 1e6)));
    page_push(curve, point);
}

/* Evenly on an axis of nines: 0, .1 ... .9, .91 ... .99, .991 ... as far as there are values to tell them apart. */
static json_t *curve_json(const struct hist *h)
{
    json_t *curve = json_array();
    uint64_t from = 0, step = 100000;

    for (uint32_t nine = 0; h->count && nine < CURVE_NINES && step; nine++, step /= 10) {
        for (uint32_t i = 0; i + 1 < CURVE_POINTS; i++)
            push_point(curve, h, from + i * step);
        from += (CURVE_POINTS - 1) * step;
        if (h->count < 1000000 / step)
            break;
    }
    if (h->count)
        push_point(curve, h, 1000000);
    return curve;
}

static void push_latency(json_t *all, const char *name, const struct hist *h,
                         struct proportion missing, bool certified)
{
    bool real = strcmp(name, "lateness") == 0;
    json_t *o = json_object();

    page_put(o, "name", page_words(name));
    page_put(o, "unit", page_words("us"));
    page_put(o, "real", json_boolean(real));
    page_put(o, "count", json_u64(h->count));
    page_put(o, "missing_ppm", missing.n ? page_ppm(proportion_rate(missing)) : json_null());
    page_put(o, "p50", json_u64(tally_quantile(h, 0.5)));
    page_put(o, "p90", json_u64(tally_quantile(h, 0.9)));
    page_put(o, "p99", json_u64(tally_quantile(h, 0.99)));
    page_put(o, "p999", json_u64(tally_quantile(h, 0.999)));
    page_put(o, "max", json_u64(h->count ? h->max : 0));
    page_put(o, "curve", curve_json(h));
    page_put(o, "certified", json_boolean(real || certified));
    page_push(all, o);
}

json_t *page_latency_json(const struct page_accounts *a)
{
    const struct tally *t = a->r.t;
    json_t *all = json_array();
    bool certified = !t->saturation.any;
    struct proportion unseen = {a->n.unseen, a->n.accepted};

    push_latency(all, "accept", &t->accept, (struct proportion){a->n.refused, a->n.tried},
                 certified);
    push_latency(all, "deliver", &t->deliver, unseen, certified);
    push_latency(all, "end_to_end", &t->end_to_end, unseen, certified);
    push_latency(all, "ndr", &t->ndr, (struct proportion){a->n.silent, a->n.undelivered},
                 certified);
    push_latency(all, "lateness", &t->lateness, (struct proportion){0, t->lateness.count},
                 certified);
    return all;
}
