/* report_text.c - the judgement for a terminal: verdict, sentences, account, gates, moves, latencies, health. */
#include "results/report_text.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "results/judge.h"
#include "results/report_sessions.h"

#define MOVES_SHOWN 20u

bool text_ink(struct buf *out, bool color, enum ink ink, const char *text)
{
    static const char *const codes[] = {"",         "\033[32m", "\033[31m",
                                        "\033[33m", "\033[1m",  "\033[2m"};

    if (!color || ink == INK_PLAIN)
        return buf_add_text(out, text);
    return buf_add_format(out, "%s%s\033[0m", codes[ink], text);
}

const char *text_us(char *out, size_t room, uint64_t us)
{
    if (us < 1000)
        (void)snprintf(out, room, "%lluus", (unsigned long long)us);
    else if (us < 1000000)
        (void)snprintf(out, room, "%llu.%llums", (unsigned long long)(us / 1000),
                       (unsigned long long)(us % 1000 / 100));
    else if (us < 60000000)
        (void)snprintf(out, room, "%llu.%02llus", (unsigned long long)(us / 1000000),
                       (unsigned long long)(us % 1000000 / 10000));
    else
        (void)snprintf(out, room, "%llum%02llus", (unsigned long long)(us / 60000000),
                       (unsigned long long)(us / 1000000 % 60));
    return out;
}

const char *text_at(char *out, size_t room, uint64_t t_ns)
{
    if (t_ns == NEVER_NS)
        (void)snprintf(out, room, "-");
    else
        (void)snprintf(out, room, "+%llu.%03llus", (unsigned long long)(t_ns / NS_PER_S),
                       (unsigned long long)(t_ns / NS_PER_MS % 1000));
    return out;
}

static enum ink ink_of(enum outcome o)
{
    enum axis worse = class_responsibility(o);

    if (class_transparency(o) > worse)
        worse = class_transparency(o);
    switch (worse) {
    case AXIS_OK:
        return INK_GOOD;
    case AXIS_WARNING:
    case AXIS_OPEN:
        return INK_OPEN;
    case AXIS_VIOLATION:
    case AXIS_INVALID:
        return INK_BAD;
    }
    return INK_PLAIN;
}

static const char *axis_letter(enum axis a)
{
    static const char *const letters[] = {"ok", "warning", "VIOLATION", "open", "INVALID"};

    return letters[a];
}

static bool add_verdict(const struct judgement *j, struct buf *out, bool color)
{
    const struct manifest *m = j->manifest;
    enum ink ink = j->verdict == VERDICT_PASS   ? INK_GOOD
                   : j->verdict == VERDICT_FAIL ? INK_BAD
                                                : INK_OPEN;

    text_ink(out, color, ink, verdict_name(j->verdict));
    buf_add_format(out, "  %s%s%s on %s\n", m->name, m->variant[0] ? " " : "", m->variant,
                   m->target);
    for (uint32_t i = 0; i < j->reason_count; i++)
        buf_add_format(out, "  - %s\n", j->reasons[i]);
    return buf_add_text(out, "\n");
}

static bool add_classes(const struct judgement *j, struct buf *out, bool color)
{
    const struct tally *t = &j->tally;
    char n[32], head[120];

    (void)snprintf(head, sizeof head, "%-20s %12s %12s  %-15s %s", "class", "copies", "primaries",
                   "responsibility", "transparency");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    for (enum outcome o = 0; o < CLASS_COUNT; o++) {
        char line[120], primaries[32];

        if (!t->classes[o])
            continue;
        (void)snprintf(line, sizeof line, "%-20s", class_name(o));
        text_ink(out, color, ink_of(o), line);
        buf_add_format(out, " %12s %12s  %-15s %s\n", text_print_count(n, sizeof n, t->classes[o]),
                       text_print_count(primaries, sizeof primaries, t->primaries[o]),
                       axis_letter(class_responsibility(o)), axis_letter(class_transparency(o)));
    }
    return buf_add_format(out, "%-20s %12s\n\n", "planned",
                          text_print_count(n, sizeof n, t->planned));
}

static bool add_flags(const struct judgement *j, struct buf *out)
{
    bool any = false;

    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (j->tally.flags[f]) {
            buf_add_format(out, "%s%s %llu", any ? ", " : "flags: ", flag_name(f),
                           (unsigned long long)j->tally.flags[f]);
            any = true;
        }
    return !any || buf_add_text(out, "\n\n");
}

/* A gate's count or limit: pacing is a time, all others are numbers. */
static const char *gate_number(const struct gate_result *g, uint64_t n, char *out, size_t room)
{
    if (strcmp(g->name, "pacing-p99") == 0)
        return text_us(out, room, n / NS_PER_US);
    return text_print_count(out, room, n);
}

static bool add_gates(const struct judgement *j, struct buf *out, bool color)
{
    char head[100], count[32], limit[32];

    (void)snprintf(head, sizeof head, "%-20s %12s %12s  %s", "gate", "count", "limit", "verdict");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < j->gate_count; i++) {
        const struct gate_result *g = &j->gates[i];

        buf_add_format(out, "%-20s %12s %12s  ", g->name,
                       gate_number(g, g->count, count, sizeof count),
                       gate_number(g, g->limit, limit, sizeof limit));
        text_ink(out, color,
                 g->verdict == VERDICT_PASS   ? INK_GOOD
                 : g->verdict == VERDICT_FAIL ? INK_BAD
                                              : INK_OPEN,
                 gate_verdict_name(g->verdict));
        if (g->uncertified)
            buf_add_text(out, ": latencies are not certified");
        else if (g->verdict == VERDICT_INCONCLUSIVE && g->open)
            buf_add_format(out, ": %s more might count",
                           text_print_count(count, sizeof count, g->open));
        buf_add_text(out, "\n");
    }
    return buf_add_text(out, "\n");
}

static const char *server_name(const struct manifest *m, uint32_t server)
{
    return server < m->server_count ? m->servers[server] : "?";
}

static const char *move_state(const struct move_marks *k)
{
    if (k->mark_ns[MARK_ASKED] == NEVER_NS)
        return "not asked";
    if (k->mark_ns[MARK_DISPROVED] != NEVER_NS)
        return "disproved";
    if (k->mark_ns[MARK_FAILED] != NEVER_NS)
        return "failed";
    return k->mark_ns[MARK_VERIFIED] != NEVER_NS ? "yes" : "no";
}

static bool add_move(const struct judgement *j, uint32_t at, struct buf *out)
{
    static const enum move_mark shown[] = {MARK_ASKED, MARK_COPY, MARK_FLIPPED, MARK_DONE};
    const struct manifest *m = j->manifest;
    const struct manifest_move *v = &m->moves[at];
    const struct move_marks *k = &j->tally.marks[at];
    char text[64];
    bool any = false;

    (void)snprintf(text, sizeof text, "%s -> %s", server_name(m, v->from), server_name(m, v->to));
    buf_add_format(out, "%5u  %-16s %-12s", at,
                   v->mailbox < m->mailbox_count ? m->mailboxes[v->mailbox].name : "?", text);
    for (unsigned i = 0; i < sizeof shown / sizeof shown[0]; i++)
        buf_add_format(out, " %11s", text_at(text, sizeof text, k->mark_ns[shown[i]]));
    buf_add_format(out, "  %-9s", move_state(k));
    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (j->tally.moves[at][o]) {
            buf_add_format(out, "%s %s %llu", any ? "," : "", class_name(o),
                           (unsigned long long)j->tally.moves[at][o]);
            any = true;
        }
    return buf_add_text(out, any ? "\n" : " -\n");
}

static bool add_moves(const struct judgement *j, struct buf *out, bool color)
{
    uint32_t count = j->manifest->move_count;
    char head[120];

    if (!count)
        return true;
    (void)snprintf(head, sizeof head, "%5s  %-16s %-12s %11s %11s %11s %11s  %-9s %s", "move",
                   "mailbox", "from -> to", "asked", "copy", "flip", "done", "verified",
                   "copies accepted near it");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < count && i < MOVES_SHOWN; i++)
        (void)add_move(j, i, out);
    if (count > MOVES_SHOWN)
        buf_add_format(out, "       and %u more: `report --format json` has them all\n",
                       count - MOVES_SHOWN);
    return buf_add_text(out, "\n");
}

static bool add_phases(const struct judgement *j, struct buf *out, bool color)
{
    const struct tally *t = &j->tally;

    if (!j->manifest->move_count)
        return true;
    text_ink(out, color, INK_HEAD, "where in a move the copies were accepted");
    buf_add_text(out, "\n");
    for (enum move_phase p = 0; p < MOVE_PHASE_COUNT; p++) {
        bool any = false;

        buf_add_format(out, "  %-8s", move_phase_name(p));
        for (enum outcome o = 0; o < CLASS_COUNT; o++)
            if (t->phases[p][o]) {
                buf_add_format(out, "%s %s %llu", any ? "," : "", class_name(o),
                               (unsigned long long)t->phases[p][o]);
                any = true;
            }
        buf_add_text(out, any ? "\n" : " -\n");
    }
    return buf_add_text(out, "\n");
}

static void add_latency(struct buf *out, const char *name, const struct hist *h)
{
    char p50[32], p90[32], p99[32], max[32];

    if (h->count)
        buf_add_format(
            out, "  %-12s %10llu %10s %10s %10s %10s\n", name, (unsigned long long)h->count,
            text_us(p50, sizeof p50, tally_quantile(h, 0.5)),
            text_us(p90, sizeof p90, tally_quantile(h, 0.9)),
            text_us(p99, sizeof p99, tally_quantile(h, 0.99)), text_us(max, sizeof max, h->max));
}

static bool add_latencies(const struct judgement *j, struct buf *out, bool color)
{
    const struct tally *t = &j->tally;
    char head[100];

    (void)snprintf(head, sizeof head, "%-14s %10s %10s %10s %10s %10s", "latency", "count", "p50",
                   "p90", "p99", "max");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    add_latency(out, "accept", &t->accept);
    add_latency(out, "seen", &t->deliver);
    add_latency(out, "end to end", &t->end_to_end);
    add_latency(out, "ndr", &t->ndr);
    add_latency(out, "pacing", &t->lateness);
    if (t->deliver.count) /* how long before is not known: what found nothing new is not recorded */
        buf_add_text(
            out, "  seen, end to end, ndr: until a probe first saw the copy, which came earlier "
                 "by up to the time between\n  two scans (or a move, while nobody can "
                 "log on)\n");
    if (t->saturation.any)
        buf_add_text(out, "  GENERATOR-SATURATED: none of these is certified\n");
    return buf_add_text(out, "\n");
}

static const char *run_ended(const struct health *h)
{
    if (h->findings[FIND_INTERRUPTED])
        return "interrupted";
    return h->ended ? "ended by itself" : "did not end";
}

static bool add_health(const struct judgement *j, struct buf *out)
{
    const struct health *h = &j->tally.health;
    bool any = false;

    buf_add_format(out,
                   "moves: %llu asked, %llu done, %llu failed, %llu verified, %llu disproved\n"
                   "canaries: %llu sent, %llu reported; places: %llu of %llu scanned since "
                   "quiescence; run %s\n",
                   (unsigned long long)h->moves_asked, (unsigned long long)h->moves_done,
                   (unsigned long long)h->moves_failed, (unsigned long long)h->moves_verified,
                   (unsigned long long)h->moves_disproved, (unsigned long long)h->canaries_sent,
                   (unsigned long long)h->canaries_reported, (unsigned long long)h->places_final,
                   (unsigned long long)h->places, run_ended(h));
    for (unsigned i = 0; i < FIND_COUNT; i++)
        if (h->findings[i]) {
            buf_add_format(out, "%s%s %llu", any ? ", " : "findings: ", event_finding_name(i),
                           (unsigned long long)h->findings[i]);
            any = true;
        }
    return buf_add_text(out, any ? "\n" : "");
}

bool judgement_text(const struct judgement *j, struct buf *out, bool color)
{
    return add_verdict(j, out, color) && add_classes(j, out, color) && add_flags(j, out) &&
           add_gates(j, out, color) && add_moves(j, out, color) && add_phases(j, out, color) &&
           add_latencies(j, out, color) && report_sessions(j, out) && add_health(j, out);
}
