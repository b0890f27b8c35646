/* directory.h - one directory replica per server, whole-object replication with Exchange's delays, and its merge rule.
 *
 * A write happens on one replica; the k-th other server hears after pause_after_modify + (k-1) * pause_between (Q137203)
 * and then takes the writer's object as it is by then (Q192656). A replica that is down answers nothing and takes notices
 * when it is back. Mailboxes are numbers.
 */
#ifndef LAB_DIRECTORY_H
#define LAB_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/fault.h"
#include "lab/schedule.h"

#define NO_MAILBOX UINT32_MAX

struct directory_entry {
    int home;           /* server, or LAB_FOREIGN */
    uint32_t alternate; /* NO_MAILBOX: none */
    bool both;
    uint32_t version;         /* grows with each write */
    int signature;            /* the server that wrote it */
    uint64_t when_changed_ns; /* decides between equal versions of different writers */
};

struct directory;

/* The schedule and the knobs stay the caller's and must outlive it. */
struct directory *directory_create(int servers, uint32_t mailboxes, struct schedule *s,
                                   const struct knobs *k);
void directory_destroy(struct directory *d); /* after schedule_fini(); NULL is fine */
void directory_seed(struct directory *d, uint32_t mailbox, int home, uint32_t alternate, bool both);
/* What a server's replica says; NULL: that replica is down. */
const struct directory_entry *directory_read(const struct directory *d, int server,
                                             uint32_t mailbox);
/* Writes on the replica of `at` and plans the notices; false: that replica is down. */
bool directory_set_home(struct directory *d, int at, uint32_t mailbox, int home, uint64_t now_ns);
bool directory_set_alternate(struct directory *d, int at, uint32_t mailbox, uint32_t alternate,
                             bool both, uint64_t now_ns);
/* As above, but every replica has it at once. */
void directory_set_alternate_everywhere(struct directory *d, uint32_t mailbox, uint32_t alternate,
                                        bool both, uint64_t now_ns);
/* The explicit sync a move asks for: `to` takes the object of `from` at at_ns (at once if that is now). */
void directory_sync(struct directory *d, int from, int to, uint32_t mailbox, uint64_t at_ns,
                    uint64_t now_ns);
void directory_update_now(struct directory *d, int server); /* takes all newer objects of others */
void directory_set_up(struct directory *d, int server, bool up); /* coming back catches up */
bool directory_is_up(const struct directory *d, int server);

/* Q195911: the higher version wins; equal versions of different writers: the later change. True if theirs won. */
bool directory_merge(struct directory_entry *mine, const struct directory_entry *theirs,
                     bool *conflict);
uint64_t directory_conflicts(const struct directory *d); /* event 1074 so far */

#endif
