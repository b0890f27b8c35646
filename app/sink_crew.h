/* sink_crew.h - several sinks of SMTP or LMTP at one address, each on a thread and a loop of its own.
 *
 * The first is on the caller's thread and loop. The kernel spreads the callers. They end together: by count, by time, by
 * sink_crew_stop(). What they count is added up when they have ended.
 */
#ifndef APP_SINK_CREW_H
#define APP_SINK_CREW_H

#include "app/sink_smtp.h"

struct sink_crew;

/* All listen when it returns. Of `c`, shared, shard and shards are filled in here; its trouble() is called by one at a time. */
struct sink_crew *sink_crew_open(const struct sink_smtp_config *c, uint32_t threads, struct err *e);
struct net_addr sink_crew_addr(const struct sink_crew *k);
bool sink_crew_run(struct sink_crew *k, struct err *e); /* until all have ended */
void sink_crew_stop(struct sink_crew *k);               /* on the thread of the first */
struct sink_smtp_counts sink_crew_counts(const struct sink_crew *k); /* after it ran */
void sink_crew_close(struct sink_crew *k);                           /* NULL is fine */

#endif
