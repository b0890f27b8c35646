/* queue_sendmail.c - "mailq" as Sendmail and Postfix print it for people.
 *
 * An entry begins in the first column: id with a letter for its state behind it, size, when, sender. Indented below: reasons in
 * parentheses, recipients. The foot says how many there are, and has to agree; "is empty" stands for none. What Postfix
 * marks "!" is on hold and stands still. Of Sendmail a queue file, /var/spool/mqueue/qfID, shows the headers.
 */
#include <ctype.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "probes/queue_format.h"

enum { BETWEEN, ENTRY, FOOT };

static bool starts_entry(struct slice line)
{
    return line.n > 0 && isalnum(line.p[0]);
}

static struct slice bare(struct slice address)
{
    struct slice s = slice_trim(address);

    if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
        s = slice_from(s.p + 1, s.n - 2);
    return s;
}

static bool add(struct queue_reader *r, struct slice recipient, struct err *e)
{
    struct slice id = slice_of(r->id), reason = buf_slice(&r->record);
    struct queue_item item = {.id = id,
                              .show_id = id,
                              .sender = slice_of(r->sender),
                              .recipient = bare(recipient),
                              .state = hash_fast(reason.p ? (const void *)reason.p : "", reason.n),
                              .due = r->due,
                              .null_sender = r->sender[0] == '\0'};

    r->columns[0] = 1; /* it has a recipient */
    return queue_list_item(r->list, r->server, &item, e);
}

static bool close_entry(struct queue_reader *r, struct err *e)
{
    bool ok = r->step != ENTRY || r->columns[0] || add(r, slice_of(NULL), e);

    r->step = r->step == FOOT ? FOOT : BETWEEN;
    return ok;
}

static bool read_head(struct queue_reader *r, struct slice line, struct err *e)
{
    struct slice sender;
    size_t n = 0, at = line.n;

    while (n < line.n && isalnum(line.p[n]))
        n++;
    if (!close_entry(r, e) || !queue_id_copy(r->id, slice_from(line.p, n), e))
        return false;
    if (n == line.n || !strchr(" *!X-?#", line.p[n]))
        return err_set(e, EX_WIRE, "expected the id of a queue entry");
    r->due = line.p[n] != '!';
    while (at > 0 && line.p[at - 1] != ' ')
        at--;
    sender = bare(slice_skip(line, at));
    if (sender.n >= sizeof r->sender || at <= n)
        return err_set(e, EX_WIRE, "the sender of %s cannot be read", r->id);
    if (slice_is_nocase(sender, "MAILER-DAEMON"))
        sender.n = 0;
    if (sender.n > 0)
        memcpy(r->sender, sender.p, sender.n);
    r->sender[sender.n] = '\0';
    r->entries++;
    r->columns[0] = 0;
    r->step = ENTRY;
    buf_clear(&r->record);
    return true;
}

/* "\t\tTotal requests: 3" or "-- 1 Kbytes in 3 Requests." */
static bool read_foot(struct queue_reader *r, struct slice number, struct err *e)
{
    uint64_t count;
    size_t n = 0;

    number = slice_trim(number);
    while (n < number.n && isdigit(number.p[n]))
        n++;
    if (!close_entry(r, e) || !queue_list_number(slice_from(number.p, n), &count, e))
        return false;
    r->step = FOOT;
    return count == r->entries || err_set(e, EX_WIRE, "%llu entries were announced, %u listed",
                                          (unsigned long long)count, r->entries);
}

static bool read_indented(struct queue_reader *r, struct slice text, struct err *e)
{
    if (r->step != ENTRY)
        return err_set(e, EX_WIRE, "expected a queue entry");
    if (text.p[0] != '(')
        return add(r, text, e);
    buf_clear(&r->record);
    return buf_add(&r->record, text.p, text.n) || err_set(e, EX_WIRE, "a reason that is too long");
}

static bool sendmail_line(struct queue_reader *r, struct slice line, struct err *e)
{
    static const char total[] = "Total requests:", in[] = " in ";
    struct slice text = slice_trim(line);
    size_t at;

    if (text.n == 0)
        return true;
    if (slice_starts(text, total))
        return read_foot(r, slice_skip(text, sizeof total - 1), e);
    if (slice_starts(line, "-- ") && slice_find(line, slice_of(in), &at))
        return read_foot(r, slice_skip(line, at + sizeof in - 1), e);
    if (slice_starts(line, "Mail queue is empty"))
        return read_foot(r, slice_of("0"), e);
    if (slice_starts(line, "-")) /* what the columns are */
        return true;
    if (r->step != ENTRY && slice_find(text, slice_of(" is empty"), &at))
        return true;
    if (r->step != ENTRY && text.p[0] == '/' && slice_find(text, slice_of(" request"), &at))
        return true; /* whose entries follow: "/var/spool/mqueue (1 request)" */
    if (starts_entry(line))
        return read_head(r, line, e);
    return read_indented(r, text, e);
}

static bool sendmail_end(struct queue_reader *r, struct err *e)
{
    return r->step == FOOT || err_set(e, EX_WIRE, "the listing does not say how many there are");
}

static const char *const argv[] = {"mailq", NULL};
static const char *const show[] = {"cat", "/var/spool/mqueue/qf{id}", NULL};

const struct queue_format queue_sendmail = {
    .type = PROBE_QUEUE_SENDMAIL,
    .argv = argv,
    .show = show,
    .line = sendmail_line,
    .end = sendmail_end,
};
