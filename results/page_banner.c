/* page_banner.c - the verdict in a sentence, what it proves and what it does not, and whether the instruments were sound. */
#include <stdio.h>

#include "base/text.h"
#include "results/html.h"
#include "results/json_file.h"
#include "results/page_private.h"
#include "results/stats.h"

#define ALPHA 0.05

static struct page_counts count_all(const struct page_run *r)
{
    const struct tally *t = r->t;
    struct page_counts n = {.tested = t->endings[END_ACCEPTED] + t->endings[END_DOUBT]};

    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        n.bad += page_is_bad(c) ? t->classes[c] : 0;
    for (uint32_t i = 0; i < r->m->move_count; i++) {
        uint64_t bad = 0, all = 0;

        for (enum outcome c = 0; c < CLASS_COUNT; c++) {
            bad += page_is_bad(c) ? t->moves[i][c] : 0;
            all += c != CLASS_NOT_OWED && c != CLASS_NOT_SENT ? t->moves[i][c] : 0;
        }
        if (page_mark(r, i, MARK_DONE) != NEVER_NS && all) {
            n.moves.n++;
            n.moves.k += bad != 0;
        }
    }
    return n;
}

/* "0.75", "12", "0.0031": two digits that count. */
static const char *percent(char out[32], double share)
{
    (void)snprintf(out, 32, "%.2g", share * 100);
    if (share >= 0.995)
        (void)snprintf(out, 32, "100");
    else if (share > 0 && share < 1e-6)
        (void)snprintf(out, 32, "%.7f", share * 100);
    return out;
}

static const char *number(char out[32], uint64_t n)
{
    return text_print_count(out, 32, n);
}

/* ------------------------------------------------------------------------------------------------------------ sentences */

static json_t *sentence_json(const struct page_run *r, const struct page_counts *n)
{
    const char *why = r->j->reason_count ? r->j->reasons[0] : "";
    char copies[32], moves[32];

    if (r->j->verdict == VERDICT_PASS && !n->moves.n)
        return page_format("All %s copies that were accepted are accounted for, and no gate was "
                           "broken.",
                           number(copies, n->tested));
    if (r->j->verdict == VERDICT_PASS)
        return page_format("All %s copies that were accepted while %s moves took place are "
                           "accounted for, and no gate was broken.",
                           number(copies, n->tested), number(moves, n->moves.n));
    if (r->j->verdict == VERDICT_FAIL && n->moves.k)
        return page_format("%s; %s of %s moves did harm.", why, number(copies, n->moves.k),
                           number(moves, n->moves.n));
    return *why ? page_format("%s.", why) : page_words("Nothing was shown.");
}

static void prove_moves(json_t *all, const struct page_counts *n)
{
    char low[32], high[32], k[32], of[32];
    struct interval i;

    if (!n->moves.n)
        return;
    if (!n->moves.k) {
        page_push(all,
                  page_format("At most %s %% of moves harm mail (95 %%, %s move%s without harm).",
                              percent(high, proportion_upper(n->moves, ALPHA)),
                              number(of, n->moves.n), n->moves.n == 1 ? "" : "s"));
        return;
    }
    i = proportion_exact(n->moves, ALPHA);
    page_push(all, page_format("Between %s %% and %s %% of moves harm mail (95 %%, %s of %s did).",
                               percent(low, i.low), percent(high, i.high), number(k, n->moves.k),
                               number(of, n->moves.n)));
}

static json_t *proven_json(const struct page_run *r, const struct page_counts *n)
{
    json_t *all = json_array();
    char count[32], of[32], share[32];

    prove_moves(all, n);
    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        if (page_is_bad(c) && r->t->certain[c])
            page_push(all,
                      page_format("Certain for good: %s of class %s (copies that %s).",
                                  number(count, r->t->certain[c]), class_name(c), class_became(c)));
    if (n->tested && !n->bad && !r->t->classes[CLASS_UNKNOWN])
        page_push(all,
                  page_format(
                      "None of %s copies was harmed; were they independent of each other, "
                      "at most %s %% would be (95 %%, optimistic).",
                      number(of, n->tested),
                      percent(share, proportion_upper((struct proportion){0, n->tested}, ALPHA))));
    if (r->t->health.moves_verified)
        page_push(all, page_format("%s of %s moves took place as the mover said: the directory and "
                                   "log-on at both servers agree.",
                                   number(count, r->t->health.moves_verified),
                                   number(of, r->t->health.moves_asked)));
    return all;
}

/* --------------------------------------------------------------------------------------------------------------- lamps */

static void push_lamp(json_t *all, const char *name, unsigned state, json_t *words)
{
    static const char *const states[] = {"ok", "warn", "bad"};
    json_t *o = json_object();

    page_put(o, "name", page_words(name));
    page_put(o, "state", page_words(states[state]));
    page_put(o, "words", words);
    page_push(all, o);
}

static void push_generator(json_t *all, const struct page_run *r)
{
    uint64_t p99_ns = tally_quantile(&r->t->lateness, 0.99) * NS_PER_US;

    if (!r->t->lateness.count)
        push_lamp(all, "generator", 1, page_words("sent nothing"));
    else if (r->t->saturation.any)
        push_lamp(
            all, "generator", 2,
            page_format("saturated: 99 of 100 messages left at most %s late", word_span(p99_ns).t));
    else
        push_lamp(all, "generator", r->t->health.windows_late ? 1 : 0,
                  p99_ns
                      ? page_format("99 of 100 messages left at most %s late", word_span(p99_ns).t)
                      : page_words("99 of 100 messages left on time"));
}

static void push_queues(json_t *all, const struct page_run *r)
{
    const struct health *h = &r->t->health;

    if (!r->m->queues_visible)
        push_lamp(all, "queues", 1, page_words("cannot be seen"));
    else if (!h->waves_complete)
        push_lamp(all, "queues", 2, page_words("were not all listed completely"));
    else
        push_lamp(all, "queues", h->settled ? 0 : 1,
                  page_words(h->settled ? "came to rest" : "did not come to rest"));
}

static json_t *lamps_json(const struct page_run *r)
{
    const struct health *h = &r->t->health;
    json_t *all = json_array();
    uint32_t off = 0;

    for (uint32_t i = 0; i < r->j->identity_count; i++)
        off += r->j->identities[i].left != r->j->identities[i].right;
    push_generator(all, r);
    push_lamp(all, "canaries",
              h->loads_alive >= r->m->load_count ? 0
              : h->loads_alive                   ? 1
                                                 : 2,
              page_format("the way of reports is proven alive for %llu of %u loads",
                          (unsigned long long)h->loads_alive, r->m->load_count));
    push_lamp(all, "coverage",
              h->places_final >= h->places && h->places ? 0
              : h->places_final                         ? 1
                                                        : 2,
              page_format("%llu of %llu places were scanned after all had come to rest",
                          (unsigned long long)h->places_final, (unsigned long long)h->places));
    push_queues(all, r);
    push_lamp(all, "identities", off ? 2 : 0,
              off ? page_format("%u of %u sums do not balance", off, r->j->identity_count)
                  : page_format("all %u sums balance", r->j->identity_count));
    return all;
}

json_t *page_banner_json(const struct page_run *r)
{
    struct page_counts n = count_all(r);
    json_t *o = json_object();

    page_put(o, "verdict", page_words(verdict_name(r->j->verdict)));
    page_put(o, "sentence", sentence_json(r, &n));
    page_put(o, "proven", proven_json(r, &n));
    page_put(o, "not_proven", page_unproven_json(r, &n));
    page_put(o, "lamps", lamps_json(r));
    return o;
}
