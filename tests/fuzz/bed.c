/* bed.c - what fuzz targets of probes need around them. */
#include "tests/fuzz/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "base/err.h"

static struct bed bed;
static struct arena *arena;

static void on_canary(void *owner, uint64_t number)
{
    const struct bed *b = owner;

    PM_ASSERT(number >= b->r->work.planned && number < b->r->work.planned + b->r->work.canaries);
}

static void make_bed(struct bed *b)
{
    static const struct guard loopback_only = {0};
    struct err e = {0};

    b->r = fake_run_create("fuzz");
    arena = fake_run_plan(b->r, 100);
    b->key = token_key_make(1, 2);
    b->corpus = smtp_corpus_create(7);
    b->how =
        (struct probe_profile){.name = "stores", .period_real_ns = 100 * NS_PER_MS, .content = 100};
    b->c = (struct probe_context){.loop = b->r->loop,
                                  .clock = &b->r->clock,
                                  .work = &b->r->work,
                                  .journal = b->r->journal,
                                  .key = &b->key,
                                  .corpus = b->corpus,
                                  .http = &b->r->http.http,
                                  .exec = &b->r->exec.exec,
                                  .dial = dial_plain_create(b->r->loop, &loopback_only, &e)};
    PM_ASSERT(b->corpus && b->c.dial);
    for (uint8_t i = 0; i < 3; i++)
        b->r->servers[i].imap = b->r->servers[i].pop3 = (struct end_point){
            .text = "fuzz", .addr = {.family = 4, .port = 143, .ip = {127, 0, 0, i + 1}}};
}

struct bed *bed_begin(void)
{
    if (!bed.r)
        make_bed(&bed);
    bed.c.correlate = correlate_create(&bed.c, on_canary, &bed);
    PM_ASSERT(bed.c.correlate);
    return &bed;
}

static bool is_slot(const struct bed *b, const struct event *ev)
{
    const struct workload *w = &b->r->work;

    return ev->slot % w->stride == 0 && ev->slot / w->stride < w->planned;
}

static void hold(const struct bed *b, const struct event *ev)
{
    const struct site *s = &b->r->profile.site;

    PM_ASSERT(ev->kind > EV_NONE && ev->kind < EVENT_KIND_COUNT);
    PM_ASSERT(ev->place < s->server_count);
    if (ev->kind == EV_SEEN || ev->kind == EV_GONE) {
        PM_ASSERT(is_slot(b, ev) && ev->a < s->mailbox_count && ev->b > 0);
        PM_ASSERT(ev->kind == EV_GONE || (ev->code & 255) > 0);
    }
    if (ev->kind == EV_REPORT)
        PM_ASSERT(is_slot(b, ev) && (ev->a < s->mailbox_count || ev->a == NO_INDEX));
    if (ev->kind == EV_SCAN)
        PM_ASSERT(ev->a < s->mailbox_count && ev->b > 0);
    if (ev->kind == EV_FINDING)
        PM_ASSERT(ev->code < FIND_COUNT);
}

uint32_t bed_events(struct bed *b)
{
    PM_ASSERT(journal_flush(b->r->journal));
    return b->r->event_count;
}

void bed_end(struct bed *b)
{
    uint32_t count = bed_events(b);

    for (uint32_t i = 0; i < count; i++)
        hold(b, &b->r->events[i]);
    b->r->event_count = 0;
    buf_clear(&b->r->http.log);
    buf_clear(&b->r->exec.log);
    PM_ASSERT(ftruncate(journal_descriptor(b->r->journal), 0) == 0);
    correlate_destroy(b->c.correlate);
    b->c.correlate = NULL;
}

void bed_run(struct bed *b, uint64_t ns)
{
    fake_run_until(b->r, loop_now(b->r->loop) + ns);
}

/* ---- what stands for other things ---- */

static void add_mail(struct buf *out, uint64_t number, bool literal)
{
    static struct smtp_text text;
    const struct mailbox *boxes = bed.r->profile.site.mailboxes;
    struct msg m = workload_message(&bed.r->work, number);
    struct slice to = slice_of(boxes[m.to[0]].address);
    const struct smtp_text_order order = {.number = number,
                                          .key = &bed.key,
                                          .from = slice_of(boxes[m.from].address),
                                          .to = &to,
                                          .recipients = 1,
                                          .subject = slice_of("hello"),
                                          .body_bytes = m.body_bytes,
                                          .date_s = 883699200};

    PM_ASSERT(smtp_text_compose(&text, bed.corpus, &order));
    size_t bytes = smtp_text_bytes(&text, false);

    if (literal)
        PM_ASSERT(buf_add_format(out, "{%zu}\r\n", bytes));
    for (size_t at = 0; at < bytes;) {
        struct iovec iov[16];
        int n = smtp_text_iov(&text, false, at, iov, 16);

        for (int i = 0; i < n; i++) {
            PM_ASSERT(buf_add(out, iov[i].iov_base, iov[i].iov_len));
            at += iov[i].iov_len;
        }
    }
}

static void add_token(struct buf *out, uint64_t number, const struct token_key *key)
{
    char token[TOKEN_CHARS];

    token_write(key, number, token);
    PM_ASSERT(buf_add_text(out, TOKEN_MARKER) && buf_add(out, token, sizeof token));
}

void bed_expand(struct buf *out, struct slice in, const struct token_key *key)
{
    unsigned mails = 0;

    while (in.n > 0) {
        unsigned char c = in.p[0];
        size_t digit_at = c == '@' || c == 2 || c == 3;
        uint64_t digit = in.n > 1 ? in.p[digit_at] - (uint64_t)'0' : 10;

        if (c == '@' && in.n > 2 && digit < 10 && in.p[2] == '@') {
            add_token(out, digit, key);
            in = slice_skip(in, 3);
        } else if (bed.r && (c == 2 || c == 3) && digit < 10 && mails++ < 64) {
            add_mail(out, digit, c == 3);
            in = slice_skip(in, 2);
        } else {
            PM_ASSERT(buf_add(out, &c, 1));
            in = slice_skip(in, 1);
        }
    }
}

/* ---- a scripted server ---- */

struct scripted {
    struct listener *listener;
    struct stream *stream;
    struct slice script;
    struct buf text, out;    /* text: what `script` is left of */
    char word[64], line[64]; /* of the line heard last; of the one that is coming in */
    size_t line_n;
};

static void say_next(struct scripted *s)
{
    struct slice piece;

    if (s->script.n == 0) {
        stream_close(s->stream);
        s->stream = NULL;
        return;
    }
    (void)slice_cut(&s->script, '\0', &piece);
    for (size_t i = 0; i < piece.n; i++)
        PM_ASSERT(piece.p[i] == 1 ? buf_add_text(&s->out, s->word)
                                  : buf_add(&s->out, piece.p + i, 1));
    if (!stream_send(s->stream, &s->out)) {
        stream_close(s->stream);
        s->stream = NULL;
    }
}

static void hear_octet(struct scripted *s, char c)
{
    if (c == '\n') {
        size_t n = strcspn(s->line, " \r");

        memcpy(s->word, s->line, n);
        s->word[n] = '\0';
        s->line_n = 0;
    } else if (s->line_n + 1 < sizeof s->line) {
        s->line[s->line_n++] = c;
    }
    s->line[s->line_n] = '\0';
}

static void on_ready(struct stream *stream, unsigned what)
{
    struct scripted *s = stream->owner;
    char heard[4096];
    long n = STREAM_AGAIN;
    bool any = false;

    while ((what & STREAM_READABLE) && (n = stream_read(stream, heard, sizeof heard)) > 0) {
        any = true;
        for (long i = 0; i < n; i++)
            hear_octet(s, heard[i]);
    }
    if (n == STREAM_AGAIN && any) {
        say_next(s);
    } else if (n != STREAM_AGAIN || !stream_send(stream, &s->out)) {
        stream_close(stream);
        s->stream = NULL;
    }
}

static void on_accept(void *owner, struct stream *stream)
{
    struct scripted *s = owner;

    stream_close(s->stream);
    s->stream = stream;
    stream->ready = on_ready;
    stream->owner = s;
    buf_clear(&s->out);
    s->line_n = 0;
    say_next(s);
}

struct scripted *scripted_listen(struct bed *b, const struct net_addr *at, struct slice script)
{
    struct scripted *s = calloc(1, sizeof *s);
    struct err e;

    PM_ASSERT(s);
    buf_init(&s->text, 16u << 20);
    buf_init(&s->out, 64u << 20);
    bed_expand(&s->text, script, &b->key);
    s->script = buf_slice(&s->text);
    s->listener = loop_listen(b->r->loop, at, on_accept, s, &e);
    PM_ASSERT(s->listener);
    return s;
}

void scripted_close(struct scripted *s)
{
    listener_close(s->listener);
    stream_close(s->stream);
    buf_fini(&s->text);
    buf_fini(&s->out);
    free(s);
}

/* ---- files ---- */

const char *memory_file(struct slice content)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    PM_ASSERT(fd >= 0 && ftruncate(fd, 0) == 0);
    PM_ASSERT(pwrite(fd, content.p, content.n, 0) == (ssize_t)content.n);
    return path;
}
