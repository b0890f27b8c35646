/* test_matrix.c - the model's matrix of versions by scenarios, one test a cell: only allowed classes appear, the bold one
 * does.
 *
 * A plain move. B originator moves too. C alternate, deliver to both. D nobody sends. E no cache. F1 alternate removed just
 * before, F2 long before. G alternate, redirect only. H directory first. I second move after a half-failed one. J a
 * directory down. Load is 1/s, the move's copy 89.5 s. Where the bold class needs luck, up to five seeds are tried.
 */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "lab/fault.h"
#include "tests/lab/scene.h"
#include "tests/support/check.h"

#define TRIES    5
#define BIT(out) (1u << (out))

/* --- scenarios --------------------------------------------------------------------------------------------------- */

struct cell {
    const char *version;
    unsigned allowed, must; /* bits of enum outcome, of primary copies */
};

static void send_for(struct scene *s, struct rng *r, int server, const char *from, double from_s,
                     double to_s)
{
    static unsigned number;

    double at_s = from_s;

    while ((at_s += rng_exponential(r)) < to_s) {
        char id[32];

        scene_run(s, at_s);
        (void)snprintf(id, sizeof id, "x%u", number++);
        (void)scene_send(s, server, from, "R", id);
    }
    scene_run(s, to_s);
}

static void open_site(struct scene *s, const struct cell *c, const char *alternate, bool both,
                      const struct lab_knob *knobs)
{
    const struct scene_mailbox boxes[] = {{"R", S, alternate, both, 89.5},
                                          {"O", S, NULL, false, 199.5},
                                          {"joe", T, NULL, false, 0},
                                          {"alt", T, NULL, false, 0}};

    scene_open(s,
               &(struct scene_plan){
                   .version = c->version, .mailboxes = boxes, .mailbox_count = 4, .knobs = knobs});
}

/* Load from a random phase on, a move at 200 s, load for two lives of a cache entry after it. */
static void under_load(struct scene *s, struct rng *r, const char *from)
{
    send_for(s, r, T, from, 60 * rng_unit(r), 200);
    scene_move(s, "R", "S", "D");
    send_for(s, r, T, from, 200, 420);
}

static void play_plain(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    under_load(s, r, "joe");
}

/* Overlapping moves; versions that deadlock on those get a batch, the recipient first. */
static void play_both_moving(struct scene *s, const struct cell *c, struct rng *r)
{
    static const struct lab_knob two[] = {{"concurrent_moves", "2"}, {.name = NULL}};
    bool deadlocks = fault_version(c->version)->bits & FAULT_MOVE_DEADLOCK;

    open_site(s, c, NULL, false, deadlocks ? NULL : two);
    send_for(s, r, T, "O", 60 * rng_unit(r), 200);
    scene_move(s, "R", "S", "D");
    scene_move(s, "O", "S", "D");
    send_for(s, r, T, "O", 200, 370);
    scene_run(s, 600);
}

static void play_both(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, "alt", true, NULL);
    under_load(s, r, "joe");
}

static void play_offline(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    send_for(s, r, T, "joe", 60 * rng_unit(r), 200);
    scene_move(s, "R", "S", "D");
    send_for(s, r, T, "joe", 291.01, 400);
}

static void play_no_cache(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    send_for(s, r, T, "joe", 0, 100);
    scene_post(s, "/v1/knob", "{'name':'ds_read_cache_latency','value':'0s'}");
    scene_post(s, "/v1/restart", "{'server':'S','component':'mta'}");
    scene_post(s, "/v1/restart", "{'server':'D','component':'mta'}");
    scene_post(s, "/v1/restart", "{'server':'T','component':'mta'}");
    send_for(s, r, T, "joe", 100, 200);
    scene_move(s, "R", "S", "D");
    send_for(s, r, T, "joe", 200, 420);
}

static void play_removed_late(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, "alt", true, NULL);
    send_for(s, r, T, "joe", 60 * rng_unit(r), 190);
    scene_post(s, "/v1/alternate", "{'mailbox':'R','alternate':null}");
    under_load(s, r, "joe");
}

static void play_removed_early(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, "alt", true, NULL);
    send_for(s, r, T, "joe", 0, 60);
    scene_post(s, "/v1/alternate",
               "{'mailbox':'R','alternate':null,'both':false,'everywhere':false}");
    send_for(s, r, T, "joe", 60, 720);
    scene_move(s, "R", "S", "D");
    send_for(s, r, T, "joe", 720, 940);
}

static void play_redirect(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, "alt", false, NULL);
    under_load(s, r, "joe");
}

static void play_directory_first(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    scene_run(s, 200);
    scene_post(s, "/v1/move", "{'mailbox':'R','from':'S','to':'D','dir_first':true}");
    scene_run(s, 200.2);
    (void)scene_send(s, D, "joe", "R", "gap");
    send_for(s, r, D, "joe", 201, 400);
}

static void play_second_move(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    send_for(s, r, T, "joe", 0, 100);
    scene_post(s, "/v1/move", "{'mailbox':'R','from':'S','to':'D','skip_commit':true}");
    scene_run(s, 300);
    scene_move(s, "R", "S", "D");
    scene_run(s, 600);
}

static void play_directory_down(struct scene *s, const struct cell *c, struct rng *r)
{
    open_site(s, c, NULL, false, NULL);
    send_for(s, r, T, "joe", 60 * rng_unit(r), 200);
    scene_post(s, "/v1/component", "{'server':'S','component':'directory','up':false}");
    send_for(s, r, T, "joe", 200, 320);
    scene_post(s, "/v1/component", "{'server':'S','component':'directory','up':true}");
    send_for(s, r, T, "joe", 320, 400);
    scene_run(s, 500);
}

/* --- a cell ------------------------------------------------------------------------------------------------------ */

static void check_copy(const struct cell *c, const struct tale *t, unsigned *seen)
{
    enum outcome o = scene_outcome(t);
    unsigned allowed = t->is_alternate ? BIT(OUT_D) | BIT(OUT_DLY) : c->allowed;
    char what[160];

    if (!t->is_alternate)
        *seen |= BIT(o);
    if (allowed & BIT(o))
        return;
    (void)snprintf(what, sizeof what, "%s of %s on %s", t->is_alternate ? "alternate" : "primary",
                   t->id, c->version);
    CHECK_STR(outcome_name(o), what);
}

static void run_cell(const struct cell *c,
                     void (*play)(struct scene *s, const struct cell *c, struct rng *r))
{
    unsigned seen = 0;

    for (uint32_t seed = 0; seed < TRIES && (seed == 0 || (c->must & ~seen)); seed++) {
        struct rng r = rng_at(seed, 11, 0);
        struct scene s;

        play(&s, c, &r);
        scene_run(&s, (double)lab_now_ns(s.lab) / 1e9 + 60);
        scene_end(&s);
        CHECK(s.tales > 0);
        for (uint32_t i = 0; i < s.tales; i++)
            check_copy(c, &s.tale[i], &seen);
        scene_close(&s);
    }
    CHECK_U64(c->must & ~seen, 0);
}

/* --- what the matrix says ---------------------------------------------------------------------------------------- */

#define FINE  (BIT(OUT_D) | BIT(OUT_DLY))
#define NDR   BIT(OUT_FNDR)
#define STUCK BIT(OUT_STR)
#define GONE  BIT(OUT_SIL)
#define REDIR BIT(OUT_REDIRECTED)

/* scenario, play, then per family: allowed, must. Families: 4.0 and 5.0 that deadlock; other 4.0 and 5.0; 5.5 to SP3;
 * SP3 with the fixed MTA; SP4; modern. A deadlocking version runs B as a batch, where mail that fails while the originator
 * is still at home is reported (V5b). */
// clang-format off
#define SCENARIOS(X, version, family)                                      \
    X(version, family, a, play_plain, PLAIN)                               \
    X(version, family, b, play_both_moving, STRAND)                        \
    X(version, family, c, play_both, BOTH)                                 \
    X(version, family, d, play_offline, SAFE)                              \
    X(version, family, e, play_no_cache, UNCACHED)                         \
    X(version, family, f1, play_removed_late, BOTH)                        \
    X(version, family, f2, play_removed_early, PLAIN)                      \
    X(version, family, g, play_redirect, REDIRECT)                         \
    X(version, family, h, play_directory_first, GAP)                       \
    X(version, family, i, play_second_move, SECOND)                        \
    X(version, family, j, play_directory_down, DOWN)

#define VERSIONS(Y)                                                        \
    Y("4.0-rtm", v40_rtm, OLD_LOCK)                                        \
    Y("4.0-sp1", v40_sp1, OLD_LOCK)                                        \
    Y("4.0-sp2", v40_sp2, OLD_LOCK)                                        \
    Y("4.0-sp3", v40_sp3, OLD_LOCK)                                        \
    Y("4.0-sp4", v40_sp4, OLD_LOCK)                                        \
    Y("4.0-sp5", v40_sp5, OLD)                                             \
    Y("5.0-rtm", v50_rtm, OLD_LOCK)                                        \
    Y("5.0-sp1", v50_sp1, OLD)                                             \
    Y("5.0-sp2", v50_sp2, OLD)                                             \
    Y("5.5-rtm", v55_rtm, SILENT)                                          \
    Y("5.5-sp1", v55_sp1, SILENT)                                          \
    Y("5.5-sp2", v55_sp2, SILENT)                                          \
    Y("5.5-sp3", v55_sp3, SILENT)                                          \
    Y("5.5-sp3+2651.71", v55_sp3_mta, MTA)                                 \
    Y("5.5-sp4", v55_sp4, SP4)                                             \
    Y("modern", modern, MODERN)
// clang-format on

#define PLAIN_OLD_LOCK FINE | NDR, NDR
#define PLAIN_OLD      FINE | NDR, NDR
#define PLAIN_SILENT   FINE | NDR, NDR
#define PLAIN_MTA      FINE | NDR, NDR
#define PLAIN_SP4      FINE | NDR, NDR
#define PLAIN_MODERN   FINE, 0

#define STRAND_OLD_LOCK FINE | STUCK | NDR, STUCK
#define STRAND_OLD      FINE | STUCK, STUCK
#define STRAND_SILENT   FINE | STUCK, STUCK
#define STRAND_MTA      FINE | STUCK, STUCK
#define STRAND_SP4      FINE | STUCK, STUCK
#define STRAND_MODERN   FINE, 0

#define BOTH_OLD_LOCK FINE | NDR, 0
#define BOTH_OLD      FINE | NDR, 0
#define BOTH_SILENT   FINE | GONE | NDR, GONE
#define BOTH_MTA      FINE | NDR, NDR
#define BOTH_SP4      FINE | NDR, NDR
#define BOTH_MODERN   FINE, 0

#define SAFE_OLD_LOCK BIT(OUT_D), BIT(OUT_D)
#define SAFE_OLD      BIT(OUT_D), BIT(OUT_D)
#define SAFE_SILENT   BIT(OUT_D), BIT(OUT_D)
#define SAFE_MTA      BIT(OUT_D), BIT(OUT_D)
#define SAFE_SP4      BIT(OUT_D), BIT(OUT_D)
#define SAFE_MODERN   BIT(OUT_D), BIT(OUT_D)

#define UNCACHED_OLD_LOCK FINE, 0
#define UNCACHED_OLD      FINE, 0
#define UNCACHED_SILENT   FINE, 0
#define UNCACHED_MTA      FINE, 0
#define UNCACHED_SP4      FINE, 0
#define UNCACHED_MODERN   FINE, 0

#define REDIRECT_OLD_LOCK REDIR, REDIR
#define REDIRECT_OLD      REDIR, REDIR
#define REDIRECT_SILENT   REDIR, REDIR
#define REDIRECT_MTA      REDIR, REDIR
#define REDIRECT_SP4      REDIR, REDIR
#define REDIRECT_MODERN   REDIR, REDIR

#define GAP_OLD_LOCK FINE, 0 /* no such driver then; the lab's holds mail back */
#define GAP_OLD      FINE, 0
#define GAP_SILENT   FINE | GONE, GONE
#define GAP_MTA      FINE | GONE, GONE
#define GAP_SP4      FINE, BIT(OUT_DLY)
#define GAP_MODERN   FINE, BIT(OUT_DLY)

#define SECOND_OLD_LOCK GONE, GONE
#define SECOND_OLD      GONE, GONE
#define SECOND_SILENT   GONE, GONE
#define SECOND_MTA      GONE, GONE
#define SECOND_SP4      GONE, GONE
#define SECOND_MODERN   FINE, 0 /* n/a: it refuses the second move */

#define DOWN_OLD_LOCK FINE, BIT(OUT_DLY)
#define DOWN_OLD      FINE, BIT(OUT_DLY)
#define DOWN_SILENT   FINE | GONE, GONE
#define DOWN_MTA      FINE | GONE, GONE
#define DOWN_SP4      FINE, BIT(OUT_DLY)
#define DOWN_MODERN   FINE, BIT(OUT_DLY)

#define CELL(name, family, scenario, play, row)                                                    \
    static void name##_##scenario(void)                                                            \
    {                                                                                              \
        run_cell(&(struct cell){name##_text, row##_##family}, play);                               \
    }
#define CELLS(text, name, family)                                                                  \
    static const char name##_text[] = text;                                                        \
    SCENARIOS(CELL, name, family)
VERSIONS(CELLS)

#define LISTED(name, family, scenario, play, row) TEST(name##_##scenario),
#define LIST(text, name, family)                  SCENARIOS(LISTED, name, family)

static const struct test tests[] = {VERSIONS(LIST) TEST_END};

const struct suite matrix_suite = {"matrix", tests};
