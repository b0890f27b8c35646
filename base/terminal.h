/* terminal.h - what a terminal is like just now. Any thread. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>

/* Somebody watches there, and the cursor can be moved: a terminal, and TERM is neither empty nor "dumb". */
bool terminal_can_redraw(int fd);
/* In characters, asked anew each time, since people resize; 80 x 24 where it does not say. */
void terminal_size(int fd, unsigned *columns, unsigned *rows);

#endif
