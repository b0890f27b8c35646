/* live_screen.h - what a person sees of runs that go on: a screen of lines, or one line for logs. Pure; any thread.
 *
 * One run under way is shown whole, several as a table that leaves out what has no room. No line is wider than the terminal
 * less one column, so that none ever wraps, and there are fewer lines than rows. What others said is made fit to show.
 */
#ifndef APP_LIVE_SCREEN_H
#define APP_LIVE_SCREEN_H

#include "app/campaign.h"
#include "base/bytes.h"

struct live_room {
    unsigned columns, rows;
    bool color;
};

/* Lines that end in line feeds; none when no run has told anything yet. false: out of memory. */
bool live_screen(const struct campaign *c, const struct live_room *room, struct buf *out);
/* One run in one line, without an end of line. */
bool live_line(const struct job *j, struct buf *out);
bool live_is_shown(const struct job *j); /* it runs, and has told something */

#endif
