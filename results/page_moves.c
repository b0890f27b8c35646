/* page_moves.c - a row a move: how it went, what became of the copies near it, how long nothing new was seen in its mailbox.
 *
 * The longest gap between sightings is found without keeping them: each of many equal stretches of time keeps its first and
 * last. A gap that is longer than a stretch is exact; a shorter one may be too short by less than that.
 */
#include <stdlib.h>

#include "results/json_file.h"
#include "results/page_private.h"

#define MOVES_MAX     2000u
#define STRETCHES_ALL (1u << 20)
#define STRETCHES_MIN 256u
#define STRETCHES_MAX 65536u
#define FIRST_NS      NS_PER_MS

struct stretch { /* times plus one; 0: none */
    uint64_t first, last;
};

struct seen {                  /* in the mailbox of a move */
    struct stretch *stretches; /* allocated when the first is seen */
    uint64_t width_ns;
};

struct page_moves {
    struct page_run r;
    uint32_t count, stretches;
    struct seen *seen;
    bool out_of_memory;
};

struct page_moves *page_moves_create(const struct page_run *r, struct err *e)
{
    struct page_moves *v = calloc(1, sizeof *v);

    if (v) {
        v->r = *r;
        v->count = r->m->move_count < MOVES_MAX ? r->m->move_count : MOVES_MAX;
        v->stretches = STRETCHES_MIN;
        while (v->stretches < STRETCHES_MAX && 2 * v->stretches * (v->count + 1) <= STRETCHES_ALL)
            v->stretches *= 2;
        v->seen = calloc(v->count + 1ul, sizeof *v->seen);
        if (v->seen)
            return v;
    }
    (void)err_set(e, EX_IO, "out of memory for the page");
    page_moves_destroy(v);
    return NULL;
}

void page_moves_destroy(struct page_moves *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; v->seen && i < v->count; i++)
        free(v->seen[i].stretches);
    free(v->seen);
    free(v);
}

static void join(struct stretch *into, const struct stretch *from)
{
    if (from->first && (!into->first || from->first < into->first))
        into->first = from->first;
    if (from->last > into->last)
        into->last = from->last;
}

static void widen(struct seen *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stretch joined = {0, 0};

        if (2 * i + 1 < count) {
            join(&joined, &s->stretches[2ul * i]);
            join(&joined, &s->stretches[2ul * i + 1]);
        }
        s->stretches[i] = joined;
    }
    s->width_ns *= 2;
}

void page_moves_add(struct page_moves *v, const struct copy *p)
{
    struct seen *s = p->move.move < v->count ? &v->seen[p->move.move] : NULL;
    uint64_t t = p->first_seen_ns;

    if (!s || p->alternate || !p->facts.h || t == NEVER_NS)
        return;
    if (!s->stretches) {
        s->stretches = calloc(v->stretches, sizeof *s->stretches);
        s->width_ns = FIRST_NS;
        if (!s->stretches)
            return;
    }
    uint64_t asked = page_mark(&v->r, p->move.move, MARK_ASKED);
    uint64_t origin = asked > MOVE_REACH_NS ? asked - MOVE_REACH_NS : 0;
    uint64_t since = t > origin ? t - origin : 0;

    while (since / s->width_ns >= v->stretches)
        widen(s, v->stretches);
    join(&s->stretches[since / s->width_ns], &(struct stretch){t + 1, t + 1});
}

static json_t *gap_json(const struct page_moves *v, uint32_t move)
{
    const struct seen *s = &v->seen[move];
    uint64_t longest = 0, last = 0, first = 0;

    for (uint32_t i = 0; s->stretches && i < v->stretches; i++) {
        const struct stretch *k = &s->stretches[i];

        if (!k->first)
            continue;
        longest = last && k->first - last > longest ? k->first - last : longest;
        first = first ? first : k->first;
        last = k->last;
    }
    if (last == first)
        return json_null(); /* fewer than two */
    return json_u64(longest ? longest : last - first);
}

static const char *result_of(const struct page_run *r, uint32_t move)
{
    static const struct {
        enum move_mark mark;
        const char *words;
    } results[] = {{MARK_DISPROVED, "disproved"},
                   {MARK_FAILED, "failed"},
                   {MARK_VERIFIED, "verified"},
                   {MARK_DONE, "done"},
                   {MARK_ASKED, "never ended"}};

    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (page_mark(r, move, results[i].mark) != NEVER_NS)
            return results[i].words;
    return "never asked";
}

static json_t *took_json(const struct page_run *r, uint32_t move)
{
    uint64_t asked = page_mark(r, move, MARK_ASKED), done = page_mark(r, move, MARK_DONE);
    uint64_t failed = page_mark(r, move, MARK_FAILED), end = done < failed ? done : failed;

    return asked != NEVER_NS && end != NEVER_NS && end >= asked ? json_u64(end - asked)
                                                                : json_null();
}

static json_t *row_json(const struct page_moves *v, uint32_t move)
{
    const struct manifest_move *k = &v->r.m->moves[move];
    json_t *o = json_object(), *classes = json_object();
    uint64_t bad = 0;

    for (enum outcome c = 0; c < CLASS_COUNT; c++) {
        uint64_t n = v->r.t->moves[move][c];

        bad += page_is_bad(c) ? n : 0;
        if (n)
            page_put(classes, class_name(c), json_u64(n));
    }
    page_put(o, "id", json_u64(move));
    page_put(o, "mailbox", page_words(page_mailbox(v->r.m, k->mailbox)));
    page_put(o, "from", page_words(page_server(v->r.m, k->from)));
    page_put(o, "to", page_words(page_server(v->r.m, k->to)));
    page_put(o, "asked_ns", json_u64(page_mark(&v->r, move, MARK_ASKED)));
    page_put(o, "took_ns", took_json(&v->r, move));
    page_put(o, "result", page_words(result_of(&v->r, move)));
    page_put(o, "classes", classes);
    page_put(o, "gap_ns", gap_json(v, move));
    page_put(o, "bad", json_u64(bad));
    return o;
}

json_t *page_moves_json(const struct page_moves *v)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < v->count; i++)
        page_push(all, row_json(v, i));
    return all;
}

uint64_t page_moves_left_out(const struct page_moves *v)
{
    return v->r.m->move_count - v->count;
}
