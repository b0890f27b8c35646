/* killed.c - a reservoir of moments, and two accounts compared copy by copy. */
#include "tests/sim/killed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "app/run_private.h"
#include "results/copies.h"
#include "results/judge.h"
#include "tests/support/scratch.h"

enum { STREAM_KILLS = 0x4b494c };

#define PATH_ROOM  700
#define SENT_TO_NS 64000u /* a ledger keeps times so exactly, rounded down */

void killer_init(struct killer *k, uint64_t seed, const struct sim_run *run, const char *dir)
{
    *k = (struct killer){.rng = rng_at(seed, STREAM_KILLS, 0), .run = run, .dir = dir};
}

static void journal_at(char path[PATH_ROOM], const char *dir, unsigned i)
{
    (void)snprintf(path, PATH_ROOM, "%s/journal/%04u.mpj", dir, i);
}

void kill_keep(struct kill *k, const char *dir, uint64_t loop_ns)
{
    char path[PATH_ROOM];
    struct stat st;

    *k = (struct kill){.taken = true, .loop_ns = loop_ns};
    for (unsigned i = 0; i < KILL_FILES; i++) {
        journal_at(path, dir, i);
        k->size[i] = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
}

bool kill_cut(const struct kill *k, const char *dir)
{
    char path[PATH_ROOM];
    bool ok = true;

    for (unsigned i = 0; i < KILL_FILES; i++) {
        journal_at(path, dir, i);
        if (k->size[i])
            ok = truncate(path, (off_t)k->size[i]) == 0 && ok;
        else
            (void)remove(path);
    }
    return ok;
}

void killer_watch(void *owner)
{
    struct killer *k = owner;

    k->moments++;
    for (unsigned i = 0; i < KILLS; i++)
        if (rng_below(&k->rng, k->moments) == 0)
            kill_keep(&k->kill[i], k->dir, loop_now(k->run->loop));
}

/* ------------------------------------------------------------------------------------------------ what a kill leaves */

static bool copy_file(const char *from, const char *to, uint64_t size)
{
    size_t n = 0;
    char *text = scratch_read(from, &n);
    FILE *f = text ? fopen(to, "we") : NULL;
    bool ok = f && fwrite(text, 1, n < size ? n : (size_t)size, f) == (n < size ? n : size);

    if (f)
        ok = fclose(f) == 0 && ok;
    free(text);
    return ok;
}

/* One file in three loses up to a hundred octets more, as a machine does that loses its power. */
static uint64_t tear(struct killer *k, uint64_t size)
{
    uint64_t less = rng_below(&k->rng, 3) == 0 ? 1 + rng_below(&k->rng, 100) : 0;

    return size > 64 + less ? size - less : size;
}

static bool put_down(struct killer *k, const struct kill *kill, bool torn, const char *scratch)
{
    char from[PATH_ROOM], to[PATH_ROOM];

    (void)snprintf(to, sizeof to, "%s/journal", scratch);
    if (mkdir(scratch, 0700) != 0 && errno != EEXIST)
        return false;
    if (mkdir(to, 0700) != 0 && errno != EEXIST)
        return false;
    (void)snprintf(from, sizeof from, "%s/manifest.json", k->dir);
    (void)snprintf(to, sizeof to, "%s/manifest.json", scratch);
    bool ok = copy_file(from, to, UINT64_MAX);

    for (unsigned i = 0; i < KILL_FILES; i++) {
        journal_at(from, k->dir, i);
        journal_at(to, scratch, i);
        (void)remove(to);
        if (kill->size[i])
            ok = copy_file(from, to, torn ? tear(k, kill->size[i]) : kill->size[i]) && ok;
    }
    return ok;
}

/* ---------------------------------------------------------------------------------------------------- what it may say */

static bool was_seen(const struct facts *f)
{
    return f->h || f->b || f->o || f->l || f->v;
}

const char *killed_wrong(const struct copy *killed, const struct copy *whole,
                         const struct killed_when *when)
{
    const struct facts *k = &killed->facts, *w = &whole->facts;

    if (when->ended)
        return killed->outcome == whole->outcome ? NULL
                                                 : "all is recorded, and the class is another";
    if (k->z || truth_is_silence(killed->outcome))
        return "silence is called final in a killed run";
    if (was_seen(k) && !was_seen(w))
        return "seen, and later it never was";
    if ((k->f && !w->f) || (k->w && !w->w))
        return "reported, and later it never was";
    if (k->k != END_NONE && k->k != END_DOUBT && k->k != w->k)
        return "its transaction ended otherwise";
    if (when->torn)
        return NULL; /* not even what was leased is known then */
    if (killed->outcome == CLASS_PHANTOM)
        return "there before it was sent";
    if (killed->outcome == CLASS_NOT_SENT && when->target_ns > SENT_TO_NS &&
        whole->sent_ns < when->target_ns - SENT_TO_NS)
        return "called not sent after it had left";
    return NULL;
}

struct comparing {
    struct copies *whole;
    struct killed_when when;
    const char *dir;
    char *why;
    size_t room;
};

/* While nobody recorded to whom it went, evidence of a message speaks of any of its copies. */
static struct copy of_any(const struct copy *whole, uint32_t n, const struct copy *one)
{
    struct copy any = *one;

    for (uint32_t i = 0; i < n; i++) {
        any.facts.v = any.facts.v || was_seen(&whole[i].facts);
        any.facts.f = any.facts.f || whole[i].facts.f;
        any.facts.w = any.facts.w || whole[i].facts.w;
    }
    return any;
}

static bool compare_message(void *owner, const struct copy *killed, uint32_t n)
{
    struct comparing *c = owner;
    uint32_t m = 0;
    const struct copy *whole = copies_of(c->whole, killed[0].load, killed[0].number, &m);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;

        while (k < m && (whole[k].recipient != killed[i].recipient ||
                         whole[k].alternate != killed[i].alternate))
            k++;
        struct copy later = k < m ? whole[k] : killed[i];

        if (k < m && killed[i].to == NO_INDEX)
            later = of_any(whole, m, &later);
        const char *wrong = k < m ? killed_wrong(&killed[i], &later, &c->when)
                                  : "the whole run counts no such copy";

        if (!wrong)
            continue;
        (void)snprintf(
            c->why, c->room,
            "message %" PRIu64 ", %s copy: killed at %.3f s of the target's time%s: %s; got %s, "
            "want it to lead to %s (ours: %s, later %s; sent %.3f s); its folder: %s",
            killed[i].number, killed[i].alternate ? "alternate" : "primary",
            (double)c->when.target_ns / 1e9, c->when.torn ? ", torn" : "", wrong,
            class_name(killed[i].outcome), k < m ? class_name(whole[k].outcome) : "?",
            event_ending_name(killed[i].facts.k), k < m ? event_ending_name(whole[k].facts.k) : "?",
            k < m ? (double)whole[k].sent_ns / 1e9 : -1.0, c->dir);
        return false;
    }
    return true;
}

static bool verdict_differs(const struct judgement *killed, const struct judgement *whole,
                            struct comparing *c)
{
    const char *wrong = NULL;
    bool torn = c->when.torn;

    if (killed->tally.health.ended)
        wrong = killed->verdict == whole->verdict ? NULL
                                                  : "all is recorded, and the verdict is another";
    else if (killed->verdict == VERDICT_PASS)
        wrong = "a killed run passes";
    else if (killed->verdict == VERDICT_FAIL && whole->verdict != VERDICT_FAIL)
        wrong = "it fails, and the whole run does not";
    else if (killed->exit_code == EX_INTERNAL && !torn)
        wrong = "its account does not balance";
    for (uint32_t i = 0; !wrong && i < killed->identity_count; i++)
        if (killed->identities[i].left != killed->identities[i].right && !torn)
            wrong = killed->identities[i].name;
    if (wrong)
        (void)snprintf(c->why, c->room,
                       "killed at %.3f s of the target's time%s: %s; its folder: %s",
                       (double)c->when.target_ns / 1e9, torn ? ", torn" : "", wrong, c->dir);
    return wrong != NULL;
}

static bool unreadable(struct comparing *c, const char *wrong)
{
    (void)snprintf(c->why, c->room, "killed at %.3f s: %s", (double)c->when.target_ns / 1e9, wrong);
    return false;
}

static bool judge_kill(struct killer *k, const struct kill *kill, struct comparing *c)
{
    struct run_record r;
    struct err e = {0};

    c->when = (struct killed_when){.target_ns = clock_target(&k->run->run->clock, kill->loop_ns),
                                   .torn = kill == &k->kill[0]};
    if (!put_down(k, kill, c->when.torn, c->dir))
        return unreadable(c, "what it leaves cannot be written");
    bool ok = judge_folder(&r, c->dir, &e);
    struct copies *killed = ok ? copies_create(r.ledger, &e) : NULL;

    c->when.ended = ok && r.judgement->tally.health.ended;
    ok = (killed || unreadable(c, e.text)) && copies_each(killed, compare_message, c) && !*c->why &&
         !verdict_differs(r.judgement, k->run->result.judgement, c);
    copies_destroy(killed);
    run_record_fini(&r);
    return ok;
}

bool killed_differs(struct killer *k, const char *scratch, char *why, size_t room)
{
    struct err e = {0};
    struct comparing c = {.whole = copies_create(k->run->result.ledger, &e),
                          .dir = scratch,
                          .why = why,
                          .room = room};
    bool ok = c.whole != NULL;

    (void)snprintf(why, room, "%s", e.text);
    for (unsigned i = 0; ok && i < KILLS; i++)
        if (k->kill[i].taken && k->kill[i].size[0] && k->run->run->clock.origin_ns != NEVER_NS &&
            k->kill[i].loop_ns > k->run->run->clock.origin_ns)
            ok = judge_kill(k, &k->kill[i], &c);
    copies_destroy(c.whole);
    return !ok;
}
