/* queue_postfix.c - "postqueue -j": one JSON object a line and message; "postcat -eh -q ID..." shows headers.
 *
 * Queues maildrop, incoming, active and deferred are under way: qmgr tries deferred mail again until its lifetime is over, and
 * a listing does not say when; only what is on hold stands still. An empty queue is no line at all. There is no count of
 * tries; the reason of the delay stands for it. A line that was cut for its length (thousands of recipients: not ours) is
 * an entry without recipients.
 */
#include <jansson.h>

#include "base/hash.h"
#include "probes/queue_format.h"

#define CUT_BYTES 65536u /* base/exec cuts lines there */

static struct slice text_of(const json_t *in, const char *key)
{
    const json_t *v = json_object_get(in, key);

    return json_is_string(v) ? slice_from(json_string_value(v), json_string_length(v))
                             : slice_of(NULL);
}

static uint64_t mix(uint64_t h, struct slice s)
{
    uint64_t both[2] = {h, hash_fast(s.p, s.n)};

    return hash_fast(both, sizeof both);
}

static bool add(struct queue_reader *r, const json_t *in, const json_t *recipient, struct err *e)
{
    struct slice sender = text_of(in, "sender"), queue = text_of(in, "queue_name");
    struct queue_item item = {
        .id = text_of(in, "queue_id"), .sender = sender, .due = !slice_is(queue, "hold")};

    item.show_id = item.id;
    item.recipient = text_of(recipient, "address");
    item.state = mix(mix(0, queue), text_of(recipient, "delay_reason"));
    item.null_sender = sender.n == 0 || slice_is(sender, "MAILER-DAEMON");
    return queue_list_item(r->list, r->server, &item, e);
}

static json_t *parse(struct slice line, json_error_t *bad)
{
    static const char list[] = "\"recipients\": [";
    struct buf whole;
    size_t at;
    json_t *in = json_loadb((const char *)line.p, line.n, 0, bad);

    if (in || line.n < CUT_BYTES || !slice_find(line, slice_of(list), &at))
        return in;
    buf_init(&whole, CUT_BYTES + 16);
    if (buf_add(&whole, line.p, at) && buf_add_text(&whole, "\"recipients\": []}"))
        in = json_loadb((const char *)whole.p, whole.n, 0, bad);
    buf_fini(&whole);
    return in;
}

static bool postfix_line(struct queue_reader *r, struct slice line, struct err *e)
{
    json_error_t bad;

    if (slice_trim(line).n == 0)
        return true;
    json_t *in = parse(line, &bad);
    const json_t *recipients = json_object_get(in, "recipients");
    bool ok = queue_id_ok(text_of(in, "queue_id")) && text_of(in, "queue_name").n > 0 &&
              json_is_array(recipients);

    if (!in)
        (void)err_set(e, EX_WIRE, "no JSON: %s", bad.text);
    else if (!ok)
        (void)err_set(e, EX_WIRE, "expected queue_name, queue_id and recipients");
    if (ok && json_array_size(recipients) == 0)
        ok = add(r, in, NULL, e);
    for (size_t i = 0; ok && i < json_array_size(recipients); i++)
        ok = add(r, in, json_array_get(recipients, i), e);
    json_decref(in);
    return ok;
}

static bool postfix_end(struct queue_reader *r, struct err *e)
{
    (void)r;
    (void)e;
    return true; /* the exit status says that all was listed */
}

/* "*** ENVELOPE RECORDS deferred/D/DB756A72258 ***" and "*** MESSAGE FILE END deferred/D/DB756A72258 ***" */
static enum queue_mark postfix_mark(struct slice line, struct slice *id)
{
    static const char begin[] = "*** ENVELOPE RECORDS ", end[] = "*** MESSAGE FILE END ";
    bool begins = slice_starts(line, begin);
    size_t stop = line.n;

    if (!begins && !slice_starts(line, end))
        return QUEUE_NO_MARK;
    while (stop > 0 && (line.p[stop - 1] == '*' || line.p[stop - 1] == ' '))
        stop--;
    size_t from = stop;
    while (from > 0 && line.p[from - 1] != '/' && line.p[from - 1] != ' ')
        from--;
    *id = slice_from(line.p + from, stop - from);
    return begins ? QUEUE_MARK_BEGIN : QUEUE_MARK_END;
}

static const char *const argv[] = {"postqueue", "-j", NULL};
static const char *const show[] = {"postcat", "-eh", "-q", "{ids}", NULL};

const struct queue_format queue_postfix = {
    .type = PROBE_QUEUE_POSTFIX,
    .argv = argv,
    .show = show,
    .config = "-c",
    .line = postfix_line,
    .end = postfix_end,
    .mark = postfix_mark,
};
