/* send_rig.c - senders on a small site, and a scripted server. */
#include "tests/loadgen/send_rig.h"

#include <string.h>

struct send_rig rig;

void rig_ready(void *owner, const struct err *e)
{
    (void)owner;
    rig.armed++;
    rig.error = e ? *e : (struct err){0};
}

static void on_idle(void *owner)
{
    (void)owner;
    rig.idles++;
}

void rig_open(const char *name)
{
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.heard_last, 1u << 20);
    rig.run = fake_run_create(name);
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.3:2525");
    rig.run->servers[2].smtp = (struct end_point){.text = "127.0.0.3:2525", .addr = rig.server->at};
    rig.run->load.arrivals = ARRIVE_CONSTANT;
    rig.run->load.rate = 10;
    rig.run->load.duration_ns = 10 * NS_PER_S;
    rig.run->load.recipients = 1;
    rig.run->load.size_min = rig.run->load.size_max = 1024;
    rig.run->load.mode = SEND_PIPELINING;
    rig.run->load.threads = 1;
    rig.run->load.connections = 4;
    rig.run->profile.seed = 11;
    rig.corpus = smtp_corpus_create(11);
    rig.key = token_key_make(11, 12);
}

void rig_open_p1(const char *name)
{
    rig_open(name);
    rig.mta = fake_p1_create(rig.run->loop, "127.0.0.3:102");
    rig.run->load.protocol = "p1";
    rig.run->servers[2].p1 =
        (struct p1_end_point){.at = {.text = "127.0.0.3:102", .addr = rig.mta->at},
                              .mta = "LAB-S3",
                              .password = "public"};
    rig.run->profile.x400 = (struct x400_profile){
        .on = true,
        .mta = "POSTMUSTER",
        .password = "secret",
        .domain = "c=US;a= ;p=POSTMUSTER",
        .address = "c=US;a= ;p=LAB;o=SITE;s={local}",
        .our_address = "c=US;a= ;p=POSTMUSTER;o=FLOOD;s={local}",
        .window = 5,
    };
}

void rig_network_p1(const struct sim_config *c)
{
    struct err e;

    fake_p1_destroy(rig.mta);
    fake_smtp_destroy(rig.server);
    loop_destroy(rig.run->loop);
    rig.run->loop = loop_sim_create(c, &e);
    PM_ASSERT(rig.run->loop);
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.3:2525");
    rig.mta = fake_p1_create(rig.run->loop, "127.0.0.3:102");
}

static void on_heard(void *owner, struct slice apdu, uint32_t server)
{
    (void)owner;
    PM_ASSERT(server == 2);
    rig.heard++;
    buf_clear(&rig.heard_last);
    PM_ASSERT(buf_add(&rig.heard_last, apdu.p, apdu.n));
}

struct sender_context rig_context(uint32_t threads)
{
    struct err e = {0};

    rig.arena = arena_create(1u << 24);
    rig.work = workload_create(rig.arena, &rig.run->profile, &e);
    return (struct sender_context){.loop = rig.run->loop,
                                   .clock = &rig.run->clock,
                                   .work = rig.work,
                                   .journal = rig.run->journal,
                                   .key = &rig.key,
                                   .corpus = rig.corpus,
                                   .tls = rig.tls,
                                   .threads = threads,
                                   .heard = rig.hears ? on_heard : NULL,
                                   .idle = on_idle};
}

bool rig_sender(void)
{
    struct sender_context c = rig_context(1);
    struct err e = {0};

    if (!CHECK(rig.work))
        return false;
    rig.sender = sender_create(&c, &e);
    return CHECK_STR(rig.sender ? "" : e.text, "");
}

void rig_close(void)
{
    sender_destroy(rig.sender);
    fake_p1_destroy(rig.mta);
    buf_fini(&rig.heard_last);
    fake_smtp_destroy(rig.server);
    for (int i = 0; i < 3; i++)
        tls_context_destroy(rig.tls[i]);
    fake_run_destroy(rig.run);
    smtp_corpus_destroy(rig.corpus);
    arena_destroy(rig.arena);
}

void rig_until_ms(uint64_t loop_ms)
{
    fake_run_until(rig.run, loop_ms * NS_PER_MS);
}

unsigned rig_endings(enum ending how)
{
    unsigned n = 0;

    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++)
        n += rig.run->events[i].kind == EV_END && (rig.run->events[i].a & 0xff) == how;
    return n;
}

unsigned rig_findings(enum finding what)
{
    unsigned n = 0;

    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++)
        n += rig.run->events[i].kind == EV_FINDING && rig.run->events[i].code == what;
    return n;
}

const struct event *rig_event(enum event_kind kind, uint32_t which)
{
    static const struct event none;

    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++)
        if (rig.run->events[i].kind == kind && which-- == 0)
            return &rig.run->events[i];
    return &none;
}

bool rig_send_until_ms(uint64_t loop_ms)
{
    if (!rig_sender())
        return false;
    sender_start(rig.sender);
    rig_until_ms(loop_ms);
    return true;
}
