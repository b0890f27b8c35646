/* lint.c - what is no error and yet a mistake, and what a run of the profile would be. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "profiles/draft.h"
#include "profiles/workload.h"

#define PLAN_CEILING  (512u << 20)
#define SEE_THE_RACE  0.1 /* messages per second to a mailbox that moves */
#define AIM_MOVES     20  /* fewer teach adaptive aim little */
#define SLOT_BYTES    32  /* of the ledger */
#define EVENTS_A_COPY 5   /* lease, sent, end, seen, and one more */

/* Does every mailbox live at our own MTA, whose listener sees it without being told to? */
static bool all_ours(const struct profile *p)
{
    for (uint32_t i = 0; i < p->site.mailbox_count; i++)
        if (p->site.mailboxes[i].home != site_ours(&p->site))
            return false;
    return p->site.mailbox_count > 0 && site_ours(&p->site) != SITE_NONE;
}

static bool lint_gates(const struct profile *p, struct buf *out)
{
    bool ok = true, probes = p->probe_count > 0, queues = false;

    for (uint32_t i = 0; i < p->probe_count; i++)
        queues = queues || probe_lists_queues(p->probes[i].type);
    if (p->gate_count == 0)
        ok = buf_add_text(out, "gates: there are none, so nothing can fail\n");
    if (ok && !probes && !all_ours(p))
        ok = buf_add_text(out, "probes: there are none, so every copy stays unknown\n");
    if (ok && probes && !queues && p->silence == SILENCE_DOUBLE_COLLECT)
        ok = buf_add_text(out, "probes: without sight of the queues silence stays unknown; add a "
                               "queue probe, or settle.silence: lifetimes\n");
    if (ok && p->silence == SILENCE_LIFETIMES && p->settle_deadline_ns < p->lifetime_ns)
        ok = buf_add_text(out, "settle: given up before the lifetime is over\n");
    if (ok && queues && p->settle_deadline_ns < p->settle_retry_ns)
        ok = buf_add_text(out, "settle: given up before one retry; stranded mail stays unknown\n");
    if (ok && !p->canary)
        ok = buf_add_text(out, "settle.canary: without it silence proves nothing\n");
    return ok;
}

static bool lint_extra(const struct node *load, const struct load_profile *l, struct buf *out)
{
    static const struct {
        const char *key;
        unsigned used_by; /* 1 << enum arrivals */
    } rows[] = {
        {"rate", 1 << ARRIVE_CONSTANT | 1 << ARRIVE_POISSON | 1 << ARRIVE_RAMP},
        {"rate_to", 1 << ARRIVE_RAMP},
        {"burst", 1 << ARRIVE_BURSTS},
        {"burst_every", 1 << ARRIVE_BURSTS},
        {"duration", ~(1u << ARRIVE_AIMED)},
        {"mark", 1 << ARRIVE_AIMED},
        {"phase", 1 << ARRIVE_AIMED},
        {"per_move", 1 << ARRIVE_AIMED},
        {"prime", 1 << ARRIVE_AIMED},
        {"prime_every", 1 << ARRIVE_AIMED},
    };

    bool ok = true;

    for (size_t i = 0; ok && i < sizeof rows / sizeof rows[0]; i++)
        if (node_find(load, rows[i].key) && !(rows[i].used_by >> l->arrivals & 1))
            ok = buf_add_format(out, "load.%s.%s: means nothing with these arrivals\n", l->name,
                                rows[i].key);
    return ok;
}

/* How far a connection runs ahead, where that means nothing, or more than the run can bear. */
static bool lint_window(const struct profile *p, const struct node *load,
                        const struct load_profile *l, struct buf *out)
{
    bool p1 = strcmp(l->protocol, "p1") == 0, moves = workload_moves(p, (uint32_t)(l - p->loads));
    bool ok = true;

    if (p1 && node_find(load, "mode"))
        ok = buf_add_format(out, "load.%s.mode: means nothing over X.400\n", l->name);
    if (ok && l->window > 0 && (p1 || l->mode != SEND_CHUNKING))
        ok = buf_add_format(out, "load.%s.window: means nothing without chunking\n", l->name);
    else if (ok && l->window > 2 && moves)
        ok = buf_add_format(out,
                            "load.%s.window: its recipients move, and a connection that is lost "
                            "leaves %u messages in doubt\n",
                            l->name, l->window);
    if (ok && p1 && l->per_connection > 0)
        ok = buf_add_format(out, "load.%s.messages_per_connection: means nothing over X.400\n",
                            l->name);
    return ok;
}

static bool lint_verp(const struct profile *p, const struct load_profile *l, struct buf *out)
{
    return !p->lab.on || !l->verp ||
           buf_add_format(out,
                          "load.%s.verp: the lab does not know name+token addresses, so reports of "
                          "failures reach nobody\n",
                          l->name);
}

static bool sends_to(const struct load_profile *l, uint32_t group)
{
    for (uint32_t i = 0; i < l->to_count; i++)
        if (l->to[i] == group)
            return true;
    return false;
}

/* Messages per second to one mailbox of a group, all steady loads together; negative: aimed at it. */
static double rate_to_group(const struct profile *p, uint32_t group)
{
    double rate = 0;

    for (uint32_t i = 0; i < p->load_count; i++) {
        const struct load_profile *l = &p->loads[i];
        uint64_t pool = 0;

        if (!sends_to(l, group))
            continue;
        if (l->arrivals == ARRIVE_AIMED)
            return -1;
        for (uint32_t k = 0; k < l->to_count; k++)
            pool += p->site.groups[l->to[k]].count;
        double all = l->arrivals == ARRIVE_BURSTS
                         ? l->burst * (double)NS_PER_S / (double)l->burst_every_ns
                         : l->rate;
        rate += all * l->recipients / (double)pool;
    }
    return rate;
}

static bool is_originator(const struct profile *p, uint32_t group)
{
    for (uint32_t i = 0; i < p->load_count; i++)
        for (uint32_t k = 0; k < p->loads[i].from_count; k++)
            if (p->loads[i].from[k] == group)
                return true;
    return false;
}

static bool lint_move(const struct profile *p, const struct move_profile *m, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < m->group_count; i++) {
        const struct group *g = &p->site.groups[m->groups[i]];
        double rate = rate_to_group(p, m->groups[i]);

        if (rate == 0 && !is_originator(p, m->groups[i]))
            ok = buf_add_format(out, "moves.%s: nobody writes to %s, or from there\n", m->name,
                                g->name);
        else if (rate > 0 && rate < SEE_THE_RACE)
            ok = buf_add_format(out,
                                "moves.%s: each mailbox of %s gets a message every %.0f s; at less "
                                "than one per 10 s a move often meets none\n",
                                m->name, g->name, 1 / rate);
        if (ok && !m->back && m->from == SITE_NONE && m->count > g->count)
            ok = buf_add_format(out, "moves.%s: %u rounds, but %s has %u mailboxes\n", m->name,
                                m->count, g->name, g->count);
        if (ok && m->from != SITE_NONE && p->site.mailboxes[g->first].home != m->from)
            ok = buf_add_format(out, "moves.%s: %s does not live on %s at the start\n", m->name,
                                g->name, p->site.servers[m->from].name);
    }
    return ok;
}

/* What a move lost is known when it has ended and what is late has had its time: moves that follow faster learn less. */
static bool lint_aim(const struct profile *p, const struct workload *w, uint32_t load,
                     struct buf *out)
{
    const struct load_profile *l = &p->loads[load];
    uint64_t rounds = 0, apart_ns = NEVER_NS;
    char late[32];

    for (uint32_t i = 0; i < p->move_count; i++)
        for (uint32_t k = 0; k < p->moves[i].group_count; k++)
            if (sends_to(l, p->moves[i].groups[k])) {
                rounds = p->moves[i].count > rounds ? p->moves[i].count : rounds;
                apart_ns = p->moves[i].every_ns < apart_ns ? p->moves[i].every_ns : apart_ns;
            }
    (void)text_print_duration(late, sizeof late, p->late_ns);
    if (w->aimed_count[load] > 0 && w->aimed_count[load] < AIM_MOVES &&
        !buf_add_format(
            out, "load.%s.aim: adaptive aim learns from move to move, and %u moves are few\n",
            l->name, w->aimed_count[load]))
        return false;
    return rounds <= 1 || apart_ns >= p->late_ns ||
           buf_add_format(
               out,
               "load.%s.aim: a silent copy counts as a probable loss %s (settle.late) after "
               "its move, and the next move is asked for before that\n",
               l->name, late);
}

static bool lint_times(const struct profile *p, const struct workload *w, struct buf *out)
{
    uint64_t end_ns = 0;
    bool ok = true, aimed = false;

    for (uint32_t i = 0; i < p->load_count; i++) {
        const struct load_profile *l = &p->loads[i];

        aimed = aimed || l->arrivals == ARRIVE_AIMED;
        if (l->start_ns + l->duration_ns > end_ns)
            end_ns = l->start_ns + l->duration_ns;
        if (ok && l->arrivals == ARRIVE_AIMED && w->aimed_count[i] == 0)
            ok = buf_add_format(out, "load.%s: none of its recipients moves\n", l->name);
        if (ok && l->arrivals == ARRIVE_AIMED && l->law == LAW_ADAPTIVE)
            ok = lint_aim(p, w, i, out);
    }
    for (uint32_t i = 0; ok && i < w->move_count && !aimed; i++)
        if (w->moves[i].at_ns >= end_ns) {
            ok = buf_add_format(out, "moves.%s: the last ones begin after all has been sent\n",
                                p->moves[w->moves[i].schedule].name);
            break;
        }
    for (uint32_t i = 0; ok && i < p->action_count; i++)
        if (p->actions[i].at_ns > end_ns && !aimed && w->move_count == 0)
            ok = buf_add_format(out, "actions.%s: after all has been sent\n", p->actions[i].name);
    return ok;
}

/* Commands given by their path; others are looked for when they are run. */
static bool lint_command(const char *section, const char *name, const char *const *argv,
                         struct buf *out)
{
    if (!argv || !argv[0] || !strchr(argv[0], '/') || strchr(argv[0], '{') ||
        access(argv[0], X_OK) == 0)
        return true;
    return buf_add_format(out, "%s%s%s.argv: %s %s\n", section, *name ? "." : "", name, argv[0],
                          access(argv[0], F_OK) == 0 ? "is not executable" : "does not exist");
}

static bool lint_commands(const struct profile *p, struct buf *out)
{
    bool ok = lint_command("home_lookup", "", p->home_lookup.argv, out);

    for (uint32_t i = 0; ok && i < p->mover_count; i++)
        ok = lint_command("movers", p->movers[i].name, p->movers[i].argv, out);
    for (uint32_t i = 0; ok && i < p->probe_count; i++)
        ok = lint_command("probes", p->probes[i].name, p->probes[i].argv, out);
    for (uint32_t i = 0; ok && i < p->action_count; i++)
        ok = lint_command("actions", p->actions[i].name, p->actions[i].argv, out);
    return ok;
}

/* The same files for every server: a copy at its home would be one at the old home, too. */
static bool lint_paths(const struct profile *p, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && p->move_count > 0 && i < p->probe_count; i++) {
        const struct probe_profile *how = &p->probes[i];

        if (how->path && !probe_lists_queues(how->type) && how->server_count != 1 &&
            p->site.server_count > 1 && !strstr(how->path, "{server}"))
            ok = buf_add_format(out,
                                "probes.%s.path: without {server} all servers show the same "
                                "files, so that a move moves nothing\n",
                                how->name);
    }
    return ok;
}

bool profile_lint(const struct profile *p, struct buf *out)
{
    struct arena *scratch = arena_create(PLAN_CEILING);
    const struct workload *w = scratch ? workload_create(scratch, p, NULL) : NULL;
    const struct node *loads = node_find(p->tree, "load");
    bool ok = w != NULL;

    if (ok && p->load_count == 0)
        ok = buf_add_text(out, "load: there is none, so nothing is sent\n");
    for (uint32_t i = 0; ok && i < p->load_count; i++)
        ok = lint_extra(node_find(loads, p->loads[i].name), &p->loads[i], out) &&
             lint_window(p, node_find(loads, p->loads[i].name), &p->loads[i], out) &&
             lint_verp(p, &p->loads[i], out);
    for (uint32_t i = 0; ok && i < p->move_count; i++)
        ok = lint_move(p, &p->moves[i], out);
    ok = ok && lint_times(p, w, out) && lint_commands(p, out) && lint_paths(p, out) &&
         lint_gates(p, out) && x400_lint(p, out);
    arena_destroy(scratch);
    return ok;
}

/* --- estimate --------------------------------------------------------------------------------------------------- */

static uint64_t copies(const struct profile *p, const struct workload *w)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < p->load_count; i++)
        n += (w->first[i + 1] - w->first[i]) * p->loads[i].recipients *
             (workload_alternates(p, i) ? 2 : 1);
    return n;
}

static uint64_t end_of(const struct profile *p, const struct workload *w)
{
    uint64_t end_ns = 0;

    for (uint32_t i = 0; i < p->load_count; i++)
        if (p->loads[i].start_ns + p->loads[i].duration_ns > end_ns)
            end_ns = p->loads[i].start_ns + p->loads[i].duration_ns;
    for (uint32_t i = 0; i < w->move_count; i++) {
        uint64_t over_ns = w->moves[i].at_ns + p->site.mailboxes[w->moves[i].mailbox].stock_ns;

        end_ns = over_ns > end_ns ? over_ns : end_ns;
    }
    return end_ns;
}

static bool print_x400(const struct profile *p, const struct workload *w, struct buf *out)
{
    uint64_t by_p1 = 0;
    uint32_t ours = 0;
    char messages[32];

    for (uint32_t i = 0; i < p->load_count; i++)
        if (strcmp(p->loads[i].protocol, "p1") == 0)
            by_p1 += w->first[i + 1] - w->first[i];
    for (uint32_t i = 0; i < p->site.mailbox_count; i++)
        ours += p->site.servers[p->site.mailboxes[i].home].ours;
    (void)text_print_count(messages, sizeof messages, by_p1);
    if (!buf_add_format(out, "X.400: %s messages by P1", messages))
        return false;
    if (ours && p->x400.listen)
        return buf_add_format(out, ", %u mailboxes of ours behind %s at %s\n", ours, p->x400.mta,
                              p->x400.listen);
    if (ours)
        return buf_add_format(out, ", %u mailboxes of ours behind %s\n", ours, p->x400.mta);
    return buf_add_text(out, "; nobody of ours, reports go to mailboxes of the site\n");
}

static bool print_listen(const struct profile *p, struct buf *out)
{
    const struct listen_profile *l = &p->listen;

    if (!l->smtp && !l->lmtp)
        return true;
    return buf_add_format(out, "mail for mailboxes of ours is taken at %s%s%s%s%s\n",
                          l->smtp ? l->smtp : "", l->smtp ? " (SMTP)" : "",
                          l->smtp && l->lmtp ? " and " : "", l->lmtp ? l->lmtp : "",
                          l->lmtp ? " (LMTP)" : "");
}

static bool print_estimate(const struct profile *p, const struct workload *w, struct buf *out)
{
    char messages[32], slots[32], target[32], real[32], ledger[32], journal[32];
    uint64_t n = copies(p, w), end_ns = end_of(p, w);

    (void)text_print_count(messages, sizeof messages, w->planned);
    (void)text_print_count(slots, sizeof slots, n);
    (void)text_print_count(ledger, sizeof ledger, w->planned * w->stride * SLOT_BYTES >> 10);
    (void)text_print_count(journal, sizeof journal, n * EVENTS_A_COPY * 32 >> 10);
    (void)text_print_duration(target, sizeof target, end_ns);
    (void)text_print_duration(real, sizeof real,
                              end_ns / p->lab.time_scale / NS_PER_MS * NS_PER_MS);
    return buf_add_format(out, "%s messages, %s copies, %u moves of %u mailboxes on %u servers\n",
                          messages, slots, w->move_count, p->site.mailbox_count,
                          p->site.server_count - (site_ours(&p->site) != SITE_NONE)) &&
           (!p->x400.on || print_x400(p, w, out)) && print_listen(p, out) &&
           buf_add_format(out, "load and moves last about %s (%s in real time), then settling\n",
                          target, real) &&
           buf_add_format(out, "ledger about %s KB in memory, journal about %s KB on disk\n",
                          ledger, journal);
}

bool profile_estimate(const struct profile *p, struct buf *out, struct err *e)
{
    struct arena *scratch = arena_create(PLAN_CEILING);
    const struct workload *w = scratch ? workload_create(scratch, p, e) : NULL;
    bool ok = w && print_estimate(p, w, out);

    if (w && !ok)
        (void)err_set(e, EX_IO, "out of memory for the estimate");
    arena_destroy(scratch);
    return ok;
}
