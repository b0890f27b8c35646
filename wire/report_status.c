/* report_status.c - message/delivery-status (RFC 3464): groups of fields, one group a recipient.
 *
 * Real ones run groups together, repeat them, or put Action first, so a recipient ends at an empty line once it has a name,
 * or at the second Final-Recipient.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

#define STATUS_MAX (256u << 10)

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static size_t read_digits(struct slice s, size_t at, size_t most, unsigned *n)
{
    size_t i = at;

    for (*n = 0; i < s.n && i < at + most && is_digit(s.p[i]); i++)
        *n = *n * 10 + (unsigned)(s.p[i] - '0');
    return i;
}

/* Is there "c.sss.ddd" at `at`, standing free? */
static bool status_at(struct slice s, size_t at, unsigned status[3])
{
    size_t i, j;

    if (at > 0 && (is_digit(s.p[at - 1]) || s.p[at - 1] == '.'))
        return false;
    if (at + 4 >= s.n || s.p[at] < '2' || s.p[at] > '5' || s.p[at + 1] != '.')
        return false;
    status[0] = (unsigned)(s.p[at] - '0');
    i = read_digits(s, at + 2, 3, &status[1]);
    if (i == at + 2 || i >= s.n || s.p[i] != '.')
        return false;
    j = read_digits(s, i + 1, 3, &status[2]);
    if (j == i + 1)
        return false;
    return j >= s.n ||
           (!is_digit(s.p[j]) && !(s.p[j] == '.' && j + 1 < s.n && is_digit(s.p[j + 1])));
}

bool report_status(struct slice text, unsigned status[3])
{
    unsigned got[3];

    for (size_t i = 0; i + 4 < text.n; i++)
        if (status_at(text, i, got)) {
            memcpy(status, got, sizeof got);
            return true;
        }
    return false;
}

unsigned report_reply(struct slice text)
{
    for (size_t i = 0; i + 2 < text.n; i++) {
        bool free_before = i == 0 || !(is_digit(text.p[i - 1]) || text.p[i - 1] == '.' ||
                                       text.p[i - 1] == '-' || text.p[i - 1] == '@');
        bool free_after = i + 3 >= text.n || text.p[i + 3] == ' ' || text.p[i + 3] == '-';
        unsigned n;

        if (!free_before || !free_after || read_digits(text, i, 3, &n) != i + 3)
            continue;
        if ((text.p[i] == '4' || text.p[i] == '5') && text.p[i + 1] <= '5')
            return n;
    }
    return 0;
}

static bool is_address_octet(unsigned char c)
{
    return c > ' ' && c != '<' && c != '>' && c != ',' && c != ';' && c != '(' && c != ')' &&
           c != '"' && c != ':' && c != 0x7f;
}

/* In "|/bin/neko kitty@example.com /x" the word with the @. */
static struct slice word_with_at(struct slice s)
{
    const unsigned char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    size_t from, to;

    if (!at)
        return s;
    from = to = (size_t)(at - s.p);
    while (from > 0 && is_address_octet(s.p[from - 1]))
        from--;
    while (to < s.n && is_address_octet(s.p[to]))
        to++;
    return slice_from(s.p + from, to - from);
}

struct slice report_address(struct slice s)
{
    struct slice rest = s, type;
    size_t at;

    if (slice_cut(&rest, ';', &type) && slice_trim(type).n > 0 && slice_trim(type).n <= 10 &&
        !fields_has(type, "="))
        s = slice_trim(rest);
    if (slice_find(s, slice_of("<"), &at)) {
        rest = slice_skip(s, at + 1);
        if (slice_cut(&rest, '>', &type))
            s = slice_trim(type);
    }
    if (s.n > 0 && s.p[0] == '@' && slice_find(s, slice_of(":"), &at)) /* a source route */
        s = slice_skip(s, at + 1);
    if (slice_find(s, slice_of(" "), &at) && fields_has(s, "@") && !fields_has(s, "="))
        s = word_with_at(s);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = slice_from(s.p + 1, s.n - 2);
    return slice_trim(s);
}

static enum report_action read_action(struct slice s)
{
    static const struct {
        const char *word;
        enum report_action action;
    } words[] = {
        {"fail", ACTION_FAILED},         {"delayed", ACTION_DELAYED},
        {"delivered", ACTION_DELIVERED}, {"deliverable", ACTION_DELIVERED},
        {"relayed", ACTION_RELAYED},     {"expanded", ACTION_EXPANDED},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_starts_nocase(s, words[i].word))
            return words[i].action;
    return ACTION_NONE;
}

/* The recipient being read, before it is known to be one. */
struct open_recipient {
    struct slice final, original, actual, diagnostic, status;
    enum report_action action;
};

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
    if (!strchr(to->final, '@') && strchr(to->original, '@'))
        to->final = to->original;
    to->diagnostic = report_copy(a, was.diagnostic);
    if (!report_status(was.status, to->status))
        (void)report_status(was.diagnostic, to->status);
    to->reply = report_reply(was.diagnostic);
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
