/* ledger_slot.c - one slot and the evidence about its message: how both are kept, and how more is joined to them.
 *
 * Joins only (or, min, max, set union). Where a table of words is full, what would be its number is kept in a clue.
 */
#include <stdlib.h>

#include "results/ledger_private.h"

/* -------------------------------------------------------------------------------------------------- evidence, stored */

/* Field by field into its place: to build it elsewhere and copy it costs more than all the rest. */
static void clue_in_slot(const struct ledger *l, const struct slot *s, struct clue *c)
{
    const struct intern_key *w = intern_at(&l->shapes, slot_shape(s));

    c->next = 0;
    c->mailbox = s->mailbox - 1;
    c->first = s->clues;
    c->server = (uint16_t)w->b;
    c->kind = CLUE_SEEN;
    c->bits = (uint8_t)(w->b >> 16);
    c->as.copy.seen = (uint32_t)w->a;
    c->as.copy.gone = (uint32_t)(w->a >> 32);
    c->as.copy.ordinal = (uint32_t)(w->b >> 32);
}

/* false: there are too many shapes already. */
static bool keep_in_slot(struct ledger *l, struct slot *s, const struct clue *c)
{
    struct intern_key w = {c->as.copy.seen | (uint64_t)c->as.copy.gone << 32,
                           c->server | (uint64_t)c->bits << 16 |
                               (uint64_t)c->as.copy.ordinal << 32};
    uint32_t shape = intern_number(&l->shapes, w);

    if (!shape)
        return false;
    s->clues = c->first;
    s->state = (s->state & 0xff) | shape << 8;
    return true;
}

static struct clue *clue_at(struct ledger *l, uint32_t at)
{
    return &l->chunks[at >> CLUE_CHUNK_BITS][at & (CLUE_CHUNK - 1)];
}

/* A place for one clue more, as it was left; 0: out of memory. */
static uint32_t clue_place(struct ledger *l)
{
    uint32_t at = l->clue_free ? l->clue_free : l->clue_count, chunk = at >> CLUE_CHUNK_BITS;

    if (at == l->clue_free) {
        l->clue_free = clue_at(l, at)->next;
        return at;
    }
    if (at < UINT32_MAX && !l->chunks[chunk])
        l->chunks[chunk] = malloc(CLUE_CHUNK * sizeof(struct clue));
    if (at == UINT32_MAX || !l->chunks[chunk])
        return 0;
    l->clue_count++;
    return at;
}

static void chain_clue(struct ledger *l, struct slot *s, const struct clue *c)
{
    uint32_t at = clue_place(l);

    if (!at) {
        l->out_of_memory = true;
        return;
    }
    *clue_at(l, at) = *c;
    clue_at(l, at)->next = s->clues;
    s->clues = at;
}

/* A sighting that came before anybody said to whom the message goes: alone, and in the recipient's mailbox, it needs no chain. */
static void unchain(struct ledger *l, struct slot *s)
{
    uint32_t at = slot_shape(s) ? 0 : s->clues;

    if (!at)
        return;
    struct clue *c = clue_at(l, at);

    if (c->next || c->kind != CLUE_SEEN || c->mailbox != s->mailbox - 1 || !keep_in_slot(l, s, c))
        return;
    *c = (struct clue){.next = l->clue_free};
    l->clue_free = at;
}

/* From the slot to a chain, where more has room. */
static void spill(struct ledger *l, struct slot *s, const struct clue *c)
{
    s->clues = 0;
    s->state &= 0xff;
    chain_clue(l, s, c);
}

static void spill_slot(struct ledger *l, struct slot *s)
{
    if (slot_shape(s)) {
        struct clue c;

        clue_in_slot(l, s, &c);
        spill(l, s, &c);
    }
}

bool evidence_next(struct evidence *e, struct clue *c)
{
    if (e->shape) {
        clue_in_slot(e->l, e->s, c);
        e->shape = 0;
        return true;
    }
    while (e->at) {
        *c = *ledger_clue(e->l, e->at);
        e->at = c->next;
        if (c->kind != CLUE_CODE)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------- begin and end of a send */

static uint32_t far_code_at(const struct ledger *l, const struct slot *s) /* 0: there is none */
{
    uint32_t at = slot_shape(s) ? 0 : s->clues;

    while (at && ledger_clue(l, at)->kind != CLUE_CODE)
        at = ledger_clue(l, at)->next;
    return at;
}

uint32_t ledger_code(const struct ledger *l, const struct slot *s)
{
    uint32_t at;

    if (s->code != SLOT_FAR_CODE)
        return s->code ? (uint32_t)intern_at(&l->codes, s->code)->a : 0;
    at = far_code_at(l, s);
    return at ? ledger_clue(l, at)->as.report.code : 0;
}

static void set_code(struct ledger *l, struct slot *s, uint32_t code)
{
    uint32_t number = code ? intern_number(&l->codes, (struct intern_key){code, 0}) : 0;

    if (number || !code) {
        s->code = (uint16_t)number;
        return;
    }
    struct clue c = {.kind = CLUE_CODE, .mailbox = NO_INDEX};
    uint32_t at = far_code_at(l, s);

    c.as.report.code = code;
    s->code = SLOT_FAR_CODE;
    if (at) {
        clue_at(l, at)->as.report.code = code;
        return;
    }
    spill_slot(l, s);
    chain_clue(l, s, &c);
}

void ledger_join_begin(struct ledger *l, struct slot *s, const struct slot_begin *b)
{
    l->counts.attempted += !s->sent && b->sent;
    join_min32(&s->sent, b->sent);
    join_max32(&s->from, b->from);
    join_max32(&s->late_us, b->late_us);
    if (b->mailbox > s->mailbox) {
        spill_slot(l, s); /* what it holds was seen in the former one */
        s->mailbox = b->mailbox;
        unchain(l, s);
    }
    if (b->server > s->server)
        s->server = b->server;
}

static void count_ending(struct ledger_counts *c, unsigned ending, uint64_t n)
{
    c->accepted += ending == END_ACCEPTED ? n : 0;
    c->doubt += ending == END_DOUBT ? n : 0;
    c->aborted += ending == END_ABORTED ? n : 0;
    c->refused += ending == END_REFUSED_TEMP || ending == END_REFUSED_PERM ? n : 0;
}

static bool is_above(const struct ledger *l, const struct slot_end *n, const struct slot *s)
{
    if (n->ending != slot_ending(s))
        return n->ending > slot_ending(s);
    uint32_t code = ledger_code(l, s);

    if (n->code != code)
        return n->code > code;
    if (n->us != s->end_us)
        return n->us > s->end_us;
    return n->stage > slot_stage(s);
}

void ledger_join_end(struct ledger *l, struct slot *s, const struct slot_end *n)
{
    if (n->server > s->server)
        s->server = n->server;
    if (!is_above(l, n, s))
        return;
    count_ending(&l->counts, slot_ending(s), UINT64_MAX); /* one less */
    count_ending(&l->counts, n->ending, 1);
    set_code(l, s, n->code);
    s->end_us = n->us;
    s->state = (s->state & ~0x7fu) | n->ending << 4 | n->stage;
}

/* --------------------------------------------------------------------------------------------------- evidence, joined */

static bool same_clue(const struct clue *a, const struct clue *b)
{
    if (a->kind != b->kind || a->mailbox != b->mailbox)
        return false;
    if (a->kind == CLUE_SEEN)
        return a->server == b->server;
    if (a->kind == CLUE_QUEUED)
        return a->server == b->server && a->as.entry.tries == b->as.entry.tries &&
               (a->bits & CLUE_OF_REPORT) == (b->bits & CLUE_OF_REPORT);
    return a->as.report.print == b->as.report.print && a->as.report.code == b->as.report.code;
}

/* The newest epoch's ordinals count: of two copies that an older one saw, one may have gone since. */
static void join_copy(struct clue *c, const struct clue *from)
{
    join_max32(&c->as.copy.gone, from->as.copy.gone);
    if (from->as.copy.seen < c->as.copy.seen)
        return;
    if (from->as.copy.seen > c->as.copy.seen)
        c->as.copy.ordinal = 0;
    c->as.copy.seen = from->as.copy.seen;
    join_max32(&c->as.copy.ordinal, from->as.copy.ordinal);
}

static void join_clue(struct clue *c, const struct clue *from)
{
    join_min32(&c->first, from->first);
    c->bits |= from->bits;
    if (c->kind == CLUE_SEEN) {
        join_copy(c, from);
    } else if (c->kind == CLUE_QUEUED) {
        join_min32(&c->as.entry.first_wave, from->as.entry.first_wave);
        join_max32(&c->as.entry.last_wave, from->as.entry.last_wave);
        join_max32(&c->as.entry.due_wave, from->as.entry.due_wave);
    } else if (from->server < c->server) {
        c->server = from->server;
    }
}

static void count_clue(struct ledger *l, const struct clue *c)
{
    l->received.copies += c->kind == CLUE_SEEN;
    l->received.entries += c->kind == CLUE_QUEUED;
    l->received.reports += c->kind == CLUE_REPORT;
    l->counts.seen += c->kind == CLUE_SEEN;
    l->counts.reports += c->kind == CLUE_REPORT;
}

/* true: it is the one sighting that the slot holds, and the slot knows it now. */
static bool join_in_slot(struct ledger *l, struct slot *s, const struct clue *c)
{
    struct clue own;

    clue_in_slot(l, s, &own);
    if (!same_clue(&own, c)) {
        spill(l, s, &own);
        return false;
    }
    join_clue(&own, c);
    if (!keep_in_slot(l, s, &own))
        spill(l, s, &own);
    return true;
}

static bool fits_slot(const struct slot *s, const struct clue *c)
{
    return !s->clues && c->kind == CLUE_SEEN && s->mailbox && c->mailbox == s->mailbox - 1;
}

void ledger_add_clue(struct ledger *l, uint64_t slot, const struct clue *c)
{
    struct slot *s = &l->slots[slot];

    if (slot_shape(s) && join_in_slot(l, s, c))
        return;
    for (uint32_t at = s->clues; at; at = clue_at(l, at)->next) {
        if (same_clue(clue_at(l, at), c)) {
            join_clue(clue_at(l, at), c);
            return;
        }
    }
    if (!fits_slot(s, c) || !keep_in_slot(l, s, c))
        chain_clue(l, s, c);
    count_clue(l, c);
}
