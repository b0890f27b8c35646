/* report_aim.c - the summary's aim object. */
#include "results/report_aim.h"

#include <math.h>

#include "results/json_file.h"

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *whole(double x)
{
    return isfinite(x) && fabs(x) < 9e15 ? json_integer(llround(x)) : json_null();
}

static json_t *ppb(double share)
{
    return whole(share * 1e9);
}

static json_t *us(double t_us) /* as ns, like all times of a summary */
{
    return whole(t_us * 1000);
}

static json_t *pair(json_t *low, json_t *high)
{
    json_t *both = json_array();

    (void)json_array_append_new(both, low);
    (void)json_array_append_new(both, high);
    return both;
}

static json_t *bins_of(const struct aim_found *f)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < f->bin_count; i++) {
        const struct bin *b = &f->bins[i];
        json_t *o = json_object();

        put(o, "from_ns", us(b->at.low));
        put(o, "to_ns", us(b->at.high));
        put(o, "sends", json_u64(b->seen.n));
        put(o, "losses", json_u64(b->seen.k));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *window_of(const struct aim_found *f)
{
    const struct edges *w = &f->edges;
    json_t *o;

    if (!w->fitted || w->end < w->begin)
        return json_null();
    o = json_object();
    put(o, "begin_ns", us(w->begin));
    put(o, "end_ns", us(w->end));
    put(o, "begin_interval_ns", pair(us(w->begin_interval.low), us(w->begin_interval.high)));
    put(o, "end_interval_ns", pair(us(w->end_interval.low), us(w->end_interval.high)));
    put(o, "jitter_ns", us(w->jitter));
    put(o, "lost_inside_ppb", ppb(w->hit));
    return o;
}

static json_t *rate_of(double rate, double se, struct interval at)
{
    json_t *o = json_object();

    put(o, "rate_ppb", ppb(rate));
    put(o, "se_ppb", ppb(se));
    put(o, "interval_ppb", pair(ppb(at.low), ppb(at.high)));
    return o;
}

static json_t *found_of(const struct judgement *j, const struct aim_found *f)
{
    const struct manifest_aim *aim = &j->manifest->loads[f->load].aim;
    json_t *o = json_object();

    put(o, "mark", json_words(event_mark_name(aim->mark)));
    put(o, "phase_ns", pair(json_u64(aim->from_ns), json_u64(aim->to_ns)));
    put(o, "moves", json_u64(f->moves));
    put(o, "aimed", json_u64(f->aimed));
    put(o, "sends", json_u64(f->sends));
    put(o, "losses", json_u64(f->losses));
    put(o, "open", json_u64(f->open));
    put(o, "weighted", rate_of(f->rate, f->se, f->rate_interval));
    put(o, "stratified", rate_of(f->strata.rate, f->strata.se, f->strata.interval));
    put(o, "covered_ppb", ppb(f->strata.covered));
    put(o, "window", window_of(f));
    put(o, "bins", bins_of(f));
    return o;
}

json_t *report_aim_json(const struct judgement *j)
{
    json_t *all = json_object();

    for (uint32_t i = 0; i < j->aims.count; i++)
        put(all, j->manifest->loads[j->aims.found[i].load].name, found_of(j, &j->aims.found[i]));
    return all;
}
