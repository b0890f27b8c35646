/* fake_smtp.c - a scripted SMTP server on a loop. */
#include "tests/loadgen/fake_smtp.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char usual_ehlo[] =
    "250-fake\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 9999999\r\n"
    "250 DSN\r\n";

static void session_close(struct fake_smtp_session *s)
{
    stream_close(s->stream);
    s->stream = NULL;
}

static void say(struct fake_smtp_session *s, const char *text)
{
    if (*text == '!') {
        s->closing = true;
        text++;
    }
    if (*text)
        (void)stream_write(s->stream, text, strlen(text));
}

static void keep(struct fake_smtp_session *s)
{
    struct fake_smtp *f = s->server;
    char *copy = malloc(s->envelope.n + s->text.n + 2);

    PM_ASSERT(copy && f->messages < FAKE_SMTP_MESSAGES);
    (void)memcpy(copy, buf_text(&s->envelope), s->envelope.n);
    copy[s->envelope.n] = '\n';
    (void)memcpy(copy + s->envelope.n + 1, buf_text(&s->text), s->text.n);
    copy[s->envelope.n + 1 + s->text.n] = '\0';
    f->message[f->messages++] = copy;
    s->taken++;
}

static bool starts(const char *line, const char *verb)
{
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

static const char *usual(struct fake_smtp_session *s, const char *line)
{
    struct fake_smtp *f = s->server;

    if (strcmp(line, "CONNECT") == 0)
        return "220 fake ready\r\n";
    if (starts(line, f->lmtp ? "LHLO" : "EHLO"))
        return f->ehlo ? f->ehlo : usual_ehlo;
    if (starts(line, "STARTTLS"))
        return f->tls ? "220 go\r\n" : "502 no\r\n";
    if (starts(line, "DATA"))
        return "354 go\r\n";
    if (starts(line, "XPMTRIAL")) /* a line of a chunk */
        return "500 5.5.2 what?\r\n";
    if (starts(line, "QUIT"))
        return "!221 bye\r\n";
    return "250 2.0.0 ok\r\n";
}

static void ready(struct stream *st, unsigned what);

static const char *asked(struct fake_smtp_session *s, const char *line)
{
    const char *reply = s->server->answer ? s->server->answer(s->server, s, line) : NULL;

    s->server->commands++;
    return reply ? reply : usual(s, line);
}

/* Envelope and transaction, as this reply leaves them. */
static void note(struct fake_smtp_session *s, const char *line, const char *reply)
{
    if (starts(line, "MAIL"))
        buf_clear(&s->envelope);
    if (starts(line, "MAIL") || starts(line, "RCPT"))
        PM_ASSERT(buf_add_format(&s->envelope, "%s\n", line));
    if (starts(line, "MAIL") && *reply == '2') {
        s->mail = true;
        s->named = 0;
        buf_clear(&s->text);
    }
    s->named += starts(line, "RCPT") && *reply == '2';
    if (starts(line, "RSET") || starts(line, "LHLO") || starts(line, "EHLO"))
        s->mail = false;
}

static void command(struct fake_smtp_session *s, const char *line)
{
    struct fake_smtp *f = s->server;
    const char *reply = asked(s, line);
    struct err e;

    if (starts(line, "MAIL") && s->mail && f->chunks == FAKE_CHUNKS_OPEN)
        reply = "503 5.5.1 nested MAIL\r\n";
    note(s, line, reply);
    if (starts(line, "DATA") && *reply == '3')
        s->data = true;
    say(s, reply);
    if (starts(line, "STARTTLS") && *reply == '2') {
        buf_clear(&s->in);
        s->stream = tls_wrap(f->tls, s->stream, NULL, &e);
        PM_ASSERT(s->stream);
    }
}

/* A text has come whole: one answer, or one for each recipient. */
static void text_over(struct fake_smtp_session *s)
{
    uint32_t answers = s->server->lmtp ? s->named : 1;
    bool taken = false;

    s->data = s->mail = false;
    for (uint32_t i = 0; i < answers && !s->closing; i++) {
        char line[8] = ".";

        if (s->server->lmtp)
            line[1] = (char)('0' + i);
        const char *reply = asked(s, line);
        taken = taken || *reply == '2';
        if (taken && i + 1 == answers)
            keep(s);
        say(s, reply);
    }
}

static void chunk_over(struct fake_smtp_session *s)
{
    bool last = strstr(s->chunk_command, "LAST") != NULL;

    s->chunk_command[0] = '\0';
    if (s->named == 0 || !s->mail) {
        s->server->commands++;
        s->mail = s->mail && s->server->chunks == FAKE_CHUNKS_OPEN;
        say(s, "503 5.5.1 no recipients\r\n");
    } else if (last) {
        text_over(s);
    } else {
        command(s, "BDAT");
    }
}

static void chunk_begins(struct fake_smtp_session *s, const char *line)
{
    const char *reply = s->server->answer ? s->server->answer(s->server, s, line) : NULL;

    if (reply) { /* the chunk is not read at all */
        say(s, reply);
        return;
    }
    if (s->named == 0 && s->server->chunks == FAKE_CHUNKS_LEFT) {
        say(s, "503 5.5.1 no recipients\r\n");
        return;
    }
    PM_ASSERT(strlen(line) < sizeof s->chunk_command);
    memcpy(s->chunk_command, line, strlen(line) + 1);
    s->chunk = strtoul(line + 5, NULL, 10);
    if (s->chunk == 0)
        chunk_over(s);
}

/* Octets of a chunk, as many as have come. */
static void chunk_came(struct fake_smtp_session *s)
{
    size_t n = s->chunk < s->in.n ? s->chunk : s->in.n;

    PM_ASSERT(buf_add(&s->text, s->in.p, n));
    buf_drop(&s->in, n);
    s->chunk -= n;
    if (s->chunk == 0)
        chunk_over(s);
}

static void line_came(struct fake_smtp_session *s, const char *line)
{
    if (s->data && strcmp(line, ".") == 0)
        text_over(s);
    else if (s->data)
        PM_ASSERT(buf_add_text(&s->text, line + (*line == '.')) && buf_add_text(&s->text, "\r\n"));
    else if (starts(line, "BDAT "))
        chunk_begins(s, line);
    else
        command(s, line);
}

static void lines_came(struct fake_smtp_session *s)
{
    char line[2048];
    unsigned char *end;

    while (s->stream && !s->closing && s->in.n > 0) {
        if (s->chunk_command[0]) {
            chunk_came(s);
            continue;
        }
        end = memchr(s->in.p, '\n', s->in.n);
        if (!end)
            break;
        size_t n = (size_t)(end - s->in.p) + 1;

        PM_ASSERT(n >= 2 && n <= sizeof line);
        memcpy(line, s->in.p, n - 2);
        line[n - 2] = '\0';
        buf_drop(&s->in, n);
        line_came(s, line);
    }
    if (s->closing)
        session_close(s);
}

static void ready(struct stream *st, unsigned what)
{
    struct fake_smtp_session *s = st->owner;
    unsigned char octets[65536];

    if (!(what & STREAM_READABLE))
        return;
    long n = stream_read(st, octets, sizeof octets);
    if (n == STREAM_AGAIN)
        return;
    if (n <= 0) {
        session_close(s);
        return;
    }
    PM_ASSERT(buf_add(&s->in, octets, (size_t)n));
    lines_came(s);
}

static void came(void *owner, struct stream *st)
{
    struct fake_smtp *f = owner;
    struct fake_smtp_session *s = calloc(1, sizeof *s);

    PM_ASSERT(s && f->sessions < FAKE_SMTP_CONNECTIONS);
    f->session[f->sessions++] = s;
    *s = (struct fake_smtp_session){.server = f, .stream = st, .number = f->sessions};
    buf_init(&s->in, 1u << 24);
    buf_init(&s->envelope, 1u << 16);
    buf_init(&s->text, 1u << 24);
    st->owner = s;
    st->ready = ready;
    command(s, "CONNECT");
    if (s->closing)
        session_close(s);
}

struct fake_smtp *fake_smtp_create(struct loop *l, const char *at)
{
    struct fake_smtp *f = calloc(1, sizeof *f);
    struct err e;

    PM_ASSERT(f && net_parse(&f->at, at, 0, &e));
    f->loop = l;
    fake_smtp_up(f);
    return f;
}

void fake_smtp_up(struct fake_smtp *f)
{
    struct err e;

    f->listener = loop_listen(f->loop, &f->at, came, f, &e);
    PM_ASSERT(f->listener);
    f->at = listener_addr(f->listener);
}

void fake_smtp_down(struct fake_smtp *f)
{
    listener_close(f->listener);
    f->listener = NULL;
    for (uint32_t i = 0; i < f->sessions; i++)
        session_close(f->session[i]);
}

void fake_smtp_destroy(struct fake_smtp *f)
{
    fake_smtp_down(f);
    for (uint32_t i = 0; i < f->sessions; i++) {
        buf_fini(&f->session[i]->in);
        buf_fini(&f->session[i]->envelope);
        buf_fini(&f->session[i]->text);
        free(f->session[i]);
    }
    for (uint32_t i = 0; i < f->messages; i++)
        free(f->message[i]);
    free(f);
}
