/* store.c - items are an array in UID order; a move hands the whole array over. */
#include "lab/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lab/core.h"

struct box *store_box(struct lab *l, int server, uint32_t mailbox)
{
    PM_ASSERT(server >= 0 && server < l->servers && mailbox < l->mailboxes);
    return &l->server[server].box[mailbox];
}

void store_create_box(struct lab *l, int server, uint32_t mailbox, enum box_state state)
{
    struct box *b = store_box(l, server, mailbox);

    PM_ASSERT(b->items == 0); /* mail deferred here earlier may still wait for its next try */
    b->state = state;
    b->uid_validity = ++l->validity;
    b->uid_next = 1;
}

static struct item *add_item(struct box *b)
{
    if (b->items == b->room) {
        uint32_t room = b->room ? b->room * 2 : 8;

        b->item = lab_memory(b->item, b->room * sizeof *b->item, room * sizeof *b->item);
        b->room = room;
    }
    return &b->item[b->items++];
}

uint32_t store_deliver(struct lab *l, int server, uint32_t mailbox, struct mail *mail,
                       uint32_t recipient, enum mail_role role)
{
    struct box *b = store_box(l, server, mailbox);
    uint32_t uid = b->uid_next++;

    *add_item(b) = (struct item){.mail = mail_keep(mail),
                                 .arrived_ns = l->now_ns,
                                 .uid = uid,
                                 .recipient = recipient,
                                 .role = role};
    b->bytes += mail->content.n;
    return uid;
}

void store_mark(struct lab *l, int server, uint32_t mailbox, uint8_t planted)
{
    struct box *b = store_box(l, server, mailbox);

    b->item[b->items - 1].planted = planted;
}

struct fact store_item_fact(const struct lab *l, int server, uint32_t mailbox, const struct item *i,
                            const char *word)
{
    return (struct fact){.number = TRACK_NONE,
                         .word = word,
                         .mail = i->mail,
                         .recipient = i->recipient,
                         .role = i->role,
                         .mailbox = lab_mailbox_name(l, mailbox),
                         .server = l->server[server].name};
}

static void forget_item(struct lab *l, int server, uint32_t mailbox, struct item *i,
                        const char *why)
{
    struct fact f =
        store_item_fact(l, server, mailbox, i, i->mail->about ? "report-removed" : "removed");

    truth_note(l->truth, l->now_ns, &f, "uid=%" PRIu32 " why=%s", i->uid, why);
    store_box(l, server, mailbox)->bytes -= i->mail->content.n;
    mail_release(i->mail);
}

static void carry(struct lab *l, uint32_t mailbox, int from, int to, const struct item *i)
{
    struct box *dst = store_box(l, to, mailbox);
    struct item *carried = add_item(dst);
    struct fact f = store_item_fact(l, to, mailbox, i, i->mail->about ? "report-moved" : "moved");

    *carried = *i;
    carried->uid = dst->uid_next++;
    dst->bytes += carried->mail->content.n;
    truth_note(l->truth, l->now_ns, &f, "uid=%" PRIu32 " validity=%" PRIu32 " from=%s",
               carried->uid, dst->uid_validity, l->server[from].name);
}

void store_carry_over(struct lab *l, uint32_t mailbox, int from, int to, uint32_t count)
{
    struct box *src = store_box(l, from, mailbox);
    struct box *dst = store_box(l, to, mailbox);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < src->items; i++) {
        struct item *item = &src->item[i];
        enum carry how = i < count ? plant_carry(l, from, mailbox, item) : CARRY_LOSE;

        if (how == CARRY_LOSE) {
            forget_item(l, from, mailbox, item, "left-out");
            continue;
        }
        if (how != CARRY_NOT)
            carry(l, mailbox, from, to, item);
        if (how == CARRY_OVER)
            continue;
        if (how == CARRY_BOTH)
            (void)mail_keep(item->mail);
        src->item[kept++] = *item;
    }
    dst->stock_bytes = src->stock_bytes;
    dst->stock_items = src->stock_items;
    src->items = kept;
    src->bytes = src->stock_bytes = 0;
    src->stock_items = 0;
}

void store_empty(struct lab *l, int server, uint32_t mailbox, const char *why)
{
    struct box *b = store_box(l, server, mailbox);

    for (uint32_t i = 0; i < b->items; i++)
        forget_item(l, server, mailbox, &b->item[i], why);
    b->items = 0;
    b->stock_bytes = b->stock_items = 0;
}

void store_remove_item(struct lab *l, int server, uint32_t mailbox, uint32_t index, const char *why)
{
    struct box *b = store_box(l, server, mailbox);

    PM_ASSERT(index < b->items);
    forget_item(l, server, mailbox, &b->item[index], why);
    b->items--;
    memmove(&b->item[index], &b->item[index + 1], (b->items - index) * sizeof *b->item);
}

uint32_t store_remove_deleted(struct lab *l, int server, uint32_t mailbox)
{
    struct box *b = store_box(l, server, mailbox);
    uint32_t kept = 0, before = b->items;

    for (uint32_t i = 0; i < before; i++)
        if (b->item[i].deleted)
            forget_item(l, server, mailbox, &b->item[i], "expunged");
        else
            b->item[kept++] = b->item[i];
    b->items = kept;
    return before - kept;
}

void store_fini_box(struct box *b)
{
    for (uint32_t i = 0; i < b->items; i++)
        mail_release(b->item[i].mail);
    free(b->item);
}
