/* p1_peer.c - the scripted MTA. */
#include "tests/lab/p1_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "wire/x400/content.h"
#include "wire/x400/p1_bind.h"

void peer_init(struct peer *p, struct fronts *f)
{
    *p = (struct peer){.f = f, .mta = "PEER", .password = "secret"};
    p->config.mode = STACK_NORMAL;
}

static struct slice bind_of(struct peer *p, enum p1_bind_wrap wrap)
{
    struct ber_out o;

    ber_out_init(&o, p->bind_room, sizeof p->bind_room);
    p1_bind_write(&o, wrap,
                  &(struct p1_bind){
                      .named = true, .name = slice_of(p->mta), .password = slice_of(p->password)});
    return ber_out_slice(&o);
}

static void note_bind(struct peer *p, struct slice said)
{
    struct p1_bind b;
    struct err e;

    if (!CHECK(p1_bind_read(said, &b, &e)))
        return;
    p->binds++;
    (void)snprintf(p->bound_as, sizeof p->bound_as, "%.*s", (int)b.name.n, (const char *)b.name.p);
    (void)snprintf(p->bound_with, sizeof p->bound_with, "%.*s", (int)b.password.n,
                   (const char *)b.password.p);
}

static void decide(struct peer *p, struct peer_link *k, const struct assoc_event *ev)
{
    bool normal = association_mode(k->a) == STACK_NORMAL;

    note_bind(p, ev->bytes);
    if (p->refuse)
        association_refuse(k->a, RTSE_BUSY, slice_from(NULL, 0));
    else
        association_accept(k->a, bind_of(p, normal ? P1_BIND_RESULT : P1_BIND_BARE));
}

static void receive(struct peer *p, struct peer_link *k, const struct assoc_event *ev)
{
    if (p->apdus < PEER_APDUS) {
        struct buf *b = &p->apdu[p->apdus++];

        buf_init(b, 64u << 20);
        (void)buf_add(b, ev->bytes.p, ev->bytes.n);
    }
    if (p->hang_up)
        k->over = true;
    else if (p->except)
        (void)association_except(k->a, p->except);
    else if (!p->silent)
        (void)association_confirm(k->a);
}

static void on_fate(struct peer *p, const struct assoc_event *ev)
{
    p->taken += ev->fate == ASSOC_TAKEN;
    p->not_taken += ev->fate == ASSOC_NOT_TAKEN;
    p->doubt += ev->fate == ASSOC_DOUBT;
    p->cut += ev->fate == ASSOC_CUT || ev->fate == ASSOC_UNTOUCHED;
    if (ev->fate != ASSOC_TAKEN)
        p->last = *ev;
}

static void on_news(struct peer *p, struct peer_link *k, const struct assoc_event *ev)
{
    switch (ev->news) {
    case ASSOC_ASKED:
        decide(p, k, ev);
        break;
    case ASSOC_BOUND:
        note_bind(p, ev->bytes);
        break;
    case ASSOC_RECEIVED:
        receive(p, k, ev);
        break;
    case ASSOC_ENDED:
        on_fate(p, ev);
        break;
    case ASSOC_TURN_ASKED:
        p->turns++;
        k->give = !p->keep_turn;
        break;
    case ASSOC_REFUSED:
        p->refused = true;
        if (!p1_bind_error_read(ev->bytes, &p->bind_error))
            p->bind_error = -1;
        p->last = *ev;
        break;
    case ASSOC_ABORTED:
        p->aborted = true;
        p->last = *ev;
        break;
    case ASSOC_RELEASED:
        p->released = true;
        break;
    case ASSOC_MORE:
    case ASSOC_DROPPED:
    case ASSOC_TURN_GIVEN:
        break;
    }
}

static void hear(struct peer_link *k, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(k->a, &in, &ev) != ASSOC_MORE)
        on_news(k->of, k, &ev);
}

static void send_next(struct peer_link *k)
{
    struct peer *p = k->of;

    if (k->give && association_give(k->a))
        k->give = false;
    if (p->initiator && !k->give && p->sent < p->waiting_count && association_can_send(k->a))
        association_send(k->a, p->waiting[p->sent++], 1);
}

static void end(struct peer_link *k)
{
    stream_close(k->s);
    k->s = NULL;
    if (k->begun)
        association_lost(k->a);
    hear(k, slice_from(NULL, 0));
}

static void push(struct peer_link *k)
{
    struct slice out;

    for (;;) {
        send_next(k);
        out = association_output(k->a);
        if (out.n == 0)
            break;
        long put = stream_write(k->s, out.p, out.n);

        if (put <= 0)
            break;
        association_gave(k->a, (size_t)put);
    }
    hear(k, slice_from(NULL, 0));
    if (k->over || (association_state(k->a) == ASSOC_OVER && association_output(k->a).n == 0))
        end(k);
}

static void ready(struct stream *s, unsigned what)
{
    struct peer_link *k = s->owner;
    unsigned char block[4096];
    long n = STREAM_AGAIN;

    if (!k->begun && !(what & STREAM_READABLE)) {
        k->begun = true;
        association_begin(k->a);
    }
    while (what & STREAM_READABLE && (n = stream_read(s, block, sizeof block)) > 0)
        hear(k, slice_from(block, (size_t)n));
    if (n == STREAM_END || n == STREAM_BROKEN)
        end(k);
    else
        push(k);
}

static struct peer_link *add(struct peer *p, struct stream *s, const struct association_config *c)
{
    struct peer_link *k = &p->links[p->link_count % PEER_LINKS];

    if (k->s)
        end(k);
    association_destroy(k->a);
    p->link_count++;
    *k = (struct peer_link){.of = p, .s = s, .a = association_create(c)};
    s->owner = k;
    s->ready = ready;
    return k;
}

static void welcome(void *owner, struct stream *s)
{
    struct peer *p = owner;
    struct association_config c = p->config;

    p->calls++;
    c.initiator = false;
    struct peer_link *k = add(p, s, &c);

    k->begun = true;
    association_begin(k->a);
}

bool peer_listen(struct peer *p)
{
    struct net_addr at = {.family = 4, .ip = {127, 0, 77, 99}, .port = 4102};
    struct err e = {0};

    p->door = loop_listen(p->f->loop, &at, welcome, p, &e);
    return check_true(p->door != NULL, e.text, __FILE__, __LINE__);
}

void peer_deafen(struct peer *p)
{
    listener_close(p->door);
    p->door = NULL;
    for (unsigned i = 0; i < PEER_LINKS; i++)
        if (p->links[i].s)
            end(&p->links[i]);
}

bool peer_call(struct peer *p, int server)
{
    struct net_addr to = lab_site_front(p->f->site, server).p1;
    struct guard g = {0};
    struct association_config c = p->config;
    struct stream *s = loop_connect(p->f->loop, &g, &to, ready, NULL, NULL);

    if (!CHECK(s))
        return false;
    p->initiator = true;
    c.initiator = true;
    c.bind = bind_of(p, c.mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE);
    (void)add(p, s, &c);
    return true;
}

void peer_send(struct peer *p, struct slice apdu)
{
    struct peer_link *k = &p->links[(p->link_count - 1) % PEER_LINKS];

    PM_ASSERT(p->waiting_count < PEER_APDUS);
    p->waiting[p->waiting_count++] = apdu;
    if (k->begun && k->s)
        push(k);
}

void peer_release(struct peer *p)
{
    struct peer_link *k = &p->links[(p->link_count - 1) % PEER_LINKS];

    (void)CHECK(k->s && association_release(k->a));
    if (k->s)
        push(k);
}

void peer_fini(struct peer *p)
{
    listener_close(p->door);
    for (unsigned i = 0; i < PEER_LINKS; i++) {
        stream_close(p->links[i].s);
        association_destroy(p->links[i].a);
    }
    for (unsigned i = 0; i < p->apdus; i++)
        buf_fini(&p->apdu[i]);
}

bool peer_read(struct peer *p, unsigned n, struct arena *a, struct p1_apdu *out)
{
    struct err e = {0};

    return CHECK(n < p->apdus) &&
           check_true(p1_read(buf_slice(&p->apdu[n]), a, out, &e), e.text, __FILE__, __LINE__);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static bool is_peers(const char *name)
{
    return strncmp(name, "fl", 2) == 0;
}

static struct oraddr name_of(struct arena *a, const char *name)
{
    const char *text = strchr(name, '=')
                           ? name
                           : arena_format(a, "c=US;a= ;p=%s;s=%s",
                                          is_peers(name) ? "PEER;o=FLOOD" : "LAB;o=SITE", name);
    struct oraddr o = {0};
    struct err e = {0};

    check_true(oraddr_parse(slice_of(text), a, &o, &e), e.text, __FILE__, __LINE__);
    return o;
}

static struct slice make_content(const struct peer_message *m, const struct p1_message *p1,
                                 struct arena *a)
{
    size_t n = m->body_bytes ? m->body_bytes : 200 + strlen(m->body ? m->body : "");
    unsigned char *body = arena_bytes(a, n), *room = arena_bytes(a, n + 4096);
    struct ipm_person *to = arena_new(a, struct ipm_person, 4);
    struct ipm_part part = {.text = slice_of(m->body ? m->body : "hello\r\n")};
    struct content c;
    struct ber_out o;

    for (size_t i = 0; i < n; i++)
        body[i] = (unsigned char)(i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'a' + i % 26);
    if (m->body_bytes)
        part.text = slice_from(body, n);
    content_init(&c);
    c.ipm.id = (struct ipm_id){true, true, p1->originator, p1->id.local};
    c.ipm.from_set = true;
    c.ipm.from = (struct ipm_person){.named = true, .name = p1->originator, .notify = -1};
    for (uint32_t i = 0; i < p1->recipient_count; i++)
        to[i] = (struct ipm_person){.named = true, .name = p1->recipients[i].name, .notify = -1};
    c.ipm.to = (struct ipm_people){to, p1->recipient_count, true};
    c.ipm.subject = slice_of("a test");
    c.ipm.parts = &part;
    c.ipm.part_count = 1;
    ber_out_init(&o, room, n + 4096);
    (void)CHECK(content_write(&o, &c, m->in_1984 ? X400_1984 : X400_1988));
    return ber_out_slice(&o);
}

static struct slice time_of(struct arena *a, int64_t unix_s)
{
    char *text = arena_bytes(a, P1_TIME_CHARS);

    p1_time_write(unix_s, text);
    return slice_from(text, P1_TIME_CHARS);
}

static void add_extensions(const struct peer_message *m, struct p1_message *p1, struct arena *a)
{
    struct p1_extension *x = arena_new(a, struct p1_extension, 3);

    x[0] = (struct p1_extension){
        .type = P1_EXT_CORRELATOR, .form = P1_TEXT, .tag = BER_IA5, .value = p1->id.local};
    p1->extensions = (struct p1_extensions){x, 1, true};
    if (m->latest_s)
        x[p1->extensions.count++] =
            (struct p1_extension){.type = P1_EXT_LATEST_DELIVERY,
                                  .form = P1_TIME,
                                  .value = time_of(a, 1800000000 + m->latest_s)};
    if (m->no_reassignment)
        x[p1->extensions.count++] = (struct p1_extension){
            .type = P1_EXT_REASSIGNMENT_PROHIBITED, .form = P1_NUMBER, .number = 1};
}

static void fill(const struct peer_message *m, struct p1_message *p1, struct arena *a)
{
    static struct p1_hop hop;

    p1_message_init(p1);
    p1->originator = name_of(a, m->from ? m->from : "flood");
    hop = (struct p1_hop){.domain = name_of(a, "flood").domain, .arrival = time_of(a, 1800000000)};
    p1->id = (struct p1_id){hop.domain, slice_of(arena_format(a, "pm.%s", m->id))};
    p1->content_type.number = m->in_1984 ? CONTENT_P2 : CONTENT_P22;
    p1->content_id = slice_of(arena_format(a, "cid-%.10s", m->id));
    p1->priority = m->probe ? P1_NONE : P1_NORMAL;
    p1->indicators = (struct p1_bits){true, 8, m->indicators};
    p1->recipients = arena_new(a, struct p1_recipient, 4);
    for (uint32_t i = 0; i < 4 && m->to[i]; i++)
        p1->recipients[p1->recipient_count++] =
            (struct p1_recipient){.name = name_of(a, m->to[i]),
                                  .number = (int32_t)i + 1,
                                  .indicators = {true, 8, m->ask ? m->ask : P1_ASK_NON},
                                  .conversion = P1_NONE};
    if (m->second_not_ours)
        p1->recipients[1].indicators.bits &= ~P1_RESPONSIBLE;
    p1->trace = (struct p1_hops){&hop, 1, true};
    if (m->deferred_s)
        p1->deferred = time_of(a, 1800000000 + m->deferred_s);
    add_extensions(m, p1, a);
}

struct slice peer_make(const struct peer_message *m, struct buf *out)
{
    struct arena *a = arena_create(128u << 20);
    struct p1_apdu apdu = {.kind = m->probe ? P1_PROBE : P1_MESSAGE};
    size_t room = (m->body_bytes + (m->body ? strlen(m->body) : 0)) + m->content.n + 8192;
    unsigned char *octets = malloc(room);
    struct ber_out o;

    fill(m, &apdu.message, a);
    if (m->probe)
        apdu.message.content_length = 1000;
    else
        apdu.message.content = m->content.p ? m->content : make_content(m, &apdu.message, a);
    ber_out_init(&o, octets, room);
    (void)CHECK(p1_write(&o, &apdu, m->in_1984 ? X400_1984 : X400_1988));
    struct slice s = ber_out_slice(&o);

    buf_init(out, 128u << 20);
    (void)buf_add(out, s.p, s.n);
    free(octets);
    arena_destroy(a);
    return buf_slice(out);
}
