/* action.h - the profile's changes of the site while the run goes on: alternates, knobs, restarts, components, commands.
 *
 * Each is carried out at its target time through a server's control API, or by a command. A change of an alternate is
 * journalled (EV_ALTERNATE) when the answer says that it was made; what was refused or not answered is a finding
 * (FIND_ACTION_FAILED). Part of the controller of moves: same loop, nothing blocks.
 */
#ifndef LOADGEN_ACTION_H
#define LOADGEN_ACTION_H

#include "loadgen/move.h"

struct actions;

/* over(): every action has ended, told from the loop. c stays the caller's and must live as long. */
struct actions *actions_create(const struct moves_context *c, void (*over)(void *owner),
                               void *owner, struct err *e);
void actions_destroy(struct actions *as); /* NULL is fine */
void actions_start(struct actions *as);
/* Begins no more, but to put up at once what was taken down; those under way run to their end. */
void actions_stop(struct actions *as);
bool actions_are_over(const struct actions *as);
const char *actions_error(const struct actions *as, uint32_t action); /* why it failed, or "" */

#endif
