/* queue_format.h - the queue listings of known MTAs: one const struct a file, one row a type of probe.
 *
 * A command lists (`argv`, default below), a second one shows what the messages are (`show`): most listings name no
 * Message-ID. A reader is handed the lines in order; what it does not know makes the listing bad (EX_WIRE, in words): a
 * listing that was read in part proves nothing. Pure; bounded by QUEUE_ENTRIES_MAX and the sizes here.
 */
#ifndef PROBES_QUEUE_FORMAT_H
#define PROBES_QUEUE_FORMAT_H

#include "probes/queue_list.h"
#include "profiles/profile.h"

#define QUEUE_ID_BYTES      64
#define QUEUE_ADDRESS_BYTES 320
#define QUEUE_COLUMNS       64

struct queue_reader {
    struct queue_list *list;
    uint32_t server; /* whose queues these are, unless the listing says */
    unsigned step;   /* this and all below: the format's own; 0 at the start */
    uint32_t entries;
    bool due;
    char id[QUEUE_ID_BYTES], sender[QUEUE_ADDRESS_BYTES];
    uint8_t columns[QUEUE_COLUMNS];
    struct buf record;
};

enum queue_mark { QUEUE_NO_MARK, QUEUE_MARK_BEGIN, QUEUE_MARK_END };

struct queue_format {
    enum probe_type type;
    const char *const *argv, *const *show; /* NULL-terminated defaults; NULL: none */
    const char *config;                    /* the option that both take, with its value; or NULL */
    bool names_servers;                    /* one listing may be about many */
    bool (*line)(struct queue_reader *r, struct slice line, struct err *e);
    bool (*end)(struct queue_reader *r, struct err *e); /* after the last line */
    /* Where one message begins and ends in what `show` says of many; NULL: it is asked for one by one. */
    enum queue_mark (*mark)(struct slice line, struct slice *id);
};

extern const struct queue_format queue_postfix, queue_exim, queue_opensmtpd, queue_sendmail,
    queue_exchange;

const struct queue_format *queue_format_of(enum probe_type type); /* NULL: it has none */

struct queue_show_argv {
    const char *argv[8];
    char program[256];
};

/* The command that shows messages, after a listing by `argv` (NULL: the default one): a neighbour of its program, with the
 * same configuration. False where argv is some other program: then the profile has to say. */
bool queue_format_show(const struct queue_format *f, const char *const *argv,
                       struct queue_show_argv *out, struct err *e);
/* May it be an argument of a command, and a name of ours? Letters, digits, ".", "_", "-"; no "-" in front. */
bool queue_id_ok(struct slice id);
bool queue_id_copy(char out[QUEUE_ID_BYTES], struct slice id, struct err *e);
void queue_reader_begin(struct queue_reader *r, struct queue_list *list, uint32_t server);
void queue_reader_fini(struct queue_reader *r);

#endif
