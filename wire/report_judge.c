/* report_judge.c - codes that stand in a report's text only, and what it means by what it says.
 *
 * Three things are judged, not copied. A generic status (x.0.0) gives way to the one that the refusing server itself said. A
 * notice whose text says that the message has expired or is deleted is final, whatever it calls itself (OpenSMTPD 6.8 says
 * "delayed" of it). Exim's "delivered" with a Remote-MTA means handed over to a host that does not speak DSN: relayed.
 */
#include <ctype.h>
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

#define BLOCK_MAX 2000
#define LOOKS_MAX 16 /* times that a recipient is looked for in the text */

/* Time ran out: the end of trying. Never said of a message that is still in a queue. */
static const char *const expiry_words[] = {
    "envelope expired",
    "message expired",
    "message has expired",
    "delivery time expired",
    "delivery expired",
    "retry timeout exceeded",
    "retry time not reached for any host after a long failure period",
    "giving up",
    "will be deleted from queue",
    "deleted from the queue",
    "removed from the queue",
    "has been removed from",
    "has been in the queue too long",
    "maximum time for delivering",
    "was aborted after",
    "cannot send message for",
    "could not be delivered for",
    "could not deliver for the last",
    "time limit for delivery",
    "exceeded the maximum time",
    "timed out",
    "connection timed out",
    "did not accept our requests to connect",
    "delivery failed 20 attempts",
};

/* Of these a notice that says "delayed" makes itself final. */
static const char *const final_words[] = {
    "envelope expired",           "message has expired",    "message expired",
    "will be deleted from queue", "deleted from the queue", "removed from the queue",
    "has been removed from",      "retry timeout exceeded", "i've given up",
};

/* A sentence with one of these says what may happen, not what did: "unless it is delivered by then, it is removed from the queue". */
static const char *const condition_words[] = {
    "if", "unless", "until", "when", "once", "will be removed", "will be deleted from the",
};

static bool is_generic(const unsigned status[3])
{
    return status[1] == 0 && status[2] == 0;
}

/* Behind the reply code ("550 5.7.1", "550-'5.7.1"): the refusing server's own. */
static bool status_replied(struct slice text, unsigned status[3])
{
    for (size_t i = 0; i + 8 < text.n; i++) {
        struct slice at = slice_skip(text, i + 3);

        if ((text.p[i] != '4' && text.p[i] != '5') || !report_reply(slice_from(text.p + i, 4)) ||
            (i > 0 && report_digit(text.p[i - 1])))
            continue;
        while (at.n > 0 && report_one_of(at.p[0], " -:'#(,["))
            at = slice_skip(at, 1);
        if (at.n > 9)
            at.n = 9;
        if (at.n > 4 && at.p[1] == '.' && report_status(at, status))
            return true;
    }
    return false;
}

static bool status_said(struct slice text, unsigned status[3])
{
    return status_replied(text, status) || report_status(text, status);
}

/* The better of two: one that says more, of the same class. */
static void take_status(struct report_recipient *to, const unsigned said[3])
{
    if (to->status[0] == 0 || (to->status[0] == said[0] && is_generic(to->status)))
        memcpy(to->status, said, sizeof to->status);
}

/* Sendmail's Status follows from the command that was refused ("550 5.7.1" to RCPT becomes 5.1.1): the reply knows better. */
static void take_replied(struct report_recipient *to)
{
    struct slice diagnostic = slice_of(to->diagnostic);
    unsigned said[3];

    if (!status_said(diagnostic, said))
        return;
    take_status(to, said);
    if (status_replied(diagnostic, said) && !is_generic(said) && said[0] == to->reply / 100 &&
        slice_starts_nocase(diagnostic, "smtp") &&
        (said[0] == to->status[0] || to->action == ACTION_FAILED))
        memcpy(to->status, said, sizeof to->status);
}

/* ---- the text about one recipient ---- */

static bool names_another(const struct report *r, const struct report_recipient *to,
                          struct slice line)
{
    struct slice address = report_leading(line);

    for (uint32_t i = 0; i < r->count && address.n > 0; i++)
        if (&r->recipients[i] != to && slice_is_nocase(address, r->recipients[i].final))
            return true;
    return false;
}

/* From the line that names him to an empty line, or to one that names another. */
static struct slice block_at(const struct report *r, const struct report_recipient *to,
                             struct slice text)
{
    struct slice rest = text;

    (void)report_line(&rest);
    while (rest.n > 0) {
        const unsigned char *at = rest.p;
        struct slice line = report_line(&rest);

        if (slice_trim(line).n == 0 || names_another(r, to, line) || at > text.p + BLOCK_MAX)
            return slice_from(text.p, (size_t)(at - text.p));
    }
    return text.n > BLOCK_MAX ? slice_from(text.p, BLOCK_MAX) : text;
}

static void take_codes(struct report_recipient *to, struct slice block)
{
    unsigned said[3];

    if (to->reply == 0)
        to->reply = report_reply(block);
    if (!status_replied(slice_of(to->diagnostic), said) && status_said(block, said))
        take_status(to, said);
}

static bool wants_codes(const struct report_recipient *to)
{
    return to->reply == 0 || to->status[0] == 0 || is_generic(to->status);
}

static void read_blocks(const struct report *r, struct report_recipient *to, struct slice text)
{
    struct slice rest = text, found;

    for (unsigned i = 0; i < LOOKS_MAX && wants_codes(to) && report_after(rest, to->final, &found);
         i++) {
        const unsigned char *line = found.p;

        while (line > text.p && line[-1] != '\n')
            line--;
        take_codes(to, block_at(r, to, slice_from(line, (size_t)(text.p + text.n - line))));
        rest = found;
    }
}

/* ---- meaning ---- */

static bool has_word(struct slice s, const char *word)
{
    struct slice rest = s, after;

    for (; report_after(rest, word, &after); rest = after) {
        const unsigned char *at = after.p - strlen(word);

        if ((at == s.p || !isalpha(at[-1])) && (after.n == 0 || !isalpha(after.p[0])))
            return true;
    }
    return false;
}

/* Up to a full stop with nothing or a blank behind it ("4.4.7" is none); *rest goes on from there. */
static struct slice next_sentence(struct slice *rest)
{
    struct slice s = *rest;
    size_t n = 0;

    while (n < s.n && !(s.p[n] == '.' && (n + 1 == s.n || isspace(s.p[n + 1]))))
        n++;
    *rest = n < s.n ? slice_skip(s, n + 1) : slice_from(NULL, 0);
    return slice_from(s.p, n);
}

/* Does some sentence say that all is over, and not only what would happen? */
static bool says_final(struct slice text)
{
    while (text.n > 0) {
        struct slice sentence = next_sentence(&text);
        bool only_if = false;

        if (!REPORT_HAS_ANY(sentence, final_words))
            continue;
        for (size_t i = 0; i < sizeof condition_words / sizeof *condition_words && !only_if; i++)
            only_if = has_word(sentence, condition_words[i]);
        if (!only_if)
            return true;
    }
    return false;
}

static bool all_is_final(const struct report *r, const struct report_recipient *to)
{
    struct slice text = slice_of(r->text), found;

    if (says_final(slice_of(to->diagnostic)))
        return true;
    for (unsigned i = 0; i < LOOKS_MAX && *to->final && report_after(text, to->final, &found);
         i++) {
        if (says_final(block_at(r, to, found)))
            return true;
        text = found;
    }
    return false;
}

static bool by_exim(const struct report *r)
{
    return fields_has(slice_of(r->text), "created automatically by mail delivery software");
}

static bool has_expired(const struct report *r, const struct report_recipient *to)
{
    struct slice text = report_above(slice_of(r->text));

    if (to->status[1] == 4 && to->status[2] == 7)
        return true;
    if (to->reply >= 500 || (to->status[0] == 5 && !is_generic(to->status)))
        return false;
    if (REPORT_HAS_ANY(slice_of(to->diagnostic), expiry_words))
        return true;
    if (to->status[0] == 4 && to->reply == 0)
        return true;
    return r->count == 1 && (REPORT_HAS_ANY(text, expiry_words) ||
                             REPORT_HAS_ANY(slice_of(r->subject), expiry_words));
}

static void judge_one(const struct report *r, struct report_recipient *to)
{
    if (to->action == ACTION_DELAYED && all_is_final(r, to)) {
        to->action = ACTION_FAILED;
        to->judged = true;
    } else if (to->action == ACTION_DELIVERED && to->handed_over && by_exim(r)) {
        to->action = ACTION_RELAYED;
        to->judged = true;
    }
    to->expired = to->action == ACTION_FAILED && has_expired(r, to);
}

void report_judge(struct report *r)
{
    struct slice text = report_above(slice_of(r->text));

    for (uint32_t i = 0; i < r->count; i++) {
        struct report_recipient *to = &r->recipients[i];

        take_replied(to);
        if (*to->final && wants_codes(to))
            read_blocks(r, to, text);
        if (r->count == 1 && wants_codes(to) && to->action != ACTION_DELIVERED)
            take_codes(to, text);
        judge_one(r, to);
    }
}
