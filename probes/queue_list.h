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
    uint64_t fingerprint; /* of (server, id, tries) */
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
/* After the last line: false if "end" was missing or a line was bad. */
bool queue_list_end(struct queue_list *q, struct err *e);

#endif
