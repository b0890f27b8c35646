/* queue_opensmtpd.c - "smtpctl show queue": one line an envelope, its fields between bars.
 *
 * id|family|type|flags|sender|recipient|destination|created|expires|last or next|tries|state|seconds|error. The first eight
 * digits of the id are the message's, which "smtpctl show message" takes. "@" is the null sender. Suspended envelopes stand
 * still; pending, held and those in flight do not. An empty queue is no line at all.
 */
#include <ctype.h>

#include "base/hash.h"
#include "base/text.h"
#include "probes/queue_format.h"

enum {
    ID,
    FAMILY,
    TYPE,
    FLAGS,
    SENDER,
    RECIPIENT,
    DEST,
    CREATED,
    EXPIRES,
    LAST,
    TRIES,
    STATE,
    AFTER,
    FIELDS
};

#define ID_DIGITS      16
#define MESSAGE_DIGITS 8

static bool is_id(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit(s.p[i]))
            return false;
    return s.n == ID_DIGITS;
}

static bool opensmtpd_line(struct queue_reader *r, struct slice line, struct err *e)
{
    struct slice rest = line, f[FIELDS];
    uint64_t tries;
    size_t n = 0;
    bool more = true;

    if (slice_trim(line).n == 0)
        return true;
    while (n < FIELDS && more)
        more = slice_cut(&rest, '|', &f[n++]);
    if (n < FIELDS || !more || !is_id(f[ID]))
        return err_set(e, EX_WIRE, "expected 14 fields between bars");
    if (!queue_list_number(f[TRIES], &tries, e))
        return false;
    bool null_sender = f[SENDER].n == 0 || slice_is(f[SENDER], "@");
    bool suspended = slice_find(f[FLAGS], slice_of("suspend"), &(size_t){0});
    struct queue_item item = {.id = f[ID],
                              .show_id = slice_from(f[ID].p, MESSAGE_DIGITS),
                              .sender = null_sender ? slice_of(NULL) : f[SENDER],
                              .recipient = f[RECIPIENT],
                              .tries = tries < UINT16_MAX ? (uint32_t)tries : UINT16_MAX,
                              .state = suspended,
                              .due = !suspended,
                              .null_sender = null_sender};

    return queue_list_item(r->list, r->server, &item, e);
}

static bool opensmtpd_end(struct queue_reader *r, struct err *e)
{
    (void)r;
    (void)e;
    return true; /* the exit status says that all was listed */
}

static const char *const argv[] = {"smtpctl", "show", "queue", NULL};
static const char *const show[] = {"smtpctl", "show", "message", "{id}", NULL};

const struct queue_format queue_opensmtpd = {
    .type = PROBE_QUEUE_OPENSMTPD,
    .argv = argv,
    .show = show,
    .line = opensmtpd_line,
    .end = opensmtpd_end,
};
