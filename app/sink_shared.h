/* sink_shared.h - what the threads of one sink must know together: how many called, how many messages there were, how fast
 * they come, who is on the grey list, and that it is over.
 *
 * Nothing else is shared. A lock guards it where there is more than one thread; it is taken once a caller, and once a message
 * only if a count, a rate or a grey list was asked for. The grey list has 65,536 places: a pair that was put out by newer
 * ones is new again. All functions: any thread, but for _join() before the threads start.
 */
#ifndef APP_SINK_SHARED_H
#define APP_SINK_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/loop.h"

#define SINK_THREADS_MAX 64u

struct sink_shared;

enum sink_ticket { SINK_TICKET, SINK_TICKET_LAST, SINK_TICKET_NONE };

struct sink_shared *sink_shared_create(uint32_t threads);     /* NULL: no memory */
void sink_shared_destroy(struct sink_shared *s);              /* NULL is fine */
void sink_shared_join(struct sink_shared *s, struct loop *l); /* to be woken when it is over */

uint64_t sink_shared_caller(struct sink_shared *s); /* from 1, in the order of their calls */
/* Of `count` messages. */
enum sink_ticket sink_shared_message(struct sink_shared *s, uint64_t count);
/* A token bucket that holds what comes in a second, at least one. */
bool sink_shared_in_rate(struct sink_shared *s, double per_second, uint64_t now_ns);
/* The pair came `wait_ns` ago or earlier for the first time. */
bool sink_shared_known(struct sink_shared *s, struct slice from, struct slice to, uint64_t wait_ns,
                       uint64_t now_ns);

void sink_shared_end(struct sink_shared *s);
bool sink_shared_is_over(struct sink_shared *s);

#endif
