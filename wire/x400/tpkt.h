/* tpkt.h - packets of RFC 1006: 03 00, a length of two octets that counts these four, a TPDU.
 *
 * Whole packets are handed on where they lie; the beginning of one is kept until the rest comes.
 */
#ifndef WIRE_X400_TPKT_H
#define WIRE_X400_TPKT_H

#include "wire/x400/stack.h"

#define TPKT_HEAD 4u
#define TPKT_MAX  65535u
#define TPKT_MIN  7u /* the shortest TPDU has three octets */

struct tpkt {
    struct buf part; /* of a packet whose end is not there yet */
    bool drop;       /* part was handed on and is to be forgotten */
};

enum tpkt_got { TPKT_GOT, TPKT_AGAIN, TPKT_BAD };

void tpkt_init(struct tpkt *t);
void tpkt_fini(struct tpkt *t);
void tpkt_begin(struct tpkt *t);
/* The next packet from *in, which moves on; *tpdu is valid until the next call. */
enum tpkt_got tpkt_up(struct tpkt *t, struct slice *in, struct slice *tpdu, struct err *e);
void tpkt_down(unsigned char head[TPKT_HEAD], size_t tpdu_octets);

#endif
