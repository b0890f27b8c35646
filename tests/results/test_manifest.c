#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/manifest.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct manifest *write_and_read(struct world *w, struct arena *a, struct err *e)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/manifest.json", scratch_dir("manifest"));
    if (!manifest_write(&w->m, path, e))
        return NULL;
    return manifest_read(a, path, e);
}

static void everything_comes_back(void)
{
    struct world w;
    struct err e = {0};
    struct arena *a = arena_create(1u << 20);

    world_init(&w, 10);
    world_alternate(&w, true);
    w.m.seed = UINT64_MAX;
    w.m.run_id = 0xfedcba9876543210;
    w.m.description = "it's \"quoted\" \\ and Gr\xc3\xbc\xc3\x9f"
                      "e";
    w.m.max_lateness_ns = 100000000;
    w.m.cache_ns = S(60);
    w.m.content_percent = 0;
    w.loads[0].burst_ns = S(30);
    w.gates[0] = (struct manifest_gate){"silent-loss", 0};
    w.gates[1] = (struct manifest_gate){"pacing-p99", 10000000};
    w.m.gate_count = 2;
    struct manifest *m = write_and_read(&w, a, &e);

    CHECK_STR(e.text, "");
    if (m) {
        CHECK_STR(m->name, "test");
        CHECK_STR(m->description, w.m.description);
        CHECK_U64(m->seed, UINT64_MAX);
        CHECK_U64(m->run_id, 0xfedcba9876543210);
        CHECK_U64(m->time_scale, 60);
        CHECK_U64(m->server_count, 3);
        CHECK_STR(m->servers[2], "s2");
        CHECK_U64(m->mailboxes[BOB].alternate, BOB_ALT);
        CHECK(m->mailboxes[BOB].both);
        CHECK_U64(m->mailboxes[EVE].alternate, NO_INDEX);
        CHECK_U64(m->loads[0].count, 10);
        CHECK(m->loads[0].alternates);
        CHECK_U64(manifest_copies(&m->loads[0]), 2);
        CHECK_U64(m->moves[0].at_ns, S(100));
        CHECK_STR(m->moves[0].schedule, "users");
        CHECK_STR(m->gates[1].name, "pacing-p99");
        CHECK_U64(m->gates[1].limit, 10000000);
        CHECK(m->queues_visible);
        CHECK_U64(m->settle_retry_ns, S(60));
        CHECK_U64(m->alternate_lag_ns, S(600));
        CHECK_U64(m->cache_ns, S(60));
        CHECK_U64(m->max_lateness_ns, 100000000);
        CHECK_U64(m->content_percent, 0);
        CHECK_U64(m->loads[0].burst_ns, S(30));
    }
    arena_destroy(a);
}

/* Writes a good manifest, replaces one text in it, and reads it. */
static void refused(const char *old, const char *now, const char *complaint)
{
    struct world w;
    struct err e = {0};
    struct arena *a = arena_create(1u << 20);
    char path[300], changed[8192];
    const char *dir = scratch_dir("manifest-bad");

    world_init(&w, 10);
    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    CHECK(manifest_write(&w.m, path, &e));
    char *text = scratch_read(path, NULL), *at = strstr(text, old);

    if (CHECK(at != NULL)) {
        (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, now,
                       at + strlen(old));
        CHECK(manifest_read(a, scratch_file(dir, "changed.json", changed), &e) == NULL);
        CHECK_U64(e.code, EX_BAD_PROFILE);
        CHECK_HAS(e.text, complaint);
        CHECK_HAS(e.text, "changed.json");
    }
    free(text);
    arena_destroy(a);
}

static void what_does_not_fit_is_refused_with_its_place(void)
{
    refused("\"stride\": 2", "\"stride\": 0", "stride");
    refused("\"stride\": 2", "\"stride\": 1", "loads 0: its copies do not fit the stride");
    refused("\"stride\": 2", "\"stride\": \"2\"", "\"stride\" should be a number");
    refused("\"planned_messages\": 10", "\"planned_messages\": 9", "leave the plan");
    refused("\"home\": 0", "\"home\": 3", "mailboxes 0: \"home\" is 3 of 3");
    refused("\"mailbox\": 0", "\"mailbox\": 4", "moves 0: \"mailbox\" is 4 of 4");
    refused("\"schema\": 1", "\"schema\": 2", "schema 2");
    refused("\"schema\": 1", "\"schema\": 1,,", "changed.json:");
    refused("\"servers\"", "\"sewers\"", "\"servers\" should be a list");
    refused("\"content_percent\": 100", "\"content_percent\": 101", "more than 100");
    refused("\"run_id\": \"0x", "\"run_id\": \"0y", "\"run_id\" should be 0x and 16 digits");
}

/* Of runs that were made before these keys existed. */
static void a_manifest_of_an_older_version_limits_nothing_and_compared_all_bodies(void)
{
    static const char *const newer[] = {"\"max_lateness_ns\"", "\"content_percent\"",
                                        "\"burst_ns\"", "\"cache_ns\""};
    struct world w;
    struct err e = {0};
    struct arena *a = arena_create(1u << 20);
    char path[300];
    const char *dir = scratch_dir("manifest-older");

    world_init(&w, 10);
    w.m.max_lateness_ns = w.m.cache_ns = w.loads[0].burst_ns = 77;
    w.m.content_percent = 7;
    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    CHECK(manifest_write(&w.m, path, &e));
    char *text = scratch_read(path, NULL);

    for (unsigned i = 0; i < sizeof newer / sizeof *newer; i++) {
        char *at = strstr(text, newer[i]);

        CHECK(at != NULL);
        if (at)
            at[1] = '-'; /* another key */
    }
    struct manifest *m = manifest_read(a, scratch_file(dir, "older.json", text), &e);

    CHECK_STR(e.text, "");
    if (m) {
        CHECK_U64(m->max_lateness_ns, 0);
        CHECK_U64(m->cache_ns, 0);
        CHECK_U64(m->content_percent, 100);
        CHECK_U64(m->loads[0].burst_ns, 0);
    }
    free(text);
    arena_destroy(a);
}

static void a_missing_manifest_says_its_path(void)
{
    struct err e = {0};
    struct arena *a = arena_create(1u << 20);

    CHECK(manifest_read(a, "no/such/manifest.json", &e) == NULL);
    CHECK_U64(e.code, EX_BAD_PROFILE);
    CHECK_HAS(e.text, "no/such/manifest.json");
    arena_destroy(a);
}

static void a_folder_that_is_not_there_cannot_take_it(void)
{
    struct world w;
    struct err e = {0};

    world_init(&w, 1);
    CHECK(!manifest_write(&w.m, "no/such/manifest.json", &e));
    CHECK_U64(e.code, EX_IO);
}

static const struct test tests[] = {
    TEST(everything_comes_back),
    TEST(what_does_not_fit_is_refused_with_its_place),
    TEST(a_manifest_of_an_older_version_limits_nothing_and_compared_all_bodies),
    TEST(a_missing_manifest_says_its_path),
    TEST(a_folder_that_is_not_there_cannot_take_it),
    TEST_END,
};

const struct suite manifest_suite = {"manifest", tests};
