/* plant.c - a table of kinds, chances drawn, and what each kind does at its hook.
 *
 * A kind lets up to PASSES chances go by before each plant, so that which message is hit follows from the seed and the order in
 * which things happen. A copy is hit once at most.
 */
#include "lab/plant.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "lab/bounce.h"
#include "lab/core.h"
#include "lab/plant_text.h"

#define PASSES           4u /* fewer than so many chances go by before one is taken */
#define RNG_STREAM_PLANT 0x91a
#define COUNT_MAX        1000000u
#define HOLD_NS          (90 * NS_PER_S)
#define DELAY_NS         (20 * NS_PER_S)
#define SETTLED_NS       (16 * NS_PER_S) /* there before its mailbox was closed for the copy, and seen */
#define STEP_NS          (3600 * NS_PER_S)

static const struct {
    const char *name, *help;
} rows[] = {

#define X(id, name, help) {name, help},
    PLANTS(X)
#undef X
};

const char *plant_name(unsigned plant)
{
    return plant < PLANT_COUNT ? rows[plant].name : NULL;
}

const char *plant_help(unsigned plant)
{
    return plant < PLANT_COUNT ? rows[plant].help : NULL;
}

static bool read_order(const char *name, const char *count, unsigned *plant, uint64_t *n,
                       struct err *e)
{
    const char *names[PLANT_COUNT + 1] = {0};

    for (*plant = 0; *plant < PLANT_COUNT; ++*plant) {
        names[*plant] = rows[*plant].name;
        if (strcmp(name, rows[*plant].name) == 0)
            break;
    }
    if (*plant == PLANT_COUNT) {
        const char *near = text_nearest(slice_of(name), names);

        return err_set(e, EX_BAD_PROFILE, "there is no fault '%s' to plant%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (!text_u64(slice_of(count), n, e) ||
        (*n > COUNT_MAX && !err_set(e, EX_BAD_PROFILE, "%s: more than %u", count, COUNT_MAX)))
        return err_wrap(e, "%s", name);
    return true;
}

static void draw_passes(struct lab *l, unsigned plant)
{
    struct rng r = rng_at(l->seed, RNG_STREAM_PLANT, l->plants.draws++);

    l->plants.passes[plant] = rng_below(&r, PASSES);
}

bool plant_ask(struct lab *l, const char *name, const char *count, struct err *e)
{
    unsigned plant;
    uint64_t n;

    if (!read_order(name, count, &plant, &n, e))
        return false;
    if (l->plants.left[plant] == 0)
        draw_passes(l, plant);
    l->plants.left[plant] += n;
    return true;
}

/* --- chances ---------------------------------------------------------------------------------------------------- */

static bool takes_chance(struct lab *l, enum plant p)
{
    struct plants *all = &l->plants;

    if (all->left[p] == 0)
        return false;
    if (all->passes[p] > 0) {
        all->passes[p]--;
        return false;
    }
    all->left[p]--;
    all->planted[p]++;
    draw_passes(l, p);
    return true;
}

/* An ordinary copy for a mailbox that exists, not hit before. */
static bool may_hit(const struct copy *c)
{
    return !c->mail->about && c->role == ROLE_PRIMARY && c->mailbox != NO_MAILBOX && !c->planted &&
           c->mail->from.n > 0 && !c->mail->recipient[c->recipient].never;
}

static bool hits(struct lab *l, struct copy *c, enum plant p)
{
    if (!takes_chance(l, p))
        return false;
    struct fact f = copy_fact(l, c, TRACK_NONE, "planted");

    c->planted = (uint8_t)(p + 1);
    truth_note(l->truth, l->now_ns, &f, "fault=%s", rows[p].name);
    return true;
}

/* --- what becomes of a copy ------------------------------------------------------------------------------------- */

static void drop(struct lab *l, struct copy *c)
{
    struct fact f = c->mail->about ? copy_fact(l, c, TRACK_REPORT_DISCARDED, "report-discarded")
                                   : copy_fact(l, c, TRACK_NONE, "dropped");

    truth_note(l->truth, l->now_ns, &f, "why=planted");
    copy_end(l, c);
}

static void report(struct lab *l, const struct copy *c, enum plant p, enum bounce_kind kind)
{
    l->plants.forging = p;
    l->plants.forges = true;
    copy_report(l, c, (struct report_cause){kind, 0, NO_DIAG});
    l->plants.forges = false;
}

/* Somebody else, who has nothing to do with the copy and a mailbox to be found in. */
static uint32_t somebody_else(struct lab *l, const struct copy *c, int *home)
{
    const struct directory_entry *own = directory_read(l->directory, c->server, c->mailbox);
    uint32_t alternate = own ? own->alternate : NO_MAILBOX;

    for (uint32_t i = 1; i < l->mailboxes; i++) {
        uint32_t m = (c->mailbox + i) % l->mailboxes;

        if (m == alternate || m == c->mail->from_mailbox || l->mailbox[m].is_foreign)
            continue;
        for (*home = 0; *home < l->servers; ++*home)
            if (store_box(l, *home, m)->state == BOX_NORMAL && !store_box(l, *home, m)->moving)
                return m;
    }
    return NO_MAILBOX;
}

static void deliver_elsewhere(struct lab *l, struct copy *c)
{
    int home = 0;
    uint32_t m = somebody_else(l, c, &home);

    if (m == NO_MAILBOX) {
        drop(l, c);
        return;
    }
    copy_into(l, c, home, m);
    copy_end(l, c);
}

static void deliver_rewritten(struct copy *c, enum plant p)
{
    struct mail *m = plant_rewrite(c->mail, p);

    mail_release(c->mail);
    c->mail = m;
}

static void step_clock(struct lab *l, int64_t by_ns)
{
    l->plants.ahead_ns += by_ns;
    clock_wall_step(by_ns);
}

static void lose_and_report(struct lab *l, struct copy *c, enum plant p)
{
    report(l, c, p, BOUNCE_FAILED);
    copy_end(l, c);
}

/* What a kind does to a copy that it has hit; true: the copy has ended, or waits. */
static bool strike(struct lab *l, struct copy *c, enum plant p)
{
    switch (p) {
    case PLANT_DROP:
    case PLANT_DROP_BOTH:
        drop(l, c);
        return true;
    case PLANT_REPORTS_LOST:
        l->plants.reports_dead = true;
        lose_and_report(l, c, p);
        return true;
    case PLANT_NDR:
    case PLANT_NDR_OTHER:
    case PLANT_NDR_NAMELESS:
        lose_and_report(l, c, p);
        return true;
    case PLANT_NDR_DELIVERED:
    case PLANT_NDR_STRANGER:
        report(l, c, p, BOUNCE_FAILED);
        return false;
    case PLANT_TWICE:
        copy_into(l, c, c->server, c->mailbox); /* and once more, as if nothing were */
        return false;
    case PLANT_STRANGER:
        deliver_elsewhere(l, c);
        return true;
    case PLANT_CORRUPT_START:
    case PLANT_CORRUPT_4095:
    case PLANT_CORRUPT_END:
    case PLANT_LINE_ENDS:
    case PLANT_BASE64:
    case PLANT_QUOTED:
    case PLANT_FOLDING:
        deliver_rewritten(c, p);
        return false;
    case PLANT_STRAND:
    case PLANT_QUEUE_HIDES:
        copy_wait(l, c, COPY_AWAIT_REPORT, NEVER_NS);
        return true;
    case PLANT_HOLD:
        copy_wait(l, c, COPY_QUEUED, l->now_ns + HOLD_NS);
        return true;
    case PLANT_DELAY_DELIVER:
    case PLANT_DELAY_DROP:
        report(l, c, p, BOUNCE_DELAYED);
        copy_wait(l, c, COPY_QUEUED, l->now_ns + DELAY_NS);
        return true;
    case PLANT_IMAP_HIDES:
        return false; /* the store hides what is hit */
    case PLANT_AHEAD:
    case PLANT_BACK:
        step_clock(l, p == PLANT_AHEAD ? (int64_t)STEP_NS : -(int64_t)STEP_NS);
        return false;
    case PLANT_LEAVE:
    case PLANT_RESIDUE:
    case PLANT_SKIP:
    case PLANT_BEHIND:
    case PLANT_MOVE_NOTHING:
    case PLANT_MOVE_HALF:
    case PLANT_COUNT:
        break;
    }
    PM_UNREACHABLE();
}

static bool is_of_delivery(enum plant p)
{
    return p < PLANT_LEAVE || p >= PLANT_IMAP_HIDES;
}

/* Only where the alternate has the copy too: such a mailbox is easily told from one that moves. */
static bool is_of_both(enum plant p)
{
    return p == PLANT_DROP_BOTH || p == PLANT_IMAP_HIDES;
}

bool plant_delivery(struct lab *l, struct copy *c)
{
    if (c->mail->about) {
        if (l->plants.reports_dead)
            drop(l, c);
        return l->plants.reports_dead;
    }
    if (c->planted == PLANT_DELAY_DROP + 1) {
        drop(l, c);
        return true;
    }
    if (!may_hit(c))
        return false;
    for (unsigned p = 0; p < PLANT_COUNT; p++)
        if (l->plants.left[p] > 0 && is_of_delivery(p) && (c->has_both || !is_of_both(p)) &&
            hits(l, c, p))
            return strike(l, c, p);
    return false;
}

bool plant_behind(struct lab *l, struct copy *c)
{
    if (!may_hit(c) || !hits(l, c, PLANT_BEHIND))
        return false;
    copy_into(l, c, c->server, c->mailbox);
    store_mark(l, c->server, c->mailbox, c->planted);
    copy_end(l, c);
    return true;
}

/* --- reports ---------------------------------------------------------------------------------------------------- */

void plant_report(const struct lab *l, struct bounce *b)
{
    if (!l->plants.forges || l->plants.forging != PLANT_NDR_NAMELESS)
        return;
    b->subject = b->name = b->address = b->orcpt = b->envid = b->original = slice_of("");
    b->mts_id = slice_of("unknown");
}

void plant_report_text(struct lab *l, const struct copy *c, struct mail_recipient *to)
{
    int home = 0;

    if (!l->plants.forges)
        return;
    if (l->plants.forging == PLANT_NDR_STRANGER)
        plant_spoil_id(&l->scratch, c->mail->message_id);
    if (l->plants.forging != PLANT_NDR_OTHER)
        return;
    uint32_t other = somebody_else(l, c, &home);

    if (other == NO_MAILBOX)
        return;
    to->mailbox = other;
    to->address = slice_of(l->mailbox[other].address);
}

/* --- moves ------------------------------------------------------------------------------------------------------ */

static bool hits_item(struct lab *l, int server, uint32_t mailbox, const struct item *i,
                      enum plant p)
{
    if (!takes_chance(l, p))
        return false;
    struct fact f = store_item_fact(l, server, mailbox, i, "planted");

    truth_note(l->truth, l->now_ns, &f, "fault=%s", rows[p].name);
    return true;
}

enum carry plant_carry(struct lab *l, int server, uint32_t mailbox, const struct item *i)
{
    if (i->planted == PLANT_BEHIND + 1)
        return CARRY_LOSE;
    if (i->mail->about || i->role != ROLE_PRIMARY || i->planted ||
        l->now_ns - i->arrived_ns < SETTLED_NS)
        return CARRY_OVER;
    if (hits_item(l, server, mailbox, i, PLANT_LEAVE))
        return CARRY_NOT;
    if (hits_item(l, server, mailbox, i, PLANT_RESIDUE))
        return CARRY_BOTH;
    return hits_item(l, server, mailbox, i, PLANT_SKIP) ? CARRY_LOSE : CARRY_OVER;
}

static void note_move(struct lab *l, const struct lab_move *m, enum plant p)
{
    char detail[80];

    (void)snprintf(detail, sizeof detail, "fault=%s move=%" PRIu64, rows[p].name, m->id);
    lab_note(l, "planted", m->mailbox, m->from, detail);
}

bool plant_move(struct lab *l, struct lab_move *m)
{
    if (takes_chance(l, PLANT_MOVE_NOTHING)) {
        note_move(l, m, PLANT_MOVE_NOTHING);
        m->sham = true;
    } else if (takes_chance(l, PLANT_MOVE_HALF)) {
        note_move(l, m, PLANT_MOVE_HALF);
        m->fault = MOVE_FAULT_ITEM;
    }
    return m->sham;
}
