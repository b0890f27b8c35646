/* smtp_hello.c - the greeting, EHLO (HELO, LHLO), STARTTLS and AUTH. */
#include <string.h>

#include "wire/sasl.h"
#include "wire/smtp_client_private.h"

#define ANSWER_MAX 16384u
#define ASKED_MAX  10u /* challenges of one log-in; no mechanism has so many */

static void say_text(struct smtp_client *c, const char *text)
{
    smtp_out_say(&c->out, text, strlen(text));
}

static void say_hello(struct smtp_client *c, const char *verb, enum smtp_state what)
{
    say_text(c, verb);
    say_text(c, c->config->helo);
    SMTP_SAY(c, "\r\n");
    smtp_expect(c, what, SMTP_NO_MAIL, 0);
}

static void say_ehlo(struct smtp_client *c)
{
    say_hello(c, c->config->lmtp ? "LHLO " : "EHLO ", SMTP_EHLO);
}

static void come_up(struct smtp_client *c)
{
    c->up = true;
    c->news = SMTP_UP;
}

static void log_in(struct smtp_client *c)
{
    const struct sasl_login login = {c->config->user, c->config->password,
                                     c->config->lmtp ? "lmtp" : "smtp", c->config->host};
    struct buf first;

    sasl_destroy(c->sasl);
    c->sasl = sasl_create(slice_of(c->auth), &login, &c->error);
    if (!c->sasl) {
        c->news = SMTP_DENIED;
        return;
    }
    buf_init(&first, SMTP_LINE_MAX);
    SMTP_SAY(c, "AUTH ");
    say_text(c, sasl_name(c->sasl));
    if (sasl_initial(c->sasl, &first)) {
        SMTP_SAY(c, " ");
        say_text(c, first.n > 0 ? buf_text(&first) : "="); /* RFC 4954 section 4 */
    }
    SMTP_SAY(c, "\r\n");
    smtp_expect(c, SMTP_AUTH, SMTP_NO_MAIL, 0);
    if (first.n > 0)
        explicit_bzero(first.p, first.n);
    buf_fini(&first);
}

/* EHLO or HELO was answered: TLS, log-in, or ready. */
static void after_hello(struct smtp_client *c)
{
    const struct smtp_client_config *cf = c->config;

    if (cf->starttls && !c->secure) {
        if (!smtp_has(c, SMTP_EXT_STARTTLS)) {
            smtp_denied(c, "the server does not offer STARTTLS");
            return;
        }
        SMTP_SAY(c, "STARTTLS\r\n");
        smtp_expect(c, SMTP_STARTTLS, SMTP_NO_MAIL, 0);
    } else if (cf->user && !c->logged_in) {
        if (!c->secure && !cf->clear_auth)
            smtp_denied(c, "a password is not sent without TLS");
        else if (!smtp_has(c, SMTP_EXT_AUTH))
            smtp_denied(c, "the server does not offer AUTH");
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
    say_ehlo(c);
}

void smtp_hello_line(struct smtp_client *c, struct slice line)
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
    if (slice_is_nocase(word, "AUTH") && line.n < SMTP_AUTH_WORDS_MAX) {
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
            smtp_denied(c, "the server let us in without proving that it knows the password");
        return;
    }
    if (c->reply.code != 334 || ++c->asked > ASKED_MAX) {
        smtp_denied_reply(c, text);
        return;
    }
    buf_init(&answer, ANSWER_MAX);
    if (sasl_answer(c->sasl, text, &answer, &c->error))
        smtp_out_say(&c->out, buf_text(&answer), answer.n);
    else
        SMTP_SAY(c, "*"); /* cancels the exchange; 501 follows */
    SMTP_SAY(c, "\r\n");
    smtp_expect(c, SMTP_AUTH, SMTP_NO_MAIL, 0);
    buf_fini(&answer);
}

/* HELO is for servers that are older than EHLO; LMTP has none (RFC 2033 section 4.1). */
static bool may_say_helo(const struct smtp_client *c)
{
    return c->doing == SMTP_EHLO && c->reply.code / 100 == 5 && !c->secure &&
           !c->config->starttls && !c->config->lmtp;
}

void smtp_hello_replied(struct smtp_client *c, struct expect x, struct slice text)
{
    bool fine = c->reply.code / 100 == 2;

    if (x.what == SMTP_AUTH)
        auth_replied(c, text);
    else if (x.what == SMTP_EHLO && may_say_helo(c))
        say_hello(c, "HELO ", SMTP_HELO);
    else if (!fine)
        smtp_denied_reply(c, text);
    else if (x.what == SMTP_GREETING)
        say_ehlo(c);
    else if (x.what == SMTP_STARTTLS)
        c->news = SMTP_START_TLS;
    else
        after_hello(c);
}
