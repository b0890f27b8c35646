/* smtp_listener.c - two doors, SMTP and LMTP, to the same mailboxes.
 *
 * A message for several recipients in one mailbox is one copy there, as a delivery makes it. Reading costs a copy of its octets
 * (the lines in front differ by recipient) and what correlate.c says.
 */
#include "probes/smtp_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/correlate.h"
#include "probes/ours.h"
#include "probes/smtp_host.h"

#define SIZE_MAX_BYTES (64u << 20)
#define FRONT_BYTES    4096u /* of the lines in front */

enum { DOOR_SMTP, DOOR_LMTP, DOORS };

struct smtp_listener {
    struct loop *loop;
    const struct run_clock *clock;
    const struct profile *profile;
    uint32_t ours;
    struct smtp_host *hosts[DOORS]; /* NULL: not asked for */
    struct probe_context c;         /* as it began */
    bool begun;
    struct buf raw;
    uint32_t boxes[SMTP_SERVER_RECIPIENTS_MAX]; /* of the message at hand; SITE_NONE: nobody's */
    struct smtp_listener_counts counts;
    char why[240];
};

static uint64_t now_ns(const struct smtp_listener *l)
{
    return clock_target(l->clock, loop_now(l->loop));
}

/* ---- who may call, and for whom ---- */

static const char *on_called(void *owner, struct smtp_caller *from)
{
    const struct smtp_listener *l = owner;
    const struct net_addr peer = smtp_caller_peer(from);
    struct err e;

    return guard_check(&l->profile->safety.guard, &peer, &e)
               ? NULL
               : "554 5.7.1 you are in none of the networks that may call";
}

static bool is_postmaster(struct slice address)
{
    struct slice rest = address, local;

    (void)slice_cut(&rest, '@', &local);
    return slice_is_nocase(local, "postmaster");
}

static const char *on_recipient(void *owner, struct smtp_caller *from, struct slice address)
{
    struct smtp_listener *l = owner;

    (void)from;
    if (!l->begun)
        return "451 4.3.2 not ready yet";
    if (l->profile->listen.any || is_postmaster(address) ||
        site_address(&l->profile->site, address.p, address.n) != SITE_NONE)
        return NULL;
    l->counts.strangers++;
    return "550 5.1.1 nobody of that name lives here";
}

/* ---- a message ---- */

/* As a delivery to this recipient leaves it; empty: no memory. */
static struct slice delivered(struct smtp_listener *l, const struct smtp_server *talk, uint32_t i)
{
    struct smtp_server_recipient to = smtp_server_recipient(talk, i);
    struct slice from = smtp_server_sender(talk), content = smtp_server_content(talk);

    buf_clear(&l->raw);
    if (!buf_add_format(&l->raw, "Return-Path: <%.*s>\r\nDelivered-To: %.*s\r\n", (int)from.n,
                        (const char *)from.p, (int)to.address.n, (const char *)to.address.p) ||
        !buf_add(&l->raw, content.p, content.n))
        buf_clear(&l->raw);
    return buf_slice(&l->raw);
}

static void find_foreign(struct smtp_listener *l, struct slice raw)
{
    const struct event like = {.t_ns = now_ns(l), .place = (uint16_t)l->ours, .a = NO_INDEX};

    l->counts.foreign++;
    correlate_find(l->c.correlate, FIND_FOREIGN, raw, &like);
}

/* One delivery: into a mailbox, or to somebody who has none (NO_INDEX). */
static void read_for(struct smtp_listener *l, struct slice raw, uint32_t mailbox)
{
    const struct reading got = correlate_read(l->c.correlate, raw, mailbox, l->ours, now_ns(l));

    switch (got.kind) {
    case READING_COPY:
        if (mailbox == NO_INDEX) { /* a copy of ours for nobody we know: said, not swallowed */
            find_foreign(l, raw);
            break;
        }
        l->counts.copies++;
        ours_see(correlate_ours(l->c.correlate), got.number, mailbox, got.corrupt, now_ns(l));
        break;
    case READING_REPORT:
        l->counts.reports++;
        break;
    case READING_OTHER:
        l->counts.foreign++;
        break;
    }
}

/* Which mailbox recipient i is, noted in boxes; *again: an earlier recipient was the same one. */
static uint32_t box_of(struct smtp_listener *l, struct slice address, uint32_t i, bool *again)
{
    uint32_t box = site_address(&l->profile->site, address.p, address.n);

    *again = false;
    for (uint32_t k = 0; box != SITE_NONE && k < i && !*again; k++)
        *again = l->boxes[k] == box;
    l->boxes[i] = box;
    return box == SITE_NONE ? NO_INDEX : box;
}

/* NULL, or why it is not taken. */
static const char *take_for(struct smtp_listener *l, const struct smtp_server *talk, uint32_t i)
{
    bool again;
    uint32_t box = box_of(l, smtp_server_recipient(talk, i).address, i, &again);

    if (again)
        return NULL;
    struct slice raw = delivered(l, talk, i);

    if (raw.n == 0 || !ours_reserve(correlate_ours(l->c.correlate), 1))
        return "451 4.3.1 out of memory";
    read_for(l, raw, box);
    return journal_error(l->c.journal) ? "451 4.3.0 it cannot be kept now" : NULL;
}

static void on_message(void *owner, struct smtp_caller *from, const char **answers)
{
    struct smtp_listener *l = owner;
    const struct smtp_server *talk = smtp_caller_talk(from);
    bool each = smtp_server_answers(talk) == smtp_server_recipients(talk);
    uint32_t n = smtp_server_recipients(talk);
    const char *no = NULL;

    l->counts.messages++;
    for (uint32_t i = 0; i < n; i++) {
        const char *answer = l->begun ? take_for(l, talk, i) : "451 4.3.2 not ready yet";

        no = no ? no : answer;
        if (each)
            answers[i] = answer;
    }
    if (!each)
        answers[0] = no;
    l->counts.refused += no != NULL;
}

/* ---- what goes wrong ---- */

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    struct smtp_listener *l = owner;
    const struct event like = {.t_ns = now_ns(l), .place = (uint16_t)l->ours, .a = STAGE_CONNECT};
    char who[NET_TEXT];

    (void)snprintf(l->why, sizeof l->why, "%s: %.160s", net_print(peer, who), words);
    l->counts.why = l->why;
    l->counts.trouble++;
    if (l->begun)
        correlate_find(l->c.correlate, FIND_PROTOCOL, slice_of(words), &like);
}

/* ---- life ---- */

static bool open_door(struct smtp_listener *l, int door, const char *where, struct err *e)
{
    const struct smtp_host_config config = {.loop = l->loop,
                                            .clock = l->clock,
                                            .name = l->profile->listen.name,
                                            .lmtp = door == DOOR_LMTP,
                                            .size_max = SIZE_MAX_BYTES,
                                            .called = on_called,
                                            .recipient = on_recipient,
                                            .message = on_message,
                                            .trouble = on_trouble,
                                            .owner = l};
    const char *key = door == DOOR_LMTP ? "lmtp" : "smtp";
    struct net_addr at;

    if (!where)
        return true;
    if (!net_resolve(&at, where, door == DOOR_LMTP ? 24 : 25, e))
        return err_wrap(e, "listen.%s", key);
    l->hosts[door] = smtp_host_listen(&config, &at, e);
    return l->hosts[door] || err_wrap(e, "listen.%s", key);
}

struct smtp_listener *smtp_listener_create(struct loop *loop, const struct run_clock *clock,
                                           const struct profile *p, struct err *e)
{
    struct smtp_listener *l = calloc(1, sizeof *l);

    PM_ASSERT(site_ours(&p->site) != SITE_NONE);
    if (!l) {
        (void)err_set(e, EX_IO, "out of memory for our MTA");
        return NULL;
    }
    l->loop = loop;
    l->clock = clock;
    l->profile = p;
    l->ours = site_ours(&p->site);
    buf_init(&l->raw, SIZE_MAX_BYTES + FRONT_BYTES);
    if (open_door(l, DOOR_SMTP, p->listen.smtp, e) && open_door(l, DOOR_LMTP, p->listen.lmtp, e))
        return l;
    smtp_listener_destroy(l);
    return NULL;
}

void smtp_listener_destroy(struct smtp_listener *l)
{
    if (!l)
        return;
    for (int i = 0; i < DOORS; i++)
        smtp_host_close(l->hosts[i]);
    buf_fini(&l->raw);
    free(l);
}

struct net_addr smtp_listener_addr(const struct smtp_listener *l, bool lmtp)
{
    const struct smtp_host *h = l->hosts[lmtp ? DOOR_LMTP : DOOR_SMTP];

    return h ? smtp_host_addr(h) : (struct net_addr){.family = 0};
}

void smtp_listener_begin(struct smtp_listener *l, const struct probe_context *c)
{
    PM_ASSERT(!l->begun && c->correlate && correlate_ours(c->correlate));
    l->c = *c;
    l->begun = true;
}

void smtp_listener_end(struct smtp_listener *l)
{
    if (l)
        l->begun = false;
}

const struct smtp_listener_counts *smtp_listener_counts(const struct smtp_listener *l)
{
    return &l->counts;
}
