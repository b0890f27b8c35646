/* report_header.c - what the header alone says: written by a mail system, by an answering program, by a complainer.
 *
 * report_suspect() stands in the way of every message that a probe reads, so the header is gone through once.
 */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

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
    "mail failed",
    "delayed mail",
    "returned to sender",
    "returning to sender",
    "returned message",
    "delivery has failed",
    "message could not be delivered",
    "message you sent blocked",
    "mail error",
    "error sending your mail",
    "unable to deliver",
    "could not be delivered",
    "delivery problem",
    "sorry, your mail",
    "user unknown",
    "notification d",
    "aws notification message",
    "loop alert",
    "loop back warning",
    "undelivered",
};

static const char *const senders[] = {
    "mailer-daemon",     "postmaster",  "post_master",        "system administrator",
    "mail delivery",     "maildaemon",  "mail daemon",        "mailerdaemon",
    "mdaemon",           "mail-daemon", "mail system",        "delivery subsystem",
    "microsoft outlook", "daemon@",     "mail administrator",
};

/* Beginnings of subjects that answering programs write. */
static const char *const answers[] = {
    "auto:",         "autoreply",     "auto-reply", "auto reply",     "autoresponse",
    "auto response", "auto-response", "vacation:",  "away from mail",
};

static const char *const answers_within[] = {
    "out of office",        "out of the office",   "automatic reply",
    "automatische antwort", "réponse automatique", "(vacation)",
};

#define STARTS_ANY(s, words) starts_any((s), (words), sizeof(words) / sizeof *(words))

static bool starts_any(struct slice s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_starts_nocase(s, words[i]))
            return true;
    return false;
}

static bool is_answer_subject(struct slice v)
{
    return STARTS_ANY(v, answers) || REPORT_HAS_ANY(v, answers_within);
}

static bool is_answer(const struct field *f)
{
    static const char *const fields[] = {"X-Autoreply",      "X-Auto-Response-Suppress",
                                         "X-Autorespond",    "X-Autoresponder",
                                         "X-Autoreply-From", "X-Mail-Autoreply"};

    if (slice_is_nocase(f->name, "Subject"))
        return is_answer_subject(f->value);
    if (slice_is_nocase(f->name, "Auto-Submitted"))
        return slice_starts_nocase(f->value, "auto-replied");
    if (slice_is_nocase(f->name, "Precedence"))
        return slice_starts_nocase(f->value, "auto_reply");
    if (slice_is_nocase(f->name, "X-Apple-Action"))
        return slice_is_nocase(f->value, "VACATION");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_is_nocase(f->name, fields[i]))
            return true;
    return false;
}

static bool is_mailer(const struct field *f)
{
    if (slice_is_nocase(f->name, "From"))
        return REPORT_HAS_ANY(f->value, senders);
    if (slice_is_nocase(f->name, "Subject"))
        return REPORT_HAS_ANY(f->value, subjects);
    return slice_is_nocase(f->name, "X-Failed-Recipients");
}

static bool is_complaint(const struct field *f)
{
    return slice_is_nocase(f->name, "Subject") &&
           slice_starts_nocase(f->value, "complaint about message from");
}

static bool is_null_path(const struct field *f)
{
    return slice_is_nocase(f->name, "Return-Path") && slice_is(f->value, "<>");
}

static bool is_by_type(const struct field *f)
{
    return slice_is_nocase(f->name, "Content-Type") &&
           (fields_has(f->value, "multipart/report") || fields_has(f->value, "delivery-status") ||
            fields_has(f->value, "feedback-report"));
}

static bool any_field(struct slice mail, bool (*is)(const struct field *f))
{
    struct slice rest = mail;
    struct field f;

    if (rest.n > FIELDS_HEADER_MAX)
        rest.n = FIELDS_HEADER_MAX;
    while (fields_next(&rest, &f))
        if (is(&f))
            return true;
    return false;
}

/* Fields that begin like none of those above are most of a header. */
static bool is_suspect(const struct field *f)
{
    if (!report_one_of(f->name.p[0], "acfprsxACFPRSX") || slice_is_nocase(f->name, "Received"))
        return false;
    return is_by_type(f) || is_null_path(f) || is_mailer(f) || is_answer(f) || is_complaint(f);
}

bool report_from_nobody(struct slice mail)
{
    return any_field(mail, is_null_path);
}

bool report_suspect(struct slice mail)
{
    return any_field(mail, is_suspect);
}

bool report_from_mailer(struct slice mail)
{
    return any_field(mail, is_mailer);
}

bool report_from_answerer(struct slice mail)
{
    return any_field(mail, is_answer);
}

bool report_from_complainer(struct slice mail)
{
    return any_field(mail, is_complaint);
}
