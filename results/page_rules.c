/* page_rules.c - the rows of the table of classes in words, and one copy's facts as a sentence. */
#include "results/page_rules.h"

#include <stdio.h>

#include "results/html.h"

static const struct {
    unsigned row;
    const char *holds;
} rules[CLASS_COUNT] = {
    [CLASS_NOT_OWED] = {0, "not owed, and no evidence"},
    [CLASS_PHANTOM] = {1, "evidence, and never attempted"},
    [CLASS_NOT_SENT] = {2, "never attempted"},
    [CLASS_MISDELIVERED] = {3, "a copy is elsewhere"},
    [CLASS_CORRUPTED] = {4, "a copy was changed"},
    [CLASS_REFUSED_BUT_TAKEN] = {5, "refused or aborted, and yet a copy is there"},
    [CLASS_REFUSED_AND_NDR] = {6, "refused or aborted, and yet reported"},
    [CLASS_REFUSED_TEMPORARY] = {7, "refused for now"},
    [CLASS_REFUSED_PERMANENT] = {7, "refused for good"},
    [CLASS_ABORTED] = {7, "aborted before the terminator left"},
    [CLASS_CONTRADICTION] = {8, "a copy is at home, and a failed report came"},
    [CLASS_DUPLICATED] = {9, "two copies or more are at home"},
    [CLASS_DELIVERED_RESIDUE] = {10, "one copy is at home, and another at an old home"},
    [CLASS_DELIVERED] = {11, "one copy is at home"},
    [CLASS_LEFT_BEHIND] = {12, "a copy is at an old home only, and silence is final"},
    [CLASS_VANISHED] = {13, "seen once, nowhere now, and silence is final"},
    [CLASS_NDR_BUT_QUEUED] = {14, "in a queue, and a failed report came"},
    [CLASS_STRANDED] = {15, "in a queue, and silence is final"},
    [CLASS_NDR] = {16, "a failed report came to the originator"},
    [CLASS_NDR_MISROUTED] = {17, "a failed report came to somebody else only"},
    [CLASS_UNKNOWN] = {18, "silence is not final"},
    [CLASS_IN_DOUBT_SILENT] = {19, "in doubt when sent, and silence is final"},
    [CLASS_SILENT_BY_REQUEST] = {20, "silence was asked for, and is final"},
    [CLASS_SILENT_LOSS] = {21, "accepted, nowhere, not reported, and silence is final"},
};

unsigned page_rule(enum outcome c)
{
    return rules[c].row;
}

const char *page_rule_words(enum outcome c)
{
    return rules[c].holds;
}

static void add_send(const struct page_run *r, const struct copy *p, struct buf *out)
{
    static const char *const ends[] = {"Never attempted",
                                       "Refused for now by ",
                                       "Refused for good by ",
                                       "Cut off on the way to ",
                                       "In doubt (the terminator left, no complete reply came) at ",
                                       "Accepted by "};
    char status[240];

    (void)buf_add_text(out, ends[p->facts.k]);
    if (p->facts.k == END_NONE)
        return;
    const char *words = status_words(r->source->words, p->end_code,
                                     (uint32_t)p->facts.k | p->stage << 8, status, sizeof status);

    buf_add_format(out, "%s%s%s%s", page_server(r->m, p->server), *words ? " (" : "", words,
                   *words ? ")" : "");
    if (page_time(p) != NEVER_NS)
        buf_add_format(out, " at %s", word_clock(page_time(p)).t);
}

static const char *move_words(const struct page_run *r, const struct copy *p, char *out,
                              size_t room)
{
    uint64_t flip;

    if (p->move.move == NO_INDEX)
        return "";
    flip = page_mark(r, p->move.move, MARK_FLIPPED);
    if (flip == NEVER_NS || p->end_ns == NEVER_NS)
        (void)snprintf(out, room, ", near move %u", p->move.move);
    else
        (void)snprintf(out, room, ", %s %s the flip of move %u",
                       word_span(p->end_ns > flip ? p->end_ns - flip : flip - p->end_ns).t,
                       p->end_ns >= flip ? "after" : "before", p->move.move);
    return out;
}

static void add_places(const struct copy *p, struct buf *out)
{
    const struct facts *f = &p->facts;

    if (f->h)
        buf_add_format(out, " %s intact at home.",
                       f->h > 1 ? "More than one copy is" : "A copy is");
    if (f->o)
        (void)buf_add_text(out, " A copy is in a mailbox where it does not belong.");
    if (f->b)
        (void)buf_add_text(out, " A copy arrived changed.");
    if (f->l)
        (void)buf_add_text(out, " A copy is at an old home.");
    if (f->v)
        (void)buf_add_text(out, " A copy was seen once and is nowhere now.");
    if (f->q)
        (void)buf_add_text(out, " It stands in a queue.");
    if (!f->h && !f->o && !f->b && !f->l && !f->v && !f->q)
        (void)buf_add_text(out,
                           " No copy was found at home, at an old home, elsewhere or in a queue.");
}

static void add_reports(const struct page_run *r, const struct copy *p, struct buf *out)
{
    const struct facts *f = &p->facts;
    char status[240];
    const char *words =
        p->report_code ? status_words(r->source->words, p->report_code, 0, status, sizeof status)
                       : "";

    if (f->f || f->w)
        buf_add_format(out, " A report of failure%s%s came to %s.", *words ? ": " : "", words,
                       f->f ? "its originator" : "somebody other than its originator");
    else
        (void)buf_add_text(out, " No report of failure came.");
}

static void add_silence(const struct copy *p, struct buf *out)
{
    const struct facts *f = &p->facts;

    if (f->k < END_DOUBT)
        return;
    (void)buf_add_text(
        out, f->z ? " Every place that could hold it was scanned completely after all had come to "
                    "rest, and the way of reports was alive: silence is final."
                  : " Not every place that could hold it was scanned after all had come to rest: "
                    "silence is not final.");
}

json_t *page_why(const struct page_run *r, const struct copy *p)
{
    char move[160];
    struct buf out;

    buf_init(&out, 4096);
    add_send(r, p, &out);
    buf_add_format(&out, "%s.", move_words(r, p, move, sizeof move));
    if (p->facts.owed != OWED)
        (void)buf_add_text(&out, p->facts.owed == ALLOWED ? " A copy was allowed here, not owed."
                                                          : " No copy was owed here.");
    add_places(p, &out);
    add_reports(r, p, &out);
    add_silence(p, &out);
    json_t *words = page_words(buf_text(&out));

    buf_fini(&out);
    return words;
}
