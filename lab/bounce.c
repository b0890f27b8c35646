/* bounce.c - two shapes of one report.
 *
 * Exchange text: heading, Subject and Sent of the original, one block per recipient: name "on" date, the sentence, from
 * 5.0 on the MTS identifier, then MSEXCH:component:site:server (4.0: in square brackets). Nothing else of the original
 * comes back. DSN: multipart/report with the status part and the original or its header.
 */
#include "lab/bounce.h"

#include <inttypes.h>
#include <stdio.h>

#include "lab/mail.h"

static const struct {
    int reason, diag;
    const char *status, *sentence;
} causes[] = {
    {0, 255, "5.4.0", "Unable to deliver the message due to a communications failure"},
    {0, 2, "5.3.0",
     "The recipient could not be processed due to congestion in the message transfer service"},
    {1, 0, "5.1.1", "The recipient name is not recognized"},
    {1, 3, "5.4.6", "The recipient was detected looping within the message transfer service"},
    {1, 5, "4.4.7", "The maximum time for delivering the message expired"},
    {1, 26, "5.7.0",
     "Unable to deliver the message because the originator prohibited redirection to an alternate "
     "recipient or the message was encrypted"},
};

#define CAUSES (sizeof causes / sizeof *causes)

static const struct {
    const char *action, *status; /* NULL: that of the cause */
    const char *subject, *heading, *verdict;
} kinds[] = {
    [BOUNCE_FAILED] = {"failed", NULL, "Undeliverable: ",
                       "Your message did not reach some or all of the intended recipients.\r\n",
                       "The following recipient(s) could not be reached:"},
    [BOUNCE_DELIVERED] = {"delivered", "2.0.0", "Delivered: ", "Your message\r\n",
                          "was delivered to the following recipient(s):"},
    /* Exchange says of what has not expired yet what it says of what has. */
    [BOUNCE_DELAYED] = {"delayed", "4.4.7", "Delayed: ", "Your message is delayed\r\n",
                        "and is still being tried for the following recipient(s):"},
};

const char *bounce_sentence(int reason, int diag)
{
    for (size_t i = 0; i < CAUSES; i++)
        if (causes[i].reason == reason && causes[i].diag == diag)
            return causes[i].sentence;
    return "Unable to deliver the message due to a recipient problem";
}

const char *bounce_action(enum bounce_kind kind)
{
    return kinds[kind].action;
}

const char *bounce_status(enum bounce_kind kind, int reason, int diag)
{
    if (kinds[kind].status)
        return kinds[kind].status;
    for (size_t i = 0; i < CAUSES; i++)
        if (causes[i].reason == reason && causes[i].diag == diag)
            return causes[i].status;
    return "5.0.0";
}

static bool add_slice(struct buf *out, struct slice s)
{
    return buf_add(out, s.p, s.n);
}

/* A header's value on one line: folds and stray line ends become single blanks. */
static bool add_unfolded(struct buf *out, struct slice s)
{
    bool ok = true;

    for (size_t i = 0; i < s.n && ok; i++) {
        bool is_end = s.p[i] == '\r' || s.p[i] == '\n';

        if (!is_end)
            ok = buf_add(out, &s.p[i], 1);
        else if (i + 1 < s.n && s.p[i + 1] != '\n' && s.p[i + 1] != ' ' && s.p[i + 1] != '\t')
            ok = buf_add(out, " ", 1);
    }
    return ok;
}

static bool write_head(struct buf *out, const struct bounce *b)
{
    char date[MAIL_DATE_ROOM];
    bool ok = buf_add_format(out,
                             "Return-Path: <>\r\n"
                             "From: System Administrator <postmaster@%s>\r\nTo: ",
                             b->domain) &&
              add_slice(out, b->to) &&
              buf_add_format(out, "\r\nSubject: %s", kinds[b->kind].subject);

    return ok && add_unfolded(out, b->subject) &&
           buf_add_format(out,
                          "\r\nDate: %s\r\nMessage-ID: <report-%" PRIu64 "@%s.%s>\r\n"
                          "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                          "X-Mailer: Internet Mail Service (%s)\r\n",
                          mail_date(date, b->now_ns), b->id, b->server, b->domain, b->build);
}

static bool write_reason(struct buf *out, const struct bounce *b)
{
    bool ok = true;

    if (b->kind == BOUNCE_FAILED)
        ok = buf_add_format(out, "  %s\r\n", bounce_sentence(b->reason, b->diag));
    if (ok && b->generation >= 50)
        ok = buf_add_text(out, "  The MTS-ID of the original message is: ") &&
             add_slice(out, b->mts_id) && buf_add_text(out, "\r\n");
    if (ok && b->kind == BOUNCE_FAILED)
        ok = buf_add_format(
            out, b->generation >= 50 ? "  MSEXCH:%s:%s:%s\r\n" : "  [MSEXCH:%s:%s:%s]\r\n",
            b->component, b->site, b->server);
    return ok;
}

static bool write_text(struct buf *out, const struct bounce *b)
{
    char date[MAIL_DATE_ROOM];

    return buf_add_format(out, "%s\r\n  Subject:", kinds[b->kind].heading) &&
           add_unfolded(out, b->subject) &&
           buf_add_format(out, "\r\n  Sent:%s\r\n\r\n%s\r\n\r\n  ",
                          mail_date_short(date, b->sent_ns), kinds[b->kind].verdict) &&
           add_slice(out, b->name) &&
           buf_add_format(out, " on %s\r\n", mail_date_short(date, b->now_ns)) &&
           write_reason(out, b);
}

static bool add_field(struct buf *out, const char *name, struct slice value)
{
    return value.n == 0 ||
           (buf_add_text(out, name) && add_slice(out, value) && buf_add_text(out, "\r\n"));
}

static bool write_status(struct buf *out, const struct bounce *b)
{
    char date[MAIL_DATE_ROOM];
    bool ok = buf_add_format(out, "Reporting-MTA: dns; %s.%s\r\n", b->server, b->domain) &&
              add_field(out, "Original-Envelope-Id: ", b->envid) &&
              buf_add_format(out, "Arrival-Date: %s\r\n\r\n", mail_date(date, b->sent_ns)) &&
              add_field(out, "Original-Recipient: ", b->orcpt) &&
              add_field(out, "Final-Recipient: rfc822; ", b->address) &&
              buf_add_format(out, "Action: %s\r\nStatus: %s\r\n", bounce_action(b->kind),
                             bounce_status(b->kind, b->reason, b->diag));

    if (ok && b->kind == BOUNCE_FAILED)
        ok = buf_add_format(out, "Diagnostic-Code: x-exchange; reason %d diagnostic %d (%s)\r\n",
                            b->reason, b->diag, bounce_sentence(b->reason, b->diag));
    return ok;
}

/* The header of the original, with the empty line after it. */
static struct slice header_of(struct slice content)
{
    size_t at = 0;

    if (slice_find(content, slice_of("\r\n\r\n"), &at))
        content.n = at + 2;
    return content;
}

static bool write_dsn(struct buf *out, const struct bounce *b)
{
    char edge[64];

    (void)snprintf(edge, sizeof edge, "=_report_%" PRIu64 "_%" PRIu64 "_", b->id, b->now_ns);
    bool ok =
        buf_add_format(out,
                       "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                       "\tboundary=\"%s\"\r\n\r\n"
                       "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
                       edge, edge) &&
        write_text(out, b) &&
        buf_add_format(out, "\r\n--%s\r\nContent-Type: message/delivery-status\r\n\r\n", edge) &&
        write_status(out, b);

    return ok &&
           buf_add_format(out,
                          "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit"
                          "\r\n\r\n",
                          edge, b->headers_only ? "text/rfc822-headers" : "message/rfc822") &&
           add_slice(out, b->headers_only ? header_of(b->original) : b->original) &&
           buf_add_format(out, "\r\n--%s--\r\n", edge);
}

bool bounce_write(struct buf *out, const struct bounce *b)
{
    if (!write_head(out, b))
        return false;
    if (b->as_dsn || b->kind == BOUNCE_DELAYED)
        return write_dsn(out, b);
    return buf_add_text(out, "Content-Type: text/plain; charset=\"iso-8859-1\"\r\n\r\n") &&
           write_text(out, b);
}
