/* lab_imap_session.c - answers, and the view that follows the mailbox. */
#include "lab/lab_imap_session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define ERRORS_MAX 20

enum talk_after session_put(struct imap_talk *t, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return buf_add_text(&t->talk.out, text) ? TALK_GO_ON : TALK_CLOSE;
}

enum talk_after session_bye(struct imap_talk *t, const char *why)
{
    (void)session_put(t, "* BYE %s\r\n", why);
    return TALK_CLOSE;
}

enum talk_after session_bad(struct imap_talk *t, const char *why)
{
    if (++t->errors >= ERRORS_MAX)
        return session_bye(t, "too many errors");
    return session_put(t, "%s BAD %s\r\n", t->tag[0] ? t->tag : "*", why);
}

enum talk_after session_no(struct imap_talk *t, const char *why)
{
    return session_put(t, "%s NO %s\r\n", t->tag, why);
}

/* The view follows the mailbox. */

bool session_stands(const struct imap_talk *t)
{
    return t->state == SESSION_NEW ||
           lab_logon_stands(t->lab, t->host->server, t->mailbox, t->validity);
}

enum talk_after session_gone(struct imap_talk *t)
{
    bool up = lab_component_up(t->lab, t->host->server, "store");

    return session_bye(t, up ? "mailbox has been moved" : "the store is stopped");
}

/* Adds what is new; true: there was something. */
bool session_grow(struct imap_talk *t)
{
    uint32_t count = lab_item_count(t->lab, t->host->server, t->mailbox), start = count;
    uint32_t next = lab_uid_next(t->lab, t->host->server, t->mailbox);
    struct lab_item item;

    if (next == t->view.uid_next)
        return false;
    while (start > 0 && lab_item_at(t->lab, t->host->server, t->mailbox, start - 1, &item) &&
           item.uid >= t->view.uid_next)
        start--;
    for (uint32_t i = start; i < count; i++)
        if (lab_item_at(t->lab, t->host->server, t->mailbox, i, &item))
            imap_view_add(&t->view, item.uid);
    t->view.uid_next = next;
    return start < count;
}

/* Tells what is gone. The view holds all that is there, so equal counts mean equal contents. */
static enum talk_after view_shrink(struct imap_talk *t)
{
    uint32_t kept = 0, at = 0;
    enum talk_after after = TALK_GO_ON;
    struct lab_item item;

    if (t->view.n == lab_item_count(t->lab, t->host->server, t->mailbox))
        return TALK_GO_ON;
    for (uint32_t i = 0; i < t->view.n && after == TALK_GO_ON; i++) {
        if (lab_item_at(t->lab, t->host->server, t->mailbox, at, &item) &&
            item.uid == t->view.uid[i]) {
            t->view.uid[kept++] = item.uid;
            at++;
        } else {
            after = session_put(t, "* %" PRIu32 " EXPUNGE\r\n", kept + 1);
        }
    }
    t->view.n = kept;
    return after;
}

enum talk_after session_tell(struct imap_talk *t, bool expunges)
{
    if (t->state != SESSION_SELECTED)
        return TALK_GO_ON;
    bool grown = session_grow(t);

    if (expunges && view_shrink(t) != TALK_GO_ON)
        return TALK_CLOSE;
    return grown ? session_put(t, "* %" PRIu32 " EXISTS\r\n", t->view.n) : TALK_GO_ON;
}

enum talk_after session_done(struct imap_talk *t, const char *text)
{
    if (session_tell(t, true) != TALK_GO_ON)
        return TALK_CLOSE;
    return session_put(t, "%s OK %s\r\n", t->tag, text);
}
