/* queue_show.h - finds out whose the entries of a known MTA's queue are, by a command that shows their headers.
 *
 * Only ids that are new are asked about, some hundreds a command where it takes {ids}, one where it takes {id}, four
 * commands at once. What it has learnt it keeps while the entry is listed. An entry that is gone when it is asked for, or
 * cannot be shown, stays possibly ours; one that could not be shown in two listings on end makes the second bad. One loop.
 */
#ifndef PROBES_QUEUE_SHOW_H
#define PROBES_QUEUE_SHOW_H

#include "probes/probe.h"
#include "probes/queue_format.h"

struct queue_show;

/* argv: with {id} or {ids} left in it, NUL behind each; empty: nothing can be shown. */
struct queue_show *queue_show_create(const struct probe_context *c, const struct queue_format *f,
                                     const struct buf *argv, struct err *e);
void queue_show_destroy(struct queue_show *s); /* NULL is fine */
/* Asks for the pending entries of the list that are new; done() then, or before it returns if there are none. */
void queue_show_begin(struct queue_show *s, const struct queue_list *list,
                      void (*done)(void *owner), void *owner);
/* Breaks off; no done(). What is known stays known. */
void queue_show_stop(struct queue_show *s);
/* Resolves the pending entries of that list. */
bool queue_show_apply(struct queue_show *s, struct queue_list *list, struct err *e);

#endif
