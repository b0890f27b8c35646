/* live.h - what stderr shows while runs go on: a view that redraws itself on a terminal, else a line now and then.
 *
 * The view stands below what was written before it, with the cursor parked at its first character, so that whatever comes
 * next, and a terminal that is made narrower meanwhile, can wipe it from there. Only lines that changed are written, over
 * the old ones, in one piece, at most five times a second. The cursor is never hidden and no mode is set: nothing is to be put
 * back, however the process ends. Makes octets and writes none; one thread.
 */
#ifndef APP_LIVE_H
#define APP_LIVE_H

#include "app/live_screen.h"

enum live_mode {
    LIVE_NONE,
    LIVE_PLAIN, /* a line for every phase of every run, and one every ten seconds */
    LIVE_TTY,
};

/* "auto", "tty", "plain", "none"; auto is LIVE_TTY where the cursor can be moved and NO_COLOR is not set. */
bool live_mode_named(const char *word, bool can_redraw, bool no_color, enum live_mode *mode);

struct live;

struct live *live_create(enum live_mode mode, struct err *e);
void live_destroy(struct live *l); /* NULL is fine */
/* Adds to `out` what is to be written now, if anything. false: out of memory. */
bool live_show(struct live *l, struct campaign *c, uint64_t now_ns, const struct live_room *room,
               struct buf *out);
void live_wipe(struct live *l, struct buf *out); /* before anything else is written there */

#endif
