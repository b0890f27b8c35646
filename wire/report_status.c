/* report_status.c - message/delivery-status (RFC 3464): groups of fields, one group a recipient.
 *
 * Real ones run groups together, repeat them, or put Action first, so a recipient ends at an empty line once it has a name,
 * or at the second Final-Recipient.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

#define STATUS_MAX (256u << 10)

static enum report_action read_action(struct slice s)
{
    static const struct {
        const char *word;
        enum report_action action;
    } words[] = {
        {"fail", ACTION_FAILED},         {"delayed", ACTION_DELAYED},
        {"delivered", ACTION_DELIVERED}, {"deliverable", ACTION_DELIVERED},
        {"relayed", ACTION_RELAYED},     {"expanded", ACTION_EXPANDED},
        {"expired", ACTION_FAILED}, /* no word of RFC 3464's, but of SendGrid's */
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_starts_nocase(s, words[i].word))
            return words[i].action;
    return ACTION_NONE;
}

/* The recipient being read, before it is known to be one. */
struct open_recipient {
    struct slice final, original, diagnostic, status;
    bool handed_over;
    enum report_action action;
};

/* "smtp; 250 2.1.5 Ok": of a success the reply has to stand in front; of a failure it may stand anywhere. */
static unsigned read_reply(struct slice diagnostic)
{
    struct slice s = diagnostic, type;
    unsigned reply = report_reply(diagnostic);

    if (reply == 0 && slice_cut(&s, ';', &type))
        reply = report_success(slice_trim(s));
    return reply;
}

/* "joe@server" of joe@example.com: the same name at a host within. */
static bool is_inner_form(const struct report_recipient *to)
{
    size_t local = strcspn(to->final, "@");

    return !report_is_address(slice_of(to->final)) &&
           strncmp(to->final, to->original, local + 1) == 0;
}

static void close_recipient(struct arena *a, struct report *r, struct open_recipient *o)
{
    struct report_recipient *to;
    struct open_recipient was = *o;

    if (was.final.n + was.original.n == 0)
        return;
    memset(o, 0, sizeof *o);
    to = report_add(a, r);
    if (!to)
        return;
    to->final = report_copy(a, report_address(was.final));
    to->original = report_copy(a, report_address(was.original));
    if (strchr(to->original, '@') && (!strchr(to->final, '@') || is_inner_form(to)))
        to->final = to->original;
    to->diagnostic = report_copy(a, was.diagnostic);
    if (!report_status(was.status, to->status))
        (void)report_status(was.diagnostic, to->status);
    to->reply = read_reply(was.diagnostic);
    to->handed_over = was.handed_over;
    to->action = was.action;
    if (to->action == ACTION_NONE) /* nobody said: the status does */
        to->action = to->status[0] == 5   ? ACTION_FAILED
                     : to->status[0] == 4 ? ACTION_DELAYED
                     : to->status[0] == 2 ? ACTION_DELIVERED
                                          : ACTION_NONE;
}

static void read_field(struct arena *a, const struct field *f, struct report *r,
                       struct open_recipient *o)
{
    if (slice_is_nocase(f->name, "Final-Recipient")) {
        if (o->final.n > 0)
            close_recipient(a, r, o);
        o->final = f->value;
    } else if (slice_is_nocase(f->name, "Original-Recipient")) {
        if (o->original.n > 0)
            close_recipient(a, r, o);
        o->original = f->value;
    } else if (slice_is_nocase(f->name, "Action")) {
        o->action = read_action(f->value);
    } else if (slice_is_nocase(f->name, "Status")) {
        o->status = f->value;
    } else if (slice_is_nocase(f->name, "Diagnostic-Code")) {
        o->diagnostic = f->value;
    } else if (slice_is_nocase(f->name, "Remote-MTA")) {
        o->handed_over = true;
    } else if (slice_is_nocase(f->name, "Original-Envelope-Id") && !*r->envid) {
        r->envid = report_copy(a, f->value);
    } else if (slice_is_nocase(f->name, "Reporting-MTA") && !*r->reporting_mta) {
        r->reporting_mta = report_copy(a, report_address(f->value));
    }
}

void report_read_status(struct arena *a, struct slice groups, struct report *r)
{
    struct open_recipient open = {.action = ACTION_NONE};
    struct field f;

    if (groups.n > STATUS_MAX)
        groups.n = STATUS_MAX;
    while (groups.n > 0) {
        if (fields_next(&groups, &f))
            read_field(a, &f, r, &open);
        else
            close_recipient(a, r, &open);
    }
    close_recipient(a, r, &open);
}

void report_read_feedback(struct arena *a, struct slice fields, struct report *r)
{
    struct field f;

    if (fields.n > STATUS_MAX)
        fields.n = STATUS_MAX;
    while (fields.n > 0) {
        if (!fields_next(&fields, &f))
            continue;
        if (slice_is_nocase(f.name, "Original-Rcpt-To")) {
            const char *final = report_copy(a, report_address(f.value));
            struct report_recipient *to = strchr(final, '@') ? report_add(a, r) : NULL;

            if (to)
                to->final = final;
        } else if (slice_is_nocase(f.name, "Reporting-MTA") && !*r->reporting_mta) {
            r->reporting_mta = report_copy(a, report_address(f.value));
        } else if (slice_is_nocase(f.name, "Original-Envelope-Id") && !*r->envid) {
            r->envid = report_copy(a, f.value);
        }
    }
}
