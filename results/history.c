/* history.c - homes, alternates and moves as sorted tables with one range of rows per mailbox. */
#include "results/history.h"

#include <stdlib.h>
#include <string.h>

#include "results/ledger_private.h"

struct config { /* an alternate in force from t on */
    uint64_t t_ns;
    uint32_t mailbox, alternate;
    bool both;
};

struct pair { /* (mailbox, something), sorted by mailbox, then by it */
    uint32_t mailbox, value;
};

struct history {
    const struct manifest *m;
    const struct ledger *l;
    uint32_t *home; /* per mailbox */
    uint32_t *server_first, *servers;
    uint32_t *config_first;
    struct config *configs;
    uint32_t *move_first, *moves;
    bool *is_alternate;
    bool resumed;
    uint32_t cut; /* torn ends of journals */
};

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

const char *move_phase_name(enum move_phase p)
{
    static const char *const names[] = {"outside", "before",  "asked",
                                        "copying", "flipped", "after"};

    return names[p];
}

static int pairs_in_order(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return a->mailbox != b->mailbox ? ORDER(a->mailbox, b->mailbox) : ORDER(a->value, b->value);
}

/* Sorted pairs to a table of values with the first row of each mailbox; repetitions are dropped. */
static bool build_table(struct pair *pairs, size_t n, uint32_t mailboxes, uint32_t **first,
                        uint32_t **values)
{
    uint32_t used = 0;
    size_t i = 0;

    *first = calloc(mailboxes + 1ul, sizeof **first);
    *values = calloc(n + 1, sizeof **values);
    if (!*first || !*values)
        return false;
    if (n)
        qsort(pairs, n, sizeof *pairs, pairs_in_order);
    for (uint32_t box = 0; box < mailboxes; box++) {
        (*first)[box] = used;
        for (; i < n && pairs[i].mailbox == box; i++)
            if (used == (*first)[box] || (*values)[used - 1] != pairs[i].value)
                (*values)[used++] = pairs[i].value;
    }
    (*first)[mailboxes] = used;
    return true;
}

static bool was_asked(const struct history *h, uint32_t move)
{
    return h->l->marks[move][MARK_ASKED] != 0 && h->m->moves[move].mailbox != NO_INDEX;
}

/* The newest EV_HOME is the home; every home ever named, and both ends of every move asked for, are places to look. */
static bool build_homes(struct history *h)
{
    const struct manifest *m = h->m;
    struct event *homes = bag_sorted(&h->l->homes);
    size_t room = m->mailbox_count + (size_t)h->l->homes.count + 2ul * m->move_count, n = 0;
    struct pair *pairs = calloc(room + 1, sizeof *pairs);
    bool ok = pairs && (homes || !h->l->homes.count);

    for (uint32_t i = 0; ok && i < m->mailbox_count; i++) {
        h->home[i] = m->mailboxes[i].home;
        if (h->home[i] != NO_INDEX)
            pairs[n++] = (struct pair){i, h->home[i]};
    }
    for (uint32_t i = 0; ok && i < h->l->homes.count; i++) {
        h->home[homes[i].a] = homes[i].place;
        pairs[n++] = (struct pair){homes[i].a, homes[i].place};
    }
    for (uint32_t i = 0; ok && i < m->move_count; i++) {
        if (!was_asked(h, i))
            continue;
        if (m->moves[i].from != NO_INDEX)
            pairs[n++] = (struct pair){m->moves[i].mailbox, m->moves[i].from};
        if (m->moves[i].to != NO_INDEX)
            pairs[n++] = (struct pair){m->moves[i].mailbox, m->moves[i].to};
    }
    ok = ok && build_table(pairs, n, m->mailbox_count, &h->server_first, &h->servers);
    free(homes);
    free(pairs);
    return ok;
}

static int configs_in_order(const void *left, const void *right)
{
    const struct config *a = left, *b = right;
    int order = ORDER(a->mailbox, b->mailbox);

    order = order ? order : ORDER(a->t_ns, b->t_ns);
    order = order ? order : ORDER(a->alternate, b->alternate);
    return order ? order : ORDER(a->both, b->both);
}

static bool same_config(const struct config *a, const struct config *b)
{
    return a->alternate == b->alternate && (a->alternate == NO_INDEX || a->both == b->both);
}

/* Each mailbox begins with the manifest's configuration; what changes nothing is dropped. */
static bool build_configs(struct history *h)
{
    const struct manifest *m = h->m;
    struct event *changes = bag_sorted(&h->l->alternates);
    uint32_t count = h->l->alternates.count, used = 0, next = 0;
    struct config *sorted = calloc(count + 1ul, sizeof *sorted);
    bool ok = sorted && (changes || !count);

    h->configs = calloc(m->mailbox_count + (size_t)count + 1, sizeof *h->configs);
    h->config_first = calloc(m->mailbox_count + 1ul, sizeof *h->config_first);
    ok = ok && h->configs && h->config_first;
    for (uint32_t i = 0; ok && i < count; i++)
        sorted[i] = (struct config){changes[i].t_ns, changes[i].a, changes[i].b,
                                    (changes[i].code & 1) != 0};
    if (ok && count)
        qsort(sorted, count, sizeof *sorted, configs_in_order);
    for (uint32_t box = 0; ok && box < m->mailbox_count; box++) {
        const struct manifest_mailbox *b = &m->mailboxes[box];

        h->config_first[box] = used;
        h->configs[used++] = (struct config){0, box, b->alternate, b->both};
        for (; next < count && sorted[next].mailbox == box; next++)
            if (!same_config(&h->configs[used - 1], &sorted[next]))
                h->configs[used++] = sorted[next];
    }
    if (ok)
        h->config_first[m->mailbox_count] = used;
    for (uint32_t i = 0; ok && i < used; i++)
        if (h->configs[i].alternate != NO_INDEX)
            h->is_alternate[h->configs[i].alternate] = true;
    free(changes);
    free(sorted);
    return ok;
}

static bool build_moves(struct history *h)
{
    const struct manifest *m = h->m;
    struct pair *pairs = calloc(m->move_count + 1ul, sizeof *pairs);
    size_t n = 0;

    for (uint32_t i = 0; pairs && i < m->move_count; i++)
        if (was_asked(h, i))
            pairs[n++] = (struct pair){m->moves[i].mailbox, i};
    bool ok = pairs && build_table(pairs, n, m->mailbox_count, &h->move_first, &h->moves);

    free(pairs);
    return ok;
}

static void read_deaths(struct history *h)
{
    const struct bag *bag = &h->l->unwatched;

    for (uint32_t i = 0; i < bag->count; i++) {
        h->resumed |= bag->all[i].code == UNWATCHED_RESUMED;
        h->cut += bag->all[i].place;
    }
}

struct history *history_create(const struct ledger *l, struct err *e)
{
    struct history *h = calloc(1, sizeof *h);
    size_t boxes = l->manifest->mailbox_count + 1ul;

    if (h) {
        h->m = l->manifest;
        h->l = l;
        read_deaths(h);
        h->home = calloc(boxes, sizeof *h->home);
        h->is_alternate = calloc(boxes, sizeof *h->is_alternate);
        if (h->home && h->is_alternate && build_homes(h) && build_configs(h) && build_moves(h))
            return h;
    }
    err_set(e, EX_IO, "out of memory for the site's history");
    history_destroy(h);
    return NULL;
}

void history_destroy(struct history *h)
{
    if (!h)
        return;
    free(h->home);
    free(h->server_first);
    free(h->servers);
    free(h->config_first);
    free(h->configs);
    free(h->move_first);
    free(h->moves);
    free(h->is_alternate);
    free(h);
}

uint32_t history_home(const struct history *h, uint32_t mailbox)
{
    return h->home[mailbox];
}

uint32_t history_servers(const struct history *h, uint32_t mailbox, const uint32_t **servers)
{
    *servers = h->servers + h->server_first[mailbox];
    return h->server_first[mailbox + 1] - h->server_first[mailbox];
}

bool history_is_alternate(const struct history *h, uint32_t mailbox)
{
    return h->is_alternate[mailbox];
}

static uint64_t add_ns(uint64_t a, uint64_t b)
{
    return b > NEVER_NS - a ? NEVER_NS : a + b;
}

/* In force around t: caches may still hold what was changed up to the lag before, and a message accepted just before a
 * change may be expanded just after it (on its way for as long as is not yet late). */
static bool in_force(const struct history *h, uint32_t at, uint32_t end, uint64_t t_ns,
                     uint64_t deferred_ns)
{
    uint64_t from = h->configs[at].t_ns, lag = h->m->alternate_lag_ns;
    uint64_t until = at + 1 < end ? h->configs[at + 1].t_ns : NEVER_NS;
    uint64_t ahead = add_ns(add_ns(t_ns, deferred_ns), h->m->late_ns);

    return from <= ahead && (until == NEVER_NS || until > (t_ns > lag ? t_ns - lag : 0));
}

struct alternates history_alternates(const struct history *h, uint32_t recipient, uint64_t t_ns,
                                     uint64_t deferred_ns)
{
    struct alternates out = {.alternate = BARRED, .mailbox = NO_INDEX};
    uint32_t end = h->config_first[recipient + 1];
    uint32_t set = 0, redirects = 0;
    bool one = true;

    for (uint32_t i = h->config_first[recipient]; i < end; i++) {
        const struct config *c = &h->configs[i];

        if (!in_force(h, i, end, t_ns, deferred_ns))
            continue;
        if (out.count++ == 0)
            out.first = i;
        if (c->alternate == NO_INDEX)
            continue;
        redirects += !c->both;
        if (set++ && out.mailbox != c->alternate)
            one = false;
        if (c->t_ns <= t_ns || out.mailbox == NO_INDEX)
            out.mailbox = c->alternate;
    }
    out.primary = redirects == 0 ? OWED : redirects < out.count ? ALLOWED : BARRED;
    if (set)
        out.alternate = one && set == out.count ? OWED : ALLOWED;
    return out;
}

bool history_role(const struct history *h, uint32_t recipient, const struct alternates *now,
                  uint32_t mailbox, enum owed *role)
{
    for (uint32_t i = now->first; i < now->first + now->count; i++)
        if (h->configs[i].alternate == mailbox) {
            *role = now->alternate;
            return true;
        }
    *role = BARRED;
    for (uint32_t i = h->config_first[recipient]; i < h->config_first[recipient + 1]; i++)
        if (h->configs[i].alternate == mailbox)
            return true;
    return false;
}

void history_each_alternate(const struct history *h, uint32_t recipient,
                            void (*each)(void *owner, uint32_t alternate), void *owner)
{
    for (uint32_t i = h->config_first[recipient]; i < h->config_first[recipient + 1]; i++)
        if (h->configs[i].alternate != NO_INDEX)
            each(owner, h->configs[i].alternate);
}

static uint64_t mark(const struct history *h, uint32_t move, enum move_mark m)
{
    uint64_t plus_one = h->l->marks[move][m];

    return plus_one ? plus_one - 1 : NEVER_NS;
}

static uint64_t move_end(const struct history *h, uint32_t move)
{
    uint64_t done = mark(h, move, MARK_DONE), failed = mark(h, move, MARK_FAILED);

    return done < failed ? done : failed;
}

static struct nearest_move relate(const struct history *h, uint32_t move, uint64_t t_ns,
                                  uint64_t *distance)
{
    uint64_t asked = mark(h, move, MARK_ASKED), end = move_end(h, move);
    uint64_t copy = mark(h, move, MARK_COPY), flip = mark(h, move, MARK_FLIPPED);
    struct nearest_move n = {.move = move, .phase_ns = (int64_t)(t_ns - asked)};

    n.during = t_ns >= asked && t_ns <= end;
    *distance = t_ns < asked ? asked - t_ns : n.during ? 0 : t_ns - end;
    if (t_ns < asked)
        n.phase = MOVE_BEFORE;
    else if (!n.during)
        n.phase = MOVE_AFTER;
    else if (t_ns >= flip)
        n.phase = MOVE_FLIPPED;
    else
        n.phase = t_ns >= copy ? MOVE_COPYING : MOVE_ASKED;
    return n;
}

bool history_is_moved(const struct history *h, uint32_t mailbox)
{
    return mailbox != NO_INDEX && h->move_first[mailbox] != h->move_first[mailbox + 1];
}

struct nearest_move history_move(const struct history *h, uint32_t mailbox, uint64_t t_ns)
{
    struct nearest_move best = {.move = NO_INDEX};
    uint64_t best_distance = MOVE_REACH_NS + 1;

    if (mailbox == NO_INDEX || t_ns == NEVER_NS)
        return best;
    for (uint32_t i = h->move_first[mailbox]; i < h->move_first[mailbox + 1]; i++) {
        uint64_t distance;
        struct nearest_move n = relate(h, h->moves[i], t_ns, &distance);

        if (distance < best_distance) {
            best = n;
            best_distance = distance;
        }
    }
    return best;
}

uint64_t history_moving(const struct history *h, uint32_t mailbox, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t moving = 0;

    if (mailbox == NO_INDEX || from_ns >= to_ns)
        return 0;
    for (uint32_t i = h->move_first[mailbox]; i < h->move_first[mailbox + 1]; i++) {
        uint64_t asked = mark(h, h->moves[i], MARK_ASKED), end = move_end(h, h->moves[i]);
        uint64_t first = asked > from_ns ? asked : from_ns, last = end < to_ns ? end : to_ns;

        moving += last > first ? last - first : 0;
    }
    return moving < to_ns - from_ns ? moving : to_ns - from_ns;
}

bool history_resumed(const struct history *h)
{
    return h->resumed;
}

bool history_move_is_unverified(const struct history *h, uint32_t move)
{
    const uint64_t *marks = h->l->marks[move];

    return marks[MARK_ASKED] && !marks[MARK_VERIFIED] && !marks[MARK_DISPROVED];
}

/* Asked for, and no end is on record. */
static bool is_open(const struct history *h, uint32_t move)
{
    const uint64_t *marks = h->l->marks[move];

    return history_move_is_unverified(h, move) && !marks[MARK_DONE] && !marks[MARK_FAILED];
}

uint64_t history_last_moved(const struct history *h, uint32_t mailbox)
{
    uint64_t last = 0;

    for (uint32_t i = h->move_first[mailbox]; i < h->move_first[mailbox + 1]; i++) {
        if (h->resumed && is_open(h, h->moves[i]))
            return NEVER_NS;
        for (enum move_mark m = MARK_ASKED; m <= MARK_FAILED; m++) {
            uint64_t t = mark(h, h->moves[i], m);

            if (t != NEVER_NS && t > last)
                last = t;
        }
    }
    return last;
}

uint64_t history_unwatched(const struct history *h, uint64_t from_ns, uint64_t to_ns)
{
    const struct bag *bag = &h->l->unwatched;
    uint64_t all = 0;

    for (uint32_t i = 0; i < bag->count; i++) {
        uint64_t end = bag->all[i].t_ns, begin = end - bag->all[i].slot;
        uint64_t first = begin > from_ns ? begin : from_ns, last = end < to_ns ? end : to_ns;

        all += last > first ? last - first : 0;
    }
    return all;
}

bool history_died_between(const struct history *h, uint32_t seen, uint32_t reset)
{
    const struct bag *bag = &h->l->unwatched;

    for (uint32_t i = 0; h->resumed && i < bag->count; i++)
        if (bag->all[i].code == UNWATCHED_RESUMED && seen - 1 <= bag->all[i].a &&
            reset - 1 > bag->all[i].a)
            return true;
    return false;
}

uint32_t history_cut(const struct history *h)
{
    return h->cut;
}
