/* smtp_intake.c - a dot that begins a line is looked for in strides; only there a text may end or have a dot too many. */
#include "wire/smtp_intake.h"

#include <string.h>

#define STRIDE     64u /* a constant count of steps without a branch: compilers make vectors of them */
#define KEEP_BYTES (256u << 10)

void smtp_intake_init(struct smtp_intake *k, size_t size_max, bool discard, size_t keep)
{
    *k = (struct smtp_intake){.size_max = size_max, .keep = keep, .discard = discard};
    if (!discard || keep > size_max)
        k->keep = size_max;
    buf_init(&k->content, k->keep);
    smtp_intake_clear(k);
}

void smtp_intake_fini(struct smtp_intake *k)
{
    buf_fini(&k->content);
}

void smtp_intake_clear(struct smtp_intake *k)
{
    if (k->content.room > KEEP_BYTES)
        buf_fini(&k->content);
    buf_clear(&k->content);
    k->octets = 0;
    k->bare_lf = k->too_large = k->no_room = false;
    k->place = INTAKE_LINE;
    k->last = '\n';
}

void smtp_intake_overflow(struct smtp_intake *k)
{
    k->no_room = true;
    buf_fini(&k->content);
}

/* A LF without its CR before it in this run of text, which begins behind `last`. */
static bool has_bare_lf(struct slice run, unsigned char last)
{
    const unsigned char *at = run.p, *end = run.p + run.n;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        if ((at > run.p ? at[-1] : last) != '\r')
            return true;
        at++;
    }
    return false;
}

void smtp_intake_add(struct smtp_intake *k, struct slice text)
{
    size_t n = text.n;

    if (n == 0)
        return;
    if (!k->discard && !k->bare_lf)
        k->bare_lf = has_bare_lf(text, k->last);
    k->last = text.p[n - 1];
    k->octets += n;
    if (k->too_large || k->no_room)
        return;
    k->too_large = k->octets > k->size_max;
    if (n > k->keep - k->content.n)
        n = k->keep - k->content.n;
    if (k->too_large)
        buf_fini(&k->content);
    else if (n > 0 && !buf_add(&k->content, text.p, n))
        smtp_intake_overflow(k);
}

/* Whether a dot follows a LF, the LF at p[-1] to p[STRIDE - 2]. */
static bool has_dot(const unsigned char *p)
{
    const unsigned char *before = p - 1;
    unsigned char hit = 0;

    for (unsigned i = 0; i < STRIDE; i++)
        hit |= (unsigned char)((before[i] == '\n') & (p[i] == '.'));
    return hit;
}

/* The index of the first dot behind a LF, from 1; n: none. */
static size_t find_dot(const unsigned char *p, size_t n)
{
    const unsigned char *end = p + n, *at = p + 1;

    while ((size_t)(end - at) >= STRIDE && !has_dot(at))
        at += STRIDE;
    while (at < end && (at = memchr(at, '.', (size_t)(end - at)))) {
        if (at[-1] == '\n')
            return (size_t)(at - p);
        at++;
    }
    return n;
}

/* Up to a dot that begins a line, or to the end of what came. */
static void take_run(struct smtp_intake *k, struct slice *in)
{
    size_t n = find_dot(in->p, in->n);
    unsigned char before = n > 1 ? in->p[n - 2] : k->last;

    k->place = in->p[n - 1] == '\n' && before == '\r' ? INTAKE_LINE : INTAKE_TEXT;
    smtp_intake_add(k, slice_from(in->p, n));
    *in = slice_from(in->p + n, in->n - n);
}

bool smtp_intake_step(struct smtp_intake *k, struct slice *in)
{
    unsigned char c = in->p[0];

    switch (k->place) {
    case INTAKE_LINE:
        if (c != '.') {
            take_run(k, in);
            break;
        }
        k->place = INTAKE_DOT;
        *in = slice_skip(*in, 1);
        break;
    case INTAKE_DOT: /* the dot goes: it was stuffing, or the end */
        k->last = '.';
        k->place = c == '\r' ? INTAKE_DOT_CR : INTAKE_TEXT;
        if (c == '\r')
            *in = slice_skip(*in, 1);
        break;
    case INTAKE_DOT_CR:
        if (c == '\n') {
            *in = slice_skip(*in, 1);
            return true;
        }
        smtp_intake_add(k, slice_of("\r"));
        k->place = INTAKE_TEXT;
        break;
    case INTAKE_TEXT:
        take_run(k, in);
        break;
    }
    return false;
}

bool smtp_intake_is_ending(const struct smtp_intake *k, struct slice in)
{
    return k->place == INTAKE_DOT && in.n > 0 && in.p[0] == '\r';
}
