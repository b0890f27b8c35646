/* test_muster.c - the roll call: arming, moves observed, and when silence is final; over a fake site on simulated time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/muster.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"

#define MS(n)   ((n)*NS_PER_MS)
#define SCAN_NS MS(5)

/* The world that the muster looks at. */
static struct {
    bool present[6][3], busy[6][3], down, no_open;
    uint32_t opened[6][3];
    const char *home[6];                  /* what the directory says */
    const char *differs;                  /* what another directory says of everybody */
    bool lookup_down, queues_down, flows; /* flows: every listing has other counters */
    unsigned in, out, listings;
    const char *entries; /* of s1, as JSON */
    unsigned scans;
} world;

/* A probe of mailboxes that takes 5 ms a scan. */
struct fake_place {
    struct probe p;
    struct probe_context c;
    struct timer timer;
    uint64_t begin_ns, period_ns;
    bool again;
};

static void scan_begin(struct fake_place *f)
{
    f->begin_ns = loop_now(f->c.loop);
    f->again = false;
    timer_arm(f->c.loop, &f->timer, f->begin_ns + SCAN_NS);
}

static void scan_over(struct timer *t)
{
    struct fake_place *f = t->owner;
    bool busy = world.busy[f->p.mailbox][f->p.server];

    if (f->begin_ns == 0) { /* the pause after a refusal is over */
        scan_begin(f);
        return;
    }
    f->p.refused = busy || world.down;
    f->p.failures += world.down;
    f->p.why = world.down ? "connection refused" : "";
    if (!f->p.refused) {
        f->p.complete_ns = f->begin_ns;
        f->p.absent = !world.present[f->p.mailbox][f->p.server];
        world.scans++;
    }
    f->begin_ns = 0;
    if (f->p.refused)
        timer_arm(f->c.loop, t, loop_now(f->c.loop) + f->period_ns);
    else if (f->again)
        scan_begin(f);
    f->p.scanned(&f->p);
}

static struct probe *fake_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e);

static void fake_scan(struct probe *p)
{
    struct fake_place *f = (struct fake_place *)(void *)p;

    if (f->begin_ns > 0)
        f->again = true;
    else
        scan_begin(f);
}

static void fake_close(struct probe *p)
{
    struct fake_place *f = (struct fake_place *)(void *)p;

    timer_disarm(f->c.loop, &f->timer);
    free(f);
}

static const struct probe_ops fake_imap = {.name = "imap",
                                           .help = "a fake",
                                           .sees = SEES_COPIES,
                                           .open = fake_open,
                                           .scan = fake_scan,
                                           .close = fake_close};
static const struct probe_ops *const drivers[] = {&fake_imap, NULL};

static struct probe *fake_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    if (world.no_open) {
        (void)err_set(e, EX_TARGET, "no");
        return NULL;
    }
    struct fake_place *f = calloc(1, sizeof *f);

    PM_ASSERT(f && ++world.opened[mailbox][server] == 1);
    f->p = (struct probe){.ops = &fake_imap, .mailbox = mailbox, .server = server};
    f->c = *c;
    f->period_ns = how->period_real_ns;
    timer_init(&f->timer, scan_over, f);
    scan_begin(f);
    return &f->p;
}

/* The control API of the world. */

static int answer_home(const char *url, struct buf *out)
{
    for (unsigned i = 0; i < 6; i++) {
        char want[32];

        (void)snprintf(want, sizeof want, "=%u", i);
        if (strstr(url, want))
            PM_ASSERT(buf_add_format(out,
                                     "{\"directories\":[{\"server\":\"s1\",\"home\":\"%s\","
                                     "\"version\":2},{\"server\":\"s3\",\"home\":\"%s\","
                                     "\"version\":1}]}",
                                     world.home[i], world.differs ? world.differs : world.home[i]));
    }
    return world.lookup_down ? 503 : 200;
}

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)f;
    (void)method;
    (void)body;
    if (strstr(url, "/home"))
        return answer_home(url, out);
    world.listings++;
    world.in += world.flows;
    world.out += world.flows;
    PM_ASSERT(buf_add_format(out,
                             "{\"servers\":[{\"server\":\"s1\",\"in\":%u,\"out\":%u,"
                             "\"entries\":[%s]},{\"server\":\"s2\",\"in\":0,\"out\":0,"
                             "\"entries\":[]},{\"server\":\"s3\",\"in\":0,\"out\":0,"
                             "\"entries\":[]}]}",
                             world.in, world.out, world.entries ? world.entries : ""));
    return world.queues_down ? 500 : 200;
}

struct rig {
    struct fake_run *run;
    struct muster *m;
    struct muster_context context;
    struct buf log; /* "MS what\n" */
    struct err e;
};

static void note(struct rig *r, const char *what, unsigned a, unsigned b)
{
    PM_ASSERT(buf_add_format(&r->log, "%llu %s %u %u\n", (unsigned long long)fake_target_ms(r->run),
                             what, a, b));
}

static void on_armed(void *owner, const struct err *e)
{
    struct rig *r = owner;

    r->e = e ? *e : (struct err){0};
    note(r, "armed", e ? (unsigned)e->code : 0, 0);
}

static void on_home(void *owner, uint32_t mailbox, uint32_t server, uint64_t t_ns)
{
    (void)t_ns;
    note(owner, "home", mailbox, server);
}

static void on_verified(void *owner, uint32_t move, bool agrees)
{
    note(owner, "verified", move, agrees);
}

static void on_settled(void *owner, bool final)
{
    note(owner, "settled", final, 0);
}

static void begin(struct rig *r)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};

    *r = (struct rig){.run = fake_run_create("muster")};
    memset(&world, 0, sizeof world);
    buf_init(&r->log, 1u << 20);
    struct fake_run *run = r->run;

    for (unsigned i = 0; i < 6; i++) {
        run->mailboxes[i].name = names[i];
        world.home[i] = i < 2 ? "s1" : "s3";
        world.present[i][i < 2 ? 0 : 2] = true;
    }
    run->http.answer = answer;
    run->probes[0] = (struct probe_profile){.name = "stores",
                                            .type = PROBE_IMAP,
                                            .places = PLACE_HOME | PLACE_OLD | PLACE_ALTERNATE |
                                                      PLACE_ORIGINATOR,
                                            .period_real_ns = MS(100)};
    run->probes[1] = (struct probe_profile){.name = "queues",
                                            .type = PROBE_QUEUE_HTTP,
                                            .url = "http://s1/v1/queues",
                                            .period_real_ns = MS(100)};
    run->profile.probe_count = 2;
    run->profile.home_lookup = (struct lookup_profile){
        .on = true, .url = "{control}/v1/home?mailbox={mailbox}", .period_real_ns = MS(20)};
    run->profile.settle_retry_ns = 10 * NS_PER_S;
    run->schedules[0] = (struct move_profile){.name = "users"};
    run->profile.move_count = 1;
    fake_move(run, 0, 0, 0, 0, 1, 0);
    r->context = (struct muster_context){.probe = {.loop = run->loop,
                                                   .clock = &run->clock,
                                                   .work = &run->work,
                                                   .journal = run->journal,
                                                   .http = &run->http.http,
                                                   .exec = &run->exec.exec},
                                         .drivers = drivers,
                                         .home_seen = on_home,
                                         .verified = on_verified,
                                         .owner = r};
}

static void run_ms(struct rig *r, uint64_t target_ms)
{
    fake_run_until(r->run, loop_now(r->run->loop) + MS(target_ms) / 10);
}

static bool create(struct rig *r)
{
    r->m = muster_create(&r->context, &r->e);
    return r->m;
}

/* Creates and arms it, and forgets what was said and journalled so far. */
static void arm(struct rig *r)
{
    CHECK(create(r));
    muster_arm(r->m, on_armed);
    run_ms(r, 1000);
    CHECK_HAS(buf_text(&r->log), "armed 0 0\n");
    buf_clear(&r->log);
    (void)fake_run_count(r->run, EV_NONE);
    r->run->event_count = 0;
}

static void end(struct rig *r)
{
    muster_destroy(r->m);
    CHECK_U64(r->run->http.under_way, 0);
    buf_fini(&r->log);
    fake_run_destroy(r->run);
}

/* Arming. */

static void it_arms_when_homes_places_and_queues_have_been_seen(void)
{
    char waiting[100];
    struct rig r;

    begin(&r);
    CHECK(create(&r));
    muster_arm(r.m, on_armed);
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "6 homes, 0 places, 3 queues");
    run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "60 armed 0 0\n");
    for (unsigned i = 0; i < 6; i++)
        CHECK_U64(world.opened[i][i < 2 ? 0 : 2], 1);
    CHECK_U64(fake_run_count(r.run, EV_HOME), 6);
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "nothing");
    end(&r);
}

static void the_directory_corrects_the_profile_at_arm(void)
{
    struct rig r;

    begin(&r);
    world.home[1] = "s2";
    world.present[1][1] = true;
    arm(&r);
    CHECK_U64(world.opened[1][1], 1);
    CHECK_U64(world.opened[1][0], 0);
    end(&r);
}

static void only_those_who_matter_are_watched(void)
{
    struct rig r;

    begin(&r);
    r.run->probes[0].places = PLACE_HOME;
    arm(&r);
    CHECK(world.opened[0][0] && world.opened[1][0]);
    CHECK(!world.opened[2][2] && !world.opened[4][2]);
    end(&r);
    begin(&r);
    r.run->probes[0].places = PLACE_ORIGINATOR; /* and what is moved */
    arm(&r);
    CHECK(world.opened[0][0] && !world.opened[1][0]);
    CHECK(!world.opened[2][2] && world.opened[4][2]);
    end(&r);
}

static void alternates_that_an_action_will_set_matter(void)
{
    struct rig r;

    begin(&r);
    for (unsigned i = 0; i < 2; i++)
        r.run->mailboxes[i].alternate = SITE_NONE;
    r.run->actions[0] = (struct action_profile){.kind = ACT_ALTERNATE, .group = 0, .alternate = 1};
    r.run->profile.action_count = 1;
    arm(&r);
    CHECK(world.opened[2][2] && world.opened[3][2]);
    end(&r);
}

static void check_arm_fails(struct rig *r, const char *why)
{
    CHECK(create(r));
    muster_arm(r->m, on_armed);
    run_ms(r, 400000);
    CHECK_HAS(buf_text(&r->log), "armed 69 0\n");
    CHECK_HAS(r->e.text, why);
    end(r);
}

static void arming_fails_with_what_is_wrong(void)
{
    struct rig r;

    begin(&r);
    world.present[4][2] = false;
    check_arm_fails(&r, "there is no mailbox 4 on s3");
    begin(&r);
    world.down = true;
    check_arm_fails(&r, "cannot be read: connection refused");
    begin(&r);
    world.queues_down = true;
    check_arm_fails(&r, "cannot be listed: HTTP 500");
    begin(&r);
    world.lookup_down = true;
    check_arm_fails(&r, "cannot be looked up: HTTP 503");
    begin(&r);
    world.busy[0][0] = true;
    check_arm_fails(&r, "not ready within 30 s: waiting for 0 homes, 1 places, 0 queues");
}

/* Moves. */

static void move_to_s2(void)
{
    world.home[0] = "s2";
    world.present[0][0] = false;
    world.present[0][1] = true;
    world.busy[0][0] = world.busy[0][1] = false;
}

static void a_move_that_came_true_is_verified(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    muster_move_begins(r.m, 0);
    CHECK_U64(world.opened[0][1], 1);
    world.busy[0][0] = world.busy[0][1] = true;
    run_ms(&r, 1000);
    move_to_s2();
    run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "2060 home 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_HOME), "2060 place=1 code=0 a=0 b=0 slot=0\n");
    muster_move_ended(r.m, 0);
    muster_move_ended(r.m, 0); /* said already */
    run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "2060 home 0 1\n3050 verified 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_LOGON), "3050 place=1 code=1 a=0 b=0 slot=0\n"
                                                "3050 place=0 code=0 a=0 b=0 slot=0\n");
    unsigned asked = r.run->http.requests - world.listings;
    run_ms(&r, 10000);
    CHECK_U64(r.run->http.requests - world.listings, asked); /* nobody looks any more */
    end(&r);
}

static void a_move_that_comes_true_late_is_verified_late(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    muster_move_begins(r.m, 0);
    muster_move_ended(r.m, 0);
    run_ms(&r, 20000);
    CHECK_STR(buf_text(&r.log), "");
    move_to_s2();
    run_ms(&r, 10000);
    CHECK_HAS(buf_text(&r.log), " home 0 1\n");
    CHECK_HAS(buf_text(&r.log), " verified 0 1\n");
    end(&r);
}

static void check_disproved(bool named, bool there, bool gone, const char *logons)
{
    struct rig r;

    begin(&r);
    arm(&r);
    muster_move_begins(r.m, 0);
    move_to_s2();
    world.home[0] = named ? "s2" : "s1";
    world.present[0][1] = there;
    world.present[0][0] = !gone;
    muster_move_ended(r.m, 0);
    run_ms(&r, 59000);
    CHECK(!strstr(buf_text(&r.log), "verified"));
    run_ms(&r, 3000);
    CHECK_HAS(buf_text(&r.log), "verified 0 0\n");
    CHECK_HAS(fake_run_events(r.run, EV_LOGON), logons);
    end(&r);
}

static void a_move_that_did_not_come_true_is_disproved_after_a_minute(void)
{
    check_disproved(false, true, true, "place=1 code=1 a=0 b=0 slot=0\n");
    check_disproved(true, false, true, "place=1 code=0 a=0 b=0 slot=0\n");
    check_disproved(true, true, false, "place=0 code=1 a=0 b=0 slot=0\n");
}

static void without_a_look_up_log_on_decides_where_home_is(void)
{
    struct rig r;

    begin(&r);
    r.run->profile.home_lookup.on = false;
    arm(&r);
    muster_move_begins(r.m, 0);
    move_to_s2();
    muster_move_ended(r.m, 0);
    run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "1050 home 0 1\n1050 verified 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_HOME), "1050 place=1 code=4294967295 a=0 b=0 slot=0\n");
    end(&r);
}

static void without_any_sight_nothing_is_verified(void)
{
    struct rig r;

    begin(&r);
    r.run->profile.home_lookup.on = false;
    r.run->profile.probe_count = 0;
    arm(&r);
    muster_move_begins(r.m, 0);
    muster_move_ended(r.m, 0);
    run_ms(&r, 61000);
    CHECK_HAS(buf_text(&r.log), "verified 0 0\n");
    end(&r);
}

/* Settling. */

static void quiet_queues_settle_after_two_waves_a_sweep_and_a_last_wave(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.in = world.out = 7;
    world.scans = 0;
    muster_settle(r.m, on_settled);
    run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    CHECK_BETWEEN(world.scans, 6, 6);
    const char *waves = fake_run_events(r.run, EV_WAVE);
    CHECK_HAS(waves, " code=1 a=0 b=");
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 9);
    end(&r);
}

static void the_instant_of_quiescence_is_the_begin_of_the_second_wave(void)
{
    struct rig r;
    uint64_t quiet_ns = 0, waves_ns[3] = {0};
    uint32_t wave = 0, waves = 0;

    begin(&r);
    arm(&r);
    muster_settle(r.m, on_settled);
    run_ms(&r, 5000);
    for (uint32_t i = fake_run_count(r.run, EV_NONE); i < r.run->event_count; i++) {
        const struct event *ev = &r.run->events[i];

        if (ev->kind == EV_QUIESCENT) {
            quiet_ns = ev->t_ns;
            wave = ev->b;
        } else if (ev->kind == EV_WAVE && ev->place == 0 && waves < 3) {
            waves_ns[waves++] = ev->t_ns;
        }
    }
    CHECK_U64(waves, 3);
    CHECK_U64(quiet_ns, waves_ns[1]);
    CHECK(waves_ns[0] < waves_ns[1] && waves_ns[1] < waves_ns[2]);
    CHECK(wave > 0);
    end(&r);
}

static void queues_that_flow_do_not_settle(void)
{
    char waiting[100];
    struct rig r;

    begin(&r);
    arm(&r);
    world.flows = true;
    muster_settle(r.m, on_settled);
    run_ms(&r, 60000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    CHECK_HAS(muster_waiting_for(r.m, waiting, sizeof waiting), "0 queue entries, 0 of them due");
    world.flows = false;
    run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static void entries_that_are_due_keep_it_open_and_those_that_stand_need_longer_than_retry(void)
{
    char waiting[100];
    struct rig r;

    begin(&r);
    arm(&r);
    world.in = 1;
    world.entries = "{\"id\":1,\"tries\":1,\"next_try_ns\":5}";
    muster_settle(r.m, on_settled);
    run_ms(&r, 60000);
    CHECK_HAS(muster_waiting_for(r.m, waiting, sizeof waiting), "1 queue entries, 1 of them due");
    CHECK_STR(buf_text(&r.log), "");
    world.entries = "{\"id\":1,\"tries\":2,\"next_try_ns\":null}";
    run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    run_ms(&r, 8000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static void a_try_in_between_begins_the_wait_anew(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.in = 1;
    world.entries = "{\"id\":1,\"tries\":1,\"next_try_ns\":null}";
    muster_settle(r.m, on_settled);
    run_ms(&r, 8000);
    world.entries = "{\"id\":1,\"tries\":2,\"next_try_ns\":null}";
    run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    run_ms(&r, 9000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static const struct fake_step *only_end(struct fake_exec *x, const char *const *argv, size_t *steps)
{
    static const struct fake_step script[] = {{1000, "end", false, 0}, {1000, NULL, false, 0}};

    (void)x;
    (void)argv;
    *steps = 2;
    return script;
}

static void queues_that_cannot_count_need_longer_than_retry_even_when_empty(void)
{
    static const char *const argv[] = {"queues", NULL};
    struct rig r;

    begin(&r);
    r.run->probes[1].type = PROBE_QUEUE_EXEC;
    r.run->probes[1].argv = argv;
    r.run->exec.script = only_end;
    arm(&r);
    muster_settle(r.m, on_settled);
    run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    run_ms(&r, 9000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static void what_moves_during_the_sweep_begins_it_all_anew(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.busy[1][0] = true;
    muster_settle(r.m, on_settled);
    run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    CHECK_STR(buf_text(&r.log), "");
    world.in = world.out = 9;
    world.busy[1][0] = false;
    run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 2);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static void a_place_that_cannot_be_read_keeps_it_open_until_it_is_stopped(void)
{
    char waiting[100];
    struct rig r;

    begin(&r);
    arm(&r);
    world.busy[1][0] = true;
    muster_settle(r.m, on_settled);
    run_ms(&r, 100000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "1 places");
    muster_stop_settling(r.m);
    CHECK_STR(buf_text(&r.log), "");
    run_ms(&r, 10);
    CHECK_STR(buf_text(&r.log), "101000 settled 0 0\n");
    muster_stop_settling(r.m);
    run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "101000 settled 0 0\n");
    end(&r);
}

static void homes_are_looked_up_again_and_a_new_one_is_swept_too(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.home[5] = "s2";
    world.present[5][1] = true;
    world.differs = "s1";
    muster_settle(r.m, on_settled);
    run_ms(&r, 5000);
    CHECK_U64(world.opened[5][1], 1);
    CHECK_HAS(buf_text(&r.log), " home 5 1\n");
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_FINDING),
              4); /* all but those whom both directories put on s1 */
    CHECK_HAS(fake_run_events(r.run, EV_FINDING), "place=1 code=7 a=5 b=0 slot=0\n");
    end(&r);
}

static void a_directory_that_is_silent_keeps_it_open(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.lookup_down = true;
    muster_settle(r.m, on_settled);
    run_ms(&r, 100000);
    CHECK_STR(buf_text(&r.log), "");
    world.lookup_down = false;
    run_ms(&r, 30000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    end(&r);
}

static void without_sight_of_the_queues_one_sweep_ends_it_and_nothing_is_final(void)
{
    struct rig r;

    begin(&r);
    r.run->profile.probe_count = 1;
    arm(&r);
    world.scans = 0;
    muster_settle(r.m, on_settled);
    run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 0 0\n");
    CHECK_U64(world.scans, 6);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    end(&r);
}

static void stated_lifetimes_are_waited_for_and_then_swept(void)
{
    struct rig r;

    begin(&r);
    r.run->profile.probe_count = 1;
    r.run->profile.silence = SILENCE_LIFETIMES;
    r.run->profile.lifetime_ns = 120 * NS_PER_S;
    arm(&r);
    world.scans = 0;
    muster_settle(r.m, on_settled);
    run_ms(&r, 119000);
    CHECK_U64(world.scans, 0);
    run_ms(&r, 2000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(world.scans, 6);
    end(&r);
}

static void a_place_that_could_not_be_opened_is_never_final(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    world.no_open = true;
    muster_move_begins(r.m, 0);
    muster_move_begins(r.m, 0);
    CHECK_STR(fake_run_events(r.run, EV_FINDING), "1000 place=1 code=3 a=0 b=0 slot=0\n");
    muster_settle(r.m, on_settled);
    run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 0 0\n");
    end(&r);
}

static void settle_again(void *owner, bool final)
{
    struct rig *r = owner;

    note(r, "first", final, 0);
    muster_settle(r->m, on_settled);
}

static void it_may_settle_again_from_settled(void)
{
    struct rig r;

    begin(&r);
    arm(&r);
    muster_settle(r.m, settle_again);
    run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " first 1 0\n");
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 2);
    end(&r);
}

static void it_can_be_destroyed_at_any_moment(void)
{
    struct rig r;

    for (uint64_t ms = 0; ms < 4000; ms += 30) {
        begin(&r);
        CHECK(create(&r));
        muster_arm(r.m, on_armed);
        run_ms(&r, ms < 500 ? ms : 500);
        if (ms > 500) {
            muster_move_begins(r.m, 0);
            muster_move_ended(r.m, 0);
            muster_settle(r.m, on_settled);
            run_ms(&r, ms - 500);
        }
        end(&r);
    }
    muster_destroy(NULL);
}

static const struct test tests[] = {
    TEST(it_arms_when_homes_places_and_queues_have_been_seen),
    TEST(the_directory_corrects_the_profile_at_arm),
    TEST(only_those_who_matter_are_watched),
    TEST(alternates_that_an_action_will_set_matter),
    TEST(arming_fails_with_what_is_wrong),
    TEST(a_move_that_came_true_is_verified),
    TEST(a_move_that_comes_true_late_is_verified_late),
    TEST(a_move_that_did_not_come_true_is_disproved_after_a_minute),
    TEST(without_a_look_up_log_on_decides_where_home_is),
    TEST(without_any_sight_nothing_is_verified),
    TEST(quiet_queues_settle_after_two_waves_a_sweep_and_a_last_wave),
    TEST(the_instant_of_quiescence_is_the_begin_of_the_second_wave),
    TEST(queues_that_flow_do_not_settle),
    TEST(entries_that_are_due_keep_it_open_and_those_that_stand_need_longer_than_retry),
    TEST(a_try_in_between_begins_the_wait_anew),
    TEST(queues_that_cannot_count_need_longer_than_retry_even_when_empty),
    TEST(what_moves_during_the_sweep_begins_it_all_anew),
    TEST(a_place_that_cannot_be_read_keeps_it_open_until_it_is_stopped),
    TEST(homes_are_looked_up_again_and_a_new_one_is_swept_too),
    TEST(a_directory_that_is_silent_keeps_it_open),
    TEST(without_sight_of_the_queues_one_sweep_ends_it_and_nothing_is_final),
    TEST(stated_lifetimes_are_waited_for_and_then_swept),
    TEST(a_place_that_could_not_be_opened_is_never_final),
    TEST(it_may_settle_again_from_settled),
    TEST(it_can_be_destroyed_at_any_moment),
    TEST_END,
};
const struct suite muster_suite = {"muster", tests};
