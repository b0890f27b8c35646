/* brake.h - stops a thread's senders when the target turns mail away: a second look once a second, over the last ten.
 *
 * It reads the counters that the senders keep anyway. Few messages decide nothing: BRAKE_REPLIES, BRAKE_CONNECTS. Real time, as
 * is what a target has to bear. One thread, the sender's.
 */
#ifndef LOADGEN_BRAKE_H
#define LOADGEN_BRAKE_H

#include "loadgen/sender.h"

#define BRAKE_SECONDS  10u
#define BRAKE_REPLIES  20u /* at least so many messages, or tries to connect, in the window */
#define BRAKE_CONNECTS 10u
#define BRAKE_BUSY     50u  /* per mille: more refusals by 421 or 4.7.x among them than this, */
#define BRAKE_REFUSED  200u /* or more connections that did not come up */

struct brake_count {
    uint64_t sent, busy, connects, failed;
};

struct brake_word {
    enum brake_why why; /* results/event.h */
    uint32_t per_mille;
};

struct brake {
    struct timer timer;
    struct loop *loop; /* NULL: it was not begun */
    const struct sender_health *health;
    void (*pull)(void *owner, struct brake_word w); /* once, from the loop */
    void *owner;
    struct brake_count at[BRAKE_SECONDS + 1]; /* a ring of what was counted at each second */
    uint32_t seconds;
};

void brake_begin(struct brake *b, struct loop *l, const struct sender_health *health,
                 void (*pull)(void *owner, struct brake_word w), void *owner);
void brake_end(struct brake *b); /* zeroed is fine */

/* Is what lies between two counts too much? why BRAKE_NOT: no. Pure. */
struct brake_word brake_look(const struct brake_count *from, const struct brake_count *to);
bool brake_is_busy(uint32_t code); /* event_code(): 421, or 4.7.x */

#endif
