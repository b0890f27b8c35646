/* lab_imap_fetch.c - pure work on slices: sets, views, items of FETCH. */
#include "lab/lab_imap_fetch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "lab/mail.h"
#include "lab/plain.h"
#include "lab/schedule.h"

#define RANGES_MAX 20000

/* Sets. */

void imap_set_fini(struct imap_set *set)
{
    free(set->range);
    *set = (struct imap_set){0};
}

static bool parse_number(struct slice text, uint32_t star, uint32_t *out)
{
    uint64_t n = 0;

    if (slice_is(text, "*")) {
        *out = star;
        return true;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i > 9)
            return false;
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    *out = (uint32_t)n;
    return n > 0 && n <= UINT32_MAX;
}

static bool parse_range(struct slice text, uint32_t star, struct imap_range *r)
{
    struct slice high = text, low;
    bool pair = slice_cut(&high, ':', &low);

    if (!parse_number(low, star, &r->low) || !parse_number(pair ? high : low, star, &r->high))
        return false;
    if (r->low > r->high) /* "9:*" in a mailbox of 5 means 5:9 (RFC 3501 9) */
        *r = (struct imap_range){r->high, r->low};
    return true;
}

static int by_low(const void *a, const void *b)
{
    const struct imap_range *x = a, *y = b;

    return (x->low > y->low) - (x->low < y->low);
}

/* In order and without overlaps: each message is answered once. */
static void set_settle(struct imap_set *set)
{
    uint32_t n = 0;

    if (set->n > 1)
        qsort(set->range, set->n, sizeof *set->range, by_low);
    for (uint32_t i = 0; i < set->n; i++) {
        struct imap_range r = set->range[i];

        if (n > 0 && r.low <= set->range[n - 1].high) {
            if (r.high > set->range[n - 1].high)
                set->range[n - 1].high = r.high;
        } else {
            set->range[n++] = r;
        }
    }
    set->n = n;
}

bool imap_set_parse(struct imap_set *set, struct slice text, uint32_t star)
{
    struct slice word;

    set->n = 0;
    while (text.n > 0) {
        struct imap_range r = {0};

        (void)slice_cut(&text, ',', &word);
        if (!parse_range(word, star, &r) || set->n == RANGES_MAX)
            return false;
        if (set->n == set->room) {
            uint32_t room = set->room ? set->room * 2 : 4;

            set->range =
                lab_memory(set->range, set->room * sizeof *set->range, room * sizeof *set->range);
            set->room = room;
        }
        set->range[set->n++] = r;
    }
    set_settle(set);
    return set->n > 0;
}

bool imap_set_has(const struct imap_set *set, uint32_t n)
{
    uint32_t low = 0, high = set->n;

    while (low < high) { /* the first range that ends at or after n */
        uint32_t middle = low + (high - low) / 2;

        if (set->range[middle].high < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && set->range[low].low <= n;
}

/* Views. */

void imap_view_fini(struct imap_view *v)
{
    free(v->uid);
    *v = (struct imap_view){0};
}

void imap_view_add(struct imap_view *v, uint32_t uid)
{
    if (v->n == v->room) {
        uint32_t room = v->room ? v->room * 2 : 16;

        v->uid = lab_memory(v->uid, v->room * sizeof *v->uid, room * sizeof *v->uid);
        v->room = room;
    }
    v->uid[v->n++] = uid;
}

bool imap_view_item(const struct imap_view *v, uint32_t index, const struct lab *l, int server,
                    uint32_t mailbox, struct lab_item *item, uint32_t *at)
{
    uint32_t low = 0, high = lab_item_count(l, server, mailbox);

    *at = index;
    if (lab_item_at(l, server, mailbox, index, item) && item->uid == v->uid[index])
        return true;
    while (low < high) { /* others have expunged: it lies further to the front */
        *at = low + (high - low) / 2;
        if (!lab_item_at(l, server, mailbox, *at, item))
            return false;
        if (item->uid == v->uid[index])
            return true;
        if (item->uid < v->uid[index])
            low = *at + 1;
        else
            high = *at;
    }
    return false;
}

/* What FETCH asks for. */

/* The next item of the list: up to a blank that is not inside brackets. */
static struct slice next_word(struct slice *rest)
{
    size_t n = 0;
    int depth = 0;

    *rest = slice_trim(*rest);
    for (; n < rest->n && (rest->p[n] != ' ' || depth > 0); n++)
        depth += rest->p[n] == '[' ? 1 : rest->p[n] == ']' ? -1 : 0;
    struct slice word = slice_from(rest->p, n);

    *rest = slice_skip(*rest, n);
    return word;
}

/* Names of header fields and blanks: what is echoed in the answer must not end the section there. */
static bool are_names(struct slice list)
{
    for (size_t i = 0; i < list.n; i++)
        if (list.p[i] < ' ' || list.p[i] > '~' || strchr("()[]{}%*\"\\", list.p[i]))
            return false;
    return true;
}

static bool parse_fields(struct imap_part *part, struct slice section)
{
    struct slice list = slice_trim(slice_skip(
        section, strlen(part->kind == PART_FIELDS ? "HEADER.FIELDS" : "HEADER.FIELDS.NOT")));

    if (list.n < 3 || list.p[0] != '(' || list.p[list.n - 1] != ')')
        return false;
    part->fields = slice_from(list.p + 1, list.n - 2);
    return are_names(part->fields);
}

static bool parse_section(struct imap_part *part, struct slice section)
{
    if (section.n == 0)
        part->kind = PART_ALL;
    else if (slice_is_nocase(section, "HEADER"))
        part->kind = PART_HEADER;
    else if (slice_is_nocase(section, "TEXT"))
        part->kind = PART_TEXT;
    else if (slice_starts_nocase(section, "HEADER.FIELDS.NOT "))
        part->kind = PART_FIELDS_NOT;
    else if (slice_starts_nocase(section, "HEADER.FIELDS "))
        part->kind = PART_FIELDS;
    else
        return false;
    return part->kind < PART_FIELDS || parse_fields(part, section);
}

/* "<0.1024>" */
static bool parse_partial(struct imap_part *part, struct slice text)
{
    struct slice from, count;
    uint64_t a = 0, b = 0;

    if (text.n == 0)
        return true;
    if (text.p[0] != '<' || text.p[text.n - 1] != '>')
        return false;
    count = slice_from(text.p + 1, text.n - 2);
    if (!slice_cut(&count, '.', &from) || !text_u64(from, &a, NULL) || !text_u64(count, &b, NULL) ||
        b == 0 || a > UINT32_MAX || b > UINT32_MAX)
        return false;
    part->partial = true;
    part->from = (size_t)a;
    part->count = (size_t)b;
    return true;
}

static bool add_part(struct imap_plan *p, enum imap_part_kind kind, struct slice name)
{
    if (p->parts == IMAP_PARTS_MAX)
        return false;
    p->part[p->parts++] = (struct imap_part){.kind = kind, .name = name};
    return true;
}

/* BODY[...]<...> or BODY.PEEK[...]<...>; \Seen is not kept, so both are the same. */
static bool parse_body(struct imap_plan *p, struct slice word)
{
    bool peek = slice_starts_nocase(word, "BODY.PEEK[");
    size_t open = strlen(peek ? "BODY.PEEK" : "BODY"), close = word.n;

    while (close > open && word.p[close - 1] != ']')
        close--;
    if (close <= open + 1 || !add_part(p, PART_ALL, slice_from(word.p + open, close - open)))
        return false;
    struct imap_part *part = &p->part[p->parts - 1];

    return parse_section(part, slice_from(word.p + open + 1, close - open - 2)) &&
           parse_partial(part, slice_skip(word, close));
}

static bool parse_word(struct imap_plan *p, struct slice word)
{
    if (slice_is_nocase(word, "UID"))
        p->uid = true;
    else if (slice_is_nocase(word, "FLAGS"))
        p->flags = true;
    else if (slice_is_nocase(word, "INTERNALDATE"))
        p->date = true;
    else if (slice_is_nocase(word, "RFC822.SIZE"))
        p->size = true;
    else if (slice_is_nocase(word, "FAST"))
        p->flags = p->date = p->size = true;
    else if (slice_is_nocase(word, "RFC822"))
        return add_part(p, PART_ALL, word);
    else if (slice_is_nocase(word, "RFC822.HEADER"))
        return add_part(p, PART_HEADER, word);
    else if (slice_is_nocase(word, "RFC822.TEXT"))
        return add_part(p, PART_TEXT, word);
    else
        return (slice_starts_nocase(word, "BODY[") || slice_starts_nocase(word, "BODY.PEEK[")) &&
               parse_body(p, word);
    return true;
}

bool imap_plan_parse(struct imap_plan *p, struct slice text)
{
    text = slice_trim(text);
    if (text.n >= 2 && text.p[0] == '(' && text.p[text.n - 1] == ')')
        text = slice_from(text.p + 1, text.n - 2);
    if (text.n == 0)
        return false;
    while (text.n > 0) {
        struct slice word = next_word(&text);

        if (word.n > 0 && !parse_word(p, word))
            return false;
    }
    return true;
}

/* What FETCH answers. */

static struct slice header_of(struct slice content)
{
    size_t at;

    return slice_find(content, slice_of("\r\n\r\n"), &at) ? slice_from(content.p, at + 4) : content;
}

static bool listed(struct slice fields, struct slice name)
{
    struct slice word;

    while (fields.n > 0) {
        (void)slice_cut(&fields, ' ', &word);
        if (word.n >= 2 && word.p[0] == '"' && word.p[word.n - 1] == '"')
            word = slice_from(word.p + 1, word.n - 2);
        if (word.n == name.n && name.n > 0 &&
            strncasecmp((const char *)word.p, (const char *)name.p, name.n) == 0)
            return true;
    }
    return false;
}

/* The fields that are (not) listed, folded lines with them, and the empty line. */
static bool pick_fields(struct buf *picked, const struct imap_part *part, struct slice header)
{
    bool wanted = false, ok = true;

    while (ok && header.n > 2) {
        size_t n = header.n;
        struct slice name;

        if (slice_find(header, slice_of("\r\n"), &n))
            n += 2;
        struct slice line = slice_from(header.p, n);

        header = slice_skip(header, n);
        if (line.p[0] != ' ' && line.p[0] != '\t') {
            struct slice rest = line;

            wanted = slice_cut(&rest, ':', &name) &&
                     listed(part->fields, slice_trim(name)) == (part->kind == PART_FIELDS);
        }
        if (wanted)
            ok = buf_add(picked, line.p, line.n);
    }
    return ok && buf_add_text(picked, "\r\n");
}

static bool add_number(struct buf *out, uint64_t n)
{
    unsigned char digits[PLAIN_DIGITS];

    return buf_add(out, digits, (size_t)(plain_number(digits, n) - digits));
}

static bool write_literal(const struct imap_part *part, struct buf *out, struct slice s)
{
    bool is_section = part->name.p[0] == '['; /* asked as BODY or BODY.PEEK, answered as BODY */
    bool ok =
        (!is_section || buf_add_text(out, "BODY")) && buf_add(out, part->name.p, part->name.n);

    if (part->partial) {
        ok = ok && buf_add_format(out, "<%zu>", part->from);
        s = slice_skip(s, part->from);
        if (s.n > part->count)
            s.n = part->count;
    }
    return ok && buf_add_text(out, " {") && add_number(out, s.n) && buf_add_text(out, "}\r\n") &&
           (s.n == 0 || buf_add(out, s.p, s.n));
}

static bool write_part(const struct imap_part *part, struct buf *out, struct slice content)
{
    struct slice header = header_of(content);
    struct buf picked;

    switch (part->kind) {
    case PART_ALL:
        return write_literal(part, out, content);
    case PART_HEADER:
        return write_literal(part, out, header);
    case PART_TEXT:
        return write_literal(part, out, slice_skip(content, header.n));
    case PART_FIELDS:
    case PART_FIELDS_NOT:
        break;
    }
    buf_init(&picked, header.n + 2);
    bool ok = pick_fields(&picked, part, header) && write_literal(part, out, buf_slice(&picked));
    buf_fini(&picked);
    return ok;
}

static bool write_date(struct buf *out, uint64_t at_ns)
{
    time_t t = (time_t)(LAB_EPOCH_S + at_ns / NS_PER_S);
    struct tm tm = {0};
    char text[40] = "";

    (void)gmtime_r(&t, &tm);
    (void)strftime(text, sizeof text, "%d-%b-%Y %H:%M:%S +0000", &tm);
    return buf_add_format(out, "INTERNALDATE \"%s\"", text);
}

bool imap_plan_write(const struct imap_plan *p, struct buf *out, uint32_t number,
                     const struct lab_item *item)
{
    bool ok = buf_add_text(out, "* ") && add_number(out, number) && buf_add_text(out, " FETCH (");
    size_t start = out->n;

    if (p->uid)
        ok =
            ok && buf_add_text(out, "UID ") && add_number(out, item->uid) && buf_add_text(out, " ");
    if (p->flags)
        ok = ok && buf_add_text(out, item->deleted ? "FLAGS (\\Deleted) " : "FLAGS () ");
    if (p->date)
        ok = ok && write_date(out, item->arrived_ns) && buf_add_text(out, " ");
    if (p->size)
        ok = ok && buf_add_text(out, "RFC822.SIZE ") && add_number(out, item->content.n) &&
             buf_add_text(out, " ");
    for (unsigned i = 0; ok && i < p->parts; i++)
        ok = write_part(&p->part[i], out, item->content) && buf_add_text(out, " ");
    if (ok && out->n > start)
        out->n--; /* the last blank */
    return ok && buf_add_text(out, ")\r\n");
}
