/* lab_move.h - mailbox moves, step by step, with their failures: created, flagged, copied, purged, committed, ended.
 *
 * Moves begin in the order they were asked for, at most `concurrent_moves` at a time; the others wait, as a batch in the
 * administrator program does.
 */
#ifndef LAB_LAB_MOVE_H
#define LAB_LAB_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "lab/schedule.h"

struct lab;

enum move_phase {
    MOVE_ASKED,
    MOVE_CREATED,
    MOVE_COPYING,
    MOVE_BETWEEN, /* of the two last steps, purge and commit, one is done */
    MOVE_ENDING,
    MOVE_DONE,
    MOVE_FAILED,
};

enum move_fault { MOVE_FAULT_NONE, MOVE_FAULT_ITEM, MOVE_FAULT_SIZE, MOVE_FAULT_VIRUS };

struct lab_move {
    struct lab *lab;
    struct due due;
    uint64_t id, asked_ns, begun_ns, copy_ns, flip_ns, done_ns; /* NEVER_NS: not yet */
    uint32_t mailbox, snapshot_items;
    int from, to;
    enum move_phase phase;
    enum move_fault fault;
    bool dir_first, skip_commit, hung, purged;
    bool sham;       /* planted: it does nothing and says that it is done */
    char error[160]; /* of a failed move */
};

struct moves {
    struct lab_move **move; /* move[id - 1] */
    uint64_t n, room, begun;
    uint32_t active;
};

struct move_request {
    uint32_t mailbox;
    int from, to;
    bool dir_first, skip_commit;
    enum move_fault fault;
};

/* NULL: this mailbox already has a move that is not over, or the request makes no sense. */
struct lab_move *lab_move_ask(struct lab *l, const struct move_request *rq, struct err *e);
const struct lab_move *lab_move_find(const struct lab *l, uint64_t id);
const char *lab_move_state(const struct lab_move *m); /* requested copying committed done failed */
void lab_move_store_stopped(struct lab *l, int server); /* moves that were copying there fail */
void lab_move_fini(struct lab *l);

#endif
