/* rig.c - what probes need around them. */
#include "tests/probes/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_canary(void *owner, uint64_t number)
{
    ((struct rig *)owner)->canary = number;
}

static void serve(struct rig *g, unsigned server)
{
    struct net_addr at = {.family = 4, .port = 143, .ip = {127, 0, 0, (uint8_t)(server + 1)}};

    fake_imap_start(&g->imap[server], g->r->loop, &at);
    g->r->servers[server].imap = (struct end_point){.text = "fake", .addr = at};
}

struct rig *rig_create(const char *name)
{
    return rig_create_far(name, 0);
}

struct rig *rig_create_far(const char *name, uint64_t latency_ns)
{
    static const struct guard loopback_only = {0};
    struct rig *g = calloc(1, sizeof *g);
    struct err e = {0};

    PM_ASSERT(g);
    g->r = fake_run_create_far(name, latency_ns);
    g->arena = fake_run_plan(g->r, 1000);
    g->key = token_key_make(1, 2);
    g->corpus = smtp_corpus_create(7);
    g->canary = UINT64_MAX;
    g->how =
        (struct probe_profile){.name = "stores", .period_real_ns = 100 * NS_PER_MS, .content = 100};
    buf_init(&g->mail, 1 << 20);
    serve(g, 0);
    serve(g, 1);
    g->c = (struct probe_context){.loop = g->r->loop,
                                  .clock = &g->r->clock,
                                  .work = &g->r->work,
                                  .journal = g->r->journal,
                                  .key = &g->key,
                                  .corpus = g->corpus,
                                  .dial = dial_plain_create(g->r->loop, &loopback_only, &e)};
    g->c.correlate = correlate_create(&g->c, on_canary, g);
    PM_ASSERT(g->corpus && g->c.dial && g->c.correlate);
    return g;
}

struct probe *rig_open_imap(struct rig *g)
{
    struct err e = {0};
    struct probe *p = probe_imap.open(&g->c, &g->how, 0, 0, &e);

    PM_ASSERT(p);
    return p;
}

void rig_close_imap(struct rig *g, struct probe *p)
{
    probe_imap.close(p);
    rig_destroy(g);
}

void rig_destroy(struct rig *g)
{
    correlate_destroy(g->c.correlate);
    dial_plain_destroy(g->c.dial);
    for (unsigned i = 0; i < 2; i++)
        fake_imap_stop(&g->imap[i]);
    smtp_corpus_destroy(g->corpus);
    buf_fini(&g->mail);
    fake_run_destroy(g->r);
    arena_destroy(g->arena);
    free(g);
}

struct slice rig_mail(struct rig *g, uint64_t number)
{
    static struct smtp_text text;
    struct msg m = workload_message(&g->r->work, number);
    const struct mailbox *boxes = g->r->profile.site.mailboxes;
    struct slice to =
        slice_of(m.to[0] == SITE_NONE ? "pm-no-such-user@lab.test" : boxes[m.to[0]].address);
    const struct smtp_text_order order = {.number = number,
                                          .key = &g->key,
                                          .from = slice_of(boxes[m.from].address),
                                          .to = &to,
                                          .recipients = 1,
                                          .subject = slice_of("hello"),
                                          .body_bytes = m.body_bytes,
                                          .date_s = 883699200};

    buf_clear(&g->mail);
    PM_ASSERT(smtp_text_compose(&text, g->corpus, &order));
    while (g->mail.n < smtp_text_bytes(&text, false)) {
        struct iovec iov[16];
        int n = smtp_text_iov(&text, false, g->mail.n, iov, 16);

        for (int i = 0; i < n; i++)
            PM_ASSERT(buf_add(&g->mail, iov[i].iov_base, iov[i].iov_len));
    }
    return buf_slice(&g->mail);
}

char *rig_token(struct rig *g, uint64_t number, char out[40])
{
    memcpy(out, TOKEN_MARKER, 3);
    token_write(&g->key, number, out + 3);
    out[3 + TOKEN_CHARS] = 0;
    return out;
}

void rig_put(struct rig *g, unsigned server, uint64_t number)
{
    struct slice s = rig_mail(g, number);

    fake_imap_add(&g->imap[server], s.p, s.n);
}

void rig_wait(struct rig *g, uint64_t ms)
{
    fake_run_until(g->r, loop_now(g->r->loop) + ms * NS_PER_MS);
}
