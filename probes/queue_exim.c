/* queue_exim.c - "exim -bp": age, size, id, <sender> and what is frozen; a recipient a line, those done marked D; a blank line.
 *
 * What is frozen stands still; all else will be tried again. Tries are not listed. An empty queue is no line at all.
 * "exim -Mvh ID" shows the envelope and headers of one.
 */
#include <string.h>

#include "base/hash.h"
#include "probes/queue_format.h"

enum { BETWEEN, RECIPIENTS };

static bool next_word(struct slice *rest, struct slice *word)
{
    size_t n = 0;

    *rest = slice_trim(*rest);
    while (n < rest->n && rest->p[n] != ' ')
        n++;
    *word = slice_from(rest->p, n);
    *rest = slice_skip(*rest, n);
    return n > 0;
}

static bool is_age(struct slice s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n > 0 && n + 1 == s.n && strchr("mhdw", s.p[n]);
}

/* " 4m   279 1xUzvI-000312-1j <joe@sender.test> *** frozen ***" */
static bool read_head(struct queue_reader *r, struct slice line, struct err *e)
{
    struct slice rest = line, age, size, id, sender;

    if (!next_word(&rest, &age) || !is_age(age) || !next_word(&rest, &size) ||
        !next_word(&rest, &id) || !queue_id_copy(r->id, id, e))
        return err_set(e, EX_WIRE, "expected age, size, id and <sender>");
    rest = slice_trim(rest);
    if (!slice_starts(rest, "<"))
        return err_set(e, EX_WIRE, "the sender of %s cannot be read", r->id);
    rest = slice_skip(rest, 1);
    if (!slice_cut(&rest, '>', &sender) || sender.n >= sizeof r->sender)
        return err_set(e, EX_WIRE, "the sender of %s cannot be read", r->id);
    memcpy(r->sender, sender.p, sender.n);
    r->sender[sender.n] = '\0';
    r->due = !slice_find(rest, slice_of("*** frozen ***"), &(size_t){0});
    r->entries = 0;
    r->step = RECIPIENTS;
    return true;
}

static bool add(struct queue_reader *r, struct slice recipient, struct err *e)
{
    struct slice id = slice_of(r->id);
    struct queue_item item = {.id = id,
                              .show_id = id,
                              .sender = slice_of(r->sender),
                              .recipient = recipient,
                              .state = r->due,
                              .due = r->due,
                              .null_sender = r->sender[0] == '\0'};

    r->entries++;
    return queue_list_item(r->list, r->server, &item, e);
}

/* A message all of whose recipients are done is still there. */
static bool close_entry(struct queue_reader *r, struct err *e)
{
    bool ok = r->step != RECIPIENTS || r->entries > 0 || add(r, slice_of(NULL), e);

    r->step = BETWEEN;
    return ok;
}

static bool exim_line(struct queue_reader *r, struct slice line, struct err *e)
{
    struct slice text = slice_trim(line);

    if (text.n == 0)
        return close_entry(r, e);
    if (r->step == BETWEEN)
        return read_head(r, line, e);
    if (!slice_starts(line, "       "))
        return err_set(e, EX_WIRE, "expected a recipient of %s", r->id);
    if (slice_starts(text, "D ") || slice_starts(text, "+D "))
        return true;
    return add(r, text, e);
}

static bool exim_end(struct queue_reader *r, struct err *e)
{
    return r->step == BETWEEN || err_set(e, EX_WIRE, "the listing ends in the middle of %s", r->id);
}

static const char *const argv[] = {"exim", "-bp", NULL};
static const char *const show[] = {"exim", "-Mvh", "{id}", NULL};

const struct queue_format queue_exim = {
    .type = PROBE_QUEUE_EXIM,
    .argv = argv,
    .show = show,
    .config = "-C",
    .line = exim_line,
    .end = exim_end,
};
