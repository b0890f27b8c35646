/* cmd_sink.h - what the sinks of X.400 and of SMTP have in common as a command: how they end, complain and count. */
#ifndef APP_CMD_SINK_H
#define APP_CMD_SINK_H

#include <stdio.h>

#include "app/sink_words.h"

#define SINK_COUNT_TEXT 32u

int cmd_sink_smtp(const struct sink_words *w);

struct sink_troubles {
    uint64_t count;
};

void sink_trouble(void *owner,
                  const char *words); /* owner: struct sink_troubles; the first ones are printed */

struct sink_signals { /* SIGINT and SIGTERM */
    struct watch w;
    bool open;
    void (*stop)(void *owner);
    void *owner;
};

bool sink_signals_watch(struct sink_signals *s, struct loop *l, struct err *e);
void sink_signals_close(struct sink_signals *s);

const char *sink_count(char out[SINK_COUNT_TEXT], uint64_t n);   /* "1,234"; returns out */
bool sink_log_close(FILE *log, const char *path, struct err *e); /* NULL is fine */

#endif
