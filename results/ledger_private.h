/* ledger_private.h - how the ledger keeps its facts: for ledger.c and for those who judge them (history, settle, copies).
 *
 * "Numbers plus one" mean that 0 is "none", so that fresh memory from the kernel is an empty ledger.
 */
#ifndef RESULTS_LEDGER_PRIVATE_H
#define RESULTS_LEDGER_PRIVATE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "results/bag.h"
#include "results/copies.h"
#include "results/ledger.h"
#include "results/ledger_intern.h"
#include "results/sessions.h"

#define TICK_NS 64000ull /* a tick is 64 us: 32 bits last 76 hours */

struct slot {
    uint32_t sent;    /* tick plus one of the first octet, the earliest */
    uint32_t end_us;  /* from there to the end of the transaction */
    uint32_t mailbox; /* the recipient's, plus one */
    uint32_t from;    /* the originator's mailbox, plus one */
    uint32_t late_us; /* real, against the plan */
    uint32_t
        clues; /* with a shape: tick plus one of the one sighting; else: head of the chain, 0: none */
    uint32_t state; /* shape << 8 | SLOT_LEASED | enum ending << 4 | enum stage */
    uint16_t server;
    uint16_t code; /* of the end: its number in ledger->codes; 0: none; SLOT_FAR_CODE */
};

#define SLOT_LEASED   0x80u
#define SLOT_FAR_CODE UINT16_MAX /* there were too many codes: it stands in the slot's own chain */
#define SLOT_CODES    (UINT16_MAX - 1u)
#define SLOT_SHAPES   (1u << 20)

static_assert(sizeof(struct slot) == 32, "a slot is half a cache line");
static_assert(STAGE_COUNT <= 16 && END_ACCEPTED < 8 && SLOT_SHAPES < 1u << 24, "they fit a state");

/* Evidence. The usual one, a single sighting in the recipient's own mailbox, lives in the message's first slot: its time in
 * `clues`, the rest of it, its shape, as a number of ledger->shapes. As soon as there is more to say (or too many shapes)
 * it moves to a chain of clues, and back from it when the recipient is heard of last; never is anything in both. Readers go by ledger_evidence() and cannot tell.
 */
enum clue_kind {
    CLUE_SEEN = 1,
    CLUE_QUEUED,
    CLUE_REPORT,
    CLUE_CODE /* no evidence: SLOT_FAR_CODE */
};

struct clue {
    uint32_t next;    /* 0: the last */
    uint32_t mailbox; /* index, or NO_INDEX */
    uint32_t first;   /* tick plus one of the earliest sighting */
    uint16_t server;
    uint8_t kind;
    uint8_t bits; /* SEEN: CLUE_CORRUPT; QUEUED: CLUE_OF_REPORT */

    union {
        struct {
            uint32_t seen, gone; /* epoch plus one, the newest */
            uint32_t ordinal;
        } copy; /* one per (message, mailbox, server) */

        struct {
            uint32_t tries;
            uint32_t first_wave, last_wave, due_wave; /* plus one */
        } entry; /* one per (message, mailbox, server, tries) */

        struct {
            uint32_t print, code; /* fingerprint; event_report(), CLUE_CODE: event_code() */
        } report;                 /* one per (message, mailbox, fingerprint, code) */
    } as;
};

#define CLUE_CORRUPT   1u
#define CLUE_OF_REPORT 2u

static_assert(sizeof(struct clue) == 32, "a clue is half a cache line");

struct place {            /* a mailbox on a server */
    uint64_t complete_ns; /* when the newest complete scan began, plus one */
    uint32_t reset;       /* epoch plus one of the newest renumbering or absence */
};

struct canary {
    uint64_t reported_ns; /* the latest, plus one */
    uint32_t states;      /* 1 << enum canary_state */
};

#define CLUE_CHUNK_BITS 16
#define CLUE_CHUNK      (1u << CLUE_CHUNK_BITS)
#define CLUE_CHUNKS     (1u << (32 - CLUE_CHUNK_BITS))

struct ledger {
    const struct manifest *manifest;
    struct slot *slots;
    uint64_t slot_count;
    struct clue **chunks;
    uint32_t clue_count;
    uint32_t clue_free;          /* kind 0, a chain of its own; 0: none */
    struct intern shapes, codes; /* of sightings in slots; of ends */
    struct clue_counts received;
    struct place *places;          /* server x mailbox */
    uint64_t (*marks)[MARK_COUNT]; /* per move: time plus one */
    struct canary *canaries;
    struct bag homes, alternates, waves, aims, unwatched, strays, findings[FIND_COUNT];
    struct sessions sessions;
    uint64_t phases[PHASE_END + 1]; /* time plus one, the earliest */
    uint64_t quiescent;             /* time plus one, the newest */
    uint32_t torn;
    bool out_of_memory;
    bool overlong; /* something happened after the last tick */
    struct ledger_counts counts;
};

static inline const struct slot *ledger_slot(const struct ledger *l, uint64_t slot)
{
    return &l->slots[slot];
}

static inline const struct clue *ledger_clue(const struct ledger *l, uint32_t at)
{
    return &l->chunks[at >> CLUE_CHUNK_BITS][at & (CLUE_CHUNK - 1)];
}

static inline enum ending slot_ending(const struct slot *s)
{
    return (enum ending)(s->state >> 4 & 7u);
}

static inline unsigned slot_stage(const struct slot *s)
{
    return s->state & 15u;
}

static inline uint32_t slot_shape(const struct slot *s) /* 0: its evidence is a chain */
{
    return s->state >> 8;
}

/* As many copies. A shape is seen | gone << 32, and server | bits << 16 | ordinal << 32. */
static inline uint32_t shape_found(const struct ledger *l, uint32_t shape)
{
    const struct intern_key *w = intern_at(&l->shapes, shape);
    uint32_t ordinal = (uint32_t)(w->b >> 32);

    return (uint32_t)w->a == 0 ? 0 : ordinal ? ordinal : 1;
}

uint32_t ledger_code(const struct ledger *l, const struct slot *s); /* event_code(); 0: none */

/* All evidence about a message, clue by clue and in no particular order:
 * struct evidence it = ledger_evidence(l, slot); struct clue c; while (evidence_next(&it, &c)) ... */
struct evidence {
    const struct ledger *l;
    const struct slot *s;
    uint32_t shape, at;
};

static inline struct evidence ledger_evidence(const struct ledger *l, const struct slot *s)
{
    uint32_t shape = slot_shape(s);

    return (struct evidence){l, s, shape, shape ? 0 : s->clues};
}

bool evidence_next(struct evidence *e, struct clue *c);

struct slot_begin {
    uint32_t sent, late_us, mailbox, from; /* as in a slot */
    uint16_t server;
};

struct slot_end {
    uint32_t us, code, ending, stage;
    uint16_t server;
};

void ledger_join_begin(struct ledger *l, struct slot *s, const struct slot_begin *b);
void ledger_join_end(struct ledger *l, struct slot *s, const struct slot_end *n);
void ledger_add_clue(struct ledger *l, uint64_t slot, const struct clue *c);

/* For tests: with tables so small that slots soon cannot keep what they have. */
struct ledger *ledger_create_small(const struct manifest *m, uint32_t shapes, uint32_t codes,
                                   struct err *e);

static inline const struct place *ledger_place(const struct ledger *l, uint32_t server,
                                               uint32_t mailbox)
{
    return &l->places[(size_t)server * l->manifest->mailbox_count + mailbox];
}

static inline void join_max32(uint32_t *into, uint32_t v)
{
    if (v > *into)
        *into = v;
}

static inline void join_max64(uint64_t *into, uint64_t v)
{
    if (v > *into)
        *into = v;
}

static inline void join_min32(uint32_t *into, uint32_t v) /* 0: none */
{
    if (v && (!*into || v < *into))
        *into = v;
}

static inline void join_min64(uint64_t *into, uint64_t v)
{
    if (v && (!*into || v < *into))
        *into = v;
}

static inline uint64_t tick_ns(uint32_t tick_plus_one)
{
    return tick_plus_one ? (uint64_t)(tick_plus_one - 1) * TICK_NS : NEVER_NS;
}

#endif
