/* screen.c - a small terminal. */
#include "tests/app/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void screen_init(struct screen *s, unsigned columns, unsigned rows)
{
    *s = (struct screen){.columns = columns, .rows = rows};
    memset(s->cell, ' ', sizeof s->cell);
}

static void blank(struct screen *s, unsigned y, unsigned from)
{
    memset(s->cell[y] + from, ' ', SCREEN_COLUMNS_MAX - from);
}

static void line_feed(struct screen *s)
{
    if (++s->y < s->rows)
        return;
    s->y = s->rows - 1;
    s->scrolled++;
    memmove(s->cell[0], s->cell[1], (s->rows - 1ul) * sizeof s->cell[0]);
    blank(s, s->rows - 1, 0);
}

static void show(struct screen *s, unsigned char c)
{
    if ((c & 0xc0) == 0x80)
        return; /* the rest of a character */
    if (s->x >= s->columns) {
        s->wraps++;
        s->x = 0;
        line_feed(s);
    }
    s->cell[s->y][s->x++] = (char)(c < 0x80 ? c : '~');
}

/* After ESC [. */
static struct slice control(struct screen *s, struct slice rest)
{
    unsigned n = 0, given = 0;

    for (; rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9'; rest = slice_skip(rest, 1), given++)
        n = n * 10 + (rest.p[0] - '0');
    if (rest.n == 0)
        return rest;
    if (rest.p[0] == 'A')
        s->y = s->y > (given ? n : 1) ? s->y - (given ? n : 1) : 0;
    else if (rest.p[0] == 'K' && n == 0)
        blank(s, s->y, s->x);
    else if (rest.p[0] == 'J' && n == 0) {
        blank(s, s->y, s->x);
        for (unsigned y = s->y + 1; y < s->rows; y++)
            blank(s, y, 0);
    } else if (rest.p[0] != 'm')
        s->unknown++;
    return slice_skip(rest, 1);
}

void screen_feed(struct screen *s, struct slice octets)
{
    while (octets.n > 0) {
        unsigned char c = octets.p[0];

        octets = slice_skip(octets, 1);
        if (c == 033 && octets.n > 0 && octets.p[0] == '[')
            octets = control(s, slice_skip(octets, 1));
        else if (c == '\r')
            s->x = 0;
        else if (c == '\n')
            line_feed(s);
        else if (c < ' ')
            s->unknown++;
        else
            show(s, c);
    }
}

static unsigned length(const char *row, unsigned columns)
{
    while (columns > 0 && row[columns - 1] == ' ')
        columns--;
    return columns;
}

void screen_resize(struct screen *s, unsigned columns)
{
    struct screen *old = malloc(sizeof *old);
    unsigned at = 0;

    if (!old)
        return;
    *old = *s;
    screen_init(s, columns, old->rows);
    for (unsigned y = 0; y < old->rows && at < s->rows; y++) {
        unsigned n = length(old->cell[y], old->columns), x = 0;

        if (y == old->y)
            s->y = at;
        do {
            unsigned part = n - x < columns ? n - x : columns;

            memcpy(s->cell[at++], old->cell[y] + x, part);
            x += part;
        } while (x < n && at < s->rows);
    }
    s->x = old->x < columns ? old->x : columns - 1;
    free(old);
}

const char *screen_text(const struct screen *s)
{
    static char text[SCREEN_ROWS_MAX * (SCREEN_COLUMNS_MAX + 2)];
    size_t n = 0, last = 0;

    for (unsigned y = 0; y < s->rows; y++) {
        unsigned columns = length(s->cell[y], s->columns);

        memcpy(text + n, s->cell[y], columns);
        n += columns;
        text[n++] = '\n';
        last = columns ? n : last;
    }
    text[last] = '\0';
    return text;
}
