/* ndr.c - attribution of reports, and their keeping.
 *
 * Raw reports are kept under reports_dir, named by their hash, for people who want to look: 10,000 at most, 256 KiB of each.
 */
#include "probes/ndr.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/blind.h"
#include "base/hash.h"
#include "probes/ndr_private.h"
#include "wire/fields.h"

#define KEPT_MAX       10000
#define KEPT_BYTES_MAX (256u << 10)
#define ARENA_BYTES    (8u << 20)
#define NAME_MAX_BYTES 256

struct ndr *ndr_create(const struct probe_context *c,
                       void (*canary_seen)(void *owner, uint64_t number), void *owner)
{
    struct ndr *n = calloc(1, sizeof *n);

    if (!n)
        return NULL;
    n->c = *c;
    n->canary_seen = canary_seen;
    n->owner = owner;
    return n;
}

void ndr_destroy(struct ndr *n)
{
    free(n);
}

/* ---- whose message ---- */

bool ndr_token(const struct token_key *k, const struct report *r, struct slice raw,
               uint64_t *number)
{
    const char *const places[] = {r->envid, r->original_message_id, r->returned, r->subject, r->to,
                                  r->text};
    size_t at;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        at = 0;
        if (token_find(k, slice_of(places[i]), &at, number))
            return true;
    }
    at = 0;
    return token_find(k, raw, &at, number);
}

/* ---- which mailbox ---- */

static uint32_t by_name(const struct site *s, struct slice name)
{
    char text[NAME_MAX_BYTES];
    uint32_t found;

    name = slice_trim(name);
    if (name.n == 0 || name.n >= sizeof text)
        return NO_INDEX;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    found = site_mailbox(s, text);
    if (found != SITE_NONE)
        return found;
    for (size_t i = 0; i < name.n; i++) /* directories shout: RECIPIENTS, JOE */
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] |= 0x20;
    found = site_mailbox(s, text);
    return found == SITE_NONE ? NO_INDEX : found;
}

/* The value of the last "cn=" of a DN, or of "s=" of an O/R address. */
static struct slice dn_name(struct slice s, const char *key)
{
    struct slice found = {NULL, 0};

    for (; s.n > 0; s = slice_skip(s, 1))
        if (slice_starts_nocase(s, key)) {
            size_t n = strlen(key), end = n;

            while (end < s.n && !strchr("/;,", s.p[end]))
                end++;
            found = slice_from(s.p + n, end - n);
        }
    return found;
}

static uint32_t resolve(const struct site *s, const char *text)
{
    struct slice t = slice_of(text), name;
    uint32_t found;

    if (t.n == 0)
        return NO_INDEX;
    found = site_address(s, t.p, t.n);
    if (found != SITE_NONE)
        return found;
    if (memchr(t.p, '@', t.n))
        return NO_INDEX;
    found = by_name(s, t);
    if (found != NO_INDEX)
        return found;
    name = dn_name(t, "cn=");
    return by_name(s, name.n > 0 ? name : dn_name(t, ";s="));
}

uint32_t ndr_mailbox(const struct site *s, const struct report_recipient *to)
{
    uint32_t found = resolve(s, to->final);

    return found != NO_INDEX ? found : resolve(s, to->original);
}

/* ---- the same report again ---- */

/* Fields that change on the way from one place to the next. */
static bool is_volatile(struct slice name)
{
    return slice_is_nocase(name, "Received") || slice_is_nocase(name, "Return-Path") ||
           slice_is_nocase(name, "Delivered-To") || slice_is_nocase(name, "Status") ||
           slice_is_nocase(name, "Content-Length") || slice_starts_nocase(name, "X-");
}

uint32_t ndr_fingerprint(const struct report *r, struct slice raw, uint32_t mailbox)
{
    struct slice body = fields_body(raw), rest = raw;
    struct field f;
    uint64_t h = mailbox;

    if (*r->message_id) {
        h ^= hash_fast(r->message_id, strlen(r->message_id));
    } else {
        while (fields_next(&rest, &f))
            if (!is_volatile(f.name))
                h = h * 31 + hash_fast(f.value.p, f.value.n);
        h ^= hash_fast(body.p, body.n);
    }
    h = hash_fast(&h, sizeof h);
    return (uint32_t)(h ^ (h >> 32));
}

/* ---- what it says ---- */

static enum report_kind kind_of(enum report_action a)
{
    switch (a) {
    case ACTION_FAILED:
        return REPORT_FAILED;
    case ACTION_DELAYED:
        return CHECK_ON(DELAYED) ? REPORT_DELAYED : REPORT_FAILED;
    case ACTION_DELIVERED:
        return REPORT_DELIVERED;
    case ACTION_RELAYED:
        return REPORT_RELAYED;
    case ACTION_EXPANDED:
        return REPORT_EXPANDED;
    case ACTION_NONE:
        break;
    }
    return REPORT_DELAYED; /* nobody said: nothing final */
}

static bool says_loop(const struct report_recipient *to)
{
    return (to->status[1] == 4 && to->status[2] == 6) ||
           fields_has(slice_of(to->diagnostic), "looping") ||
           fields_has(slice_of(to->diagnostic), "loop detected") ||
           fields_has(slice_of(to->diagnostic), "too many hops");
}

/* RFC 3464, Exchange's text with a sentence of its own, or the words of a product that we know; what was gathered from mere
 * signs is neither. */
static bool is_well_formed(const struct report *r, const struct report_recipient *to)
{
    if (r->standard)
        return true;
    if (strcmp(r->format, "exchange") == 0)
        return to->status[0] != 0;
    return strcmp(r->format, "prose") != 0 && !to->guessed;
}

/* A failure with the status of a success, or one that calls itself a delay (OpenSMTPD's last notice). */
static bool has_wrong_status(const struct report_recipient *to)
{
    return to->judged || (to->status[0] != 0 && to->status[0] != 4 && to->status[0] != 5);
}

static uint32_t report_code(const struct report *r, const struct report_recipient *to,
                            uint32_t named, bool to_originator)
{
    enum report_kind kind = kind_of(to->action);
    unsigned flags = 0;

    if (to_originator)
        flags |= REPORT_TO_ORIGINATOR;
    if (!is_well_formed(r, to))
        flags |= REPORT_MALFORMED;
    if (named == NO_INDEX || to->guessed)
        flags |= REPORT_WEAK;
    if (kind == REPORT_FAILED && has_wrong_status(to))
        flags |= REPORT_WRONG_STATUS;
    if (kind == REPORT_FAILED && says_loop(to))
        flags |= REPORT_LOOP;
    return event_report(kind, flags, to->status[0], to->status[1], to->status[2]);
}

/* ---- keeping ---- */

void ndr_keep(struct ndr *n, struct slice raw, const char *suffix)
{
    char path[4096];
    int fd;

    if (!n->c.reports_dir || n->kept >= KEPT_MAX)
        return;
    if (snprintf(path, sizeof path, "%s/%016" PRIx64 "%s", n->c.reports_dir,
                 hash_fast(raw.p, raw.n), suffix) >= (int)sizeof path)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* kept already; or no room, which the journal will tell */
    n->kept++;
    if (raw.n > KEPT_BYTES_MAX)
        raw.n = KEPT_BYTES_MAX;
    while (raw.n > 0) {
        ssize_t done = write(fd, raw.p, raw.n);

        if (done <= 0)
            break;
        raw = slice_skip(raw, (size_t)done);
    }
    (void)close(fd);
}

/* ---- together ---- */

void ndr_canary_reported(struct ndr *n, uint64_t number, const struct event *like)
{
    struct event ev = *like;

    ev.kind = EV_CANARY;
    ev.slot = number;
    ev.code = CANARY_REPORTED;
    (void)journal_add(n->c.journal, &ev);
    if (n->canary_seen)
        n->canary_seen(n->owner, number);
}

static void take_canary(struct ndr *n, const struct report *r, uint64_t number,
                        const struct event *like)
{
    bool failed = false;

    for (uint32_t i = 0; i < r->count; i++)
        failed = failed || r->recipients[i].action == ACTION_FAILED;
    if (failed && workload_message(n->c.work, number).from == like->a)
        ndr_canary_reported(n, number, like);
}

static void take_recipients(struct ndr *n, const struct report *r, struct slice raw, uint64_t slot,
                            bool to_originator, const struct event *like)
{
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t named = ndr_mailbox(&n->c.work->profile->site, &r->recipients[i]);
        struct event ev = *like;

        ev.kind = EV_REPORT;
        ev.slot = slot;
        ev.a = named;
        ev.b = ndr_fingerprint(r, raw, named);
        ev.code = report_code(r, &r->recipients[i], named, to_originator);
        (void)journal_add(n->c.journal, &ev);
    }
}

static enum ndr_outcome attribute(struct ndr *n, const struct report *r, struct slice raw,
                                  const struct event *like)
{
    const struct workload *w = n->c.work;
    uint64_t number;

    if (!ndr_token(n->c.key, r, raw, &number) || number >= w->planned + w->canaries)
        return NDR_FOREIGN;
    if (r->count == 0)
        return NDR_UNREADABLE;
    if (number >= w->planned)
        take_canary(n, r, number, like);
    else
        take_recipients(n, r, raw, number * w->stride,
                        !CHECK_ON(ORIGINATOR) || workload_message(w, number).from == like->a, like);
    return NDR_TAKEN;
}

enum ndr_outcome ndr_take(struct ndr *n, struct slice raw, uint32_t mailbox, uint32_t server,
                          uint64_t t_ns)
{
    struct arena *a;
    struct report r;
    enum ndr_outcome outcome = NDR_NO_REPORT;
    const struct event like = {.t_ns = t_ns, .place = (uint16_t)server, .a = mailbox};

    if (!report_suspect(raw))
        return NDR_NO_REPORT;
    a = arena_create(ARENA_BYTES);
    if (!a || !report_read(a, raw, &r)) {
        arena_destroy(a);
        return NDR_UNREADABLE;
    }
    if (r.sort == SORT_REPORT || r.sort == SORT_UNREADABLE) {
        outcome = attribute(n, &r, raw, &like);
        ndr_keep(n, raw, ".eml");
    }
    arena_destroy(a);
    return outcome;
}
