/* report_hdr.c - latencies in the percentile text of HdrHistogram, which its plotters read: value in ms, percentile, how many up to
 * it, 1/(1-percentile); five lines for each halving of what is left.
 *
 * Plotters read one histogram a file: `hdr-accept` and its siblings are that. `hdr` has all that are not empty, each under a line
 * of comment, two empty lines between them (gnuplot's `index`). Values are the histogram's own: the high end of a bucket,
 * never above what was seen, 0.1 % wide.
 */
#include "results/report_hdr.h"

#include <math.h>

#include "results/report_stream.h"

#define TICKS_PER_HALF 5
#define US_PER_MS      1000.0

struct latency {
    const char *name, *what;
    const struct hist *(*of)(const struct tally *t);
};

static const struct hist *accept_of(const struct tally *t)
{
    return &t->accept;
}

static const struct hist *deliver_of(const struct tally *t)
{
    return &t->deliver;
}

static const struct hist *end_to_end_of(const struct tally *t)
{
    return &t->end_to_end;
}

static const struct hist *ndr_of(const struct tally *t)
{
    return &t->ndr;
}

static const struct hist *lateness_of(const struct tally *t)
{
    return &t->lateness;
}

static const struct latency latencies[] = {
    {"accept", "from the plan to the acceptance, target ms", accept_of},
    {"deliver", "from the acceptance to the first sighting, target ms", deliver_of},
    {"end-to-end", "from the plan to the first sighting, target ms", end_to_end_of},
    {"ndr", "from the acceptance to the report, target ms", ndr_of},
    {"lateness", "how late messages left against the plan, real ms", lateness_of},
};

#define LATENCIES (sizeof latencies / sizeof latencies[0])

/* The percentile of the next line: half of what is left is cut into five. */
static double next_percent(double percent)
{
    double halvings = floor(log2(100.0 / (100.0 - percent))) + 1;

    return percent + 100.0 / (TICKS_PER_HALF * exp2(halvings));
}

static void line(struct report_stream *s, const struct hist *h, uint32_t bucket, double percent,
                 uint64_t so_far)
{
    uint64_t high = hist_high(bucket);
    double value = (double)(high < h->max ? high : h->max) / US_PER_MS;

    if (percent < 100)
        stream_format(s, "%12.3f %2.12f %10llu %14.2f\n", value, percent / 100,
                      (unsigned long long)so_far, 100 / (100 - percent));
    else
        stream_format(s, "%12.3f %2.12f %10llu\n", value, percent / 100,
                      (unsigned long long)so_far);
}

/* As HdrHistogram's own iterator: a bucket has a line for every percentile that it reaches, but the last bucket only one, and then
 * the line of 100 %. */
static void lines(struct report_stream *s, const struct hist *h)
{
    uint64_t so_far = 0;
    double percent = 0;

    for (uint32_t i = 0; i < HIST_BUCKETS && so_far < h->count; i++) {
        if (h->bucket[i] == 0)
            continue;
        so_far += h->bucket[i];
        while (100.0 * (double)so_far >= percent * (double)h->count) {
            line(s, h, i, percent, so_far);
            if (so_far == h->count)
                break;
            percent = next_percent(percent);
        }
        if (so_far == h->count)
            line(s, h, i, 100, so_far);
    }
}

/* Of the buckets' middles: HdrHistogram's own footer has no more. */
static double deviation(const struct hist *h, double mean)
{
    double sum = 0;

    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        double middle = ((double)hist_low(i) + (double)hist_high(i)) / 2 / US_PER_MS;

        sum += (double)h->bucket[i] * (middle - mean) * (middle - mean);
    }
    return h->count ? sqrt(sum / (double)h->count) : 0;
}

static void write_one(struct report_stream *s, const struct latency *l, const struct hist *h)
{
    double mean = h->count ? (double)h->sum / (double)h->count / US_PER_MS : 0;

    stream_format(s, "#[Latency = %s: %s]\n", l->name, l->what);
    stream_format(s, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                  "1/(1-Percentile)");
    lines(s, h);
    stream_format(s, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean, deviation(h, mean));
    stream_format(s, "#[Max     = %12.3f, Total count    = %12llu]\n",
                  h->count ? (double)h->max / US_PER_MS : 0, (unsigned long long)h->count);
    stream_format(s, "#[Buckets = %12u, SubBuckets     = %12u]\n", 43, 2048);
}

static bool write_all(const struct report_source *source, const struct report_out *out,
                      struct err *e)
{
    const struct tally *t = &source->run->judgement->tally;
    struct report_stream s;
    bool any = false;

    stream_begin(&s, out);
    for (size_t i = 0; i < LATENCIES; i++) {
        const struct hist *h = latencies[i].of(t);

        if (!h->count)
            continue;
        stream_add(&s, any ? "\n\n" : "");
        write_one(&s, &latencies[i], h);
        any = true;
    }
    if (!any)
        stream_add(&s, "# nothing was measured\n");
    return stream_end(&s, e);
}

static bool write_only(const struct report_source *source, const struct report_out *out,
                       const struct latency *l, struct err *e)
{
    struct report_stream s;

    stream_begin(&s, out);
    write_one(&s, l, l->of(&source->run->judgement->tally));
    return stream_end(&s, e);
}

#define FORM(id, at, words)                                                                        \
    static bool write_##id(const struct report_source *s, const struct report_out *out,            \
                           struct err *e)                                                          \
    {                                                                                              \
        return write_only(s, out, &latencies[at], e);                                              \
    }                                                                                              \
    const struct report_form form_hdr_##id = {                                                     \
        .name = "hdr-" words,                                                                      \
        .help = "that latency alone, as HdrHistogram's plotters read it",                          \
        .write = write_##id}

FORM(accept, 0, "accept");
FORM(deliver, 1, "deliver");
FORM(end_to_end, 2, "end-to-end");
FORM(ndr, 3, "ndr");
FORM(lateness, 4, "lateness");

const struct report_form form_hdr = {
    .name = "hdr", .help = "all latencies as HdrHistogram's percentile text", .write = write_all};
