/* sink_smtp.h - `postmuster sink --smtp | --lmtp`: an MTA, or what stands behind one, that takes every message and forgets it;
 * or misbehaves as told, and says the truth about it.
 *
 * Texts are counted as they come and not kept, but for the first 8 KB where the truth is told, since a token may stand in them.
 * The truth is made before the answer leaves, a line or a call for each recipient of each message, and reaches the file before
 * the loop sleeps. Without it and without misbehaviour a message costs the host's work and some counting. One thread: several
 * sinks at one address are a crew (sink_crew.h), and this is one of its threads.
 */
#ifndef APP_SINK_SMTP_H
#define APP_SINK_SMTP_H

#include <stdio.h>

#include "app/sink_truth.h"
#include "probes/smtp_host.h"

struct sink_smtp_config {
    struct loop *loop;
    struct net_addr at;
    bool lmtp;
    const char *name;            /* what it calls itself */
    uint64_t count, duration_ns; /* ends by itself then; 0: never */
    struct sink_vices vices;     /* zeros: none */
    FILE *log; /* NULL: none; several sinks may have the same: their lines stay whole */
    void (*truth)(void *owner, const struct sink_truth *t); /* NULL: nobody asks */
    void (*trouble)(void *owner, const char *words);
    void *owner;
    struct tls_context *tls; /* NULL: none */
    bool tls_implicit;
    size_t size_max;      /* 0: 64 MiB */
    uint32_t connections; /* at most; 0: 10,000 */
    unsigned lacks;       /* SMTP_LACKS_ bits */
    /* Of a crew: what is known together (NULL: alone), and which of how many it is. */
    struct sink_shared *shared;
    uint32_t shard, shards;
};

/* Every message that was complete is one of taken, dropped, refused[SINK_END], cut[SINK_CUT_AFTER] and beyond; on LMTP it is
 * what the first of these says that fits one of its recipients. */
struct sink_smtp_counts {
    uint64_t calls, busy; /* busy: calls, no room for them */
    uint64_t messages, octets, taken, dropped, beyond;
    uint64_t
        refused[SINK_STAGES];   /* at connect and ehlo callers, at rcpt recipients, else messages */
    uint64_t cut[SINK_CUTS];    /* the first two: were to be cut there, or were left before */
    uint64_t gone;              /* the caller left with text under way */
    uint64_t vices[SINK_VICES]; /* how often each decided; slow: how often it was */
    uint64_t first_ns, last_ns; /* the first call, the last message; of the loop */
};

struct sink_smtp;

struct sink_smtp *sink_smtp_open(const struct sink_smtp_config *c, struct err *e);
void sink_smtp_close(struct sink_smtp *s); /* NULL is fine */
struct net_addr sink_smtp_addr(const struct sink_smtp *s);
void sink_smtp_stop(struct sink_smtp *s); /* takes nothing more, and stops the loop soon */
struct sink_smtp_counts sink_smtp_counts(const struct sink_smtp *s);
void sink_smtp_add(struct sink_smtp_counts *to, const struct sink_smtp_counts *more);

#endif
