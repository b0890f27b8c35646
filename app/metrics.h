/* metrics.h - runs under way as Prometheus reads them: the text, and an HTTP server that hands it out.
 *
 * The text is made from what the desks last told (struct run_status), by the thread that steps the campaign. The server has a
 * thread of its own, gets finished texts by ring, and sees nothing else. docs/metrics.md names every metric.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "app/campaign.h"
#include "base/bytes.h"
#include "base/net.h"

enum metrics_form {
    METRICS_PROMETHEUS,  /* text format 0.0.4 */
    METRICS_OPENMETRICS, /* 1.0.0 */
    METRICS_FORMS
};

/* false: out of memory. */
bool metrics_text(const struct campaign *c, enum metrics_form form, struct buf *out);
/* Which form an Accept header asks for: OpenMetrics where it is wanted at least as much as plain text. NULL: none came. */
enum metrics_form metrics_accepted(const char *accept);

struct metrics_server;

/* Listens and answers GET /metrics; 503 until something is published. */
struct metrics_server *metrics_serve(const struct net_addr *at, struct err *e);
struct net_addr metrics_addr(const struct metrics_server *s);
/* From now on it answers with this; at most twice a second are there new texts. One thread, always the same. */
void metrics_publish(struct metrics_server *s, const struct campaign *c, uint64_t now_ns);
void metrics_end(struct metrics_server *s); /* ends its thread; NULL is fine */

#endif
