/* lab_smtp.c - the SMTP front of one server: conversations of lab_smtp_talk on a service, mail into the core. */
#include <stdio.h>
#include <stdlib.h>

#include "lab/lab_service.h"
#include "lab/lab_smtp_talk.h"
#include "lab/schedule.h"

#define NAME_BYTES 300

struct lab_front_smtp {
    struct lab_site *site;
    int server;
    char name[NAME_BYTES];
    struct smtp_host host;
    struct service *service;
};

static bool is_local(void *owner, struct slice address)
{
    const struct lab_front_smtp *f = owner;

    const struct lab *l = lab_site_core(f->site);

    return lab_is_local(l, address) || lab_is_foreign(l, address);
}

static bool is_up(void *owner)
{
    const struct lab_front_smtp *f = owner;

    return lab_component_up(lab_site_core(f->site), f->server, "smtp");
}

static uint64_t submit(void *owner, const struct lab_submission *m, struct err *e)
{
    const struct lab_front_smtp *f = owner;

    (void)lab_site_now_ns(f->site);
    uint64_t id = lab_submit(lab_site_core(f->site), f->server, m, e);

    lab_site_touch(f->site);
    return id;
}

static struct talk *open_talk(void *owner, const struct net_addr *peer)
{
    const struct lab_front_smtp *f = owner;

    return smtp_talk_open(&f->host, peer);
}

static const struct talk_ops talk_smtp = {
    .component = "smtp",
    .busy = "421 4.3.2 too many connections\r\n",
    .open = open_talk,
    .close = smtp_talk_close,
    .feed = smtp_talk_feed,
    .secured = smtp_talk_secured,
    .down = smtp_talk_down,
};

struct lab_front_smtp *lab_smtp_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct tls_context *tls, struct err *e)
{
    struct lab_front_smtp *f = lab_memory(NULL, 0, sizeof *f);
    const struct lab *core = lab_site_core(s);

    f->site = s;
    f->server = server;
    (void)snprintf(f->name, sizeof f->name, "%s.%s", lab_server_name(core, server),
                   lab_domain(core));
    f->host = (struct smtp_host){.name = f->name,
                                 .build = lab_build(core),
                                 .size_max = SMTP_SIZE_MAX,
                                 .tls = tls != NULL,
                                 .chunking = lab_chunking(core),
                                 .is_local = is_local,
                                 .is_up = is_up,
                                 .submit = submit,
                                 .owner = f};
    f->service = service_listen(
        &(struct service_config){
            .site = s, .server = server, .tls = tls, .ops = &talk_smtp, .owner = f},
        at, e);
    if (f->service)
        return f;
    free(f);
    return NULL;
}

struct net_addr lab_smtp_addr(const struct lab_front_smtp *f)
{
    return service_addr(f->service);
}

void lab_smtp_close(struct lab_front_smtp *f)
{
    if (!f)
        return;
    service_close(f->service);
    free(f);
}
