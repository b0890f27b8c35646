/* report_sessions.c - "load steady by s3: 50 connections, CHUNKING with 8 messages in flight". */
#include "results/report_sessions.h"

#include "base/text.h"
#include "results/json_file.h"

static const char *count(char out[32], uint64_t n)
{
    return text_print_count(out, 32, n);
}

/* One way of running ahead; on how many only where there are others beside it. */
static void add_mode(struct buf *out, const char *words, uint64_t n, const struct session_sum *s)
{
    char text[32];

    if (n == 0)
        return;
    buf_add_format(out, ", %s", words);
    if (n < s->connections)
        buf_add_format(out, " on %s", count(text, n));
}

static void add_chunking(struct buf *out, const struct session_sum *s)
{
    char words[120];

    (void)snprintf(words, sizeof words, "CHUNKING with %u message%s in flight%s", s->window,
                   s->window == 1 ? "" : "s", s->reset ? " and RSET ahead of each" : "");
    add_mode(out, words, s->chunking, s);
}

static void add_tls(struct buf *out, const struct session_sum *s)
{
    char text[32];

    add_mode(out, "TLS", s->tls, s);
    if (s->tls && s->resumed)
        buf_add_format(out, ", %s resumed by ticket", count(text, s->resumed));
    else if (s->tls)
        buf_add_text(out, ", every handshake in full");
}

static bool add_sum(const struct judgement *j, const struct session_sum *s, struct buf *out)
{
    const struct manifest *m = j->manifest;
    char text[32];

    buf_add_format(out, "load %s by %s: %s connection%s", m->loads[s->load].name,
                   m->servers[s->server], count(text, s->connections),
                   s->connections == 1 ? "" : "s");
    add_mode(out, "LMTP", s->lmtp, s);
    add_mode(out, "X.400 P1", s->p1, s);
    add_chunking(out, s);
    add_mode(out, "PIPELINING", s->pipelining, s);
    add_mode(out, "a command a turn", s->lockstep, s);
    add_tls(out, s);
    return buf_add_text(out, "\n");
}

bool report_sessions(const struct judgement *j, struct buf *out)
{
    const struct tally *t = &j->tally;
    bool ok = true;

    for (uint32_t i = 0; i < t->session_count; i++)
        ok = add_sum(j, &t->sessions[i], out) && ok;
    for (uint32_t i = 0; i < j->manifest->server_count; i++)
        for (unsigned k = 0; k < TRIAL_COUNT; k++)
            if (t->trials[i] >> k & 1)
                ok = buf_add_format(
                         out, "%s announces CHUNKING but failed its trial: %s; DATA was used\n",
                         j->manifest->servers[i], event_trial_words(k)) &&
                     ok;
    return ok;
}

static void put(json_t *o, const char *key, uint64_t n)
{
    (void)json_object_set_new(o, key, json_u64(n));
}

json_t *report_sessions_json(const struct judgement *j)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < j->tally.session_count; i++) {
        const struct session_sum *s = &j->tally.sessions[i];
        json_t *o = json_object();

        (void)json_object_set_new(o, "load", json_words(j->manifest->loads[s->load].name));
        (void)json_object_set_new(o, "server", json_words(j->manifest->servers[s->server]));
        put(o, "connections", s->connections);
        put(o, "tls", s->tls);
        put(o, "resumed", s->resumed);
        put(o, "lockstep", s->lockstep);
        put(o, "pipelining", s->pipelining);
        put(o, "chunking", s->chunking);
        put(o, "reset", s->reset);
        put(o, "lmtp", s->lmtp);
        put(o, "p1", s->p1);
        put(o, "window", s->window);
        (void)json_array_append_new(all, o);
    }
    return all;
}

json_t *report_trials_json(const struct judgement *j)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < j->manifest->server_count; i++)
        for (unsigned k = 0; k < TRIAL_COUNT; k++) {
            if (!(j->tally.trials[i] >> k & 1))
                continue;
            json_t *o = json_object();

            (void)json_object_set_new(o, "server", json_words(j->manifest->servers[i]));
            (void)json_object_set_new(o, "trial", json_words(event_trial_name(k)));
            (void)json_array_append_new(all, o);
        }
    return all;
}
