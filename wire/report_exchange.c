/* report_exchange.c - what Exchange 4.0 to 5.5 writes for people, sentence by sentence.
 *
 * Its text (KB articles Q172364, Q152666, Q246051): a list of blocks, "NAME on DATE", then a sentence that stands for
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
        digit = digit || report_digit(t.p[i]);
        sign = sign || t.p[i] == '/' || t.p[i] == ':' || t.p[i] == '.';
    }
    *name = slice_from(t.p, at);
    return digit && sign;
}

static bool read_int_after(struct slice line, const char *word, int *n)
{
    struct slice s;
    bool minus;

    if (!report_after(line, word, &s))
        return false;
    s = slice_trim(s);
    minus = s.n > 0 && s.p[0] == '-';
    s = slice_skip(s, minus);
    if (s.n == 0 || !report_digit(s.p[0]))
        return false;
    *n = 0;
    for (size_t i = 0; i < s.n && i < 4 && report_digit(s.p[i]); i++)
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

    if (report_after(line, "MTS-ID of the original message is:", &id)) {
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
        struct slice line = report_line(&text), name;

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
        if (report_after(text, marks[i].text, &rest)) {
            read_blocks(a, rest, r);
            for (uint32_t k = 0; k < r->count; k++)
                r->recipients[k].action = marks[i].action;
            return r->count > 0;
        }
    return false;
}
