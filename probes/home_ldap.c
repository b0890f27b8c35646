/* home_ldap.c - the home is what an attribute of the mailbox's directory entry says: Exchange's Home-MDB, AD's homeMDB, a
 * mailHost.
 *
 * One connection, searches by message id, all asynchronous: libldap writes requests into, and reads answers out of, two
 * buffers (a Sockbuf_IO of ours); what moves those bytes is a stream of the loop, with TLS by base/tls.h. So the guard is asked
 * for the address connected to, nothing blocks, and it works on either back end. libldap itself never opens a socket: it
 * takes the connection for an open descriptor, which is /dev/null's. Referrals are not followed. What is broken is
 * closed, and opened anew by the next question.
 */
#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <openldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/tls.h"
#include "probes/home_driver.h"

#define AT_ONCE      8
#define PATIENCE_NS  (10 * NS_PER_S)
#define PIECE_BYTES  16384
#define PIECES       16 /* a turn */
#define ANSWERS_MAX  (1u << 20)
#define REQUESTS_MAX (1u << 20)
#define ENTRIES_MAX  10
#define TEXT_MAX     4096
#define WHY_MAX      200

enum at { AT_NOTHING, AT_CONNECTING, AT_TLS, AT_STARTTLS, AT_BIND, AT_SEARCH };

struct search {
    struct home_ldap *h;
    void *owner; /* NULL: free */
    uint32_t mailbox;
    int id; /* of libldap's; 0: waits for the connection */
    bool failed;
    struct timer limit;
    struct home_claims claims;
    unsigned entries, values;
    char value[100]; /* one that names no server */
};

struct home_ldap {
    struct home_driver d; /* first */
    char host_port[300], host[300];
    bool implicit, ended;
    struct net_addr to;
    struct tls_context *tls;
    int nothing; /* /dev/null */
    enum at at;
    struct stream *stream;
    LDAP *ld;
    int id; /* of STARTTLS or the bind */
    struct buf in, out;
    struct timer told; /* failures are told from the loop */
    struct search searches[AT_ONCE];
    char why[WHY_MAX];
};

/* ---- libldap reads and writes two buffers ---- */

static int io_setup(Sockbuf_IO_Desc *io, void *arg)
{
    io->sbiod_pvt = arg;
    return 0;
}

static int io_nothing(Sockbuf_IO_Desc *io)
{
    (void)io;
    return 0;
}

static int io_control(Sockbuf_IO_Desc *io, int what, void *arg)
{
    const struct home_ldap *h = io->sbiod_pvt;

    (void)arg;
    return what == LBER_SB_OPT_DATA_READY && (h->in.n > 0 || h->ended);
}

static ber_slen_t io_read(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    struct home_ldap *h = io->sbiod_pvt;

    if (h->in.n == 0) {
        errno = h->ended ? 0 : EAGAIN;
        return h->ended ? 0 : -1;
    }
    n = n < h->in.n ? n : h->in.n;
    memcpy(p, h->in.p, n);
    buf_drop(&h->in, n);
    return (ber_slen_t)n;
}

static ber_slen_t io_write(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    struct home_ldap *h = io->sbiod_pvt;

    if (buf_add(&h->out, p, n))
        return (ber_slen_t)n;
    errno = EPIPE;
    return -1;
}

static Sockbuf_IO buffers_io = {
    .sbi_setup = io_setup,
    .sbi_remove = io_nothing,
    .sbi_ctrl = io_control,
    .sbi_read = io_read,
    .sbi_write = io_write,
    .sbi_close = io_nothing,
};

/* ---- the connection ---- */

static void hang_up(struct home_ldap *h)
{
    if (h->ld)
        (void)ldap_unbind_ext(h->ld, NULL, NULL);
    if (h->stream && h->at == AT_SEARCH && h->out.n > 0)
        (void)stream_write(h->stream, h->out.p, h->out.n); /* the unbind: a courtesy */
    h->ld = NULL;
    stream_close(h->stream);
    h->stream = NULL;
    buf_clear(&h->in);
    buf_clear(&h->out);
    h->ended = false;
    h->at = AT_NOTHING;
}

static void answer(struct search *s, const char *why)
{
    struct home_ldap *h = s->h;
    struct home_claims claims = s->claims;
    void *owner = s->owner;

    timer_disarm(h->d.context.loop, &s->limit);
    s->owner = NULL;
    h->d.answered(owner, &claims, why);
}

/* Nothing more comes over this connection; those who wait are told from the loop. */
static void fail(struct home_ldap *h, const char *what, const char *why)
{
    char said[WHY_MAX];

    (void)snprintf(h->why, sizeof h->why, "%s%.190s", what,
                   text_clean(said, sizeof said, slice_of(why)));
    hang_up(h);
    for (unsigned i = 0; i < AT_ONCE; i++)
        h->searches[i].failed = h->searches[i].owner != NULL;
    timer_arm(h->d.context.loop, &h->told, loop_now(h->d.context.loop));
}

static void on_told(struct timer *t)
{
    struct home_ldap *h = t->owner;
    char why[WHY_MAX];

    memcpy(why, h->why, sizeof why);
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (h->searches[i].owner && h->searches[i].failed) {
            h->searches[i].claims.count = 0;
            answer(&h->searches[i], why);
        }
}

static void fail_ldap(struct home_ldap *h, const char *what, int code)
{
    fail(h, what, ldap_err2string(code));
}

/* false: the connection is over. */
static bool send_out(struct home_ldap *h)
{
    if (h->stream && !stream_send(h->stream, &h->out))
        fail(h, "LDAP: ", stream_error(h->stream));
    return h->stream != NULL;
}

/* ---- searches ---- */

static void begin_search(struct home_ldap *h, struct search *s)
{
    const struct mailbox *box = &h->d.site->mailboxes[s->mailbox];
    char attribute[TEXT_MAX], *attributes[] = {attribute, NULL};
    struct buf base, filter;
    struct err e;

    buf_init(&base, TEXT_MAX);
    buf_init(&filter, TEXT_MAX);
    PM_ASSERT(
        home_fill(box, h->d.how->base, true, &base, &e) &&
        home_fill(box, h->d.how->filter, true, &filter, &e)); /* they could at the beginning */
    (void)snprintf(attribute, sizeof attribute, "%s", h->d.how->attribute);
    int code = ldap_search_ext(h->ld, buf_text(&base), LDAP_SCOPE_SUBTREE, buf_text(&filter),
                               attributes, 0, NULL, NULL, NULL, ENTRIES_MAX, &s->id);
    buf_fini(&base);
    buf_fini(&filter);
    if (code != LDAP_SUCCESS)
        fail_ldap(h, "LDAP search: ", code);
    else
        (void)send_out(h);
}

static struct search *search_of(struct home_ldap *h, int id)
{
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (h->searches[i].owner && !h->searches[i].failed && h->searches[i].id == id)
            return &h->searches[i];
    return NULL;
}

static void take_entry(struct search *s, LDAPMessage *entry)
{
    struct home_ldap *h = s->h;
    struct berval **values = ldap_get_values_len(h->ld, entry, h->d.how->attribute);

    s->entries++;
    for (unsigned i = 0; values && values[i]; i++) {
        struct slice value = slice_from(values[i]->bv_val, values[i]->bv_len);
        uint32_t server = home_named(h->d.site, value);

        s->values++;
        if (server != SITE_NONE)
            home_claim(&s->claims, server);
        else
            (void)text_clean(s->value, sizeof s->value, value);
    }
    ldap_value_free_len(values);
}

static void take_end(struct search *s, int code, const char *text)
{
    char why[WHY_MAX], said[100];

    if (code != LDAP_SUCCESS) {
        s->claims.count = 0;
        (void)snprintf(why, sizeof why, "LDAP search: %s%s%s", ldap_err2string(code),
                       text && *text ? ": " : "",
                       text_clean(said, sizeof said, slice_of(text ? text : "")));
    } else if (s->entries == 0) {
        (void)snprintf(why, sizeof why, "LDAP search: no entry");
    } else if (s->values == 0) {
        (void)snprintf(why, sizeof why, "its entry has no %.100s", s->h->d.how->attribute);
    } else {
        (void)snprintf(why, sizeof why, "\"%s\" names no server of ours, or two", s->value);
    }
    answer(s, why);
}

/* ---- answers ---- */

static void begin_waiting(struct home_ldap *h)
{
    h->at = AT_SEARCH;
    for (unsigned i = 0; i < AT_ONCE && h->at == AT_SEARCH; i++)
        if (h->searches[i].owner && !h->searches[i].failed && h->searches[i].id == 0)
            begin_search(h, &h->searches[i]);
}

static void log_on(struct home_ldap *h)
{
    const struct lookup_profile *how = h->d.how;
    struct berval *secret = NULL;
    int code = LDAP_SUCCESS;

    if (how->user) {
        h->at = AT_BIND;
        secret = ber_bvstrdup(how->password ? how->password : "");
        code = ldap_sasl_bind(h->ld, how->user, LDAP_SASL_SIMPLE, secret, NULL, NULL, &h->id);
        ber_bvfree(secret);
        if (code != LDAP_SUCCESS)
            fail_ldap(h, "LDAP bind: ", code);
        else
            (void)send_out(h);
        return;
    }
    begin_waiting(h);
}

static void put_tls(struct home_ldap *h)
{
    struct err e;
    struct stream *over;

    if (h->in.n > 0) { /* what was sent before TLS is nobody's word (RFC 4511 section 4.14.2) */
        fail(h, "LDAP STARTTLS: ", "octets behind the answer");
        return;
    }
    h->at = AT_TLS;
    over = tls_wrap(h->tls, h->stream, h->host, &e);
    if (over)
        h->stream = over;
    else
        fail(h, "LDAP: ", e.text);
}

static void take_stage(struct home_ldap *h, int code)
{
    bool starttls = h->at == AT_STARTTLS;

    if (code != LDAP_SUCCESS) {
        fail_ldap(h, starttls ? "LDAP STARTTLS: " : "LDAP bind: ", code);
        return;
    }
    if (starttls) {
        put_tls(h);
        return;
    }
    begin_waiting(h);
}

static void take(struct home_ldap *h, LDAPMessage *m)
{
    struct search *s = search_of(h, ldap_msgid(m));
    int kind = ldap_msgtype(m), code = LDAP_SUCCESS;
    char *text = NULL;

    if (kind == LDAP_RES_SEARCH_ENTRY || kind == LDAP_RES_SEARCH_REFERENCE) {
        if (s && kind == LDAP_RES_SEARCH_ENTRY)
            take_entry(s, m);
        (void)ldap_msgfree(m);
        return;
    }
    int id = ldap_msgid(m), parsed = ldap_parse_result(h->ld, m, &code, NULL, &text, NULL, NULL, 1);

    if (parsed != LDAP_SUCCESS)
        fail_ldap(h, "LDAP: ", parsed);
    else if (s && kind == LDAP_RES_SEARCH_RESULT)
        take_end(s, code, text);
    else if (id == h->id && (h->at == AT_STARTTLS || h->at == AT_BIND))
        take_stage(h, code);
    ldap_memfree(text);
}

static void take_all(struct home_ldap *h)
{
    struct timeval now = {0, 0};
    LDAPMessage *m = NULL;
    int kind = 0;

    while (h->ld && (kind = ldap_result(h->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &now, &m)) > 0)
        take(h, m);
    if (h->ld && kind < 0) {
        int code = LDAP_OTHER;

        (void)ldap_get_option(h->ld, LDAP_OPT_RESULT_CODE, &code);
        fail(h, "LDAP: ", h->ended ? "the directory closed the connection" : ldap_err2string(code));
    }
}

/* ---- the stream ---- */

static bool make_handle(struct home_ldap *h)
{
    int version = LDAP_VERSION3, code = ldap_init_fd(h->nothing, LDAP_PROTO_EXT, NULL, &h->ld);
    ber_len_t limit = ANSWERS_MAX;
    Sockbuf *sb = NULL;

    if (code != LDAP_SUCCESS)
        h->ld = NULL;
    else if (ldap_set_option(h->ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
             ldap_set_option(h->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
             ldap_get_option(h->ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS ||
             ber_sockbuf_add_io(sb, &buffers_io, LBER_SBIOD_LEVEL_PROVIDER, h) != 0 ||
             ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &limit) < 0)
        code = LDAP_OTHER;
    if (code != LDAP_SUCCESS)
        fail_ldap(h, "LDAP: ", code);
    return code == LDAP_SUCCESS;
}

/* The connection, or TLS over it, stands. */
static void go_on(struct home_ldap *h)
{
    bool over_tls = h->at == AT_TLS;

    if (!over_tls && h->implicit) {
        put_tls(h);
        return;
    }
    if (!h->ld && !make_handle(h))
        return;
    if (over_tls || !h->tls) {
        log_on(h);
        return;
    }
    h->at = AT_STARTTLS;
    int code = ldap_start_tls(h->ld, NULL, NULL, &h->id);

    if (code != LDAP_SUCCESS)
        fail_ldap(h, "LDAP STARTTLS: ", code);
    else
        (void)send_out(h);
}

/* false: the connection is over. */
static bool read_some(struct home_ldap *h)
{
    long n = STREAM_BROKEN;

    if (!buf_reserve(&h->in, PIECE_BYTES)) {
        fail(h, "LDAP: ", "the directory says too much");
        return false;
    }
    n = stream_read(h->stream, h->in.p + h->in.n, PIECE_BYTES);
    if (n == STREAM_AGAIN)
        return false;
    if (n == STREAM_BROKEN || (n == STREAM_END && !h->ld)) {
        fail(h, "LDAP: ",
             n == STREAM_END ? "the directory closed the connection" : stream_error(h->stream));
        return false;
    }
    h->ended = n == STREAM_END;
    h->in.n += (size_t)n;
    if (h->ld && h->at != AT_TLS)
        take_all(h);
    if (h->ended && h->stream) /* libldap was content, or would wait for the rest of an answer */
        fail(h, "LDAP: ", "the directory closed the connection");
    return h->stream != NULL;
}

static void on_ready(struct stream *s, unsigned what)
{
    struct home_ldap *h = s->owner;

    if (what & STREAM_WRITABLE) {
        if (h->at == AT_CONNECTING || h->at == AT_TLS)
            go_on(h);
        if (!send_out(h))
            return;
    }
    for (unsigned i = 0; (what & STREAM_READABLE) && i < PIECES; i++)
        if (!read_some(h))
            return;
}

static void connect_now(struct home_ldap *h)
{
    const struct guard *g = &h->d.context.work->profile->safety.guard;
    struct err e;

    h->stream = loop_connect(h->d.context.loop, g, &h->to, on_ready, h, &e);
    h->at = AT_CONNECTING;
    if (!h->stream)
        fail(h, "", e.text);
}

/* ---- the driver ---- */

/* No answer in time: a directory that is silent for one is silent for all. */
static void on_limit(struct timer *t)
{
    struct search *s = t->owner;

    fail(s->h, "LDAP: ", "no answer in time");
}

static void home_ldap_ask(struct home_driver *d, uint32_t mailbox, void *owner)
{
    struct home_ldap *h = (struct home_ldap *)d;
    struct search *s = h->searches;

    while (s->owner)
        PM_ASSERT(++s < h->searches + AT_ONCE);
    *s = (struct search){.h = h, .owner = owner, .mailbox = mailbox};
    timer_init(&s->limit, on_limit, s);
    timer_arm(d->context.loop, &s->limit, loop_now(d->context.loop) + PATIENCE_NS);
    if (h->at == AT_SEARCH)
        begin_search(h, s);
    else if (h->at == AT_NOTHING)
        connect_now(h);
}

static void home_ldap_destroy(struct home_driver *d)
{
    struct home_ldap *h = (struct home_ldap *)d;

    if (!h)
        return;
    hang_up(h);
    timer_disarm(d->context.loop, &h->told);
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (h->searches[i].owner)
            timer_disarm(d->context.loop, &h->searches[i].limit);
    tls_context_destroy(h->tls);
    if (h->nothing >= 0)
        (void)close(h->nothing);
    buf_fini(&h->in);
    buf_fini(&h->out);
    free(h);
}

/* ldap://host:port, ldaps://host:port; a name is resolved here, once. */
static bool read_url(struct home_ldap *h, struct err *e)
{
    struct slice url = slice_of(h->d.how->url), host;
    uint16_t port;

    h->implicit = slice_starts_nocase(url, "ldaps://");
    if (!h->implicit && !slice_starts_nocase(url, "ldap://"))
        return err_set(e, EX_BAD_PROFILE, "url: expected ldap://HOST:PORT or ldaps://HOST:PORT");
    url = slice_skip(url, h->implicit ? 8 : 7);
    (void)slice_cut(&url, '/', &host);
    if (host.n == 0 || host.n >= sizeof h->host_port)
        return err_set(e, EX_BAD_PROFILE, "url: expected a host");
    port = h->implicit ? 636 : 389;
    (void)snprintf(h->host_port, sizeof h->host_port, "%.*s", (int)host.n, (const char *)host.p);
    memcpy(h->host, h->host_port, sizeof h->host);
    char *colon = strrchr(h->host, ':'), *bracket = strchr(h->host, ']');

    if (colon && colon > bracket)
        *colon = '\0';
    if (!guard_resolve(&h->d.context.work->profile->safety.guard, &h->to, h->host_port, port, e))
        return err_wrap(e, "url");
    return !(h->d.how->insecure && guard_is_public(&h->to)) ||
           err_set(e, EX_GUARD,
                   "url: refused by rule insecure: a public server has to show a certificate");
}

static bool check_words(const struct home_ldap *h, struct err *e)
{
    const struct lookup_profile *how = h->d.how;
    struct buf out;
    bool ok = how->base && how->filter && how->attribute && *how->attribute;

    if (!ok)
        return err_set(e, EX_BAD_PROFILE, "ldap: base, filter or attribute is missing");
    buf_init(&out, TEXT_MAX);
    for (uint32_t i = 0; ok && i < h->d.site->mailbox_count; i++) {
        buf_clear(&out);
        ok = home_fill(&h->d.site->mailboxes[i], how->base, true, &out, e);
        buf_clear(&out);
        ok = ok && home_fill(&h->d.site->mailboxes[i], how->filter, true, &out, e);
    }
    buf_fini(&out);
    return ok;
}

static bool init(struct home_ldap *h, struct err *e)
{
    const struct lookup_profile *how = h->d.how;

    buf_init(&h->in, ANSWERS_MAX + PIECE_BYTES);
    buf_init(&h->out, REQUESTS_MAX);
    timer_init(&h->told, on_told, h);
    h->nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (h->nothing < 0)
        return err_set(e, EX_IO, "/dev/null: %s", strerror(errno));
    if (!read_url(h, e) || !check_words(h, e))
        return false;
    if (!h->implicit && how->tls == TLS_NONE)
        return true;
    h->implicit |= how->tls == TLS_IMPLICIT;
    h->tls = tls_client_create(how->ca_file, how->insecure, e);
    return h->tls;
}

static struct home_driver *home_ldap_create(const struct home_driver *common, struct err *e)
{
    struct home_ldap *h = calloc(1, sizeof *h);

    if (!h) {
        (void)err_set(e, EX_IO, "out of memory for LDAP look-ups");
        return NULL;
    }
    h->d = *common;
    h->nothing = -1;
    if (init(h, e))
        return &h->d;
    home_ldap_destroy(&h->d);
    return NULL;
}

const struct home_driver_ops home_ldap = {
    .name = "ldap",
    .at_once = AT_ONCE,
    .create = home_ldap_create,
    .ask = home_ldap_ask,
    .destroy = home_ldap_destroy,
};
