/* page_window.c - where in a move the harm begins and ends, from the phases of all copies that were accepted near one. */
#include <math.h>

#include "results/json_file.h"
#include "results/page_private.h"

#define ALPHA 0.05

static json_t *ns_json(double ns) /* null: nothing bounds it */
{
    return isfinite(ns) ? json_integer(llround(ns)) : json_null();
}

json_t *page_window_json(struct shot *shots, size_t n, bool late)
{
    shots_sort(shots, n);
    struct edges w = window_edges(shots, n, 0, ALPHA);

    if (!w.fitted || w.end < w.begin)
        return json_null();
    json_t *o = json_object();
    double least = w.end_interval.low - w.begin_interval.high;

    page_put(o, "low_ns", ns_json(w.begin));
    page_put(o, "high_ns", ns_json(w.end));
    page_put(o, "estimate_ns", ns_json(w.end - w.begin));
    page_put(o, "ci_low_ns", ns_json(least > 0 ? least : 0));
    page_put(o, "ci_high_ns", ns_json(w.end_interval.high - w.begin_interval.low));
    page_put(o, "begin_low_ns", ns_json(w.begin_interval.low));
    page_put(o, "begin_high_ns", ns_json(w.begin_interval.high));
    page_put(o, "end_low_ns", ns_json(w.end_interval.low));
    page_put(o, "end_high_ns", ns_json(w.end_interval.high));
    page_put(o, "inside_ppm", page_ppm(w.hit));
    page_put(o, "shots", json_u64(n));
    page_put(o, "method",
             page_format("two blurred edges fitted to %zu copies, one window for all moves%s", n,
                         late ? "; not conclusive, since messages left too late" : ""));
    return o;
}
