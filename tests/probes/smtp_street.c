/* smtp_street.c - a host of SMTP on a simulated network, and men who call there. */
#include "tests/probes/smtp_street.h"

#include "tests/support/check.h"

static void tick_fires(struct timer *t)
{
    struct smtp_street *s = t->owner;

    loop_stop(s->loop);
}

void street_wait_ms(struct smtp_street *s, uint64_t ms)
{
    timer_arm(s->loop, &s->tick, loop_now(s->loop) + ms * NS_PER_MS);
    loop_run(s->loop);
}

void street_open(struct smtp_street *s, void *owner)
{
    const struct sim_config sim = {.seed = 11, .window = s->window};
    const struct net_addr at = {.family = 4, .port = 25, .ip = {127, 0, 0, 9}};
    struct err e = {0};

    s->loop = loop_sim_create(&sim, &e);
    timer_init(&s->tick, tick_fires, s);
    s->c.loop = s->loop;
    s->c.name = "us.test";
    s->c.owner = owner;
    s->host = smtp_host_listen(&s->c, &at, &e);
    CHECK_STR(e.text, "");
}

void street_call(struct smtp_street *s, unsigned man)
{
    const struct net_addr at = smtp_host_addr(s->host);

    man_call(&s->men[man], s->loop, &at);
    street_wait_ms(s, 100);
}

void street_close(struct smtp_street *s)
{
    for (unsigned i = 0; i < STREET_MEN; i++)
        if (s->men[i].loop)
            man_go(&s->men[i]);
    smtp_host_close(s->host);
    loop_destroy(s->loop);
}
