/* abroad.h - a scene with custom recipients, and the X.400 connector's side of it played by hand.
 *
 * Mailboxes: R, O (takes 400 s to move), both, redirected (alternate ext), to-alt (alternate alt) on S; joe and alt on T; ext, ext2
 * and both-ext (alternate joe) behind the connector.
 */
#ifndef TESTS_LAB_ABROAD_H
#define TESTS_LAB_ABROAD_H

#include "tests/lab/scene.h"

#define ABROAD_APDU "not an APDU, but kept as one"
#define ABROAD_MTS  "c=US;a= ;p=POSTMUSTER;l=pm.abc"

struct letter { /* over X.400, from ext to R by server T's door unless said otherwise */
    const char *from, *to, *mts_id;
    enum lab_priority priority;
    double deferred_s, latest_s;
    uint32_t number;
    bool never, success, no_reassignment, at_s;
};

struct queue { /* of one server, and its first entry */
    uint64_t in, out, entries, tries;
    int64_t next_try_ns; /* -1: null */
    char name[16], state[24];
};

void abroad_open(struct scene *s, const char *version, const struct lab_knob *knobs);
void abroad_post(struct scene *s, const char *id, struct letter x); /* Message-ID <id@test> */
bool abroad_next(struct scene *s, int server, struct lab_outgoing *o);
/* Takes whatever waits at a server; returns how many. */
uint32_t abroad_take_all(struct scene *s, int server);
/* Checks on the way that what came in either went out or is there. */
struct queue abroad_queue(struct scene *s, int server);
/* The content of the last item of a mailbox, NUL-terminated; until the next call. */
const char *abroad_last_item(const struct scene *s, int server, const char *name);

void abroad_check_slice(struct slice got, const char *want);
void abroad_check_outcome(const struct scene *s, const char *id, enum outcome want);
/* One entry there, like this; next try -1: null. */
void abroad_check_entry(struct scene *s, int server, const char *state, uint64_t tries,
                        double next_try_s);
/* The truth, after scene_end(), has these lines, one after the other. */
void abroad_check_line(const struct scene *s, const char *lines);

#endif
