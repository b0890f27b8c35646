/* page_method.c - how far the account can be believed: why silence is final, which places were scanned, clock, pacing, caveats. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "results/html.h"
#include "results/json_file.h"
#include "results/ledger_private.h"
#include "results/page_private.h"
#include "results/report_sessions.h"

struct page_method {
    struct page_run r;
    unsigned char *sides; /* per mailbox */

    struct {
        uint32_t all, complete;
    } * scans; /* server x mailbox */
};

struct page_method *page_method_create(const struct page_run *r, struct err *e)
{
    struct page_method *h = calloc(1, sizeof *h);
    size_t places = (size_t)r->m->server_count * r->m->mailbox_count; /* may be none */

    if (h) {
        h->r = *r;
        h->sides = calloc(r->m->mailbox_count + 1ul, 1);
        h->scans = calloc(places + 1, sizeof *h->scans);
        if (h->sides && h->scans)
            return h;
    }
    (void)err_set(e, EX_IO, "out of memory for the page");
    page_method_destroy(h);
    return NULL;
}

void page_method_destroy(struct page_method *h)
{
    if (!h)
        return;
    free(h->sides);
    free(h->scans);
    free(h);
}

void page_method_add(struct page_method *h, const struct copy *p)
{
    if (p->to < h->r.m->mailbox_count)
        h->sides[p->to] |= SIDE_TO;
    if (p->from < h->r.m->mailbox_count)
        h->sides[p->from] |= SIDE_FROM;
}

void page_method_event(struct page_method *h, const struct event *ev)
{
    const struct manifest *m = h->r.m;

    if (ev->kind != EV_SCAN || ev->place >= m->server_count || ev->a >= m->mailbox_count)
        return;
    size_t at = (size_t)ev->place * m->mailbox_count + ev->a;

    h->scans[at].all++;
    h->scans[at].complete += (ev->code & SCAN_COMPLETE) != 0;
}

/* ---------------------------------------------------------------------------------------------------------- coverage */

struct covering {
    const struct page_method *h;
    json_t *list;
    uint64_t places, final, left_out;
    bool want_final; /* what is not final comes first */
};

static void watch(void *owner, uint32_t mailbox)
{
    ((unsigned char *)owner)[mailbox] |= SIDE_FROM;
}

/* Of recipients their alternates, too. */
static void widen(struct page_method *h)
{
    for (uint32_t box = 0; box < h->r.m->mailbox_count; box++)
        if (h->sides[box] & SIDE_TO)
            history_each_alternate(copies_history(h->r.copies), box, watch, h->sides);
}

static void push_place(struct covering *c, json_t *name, const uint64_t counts[2], uint64_t last,
                       bool final)
{
    c->places++;
    c->final += final;
    if (json_array_size(c->list) >= PAGE_PLACES) {
        c->left_out++;
        json_decref(name);
        return;
    }
    json_t *o = json_object();

    page_put(o, "place", name);
    page_put(o, "scans", json_u64(counts[0]));
    page_put(o, "complete", json_u64(counts[1]));
    page_put(o, "last_ns", last ? json_u64(last - 1) : json_null());
    page_put(o, "final", json_boolean(final));
    page_push(c->list, o);
}

/* A scan that began then (plus one) came after all had come to rest. */
static bool is_since_rest(const struct page_run *r, uint64_t begun)
{
    return r->t->health.settled && r->l->quiescent && begun >= r->l->quiescent;
}

static void cover_queues(struct covering *c)
{
    const struct page_run *r = &c->h->r;

    for (uint32_t s = 0; r->m->queues_visible && s < r->m->server_count; s++) {
        uint64_t counts[2] = {0, 0}, last = 0;

        for (uint32_t i = 0; i < r->l->waves.count; i++) {
            const struct event *w = &r->l->waves.all[i];

            if (w->place != s)
                continue;
            counts[0]++;
            if (w->code & WAVE_COMPLETE) {
                counts[1]++;
                last = w->t_ns + 1 > last ? w->t_ns + 1 : last;
            }
        }
        if (manifest_is_ours(r->m, s) || is_since_rest(r, last) != c->want_final)
            continue;
        push_place(c, page_format("queues of %s", page_server(r->m, s)), counts, last,
                   c->want_final);
    }
}

static void cover_places(struct covering *c)
{
    const struct page_run *r = &c->h->r;

    for (uint32_t box = 0; box < r->m->mailbox_count; box++) {
        const uint32_t *servers;
        uint32_t n =
            c->h->sides[box] ? history_servers(copies_history(r->copies), box, &servers) : 0;

        for (uint32_t i = 0; i < n; i++) {
            size_t at = (size_t)servers[i] * r->m->mailbox_count + box;
            uint64_t last = ledger_place(r->l, servers[i], box)->complete_ns;
            bool final = r->t->health.settled && r->l->quiescent && last > r->l->quiescent - 1;

            if (final == c->want_final)
                push_place(
                    c,
                    page_format("%s on %s", page_mailbox(r->m, box), page_server(r->m, servers[i])),
                    (uint64_t[]){c->h->scans[at].all, c->h->scans[at].complete}, last, final);
        }
    }
}

static void put_coverage(json_t *o, struct page_method *h)
{
    struct covering c = {.h = h, .list = json_array()};
    json_t *counts = json_object();

    widen(h);
    for (int pass = 0; pass < 2; pass++) {
        c.want_final = pass == 1;
        cover_queues(&c);
        cover_places(&c);
    }
    page_put(counts, "places", json_u64(c.places));
    page_put(counts, "final", json_u64(c.final));
    page_put(counts, "left_out", json_u64(c.left_out));
    page_put(o, "coverage", c.list);
    page_put(o, "coverage_counts", counts);
}

/* ---------------------------------------------------------------------------------------------------------- sentences */

static json_t *silence_json(const struct page_run *r)
{
    const struct health *h = &r->t->health;
    json_t *all = json_array();

    page_push(all,
              page_words("A copy is called lost only when silence is final: every place that could "
                         "hold it was scanned completely, by a scan that began after all queues "
                         "had come to rest, and a report about a known-bad address proved that the "
                         "way of reports was alive."));
    if (!r->m->queues_visible)
        page_push(all, r->m->lifetime_ns
                           ? page_format("The queues cannot be seen: silence is final when the "
                                         "stated lifetime of %s is over.",
                                         word_span(r->m->lifetime_ns).t)
                           : page_words("The queues cannot be seen and no lifetime is stated: "
                                        "silence is never final."));
    else if (h->settled && r->l->quiescent)
        page_push(all, page_format("The queues came to rest at %s, shown by two listings of all of "
                                   "them with the same counters.",
                                   word_clock(r->l->quiescent - 1).t));
    else
        page_push(all, page_words("The queues never came to rest."));
    if (r->m->queues_visible)
        page_push(all, page_format("A queued copy is called stranded when its entry stood still, "
                                   "with no try due, in two listings at least %s apart.",
                                   word_span(r->m->settle_retry_ns).t));
    page_push(all, page_format("Canaries: %llu of %llu were reported; the way of reports is proven "
                               "alive for %llu of %u loads.",
                               (unsigned long long)h->canaries_reported,
                               (unsigned long long)h->canaries_sent,
                               (unsigned long long)h->loads_alive, r->m->load_count));
    return all;
}

static json_t *clock_json(const struct page_run *r)
{
    if (r->m->time_scale > 1)
        return page_format("Times are the target's, which run %u times as fast as the clock on the "
                           "wall, from the moment when the load began; lateness is real.%s",
                           r->m->time_scale, r->m->wall_start_ns ? "" : " The run was simulated.");
    return page_format("Times count from the moment when the load began.%s",
                       r->m->wall_start_ns ? "" : " The run was simulated.");
}

static json_t *pacing_json(const struct page_run *r)
{
    const struct hist *h = &r->t->lateness;
    uint64_t p99_us = tally_quantile(h, 0.99);
    struct word p99 = word_span(p99_us * NS_PER_US), most = word_span(h->max * NS_PER_US);
    json_t *all = json_array();

    if (!h->count)
        page_push(all, page_words("No message was sent."));
    else if (!h->max)
        page_push(all, page_words("Every message left on time."));
    else if (!p99_us)
        page_push(all, page_format("99 of 100 messages left on time, none later than %s.", most.t));
    else
        page_push(all, page_format("99 of 100 messages left within %s of their time, none later "
                                   "than %s.",
                                   p99.t, most.t));
    if (!r->m->max_lateness_ns)
        page_push(all, page_words("No limit is stated."));
    else if (h->count)
        page_push(all, page_format(r->t->saturation.any
                                       ? "The limit is %s: the generator was saturated, and no "
                                         "latency is certified."
                                       : "The limit is %s: the generator kept up.",
                                   word_span(r->m->max_lateness_ns).t));
    return all;
}

static const char *const finding_words[] = {
    [FIND_CONNECT_FAILED] = "Connections that could not be made (their messages left by another)",
    [FIND_PROTOCOL] = "Answers of servers that their protocol does not have",
    [FIND_TIMEOUT] = "Answers of servers that did not come in time",
    [FIND_PROBE_FAILED] = "Looks into a mailbox that failed",
    [FIND_QUEUE_FAILED] = "Listings of queues that failed",
    [FIND_FOREIGN] = "Messages or reports that are not of this run",
    [FIND_UNREADABLE_REPORT] = "Reports that name nothing of this run",
    [FIND_DIRECTORIES_DIFFER] =
        "Mailboxes about whose home servers still disagreed when the run had settled",
    [FIND_ACTION_FAILED] = "Actions of the profile that were not carried out",
    [FIND_INTERRUPTED] = "Times that somebody asked the run to end",
    [FIND_NO_CHUNKING] = "Servers that announce CHUNKING and failed its trial (DATA was used)",
    [FIND_STOPPED] = "Times that run.stop ended the load",
    [FIND_BRAKED] = "Times that the brake stopped the senders",
};
_Static_assert(sizeof finding_words / sizeof finding_words[0] == FIND_COUNT, "words per finding");

static json_t *caveats_json(const struct page_run *r)
{
    const struct health *h = &r->t->health;
    json_t *all = json_array();

    page_push(all, page_words("Intervals by copy take copies for independent of each other. Copies "
                              "of one move share its fate: trust the sentences about moves."));
    page_push(all, page_words("A copy counts as seen when a probe first saw it; it came earlier by "
                              "up to the time between two scans, or a move while nobody could log "
                              "on."));
    if (r->m->content_percent < 100)
        page_push(all, page_format("The bodies of %u %% of the messages were compared.",
                                   r->m->content_percent));
    if (h->windows_late)
        page_push(all, page_words("Messages left later than the shortest time that the scenario "
                                  "relies on: figures about the window are not conclusive."));
    if (h->torn)
        page_push(all, page_format("%u journals end in a torn block: what was recorded there is "
                                   "gone.",
                                   h->torn));
    for (unsigned i = 0; i < FIND_COUNT; i++)
        if (h->findings[i])
            page_push(all, page_format("%s: %s (%s).", finding_words[i],
                                       word_count(h->findings[i]).t, event_finding_name(i)));
    return all;
}

json_t *page_method_json(struct page_method *h)
{
    json_t *o = json_object();

    page_put(o, "silence", silence_json(&h->r));
    put_coverage(o, h);
    page_put(o, "clock", clock_json(&h->r));
    page_put(o, "pacing", pacing_json(&h->r));
    page_put(o, "content_percent", json_u64(h->r.m->content_percent));
    page_put(o, "sessions", report_sessions_json(h->r.j));
    page_put(o, "caveats", caveats_json(&h->r));
    return o;
}
