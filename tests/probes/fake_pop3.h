/* fake_pop3.h - a POP3 server of one mailbox on the loop, to be scripted: refusals, locks, lies, cuts.
 *
 * A session sees the mailbox as it was at its log-on. Answers are made when commands come; those sent ahead are answered one
 * after the other.
 */
#ifndef TESTS_PROBES_FAKE_POP3_H
#define TESTS_PROBES_FAKE_POP3_H

#include "base/bytes.h"
#include "base/loop.h"

struct fake_pop3_message {
    char id[72];
    char *text;
    size_t n;
};

struct fake_pop3 {
    struct loop *loop;
    struct listener *listener;
    struct fake_pop3_session *sessions;
    struct fake_pop3_message *messages;
    uint32_t count, room, next_id;
    /* what it does */
    const char *refusal;     /* answers PASS with this */
    const char *greeting;    /* instead of "+OK ready" */
    const char *uidl_answer; /* answers UIDL with this, whole */
    bool no_capa, pipelining;
    bool lies;          /* about sizes and the number of octets */
    uint32_t stat_more; /* STAT says so many too many */
    uint32_t cut_in;    /* closes in the middle of that RETR, once; 0: never */
    uint32_t gone;      /* that message is refused by RETR: -ERR */
    bool silent;        /* does not answer RETR */
    /* what it saw */
    uint32_t log_ons, retrs, quits, deletes, ahead_max;
    char last_user[100], last_password[100];
};

void fake_pop3_start(struct fake_pop3 *f, struct loop *l, const struct net_addr *at);
void fake_pop3_stop(struct fake_pop3 *f);
void fake_pop3_add(struct fake_pop3 *f, const void *text, size_t n); /* id "u<number>" */
void fake_pop3_remove(struct fake_pop3 *f, uint32_t index);
void fake_pop3_rename(struct fake_pop3 *f); /* every message gets another UIDL */

#endif
