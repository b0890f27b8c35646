/* report.c - is it a report, and in which shape: MIME first, then Exchange's prose, then anybody's.
 *
 * The returned message inside a report is never searched for statements: it may be a report itself.
 */
#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"
#include "wire/token.h"

#define MAIL_MAX  (4u << 20)
#define PARTS_MAX 200
#define DEPTH_MAX 16

static pthread_once_t gmime_once = PTHREAD_ONCE_INIT;

const char *report_copy(struct arena *a, struct slice s)
{
    char *text = arena_text(a, (const char *)s.p, s.n);
    size_t n = 0;

    if (!text)
        return "";
    for (size_t i = 0; i < s.n; i++) { /* folding undone, NUL and line ends made blanks */
        char c = text[i];

        if (c == '\r' || (c == '\n' && i + 1 < s.n && strchr(" \t", text[i + 1])))
            continue;
        if (c == '\n' || c == '\t' || c == 0)
            c = ' ';
        text[n++] = c;
    }
    text[n] = 0;
    return text;
}

/* For texts that keep their lines. */
static const char *copy_lines(struct arena *a, struct slice s)
{
    char *text = arena_text(a, (const char *)s.p, s.n < REPORT_TEXT_MAX ? s.n : REPORT_TEXT_MAX);

    for (size_t i = 0; text && i < s.n && i < REPORT_TEXT_MAX; i++)
        if (text[i] == 0)
            text[i] = ' ';
    return text ? text : "";
}

struct report_recipient *report_add(struct arena *a, struct report *r)
{
    if (!r->recipients)
        r->recipients = arena_new(a, struct report_recipient, REPORT_RECIPIENTS_MAX);
    if (!r->recipients || r->count == REPORT_RECIPIENTS_MAX)
        return NULL;
    struct report_recipient *to = &r->recipients[r->count++];

    *to = (struct report_recipient){
        .final = "", .original = "", .diagnostic = "", .reason = -1, .code = -1};
    return to;
}

/* ---- by its parts ---- */

struct walk {
    struct arena *a;
    struct report *r;
    struct buf text, html;
    unsigned parts;
    bool status, feedback, receipt;
};

static void init_gmime(void)
{
    g_mime_init();
}

static bool is_type(GMimeObject *o, const char *type, const char *subtype)
{
    return g_mime_content_type_is_type(g_mime_object_get_content_type(o), type, subtype);
}

/* The decoded octets of a part; g_byte_array_unref() it. NULL: it has none. */
static GByteArray *part_bytes(GMimeObject *o)
{
    GMimeDataWrapper *content = GMIME_IS_PART(o) ? g_mime_part_get_content((GMimePart *)o) : NULL;
    GByteArray *bytes;
    GMimeStream *mem;

    if (!content)
        return NULL;
    bytes = g_byte_array_new();
    mem = g_mime_stream_mem_new_with_byte_array(bytes);
    g_mime_stream_mem_set_owner((GMimeStreamMem *)mem, FALSE);
    (void)g_mime_data_wrapper_write_to_stream(content, mem);
    g_object_unref(mem);
    return bytes;
}

static void take_returned(struct walk *w, struct slice header)
{
    struct slice id;

    if (*w->r->returned)
        return;
    w->r->returned = copy_lines(w->a, header);
    if (fields_find(slice_of(w->r->returned), "Message-ID", &id))
        w->r->original_message_id = report_copy(w->a, id);
}

/* Names in use: delivery-status, global-delivery-status, x-delivery-status, xdelivery-status. */
static bool is_status(GMimeObject *o)
{
    const char *subtype = g_mime_content_type_get_media_subtype(g_mime_object_get_content_type(o));

    return is_type(o, "message", "*") && subtype &&
           fields_has(slice_of(subtype), "delivery-status");
}

static void add_text(struct buf *to, struct slice s)
{
    size_t room = REPORT_TEXT_MAX - to->n;

    if (s.n > room)
        s.n = room;
    (void)buf_add(to, s.p, s.n);
    if (to->n < REPORT_TEXT_MAX)
        (void)buf_add(to, "\n", 1);
}

static void walk_leaf(struct walk *w, GMimeObject *o)
{
    GByteArray *bytes = part_bytes(o);
    struct slice s;

    if (!bytes)
        return;
    s = slice_from(bytes->data, bytes->len);
    if (is_status(o)) {
        w->status = true;
        report_read_status(w->a, s, w->r);
    } else if (is_type(o, "message", "feedback-report")) {
        w->feedback = true;
        report_read_feedback(w->a, s, w->r);
    } else if (is_type(o, "message", "disposition-notification")) {
        w->receipt = true;
    } else if (is_type(o, "text", "rfc822-headers") || is_type(o, "message", "*")) {
        take_returned(w, s);
    } else if (is_type(o, "text", "html")) {
        add_text(&w->html, s);
    } else if (is_type(o, "text", "*")) {
        add_text(&w->text, s);
    }
    g_byte_array_unref(bytes);
}

static void walk_part(struct walk *w, GMimeObject *o, unsigned depth)
{
    if (!o || depth > DEPTH_MAX || ++w->parts > PARTS_MAX)
        return;
    if (GMIME_IS_MULTIPART(o)) {
        int count = g_mime_multipart_get_count((GMimeMultipart *)o);

        for (int i = 0; i < count; i++)
            walk_part(w, g_mime_multipart_get_part((GMimeMultipart *)o, i), depth + 1);
    } else if (GMIME_IS_MESSAGE_PART(o)) {
        GMimeMessage *m = g_mime_message_part_get_message((GMimeMessagePart *)o);
        char *header = m ? g_mime_object_get_headers((GMimeObject *)m, NULL) : NULL;

        take_returned(w, slice_of(header));
        g_free(header);
    } else {
        walk_leaf(w, o);
    }
}

/* Status fields from the line of the first one to where another part, or the returned message, begins; goes past them. */
static struct slice cut_loose_status(struct slice *rest)
{
    const unsigned char *from = rest->p;

    while (rest->n > 0) {
        struct slice after = *rest, line = report_line(&after);

        if (slice_starts(line, "--") || slice_starts_nocase(line, "Return-Path:") ||
            slice_starts_nocase(line, "Received:"))
            break;
        *rest = after;
    }
    return slice_from(from, (size_t)(rest->p - from));
}

/* MIME that is broken (wrong boundary, cut, flattened into text): the status is looked for by its first field. */
static void find_status(struct walk *w)
{
    struct slice rest = slice_of(w->r->text);

    while (rest.n > 0 && w->r->count == 0) {
        struct slice after = rest, line = report_line(&after);

        if (slice_starts_nocase(line, "Reporting-MTA:") ||
            slice_starts_nocase(line, "Final-Recipient:")) {
            w->status = true;
            report_read_status(w->a, cut_loose_status(&rest), w->r);
        } else {
            rest = after;
        }
    }
}

/* A header that GMime cannot take leaves the body as it stands. */
static void walk_mail(struct walk *w, struct slice mail)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)mail.p, mail.n);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

    if (message) {
        const char *subject = g_mime_message_get_subject(message);

        if (subject)
            w->r->subject = report_copy(w->a, slice_of(subject));
        walk_part(w, g_mime_message_get_mime_part(message), 0);
        g_object_unref(message);
    } else {
        struct slice body = fields_body(mail);

        (void)buf_add(&w->text, body.p, body.n < REPORT_TEXT_MAX ? body.n : REPORT_TEXT_MAX);
    }
    g_object_unref(parser);
    g_object_unref(stream);
}

/* ---- together ---- */

/* What a complaint is about: those to whom the returned message went. */
static void name_complained(struct walk *w)
{
    struct slice value, one;

    if (w->r->count > 0 || !fields_find(slice_of(w->r->returned), "To", &value))
        return;
    while (slice_cut(&value, ',', &one) || one.n > 0) {
        struct slice address = report_within(one);
        struct report_recipient *to = address.n > 0 ? report_add(w->a, w->r) : NULL;

        if (to)
            to->final = report_copy(w->a, address);
    }
}

static void settle_prose(struct walk *w, struct slice mail)
{
    struct report *r = w->r;
    bool mailer = w->status || report_from_mailer(mail);
    bool answer = !w->status && report_from_answerer(mail);

    if (report_read_ses(w->a, r))
        return;
    r->sort = SORT_REPORT;
    if (report_read_exchange(w->a, slice_of(r->text), r)) {
        r->format = "exchange";
        return;
    }
    if (mailer && (report_read_prose(w->a, mail, r) || report_guess(w->a, r)))
        return;
    if (!mailer && !answer && report_from_nobody(mail) &&
        report_read_product(w->a, report_above(slice_of(r->text)), r))
        return;
    r->format = "";
    r->sort = SORT_MAIL;
    if (answer)
        r->sort = SORT_AUTO_REPLY;
    else if (mailer)
        r->sort = SORT_UNREADABLE;
}

/* "Final-Recipient: rfc822; @mx.example.org": the text for people may know better, name by name. */
static void complete_names(struct walk *w)
{
    struct report *r = w->r, prose = {.text = r->text, .format = ""};
    bool wanting = false;

    for (uint32_t i = 0; i < r->count; i++)
        wanting = wanting || r->recipients[i].final[0] == '@';
    if (!wanting || !report_read_product(w->a, report_above(slice_of(r->text)), &prose) ||
        prose.count != r->count)
        return;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->recipients[i].final[0] == '@')
            r->recipients[i].final = prose.recipients[i].final;
}

/* A delivery status that says what became of somebody is a report, whatever else the mail holds or calls itself. */
static bool says_fate(const struct report *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->recipients[i].action != ACTION_NONE)
            return true;
    return false;
}

/* Reports in the order in which one can be sure of them. */
static void settle(struct walk *w, struct slice mail)
{
    struct report *r = w->r;

    if (!says_fate(r) && (w->feedback || report_from_complainer(mail))) {
        r->sort = SORT_FEEDBACK;
        r->format = w->feedback ? "arf" : "prose";
        name_complained(w);
        return;
    }
    if (r->count == 0 && !w->receipt && report_from_mailer(mail))
        find_status(w);
    if (r->count > 0) {
        r->sort = SORT_REPORT;
        r->standard = true;
        r->format = "rfc3464";
        complete_names(w);
    } else if (w->receipt) {
        r->sort = SORT_AUTO_REPLY;
    } else {
        settle_prose(w, mail);
    }
    report_judge(r);
}

/* The returned message's identity where no part of its own has it ("Message-ID: <...>" in a text, or in broken MIME). */
static void find_id(struct arena *a, struct slice rest, struct report *r)
{
    struct slice line;

    while (rest.n > 0 && !*r->original_message_id) {
        line = slice_trim(report_line(&rest));
        if (slice_starts_nocase(line, "message-id:"))
            r->original_message_id = report_copy(a, slice_trim(slice_skip(line, 11)));
    }
}

static void read_own_fields(struct arena *a, struct slice mail, struct report *r)
{
    struct slice v;

    *r = (struct report){.sort = SORT_MAIL,
                         .format = "",
                         .message_id = "",
                         .subject = "",
                         .to = "",
                         .original_message_id = "",
                         .returned = "",
                         .envid = "",
                         .reporting_mta = "",
                         .mts_id = "",
                         .text = ""};
    if (fields_find(mail, "Message-ID", &v))
        r->message_id = report_copy(a, v);
    if (fields_find(mail, "Subject", &v))
        r->subject = report_copy(a, v);
    if (fields_find(mail, "To", &v))
        r->to = report_copy(a, v);
}

/* Parts for people; else those with HTML; of broken MIME the body as it stands. */
static struct slice best_text(const struct walk *w, struct slice mail)
{
    struct slice text = buf_slice(&w->text);

    if (slice_trim(text).n == 0 && w->html.n > 0)
        text = report_plain(w->a, buf_slice(&w->html));
    return slice_trim(text).n > 0 || w->status ? text : fields_body(mail);
}

bool report_read(struct arena *a, struct slice mail, struct report *r)
{
    struct walk w = {.a = a, .r = r};

    (void)pthread_once(&gmime_once, init_gmime);
    if (mail.n > MAIL_MAX)
        mail.n = MAIL_MAX;
    read_own_fields(a, mail, r);
    if (!report_suspect(mail))
        return true;
    buf_init(&w.text, REPORT_TEXT_MAX + 16);
    buf_init(&w.html, REPORT_TEXT_MAX + 16);
    walk_mail(&w, mail);
    r->text = copy_lines(a, best_text(&w, mail));
    buf_fini(&w.text);
    buf_fini(&w.html);
    settle(&w, mail);
    find_id(a, slice_of(r->text), r);
    if (r->sort == SORT_REPORT || r->sort == SORT_UNREADABLE)
        find_id(a, fields_body(mail), r);
    return arena_text(a, "", 0) != NULL;
}

/* ---- in one word ---- */

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < REPORT_TOKEN_CHARS; i++) {
        unsigned char c = s.p[i];

        if (!(((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '2' && c <= '7')))
            return false;
    }
    return true;
}

static bool find_token(struct slice text, char out[REPORT_TOKEN_CHARS + 1])
{
    struct slice s;

    while (report_after(text, TOKEN_MARKER, &s)) {
        text = s;
        if (s.n < REPORT_TOKEN_CHARS || !is_token(s))
            continue;
        memcpy(out, s.p, REPORT_TOKEN_CHARS);
        out[REPORT_TOKEN_CHARS] = 0;
        return true;
    }
    return false;
}

bool report_token(const struct report *r, struct slice mail, char out[REPORT_TOKEN_CHARS + 1])
{
    const char *const places[] = {r->envid, r->original_message_id, r->returned, r->subject, r->to,
                                  r->text};

    _Static_assert(REPORT_TOKEN_CHARS == TOKEN_CHARS, "one token, one length");
    out[0] = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (find_token(slice_of(places[i]), out))
            return true;
    if (mail.n > MAIL_MAX)
        mail.n = MAIL_MAX;
    return find_token(mail, out);
}

const char *report_kind(const struct report *r)
{
    static const enum report_action gravest[] = {ACTION_FAILED, ACTION_DELAYED, ACTION_EXPANDED,
                                                 ACTION_RELAYED, ACTION_DELIVERED};

    if (r->sort != SORT_REPORT)
        return r->sort == SORT_MAIL ? "none" : report_sort_name(r->sort);
    for (size_t i = 0; i < sizeof gravest / sizeof *gravest; i++)
        for (uint32_t k = 0; k < r->count; k++)
            if (r->recipients[k].action == gravest[i])
                return report_action_name(gravest[i]);
    return "unreadable"; /* recipients, and not a word of what became of them */
}

const char *report_action_name(enum report_action a)
{
    static const char *const names[] = {"none",      "failed",  "delayed",
                                        "delivered", "relayed", "expanded"};

    return (size_t)a < sizeof names / sizeof *names ? names[a] : "?";
}

const char *report_sort_name(enum report_sort s)
{
    static const char *const names[] = {"mail", "report", "unreadable", "auto-reply", "feedback"};

    return (size_t)s < sizeof names / sizeof *names ? names[s] : "?";
}
