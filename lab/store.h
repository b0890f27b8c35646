/* store.h - mailboxes of one server: items with UIDs, and mail held back at a mailbox that moves. */
#ifndef LAB_STORE_H
#define LAB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/connector.h"
#include "lab/mail.h"
#include "lab/truth.h"

struct lab;

enum box_state {
    BOX_ABSENT,
    BOX_NORMAL,
    BOX_SRC_MOVING,
    BOX_DST_CREATED, /* there, but not flagged yet (Q277911) */
    BOX_DST_INTRANSIT,
};

struct item {
    struct mail *mail; /* holds a reference */
    uint64_t arrived_ns;
    uint32_t uid, recipient;
    enum mail_role role;
    bool deleted;
    uint8_t planted; /* as of its copy */
};

struct box {
    enum box_state state;
    bool moving; /* in the store's set of users being moved */
    uint32_t uid_validity, uid_next;
    struct item *item;
    uint32_t items, room;
    uint64_t bytes, stock_bytes;
    uint32_t stock_items;
    struct copy_list held; /* deferred, or on the in-transit list */
};

struct box *store_box(struct lab *l, int server, uint32_t mailbox);
void store_create_box(struct lab *l, int server, uint32_t mailbox, enum box_state state);
uint32_t store_deliver(struct lab *l, int server, uint32_t mailbox, struct mail *mail,
                       uint32_t recipient, enum mail_role role); /* returns the UID */
/* The newest item is of a copy that was hit by this (enum plant plus one; 0: by nothing). */
void store_mark(struct lab *l, int server, uint32_t mailbox, uint8_t planted);
/* `word` of an item where it lies, for the truth. */
struct fact store_item_fact(const struct lab *l, int server, uint32_t mailbox, const struct item *i,
                            const char *word);
/* The move's copy: the first `count` items go over with new UIDs, the rest is lost; the source ends empty. */
void store_carry_over(struct lab *l, uint32_t mailbox, int from, int to, uint32_t count);
void store_empty(struct lab *l, int server, uint32_t mailbox, const char *why);
void store_remove_item(struct lab *l, int server, uint32_t mailbox, uint32_t index,
                       const char *why);
uint32_t store_remove_deleted(struct lab *l, int server, uint32_t mailbox);
void store_fini_box(struct box *b);

#endif
