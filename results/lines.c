/* lines.c - `list`: one line a copy. */
#include "results/lines.h"

#include <stdio.h>
#include <string.h>

#include "results/copies.h"
#include "results/json_file.h"
#include "results/report_text.h"

#define LINE_MAX_BYTES 65536
#define STATUS_MAX     200

struct listing {
    const struct manifest *m;
    const struct list_filter *filter;
    const struct line_sink *sink;
    struct buf line;
    bool failed;
};

static const char *x400_numbers(unsigned first, unsigned second, unsigned none, char *out,
                                size_t room)
{
    if (second == none)
        (void)snprintf(out, room, "X.400 %u/-", first);
    else
        (void)snprintf(out, room, "X.400 %u/%u", first, second);
    return out;
}

const char *code_words(uint32_t code, char *out, size_t room)
{
    unsigned reply = event_code_reply(code), class_digit = code >> 10 & 7u;
    int n = 0;

    out[0] = '\0';
    if (class_digit == EVENT_X400)
        return x400_numbers(code >> 13 & 511u, code >> 22, EVENT_X400_NO_CODE, out, room);
    if (reply)
        n = snprintf(out, room, "%u", reply);
    if (class_digit && n >= 0 && (size_t)n < room)
        (void)snprintf(out + n, room - (size_t)n, "%s%u.%u.%u", n ? " " : "", class_digit,
                       code >> 13 & 511u, code >> 22);
    return out;
}

const char *report_words(uint32_t code, char *out, size_t room)
{
    unsigned class_digit = code >> 8 & 7u;

    out[0] = '\0';
    if (class_digit == EVENT_X400) {
        unsigned reason = code >> 11 & 511u;

        return reason == EVENT_X400_NO_DIAG /* of a delivery */
                   ? out
                   : x400_numbers(reason, code >> 20 & 511u, EVENT_X400_NO_DIAG, out, room);
    }
    if (class_digit)
        (void)snprintf(out, room, "%u.%u.%u", class_digit, code >> 11 & 511u, code >> 20 & 511u);
    return out;
}

const char *status_words(const struct line_sink *sink, uint32_t code, uint32_t how, char *out,
                         size_t room)
{
    bool x400 = (how ? code >> 10 & 7u : code >> 8 & 7u) == EVENT_X400;
    char words[STATUS_MAX];

    (void)(how ? code_words(code, out, room) : report_words(code, out, room));
    if (!x400 || !sink || !sink->x400)
        return out;
    const char *more = sink->x400(code, how, words, sizeof words);
    size_t n = strlen(out);
    if (*more)
        (void)snprintf(out + n, room - n, " %s", more);
    return out;
}

static const char *status_of(const struct line_sink *sink, const struct copy *p, char *out,
                             size_t room)
{
    uint32_t how = (uint32_t)p->facts.k | p->stage << 8;

    return p->report_code ? status_words(sink, p->report_code, 0, out, room)
                          : status_words(sink, p->end_code, how, out, room);
}

static bool passes(const struct list_filter *f, const struct copy *p)
{
    return (f->outcome == CLASS_COUNT || f->outcome == p->outcome) &&
           (f->flag == FLAG_COUNT || p->flags >> f->flag & 1) &&
           (f->move == NO_INDEX || f->move == p->move.move);
}

static const char *mailbox_name(const struct manifest *m, uint32_t mailbox)
{
    return mailbox < m->mailbox_count ? m->mailboxes[mailbox].name : "";
}

static json_t *flags_json(const struct copy *p)
{
    json_t *all = json_array();

    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1)
            (void)json_array_append_new(all, json_string(flag_name(f)));
    return all;
}

static json_t *row_json(const struct listing *g, const struct copy *p)
{
    json_t *o = json_object();
    char token[27] = "", status[STATUS_MAX];
    bool moved = p->move.move != NO_INDEX;

    if (g->sink->token)
        g->sink->token(g->sink->owner, p->number, token);
    (void)json_object_set_new(o, "number", json_u64(p->number));
    (void)json_object_set_new(o, "token", json_words(token));
    (void)json_object_set_new(o, "mailbox", json_words(mailbox_name(g->m, p->mailbox)));
    (void)json_object_set_new(o, "recipient", json_words(mailbox_name(g->m, p->to)));
    (void)json_object_set_new(o, "role", json_string(p->alternate ? "alternate" : "primary"));
    (void)json_object_set_new(o, "class", json_string(class_name(p->outcome)));
    (void)json_object_set_new(o, "flags", flags_json(p));
    (void)json_object_set_new(o, "sent_ns", json_u64(p->sent_ns));
    (void)json_object_set_new(o, "accepted_ns",
                              p->facts.k == END_ACCEPTED ? json_u64(p->end_ns) : json_null());
    (void)json_object_set_new(o, "first_seen_ns", json_u64(p->first_seen_ns));
    (void)json_object_set_new(o, "reported_ns", json_u64(p->first_reported_ns));
    (void)json_object_set_new(o, "move", json_index(p->move.move));
    (void)json_object_set_new(o, "phase", json_string(move_phase_name(p->move.phase)));
    (void)json_object_set_new(o, "phase_ns",
                              moved ? json_integer((json_int_t)p->move.phase_ns) : json_null());
    (void)json_object_set_new(o, "ending", json_string(event_ending_name(p->facts.k)));
    (void)json_object_set_new(o, "final", json_boolean(p->facts.z));
    (void)json_object_set_new(o, "status", json_words(status_of(NULL, p, status, sizeof status)));
    return o;
}

const char *list_heading(void)
{
    return "  number role      class               sent         first seen   move     phase   "
           "mailbox status flags\n";
}

static bool row_text(struct listing *g, const struct copy *p)
{
    char sent[32], seen[32], status[STATUS_MAX], move[16] = "-";

    if (p->move.move != NO_INDEX)
        (void)snprintf(move, sizeof move, "%u", p->move.move);
    buf_add_format(&g->line, "%8llu %-9s %-19s %-12s %-12s %-8s %-7s %s",
                   (unsigned long long)p->number, p->alternate ? "alternate" : "primary",
                   class_name(p->outcome), text_at(sent, sizeof sent, p->sent_ns),
                   text_at(seen, sizeof seen, p->first_seen_ns), move,
                   move_phase_name(p->move.phase),
                   p->mailbox == NO_INDEX ? "-" : mailbox_name(g->m, p->mailbox));
    buf_add_format(&g->line, " %s", status_of(g->sink, p, status, sizeof status));
    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1)
            buf_add_format(&g->line, " %s", flag_name(f));
    return buf_add_text(&g->line, "\n");
}

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct listing *g = owner;

    for (uint32_t i = 0; i < n; i++) {
        if (!passes(g->filter, &copies[i]))
            continue;
        buf_clear(&g->line);
        if (!(g->filter->json ? json_add_line(&g->line, row_json(g, &copies[i]))
                              : row_text(g, &copies[i]))) {
            g->failed = true;
            return false;
        }
        if (!g->sink->line(g->sink->owner, buf_slice(&g->line)))
            return false;
    }
    return true;
}

bool list_copies(const struct run_record *r, const struct list_filter *f,
                 const struct line_sink *sink, struct err *e)
{
    struct listing g = {.m = r->manifest, .filter = f, .sink = sink};
    struct copies *c = copies_create(r->ledger, e);

    if (!c)
        return false;
    buf_init(&g.line, LINE_MAX_BYTES);
    (void)copies_each(c, on_message, &g);
    buf_fini(&g.line);
    copies_destroy(c);
    return !g.failed || err_set(e, EX_IO, "out of memory for a line");
}
