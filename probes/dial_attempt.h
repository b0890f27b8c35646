/* dial_attempt.h - the life of an attempt to log on over a plain stream of the loop, whatever protocol it speaks.
 *
 * An attempt begins in the list of its dialer, on the heap. When it is answered, or forgotten, it leaves the list and is
 * freed, its stream with it unless the answer is DIAL_OK. The protocol puts it first into a struct of its own.
 */
#ifndef PROBES_DIAL_ATTEMPT_H
#define PROBES_DIAL_ATTEMPT_H

#include "base/bytes.h"
#include "probes/dial.h"

struct dial_attempt;

struct dial_attempts { /* the list of a dialer, and where its streams come from */
    struct loop *loop;
    const struct guard *guard;
    struct dial_attempt *newest;
};

struct dial_protocol {
    size_t out_max; /* octets of commands that wait to be sent */
    unsigned char *(*room)(struct dial_attempt *a, size_t n); /* for what comes; NULL: none left */
    bool (*took)(struct dial_attempt *a, size_t n); /* n octets came; false: the attempt is over */
    void (*fini)(struct dial_attempt *a);           /* gives back what is the protocol's own */
};

struct dial_attempt {
    const struct dial_protocol *protocol;
    struct dial_attempts *of;
    struct dial_attempt *next;
    struct stream *stream; /* NULL: never came to be, why says it */
    struct timer timer;
    struct buf out;
    char why[512];
    void (*done)(void *owner, enum dial_answer answer, struct stream *s, const char *why);
    void *owner;
};

/* `a` is the first member of what calloc() gave, with protocol, done and owner set. done() never comes from
 * inside. `missing`: what to say when there is no such end point. */
void dial_attempt_begin(struct dial_attempt *a, struct dial_attempts *of,
                        const struct end_point *to, const char *missing);
bool dial_attempt_send(struct dial_attempt *a); /* what waits in out; false: the attempt is over */
/* These end it: `a` is freed. */
void dial_attempt_answer(struct dial_attempt *a, enum dial_answer answer); /* because of a->why */
void dial_attempt_fail(struct dial_attempt *a, const char *why);           /* DIAL_DOWN */

/* Those of `owner` (NULL: all) are closed and freed; done() comes no more. */
void dial_attempts_forget(struct dial_attempts *of, const void *owner);

#endif
