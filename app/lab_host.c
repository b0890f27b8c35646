/* lab_host.c - runs the embedded lab that a profile asks for, and fills in the profile's end points. */
#include "app/lab_host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/http_lab.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/thread.h"
#include "lab/fault.h"
#include "lab/lab_site.h"
#include "loadgen/p1_peer.h"

#define COPY_BYTES_PER_S 1000000ull       /* the lab's default copy_rate */
#define LAB_DOMAIN       "c=US;a= ;p=LAB" /* of its identifiers and trace; x400.address begins with it */
#define CONTROL_DELAY_NS (500 * NS_PER_US)

enum { PORT_HTTP = 80, PORT_SMTP = 25, PORT_P1 = 102, PORT_IMAP = 143 }; /* above lab.base_port */

struct lab_host {
    struct loop *loop;
    bool own_loop;
    struct thread *thread;
    struct lab_site *site;
    struct http *http;
    struct hook end; /* the only wake of its loop means: end */
};

static bool fill_mailboxes(const struct profile *p, struct arena *a, struct lab_config *c)
{
    struct lab_mailbox_config *boxes =
        arena_new(a, struct lab_mailbox_config, p->site.mailbox_count);

    if (!boxes)
        return false;
    for (uint32_t i = 0; i < p->site.mailbox_count; i++) {
        const struct mailbox *m = &p->site.mailboxes[i];

        boxes[i] = (struct lab_mailbox_config){
            .name = m->name,
            .home = m->home == site_ours(&p->site) ? LAB_FOREIGN : (int)m->home,
            .alternate = m->alternate == SITE_NONE ? NULL : p->site.mailboxes[m->alternate].name,
            .both = m->both,
            .password = m->password,
            .stock_bytes = m->stock_ns / NS_PER_MS * (COPY_BYTES_PER_S / 1000),
        };
    }
    c->mailboxes = boxes;
    c->mailbox_count = p->site.mailbox_count;
    return true;
}

static const struct lab_knob *knobs_of(struct arena *a, const char *const *names,
                                       const char *const *values, uint32_t count)
{
    struct lab_knob *knobs = arena_new(a, struct lab_knob, count + 1);

    for (uint32_t i = 0; knobs && i < count; i++)
        knobs[i] = (struct lab_knob){names[i], values[i]};
    return knobs;
}

static bool fill_knobs(const struct lab_profile *p, struct arena *a, struct lab_config *c)
{
    c->knobs = knobs_of(a, p->knob_names, p->knob_values, p->knob_count);
    c->knob_count = p->knob_count;
    c->plants = knobs_of(a, p->plant_names, p->plant_values, p->plant_count);
    c->plant_count = p->plant_count;
    return c->knobs && c->plants;
}

/* Servers of the lab's own: all but our MTA. */
static uint32_t lab_servers(const struct profile *p)
{
    return p->site.server_count - (site_ours(&p->site) != SITE_NONE);
}

/* The same for all of its MTAs; following from the seed, so that whoever tries the lab out can know it. */
static const char *mta_password(const struct profile *p, struct arena *a)
{
    struct hash_key key = {p->seed, 0x6d7461};

    return arena_format(a, "mta-%08" PRIx32, (uint32_t)hash_siphash(&key, "p1", 2));
}

/* Where our MTA is called: a run has its listener by now; a lab that is served alone believes the profile. */
static struct net_addr our_door(const struct profile *p)
{
    uint32_t ours = site_ours(&p->site);
    struct net_addr at = {0};
    struct err e;

    if (ours != SITE_NONE && p->site.servers[ours].p1.at.addr.family)
        return p->site.servers[ours].p1.at.addr;
    if (p->x400.listen && net_parse(&at, p->x400.listen, 102, &e) && at.port > 0)
        return at;
    return (struct net_addr){0};
}

static bool fill_p1(const struct profile *p, struct arena *a, struct lab_p1_config *c)
{
    const struct x400_profile *x = &p->x400;

    *c = (struct lab_p1_config){.on = true,
                                .mode = p1_peer_mode(x),
                                .peer = our_door(p),
                                .password = mta_password(p, a),
                                .peer_mta = x->mta,
                                .peer_tsel = slice_from(x->tsel.p, x->tsel.n),
                                .peer_ssel = slice_from(x->ssel.p, x->ssel.n),
                                .peer_psel = slice_from(x->psel.p, x->psel.n),
                                .peer_password = x->password,
                                .domain = LAB_DOMAIN,
                                .address = x->address,
                                .peer_address = x->our_address,
                                .checkpoint_kb = (uint16_t)x->checkpoint_kb,
                                .window = (uint8_t)x->window,
                                .two_way = x->two_way};
    return c->password != NULL;
}

static bool configure(const struct profile *p, struct arena *a, const char *dir,
                      struct lab_site_config *c, struct err *e)
{
    uint32_t servers = lab_servers(p);
    const char **names = arena_new(a, const char *, servers);

    if (servers > LAB_SERVERS_MAX)
        return err_set(e, EX_BAD_PROFILE, "lab.servers: at most %d servers", LAB_SERVERS_MAX);
    *c = (struct lab_site_config){.time_scale = p->lab.time_scale, .tls = p->lab.tls};
    c->lab = (struct lab_config){.version = p->lab.version,
                                 .domain = p->site.domain,
                                 .site = p->lab.site_name,
                                 .server_names = names,
                                 .servers = (int)servers,
                                 .seed = p->seed,
                                 .truth_path = arena_format(a, "%s/truth.tsv", dir)};
    c->cert_path = arena_format(a, "%s/lab-cert.pem", dir);
    if (!names || !c->cert_path || !c->lab.truth_path || !fill_mailboxes(p, a, &c->lab) ||
        !fill_knobs(&p->lab, a, &c->lab) || !fill_p1(p, a, &c->p1))
        return err_set(e, EX_IO, "out of memory for the lab");
    for (uint32_t i = 0; i < servers; i++) {
        names[i] = p->site.servers[i].name;
        c->hosts[i] = (struct net_addr){.family = 4, .ip = {127, 0, 0, (uint8_t)(11 + i)}};
    }
    if (p->lab.base_port) {
        c->smtp_port = (uint16_t)(p->lab.base_port + PORT_SMTP);
        c->imap_port = (uint16_t)(p->lab.base_port + PORT_IMAP);
        c->p1_port = (uint16_t)(p->lab.base_port + PORT_P1);
        c->http_port = (uint16_t)(p->lab.base_port + PORT_HTTP);
    }
    return true;
}

static const char *capitals(struct arena *a, const char *name)
{
    char *text = arena_text(a, name, strlen(name));

    for (char *p = text; p && *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return text;
}

static bool fill_end_points(struct lab_host *h, struct profile *p, struct arena *a,
                            const char *cert, struct err *e)
{
    char text[NET_TEXT];
    const char *password = mta_password(p, a);

    for (uint32_t i = 0; i < lab_servers(p); i++) {
        struct server *s = &p->site.servers[i];
        struct lab_front f = lab_site_front(h->site, (int)i);
        enum tls_mode tls = p->lab.tls ? TLS_STARTTLS : TLS_NONE;

        s->smtp = (struct end_point){.addr = f.smtp, .tls = tls};
        s->imap = (struct end_point){.addr = f.imap, .tls = tls};
        s->p1 = (struct p1_end_point){
            .at.addr = f.p1, .mta = capitals(a, s->name), .password = password};
        s->p1.at.text = arena_format(a, "%s", net_print(&f.p1, text));
        s->smtp.text = arena_format(a, "%s", net_print(&f.smtp, text));
        s->imap.text = arena_format(a, "%s", net_print(&f.imap, text));
        s->control = f.http.family ? arena_format(a, "http://%s", net_print(&f.http, text))
                                   : arena_format(a, "http://%s.lab", s->name);
        s->ca_file = p->lab.tls ? cert : NULL;
        if (!s->smtp.text || !s->imap.text || !s->control || !s->p1.at.text || !s->p1.mta ||
            !password)
            return err_set(e, EX_IO, "out of memory for the lab's end points");
    }
    return true;
}

static bool check_actions(const struct profile *p, struct err *e)
{
    struct knobs scratch;

    fault_defaults(&scratch, fault_version(p->lab.version));
    for (uint32_t i = 0; i < p->action_count; i++) {
        const struct action_profile *a = &p->actions[i];

        if (a->kind == ACT_KNOB && !fault_set_knob(&scratch, a->knob, a->value, e))
            return err_wrap(e, "actions.%s", a->name);
    }
    return true;
}

bool lab_host_check(const struct profile *p, struct arena *a, struct err *e)
{
    struct lab_site_config c;

    if (!configure(p, a, ".", &c, e))
        return false;
    c.lab.truth_path = NULL;
    struct lab *lab = lab_create(&c.lab, e);

    if (!lab)
        return err_wrap(e, "%s: lab", p->path);
    lab_destroy(lab);
    return check_actions(p, e) || err_wrap(e, "%s", p->path);
}

struct lab_host *lab_host_create(struct profile *p, struct arena *a, struct loop *shared,
                                 const char *dir, struct err *e)
{
    struct lab_host *h = calloc(1, sizeof *h);
    struct lab_site_config c = {0};

    if (!h) {
        (void)err_set(e, EX_IO, "out of memory for the lab");
        return NULL;
    }
    h->own_loop = !shared;
    h->loop = shared ? shared : loop_epoll_create(e);
    if (h->loop && configure(p, a, dir, &c, e))
        h->site = lab_site_create(h->loop, &c, e);
    bool ok = h->site && fill_end_points(h, p, a, c.cert_path, e);
    if (ok && shared) {
        h->http = http_lab_create(shared, h->site, CONTROL_DELAY_NS, e);
        ok = h->http != NULL;
    }
    if (ok)
        return h;
    (void)err_wrap(e, "lab");
    lab_host_destroy(h);
    return NULL;
}

bool lab_host_join(struct lab_host *h, struct profile *p, struct arena *a, struct err *e)
{
    return fill_end_points(h, p, a, NULL, e);
}

static void thread_main(void *owner)
{
    struct lab_host *h = owner;

    loop_run(h->loop);
}

static void on_end(struct hook *hook)
{
    loop_stop(hook->owner);
}

bool lab_host_begin(struct lab_host *h, struct err *e)
{
    if (!h->own_loop)
        return true;
    h->end = (struct hook){.run = on_end, .owner = h->loop};
    loop_on_wake(h->loop, &h->end);
    h->thread = thread_start("lab", thread_main, h, e);
    return h->thread != NULL;
}

void lab_host_end(struct lab_host *h)
{
    if (h->thread) {
        loop_wake(h->loop);
        thread_join(h->thread);
        h->thread = NULL;
    }
    http_lab_destroy(h->http);
    h->http = NULL;
    lab_site_destroy(h->site);
    h->site = NULL;
}

void lab_host_destroy(struct lab_host *h)
{
    if (!h)
        return;
    lab_host_end(h);
    if (h->own_loop)
        loop_destroy(h->loop);
    free(h);
}

struct http *lab_host_http(struct lab_host *h)
{
    return h->http;
}
