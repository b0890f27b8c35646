/* live_screen.c - a run in a few rows of cells that flow into the width there is; several runs in a table. */
#include "app/live_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define CELL_BYTES  300u
#define LABEL_WIDTH 10u
#define RUN_MIN     12u
#define RUN_MAX     32u
#define NAME_MIN    5u

enum style { PLAIN, BOLD, ALARM };

struct pen {
    struct buf *out;
    unsigned width, room; /* of a line; lines */
    unsigned at, indent, lines;
    bool color, ok, full;
};

/* ------------------------------------------------------------------------------------------------------- characters */

/* The code point at *text, which is valid UTF-8 (text_clean), and its length. */
static uint32_t code_point(const char *text, size_t *n)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c = p[0];

    *n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*n > 1)
        c &= 0xffu >> (*n + 1);
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* Characters that turn the order of others around, or show nothing. */
static bool is_unseen(uint32_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff || c == 0xad;
}

/* Rather too many columns than too few: a line must not wrap. */
static unsigned columns_of(uint32_t c)
{
    return c < 0x1100 || is_unseen(c) ? 1 : 2;
}

static unsigned width_of(const char *text)
{
    unsigned width = 0;
    size_t n;

    for (; *text; text += n)
        width += columns_of(code_point(text, &n));
    return width;
}

/* As much of it as fits. */
static void put(struct pen *p, const char *text, unsigned width)
{
    unsigned used = 0;
    size_t n;

    for (; *text; text += n) {
        uint32_t c = code_point(text, &n);

        if (used + columns_of(c) > width)
            break;
        used += columns_of(c);
        p->ok = p->ok && (is_unseen(c) ? buf_add_text(p->out, "?") : buf_add(p->out, text, n));
    }
    p->at += used;
}

static void put_styled(struct pen *p, enum style style, const char *text, unsigned width)
{
    static const char *const codes[] = {"", "\033[1m", "\033[31m"};

    if (p->color && style != PLAIN)
        p->ok = p->ok && buf_add_text(p->out, codes[style]);
    put(p, text, width);
    if (p->color && style != PLAIN)
        p->ok = p->ok && buf_add_text(p->out, "\033[0m");
}

static void pad(struct pen *p, unsigned to)
{
    for (; p->at < to; p->at++)
        p->ok = p->ok && buf_add_text(p->out, " ");
}

/* ------------------------------------------------------------------------------------------------------- rows, cells */

static void end_line(struct pen *p)
{
    if (p->at > 0)
        p->ok = p->ok && buf_add_text(p->out, "\n");
    p->at = 0;
}

static void begin_line(struct pen *p)
{
    end_line(p);
    p->full = p->lines >= p->room;
    p->lines += !p->full;
}

static void row(struct pen *p, const char *label)
{
    begin_line(p);
    p->indent = label ? LABEL_WIDTH : 0;
    if (p->full || !label)
        return;
    pad(p, 2);
    put(p, label, p->width - 2);
    pad(p, p->indent);
}

static void cell(struct pen *p, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void cell(struct pen *p, enum style style, const char *format, ...)
{
    char said[CELL_BYTES], text[CELL_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(said, sizeof said, format, args);
    va_end(args);
    (void)text_clean(text, sizeof text, slice_of(said));
    if (p->at > p->indent && !p->full) {
        if (p->at + 2 + width_of(text) > p->width) {
            begin_line(p);
            p->indent = p->indent ? p->indent : 2;
            if (!p->full)
                pad(p, p->indent);
        } else
            pad(p, p->at + 2);
    }
    if (!p->full && p->at < p->width)
        put_styled(p, style, text, p->width - p->at);
}

/* ----------------------------------------------------------------------------------------------------------- figures */

struct word {
    char text[RUN_MAX + 1];
};

static struct word count(uint64_t n)
{
    struct word w;

    (void)text_print_count(w.text, sizeof w.text, n);
    return w;
}

/* Whole seconds, or whole milliseconds below one. */
static struct word span(uint64_t ns)
{
    struct word w;
    uint64_t unit = ns >= NS_PER_S ? NS_PER_S : NS_PER_MS;

    (void)text_print_duration(w.text, sizeof w.text, ns / unit * unit);
    return w;
}

static struct word at_most(uint64_t ns)
{
    return span((ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S);
}

static struct word rate(double per_second)
{
    struct word w;

    (void)snprintf(w.text, sizeof w.text, per_second < 100 ? "%.1f/s" : "%.0f/s", per_second);
    return w;
}

static struct word late(const struct load_counts *all)
{
    uint64_t us = spread_within_us(&all->late, 0.99);
    struct word w = {"<="};

    if (us == NEVER_NS)
        return (struct word){">100s"};
    if (us == 0)
        return (struct word){"-"};
    (void)text_print_duration(w.text + 2, sizeof w.text - 2, us * NS_PER_US);
    return w;
}

/* As run.max_lateness says: then no latency of the run is certified. */
static enum style late_style(const struct job *j, const struct load_counts *all)
{
    uint64_t us = spread_within_us(&all->late, 0.99);

    return j->profile->lateness_real_ns && us > j->profile->lateness_real_ns / NS_PER_US ? ALARM
                                                                                         : PLAIN;
}

static uint64_t in_flight(const struct load_counts *all)
{
    uint64_t ended = 0;

    for (uint32_t i = 0; i <= END_ACCEPTED; i++)
        ended += all->ended[i];
    return all->recipients > ended ? all->recipients - ended : 0;
}

static uint64_t standing(const struct run_status *s)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < STATUS_SERVERS; i++)
        n += s->queues[i].entries - s->queues[i].due;
    return n;
}

static const char *server_name(const struct job *j, uint32_t server)
{
    const struct site *s = &j->profile->site;

    return server < s->server_count ? s->servers[server].name : "?";
}

/* Where it is too long, the name of the profile gives way: variants are what tells runs of a campaign apart. */
static struct word run_name(const struct job *j, unsigned width)
{
    size_t of_variant = strlen(j->variant), of_name = strlen(j->profile->name);
    size_t room = width < RUN_MAX ? width : RUN_MAX;
    struct word w;

    if (of_variant == 0)
        (void)snprintf(w.text, sizeof w.text, "%.*s", (int)room, j->profile->name);
    else if (of_variant + 1 + (of_name < NAME_MIN ? of_name : NAME_MIN) <= room)
        (void)snprintf(w.text, sizeof w.text, "%.*s %.*s", (int)(room - of_variant - 1),
                       j->profile->name, (int)of_variant, j->variant);
    else
        (void)snprintf(w.text, sizeof w.text, "%s",
                       j->variant + (of_variant > room ? of_variant - room : 0));
    return w;
}

static unsigned name_width(const struct job *j)
{
    return (unsigned)(strlen(j->profile->name) + strlen(j->variant)) + (*j->variant ? 1 : 0);
}

static struct word verdict_in(const struct run_status *s)
{
    struct word w = {"-"}, most = at_most(s->verdict_in_ns);

    if (s->phase >= PHASE_JUDGE)
        return (struct word){"now"};
    if (s->verdict_in_ns != NEVER_NS)
        (void)snprintf(w.text, sizeof w.text, "<=%.29s", most.text);
    return w;
}

/* Somebody's fault, as far as one can see by now. */
static bool is_bad(enum outcome o)
{
    return class_responsibility(o) == AXIS_VIOLATION || class_transparency(o) == AXIS_VIOLATION ||
           o == CLASS_PHANTOM;
}

/* ---------------------------------------------------------------------------------------------------------- one run */

static void show_title(struct pen *p, const struct job *j)
{
    const struct run_status *s = &j->status;
    bool goes_on = s->phase < PHASE_DRAIN && s->plan_ends_ns > s->target_ns;

    row(p, NULL);
    cell(p, BOLD, "%s%s%s", j->profile->name, *j->variant ? " " : "", j->variant);
    cell(p, BOLD, "%s", run_phase_name(s->phase));
    cell(p, PLAIN, goes_on ? "%s of %s" : "%s", span(s->target_ns).text,
         span(s->plan_ends_ns).text);
    if (s->scale > 1)
        cell(p, PLAIN, "at %ux", s->scale);
}

static void show_sends(struct pen *p, const struct job *j, const struct load_counts *all)
{
    const struct run_status *s = &j->status;
    uint64_t temporary = all->ended[END_REFUSED_TEMP], permanent = all->ended[END_REFUSED_PERM];

    row(p, "sent");
    cell(p, PLAIN, "%s of %s", count(all->messages).text, count(s->planned).text);
    if (s->rate_planned > 0)
        cell(p, PLAIN, "%s of %s", rate(s->rate).text, rate(s->rate_planned).text);
    else if (s->rate > 0)
        cell(p, PLAIN, "%s", rate(s->rate).text);
    if (all->messages)
        cell(p, late_style(j, all), "late p99 %s", late(all).text);
    cell(p, PLAIN, "in flight %s", count(in_flight(all)).text);
    row(p, "ended");
    cell(p, PLAIN, "%s accepted", count(all->ended[END_ACCEPTED]).text);
    if (temporary)
        cell(p, ALARM, "%s refused for now", count(temporary).text);
    if (permanent)
        cell(p, ALARM, "%s refused for good", count(permanent).text);
    if (all->ended[END_ABORTED])
        cell(p, ALARM, "%s cut off", count(all->ended[END_ABORTED]).text);
    if (all->ended[END_DOUBT])
        cell(p, ALARM, "%s in doubt", count(all->ended[END_DOUBT]).text);
}

static void show_found(struct pen *p, const struct run_status *s)
{
    row(p, "found");
    cell(p, PLAIN, "%s copies seen", count(s->counts.seen).text);
    cell(p, PLAIN, "%s reports", count(s->counts.reports).text);
    if (s->counts.reported[REPORT_FAILED])
        cell(p, ALARM, "%s of failure", count(s->counts.reported[REPORT_FAILED]).text);
    if (s->counts.reported[REPORT_DELAYED])
        cell(p, PLAIN, "%s of delay", count(s->counts.reported[REPORT_DELAYED]).text);
    if (standing(s))
        cell(p, ALARM, "%s stand in queues", count(standing(s)).text);
}

/* Violations, and what is neither fine nor decided; the rest is fine. */
static void show_classes(struct pen *p, const struct run_status *s)
{
    const uint64_t *of = s->so_far.of;

    if (!s->has_classes)
        return;
    row(p, "so far");
    cell(p, PLAIN, "%s delivered", count(of[CLASS_DELIVERED]).text);
    for (enum outcome o = CLASS_PHANTOM; o < CLASS_COUNT; o++)
        if (of[o] && o != CLASS_DELIVERED && o != CLASS_NOT_SENT && o != CLASS_UNKNOWN)
            cell(p, is_bad(o) ? ALARM : PLAIN, "%s %s", count(of[o]).text, class_name(o));
    cell(p, PLAIN, "%s open", count(of[CLASS_UNKNOWN]).text);
}

static void show_move(struct pen *p, const struct job *j, const struct move_now *v)
{
    uint64_t now = j->status.target_ns;
    const char *box = j->profile->site.mailboxes[v->mailbox].name;

    row(p, "");
    cell(p, PLAIN, "%u %s %s>%s", v->move, box, server_name(j, v->from), server_name(j, v->to));
    cell(p, v->state == MOVING_FAILED ? ALARM : PLAIN, "%s",
         v->state == MOVING_DONE ? "done, being verified" : moving_name(v->state));
    if (v->flipped_ns != NEVER_NS)
        cell(p, PLAIN, v->state == MOVING_FLIPPED ? "%s ago" : "flipped %s ago",
             span(now > v->flipped_ns ? now - v->flipped_ns : 0).text);
    else
        cell(p, PLAIN, "for %s", span(now > v->asked_ns ? now - v->asked_ns : 0).text);
}

static void show_moves(struct pen *p, const struct job *j)
{
    const struct run_status *s = &j->status;
    const uint32_t *in = s->move_states;
    uint32_t shown = s->under_way < STATUS_MOVES ? s->under_way : STATUS_MOVES;

    if (s->moves == 0)
        return;
    row(p, "moves");
    cell(p, PLAIN, "%u of %u ended", s->moves_ended, s->moves);
    if (s->under_way)
        cell(p, PLAIN, "%u under way", s->under_way);
    if (in[MOVING_FAILED])
        cell(p, ALARM, "%u failed", in[MOVING_FAILED]);
    if (in[MOVING_DISPROVED])
        cell(p, ALARM, "%u disproved", in[MOVING_DISPROVED]);
    for (uint32_t i = 0; i < shown; i++)
        show_move(p, j, &s->moves_now[i]);
    if (s->under_way > shown) {
        row(p, "");
        cell(p, PLAIN, "and %u more", s->under_way - shown);
    }
}

static void show_queues(struct pen *p, const struct job *j)
{
    const struct run_status *s = &j->status;
    bool begun = false;

    for (uint32_t i = 0; i < STATUS_SERVERS; i++) {
        const struct queue_now *q = &s->queues[i];

        if (!q->known)
            continue;
        if (!begun)
            row(p, "queues");
        begun = true;
        if (q->entries > q->due)
            cell(p, PLAIN, "%s %u (%u stand)", server_name(j, i), q->entries, q->entries - q->due);
        else
            cell(p, PLAIN, "%s %u", server_name(j, i), q->entries);
    }
}

static void show_verdict(struct pen *p, const struct run_status *s)
{
    uint64_t left_ns = s->plan_ends_ns > s->target_ns ? s->plan_ends_ns - s->target_ns : 0;

    if (s->waiting_for[0]) {
        row(p, "waits");
        cell(p, PLAIN, "for %s", s->waiting_for);
    }
    row(p, "verdict");
    if (s->phase >= PHASE_JUDGE)
        cell(p, PLAIN, "now");
    else if (s->verdict_in_ns != NEVER_NS)
        cell(p, PLAIN, "in at most %s", at_most(s->verdict_in_ns).text);
    else {
        if (s->phase == PHASE_ARM)
            cell(p, PLAIN, "after a load of %s,", at_most(left_ns / s->scale).text);
        else if (left_ns && s->phase == PHASE_LOAD)
            cell(p, PLAIN, "load ends in %s,", at_most(left_ns / s->scale).text);
        else
            cell(p, PLAIN, "when moves and sends have ended,");
        cell(p, PLAIN, "then settles for at most %s", at_most(s->settles_ns).text);
    }
}

static void show_run(struct pen *p, const struct job *j)
{
    struct load_counts all;

    counts_sum(&j->status.counts, &all);
    show_title(p, j);
    show_sends(p, j, &all);
    show_found(p, &j->status);
    show_classes(p, &j->status);
    show_moves(p, j);
    show_queues(p, j);
    show_verdict(p, &j->status);
}

/* ------------------------------------------------------------------------------------------------------ several runs */

enum column {
    COLUMN_RUN,
    COLUMN_PHASE,
    COLUMN_TIME,
    COLUMN_SENT,
    COLUMN_RATE,
    COLUMN_LATE,
    COLUMN_OPEN,
    COLUMN_SEEN,
    COLUMN_REPORTS,
    COLUMN_MOVES,
    COLUMN_VERDICT,
    COLUMN_COUNT
};

static const struct {
    const char *title;
    unsigned width, rank; /* rank: those that matter most come first where there is no room */
} columns[COLUMN_COUNT] = {
    [COLUMN_RUN] = {"run", RUN_MIN, 0},   [COLUMN_PHASE] = {"phase", 6, 1},
    [COLUMN_SENT] = {"sent", 12, 2},      [COLUMN_VERDICT] = {"verdict", 8, 3},
    [COLUMN_MOVES] = {"moves", 7, 4},     [COLUMN_SEEN] = {"seen", 9, 5},
    [COLUMN_REPORTS] = {"reports", 7, 6}, [COLUMN_LATE] = {"late p99", 8, 7},
    [COLUMN_RATE] = {"rate", 8, 8},       [COLUMN_OPEN] = {"in flight", 9, 9},
    [COLUMN_TIME] = {"time", 7, 10},
};

static struct word of(uint64_t part, uint64_t whole)
{
    struct word w;

    (void)snprintf(w.text, sizeof w.text, "%llu/%llu", (unsigned long long)part,
                   (unsigned long long)whole);
    return w;
}

static struct word column_text(const struct job *j, const struct load_counts *all, enum column what,
                               unsigned width)
{
    const struct run_status *s = &j->status;
    struct word phase = {""};

    switch (what) {
    case COLUMN_RUN:
        return run_name(j, width);
    case COLUMN_PHASE:
        (void)snprintf(phase.text, sizeof phase.text, "%s", run_phase_name(s->phase));
        return phase;
    case COLUMN_TIME:
        return span(s->target_ns);
    case COLUMN_SENT:
        return of(all->messages, s->planned);
    case COLUMN_RATE:
        return rate(s->rate);
    case COLUMN_LATE:
        return late(all);
    case COLUMN_OPEN:
        return count(in_flight(all));
    case COLUMN_SEEN:
        return count(s->counts.seen);
    case COLUMN_REPORTS:
        return count(s->counts.reports);
    case COLUMN_MOVES:
        return of(s->moves_ended, s->moves);
    case COLUMN_VERDICT:
        return verdict_in(s);
    case COLUMN_COUNT:
        break;
    }
    return (struct word){""};
}

/* Widths of the columns that have room, 0 of the others; the run's name has what is left. */
static void choose_columns(unsigned width, unsigned *widths)
{
    unsigned used = 0;

    for (unsigned rank = 0; rank < COLUMN_COUNT; rank++)
        for (unsigned i = 0; i < COLUMN_COUNT; i++) {
            unsigned need = columns[i].width + (rank ? 2 : 0);

            if (columns[i].rank != rank)
                continue;
            if (used + need > width)
                return;
            widths[i] = columns[i].width;
            used += need;
        }
}

static void widen_names(unsigned width, unsigned longest, unsigned *widths)
{
    unsigned used = 0;

    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        used += widths[i] ? widths[i] + (i ? 2 : 0) : 0;
    longest = longest > RUN_MAX ? RUN_MAX : longest;
    while (widths[COLUMN_RUN] < longest && used < width) {
        widths[COLUMN_RUN]++;
        used++;
    }
}

static void table_cell(struct pen *p, enum column i, unsigned width, const char *text,
                       enum style style)
{
    bool left = i <= COLUMN_PHASE;
    unsigned begin = p->at + (i == COLUMN_RUN ? 0 : 2), wide = width_of(text);
    char clean[CELL_BYTES];

    if (width == 0 || p->full)
        return;
    pad(p, begin + (left || wide >= width ? 0 : width - wide));
    put_styled(p, style, text_clean(clean, sizeof clean, slice_of(text)), width);
    if (left)
        pad(p, begin + width);
}

static void show_table(struct pen *p, const struct campaign *c)
{
    unsigned widths[COLUMN_COUNT] = {0}, longest = RUN_MIN;

    for (uint32_t i = 0; i < c->count; i++)
        if (live_is_shown(&c->jobs[i]) && name_width(&c->jobs[i]) > longest)
            longest = name_width(&c->jobs[i]);
    choose_columns(p->width, widths);
    widen_names(p->width, longest, widths);
    begin_line(p);
    for (enum column i = COLUMN_RUN; i < COLUMN_COUNT; i++)
        table_cell(p, i, widths[i], columns[i].title, BOLD);
    for (uint32_t k = 0; k < c->count; k++) {
        const struct job *j = &c->jobs[k];
        struct load_counts all;

        if (!live_is_shown(j))
            continue;
        counts_sum(&j->status.counts, &all);
        begin_line(p);
        for (enum column i = COLUMN_RUN; i < COLUMN_COUNT; i++)
            table_cell(p, i, widths[i], column_text(j, &all, i, widths[i]).text,
                       i == COLUMN_LATE ? late_style(j, &all) : PLAIN);
    }
}

/* ------------------------------------------------------------------------------------------------------------- whole */

bool live_is_shown(const struct job *j)
{
    return j->began && !j->ended && j->has_status && j->profile;
}

bool live_screen(const struct campaign *c, const struct live_room *room, struct buf *out)
{
    struct pen p = {.out = out,
                    .width = room->columns > 21 ? room->columns - 1 : 20,
                    .room = room->rows > 2 ? room->rows - 1 : 1,
                    .color = room->color,
                    .ok = true};
    uint32_t ended = 0, shown = 0;
    const struct job *first = NULL;

    for (uint32_t i = 0; i < c->count; i++) {
        ended += c->jobs[i].ended;
        if (!live_is_shown(&c->jobs[i]))
            continue;
        first = shown++ ? first : &c->jobs[i];
    }
    if (shown == 0)
        return true;
    if (c->count > 1) {
        row(&p, NULL);
        cell(&p, PLAIN, "%u of %u runs ended,", ended, c->count);
        cell(&p, PLAIN, "%u under way", shown);
    }
    if (shown == 1)
        show_run(&p, first);
    else
        show_table(&p, c);
    end_line(&p);
    return p.ok;
}

static bool line_classes(const struct run_status *s, struct buf *out)
{
    for (enum outcome o = CLASS_PHANTOM; s->has_classes && o < CLASS_COUNT; o++)
        if (is_bad(o) && s->so_far.of[o] &&
            !buf_add_format(out, ", %llu %s so far", (unsigned long long)s->so_far.of[o],
                            class_name(o)))
            return false;
    return true;
}

static bool line_queues(const struct job *j, struct buf *out)
{
    const struct run_status *s = &j->status;

    for (uint32_t i = 0; i < STATUS_SERVERS; i++)
        if (s->queues[i].entries &&
            !buf_add_format(out, ", %u queued on %s", s->queues[i].entries, server_name(j, i)))
            return false;
    return true;
}

bool live_line(const struct job *j, struct buf *out)
{
    const struct run_status *s = &j->status;
    struct load_counts all;
    char waits[sizeof s->waiting_for];

    counts_sum(&s->counts, &all);
    return buf_add_format(out, "%s%s%s %s %s: %llu/%llu sent", j->profile->name,
                          *j->variant ? " " : "", j->variant, run_phase_name(s->phase),
                          span(s->target_ns / NS_PER_S * NS_PER_S).text,
                          (unsigned long long)all.messages, (unsigned long long)s->planned) &&
           (s->phase != PHASE_LOAD || s->rate <= 0 ||
            buf_add_format(out, " at %s", rate(s->rate).text)) &&
           (s->phase != PHASE_LOAD ||
            buf_add_format(out, ", %llu in flight", (unsigned long long)in_flight(&all))) &&
           (!all.messages || buf_add_format(out, ", late p99 %s", late(&all).text)) &&
           buf_add_format(out, ", %llu seen, %llu reports", (unsigned long long)s->counts.seen,
                          (unsigned long long)s->counts.reports) &&
           line_classes(s, out) &&
           (s->moves == 0 || buf_add_format(out, ", moves %u/%u", s->moves_ended, s->moves)) &&
           line_queues(j, out) &&
           (!s->waiting_for[0] ||
            buf_add_format(out, ", waits for %s",
                           text_clean(waits, sizeof waits, slice_of(s->waiting_for)))) &&
           (s->phase != PHASE_SETTLE || s->verdict_in_ns == NEVER_NS ||
            buf_add_format(out, ", verdict in at most %s", at_most(s->verdict_in_ns).text));
}
