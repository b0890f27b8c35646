/* p1_rig.h - our own MTA on a fake run: rig.h's site with a fourth server, `ours` (3), where fred-1 and fred-2 (6, 7) live.
 *
 * Load 0 writes from fred to joanne-1 and joanne-2, load 1 from joe to fred-1 and fred-2; 1,000 messages each, stride 4. APDUs are
 * made by the codec that senders and the lab use, and changed by taking them apart and writing them again.
 */
#ifndef TESTS_PROBES_P1_RIG_H
#define TESTS_PROBES_P1_RIG_H

#include "probes/p1_listener.h"
#include "tests/probes/rig.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_make.h"

enum { OURS = 3, FRED_1 = 6, FRED_2 = 7, TO_FRED = 1000 /* the first number of load 1 */ };

#define SITE_ADDRESS "c=US;a= ;p=LAB;o=SITE;s={local}"
#define OUR_ADDRESS  "c=US;a= ;p=POSTMUSTER;o=FLOOD;s={local}"

struct p1_rig {
    struct rig *g;
    struct server servers[4];
    struct mailbox mailboxes[8];
    struct group groups[4];
    struct load_profile loads[2];
    uint32_t from[2], to[2];
    struct action_profile action;
    struct p1_listener *l;
    struct arena *arena;
    uint64_t canary; /* the newest that was seen; UINT64_MAX: none */
};

/* Listening, not begun. */
void p1_rig_open(struct p1_rig *r);
void p1_rig_begin(struct p1_rig *r);
void p1_rig_close(struct p1_rig *r);

/* Message `number` as a sender would have it, taken apart; lives as long as the rig. */
struct p1_message *p1_rig_message(struct p1_rig *r, uint64_t number, enum x400_year year);
struct slice p1_rig_octets(struct p1_rig *r, const struct p1_message *m, enum x400_year year);
void p1_rig_take(struct p1_rig *r, const struct p1_message *m); /* as of 1988 */

struct oraddr p1_rig_name(struct p1_rig *r, const char *text);
struct oraddr p1_rig_mailbox(struct p1_rig *r, uint32_t mailbox);

/* The report of a site's MTA about some recipients of it, named `id`; to be changed, then taken. */
struct p1_report *p1_rig_report(struct p1_rig *r, const struct p1_message *m, const char *id,
                                const struct p1_fate *fates, uint32_t count);
struct slice p1_rig_report_octets(struct p1_rig *r, const struct p1_report *report,
                                  enum x400_year year);
void p1_rig_take_report(struct p1_rig *r, const struct p1_report *report);

/* The events of a kind since the last asking: how many, and the newest. */
unsigned p1_rig_news(struct p1_rig *r, enum event_kind kind, struct event *newest);

#endif
