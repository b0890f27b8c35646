/* fake_pop3.c - the server half of RFC 1939 that probes use. */
#include "tests/probes/fake_pop3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_pop3_session {
    struct fake_pop3 *f;
    struct fake_pop3_session *next;
    struct stream *stream;
    struct buf in, out;
    bool over;
};

static void free_session(struct fake_pop3_session *s)
{
    struct fake_pop3_session **at = &s->f->sessions;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    stream_close(s->stream);
    buf_fini(&s->in);
    buf_fini(&s->out);
    free(s);
}

static void flush(struct fake_pop3_session *s)
{
    while (s->out.n > 0) {
        long n = stream_write(s->stream, s->out.p, s->out.n);

        if (n == STREAM_AGAIN)
            return;
        if (n < 0) {
            free_session(s);
            return;
        }
        buf_drop(&s->out, (size_t)n);
    }
    if (s->over)
        free_session(s);
}

static void add_stuffed(struct buf *out, const char *text, size_t n)
{
    struct slice rest = slice_from(text, n), line;

    while (rest.n > 0) {
        bool whole = slice_cut(&rest, '\n', &line);

        if (slice_starts(line, "."))
            (void)buf_add_text(out, ".");
        (void)buf_add(out, line.p, line.n);
        (void)buf_add_text(out, whole ? "\n" : "\r\n");
    }
}

static void do_retr(struct fake_pop3_session *s, uint32_t number)
{
    struct fake_pop3 *f = s->f;

    f->retrs++;
    if (f->silent)
        return;
    if (number == 0 || number > f->count || number == f->gone) {
        (void)buf_add_text(&s->out, "-ERR no such message\r\n");
        return;
    }
    const struct fake_pop3_message *m = &f->messages[number - 1];

    (void)buf_add_format(&s->out, "+OK %zu octets\r\n", f->lies ? (size_t)7 : m->n);
    if (number == f->cut_in) {
        f->cut_in = 0;
        s->over = true;
        add_stuffed(&s->out, m->text, m->n / 2);
        return;
    }
    add_stuffed(&s->out, m->text, m->n);
    (void)buf_add_text(&s->out, ".\r\n");
}

static void do_uidl(struct fake_pop3_session *s)
{
    const struct fake_pop3 *f = s->f;

    if (f->uidl_answer) {
        (void)buf_add_text(&s->out, f->uidl_answer);
        return;
    }
    (void)buf_add_text(&s->out, "+OK\r\n");
    for (uint32_t i = 0; i < f->count; i++)
        (void)buf_add_format(&s->out, "%" PRIu32 " %s\r\n", i + 1, f->messages[i].id);
    (void)buf_add_text(&s->out, ".\r\n");
}

static void do_pass(struct fake_pop3_session *s, const char *password)
{
    struct fake_pop3 *f = s->f;

    f->log_ons++;
    (void)snprintf(f->last_password, sizeof f->last_password, "%.99s", password);
    (void)buf_add_format(&s->out, "%s\r\n", f->refusal ? f->refusal : "+OK logged on");
}

static void do_line(struct fake_pop3_session *s, const char *line)
{
    struct fake_pop3 *f = s->f;

    if (strncmp(line, "USER ", 5) == 0) {
        (void)snprintf(f->last_user, sizeof f->last_user, "%.99s", line + 5);
        (void)buf_add_text(&s->out, "+OK who?\r\n");
    } else if (strncmp(line, "PASS ", 5) == 0) {
        do_pass(s, line + 5);
    } else if (strcmp(line, "CAPA") == 0 && !f->no_capa) {
        (void)buf_add_format(&s->out, "+OK\r\nTOP\r\nUIDL\r\n%s.\r\n",
                             f->pipelining ? "PIPELINING\r\n" : "");
    } else if (strcmp(line, "STAT") == 0) {
        (void)buf_add_format(&s->out, "+OK %" PRIu32 " 1234\r\n", f->count + f->stat_more);
    } else if (strcmp(line, "UIDL") == 0) {
        do_uidl(s);
    } else if (strncmp(line, "RETR ", 5) == 0) {
        do_retr(s, (uint32_t)strtoul(line + 5, NULL, 10));
    } else if (strcmp(line, "QUIT") == 0) {
        f->quits++;
        s->over = true;
        (void)buf_add_text(&s->out, "+OK bye\r\n");
    } else {
        f->deletes += strncmp(line, "DELE", 4) == 0;
        (void)buf_add_text(&s->out, "-ERR what?\r\n");
    }
}

static void on_ready(struct stream *stream, unsigned what)
{
    struct fake_pop3_session *s = stream->owner;
    uint32_t lines = 0;
    char piece[4096];
    long n;

    (void)what;
    while ((n = stream_read(stream, piece, sizeof piece)) > 0)
        (void)buf_add(&s->in, piece, (size_t)n);
    for (const unsigned char *lf;
         !s->over && s->in.n > 0 && (lf = memchr(s->in.p, '\n', s->in.n)) != NULL; lines++) {
        size_t length = (size_t)(lf - s->in.p);
        char line[1024];

        (void)snprintf(line, sizeof line, "%.*s", (int)(length > 0 ? length - 1 : 0), s->in.p);
        buf_drop(&s->in, length + 1);
        do_line(s, line);
    }
    s->f->ahead_max = lines > s->f->ahead_max ? lines : s->f->ahead_max;
    if (n != STREAM_AGAIN)
        free_session(s);
    else
        flush(s);
}

static void on_accept(void *owner, struct stream *stream)
{
    struct fake_pop3 *f = owner;
    struct fake_pop3_session *s = calloc(1, sizeof *s);

    PM_ASSERT(s);
    s->f = f;
    s->next = f->sessions;
    f->sessions = s;
    s->stream = stream;
    stream->ready = on_ready;
    stream->owner = s;
    buf_init(&s->in, 1 << 20);
    buf_init(&s->out, 128 << 20);
    (void)buf_add_text(&s->out, f->greeting ? f->greeting : "+OK ready\r\n");
    flush(s);
}

void fake_pop3_start(struct fake_pop3 *f, struct loop *l, const struct net_addr *at)
{
    struct err e;

    f->loop = l;
    f->listener = loop_listen(l, at, on_accept, f, &e);
    PM_ASSERT(f->listener);
}

void fake_pop3_stop(struct fake_pop3 *f)
{
    for (struct fake_pop3_session *s = f->sessions, *next; s; s = next) {
        next = s->next;
        free_session(s);
    }
    for (uint32_t i = 0; i < f->count; i++)
        free(f->messages[i].text);
    free(f->messages);
    f->messages = NULL;
    f->count = f->room = 0;
    listener_close(f->listener);
    f->listener = NULL;
}

void fake_pop3_add(struct fake_pop3 *f, const void *text, size_t n)
{
    struct fake_pop3_message *m;

    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->messages = realloc(f->messages, f->room * sizeof *f->messages);
        PM_ASSERT(f->messages);
    }
    m = &f->messages[f->count++];
    *m = (struct fake_pop3_message){.text = malloc(n + 1), .n = n};
    PM_ASSERT(m->text);
    memcpy(m->text, text, n);
    (void)snprintf(m->id, sizeof m->id, "u%" PRIu32, ++f->next_id);
}

void fake_pop3_remove(struct fake_pop3 *f, uint32_t index)
{
    free(f->messages[index].text);
    memmove(f->messages + index, f->messages + index + 1,
            (--f->count - index) * sizeof *f->messages);
}

void fake_pop3_rename(struct fake_pop3 *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        (void)snprintf(f->messages[i].id, sizeof f->messages[i].id, "u%" PRIu32, ++f->next_id);
}
