/* report_data.c - summary.json: canonical (sorted keys, integers only), a pure function of the judgement. */
#include <stdio.h>

#include "base/clock.h"
#include "results/json_file.h"
#include "results/judge.h"
#include "results/report_aim.h"
#include "results/report_sessions.h"

#define SUMMARY_SCHEMA 1

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *classes_of(const uint64_t *counts, bool zeros)
{
    json_t *o = json_object();

    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        if (counts[c] || zeros)
            put(o, class_name(c), json_u64(counts[c]));
    return o;
}

static json_t *flags_of(const struct tally *t)
{
    json_t *o = json_object();

    for (enum flag f = 0; f < FLAG_COUNT; f++)
        put(o, flag_name(f), json_u64(t->flags[f]));
    return o;
}

static json_t *latency(const struct hist *h)
{
    json_t *o = json_object();

    put(o, "count", json_u64(h->count));
    put(o, "p50_us", json_u64(tally_quantile(h, 0.5)));
    put(o, "p90_us", json_u64(tally_quantile(h, 0.9)));
    put(o, "p99_us", json_u64(tally_quantile(h, 0.99)));
    put(o, "max_us", json_u64(h->count ? h->max : 0));
    return o;
}

static json_t *latencies(const struct tally *t)
{
    json_t *o = json_object();

    put(o, "certified", json_boolean(!t->saturation.any));
    put(o, "accept", latency(&t->accept));
    put(o, "deliver", latency(&t->deliver));
    put(o, "end_to_end", latency(&t->end_to_end));
    put(o, "ndr", latency(&t->ndr));
    return o;
}

static json_t *reasons(const struct judgement *j)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < j->reason_count; i++)
        (void)json_array_append_new(all, json_words(j->reasons[i]));
    return all;
}

static json_t *identities(const struct judgement *j)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < j->identity_count; i++) {
        const struct identity *d = &j->identities[i];
        json_t *o = json_object();

        put(o, "name", json_words(d->name));
        put(o, "left", json_u64(d->left));
        put(o, "right", json_u64(d->right));
        put(o, "residual", json_integer((json_int_t)(d->left - d->right)));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *gates(const struct judgement *j)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < j->gate_count; i++) {
        const struct gate_result *g = &j->gates[i];
        json_t *o = json_object();

        put(o, "name", json_words(g->name));
        put(o, "limit", json_u64(g->limit));
        put(o, "count", json_u64(g->count));
        put(o, "open", json_u64(g->open));
        put(o, "verdict", json_words(gate_verdict_name(g->verdict)));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static const char *mailbox_name(const struct manifest *m, uint32_t mailbox)
{
    return mailbox < m->mailbox_count ? m->mailboxes[mailbox].name : "";
}

static const char *server_name(const struct manifest *m, uint32_t server)
{
    return server < m->server_count ? m->servers[server] : "";
}

static json_t *moves(const struct judgement *j)
{
    const struct manifest *m = j->manifest;
    json_t *all = json_array();

    for (uint32_t i = 0; i < m->move_count; i++) {
        json_t *o = json_object(), *marks = json_object();

        for (enum move_mark k = 0; k < MARK_COUNT; k++)
            if (j->tally.marks[i].mark_ns[k] != NEVER_NS)
                put(marks, event_mark_name(k), json_u64(j->tally.marks[i].mark_ns[k]));
        put(o, "id", json_u64(i));
        put(o, "mailbox", json_words(mailbox_name(m, m->moves[i].mailbox)));
        put(o, "from", json_words(server_name(m, m->moves[i].from)));
        put(o, "to", json_words(server_name(m, m->moves[i].to)));
        put(o, "schedule", json_words(m->moves[i].schedule));
        put(o, "marks_ns", marks);
        put(o, "classes", classes_of(j->tally.moves[i], false));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *loads(const struct judgement *j)
{
    json_t *o = json_object();

    for (uint32_t i = 0; i < j->manifest->load_count; i++)
        put(o, j->manifest->loads[i].name, classes_of(j->tally.loads[i], false));
    return o;
}

static json_t *phases(const struct tally *t)
{
    json_t *o = json_object();

    for (enum move_phase p = 0; p < MOVE_PHASE_COUNT; p++)
        put(o, move_phase_name(p), classes_of(t->phases[p], false));
    return o;
}

static json_t *sends(const struct tally *t)
{
    json_t *o = json_object();

    put(o, "attempts", json_u64(t->attempts));
    for (unsigned k = END_REFUSED_TEMP; k <= END_ACCEPTED; k++)
        put(o, event_ending_name(k), json_u64(t->endings[k]));
    return o;
}

static json_t *canaries(const struct health *h)
{
    json_t *o = json_object();

    put(o, "sent", json_u64(h->canaries_sent));
    put(o, "refused", json_u64(h->canaries_refused));
    put(o, "reported", json_u64(h->canaries_reported));
    put(o, "loads_alive", json_u64(h->loads_alive));
    return o;
}

static json_t *move_health(const struct health *h)
{
    json_t *o = json_object();

    put(o, "asked", json_u64(h->moves_asked));
    put(o, "done", json_u64(h->moves_done));
    put(o, "failed", json_u64(h->moves_failed));
    put(o, "undone", json_u64(h->moves_undone));
    put(o, "verified", json_u64(h->moves_verified));
    put(o, "disproved", json_u64(h->moves_disproved));
    return o;
}

static json_t *health(const struct judgement *j)
{
    const struct tally *t = &j->tally;
    const struct health *h = &t->health;
    json_t *o = json_object(), *found = json_object(), *coverage = json_object();

    for (unsigned i = 0; i < FIND_COUNT; i++)
        put(found, event_finding_name(i), json_u64(h->findings[i]));
    put(coverage, "places", json_u64(h->places));
    put(coverage, "final", json_u64(h->places_final));
    put(o, "pacing", latency(&t->lateness));
    put(o, "canaries", canaries(h));
    put(o, "coverage", coverage);
    put(o, "findings", found);
    put(o, "moves", move_health(h));
    put(o, "not_final", json_u64(t->not_final));
    put(o, "torn", json_u64(h->torn));
    put(o, "interrupted", json_boolean(h->findings[FIND_INTERRUPTED] != 0));
    put(o, "lateness_limit_ns", json_u64(j->manifest->lateness_limit_ns));
    put(o, "max_lateness_ns", json_u64(j->manifest->max_lateness_ns));
    put(o, "saturated", json_boolean(t->saturation.any));
    put(o, "content_percent", json_u64(j->manifest->content_percent));
    put(o, "no_chunking", report_trials_json(j));
    put(o, "windows_conclusive", json_boolean(!h->windows_late));
    put(o, "ended", json_boolean(h->ended));
    put(o, "quiescent", json_boolean(h->settled));
    put(o, "queues_complete", json_boolean(h->waves_complete));
    return o;
}

/* Only where the profile has a rule; rates in parts in a billion. */
static json_t *stop_of(const struct judgement *j)
{
    const struct stop_outcome *s = &j->stop;
    json_t *o = json_object();

    put(o, "rule", json_words(stop_rule_name(s->rule)));
    put(o, "stopped", json_boolean(s->stopped));
    put(o, "claim", json_words(stop_end_name(s->claim)));
    put(o, "after_moves", json_u64(s->claim_moves));
    put(o, "holds", json_boolean(s->holds));
    put(o, "settled", json_words(stop_end_name(s->last.end)));
    put(o, "moves_read", json_u64(s->last.moves));
    put(o, "moves_counted", json_u64(s->last.seen.n));
    put(o, "moves_losing", json_u64(s->last.seen.k));
    put(o, "rate_low_ppb", json_u64((uint64_t)(s->last.rate.low * 1e9)));
    put(o, "rate_high_ppb", json_u64((uint64_t)(s->last.rate.high * 1e9 + 0.5)));
    return o;
}

static json_t *run_of(const struct manifest *m)
{
    json_t *o = json_object();
    char id[17], seed[24];

    (void)snprintf(id, sizeof id, "%016llx", (unsigned long long)m->run_id);
    (void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->seed);
    put(o, "id", json_words(id));
    put(o, "seed", json_words(seed));
    put(o, "name", json_words(m->name));
    put(o, "variant", json_words(m->variant));
    put(o, "target", json_words(m->target));
    put(o, "time_scale", json_u64(m->time_scale));
    put(o, "wall_start_ns", json_u64(m->wall_start_ns));
    return o;
}

static json_t *summary(const struct judgement *j)
{
    json_t *o = json_object();

    put(o, "schema", json_integer(SUMMARY_SCHEMA));
    put(o, "run", run_of(j->manifest));
    put(o, "verdict", json_words(verdict_name(j->verdict)));
    put(o, "exit_code", json_integer(j->exit_code));
    put(o, "reasons", reasons(j));
    put(o, "planned", json_u64(j->tally.planned));
    put(o, "classes", classes_of(j->tally.classes, true));
    put(o, "primary_classes", classes_of(j->tally.primaries, true));
    put(o, "flags", flags_of(&j->tally));
    put(o, "lost_but_alternate_delivered", json_u64(j->tally.lost_but_alternate));
    put(o, "identities", identities(j));
    put(o, "gates", gates(j));
    put(o, "sends", sends(&j->tally));
    put(o, "loads", loads(j));
    put(o, "sessions", report_sessions_json(j));
    put(o, "moves", moves(j));
    put(o, "phases", phases(&j->tally));
    put(o, "latency", latencies(&j->tally));
    put(o, "health", health(j));
    if (j->stop.rule != STOP_NEVER)
        put(o, "stop", stop_of(j));
    if (j->aims.count > 0)
        put(o, "aim", report_aim_json(j));
    return o;
}

bool judgement_print_summary(const struct judgement *j, struct buf *out, struct err *e)
{
    return json_file_print(summary(j), out, e);
}

bool judgement_write_summary(const struct judgement *j, const char *path, struct err *e)
{
    return json_file_write(summary(j), path, e);
}
