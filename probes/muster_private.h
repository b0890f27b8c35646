/* muster_private.h - what the muster's three files share: places, and what is being waited for.
 *
 * muster.c owns the places and arms; muster_verify.c follows moves; muster_settle.c finds out when silence is final. What a
 * probe or a look-up tells is noted at once and thought about in muster_step(), once a wakeup, from the loop.
 */
#ifndef PROBES_MUSTER_PRIVATE_H
#define PROBES_MUSTER_PRIVATE_H

#include "probes/home_lookup.h"
#include "probes/muster.h"
#include "probes/probe_queue.h"

struct place { /* a mailbox on a server; a server's queues */
    struct muster *muster;
    struct probe *probe;
    uint32_t mailbox, server;
};

struct wave_part { /* what one queue probe said in the wave under way */
    bool got, counted;
    uint64_t begin_ns, in, out, standing;
    uint32_t entries, due;
};

struct wave { /* all parts together */
    bool taken, counted;
    uint32_t number;
    uint64_t asked_ns, first_ns,
        last_ns; /* loop time: asked; earliest and latest begin of a listing */
    uint64_t in, out, standing;
    uint64_t entries, due;
};

enum settle_step {
    SETTLE_NOT,
    SETTLE_LIFETIME, /* until the stated lifetime is over */
    SETTLE_WAVE,     /* a wave is under way */
    SETTLE_PAUSE,    /* between two waves */
    SETTLE_SWEEP,    /* homes and places, since the queues were quiet */
    SETTLE_LAST,     /* one more wave: has anything moved meanwhile? */
    SETTLE_TOLD,     /* settled() is about to be called */
};

struct settle_state {
    enum settle_step step;
    void (*settled)(void *owner, bool final);
    struct timer timer;
    struct wave base, now;
    uint64_t since_ns; /* loop time: scans and look-ups count that began then or later */
    uint64_t pause_ns;
    uint64_t blind_ns, blind_read; /* without queues: the sweep since which nothing came; 0: none */
    bool final;
};

struct verify { /* a move that is being watched */
    struct muster *muster;
    struct timer retry;
    uint32_t move;
    bool watched; /* the home look-up follows its mailbox */
    bool ended;   /* and is to be verified */
    uint64_t since_ns, deadline_ns;
};

struct muster {
    struct muster_context context;
    struct probe_context probe;
    const struct workload *work;
    const struct profile *profile;
    const struct site *site;
    bool stores;                     /* mailboxes are watched, by whom profile_store() says */
    const struct probe_ops *our_ops; /* of mailboxes at our own MTA; NULL: there are none */
    struct correlate *correlate;
    struct probe_queues *waves;
    struct home_lookup *lookup; /* NULL: none */
    bool *matters;              /* per mailbox */
    struct place **at;          /* mailbox * servers + server: NULL where nobody looks */
    struct place **places;
    uint32_t place_count, place_room;
    struct place *queues;
    struct wave_part *parts; /* as queues */
    uint32_t queue_count;
    uint32_t *home; /* per mailbox */
    uint64_t
        *looked_ns; /* per mailbox: loop time at which the newest good look-up was asked; 0: none */
    bool *differ;   /* per mailbox: so said the newest good look-up of the directories */
    unsigned *look_failed; /* per mailbox: failures in a row */
    char look_why[200];    /* of the last one */
    uint32_t uncovered;    /* places that could not be opened */
    struct timer step;
    struct verify *verify; /* per move */
    uint32_t *verifying;   /* moves to be verified */
    uint32_t verifying_count;
    void (*armed)(void *owner, const struct err *e);
    struct timer arm_limit;
    bool arming, arm_late, recalled;
    struct settle_state settle;
};

void muster_wake(struct muster *m); /* muster_step() soon */
uint64_t muster_target_now(const struct muster *m);
uint64_t muster_now(const struct muster *m); /* loop time */
/* The place, opened if need be; NULL: mailboxes are not watched, or it cannot be opened (counted, and a finding). */
struct place *muster_place(struct muster *m, uint32_t mailbox, uint32_t server, struct err *e);
/* Does it live at our own MTA? Then it is seen there only, never moves, and nobody looks its home up. */
bool muster_is_ours(const struct muster *m, uint32_t mailbox);
bool muster_looks_up(const struct muster *m,
                     uint32_t mailbox); /* it matters, and its home can change */
void muster_new_home(struct muster *m, uint32_t mailbox, uint32_t home);

bool verify_init(struct muster *m);
void verify_fini(struct muster *m);
void verify_step(struct muster *m);

void settle_init(struct muster *m);
void settle_fini(struct muster *m);
void settle_step(struct muster *m);
void settle_queue_scanned(struct muster *m, const struct place *p);
void settle_answered(struct muster *m, uint32_t mailbox, const struct home_answer *a);

#endif
