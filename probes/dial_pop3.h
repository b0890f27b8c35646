/* dial_pop3.h - POP3 sessions over plain streams of the loop: greeting, USER, PASS. The part of dial_plain() for POP3. */
#ifndef PROBES_DIAL_POP3_H
#define PROBES_DIAL_POP3_H

#include "probes/dial_attempt.h"

void dial_pop3_open(struct dial_attempts *of, const struct server *server,
                    const struct mailbox *mailbox,
                    void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                 const char *why),
                    void *owner);

#endif
