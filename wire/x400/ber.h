/* ber.h - BER: written backwards into the room in front, read with bounds. Pure; any thread; allocates nothing.
 *
 * A tag is its identifier octets read as one big-endian number: 0x02 INTEGER, 0x30 SEQUENCE, 0xa0 [0] constructed,
 * 0x80 [0] primitive, 0x63 [APPLICATION 3], 0xbf1f [31]. At most three octets (tag numbers below 16,384).
 *
 * Writing goes from the last octet to the first, so that a length is known when its header is put before it:
 *
 *     size_t m = ber_mark(&o);           31 LL { 80 01 05, 16 .. "text" }, written in reverse
 *     ber_put_text(&o, 0x16, text);
 *     ber_put_integer(&o, 0x80, 5);
 *     ber_put_head(&o, 0x31, m);
 *
 * A writer without room writes nothing more and says so once, at the end (`full`).
 *
 * Reading walks the elements of one level; definite and indefinite lengths, both constructed and primitive strings. Every
 * length is checked against what encloses it; depth and elements a level are limited.
 */
#ifndef WIRE_X400_BER_H
#define WIRE_X400_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define BER_DEPTH_MAX    32u
#define BER_ELEMENTS_MAX 65536u /* of one level */
#define BER_HEAD_MAX     8u     /* tag of three octets, length of five */

enum { /* universal tags we name; strings may come constructed: | 0x20 */
       BER_BOOLEAN = 0x01,
       BER_INTEGER = 0x02,
       BER_BITS = 0x03,
       BER_OCTETS = 0x04,
       BER_NULL = 0x05,
       BER_OID = 0x06,
       BER_EXTERNAL = 0x28,
       BER_NUMERIC = 0x12,
       BER_PRINTABLE = 0x13,
       BER_T61 = 0x14,
       BER_IA5 = 0x16,
       BER_UTC = 0x17,
       BER_SEQUENCE = 0x30,
       BER_SET = 0x31,
       BER_CONSTRUCTED = 0x20,
};

/* --- writing ------------------------------------------------------------------------------------------------------ */

struct ber_out {
    unsigned char *start, *p, *end; /* what is written: p to end */
    bool full;                      /* something did not fit: what is there is worthless */
};

void ber_out_init(struct ber_out *o, void *room, size_t n);
struct slice ber_out_slice(const struct ber_out *o); /* what was written so far */
size_t ber_mark(const struct ber_out *o);            /* octets written so far */

void ber_put_raw(struct ber_out *o, struct slice s);
void ber_put_octet(struct ber_out *o, unsigned char c);
void ber_put_head(struct ber_out *o, uint32_t tag, size_t mark); /* of all written since `mark` */
void ber_put_bytes(struct ber_out *o, uint32_t tag, struct slice value);
void ber_put_text(struct ber_out *o, uint32_t tag, const char *text);
void ber_put_integer(struct ber_out *o, uint32_t tag, int64_t n); /* shortest form */
void ber_put_empty(struct ber_out *o, uint32_t tag);
/* The first `count` (at most 32) bits of `bits`, bit 0 of the standard being the highest. */
void ber_put_bits(struct ber_out *o, uint32_t tag, uint32_t bits, unsigned count);

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct ber_element {
    uint32_t tag;
    bool constructed;
    uint8_t depth;      /* of this element; those inside are one deeper */
    struct slice value; /* without end-of-contents octets */
    struct slice whole; /* with header (and end-of-contents octets) */
};

struct ber { /* the elements of one level; borrowed bytes */
    const unsigned char *p, *end;
    uint32_t count;
    uint8_t depth;
};

enum ber_got { BER_GOT, BER_END, BER_BAD };

struct ber ber_in(struct slice s);                  /* the outermost level */
struct ber ber_inside(const struct ber_element *e); /* a primitive one has nothing inside */
enum ber_got ber_next(struct ber *b, struct ber_element *e);

/* Exactly one element of this tag is next; moves on only then. */
bool ber_take(struct ber *b, uint32_t tag, struct ber_element *e);
bool ber_peek(const struct ber *b, struct ber_element *e); /* the next, without moving on */
bool ber_at_end(const struct ber *b);
/* The first element of this tag (strings: without BER_CONSTRUCTED, both forms match) among those still ahead. */
bool ber_find(const struct ber *b, uint32_t tag, struct ber_element *e);
bool ber_is(const struct ber_element *e, uint32_t tag); /* also its constructed form */
/* Well formed to the last octet, at every level that is marked constructed. */
bool ber_check(struct slice s);

/* Values; false: not of that form, or too long. */
bool ber_int(const struct ber_element *e, int64_t *n);
bool ber_bits(const struct ber_element *e, uint32_t *bits, unsigned *count); /* the first 32 */
bool ber_oid_is(const struct ber_element *e, const void *oid, size_t n);
const char *ber_oid_text(char *out, size_t room, struct slice oid); /* "2.6.0.1.6"; returns out */

/* The octets of a string in either form: borrowed when primitive, else put together in `scratch`. */
bool ber_string(const struct ber_element *e, void *scratch, size_t room, struct slice *out);

/* The pieces of a string, in order: one when primitive. For those too long to be put together. */
struct ber_pieces {
    struct ber level[BER_DEPTH_MAX];
    uint8_t levels;
    struct slice only; /* of a primitive */
    bool whole;
};

void ber_pieces_init(struct ber_pieces *i, const struct ber_element *e);
enum ber_got ber_pieces_next(struct ber_pieces *i, struct slice *piece);

#endif
