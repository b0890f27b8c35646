/* muster_rig.c - a muster on a fake run. */
#include "tests/probes/muster_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/correlate.h"
#include "tests/support/check.h"

#define MS(n)   ((n)*NS_PER_MS)
#define SCAN_NS MS(5)

struct muster_world world;

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
        f->p.why = f->p.absent ? "NO such user" : "";
        if (world.mail_ms && f->p.mailbox == 0 &&
            loop_now(f->c.loop) / NS_PER_MS >= world.mail_ms) {
            world.mail_ms = 0;
            (void)correlate_read(f->c.correlate, slice_of("Subject: late\r\n\r\n"), 0, 0, 0);
        }
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
static const struct probe_ops fake_maildir = {.name = "maildir",
                                              .help = "a fake",
                                              .sees = SEES_COPIES,
                                              .by_file = true,
                                              .open = fake_open,
                                              .scan = fake_scan,
                                              .close = fake_close};
static const struct probe_ops *const drivers[] = {&fake_imap, &fake_maildir, &probe_ours, NULL};

static struct probe *fake_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    if (world.no_open) {
        (void)err_set(e, EX_TARGET, "no");
        return NULL;
    }
    struct fake_place *f = calloc(1, sizeof *f);

    PM_ASSERT(f && ++world.opened[mailbox][server] == 1);
    f->p = (struct probe){.ops = how->type == PROBE_MAILDIR ? &fake_maildir : &fake_imap,
                          .mailbox = mailbox,
                          .server = server};
    world.read_by[mailbox][server] = how;
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

void roll_note(struct muster_rig *r, const char *what, unsigned a, unsigned b)
{
    PM_ASSERT(buf_add_format(&r->log, "%llu %s %u %u\n", (unsigned long long)fake_target_ms(r->run),
                             what, a, b));
}

void roll_armed(void *owner, const struct err *e)
{
    struct muster_rig *r = owner;

    r->e = e ? *e : (struct err){0};
    roll_note(r, "armed", e ? (unsigned)e->code : 0, 0);
}

static void on_home(void *owner, uint32_t mailbox, uint32_t server, uint64_t t_ns)
{
    (void)t_ns;
    roll_note(owner, "home", mailbox, server);
}

static void on_verified(void *owner, uint32_t move, bool agrees)
{
    roll_note(owner, "verified", move, agrees);
}

void roll_settled(void *owner, bool final)
{
    roll_note(owner, "settled", final, 0);
}

void roll_begin(struct muster_rig *r)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};

    *r = (struct muster_rig){.run = fake_run_create("muster")};
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
                                            .content = 100,
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

void roll_run_ms(struct muster_rig *r, uint64_t target_ms)
{
    fake_run_until(r->run, loop_now(r->run->loop) + MS(target_ms) / 10);
}

bool roll_create(struct muster_rig *r)
{
    r->m = muster_create(&r->context, &r->e);
    return r->m;
}

void roll_arm(struct muster_rig *r)
{
    CHECK(roll_create(r));
    muster_arm(r->m, roll_armed);
    roll_run_ms(r, 1000);
    CHECK_HAS(buf_text(&r->log), "armed 0 0\n");
    buf_clear(&r->log);
    (void)fake_run_count(r->run, EV_NONE);
    r->run->event_count = 0;
}

void roll_end(struct muster_rig *r)
{
    muster_destroy(r->m);
    CHECK_U64(r->run->http.under_way, 0);
    buf_fini(&r->log);
    fake_run_destroy(r->run);
}
