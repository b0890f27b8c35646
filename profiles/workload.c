/* workload.c - message number to sender, recipients and size; the moves of all schedules; planned times.
 *
 * Everything drawn comes from rng_at(seed, stream, number): no state between messages, so that any thread may ask for any
 * message at any time. The number of messages of a Poisson load is found by walking it once at the start.
 */
#include "profiles/workload.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"

#define MESSAGES_MAX (1ull << 40) /* what a token can number */
#define POISSON_MAX  (1ull << 30) /* walked once at the start: about 30 s of it */
#define MOVES_MAX    (1u << 20)
#define CANARY_BYTES 256

static double seconds(uint64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* --- pace ------------------------------------------------------------------------------------------------------- */

/* Seconds after the load's start at which message `index` of a ramp is owed: rate t + (rate_to - rate) t^2 / 2d = index,
 * solved in the form that survives equal rates. */
static double ramp_at(const struct load_profile *l, uint64_t index)
{
    double bend = (l->rate_to - l->rate) / (2 * seconds(l->duration_ns)), n = (double)index;
    double root = sqrt(fmax(0, l->rate * l->rate + 4 * bend * n)), sum = l->rate + root;

    return index == 0 || sum <= 0 ? 0 : 2 * n / sum;
}

static double pace_step(struct pace *p)
{
    const struct load_profile *l = p->load;
    struct rng r;

    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
        return (double)p->index / l->rate;
    case ARRIVE_RAMP:
        return ramp_at(l, p->index);
    case ARRIVE_BURSTS:
        return floor((double)p->index / l->burst) * seconds(l->burst_every_ns);
    case ARRIVE_POISSON:
        r = rng_at(p->seed, p->stream, p->index);
        return p->t_s + rng_exponential(&r) / l->rate;
    case ARRIVE_AIMED:
        break;
    }
    PM_UNREACHABLE();
}

void pace_begin(struct pace *p, const struct workload *w, uint32_t load)
{
    const struct load_profile *l = &w->profile->loads[load];

    PM_ASSERT(l->arrivals != ARRIVE_AIMED);
    *p = (struct pace){.load = l,
                       .seed = w->profile->seed,
                       .count = w->first[load + 1] - w->first[load],
                       .stream = STREAM_PACE + load,
                       .slow = w->profile->safety.slow};
}

double pace_slow(double t_s)
{
    double stage_s = seconds(SLOW_STAGE_NS), at_s = 0, part = 1.0 / (1 << SLOW_STAGES);

    for (int i = 0; i < SLOW_STAGES; i++) {
        if (t_s < stage_s * part)
            return at_s + t_s / part;
        t_s -= stage_s * part;
        at_s += stage_s;
        part *= 2;
    }
    return at_s + t_s;
}

uint64_t pace_next(struct pace *p)
{
    if (p->index >= p->count)
        return NEVER_NS;
    p->t_s = pace_step(p);
    p->index++;
    double at_s = p->slow ? pace_slow(p->t_s) : p->t_s;

    return p->load->start_ns + (uint64_t)(at_s * (double)NS_PER_S);
}

static uint64_t count_poisson(const struct profile *pr, uint32_t load)
{
    const struct load_profile *l = &pr->loads[load];
    struct pace p = {.load = l, .seed = pr->seed, .stream = STREAM_PACE + load};
    double end = seconds(l->duration_ns);

    while ((p.t_s = pace_step(&p)) < end)
        p.index++;
    return p.index;
}

/* How many messages a load that is not aimed has: those owed before its duration is over. */
static bool count_paced(const struct profile *pr, uint32_t load, uint64_t *count, struct err *e)
{
    const struct load_profile *l = &pr->loads[load];
    double d = seconds(l->duration_ns), n = 0;

    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
    case ARRIVE_POISSON:
        n = l->rate * d;
        break;
    case ARRIVE_RAMP:
        n = (l->rate + l->rate_to) / 2 * d;
        break;
    case ARRIVE_BURSTS:
        n = ceil(d / seconds(l->burst_every_ns)) * l->burst;
        break;
    case ARRIVE_AIMED:
        PM_UNREACHABLE();
    }
    bool poisson = l->arrivals == ARRIVE_POISSON;
    if (n > (double)(poisson ? POISSON_MAX : MESSAGES_MAX))
        return err_set(e, EX_BAD_PROFILE, "load.%s: %.0f messages are more than 2^%d", l->name, n,
                       poisson ? 30 : 40);
    *count = poisson ? count_poisson(pr, load) : (uint64_t)ceil(n - 1e-6);
    return true;
}

/* --- moves ------------------------------------------------------------------------------------------------------ */

static bool is_back(const struct move_profile *s, const struct group *g, uint32_t round)
{
    return s->back && round / g->count % 2 == 1;
}

static void plan_schedule(struct workload *w, uint32_t schedule)
{
    const struct profile *p = w->profile;
    const struct move_profile *s = &p->moves[schedule];

    for (uint32_t round = 0; round < s->count; round++)
        for (uint32_t place = 0; place < s->group_count; place++) {
            const struct group *g = &p->site.groups[s->groups[place]];
            uint32_t mailbox = g->first + round % g->count;
            uint32_t from = s->from, to = s->to;

            if (is_back(s, g, round)) {
                from = s->to;
                to = s->from != SITE_NONE ? s->from : p->site.mailboxes[mailbox].home;
            }
            w->moves[w->move_count++] = (struct move_plan){
                .schedule = schedule,
                .round = round,
                .place = place,
                .mailbox = mailbox,
                .from = from,
                .to = to,
                .at_ns = s->start_ns + round * s->every_ns,
            };
        }
}

struct turn { /* a move in the order of time */
    uint64_t at_ns;
    uint32_t move;
};

static int turn_order(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->move < y->move ? -1 : x->move > y->move;
}

/* Fills in "wherever it lives", supposing that every move before succeeds. */
static bool resolve_homes(struct workload *w, struct arena *a, struct err *e)
{
    const struct site *site = &w->profile->site;
    struct turn *turns = arena_new(a, struct turn, w->move_count);
    uint32_t *home = arena_new(a, uint32_t, site->mailbox_count);

    if ((!turns && w->move_count > 0) || !home)
        return err_set(e, EX_IO, "out of memory for %u moves", w->move_count);
    for (uint32_t i = 0; i < site->mailbox_count; i++)
        home[i] = site->mailboxes[i].home;
    for (uint32_t i = 0; i < w->move_count; i++)
        turns[i] = (struct turn){w->moves[i].at_ns, i};
    if (w->move_count > 1)
        qsort(turns, w->move_count, sizeof *turns, turn_order);
    for (uint32_t i = 0; i < w->move_count; i++) {
        struct move_plan *m = &w->moves[turns[i].move];

        if (m->from == SITE_NONE)
            m->from = home[m->mailbox];
        if (m->from == m->to)
            return err_set(e, EX_BAD_PROFILE, "moves.%s: round %u would move %s from %s to %s",
                           w->profile->moves[m->schedule].name, m->round + 1,
                           site->mailboxes[m->mailbox].name, site->servers[m->from].name,
                           site->servers[m->to].name);
        home[m->mailbox] = m->to;
    }
    return true;
}

static bool plan_moves(struct workload *w, struct arena *a, struct err *e)
{
    const struct profile *p = w->profile;
    uint64_t count = 0;

    for (uint32_t i = 0; i < p->move_count; i++)
        count += (uint64_t)p->moves[i].count * p->moves[i].group_count;
    if (count > MOVES_MAX)
        return err_set(e, EX_BAD_PROFILE, "moves: %" PRIu64 " are more than %u", count, MOVES_MAX);
    w->moves = arena_new(a, struct move_plan, count > 0 ? count : 1);
    if (!w->moves)
        return err_set(e, EX_IO, "out of memory for %" PRIu64 " moves", count);
    for (uint32_t i = 0; i < p->move_count; i++)
        plan_schedule(w, i);
    return resolve_homes(w, a, e);
}

/* --- create ----------------------------------------------------------------------------------------------------- */

static bool holds(const uint32_t *groups, uint32_t count, uint32_t group)
{
    for (uint32_t i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

static bool find_aims(struct workload *w, struct arena *a, uint32_t load, struct err *e)
{
    const struct load_profile *l = &w->profile->loads[load];
    uint32_t *aims = arena_new(a, uint32_t, w->move_count > 0 ? w->move_count : 1), n = 0;

    if (!aims)
        return err_set(e, EX_IO, "out of memory for %u moves", w->move_count);
    for (uint32_t i = 0; i < w->move_count; i++) {
        uint32_t group = w->profile->site.mailboxes[w->moves[i].mailbox].group;

        if (holds(l->to, l->to_count, group))
            aims[n++] = i;
    }
    w->aimed_moves[load] = aims;
    w->aimed_count[load] = n;
    return true;
}

static bool count_load(struct workload *w, struct arena *a, uint32_t load, uint64_t *count,
                       struct err *e)
{
    const struct load_profile *l = &w->profile->loads[load];

    if (l->arrivals != ARRIVE_AIMED)
        return count_paced(w->profile, load, count, e);
    if (!find_aims(w, a, load, e))
        return false;
    *count = (uint64_t)w->aimed_count[load] * ((uint64_t)l->prime + l->per_move);
    return true;
}

static bool may_have_alternate(const struct profile *p, uint32_t group)
{
    const struct group *g = &p->site.groups[group];

    for (uint32_t i = 0; i < g->count; i++)
        if (p->site.mailboxes[g->first + i].alternate != SITE_NONE)
            return true;
    for (uint32_t i = 0; i < p->action_count; i++)
        if (p->actions[i].kind == ACT_ALTERNATE && p->actions[i].group == group)
            return true;
    return false;
}

bool workload_alternates(const struct profile *p, uint32_t load)
{
    const struct load_profile *l = &p->loads[load];

    for (uint32_t i = 0; i < l->to_count; i++)
        if (may_have_alternate(p, l->to[i]))
            return true;
    return false;
}

bool workload_moves(const struct profile *p, uint32_t load)
{
    const struct load_profile *l = &p->loads[load];

    for (uint32_t i = 0; i < p->move_count; i++)
        for (uint32_t k = 0; k < p->moves[i].group_count; k++)
            if (holds(l->to, l->to_count, p->moves[i].groups[k]))
                return true;
    return false;
}

uint32_t workload_window(const struct profile *p, uint32_t load)
{
    const struct load_profile *l = &p->loads[load];

    if (l->window > 0)
        return l->window < SEND_WINDOW_MAX ? l->window : SEND_WINDOW_MAX;
    if (l->arrivals == ARRIVE_AIMED)
        return 1;
    return workload_moves(p, load) ? 2 : 8;
}

static uint32_t find_stride(const struct profile *p)
{
    uint32_t most = 1;
    bool alternates = false;

    for (uint32_t i = 0; i < p->load_count; i++) {
        if (p->loads[i].recipients > most)
            most = p->loads[i].recipients;
        alternates = alternates || workload_alternates(p, i);
    }
    return most == 1 && !alternates ? 1 : 2 * most;
}

struct workload *workload_create(struct arena *a, const struct profile *p, struct err *e)
{
    struct workload *w = arena_new(a, struct workload, 1);
    uint64_t count = 0;

    if (w) {
        w->first = arena_new(a, uint64_t, p->load_count + 1u);
        w->aimed_moves = arena_new(a, uint32_t *, p->load_count + 1u);
        w->aimed_count = arena_new(a, uint32_t, p->load_count + 1u);
    }
    if (!w || !w->first || !w->aimed_moves || !w->aimed_count) {
        (void)err_set(e, EX_IO, "out of memory for %u loads", p->load_count);
        return NULL;
    }
    w->profile = p;
    if (!plan_moves(w, a, e))
        return NULL;
    for (uint32_t i = 0; i < p->load_count; i++) {
        if (!count_load(w, a, i, &count, e))
            return NULL;
        w->planned += count;
        w->first[i + 1] = w->planned;
    }
    if (w->planned > MESSAGES_MAX) {
        (void)err_set(e, EX_BAD_PROFILE, "load: %" PRIu64 " messages are more than 2^40",
                      w->planned);
        return NULL;
    }
    w->canaries = (uint64_t)CANARIES_PER_LOAD * p->load_count;
    w->stride = find_stride(p);
    return w;
}

/* --- messages --------------------------------------------------------------------------------------------------- */

static uint64_t pool_size(const struct site *s, const uint32_t *groups, uint32_t count)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n += s->groups[groups[i]].count;
    return n;
}

/* The `at`-th mailbox of the groups laid one after the other. */
static uint32_t pool_at(const struct site *s, const uint32_t *groups, uint64_t at)
{
    for (; at >= s->groups[*groups].count; groups++)
        at -= s->groups[*groups].count;
    return s->groups[*groups].first + (uint32_t)at;
}

static uint64_t pool_place(const struct site *s, const uint32_t *groups, uint32_t mailbox)
{
    uint64_t before = 0;

    for (; *groups != s->mailboxes[mailbox].group; groups++)
        before += s->groups[*groups].count;
    return before + s->mailboxes[mailbox].index;
}

static bool is_among(const struct msg *m, uint32_t mailbox)
{
    for (uint32_t i = 0; i < m->recipients; i++)
        if (m->to[i] == mailbox)
            return true;
    return false;
}

/* Robert Floyd's sample: k different ones of n with k draws. An aimed message's first recipient is given. */
static void draw_recipients(const struct workload *w, const struct load_profile *l, struct msg *m,
                            struct rng *r)
{
    const struct site *s = &w->profile->site;
    uint64_t n = pool_size(s, l->to, l->to_count), given = n;

    m->recipients = 0;
    if (m->move != SITE_NONE) {
        m->to[m->recipients++] = w->moves[m->move].mailbox;
        given = pool_place(s, l->to, m->to[0]);
        n--;
    }
    PM_ASSERT(l->recipients - m->recipients <= n);
    for (uint64_t j = n - (l->recipients - m->recipients); j < n; j++) {
        uint64_t drawn = rng_below(r, j + 1);
        uint32_t mailbox = pool_at(s, l->to, drawn + (drawn >= given));

        if (is_among(m, mailbox))
            mailbox = pool_at(s, l->to, j + (j >= given));
        m->to[m->recipients++] = mailbox;
    }
}

/* Nobody writes to himself while there is somebody else to write. */
static void draw_sender(const struct workload *w, const struct load_profile *l, struct msg *m,
                        struct rng *r)
{
    const struct site *s = &w->profile->site;
    uint64_t n = pool_size(s, l->from, l->from_count), at = rng_below(r, n);

    PM_ASSERT(n > 0);
    m->from = pool_at(s, l->from, at);
    for (uint64_t tries = 0; tries < l->recipients && is_among(m, m->from); tries++)
        m->from = pool_at(s, l->from, at = (at + 1) % n);
}

static uint32_t draw_mmb(struct rng *r)
{
    static const struct {
        uint32_t weight, bytes;
    } mix[] = {/* the MAPI Messaging Benchmark's, which adds up to 96 */
               {60, 1}, {16, 2}, {4, 4}, {6, 10}, {4, 15}, {4, 16}, {2, 43}};

    uint64_t at = rng_below(r, 96);
    size_t i = 0;

    for (; at >= mix[i].weight; i++)
        at -= mix[i].weight;
    return mix[i].bytes << 10;
}

static uint32_t draw_size(const struct load_profile *l, struct rng *r)
{
    switch (l->size) {
    case SIZE_FIXED:
        return l->size_min;
    case SIZE_UNIFORM:
        return l->size_min + (uint32_t)rng_below(r, (uint64_t)l->size_max - l->size_min + 1);
    case SIZE_MMB:
        return draw_mmb(r);
    }
    PM_UNREACHABLE();
}

/* The fraction of i times the golden ratio: no two of the first i come close, and no gap among them is long. */
static double golden_part(uint64_t i)
{
    return (double)(i * 0x9e3779b97f4a7c15ull >> 11) * 0x1p-53;
}

/* Messages of one move are spread over the aim's span, one in each equal part of it: anywhere, or all at the same place
 * (comb). Those of an adaptive load are told when the move is asked for; here they are as spread. */
static void draw_aim(const struct workload *w, const struct load_profile *l, struct msg *m,
                     struct rng *r)
{
    uint64_t at = m->number - w->first[m->load], each = (uint64_t)l->prime + l->per_move;
    uint64_t k = at % each;

    m->move = w->aimed_moves[m->load][at / each];
    m->prime = k < l->prime;
    if (m->prime) {
        m->aim_ns = (int64_t)(k * l->prime_every_ns);
        return;
    }
    double at_random = rng_unit(r); /* drawn in any case: what follows does not depend on the law */
    double place = l->law == LAW_COMB ? golden_part(at / each) : at_random;
    double part = ((double)(k - l->prime) + place) / l->per_move;
    m->aim_ns = l->aim_from_ns + (int64_t)(part * (double)(l->aim_to_ns - l->aim_from_ns));
}

static void make_canary(const struct workload *w, uint64_t number, struct msg *m)
{
    const struct profile *p = w->profile;
    uint64_t k = number - w->planned;

    PM_ASSERT(p->load_count > 0);
    const struct load_profile *l = &p->loads[k % p->load_count];
    uint64_t n = pool_size(&p->site, l->from, l->from_count);

    PM_ASSERT(n > 0);
    *m = (struct msg){.number = number,
                      .load = SITE_NONE,
                      .from = pool_at(&p->site, l->from, k / p->load_count % n),
                      .recipients = 1,
                      .to = {SITE_NONE},
                      .body_bytes = CANARY_BYTES,
                      .move = SITE_NONE};
}

uint32_t workload_load_of(const struct workload *w, uint64_t number)
{
    uint32_t low = 0, high = w->profile->load_count;

    if (number >= w->planned)
        return SITE_NONE;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (w->first[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void workload_draw(const struct workload *w, uint64_t number, struct msg *m)
{
    PM_ASSERT(number < w->planned + w->canaries);
    if (number >= w->planned) {
        make_canary(w, number, m);
        return;
    }
    uint32_t load = workload_load_of(w, number);
    const struct load_profile *l = &w->profile->loads[load];
    struct rng r = rng_at(w->profile->seed, STREAM_MESSAGE, number);

    m->number = number;
    m->load = load;
    m->move = SITE_NONE;
    m->aim_ns = 0;
    m->prime = false;
    if (l->arrivals == ARRIVE_AIMED)
        draw_aim(w, l, m, &r);
    draw_recipients(w, l, m, &r);
    draw_sender(w, l, m, &r);
    m->body_bytes = draw_size(l, &r);
}

struct msg workload_message(const struct workload *w, uint64_t number)
{
    struct msg m = {0};

    workload_draw(w, number, &m);
    return m;
}
