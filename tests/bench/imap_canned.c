/* imap_canned.c - two long texts, one of whole messages and one of header fields, and where in them each answer begins.
 *
 * An answer to a range is one piece of a text. A session queues pieces and writes them by writev().
 */
#include "tests/bench/imap_canned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FIELDS     "BODY[HEADER.FIELDS (X-POSTMUSTER MESSAGE-ID CONTENT-TYPE FROM)]"
#define TEXT_MAX   ((size_t)4 << 30)
#define WRITE_IOVS 64

enum text { WHOLE, HEADER };

struct session {
    struct imap_canned *of;
    struct session *next;
    struct stream *stream;
    struct buf in, said; /* said: its words, which pieces point into by offset */

    struct piece {
        const unsigned char *p; /* NULL: at `from` of said */
        size_t from, n;
    } * pieces;

    size_t count, room, head, offset; /* offset: of pieces[head] that is written */
};

struct imap_canned {
    struct side side;
    struct listener *listener;
    struct net_addr at;
    struct session *sessions;
    struct buf text[2];
    size_t *begin[2]; /* by UID - 1, and the end */
    uint32_t messages;
};

/* ---- what is served ---- */

static void add_header(struct imap_canned *c, uint32_t uid, size_t bytes, struct slice whole)
{
    struct buf fields;
    struct slice line;
    static const char *const wanted[] = {"X-Postmuster:", "Message-ID:", "Content-Type:", "From:"};

    buf_init(&fields, 65536);
    while (slice_cut(&whole, '\n', &line) && line.n > 1)
        for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (slice_starts_nocase(line, wanted[i]))
                PM_ASSERT(buf_add(&fields, line.p, line.n + 1));
    PM_ASSERT(buf_add_text(&fields, "\r\n"));
    PM_ASSERT(
        buf_add_format(&c->text[HEADER], "* %u FETCH (UID %u RFC822.SIZE %zu " FIELDS " {%zu}\r\n",
                       uid, uid, bytes, fields.n) &&
        buf_add(&c->text[HEADER], fields.p, fields.n) && buf_add_text(&c->text[HEADER], ")\r\n"));
    buf_fini(&fields);
}

static void fill(struct imap_canned *c, struct imap_bench *b)
{
    struct buf one;

    buf_init(&one, 1 << 20);
    for (uint32_t i = 0; i < c->messages; i++) {
        buf_clear(&one);
        imap_bench_compose(b, i, &one);
        c->begin[WHOLE][i] = c->text[WHOLE].n;
        c->begin[HEADER][i] = c->text[HEADER].n;
        PM_ASSERT(buf_add_format(&c->text[WHOLE],
                                 "* %u FETCH (UID %u RFC822.SIZE %zu BODY[] {%zu}\r\n", i + 1,
                                 i + 1, one.n, one.n) &&
                  buf_add(&c->text[WHOLE], one.p, one.n) && buf_add_text(&c->text[WHOLE], ")\r\n"));
        add_header(c, i + 1, one.n, buf_slice(&one));
    }
    for (unsigned t = 0; t < 2; t++)
        c->begin[t][c->messages] = c->text[t].n;
    buf_fini(&one);
}

/* ---- a session ---- */

static void free_session(struct session *s)
{
    stream_close(s->stream);
    buf_fini(&s->in);
    buf_fini(&s->said);
    free(s->pieces);
    free(s);
}

static void drop_session(struct session *s)
{
    struct session **at = &s->of->sessions;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free_session(s);
}

static void add_piece(struct session *s, const unsigned char *p, size_t from, size_t n)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->pieces = realloc(s->pieces, s->room * sizeof *s->pieces);
        PM_ASSERT(s->pieces);
    }
    s->pieces[s->count++] = (struct piece){p, from, n};
}

static void say(struct session *s, const char *tag, const char *text)
{
    size_t from = s->said.n;

    PM_ASSERT(buf_add_text(&s->said, tag) && buf_add_text(&s->said, text) &&
              buf_add_text(&s->said, "\r\n"));
    add_piece(s, NULL, from, s->said.n - from);
}

/* "1:2000,2002 (..." */
static void fetch(struct session *s, const char *tag, char *set)
{
    const struct imap_canned *c = s->of;
    enum text t = strstr(set, "HEADER.FIELDS") ? HEADER : WHOLE;

    for (;;) {
        uint32_t low = (uint32_t)strtoul(set, &set, 10), high = low;

        if (*set == ':')
            high = set[1] == '*' ? (set += 2, c->messages) : (uint32_t)strtoul(set + 1, &set, 10);
        if (high > c->messages)
            high = c->messages;
        if (low >= 1 && low <= high)
            add_piece(s, c->text[t].p + c->begin[t][low - 1], 0,
                      c->begin[t][high] - c->begin[t][low - 1]);
        if (*set++ != ',')
            break;
    }
    say(s, tag, " OK fetched");
}

static void search(struct session *s, const char *tag)
{
    size_t from = s->said.n;

    PM_ASSERT(buf_add_text(&s->said, "* SEARCH"));
    for (uint32_t i = 1; i <= s->of->messages; i++)
        PM_ASSERT(buf_add_format(&s->said, " %" PRIu32, i));
    PM_ASSERT(buf_add_text(&s->said, "\r\n"));
    add_piece(s, NULL, from, s->said.n - from);
    say(s, tag, " OK searched");
}

static void do_line(struct session *s, char *line)
{
    char *command = strchr(line, ' ');
    char text[200];

    if (!command)
        return;
    *command++ = 0;
    if (strncmp(command, "UID FETCH ", 10) == 0) {
        fetch(s, line, command + 10);
    } else if (strcmp(command, "UID SEARCH ALL") == 0) {
        search(s, line);
    } else if (strcmp(command, "CAPABILITY") == 0) {
        say(s, "* CAPABILITY IMAP4rev1", "");
        say(s, line, " OK");
    } else if (strcmp(command, "EXAMINE INBOX") == 0 || strcmp(command, "SELECT INBOX") == 0) {
        (void)snprintf(text, sizeof text,
                       "* %u EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT %u] ok",
                       s->of->messages, s->of->messages + 1);
        say(s, text, "");
        say(s, line, " OK opened");
    } else if (strcmp(command, "NOOP") == 0 || strncmp(command, "LOGIN ", 6) == 0) {
        say(s, line, " OK");
    } else {
        say(s, line, " BAD not in this bench");
    }
}

static void write_out(struct session *s)
{
    while (s->head < s->count) {
        struct iovec iov[WRITE_IOVS];
        int n = 0;

        for (size_t i = s->head; i < s->count && n < WRITE_IOVS; i++, n++) {
            const struct piece *p = &s->pieces[i];
            size_t skip = i == s->head ? s->offset : 0;
            const unsigned char *from = p->p ? p->p : s->said.p + p->from;

            iov[n] = (struct iovec){(void *)(from + skip), p->n - skip};
        }
        long took = stream_writev(s->stream, iov, n);

        if (took < 0) /* again, or the reader is gone: then reading says so */
            return;
        for (s->offset += (size_t)took; s->head < s->count && s->offset >= s->pieces[s->head].n;
             s->head++)
            s->offset -= s->pieces[s->head].n;
    }
    s->count = s->head = 0;
    buf_clear(&s->said);
}

static void on_ready(struct stream *stream, unsigned what)
{
    struct session *s = stream->owner;
    char piece[16384];
    long n;

    (void)what;
    while ((n = stream_read(stream, piece, sizeof piece)) > 0)
        PM_ASSERT(buf_add(&s->in, piece, (size_t)n));
    for (;;) {
        unsigned char *lf = s->in.n ? memchr(s->in.p, '\n', s->in.n) : NULL;

        if (!lf)
            break;
        size_t length = (size_t)(lf - s->in.p);

        s->in.p[length > 0 ? length - 1 : 0] = 0; /* the CR */
        do_line(s, (char *)s->in.p);
        buf_drop(&s->in, length + 1);
    }
    if (n != STREAM_AGAIN)
        drop_session(s);
    else
        write_out(s);
}

static void on_accept(void *owner, struct stream *stream)
{
    struct imap_canned *c = owner;
    struct session *s = calloc(1, sizeof *s);

    PM_ASSERT(s);
    s->of = c;
    s->next = c->sessions;
    c->sessions = s;
    s->stream = stream;
    stream->ready = on_ready;
    stream->owner = s;
    buf_init(&s->in, 1 << 20);
    buf_init(&s->said, 64 << 20);
    say(s, "* OK", " [CAPABILITY IMAP4rev1] canned");
    write_out(s);
}

/* ---- its life ---- */

struct imap_canned *imap_canned_start(struct imap_bench *b, uint32_t messages)
{
    struct imap_canned *c = calloc(1, sizeof *c);
    struct net_addr any;
    struct err e = {0};

    PM_ASSERT(c && net_parse(&any, "127.0.0.1:0", 0, &e));
    c->messages = messages;
    for (unsigned t = 0; t < 2; t++) {
        buf_init(&c->text[t], TEXT_MAX);
        c->begin[t] = calloc(messages + 1ul, sizeof *c->begin[t]);
        PM_ASSERT(c->begin[t]);
    }
    fill(c, b);
    c->side.loop = loop_epoll_create(&e);
    PM_ASSERT(c->side.loop);
    c->listener = loop_listen(c->side.loop, &any, on_accept, c, &e);
    if (!c->listener)
        bench_fail("%s", e.text);
    c->at = listener_addr(c->listener);
    side_start(&c->side, "canned");
    return c;
}

struct net_addr imap_canned_at(const struct imap_canned *c)
{
    return c->at;
}

void imap_canned_stop(struct imap_canned *c)
{
    side_stop(&c->side);
    for (struct session *s = c->sessions, *next; s; s = next) {
        next = s->next;
        free_session(s);
    }
    listener_close(c->listener);
    loop_destroy(c->side.loop);
    for (unsigned t = 0; t < 2; t++) {
        buf_fini(&c->text[t]);
        free(c->begin[t]);
    }
    free(c);
}
