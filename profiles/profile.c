/* profile.c - from a file to the filled-in, checked, immutable profile. */
#include "profiles/profile.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "profiles/draft.h"

#define NAME_MAX_CHARS 40
#define MAILBOXES_MAX  1000000u
#define ENTRIES_MAX    1000u

/* What a lab brings with it; words of the profile go before these. */
static const char lab_defaults[] =
    "movers:\n"
    "  lab:\n"
    "    type: http\n"
    "    start: POST {control}/v1/move\n"
    "    body: '{\"mailbox\":\"{mailbox}\",\"from\":\"{from}\",\"to\":\"{to}\"}'\n"
    "    poll: GET {control}/v1/move?id={id}\n"
    "    period: 20ms\n"
    "probes:\n"
    "  stores: {type: imap, period: 100ms}\n"
    "  queues: {type: http, period: 250ms}\n"
    "home_lookup: {url: '{control}/v1/home?mailbox={mailbox}', period: 50ms}\n";

/* Without gates of its own a profile fails on everything that should not happen: gates_default of results/, in words. */
static const char gate_defaults[] =
    "gates: {silent-loss: 0, stranded: 0, ndr: 0, ndr-misrouted: 0, ndr-but-queued: 0,\n"
    "  left-behind: 0, vanished: 0, misdelivered: 0, corrupted: 0, contradiction: 0,\n"
    "  duplicated: 0, refused-but-taken: 0, refused-permanent: 0, silent-by-request: 0,\n"
    "  not-sent: 0, unknown: 0, identities: 0, moves-failed: 0, moves-disproved: 0,\n"
    "  actions-failed: 0}\n";

bool draft_no_memory(const struct draft *d)
{
    return err_set(d->err, EX_IO, "%s: out of memory", d->p->path);
}

const struct node *draft_entry(const struct draft *d, enum section s, const char *name)
{
    return node_find(node_find(d->root, option_sections[s].name), name);
}

/* --- the tree --------------------------------------------------------------------------------------------------- */

static bool fill_tree(struct draft *d, const char *text, size_t n)
{
    struct node *more = parse_text(d->arena, "built-in", text, n, d->err);

    return more && node_fill(d->arena, d->root, more, 1, d->err) &&
           (!node_find(more, "movers") || node_fill(d->arena, node_find(d->root, "movers"),
                                                    node_find(more, "movers"), 1, d->err));
}

static bool add_defaults(struct draft *d)
{
    const struct node *movers = node_find(d->root, "movers");

    if (movers && movers->kind != NODE_MAP)
        return node_complain(movers, d->err, "movers: expected named entries");
    if (node_find(d->root, "lab") && !fill_tree(d, lab_defaults, sizeof lab_defaults - 1))
        return false;
    return fill_tree(d, gate_defaults, sizeof gate_defaults - 1);
}

static bool check_sections(const struct draft *d)
{
    const char *names[SEC_COUNT + 1] = {"schema"};

    for (int s = SEC_RUN; s < SEC_COUNT; s++)
        names[s] = option_sections[s].name;
    for (const struct node *c = d->root->first; c; c = c->next) {
        bool known = false;

        for (int s = 0; s < SEC_COUNT; s++)
            known = known || strcmp(names[s], c->key) == 0;
        if (known)
            continue;
        const char *near = text_nearest(slice_of(c->key), names);
        return node_complain_key(c, d->err, "unknown section \"%.80s\"%s%s%s", c->key,
                                 near ? "; did you mean \"" : "", near ? near : "",
                                 near ? "\"?" : "");
    }
    return true;
}

/* A section as a map; absent or empty sections are empty maps that stand nowhere. */
static const struct node *section_map(const struct draft *d, enum section s)
{
    static const struct node nothing = {.kind = NODE_MAP, .file = "profile"};
    const struct node *n = node_find(d->root, option_sections[s].name);

    return n && !node_is_null(n) ? n : &nothing;
}

static bool fill_section(struct draft *d, enum section s, void *out)
{
    return option_fill(&d->filling, s, option_sections[s].name, section_map(d, s), out);
}

/* --- named entries ---------------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char later[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(name);

    return n > 0 && n <= NAME_MAX_CHARS && strspn(name, first) > 0 && strspn(name, later) == n;
}

static bool check_entries(const struct draft *d, enum section s, const struct node *map)
{
    const char *section = option_sections[s].name;

    if (map->kind != NODE_MAP)
        return node_complain(map, d->err, "%s: expected named entries", section);
    if (map->count > ENTRIES_MAX)
        return node_complain(map, d->err, "%s: more than %u entries", section, ENTRIES_MAX);
    for (const struct node *c = map->first; c; c = c->next)
        if (!is_name(c->key))
            return node_complain_key(
                c, d->err, "%s: \"%.80s\" is not a name (letters, digits, - and _; at most %d)",
                section, c->key, NAME_MAX_CHARS);
    return true;
}

/* Fills an array of structs whose first member is their name. */
static bool fill_entries(struct draft *d, enum section s, size_t size, void **array,
                         uint32_t *count)
{
    const struct node *map = section_map(d, s);
    char path[100];

    if (!check_entries(d, s, map))
        return false;
    unsigned char *p = arena_array(d->arena, size, map->count + 1u);
    if (!p)
        return draft_no_memory(d);
    *array = p;
    *count = map->count;
    for (const struct node *c = map->first; c; c = c->next, p += size) {
        memcpy(p, &c->key, sizeof c->key);
        (void)snprintf(path, sizeof path, "%s.%s", option_sections[s].name, c->key);
        if (!option_fill(&d->filling, s, path, c, p))
            return false;
    }
    return true;
}

#define FILL(d, s, array, count)                                                                   \
    fill_entries((d), (s), sizeof **(array), (void **)(void *)(array), (count))

/* --- run, lab, servers ------------------------------------------------------------------------------------------ */

static bool name_run(struct draft *d)
{
    struct profile *p = d->p;
    const struct node *n = node_find(section_map(d, SEC_RUN), "name");

    if (!p->name) {
        char *path = arena_text(d->arena, p->path, strlen(p->path));
        char *name = path ? basename(path) : NULL;

        if (!name)
            return draft_no_memory(d);
        size_t len = strlen(name);
        if (len > 5 && strcmp(name + len - 5, ".yaml") == 0)
            name[len - 5] = '\0';
        p->name = name;
    }
    if (!is_name(p->name))
        return node_complain(n ? n : d->root, d->err,
                             "run.name: \"%.80s\" is not a name (letters, digits, - and _; at "
                             "most %d)",
                             p->name, NAME_MAX_CHARS);
    return true;
}

struct words { /* what stands in a map of the lab's that has no table here */
    const char **names, **values;
    uint32_t count;
};

/* `first`: stands before them, unless NULL. */
static bool read_words(struct draft *d, const char *map, const char *expected, const char *first,
                       const char *value, struct words *w)
{
    const struct node *n = node_find(section_map(d, SEC_LAB), map);
    uint32_t room = (n ? n->count : 0) + 1;

    *w = (struct words){arena_new(d->arena, const char *, room),
                        arena_new(d->arena, const char *, room), 0};
    if (!w->names || !w->values)
        return draft_no_memory(d);
    if (first) {
        w->names[w->count] = first;
        w->values[w->count++] = value;
    }
    for (const struct node *k = n ? n->first : NULL; k; k = k->next) {
        if (k->kind != NODE_TEXT)
            return node_complain(k, d->err, "lab.%s.%s: expected a %s", map, k->key, expected);
        w->names[w->count] = k->key;
        w->values[w->count++] = k->text;
    }
    return true;
}

static bool fill_knobs(struct draft *d, struct lab_spec *spec)
{
    struct lab_profile *lab = &spec->lab;
    struct words knobs, plants;

    if (!read_words(d, "knobs", "value", "ndr_format", spec->ndr, &knobs) ||
        !read_words(d, "plant", "count", NULL, NULL, &plants))
        return false;
    lab->knob_names = knobs.names;
    lab->knob_values = knobs.values;
    lab->knob_count = knobs.count;
    lab->plant_names = plants.names;
    lab->plant_values = plants.values;
    lab->plant_count = plants.count;
    return true;
}

static bool lab_servers(struct draft *d, const struct lab_spec *lab)
{
    struct site *site = &d->p->site;
    const struct node *n = node_find(section_map(d, SEC_LAB), "servers");

    site->servers = arena_new(d->arena, struct server, lab->server_count);
    if (!site->servers)
        return draft_no_memory(d);
    for (uint32_t i = 0; i < lab->server_count; i++) {
        if (!is_name(lab->servers[i]) || site_server(site, lab->servers[i]) != SITE_NONE)
            return node_complain(n, d->err, "lab.servers: \"%.80s\" is no name, or a name twice",
                                 lab->servers[i]);
        site->servers[i].name = lab->servers[i];
        site->server_count = i + 1;
    }
    return true;
}

static bool fill_servers(struct draft *d)
{
    struct site *site = &d->p->site;
    const struct node *lab = node_find(d->root, "lab");
    const struct node *servers = node_find(d->root, "servers");
    struct lab_spec spec = {0};

    d->p->lab.time_scale = 1;
    if (!lab)
        return FILL(d, SEC_SERVERS, &site->servers, &site->server_count);
    if (servers)
        return node_complain_key(servers, d->err,
                                 "servers: a lab brings its own; name them in lab.servers");
    if (!fill_section(d, SEC_LAB, &spec) || !fill_knobs(d, &spec))
        return false;
    d->p->lab = spec.lab;
    d->p->lab.on = true;
    site->domain = spec.domain;
    return lab_servers(d, &spec);
}

/* --- mailboxes -------------------------------------------------------------------------------------------------- */

/* Fills {name}, {n} and {address} into a pattern. */
static const char *expand(struct draft *d, const char *pattern, const struct mailbox *m)
{
    struct buf b;
    bool ok = true;

    buf_init(&b, 1024);
    for (const char *p = pattern; ok && *p;) {
        if (strncmp(p, "{name}", 6) == 0) {
            ok = buf_add_text(&b, m->name);
            p += 6;
        } else if (strncmp(p, "{n}", 3) == 0) {
            ok = buf_add_format(&b, "%u", m->index + 1);
            p += 3;
        } else if (strncmp(p, "{address}", 9) == 0) {
            ok = buf_add_text(&b, m->address ? m->address : "");
            p += 9;
        } else {
            ok = buf_add(&b, p++, 1);
        }
    }
    const char *text = ok ? arena_text(d->arena, (const char *)b.p, b.n) : NULL;
    buf_fini(&b);
    return text;
}

/* One for all of a group, so that people who try the lab out need to know only one. */
static const char *lab_password(struct draft *d, const char *name)
{
    struct hash_key key = {d->p->seed, 0x70617373};

    return arena_format(d->arena, "pw-%012" PRIx64, hash_siphash(&key, name, strlen(name)) >> 16);
}

static bool make_mailbox(struct draft *d, const struct mailbox_spec *spec, uint32_t group,
                         uint32_t index)
{
    const struct group *g = &d->p->site.groups[group];
    struct mailbox *m = &d->p->site.mailboxes[g->first + index];

    *m = (struct mailbox){.group = group,
                          .index = index,
                          .home = spec->home,
                          .alternate = SITE_NONE,
                          .both = spec->both,
                          .stock_ns = spec->stock_ns};
    m->name = g->count == 1 ? g->name : arena_format(d->arena, "%s-%u", g->name, index + 1);
    if (!m->name)
        return draft_no_memory(d);
    if (spec->address)
        m->address = expand(d, spec->address, m);
    else if (m->home == site_ours(&d->p->site))
        m->address = arena_format(d->arena, "%s@" SITE_OURS ".%s", m->name, d->p->site.domain);
    else
        m->address = arena_format(d->arena, "%s@%s", m->name, d->p->site.domain);
    m->user = m->address ? expand(d, spec->user, m) : NULL;
    m->password = spec->password;
    if (!m->password && d->p->lab.on)
        m->password = lab_password(d, g->name);
    return (m->address && m->user) || draft_no_memory(d);
}

static bool make_mailboxes(struct draft *d, const struct mailbox_spec *specs)
{
    struct site *s = &d->p->site;

    for (uint32_t g = 0; g < s->group_count; g++)
        for (uint32_t i = 0; i < s->groups[g].count; i++)
            if (!make_mailbox(d, &specs[g], g, i))
                return false;
    for (uint32_t i = 0; i < s->mailbox_count; i++) {
        struct mailbox *m = &s->mailboxes[i];
        uint32_t other = specs[m->group].alternate;

        if (other != SITE_NONE)
            m->alternate = s->groups[other].first + m->index % s->groups[other].count;
    }
    return site_index(s, d->arena) || draft_no_memory(d);
}

static bool fill_group(struct draft *d, const struct node *n, uint32_t group,
                       struct mailbox_spec *spec)
{
    struct site *s = &d->p->site;
    char path[100];

    (void)snprintf(path, sizeof path, "mailboxes.%s", n->key);
    if (!option_fill(&d->filling, SEC_MAILBOXES, path, n, spec))
        return false;
    if (!spec->address && !d->p->lab.on)
        return node_complain_key(n, d->err,
                                 "%s: \"address\" is missing, such as {name}@example.com", path);
    if (spec->alternate == group)
        return node_complain(node_find(n, "alternate"), d->err,
                             "%s.alternate: nobody is his own alternate", path);
    s->groups[group].first = s->mailbox_count;
    s->groups[group].count = spec->count;
    s->mailbox_count += spec->count;
    if (s->mailbox_count > MAILBOXES_MAX)
        return node_complain(n, d->err, "mailboxes: more than %u in all", MAILBOXES_MAX);
    return true;
}

static bool fill_mailboxes(struct draft *d)
{
    const struct node *map = section_map(d, SEC_MAILBOXES);
    struct site *s = &d->p->site;
    uint32_t g = 0;

    if (!check_entries(d, SEC_MAILBOXES, map))
        return false;
    struct mailbox_spec *specs = arena_new(d->arena, struct mailbox_spec, map->count + 1u);
    s->groups = arena_new(d->arena, struct group, map->count + 1u);
    if (!specs || !s->groups)
        return draft_no_memory(d);
    for (const struct node *n = map->first; n; n = n->next)
        s->groups[s->group_count++].name = n->key;
    for (const struct node *n = map->first; n; n = n->next, g++)
        if (!fill_group(d, n, g, &specs[g]))
            return false;
    s->mailboxes = arena_new(d->arena, struct mailbox, s->mailbox_count + 1u);
    return s->mailboxes ? make_mailboxes(d, specs) : draft_no_memory(d);
}

/* --- what happens ----------------------------------------------------------------------------------------------- */

static bool fill_moves(struct draft *d)
{
    struct profile *p = d->p;

    if (!FILL(d, SEC_MOVERS, &p->movers, &p->mover_count))
        return false;
    const char **names = arena_new(d->arena, const char *, p->mover_count + 1u);
    if (!names)
        return draft_no_memory(d);
    uint32_t lab = SITE_NONE;
    for (uint32_t i = 0; i < p->mover_count; i++) {
        names[i] = p->movers[i].name;
        lab = strcmp(names[i], "lab") == 0 ? i : lab;
    }
    d->filling.mover_names = names;
    if (!FILL(d, SEC_MOVES, &p->moves, &p->move_count))
        return false;
    for (uint32_t i = 0; i < p->move_count; i++) {
        struct move_profile *m = &p->moves[i];
        const struct node *n = draft_entry(d, SEC_MOVES, m->name);

        if (!node_find(n, "mover")) {
            if (!p->lab.on || lab == SITE_NONE)
                return node_complain_key(n, d->err, "moves.%s: \"mover\" is missing", m->name);
            m->mover = lab;
        }
        for (uint32_t g = 0; !node_find(n, "count") && g < m->group_count; g++) {
            uint32_t size = p->site.groups[m->groups[g]].count;

            m->count = size > m->count ? size : m->count;
        }
    }
    return true;
}

/* Does it read this mailbox there? */
static bool store_fits(const struct site *s, const struct probe_profile *how, uint32_t mailbox,
                       uint32_t server)
{
    bool here = how->server_count == 0 || server == SITE_NONE, his = how->group_count == 0;

    for (uint32_t i = 0; i < how->server_count && !here; i++)
        here = strcmp(how->servers[i], s->servers[server].name) == 0;
    for (uint32_t i = 0; i < how->group_count && !his; i++)
        his = how->groups[i] == s->mailboxes[mailbox].group;
    return here && his;
}

const struct probe_profile *profile_store(const struct profile *p, uint32_t mailbox,
                                          uint32_t server)
{
    const struct probe_profile *rest = NULL;

    for (uint32_t i = 0; i < p->probe_count; i++) {
        const struct probe_profile *how = &p->probes[i];

        if (probe_lists_queues(how->type) || !store_fits(&p->site, how, mailbox, server))
            continue;
        if (how->server_count > 0 || how->group_count > 0)
            return how;
        rest = rest ? rest : how;
    }
    return rest;
}

static bool fill_probes(struct draft *d)
{
    static const uint64_t periods_ms[] = {[PROBE_IMAP] = 100,
                                          [PROBE_QUEUE_HTTP] = 250,
                                          [PROBE_QUEUE_EXEC] = 1000,
                                          [PROBE_MAILDIR] = 100,
                                          [PROBE_MBOX] = 100,
                                          [PROBE_POP3] = 250,
                                          [PROBE_QUEUE_POSTFIX] = 1000,
                                          [PROBE_QUEUE_EXIM] = 1000,
                                          [PROBE_QUEUE_OPENSMTPD] = 1000,
                                          [PROBE_QUEUE_SENDMAIL] = 1000,
                                          [PROBE_QUEUE_EXCHANGE] = 10000};
    struct profile *p = d->p;

    if (!FILL(d, SEC_PROBES, &p->probes, &p->probe_count))
        return false;
    for (uint32_t i = 0; i < p->probe_count; i++)
        if (p->probes[i].period_real_ns == 0)
            p->probes[i].period_real_ns = periods_ms[p->probes[i].type] * 1000000;
    p->home_lookup.on = section_map(d, SEC_HOME_LOOKUP)->count > 0;
    return !p->home_lookup.on || fill_section(d, SEC_HOME_LOOKUP, &p->home_lookup);
}

static const struct gate_name *gate_of(const struct draft *d, const struct node *n)
{
    const char *names[64] = {0};
    const struct gate_name *g = profile_gates;

    for (int i = 0; g[i].name; i++)
        names[i] = g[i].name;
    while (g->name && strcmp(g->name, n->key) != 0)
        g++;
    if (g->name)
        return g;
    const char *near = text_nearest(slice_of(n->key), names);

    (void)node_complain_key(n, d->err, "gates: unknown gate \"%.80s\"%s%s%s", n->key,
                            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

static bool fill_gate(const struct draft *d, const struct node *n, const struct gate_name *g,
                      struct gate_profile *out)
{
    bool ok = n->kind == NODE_TEXT;
    struct slice text = slice_of(ok ? n->text : "");
    out->name = g->name;
    ok = ok && (g->is_duration ? text_duration(text, &out->limit, NULL)
                               : text_u64(text, &out->limit, NULL));
    return ok || node_complain(n, d->err, "gates.%s: expected %s, got \"%.80s\"", n->key,
                               g->is_duration ? "a duration such as 10ms" : "a whole number",
                               n->kind == NODE_TEXT ? n->text : "...");
}

static bool fill_gates(struct draft *d)
{
    const struct node *map = section_map(d, SEC_GATES);
    struct profile *p = d->p;

    if (map->kind != NODE_MAP)
        return node_complain(map, d->err, "gates: expected a map such as {silent-loss: 0}");
    p->gates = arena_new(d->arena, struct gate_profile, map->count + 1u);
    if (!p->gates)
        return draft_no_memory(d);
    for (const struct node *n = map->first; n; n = n->next) {
        const struct gate_name *g = gate_of(d, n);

        if (!g || (!node_is_null(n) && !fill_gate(d, n, g, &p->gates[p->gate_count])))
            return false;
        p->gate_count += !node_is_null(n);
    }
    return true;
}

static bool fill_all(struct draft *d)
{
    struct profile *p = d->p;
    struct top_spec top;

    return option_fill(&d->filling, SEC_TOP, "", d->root, &top) && check_sections(d) &&
           fill_section(d, SEC_RUN, p) && name_run(d) && fill_servers(d) &&
           x400_add_ours(d, section_map(d, SEC_MAILBOXES)) &&
           x400_fill(d, section_map(d, SEC_X400)) && fill_section(d, SEC_LISTEN, &p->listen) &&
           fill_mailboxes(d) && fill_moves(d) && FILL(d, SEC_LOAD, &p->loads, &p->load_count) &&
           x400_loads(d) && FILL(d, SEC_ACTIONS, &p->actions, &p->action_count) && fill_probes(d) &&
           fill_section(d, SEC_SETTLE, p) && fill_gates(d) &&
           fill_section(d, SEC_SAFETY, &p->safety);
}

/* --- load ------------------------------------------------------------------------------------------------------- */

static const char *find_file(struct arena *a, const char *path, struct err *e)
{
    const char *found = profile_find(a, path);

    if (found || strchr(path, '/') || strstr(path, ".yaml") || access(path, R_OK) == 0)
        return found ? found : path;
    const char *const *names = profile_shipped(a);
    const char *near = names ? text_nearest(slice_of(path), names) : NULL;
    (void)err_set(e, EX_BAD_PROFILE, "no file and no shipped profile is called \"%.100s\"%s%s%s",
                  path, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

static bool begin(struct draft *d, const char *path)
{
    const char *slash = strrchr(path, '/');

    d->filling = (struct filling){
        .arena = d->arena,
        .err = d->err,
        .site = &d->p->site,
        .folder = slash ? arena_text(d->arena, path, (size_t)(slash - path)) : ".",
    };
    d->p->path = arena_text(d->arena, path, strlen(path));
    if (!d->filling.folder || !d->p->path)
        return err_set(d->err, EX_IO, "%s: out of memory", path);
    d->root = parse_file(d->arena, path, d->err);
    if (d->root && d->root->kind != NODE_MAP)
        return node_complain(d->root, d->err, "expected sections such as run:, lab:, load:");
    d->p->tree = d->root;
    return d->root != NULL;
}

struct profile *profile_load(struct arena *a, const struct profile_request *rq, struct err *e)
{
    struct draft d = {.arena = a, .err = e, .p = arena_new(a, struct profile, 1)};
    const char *path = find_file(a, rq->path, e);

    if (!path)
        return NULL;
    if (!d.p) {
        (void)err_set(e, EX_IO, "%s: out of memory", path);
        return NULL;
    }
    bool ok = begin(&d, path) && add_defaults(&d) && variant_list(&d) && variant_apply(&d, rq) &&
              fill_all(&d) && draft_check(&d);
    return ok ? d.p : NULL;
}
