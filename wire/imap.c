/* imap.c - frames first, grammar second.
 *
 * A response ends at the first line end that no {n} stands before. The framer finds it by looking at line ends only and
 * remembers how far it looked, so every octet is searched once however small the pieces are. The grammar then reads a frame
 * that is complete: running out of octets there means that the two disagree, which is the server's fault.
 */
#include "wire/imap.h"

#include <gsasl.h>
#include <inttypes.h>
#include <string.h>

#include "base/secret.h"

#define NESTING_MAX 32
#define LOGIN_MAX   4096
#define SHRINK_FROM (1u << 20) /* a buffer larger than this is given back when empty */

/* ---- lexer ---- */

/* "[" is part of atoms too, by a rule of its own. */
static bool is_atom_octet(unsigned char c)
{
    static const bool special[256] = {
        ['('] = true, [')'] = true, ['"'] = true, ['{'] = true, ['['] = true, [0x7f] = true};

    return c > ' ' && !special[c];
}

/* At '"': the end is the first quote that no backslash stands before. */
static enum imap_answer lex_quoted(struct slice s, struct imap_token *t, size_t *used)
{
    t->kind = IMAP_QUOTED;
    t->escaped = false;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"') {
            t->text = slice_from(s.p + 1, i - 1);
            *used = i + 1;
            return IMAP_DONE;
        }
        if (s.p[i] == '\r' || s.p[i] == '\n' || i > IMAP_LINE_MAX)
            return IMAP_BAD;
        if (s.p[i] == '\\') {
            t->escaped = true;
            i++;
        }
    }
    return IMAP_AGAIN;
}

/* "{n}" or "{n+}" at the end of a line; how many octets it announces. */
static enum imap_answer read_announcement(struct slice s, size_t *size, size_t *used)
{
    size_t i = 1;

    *size = 0;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        *size = *size * 10 + (size_t)(s.p[i] - '0');
        if (*size > IMAP_LITERAL_MAX)
            return IMAP_BAD;
    }
    if (i < s.n && i == 1)
        return IMAP_BAD;
    if (i < s.n && s.p[i] == '+')
        i++;
    if (i >= s.n)
        return IMAP_AGAIN;
    if (s.p[i++] != '}')
        return IMAP_BAD;
    *used = i;
    return IMAP_DONE;
}

static enum imap_answer lex_literal(struct slice s, struct imap_token *t, size_t *used)
{
    size_t size = 0, i = 0;
    enum imap_answer a = read_announcement(s, &size, &i);

    if (a != IMAP_DONE)
        return a;
    if (i < s.n && s.p[i] == '\r')
        i++;
    if (i >= s.n)
        return IMAP_AGAIN;
    if (s.p[i++] != '\n')
        return IMAP_BAD;
    if (s.n - i < size)
        return IMAP_AGAIN;
    t->kind = IMAP_LITERAL;
    t->text = slice_from(s.p + i, size);
    *used = i + size;
    return IMAP_DONE;
}

/* An atom may hold sections in brackets, and blanks, lists and quotes within them. */
static enum imap_answer lex_atom(struct slice s, struct imap_token *t, size_t *used)
{
    size_t i = 0;

    while (i < s.n && (is_atom_octet(s.p[i]) || s.p[i] == '[')) {
        if (s.p[i] == '[')
            while (i < s.n && s.p[i] != ']' && s.p[i] != '\n')
                i++;
        if (i < s.n && s.p[i] == '\n')
            return IMAP_BAD;
        i += i < s.n;
    }
    if (i == s.n)
        return i > IMAP_LINE_MAX ? IMAP_BAD : IMAP_AGAIN;
    if (i == 0)
        return IMAP_BAD;
    t->text = slice_from(s.p, i);
    t->kind = i == 3 && slice_is_nocase(t->text, "NIL") ? IMAP_NIL : IMAP_ATOM;
    *used = i;
    return IMAP_DONE;
}

static enum imap_answer lex_line_end(struct slice s, struct imap_token *t, size_t *used)
{
    size_t i = s.p[0] == '\r';

    if (i >= s.n)
        return IMAP_AGAIN;
    if (s.p[i] != '\n')
        return IMAP_BAD;
    t->kind = IMAP_LINE_END;
    *used = i + 1;
    return IMAP_DONE;
}

static enum imap_answer lex_one(struct slice s, struct imap_token *t, size_t *used)
{
    switch (s.p[0]) {
    case '(':
    case ')':
        t->kind = s.p[0] == '(' ? IMAP_OPEN : IMAP_CLOSE;
        *used = 1;
        return IMAP_DONE;
    case '"':
        return lex_quoted(s, t, used);
    case '{':
        return lex_literal(s, t, used);
    case '\r':
    case '\n':
        return lex_line_end(s, t, used);
    default:
        return lex_atom(s, t, used);
    }
}

enum imap_answer imap_lex(struct slice *rest, struct imap_token *t)
{
    struct slice s = *rest;
    size_t used = 0;

    while (s.n > 0 && s.p[0] == ' ')
        s = slice_skip(s, 1);
    *t = (struct imap_token){.kind = IMAP_LINE_END};
    if (s.n == 0)
        return IMAP_AGAIN;
    enum imap_answer a = lex_one(s, t, &used);

    if (a == IMAP_DONE)
        *rest = slice_skip(s, used);
    return a;
}

size_t imap_unescape(unsigned char *p, size_t n)
{
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\' && i + 1 < n)
            i++;
        p[out++] = p[i];
    }
    return out;
}

/* ---- frames ---- */

void imap_in_init(struct imap_in *in)
{
    memset(in, 0, sizeof *in);
    buf_init(&in->bytes, (size_t)IMAP_LITERAL_MAX + IMAP_SEARCH_MAX + IMAP_LINE_MAX);
}

void imap_in_fini(struct imap_in *in)
{
    buf_fini(&in->bytes);
}

void imap_in_clear(struct imap_in *in)
{
    imap_in_fini(in);
    imap_in_init(in);
}

/* Forgets the responses that were taken off: for nothing when all were, else when they are the larger part. */
static void drop_taken(struct imap_in *in)
{
    if (in->head == in->bytes.n) {
        if (in->bytes.room > SHRINK_FROM)
            imap_in_clear(in);
        buf_clear(&in->bytes);
    } else if (in->head >= in->bytes.n / 2) {
        buf_drop(&in->bytes, in->head);
    } else {
        return;
    }
    in->scan -= in->head; /* never before it */
    in->head = 0;
}

unsigned char *imap_in_room(struct imap_in *in, size_t n)
{
    if (in->head > 0)
        drop_taken(in);
    if (!buf_reserve(&in->bytes, n)) {
        in->error = "more octets than a response may have";
        return NULL;
    }
    return in->bytes.p + in->bytes.n;
}

void imap_in_took(struct imap_in *in, size_t n)
{
    in->bytes.n += n;
}

static bool is_status_word(struct slice s)
{
    return slice_starts_nocase(s, "OK") || slice_starts_nocase(s, "NO") ||
           slice_starts_nocase(s, "BAD") || slice_starts_nocase(s, "BYE") ||
           slice_starts_nocase(s, "PREAUTH");
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* "* 12 FETCH": what comes most, told apart first. */
static bool is_numbered(struct slice response)
{
    return response.n > 2 && response.p[0] == '*' && response.p[1] == ' ' &&
           is_digit(response.p[2]);
}

/* Only data has literals; in the free text of a status, "{5}" is text. */
static bool may_hold_literals(struct slice response)
{
    if (is_numbered(response))
        return true;
    return slice_starts(response, "* ") && !is_status_word(slice_skip(response, 2));
}

/* Does this line (without its end) announce a literal as its last word? */
static enum imap_answer find_announcement(struct slice line, size_t *size)
{
    size_t at = line.n, used = 0;

    if (line.n < 3 || line.p[line.n - 1] != '}')
        return IMAP_AGAIN;
    while (at > 0 && line.n - at < 24 && line.p[at - 1] != '{')
        at--;
    if (at == 0 || line.p[at - 1] != '{')
        return IMAP_AGAIN;
    enum imap_answer a = read_announcement(slice_skip(line, at - 1), size, &used);

    return a == IMAP_DONE && used != line.n - (at - 1) ? IMAP_BAD : a;
}

static enum imap_answer in_bad(struct imap_in *in, const char *error)
{
    in->error = error;
    return IMAP_BAD;
}

static bool line_too_long(const struct imap_in *in, size_t end)
{
    struct slice open = slice_from(in->bytes.p + in->head, in->bytes.n - in->head);
    size_t limit = slice_starts_nocase(open, "* SEARCH") ? IMAP_SEARCH_MAX : IMAP_LINE_MAX;

    return end - in->head - in->literal > limit;
}

/* One complete line ends before `end`. DONE: so does the response. AGAIN: a literal follows. */
static enum imap_answer end_of_line(struct imap_in *in, size_t end)
{
    struct slice open = slice_from(in->bytes.p + in->head, end - in->head);
    struct slice line = open;
    size_t size = 0;

    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    in->scan = end;
    if (line_too_long(in, end))
        return in_bad(in, "a line of more than 64 KiB");
    if (!may_hold_literals(open))
        return IMAP_DONE;
    enum imap_answer a = find_announcement(line, &size);

    if (a == IMAP_BAD)
        return in_bad(in, "a literal that cannot be: no number, or above 64 MiB");
    if (a == IMAP_AGAIN)
        return IMAP_DONE;
    in->literal += size;
    in->scan = end + size;
    return in->literal > IMAP_LITERAL_MAX ? in_bad(in, "literals above 64 MiB") : IMAP_AGAIN;
}

/* Finds the end of the open response. */
static enum imap_answer find_frame(struct imap_in *in, struct slice *frame)
{
    while (in->scan < in->bytes.n) {
        const unsigned char *from = in->bytes.p + in->scan;
        const unsigned char *lf = memchr(from, '\n', in->bytes.n - in->scan);

        if (!lf) {
            in->scan = in->bytes.n;
            break;
        }
        enum imap_answer a = end_of_line(in, (size_t)(lf - in->bytes.p) + 1);

        if (a == IMAP_AGAIN)
            continue;
        if (a == IMAP_DONE) {
            *frame = slice_from(in->bytes.p + in->head, in->scan - in->head);
            in->head = in->scan;
            in->literal = 0;
        }
        return a;
    }
    if (in->scan == in->bytes.n && line_too_long(in, in->bytes.n))
        return in_bad(in, "a line of more than 64 KiB");
    return IMAP_AGAIN;
}

/* ---- grammar ---- */

static bool read_number(struct slice s, uint64_t max, uint64_t *n)
{
    *n = 0;
    if (s.n == 0 || s.n > 20)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (*n > (max - (uint64_t)(s.p[i] - '0')) / 10)
            return false;
        *n = *n * 10 + (uint64_t)(s.p[i] - '0');
    }
    return true;
}

static bool read_u32(struct slice s, uint32_t *n)
{
    uint64_t wide;

    if (!read_number(s, UINT32_MAX, &wide))
        return false;
    *n = (uint32_t)wide;
    return true;
}

/* "OK [CODE x] text": false when the first word is no status. */
static bool read_status(struct slice s, struct imap_response *r)
{
    static const char *const words[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
    struct slice word, rest = s;

    (void)slice_cut(&rest, ' ', &word);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (!slice_is_nocase(word, words[i]))
            continue;
        r->status = (enum imap_status)i;
        r->text = rest;
        if (rest.n > 0 && rest.p[0] == '[') {
            rest = slice_skip(rest, 1);
            if (slice_cut(&rest, ']', &r->code))
                r->text = slice_trim(rest);
            else
                r->code = slice_from(NULL, 0);
        }
        return true;
    }
    return false;
}

/* Passes over one value: an atom, a string, or a list of such. */
static bool skip_value(struct slice *rest, const struct imap_token *first)
{
    struct imap_token t = *first;

    for (unsigned depth = 0;;) {
        depth += t.kind == IMAP_OPEN;
        if (t.kind == IMAP_LINE_END || depth > NESTING_MAX)
            return false;
        if (t.kind == IMAP_CLOSE && depth-- == 0)
            return false;
        if (depth == 0)
            return true;
        if (imap_lex(rest, &t) != IMAP_DONE)
            return false;
    }
}

/* A string, or NIL where there is none. */
static bool read_string(const struct imap_token *value, bool *has, bool *escaped,
                        struct slice *text)
{
    *has = value->kind == IMAP_LITERAL || value->kind == IMAP_QUOTED;
    *text = *has ? value->text : slice_of(NULL); /* said twice: the last one counts */
    *escaped = value->kind == IMAP_QUOTED && value->escaped;
    return *has || value->kind == IMAP_NIL;
}

enum item { ITEM_OTHER, ITEM_UID, ITEM_SIZE, ITEM_BODY, ITEM_FIELDS };

static enum item item_of(struct slice name)
{
    switch (name.n) { /* most are told apart by it */
    case 3:
        return slice_is_nocase(name, "UID") ? ITEM_UID : ITEM_OTHER;
    case 6:
        return slice_is_nocase(name, "BODY[]") || slice_is_nocase(name, "RFC822") ? ITEM_BODY
                                                                                  : ITEM_OTHER;
    case 11:
        return slice_is_nocase(name, "RFC822.SIZE") ? ITEM_SIZE : ITEM_OTHER;
    default:
        return slice_starts_nocase(name, "BODY[HEADER.FIELDS ") ? ITEM_FIELDS : ITEM_OTHER;
    }
}

static bool read_item(struct slice *rest, struct slice name, struct imap_response *r)
{
    struct imap_token value;
    bool has; /* NIL for fields is as good as none of them */

    if (imap_lex(rest, &value) != IMAP_DONE)
        return false;
    switch (item_of(name)) {
    case ITEM_UID:
        r->has_uid = true;
        return read_u32(value.text, &r->uid) && r->uid > 0;
    case ITEM_SIZE:
        r->has_size = true;
        return read_number(value.text, UINT64_MAX, &r->size);
    case ITEM_BODY:
        return read_string(&value, &r->has_body, &r->body_escaped, &r->body);
    case ITEM_FIELDS:
        r->has_fields = true;
        return read_string(&value, &has, &r->fields_escaped, &r->fields);
    case ITEM_OTHER:
        break;
    }
    return skip_value(rest, &value);
}

static bool read_fetch(struct slice rest, struct imap_response *r)
{
    struct imap_token t;

    if (imap_lex(&rest, &t) != IMAP_DONE || t.kind != IMAP_OPEN)
        return false;
    for (;;) {
        if (imap_lex(&rest, &t) != IMAP_DONE)
            return false;
        if (t.kind == IMAP_CLOSE)
            break;
        if (t.kind != IMAP_ATOM || !read_item(&rest, t.text, r))
            return false;
    }
    return imap_lex(&rest, &t) == IMAP_DONE && t.kind == IMAP_LINE_END;
}

/* "* 12 EXISTS" and its kind. */
static bool read_numbered(struct slice rest, struct imap_response *r)
{
    struct slice word, tail = rest;

    (void)slice_cut(&tail, ' ', &word);
    word = slice_trim(word);
    if (slice_is_nocase(word, "FETCH")) {
        r->kind = IMAP_FETCH;
        return read_fetch(tail, r);
    }
    if (slice_is_nocase(word, "EXISTS"))
        r->kind = IMAP_EXISTS;
    else if (slice_is_nocase(word, "EXPUNGE"))
        r->kind = IMAP_EXPUNGE;
    else
        r->kind = IMAP_OTHER;
    return word.n > 0;
}

static bool read_untagged(struct slice frame, struct imap_response *r)
{
    struct slice rest = slice_skip(frame, 2), word;

    if (!is_numbered(frame) && read_status(slice_trim(rest), r)) {
        r->kind = IMAP_STATUS;
        return true;
    }
    (void)slice_cut(&rest, ' ', &word);
    word = slice_trim(word);
    if (read_u32(word, &r->number))
        return read_numbered(rest, r);
    r->text = slice_trim(rest);
    if (slice_is_nocase(word, "SEARCH"))
        r->kind = IMAP_SEARCH;
    else if (slice_is_nocase(word, "CAPABILITY"))
        r->kind = IMAP_CAPABILITY;
    else if (slice_is_nocase(word, "LIST"))
        r->kind = IMAP_LIST;
    return word.n > 0;
}

static bool read_tagged(struct slice frame, struct imap_response *r)
{
    struct slice rest = slice_trim(frame), tag;

    r->kind = IMAP_TAGGED;
    return slice_cut(&rest, ' ', &tag) && tag.n > 1 && tag.p[0] == 'p' &&
           read_u32(slice_skip(tag, 1), &r->tag) && read_status(rest, r) &&
           r->status <= IMAP_BAD_COMMAND;
}

/* The buffer is ours to change. */
static void unescape(struct imap_in *in, struct slice *text)
{
    text->n = imap_unescape(in->bytes.p + (text->p - in->bytes.p), text->n);
}

enum imap_answer imap_in_next(struct imap_in *in, struct imap_response *r)
{
    struct slice frame;
    enum imap_answer a = find_frame(in, &frame);

    memset(r, 0, sizeof *r);
    r->kind = IMAP_OTHER;
    if (a != IMAP_DONE)
        return a;
    r->line = frame;
    if (slice_starts(frame, "* ")) {
        if (!read_untagged(frame, r))
            return in_bad(in, "an untagged response that cannot be read");
    } else if (frame.p[0] == '+') {
        r->kind = IMAP_CONTINUE;
        r->text = slice_trim(slice_skip(frame, 1));
    } else if (!read_tagged(frame, r)) {
        return in_bad(in, "an answer to no command of ours");
    }
    if (r->body_escaped)
        unescape(in, &r->body);
    if (r->fields_escaped)
        unescape(in, &r->fields);
    r->line = slice_trim(r->line);
    return IMAP_DONE;
}

void imap_print_line(const struct imap_response *r, char out[IMAP_PRINT])
{
    size_t n = r->line.n < IMAP_PRINT - 1 ? r->line.n : IMAP_PRINT - 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = r->line.p[i];

        if (c < ' ' || c > '~')
            c = '?';
        out[i] = (char)c;
    }
    out[n] = 0;
    secret_hide(out, n < r->line.n);
}

bool imap_next_number(struct slice *numbers, uint32_t *n)
{
    struct slice word;

    while (numbers->n > 0) {
        (void)slice_cut(numbers, ' ', &word);
        if (read_u32(word, n))
            return true;
    }
    return false;
}

bool imap_code_number(const struct imap_response *r, const char *name, uint32_t *n)
{
    struct slice rest = r->code, word;

    return slice_cut(&rest, ' ', &word) && slice_is_nocase(word, name) &&
           read_u32(slice_trim(rest), n);
}

bool imap_has_word(struct slice words, const char *word)
{
    struct slice one;

    while (words.n > 0) {
        (void)slice_cut(&words, ' ', &one);
        if (slice_is_nocase(slice_trim(one), word))
            return true;
    }
    return false;
}

bool imap_is_listed(const struct imap_response *r)
{
    static const char *const nowhere[] = {"\\NonExistent", "\\NoSelect", "\\Remote"};
    struct slice rest = r->text, words;

    if (r->kind != IMAP_LIST || rest.n == 0 || rest.p[0] != '(')
        return false;
    rest = slice_skip(rest, 1);
    if (!slice_cut(&rest, ')', &words))
        return false;
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
        if (imap_has_word(words, nowhere[i]))
            return false;
    return true;
}

/* RFC 5530's word, RFC 3501's, or Cyrus 3.6's text without any: "NO Mailbox does not exist" (SELECT and EXAMINE). */
bool imap_denies_mailbox(const struct imap_response *r)
{
    size_t at;

    return r->status == IMAP_NO &&
           (imap_has_word(r->code, "NONEXISTENT") || imap_has_word(r->code, "TRYCREATE") ||
            (r->code.n == 0 && slice_find(r->text, slice_of("does not exist"), &at)));
}

bool imap_referral(struct slice line, struct slice *host)
{
    struct slice rest, head;

    while (line.n > 0 && !slice_starts_nocase(line, "[REFERRAL imap://"))
        line = slice_skip(line, 1);
    rest = slice_skip(line, sizeof "[REFERRAL imap://" - 1);
    if (!slice_cut(&rest, ']', &head)) /* cut off, or none at all */
        return false;
    (void)slice_cut(&head, '/', host);
    rest = *host;
    while (slice_cut(&rest, '@', &head)) /* "joe;AUTH=*@s2" */
        *host = rest;
    return host->n > 0;
}

/* ---- commands ---- */

bool imap_put(struct buf *out, uint32_t tag, const char *command)
{
    return buf_add_format(out, "p%" PRIu32 " %s\r\n", tag, command);
}

bool imap_put_examine(struct buf *out, uint32_t tag)
{
    return imap_put(out, tag, "EXAMINE INBOX");
}

static bool can_be_quoted(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            return false;
    return n <= 1024;
}

static bool put_quoted(struct buf *out, const char *text)
{
    bool ok = buf_add(out, "\"", 1);

    for (; ok && *text; text++) {
        if (*text == '"' || *text == '\\')
            ok = buf_add(out, "\\", 1);
        ok = ok && buf_add(out, text, 1);
    }
    return ok && buf_add(out, "\"", 1);
}

bool imap_put_list(struct buf *out, uint32_t tag, const char *name)
{
    return can_be_quoted(name) && buf_add_format(out, "p%" PRIu32 " LIST \"\" ", tag) &&
           put_quoted(out, name) && buf_add_text(out, "\r\n");
}

bool imap_put_search_all(struct buf *out, uint32_t tag)
{
    return imap_put(out, tag, "UID SEARCH ALL");
}

/* The size is not asked for: it decides nothing, and costs Dovecot a fifth of a header's price. */
bool imap_put_fetch(struct buf *out, uint32_t tag, const struct imap_range *set, uint32_t count,
                    enum imap_what what)
{
    bool ok = buf_add_format(out, "p%" PRIu32 " UID FETCH ", tag);

    for (uint32_t i = 0; ok && i < count; i++) {
        ok = (i == 0 || buf_add(out, ",", 1)) && buf_add_format(out, "%" PRIu32, set[i].low);
        if (ok && set[i].high == 0)
            ok = buf_add_text(out, ":*");
        else if (ok && set[i].high > set[i].low)
            ok = buf_add_format(out, ":%" PRIu32, set[i].high);
    }
    return ok && buf_add_text(out, what == IMAP_WHOLE
                                       ? " (UID BODY.PEEK[])\r\n"
                                       : " (UID BODY.PEEK[HEADER.FIELDS (X-Postmuster Message-ID "
                                         "Content-Type From)])\r\n");
}

bool imap_put_idle_done(struct buf *out)
{
    return buf_add_text(out, "DONE\r\n");
}

/* The answer to PLAIN's "+": whom to act as, who logs on, his password, with NULs between. */
static bool put_plain(const struct imap_login *l, struct buf *out)
{
    struct buf all;
    char *text = NULL;
    size_t n = 0;
    bool ok;

    buf_init(&all, LOGIN_MAX);
    ok = buf_add(&all, l->user, strlen(l->user) + 1) &&
         buf_add(&all, l->master, strlen(l->master) + 1) && buf_add_text(&all, l->password) &&
         gsasl_base64_to((const char *)all.p, all.n, &text, &n) == GSASL_OK &&
         buf_add(out, text, n) && buf_add_text(out, "\r\n");
    gsasl_free(text);
    buf_fini(&all);
    return ok;
}

static bool authenticate_next(struct imap_login *l, struct buf *out, bool *more)
{
    *more = l->step == 0;
    if (l->step++ == 0)
        return buf_add_format(out, "p%" PRIu32 " AUTHENTICATE PLAIN\r\n", l->tag);
    return put_plain(l, out);
}

/* Steps: 0 the user begins, 1 its literal octets, 2 the password begins, 3 its literal octets, 4 over. */
bool imap_login_next(struct imap_login *l, struct buf *out, bool *more)
{
    bool ok = l->master || l->step > 0 || buf_add_format(out, "p%" PRIu32 " LOGIN", l->tag);

    if (l->master)
        return authenticate_next(l, out, more);
    *more = false;
    while (ok && l->step < 4) {
        const char *text = l->step < 2 ? l->user : l->password;

        if (l->step % 2 == 1) {
            ok = buf_add_text(out, text);
            l->step++;
        } else if (can_be_quoted(text)) {
            ok = buf_add(out, " ", 1) && put_quoted(out, text);
            l->step += 2;
        } else {
            l->step++;
            *more = true;
            return buf_add_format(out, " {%zu}\r\n", strlen(text));
        }
    }
    return ok && buf_add_text(out, "\r\n");
}
