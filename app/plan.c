/* plan.c - from a profile to what a run needs before it begins. */
#include "app/plan.h"

#include <stdlib.h>
#include <string.h>

#include "app/fingerprint.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/event.h"
#include "results/stop_rule.h"
#include "wire/x400/oraddr.h"

#define NOBODY               "pm-no-such-user" /* whom canaries are sent to */
#define ADDRESS_BYTES        8192ull
#define DIRECTORY_CACHE_KNOB "ds_read_cache_latency"
#define DIRECTORY_CACHE_NS   (60 * NS_PER_S) /* Q172364: an MTA's directory cache, unless told */

enum { STREAM_RUN_ID = 0x52554e, STREAM_SECRET = 0x534543 };

struct token_key plan_key(const struct manifest *m)
{
    struct rng secret = rng_at(m->run_id, STREAM_SECRET, m->seed);

    return token_key_make(m->run_id, rng_u64(&secret));
}

static const enum move_mark aim_marks[] = {[AIM_ASKED] = MARK_ASKED,
                                           [AIM_COPY] = MARK_COPY,
                                           [AIM_FLIPPED] = MARK_FLIPPED,
                                           [AIM_DONE] = MARK_DONE};

static bool plan_loads(struct plan *p, struct arena *a)
{
    const struct profile *profile = p->profile;
    struct manifest_load *loads = arena_new(a, struct manifest_load, profile->load_count + 1);

    if (!loads)
        return false;
    for (uint32_t i = 0; i < profile->load_count; i++) {
        const struct load_profile *l = &profile->loads[i];

        loads[i] = (struct manifest_load){
            .name = l->name,
            .protocol = l->protocol,
            .via = profile->site.servers[l->via].name,
            .first = p->work->first[i],
            .count = p->work->first[i + 1] - p->work->first[i],
            .recipients = l->recipients,
            .alternates = workload_alternates(profile, i),
            .silence_asked = l->null_sender || l->notify == NOTIFY_NEVER,
            .deferred_ns = strcmp(l->protocol, "p1") == 0 ? l->deferred_ns : 0,
            .burst_ns = l->arrivals == ARRIVE_BURSTS ? l->burst_every_ns : 0,
        };
        if (l->arrivals == ARRIVE_AIMED && l->law == LAW_ADAPTIVE)
            loads[i].aim = (struct manifest_aim){aim_marks[l->aim], (uint64_t)l->aim_from_ns,
                                                 (uint64_t)l->aim_to_ns};
        p->threads = l->threads > p->threads ? l->threads : p->threads;
    }
    p->manifest.loads = loads;
    p->manifest.load_count = profile->load_count;
    return true;
}

static bool plan_site(struct plan *p, struct arena *a)
{
    const struct site *s = &p->profile->site;
    const char **servers = arena_new(a, const char *, s->server_count + 1);
    struct manifest_mailbox *boxes = arena_new(a, struct manifest_mailbox, s->mailbox_count + 1);

    if (!servers || !boxes)
        return false;
    for (uint32_t i = 0; i < s->server_count; i++)
        servers[i] = s->servers[i].name;
    for (uint32_t i = 0; i < s->mailbox_count; i++) {
        const struct mailbox *m = &s->mailboxes[i];

        boxes[i] = (struct manifest_mailbox){
            .name = m->name,
            .address = m->address,
            .home = m->home == SITE_NONE ? NO_INDEX : m->home,
            .alternate = m->alternate == SITE_NONE ? NO_INDEX : m->alternate,
            .both = m->both,
        };
    }
    p->manifest.servers = servers;
    p->manifest.server_count = s->server_count;
    p->manifest.mailboxes = boxes;
    p->manifest.mailbox_count = s->mailbox_count;
    return true;
}

static bool plan_moves(struct plan *p, struct arena *a)
{
    const struct workload *w = p->work;
    struct manifest_move *moves = arena_new(a, struct manifest_move, w->move_count + 1);

    if (!moves)
        return false;
    for (uint32_t i = 0; i < w->move_count; i++)
        moves[i] = (struct manifest_move){
            .mailbox = w->moves[i].mailbox,
            .from = w->moves[i].from == SITE_NONE ? NO_INDEX : w->moves[i].from,
            .to = w->moves[i].to,
            .at_ns = w->moves[i].at_ns,
            .schedule = p->profile->moves[w->moves[i].schedule].name,
        };
    p->manifest.moves = moves;
    p->manifest.move_count = w->move_count;
    return true;
}

static bool plan_gates(struct plan *p, struct arena *a)
{
    struct manifest_gate *gates = arena_new(a, struct manifest_gate, p->profile->gate_count + 1);

    if (!gates)
        return false;
    for (uint32_t i = 0; i < p->profile->gate_count; i++)
        gates[i] = (struct manifest_gate){p->profile->gates[i].name, p->profile->gates[i].limit};
    p->manifest.gates = gates;
    p->manifest.gate_count = p->profile->gate_count;
    return true;
}

/* --- O/R addresses ------------------------------------------------------------------------------------------------ */

struct folded { /* an O/R address as comparison sees it */
    const char *text;
    uint32_t mailbox; /* SITE_NONE: the address that nobody has */
};

static int folded_order(const void *left, const void *right)
{
    const struct folded *a = left, *b = right;

    return strcmp(a->text, b->text);
}

static bool fold_address(const struct profile *p, struct slice smtp, uint32_t mailbox,
                         struct arena *a, struct folded *out, struct err *e)
{
    bool ours = profile_x400_template(p, mailbox) == p->x400.our_address;
    char text[ORADDR_FOLD_MAX];
    struct oraddr address;

    if (!oraddr_from_smtp(profile_x400_template(p, mailbox), smtp, a, &address, e))
        return err_wrap(e, "%s: x400.%s: %.*s", p->path, ours ? "our_address" : "address",
                        (int)smtp.n, (const char *)smtp.p);
    if (p->x400.mode == MODE_1984 && address.common_name.p)
        return err_set(e, EX_BAD_PROFILE, "%s: x400.%s: cn: there is no common name in 1984",
                       p->path, ours ? "our_address" : "address");
    if (!oraddr_fold(&address, text))
        return err_set(e, EX_BAD_PROFILE, "%s: x400.%s: %.*s has too long an O/R address", p->path,
                       ours ? "our_address" : "address", (int)smtp.n, (const char *)smtp.p);
    *out = (struct folded){arena_text(a, text, strlen(text)), mailbox};
    return out->text || err_set(e, EX_IO, "out of memory for O/R addresses");
}

static bool fold_all(const struct profile *p, struct arena *a, struct folded *all, struct err *e)
{
    const struct site *s = &p->site;

    for (uint32_t i = 0; i < s->mailbox_count; i++)
        if (!fold_address(p, slice_of(s->mailboxes[i].address), i, a, &all[i], e))
            return false;
    return fold_address(p, slice_of(NOBODY "@nowhere.test"), SITE_NONE, a, &all[s->mailbox_count],
                        e);
}

static bool all_differ(const struct profile *p, struct folded *all, struct err *e)
{
    uint32_t count = p->site.mailbox_count + 1;

    qsort(all, count, sizeof *all, folded_order);
    for (uint32_t i = 1; i < count; i++) {
        uint32_t x = all[i - 1].mailbox, y = all[i].mailbox;

        if (strcmp(all[i - 1].text, all[i].text) == 0)
            return err_set(e, EX_BAD_PROFILE, "%s: x400: %s and %s have the same O/R address",
                           p->path, x == SITE_NONE ? NOBODY : p->site.mailboxes[x].address,
                           y == SITE_NONE ? NOBODY : p->site.mailboxes[y].address);
    }
    return true;
}

/* The key x400.domain: a country, an ADMD, perhaps a PRMD, and nothing else. */
static bool check_domain(const struct profile *p, struct arena *a, struct err *e)
{
    struct oraddr address;
    char bare[ORADDR_FOLD_MAX], whole[ORADDR_FOLD_MAX];

    if (!oraddr_parse(slice_of(p->x400.domain), a, &address, e))
        return err_wrap(e, "%s: x400.domain", p->path);
    struct oraddr domain = {.domain = address.domain};

    if (!address.domain.country.text.p || !address.domain.admd.text.p)
        return err_set(e, EX_BAD_PROFILE, "%s: x400.domain: a country and an ADMD are needed",
                       p->path);
    if (!oraddr_fold(&domain, bare) || !oraddr_fold(&address, whole) || strcmp(bare, whole) != 0)
        return err_set(e, EX_BAD_PROFILE,
                       "%s: x400.domain: expected a domain such as "
                       "c=US;a= ;p=ORG, got \"%.80s\"",
                       p->path, p->x400.domain);
    return true;
}

bool plan_check_addresses(const struct profile *p, struct err *e)
{
    uint64_t room = (p->site.mailbox_count + 8ull) * ADDRESS_BYTES;
    struct arena *scratch = p->x400.on ? arena_create(room) : NULL;
    struct folded *all =
        scratch ? arena_new(scratch, struct folded, p->site.mailbox_count + 1ul) : NULL;
    bool ok = true;

    if (p->x400.on)
        ok = all ? check_domain(p, scratch, e) && fold_all(p, scratch, all, e) &&
                       all_differ(p, all, e)
                 : err_set(e, EX_IO, "out of memory for O/R addresses");
    arena_destroy(scratch);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static bool queues_visible(const struct profile *p)
{
    for (uint32_t i = 0; i < p->probe_count; i++)
        if (probe_lists_queues(p->probes[i].type))
            return true;
    return false;
}

/* The least of what the probes that read mailboxes compare; all but IMAP's read everything. */
static uint32_t content_percent(const struct profile *p)
{
    uint32_t percent = 100;

    for (uint32_t i = 0; i < p->probe_count; i++)
        if (p->probes[i].type == PROBE_IMAP && p->probes[i].content < percent)
            percent = p->probes[i].content;
    return percent;
}

/* 0 as well for what is no duration; otherwise: it is not set. */
static uint64_t knob_ns(const struct lab_profile *lab, const char *name, uint64_t otherwise)
{
    uint64_t ns = otherwise;

    for (uint32_t i = 0; i < lab->knob_count; i++)
        if (strcmp(lab->knob_names[i], name) == 0 &&
            !text_duration(slice_of(lab->knob_values[i]), &ns, NULL))
            ns = 0;
    return ns;
}

/* Where in a move a message falls shows only while it leaves on time, measured by the shortest time that shapes the
 * lab's windows: how long an MTA trusts a home that it has looked up, or a time before the flag that was set. */
static uint64_t lateness_limit(const struct plan *p)
{
    const struct lab_profile *lab = &p->profile->lab;
    uint64_t limit_ns, flag_ns;

    if (!lab->on || p->work->move_count == 0)
        return 0;
    limit_ns = knob_ns(lab, DIRECTORY_CACHE_KNOB, 0);
    limit_ns = limit_ns ? limit_ns : DIRECTORY_CACHE_NS;
    flag_ns = knob_ns(lab, "create_to_flag", 0);
    return flag_ns && flag_ns < limit_ns ? flag_ns : limit_ns;
}

/* How long the site's servers trust a home that they have looked up; 0 as well where the run itself changes it. */
static uint64_t cache_lifetime(const struct profile *p)
{
    if (!p->lab.on)
        return p->cache_ns;
    for (uint32_t i = 0; i < p->action_count; i++)
        if (p->actions[i].knob && strcmp(p->actions[i].knob, DIRECTORY_CACHE_KNOB) == 0)
            return 0;
    return knob_ns(&p->lab, DIRECTORY_CACHE_KNOB, DIRECTORY_CACHE_NS);
}

static const enum stop_rule stop_rules[] = {[STOP_WHEN_NEVER] = STOP_NEVER,
                                            [STOP_WHEN_CERTAIN] = STOP_CERTAIN,
                                            [STOP_WHEN_INTERVAL] = STOP_INTERVAL,
                                            [STOP_WHEN_SPRT] = STOP_SPRT};

bool plan_make(struct plan *p, struct arena *a, const struct profile *profile, uint64_t run_id,
               struct err *e)
{
    struct rng id = rng_at(profile->seed, STREAM_RUN_ID, clock_wall_ns());

    *p = (struct plan){.profile = profile, .threads = 1};
    p->work = plan_check_addresses(profile, e) ? workload_create(a, profile, e) : NULL;
    if (!p->work)
        return false;
    p->manifest = (struct manifest){
        .name = profile->name,
        .variant = profile->variant,
        .description = profile->description,
        .target = profile->lab.on ? arena_format(a, "lab %s", profile->lab.version) : "live",
        .run_id = run_id ? run_id : rng_u64(&id),
        .seed = profile->seed,
        .time_scale = profile->lab.time_scale,
        .stride = p->work->stride,
        .planned_messages = p->work->planned,
        .canaries = p->work->canaries,
        .queues_visible = queues_visible(profile),
        .settle_retry_ns = profile->settle_retry_ns,
        .lifetime_ns = profile->lifetime_ns,
        .late_ns = profile->late_ns,
        .alternate_lag_ns = profile->alternate_lag_ns,
        .cache_ns = cache_lifetime(profile),
        .lateness_limit_ns = lateness_limit(p),
        .max_lateness_ns = profile->lateness_real_ns,
        .content_percent = content_percent(profile),
        .stop = {.rule = stop_rules[profile->stop.when],
                 .low_ppb = profile->stop.low_ppb,
                 .high_ppb = profile->stop.high_ppb,
                 .alpha_ppb = profile->stop.alpha_ppb,
                 .beta_ppb = profile->stop.beta_ppb,
                 .silence_ns = profile->stop.silence_ns},
    };
    if (!p->manifest.target || !plan_loads(p, a) || !plan_site(p, a) || !plan_moves(p, a) ||
        !plan_gates(p, a))
        return err_set(e, EX_IO, "out of memory for the plan");
    p->key = plan_key(&p->manifest);
    return fingerprint_make(&p->manifest.prints, profile, e);
}
