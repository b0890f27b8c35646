/* report_prose.c - reports written for people: Exchange 4.0 to 5.5 exactly, everybody else's by signs.
 *
 * Exchange's text (KB articles Q172364, Q152666, Q246051): a list of blocks, "NAME on DATE", then a sentence that stands for
 * an X.400 reason and diagnostic, "The MTS-ID of the original message is: ...", and MSEXCH:component:site:server. The
 * table pairs sentence, X.400 codes (Q174175) and the enhanced status that means the same.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

#define REASON_TRANSFER_FAILURE   0
#define REASON_UNABLE_TO_TRANSFER 1

// clang-format off
static const struct meaning {
    const char *sentence; /* part of it, enough to know it by; NULL: known by its codes only */
    int reason, code;     /* -1: omitted, or the store's own */
    unsigned status[3];
} meanings[] = {
    {"communications failure",                            0, -1, {5, 4, 0}},
    {"recipient name is not recognized",                  1,  0, {5, 1, 1}},
    {"name is ambiguous",                                 1,  1, {5, 1, 4}},
    {"due to congestion",                                 0,  2, {5, 3, 0}},
    {"detected looping",                                  1,  3, {5, 4, 6}},
    {"recipient was unavailable",                         1,  4, {5, 2, 1}},
    {"unable to take delivery",                           1,  4, {5, 2, 1}},
    {"maximum time for delivering the message expired",   1,  5, {4, 4, 7}},
    {"due to a recipient problem",                        1, -1, {5, 2, 0}},
    {"directory operation was unsuccessful",              6, -1, {5, 4, 3}},
    {"restriction in the system prevented",               5, -1, {5, 7, 1}},
    {"does not have permission to submit",                5, 29, {5, 7, 2}},
    {"prohibited redirection to an alternate",            1, 26, {5, 7, 4}},
    {"could not be downgraded",                           1, 47, {5, 6, 3}},
    {"content length of the message is too long",         1,  7, {5, 3, 4}},
    {"exceeded the storage limit",                       -1, -1, {5, 2, 2}},
    {"size of this message exceeds",                     -1, -1, {5, 3, 4}},
    {"content type that is not supported",                1, 15, {5, 6, 1}},
    {"syntax error was detected in the content",          1, 12, {5, 6, 0}},
    {"arguments",                                         1, 11, {5, 5, 4}},
    {"postal address was incorrect",                     32, 35, {5, 1, 0}},
    {"not known at this address",                        32, 35, {5, 1, 0}},
    {"no transport provider was available",              -1, -1, {5, 4, 4}},
    {NULL,                                                0, 36, {5, 1, 6}},
    {NULL,                                                0, -1, {5, 4, 0}},
};

// clang-format on

static struct slice cut_line(struct slice *rest)
{
    struct slice line;

    (void)slice_cut(rest, '\n', &line);
    return line;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool find_after(struct slice line, const char *word, struct slice *after)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= line.n; i++)
        if (slice_starts_nocase(slice_skip(line, i), word)) {
            *after = slice_skip(line, i + n);
            return true;
        }
    return false;
}

/* "NAME on M/D/YY h:mm AM" or "NAME on Thu, 29 Apr 2007 16:51:51 -0500": digits and a colon or slash after the last " on ". */
static bool is_block_head(struct slice line, struct slice *name)
{
    struct slice t = slice_trim(line);
    bool digit = false, sign = false;
    size_t at = t.n;

    for (size_t i = 0; i + 4 <= t.n; i++)
        if (memcmp(t.p + i, " on ", 4) == 0)
            at = i;
    if (at == t.n || at == 0)
        return false;
    for (size_t i = at + 4; i < t.n; i++) {
        digit = digit || is_digit(t.p[i]);
        sign = sign || t.p[i] == '/' || t.p[i] == ':' || t.p[i] == '.';
    }
    *name = slice_from(t.p, at);
    return digit && sign;
}

static bool read_int_after(struct slice line, const char *word, int *n)
{
    struct slice s;
    bool minus;

    if (!find_after(line, word, &s))
        return false;
    s = slice_trim(s);
    minus = s.n > 0 && s.p[0] == '-';
    s = slice_skip(s, minus);
    if (s.n == 0 || !is_digit(s.p[0]))
        return false;
    *n = 0;
    for (size_t i = 0; i < s.n && i < 4 && is_digit(s.p[i]); i++)
        *n = *n * 10 + (s.p[i] - '0');
    if (minus)
        *n = -1;
    return true;
}

static void take_meaning(struct report_recipient *to, const struct meaning *m)
{
    to->reason = m->reason;
    to->code = m->code;
    memcpy(to->status, m->status, sizeof to->status);
}

/* MS Mail's form, and event texts: "Reason: 0 (transfer failed)" "diagnostic: -1 (no diagnostic)". */
static void read_codes(struct slice line, struct report_recipient *to)
{
    int reason = to->reason, code = to->code;
    bool any = read_int_after(line, "reason:", &reason);

    any = read_int_after(line, "reason code", &reason) || any;
    any = read_int_after(line, "diagnostic:", &code) || any;
    any = read_int_after(line, "diagnostic code", &code) || any;
    if (!any)
        return;
    to->reason = reason;
    to->code = code == 255 ? -1 : code;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].reason == to->reason && meanings[i].code == to->code) {
            memcpy(to->status, meanings[i].status, sizeof to->status);
            return;
        }
}

static void read_block_line(struct arena *a, struct slice line, struct report *r,
                            struct report_recipient *to)
{
    struct slice id;

    if (find_after(line, "MTS-ID of the original message is:", &id)) {
        if (!*r->mts_id)
            r->mts_id = report_copy(a, slice_trim(id));
        return;
    }
    if (fields_has(line, "MSEXCH:")) {
        if (!*r->reporting_mta)
            r->reporting_mta = report_copy(a, slice_trim(line));
        return;
    }
    read_codes(line, to);
    if (to->status[0] == 0)
        (void)report_status(line, to->status);
    if (to->reply == 0)
        to->reply = report_reply(line);
}

/* A sentence may be broken over lines: it is looked for in the block as a whole, blanks made one. */
static void end_block(struct arena *a, struct slice block, struct report_recipient *to)
{
    char *flat = arena_text(a, (const char *)block.p, block.n < 2000 ? block.n : 2000);
    size_t n = 0;

    if (!flat)
        return;
    for (size_t i = 0; flat[i]; i++) {
        bool blank = strchr(" \t\r\n", flat[i]) != NULL;

        if (blank && (n == 0 || flat[n - 1] == ' '))
            continue;
        if (blank)
            flat[i] = ' ';
        flat[n++] = flat[i];
    }
    flat[n] = 0;
    to->diagnostic = flat;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings && to->status[0] == 0; i++)
        if (meanings[i].sentence && fields_has(slice_of(flat), meanings[i].sentence))
            take_meaning(to, &meanings[i]);
}

/* The blocks from `text` on, up to the returned message or the end. */
static void read_blocks(struct arena *a, struct slice text, struct report *r)
{
    struct report_recipient *to = NULL;
    struct slice block = text;

    while (text.n > 0) {
        const unsigned char *at = text.p;
        struct slice line = cut_line(&text), name;

        if (slice_starts(line, "--") || slice_starts_nocase(slice_trim(line), "Original message"))
            break;
        if (is_block_head(line, &name)) {
            if (to)
                end_block(a, slice_from(block.p, (size_t)(at - block.p)), to);
            to = report_add(a, r);
            if (!to)
                return;
            to->final = report_copy(a, report_address(name));
            block = text;
        } else if (to) {
            read_block_line(a, line, r, to);
        }
    }
    if (to)
        end_block(a, slice_from(block.p, (size_t)(text.p - block.p)), to);
}

bool report_read_exchange(struct arena *a, struct slice text, struct report *r)
{
    static const struct {
        const char *text;
        enum report_action action;
    } marks[] = {
        {"recipient(s) could not be reached:", ACTION_FAILED},
        {"did not reach the following recipient(s):", ACTION_FAILED},
        {"was delivered to the following recipient(s):", ACTION_DELIVERED},
    };
    struct slice rest;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (find_after(text, marks[i].text, &rest)) {
            read_blocks(a, rest, r);
            for (uint32_t k = 0; k < r->count; k++)
                r->recipients[k].action = marks[i].action;
            return r->count > 0;
        }
    return false;
}

/* ---- others ---- */

static const char *const failure_words[] = {
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "unable to deliver",
    "undeliverable",
    "delivery failed",
    "delivery to the following",
    "permanent fatal error",
    "permanent error",
    "failed permanently",
    "not delivered",
    "wasn't able to deliver",
    "was not able to",
    "delivery failure",
    "failed to deliver",
    "failed recipients",
    "could not deliver",
    "was undelivered",
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
    "error delivering",
    "delivery error",
    "couldn't deliver",
};

static const char *const delay_words[] = {
    "delivery delayed",      "has been delayed",       "will be retried",
    "do not need to resend", "warning message only",   "not yet been delivered",
    "still being tried",     "delivery is delayed",    "will keep trying",
    "delivery incomplete",   "temporarily delayed",    "will continue to try",
    "delayed mail",          "has not been collected", "warning: could not send",
};

static const char *const original_marks[] = {
    "below this line is a copy",   "this is a copy of",      "original message follows",
    "--- original message",        "-- original message",    "original message headers",
    "unsent message below",        "returned message",       "undelivered message follows",
    "the body of the message is",  "message header follows", "message headers follow",
    "text of the message follows", "received: from",         "return-path:",
};

static bool has_any(struct slice s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields_has(s, words[i]))
            return true;
    return false;
}

#define HAS_ANY(s, words) has_any((s), (words), sizeof(words) / sizeof *(words))

/* The text for people ends where the returned message begins. */
static struct slice above_the_original(struct slice text)
{
    struct slice rest = text;

    while (rest.n > 0) {
        const unsigned char *at = rest.p;
        struct slice line = cut_line(&rest);

        if (HAS_ANY(line, original_marks))
            return slice_from(text.p, (size_t)(at - text.p));
    }
    return text;
}

static bool is_address(struct slice s)
{
    const unsigned char *at = s.n ? memchr(s.p, '@', s.n) : NULL;

    return at && at > s.p && (size_t)(at - s.p) + 3 < s.n &&
           memchr(at, '.', s.n - (size_t)(at - s.p)) &&
           !memchr(at + 1, '@', s.n - (size_t)(at - s.p) - 1) && !fields_has(s, "mailer-daemon") &&
           !slice_starts_nocase(s, "postmaster@");
}

static bool is_known(const struct report *r, const char *address)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (slice_is_nocase(slice_of(address), r->recipients[i].final))
            return true;
    return false;
}

static void add_named(struct arena *a, struct report *r, struct slice address, struct slice near)
{
    const char *text = report_copy(a, address);
    struct report_recipient *to;

    if (!is_address(address) || is_known(r, text))
        return;
    to = report_add(a, r);
    if (!to)
        return;
    to->final = text;
    to->action = ACTION_FAILED;
    (void)report_status(near, to->status);
    to->reply = report_reply(near);
    if (near.n > 1000)
        near.n = 1000;
    to->diagnostic = report_copy(a, near);
}

/* A line that begins with an address: "  joe@x", "<joe@x>:", "joe@x... User unknown", "RCPT TO:<joe@x>". */
static struct slice leading_address(struct slice line)
{
    struct slice s = slice_trim(line), after;
    size_t n = 0;

    if (find_after(s, "rcpt to:", &after) || find_after(s, "recipient:", &after) ||
        find_after(s, "recipient address:", &after) || find_after(s, "to:", &after))
        s = slice_trim(after);
    if (s.n > 0 && (s.p[0] == '<' || s.p[0] == '"' || s.p[0] == '(' || s.p[0] == '\''))
        s = slice_skip(s, 1);
    while (n < s.n && !strchr(" \t\r<>,;:()\"'[]", s.p[n]))
        n++;
    s.n = n;
    while (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    return s;
}

static void read_named_lines(struct arena *a, struct slice text, struct slice from,
                             struct report *r)
{
    while (text.n > 0) {
        struct slice near = text;
        struct slice address = leading_address(cut_line(&text));

        if (address.n > 0 && !fields_has(from, report_copy(a, address)))
            add_named(a, r, address, near);
    }
}

/* No line began with an address: those in angle brackets then. */
static void read_bracketed(struct arena *a, struct slice text, struct slice from, struct report *r)
{
    struct slice before, inside;

    while (slice_cut(&text, '<', &before) && slice_cut(&text, '>', &inside))
        if (inside.n < 256 && !fields_has(from, report_copy(a, inside)))
            add_named(a, r, inside, text);
}

static void read_failed_field(struct arena *a, struct slice list, struct slice text,
                              struct report *r)
{
    struct slice one;

    while (list.n > 0) {
        (void)slice_cut(&list, ',', &one);
        add_named(a, r, slice_trim(one), text);
    }
}

bool report_read_prose(struct arena *a, struct slice mail, struct report *r)
{
    struct slice text = above_the_original(slice_of(r->text)), subject = slice_of(r->subject);
    struct slice failed, from, to;
    bool late = HAS_ANY(text, delay_words) || HAS_ANY(subject, delay_words);

    (void)fields_find(mail, "From", &from);
    (void)fields_find(mail, "To", &to);
    if (fields_find(mail, "X-Failed-Recipients", &failed))
        read_failed_field(a, failed, text, r);
    else if (late || HAS_ANY(text, failure_words) || HAS_ANY(subject, failure_words))
        read_named_lines(a, text, to, r);
    if (r->count == 0 && HAS_ANY(text, failure_words))
        read_bracketed(a, text, to, r);
    for (uint32_t i = 0; i < r->count && late; i++)
        if (r->recipients[i].status[0] != 5)
            r->recipients[i].action = ACTION_DELAYED;
    return r->count > 0;
}
