/* smtp_man.h - a man who speaks SMTP to a listener in a test, by hand: says what he is told, remembers what he hears.
 */
#ifndef TESTS_PROBES_SMTP_MAN_H
#define TESTS_PROBES_SMTP_MAN_H

#include "base/bytes.h"
#include "base/loop.h"

struct smtp_man {
    struct loop *loop;
    struct stream *s;
    struct buf heard, to_say;
    bool lost;
};

void man_call(struct smtp_man *m, struct loop *loop, const struct net_addr *at);
void man_say(struct smtp_man *m, const char *text);
void man_say_octets(struct smtp_man *m, struct slice octets);
const char *man_heard(struct smtp_man *m); /* since he was asked last; until the next asking */
void man_deafen(struct smtp_man *m);       /* reads nothing from now on */
void man_go(struct smtp_man *m);           /* hangs up; fine when he has */

#endif
