/* smtp_trial.c - whether a server consumes the chunks that it refuses, and what becomes of their transaction.
 *
 * Three rounds, each a MAIL and chunks that can only be refused: a small one; two, the first of them cut over two writes; one
 * of 100 KB. The recipient is one that the server should refuse; if it does not, RSET, and nobody is named any more. A chunk
 * that is not consumed (emersion/go-smtp#315) is read as commands: its lines are unknown ones, so that they are refused where
 * the NOOP behind the chunk should be answered, and do no harm. In the first round a MAIL follows: 503 shows that the refused
 * transaction stays open. At most seven commands of all are refused: servers count.
 */
#include "wire/smtp_client_private.h"
#include "wire/smtp_say.h"

#define ROUNDS      3u
#define NAMED       2u /* rounds with a recipient */
#define LINE        "XPMTRIAL this is a line of a chunk, not a command\r\n"
#define LARGE_LINE  1000u
#define LARGE_LINES 103u

enum trial_step { STEP_PLAIN, STEP_PROBE, STEP_ROUND_OVER };

static void say_mail(struct smtp_client *c, enum trial_step step)
{
    SMTP_SAY(c, "MAIL FROM:<");
    smtp_out_say(&c->out, c->trial.from, strlen(c->trial.from));
    SMTP_SAY(c, ">\r\n");
    smtp_expect(c, SMTP_MAIL, SMTP_NO_MAIL, step);
}

static void say_chunk(struct smtp_client *c, const char *line, size_t n, uint32_t lines, bool last)
{
    struct pen w = smtp_out_pen(&c->out, 64 + n * lines);

    smtp_say_bdat(&w, n * lines, last);
    smtp_out_wrote(&c->out, w);
    smtp_expect(c, SMTP_CHUNK, SMTP_NO_MAIL, STEP_PLAIN);
    while (lines-- > 0)
        pen_put(&w, line, n);
    smtp_out_wrote(&c->out, w);
    c->expects[(c->end - 1) & c->expect_mask].end = c->out.queued;
}

static void say_large(struct smtp_client *c)
{
    char line[LARGE_LINE];
    struct pen w = {(unsigned char *)line};

    memset(line, 'x', sizeof line);
    PEN_PUT(&w, "XPMTRIAL ");
    w.p = (unsigned char *)line + sizeof line - 2;
    PEN_PUT(&w, "\r\n");
    say_chunk(c, line, sizeof line, LARGE_LINES, true);
}

/* The chunks of this round, and what proves that they were consumed. */
static void say_chunks(struct smtp_client *c)
{
    if (c->trial.round == 0) {
        say_chunk(c, LINE, sizeof LINE - 1, 1, true);
    } else if (c->trial.round == 1) {
        say_chunk(c, LINE, sizeof LINE - 1, 2, false);
        c->trial.hold = c->out.queued - sizeof LINE - 10; /* within the first line */
        say_chunk(c, LINE, sizeof LINE - 1, 1, true);
    } else {
        say_large(c);
    }
    SMTP_SAY(c, "NOOP\r\n");
    smtp_expect(c, SMTP_NOOP, SMTP_NO_MAIL, STEP_PLAIN);
    if (c->trial.round == 0)
        say_mail(c, STEP_PROBE);
    smtp_say_reset(c);
    c->expects[(c->end - 1) & c->expect_mask].rcpt = STEP_ROUND_OVER;
}

static void say_round(struct smtp_client *c)
{
    say_mail(c, STEP_PLAIN);
    if (c->trial.nobody || c->trial.round >= NAMED) {
        say_chunks(c);
        return;
    }
    SMTP_SAY(c, "RCPT TO:<");
    smtp_out_say(&c->out, c->trial.bad, strlen(c->trial.bad));
    SMTP_SAY(c, ">\r\n");
    smtp_expect(c, SMTP_RCPT, SMTP_NO_MAIL, STEP_PLAIN);
}

static bool keep(char *to, struct slice address)
{
    if (address.n >= SMTP_TRIAL_ADDRESSES)
        return false;
    if (address.n > 0)
        memcpy(to, address.p, address.n);
    to[address.n] = '\0';
    return true;
}

void smtp_trial_end(struct smtp_client *c, enum smtp_trial verdict, const char *why)
{
    c->trial.on = false;
    c->trial.verdict = verdict;
    if (verdict == SMTP_TRIAL_NOT_CONSUMED || verdict == SMTP_TRIAL_BROKEN) {
        c->over = true; /* what comes after this answers nobody knows what */
        c->first = c->end;
        smtp_out_cut(&c->out);
    }
    if (why)
        err_set(&c->error, EX_TARGET, "trying chunks, %s: %s", smtp_state_doing(c->doing), why);
    c->news = SMTP_TRIED;
}

void smtp_client_try(struct smtp_client *c, struct slice from, struct slice bad)
{
    PM_ASSERT(smtp_client_is_idle(c) && c->news == SMTP_MORE);
    c->doing = SMTP_READY;
    c->trial = (struct trial){.on = true};
    if (!smtp_has(c, SMTP_EXT_CHUNKING))
        smtp_trial_end(c, SMTP_TRIAL_BROKEN, "the server does not announce CHUNKING");
    else if (!keep(c->trial.from, from) || !keep(c->trial.bad, bad))
        smtp_trial_end(c, SMTP_TRIAL_BROKEN, "an address is too long");
    else
        say_round(c);
}

enum smtp_trial smtp_client_trial(const struct smtp_client *c)
{
    return c->trial.verdict;
}

static void ended_by(struct smtp_client *c, enum smtp_trial verdict, const char *why)
{
    smtp_trial_end(c, verdict, NULL);
    err_set(&c->error, EX_TARGET, "trying chunks, %s: %u: %s", smtp_state_doing(c->doing),
            c->reply.code, why);
}

static void round_over(struct smtp_client *c)
{
    if (++c->trial.round < ROUNDS)
        say_round(c);
    else if (c->trial.open)
        smtp_trial_end(c, SMTP_TRIAL_NEEDS_RESET, "a refused chunk leaves MAIL open");
    else
        smtp_trial_end(c, SMTP_TRIAL_PASSED, NULL);
}

static void mail_replied(struct smtp_client *c, enum trial_step step)
{
    if (c->reply.code / 100 == 2)
        return;
    if (step == STEP_PROBE && c->reply.code / 100 == 5)
        c->trial.open = true; /* the same MAIL was fine before */
    else
        ended_by(c, SMTP_TRIAL_BROKEN, "MAIL is refused");
}

void smtp_trial_replied(struct smtp_client *c, struct expect x)
{
    bool fine = c->reply.code / 100 == 2;

    if (x.what == SMTP_MAIL) {
        mail_replied(c, (enum trial_step)x.rcpt);
    } else if (x.what == SMTP_RCPT) {
        if (fine) {
            c->trial.nobody = true;
            smtp_say_reset(c);
            say_mail(c, STEP_PLAIN);
        }
        say_chunks(c);
    } else if (x.what == SMTP_NOOP && !fine) {
        ended_by(c, SMTP_TRIAL_NOT_CONSUMED, "the octets of a refused chunk are read as commands");
    } else if (x.what == SMTP_RSET && !fine) {
        ended_by(c, SMTP_TRIAL_BROKEN, "RSET is refused");
    } else if (x.what == SMTP_RSET && x.rcpt == STEP_ROUND_OVER) {
        round_over(c);
    }
}
