/* lab_imap.c - the IMAP front of one server: conversations of lab_imap_talk on a service. */
#include <stdio.h>
#include <stdlib.h>

#include "lab/lab_imap_talk.h"
#include "lab/lab_service.h"
#include "lab/schedule.h"

#define NAME_BYTES 300

struct lab_front_imap {
    char name[NAME_BYTES];
    struct imap_host host;
    struct service *service;
};

static struct talk *open_talk(void *owner, const struct net_addr *peer)
{
    const struct lab_front_imap *f = owner;

    return imap_talk_open(&f->host, peer);
}

static const struct talk_ops talk_imap = {
    .component = "imap",
    .busy = "* BYE too many connections\r\n",
    .open = open_talk,
    .close = imap_talk_close,
    .feed = imap_talk_feed,
    .more = imap_talk_more,
    .news = imap_talk_news,
    .secured = imap_talk_secured,
    .down = imap_talk_down,
};

struct lab_front_imap *lab_imap_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct tls_context *tls, struct err *e)
{
    struct lab_front_imap *f = lab_memory(NULL, 0, sizeof *f);
    const struct lab *core = lab_site_core(s);

    (void)snprintf(f->name, sizeof f->name, "%s.%s", lab_server_name(core, server),
                   lab_domain(core));
    f->host = (struct imap_host){.site = s, .server = server, .name = f->name, .tls = tls != NULL};
    f->service = service_listen(
        &(struct service_config){
            .site = s, .server = server, .tls = tls, .ops = &talk_imap, .owner = f},
        at, e);
    if (f->service)
        return f;
    free(f);
    return NULL;
}

struct net_addr lab_imap_addr(const struct lab_front_imap *f)
{
    return service_addr(f->service);
}

void lab_imap_close(struct lab_front_imap *f)
{
    if (!f)
        return;
    service_close(f->service);
    free(f);
}
