/* smtp_out.c - the buffer, the bodies within it, and what is left of both when the kernel took a part. */
#include "wire/smtp_out.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX  49152u  /* 16 recipients with ORCPT in xtext: 18 KB; a head and a tail: 9 KB */
#define BESIDES_MAX  262144u /* what goes out between messages: a log-in, a trial */
#define MESSAGE_ROOM 2048u   /* to begin with */

bool smtp_out_init(struct smtp_out *o, uint32_t texts)
{
    uint32_t room = 1;

    while (room < texts)
        room *= 2;
    *o = (struct smtp_out){.plenty = (size_t)(texts - 1) * MESSAGE_MAX,
                           .mask = room - 1,
                           .bodies = calloc(room, sizeof *o->bodies)};
    buf_init(&o->octets, (size_t)texts * MESSAGE_MAX + BESIDES_MAX);
    if (o->bodies && buf_reserve(&o->octets, (size_t)texts * MESSAGE_ROOM))
        return true;
    smtp_out_fini(o);
    return false;
}

void smtp_out_fini(struct smtp_out *o)
{
    buf_fini(&o->octets);
    free(o->bodies);
    o->bodies = NULL;
}

void smtp_out_begin(struct smtp_out *o)
{
    buf_clear(&o->octets);
    o->at = 0;
    o->queued = o->gone = 0;
    o->first = o->end = 0;
}

void smtp_out_grow(struct smtp_out *o, size_t n)
{
    buf_drop(&o->octets, o->at);
    for (uint32_t i = o->first; i != o->end; i++)
        o->bodies[i & o->mask].at -= o->at;
    o->at = 0;
    PM_ASSERT(buf_reserve(&o->octets, n)); /* the limit holds a window of messages of any shape */
}

void smtp_out_say(struct smtp_out *o, const void *p, size_t n)
{
    struct pen w = smtp_out_pen(o, n);

    pen_put(&w, p, n);
    smtp_out_wrote(o, w);
}

void smtp_out_text(struct smtp_out *o, const struct smtp_text *t, bool stuffed)
{
    uint64_t bytes = smtp_text_bytes(t, stuffed);
    struct pen w = smtp_out_pen(o, SMTP_TEXT_HEAD_MAX + SMTP_OUT_COPY_MAX);

    if (bytes <= SMTP_OUT_COPY_MAX) {
        smtp_text_copy(t, stuffed, w.p);
        w.p += bytes;
        smtp_out_wrote(o, w);
        return;
    }
    struct slice tail = smtp_text_tail(t);
    pen_put(&w, t->head, t->head_bytes);
    smtp_out_wrote(o, w);
    PM_ASSERT(o->end - o->first <= o->mask);
    struct smtp_out_body *b = &o->bodies[o->end++ & o->mask];
    *b = (struct smtp_out_body){.at = o->octets.n,
                                .bytes = bytes - t->head_bytes - tail.n,
                                .body = smtp_text_body(t),
                                .stuffed = stuffed};
    o->queued += b->bytes;
    pen_put_slice(&w, tail);
    smtp_out_wrote(o, w);
}

void smtp_out_cut(struct smtp_out *o)
{
    buf_clear(&o->octets);
    o->at = 0;
    o->queued = o->gone;
    o->first = o->end;
}

/* One piece of the buffer, up to this octet of it. */
static int put_piece(const struct smtp_out *o, size_t at, size_t stop, uint64_t *left,
                     struct iovec *iov)
{
    size_t n = stop - at < *left ? stop - at : (size_t)*left;

    if (n == 0)
        return 0;
    *left -= n;
    *iov = (struct iovec){o->octets.p + at, n};
    return 1;
}

static int put_body(const struct smtp_out_body *b, uint64_t *left, struct iovec *iov, int room,
                    bool *whole)
{
    uint64_t here = b->bytes - b->gone;
    int n = 0;

    if (*left == 0 || room <= 0)
        return 0;
    int pieces = smtp_text_body_iov(&b->body, b->stuffed, b->gone, iov, room);
    while (n<pieces && * left> 0) {
        if (iov[n].iov_len > *left)
            iov[n].iov_len = (size_t)*left;
        *left -= iov[n].iov_len;
        here -= iov[n++].iov_len;
    }
    *whole = here == 0;
    return n;
}

int smtp_out_iov(const struct smtp_out *o, uint64_t limit, struct iovec *iov, int room)
{
    uint64_t left = (limit < o->queued ? limit : o->queued) - o->gone;
    size_t at = o->at;
    int n = 0;

    for (uint32_t i = o->first; i != o->end && n < room; i++) {
        const struct smtp_out_body *b = &o->bodies[i & o->mask];
        bool whole = false;

        n += put_piece(o, at, b->at, &left, iov + n);
        at = b->at;
        n += put_body(b, &left, iov + n, room - n, &whole);
        if (!whole)
            return n;
    }
    if (n < room)
        n += put_piece(o, at, o->octets.n, &left, iov + n);
    return n;
}

void smtp_out_gave(struct smtp_out *o, size_t n)
{
    o->gone += n;
    PM_ASSERT(o->gone <= o->queued);
    if (o->gone == o->queued) { /* the usual case */
        smtp_out_cut(o);
        return;
    }
    while (o->first != o->end) {
        struct smtp_out_body *b = &o->bodies[o->first & o->mask];
        size_t before = b->at - o->at, take = n < before ? n : before;

        o->at += take;
        n -= take;
        if (n < b->bytes - b->gone) {
            b->gone += n;
            return;
        }
        n -= b->bytes - b->gone;
        o->first++;
    }
    o->at += n;
}
