/* queue_list.h - one listing of queues: JSON, or a command's lines, to entries and counters per server.
 *
 * What is not of this run is counted and otherwise ignored. Anything that is not as agreed makes the listing bad, with one
 * line that says where: a listing that was read in part proves nothing. Hostile input: bounded, never trusted. Pure.
 */
#ifndef PROBES_QUEUE_LIST_H
#define PROBES_QUEUE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "profiles/site.h"
#include "wire/token.h"

#define QUEUE_ENTRIES_MAX (1u << 20)

struct queue_entry {
    uint32_t server;
    uint32_t mailbox; /* of its recipient; SITE_NONE: not ours */
    uint64_t message; /* if `ours` */
    bool ours, due, report;
    uint32_t tries;
    uint64_t fingerprint; /* of (server, id, recipient, tries) */
    /* of known MTAs (queue_format.h) only: */
    bool pending; /* whose it is has to be found out */
    bool null_sender;
    uint64_t key;                /* of what `show` is asked for */
    uint32_t show_at, show_size; /* its text in the list's `ids` */
};

/* One recipient of one entry, as a reader found it. */
struct queue_item {
    struct slice id, sender, recipient;
    struct slice message_id; /* empty: the listing does not say */
    struct slice show_id;    /* what to ask for */
    uint64_t state;          /* a fingerprint of whatever else changes when it is tried */
    uint32_t tries;
    bool due, null_sender;
};

struct queue_server {
    bool listed, counted;
    uint64_t in, out;
    uint32_t entries, due;
    uint64_t standing;
};

struct queue_list {
    const struct site *site;
    const struct token_key *key;
    struct queue_server *servers; /* as the site's */
    struct queue_entry *entries;
    uint32_t count, room;
    bool ended, bad;
    bool names_ours, names_others; /* servers that its lines named */
    struct buf ids;
};

bool queue_list_init(struct queue_list *q, const struct site *site, const struct token_key *key);
void queue_list_fini(struct queue_list *q);
void queue_list_clear(struct queue_list *q);
/* {"servers":[{"server","in","out","entries":[{"id","message_id","envid","sender","recipient","mailbox","tries",
 * "next_try_ns","is_report"}]}]}: the whole answer. mailbox: whose copy it is; an alternate's copy keeps the recipient of
 * the message. */
bool queue_list_json(struct queue_list *q, struct slice text, struct err *e);
/* One line of a command: "SERVER QUEUE-ID SENDER RECIPIENT TRIES DUE|NONE MESSAGE-ID", "counters SERVER IN OUT", "end". */
bool queue_list_line(struct queue_list *q, struct slice line, struct err *e);
/* An entry of a known MTA's listing. One whose sender or Message-ID carries a token is ours; one whose Message-ID carries none
 * is somebody else's and left out, unless it is a report to a mailbox of ours; all others are pending and not counted. */
bool queue_list_item(struct queue_list *q, uint32_t server, const struct queue_item *item,
                     struct err *e);

/* What became of a pending one. Not ours, and surely so: left out. Possibly ours: counted as due, so that silence is not final
 * while it stands. */
enum queue_owner { QUEUE_POSSIBLY_OURS, QUEUE_OURS, QUEUE_FOREIGN };

void queue_list_resolve(struct queue_list *q, struct queue_entry *entry, enum queue_owner whose);
/* A number of a listing; false: it is none. */
bool queue_list_number(struct slice text, uint64_t *n, struct err *e);
/* After the last line: false if "end" was missing or a line was bad. */
bool queue_list_end(struct queue_list *q, struct err *e);

#endif
