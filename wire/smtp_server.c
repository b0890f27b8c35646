/* smtp_server.c - a table of verbs with the states they are allowed in, octets to lines, and what is answered.
 *
 * Sender, recipients and their parameters lie in one reused buffer by offset: nothing is allocated per message once it has
 * grown. What is large is given back after its message.
 */
#include "wire/smtp_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "wire/smtp_offer.h"
#include "wire/smtp_path.h"
#include "wire/smtp_server_private.h"

#define OUT_MAX     (8u << 20) /* replies to a block of the shortest commands are less */
#define WORDS_MAX   (2u << 20)
#define KEEP_BYTES  (256u << 10)
#define FIRST_TAKEN 4u /* recipients there is room for at first */

void smtp_server_say(struct smtp_server *s, const char *line)
{
    if (!smtp_offer_say(&s->out, s->c->lacks, line))
        s->closing = true; /* he does not read what he is told, or we have no memory */
}

enum smtp_ask smtp_server_blame(struct smtp_server *s, const char *text)
{
    smtp_server_say(s, text);
    s->counts.blamed = text;
    if (++s->counts.errors >= SMTP_SERVER_ERRORS_MAX) {
        smtp_server_say(s, "421 4.7.0 too many errors");
        s->closing = true;
    }
    return SMTP_ASK_MORE;
}

void smtp_server_forget(struct smtp_server *s)
{
    if (s->words.room > KEEP_BYTES)
        buf_fini(&s->words);
    smtp_intake_clear(&s->text);
    buf_clear(&s->words);
    s->from = (struct span){0, 0};
    s->mail = (struct smtp_mail_words){.size = 0};
    s->count = s->turned_away = 0;
    s->ended = s->taken_once = s->refused_all = s->failed = false;
    s->cut = SMTP_CUT_NOWHERE;
    if (s->state != SMTP_SERVER_NEW)
        s->state = SMTP_SERVER_READY;
}

void smtp_server_fail(struct smtp_server *s)
{
    smtp_server_forget(s);
    s->failed = true;
}

static bool keep(struct smtp_server *s, const void *p, size_t n, struct span *where)
{
    *where = (struct span){(uint32_t)s->words.n, (uint32_t)n};
    return buf_add(&s->words, p, n);
}

static struct slice kept(const struct smtp_server *s, struct span where)
{
    return where.n > 0 ? slice_from(s->words.p + where.at, where.n) : slice_of("");
}

/* ---- greetings ---- */

enum smtp_ask smtp_server_ask(struct smtp_server *s, enum smtp_ask what, uint32_t answers)
{
    s->answers = answers;
    return s->asked = what;
}

static enum smtp_ask greet(struct smtp_server *s, struct slice args, bool extended)
{
    if (args.n == 0)
        return smtp_server_blame(s, "501 5.5.4 a name belongs here");
    (void)text_clean(s->helo, sizeof s->helo, args);
    s->extended = extended;
    return smtp_server_ask(s, SMTP_ASK_HELLO, 1);
}

static enum smtp_ask on_helo(struct smtp_server *s, struct slice args)
{
    return greet(s, args, false);
}

static enum smtp_ask on_ehlo(struct smtp_server *s, struct slice args)
{
    return greet(s, args, true);
}

static bool offers_tls(const struct smtp_server *s)
{
    return s->c->starttls && !s->secure;
}

static void say_hello(struct smtp_server *s)
{
    const struct smtp_server_config *c = s->c;

    if (!(s->extended ? smtp_offer_ehlo(&s->out, c->name, c->lacks, c->size_max, offers_tls(s))
                      : smtp_offer_helo(&s->out, c->name)))
        s->closing = true;
}

static enum smtp_ask on_starttls(struct smtp_server *s, struct slice args)
{
    if (!offers_tls(s) || args.n > 0)
        return smtp_server_blame(s, args.n > 0 ? "501 5.5.4 STARTTLS stands alone"
                                               : "502 5.5.1 not offered");
    smtp_server_forget(s);
    smtp_server_say(s, "220 2.0.0 begin TLS");
    return smtp_server_ask(s, SMTP_ASK_TLS, 0);
}

/* ---- transactions ---- */

static enum smtp_ask on_mail(struct smtp_server *s, struct slice args)
{
    smtp_server_forget(s);
    const char *wrong = smtp_path_mail(args, s->c->lacks, &s->mail);

    if (!wrong && s->mail.size > s->c->size_max)
        wrong = SMTP_SERVER_LARGER;
    if (!wrong && !keep(s, s->mail.path.p, s->mail.path.n, &s->from))
        wrong = "452 4.3.1 out of memory";
    if (!wrong)
        return smtp_server_ask(s, SMTP_ASK_SENDER, 1);
    s->refused_all = true;
    return smtp_server_blame(s, wrong);
}

/* For one more recipient; false: no memory. */
static bool make_room(struct smtp_server *s)
{
    uint32_t room = s->room > 0 ? s->room * 2 : FIRST_TAKEN;

    if (s->count < s->room)
        return true;
    struct taken *more = realloc(s->taken, room * sizeof *more);

    if (!more)
        return false;
    s->taken = more;
    s->room = room;
    return true;
}

static bool keep_recipient(struct smtp_server *s, const struct smtp_rcpt_words *r)
{
    if (!make_room(s))
        return false;
    struct taken *t = &s->taken[s->count];

    t->notify = r->notify;
    return keep(s, r->path.p, r->path.n, &t->address) && keep(s, r->orcpt, r->orcpt_n, &t->orcpt);
}

static enum smtp_ask on_rcpt(struct smtp_server *s, struct slice args)
{
    struct smtp_rcpt_words r;
    const char *wrong = smtp_path_rcpt(args, s->c->lacks, s->mail.utf8, &r);

    if (wrong) {
        s->turned_away++;
        return smtp_server_blame(s, wrong);
    }
    if (s->count == SMTP_SERVER_RECIPIENTS_MAX)
        wrong = "452 4.5.3 too many recipients";
    else if (!keep_recipient(s, &r))
        wrong = "452 4.3.1 out of memory";
    if (wrong) {
        s->turned_away++;
        smtp_server_say(s, wrong);
        return SMTP_ASK_MORE;
    }
    return smtp_server_ask(s, SMTP_ASK_RECIPIENT, 1);
}

static enum smtp_ask on_data(struct smtp_server *s, struct slice args)
{
    if (args.n > 0)
        return smtp_server_blame(s, "501 5.5.4 DATA stands alone");
    return smtp_server_ask(s, SMTP_ASK_DATA, 1);
}

static enum smtp_ask on_rset(struct smtp_server *s, struct slice args)
{
    if (args.n > 0)
        return smtp_server_blame(s, "501 5.5.4 RSET stands alone");
    smtp_server_forget(s);
    smtp_server_say(s, "250 2.0.0 forgotten");
    return SMTP_ASK_MORE;
}

/* ---- the rest ---- */

static enum smtp_ask on_vrfy(struct smtp_server *s, struct slice args)
{
    if (args.n == 0)
        (void)smtp_server_blame(s, "501 5.5.4 VRFY takes an address");
    else
        smtp_server_say(s, "252 2.1.5 send it and see");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_quit(struct smtp_server *s, struct slice args)
{
    (void)args;
    smtp_server_say(s, "221 2.0.0 good-bye");
    s->closing = true;
    return SMTP_ASK_MORE;
}

enum { ON_SMTP = 1, ON_LMTP = 2, ON_BOTH = 3 };

static const struct verb {
    const char *word;
    enum smtp_ask (*run)(struct smtp_server *s, struct slice args); /* NULL: words are the answer */
    unsigned in, on;
    const char *words;
} verbs[] = {
    /* clang-format off */
    {"RCPT",     on_rcpt,     SMTP_SERVER_MAIL | SMTP_SERVER_RCPT, ON_BOTH, NULL},
    {"MAIL",     on_mail,     SMTP_SERVER_READY,             ON_BOTH, NULL},
    {"DATA",     on_data,     SMTP_SERVER_RCPT,              ON_BOTH, NULL},
    {"BDAT",     smtp_server_bdat,     SMTP_SERVER_ANY,               ON_BOTH, NULL},
    {"EHLO",     on_ehlo,     SMTP_SERVER_ANY,               ON_SMTP, NULL},
    {"HELO",     on_helo,     SMTP_SERVER_ANY,               ON_SMTP, NULL},
    {"LHLO",     on_ehlo,     SMTP_SERVER_ANY,               ON_LMTP, NULL},
    {"RSET",     on_rset,     SMTP_SERVER_ANY,               ON_BOTH, NULL},
    {"NOOP",     NULL,        SMTP_SERVER_ANY,               ON_BOTH, "250 2.0.0 fine"},
    {"QUIT",     on_quit,     SMTP_SERVER_ANY,               ON_BOTH, NULL},
    {"VRFY",     on_vrfy,     SMTP_SERVER_ANY,               ON_BOTH, NULL},
    {"HELP",     NULL,        SMTP_SERVER_ANY,               ON_BOTH,
     "214 2.0.0 EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT"},
    {"STARTTLS", on_starttls, SMTP_SERVER_ANY,               ON_BOTH, NULL},
    /* clang-format on */
};

/* What follows a refusal of MAIL or of all recipients was pipelined behind it, and is no error of its own. */
static void out_of_order(struct smtp_server *s, const struct verb *v)
{
    if (s->state == SMTP_SERVER_NEW)
        (void)smtp_server_blame(s, s->c->lmtp ? "503 5.5.1 LHLO first" : "503 5.5.1 EHLO first");
    else if (s->state == SMTP_SERVER_BDAT)
        (void)smtp_server_blame(s, "503 5.5.1 chunks are under way");
    else if (v->run == on_mail)
        (void)smtp_server_blame(s, "503 5.5.1 one message at a time");
    else if (s->refused_all || s->failed)
        smtp_server_say(s, "503 5.5.1 MAIL first");
    else if (v->run == on_data && s->turned_away > 0) {
        smtp_server_say(s, s->c->lmtp ? "503 5.5.1 nobody to send it to"
                                      : "554 5.5.1 nobody to send it to");
        smtp_server_fail(s);
    } else
        (void)smtp_server_blame(s, s->state == SMTP_SERVER_READY ? "503 5.5.1 MAIL first"
                                                                 : "503 5.5.1 RCPT first");
}

/* Most words are told apart by their first letter. */
static bool same_word(struct slice word, const char *verb)
{
    return word.n > 0 && (word.p[0] & 0xdf) == *verb && slice_is_nocase(word, verb);
}

static enum smtp_ask run_command(struct smtp_server *s, struct slice line)
{
    const unsigned on = s->c->lmtp ? ON_LMTP : ON_SMTP;
    struct slice args = line, word;

    s->counts.commands++;
    (void)slice_cut(&args, ' ', &word);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *v = &verbs[i];

        if (!(v->on & on) || !same_word(word, v->word))
            continue;
        if (v->run && v->in & s->state)
            return v->run(s, slice_trim(args));
        if (v->run)
            out_of_order(s, v);
        else
            smtp_server_say(s, v->words);
        return SMTP_ASK_MORE;
    }
    (void)smtp_server_blame(s, same_word(word, "AUTH") || same_word(word, "EXPN")
                                   ? "502 5.5.1 not offered"
                                   : "500 5.5.2 this command is not understood");
    return SMTP_ASK_MORE;
}

/* ---- octets ---- */

/* What is wrong with a line of a command, its end included; NULL: nothing. */
static const char *line_fault(struct slice line)
{
    if (line.n < 2 || line.p[line.n - 2] != '\r')
        return "500 5.5.2 a line ends with CR LF";
    if (memchr(line.p, '\0', line.n) || memchr(line.p, '\r', line.n - 2))
        return "500 5.5.2 NUL or CR in a command";
    return NULL;
}

/* One line off the front of *in; what is incomplete is kept. */
static enum smtp_ask take_line(struct smtp_server *s, struct slice *in)
{
    const unsigned char *end = memchr(in->p, '\n', in->n);
    size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
    struct slice line = slice_from(in->p, n);
    enum smtp_ask what = SMTP_ASK_MORE;

    *in = slice_skip(*in, n);
    if (s->line_too_long || s->line.n + n > SMTP_SERVER_LINE_MAX) {
        s->line_too_long = !end;
        buf_clear(&s->line);
        if (end)
            (void)smtp_server_blame(s, "500 5.5.2 line too long");
        return what;
    }
    if (!end || s->line.n > 0) {
        if (!buf_add(&s->line, line.p, line.n))
            s->closing = true;
        line = buf_slice(&s->line);
    }
    if (!end || s->closing)
        return what;
    const char *fault = line_fault(line);

    if (fault)
        (void)smtp_server_blame(s, fault);
    else
        what = run_command(s, slice_from(line.p, line.n - 2));
    buf_clear(&s->line);
    return what;
}

static enum smtp_ask take(struct smtp_server *s, struct slice *in)
{
    return smtp_server_takes_text(s) ? smtp_server_take_text(s, in) : take_line(s, in);
}

enum smtp_ask smtp_server_hear(struct smtp_server *s, struct slice *in)
{
    enum smtp_ask what = SMTP_ASK_MORE;

    PM_ASSERT(s->asked == SMTP_ASK_MORE);
    while (what == SMTP_ASK_MORE && !s->closing && !s->cut_now &&
           (in->n > 0 || (s->in_chunk && s->chunk_left == 0)))
        what = take(s, in);
    if (what == SMTP_ASK_TLS)
        *in = slice_skip(*in, in->n); /* said in clear, it counts for nothing: RFC 3207 4.2 */
    if (what != SMTP_ASK_MORE)
        return what;
    if (s->closing)
        return SMTP_ASK_END;
    return s->cut_now ? SMTP_ASK_CUT : SMTP_ASK_MORE;
}

/* ---- answers ---- */

static void sender_answered(struct smtp_server *s, bool yes, const char *line)
{
    smtp_server_say(s, line ? line : "250 2.1.0 sender taken");
    s->refused_all = !yes;
    if (yes)
        s->state = SMTP_SERVER_MAIL;
}

static void recipient_answered(struct smtp_server *s, bool yes, const char *line)
{
    smtp_server_say(s, line ? line : "250 2.1.5 recipient taken");
    s->turned_away += !yes;
    s->count += yes;
    if (yes)
        s->state = SMTP_SERVER_RCPT;
    else
        s->words.n = s->taken[s->count].address.at; /* nobody is to fill our memory with no-ones */
}

static void hello_answered(struct smtp_server *s, bool yes, const char *line)
{
    if (!yes) {
        smtp_server_say(s, line);
        return;
    }
    s->state = SMTP_SERVER_READY;
    smtp_server_forget(s);
    say_hello(s);
}

void smtp_server_answer(struct smtp_server *s, const char *line)
{
    bool yes = !line || *line == '2' || (*line == '3' && s->asked == SMTP_ASK_DATA);
    enum smtp_ask asked = s->asked;

    PM_ASSERT(asked != SMTP_ASK_MORE && s->answers > 0);
    if (--s->answers == 0)
        s->asked = SMTP_ASK_MORE;
    switch (asked) {
    case SMTP_ASK_HELLO:
        hello_answered(s, yes, line);
        break;
    case SMTP_ASK_SENDER:
        sender_answered(s, yes, line);
        break;
    case SMTP_ASK_RECIPIENT:
        recipient_answered(s, yes, line);
        break;
    case SMTP_ASK_DATA:
        smtp_server_data_answered(s, yes, line);
        break;
    case SMTP_ASK_MESSAGE:
        smtp_server_message_answered(s, yes, line);
        break;
    case SMTP_ASK_MORE:
    case SMTP_ASK_TLS:
    case SMTP_ASK_CUT:
    case SMTP_ASK_END:
        PM_UNREACHABLE();
    }
}

uint32_t smtp_server_answers(const struct smtp_server *s)
{
    return s->answers;
}

void smtp_server_end(struct smtp_server *s, const char *line)
{
    s->asked = SMTP_ASK_MORE;
    s->answers = 0;
    if (line)
        smtp_server_say(s, line);
    s->closing = true;
}

void smtp_server_secured(struct smtp_server *s)
{
    PM_ASSERT(s->asked == SMTP_ASK_TLS || s->state <= SMTP_SERVER_NEW);
    s->asked = SMTP_ASK_MORE;
    s->secure = true;
    s->state = SMTP_SERVER_NEW;
    s->helo[0] = '\0';
    smtp_server_forget(s);
}

void smtp_server_cut(struct smtp_server *s, enum smtp_cut where)
{
    s->cut = where;
}

void smtp_server_overflow(struct smtp_server *s)
{
    PM_ASSERT(s->asked == SMTP_ASK_MORE);
    smtp_intake_overflow(&s->text);
}

/* ---- what is known ---- */

struct slice smtp_server_output(const struct smtp_server *s)
{
    return buf_slice(&s->out);
}

void smtp_server_gave(struct smtp_server *s, size_t n)
{
    buf_drop(&s->out, n);
}

struct slice smtp_server_helo(const struct smtp_server *s)
{
    return slice_of(s->helo);
}

struct slice smtp_server_sender(const struct smtp_server *s)
{
    return kept(s, s->from);
}

struct slice smtp_server_envid(const struct smtp_server *s)
{
    return slice_from(s->mail.envid, s->mail.envid_n);
}

struct slice smtp_server_asked(const struct smtp_server *s)
{
    PM_ASSERT(s->asked == SMTP_ASK_RECIPIENT);
    return kept(s, s->taken[s->count].address);
}

uint32_t smtp_server_recipients(const struct smtp_server *s)
{
    return s->count;
}

struct smtp_server_recipient smtp_server_recipient(const struct smtp_server *s, uint32_t i)
{
    const struct taken *t = &s->taken[i];

    PM_ASSERT(i < s->count);
    return (struct smtp_server_recipient){kept(s, t->address), kept(s, t->orcpt), t->notify};
}

struct slice smtp_server_content(const struct smtp_server *s)
{
    return buf_slice(&s->text.content);
}

bool smtp_server_has_bare_lf(const struct smtp_server *s)
{
    return s->text.bare_lf;
}

size_t smtp_server_held(const struct smtp_server *s)
{
    return s->text.content.room;
}

bool smtp_server_is_busy(const struct smtp_server *s)
{
    return s->in_chunk ||
           s->state & (SMTP_SERVER_MAIL | SMTP_SERVER_RCPT | SMTP_SERVER_DATA | SMTP_SERVER_BDAT);
}

bool smtp_server_is_in_text(const struct smtp_server *s)
{
    return s->state & (SMTP_SERVER_DATA | SMTP_SERVER_BDAT) && !s->ended;
}

bool smtp_server_is_secure(const struct smtp_server *s)
{
    return s->secure;
}

uint64_t smtp_server_text_octets(const struct smtp_server *s)
{
    return s->text.octets;
}

const struct smtp_server_counts *smtp_server_counts(const struct smtp_server *s)
{
    return &s->counts;
}

/* ---- life ---- */

struct smtp_server *smtp_server_create(const struct smtp_server_config *c)
{
    struct smtp_server *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->c = c;
    buf_init(&s->line, SMTP_SERVER_LINE_MAX);
    buf_init(&s->words, WORDS_MAX);
    smtp_intake_init(&s->text, c->size_max, c->discard, c->keep);
    buf_init(&s->out, OUT_MAX);
    return s;
}

void smtp_server_destroy(struct smtp_server *s)
{
    if (!s)
        return;
    buf_fini(&s->line);
    buf_fini(&s->words);
    smtp_intake_fini(&s->text);
    buf_fini(&s->out);
    free(s->taken);
    free(s);
}

void smtp_server_begin(struct smtp_server *s, const char *refusal)
{
    s->state = SMTP_SERVER_NEW;
    if (refusal) {
        smtp_server_end(s, refusal);
        return;
    }
    if (!buf_add_format(&s->out, "220 %s %s ready\r\n", s->c->name, s->c->lmtp ? "LMTP" : "ESMTP"))
        s->closing = true;
}
