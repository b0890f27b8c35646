/* lab_imap_talk.c - commands put together from octets, log-on, and the table of commands.
 *
 * A command is complete with all its literals; then it is run and dropped from `in`. While a FETCH is being answered the
 * next command waits. New mail is told (EXISTS) before every command's answer and during IDLE; what others have expunged
 * is told where RFC 3501 7.4.1 allows it.
 */
#include "lab/lab_imap_talk.h"

#include <stdlib.h>
#include <string.h>

#include "lab/lab_imap_args.h"
#include "lab/lab_imap_session.h"
#include "lab/schedule.h"

#define IN_MAX      (512u << 10)
#define LITERAL_MAX 16384u
#define OUT_MAX     (256u << 20)
#define PLAIN_BYTES 1024

static struct imap_talk *talk_of(struct talk *t)
{
    return (struct imap_talk *)t;
}

/* Any state. */

static const char *capabilities(const struct imap_talk *t)
{
    return t->host->tls && !t->tls ? "IMAP4rev1 LITERAL+ SASL-IR IDLE STARTTLS AUTH=PLAIN"
                                   : "IMAP4rev1 LITERAL+ SASL-IR IDLE AUTH=PLAIN";
}

static enum talk_after on_capability(struct imap_talk *t, struct slice args)
{
    (void)args;
    (void)session_put(t, "* CAPABILITY %s\r\n", capabilities(t));
    return session_done(t, "CAPABILITY completed");
}

static enum talk_after on_noop(struct imap_talk *t, struct slice args)
{
    (void)args;
    return session_done(t, "completed");
}

static enum talk_after on_logout(struct imap_talk *t, struct slice args)
{
    (void)args;
    (void)session_bye(t, "good-bye");
    (void)session_put(t, "%s OK LOGOUT completed\r\n", t->tag);
    return TALK_CLOSE;
}

/* Not logged on. */

static enum talk_after on_starttls(struct imap_talk *t, struct slice args)
{
    (void)args;
    if (!t->host->tls || t->tls)
        return session_bad(t, t->tls ? "TLS is on already" : "STARTTLS is not offered");
    return session_put(t, "%s OK begin TLS now\r\n", t->tag) == TALK_GO_ON ? TALK_SECURE
                                                                           : TALK_CLOSE;
}

static enum talk_after log_on(struct imap_talk *t, struct slice user, struct slice password)
{
    uint32_t mailbox = 0;

    switch (lab_logon(t->lab, t->host->server, user, password, &mailbox)) {
    case LAB_LOGON_OK:
        break;
    case LAB_LOGON_WRONG:
        return session_no(t, "[AUTHENTICATIONFAILED] no such user, or a wrong password");
    case LAB_LOGON_ABSENT:
        return session_no(t, "[AUTHORIZATIONFAILED] mailbox is not on this server");
    case LAB_LOGON_MOVING:
        return session_no(t, "[UNAVAILABLE] mailbox is being moved");
    case LAB_LOGON_DOWN:
        return session_no(t, "[UNAVAILABLE] the store does not answer");
    }
    t->mailbox = mailbox;
    t->validity = lab_uid_validity(t->lab, t->host->server, mailbox);
    t->state = SESSION_IN;
    return session_put(t, "%s OK [CAPABILITY %s] logged on\r\n", t->tag, capabilities(t));
}

static enum talk_after on_login(struct imap_talk *t, struct slice args)
{
    struct slice user, password;

    if (!imap_args_string(&args, &user) || !imap_args_string(&args, &password) || args.n > 0)
        return session_bad(t, "LOGIN takes a user and a password");
    return log_on(t, user, password);
}

/* RFC 4616: authorization identity NUL user NUL password; the first may be empty or the user again. */
static enum talk_after plain(struct imap_talk *t, struct slice coded)
{
    char text[PLAIN_BYTES];
    size_t n = 0;
    struct slice rest, as, user;

    t->waits = WAIT_COMMAND;
    if (slice_is(coded, "*"))
        return session_bad(t, "AUTHENTICATE was cancelled");
    if (!imap_args_base64(coded, text, sizeof text, &n))
        return session_bad(t, "that is no base64");
    rest = slice_from(text, n);
    if (!slice_cut(&rest, '\0', &as) || !slice_cut(&rest, '\0', &user))
        return session_bad(t, "that is not what PLAIN sends");
    if (as.n > 0 && !(as.n == user.n && memcmp(as.p, user.p, as.n) == 0))
        return session_no(t, "[AUTHORIZATIONFAILED] nobody acts for others here");
    return log_on(t, user, rest);
}

static enum talk_after on_authenticate(struct imap_talk *t, struct slice args)
{
    struct slice mechanism;

    (void)slice_cut(&args, ' ', &mechanism);
    if (!slice_is_nocase(mechanism, "PLAIN"))
        return session_no(t, "[CANNOT] PLAIN is the only mechanism");
    if (args.n > 0)
        return plain(t, slice_is(args, "=") ? slice_of("") : args);
    t->waits = WAIT_AUTH;
    return session_put(t, "+ \r\n");
}

static const struct command {
    const char *word;
    enum talk_after (*run)(struct imap_talk *t, struct slice args);
    unsigned in; /* states */
} commands[] = {
    /* clang-format off */
    {"UID",          mailbox_uid,          SESSION_SELECTED},
    {"NOOP",         on_noop,         SESSION_ANY},
    {"IDLE",         mailbox_idle,         SESSION_IN | SESSION_SELECTED},
    {"FETCH",        mailbox_fetch,        SESSION_SELECTED},
    {"SEARCH",       mailbox_search,       SESSION_SELECTED},
    {"STORE",        mailbox_store,        SESSION_SELECTED},
    {"EXPUNGE",      mailbox_expunge,      SESSION_SELECTED},
    {"CHECK",        on_noop,         SESSION_SELECTED},
    {"CLOSE",        mailbox_close,        SESSION_SELECTED},
    {"UNSELECT",     mailbox_unselect,     SESSION_SELECTED},
    {"SELECT",       mailbox_select,       SESSION_IN | SESSION_SELECTED},
    {"EXAMINE",      mailbox_examine,      SESSION_IN | SESSION_SELECTED},
    {"STATUS",       mailbox_status,       SESSION_IN | SESSION_SELECTED},
    {"LIST",         mailbox_list,         SESSION_IN | SESSION_SELECTED},
    {"APPEND",       mailbox_append,       SESSION_IN | SESSION_SELECTED},
    {"LOGIN",        on_login,        SESSION_NEW},
    {"AUTHENTICATE", on_authenticate, SESSION_NEW},
    {"STARTTLS",     on_starttls,     SESSION_NEW},
    {"CAPABILITY",   on_capability,   SESSION_ANY},
    {"LOGOUT",       on_logout,       SESSION_ANY},
    /* clang-format on */
};

/* From octets to commands. */

static bool take_tag(struct imap_talk *t, struct slice *line)
{
    struct slice tag;

    t->tag[0] = '\0';
    if (!slice_cut(line, ' ', &tag) || tag.n == 0 || tag.n >= sizeof t->tag)
        return false;
    for (size_t i = 0; i < tag.n; i++)
        if (tag.p[i] <= ' ' || tag.p[i] >= 0x7f || strchr("+(){%*\"\\", tag.p[i]))
            return false;
    memcpy(t->tag, tag.p, tag.n);
    t->tag[tag.n] = '\0';
    return true;
}

static enum talk_after run_command(struct imap_talk *t, struct slice line)
{
    struct slice word;

    if (!take_tag(t, &line))
        return session_bad(t, "a command begins with a tag");
    (void)slice_cut(&line, ' ', &word);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!slice_is_nocase(word, commands[i].word))
            continue;
        if (!(commands[i].in & (unsigned)t->state))
            return session_bad(t, t->state == SESSION_NEW ? "log on first" : "not in this state");
        if (session_tell(t, false) != TALK_GO_ON)
            return TALK_CLOSE;
        return commands[i].run(t, line);
    }
    return session_bad(t, "command not known");
}

static enum talk_after run_line(struct imap_talk *t, struct slice line)
{
    (void)lab_site_now_ns(t->host->site);
    if (!session_stands(t))
        return session_gone(t);
    switch (t->waits) {
    case WAIT_COMMAND:
        break;
    case WAIT_AUTH:
        return plain(t, line);
    case WAIT_IDLE:
        t->waits = WAIT_COMMAND;
        return slice_is_nocase(line, "DONE") ? session_done(t, "IDLE completed")
                                             : session_bad(t, "DONE ends IDLE");
    }
    return run_command(t, line);
}

static enum talk_after refuse_literal(struct imap_talk *t, size_t end)
{
    struct slice line = slice_from(t->in.p, end);

    if (!take_tag(t, &line))
        t->tag[0] = '\0';
    buf_drop(&t->in, end);
    t->scan = 0;
    return session_bad(t, "that literal is too long");
}

/* Whether a whole command has come: its length without and with the line end. */
static bool assemble(struct imap_talk *t, size_t *n, size_t *end, enum talk_after *after)
{
    while (t->scan < t->in.n) {
        const unsigned char *lf = memchr(t->in.p + t->scan, '\n', t->in.n - t->scan);
        struct imap_literal literal;

        if (!lf)
            break;
        *end = (size_t)(lf - t->in.p) + 1;
        *n = *end - 1 - (*end - 1 > t->scan && lf[-1] == '\r');
        if (t->waits != WAIT_COMMAND ||
            !imap_args_literal(slice_from(t->in.p + t->scan, *n - t->scan), &literal))
            return true;
        if (literal.bytes > LITERAL_MAX) {
            *after = literal.waits ? refuse_literal(t, *end)
                                   : session_bye(t, "that literal is too long");
            return false;
        }
        if (literal.waits && !t->asked)
            *after = session_put(t, "+ go on\r\n");
        t->asked = true;
        if (*after != TALK_GO_ON || t->in.n - *end < literal.bytes)
            break;
        t->scan = *end + literal.bytes;
        t->asked = false;
    }
    if (t->in.n > IMAP_COMMAND_MAX && *after == TALK_GO_ON)
        *after = session_bye(t, "that command is too long");
    return false;
}

static enum talk_after process(struct imap_talk *t)
{
    enum talk_after after = TALK_GO_ON;
    size_t n = 0, end = 0;

    while (after == TALK_GO_ON && t->in.n > 0) {
        size_t before = t->in.n;

        if (assemble(t, &n, &end, &after)) {
            after = run_line(t, slice_from(t->in.p, n));
            buf_drop(&t->in, end);
            t->scan = 0;
        } else if (t->in.n == before) {
            break; /* more octets, please */
        }
    }
    return after;
}

enum talk_after imap_talk_feed(struct talk *talk, struct slice bytes)
{
    struct imap_talk *t = talk_of(talk);

    return buf_add(&t->in, bytes.p, bytes.n) ? process(t) : TALK_CLOSE;
}

enum talk_after imap_talk_more(struct talk *talk)
{
    struct imap_talk *t = talk_of(talk);
    enum talk_after after = t->job.active ? mailbox_fetch_on(t) : TALK_GO_ON;

    return after == TALK_GO_ON ? process(t) : after;
}

enum talk_after imap_talk_news(struct talk *talk)
{
    struct imap_talk *t = talk_of(talk);

    if (!session_stands(t))
        return session_gone(t);
    return t->waits == WAIT_IDLE ? session_tell(t, true) : TALK_GO_ON;
}

void imap_talk_secured(struct talk *talk)
{
    struct imap_talk *t = talk_of(talk);

    t->tls = true;
    buf_clear(&t->in);
    t->scan = 0;
}

enum talk_after imap_talk_down(struct talk *talk)
{
    return session_bye(talk_of(talk), "the IMAP service is stopped");
}

struct talk *imap_talk_open(const struct imap_host *host, const struct net_addr *peer)
{
    struct imap_talk *t = lab_memory(NULL, 0, sizeof *t);

    (void)peer;
    t->host = host;
    t->lab = lab_site_core(host->site);
    t->state = SESSION_NEW;
    buf_init(&t->talk.out, OUT_MAX);
    buf_init(&t->in, IN_MAX);
    buf_init(&t->words, 2 * (size_t)IMAP_COMMAND_MAX);
    (void)session_put(t, "* OK [CAPABILITY %s] %s IMAP4rev1 server (postmuster lab) ready\r\n",
                      capabilities(t), host->name);
    return &t->talk;
}

void imap_talk_close(struct talk *talk)
{
    struct imap_talk *t = talk_of(talk);

    buf_fini(&t->talk.out);
    buf_fini(&t->in);
    buf_fini(&t->words);
    imap_view_fini(&t->view);
    imap_set_fini(&t->job.set);
    free(t);
}
