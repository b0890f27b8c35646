/* peers.h - a scripted peer on either back end, and the table of back ends that a contract test walks.
 *
 * A peer keeps what it reads, writes what it was given as the stream takes it, and remembers how the stream ended. It
 * closes its stream only when told to. Everything is public: tests look inside.
 */
#ifndef TESTS_BASE_PEERS_H
#define TESTS_BASE_PEERS_H

#include "base/bytes.h"
#include "base/loop.h"

struct peer {
    struct loop *loop;
    struct stream *s;
    struct buf got, give;
    size_t piece;          /* octets per read; 0: 4096 */
    bool echo;             /* gives back what it gets */
    bool close_when_given; /* closes when all of `give` is taken */
    bool stop_at_end;      /* stops the loop when the stream has ended or broken */
    bool ended, broken;    /* what a read has said */
    unsigned readable, writable, agains;
    char error[200];
    void (*seen)(struct peer *p); /* after each call; NULL: nothing */
    void *owner;
};

struct back_end {
    const char *name;
    struct loop *(*create)(struct err *e);
};

extern const struct back_end back_ends[]; /* ends with a NULL name */

void peer_init(struct peer *p, struct loop *l);
void peer_fini(struct peer *p);                              /* closes the stream if it is open */
void peer_take(struct peer *p, struct stream *s);            /* becomes the stream's owner */
void peer_ready(struct stream *s, unsigned what);            /* owner: the peer */
void peer_give(struct peer *p, const void *bytes, size_t n); /* writes now what is taken now */
void peer_accept(void *owner, struct stream *s);             /* owner: the peer */
void peer_hang_up(struct peer *p);

/* Connects client to server through a listener on 127.0.0.1; both are initialised. False: it did not work. */
bool peers_meet(struct loop *l, struct peer *client, struct peer *server);
struct net_addr local_addr(uint16_t port);

/* Stops the loop at `after_ns` from now: a stuck test ends. */
void run_for(struct loop *l, uint64_t after_ns);

/* n octets that differ from place to place. */
void fill_pattern(unsigned char *p, size_t n, unsigned salt);

#endif
