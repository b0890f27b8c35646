/* sink_smtp.h - `postmuster sink --smtp | --lmtp`: an MTA, or what stands behind one, that takes every message and forgets it.
 *
 * The log has one line a message, written before the answer leaves: who called and as whom, the envelope, the octets, the token
 * that stands in it (of whatever run), and what was answered. All on the loop's thread.
 */
#ifndef APP_SINK_SMTP_H
#define APP_SINK_SMTP_H

#include <stdio.h>

#include "probes/smtp_host.h"

struct sink_smtp_config {
    struct loop *loop;
    struct net_addr at;
    bool lmtp;
    const char *name;            /* what it calls itself */
    uint64_t count, duration_ns; /* ends by itself then; 0: never */
    FILE *log;                   /* NULL: none */
    void (*trouble)(void *owner, const char *words);
    void *owner;
};

struct sink_smtp;

struct sink_smtp *sink_smtp_open(const struct sink_smtp_config *c, struct err *e);
void sink_smtp_close(struct sink_smtp *s); /* NULL is fine */
struct net_addr sink_smtp_addr(const struct sink_smtp *s);
void sink_smtp_stop(struct sink_smtp *s); /* takes nothing more, and stops the loop soon */
const struct smtp_host_counts *sink_smtp_counts(const struct sink_smtp *s);
uint64_t sink_smtp_beyond(const struct sink_smtp *s); /* messages that came after the last one */

#endif
