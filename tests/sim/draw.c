/* draw.c - one function a section of the profile. */
#include "tests/sim/draw.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

enum {
    STREAM_DRAW = 0x445257,
    STREAM_NET = 0x4e4554,
    STREAM_X400 = 0x583430,
    STREAM_MORE = 0x4d4f52
};

struct pen {
    struct rng r;
    struct buf *out;
    uint32_t servers, boxes, joes;
    uint32_t box_home, joe_home, alt_home;
    bool alternate, others; /* box has alternates; there is a group `ann` beside it */
    bool any_move, deadlocks, hangs;
    bool x400, p1;            /* X.400 is drawn; the load at hand speaks it */
    bool pens;                /* the group `pen` is ours, and writes */
    bool told;                /* it will be interrupted */
    bool corrupts, strangers; /* of the faults that are planted */
    struct rng x; /* what X.400 adds is drawn from this, so that the rest stays as it was */
    struct rng y; /* and this is for what came later still */
};

static uint32_t below(struct pen *p, uint32_t n)
{
    return (uint32_t)rng_below(&p->r, n);
}

static bool chance(struct pen *p, uint32_t percent)
{
    return below(p, 100) < percent;
}

static uint32_t x_below(struct pen *p, uint32_t n)
{
    return (uint32_t)rng_below(&p->x, n);
}

static bool x_chance(struct pen *p, uint32_t percent)
{
    return p->x400 && x_below(p, 100) < percent;
}

static uint32_t y_below(struct pen *p, uint32_t n)
{
    return (uint32_t)rng_below(&p->y, n);
}

static bool y_chance(struct pen *p, uint32_t percent)
{
    return y_below(p, 100) < percent;
}

/* low to high, both included */
static uint32_t between(struct pen *p, uint32_t low, uint32_t high)
{
    return low + below(p, high - low + 1);
}

static const char *one_of(struct pen *p, const char *const *words)
{
    uint32_t n = 0;

    while (words[n])
        n++;
    return words[below(p, n)];
}

#define ONE_OF(p, ...) one_of(p, (const char *const[]){__VA_ARGS__, NULL})
#define SAY(p, ...)    PM_ASSERT(buf_add_format((p)->out, __VA_ARGS__))

static bool knob_word(struct pen *p, uint32_t percent, const char *name, const char *value)
{
    bool set = chance(p, percent);

    if (set)
        SAY(p, "    %s: %s\n", name, value);
    return set;
}

static void knob_seconds(struct pen *p, uint32_t percent, const char *name, uint32_t low,
                         uint32_t high)
{
    if (chance(p, percent))
        SAY(p, "    %s: %us\n", name, between(p, low, high));
}

static void draw_knobs(struct pen *p)
{
    SAY(p, "  knobs:\n    ds_read_cache_latency: %s\n    pause_after_modify: %s\n",
        ONE_OF(p, "0s", "10s", "60s", "60s"), ONE_OF(p, "5s", "60s", "300s"));
    SAY(p, "    peer_hop_delay: %s\n    create_to_flag: %s\n",
        ONE_OF(p, "50ms", "200ms", "200ms", "2s"), ONE_OF(p, "0s", "500ms", "8s"));
    /* Two moves at once hang early stores for good: nobody could read them. */
    SAY(p, "    concurrent_moves: %u\n    home_not_set_percent: %u\n",
        p->deadlocks ? 1 : between(p, 1, 2), chance(p, 20) ? 40 : 0);
    p->hangs = chance(p, 10) && !p->told;
    SAY(p, "    store_hang_percent: %u\n    restart_dup_percent: %u\n", p->hangs ? 30 : 0,
        chance(p, 50) ? 40 : 0);
    knob_seconds(p, 30, "copy_time", 1, 60);
    if (knob_word(p, 15, "in_transit_policy", "retry_then_ndr"))
        knob_seconds(p, 100, "transfer_interval", 5, 60);
    (void)knob_word(p, 20, "alt_expand_at", "first");
    (void)knob_word(p, 20, "legacy_alt_silent", "yes");
    (void)knob_word(p, 15, "copy_snapshot", "request");
    (void)knob_word(p, 15, "purge_before_commit", "no");
    knob_seconds(p, 15, "move_sync_delay", 1, 20);
    knob_seconds(p, 10, "expiry_normal", 30, 300);
    knob_seconds(p, 15, "alt_cache_ttl", 0, 120);
}

static void draw_lab(struct pen *p)
{
    const char *version =
        ONE_OF(p, "4.0-rtm", "4.0-sp5", "5.0-rtm", "5.0-sp2", "5.5-rtm", "5.5-sp1", "5.5-sp2",
               "5.5-sp3", "5.5-sp3", "5.5-sp3+2651.71", "5.5-sp4", "5.5-sp4", "modern");

    if (y_chance(p, 30)) /* the one that takes mail in chunks */
        version = "modern";
    p->deadlocks = strcmp(version, "4.0-rtm") == 0 || strcmp(version, "5.0-rtm") == 0;
    SAY(p, "lab:\n  version: %s\n  ndr: %s\n  time_scale: %s\n  servers: [s1", version,
        ONE_OF(p, "exchange", "exchange", "dsn"), ONE_OF(p, "20", "60", "60", "120"));
    for (uint32_t i = 2; i <= p->servers; i++)
        SAY(p, ", s%u", i);
    SAY(p, "]\n");
    draw_knobs(p);
}

/* Faults that the lab plants. Not those that take sight away: then unknown is right, and nothing to be told apart. */
static void draw_plants(struct pen *p)
{
    static const char *const plants[] = {"drop",
                                         "drop-both",
                                         "ndr",
                                         "ndr-and-deliver",
                                         "twice",
                                         "stranger",
                                         "corrupt-start",
                                         "corrupt-4095",
                                         "corrupt-end",
                                         "rewrite-line-ends",
                                         "rewrite-base64",
                                         "rewrite-quoted",
                                         "rewrite-folding",
                                         "strand",
                                         "hold",
                                         "ndr-misrouted",
                                         "ndr-stranger",
                                         "ndr-nameless",
                                         "delay-deliver",
                                         "delay-drop",
                                         "leave-behind",
                                         "leave-too",
                                         "copier-skips",
                                         "behind-copier",
                                         "move-nothing",
                                         "move-half",
                                         "clock-ahead",
                                         "clock-back"};
    const uint32_t n = sizeof plants / sizeof plants[0];
    uint32_t kinds = y_chance(p, 35) ? 1 + y_below(p, 3) : 0, first = y_below(p, n);

    for (uint32_t i = 0; i < kinds; i++) {
        const char *name = plants[(first + i * 5) % n];

        if (p->x400 && strncmp(name, "ndr-", 4) == 0)
            name = "ndr"; /* P1 has nothing to forge so, and a report of its kind is no mail */
        if (i == 0)
            SAY(p, "  plant:\n");
        SAY(p, "    %s: %u\n", name, 1 + y_below(p, 3));
        p->corrupts = p->corrupts || strncmp(name, "corrupt", 7) == 0;
        p->strangers =
            p->strangers || strcmp(name, "stranger") == 0 || strcmp(name, "ndr-misrouted") == 0;
    }
}

/* Before the mailboxes: of what is ours they may be alternates. */
static void draw_x400(struct pen *p)
{
    static const char *const modes[] = {"normal", "normal", "x410", "1984"};

    if (!p->x400)
        return;
    p->pens = x_chance(p, 60);
    SAY(p, "x400: {mode: %s, checkpoint: %s, window: %u, dialogue: %s, tpdu: %s}\n",
        modes[x_below(p, 4)], x_chance(p, 40) ? "1" : "30", 1 + x_below(p, 5),
        p->pens && x_chance(p, 30) ? "two-way" : "monologue", x_chance(p, 20) ? "1024" : "0");
}

static void draw_mailboxes(struct pen *p)
{
    p->boxes = between(p, 1, 5);
    p->alternate =
        chance(p, 50) && !p->strangers; /* whose is a stranger's copy that an alternate has? */
    p->others = chance(p, 40);
    p->joes = between(p, 1, 3);
    p->box_home = between(p, 1, p->servers);
    p->joe_home = between(p, 1, p->servers);
    p->alt_home = between(p, 1, p->servers);
    SAY(p, "mailboxes:\n  box: {count: %u, home: s%u, stock: %us", p->boxes, p->box_home,
        between(p, 0, 50));
    if (p->alternate)
        SAY(p, ", alternate: alt, deliver: %s", ONE_OF(p, "both", "both", "redirect"));
    if (p->alternate && x_chance(p, 20))
        p->alt_home = 0;
    if (p->alt_home)
        SAY(p, "}\n  alt: {count: %u, home: s%u}\n", p->boxes, p->alt_home);
    else
        SAY(p, "}\n  alt: {count: %u, home: ours}\n", p->boxes);
    if (p->pens)
        SAY(p, "  pen: {count: %u, home: ours}\n", 1 + x_below(p, 3));
    SAY(p, "  joe: {count: %u, home: s%u, stock: %us}\n", p->joes, p->joe_home, between(p, 0, 60));
    if (p->others)
        SAY(p, "  ann: {count: %u, home: s%u}\n", between(p, 1, 3), between(p, 1, p->servers));
}

static void draw_p1_manners(struct pen *p)
{
    static const char *const priorities[] = {"normal", "non-urgent", "urgent"};

    SAY(p, ", protocol: p1, priority: %s", priorities[x_below(p, 3)]);
    if (x_chance(p, 10))
        SAY(p, ", deferred: %us", 1 + x_below(p, 60));
    if (x_chance(p, 10))
        SAY(p, ", reassignment: prohibited");
    if (y_chance(p, 20))
        SAY(p, ", resend: %u", 1 + y_below(p, 3));
    if (x_chance(p, 10))
        SAY(p, ", alternate: prohibited");
}

/* Does the next load speak P1, and who writes it? */
static const char *draw_writer(struct pen *p, const char *otherwise)
{
    p->p1 = x_chance(p, 75);
    return p->p1 && p->pens && x_chance(p, 70) ? "pen" : otherwise;
}

static void draw_manners(struct pen *p)
{
    const char *notify = ONE_OF(p, "default", "default", "default", "never", "failure", "success");
    const char *mode = ONE_OF(p, "pipelining", "lockstep");

    mode = y_chance(p, 65) ? "chunking" : mode;
    SAY(p, ", notify: %s, mode: %s, connections: %u, size: %s", notify, mode, between(p, 1, 4),
        ONE_OF(p, "300B", "1KB", "100B..5KB", "mmb"));
    if (mode[0] == 'c' && y_chance(p, 70))
        SAY(p, ", window: %u", 1 + y_below(p, 32));
    if (y_chance(p, 15))
        SAY(p, ", messages_per_connection: %u", 1 + y_below(p, 5));
    if (chance(p, 8) && !p->p1)
        SAY(p, ", null_sender: yes");
    if (p->p1)
        draw_p1_manners(p);
    if (chance(p, 20))
        SAY(p, ", ret: headers");
    if (chance(p, 15))
        SAY(p, ", threads: 2");
    if (chance(p, 15))
        SAY(p, ", seven_bit: yes");
    SAY(p, "}\n");
}

static void draw_paced(struct pen *p, uint32_t start_s)
{
    uint32_t duration = between(p, 20, 200), most = 120;
    uint32_t kind = below(p, 4);

    SAY(p, ", start: %us, duration: %us", start_s, duration);
    if (kind == 3)
        SAY(p, ", arrivals: bursts, burst: %u, burst_every: %us", between(p, 1, 12),
            duration / 4 + 1);
    else if (kind == 2)
        SAY(p, ", arrivals: ramp, rate: %u/m, rate_to: %u/m", between(p, 1, 20),
            between(p, 20, 60 * most / duration + 20));
    else
        SAY(p, ", arrivals: %s, rate: %u/m", kind ? "poisson" : "constant",
            between(p, 5, 60 * most / duration + 5));
}

static void draw_load(struct pen *p, uint32_t i)
{
    const char *to = p->others ? ONE_OF(p, "box", "[box, ann]", "ann") : "box";
    uint32_t most = to[0] == '[' ? p->boxes + 1 : to[0] == 'b' ? p->boxes : 1;
    uint32_t recipients = chance(p, 70) ? 1 : between(p, 1, most < 3 ? most : 3);

    if (p->strangers) /* nor can one tell two copies of one message, both with its recipients */
        recipients = 1;
    SAY(p, "  l%u: {via: s%u, from: %s, to: %s, recipients: %u", i, between(p, 1, p->servers),
        draw_writer(p, ONE_OF(p, "joe", "joe", "joe", "box")), to, recipients);
    draw_paced(p, chance(p, 40) ? between(p, 0, 120) : 0);
    draw_manners(p);
}

static void draw_aimed(struct pen *p)
{
    SAY(p, "  aimed: {via: s%u, from: %s, to: box, arrivals: aimed, per_move: %u, prime: %u",
        between(p, 1, p->servers), draw_writer(p, "joe"), between(p, 1, 20), between(p, 0, 5));
    bool adapts = y_chance(p, 20);
    uint32_t before = between(p, 1, 20);

    if (chance(p, 50))
        SAY(p, ", mark: asked, phase: %s%us..%us", adapts ? "" : "-", adapts ? 0 : before,
            between(p, 5, 60));
    else
        SAY(p, ", mark: %s, phase: 0s..%us", ONE_OF(p, "copy", "flipped", "done"),
            between(p, 1, 60));
    if (adapts || y_chance(p, 20))
        SAY(p, ", aim: %s", adapts ? "adaptive" : "comb");
    draw_manners(p);
}

static void draw_loads(struct pen *p)
{
    uint32_t loads = between(p, 1, 2);

    SAY(p, "load:\n");
    for (uint32_t i = 0; i < loads; i++)
        draw_load(p, i);
    if (p->any_move && chance(p, 40))
        draw_aimed(p);
    if (p->strangers) /* they are in mailboxes that the run looks into, for they write, too */
        SAY(p, "  all: {via: s1, from: [box, joe%s%s], to: box, rate: 4/m, duration: 60s}\n",
            p->others ? ", ann" : "", p->alt_home ? ", alt" : "");
}

static uint32_t other_server(struct pen *p, uint32_t home)
{
    uint32_t to = between(p, 1, p->servers - 1);

    return to < home ? to : to + 1;
}

static void draw_schedule(struct pen *p, const char *name, const char *who, uint32_t to,
                          uint32_t count, bool may_go_back)
{
    static const char *const reasons[] = {"bad-item", "size-limit", "av-lock"};
    bool back = may_go_back && chance(p, 40);

    SAY(p, "  %s: {mailboxes: %s, to: s%u, start: %us, every: %us, count: %u, deadline: 20m", name,
        who, to, between(p, 0, 90), between(p, 0, 90), between(p, 1, back ? 3 * count : count));
    if (back)
        SAY(p, ", back: yes");
    if (chance(p, 30))
        SAY(p, ", concurrency: 2");
    if (chance(p, 15))
        SAY(p, ", options: {dir_first: true}");
    else if (chance(p, 12))
        SAY(p, ", options: {skip_commit: true}");
    else if (y_chance(p, 12)) /* what goes on from there, or back, asks for what cannot be */
        SAY(p, ", options: {fail: %s}", reasons[y_below(p, 3)]);
    SAY(p, "}\n");
}

/* The recipients; perhaps once more, on to a third server, before or after or meanwhile; originators or alternates. */
static void draw_moves(struct pen *p)
{
    uint32_t to = other_server(p, p->box_home);
    bool again = p->servers > 2 && chance(p, 25);
    uint32_t third = to;

    while (again && (third == to || third == p->box_home))
        third = third % p->servers + 1;
    SAY(p, "moves:\n");
    if (p->joe_home != to && chance(p, 15)) {
        draw_schedule(p, "both", chance(p, 50) ? "[box, joe]" : "[joe, box]", to, 1, false);
        return;
    }
    draw_schedule(p, "recipients", "box", to, p->boxes, !again);
    if (again)
        draw_schedule(p, "onward", "box", third, p->boxes, false);
    if (chance(p, 50))
        draw_schedule(p, "originators", "joe", other_server(p, p->joe_home), p->joes, true);
    if (p->alternate && chance(p, 25) && p->alt_home)
        draw_schedule(p, "alternates", "alt", other_server(p, p->alt_home), p->boxes, true);
}

static void draw_outage(struct pen *p, uint32_t i)
{
    const char *what =
        ONE_OF(p, "mta", "mta", "store", "directory", "directory", "smtp", "smtp", "imap");

    what = x_chance(p, 30) ? "p1" : what;
    what = y_chance(p, 12) ? "http" : what;
    uint32_t at = between(p, 5, 200), server = between(p, 1, p->servers);

    SAY(p, "  down%u: {at: %us, do: down, server: s%u, component: %s}\n", i, at, server, what);
    SAY(p, "  up%u: {at: %us, do: up, server: s%u, component: %s}\n", i, at + between(p, 2, 90),
        server, what);
}

static void draw_alternate(struct pen *p, uint32_t i, uint32_t at)
{
    const char *who = ONE_OF(p, "none", "alt");

    SAY(p, "  a%u: {at: %us, do: alternate, mailboxes: box, alternate: %s, deliver: %s}\n", i, at,
        p->strangers ? "none" : who, ONE_OF(p, "both", "redirect"));
}

/* When all moves are over. */
static void draw_boots(struct pen *p)
{
    for (uint32_t i = 1; p->hangs && i <= p->servers; i++)
        SAY(p,
            "  kill%u: {at: 40m, do: down, server: s%u, component: store}\n"
            "  boot%u: {at: 41m, do: up, server: s%u, component: store}\n",
            i, i, i, i);
}

static void draw_actions(struct pen *p)
{
    uint32_t actions = chance(p, 60) ? between(p, 1, 4) : 0;

    if (actions == 0 && !p->hangs)
        return;
    SAY(p, "actions:\n");
    draw_boots(p);
    for (uint32_t i = 0; i < actions; i++) {
        uint32_t at = between(p, 1, 240);

        switch (below(p, 5)) {
        case 0:
            draw_alternate(p, i, at);
            break;
        case 1:
            SAY(p, "  r%u: {at: %us, do: restart, component: %s, server: s%u}\n", i, at,
                y_chance(p, 25) ? "store" : "mta", between(p, 1, p->servers));
            break;
        case 2:
            SAY(p, "  u%u: {at: %us, do: update-now, server: s%u}\n", i, at,
                between(p, 1, p->servers));
            break;
        default:
            draw_outage(p, i);
        }
    }
}

static void draw_probes(struct pen *p, enum draw_kind kind)
{
    static const char *const periods[] = {"100ms", "250ms", "600ms", NULL};
    const char *period = one_of(p, periods);

    SAY(p, "probes:\n  stores: {type: imap, period: %s, idle: %s", period,
        ONE_OF(p, "no", "no", "yes"));
    if (y_chance(p, 30) && !p->corrupts)
        SAY(p, ", content: %u", y_below(p, 100));
    SAY(p, "}\n");
    if (y_chance(p, 15))
        SAY(p, "  storesofboxes: {type: imap, period: %s, mailboxes: box}\n", one_of(p, periods));
    if (kind != DRAW_BLIND)
        SAY(p, "  queues: {type: http, period: %s}\n", one_of(p, periods));
    SAY(p, "settle: {silence: double-collect, retry: %us, deadline: %s}\n", between(p, 5, 300),
        kind == DRAW_HASTY ? ONE_OF(p, "1s", "5s", "20s", "60s", "200s") : "8h");
}

void draw_profile(uint64_t seed, enum draw_kind kind, struct buf *out)
{
    struct pen p = {.r = rng_at(seed, STREAM_DRAW, 0),
                    .x = rng_at(seed, STREAM_X400, 0),
                    .y = rng_at(seed, STREAM_MORE, 0),
                    .x400 = kind == DRAW_X400,
                    .told = kind == DRAW_TOLD,
                    .out = out};

    p.servers = between(&p, 2, 4);
    p.any_move = !chance(&p, 8);
    SAY(&p, "schema: 1\nrun: {name: drawn, seed: %" PRIu64 "}\n", seed);
    draw_lab(&p);
    draw_plants(&p);
    draw_x400(&p);
    draw_mailboxes(&p);
    draw_loads(&p);
    if (p.any_move)
        draw_moves(&p);
    draw_actions(&p);
    draw_probes(&p, kind);
}

struct drawn_net draw_net(uint64_t seed)
{
    struct rng r = rng_at(seed, STREAM_NET, 0);
    bool slow = rng_below(&r, 4) == 0;
    struct drawn_net d = {
        .net = {.seed = seed + 1,
                .start_ns = NS_PER_S,
                .latency_min_ns = 20 * NS_PER_US,
                .latency_max_ns = (slow ? 200 : 1 + rng_below(&r, 5)) * NS_PER_MS,
                .split_per_mille = (uint32_t)rng_below(&r, 3) * 150,
                .window = rng_below(&r, 4) == 0 ? 512 + rng_below(&r, 8192) : 0},
        .cut_smtp_percent = rng_below(&r, 3) == 0 ? 0 : 20 + (uint32_t)rng_below(&r, 80),
        .cut_imap_percent = rng_below(&r, 3) > 0 ? 0 : (uint32_t)rng_below(&r, 60),
    };

    return d;
}
