/* lab_imap_session.h - one IMAP session: its state, how it answers, and how its view follows the mailbox.
 *
 * Shared by lab_imap_talk.c (octets to commands, log-on), lab_imap_session.c and lab_imap_mailbox.c (commands on the
 * INBOX); nobody else includes it.
 */
#ifndef LAB_LAB_IMAP_SESSION_H
#define LAB_LAB_IMAP_SESSION_H

#include "lab/lab_imap_fetch.h"
#include "lab/lab_imap_talk.h"

#define IMAP_COMMAND_MAX 65536u
#define IMAP_TAG_BYTES   64

enum session_state { SESSION_NEW = 1, SESSION_IN = 2, SESSION_SELECTED = 4, SESSION_ANY = 7 };

enum session_waits { WAIT_COMMAND, WAIT_AUTH, WAIT_IDLE };

struct fetch_job {
    bool active, by_uid;
    struct imap_plan plan;
    struct imap_set set;
    uint32_t at; /* the next message of the view */
};

struct imap_talk {
    struct talk talk; /* first: struct talk * is this */
    const struct imap_host *host;
    struct lab *lab;
    enum session_state state;
    enum session_waits waits;
    bool tls, read_only, asked; /* asked: for the literal at `scan` */
    unsigned errors;
    uint32_t mailbox, validity;
    struct buf in, words; /* words: what the plan of a FETCH borrows */
    size_t scan;          /* where the last piece of the command that is coming in begins */
    char tag[IMAP_TAG_BYTES];
    struct imap_view view;
    struct fetch_job job;
};

/* Answers. Each returns what follows for the conversation. */
enum talk_after session_put(struct imap_talk *t, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* at most 600 octets */
enum talk_after session_bye(struct imap_talk *t, const char *why);
enum talk_after session_bad(struct imap_talk *t, const char *why);
enum talk_after session_no(struct imap_talk *t, const char *why);
enum talk_after session_done(struct imap_talk *t, const char *text); /* news, then OK */

bool session_stands(const struct imap_talk *t);    /* no move or stop has ended the log-on */
enum talk_after session_gone(struct imap_talk *t); /* the BYE that says so */
bool session_grow(struct imap_talk *t); /* new mail into the view; true: there was some */
enum talk_after session_tell(struct imap_talk *t,
                             bool expunges); /* EXISTS, and EXPUNGE if allowed */

/* Commands on the INBOX (lab_imap_mailbox.c); args: what follows the command's name. */
enum talk_after mailbox_select(struct imap_talk *t, struct slice args);
enum talk_after mailbox_examine(struct imap_talk *t, struct slice args);
enum talk_after mailbox_status(struct imap_talk *t, struct slice args);
enum talk_after mailbox_list(struct imap_talk *t, struct slice args);
enum talk_after mailbox_append(struct imap_talk *t, struct slice args);
enum talk_after mailbox_idle(struct imap_talk *t, struct slice args);
enum talk_after mailbox_close(struct imap_talk *t, struct slice args);
enum talk_after mailbox_unselect(struct imap_talk *t, struct slice args);
enum talk_after mailbox_expunge(struct imap_talk *t, struct slice args);
enum talk_after mailbox_fetch(struct imap_talk *t, struct slice args);
enum talk_after mailbox_search(struct imap_talk *t, struct slice args);
enum talk_after mailbox_store(struct imap_talk *t, struct slice args);
enum talk_after mailbox_uid(struct imap_talk *t, struct slice args);
enum talk_after mailbox_fetch_on(struct imap_talk *t); /* goes on with the answer to a FETCH */

#endif
