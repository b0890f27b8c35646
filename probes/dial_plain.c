/* dial_plain.c - IMAP sessions over plain streams of the loop: greeting, LOGIN, and what a refusal means.
 *
 * For the simulated world, and for servers without TLS. IMAP is here, POP3 in dial_pop3.c, what they do alike in
 * dial_attempt.c.
 */
#include <stdlib.h>

#include "probes/dial_pop3.h"
#include "wire/fields.h"
#include "wire/imap.h"

#define GREETINGS_MAX 100 /* untagged lines before the answer; a server that babbles is no server */

struct attempt {
    struct dial_attempt base; /* first */
    struct imap_in in;
    struct imap_login login;
    bool greeted, more; /* more: the rest of LOGIN waits for "+" */
    unsigned lines;
};

struct plain {
    struct dial dial; /* first */
    struct dial_attempts attempts;
};

/* The status word: the first of "NO text", the second of "p1 NO text" and "* BYE text". */
static bool has_status(struct slice line, const char *status)
{
    struct slice word;

    for (unsigned i = 0; i < 2 && line.n > 0; i++) {
        (void)slice_cut(&line, ' ', &word);
        if (slice_is_nocase(word, status))
            return true;
    }
    return false;
}

enum dial_answer dial_refusal(const char *server_line)
{
    static const char *const later[] = {
        "[INUSE]",     "[LIMIT]",  "[SERVERBUG]", "[OVERQUOTA]", "[CONTACTADMIN]",
        "unavailable", "temporar", "being moved", "try again",   "try later",
        "too many",    "in use",   "is locked",   "busy"};
    static const char *const unsafe[] = {"[PRIVACYREQUIRED]", "LOGINDISABLED"};
    struct slice line = slice_trim(slice_of(server_line));

    if (has_status(line, "BYE"))
        return DIAL_BUSY;
    if (has_status(line, "BAD"))
        return DIAL_DOWN;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (fields_has(line, later[i]))
            return DIAL_BUSY;
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (fields_has(line, unsafe[i]))
            return DIAL_DOWN;
    return DIAL_ABSENT;
}

/* ---- one attempt ---- */

/* false: the attempt is over. */
static bool log_in(struct attempt *a)
{
    if (!imap_login_next(&a->login, &a->base.out, &a->more)) {
        dial_attempt_fail(&a->base, "user name and password are too long");
        return false;
    }
    return dial_attempt_send(&a->base);
}

/* The server's line as a refusal. */
static void refuse(struct attempt *a, const struct imap_response *r)
{
    imap_print_line(r, a->base.why);
    dial_attempt_answer(&a->base, dial_refusal(a->base.why));
}

/* false: the attempt is over. */
static bool take(struct attempt *a, const struct imap_response *r)
{
    bool first = !a->greeted;

    if (++a->lines > GREETINGS_MAX) {
        dial_attempt_fail(&a->base, "the server says too much");
        return false;
    }
    if (first && r->kind != IMAP_STATUS) {
        dial_attempt_fail(&a->base, "no IMAP greeting");
        return false;
    }
    a->greeted = true;
    if (r->kind == IMAP_CONTINUE && a->more)
        return log_in(a);
    if (r->kind == IMAP_STATUS && (r->status == IMAP_BYE || (first && r->status == IMAP_NO))) {
        refuse(a, r);
        return false;
    }
    if (r->kind == IMAP_STATUS && first && r->status == IMAP_PREAUTH) {
        dial_attempt_fail(&a->base, "the server logs everybody on as somebody (PREAUTH)");
        return false;
    }
    if (first)
        return log_in(a);
    if (r->kind != IMAP_TAGGED)
        return true;
    if (r->status != IMAP_OK || a->more)
        refuse(a, r);
    else
        dial_attempt_answer(&a->base, DIAL_OK);
    return false;
}

static unsigned char *imap_room(struct dial_attempt *base, size_t n)
{
    return imap_in_room(&((struct attempt *)base)->in, n);
}

static bool imap_took(struct dial_attempt *base, size_t n)
{
    struct attempt *a = (struct attempt *)base;
    struct imap_response r;
    enum imap_answer got;

    imap_in_took(&a->in, n);
    while ((got = imap_in_next(&a->in, &r)) == IMAP_DONE)
        if (!take(a, &r))
            return false;
    if (got == IMAP_BAD) {
        dial_attempt_fail(base, a->in.error);
        return false;
    }
    return true;
}

static void imap_fini(struct dial_attempt *base)
{
    imap_in_fini(&((struct attempt *)base)->in);
}

static const struct dial_protocol imap = {
    .out_max = 16384,
    .room = imap_room,
    .took = imap_took,
    .fini = imap_fini,
};

/* ---- the dial ---- */

static void plain_open(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                       void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                    const char *why),
                       void *owner)
{
    struct attempt *a = calloc(1, sizeof *a);
    const char *password = server->imap_master ? server->imap_master_password : mailbox->password;

    PM_ASSERT(a);
    a->base = (struct dial_attempt){.protocol = &imap, .done = done, .owner = owner};
    a->login = (struct imap_login){.user = mailbox->user ? mailbox->user : mailbox->address,
                                   .password = password ? password : "",
                                   .master = server->imap_master,
                                   .tag = 1};
    imap_in_init(&a->in);
    dial_attempt_begin(&a->base, &((struct plain *)d)->attempts, &server->imap,
                       "the server has no IMAP end point");
}

static void plain_open_pop3(struct dial *d, const struct server *server,
                            const struct mailbox *mailbox,
                            void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                         const char *why),
                            void *owner)
{
    dial_pop3_open(&((struct plain *)d)->attempts, server, mailbox, done, owner);
}

static void plain_forget(struct dial *d, void *owner)
{
    dial_attempts_forget(&((struct plain *)d)->attempts, owner);
}

struct dial *dial_plain_create(struct loop *l, const struct guard *g, struct err *e)
{
    struct plain *p = calloc(1, sizeof *p);

    if (!p) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    p->dial =
        (struct dial){.open = plain_open, .open_pop3 = plain_open_pop3, .forget = plain_forget};
    p->attempts = (struct dial_attempts){.loop = l, .guard = g};
    return &p->dial;
}

void dial_plain_destroy(struct dial *d)
{
    struct plain *p = (struct plain *)d;

    if (p)
        dial_attempts_forget(&p->attempts, NULL);
    free(p);
}
