/* metrics.c - runs under way in the text formats of Prometheus and OpenMetrics: one function a family, from plain data. */
#include "app/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "results/judge.h"

#define LABEL_BYTES 200u

enum kind { COUNTER, GAUGE, HISTOGRAM, INFO };

struct writer {
    const struct campaign *campaign;
    struct buf *out;
    const uint32_t
        *nth; /* per job: how many before it have its names, so that no two series are alike */
    enum metrics_form form;
    /* the family under way; its head is written with its first sample */
    enum kind kind;
    const char *name, *unit, *help;
    bool headed, ok;
    bool labelled; /* the sample under way has a label already */
};

/* --------------------------------------------------------------------------------------------------- heads, samples */

static void text(struct writer *w, const char *what)
{
    w->ok = w->ok && buf_add_text(w->out, what);
}

static void family(struct writer *w, enum kind kind, const char *name, const char *unit,
                   const char *help)
{
    w->kind = kind;
    w->name = name;
    w->unit = unit;
    w->help = help;
    w->headed = false;
}

static const char *suffix(const struct writer *w)
{
    return w->kind == COUNTER ? "_total" : w->kind == INFO ? "_info" : "";
}

/* OpenMetrics names the family of a counter without _total, Prometheus with it. */
static void head(struct writer *w)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "info"};
    bool open = w->form == METRICS_OPENMETRICS;
    const char *end = open ? "" : suffix(w), *type = types[w->kind];

    if (!open && w->kind == INFO)
        type = "gauge";
    w->headed = true;
    w->ok = w->ok && buf_add_format(w->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", w->name, end,
                                    w->help, w->name, end, type);
    if (open && w->unit)
        w->ok = w->ok && buf_add_format(w->out, "# UNIT %s %s\n", w->name, w->unit);
}

static void begin(struct writer *w, const char *part)
{
    if (!w->headed)
        head(w);
    text(w, w->name);
    text(w, part ? part : suffix(w));
    w->labelled = false;
}

/* Valid UTF-8 without controls, of bounded length; backslash and quote escaped. */
static void label(struct writer *w, const char *name, const char *value)
{
    char clean[LABEL_BYTES];

    (void)text_clean(clean, sizeof clean, slice_of(value));
    text(w, w->labelled ? "," : "{");
    w->labelled = true;
    text(w, name);
    text(w, "=\"");
    for (const char *p = clean; *p; p++) {
        if (*p == '\\' || *p == '"')
            text(w, "\\");
        w->ok = w->ok && buf_add(w->out, p, 1);
    }
    text(w, "\"");
}

static void end(struct writer *w, uint64_t value)
{
    w->ok = w->ok &&
            buf_add_format(w->out, "%s %llu\n", w->labelled ? "}" : "", (unsigned long long)value);
}

static void end_seconds(struct writer *w, uint64_t ns)
{
    w->ok = w->ok && buf_add_format(w->out, "%s %llu.%06llu\n", w->labelled ? "}" : "",
                                    (unsigned long long)(ns / NS_PER_S),
                                    (unsigned long long)(ns % NS_PER_S / NS_PER_US));
}

/* -------------------------------------------------------------------------------------------------------- runs, loads */

static bool is_told(const struct job *j)
{
    return j->has_status && j->profile;
}

static const struct job *next_job(const struct writer *w, uint32_t *i)
{
    for (; *i < w->campaign->count; (*i)++)
        if (is_told(&w->campaign->jobs[*i]))
            return &w->campaign->jobs[*i];
    return NULL;
}

#define EACH_JOB(w, i, j)                                                                          \
    const struct job *j;                                                                           \
    for (uint32_t i = 0; (j = next_job(w, &i)) != NULL; i++)

static uint32_t load_count(const struct job *j)
{
    return j->profile->load_count < COUNTS_LOADS ? j->profile->load_count : COUNTS_LOADS;
}

static const char *server_name(const struct job *j, uint32_t server)
{
    const struct site *s = &j->profile->site;

    return server < s->server_count ? s->servers[server].name : "";
}

static void begin_run(struct writer *w, uint32_t i, const char *part)
{
    const struct job *j = &w->campaign->jobs[i];
    char name[LABEL_BYTES];

    begin(w, part);
    if (w->nth[i]) {
        struct buf b;

        buf_init(&b, sizeof name - 1);
        w->ok = buf_add_format(&b, "%.100s#%u", j->profile->name, w->nth[i] + 1) && w->ok;
        label(w, "run", buf_text(&b));
        buf_fini(&b);
    } else
        label(w, "run", j->profile->name);
    label(w, "variant", j->variant);
}

/* The last one that is told apart stands for all that follow, too. */
static void begin_load(struct writer *w, uint32_t i, uint32_t load, const char *part)
{
    const struct job *j = &w->campaign->jobs[i];
    bool several = load + 1 == COUNTS_LOADS && j->profile->load_count > COUNTS_LOADS;

    begin_run(w, i, part);
    label(w, "load", several ? "others" : j->profile->loads[load].name);
    label(w, "server", several ? "" : server_name(j, j->profile->loads[load].via));
}

/* ---------------------------------------------------------------------------------------------------------- families */

static void write_process(struct writer *w)
{
    uint32_t states[3] = {0};
    static const char *const names[3] = {"waiting", "running", "ended"};

    for (uint32_t i = 0; i < w->campaign->count; i++) {
        const struct job *j = &w->campaign->jobs[i];

        states[j->ended ? 2 : j->began ? 1 : 0]++;
    }
    family(w, INFO, "postmuster_build", NULL, "The program.");
    begin(w, NULL);
    label(w, "version", PM_VERSION);
    end(w, 1);
    family(w, GAUGE, "postmuster_runs", NULL, "Runs of this process by state.");
    for (int i = 0; i < 3; i++) {
        begin(w, NULL);
        label(w, "state", names[i]);
        end(w, states[i]);
    }
}

static void write_phase(struct writer *w)
{
    family(w, GAUGE, "postmuster_phase", NULL, "1 for the phase that the run is in, 0 for others.");
    EACH_JOB(w, i, j)
    for (enum run_phase p = PHASE_ARM; p <= PHASE_END; p++) {
        begin_run(w, i, NULL);
        label(w, "phase", run_phase_name(p));
        end(w, p == j->status.phase);
    }
}

static void write_times(struct writer *w)
{
    family(w, GAUGE, "postmuster_target_time_seconds", "seconds",
           "Time of the target since the load began.");
    EACH_JOB(w, i, j)
    {
        begin_run(w, i, NULL);
        end_seconds(w, j->status.target_ns);
    }
}

static void write_scale(struct writer *w)
{
    family(w, GAUGE, "postmuster_time_scale_ratio", "ratio",
           "Seconds of the target in a real one (lab.time_scale).");
    EACH_JOB(w, i, j)
    {
        begin_run(w, i, NULL);
        end(w, j->status.scale);
    }
}

static void write_bound(struct writer *w)
{
    family(w, GAUGE, "postmuster_verdict_at_most_seconds", "seconds",
           "Real time until the verdict, at most; absent while nobody can say.");
    EACH_JOB(w, i, j)
    {
        if (j->ended || j->status.verdict_in_ns == NEVER_NS)
            continue;
        begin_run(w, i, NULL);
        end_seconds(w, j->status.verdict_in_ns);
    }
}

static void write_planned(struct writer *w)
{
    family(w, GAUGE, "postmuster_messages_planned", NULL, "Messages that the load owes.");
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < load_count(j); k++) {
        begin_load(w, i, k, NULL);
        end(w, j->status.load_planned[k]);
    }
}

static void write_sent(struct writer *w)
{
    family(w, COUNTER, "postmuster_messages_sent", NULL,
           "Messages whose first octet has left, however they ended.");
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < load_count(j); k++) {
        begin_load(w, i, k, NULL);
        end(w, j->status.counts.loads[k].messages);
    }
}

static uint64_t ended(const struct load_counts *l)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i <= END_ACCEPTED; i++)
        n += l->ended[i];
    return n;
}

static void write_ended(struct writer *w)
{
    family(w, COUNTER, "postmuster_recipients_ended", NULL,
           "Recipients of messages by how their transaction ended.");
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < load_count(j); k++)
        for (unsigned how = END_REFUSED_TEMP; how <= END_ACCEPTED; how++) {
            begin_load(w, i, k, NULL);
            label(w, "ending", event_ending_name(how));
            end(w, j->status.counts.loads[k].ended[how]);
        }
}

static void write_in_flight(struct writer *w)
{
    family(w, GAUGE, "postmuster_recipients_in_flight", NULL,
           "Recipients whose transaction has begun and not ended.");
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < load_count(j); k++) {
        const struct load_counts *l = &j->status.counts.loads[k];

        begin_load(w, i, k, NULL);
        end(w, l->recipients > ended(l) ? l->recipients - ended(l) : 0);
    }
}

static void write_rate(struct writer *w)
{
    family(w, GAUGE, "postmuster_planned_messages_per_second", NULL,
           "Messages that are due per second of target time, just now, without aimed ones.");
    EACH_JOB(w, i, j)
    {
        begin_run(w, i, NULL);
        w->ok = w->ok && buf_add_format(w->out, "} %.3f\n", j->status.rate_planned);
    }
}

static void write_seen(struct writer *w)
{
    family(w, COUNTER, "postmuster_copies_seen", NULL,
           "Copies seen in mailboxes, each place once.");
    EACH_JOB(w, i, j)
    {
        begin_run(w, i, NULL);
        end(w, j->status.counts.seen);
    }
}

static void write_reports(struct writer *w)
{
    static const char *const kinds[] = {"",          "failed",  "delayed",
                                        "delivered", "relayed", "expanded"};

    family(w, COUNTER, "postmuster_reports", NULL,
           "Reports about messages that were read, by kind.");
    EACH_JOB(w, i, j)
    for (unsigned k = REPORT_FAILED; k <= REPORT_EXPANDED; k++) {
        begin_run(w, i, NULL);
        label(w, "kind", kinds[k]);
        end(w, j->status.counts.reported[k]);
    }
}

static void write_queues(struct writer *w, bool stand)
{
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < STATUS_SERVERS; k++) {
        const struct queue_now *q = &j->status.queues[k];

        if (!q->known)
            continue;
        begin_run(w, i, NULL);
        label(w, "server", server_name(j, k));
        end(w, stand ? q->entries - q->due : q->entries);
    }
}

static void write_moves(struct writer *w)
{
    family(w, GAUGE, "postmuster_moves", NULL, "Moves of mailboxes by how far they are.");
    EACH_JOB(w, i, j)
    for (enum moving k = MOVING_WAITING; k < MOVING_COUNT; k++) {
        begin_run(w, i, NULL);
        label(w, "state", moving_name(k));
        end(w, j->status.move_states[k]);
    }
}

static void write_so_far(struct writer *w)
{
    family(w, GAUGE, "postmuster_copies_so_far", NULL,
           "Copies whose message was begun, by the class they would have if nothing more came.");
    EACH_JOB(w, i, j)
    for (enum outcome c = CLASS_PHANTOM; j->status.has_classes && c < CLASS_COUNT; c++) {
        if (c == CLASS_NOT_SENT)
            continue;
        begin_run(w, i, NULL);
        label(w, "class", class_name(c));
        end(w, j->status.so_far.of[c]);
    }
}

static void write_classes(struct writer *w)
{
    family(w, GAUGE, "postmuster_copies", NULL,
           "Copies by class, of runs that have been judged; no class is told before.");
    EACH_JOB(w, i, j)
    for (enum outcome c = CLASS_NOT_OWED; j->result.judgement && c < CLASS_COUNT; c++) {
        begin_run(w, i, NULL);
        label(w, "class", class_name(c));
        end(w, j->result.judgement->tally.classes[c]);
    }
}

static void write_verdicts(struct writer *w)
{
    family(w, GAUGE, "postmuster_verdict", NULL, "1 for the verdict of a run that was judged.");
    EACH_JOB(w, i, j)
    {
        if (!j->result.judgement)
            continue;
        begin_run(w, i, NULL);
        label(w, "verdict", verdict_name(j->result.judgement->verdict));
        end(w, 1);
    }
}

/* "0.0005", "1.0", "100.0": as OpenMetrics wants them, and the same series in both forms. */
static void bound(struct writer *w, uint64_t us)
{
    char digits[32];
    size_t n = 0;
    uint64_t fraction = us % 1000000, unit = 100000;

    do
        digits[n++] = (char)('0' + fraction / unit % 10);
    while ((unit /= 10) > 0 && fraction % (unit * 10) > 0);
    digits[n] = '\0';
    w->ok = w->ok &&
            buf_add_format(w->out, ",le=\"%llu.%s\"", (unsigned long long)(us / 1000000), digits);
}

static void write_spread(struct writer *w, uint32_t i, uint32_t load, const struct spread *s)
{
    uint64_t so_far = 0;

    for (uint32_t k = 0; k <= SPREAD_BOUNDS; k++) {
        so_far += s->bucket[k];
        begin_load(w, i, load, "_bucket");
        if (k < SPREAD_BOUNDS)
            bound(w, spread_bounds_us[k]);
        else
            label(w, "le", "+Inf");
        end(w, so_far);
    }
    begin_load(w, i, load, "_sum");
    end_seconds(w, s->sum_us * NS_PER_US);
    begin_load(w, i, load, "_count");
    end(w, so_far);
}

static void write_spreads(struct writer *w, bool late)
{
    EACH_JOB(w, i, j)
    for (uint32_t k = 0; k < load_count(j); k++) {
        const struct load_counts *l = &j->status.counts.loads[k];

        write_spread(w, i, k, late ? &l->late : &l->accept);
    }
}

static void write_all(struct writer *w)
{
    write_process(w);
    write_phase(w);
    write_times(w);
    write_scale(w);
    write_bound(w);
    write_planned(w);
    write_rate(w);
    write_sent(w);
    write_ended(w);
    write_in_flight(w);
    family(w, HISTOGRAM, "postmuster_send_lateness_seconds", "seconds",
           "Real time from when a message was due to its first octet.");
    write_spreads(w, true);
    family(w, HISTOGRAM, "postmuster_accept_latency_seconds", "seconds",
           "Target time from the first octet to acceptance.");
    write_spreads(w, false);
    write_seen(w);
    write_reports(w);
    family(w, GAUGE, "postmuster_queue_entries", NULL,
           "Entries in the queues of a server when they were last listed.");
    write_queues(w, false);
    family(w, GAUGE, "postmuster_queue_entries_standing", NULL,
           "Of them, those of which no other try is planned: they may be stranded.");
    write_queues(w, true);
    write_moves(w);
    write_so_far(w);
    write_classes(w);
    write_verdicts(w);
    if (w->form == METRICS_OPENMETRICS)
        text(w, "# EOF\n");
}

bool metrics_text(const struct campaign *c, enum metrics_form form, struct buf *out)
{
    uint32_t *nth = calloc(c->count + 1ul, sizeof *nth);
    struct writer w = {.campaign = c, .out = out, .nth = nth, .form = form, .ok = nth != NULL};

    for (uint32_t i = 0; nth && i < c->count; i++)
        for (uint32_t k = 0; is_told(&c->jobs[i]) && k < i; k++)
            nth[i] += is_told(&c->jobs[k]) &&
                      strcmp(c->jobs[k].profile->name, c->jobs[i].profile->name) == 0 &&
                      strcmp(c->jobs[k].variant, c->jobs[i].variant) == 0;
    if (nth)
        write_all(&w);
    free(nth);
    return w.ok;
}

/* ------------------------------------------------------------------------------------------------------------ Accept */

/* "q=0.75" in thousandths; 1000 without one. */
static unsigned quality(struct slice parameters)
{
    struct slice one;
    unsigned q = 1000;

    for (bool more = true; more;) {
        more = slice_cut(&parameters, ';', &one);
        one = slice_trim(one);
        if (!slice_starts_nocase(one, "q=") || one.n < 3)
            continue;
        q = one.p[2] == '1' ? 1000 : 0;
        for (size_t i = one.p[2] == '0' ? 4 : one.n, unit = 100; i < one.n && unit > 0;
             i++, unit /= 10)
            q += one.p[i] >= '0' && one.p[i] <= '9' ? (unsigned)((one.p[i] - '0') * unit) : 0;
    }
    return q > 1000 ? 1000 : q;
}

enum metrics_form metrics_accepted(const char *accept)
{
    struct slice rest = slice_of(accept), one, type;
    unsigned open = 0, plain = 0;

    for (bool more = rest.n > 0; more;) {
        more = slice_cut(&rest, ',', &one);
        (void)slice_cut(&one, ';', &type);
        type = slice_trim(type);
        unsigned q = quality(one);

        if (slice_is_nocase(type, "application/openmetrics-text"))
            open = q > open ? q : open;
        else if (slice_is_nocase(type, "text/plain"))
            plain = q > plain ? q : plain;
    }
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}
