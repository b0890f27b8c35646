/* report_prose.c - reports written for people: a product's by its row of report_products.c, anybody's by signs.
 *
 * A recipient's block goes from its line to the next one's: codes and words in it are about that recipient and nobody else.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"
#include "wire/report_products.h"

#define DIAGNOSTIC_MAX 1000

static const char *const failure_words[] = {
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "unable to deliver",
    "undeliverable",
    "delivery failed",
    "error delivering",
    "delivery error",
    "permanent fatal error",
    "permanent error",
    "failed permanently",
    "not delivered",
    "able to deliver",
    "was not able to",
    "delivery failure",
    "failed to deliver",
    "failed recipients",
    "could not deliver",
    "undelivered",
    "mail delivery failed",
    "following recipient",
    "user unknown",
    "unknown user",
    "unrouteable address",
    "rejected",
    "returned to sender",
    "could not send",
    "did not reach",
    "not be delivered",
    "unable to be delivered",
    "no such user",
    "list of recipients",
    "delivery to the following",
    "couldn't deliver",
    "trouble delivering",
    "returning message to sender",
    "mail failed",
    "following address",
    "failure notice",
    "delivery was aborted",
    "could not be processed",
    "returned mail",
};

static const char *const delay_words[] = {
    "delivery delayed",
    "has been delayed",
    "will be retried",
    "do not need to resend",
    "warning message only",
    "not yet been delivered",
    "still being tried",
    "delivery is delayed",
    "will keep trying",
    "delivery incomplete",
    "temporarily delayed",
    "will continue to try",
    "delayed mail",
    "has not been collected",
    "warning: could not send",
    "delivery status notification (delay)",
};

/* ---- recipients and their blocks ---- */

static struct report_recipient *find_named(const struct report *r, struct slice address)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (slice_is_nocase(address, r->recipients[i].final))
            return &r->recipients[i];
    return NULL;
}

static struct report_recipient *name_one(struct arena *a, struct report *r, struct slice address,
                                         enum report_action action)
{
    struct report_recipient *to = find_named(r, address);

    if (to)
        return NULL;
    to = report_add(a, r);
    if (!to)
        return NULL;
    to->final = report_copy(a, address);
    to->action = action;
    return to;
}

static void end_block(struct arena *a, struct report_recipient *to, const unsigned char *from,
                      const unsigned char *end)
{
    struct slice block = slice_trim(slice_from(from, (size_t)(end - from)));

    if (!to || *to->diagnostic)
        return;
    if (block.n > DIAGNOSTIC_MAX)
        block.n = DIAGNOSTIC_MAX;
    to->diagnostic = report_copy(a, block);
    (void)report_status(block, to->status);
    to->reply = report_reply(block);
}

/* ---- a product's row ---- */

struct listing {
    struct slice text; /* from the start line on */
    enum report_shape shape;
    enum report_action action;
    const char *start, *end;
    struct slice
        not_him; /* whom the report was sent to: an address in there is no recipient; empty: anybody */
};

static struct slice address_of_line(const struct listing *l, struct slice line)
{
    struct slice got = {NULL, 0}, trimmed = slice_trim(line), after;

    if (l->shape == SHAPE_ANGLE && trimmed.n > 0 && trimmed.p[0] != '<')
        return got;
    got = report_leading(line);
    if (got.n == 0 && report_after(line, "expanded from:", &after)) /* Sendmail, of a pipe */
        got = report_leading(after);
    return got;
}

static void read_lines(struct arena *a, const struct listing *l, struct report *r)
{
    struct slice rest = l->text;
    struct report_recipient *to = NULL;
    const unsigned char *from = rest.p, *at = rest.p;

    while (rest.n > 0) {
        at = rest.p;
        struct slice line = report_line(&rest), address;

        if (l->end && fields_has(line, l->end))
            break;
        address = address_of_line(l, line);
        at = rest.n > 0 ? at : rest.p;
        if (address.n == 0 || (l->not_him.n > 0 && fields_has(l->not_him, report_copy(a, address))))
            continue;
        if (find_named(r, address))
            continue;
        end_block(a, to, from, line.p);
        to = name_one(a, r, address, l->action);
        from = line.p;
    }
    end_block(a, to, from, at);
}

/* "words <joe@x>", or the address at the beginning of the next line that has anything. */
static void read_after(struct arena *a, const struct listing *l, struct report *r)
{
    struct slice rest = l->text, found;

    while (report_after(rest, l->start, &found)) {
        struct slice block = found, line = report_line(&found), address = report_within(line);
        struct report_recipient *to;

        for (int blank = 0; slice_trim(line).n == 0 && blank < 3 && found.n > 0; blank++) {
            line = report_line(&found);
            address = report_leading(line);
        }
        to = address.n > 0 ? name_one(a, r, address, l->action) : NULL;
        end_block(a, to, block.p, block.p + block.n);
        rest = found;
    }
}

/* "<<< 550 No such user" and then "550 <joe@x>... User unknown": what the other side said comes first. */
static void read_transcript(struct arena *a, const struct listing *l, struct report *r)
{
    struct slice rest = l->text;
    struct slice said = {NULL, 0};

    while (rest.n > 0) {
        struct slice line = slice_trim(report_line(&rest)), dots, address;
        struct report_recipient *to;

        if (slice_starts(line, "<<< ") && report_reply(line))
            said = line;
        if (slice_starts(line, "<<<") || slice_starts(line, ">>>") ||
            !report_after(line, "... ", &dots))
            continue;
        address = report_within(line);
        to = address.n > 0 && address.p < dots.p ? name_one(a, r, address, l->action) : NULL;
        if (!to)
            continue;
        if (said.n == 0 && report_reply(dots))
            said = dots;
        end_block(a, to, said.n > 0 ? said.p : line.p, line.p + line.n);
        said = slice_from(NULL, 0);
    }
}

/* The text behind the line with `words`. */
static bool text_behind(struct slice text, const char *words, struct slice *behind)
{
    struct slice found;

    if (!report_after(text, words, &found))
        return false;
    (void)report_line(&found);
    *behind = found;
    return true;
}

static bool read_row(struct arena *a, const struct report_product *p, struct slice text,
                     struct report *r)
{
    struct listing l = {
        .text = text, .shape = p->shape, .action = p->action, .start = p->start, .end = p->end};
    struct slice found;

    if (p->mark && !report_after(text, p->mark, &found))
        return false;
    if (p->shape == SHAPE_AFTER) {
        read_after(a, &l, r);
    } else {
        if (!text_behind(text, p->start ? p->start : p->mark, &l.text))
            return false;
        if (p->shape == SHAPE_TRANSCRIPT)
            read_transcript(a, &l, r);
        else
            read_lines(a, &l, r);
    }
    if (r->count > 0)
        r->format = p->name;
    return r->count > 0;
}

bool report_read_product(struct arena *a, struct slice text, struct report *r)
{
    for (const struct report_product *p = report_products; p->name; p++)
        if (read_row(a, p, text, r))
            return true;
    return false;
}

/* ---- anybody's ---- */

static void read_failed_field(struct arena *a, struct slice list, enum report_action action,
                              struct report *r)
{
    struct slice one;

    while (list.n > 0) {
        (void)slice_cut(&list, ',', &one);
        one = report_address(slice_trim(one));
        if (report_is_address(one))
            (void)name_one(a, r, one, action);
    }
}

/* No line began with an address: those in angle brackets then, but for the mail system's own. */
static void read_bracketed(struct arena *a, struct slice text, struct slice not_him,
                           enum report_action action, struct report *r)
{
    struct slice before, inside;

    while (slice_cut(&text, '<', &before) && slice_cut(&text, '>', &inside)) {
        struct report_recipient *to;

        if (!report_is_address(inside) || slice_starts_nocase(inside, "postmaster@") ||
            slice_starts_nocase(inside, "mailer-daemon@") ||
            fields_has(not_him, report_copy(a, inside)))
            continue;
        to = name_one(a, r, inside, action);
        end_block(a, to, inside.p, text.p + text.n);
    }
}

static bool is_late(struct slice text, struct slice subject)
{
    return REPORT_HAS_ANY(text, delay_words) || REPORT_HAS_ANY(subject, delay_words);
}

static bool read_anybodys(struct arena *a, struct slice mail, struct slice text, struct report *r)
{
    struct slice subject = slice_of(r->subject), to;
    bool late = is_late(text, subject);
    bool failed = REPORT_HAS_ANY(text, failure_words) || REPORT_HAS_ANY(subject, failure_words);
    struct listing l = {.text = text, .action = late ? ACTION_DELAYED : ACTION_FAILED};

    (void)fields_find(mail, "To", &to);
    l.not_him = to;
    if (late || failed)
        read_lines(a, &l, r);
    if (r->count == 0 && failed)
        read_bracketed(a, text, to, l.action, r);
    r->format = "prose";
    return r->count > 0;
}

/* Whose prose it is, where a field of the header has named the recipients already. */
static const char *name_by_words(struct slice text)
{
    struct slice found;

    for (const struct report_product *p = report_products; p->name; p++)
        if ((!p->mark || report_after(text, p->mark, &found)) &&
            (!p->start || report_after(text, p->start, &found)))
            return p->name;
    return "prose";
}

bool report_read_prose(struct arena *a, struct slice mail, struct report *r)
{
    struct slice text = report_above(slice_of(r->text)), failed;

    if (fields_find(mail, "X-Failed-Recipients", &failed)) {
        read_failed_field(a, failed,
                          is_late(text, slice_of(r->subject)) ? ACTION_DELAYED : ACTION_FAILED, r);
        if (r->count > 0) {
            r->format = name_by_words(text);
            return true;
        }
    }
    return report_read_product(a, text, r) || read_anybodys(a, mail, text, r);
}

/* ---- nobody named ---- */

/* Past "--- Original message ---" and empty lines. */
static struct slice header_behind(struct slice s)
{
    struct slice from = s, name;

    for (int i = 0; i < 5 && s.n > 0; i++) {
        struct slice line = report_line(&s);

        if (slice_cut(&line, ':', &name) && name.n > 0 && !memchr(name.p, ' ', name.n))
            break;
        from = s;
    }
    return from;
}

bool report_guess(struct arena *a, struct report *r)
{
    static const char *const lists[] = {"To", "Cc", "Bcc"};
    struct slice text = slice_of(r->text), returned = slice_of(r->returned), value;
    struct slice above = report_above(text), only = {NULL, 0};
    struct slice subject = slice_of(r->subject);

    if (!REPORT_HAS_ANY(above, failure_words) && !REPORT_HAS_ANY(subject, failure_words))
        return false;
    if (returned.n == 0)
        returned = header_behind(slice_skip(text, above.n));
    if (report_from_mailer(returned)) /* a report about a report: its addressee is our originator */
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (!fields_find(returned, lists[i], &value))
            continue;
        if (only.n > 0 || fields_has(value, ",")) /* more than one: nobody can tell */
            return false;
        only = report_within(value);
    }
    if (only.n == 0 ||
        !name_one(a, r, only, is_late(above, subject) ? ACTION_DELAYED : ACTION_FAILED))
        return false;
    r->recipients[0].guessed = true;
    if (!*r->format)
        r->format = "prose";
    return true;
}
