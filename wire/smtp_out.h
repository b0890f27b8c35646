/* smtp_out.h - what a conversation has to write: one buffer of commands and small texts, and places in it where the body of a
 * large text goes out of the shared corpus, so that it is never copied.
 *
 * It counts the octets of the connection: queued, and gone (given to the kernel). What is queued owns its octets, but for
 * the corpus. It allocates at init, and when more waits than ever before. One thread at a time.
 */
#ifndef WIRE_SMTP_OUT_H
#define WIRE_SMTP_OUT_H

#include "base/err.h"
#include "wire/smtp_pen.h"
#include "wire/smtp_text.h"

#define SMTP_OUT_COPY_MAX 4096u /* a text up to this size is copied; of larger ones only the head */

struct smtp_out_body {
    size_t at;            /* octets of the buffer that go before it */
    uint64_t bytes, gone; /* of it */
    struct smtp_text_body body;
    bool stuffed;
};

struct smtp_out {
    struct buf octets;
    size_t at;     /* those of the buffer that are gone */
    size_t plenty; /* with so many waiting, no message is taken any more */
    uint64_t queued, gone;
    struct smtp_out_body *bodies; /* a ring, free running */
    uint32_t mask, first, end;
};

bool smtp_out_init(struct smtp_out *o, uint32_t texts); /* at most so many wait; false: memory */
void smtp_out_fini(struct smtp_out *o);                 /* a zeroed one is fine */
void smtp_out_begin(struct smtp_out *o);                /* a new connection */

void smtp_out_grow(struct smtp_out *o, size_t n); /* room for n more octets */

/* Whether one more message of any shape fits: a server that refuses chunks unread leaves theirs waiting here. */
static inline bool smtp_out_has_room(const struct smtp_out *o)
{
    return o->end - o->first <= o->mask && o->octets.n - o->at <= o->plenty;
}

/* Where up to n octets may be written; then say how far the pen came. */
static inline struct pen smtp_out_pen(struct smtp_out *o, size_t n)
{
    if (o->octets.room - o->octets.n <= n)
        smtp_out_grow(o, n);
    return (struct pen){o->octets.p + o->octets.n};
}

static inline void smtp_out_wrote(struct smtp_out *o, struct pen w)
{
    size_t n = (size_t)(w.p - o->octets.p) - o->octets.n;

    o->octets.n += n;
    o->queued += n;
}

void smtp_out_say(struct smtp_out *o, const void *p, size_t n);
void smtp_out_text(struct smtp_out *o, const struct smtp_text *t, bool stuffed);
void smtp_out_cut(struct smtp_out *o); /* forgets what is not gone yet */

/* At most `room` pieces, none beyond octet `limit` of the connection. */
int smtp_out_iov(const struct smtp_out *o, uint64_t limit, struct iovec *iov, int room);
void smtp_out_gave(struct smtp_out *o, size_t n);

#endif
