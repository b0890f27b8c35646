/* lab_imap_fetch.h - sets of messages, a session's view of its mailbox, and what FETCH shows of an item.
 *
 * Private to the IMAP front. A plan borrows its words from the command, which must stay until the FETCH has ended.
 */
#ifndef LAB_LAB_IMAP_FETCH_H
#define LAB_LAB_IMAP_FETCH_H

#include "base/bytes.h"
#include "lab/lab.h"

/* Which messages: ranges in order, not overlapping, of sequence numbers or UIDs. */
struct imap_set {
    struct imap_range {
        uint32_t low, high;
    } * range;

    uint32_t n, room;
};

void imap_set_fini(struct imap_set *set);
/* "1,3:5,9:*"; star: what * stands for. False: no set, or too many ranges. */
bool imap_set_parse(struct imap_set *set, struct slice text, uint32_t star);
bool imap_set_has(const struct imap_set *set, uint32_t n);

/* What a session has been told is there. */
struct imap_view {
    uint32_t *uid;
    uint32_t n, room, uid_next;
};

void imap_view_fini(struct imap_view *v);
void imap_view_add(struct imap_view *v, uint32_t uid);
/* The item that message `index` (from 0) of the view is; false: gone meanwhile. *at: its place in the store. */
bool imap_view_item(const struct imap_view *v, uint32_t index, const struct lab *l, int server,
                    uint32_t mailbox, struct lab_item *item, uint32_t *at);

#define IMAP_PARTS_MAX 8

enum imap_part_kind { PART_ALL, PART_HEADER, PART_TEXT, PART_FIELDS, PART_FIELDS_NOT };

struct imap_part {
    enum imap_part_kind kind;
    struct slice name;   /* "RFC822", or the section: "[HEADER.FIELDS (TO)]" */
    struct slice fields; /* inside the parentheses */
    bool partial;
    size_t from, count;
};

struct imap_plan {
    bool uid, flags, date, size;
    struct imap_part part[IMAP_PARTS_MAX];
    unsigned parts;
};

/* "UID", "(UID BODY.PEEK[])": false: not understood. */
bool imap_plan_parse(struct imap_plan *p, struct slice text);
/* One "* n FETCH (...)" with its line end; false: over the buffer's limit. */
bool imap_plan_write(const struct imap_plan *p, struct buf *out, uint32_t number,
                     const struct lab_item *item);

#endif
