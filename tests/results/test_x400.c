/* test_x400.c - what X.400 adds to a run's records: its codes, deferred delivery, and our own MTA among the servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/lines.h"
#include "results/manifest.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct world w;

static const char *some_words(uint32_t code, uint32_t how, char *out, size_t room)
{
    (void)snprintf(out, room, "words of %s %u", how ? "an ending" : "a report", code >> 29);
    return out;
}

static void codes_of_x400_are_numbers_of_their_own(void)
{
    char out[40];

    CHECK_STR(report_words(event_report(REPORT_FAILED, 0, EVENT_X400, 1, 0), out, sizeof out),
              "X.400 1/0");
    CHECK_STR(report_words(event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 0,
                                        EVENT_X400_NO_DIAG),
                           out, sizeof out),
              "X.400 0/-");
    CHECK_STR(code_words(event_code(0, EVENT_X400, 5, 2), out, sizeof out), "X.400 5/2");
    CHECK_STR(code_words(event_code(0, EVENT_X400, 1, EVENT_X400_NO_CODE), out, sizeof out),
              "X.400 1/-");
}

static void words_stand_behind_the_numbers_where_somebody_knows_them(void)
{
    const struct line_sink sink = {.x400 = some_words}, mute = {0};
    uint32_t report = event_report(REPORT_FAILED, 0, EVENT_X400, 1, 0);
    uint32_t end = event_code(0, EVENT_X400, 5, 2), how = END_REFUSED_PERM | STAGE_BIND << 8;
    char out[100];

    CHECK_STR(status_words(&sink, report, 0, out, sizeof out), "X.400 1/0 words of a report 0");
    CHECK_STR(status_words(&sink, end, how, out, sizeof out), "X.400 5/2 words of an ending 0");
    CHECK_STR(status_words(&mute, end, how, out, sizeof out), "X.400 5/2");
    CHECK_STR(status_words(NULL, report, 0, out, sizeof out), "X.400 1/0");
    CHECK_STR(status_words(&sink, event_code(550, 5, 1, 1), how, out, sizeof out), "550 5.1.1");
    CHECK_STR(status_words(&sink, event_report(REPORT_FAILED, 0, 5, 1, 1), 0, out, sizeof out),
              "5.1.1");
}

static void a_trace_tells_the_layer_and_the_reason(void)
{
    const struct line_sink sink = {.x400 = some_words};
    struct event ev = {.kind = EV_END,
                       .place = 2,
                       .a = END_ABORTED | STAGE_TRANSFER << 8,
                       .code = event_code(0, EVENT_X400, 2, 1)};
    struct buf out;

    world_init(&w, 1);
    buf_init(&out, 4096);
    CHECK(event_words(&w.m, &sink, &ev, &out));
    CHECK_STR(buf_text(&out), "s2: aborted at transfer X.400 2/1 words of an ending 0");
    buf_clear(&out);
    ev =
        (struct event){.kind = EV_REPORT,
                       .place = 2,
                       .a = BOB,
                       .code = event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 1, 0)};
    CHECK(event_words(&w.m, NULL, &ev, &out));
    CHECK_HAS(buf_text(&out), "a report says failed for bob X.400 1/0");
    buf_fini(&out);
}

static void a_delivery_has_no_reason(void)
{
    const struct event ev = {.kind = EV_REPORT,
                             .place = 2,
                             .a = BOB,
                             .code =
                                 event_report(REPORT_DELIVERED, REPORT_TO_ORIGINATOR, EVENT_X400,
                                              EVENT_X400_NO_DIAG, EVENT_X400_NO_DIAG)};
    struct buf out;

    world_init(&w, 1);
    buf_init(&out, 4096);
    CHECK(event_words(&w.m, NULL, &ev, &out));
    CHECK_STR(buf_text(&out), "s2: a report says delivered for bob");
    buf_fini(&out);
}

static bool take_line(void *owner, struct slice text)
{
    return buf_add(owner, text.p, text.n);
}

/* A report of X.400 is a report: the class is ndr, its status says so in text and JSON, and no flag is set. */
static void a_report_of_x400_makes_an_ndr(void)
{
    struct list_filter f = {.outcome = CLASS_COUNT, .flag = FLAG_COUNT, .move = NO_INDEX};
    struct run_record r = {.manifest = &w.m};
    struct buf out;
    struct err e = {0};

    world_init(&w, 1);
    w.loads[0].alternates = false;
    w.loads[0].protocol = "p1";
    accepted(&w, 0, 10);
    add(&w, (struct event){
                .kind = EV_REPORT,
                .t_ns = S(12),
                .place = 2,
                .a = BOB,
                .b = 77,
                .code = event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 1, 0)});
    settle(&w, 100);
    CHECK_U64(outcome_of(&w, 0), CLASS_NDR);
    CHECK_U64(copy_of(&w, 0, false)->flags, 0);
    buf_init(&out, 65536);
    r.ledger = w.ledger;
    struct line_sink sink = {.line = take_line, .x400 = some_words, .owner = &out};

    CHECK(list_copies(&r, &f, &sink, &e));
    CHECK_HAS(buf_text(&out), " X.400 1/0 words of a report 0\n");
    buf_clear(&out);
    f.json = true;
    CHECK(list_copies(&r, &f, &sink, &e));
    CHECK_HAS(buf_text(&out), "\"status\":\"X.400 1/0\"");
    buf_fini(&out);
    world_fini(&w);
}

static uint32_t late_when_seen_at(double t, double deferred)
{
    world_init(&w, 1);
    w.loads[0].deferred_ns = S(deferred);
    accepted(&w, 0, 10);
    seen(&w, 0, t, 0, BOB, 1);
    settle(&w, 1000);
    (void)judged(&w);
    uint32_t late = copy_of(&w, 0, false)->flags >> FLAG_LATE & 1;

    world_fini(&w);
    return late;
}

static void deferred_delivery_is_no_lateness(void)
{
    CHECK_U64(late_when_seen_at(39, 0), 0);
    CHECK_U64(late_when_seen_at(41, 0), 1);
    CHECK_U64(late_when_seen_at(41, 300), 0);
    CHECK_U64(late_when_seen_at(339, 300), 0);
    CHECK_U64(late_when_seen_at(341, 300), 1);
    CHECK_U64(late_when_seen_at(9, 300), 0); /* seen before it was accepted, as happens */
}

static enum outcome silent_at(double quiet, double deferred)
{
    world_init(&w, 1);
    w.loads[0].alternates = false;
    w.loads[0].deferred_ns = S(deferred);
    accepted(&w, 0, 10);
    settle(&w, quiet);
    enum outcome o = outcome_of(&w, 0);

    world_fini(&w);
    return o;
}

static void silence_before_delivery_is_due_is_not_final(void)
{
    CHECK_U64(silent_at(100, 0), CLASS_SILENT_LOSS);
    CHECK_U64(silent_at(100, 300), CLASS_UNKNOWN);
    CHECK_U64(silent_at(311, 300), CLASS_SILENT_LOSS);
}

static enum outcome queued_until(double t, double deferred)
{
    world_init(&w, 1);
    w.loads[0].alternates = false;
    w.loads[0].deferred_ns = S(deferred);
    accepted(&w, 0, 10);
    for (uint32_t wave = 0; wave < 2; wave++) {
        double at = wave ? t : 20;

        for (uint16_t s = 0; s < 3; s++)
            add(&w, (struct event){.kind = EV_WAVE,
                                   .t_ns = S(at),
                                   .place = s,
                                   .a = s == 2,
                                   .b = wave + 1,
                                   .code = WAVE_COMPLETE});
        add(&w,
            (struct event){
                .kind = EV_QUEUED, .t_ns = S(at), .place = 2, .a = BOB, .b = wave + 1, .code = 0});
    }
    for (uint32_t box = 0; box < 4; box++)
        for (uint16_t s = 0; s < 3; s++)
            add(&w, (struct event){.kind = EV_SCAN,
                                   .t_ns = S(t + 1),
                                   .place = s,
                                   .a = box,
                                   .b = 1000,
                                   .code = SCAN_COMPLETE});
    add(&w, (struct event){.kind = EV_CANARY, .slot = 1, .t_ns = S(12), .a = ANN});
    add(&w, (struct event){
                .kind = EV_CANARY, .slot = 1, .t_ns = S(13), .a = ANN, .code = CANARY_REPORTED});
    ends(&w, t + 5);
    enum outcome o = outcome_of(&w, 0);

    world_fini(&w);
    return o;
}

/* settle.retry is 60 s here: it stood still for 200 s, but it was not to be tried before. */
static void what_waits_for_its_time_is_not_stranded(void)
{
    CHECK_U64(queued_until(220, 0), CLASS_STRANDED);
    CHECK_U64(queued_until(220, 300), CLASS_UNKNOWN);
    CHECK_U64(queued_until(350, 300), CLASS_UNKNOWN);
    CHECK_U64(queued_until(380, 300), CLASS_STRANDED);
}

static enum outcome with_a_fourth_server(const char *name)
{
    static const char *servers[4] = {"s0", "s1", "s2"};

    world_init(&w, 1);
    servers[3] = name;
    w.m.servers = servers;
    w.m.server_count = 4;
    w.loads[0].alternates = false;
    w.boxes[ANN].home = 3; /* the originator lives there, always completely known */
    accepted(&w, 0, 10);
    settle(&w, 100);
    add(&w,
        (struct event){
            .kind = EV_SCAN, .t_ns = S(101), .place = 3, .a = ANN, .b = 9, .code = SCAN_COMPLETE});
    enum outcome o = outcome_of(&w, 0);

    world_fini(&w);
    return o;
}

static void nobody_has_to_list_the_queues_of_our_own_mta(void)
{
    CHECK_U64(with_a_fourth_server("ours"), CLASS_SILENT_LOSS);
    CHECK_U64(with_a_fourth_server("s3"), CLASS_UNKNOWN);
}

static void a_manifest_keeps_deferred_delivery_and_reads_those_without(void)
{
    struct arena *a = arena_create(1u << 20);
    struct err e = {0};
    char path[300];
    const char *dir = scratch_dir("manifest-x400");

    world_init(&w, 1);
    w.loads[0].protocol = "p1";
    w.loads[0].deferred_ns = S(300);
    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    CHECK(manifest_write(&w.m, path, &e));
    const struct manifest *m = manifest_read(a, path, &e);

    CHECK_STR(e.text, "");
    if (m) {
        CHECK_U64(m->loads[0].deferred_ns, S(300));
        CHECK_STR(m->loads[0].protocol, "p1");
        CHECK(!manifest_is_ours(m, 2));
    }
    char *text = scratch_read(path, NULL), *at = strstr(text, "\"deferred_ns\"");

    CHECK(at != NULL);
    if (at) {
        memmove(at, strchr(at, '\n') + 1, strlen(strchr(at, '\n')));
        m = manifest_read(a, scratch_file(dir, "old.json", text), &e);
        CHECK_STR(e.text, "");
        if (m)
            CHECK_U64(m->loads[0].deferred_ns, 0);
    }
    free(text);
    arena_destroy(a);
}

static const struct test tests[] = {
    TEST(codes_of_x400_are_numbers_of_their_own),
    TEST(words_stand_behind_the_numbers_where_somebody_knows_them),
    TEST(a_trace_tells_the_layer_and_the_reason),
    TEST(a_delivery_has_no_reason),
    TEST(a_report_of_x400_makes_an_ndr),
    TEST(deferred_delivery_is_no_lateness),
    TEST(silence_before_delivery_is_due_is_not_final),
    TEST(what_waits_for_its_time_is_not_stranded),
    TEST(nobody_has_to_list_the_queues_of_our_own_mta),
    TEST(a_manifest_keeps_deferred_delivery_and_reads_those_without),
    TEST_END,
};

const struct suite x400_suite = {"x400", tests};
