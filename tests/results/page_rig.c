/* page_rig.c - see page_rig.h. */
#include "tests/results/page_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "results/journal.h"
#include "tests/support/scratch.h"

#define RUN_ID 0x77
#define END_MS 5000u /* from the last message to the settling */

struct making {
    const struct page_spec *spec;
    struct manifest m;
    struct manifest_mailbox *boxes;
    struct manifest_move *moves;
    char (*names)[32];
    struct manifest_load load;
    struct journal *j;
    uint64_t gap_ns, end_ns, reported;
    uint32_t box_count;
};

static uint64_t asked_ns(const struct making *k, uint32_t move)
{
    return (k->spec->messages * k->gap_ns) / (k->spec->moves + 1) * (move + 1);
}

static void make_manifest(struct making *k)
{
    static const char *const servers[] = {"s0", "s1", "s2"};
    const struct page_spec *s = k->spec;
    uint32_t boxes = s->moves ? s->moves : 1;

    k->box_count = boxes;
    k->boxes = calloc(boxes + 1ul, sizeof *k->boxes);
    k->names = calloc(boxes + 1ul, sizeof *k->names);
    k->moves = calloc(s->moves + 1ul, sizeof *k->moves);
    PM_ASSERT(k->boxes && k->names && k->moves);
    for (uint32_t i = 0; i <= boxes; i++) {
        if (i < boxes)
            (void)snprintf(k->names[i], sizeof k->names[i], "box%u", i);
        else
            (void)snprintf(k->names[i], sizeof k->names[i], "joe");
        k->boxes[i] =
            (struct manifest_mailbox){k->names[i], k->names[i], i < boxes ? 1 : 2, NO_INDEX, false};
    }
    if (s->box)
        k->boxes[0].name = s->box;
    for (uint32_t i = 0; i < s->moves; i++)
        k->moves[i] = (struct manifest_move){i, 0, 1, asked_ns(k, i), "users"};
    k->load = (struct manifest_load){
        .name = "steady", .protocol = "smtp", .via = "s2", .count = s->messages, .recipients = 1};
    k->m = (struct manifest){.name = "rig",
                             .variant = "",
                             .description = "",
                             .target = "lab",
                             .run_id = RUN_ID,
                             .seed = 7,
                             .time_scale = 1,
                             .stride = 1,
                             .planned_messages = s->messages,
                             .canaries = 1,
                             .servers = servers,
                             .server_count = 3,
                             .mailboxes = k->boxes,
                             .mailbox_count = boxes + 1,
                             .loads = &k->load,
                             .load_count = 1,
                             .moves = k->moves,
                             .move_count = s->moves,
                             .queues_visible = true,
                             .settle_retry_ns = 60 * NS_PER_S,
                             .late_ns = 30 * NS_PER_S,
                             .content_percent = 100};
}

static void put(struct making *k, struct event ev)
{
    PM_ASSERT(journal_add(k->j, &ev));
}

static bool is_lost(const struct making *k, uint32_t box, uint64_t t_ns)
{
    uint64_t flip = asked_ns(k, box) + NS_PER_S;

    return k->spec->all_lost ||
           (k->spec->moves && t_ns + 200 * NS_PER_MS >= flip && t_ns < flip + 500 * NS_PER_MS);
}

static void put_message(struct making *k, uint64_t n)
{
    uint64_t t = n * k->gap_ns;
    uint32_t box = (uint32_t)(n % k->box_count);

    put(k, (struct event){.kind = EV_SENT,
                          .slot = n,
                          .t_ns = t,
                          .place = 2,
                          .a = box,
                          .code = k->box_count,
                          .b = 50});
    put(k, (struct event){.kind = EV_END,
                          .slot = n,
                          .t_ns = t + NS_PER_MS,
                          .place = 2,
                          .a = END_ACCEPTED | STAGE_DOT << 8,
                          .b = 1000,
                          .code = event_code(250, 2, 0, 0)});
    if (!is_lost(k, box, t + NS_PER_MS))
        put(k, (struct event){.kind = EV_SEEN,
                              .slot = n,
                              .t_ns = t + NS_PER_S,
                              .place = 1,
                              .a = box,
                              .b = 1,
                              .code = 1});
    else if (k->reported++ < k->spec->reported)
        put(k, (struct event){.kind = EV_REPORT,
                              .slot = n,
                              .t_ns = t + NS_PER_S,
                              .place = 2,
                              .a = box,
                              .b = 9,
                              .code = event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, 5, 1, 1)});
}

static void put_moves(struct making *k)
{
    static const uint64_t after_ms[] = {0, 500, 1000, 2000, 0, 2500};

    for (uint32_t i = 0; i < k->spec->moves; i++)
        for (uint32_t mark = MARK_ASKED; mark <= MARK_VERIFIED; mark++)
            if (mark != MARK_FAILED)
                put(k, (struct event){.kind = EV_MOVE,
                                      .slot = i,
                                      .t_ns = asked_ns(k, i) + after_ms[mark] * NS_PER_MS,
                                      .place = 1,
                                      .a = i,
                                      .b = 0,
                                      .code = mark});
}

static void put_settling(struct making *k)
{
    uint64_t t = k->end_ns;

    for (uint32_t n = 0; n < k->spec->queued; n++)
        put(k, (struct event){.kind = EV_QUEUED,
                              .t_ns = (n + 2) * NS_PER_MS,
                              .place = 2,
                              .b = n,
                              .code = 1 | QUEUED_DUE});
    for (uint16_t s = 0; s < 3; s++)
        for (uint32_t w = 0; w < 2; w++)
            put(k, (struct event){.kind = EV_WAVE,
                                  .t_ns = t + w * NS_PER_S,
                                  .place = s,
                                  .a = s,
                                  .b = 1000 + w,
                                  .code = WAVE_COMPLETE});
    put(k, (struct event){.kind = EV_QUIESCENT, .t_ns = t + NS_PER_S, .b = 1001});
    for (uint32_t box = 0; box <= k->box_count; box++)
        for (uint16_t s = 0; s < 3; s++)
            put(k, (struct event){.kind = EV_SCAN,
                                  .t_ns = t + 2 * NS_PER_S,
                                  .place = s,
                                  .a = box,
                                  .b = 1000,
                                  .code = SCAN_COMPLETE});
    for (uint32_t state = CANARY_SENT; state <= CANARY_REPORTED; state += CANARY_REPORTED)
        put(k, (struct event){.kind = EV_CANARY,
                              .slot = k->spec->messages,
                              .t_ns = t,
                              .a = k->box_count,
                              .code = state});
    for (uint32_t phase = PHASE_ARM; phase <= PHASE_END; phase++)
        put(k, (struct event){.kind = EV_PHASE,
                              .t_ns = phase < PHASE_DRAIN ? 0 : t + phase * NS_PER_S,
                              .code = phase});
}

static void make_journal(struct making *k, const char *dir)
{
    char path[320];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/journal", dir);
    PM_ASSERT(mkdir(path, 0700) == 0);
    k->j = journal_create(path, 0, RUN_ID, NULL, &e);
    PM_ASSERT(k->j);
    for (uint64_t n = 0; n < k->spec->messages; n++)
        put_message(k, n);
    put_moves(k);
    if (!k->spec->killed)
        put_settling(k);
    PM_ASSERT(journal_close(k->j, &e));
}

static void make_reports(const struct page_spec *s, const char *dir)
{
    char path[320];

    (void)snprintf(path, sizeof path, "%s/reports", dir);
    PM_ASSERT(mkdir(path, 0700) == 0);
    if (s->report)
        (void)scratch_file(path, s->report_name ? s->report_name : "1.eml", s->report);
}

void page_rig_token(void *owner, uint64_t number, char out[27])
{
    (void)owner;
    (void)snprintf(out, 27, "%026llu", (unsigned long long)number);
}

void page_rig_make(struct page_rig *g, const char *name, const struct page_spec *spec)
{
    struct making k = {.spec = spec, .gap_ns = (spec->gap_ms ? spec->gap_ms : 100) * NS_PER_MS};
    struct err e = {0};
    char path[320];

    k.end_ns = spec->messages * k.gap_ns + END_MS * NS_PER_MS;
    *g = (struct page_rig){.words = {.token = page_rig_token}};
    (void)snprintf(g->dir, sizeof g->dir, "%s", scratch_dir(name));
    make_manifest(&k);
    (void)snprintf(path, sizeof path, "%s/manifest.json", g->dir);
    PM_ASSERT(manifest_write(&k.m, path, &e));
    make_journal(&k, g->dir);
    make_reports(spec, g->dir);
    free(k.boxes);
    free(k.names);
    free(k.moves);
    PM_ASSERT(judge_folder(&g->run, g->dir, &e));
    g->source = (struct report_source){.run = &g->run, .run_dir = g->dir, .words = &g->words};
}

json_t *page_rig_data(struct page_rig *g)
{
    struct err e = {0};
    json_t *o = page_data(&g->source, &e);

    PM_ASSERT(o);
    return o;
}

void page_rig_fini(struct page_rig *g)
{
    run_record_fini(&g->run);
}

const json_t *page_at(const json_t *o, const char *path)
{
    char key[64];

    for (size_t n; o && *path; path += n + (path[n] == '/')) {
        n = strcspn(path, "/");
        (void)snprintf(key, sizeof key, "%.*s", (int)n, path);
        o = json_is_array(o) ? json_array_get(o, strtoul(key, NULL, 10)) : json_object_get(o, key);
    }
    return o;
}

int64_t page_int(const json_t *o, const char *path)
{
    const json_t *n = page_at(o, path);

    return json_is_integer(n) ? json_integer_value(n) : INT64_MIN;
}

const char *page_text(const json_t *o, const char *path)
{
    const char *text = json_string_value(page_at(o, path));

    return text ? text : "(none)";
}

size_t page_size(const json_t *o, const char *path)
{
    return json_array_size(page_at(o, path));
}

int64_t page_sum(const json_t *o, const char *path)
{
    const json_t *list = page_at(o, path);
    int64_t sum = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        sum += json_integer_value(json_array_get(list, i));
    return sum;
}

size_t page_bytes(const json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    size_t n = text ? strlen(text) : 0;

    free(text);
    return n;
}
