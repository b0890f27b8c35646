/* sink_rig.h - a sink of SMTP or LMTP on a simulated loop, callers with a script, and the sink's truth beside what they heard.
 */
#ifndef TESTS_APP_SINK_RIG_H
#define TESTS_APP_SINK_RIG_H

#include "app/sink_smtp.h"

#define RIG_CALLERS 64u
#define RIG_TRUTHS  4096u

struct rig_truth { /* a line of the sink's, with copies of its texts */
    uint64_t caller, number, octets, at_ns;
    char from[40], to[40], token[27]; /* token: "-" if there is none */
    enum sink_ending stage;
    unsigned answered;
    enum sink_done done;
};

struct rig;

struct rig_caller {
    struct rig *rig;
    struct stream *s;
    struct buf says, heard;
    size_t said;
    unsigned turns; /* replies that were waited for */
    bool over;
    uint64_t over_ns;
};

struct rig {
    struct loop *loop;
    struct sink_smtp_config c;
    struct sink_smtp *sink;
    struct rig_caller callers[RIG_CALLERS];
    uint32_t caller_count;
    struct rig_truth truths[RIG_TRUTHS];
    uint32_t truth_count;
    unsigned troubles;
};

/* A rig of its own (heap), with the misbehaviour in `vices`: "refuse=end:30", NULL-terminated. */
struct rig *rig_open(const char *const *vices, uint64_t seed, bool lmtp);
void rig_close(struct rig *r);

struct rig_caller *rig_call(struct rig *r); /* says EHLO (LHLO) */
void rig_say(struct rig_caller *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is said next waits until so many more replies have come. */
void rig_wait(struct rig_caller *c, unsigned n);
/* Message n, with one recipient and ENVID=pm.TOKEN-of-n, in one breath: MAIL, RCPT, BDAT LAST and its text. */
void rig_message(struct rig_caller *c, unsigned n);
void rig_token(unsigned n, char out[27]);
void rig_run(struct rig *r); /* until nothing is left to happen */

/* The codes of the replies, in order, without greeting and EHLO's; the count. */
uint32_t rig_codes(const struct rig_caller *c, unsigned *codes, uint32_t room);
/* The truth about message n and its recipient (NULL: any); NULL: there is none. */
const struct rig_truth *rig_truth(const struct rig *r, unsigned n, const char *to);

#endif
