/* report_ses.c - Amazon SES through SNS: a notification as JSON in the body of a mail.
 *
 * {"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"joe@x","action":"failed","status":"5.1.1",
 * "diagnosticCode":"smtp; 550 ..."}],...},"mail":{...}}; wrapped in SNS's own JSON its quotes are escaped. Only the few
 * strings wanted are looked for, key by key: no tree, no depth, every step forward.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

/* Without the backslashes that SNS puts before quotes. */
static struct slice unescape(struct arena *a, struct slice s)
{
    unsigned char *out = arena_bytes(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < s.n; i++)
        if (s.p[i] != '\\')
            out[n++] = s.p[i];
    return slice_from(out, n);
}

/* The string that is the value of the next such key; *rest is left behind it. */
static bool next_string(struct slice *rest, const char *key, struct slice *value)
{
    struct slice s;

    if (!report_after(*rest, key, &s))
        return false;
    s = slice_trim(s);
    if (s.n == 0 || s.p[0] != ':')
        return false;
    s = slice_trim(slice_skip(s, 1));
    if (s.n == 0 || s.p[0] != '"')
        return false;
    s = slice_skip(s, 1);
    (void)slice_cut(&s, '"', value);
    *rest = s;
    return true;
}

/* The array behind a key: up to its bracket; none of its objects holds another array. */
static bool array_of(struct slice text, const char *key, struct slice *inside)
{
    struct slice s, before;

    if (!report_after(text, key, &s) || !slice_cut(&s, '[', &before) ||
        slice_trim(before).n != 1) /* the colon */
        return false;
    (void)slice_cut(&s, ']', inside);
    return true;
}

static void read_bounced(struct arena *a, struct slice list, struct report *r)
{
    struct slice one, value, at;

    while (slice_cut(&list, '}', &one) || slice_trim(one).n > 0) {
        struct report_recipient *to;

        at = one;
        if (!next_string(&at, "\"emailAddress\"", &value) || !(to = report_add(a, r)))
            continue;
        to->final = report_copy(a, report_address(value));
        to->action = ACTION_FAILED;
        at = one;
        if (next_string(&at, "\"diagnosticCode\"", &value)) {
            to->diagnostic = report_copy(a, value);
            to->reply = report_reply(value);
        }
        at = one;
        if (next_string(&at, "\"status\"", &value))
            (void)report_status(value, to->status);
        at = one;
        if (next_string(&at, "\"action\"", &value) && slice_starts_nocase(value, "delayed"))
            to->action = ACTION_DELAYED;
    }
}

/* A list of plain strings: Delivery's recipients. */
static void read_delivered(struct arena *a, struct slice text, struct slice list, struct report *r)
{
    struct slice one, said = {NULL, 0}, rest = text;

    (void)next_string(&rest, "\"smtpResponse\"", &said);
    while (slice_cut(&list, ',', &one) || slice_trim(one).n > 0) {
        struct slice address = report_within(one);
        struct report_recipient *to = address.n > 0 ? report_add(a, r) : NULL;

        if (!to)
            continue;
        to->final = report_copy(a, address);
        to->action = ACTION_DELIVERED;
        to->diagnostic = report_copy(a, said);
        (void)report_status(said, to->status);
        to->reply = report_success(said);
    }
}

bool report_read_ses(struct arena *a, struct report *r)
{
    struct slice text = slice_of(r->text), type, list, rest, value;

    if (!fields_has(text, "notificationType"))
        return false;
    rest = text = unescape(a, text);
    if (!next_string(&rest, "\"notificationType\"", &type))
        return false;
    if (slice_is(type, "Complaint") && array_of(text, "\"complainedRecipients\"", &list)) {
        r->sort = SORT_FEEDBACK;
        read_bounced(a, list, r);
        for (uint32_t i = 0; i < r->count; i++)
            r->recipients[i].action = ACTION_NONE;
    } else if (slice_is(type, "Bounce") && array_of(text, "\"bouncedRecipients\"", &list)) {
        r->sort = SORT_REPORT;
        read_bounced(a, list, r);
    } else if (slice_is(type, "Delivery") && report_after(text, "\"delivery\"", &rest) &&
               array_of(rest, "\"recipients\"", &list)) {
        r->sort = SORT_REPORT;
        read_delivered(a, rest, list, r);
    } else {
        return false;
    }
    rest = text;
    if (next_string(&rest, "\"reportingMTA\"", &value))
        r->reporting_mta = report_copy(a, report_address(value));
    r->format = "ses";
    return r->count > 0 || r->sort == SORT_FEEDBACK;
}
