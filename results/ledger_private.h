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
#include "results/sessions.h"

#define TICK_NS 64000ull /* a tick is 64 us: 32 bits last 76 hours */

struct slot {
    uint32_t sent;    /* tick plus one of the first octet, the earliest */
    uint32_t end_us;  /* from there to the end of the transaction */
    uint32_t mailbox; /* the recipient's, plus one */
    uint32_t from;    /* the originator's mailbox, plus one */
    uint32_t clues;   /* head of the evidence; on a message's first slot */
    uint32_t late_us; /* real, against the plan */
    uint32_t code;    /* event_code() of the end */
    uint16_t server;
    uint8_t ending; /* enum ending */
    uint8_t bits;   /* SLOT_LEASED, and the stage */
};

#define SLOT_LEASED 0x80u
#define SLOT_STAGE  0x0fu

static_assert(sizeof(struct slot) == 32, "a slot is half a cache line");

enum clue_kind { CLUE_SEEN = 1, CLUE_QUEUED, CLUE_REPORT };

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
            uint32_t print, code; /* fingerprint; event_report() */
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
    struct clue_counts received;
    struct place *places;          /* server x mailbox */
    uint64_t (*marks)[MARK_COUNT]; /* per move: time plus one */
    struct canary *canaries;
    struct bag homes, alternates, waves, strays, findings[FIND_COUNT];
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

static inline const struct place *ledger_place(const struct ledger *l, uint32_t server,
                                               uint32_t mailbox)
{
    return &l->places[(size_t)server * l->manifest->mailbox_count + mailbox];
}

static inline uint64_t tick_ns(uint32_t tick_plus_one)
{
    return tick_plus_one ? (uint64_t)(tick_plus_one - 1) * TICK_NS : NEVER_NS;
}

#endif
