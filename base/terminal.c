/* terminal.c - what a terminal is like just now. */
#include "base/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>

bool terminal_can_redraw(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

void terminal_size(int fd, unsigned *columns, unsigned *rows)
{
    struct winsize size = {0};

    (void)ioctl(fd, TIOCGWINSZ, &size);
    *columns = size.ws_col ? size.ws_col : 80;
    *rows = size.ws_row ? size.ws_row : 24;
}
