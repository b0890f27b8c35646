/* page_unproven.c - what a run does not show, whatever its verdict: what was not sent, not seen, not timed, and not tried. */
#include <stdio.h>

#include "results/html.h"
#include "results/page_private.h"
#include "results/stats.h"

#define ALPHA    0.05
#define NAMED    3u /* ways in, or pairs of servers, that are named one by one */
#define WAYS_MAX 32u

static struct word share_of(uint64_t n, uint64_t of)
{
    return word_ppm(of ? (uint64_t)((double)n / (double)of * 1e6) : 0);
}

/* ------------------------------------------------------------------------------------------------------------- copies */

static void doubt_copies(json_t *all, const struct page_run *r, const struct page_counts *n)
{
    const struct tally *t = r->t;
    uint64_t unknown = t->classes[CLASS_UNKNOWN], unsent = t->classes[CLASS_NOT_SENT];

    if (!n->tested)
        page_push(all, page_words("Anything: no message was accepted."));
    if (unknown)
        page_push(all,
                  page_format("What became of %s %s (%s of those that were accepted): silence is "
                              "not final.",
                              word_count(unknown).t, unknown == 1 ? "copy" : "copies",
                              share_of(unknown, n->tested).t));
    if (tally_open_seen(t))
        page_push(all, page_format("That nothing more comes of %s %s, delivered or reported, but "
                                   "not final.",
                                   word_count(tally_open_seen(t)).t,
                                   tally_open_seen(t) == 1 ? "copy" : "copies"));
    if (unsent)
        page_push(all, page_format("The rest of the plan: %s of %s copies (%s) were not sent.",
                                   word_count(unsent).t, word_count(t->planned).t,
                                   share_of(unsent, t->planned).t));
    if (r->m->content_percent < 100)
        page_push(all, page_format("That the other %u %% of the bodies arrived unchanged.",
                                   100 - r->m->content_percent));
}

static void doubt_times(json_t *all, const struct page_run *r)
{
    if (r->t->saturation.any)
        page_push(all, page_words("How long anything took: the generator was late itself, so that "
                                  "no latency is certified."));
    if (r->t->health.windows_late)
        page_push(all, page_words("Where in a move the window lies: messages left too late."));
}

/* -------------------------------------------------------------------------------------------------------------- moves */

static void doubt_rates(json_t *all, const struct page_run *r, const struct page_counts *n)
{
    double most = proportion_upper((struct proportion){0, n->moves.n}, ALPHA);
    char upper[32]; /* two digits: as many as that many moves can know */

    (void)snprintf(upper, sizeof upper, most < 0.995 ? "%.2g %%" : "%.0f %%", most * 100);
    if (!r->m->move_count)
        page_push(all, page_words("Anything about moves: this run has none."));
    else if (!n->moves.n)
        page_push(all, page_words("Anything about moves: none was carried out that had mail."));
    else if (!n->moves.k)
        page_push(all,
                  page_format("That harm is rarer than in %s of moves: %s moves cannot show it; to "
                              "show less than 1 %%, it takes %s.",
                              upper, word_count(n->moves.n).t,
                              word_count(sample_for_zero(0.01, 1 - ALPHA)).t));
    else
        page_push(all, page_format("That nothing else goes wrong: a fault that strikes fewer than "
                                   "%s of moves may well be missed in %s.",
                                   upper, word_count(n->moves.n).t));
}

static void doubt_undone(json_t *all, const struct page_run *r)
{
    const struct health *h = &r->t->health;

    if (h->moves_undone)
        page_push(all, page_format("%s of %s planned moves: they were not carried out.",
                                   word_count(h->moves_undone).t, word_count(r->m->move_count).t));
    if (h->moves_disproved)
        page_push(all,
                  page_format("%s %s: not so as the mover said.", word_count(h->moves_disproved).t,
                              h->moves_disproved == 1 ? "move" : "moves"));
}

struct ways { /* pairs of servers, each once */
    uint32_t from[WAYS_MAX], to[WAYS_MAX], count;
    bool overlap; /* two moves were under way at a time */
};

static bool ways_has(const struct ways *w, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->from[i] == from && w->to[i] == to)
            return true;
    return false;
}

static uint64_t ended_ns(const struct page_run *r, uint32_t move)
{
    uint64_t done = page_mark(r, move, MARK_DONE), failed = page_mark(r, move, MARK_FAILED);

    return done < failed ? done : failed;
}

/* Moves stand in the order in which they are asked for. */
static struct ways ways_of(const struct page_run *r)
{
    struct ways w = {.count = 0};
    uint64_t busy_until = 0;

    for (uint32_t i = 0; i < r->m->move_count; i++) {
        const struct manifest_move *v = &r->m->moves[i];
        uint64_t asked = page_mark(r, i, MARK_ASKED);

        if (asked == NEVER_NS)
            continue;
        w.overlap |= asked < busy_until;
        if (ended_ns(r, i) > busy_until)
            busy_until = ended_ns(r, i);
        if (page_mark(r, i, MARK_DONE) == NEVER_NS || w.count == WAYS_MAX ||
            ways_has(&w, v->from, v->to))
            continue;
        w.from[w.count] = v->from;
        w.to[w.count++] = v->to;
    }
    return w;
}

static void doubt_ways(json_t *all, const struct page_run *r, const struct page_counts *n)
{
    const struct ways w = ways_of(r);
    struct buf names;

    if (!n->moves.n)
        return;
    buf_init(&names, 1000);
    for (uint32_t i = 0; i < w.count && i < NAMED; i++)
        (void)buf_add_format(&names, "%sfrom %s to %s", i ? ", " : "", page_server(r->m, w.from[i]),
                             page_server(r->m, w.to[i]));
    if (w.count <= NAMED)
        page_push(all, page_format("Moves other than %s%s.", buf_text(&names),
                                   w.overlap || n->moves.n < 2 ? ""
                                                               : ", one at a time: none overlapped "
                                                                 "another"));
    else
        page_push(all, page_format("Moves between other servers than the %u pairs that were tried.",
                                   w.count));
    buf_fini(&names);
}

/* --------------------------------------------------------------------------------------------------------------- rest */

/* Where mail came in. */
static void doubt_entries(json_t *all, const struct page_run *r)
{
    struct buf names;
    bool again;

    if (!r->m->load_count || r->m->load_count > NAMED)
        return;
    buf_init(&names, 1000);
    for (uint32_t i = 0; i < r->m->load_count; i++) {
        const struct manifest_load *l = &r->m->loads[i], *k = r->m->loads;

        for (again = false; k < l; k++)
            again |=
                slice_is(slice_of(k->protocol), l->protocol) && slice_is(slice_of(k->via), l->via);
        if (!again)
            (void)buf_add_format(&names, "%s%s at %s", names.n ? ", " : "", l->protocol, l->via);
    }
    page_push(all, page_format("Mail that enters another way than by %s.", buf_text(&names)));
    buf_fini(&names);
}

json_t *page_unproven_json(const struct page_run *r, const struct page_counts *n)
{
    json_t *all = json_array();

    doubt_copies(all, r, n);
    doubt_undone(all, r);
    doubt_times(all, r);
    doubt_rates(all, r, n);
    doubt_ways(all, r, n);
    if (n->tested)
        doubt_entries(all, r);
    if (n->bad)
        page_push(all, page_words("Why: a run shows where and when mail is harmed. To find the "
                                  "cause, change one thing and compare."));
    return all;
}
