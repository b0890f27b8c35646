/* fronts.c - sites for the tests of the fronts. */
#include "tests/lab/fronts.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop_sim.h"
#include "lab/lab_service.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static const struct lab_mailbox_config boxes[] = {
    {.name = "joe", .home = 0, .password = "pw"},
    {.name = "ann", .home = 0, .password = "pw"},
    {.name = "bob", .home = 1, .password = "pw"},
};

static const struct lab_mailbox_config p1_boxes[] = {
    {.name = "joe", .home = 0, .password = "pw"},
    {.name = "ann", .home = 0, .password = "pw", .alternate = "bob"},
    {.name = "bob", .home = 1, .password = "pw"},
    {.name = "carl", .home = 0, .password = "pw", .alternate = "bob", .both = true},
    {.name = "dora", .home = 0, .password = "pw", .alternate = "flora"},
    {.name = "flora", .home = LAB_FOREIGN, .password = "pw"},
    {.name = "flood", .home = LAB_FOREIGN, .password = "pw"},
};

static const struct lab_p1_config p1_usual = {
    .on = true,
    .mode = STACK_NORMAL,
    .password = "site",
    .peer_mta = "PEER",
    .peer_password = "secret",
    .domain = "c=US;a= ;p=LAB",
    .address = "c=US;a= ;p=LAB;o=SITE;s={local}",
    .peer_address = "c=US;a= ;p=PEER;o=FLOOD;s={local}",
    .peer = {.family = 4, .ip = {127, 0, 77, 99}, .port = 4102},
    .checkpoint_kb = 30,
    .window = 5,
};

static bool create_site(struct fronts *f, bool tls, const char *truth_path,
                        const struct lab_p1_config *p1)
{
    static const char *const names[] = {"s1", "s2"};
    struct lab_site_config c = {.lab = {.version = "5.5-sp3",
                                        .domain = "lab.test",
                                        .site = "50site",
                                        .server_names = names,
                                        .servers = 2,
                                        .mailboxes = boxes,
                                        .mailbox_count = 3,
                                        .seed = 1,
                                        .truth_path = truth_path},
                                .time_scale = 1,
                                .tls = tls};
    struct err e = {0};

    if (p1) {
        c.p1 = *p1;
        c.lab.mailboxes = p1_boxes;
        c.lab.mailbox_count = sizeof p1_boxes / sizeof *p1_boxes;
    }
    for (int i = 0; i < 2; i++)
        c.hosts[i] = (struct net_addr){.family = 4, .ip = {127, 0, 77, (uint8_t)(11 + i)}};
    if (tls) {
        (void)snprintf(f->cert, sizeof f->cert, "%s/cert.pem", scratch_dir("fronts"));
        c.cert_path = f->cert;
    }
    f->site = lab_site_create(f->loop, &c, &e);
    return check_true(f->site != NULL, e.text, __FILE__, __LINE__);
}

static bool create_loop(struct fronts *f, uint64_t seed, struct sim_meddler *meddler)
{
    struct sim_config c = {.seed = seed,
                           .start_ns = NS_PER_S,
                           .latency_min_ns = 20 * NS_PER_US,
                           .latency_max_ns = 2 * NS_PER_MS,
                           .split_per_mille = 400,
                           .meddler = meddler};

    *f = (struct fronts){.loop = loop_sim_create(&c, NULL)};
    return CHECK(f->loop);
}

bool fronts_simulate(struct fronts *f, uint64_t seed, const char *truth_path)
{
    return create_loop(f, seed, NULL) && create_site(f, false, truth_path, NULL);
}

bool fronts_simulate_p1(struct fronts *f, uint64_t seed, const char *truth_path,
                        void (*change)(struct lab_p1_config *p1), struct sim_meddler *meddler)
{
    struct lab_p1_config p1 = p1_usual;

    if (change)
        change(&p1);
    return create_loop(f, seed, meddler) && create_site(f, false, truth_path, &p1);
}

static void on_end(struct hook *h)
{
    loop_stop(h->owner);
}

static void serve(void *owner)
{
    struct fronts *f = owner;

    loop_run(f->loop);
}

bool fronts_serve(struct fronts *f, bool tls, const char *truth_path)
{
    *f = (struct fronts){.loop = loop_epoll_create(NULL)};
    if (!CHECK(f->loop) || !create_site(f, tls, truth_path, NULL))
        return false;
    f->end = (struct hook){.run = on_end, .owner = f->loop};
    loop_on_wake(f->loop, &f->end);
    return fronts_resume(f);
}

bool fronts_resume(struct fronts *f)
{
    f->thread = thread_start("lab", serve, f, NULL);
    return CHECK(f->thread);
}

void fronts_join(struct fronts *f)
{
    if (!f->thread)
        return;
    loop_wake(f->loop);
    thread_join(f->thread);
    f->thread = NULL;
}

void fronts_fini(struct fronts *f)
{
    fronts_join(f);
    lab_site_destroy(f->site);
    loop_destroy(f->loop);
}

static void push(struct caller *c)
{
    while (c->s && c->say.n > 0) {
        long put = stream_write(c->s, c->say.p, c->say.n);

        if (put <= 0)
            return;
        buf_drop(&c->say, (size_t)put);
    }
}

static void on_ready(struct stream *s, unsigned what)
{
    struct caller *c = s->owner;
    unsigned char piece[4096];
    long n = STREAM_AGAIN;

    while (what & STREAM_READABLE && (n = stream_read(s, piece, sizeof piece)) > 0)
        (void)buf_add(&c->heard, piece, (size_t)n);
    c->ended = c->ended || n == STREAM_END;
    c->broken = c->broken || n == STREAM_BROKEN;
    push(c);
}

bool caller_connect(struct caller *c, struct fronts *f, const struct net_addr *to)
{
    struct guard g = {0};

    *c = (struct caller){.f = f};
    buf_init(&c->say, 256u << 20);
    buf_init(&c->heard, 256u << 20);
    c->s = loop_connect(f->loop, &g, to, on_ready, c, NULL);
    return CHECK(c->s);
}

void caller_say_bytes(struct caller *c, const void *p, size_t n)
{
    (void)buf_add(&c->say, p, n);
    push(c);
}

void caller_say(struct caller *c, const char *text)
{
    caller_say_bytes(c, text, strlen(text));
}

const char *caller_heard(struct caller *c)
{
    return buf_text(&c->heard);
}

void caller_forget(struct caller *c)
{
    buf_clear(&c->heard);
}

void caller_fini(struct caller *c)
{
    stream_close(c->s);
    buf_fini(&c->say);
    buf_fini(&c->heard);
}

static void fire_stop(struct timer *t)
{
    loop_stop(t->owner);
}

void fronts_run(struct fronts *f, uint64_t for_ns)
{
    struct timer t;

    timer_init(&t, fire_stop, f->loop);
    timer_arm(f->loop, &t, loop_now(f->loop) + for_ns);
    loop_run(f->loop);
    timer_disarm(f->loop, &t);
}

uint64_t fronts_mail(struct fronts *f, const char *to, const char *content)
{
    struct lab_recipient r = {.address = slice_of(to)};
    struct lab_submission m = {.from = slice_of("bob@lab.test"),
                               .recipients = &r,
                               .count = 1,
                               .content = slice_of(content),
                               .client = "test ([127.0.0.1])"};

    (void)lab_site_now_ns(f->site);
    uint64_t id = lab_submit(lab_site_core(f->site), 0, &m, NULL);

    lab_site_touch(f->site);
    return id;
}
