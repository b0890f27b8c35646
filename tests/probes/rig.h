/* rig.h - what probes need around them: the small site of fake_run.h, messages with genuine tokens, a correlator, a dialer.
 *
 * One load of 1,000 messages of 1,000 octets of body from joe-1, joe-2 (4, 5) to joanne-1, joanne-2 (0, 1); stride 2.
 */
#ifndef TESTS_PROBES_RIG_H
#define TESTS_PROBES_RIG_H

#include "base/arena.h"
#include "probes/correlate.h"
#include "tests/probes/fake_imap.h"
#include "tests/support/fake_run.h"
#include "wire/smtp_text.h"

struct rig {
    struct fake_run *r;
    struct arena *arena;
    struct token_key key;
    struct smtp_corpus *corpus;
    struct probe_context c;
    struct probe_profile how; /* every 100 ms of real time */
    struct fake_imap imap[2]; /* of servers 0 and 1 */
    struct buf mail;
    uint64_t canary; /* the newest that was seen; UINT64_MAX: none */
};

struct rig *rig_create(const char *name);
struct rig *rig_create_far(const char *name,
                           uint64_t latency_ns); /* octets take this long, one way */
void rig_destroy(struct rig *g);
struct probe *rig_open_imap(struct rig *g);          /* of mailbox 0 on server 0, as `how` says */
void rig_close_imap(struct rig *g, struct probe *p); /* and the rig */
struct slice rig_mail(struct rig *g,
                      uint64_t number); /* message `number` as it left; until the next call */
char *rig_token(struct rig *g, uint64_t number, char out[40]); /* "pm.<token>" */
void rig_put(struct rig *g, unsigned server, uint64_t number); /* a copy into that mailbox */
void rig_wait(struct rig *g, uint64_t ms);                     /* of loop time */

#endif
