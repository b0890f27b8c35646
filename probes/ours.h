/* ours.h - the mailboxes of our own MTA, whichever way their mail comes: one epoch each for the whole run, and the ordinal of
 * every copy. Made by the correlator where a site has them; shared by the listeners and by probe_ours. One thread.
 */
#ifndef PROBES_OURS_H
#define PROBES_OURS_H

#include "probes/probe.h"

struct ours;

struct ours *ours_create(const struct probe_context *c,
                         struct correlate *correlate); /* NULL: out of memory */
void ours_destroy(struct ours *o);                     /* NULL is fine */
bool ours_reserve(struct ours *o, uint32_t more); /* room for so many copies; false: no memory */
/* One copy more (EV_SEEN), in reserved room. Any mailbox of the site may be seen here. */
void ours_see(struct ours *o, uint64_t message, uint32_t mailbox, bool corrupt, uint64_t t_ns);
uint32_t ours_epoch(struct ours *o, uint32_t mailbox);

#endif
