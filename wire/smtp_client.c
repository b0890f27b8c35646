/* smtp_client.c - the conversation: a queue of expected replies, and a switch over what the one that came was for.
 *
 * Output is commands with at most one text among them (text_at): a text is queued only when 354 came, which comes only
 * after the text before it has left. Every expectation carries the count of octets at which its command is complete;
 * a reply before that many were given is out of turn.
 */
#include "wire/smtp_client.h"

#include <stdlib.h>
#include <string.h>

#include "wire/sasl.h"
#include "wire/smtp_say.h"

#define COMMANDS_MAX   65536u /* 16 recipients with ORCPT in xtext: 18 KB each way round */
#define EXPECT_MAX     64u    /* a power of two above 2 x (16 + 4) */
#define AUTH_MAX       256u
#define SMTP_MAILS_MAX 2   /* one waits for the reply to its dot, one follows */
#define ASKED_MAX      10u /* challenges of one log-in; no mechanism has so many */

struct expect {
    uint64_t at; /* octets given when the command is complete */
    uint8_t what;
    uint8_t mail, rcpt;
};

struct mail {
    struct smtp_mail m;
    bool live;            /* some recipient's fate is not told yet */
    uint32_t waiting;     /* replies expected */
    uint32_t taken;       /* recipients that were not refused at RCPT */
    bool begun, sent_dot; /* begun was told; the terminator is queued */
    uint32_t next_rcpt;   /* lockstep */
    uint64_t begin_at, end_at;
    uint32_t decided, told; /* bits by recipient */
    struct smtp_outcome fate[SMTP_RECIPIENTS_MAX];
};

struct smtp_client {
    const struct smtp_client_config *config;
    unsigned extensions;
    char auth[AUTH_MAX]; /* the mechanisms offered */
    bool up, secure, logged_in, over;
    enum smtp_news news;   /* to be told when all fates are; SMTP_MORE: none */
    enum smtp_state doing; /* what the reply being read answers: for the words of errors */
    struct sasl *sasl;
    uint32_t asked; /* challenges so far */
    struct err error;

    struct expect expect[EXPECT_MAX];
    uint32_t first, end; /* of the queue: free running */
    struct mail mail[SMTP_MAILS_MAX];

    struct buf commands;
    size_t commands_given, text_at;
    const struct smtp_text *text; /* NULL: none pending */
    uint64_t text_given;
    uint64_t queued, given; /* octets of this connection */

    struct smtp_reader reader;
    struct smtp_reply reply; /* the last that was whole, or is being read */
    uint32_t hello_lines;    /* of it before this one: keywords follow the first */
};

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

struct smtp_client *smtp_client_create(const struct smtp_client_config *config, uint32_t window)
{
    struct smtp_client *c = calloc(1, sizeof *c);

    PM_ASSERT(window >= 1 && window <= SMTP_WINDOW_MAX);
    if (!c)
        return NULL;
    c->config = config;
    buf_init(&c->commands, COMMANDS_MAX);
    if (!buf_reserve(&c->commands, 2048)) {
        free(c);
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
    buf_fini(&c->commands);
    free(c);
}

static void expect(struct smtp_client *c, enum smtp_state what, uint32_t mail, uint32_t rcpt)
{
    PM_ASSERT(c->end - c->first < EXPECT_MAX);
    c->expect[c->end++ % EXPECT_MAX] =
        (struct expect){c->queued, (uint8_t)what, (uint8_t)mail, (uint8_t)rcpt};
    if (what == SMTP_MAIL || what == SMTP_RCPT || what == SMTP_DATA || what == SMTP_DOT ||
        what == SMTP_LONE_DOT)
        c->mail[mail].waiting++;
}

void smtp_client_begin(struct smtp_client *c)
{
    struct buf commands = c->commands;
    const struct smtp_client_config *config = c->config;

    sasl_destroy(c->sasl);
    buf_clear(&commands);
    *c = (struct smtp_client){.config = config, .commands = commands, .secure = config->secure};
    expect(c, SMTP_GREETING, 0, 0);
}

/* --- saying things ------------------------------------------------------------------------------------------------ */

static void say(struct smtp_client *c, const void *p, size_t n)
{
    PM_ASSERT(buf_add(&c->commands, p, n)); /* the limit holds two messages of any shape */
    c->queued += n;
}

#define SAY(c, literal) say((c), (literal), sizeof(literal) - 1)

static void say_text(struct smtp_client *c, const char *text)
{
    say(c, text, strlen(text));
}

static void say_hello(struct smtp_client *c, const char *verb, enum smtp_state what)
{
    say_text(c, verb);
    say_text(c, c->config->helo);
    SAY(c, "\r\n");
    expect(c, what, 0, 0);
}

static bool has(const struct smtp_client *c, unsigned extension)
{
    return (c->extensions & extension) != 0;
}

static bool is_pipelined(const struct smtp_client *c)
{
    return c->config->pipelining && has(c, SMTP_EXT_PIPELINING);
}

static void say_mail(struct smtp_client *c, uint32_t mail)
{
    size_t before = c->commands.n;

    PM_ASSERT(smtp_say_mail(&c->commands, &c->mail[mail].m, c->extensions));
    c->queued += c->commands.n - before;
    expect(c, SMTP_MAIL, mail, 0);
}

static void say_rcpt(struct smtp_client *c, uint32_t mail, uint32_t rcpt)
{
    size_t before = c->commands.n;

    PM_ASSERT(smtp_say_rcpt(&c->commands, &c->mail[mail].m, rcpt, c->extensions));
    c->queued += c->commands.n - before;
    expect(c, SMTP_RCPT, mail, rcpt);
}

static void say_data(struct smtp_client *c, uint32_t mail)
{
    SAY(c, "DATA\r\n");
    expect(c, SMTP_DATA, mail, 0);
}

static void say_body(struct smtp_client *c, uint32_t mail)
{
    struct mail *m = &c->mail[mail];

    PM_ASSERT(!c->text);
    c->text = m->m.text;
    c->text_at = c->commands.n;
    c->text_given = 0;
    c->queued += smtp_text_bytes(c->text, true);
    SAY(c, ".\r\n");
    m->sent_dot = true;
    m->end_at = c->queued;
    expect(c, SMTP_DOT, mail, 0);
}

static void say_lone_dot(struct smtp_client *c, uint32_t mail)
{
    SAY(c, ".\r\n");
    expect(c, SMTP_LONE_DOT, mail, 0);
}

static void say_reset(struct smtp_client *c)
{
    SAY(c, "RSET\r\n");
    expect(c, SMTP_RSET, 0, 0);
}

/* --- messages come and go ------------------------------------------------------------------------------------------ */

static bool is_free(const struct mail *m)
{
    return !m->live && m->waiting == 0;
}

/* One more may follow when nothing is awaited, or, pipelined, nothing but the reply to one final dot. */
bool smtp_client_can_take(const struct smtp_client *c)
{
    if (!c->up || c->over || c->news != SMTP_MORE)
        return false;
    if (c->first == c->end)
        return is_free(&c->mail[0]) || is_free(&c->mail[1]);
    return is_pipelined(c) && c->end - c->first == 1 &&
           c->expect[c->first % EXPECT_MAX].what == SMTP_DOT &&
           (is_free(&c->mail[0]) || is_free(&c->mail[1]));
}

void smtp_client_send(struct smtp_client *c, const struct smtp_mail *m)
{
    uint32_t slot = is_free(&c->mail[0]) ? 0 : 1;

    PM_ASSERT(smtp_client_can_take(c));
    PM_ASSERT(m->recipients >= 1 && m->recipients <= SMTP_RECIPIENTS_MAX);
    c->mail[slot] = (struct mail){.m = *m, .live = true, .begin_at = c->queued};
    say_mail(c, slot);
    if (!is_pipelined(c))
        return;
    for (uint32_t r = 0; r < m->recipients; r++)
        say_rcpt(c, slot, r);
    say_data(c, slot);
}

static uint32_t all_of(const struct mail *m)
{
    return (1u << m->m.recipients) - 1;
}

static void decide(struct mail *m, uint32_t rcpt, enum smtp_fate fate, enum smtp_state state,
                   struct smtp_reply reply)
{
    if (m->decided >> rcpt & 1)
        return;
    m->decided |= 1u << rcpt;
    m->fate[rcpt] = (struct smtp_outcome){
        .tag = m->m.tag, .recipient = rcpt, .fate = fate, .state = state, .reply = reply};
}

static void decide_all(struct mail *m, enum smtp_fate fate, enum smtp_state state,
                       struct smtp_reply reply)
{
    for (uint32_t r = 0; m->live && r < m->m.recipients; r++)
        decide(m, r, fate, state, reply);
}

static enum smtp_fate refusal(struct smtp_reply reply)
{
    return reply.code / 100 == 4 ? SMTP_REFUSED_TEMP : SMTP_REFUSED_PERM;
}

/* The next fate to tell, messages in the order of their sending. */
static bool tell(struct smtp_client *c, struct smtp_outcome *out)
{
    uint32_t older = c->mail[1].live && c->mail[1].begin_at < c->mail[0].begin_at;

    for (uint32_t i = 0; i < SMTP_MAILS_MAX; i++) {
        struct mail *m = &c->mail[i ^ older];
        uint32_t left = m->live ? m->decided & ~m->told : 0;

        if (left == 0)
            continue;
        uint32_t r = (uint32_t)__builtin_ctz(left);
        m->told |= 1u << r;
        m->live = m->told != all_of(m);
        *out = m->fate[r];
        out->last = !m->live;
        return true;
    }
    return false;
}

/* --- what a reply means -------------------------------------------------------------------------------------------- */

static void broken(struct smtp_client *c, const char *what)
{
    err_set(&c->error, EX_WIRE, "%s: %s", states[c->doing].doing, what);
    c->news = SMTP_BROKEN;
}

static void denied(struct smtp_client *c, const char *what)
{
    err_set(&c->error, EX_TARGET, "%s: %s", states[c->doing].doing, what);
    c->news = SMTP_DENIED;
}

static void denied_reply(struct smtp_client *c, struct slice text)
{
    err_set(&c->error, EX_TARGET, "%s: %u %.*s", states[c->doing].doing, c->reply.code,
            (int)(text.n < 200 ? text.n : 200), (const char *)text.p);
    c->news = SMTP_DENIED;
}

static void come_up(struct smtp_client *c)
{
    c->up = true;
    c->news = SMTP_UP;
}

static void log_in(struct smtp_client *c)
{
    const struct sasl_login login = {c->config->user, c->config->password, "smtp", c->config->host};
    struct buf first;

    sasl_destroy(c->sasl);
    c->sasl = sasl_create(slice_of(c->auth), &login, &c->error);
    if (!c->sasl) {
        c->news = SMTP_DENIED;
        return;
    }
    buf_init(&first, SMTP_LINE_MAX);
    SAY(c, "AUTH ");
    say_text(c, sasl_name(c->sasl));
    if (sasl_initial(c->sasl, &first)) {
        SAY(c, " ");
        say_text(c, first.n > 0 ? buf_text(&first) : "="); /* RFC 4954 section 4 */
    }
    SAY(c, "\r\n");
    expect(c, SMTP_AUTH, 0, 0);
    buf_fini(&first);
}

/* EHLO or HELO was answered: TLS, log-in, or ready. */
static void after_hello(struct smtp_client *c)
{
    const struct smtp_client_config *cf = c->config;

    if (cf->starttls && !c->secure) {
        if (!has(c, SMTP_EXT_STARTTLS)) {
            denied(c, "the server does not offer STARTTLS");
            return;
        }
        SAY(c, "STARTTLS\r\n");
        expect(c, SMTP_STARTTLS, 0, 0);
    } else if (cf->user && !c->logged_in) {
        if (!c->secure && !cf->clear_auth)
            denied(c, "a password is not sent without TLS");
        else if (!has(c, SMTP_EXT_AUTH))
            denied(c, "the server does not offer AUTH");
        else
            log_in(c);
    } else {
        come_up(c);
    }
}

void smtp_client_secured(struct smtp_client *c)
{
    c->secure = true;
    c->extensions = 0; /* RFC 3207 section 4.2: forget what was said in clear */
    c->auth[0] = '\0';
    say_hello(c, "EHLO ", SMTP_EHLO);
}

static void note_extension(struct smtp_client *c, struct slice line)
{
    static const struct {
        const char *word;
        unsigned bit;
    } known[] = {
        {"PIPELINING", SMTP_EXT_PIPELINING}, {"SIZE", SMTP_EXT_SIZE},
        {"8BITMIME", SMTP_EXT_8BITMIME},     {"DSN", SMTP_EXT_DSN},
        {"STARTTLS", SMTP_EXT_STARTTLS},     {"AUTH", SMTP_EXT_AUTH},
        {"CHUNKING", SMTP_EXT_CHUNKING},     {"ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCED},
    };
    struct slice word;

    line = slice_trim(line);
    (void)slice_cut(&line, ' ', &word);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_is_nocase(word, known[i].word))
            c->extensions |= known[i].bit;
    if (slice_is_nocase(word, "AUTH") && line.n < AUTH_MAX) {
        memcpy(c->auth, line.p, line.n);
        c->auth[line.n] = '\0';
    }
}

static void auth_replied(struct smtp_client *c, struct slice text)
{
    struct buf answer;

    if (c->reply.code / 100 == 2) {
        c->logged_in = true;
        if (sasl_is_complete(c->sasl))
            come_up(c);
        else
            denied(c, "the server let us in without proving that it knows the password");
        return;
    }
    if (c->reply.code != 334 || ++c->asked > ASKED_MAX) {
        denied_reply(c, text);
        return;
    }
    buf_init(&answer, COMMANDS_MAX / 4);
    if (sasl_answer(c->sasl, text, &answer, &c->error))
        say(c, answer.p, answer.n);
    else
        SAY(c, "*"); /* cancels the exchange; 501 follows */
    SAY(c, "\r\n");
    expect(c, SMTP_AUTH, 0, 0);
    buf_fini(&answer);
}

static void rcpt_replied(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mail[x.mail];

    if (c->reply.code / 100 == 2)
        m->taken += m->live && !(m->decided >> x.rcpt & 1);
    else
        decide(m, x.rcpt, refusal(c->reply), SMTP_RCPT, c->reply);
}

static void data_replied(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mail[x.mail];

    if (c->reply.code == 354) {
        if (m->taken > 0)
            say_body(c, x.mail);
        else
            say_lone_dot(c, x.mail); /* it wants a text although it refused everyone */
    } else if (c->reply.code >= 400) {
        decide_all(m, refusal(c->reply), SMTP_DATA, c->reply);
        say_reset(c);
    } else {
        broken(c, "neither 354 nor a refusal");
    }
}

/* Lockstep: what to say next about this message, one command a turn. */
static void step(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mail[x.mail];
    bool refused = x.what == SMTP_MAIL && m->decided != 0;

    if (!refused && m->next_rcpt < m->m.recipients)
        say_rcpt(c, x.mail, m->next_rcpt++);
    else if (!refused && m->taken > 0)
        say_data(c, x.mail);
    else
        say_reset(c);
}

static void dot_replied(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mail[x.mail];

    if (c->reply.code / 100 == 2)
        decide_all(m, SMTP_ACCEPTED, SMTP_DOT, c->reply);
    else
        decide_all(m, refusal(c->reply), SMTP_DOT, c->reply);
}

/* 421 may answer anything (RFC 5321 section 3.8): the message it answered is refused, the rest is lost. */
static void closing(struct smtp_client *c, struct slice text)
{
    const struct expect *x = &c->expect[c->first % EXPECT_MAX];

    err_set(&c->error, EX_TARGET, "%s: 421 %.*s", states[c->doing].doing,
            (int)(text.n < 200 ? text.n : 200), (const char *)text.p);
    if (c->first != c->end && x->what >= SMTP_MAIL && x->what <= SMTP_DOT &&
        c->given > c->mail[x->mail].begin_at)
        decide_all(&c->mail[x->mail], SMTP_REFUSED_TEMP, c->doing, c->reply);
    c->news = c->up ? SMTP_CLOSED : SMTP_DENIED;
}

/* A refusal of a text that has not left wholly: nothing can have been taken; the stream cannot be saved. */
static void early(struct smtp_client *c, struct expect x)
{
    if (x.what == SMTP_DOT && c->reply.code >= 400) {
        decide_all(&c->mail[x.mail], refusal(c->reply), SMTP_BODY, c->reply);
        err_set(&c->error, EX_WIRE, "refused with %u before the text was over", c->reply.code);
        c->news = SMTP_CLOSED;
        return;
    }
    broken(c, "the server answers what was not asked yet");
}

static void hello_replied(struct smtp_client *c, enum smtp_state what, struct slice text)
{
    if (c->reply.code / 100 == 2)
        after_hello(c);
    else if (what == SMTP_EHLO && c->reply.code / 100 == 5 && !c->secure && !c->config->starttls)
        say_hello(c, "HELO ", SMTP_HELO);
    else
        denied_reply(c, text);
}

static void mail_replied(struct smtp_client *c, struct expect x)
{
    switch ((enum smtp_state)x.what) {
    case SMTP_MAIL:
        if (c->reply.code / 100 != 2)
            decide_all(&c->mail[x.mail], refusal(c->reply), SMTP_MAIL, c->reply);
        break;
    case SMTP_RCPT:
        rcpt_replied(c, x);
        break;
    case SMTP_DATA:
        data_replied(c, x);
        return;
    case SMTP_DOT:
        dot_replied(c, x);
        return;
    case SMTP_CHUNK:
    case SMTP_LONE_DOT:
    case SMTP_GREETING:
    case SMTP_EHLO:
    case SMTP_HELO:
    case SMTP_STARTTLS:
    case SMTP_AUTH:
    case SMTP_READY:
    case SMTP_BODY:
    case SMTP_RSET:
    case SMTP_NOOP:
    case SMTP_QUIT:
    case SMTP_STATE_COUNT:
        return;
    }
    if (!is_pipelined(c))
        step(c, x);
}

static void replied(struct smtp_client *c, struct expect x, struct slice text)
{
    bool fine = c->reply.code / 100 == 2;

    switch (
        (enum smtp_state)x.what) { /* no default: the compiler lists the state that was forgotten */
    case SMTP_GREETING:
        if (fine)
            say_hello(c, "EHLO ", SMTP_EHLO);
        else
            denied_reply(c, text);
        break;
    case SMTP_EHLO:
    case SMTP_HELO:
        hello_replied(c, (enum smtp_state)x.what, text);
        break;
    case SMTP_STARTTLS:
        if (fine)
            c->news = SMTP_START_TLS;
        else
            denied_reply(c, text);
        break;
    case SMTP_AUTH:
        auth_replied(c, text);
        break;
    case SMTP_MAIL:
    case SMTP_RCPT:
    case SMTP_DATA:
    case SMTP_DOT:
    case SMTP_CHUNK:
    case SMTP_LONE_DOT:
        c->mail[x.mail].waiting--;
        mail_replied(c, x);
        break;
    case SMTP_RSET:
    case SMTP_NOOP:
        break;
    case SMTP_QUIT:
        c->news = SMTP_CLOSED;
        break;
    case SMTP_READY:
    case SMTP_BODY:
    case SMTP_STATE_COUNT:
        PM_UNREACHABLE();
    }
}

static bool fits_state(enum smtp_state what, unsigned code)
{
    if (code / 100 == 3)
        return (what == SMTP_DATA && code == 354) || (what == SMTP_AUTH && code == 334);
    return code / 100 == 2 || code / 100 == 4 || code / 100 == 5;
}

/* The last line of a reply has come. */
static void reply_over(struct smtp_client *c, struct slice text)
{
    struct expect x = c->expect[c->first % EXPECT_MAX];

    if (c->reply.code == 421) {
        closing(c, text);
    } else if (c->first == c->end) {
        broken(c, "the server speaks out of turn");
    } else if (!fits_state((enum smtp_state)x.what, c->reply.code)) {
        broken(c, "a reply code that cannot be an answer");
    } else if (c->given < x.at) {
        early(c, x);
    } else {
        c->first++;
        replied(c, x, text);
    }
}

/* --- hearing -------------------------------------------------------------------------------------------------------- */

/* One line of the server's; false: there is none yet. */
static bool hear_line(struct smtp_client *c, struct slice *in)
{
    struct slice text;

    c->doing = smtp_client_state(c);
    switch (smtp_reader_hear(&c->reader, in, &text)) {
    case SMTP_HEARD_NOTHING:
        return false;
    case SMTP_HEARD_NOISE:
        broken(c, c->reader.why);
        return true;
    case SMTP_HEARD_LINE:
    case SMTP_HEARD_REPLY:
        break;
    }
    bool over = c->reader.lines == 0, keyword = !over ? c->reader.lines > 1 : c->hello_lines > 0;
    c->reply = c->reader.reply;
    c->hello_lines = over ? 0 : c->reader.lines;
    if (keyword && c->doing == SMTP_EHLO && c->reply.code / 100 == 2)
        note_extension(c, text);
    if (over)
        reply_over(c, text);
    return true;
}

enum smtp_news smtp_client_hear(struct smtp_client *c, struct slice *in, struct smtp_outcome *out)
{
    for (;;) {
        if (tell(c, out))
            return SMTP_ENDED;
        if (c->news != SMTP_MORE || c->over)
            break;
        if (!hear_line(c, in))
            return SMTP_MORE;
    }
    enum smtp_news news = c->news;
    if (news == SMTP_START_TLS)
        *in = slice_skip(*in,
                         in->n); /* RFC 3207: what came in clear behind it is not to be believed */
    if (news == SMTP_UP || news == SMTP_START_TLS)
        c->news = SMTP_MORE;
    return c->over ? SMTP_MORE : news;
}

/* What a message was waiting for when the connection went: its oldest expectation. */
static enum smtp_state awaited(const struct smtp_client *c, uint32_t mail)
{
    for (uint32_t i = c->first; i != c->end; i++) {
        const struct expect *x = &c->expect[i % EXPECT_MAX];

        if (x->mail == mail && x->what >= SMTP_MAIL && x->what <= SMTP_LONE_DOT)
            return x->what == SMTP_DOT && c->given < x->at ? SMTP_BODY : (enum smtp_state)x->what;
    }
    return SMTP_MAIL;
}

void smtp_client_lost(struct smtp_client *c)
{
    const struct smtp_reply none = {0};

    for (uint32_t i = 0; i < SMTP_MAILS_MAX; i++) {
        struct mail *m = &c->mail[i];
        enum smtp_fate fate = SMTP_ABORTED;

        if (c->given <= m->begin_at)
            fate = SMTP_UNTOUCHED;
        else if (m->sent_dot && c->given >= m->end_at)
            fate = SMTP_DOUBT;
        decide_all(m, fate, awaited(c, i), none);
    }
    c->over = true;
    c->first = c->end;
}

/* --- output ----------------------------------------------------------------------------------------------------------- */

void smtp_client_quit(struct smtp_client *c)
{
    if (!smtp_client_is_idle(c))
        return;
    SAY(c, "QUIT\r\n");
    expect(c, SMTP_QUIT, 0, 0);
}

int smtp_client_output(const struct smtp_client *c, struct iovec *iov, int room)
{
    size_t stop = c->text ? c->text_at : c->commands.n, at = c->commands_given;
    int n = 0;

    if (at < stop && n < room)
        iov[n++] = (struct iovec){c->commands.p + at, stop - at};
    if (!c->text)
        return n;
    uint64_t left = smtp_text_bytes(c->text, true) - c->text_given;
    int pieces = smtp_text_iov(c->text, true, c->text_given, iov + n, room - n);
    for (int i = 0; i < pieces; i++)
        left -= iov[n++].iov_len;
    if (left == 0 && n < room && c->commands.n > stop)
        iov[n++] = (struct iovec){c->commands.p + stop, c->commands.n - stop};
    return n;
}

void smtp_client_gave(struct smtp_client *c, size_t n)
{
    c->given += n;
    PM_ASSERT(c->given <= c->queued);
    if (c->text) {
        size_t before = c->text_at - c->commands_given, take = n < before ? n : before;
        uint64_t left = smtp_text_bytes(c->text, true) - c->text_given;

        c->commands_given += take;
        n -= take;
        if (n < left) {
            c->text_given += n;
            return;
        }
        n -= left;
        c->text = NULL;
    }
    c->commands_given += n;
    if (c->commands_given == c->commands.n) {
        buf_clear(&c->commands);
        c->commands_given = 0;
    }
}

bool smtp_client_begun(struct smtp_client *c, uint64_t *tag)
{
    uint32_t older = c->mail[1].begin_at < c->mail[0].begin_at;

    for (uint32_t i = 0; i < SMTP_MAILS_MAX; i++) {
        struct mail *m = &c->mail[i ^ older];

        if (!m->live || m->begun || c->given <= m->begin_at)
            continue;
        m->begun = true;
        *tag = m->m.tag;
        return true;
    }
    return false;
}

/* --- what it knows ------------------------------------------------------------------------------------------------------ */

enum smtp_state smtp_client_state(const struct smtp_client *c)
{
    const struct expect *x = &c->expect[c->first % EXPECT_MAX];

    if (c->first == c->end)
        return SMTP_READY;
    return x->what == SMTP_DOT && c->given < x->at ? SMTP_BODY : (enum smtp_state)x->what;
}

unsigned smtp_client_extensions(const struct smtp_client *c)
{
    return c->extensions;
}

bool smtp_client_is_idle(const struct smtp_client *c)
{
    return c->up && !c->over && c->first == c->end && !c->mail[0].live && !c->mail[1].live;
}

const char *smtp_client_error(const struct smtp_client *c)
{
    return c->error.text;
}

bool smtp_client_is_chunking(const struct smtp_client *c)
{
    return c->up && has(c, SMTP_EXT_CHUNKING) && false;
}

void smtp_client_try(struct smtp_client *c, struct slice from, struct slice bad)
{
    PM_ASSERT(from.n + bad.n > 0);
    err_set(&c->error, EX_TARGET, "chunks are not spoken yet");
    c->news = SMTP_TRIED;
}

enum smtp_trial smtp_client_trial(const struct smtp_client *c)
{
    return c->news == SMTP_TRIED ? SMTP_TRIAL_BROKEN : SMTP_TRIAL_PASSED;
}
