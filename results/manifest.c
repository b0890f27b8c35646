/* manifest.c - manifest.json, both directions; every index is checked when it is read. Any thread. */
#include "results/manifest.h"

#include <stdio.h>
#include <string.h>

#include "results/event.h"
#include "results/json_file.h"

#define MANIFEST_SCHEMA 1
#define AIM_LIMIT_NS    (3600ull * 1000000000)
#define TABLE_MAX       (1u << 24) /* entries in any table of a manifest */

/* A number that must come back whole, whatever it is. */
static json_t *hex(uint64_t n)
{
    char text[19];

    (void)snprintf(text, sizeof text, "0x%016llx", (unsigned long long)n);
    return json_string(text);
}

static json_t *put_mailboxes(const struct manifest *m)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < m->mailbox_count; i++) {
        const struct manifest_mailbox *b = &m->mailboxes[i];

        (void)json_array_append_new(all, json_pack("{so so so so sb}", "name", json_words(b->name),
                                                   "address", json_words(b->address), "home",
                                                   json_index(b->home), "alternate",
                                                   json_index(b->alternate), "both", b->both));
    }
    return all;
}

static json_t *put_loads(const struct manifest *m)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < m->load_count; i++) {
        const struct manifest_load *l = &m->loads[i];

        json_t *o = json_pack("{so so so so so so sb sb so so}", "name", json_words(l->name),
                              "protocol", json_words(l->protocol), "via", json_words(l->via),
                              "first", json_u64(l->first), "count", json_u64(l->count),
                              "recipients", json_u64(l->recipients), "alternates", l->alternates,
                              "silence_asked", l->silence_asked, "deferred_ns",
                              json_u64(l->deferred_ns), "burst_ns", json_u64(l->burst_ns));

        if (l->aim.to_ns > 0)
            (void)json_object_set_new(o, "aim",
                                      json_pack("{so so so}", "mark", json_u64(l->aim.mark),
                                                "from_ns", json_u64(l->aim.from_ns), "to_ns",
                                                json_u64(l->aim.to_ns)));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *put_moves(const struct manifest *m)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < m->move_count; i++) {
        const struct manifest_move *v = &m->moves[i];

        (void)json_array_append_new(
            all, json_pack("{so so so so so}", "mailbox", json_index(v->mailbox), "from",
                           json_index(v->from), "to", json_index(v->to), "at_ns",
                           json_u64(v->at_ns), "schedule", json_words(v->schedule)));
    }
    return all;
}

static json_t *put_lists(const struct manifest *m)
{
    json_t *servers = json_array(), *gates = json_array();

    for (uint32_t i = 0; i < m->server_count; i++)
        (void)json_array_append_new(servers, json_words(m->servers[i]));
    for (uint32_t i = 0; i < m->gate_count; i++)
        (void)json_array_append_new(gates,
                                    json_pack("{so so}", "name", json_words(m->gates[i].name),
                                              "limit", json_u64(m->gates[i].limit)));
    return json_pack("{so so so so so}", "servers", servers, "gates", gates, "mailboxes",
                     put_mailboxes(m), "loads", put_loads(m), "moves", put_moves(m));
}

static json_t *put_settings(const struct manifest *m)
{
    return json_pack("{so so so so sb so so so so so so so so}", "time_scale",
                     json_u64(m->time_scale), "stride", json_u64(m->stride), "planned_messages",
                     json_u64(m->planned_messages), "canaries", json_u64(m->canaries),
                     "queues_visible", m->queues_visible, "settle_retry_ns",
                     json_u64(m->settle_retry_ns), "lifetime_ns", json_u64(m->lifetime_ns),
                     "late_ns", json_u64(m->late_ns), "alternate_lag_ns",
                     json_u64(m->alternate_lag_ns), "cache_ns", json_u64(m->cache_ns),
                     "lateness_limit_ns", json_u64(m->lateness_limit_ns), "max_lateness_ns",
                     json_u64(m->max_lateness_ns), "content_percent", json_u64(m->content_percent));
}

/* Only where there is one: manifests of runs without read as ever. */
static bool put_stop(const struct manifest *m, json_t *root)
{
    const struct manifest_stop *s = &m->stop;

    if (s->rule == 0)
        return true;
    return json_object_set_new(root, "stop",
                               json_pack("{so so so so so so}", "rule", json_u64(s->rule),
                                         "low_ppb", json_u64(s->low_ppb), "high_ppb",
                                         json_u64(s->high_ppb), "alpha_ppb", json_u64(s->alpha_ppb),
                                         "beta_ppb", json_u64(s->beta_ppb), "silence_ns",
                                         json_u64(s->silence_ns))) == 0;
}

static bool put_prints(const struct manifest *m, json_t *root)
{
    const struct manifest_prints *p = &m->prints;

    if (p->loads == 0)
        return true;
    return json_object_set_new(root, "fingerprint",
                               json_pack("{so so so so}", "loads", hex(p->loads), "mailboxes",
                                         hex(p->mailboxes), "moves", hex(p->moves), "actions",
                                         hex(p->actions))) == 0;
}

bool manifest_write(const struct manifest *m, const char *path, struct err *e)
{
    json_t *root = json_pack("{si so so so so so so so}", "schema", MANIFEST_SCHEMA, "name",
                             json_words(m->name), "variant", json_words(m->variant), "description",
                             json_words(m->description), "target", json_words(m->target), "run_id",
                             hex(m->run_id), "seed", hex(m->seed), "wall_start_ns",
                             json_u64(m->wall_start_ns));
    json_t *settings = put_settings(m), *lists = put_lists(m);

    if (!root || !settings || !lists || json_object_update(root, settings) < 0 ||
        json_object_update(root, lists) < 0 || !put_stop(m, root) || !put_prints(m, root)) {
        json_decref(root);
        root = NULL; /* json_file_write() says so */
    }
    json_decref(settings);
    json_decref(lists);
    return json_file_write(root, path, e);
}

struct reading {
    struct arena *arena;
    const json_t *root;
    struct manifest *m;
    struct err *e;
};

/* The table `key` of at most TABLE_MAX objects; its length in *count, zeroed room of that many elements in *table. */
static bool open_table(struct reading *r, const char *key, size_t size, uint32_t *count,
                       void **table, const json_t **rows)
{
    *rows = json_object_get(r->root, key);
    if (!json_is_array(*rows) || json_array_size(*rows) > TABLE_MAX) {
        err_set(r->e, EX_BAD_PROFILE, "\"%s\" should be a list", key);
        return false;
    }
    *count = (uint32_t)json_array_size(*rows);
    *table = arena_array(r->arena, size, *count ? *count : 1);
    if (*table)
        return true;
    err_set(r->e, EX_IO, "out of memory");
    return false;
}

static bool get_mailbox(struct reading *r, const json_t *o, void *row)
{
    struct manifest_mailbox *b = row;

    return json_get_text(o, "name", r->arena, &b->name, r->e) &&
           json_get_text(o, "address", r->arena, &b->address, r->e) &&
           json_get_index(o, "home", &b->home, r->m->server_count, r->e) &&
           json_get_index(o, "alternate", &b->alternate, r->m->mailbox_count, r->e) &&
           json_get_bool(o, "both", &b->both, r->e);
}

/* What manifests of older versions do not say stays as it is. */
static bool get_newer(struct reading *r, const json_t *o, const char *key, uint64_t *n)
{
    return !json_object_get(o, key) || json_get_u64(o, key, n, r->e);
}

static bool get_aim(struct reading *r, const json_t *load, struct manifest_aim *aim)
{
    const json_t *o = json_object_get(load, "aim");

    if (!o)
        return true;
    if (!json_get_u32(o, "mark", &aim->mark, r->e) ||
        !json_get_u64(o, "from_ns", &aim->from_ns, r->e) ||
        !json_get_u64(o, "to_ns", &aim->to_ns, r->e))
        return err_wrap(r->e, "aim");
    if (aim->mark > MARK_DONE || aim->from_ns >= aim->to_ns || aim->to_ns > AIM_LIMIT_NS)
        return err_set(r->e, EX_BAD_PROFILE, "\"aim\" is at nothing");
    return true;
}

static bool get_load(struct reading *r, const json_t *o, void *row)
{
    struct manifest_load *l = row;

    if (!(json_get_text(o, "name", r->arena, &l->name, r->e) &&
          json_get_text(o, "protocol", r->arena, &l->protocol, r->e) &&
          json_get_text(o, "via", r->arena, &l->via, r->e) &&
          json_get_u64(o, "first", &l->first, r->e) && json_get_u64(o, "count", &l->count, r->e) &&
          json_get_u32(o, "recipients", &l->recipients, r->e) &&
          json_get_bool(o, "alternates", &l->alternates, r->e) &&
          json_get_bool(o, "silence_asked", &l->silence_asked, r->e) &&
          get_newer(r, o, "deferred_ns", &l->deferred_ns) &&
          get_newer(r, o, "burst_ns", &l->burst_ns) && get_aim(r, o, &l->aim)))
        return false;
    if (l->first > r->m->planned_messages || l->count > r->m->planned_messages - l->first)
        return err_set(r->e, EX_BAD_PROFILE, "its numbers leave the plan");
    if (l->recipients == 0 || l->recipients > r->m->stride ||
        (l->recipients > 1 && 2 * l->recipients > r->m->stride) ||
        (l->alternates && r->m->stride < 2))
        return err_set(r->e, EX_BAD_PROFILE, "its copies do not fit the stride");
    return true;
}

static bool get_move(struct reading *r, const json_t *o, void *row)
{
    struct manifest_move *v = row;

    return json_get_index(o, "mailbox", &v->mailbox, r->m->mailbox_count, r->e) &&
           json_get_index(o, "from", &v->from, r->m->server_count, r->e) &&
           json_get_index(o, "to", &v->to, r->m->server_count, r->e) &&
           json_get_u64(o, "at_ns", &v->at_ns, r->e) &&
           json_get_text(o, "schedule", r->arena, &v->schedule, r->e);
}

static bool get_gate(struct reading *r, const json_t *o, void *row)
{
    struct manifest_gate *g = row;

    return json_get_text(o, "name", r->arena, &g->name, r->e) &&
           json_get_u64(o, "limit", &g->limit, r->e);
}

static bool get_table(struct reading *r, const char *key, size_t size, uint32_t *count,
                      void **table, bool (*get)(struct reading *r, const json_t *o, void *row))
{
    const json_t *rows = NULL;

    if (!open_table(r, key, size, count, table, &rows))
        return false;
    for (uint32_t i = 0; i < *count; i++)
        if (!get(r, json_array_get(rows, i), (unsigned char *)*table + i * size))
            return err_wrap(r->e, "%s %u", key, i);
    return true;
}

static bool get_servers(struct reading *r)
{
    const json_t *rows = NULL;
    void *table = NULL;

    if (!open_table(r, "servers", sizeof(char *), &r->m->server_count, &table, &rows))
        return false;
    const char **names = table;

    for (uint32_t i = 0; i < r->m->server_count; i++) {
        const char *name = json_string_value(json_array_get(rows, i));

        if (!name)
            return err_set(r->e, EX_BAD_PROFILE, "\"servers\" should be names");
        names[i] = arena_text(r->arena, name, strlen(name));
        if (!names[i])
            return err_set(r->e, EX_IO, "out of memory");
    }
    r->m->servers = names;
    return true;
}

static bool get_head(struct reading *r)
{
    struct manifest *m = r->m;
    uint32_t schema = 0;

    if (!json_get_u32(r->root, "schema", &schema, r->e))
        return false;
    if (schema != MANIFEST_SCHEMA)
        return err_set(r->e, EX_BAD_PROFILE, "schema %u, this program reads %d", schema,
                       MANIFEST_SCHEMA);
    return json_get_text(r->root, "name", r->arena, &m->name, r->e) &&
           json_get_text(r->root, "variant", r->arena, &m->variant, r->e) &&
           json_get_text(r->root, "description", r->arena, &m->description, r->e) &&
           json_get_text(r->root, "target", r->arena, &m->target, r->e) &&
           json_get_hex(r->root, "run_id", &m->run_id, r->e) &&
           json_get_hex(r->root, "seed", &m->seed, r->e) &&
           json_get_u64(r->root, "wall_start_ns", &m->wall_start_ns, r->e) &&
           json_get_u32(r->root, "time_scale", &m->time_scale, r->e) &&
           json_get_u32(r->root, "stride", &m->stride, r->e) &&
           json_get_u64(r->root, "planned_messages", &m->planned_messages, r->e) &&
           json_get_u64(r->root, "canaries", &m->canaries, r->e);
}

static bool get_content(struct reading *r)
{
    uint64_t percent = 100;

    if (!get_newer(r, r->root, "content_percent", &percent))
        return false;
    if (percent > 100)
        return err_set(r->e, EX_BAD_PROFILE, "\"content_percent\" is more than 100");
    r->m->content_percent = (uint32_t)percent;
    return true;
}

static bool get_stop(struct reading *r)
{
    const json_t *o = json_object_get(r->root, "stop");
    struct manifest_stop *s = &r->m->stop;

    if (!o)
        return true;
    if (!json_get_u32(o, "rule", &s->rule, r->e) ||
        !json_get_u64(o, "low_ppb", &s->low_ppb, r->e) ||
        !json_get_u64(o, "high_ppb", &s->high_ppb, r->e) ||
        !json_get_u64(o, "alpha_ppb", &s->alpha_ppb, r->e) ||
        !json_get_u64(o, "beta_ppb", &s->beta_ppb, r->e) ||
        !json_get_u64(o, "silence_ns", &s->silence_ns, r->e))
        return err_wrap(r->e, "stop");
    return true;
}

static bool get_prints(struct reading *r)
{
    const json_t *o = json_object_get(r->root, "fingerprint");
    struct manifest_prints *p = &r->m->prints;

    if (!o || (json_get_hex(o, "loads", &p->loads, r->e) &&
               json_get_hex(o, "mailboxes", &p->mailboxes, r->e) &&
               json_get_hex(o, "moves", &p->moves, r->e) &&
               json_get_hex(o, "actions", &p->actions, r->e)))
        return true;
    return err_wrap(r->e, "fingerprint");
}

static bool get_settings(struct reading *r)
{
    struct manifest *m = r->m;

    if (m->stride == 0 || m->stride > 1024 || m->planned_messages >= 1ull << 40 ||
        m->canaries >= 1ull << 32 || m->time_scale == 0)
        return err_set(r->e, EX_BAD_PROFILE, "stride, counts or time scale are out of range");
    return json_get_bool(r->root, "queues_visible", &m->queues_visible, r->e) &&
           json_get_u64(r->root, "settle_retry_ns", &m->settle_retry_ns, r->e) &&
           json_get_u64(r->root, "lifetime_ns", &m->lifetime_ns, r->e) &&
           json_get_u64(r->root, "late_ns", &m->late_ns, r->e) &&
           json_get_u64(r->root, "alternate_lag_ns", &m->alternate_lag_ns, r->e) &&
           json_get_u64(r->root, "lateness_limit_ns", &m->lateness_limit_ns, r->e) &&
           get_newer(r, r->root, "cache_ns", &m->cache_ns) &&
           get_newer(r, r->root, "max_lateness_ns", &m->max_lateness_ns) && get_content(r) &&
           get_stop(r) && get_prints(r);
}

static bool get_tables(struct reading *r)
{
    struct manifest *m = r->m;
    const json_t *rows = NULL;
    void *boxes = NULL, *loads = NULL, *moves = NULL, *gates = NULL;

    if (!get_servers(r) ||
        /* the count first: alternates point into the same table */
        !open_table(r, "mailboxes", sizeof *m->mailboxes, &m->mailbox_count, &boxes, &rows) ||
        !get_table(r, "mailboxes", sizeof *m->mailboxes, &m->mailbox_count, &boxes, get_mailbox) ||
        !get_table(r, "loads", sizeof *m->loads, &m->load_count, &loads, get_load) ||
        !get_table(r, "moves", sizeof *m->moves, &m->move_count, &moves, get_move) ||
        !get_table(r, "gates", sizeof *m->gates, &m->gate_count, &gates, get_gate))
        return false;
    m->mailboxes = boxes;
    m->loads = loads;
    m->moves = moves;
    m->gates = gates;
    return true;
}

struct manifest *manifest_read(struct arena *a, const char *path, struct err *e)
{
    json_t *root = json_file_read(path, e);

    if (!root)
        return NULL;
    struct reading r = {a, root, arena_new(a, struct manifest, 1), e};
    bool ok = r.m ? get_head(&r) && get_settings(&r) && get_tables(&r)
                  : err_set(e, EX_IO, "out of memory");

    json_decref(root);
    if (!ok)
        err_wrap(e, "%s", path);
    return ok ? r.m : NULL;
}

uint32_t manifest_copies(const struct manifest_load *l)
{
    return l->recipients * (l->alternates ? 2 : 1);
}

uint64_t manifest_planned_copies(const struct manifest *m)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < m->load_count; i++)
        n += m->loads[i].count * manifest_copies(&m->loads[i]);
    return n;
}

bool manifest_is_ours(const struct manifest *m, uint32_t server)
{
    return strcmp(m->servers[server], MANIFEST_OURS) == 0;
}
