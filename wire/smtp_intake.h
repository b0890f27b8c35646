/* smtp_intake.h - the text of a message as it comes, behind DATA or in chunks: where it ends, how much it is, what is kept of it.
 *
 * Behind DATA it ends at CR LF "." CR LF and nowhere else, however its octets are cut; the dots that were stuffed go. Most of it
 * is run through at vector speed, several lines in a step, and where it is discarded memory does not depend on its size. Pure;
 * one thread at a time.
 */
#ifndef WIRE_SMTP_INTAKE_H
#define WIRE_SMTP_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum intake_place { INTAKE_LINE, INTAKE_TEXT, INTAKE_DOT, INTAKE_DOT_CR };

struct smtp_intake {
    /* as configured */
    size_t size_max, keep;
    bool discard; /* no more than `keep` octets are kept, and bare LFs are not looked for */
    /* the text so far */
    struct buf content;
    uint64_t octets; /* that came */
    bool bare_lf, too_large, no_room;
    enum intake_place place; /* what is known of the line that begins; INTAKE_TEXT: within one */
    unsigned char last;
};

void smtp_intake_init(struct smtp_intake *k, size_t size_max, bool discard, size_t keep);
void smtp_intake_fini(struct smtp_intake *k);
void smtp_intake_clear(struct smtp_intake *k); /* the next text; gives back what was large */

/* Text as it stands. */
void smtp_intake_add(struct smtp_intake *k, struct slice text);
/* A step over the front of *in, which is not empty, behind DATA; true: the end of the text was stepped over. */
bool smtp_intake_step(struct smtp_intake *k, struct slice *in);
/* The next octet is the CR behind the dot that begins a line. */
bool smtp_intake_is_ending(const struct smtp_intake *k, struct slice in);
void smtp_intake_overflow(struct smtp_intake *k); /* there is no room for it */

#endif
