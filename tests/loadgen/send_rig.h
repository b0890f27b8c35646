/* send_rig.h - senders on the small site of fake_run.h (scale 10, target time 0 at loop time 1 s), whose load goes through
 * server s3, where a scripted server listens at 127.0.0.3:2525, and after rig_open_p1() a scripted MTA at 127.0.0.3:102.
 */
#ifndef TESTS_LOADGEN_SEND_RIG_H
#define TESTS_LOADGEN_SEND_RIG_H

#include "loadgen/sender.h"
#include "tests/loadgen/fake_p1.h"
#include "tests/loadgen/fake_smtp.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"
#include "wire/smtp_text.h"

struct send_rig {
    struct fake_run *run;
    struct fake_smtp *server;
    struct fake_p1 *mta;
    struct arena *arena;
    struct workload *work;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct tls_context *tls[3];
    struct sender *sender;
    unsigned armed, idles, heard;
    bool hears; /* APDUs that come on our associations are taken, */
    struct buf heard_last;
    struct err error;
};

extern struct send_rig rig;

/* A constant load of 10 messages a target second for 10 s: 100 messages of 1 KB, one per 10 real ms. Change it, then: */
void rig_open(const char *name);
/* The same load by X.400: normal mode, a monologue, no checkpoints; our MTA is POSTMUSTER "secret", theirs LAB-S3 "public". */
void rig_open_p1(const char *name);
/* Another simulated network for an opened rig, and its MTA at the same place. */
void rig_network_p1(const struct sim_config *c);
/* What a sender of so many threads is made from; thread 0 first. The plan is made, and NULL if that failed. */
struct sender_context rig_context(uint32_t threads);
bool rig_sender(void); /* makes the sender; false: it failed, and that was checked */
bool rig_send_until_ms(uint64_t loop_ms); /* makes the sender, starts it, lets time pass */
void rig_close(void);
void rig_until_ms(uint64_t loop_ms);
void rig_ready(void *owner, const struct err *e); /* for sender_arm() */
unsigned rig_endings(enum ending how);            /* how many recipients ended so */
unsigned rig_findings(enum finding what);
const struct event *rig_event(enum event_kind kind, uint32_t which); /* zeros: there is none */

#endif
