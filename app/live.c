/* live.c - what stderr shows while runs go on. */
#include "app/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define DRAW_NS    (200 * NS_PER_MS)
#define REPAINT_NS (2 * NS_PER_S) /* all lines, should somebody else have written over them */
#define PAUSE_NS   (1 * NS_PER_S)
#define LINE_NS    (10 * NS_PER_S)
#define BYTES_MAX  (1u << 20)
#define WIPE       "\r\033[J"

struct live {
    enum live_mode mode;
    struct buf shown, next; /* lines as they stand on the terminal; as they shall */
    unsigned columns, rows;
    uint64_t drawn_ns, painted_ns; /* 0: never */
};

bool live_mode_named(const char *word, bool can_redraw, bool no_color, enum live_mode *mode)
{
    if (strcmp(word, "auto") == 0)
        *mode = can_redraw && !no_color ? LIVE_TTY : LIVE_PLAIN;
    else if (strcmp(word, "tty") == 0)
        *mode = LIVE_TTY;
    else if (strcmp(word, "plain") == 0)
        *mode = LIVE_PLAIN;
    else if (strcmp(word, "none") == 0)
        *mode = LIVE_NONE;
    else
        return false;
    return true;
}

struct live *live_create(enum live_mode mode, struct err *e)
{
    struct live *l = calloc(1, sizeof *l);

    if (!l) {
        (void)err_set(e, EX_IO, "out of memory for the live view");
        return NULL;
    }
    l->mode = mode;
    buf_init(&l->shown, BYTES_MAX);
    buf_init(&l->next, BYTES_MAX);
    return l;
}

void live_destroy(struct live *l)
{
    if (!l)
        return;
    buf_fini(&l->shown);
    buf_fini(&l->next);
    free(l);
}

void live_wipe(struct live *l, struct buf *out)
{
    if (l->shown.n > 0)
        (void)buf_add_text(out, WIPE);
    buf_clear(&l->shown);
    l->drawn_ns = l->painted_ns = 0;
}

static bool draw_line(struct slice line, bool stands, struct buf *out)
{
    if (stands)
        return buf_add_text(out, "\r\n");
    return buf_add_text(out, "\r") && buf_add(out, line.p, line.n) &&
           buf_add_text(out, "\033[K\r\n");
}

/* From `shown` to `next`; the cursor is at the first character before and after. */
static bool draw(struct live *l, bool paint, struct buf *out)
{
    struct slice old = buf_slice(&l->shown), new = buf_slice(&l->next), was, is;
    unsigned lines = 0;
    bool ok = true;

    while (new.n > 0 && ok) {
        bool had = old.n > 0;

        (void)slice_cut(&new, '\n', &is);
        (void)slice_cut(&old, '\n', &was);
        ok = draw_line(is, had && !paint && was.n == is.n && memcmp(was.p, is.p, is.n) == 0, out);
        lines++;
    }
    if (old.n > 0)
        ok = ok && buf_add_text(out, "\033[J");
    if (lines)
        ok = ok && buf_add_format(out, "\033[%uA", lines);
    return ok;
}

static bool show_view(struct live *l, const struct campaign *c, uint64_t now_ns,
                      const struct live_room *room, struct buf *out)
{
    struct buf swap;
    bool resized = l->columns != room->columns || l->rows != room->rows;

    if (l->drawn_ns && !resized && now_ns - l->drawn_ns < DRAW_NS)
        return true;
    if (resized)
        live_wipe(l, out);
    l->columns = room->columns;
    l->rows = room->rows;
    buf_clear(&l->next);
    if (!live_screen(c, room, &l->next))
        return false;
    bool paused = now_ns - l->drawn_ns >= PAUSE_NS; /* a shell had the terminal meanwhile */
    bool paint = !l->painted_ns || paused || now_ns - l->painted_ns >= REPAINT_NS;

    if (!draw(l, paint, out))
        return false;
    l->drawn_ns = now_ns;
    l->painted_ns = paint ? now_ns : l->painted_ns;
    swap = l->shown;
    l->shown = l->next;
    l->next = swap;
    return true;
}

static bool show_lines(struct campaign *c, uint64_t now_ns, struct buf *out)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct job *j = &c->jobs[i];

        if (!live_is_shown(j) ||
            (j->told && j->told_phase == j->status.phase && now_ns - j->told_ns < LINE_NS))
            continue;
        if (!live_line(j, out) || !buf_add_text(out, "\n"))
            return false;
        j->told = true;
        j->told_phase = j->status.phase;
        j->told_ns = now_ns;
    }
    return true;
}

bool live_show(struct live *l, struct campaign *c, uint64_t now_ns, const struct live_room *room,
               struct buf *out)
{
    switch (l->mode) {
    case LIVE_TTY:
        return show_view(l, c, now_ns, room, out);
    case LIVE_PLAIN:
        return show_lines(c, now_ns, out);
    case LIVE_NONE:
        break;
    }
    return true;
}
