/* tracking.h - what the logs of mail systems say about one message: corroboration beside our events, never evidence.
 *
 * Known by their content, line by line: Postfix and Dovecot (syslog, or a file of their own), Exim's main log, the tracking
 * log of Exchange 5.5 (15 fields between tabs) and the message tracking CSV of Exchange 2010 and later. A line is about the
 * message if it carries its token, or an id that such a line tied to it (a queue id, Exim's id, an MTS id), within six days.
 * Files are streamed twice, whatever their size; memory is bounded by the limits here. Reads files; any thread.
 */
#ifndef PROBES_TRACKING_H
#define PROBES_TRACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/token.h"

#define TRACKING_LINES_MAX 10000
#define TRACKING_IDS_MAX   256
#define TRACKING_TEXT_MAX  400 /* of a claim; longer ones are cut */

struct claim {
    uint64_t wall_ns; /* Unix time; 0: the line has none that can be read */
    uint32_t log;     /* which file, in the order they were read */
    uint32_t order;   /* in which order claims were found */
    char *text;       /* printable; the tracking's */
};

struct tracking {
    const struct token_key *key;
    uint64_t number;
    uint64_t near_ns; /* Unix time near which times without a year are; 0: none */
    struct claim *claims;
    uint32_t count, room, logs;
    bool full; /* there were more */
};

void tracking_init(struct tracking *t, const struct token_key *key, uint64_t number,
                   uint64_t near_ns);
void tracking_fini(struct tracking *t);
/* Adds what the file says. False: it cannot be read (EX_IO); a file of another kind says nothing. */
bool tracking_read(struct tracking *t, const char *path, struct err *e);
void tracking_sort(struct tracking *t); /* by time; those without one first */

/* tracking_line.c: one line, taken apart. */
enum log_kind { LOG_OTHER, LOG_SYSLOG, LOG_EXIM, LOG_EXCHANGE_55, LOG_EXCHANGE_CSV, LOG_CSV_HEAD };

#define LOG_COLUMNS 64

struct log_columns { /* of an Exchange CSV, from its #Fields line; plus one, 0: there is none */
    uint8_t time, event, source, recipient, status;
};

struct log_line {
    enum log_kind kind;
    uint64_t wall_ns;
    struct slice id,
        other;          /* its own; one that it is tied to (an Exim report's R=, a Postfix DSN) */
    struct slice words; /* what it says; of Exchange see log_line_words() */
};

/* False: no line of a log that is known. */
bool log_line_read(struct log_line *l, struct slice line, struct log_columns *columns,
                   uint64_t near_ns);
const char *log_line_words(const struct log_line *l, struct slice line,
                           const struct log_columns *columns, char *out, size_t room);
/* "Nov 22 05:28:05", "2026-11-22 05:28:05.123 +0100", "2026-11-22T05:28:05Z", "Sun, 22 Nov 2026 05:28:05 +0000",
 * "1999.3.1 23:50:36 GMT". *n: how long it is. Without a zone it is local time. 0: no time. */
uint64_t log_time(struct slice text, uint64_t near_ns, size_t *n);

#endif
