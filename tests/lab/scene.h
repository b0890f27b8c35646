/* scene.h - a lab on virtual time with a script of sends and control calls, and the truth of it read back.
 *
 * Servers are S, D, T (0, 1, 2), the source, the destination and a third. The reader of the truth file is the tests' own:
 * it shares nothing with the classes of results/.
 */
#ifndef TESTS_LAB_SCENE_H
#define TESTS_LAB_SCENE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lab/lab.h"

enum { S, D, T };

/* Seconds, to the millisecond and finer, in ns. */
#define SEC(s) ((uint64_t)((s)*1e9 + 0.5))

/* Content that takes `s` seconds to copy at the scene's copy rate: so fast that real items take no time. */
#define STOCK(s)        ((uint64_t)((s)*1e12))
#define SCENE_COPY_RATE "1000000000000"

enum outcome {
    OUT_NONE,      /* never accepted, or no such copy */
    OUT_D,         /* delivered */
    OUT_DLY,       /* delivered, more than 30 s after acceptance */
    OUT_DUP,       /* more than one copy */
    OUT_MIS,       /* in a mailbox that is not its own */
    OUT_FNDR,      /* reported as failed, and the report reached its originator */
    OUT_NDR_D,     /* delivered and reported */
    OUT_STR,       /* in a queue */
    OUT_SIL,       /* nowhere, and nobody was told */
    OUT_LOOP,      /* reported as looping */
    OUT_REDIRECTED /* a primary whose alternate has it instead */
};

struct tale { /* what happened to one copy */
    char id[80], recipient[64];
    char mailbox[64], server[32]; /* of its last final copy */
    char state[24];               /* of its last final entry */
    char status[16];              /* of its last failed report */
    uint64_t accepted_ns, delivered_ns;
    uint32_t copies, entries, reports, reports_delivered, success_reports;
    uint32_t returned; /* handed to the connector's front, and not taken */
    bool is_alternate, was_delivered, dropped, suppressed, redirected, looped, exists;
};

struct scene {
    struct lab *lab;
    int truth_fd; /* memory: thousands of labs would keep a disk busy */
    char truth[64];
    struct tale *tale;
    uint32_t *index; /* by hash: tale + 1, 0 free; room * 2 of them */
    uint32_t tales, room;
};

struct scene_mailbox { /* NOLINT(clang-analyzer-optin.performance.Padding): reads as a row */
    const char *name;
    int home;
    const char *alternate;
    bool both;
    double stock_s;
};

struct scene_plan {
    const char *version; /* NULL: 5.5-sp3 */
    const struct scene_mailbox *mailboxes;
    uint32_t mailbox_count;
    const struct lab_knob *knobs; /* ends with a NULL name; NULL: none */
    uint64_t seed;
};

void scene_open(struct scene *s, const struct scene_plan *p);
void scene_close(struct scene *s); /* ends the lab if it still runs, frees the tales */

void scene_run(struct scene *s, double until_s);
/* A message of a few lines with Message-ID <id@test>, at the present time; returns the queue id. */
uint64_t scene_send(struct scene *s, int server, const char *from, const char *to, const char *id);
/* One control call with a JSON body written with ' for "; checks that the status is 200. */
void scene_post(struct scene *s, const char *path, const char *body);
int scene_post_status(struct scene *s, const char *path, const char *body);
json_t *scene_get(struct scene *s, const char *path); /* checks 200; decref it */
/* POST /v1/move from server to server, nothing special. */
void scene_move(struct scene *s, const char *mailbox, const char *from, const char *to);

/* Ends the lab and reads its truth; the tales live until scene_close(). */
void scene_end(struct scene *s);
const struct tale *scene_tale(const struct scene *s, const char *id, bool is_alternate);
enum outcome scene_outcome(const struct tale *t); /* NULL is fine */
const char *outcome_name(enum outcome o);

#endif
