/* muster.c - the places that could hold a copy, and the arming of them all.
 *
 * Mailboxes that matter are recipients and originators of loads, their alternates (also those that an action will set), and
 * whatever is moved: each role only if the profile's `places` ask for it, moved ones always, since their moves are verified
 * by log-on. Places are opened once and kept: an old home stays under watch to the end. Mailboxes at our own MTA have one place.
 */
#include "probes/muster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/correlate.h"
#include "probes/muster_private.h"
#include "probes/p1_listener.h"
#include "probes/smtp_listener.h"

#define FAILURES_MAX 3
#define ARM_LIMIT_NS (30 * NS_PER_S)

uint64_t muster_now(const struct muster *m)
{
    return loop_now(m->probe.loop);
}

uint64_t muster_target_now(const struct muster *m)
{
    return clock_target(m->probe.clock, muster_now(m));
}

void muster_wake(struct muster *m)
{
    if (m->arming || m->verifying_count > 0 || m->settle.step != SETTLE_NOT)
        timer_arm(m->probe.loop, &m->step, muster_now(m));
}

/* Places. */

static void on_scanned(struct probe *p)
{
    struct place *place = p->owner;

    if (place->mailbox == SITE_NONE)
        settle_queue_scanned(place->muster, place);
    muster_wake(place->muster);
}

static struct probe *open_probe(struct muster *m, const struct probe_ops *ops,
                                const struct probe_profile *how, struct place *place, struct err *e)
{
    struct probe *p = ops->open(&m->probe, how, place->mailbox, place->server, e);

    if (p) {
        p->scanned = on_scanned;
        p->owner = place;
    }
    return p;
}

static void cannot_open(struct muster *m, uint32_t mailbox, uint32_t server)
{
    m->uncovered++;
    (void)journal_add(m->probe.journal, &(struct event){.t_ns = muster_target_now(m),
                                                        .kind = EV_FINDING,
                                                        .place = (uint16_t)server,
                                                        .code = FIND_PROBE_FAILED,
                                                        .a = mailbox});
}

static bool keep_place(struct muster *m, struct place *place)
{
    if (m->place_count == m->place_room) {
        uint32_t room = m->place_room ? m->place_room * 2 : 64;
        struct place **p = realloc(m->places, room * sizeof(struct place *));

        if (!p)
            return false;
        m->places = p;
        m->place_room = room;
    }
    m->places[m->place_count++] = place;
    m->at[(size_t)place->mailbox * m->site->server_count + place->server] = place;
    return true;
}

bool muster_is_ours(const struct muster *m, uint32_t mailbox)
{
    return m->site->servers[m->site->mailboxes[mailbox].home].ours;
}

bool muster_looks_up(const struct muster *m, uint32_t mailbox)
{
    return m->lookup && m->matters[mailbox] && !muster_is_ours(m, mailbox);
}

static const struct probe_ops *driver(const struct muster *m, const char *name)
{
    const struct probe_ops *const *table = m->context.drivers ? m->context.drivers : probe_table;

    while (*table && strcmp((*table)->name, name) != 0)
        table++;
    return *table;
}

/* NULL: nobody reads it. */
static const struct probe_ops *store_ops(const struct muster *m, const struct probe_profile *how)
{
    return how ? driver(m, probe_type_names[how->type]) : NULL;
}

struct place *muster_place(struct muster *m, uint32_t mailbox, uint32_t server, struct err *e)
{
    bool ours = m->site->servers[server].ours;
    const struct probe_profile *how = ours ? NULL : profile_store(m->profile, mailbox, server);
    const struct probe_ops *ops = ours ? m->our_ops : store_ops(m, how);

    if (!(ours ? ops != NULL : m->stores) || !m->matters[mailbox] ||
        muster_is_ours(m, mailbox) != ours)
        return NULL;
    struct place *place = m->at[(size_t)mailbox * m->site->server_count + server];

    if (place)
        return place->probe ? place : NULL;
    place = calloc(1, sizeof *place);
    PM_MEMORY(place);
    *place = (struct place){.muster = m, .mailbox = mailbox, .server = server};
    PM_MEMORY(keep_place(m, place));
    place->probe = ops ? open_probe(m, ops, how, place, e) : NULL;
    if (place->probe)
        return place;
    cannot_open(m, mailbox, server); /* once: the place is kept without a probe */
    return NULL;
}

void muster_new_home(struct muster *m, uint32_t mailbox, uint32_t home)
{
    bool changed = m->home[mailbox] != home;
    struct err e;

    m->home[mailbox] = home;
    (void)muster_place(m, mailbox, home, &e);
    if (changed && m->context.home_seen)
        m->context.home_seen(m->context.owner, mailbox, home, muster_target_now(m));
}

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    struct muster *m = owner;

    m->look_failed[mailbox] = a->failures;
    if (a->ok) {
        m->looked_ns[mailbox] = a->begin_ns;
        m->differ[mailbox] = a->differ;
        if (a->was == SITE_NONE) /* the first answer corrects the profile, it is no change */
            m->home[mailbox] = a->home;
        muster_new_home(m, mailbox, a->home);
    } else {
        (void)snprintf(m->look_why, sizeof m->look_why, "%s", a->why);
    }
    settle_answered(m, mailbox, a);
    muster_wake(m);
}

/* Who matters. */

/* In this role, for whoever reads it: a mailbox that nobody reads matters, and cannot be opened. */
static void mailbox_matters(struct muster *m, uint32_t mailbox, unsigned role)
{
    unsigned places = 0;

    for (uint32_t i = 0; i < m->site->server_count; i++) {
        const struct probe_profile *how = profile_store(m->profile, mailbox, i);

        places |= how ? how->places : 0;
    }
    if (places == 0 || (places & role))
        m->matters[mailbox] = true;
}

static void group_matters(struct muster *m, uint32_t group, unsigned role)
{
    if (group == SITE_NONE)
        return;
    const struct group *g = &m->site->groups[group];

    for (uint32_t i = 0; i < g->count; i++)
        mailbox_matters(m, g->first + i, role);
}

static void alternates_matter(struct muster *m, const struct load_profile *load)
{
    for (uint32_t i = 0; i < load->to_count; i++) {
        const struct group *g = &m->site->groups[load->to[i]];

        for (uint32_t k = 0; k < g->count; k++) {
            uint32_t alternate = m->site->mailboxes[g->first + k].alternate;

            if (alternate != SITE_NONE)
                mailbox_matters(m, alternate, PLACE_ALTERNATE);
        }
    }
    for (uint32_t i = 0; i < m->profile->action_count; i++)
        if (m->profile->actions[i].kind == ACT_ALTERNATE)
            group_matters(m, m->profile->actions[i].alternate, PLACE_ALTERNATE);
}

static void find_who_matters(struct muster *m)
{
    for (uint32_t i = 0; i < m->profile->load_count; i++) {
        const struct load_profile *load = &m->profile->loads[i];

        for (uint32_t k = 0; k < load->to_count; k++)
            group_matters(m, load->to[k], PLACE_HOME);
        for (uint32_t k = 0; k < load->from_count; k++)
            group_matters(m, load->from[k], PLACE_ORIGINATOR);
        alternates_matter(m, load);
    }
    for (uint32_t i = 0; i < m->work->move_count; i++)
        m->matters[m->work->moves[i].mailbox] = true;
}

/* Arming. */

static bool arm_failed(const struct muster *m, struct err *e)
{
    char waiting[160];

    for (uint32_t i = 0; i < m->site->mailbox_count; i++)
        if (m->look_failed[i] >= FAILURES_MAX)
            return !err_set(e, EX_TARGET, "the home of %s cannot be looked up: %s",
                            m->site->mailboxes[i].name, m->look_why);
    for (uint32_t i = 0; i < m->place_count; i++) {
        const struct place *p = m->places[i];

        if (!m->recalled && p->probe && p->probe->complete_ns > 0 && p->probe->absent &&
            !p->probe->ops->by_file && p->server == m->home[p->mailbox])
            return !err_set(e, EX_TARGET, "there is no mailbox %s on %s (or a wrong password): %s",
                            m->site->mailboxes[p->mailbox].name, m->site->servers[p->server].name,
                            p->probe->why ? p->probe->why : "");
        if (p->probe && p->probe->complete_ns == 0 && p->probe->failures >= FAILURES_MAX)
            return !err_set(e, EX_TARGET, "mailbox %s on %s cannot be read: %s",
                            m->site->mailboxes[p->mailbox].name, m->site->servers[p->server].name,
                            p->probe->why ? p->probe->why : "");
    }
    for (uint32_t i = 0; i < m->queue_count; i++) {
        const struct probe *p = m->queues[i].probe;

        if (p->complete_ns == 0 && p->failures >= FAILURES_MAX)
            return !err_set(e, EX_TARGET, "the queues of %s cannot be listed: %s",
                            m->site->servers[m->queues[i].server].name, p->why ? p->why : "");
    }
    return m->arm_late &&
           !err_set(e, EX_TARGET, "not ready within %llu s: waiting for %s",
                    ARM_LIMIT_NS / NS_PER_S, muster_waiting_for(m, waiting, sizeof waiting));
}

/* Homes that are not known yet, and places that are not read yet. */
static uint32_t arm_pending(const struct muster *m, uint32_t *homes, uint32_t *places,
                            uint32_t *queues)
{
    *homes = *places = *queues = 0;
    for (uint32_t i = 0; m->lookup && i < m->site->mailbox_count; i++)
        *homes += muster_looks_up(m, i) && m->looked_ns[i] == 0;
    for (uint32_t i = 0; i < m->place_count; i++)
        *places += m->places[i]->probe && m->places[i]->probe->complete_ns == 0;
    for (uint32_t i = 0; i < m->queue_count; i++)
        *queues += m->queues[i].probe->complete_ns == 0;
    return *homes + *places + *queues;
}

static void ask_failed_homes(struct muster *m)
{
    for (uint32_t i = 0; m->lookup && i < m->site->mailbox_count; i++)
        if (muster_looks_up(m, i) && m->looked_ns[i] == 0 && m->look_failed[i] > 0)
            home_lookup_ask(m->lookup, i);
}

static void arm_end(struct muster *m, const struct err *e)
{
    m->arming = false;
    timer_disarm(m->probe.loop, &m->arm_limit);
    m->armed(m->context.owner, e);
}

static void arm_step(struct muster *m)
{
    uint32_t homes, places, queues;
    struct err e = {0};

    if (arm_failed(m, &e))
        arm_end(m, &e);
    else if (arm_pending(m, &homes, &places, &queues) > 0)
        ask_failed_homes(m);
    else
        arm_end(m, NULL);
}

static void on_arm_limit(struct timer *t)
{
    struct muster *m = t->owner;

    m->arm_late = true;
    muster_wake(m);
}

/* Who lists the queues of a server: the probe that names it, or else one that names none. NULL: it has none. */
static const struct probe_profile *queue_probe_of(const struct muster *m, uint32_t server)
{
    const struct probe_profile *rest = NULL;

    for (uint32_t i = 0; i < m->profile->probe_count; i++) {
        const struct probe_profile *how = &m->profile->probes[i];

        if (!probe_lists_queues(how->type))
            continue;
        for (uint32_t k = 0; k < how->server_count; k++)
            if (strcmp(how->servers[k], m->site->servers[server].name) == 0)
                return how;
        if (how->server_count == 0 && !rest)
            rest = how;
    }
    return rest;
}

static bool open_queues(struct muster *m, struct err *e)
{
    for (uint32_t i = 0; i < m->queue_count; i++) {
        struct place *p = &m->queues[i];
        const struct probe_profile *how = queue_probe_of(m, i);
        const struct probe_ops *ops = probe_queue_ops(how);

        for (const struct probe_ops *const *d = m->context.drivers; d && *d; d++)
            if (strcmp((*d)->name, ops->name) == 0)
                ops = *d;
        *p = (struct place){.muster = m, .mailbox = SITE_NONE, .server = i};
        p->probe = open_probe(m, ops, how, p, e);
        if (!p->probe)
            return false;
    }
    return true;
}

void muster_recall(struct muster *m, uint32_t mailbox, uint32_t server, bool home)
{
    struct err e;

    m->recalled = true;
    if (home)
        m->home[mailbox] = server;
    (void)muster_place(m, mailbox, server, &e);
}

void muster_arm(struct muster *m, void (*armed)(void *owner, const struct err *e))
{
    struct err e = {0};

    PM_ASSERT(!m->arming);
    m->armed = armed;
    m->arming = true;
    timer_arm(m->probe.loop, &m->arm_limit, muster_now(m) + ARM_LIMIT_NS);
    for (uint32_t i = 0; i < m->site->mailbox_count; i++) {
        if (!m->matters[i])
            continue;
        if (muster_looks_up(m, i))
            home_lookup_ask(m->lookup, i);
        else
            (void)muster_place(m, i, m->home[i], &e);
    }
    muster_wake(m);
}

/* The step. */

static void muster_step(struct timer *t)
{
    struct muster *m = t->owner;

    if (m->arming)
        arm_step(m);
    verify_step(m);
    settle_step(m);
}

const char *muster_waiting_for(const struct muster *m, char *out, size_t room)
{
    uint32_t homes, places, queues, left = 0;
    const struct settle_state *s = &m->settle;

    if (m->arming) {
        (void)arm_pending(m, &homes, &places, &queues);
        (void)snprintf(out, room, "%u homes, %u places, %u queues", homes, places, queues);
    } else if (s->step == SETTLE_LIFETIME) {
        (void)snprintf(out, room, "the lifetime of messages");
    } else if (m->queue_count == 0 && s->step == SETTLE_PAUSE) {
        (void)snprintf(out, room, "mail that may still come: the queues cannot be seen");
    } else if (s->step == SETTLE_SWEEP) {
        for (uint32_t i = 0; i < m->place_count; i++)
            left += m->places[i]->probe && m->places[i]->probe->complete_ns < s->since_ns;
        (void)snprintf(out, room, "%u places", left);
    } else if (s->step == SETTLE_WAVE && !s->base.taken) {
        (void)snprintf(out, room, "queues to be listed");
    } else if (s->step == SETTLE_WAVE || s->step == SETTLE_PAUSE) {
        (void)snprintf(out, room, "%llu queue entries, %llu of them due",
                       (unsigned long long)s->base.entries, (unsigned long long)s->base.due);
    } else if (s->step == SETTLE_LAST) {
        (void)snprintf(out, room, "a last look at the queues");
    } else if (m->verifying_count > 0) {
        (void)snprintf(out, room, "%u moves to be verified", m->verifying_count);
    } else {
        (void)snprintf(out, room, "nothing");
    }
    return out;
}

void muster_queues(const struct muster *m, struct queue_now *queues, uint32_t count)
{
    for (uint32_t i = 0; m->queues && i < m->queue_count; i++) {
        const struct probe *p = m->queues[i].probe;

        if (p && p->complete_ns && m->queues[i].server < count)
            queues[m->queues[i].server] = (struct queue_now){true, p->entries, p->due};
    }
}

uint64_t muster_queued(const struct muster *m)
{
    uint64_t n = 0;

    for (uint32_t i = 0; m->queues && i < m->queue_count; i++) {
        const struct probe *p = m->queues[i].probe;

        n += p && p->complete_ns ? p->entries : 0;
    }
    return n;
}

static void tell_failures(const struct place *place,
                          void (*told)(void *owner, uint32_t mailbox, uint32_t server,
                                       uint64_t failures, const char *why),
                          void *owner)
{
    const struct probe *p = place->probe;

    if (p && p->failures > 0)
        told(owner, place->mailbox, place->server, p->failures, p->why ? p->why : "");
}

static void listeners_failures(const struct muster *m,
                               void (*told)(void *owner, uint32_t mailbox, uint32_t server,
                                            uint64_t failures, const char *why),
                               void *owner)
{
    uint32_t ours = site_ours(m->site);

    if (m->probe.listener) {
        const struct p1_listener_counts *n = p1_listener_counts(m->probe.listener);

        if (n->trouble > 0)
            told(owner, SITE_NONE, ours, n->trouble, n->why);
    }
    if (m->probe.smtp_listener) {
        const struct smtp_listener_counts *n = smtp_listener_counts(m->probe.smtp_listener);

        if (n->trouble > 0)
            told(owner, SITE_NONE, ours, n->trouble, n->why);
    }
}

void muster_failures(const struct muster *m,
                     void (*told)(void *owner, uint32_t mailbox, uint32_t server, uint64_t failures,
                                  const char *why),
                     void *owner)
{
    for (uint32_t i = 0; i < m->place_count; i++)
        tell_failures(m->places[i], told, owner);
    for (uint32_t i = 0; i < m->queue_count; i++)
        tell_failures(&m->queues[i], told, owner);
    listeners_failures(m, told, owner);
}

/* Life. */

static void choose_probes(struct muster *m)
{
    for (uint32_t i = 0; i < m->profile->probe_count; i++) {
        const struct probe_profile *how = &m->profile->probes[i];

        if (probe_lists_queues(how->type))
            m->queue_count = m->site->server_count - (site_ours(m->site) != SITE_NONE);
        else
            m->stores = true;
    }
    if (site_ours(m->site) != SITE_NONE)
        m->our_ops = driver(m, "ours");
}

/* Our own MTA may hear of this run from now on. */
static bool open_ours(struct muster *m, struct err *e)
{
    if (site_ours(m->site) == SITE_NONE)
        return true;
    if (!(m->probe.listener || m->probe.smtp_listener) || !m->our_ops)
        return err_set(e, EX_BAD_PROFILE, "mailboxes live at " SITE_OURS ", and %s",
                       m->our_ops ? "nobody listens there" : "there is no probe of type ours");
    if (m->probe.smtp_listener)
        smtp_listener_begin(m->probe.smtp_listener, &m->probe);
    return !m->probe.listener || p1_listener_begin(m->probe.listener, &m->probe, e);
}

static bool make_tables(struct muster *m)
{
    size_t boxes = m->site->mailbox_count + 1u, servers = m->site->server_count + 1u;

    m->matters = calloc(boxes, sizeof *m->matters);
    m->at = calloc(boxes * servers, sizeof(struct place *));
    m->queues = calloc(servers, sizeof *m->queues);
    m->parts = calloc(servers, sizeof *m->parts);
    m->home = calloc(boxes, sizeof *m->home);
    m->looked_ns = calloc(boxes, sizeof *m->looked_ns);
    m->differ = calloc(boxes, sizeof *m->differ);
    m->look_failed = calloc(boxes, sizeof *m->look_failed);
    m->correlate = correlate_create(&m->probe, m->context.canary_seen, m->context.owner);
    m->waves = probe_queues_create();
    if (m->waves)
        probe_queues_used(m->waves, m->probe.waves_used);
    m->probe.correlate = m->correlate;
    m->probe.queues = m->waves;
    if (!m->matters || !m->at || !m->queues || !m->parts || !m->home || !m->looked_ns ||
        !m->differ || !m->look_failed || !m->correlate || !m->waves)
        return false;
    for (uint32_t i = 0; i < m->site->mailbox_count; i++)
        m->home[i] = m->site->mailboxes[i].home;
    return verify_init(m);
}

static bool muster_init(struct muster *m, struct err *e)
{
    m->probe = m->context.probe;
    m->work = m->probe.work;
    m->profile = m->work->profile;
    m->site = &m->profile->site;
    timer_init(&m->step, muster_step, m);
    timer_init(&m->arm_limit, on_arm_limit, m);
    settle_init(m);
    choose_probes(m);
    if (!make_tables(m))
        return err_set(e, EX_IO, "out of memory for %u mailboxes", m->site->mailbox_count);
    find_who_matters(m);
    if (m->profile->home_lookup.on) {
        m->lookup = home_lookup_create(&m->probe, on_answered, m, e);
        if (!m->lookup)
            return false;
    }
    return open_queues(m, e) && open_ours(m, e);
}

struct muster *muster_create(const struct muster_context *c, struct err *e)
{
    struct muster *m = calloc(1, sizeof *m);

    if (!m) {
        (void)err_set(e, EX_IO, "out of memory for the muster");
        return NULL;
    }
    m->context = *c;
    if (muster_init(m, e))
        return m;
    muster_destroy(m);
    return NULL;
}

void muster_destroy(struct muster *m)
{
    if (!m)
        return;
    timer_disarm(m->probe.loop, &m->step);
    timer_disarm(m->probe.loop, &m->arm_limit);
    settle_fini(m);
    verify_fini(m);
    home_lookup_destroy(m->lookup);
    for (uint32_t i = 0; i < m->place_count; i++) {
        if (m->places[i]->probe)
            m->places[i]->probe->ops->close(m->places[i]->probe);
        free(m->places[i]);
    }
    for (uint32_t i = 0; m->queues && i < m->queue_count; i++)
        if (m->queues[i].probe)
            m->queues[i].probe->ops->close(m->queues[i].probe);
    p1_listener_end(m->probe.listener);
    smtp_listener_end(m->probe.smtp_listener);
    probe_queues_destroy(m->waves);
    correlate_destroy(m->correlate);
    free(m->places);
    free(m->matters);
    free(m->at);
    free(m->queues);
    free(m->parts);
    free(m->home);
    free(m->looked_ns);
    free(m->differ);
    free(m->look_failed);
    free(m);
}
