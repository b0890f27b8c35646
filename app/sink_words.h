/* sink_words.h - the command line of `postmuster sink --smtp | --lmtp`: texts in, what is wished or an error out. Pure.
 */
#ifndef APP_SINK_WORDS_H
#define APP_SINK_WORDS_H

#include "app/cmd.h"
#include "app/sink_smtp.h"

#define SINK_PATH 4096u

struct sink_words { /* as written; NULL: not given */
    const char *smtp, *lmtp, *name, *threads, *connections, *without, *size_max;
    const char *tls, *tls_cert_out, *seed, *count, *seconds, *log;
    bool tls_implicit, json;
    struct cmd_list vices[SINK_VICES];
};

struct sink_wish {
    struct sink_smtp_config c; /* without loop, log, tls and callbacks */
    uint32_t threads;
    bool tls, tls_selfmade;
    char cert[SINK_PATH], key[SINK_PATH]; /* files, unless it is self-made */
};

bool sink_words_read(const struct sink_words *w, struct sink_wish *out, struct err *e);
const char *
sink_words_first_vice(const struct sink_words *w); /* a name that was given; NULL: none */

/* For both kinds of sink. */
bool sink_read_number(const char *option, const char *value, uint64_t most, uint64_t *n,
                      struct err *e); /* value NULL: left alone */
/* "30" seconds, or a duration with its unit; value NULL: left alone. */
bool sink_read_seconds(const char *value, uint64_t *ns, struct err *e);
bool sink_read_loopback(const char *option, const char *value, uint16_t port, struct net_addr *at,
                        struct err *e);

#endif
