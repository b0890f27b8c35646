/* dial_pop3.h - POP3 sessions over plain streams of the loop: greeting, USER, PASS. The part of dial_plain() for POP3.
 *
 * For the simulated world, and for servers without TLS. Each dial is a small struct in a list, freed when it was answered.
 */
#ifndef PROBES_DIAL_POP3_H
#define PROBES_DIAL_POP3_H

#include "probes/dial.h"

struct dial_pop3_attempt;

struct dial_pop3 {
    struct loop *loop;
    const struct guard *guard;
    struct dial_pop3_attempt *attempts;
};

void dial_pop3_open(struct dial_pop3 *d, const struct server *server, const struct mailbox *mailbox,
                    void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                 const char *why),
                    void *owner);
void dial_pop3_forget(struct dial_pop3 *d, bool all, const void *owner);

#endif
