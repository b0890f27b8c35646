/* report.c - is it a report, and in which shape: MIME first, then Exchange's prose, then anybody's.
 *
 * The returned message inside a report is never searched for statements: it may be a report itself.
 */
#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

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

/* ---- by its header ---- */

static const char *const subjects[] = {
    "undeliver",
    "delivery status notification",
    "mail delivery",
    "returned mail",
    "failure notice",
    "delivery failure",
    "delivery report",
    "non-delivery",
    "nondeliverable",
    "delivery notif",
    "mail system error",
    "warning: could not send",
    "warning: message",
    "delivery delay",
    "mail failure",
    "delayed mail",
    "returned to sender",
    "returned message",
    "delivery has failed",
    "message could not be delivered",
    "message you sent blocked",
    "mail error",
    "unable to deliver",
    "could not be delivered",
    "delivery problem",
    "sorry, your mail",
    "user unknown",
    "notification d",
    "undelivered",
};

static const char *const senders[] = {
    "mailer-daemon",      "postmaster",  "system administrator", "mail delivery",
    "maildaemon",         "mail daemon", "mailerdaemon",         "mdaemon",
    "microsoft outlook",  "mail-daemon", "mail system",          "delivery subsystem",
    "mail administrator", "daemon@",
};

#define HAS_ANY(s, words) has_any((s), (words), sizeof(words) / sizeof *(words))

static bool has_any(struct slice s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields_has(s, words[i]))
            return true;
    return false;
}

static bool says_auto_reply(struct slice mail)
{
    struct slice v;

    if (fields_find(mail, "Auto-Submitted", &v) && slice_starts_nocase(v, "auto-replied"))
        return true;
    if (fields_find(mail, "Precedence", &v) && slice_starts_nocase(v, "auto_reply"))
        return true;
    if (fields_find(mail, "X-Autoreply", &v) || fields_find(mail, "X-Auto-Response-Suppress", &v) ||
        fields_find(mail, "X-Autorespond", &v))
        return true;
    return fields_find(mail, "Subject", &v) &&
           (slice_starts_nocase(v, "auto:") || fields_has(v, "out of office") ||
            fields_has(v, "automatic reply") || slice_starts_nocase(v, "autoreply"));
}

/* Sent by a mail system rather than by a person or a vacation program. */
static bool from_a_mailer(struct slice mail)
{
    struct slice v;

    if (fields_find(mail, "From", &v) && HAS_ANY(v, senders))
        return true;
    if (fields_find(mail, "X-Failed-Recipients", &v))
        return true;
    return fields_find(mail, "Subject", &v) && HAS_ANY(v, subjects);
}

bool report_suspect(struct slice mail)
{
    struct slice v;

    if (fields_find(mail, "Content-Type", &v) &&
        (fields_has(v, "multipart/report") || fields_has(v, "delivery-status")))
        return true;
    if (fields_find(mail, "Return-Path", &v) && slice_is(v, "<>"))
        return true;
    return from_a_mailer(mail) || says_auto_reply(mail);
}

/* ---- by its parts ---- */

struct walk {
    struct arena *a;
    struct report *r;
    struct buf text;
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

static void walk_leaf(struct walk *w, GMimeObject *o)
{
    GByteArray *bytes = part_bytes(o);
    struct slice s;

    if (!bytes)
        return;
    s = slice_from(bytes->data, bytes->len);
    if (is_type(o, "message", "delivery-status") ||
        is_type(o, "message", "global-delivery-status")) {
        w->status = true;
        report_read_status(w->a, s, w->r);
    } else if (is_type(o, "message", "feedback-report")) {
        w->feedback = true;
    } else if (is_type(o, "message", "disposition-notification")) {
        w->receipt = true;
    } else if (is_type(o, "text", "rfc822-headers") || is_type(o, "message", "*")) {
        take_returned(w, s);
    } else if (is_type(o, "text", "*") && w->text.n + s.n < REPORT_TEXT_MAX) {
        (void)buf_add(&w->text, s.p, s.n);
        (void)buf_add(&w->text, "\n", 1);
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

/* MIME that is broken (wrong boundary, cut): the status part is looked for by its name. */
static void find_status(struct walk *w, struct slice mail)
{
    static const char name[] = "message/delivery-status";
    struct slice body = fields_body(mail), s;
    size_t end;

    while (body.n > sizeof name) {
        const unsigned char *m = memchr(body.p, '/', body.n);

        if (!m)
            return;
        body = slice_skip(body, (size_t)(m - body.p) + 1);
        if (m - mail.p < 7 || !slice_starts_nocase(slice_from(m - 7, body.n + 8), name))
            continue;
        s = fields_body(body); /* behind the fields of the part */
        for (end = 0; end + 3 < s.n; end++)
            if (s.p[end] == '\n' && s.p[end + 1] == '-' && s.p[end + 2] == '-')
                break;
        w->status = true;
        report_read_status(w->a, slice_from(s.p, end + 1 < s.n ? end + 1 : s.n), w->r);
        return;
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

static void settle_prose(struct walk *w, struct slice mail)
{
    struct report *r = w->r;
    bool mailer = w->status || from_a_mailer(mail);

    if (report_read_exchange(w->a, slice_of(r->text), r)) {
        r->format = "exchange";
        r->sort = SORT_REPORT;
    } else if (mailer && report_read_prose(w->a, mail, r)) {
        r->format = "prose";
        r->sort = SORT_REPORT;
    } else if (says_auto_reply(mail) && !w->status) {
        r->sort = SORT_AUTO_REPLY;
    } else if (mailer) {
        r->sort = SORT_UNREADABLE;
    }
}

/* The returned message's identity where only prose shows it ("Message-ID: <...>" in a text part). */
static void find_prose_id(struct arena *a, struct report *r)
{
    struct slice rest = slice_of(r->text), line, id;

    while (rest.n > 0 && !*r->original_message_id) {
        (void)slice_cut(&rest, '\n', &line);
        line = slice_trim(line);
        if (!slice_starts_nocase(line, "message-id:"))
            continue;
        id = slice_trim(slice_skip(line, 11));
        r->original_message_id = report_copy(a, id);
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
    walk_mail(&w, mail);
    r->text = copy_lines(a, buf_slice(&w.text));
    buf_fini(&w.text);
    if (r->count == 0 && !w.feedback && !w.receipt)
        find_status(&w, mail);
    if (w.feedback) {
        r->sort = SORT_FEEDBACK;
    } else if (r->count > 0) {
        r->sort = SORT_REPORT;
        r->standard = true;
        r->format = "rfc3464";
    } else if (w.receipt) {
        r->sort = SORT_AUTO_REPLY;
    } else {
        settle_prose(&w, mail);
    }
    find_prose_id(a, r);
    return arena_text(a, "", 0) != NULL;
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
