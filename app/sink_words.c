/* sink_words.c - option by option. */
#include "app/sink_words.h"

#include <stdio.h>
#include <string.h>

#include "app/sink_shared.h"
#include "base/clock.h"
#include "base/text.h"

#define NAME_MAX_CHARS  255u
#define SIZE_MAX_BYTES  (1ull << 40)
#define CONNECTIONS_MAX 1000000u
#define SECONDS_MAX     (1u << 30)

static bool bad(struct err *e, const char *option, const char *value, const char *wanted)
{
    return err_set(e, EX_BAD_USAGE, "--%s %s: expected %s", option, value, wanted);
}

bool sink_read_number(const char *option, const char *value, uint64_t most, uint64_t *n,
                      struct err *e)
{
    if (!value)
        return true;
    if (!text_u64(slice_of(value), n, NULL) || *n > most)
        return err_set(e, EX_BAD_USAGE, "--%s %s: expected a number, at most %llu", option, value,
                       (unsigned long long)most);
    return true;
}

bool sink_read_seconds(const char *value, uint64_t *ns, struct err *e)
{
    uint64_t seconds = 0;
    struct err why;

    if (!value)
        return true;
    if (text_duration(slice_of(value), ns, &why) && *ns <= SECONDS_MAX * NS_PER_S)
        return true;
    bool ok = sink_read_number("seconds", value, SECONDS_MAX, &seconds, e);

    *ns = seconds * NS_PER_S;
    return ok;
}

bool sink_read_loopback(const char *option, const char *value, uint16_t port, struct net_addr *at,
                        struct err *e)
{
    struct err why;

    if (!net_parse(at, value, port, &why))
        return bad(e, option, value, "an address of this machine, such as 127.0.0.1:1102");
    if (!net_is_loopback(at))
        return err_set(e, EX_GUARD, "--%s %s: a sink talks to loopback only", option, value);
    return true;
}

/* --- each --------------------------------------------------------------------------------------------------------- */

/* "PIPELINING,DSN": what is not announced. */
static bool read_without(const char *value, unsigned *lacks, struct err *e)
{
    static const char *const names[] = {
        "PIPELINING",          "CHUNKING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN",
        "ENHANCEDSTATUSCODES", NULL};
    static const unsigned bits[] = {
        SMTP_LACKS_PIPELINING,         SMTP_LACKS_CHUNKING, SMTP_LACKS_SIZE,
        SMTP_LACKS_8BITMIME,           SMTP_LACKS_SMTPUTF8, SMTP_LACKS_DSN,
        SMTP_LACKS_ENHANCEDSTATUSCODES};
    struct slice rest = slice_of(value), word;
    char shown[40];
    bool more = value != NULL;

    while (more) {
        size_t i = 0;

        more = slice_cut(&rest, ',', &word);
        while (names[i] && !slice_is_nocase(word, names[i]))
            i++;
        if (!names[i]) {
            const char *near = text_nearest(word, names);

            (void)text_clean(shown, sizeof shown, word);
            return near ? err_set(e, EX_BAD_USAGE,
                                  "--without: there is no extension \"%s\"; did you mean %s?",
                                  shown, near)
                        : err_set(e, EX_BAD_USAGE,
                                  "--without: there is no extension \"%s\" to do without (STARTTLS "
                                  "comes with --tls only)",
                                  shown);
        }
        *lacks |= bits[i];
    }
    return true;
}

static bool copy_path(char out[SINK_PATH], struct slice path)
{
    if (path.n == 0 || path.n >= SINK_PATH)
        return false;
    memcpy(out, path.p, path.n);
    out[path.n] = '\0';
    return true;
}

/* "self", or "CERT,KEY". */
static bool read_tls(const struct sink_words *w, struct sink_wish *out, struct err *e)
{
    struct slice rest = slice_of(w->tls), cert;

    out->c.tls_implicit = w->tls_implicit;
    if (!w->tls) {
        if (!w->tls_implicit && !w->tls_cert_out)
            return true;
        return err_set(e, EX_BAD_USAGE, "--%s goes with --tls",
                       w->tls_implicit ? "implicit-tls" : "tls-cert-out");
    }
    out->tls = true;
    out->tls_selfmade = slice_is(rest, "self");
    if (out->tls_selfmade ||
        (slice_cut(&rest, ',', &cert) && copy_path(out->cert, cert) && copy_path(out->key, rest)))
        return true;
    return bad(e, "tls", w->tls, "self, or two files of PEM: CERT,KEY");
}

static bool read_size(const char *value, size_t *size, struct err *e)
{
    uint64_t bytes = 0;
    struct err why;

    if (!value)
        return true;
    if (!text_size(slice_of(value), &bytes, &why) || bytes == 0 || bytes > SIZE_MAX_BYTES)
        return bad(e, "size-max", value, "a size such as 10MiB");
    *size = bytes;
    return true;
}

static bool read_name(const char *value, const char **name, struct err *e)
{
    *name = value ? value : "sink.invalid";
    if (!**name || strlen(*name) > NAME_MAX_CHARS || strpbrk(*name, " \t\r\n"))
        return bad(e, "name", *name, "a domain, or an address in brackets");
    return true;
}

static bool read_vices(const struct sink_words *w, struct sink_vices *v, struct err *e)
{
    for (uint32_t i = 0; i < SINK_VICES; i++)
        for (uint32_t k = 0; k < w->vices[i].count; k++)
            if (!sink_vice_read(v, (enum sink_vice)i, w->vices[i].items[k], e))
                return false;
    return true;
}

bool sink_words_read(const struct sink_words *w, struct sink_wish *out, struct err *e)
{
    struct sink_smtp_config *c = &out->c;
    uint64_t threads = 1, connections = 0;

    c->lmtp = w->lmtp != NULL;
    if (!sink_read_loopback(c->lmtp ? "lmtp" : "smtp", c->lmtp ? w->lmtp : w->smtp,
                            c->lmtp ? 24 : 25, &c->at, e) ||
        !read_name(w->name, &c->name, e) ||
        !sink_read_number("count", w->count, UINT64_MAX, &c->count, e) ||
        !sink_read_seconds(w->seconds, &c->duration_ns, e) ||
        !sink_read_number("seed", w->seed, UINT64_MAX, &c->vices.seed, e) ||
        !sink_read_number("threads", w->threads, SINK_THREADS_MAX, &threads, e) ||
        !sink_read_number("connections", w->connections, CONNECTIONS_MAX, &connections, e) ||
        !read_size(w->size_max, &c->size_max, e) || !read_without(w->without, &c->lacks, e) ||
        !read_tls(w, out, e) || !read_vices(w, &c->vices, e))
        return false;
    if (threads == 0)
        return bad(e, "threads", w->threads, "1 or more");
    out->threads = (uint32_t)threads;
    c->connections = (uint32_t)connections;
    return true;
}
