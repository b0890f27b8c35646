/* queue_exchange.c - Exchange's queues as CSV: Get-Message through ConvertTo-Csv, and a last line "end".
 *
 * A first line names the columns, in any order: Identity (server\queue\number), FromAddress, Status, InternetMessageId, and
 * if they are there RetryCount and Recipients (addresses between blanks or semicolons). A field in quotes may hold commas,
 * doubled quotes and line ends. No entries: "end" alone. What is suspended stands still. The server of each entry is said.
 */
#include <string.h>

#include "base/text.h"
#include "probes/queue_format.h"

enum column { IGNORED, IDENTITY, FROM, STATUS, MESSAGE_ID, TRIES, RECIPIENTS, COLUMN_COUNT };

enum { HEAD, ROWS, ENDED };

static const char *const names[COLUMN_COUNT] = {
    [IDENTITY] = "Identity", [FROM] = "FromAddress",
    [STATUS] = "Status",     [MESSAGE_ID] = "InternetMessageId",
    [TRIES] = "RetryCount",  [RECIPIENTS] = "Recipients",
};

/* One field; doubled quotes become one, in place. False: the quotes do not close within the text. */
static bool next_field(unsigned char *text, size_t n, size_t *at, struct slice *field)
{
    size_t from = *at, to = from;

    if (from >= n || text[from] != '"') {
        while (*at < n && text[*at] != ',')
            ++*at;
        *field = slice_from(text + from, *at - from);
        return true;
    }
    for (++*at; *at < n; ++*at) {
        if (text[*at] == '"' && (*at + 1 >= n || text[*at + 1] != '"')) {
            ++*at;
            *field = slice_from(text + from, to - from);
            return true;
        }
        *at += text[*at] == '"';
        text[to++] = text[*at];
    }
    return false;
}

static bool quotes_close(struct slice text)
{
    size_t quotes = 0;

    for (size_t i = 0; i < text.n; i++)
        quotes += text.p[i] == '"';
    return quotes % 2 == 0;
}

static bool read_columns(struct queue_reader *r, struct err *e)
{
    bool has[COLUMN_COUNT] = {0};
    struct slice field;
    size_t at = 0;

    for (unsigned i = 0; at <= r->record.n; i++, at++) {
        if (i == QUEUE_COLUMNS || !next_field(r->record.p, r->record.n, &at, &field))
            return err_set(e, EX_WIRE, "more than %d columns", QUEUE_COLUMNS);
        for (unsigned k = IDENTITY; k < COLUMN_COUNT; k++)
            if (slice_is_nocase(slice_trim(field), names[k])) {
                r->columns[i] = (uint8_t)k;
                has[k] = true;
            }
    }
    for (unsigned k = IDENTITY; k <= MESSAGE_ID; k++)
        if (!has[k])
            return err_set(e, EX_WIRE, "no column %s", names[k]);
    r->step = ROWS;
    return true;
}

/* "EX01\3\1234" */
static bool find_server(struct queue_list *q, struct slice identity, uint32_t *server)
{
    struct slice rest = identity, name;
    bool cut = slice_cut(&rest, '\\', &name);

    for (*server = 0; cut && *server < q->site->server_count; ++*server)
        if (slice_is_nocase(name, q->site->servers[*server].name)) {
            q->names_ours = true;
            return true;
        }
    q->names_others = true;
    return false;
}

static bool add(struct queue_reader *r, const struct slice f[COLUMN_COUNT], uint32_t server,
                struct slice recipient, struct err *e)
{
    uint64_t tries = 0;
    bool null_sender = f[FROM].n == 0 || slice_is(f[FROM], "<>");

    if (f[TRIES].n > 0 && !queue_list_number(f[TRIES], &tries, e))
        return false;
    struct queue_item item = {.id = f[IDENTITY],
                              .sender = null_sender ? slice_of(NULL) : f[FROM],
                              .recipient = recipient,
                              .message_id = f[MESSAGE_ID],
                              .tries = tries < UINT16_MAX ? (uint32_t)tries : UINT16_MAX,
                              .due = !slice_is_nocase(f[STATUS], "Suspended"),
                              .null_sender = null_sender};

    item.state = item.due;
    return queue_list_item(r->list, server, &item, e);
}

static bool read_row(struct queue_reader *r, struct err *e)
{
    struct slice f[COLUMN_COUNT] = {0}, field, rest;
    uint32_t server, recipients = 0;
    size_t at = 0;

    for (unsigned i = 0; at <= r->record.n; i++, at++) {
        if (i == QUEUE_COLUMNS || !next_field(r->record.p, r->record.n, &at, &field))
            return err_set(e, EX_WIRE, "more than %d columns", QUEUE_COLUMNS);
        f[r->columns[i]] = slice_trim(field);
    }
    if (f[IDENTITY].n == 0)
        return err_set(e, EX_WIRE, "a queue entry without an identity");
    if (!find_server(r->list, f[IDENTITY], &server))
        return true;
    for (rest = f[RECIPIENTS]; rest.n > 0;) {
        size_t n = 0;

        while (n < rest.n && !strchr(" ;,{}", rest.p[n]))
            n++;
        field = slice_from(rest.p, n);
        rest = slice_skip(rest, n + 1);
        if (field.n == 0 || !memchr(field.p, '@', field.n))
            continue;
        recipients++;
        if (!add(r, f, server, field, e))
            return false;
    }
    return recipients > 0 || add(r, f, server, slice_of(NULL), e);
}

static bool exchange_line(struct queue_reader *r, struct slice line, struct err *e)
{
    if (r->step == ENDED)
        return slice_trim(line).n == 0 || err_set(e, EX_WIRE, "lines behind \"end\"");
    if (r->record.n == 0) {
        struct slice text = slice_trim(line);

        if (slice_starts(text, "\xef\xbb\xbf"))
            text = slice_skip(text, 3);
        if (text.n == 0 || slice_starts(text, "#TYPE"))
            return true;
        if (slice_is(text, "end")) {
            r->step = ENDED;
            return true;
        }
        line = text;
    } else if (!buf_add_text(&r->record, "\n")) {
        return err_set(e, EX_WIRE, "a row that is too long");
    }
    if (!buf_add(&r->record, line.p, line.n))
        return err_set(e, EX_WIRE, "a row that is too long");
    if (!quotes_close(buf_slice(&r->record)))
        return true; /* the row goes on in the next line */
    bool ok = r->step == HEAD ? read_columns(r, e) : read_row(r, e);

    buf_clear(&r->record);
    return ok;
}

static bool exchange_end(struct queue_reader *r, struct err *e)
{
    if (r->step != ENDED || r->record.n > 0)
        return err_set(e, EX_WIRE, "the listing has no \"end\"");
    return !r->list->names_others || r->list->names_ours ||
           err_set(e, EX_WIRE, "the listing names servers, but none of the profile's");
}

const struct queue_format queue_exchange = {
    .type = PROBE_QUEUE_EXCHANGE,
    .names_servers = true,
    .line = exchange_line,
    .end = exchange_end,
};
