/* run_private.h - one run's parts, shared by run.c (phases, verdict) and run_site.c (putting up, taking down). */
#ifndef APP_RUN_PRIVATE_H
#define APP_RUN_PRIVATE_H

#include "app/aimer.h"
#include "app/plan.h"
#include "app/post.h"
#include "app/resume.h"
#include "app/run.h"
#include "app/run_guard.h"
#include "app/run_stop.h"
#include "app/worker.h"
#include "loadgen/move.h"
#include "probes/muster.h"
#include "probes/p1_listener.h"
#include "probes/smtp_listener.h"
#include "results/judge.h"

#define RATE_SAMPLES 16u

struct rate_sample {
    uint64_t at_ns, messages;
};

struct watched {            /* what people who watch see move */
    struct move_now *moves; /* per move */
    uint32_t *under_way;    /* ids, in the order in which they were asked for */
    uint32_t under_way_count, states[MOVING_COUNT];
    struct rate_sample samples[RATE_SAMPLES]; /* a ring */
    uint32_t sample;
    bool has_classes;
    struct so_far_classes so_far;
};

struct run {
    struct profile *profile;
    struct arena *arena;
    struct run_options options;
    struct plan plan;
    struct folder *folder;
    const char *dir, *journal_dir;

    struct loop *loop;
    struct curl_loop *curl;
    struct http *http;
    struct dial *dial;
    struct exec *exec;
    struct lab_host *lab;
    struct p1_listener *listener;        /* of our own MTA over X.400; NULL: nobody calls it */
    struct smtp_listener *smtp_listener; /* over SMTP and LMTP; NULL: nobody calls it */
    struct smtp_corpus *corpus;
    struct tls_context **tls; /* per thread and server */

    struct run_clock clock;
    struct journal *journal;
    struct book *book;
    struct worker **workers;
    uint32_t workers_made, workers_armed, workers_ended;
    struct moves *moves;
    struct muster *muster;
    uint32_t moves_ended;

    enum run_phase phase;
    bool muster_armed, moves_told, settling, settled, settle_over, ended;
    uint32_t canary_round;              /* rounds sent so far */
    uint64_t canary_until_ns, round_ns; /* round_ns: when the last round was sent */
    uint32_t settle_rounds;
    bool *canary_seen; /* per load, of the rounds since the load ended (or of the first) */
    uint64_t settle_until_ns;
    /* Loop time, NEVER_NS: none. Sends that are still owed are given up; after an interrupt, moves are not waited for;
     * and everything ends. */
    uint64_t sends_until_ns, drain_until_ns, end_by_ns;
    bool sends_stopped, sends_cut;
    unsigned interrupts;
    struct aimer *aimer;   /* NULL: no load is aimed adaptively */
    struct run_stop *stop; /* NULL: there is no rule to keep, and nobody watches */
    bool stopped;          /* by it */
    bool braked;           /* by the brake */
    struct run_guard guard;
    struct resume resume; /* resume.c */

    struct timer step, flush, status;
    struct post_end interrupt_line;
    struct ring *status_ring;
    struct watched watched; /* run_status.c */

    struct buf log; /* run_log.c */
    uint32_t log_lines;
    struct err failure;
    struct ledger *ledger;
    struct judgement *judgement;
};

/* run.c: what the desk is told. */
void run_nudge(struct run *r);
void run_fail(struct run *r, const struct err *e);
void run_record(struct run *r, const struct event *ev);
uint64_t run_target_now(const struct run *r); /* target time since the load began */
uint64_t run_wall_now(const struct run *r);   /* Unix time in ns; 0: the simulated world has none */
void run_on_heard(void *owner, struct slice apdu);
void run_on_worker(void *owner, struct worker *w, enum worker_news what);
void run_on_marked(void *owner, uint32_t move, enum move_mark mark, uint64_t t_ns);
void run_on_aimed(void *owner, uint32_t load, uint32_t move, const int64_t *aims_ns);
void run_on_moves_over(void *owner);
void run_on_home(void *owner, uint32_t mailbox, uint32_t server, uint64_t t_ns);
void run_on_verified(void *owner, uint32_t move, bool agrees);
void run_on_canary(void *owner, uint64_t number);
void run_on_interrupt(void *owner, const struct post *p);
void run_on_stop(void *owner, uint32_t code, uint32_t moves);

void run_brake(struct run *r, enum brake_why why, uint32_t n); /* run_guard.c's, and the owner's */

/* run_log.c: what failed, in words; for log.txt and run_result(). */
void run_log(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_log_move(struct run *r, uint32_t move, enum move_mark mark); /* if it is a failure */
void run_log_end(struct run *r); /* failures of actions and probes; before they are taken down */

/* run_status.c: what people who watch are told. */
bool run_status_open(struct run *r); /* false: out of memory */
void run_status_mark(struct run *r, uint32_t move, enum move_mark mark, uint64_t t_ns);
void run_status_tell(struct run *r);

/* run_site.c: putting up what a run needs, and taking it down. */
bool run_open(struct run *r, struct err *e);
void run_close_desk(
    struct run
        *r); /* probes, moves and what they dial with: sockets and children end with the verdict */
void run_close(struct run *r); /* everything else */

#endif
