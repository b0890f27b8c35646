/* plant.h - faults planted into a site on purpose: so many of each kind, at copies and moves that are drawn from the seed.
 *
 * A profile asks for them (lab.plant), or the control API does. Whatever is planted stands in the truth file when it happens, as
 * "planted" with fault=NAME, so that whoever looks for faults can be held to it. Nothing is planted unless asked for; the hooks
 * in mta, store, moves and fronts are one call each. What a plant may hit: copies of messages for mailboxes that exist, and
 * never reports of its own accord. Private to lab/ but for the table.
 */
#ifndef LAB_PLANT_H
#define LAB_PLANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct lab;
struct bounce;
struct copy;
struct item;
struct lab_move;
struct mail;
struct mail_recipient;

// clang-format off
#define PLANTS(X)                                                                                                     \
    /* id, name, what it does */                                                                                      \
    X(PLANT_DROP, "drop", "drops a copy that the site has accepted, and tells nobody")                                \
    X(PLANT_DROP_BOTH, "drop-both", "drops the primary's copy where the alternate's is delivered too")                \
    X(PLANT_NDR, "ndr", "reports as undeliverable instead of delivering")                                             \
    X(PLANT_NDR_DELIVERED, "ndr-and-deliver", "reports as undeliverable, and delivers")                               \
    X(PLANT_TWICE, "twice", "delivers twice")                                                                         \
    X(PLANT_STRANGER, "stranger", "delivers to another mailbox instead")                                              \
    X(PLANT_CORRUPT_START, "corrupt-start", "changes the first byte of the body")                                     \
    X(PLANT_CORRUPT_4095, "corrupt-4095", "changes byte 4,095 of the body")                                           \
    X(PLANT_CORRUPT_END, "corrupt-end", "changes the last byte of the body before its line end")                      \
    X(PLANT_LINE_ENDS, "rewrite-line-ends", "delivers with bare line feeds, which is legal")                          \
    X(PLANT_BASE64, "rewrite-base64", "delivers the body as base64, which is legal")                                  \
    X(PLANT_QUOTED, "rewrite-quoted", "delivers the body as quoted-printable, which is legal")                        \
    X(PLANT_FOLDING, "rewrite-folding", "delivers with the header folded anew, which is legal")                       \
    X(PLANT_STRAND, "strand", "keeps a copy in a queue for ever, and tells nobody")                                   \
    X(PLANT_HOLD, "hold", "keeps a copy in a queue for a minute and a half, then delivers it")                                   \
    X(PLANT_QUEUE_HIDES, "queue-hides", "keeps a copy for ever, and leaves it out when queues are listed")            \
    X(PLANT_NDR_OTHER, "ndr-misrouted", "reports to another mailbox than the originator's, and does not deliver")     \
    X(PLANT_NDR_STRANGER, "ndr-stranger", "delivers, and reports about a message that differs in a character of its id") \
    X(PLANT_NDR_NAMELESS, "ndr-nameless", "drops, and reports without naming message or recipient")                   \
    X(PLANT_DELAY_DELIVER, "delay-deliver", "reports a delay, then delivers")                                         \
    X(PLANT_DELAY_DROP, "delay-drop", "reports a delay, then drops")                                                  \
    X(PLANT_REPORTS_LOST, "reports-lost", "does not deliver, and from then on loses every report")                    \
    X(PLANT_LEAVE, "leave-behind", "a move leaves an item at the old home, and only there")                           \
    X(PLANT_RESIDUE, "leave-too", "a move carries an item over and leaves it at the old home as well")                \
    X(PLANT_SKIP, "copier-skips", "a move loses an item that had been there for a while")                             \
    X(PLANT_BEHIND, "behind-copier", "puts a copy into a mailbox that is being copied, behind the copier")            \
    X(PLANT_MOVE_NOTHING, "move-nothing", "a move reports success and does nothing")                                  \
    X(PLANT_MOVE_HALF, "move-half", "a move fails half-way through the copy")                                         \
    X(PLANT_IMAP_HIDES, "imap-hides", "IMAP counts a message and never lists it")                                     \
    X(PLANT_AHEAD, "clock-ahead", "the wall clock steps ahead by an hour")                                            \
    X(PLANT_BACK, "clock-back", "the wall clock steps back by an hour")

// clang-format on

enum plant {

#define X(id, name, help) id,
    PLANTS(X)
#undef X
        PLANT_COUNT
};

struct plants {
    uint64_t left[PLANT_COUNT];    /* still to be planted */
    uint64_t planted[PLANT_COUNT]; /* so far */
    uint64_t passes[PLANT_COUNT];  /* so many chances are let go by before the next; drawn */
    uint64_t draws;
    int64_t ahead_ns; /* of the site's own dates */
    enum plant forging;
    bool forges;       /* the report being written is `forging`'s */
    bool reports_dead; /* PLANT_REPORTS_LOST */
};

const char *plant_name(unsigned plant); /* NULL past the end */
const char *plant_help(unsigned plant);
/* So many more of this kind; false: there is no such kind, or `count` is no number. */
bool plant_ask(struct lab *l, const char *name, const char *count, struct err *e);

/* --- hooks ------------------------------------------------------------------------------------------------------ */

/* A copy, or a report, is about to go into its mailbox; true: it has been dealt with. It may have become another text. */
bool plant_delivery(struct lab *l, struct copy *c);
/* A copy meets a mailbox that is being copied; true: it has been dealt with. */
bool plant_behind(struct lab *l, struct copy *c);
/* A report is being made: before and after its text, and whom it goes to. */
void plant_report(const struct lab *l, struct bounce *b);
void plant_report_text(struct lab *l, const struct copy *c, struct mail_recipient *to);

enum carry { CARRY_OVER, CARRY_BOTH, CARRY_NOT, CARRY_LOSE };

/* What a move is to do with an item. */
enum carry plant_carry(struct lab *l, int server, uint32_t mailbox, const struct item *i);
/* A move begins: it may become one that fails, or (true) one that does nothing. */
bool plant_move(struct lab *l, struct lab_move *m);

#endif
