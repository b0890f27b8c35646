/* draw.h - a profile's text drawn from a seed: site, version, knobs, loads, moves, changes on the way, probes.
 *
 * Small on purpose (some 20 to 250 messages), so that many can be walked: what matters is how many different things
 * happen, not how often. One thing is never drawn, because no observer could tell who is who: a message to a mailbox and to
 * somebody's alternate that is the same mailbox.
 */
#ifndef TESTS_SIM_DRAW_H
#define TESTS_SIM_DRAW_H

#include "base/bytes.h"
#include "base/loop_sim.h"

enum draw_kind {
    DRAW_WHOLE, /* the run sees all and has all the time it needs */
    DRAW_BLIND, /* there is no queue probe */
    DRAW_HASTY, /* settling is given up early */
    DRAW_TOLD, /* as DRAW_WHOLE, for a run that is interrupted: no store hangs until it is booted much later */
    DRAW_X400, /* as DRAW_WHOLE; most mail enters over P1, reports go to mailboxes of ours or of the site */
};

/* Adds the profile to `out`. */
void draw_profile(uint64_t seed, enum draw_kind kind, struct buf *out);

struct drawn_net {
    struct sim_config net;
    uint32_t cut_smtp_percent, cut_imap_percent;
};

struct drawn_net draw_net(uint64_t seed);

#endif
