/* sight.c - names to ids in an open-addressed table, and the events of a place. */
#include "probes/sight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANOTHER    0x9e3779b97f4a7c15ull /* added to the hash of a name that stands there again */
#define SAME_NAMES 4                     /* more of one name are told apart by the other hash */

/* ---- names ---- */

static struct sight_name *name_at(const struct sight *s, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash ^ hash >> 32) & (s->room - 1);

    while (s->names[at].hash != 0 && s->names[at].hash != hash)
        at = (at + 1) & (s->room - 1);
    return &s->names[at];
}

/* Moves the names into a table of `room`: all, or those that are known or stand in the newest listing. */
static bool rebuild(struct sight *s, uint32_t room, bool all)
{
    struct sight_name *old = s->names;
    uint32_t old_room = s->room;

    s->names = calloc(room, sizeof *s->names);
    if (!s->names) {
        s->names = old;
        return false;
    }
    s->room = room;
    s->count = 0;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].hash != 0 &&
            (all || old[i].listing == s->listing || known_has(&s->known, old[i].id))) {
            *name_at(s, old[i].hash) = old[i];
            s->count++;
        }
    free(old);
    return true;
}

static void forget_names(struct sight *s)
{
    free(s->names);
    s->names = NULL;
    s->room = s->count = s->listing = s->listed = 0;
}

void sight_scan_begin(struct sight *s)
{
    known_list_begin(&s->known);
    if (s->count > s->known.count * 2 + 1024) /* names that went before they were read */
        (void)rebuild(s, s->room, false);
}

void sight_listing_begin(struct sight *s)
{
    s->listing++;
    s->listed = 0;
}

struct sight_found sight_name(struct sight *s, uint64_t hash, uint64_t other)
{
    struct sight_found f = {0};
    struct sight_name *n;
    unsigned same = 0;

    if (s->count * 2 >= s->room &&
        (s->count >= SIGHT_NAMES_MAX || !rebuild(s, s->room ? s->room * 2 : 64, true)))
        return f;
    for (hash += hash == 0; (n = name_at(s, hash))->hash != 0 && n->listing == s->listing;) {
        f.twice = true;
        hash = ++same == SAME_NAMES ? hash ^ other : hash + ANOTHER;
        hash += hash == 0;
    }
    if (n->hash == 0) {
        *n = (struct sight_name){.hash = hash, .id = ++s->last_id};
        s->count++;
    }
    f.id = n->id;
    f.in_last = n->listing != 0 && n->listing == s->listing - 1;
    f.known = known_has(&s->known, n->id);
    n->listing = s->listing;
    s->listed++;
    if (f.known)
        (void)known_list(&s->known, n->id); /* there: only marks it */
    return f;
}

bool sight_lacks(const struct sight *s)
{
    for (uint32_t i = 0; s->listing > 1 && i < s->room; i++)
        if (s->names[i].hash != 0 && s->names[i].listing == s->listing - 1)
            return true;
    return false;
}

bool sight_is_same(const struct sight *s)
{
    uint32_t both = 0;

    if (s->listed != s->known.count)
        return false;
    for (uint32_t i = 0; i < s->room; i++)
        both += s->names[i].hash != 0 && s->names[i].listing == s->listing &&
                known_has(&s->known, s->names[i].id);
    return both == s->listed;
}

/* ---- what is journalled ---- */

static void record(const struct sight *s, enum event_kind kind, uint64_t loop_ns, uint64_t number,
                   uint32_t code)
{
    struct event ev = {.t_ns = clock_target(s->c->clock, loop_ns),
                       .slot = number * s->c->work->stride,
                       .kind = (uint16_t)kind,
                       .place = (uint16_t)s->probe->server,
                       .code = code,
                       .a = s->probe->mailbox,
                       .b = s->epoch};

    (void)journal_add(s->c->journal, &ev);
}

static void record_seen(const struct sight *s, uint64_t number, uint32_t ordinal, bool corrupt)
{
    record(s, EV_SEEN, loop_now(s->c->loop), number,
           (ordinal < 255 ? ordinal : 255) | (corrupt ? SEEN_CORRUPT : 0));
}

void sight_find(struct sight *s, enum finding finding)
{
    struct event ev = {.t_ns = clock_target(s->c->clock, loop_now(s->c->loop)),
                       .kind = EV_FINDING,
                       .place = (uint16_t)s->probe->server,
                       .code = finding,
                       .a = s->probe->mailbox};

    (void)journal_add(s->c->journal, &ev);
}

static void begin_epoch(struct sight *s)
{
    s->epoch = correlate_epoch(s->c->correlate, s->probe->mailbox, s->probe->server);
}

void sight_forget(struct sight *s)
{
    known_clear(&s->known);
    forget_names(s);
    s->reset = true;
    begin_epoch(s);
}

bool sight_read(struct sight *s, uint32_t id, struct slice raw, bool whole)
{
    struct reading got = correlate_read(s->c->correlate, raw, s->probe->mailbox, s->probe->server,
                                        clock_target(s->c->clock, loop_now(s->c->loop)));
    uint32_t ordinal;

    if (!whole) {
        got.corrupt = true; /* no message of ours is as large */
        if (got.kind == READING_COPY)
            sight_find(s, FIND_PROBE_FAILED);
    }
    if (!known_add(&s->known, id, got.kind == READING_COPY ? got.number : KNOWN_OTHER, got.corrupt,
                   &ordinal))
        return false;
    if (got.kind == READING_COPY)
        record_seen(s, got.number, ordinal, got.corrupt);
    s->changed = true;
    return true;
}

static void on_gone(void *owner, uint64_t number)
{
    const struct sight *s = owner;

    record(s, EV_GONE, loop_now(s->c->loop), number, 0);
}

static void on_begin_left(void *owner)
{
    begin_epoch(owner);
}

static void on_left(void *owner, uint64_t number, uint32_t ordinal, bool corrupt)
{
    record_seen(owner, number, ordinal, corrupt);
}

void sight_sweep(struct sight *s)
{
    const struct known_sweep sweep = {on_gone, on_begin_left, on_left, s};

    if (known_sweep(&s->known, &sweep) == 0)
        return;
    s->changed = true;
    (void)rebuild(s, s->room, false);
}

/* ---- scans ---- */

bool sight_is_asked(const struct sight *s, uint64_t began_ns)
{
    return s->wanted_ns != 0 && s->wanted_ns <= began_ns;
}

static void complete(struct sight *s, uint64_t began_ns, bool absent)
{
    record(s, EV_SCAN, began_ns, 0,
           SCAN_COMPLETE | (absent ? SCAN_ABSENT : 0) | (s->reset ? SCAN_RESET : 0));
    s->reset = s->changed = false;
    s->probe->scans++;
    s->probe->complete_ns = began_ns;
    s->probe->absent = absent;
    if (sight_is_asked(s, began_ns))
        s->wanted_ns = 0;
}

void sight_complete(struct sight *s, uint64_t began_ns)
{
    bool first = s->probe->complete_ns == 0 || s->absent_told;

    s->probe->refused = false;
    s->absent_told = false;
    if (!first && !s->changed && !s->reset && !sight_is_asked(s, began_ns))
        return;
    complete(s, began_ns, false);
    sight_tell(s);
}

void sight_absent(struct sight *s, uint64_t began_ns, const char *why)
{
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    s->probe->refused = true;
    if (s->absent_told && !sight_is_asked(s, began_ns))
        return;
    if (!s->absent_told)
        sight_forget(s);
    s->absent_told = s->reset = true;
    complete(s, began_ns, true);
    sight_tell(s);
}

void sight_refused(struct sight *s, const char *why)
{
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    s->probe->refused = true;
    sight_tell(s);
}

void sight_failed(struct sight *s, const char *why)
{
    s->probe->failures++;
    sight_find(s, FIND_PROBE_FAILED);
    sight_refused(s, why);
}

void sight_tell(struct sight *s)
{
    timer_arm(s->c->loop, &s->told, loop_now(s->c->loop));
}

static void on_told(struct timer *t)
{
    const struct sight *s = t->owner;

    if (s->probe->scanned)
        s->probe->scanned(s->probe);
}

/* ---- life ---- */

void sight_init(struct sight *s, struct probe *probe, const struct probe_context *c)
{
    memset(s, 0, sizeof *s);
    s->probe = probe;
    s->c = c;
    probe->why = s->why;
    known_init(&s->known);
    timer_init(&s->told, on_told, s);
    begin_epoch(s);
    s->reset = s->epoch > 1; /* an earlier probe of this place told things */
}

void sight_fini(struct sight *s)
{
    timer_disarm(s->c->loop, &s->told);
    known_fini(&s->known);
    forget_names(s);
}
