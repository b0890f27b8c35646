/* sink_out.h - the sink's way back: one association on which it calls an MTA and hands over APDUs, one after another.
 *
 * Calls when there is something to hand over, again after a second when that failed, and releases when all is handed over.
 * What was in doubt is sent again, as an MTA does: the other side may hold it twice. Loopback only. All on the loop's thread.
 */
#ifndef APP_SINK_OUT_H
#define APP_SINK_OUT_H

#include "base/loop.h"
#include "wire/x400/association.h"

struct sink_out;

struct sink_out_config {
    struct loop *loop;
    struct net_addr to;
    enum stack_mode mode;
    struct slice mta, password; /* said when it calls; empty mta: anonymous. Borrowed, as these: */
    struct slice our_tsel, our_ssel, our_psel, their_tsel, their_ssel, their_psel;
    void (*trouble)(void *owner, const char *words);
    void *owner;
};

struct sink_out *sink_out_create(const struct sink_out_config *c); /* NULL: memory */
void sink_out_destroy(struct sink_out *o);                         /* NULL is fine */
bool sink_out_send(struct sink_out *o, struct slice apdu); /* copied; false: too much waits */
bool sink_out_is_done(const struct sink_out *o);           /* all handed over, and released */
uint64_t sink_out_handed(const struct sink_out *o);
uint64_t sink_out_unhanded(const struct sink_out *o); /* not taken, or still waiting */

#endif
