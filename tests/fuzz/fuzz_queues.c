/* fuzz_queues.c - libFuzzer's entry for listings of queues, of every kind of MTA that is known: a listing is refused or its counters
 * are those of its entries, it is read the same again, and no entry names what does not exist.
 *
 * The first octet chooses the reader; bit 7: the whole probe is asked, and what stands behind a NUL octet is what its second
 * command says of messages. In text @7@ stands for a token (bed_expand).
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "probes/probe_queue.h"
#include "probes/queue_format.h"
#include "tests/fuzz/bed.h"

#define KINDS     7u
#define STEPS_MAX 4000u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const enum probe_type types[KINDS] = {
    PROBE_QUEUE_HTTP,      PROBE_QUEUE_EXEC,     PROBE_QUEUE_POSTFIX, PROBE_QUEUE_EXIM,
    PROBE_QUEUE_OPENSMTPD, PROBE_QUEUE_SENDMAIL, PROBE_QUEUE_EXCHANGE};

static bool read_lines(struct queue_list *list, const struct queue_format *f, struct slice text,
                       struct err *e)
{
    struct queue_reader r = {0};
    struct slice line;
    bool ok = true;

    if (f)
        queue_reader_begin(&r, list, 0);
    while (ok && text.n > 0) {
        (void)slice_cut(&text, '\n', &line);
        ok = f ? f->line(&r, line, e) : queue_list_line(list, line, e);
    }
    if (ok)
        ok = f ? f->end(&r, e) : queue_list_end(list, e);
    if (f)
        queue_reader_fini(&r);
    return ok;
}

static void hold_list(const struct queue_list *list, size_t octets)
{
    const struct site *s = list->site;
    struct queue_server sums[8] = {0};

    PM_ASSERT(list->count <= octets && s->server_count <= 8);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct queue_entry *q = &list->entries[i];

        PM_ASSERT(q->server < s->server_count);
        PM_ASSERT(q->mailbox < s->mailbox_count || q->mailbox == SITE_NONE);
        PM_ASSERT(!(q->ours && q->pending) && (!q->ours || q->message < TOKEN_MESSAGES_MAX));
        PM_ASSERT((size_t)q->show_at + q->show_size <= list->ids.n);
        sums[q->server].entries++;
        sums[q->server].due += q->due;
    }
    for (uint32_t i = 0; i < s->server_count; i++)
        PM_ASSERT(list->servers[i].entries <= sums[i].entries &&
                  list->servers[i].due <= sums[i].entries);
}

static bool read_once(struct queue_list *list, unsigned kind, struct slice text)
{
    const struct queue_format *f = queue_format_of(types[kind]);
    struct err e = {0};
    bool ok = types[kind] == PROBE_QUEUE_HTTP ? queue_list_json(list, text, &e)
                                              : read_lines(list, f, text, &e);

    PM_ASSERT(ok || (e.code == EX_WIRE && e.text[0]));
    PM_ASSERT(f || types[kind] == PROBE_QUEUE_HTTP || types[kind] == PROBE_QUEUE_EXEC);
    return ok;
}

static void read_twice(struct bed *b, unsigned kind, struct slice text)
{
    struct queue_list first, second;

    PM_ASSERT(queue_list_init(&first, &b->r->profile.site, &b->key));
    PM_ASSERT(queue_list_init(&second, &b->r->profile.site, &b->key));
    bool ok = read_once(&first, kind, text);

    hold_list(&first, text.n);
    PM_ASSERT(read_once(&second, kind, text) == ok && second.count == first.count);
    for (uint32_t i = 0; i < first.count; i++)
        PM_ASSERT(first.entries[i].fingerprint == second.entries[i].fingerprint &&
                  first.entries[i].ours == second.entries[i].ours);
    for (uint32_t i = 0; i < 3; i++)
        PM_ASSERT(first.servers[i].standing == second.servers[i].standing);
    queue_list_fini(&first);
    queue_list_fini(&second);
}

/* ---- the whole probe ---- */

static struct {
    struct fake_step steps[STEPS_MAX];
    size_t count, first; /* those of the listing come first */
    struct slice json;
    unsigned starts;
} says;

static void script_of(struct slice text, char *room)
{
    struct slice line;

    while (text.n > 0 && says.count + 1 < STEPS_MAX) {
        (void)slice_cut(&text, '\n', &line);
        memcpy(room, line.p, line.n);
        room[line.n] = '\0';
        says.steps[says.count++] = (struct fake_step){.line = room};
        room += line.n + 1;
    }
    says.steps[says.count++] = (struct fake_step){.status = 0};
}

static const struct fake_step *start(struct fake_exec *x, const char *const *argv, size_t *count)
{
    bool lists = argv[0] && strcmp(argv[0], "list") == 0;

    (void)x;
    PM_ASSERT(says.starts++ < 10000);
    *count = lists ? says.first : says.count - says.first;
    return lists ? says.steps : says.steps + says.first;
}

static int answer(struct fake_http *h, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)h;
    (void)method;
    (void)url;
    (void)body;
    PM_ASSERT(buf_add(out, says.json.p, says.json.n));
    return 200;
}

static void ask_probe(struct bed *b, unsigned kind, struct slice text)
{
    static const char *const list[] = {"list", NULL}, *const show[] = {"show", "{id}", NULL};
    struct probe_profile how = {.name = "queues",
                                .type = types[kind],
                                .period_real_ns = 3600 * NS_PER_S,
                                .url = "{control}/v1/queues",
                                .argv = list,
                                .show = queue_format_of(types[kind]) ? show : NULL};
    char *room = malloc(text.n + STEPS_MAX + 2);
    struct slice listed;
    struct err e = {0};

    PM_ASSERT(room);
    says.json = text;
    says.count = says.starts = 0;
    (void)slice_cut(&text, '\0', &listed);
    script_of(listed, room);
    says.first = says.count;
    script_of(text, room + listed.n + says.count);
    b->r->exec.script = start;
    b->r->http.answer = answer;
    b->c.queues = probe_queues_create();
    struct probe *p = probe_queue_ops(&how)->open(&b->c, &how, SITE_NONE, 0, &e);

    PM_ASSERT(p);
    for (int i = 0; i < 3; i++) {
        (void)probe_queues_wave(b->c.queues);
        p->ops->scan(p);
        bed_run(b, NS_PER_S);
    }
    PM_ASSERT(p->due <= p->entries);
    p->ops->close(p);
    probe_queues_destroy(b->c.queues);
    b->c.queues = NULL;
    bed_run(b, NS_PER_S);
    free(room);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    unsigned how = n > 0 ? data[0] : 0;
    struct bed *b = bed_begin();
    struct buf text;

    buf_init(&text, 16u << 20);
    bed_expand(&text, slice_skip(slice_from(data, n), 1), &b->key);
    if (how & 128)
        ask_probe(b, how % KINDS, buf_slice(&text));
    else
        read_twice(b, how % KINDS, buf_slice(&text));
    buf_fini(&text);
    bed_end(b);
    return 0;
}
