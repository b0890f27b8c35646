/* lab_p1_out.h - a server's X.400 connector: gives what waits in the core to associations, and opens them.
 *
 * Mail goes out on an association that the peer opened two-way alternate, if there is one, else on ours: one is opened when
 * something waits, another after each 50 handed over without a pause, none for 15 s of lab time after a failure. What could
 * not be sent goes back to the core, which has its own idea of when to try again; a failed call gives back all that waits,
 * so that a batch costs one attempt. Everything from the front's before-sleep hook. Private to lab/.
 */
#ifndef LAB_LAB_P1_OUT_H
#define LAB_LAB_P1_OUT_H

#include "lab/lab_p1_link.h"
#include "wire/x400/p1_bind.h"

#define P1_OWN_MAX 1000u /* answers to probes and to what cannot be read, waiting */

struct p1_connector {
    const struct p1_terms *t;
    struct p1_links *links;           /* the server's, callers too */
    struct p1_cargo *own, **own_last; /* the front's own reports, and what a link had no time for */
    uint32_t own_count, ours;         /* ours: associations that we opened */
    uint64_t streak;                  /* handed over since nothing waited */
    uint64_t not_before_ns,
        own_at_ns;    /* loop time: of the next call; of the own reports' next try */
    uint64_t answers; /* made so far */
    struct timer again;
    unsigned char bind_room[P1_BIND_MAX];
    struct slice bind;
    bool up, dirty; /* dirty: there may be something to do */
};

void p1_out_init(struct p1_connector *o, const struct p1_terms *t, struct p1_links *links);
void p1_out_fini(struct p1_connector *o); /* the links are closed already */
void p1_out_pump(struct p1_connector *o); /* before sleep */
/* Component or MTA came up or went down; calls of ours end then. */
void p1_out_set_up(struct p1_connector *o, bool up);

bool p1_out_has_room(const struct p1_connector *o);
void p1_out_answer(struct p1_connector *o, struct p1_octets octets); /* takes them */

/* News of links that the peer opened, which concern the connector too. */
void p1_out_news(struct p1_link *k, const struct assoc_event *ev, struct p1_connector *o);
void p1_out_gone(struct p1_link *k, struct p1_connector *o);

#endif
