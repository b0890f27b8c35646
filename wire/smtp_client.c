/* smtp_client.c - the life of a conversation, hearing, and the switch over what the reply that came was for.
 *
 * Every expectation carries the count of octets at which its command is complete; a reply before that many are gone is out of
 * turn. What is said before the first message is in smtp_hello.c, messages are in smtp_turn.c.
 */
#include "wire/smtp_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/sasl.h"
#include "wire/smtp_client_private.h"

#define SAID_MAX 201 /* of a reply, in words for people */

#define EXPECT_MIN 64u
#define MAIL_MIN   2u                        /* one waits for the reply to its dot, one follows */
#define TURN_MAX   (SMTP_RECIPIENTS_MAX + 3) /* RSET, MAIL, RCPT..., BDAT */

static const struct {
    uint32_t timeout_s;
    const char *doing;
} states[] = {

#define X(id, seconds, doing) {seconds, doing},
    SMTP_STATES(X)
#undef X
};

_Static_assert(sizeof states / sizeof *states == SMTP_STATE_COUNT, "a row per state");

uint32_t smtp_state_timeout_s(enum smtp_state s)
{
    return states[s].timeout_s;
}

const char *smtp_state_doing(enum smtp_state s)
{
    return states[s].doing;
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

static uint32_t power_above(uint32_t n)
{
    uint32_t power = 1;

    while (power < n)
        power *= 2;
    return power;
}

struct smtp_client *smtp_client_create(const struct smtp_client_config *config, uint32_t window)
{
    struct smtp_client *c = calloc(1, sizeof *c);
    uint32_t mails = power_above(window > MAIL_MIN ? window : MAIL_MIN);
    uint32_t expects = power_above(window * TURN_MAX > EXPECT_MIN ? window * TURN_MAX : EXPECT_MIN);

    PM_ASSERT(window >= 1 && window <= SMTP_WINDOW_MAX);
    if (!c)
        return NULL;
    c->config = config;
    c->window = window;
    c->mails = calloc(mails, sizeof *c->mails);
    c->mail_mask = mails - 1;
    c->expects = calloc(expects, sizeof *c->expects);
    c->expect_mask = expects - 1;
    if (!c->mails || !c->expects || !smtp_out_init(&c->out, mails)) {
        smtp_client_destroy(c);
        return NULL;
    }
    smtp_client_begin(c);
    return c;
}

void smtp_client_destroy(struct smtp_client *c)
{
    if (!c)
        return;
    sasl_destroy(c->sasl);
    smtp_out_fini(&c->out);
    free(c->mails);
    free(c->expects);
    free(c);
}

void smtp_client_begin(struct smtp_client *c)
{
    sasl_destroy(c->sasl);
    c->sasl = NULL;
    c->extensions = 0;
    c->auth[0] = '\0';
    c->up = c->logged_in = c->over = c->leaving = false;
    c->secure = c->config->secure;
    c->news = SMTP_MORE;
    c->error.text[0] = '\0';
    c->first = c->end = 0;
    c->oldest = c->untold = c->unbegun = c->newest = 0;
    c->tainted = c->needs_reset = false;
    c->reset_for = 0;
    c->trial.on = false;
    c->trial.hold = 0;
    c->hello_lines = c->asked = 0;
    c->reader.line_n = 0;
    c->reader.lines = 0;
    smtp_out_begin(&c->out);
    smtp_expect(c, SMTP_GREETING, SMTP_NO_MAIL, 0);
}

void smtp_expect(struct smtp_client *c, enum smtp_state what, uint32_t mail, uint32_t rcpt)
{
    uint64_t at = c->out.queued;

    PM_ASSERT(c->end - c->first <= c->expect_mask);
    if (c->first == c->end)
        c->first = c->end = 0; /* the ring's warm end */
    c->expects[c->end++ & c->expect_mask] =
        (struct expect){at, at, (uint8_t)what, (uint8_t)rcpt, (uint16_t)mail};
    if (mail != SMTP_NO_MAIL)
        c->mails[mail].waiting++;
}

/* --- what a reply means -------------------------------------------------------------------------------------------- */

void smtp_broken(struct smtp_client *c, const char *what)
{
    if (c->trial.on) {
        smtp_trial_end(c, SMTP_TRIAL_BROKEN, what);
        return;
    }
    err_set(&c->error, EX_WIRE, "%s: %s", states[c->doing].doing, what);
    c->news = SMTP_BROKEN;
}

void smtp_denied(struct smtp_client *c, const char *what)
{
    err_set(&c->error, EX_TARGET, "%s: %s", states[c->doing].doing, what);
    c->news = SMTP_DENIED;
}

void smtp_denied_reply(struct smtp_client *c, struct slice text)
{
    char said[SAID_MAX];

    err_set(&c->error, EX_TARGET, "%s: %u %s", states[c->doing].doing, c->reply.code,
            text_clean(said, sizeof said, text));
    c->news = SMTP_DENIED;
}

/* 421 may answer anything (RFC 5321 section 3.8): the message it answered is refused, the rest is lost. */
static void closing(struct smtp_client *c, const struct expect *x, struct slice text)
{
    char said[SAID_MAX];

    if (c->trial.on) {
        smtp_trial_end(c, SMTP_TRIAL_BROKEN, "421, the server closes the connection");
        return;
    }
    err_set(&c->error, EX_TARGET, "%s: 421 %s", states[c->doing].doing,
            text_clean(said, sizeof said, text));
    if (c->first != c->end && x->mail != SMTP_NO_MAIL)
        smtp_turn_closing(c, *x);
    c->news = c->up ? SMTP_CLOSED : SMTP_DENIED;
}

/* A refusal of a text that has not left wholly: nothing can have been taken; the stream cannot be saved. */
static void early(struct smtp_client *c, struct expect x)
{
    if (x.what == SMTP_DOT && c->reply.code >= 400) {
        smtp_turn_refused(c, x);
        err_set(&c->error, EX_WIRE, "refused with %u before the text was over", c->reply.code);
        c->news = SMTP_CLOSED;
        return;
    }
    if (c->trial.on && c->out.gone < x.at && (x.what == SMTP_NOOP || x.what == SMTP_CHUNK))
        smtp_trial_end(c, SMTP_TRIAL_NOT_CONSUMED, "more answers than questions after a chunk");
    else
        smtp_broken(c, "the server answers what was not asked yet");
}

static void replied(struct smtp_client *c, struct expect x, struct slice text)
{
    if (x.mail != SMTP_NO_MAIL) {
        smtp_turn_replied(c, x);
        return;
    }
    c->first++;
    if (c->trial.on) {
        smtp_trial_replied(c, x);
        return;
    }
    switch ((enum smtp_state)x.what) { /* no default: the compiler lists what was forgotten */
    case SMTP_GREETING:
    case SMTP_EHLO:
    case SMTP_HELO:
    case SMTP_STARTTLS:
    case SMTP_AUTH:
        smtp_hello_replied(c, x, text);
        break;
    case SMTP_RSET:
        c->tainted = false;
        break;
    case SMTP_NOOP:
        break;
    case SMTP_QUIT:
        c->news = SMTP_CLOSED;
        break;
    case SMTP_MAIL:
    case SMTP_RCPT:
    case SMTP_DATA:
    case SMTP_DOT:
    case SMTP_CHUNK:
    case SMTP_LONE_DOT:
    case SMTP_READY:
    case SMTP_BODY:
    case SMTP_STATE_COUNT:
        PM_UNREACHABLE();
    }
}

static bool fits_state(enum smtp_state what, unsigned code)
{
    if (code < 300 || code >= 400)
        return true;
    return (what == SMTP_DATA && code == 354) || (what == SMTP_AUTH && code == 334);
}

/* LMTP answers a text for each recipient by himself: 421 to one says nothing about the others, whose answers follow. */
static bool is_one_of_several(const struct smtp_client *c, const struct expect *x)
{
    return c->config->lmtp && c->first != c->end && (x->what == SMTP_DOT || x->what == SMTP_CHUNK);
}

/* The last line of a reply has come. */
static void reply_over(struct smtp_client *c, struct slice text)
{
    const struct expect *x = &c->expects[c->first & c->expect_mask];

    if (c->reply.code == 421 && !is_one_of_several(c, x))
        closing(c, x, text);
    else if (c->first == c->end)
        smtp_broken(c, "the server speaks out of turn");
    else if (!fits_state((enum smtp_state)x->what, c->reply.code))
        smtp_broken(c, "a reply code that cannot be an answer");
    else if (c->out.gone < x->at || (c->out.gone < x->end && c->reply.code < 400))
        early(c, *x);
    else
        replied(c, *x, text);
}

/* --- hearing -------------------------------------------------------------------------------------------------------- */

/* One line of the server's; false: there is none yet. */
static bool hear_line(struct smtp_client *c, struct slice *in)
{
    struct slice text;

    if (in->n == 0)
        return false;
    c->doing = smtp_client_state(c);
    switch (smtp_reader_hear(&c->reader, in, &text)) {
    case SMTP_HEARD_NOTHING:
        return false;
    case SMTP_HEARD_NOISE:
        smtp_broken(c, c->reader.why);
        return true;
    case SMTP_HEARD_LINE:
    case SMTP_HEARD_REPLY:
        break;
    }
    bool over = c->reader.lines == 0, keyword = !over ? c->reader.lines > 1 : c->hello_lines > 0;
    c->reply = c->reader.reply;
    c->hello_lines = over ? 0 : c->reader.lines;
    if (keyword && c->doing == SMTP_EHLO && c->reply.code / 100 == 2)
        smtp_hello_line(c, text);
    if (over)
        reply_over(c, text);
    return true;
}

enum smtp_news smtp_client_hear(struct smtp_client *c, struct slice *in, struct smtp_outcome *out)
{
    for (;;) {
        if (smtp_turn_tell(c, out))
            return SMTP_ENDED;
        if (c->news != SMTP_MORE || c->over)
            break;
        if (!hear_line(c, in))
            return SMTP_MORE;
    }
    enum smtp_news news = c->news;
    if (news == SMTP_START_TLS) /* RFC 3207: what came in clear behind it is not to be believed */
        *in = slice_skip(*in, in->n);
    if (news == SMTP_UP || news == SMTP_START_TLS || news == SMTP_TRIED)
        c->news = SMTP_MORE;
    return c->over && news != SMTP_TRIED ? SMTP_MORE : news;
}

void smtp_client_lost(struct smtp_client *c)
{
    c->doing = smtp_client_state(c);
    if (c->trial.on)
        smtp_trial_end(c, SMTP_TRIAL_BROKEN, "the connection is lost");
    smtp_turn_lost(c);
    c->over = true;
    c->first = c->end;
}

/* --- output ----------------------------------------------------------------------------------------------------------- */

/* Behind the last terminator nothing that is answered there can change what has to be said before QUIT. */
static bool may_quit(const struct smtp_client *c)
{
    const struct mail *last = &c->mails[(c->newest - 1) & c->mail_mask];

    if (smtp_client_is_idle(c))
        return true;
    return c->up && !c->over && !c->leaving && !c->trial.on && c->news == SMTP_MORE &&
           smtp_is_pipelined(c) && c->newest != c->oldest && last->end_at > 0;
}

void smtp_client_quit(struct smtp_client *c)
{
    if (!may_quit(c))
        return;
    SMTP_SAY(c, "QUIT\r\n");
    smtp_expect(c, SMTP_QUIT, SMTP_NO_MAIL, 0);
    c->leaving = true;
}

int smtp_client_output(const struct smtp_client *c, struct iovec *iov, int room)
{
    uint64_t limit = UINT64_MAX;

    if (c->first != c->end && !smtp_is_pipelined(c))
        limit = c->expects[c->first & c->expect_mask].end;
    if (c->trial.hold > c->out.gone && c->trial.hold < limit)
        limit = c->trial.hold;
    return smtp_out_iov(&c->out, limit, iov, room);
}

void smtp_client_gave(struct smtp_client *c, size_t n)
{
    smtp_out_gave(&c->out, n);
}

/* --- what it knows ------------------------------------------------------------------------------------------------------ */

enum smtp_state smtp_client_state(const struct smtp_client *c)
{
    const struct expect *x = &c->expects[c->first & c->expect_mask];

    if (c->first == c->end)
        return SMTP_READY;
    if (c->out.gone < x->end && (x->what == SMTP_DOT || x->what == SMTP_CHUNK))
        return SMTP_BODY;
    return (enum smtp_state)x->what;
}

unsigned smtp_client_extensions(const struct smtp_client *c)
{
    return c->extensions;
}

uint32_t smtp_client_under_way(const struct smtp_client *c, bool exposed)
{
    uint32_t n = 0;

    for (uint32_t i = c->untold; i != c->newest; i++) {
        const struct mail *m = &c->mails[i & c->mail_mask];

        n += m->live && (m->end_at > 0 && c->out.gone >= m->end_at) == exposed;
    }
    return n;
}

bool smtp_client_is_idle(const struct smtp_client *c)
{
    return c->up && !c->over && !c->leaving && c->first == c->end && c->untold == c->newest;
}

const char *smtp_client_error(const struct smtp_client *c)
{
    return c->error.text;
}
