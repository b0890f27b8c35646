/* queue_rig.h - a queue probe of a known MTA over scripted commands: what a listing and its looks at messages become.
 *
 * Recorded output has @7@ where the token of message 7 stood ("pm." and 26 characters), and so for other numbers.
 */
#ifndef TESTS_PROBES_QUEUE_RIG_H
#define TESTS_PROBES_QUEUE_RIG_H

#include "probes/probe_queue.h"
#include "tests/support/fake_run.h"

#define QUEUE_ANSWERS 12

struct queue_answer {
    const char *command; /* the child whose arguments, joined by blanks, hold this */
    char *text;          /* what it says; its steps point into it */
    struct fake_step *steps;
    size_t count;
};

struct queue_rig {
    struct fake_run *run;
    struct token_key key;
    struct probe_context context;
    struct probe *probe;
    struct queue_answer answers[QUEUE_ANSWERS];
    unsigned answer_count, told;
    struct err e;
};

/* The text with tokens for their places; free it. */
char *queue_rig_tokens(const struct token_key *key, const char *text);
void queue_rig_begin(struct queue_rig *r, const struct probe_profile *how);
void queue_rig_end(struct queue_rig *r);
/* A command that holds `command` says the lines of `text` (tokens put in; behind a "!" on stderr) and ends with `status`. The
 * first that fits counts. */
void queue_rig_answer(struct queue_rig *r, const char *command, const char *text, int status);
void queue_rig_forget(struct queue_rig *r); /* all answers */
bool queue_rig_open(struct queue_rig *r);   /* on server s1 */
/* Wants a whole listing and lets it be made. True: it was complete. */
bool queue_rig_list(struct queue_rig *r);
/* Reads `text` with the reader alone: true if whole; else `e` says why. */
bool queue_rig_read(struct queue_rig *r, const char *text);

#endif
