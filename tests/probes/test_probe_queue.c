/* test_probe_queue.c - queue listings: what is read, what is journalled when, and what makes a listing incomplete. */
#include <string.h>

#include "probes/probe_queue.h"
#include "probes/queue_list.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"

#define MS(n) ((n)*NS_PER_MS)

static struct token_key key;
static const char *listing; /* what the lab answers; %T is the token of message 7 */
static int status;

static const char *with_token(const char *text, struct buf *out)
{
    char token[TOKEN_CHARS];

    token_write(&key, 7, token);
    for (const char *t; (t = strstr(text, "%T")); text = t + 2) {
        PM_ASSERT(buf_add(out, text, (size_t)(t - text)));
        PM_ASSERT(buf_add(out, "pm.", 3) && buf_add(out, token, sizeof token));
    }
    PM_ASSERT(buf_add_text(out, text));
    return buf_text(out);
}

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)f;
    (void)method;
    (void)url;
    (void)body;
    (void)with_token(listing, out);
    return status;
}

struct rig {
    struct fake_run *run;
    struct probe_context context;
    struct probe *probes[3];
    unsigned told;
    struct err e;
};

static void on_scanned(struct probe *p)
{
    struct rig *r = p->owner;

    r->told++;
}

static void begin(struct rig *r, enum probe_type type, bool shared)
{
    static const char *const argv[] = {"queues", "--all", NULL};

    *r = (struct rig){.run = fake_run_create("probe_queue")};
    key = token_key_make(1, 2);
    status = 200;
    r->run->work.stride = 2;
    r->run->http.answer = answer;
    r->run->probes[0] = (struct probe_profile){.name = "queues",
                                               .type = type,
                                               .url = "http://s1/v1/queues",
                                               .argv = argv,
                                               .period_real_ns = MS(100)};
    r->context = (struct probe_context){.loop = r->run->loop,
                                        .clock = &r->run->clock,
                                        .work = &r->run->work,
                                        .journal = r->run->journal,
                                        .key = &key,
                                        .http = &r->run->http.http,
                                        .exec = &r->run->exec.exec,
                                        .queues = shared ? probe_queues_create() : NULL};
}

static bool open_probes(struct rig *r, unsigned count)
{
    const struct probe_profile *how = &r->run->probes[0];

    for (uint32_t i = 0; i < count; i++) {
        const struct probe_ops *ops =
            how->type == PROBE_QUEUE_EXEC ? &probe_queue_exec : &probe_queue_http;

        r->probes[i] = ops->open(&r->context, how, SITE_NONE, i, &r->e);
        if (!r->probes[i])
            return false;
        r->probes[i]->scanned = on_scanned;
        r->probes[i]->owner = r;
    }
    return true;
}

static void end(struct rig *r)
{
    for (unsigned i = 0; i < 3; i++)
        if (r->probes[i])
            r->probes[i]->ops->close(r->probes[i]);
    CHECK_U64(r->run->http.under_way, 0);
    CHECK(!r->run->exec.children);
    probe_queues_destroy(r->context.queues);
    fake_run_destroy(r->run);
}

static void run_ms(struct rig *r, uint64_t ms)
{
    fake_run_until(r->run, loop_now(r->run->loop) + MS(ms));
}

#define NOTHING                                                                                    \
    "{\"servers\":[{\"server\":\"s1\",\"up\":true,\"in\":4,\"out\":4,\"entries\":[]},"             \
    "{\"server\":\"s2\",\"in\":2,\"out\":2,\"entries\":[]},"                                       \
    "{\"server\":\"s3\",\"in\":0,\"out\":0,\"entries\":[]}]}"

#define ONE(tries, next)                                                                           \
    "{\"servers\":[{\"server\":\"s1\",\"in\":5,\"out\":3,\"entries\":[{\"id\":12,\"queue\":"       \
    "\"PRIV\",\"message_id\":\"<%T@lab.test>\",\"envid\":null,\"sender\":\"joe-1@lab.test\","      \
    "\"recipient\":\"Joanne-2@lab.test\",\"tries\":" #tries ",\"next_try_ns\":" #next              \
    ",\"is_report\":false},{\"id\":\"x\",\"message_id\":\"<a@b>\",\"sender\":\"\","                \
    "\"recipient\":\"root@elsewhere.test\",\"next_try_ns\":null}]},"                               \
    "{\"server\":\"s2\",\"in\":2,\"out\":2,\"entries\":[]},"                                       \
    "{\"server\":\"s3\",\"in\":0,\"out\":0,\"entries\":[]}]}"

static void one_request_feeds_the_probes_of_all_servers(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = ONE(3, 99);
    CHECK(open_probes(&r, 3));
    run_ms(&r, 50);
    CHECK_U64(r.run->http.requests, 1);
    CHECK_U64(r.told, 3);
    CHECK_U64(r.probes[0]->in, 5);
    CHECK_U64(r.probes[0]->out, 3);
    CHECK_U64(r.probes[0]->entries, 2);
    CHECK_U64(r.probes[0]->due, 1);
    CHECK(r.probes[0]->counted && r.probes[0]->standing != 0);
    CHECK_U64(r.probes[0]->complete_ns, NS_PER_S);
    CHECK_U64(r.probes[1]->in, 2);
    CHECK_U64(r.probes[1]->standing, 0);
    CHECK_U64(r.probes[1]->complete_ns, NS_PER_S);
    end(&r);
}

static void by_itself_it_journals_news_only_and_no_complete_wave(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = ONE(3, 99);
    CHECK(open_probes(&r, 3));
    run_ms(&r, 250);
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "0 place=0 code=65539 a=1 b=1 slot=14\n");
    run_ms(&r, 100);
    listing = ONE(4, null);
    run_ms(&r, 300);
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "0 place=0 code=65539 a=1 b=1 slot=14\n"
                                                 "4040 place=0 code=4 a=1 b=5 slot=14\n");
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 2);
    CHECK_U64(r.run->events[1].code, 0); /* a wave that is not complete */
    end(&r);
}

static void a_scan_journals_a_complete_wave_under_its_number_for_every_server(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = ONE(3, null);
    CHECK(open_probes(&r, 3));
    run_ms(&r, 50);
    (void)fake_run_count(r.run, EV_WAVE); /* written out */
    r.run->event_count = 0;
    CHECK_U64(probe_queues_wave(r.context.queues), 2);
    for (unsigned i = 0; i < 3; i++)
        r.probes[i]->ops->scan(r.probes[i]);
    run_ms(&r, 10);
    CHECK_U64(r.run->http.requests, 2);
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "500 place=0 code=3 a=1 b=2 slot=14\n");
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 3);
    for (uint32_t i = 0; i < r.run->event_count; i++)
        if (r.run->events[i].kind == EV_WAVE) {
            CHECK_U64(r.run->events[i].b, 2);
            CHECK_U64(r.run->events[i].code, WAVE_COMPLETE);
        }
    end(&r);
}

#define HIDES(in, out)                                                                             \
    "{\"servers\":[{\"server\":\"s1\",\"in\":" #in ",\"out\":" #out ",\"entries\":[]}]}"

static void a_listing_without_what_came_and_did_not_leave_proves_nothing(void)
{
    struct rig r;
    uint64_t complete_ns;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = HIDES(9, 7); /* two that nobody lists were there before anybody counted */
    CHECK(open_probes(&r, 1));
    run_ms(&r, 150);
    CHECK_U64(r.probes[0]->failures, 0);
    listing = HIDES(10, 7);
    run_ms(&r, 150);
    complete_ns = r.probes[0]->complete_ns;
    r.probes[0]->ops->scan(r.probes[0]);
    run_ms(&r, 2000);
    CHECK(r.probes[0]->failures > 1);
    CHECK_U64(r.probes[0]->complete_ns, complete_ns);
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 1);
    CHECK_STR(r.probes[0]->why, "what came and did not leave is not what is listed");
    listing = HIDES(10, 8);
    run_ms(&r, 5000);
    CHECK(r.probes[0]->complete_ns > complete_ns);
    complete_ns = r.probes[0]->failures;
    listing = HIDES(1, 0); /* it was started again and counts anew */
    run_ms(&r, 5000);
    CHECK_U64(r.probes[0]->failures, complete_ns);
    end(&r);
}

static void a_scan_during_a_listing_begins_another_afterwards(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = NOTHING;
    r.run->http.delay_ns = MS(20);
    CHECK(open_probes(&r, 1));
    run_ms(&r, 10);
    r.probes[0]->ops->scan(r.probes[0]);
    r.probes[0]->ops->scan(r.probes[0]);
    run_ms(&r, 50);
    CHECK_U64(r.run->http.requests, 2);
    CHECK_U64(r.probes[0]->complete_ns, NS_PER_S + MS(20));
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 1);
    end(&r);
}

static void a_scan_in_the_moment_of_a_listing_makes_it_complete(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = NOTHING;
    CHECK(open_probes(&r, 3));
    for (unsigned i = 0; i < 3; i++)
        r.probes[i]->ops->scan(r.probes[i]);
    run_ms(&r, 50);
    CHECK_U64(r.run->http.requests, 1);
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 3);
    end(&r);
}

static void a_failed_scan_is_tried_again_and_counted_once(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, true);
    listing = "busy";
    status = 503;
    CHECK(open_probes(&r, 3));
    (void)probe_queues_wave(r.context.queues);
    r.probes[0]->ops->scan(r.probes[0]);
    run_ms(&r, 1000);
    CHECK(r.probes[0]->refused);
    CHECK_STR(r.probes[0]->why, "HTTP 503: busy");
    CHECK_U64(r.probes[0]->complete_ns, 0);
    CHECK_U64(r.run->http.requests, 4); /* 0, 100, 300, 700 ms: ever more seldom */
    CHECK_STR(fake_run_events(r.run, EV_FINDING), "10 place=2 code=4 a=0 b=0 slot=0\n"
                                                  "10 place=1 code=4 a=0 b=0 slot=0\n"
                                                  "10 place=0 code=4 a=0 b=0 slot=0\n");
    status = 200;
    listing = NOTHING;
    run_ms(&r, 1000);
    CHECK(!r.probes[0]->refused);
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 3); /* the scan was not forgotten */
    end(&r);
}

static void check_incomplete(const char *text, const char *why)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, false);
    listing = text;
    CHECK(open_probes(&r, 1));
    run_ms(&r, 50);
    CHECK_U64(r.probes[0]->complete_ns, 0);
    CHECK_HAS(r.probes[0]->why, why);
    CHECK_U64(fake_run_count(r.run, EV_WAVE) + fake_run_count(r.run, EV_QUEUED), 0);
    end(&r);
}

static void nonsense_makes_a_listing_incomplete(void)
{
    check_incomplete("<html>", "no JSON");
    check_incomplete("", "no JSON");
    check_incomplete("[]", "without \"servers\"");
    check_incomplete("{\"servers\":{}}", "without \"servers\"");
    check_incomplete("{\"servers\":[]}", "does not name this server");
    check_incomplete("{\"servers\":[7]}", "expected {\"server\"");
    check_incomplete("{\"servers\":[{\"server\":\"s1\"}]}", "expected {\"server\"");
    check_incomplete("{\"servers\":[{\"server\":\"s1\",\"entries\":[{}]}]}", "without an id");
    check_incomplete("{\"servers\":[{\"server\":\"s1\",\"entries\":[]},"
                     "{\"server\":\"s1\",\"entries\":[]}]}",
                     "twice");
    check_incomplete(
        "{\"servers\":[{\"server\":\"s1\",\"entries\":[{\"id\":\"q\",\"tries\":\"many\"}]}]}",
        "queue entry q: tries is no number");
}

static void without_counters_it_says_so(void)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, false);
    listing =
        "{\"servers\":[{\"server\":\"s1\",\"entries\":[]},{\"server\":\"s9\",\"entries\":[]}]}";
    CHECK(open_probes(&r, 1));
    run_ms(&r, 50);
    CHECK(!r.probes[0]->counted);
    CHECK_U64(r.probes[0]->complete_ns, NS_PER_S);
    end(&r);
}

static void the_fingerprint_knows_no_order_but_every_try(void)
{
    struct rig r;
    uint64_t first;

    begin(&r, PROBE_QUEUE_HTTP, false);
    listing = "{\"servers\":[{\"server\":\"s1\",\"entries\":[{\"id\":1,\"tries\":1},{\"id\":2}]}]}";
    CHECK(open_probes(&r, 1));
    run_ms(&r, 50);
    first = r.probes[0]->standing;
    listing = "{\"servers\":[{\"server\":\"s1\",\"entries\":[{\"id\":2},{\"id\":1,\"tries\":1}]}]}";
    run_ms(&r, 100);
    CHECK_U64(r.probes[0]->standing, first);
    listing = "{\"servers\":[{\"server\":\"s1\",\"entries\":[{\"id\":2},{\"id\":1,\"tries\":2}]}]}";
    run_ms(&r, 100);
    CHECK(r.probes[0]->standing != first);
    end(&r);
}

/* Commands. */

static struct buf lines[16];
static struct fake_step steps[16];
static size_t step_count;

static const struct fake_step *script(struct fake_exec *x, const char *const *argv, size_t *count)
{
    (void)x;
    (void)argv;
    *count = step_count;
    return step_count ? steps : NULL;
}

/* Each text is a line of stdout; NULL ends the list, and the child with `exit_status` (-1: it never ends). */
static void say(const char *const *texts, int exit_status)
{
    step_count = 0;
    for (; texts[step_count]; step_count++) {
        buf_fini(&lines[step_count]);
        buf_init(&lines[step_count], 1000);
        steps[step_count] =
            (struct fake_step){.line = with_token(texts[step_count], &lines[step_count])};
    }
    if (exit_status >= 0)
        steps[step_count++] = (struct fake_step){.status = exit_status};
}

static void a_command_lists_one_line_an_entry(void)
{
    static const char *const texts[] = {
        "counters s1 5 3",
        "s1 q-1 joe-1@lab.test joanne-2@lab.test 3 NONE <%T@lab.test>",
        "",
        "s1  q-2\tbounce+%T@lab.test  alt-1@lab.test 0 2024-05-01T10:00 -",
        "s2 q-3 <> joe-1@lab.test 1 NONE %T",
        "s9 q-4 - x@elsewhere.test 1 NONE -",
        "end",
        NULL};
    struct rig r;

    begin(&r, PROBE_QUEUE_EXEC, true);
    r.run->exec.script = script;
    say(texts, 0);
    CHECK(open_probes(&r, 3));
    run_ms(&r, 50);
    CHECK_STR(fake_exec_log(&r.run->exec), "[queues][--all]\n");
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "0 place=1 code=131073 a=4 b=1 slot=14\n"
                                                 "0 place=0 code=3 a=1 b=1 slot=14\n"
                                                 "0 place=0 code=65536 a=2 b=1 slot=14\n");
    CHECK_U64(r.probes[0]->entries, 2);
    CHECK_U64(r.probes[0]->due, 1);
    CHECK(r.probes[0]->counted && !r.probes[1]->counted);
    CHECK_U64(r.probes[2]->complete_ns, NS_PER_S); /* listed: nothing there */
    end(&r);
}

static void check_command_fails(const char *const *texts, int exit_status, const char *why)
{
    struct rig r;

    begin(&r, PROBE_QUEUE_EXEC, false);
    r.run->exec.script = script;
    say(texts, exit_status);
    CHECK(open_probes(&r, 1));
    run_ms(&r, 31000);
    CHECK_U64(r.probes[0]->complete_ns, 0);
    CHECK_HAS(r.probes[0]->why, why);
    end(&r);
}

static void a_command_that_breaks_its_word_has_listed_nothing(void)
{
    static const char *const no_end[] = {"s1 q a b 1 NONE -", NULL};
    static const char *const few[] = {"s1 q a b 1 NONE", "end", NULL};
    static const char *const many[] = {"s1 q a b 1 NONE - x", "end", NULL};
    static const char *const no_number[] = {"s1 q a b one NONE -", "end", NULL};
    static const char *const counters[] = {"counters s1 1 x", "end", NULL};
    static const char *const behind[] = {"end", "s1 q a b 1 NONE -", NULL};
    static const char *const good[] = {"end", NULL};
    static const char *const nothing[] = {NULL};
    static const char *const others[] = {"counters mailstore01 0 0", "end", NULL};

    check_command_fails(others, 0, "none of the profile's");
    check_command_fails(no_end, 0, "no \"end\"");
    check_command_fails(few, 0, "queue line \"s1 q a b 1 NONE\": expected 7 words");
    check_command_fails(many, 0, "too many words");
    check_command_fails(no_number, 0, "\"one\" is not");
    check_command_fails(counters, 0, "\"x\" is not");
    check_command_fails(behind, 0, "behind \"end\"");
    check_command_fails(good, 1, "exit status 1");
    check_command_fails(nothing, -1, "no such command");
    check_command_fails(good, -1, "took too long");
}

static void a_profile_that_cannot_be_asked_is_refused(void)
{
    static const char *const none[] = {NULL};
    struct rig r;

    begin(&r, PROBE_QUEUE_HTTP, false);
    r.run->probes[0].url = "{control}/v1/{what}";
    CHECK(!open_probes(&r, 1));
    CHECK_HAS(r.e.text, "queues of s1: unknown word {what}");
    r.run->probes[0].url = NULL;
    CHECK(!open_probes(&r, 1));
    r.run->probes[0].url = "{control}";
    r.run->servers[0].control = NULL;
    CHECK(!open_probes(&r, 1));
    r.run->probes[0].type = PROBE_QUEUE_EXEC;
    r.run->probes[0].argv = none;
    CHECK(!open_probes(&r, 1));
    CHECK_HAS(r.e.text, "expected a command");
    r.context.exec = NULL;
    CHECK(!open_probes(&r, 1));
    end(&r);
}

static const struct test tests[] = {
    TEST(one_request_feeds_the_probes_of_all_servers),
    TEST(by_itself_it_journals_news_only_and_no_complete_wave),
    TEST(a_scan_journals_a_complete_wave_under_its_number_for_every_server),
    TEST(a_listing_without_what_came_and_did_not_leave_proves_nothing),
    TEST(a_scan_during_a_listing_begins_another_afterwards),
    TEST(a_scan_in_the_moment_of_a_listing_makes_it_complete),
    TEST(a_failed_scan_is_tried_again_and_counted_once),
    TEST(nonsense_makes_a_listing_incomplete),
    TEST(without_counters_it_says_so),
    TEST(the_fingerprint_knows_no_order_but_every_try),
    TEST(a_command_lists_one_line_an_entry),
    TEST(a_command_that_breaks_its_word_has_listed_nothing),
    TEST(a_profile_that_cannot_be_asked_is_refused),
    TEST_END,
};
const struct suite probe_queue_suite = {"probe_queue", tests};
