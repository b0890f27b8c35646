/* dial_pop3.c - greeting, USER, PASS, and what a refusal of either means. */
#include "probes/dial_pop3.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/pop3.h"

enum step { STEP_GREETING, STEP_USER, STEP_PASS };

struct attempt {
    struct dial_attempt base; /* first */
    struct pop3_in in;
    enum step step;
    const char *user, *password;
};

enum dial_answer dial_pop3_refusal(const char *server_line)
{
    switch (pop3_refusal(slice_of(server_line))) {
    case POP3_NO:
        return DIAL_ABSENT;
    case POP3_LATER:
        return DIAL_BUSY;
    case POP3_FAULT:
        break;
    }
    return DIAL_DOWN;
}

/* false: the attempt is over. */
static bool say(struct attempt *a, enum step step, const char *word, const char *what)
{
    a->step = step;
    if (strpbrk(what, "\r\n") || !buf_add_format(&a->base.out, "%s %s\r\n", word, what)) {
        dial_attempt_fail(&a->base, "user name or password cannot be said in POP3");
        return false;
    }
    return dial_attempt_send(&a->base);
}

/* A server that greets with -ERR has nothing to say about the mailbox. */
static void refuse(struct attempt *a, struct slice line)
{
    enum dial_answer means;

    (void)text_clean(a->base.why, sizeof a->base.why, line);
    means = dial_pop3_refusal(a->base.why);
    dial_attempt_answer(&a->base,
                        means == DIAL_ABSENT && a->step == STEP_GREETING ? DIAL_BUSY : means);
}

/* false: the attempt is over. */
static bool take(struct attempt *a, const struct pop3_response *r)
{
    if (!r->ok) {
        refuse(a, r->line);
        return false;
    }
    switch (a->step) {
    case STEP_GREETING:
        return say(a, STEP_USER, "USER", a->user);
    case STEP_USER:
        return say(a, STEP_PASS, "PASS", a->password);
    case STEP_PASS:
        dial_attempt_answer(&a->base, DIAL_OK);
        return false;
    }
    return false;
}

static unsigned char *pop3_room(struct dial_attempt *base, size_t n)
{
    return pop3_in_room(&((struct attempt *)base)->in, n);
}

static bool pop3_took(struct dial_attempt *base, size_t n)
{
    struct attempt *a = (struct attempt *)base;
    struct pop3_response r;
    enum pop3_answer got;

    pop3_in_took(&a->in, n);
    while ((got = pop3_in_next(&a->in, false, &r)) == POP3_DONE)
        if (!take(a, &r))
            return false;
    if (got == POP3_AGAIN)
        return true;
    dial_attempt_fail(base, a->in.error);
    return false;
}

static void pop3_fini(struct dial_attempt *base)
{
    pop3_in_fini(&((struct attempt *)base)->in);
}

static const struct dial_protocol pop3 = {
    .out_max = 4096,
    .room = pop3_room,
    .took = pop3_took,
    .fini = pop3_fini,
};

void dial_pop3_open(struct dial_attempts *of, const struct server *server,
                    const struct mailbox *mailbox,
                    void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                 const char *why),
                    void *owner)
{
    struct attempt *a = calloc(1, sizeof *a);

    PM_ASSERT(a);
    a->base = (struct dial_attempt){.protocol = &pop3, .done = done, .owner = owner};
    a->user = mailbox->user ? mailbox->user : mailbox->address;
    a->password = mailbox->password ? mailbox->password : "";
    pop3_in_init(&a->in);
    dial_attempt_begin(&a->base, of, &server->pop3, "the server has no POP3 end point");
}
