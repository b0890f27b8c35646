/* smtp_server.c - a table of verbs with the states they are allowed in, and the text between DATA and its dot, or in chunks.
 *
 * Sender, recipients and their parameters lie in one reused buffer by offset, the text in another: nothing is allocated per
 * message once they have grown. What is large is given back after its message.
 */
#include "wire/smtp_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "wire/smtp_path.h"

#define OUT_MAX    (8u << 20) /* replies to a block of the shortest commands are less */
#define WORDS_MAX  (2u << 20)
#define KEEP_BYTES (256u << 10)
#define HELO_MAX   255u

enum {
    STATE_NEW = 1,   /* no EHLO yet */
    STATE_READY = 2, /* no message under way */
    STATE_MAIL = 4,  /* a sender, nobody to send it to */
    STATE_RCPT = 8,
    STATE_DATA = 16, /* text, to its dot */
    STATE_BDAT = 32, /* chunks, at least one */
    STATE_ANY = 63,
};

enum place { PLACE_LINE, PLACE_TEXT, PLACE_DOT, PLACE_DOT_CR }; /* in the text */

struct span { /* of words */
    uint32_t at, n;
};

struct taken {
    struct span address, orcpt;
    unsigned notify;
};

struct smtp_server {
    const struct smtp_server_config *c;
    unsigned state;
    enum smtp_ask asked;
    uint32_t answers; /* owed to what was asked */
    bool closing, line_too_long, refused_all, discards;
    /* text */
    enum place place;
    unsigned char last;
    bool bare_lf, too_large, no_room, chunk_last;
    uint64_t chunk_left; /* octets of a chunk still to come; they are read in any state */
    bool in_chunk;
    /* the transaction */
    struct smtp_mail_words mail;
    struct span from;
    struct taken *taken; /* SMTP_SERVER_RECIPIENTS_MAX and one that is asked about */
    uint32_t count, turned_away;
    struct buf line, words, content, out;
    char helo[HELO_MAX + 1];
    struct smtp_server_counts counts;
};

static void say(struct smtp_server *s, const char *text)
{
    if (!buf_add_text(&s->out, text) || !buf_add_text(&s->out, "\r\n"))
        s->closing = true; /* he does not read what he is told, or we have no memory */
}

/* A reply to what he should not have said. */
static void blame(struct smtp_server *s, const char *text)
{
    say(s, text);
    s->counts.blamed = text;
    if (++s->counts.errors < SMTP_SERVER_ERRORS_MAX)
        return;
    say(s, "421 4.7.0 too many errors");
    s->closing = true;
}

static void forget_message(struct smtp_server *s)
{
    if (s->content.room > KEEP_BYTES)
        buf_fini(&s->content);
    if (s->words.room > KEEP_BYTES)
        buf_fini(&s->words);
    buf_clear(&s->content);
    buf_clear(&s->words);
    s->from = (struct span){0, 0};
    s->mail = (struct smtp_mail_words){.size = 0};
    s->count = s->turned_away = 0;
    s->bare_lf = s->too_large = s->no_room = s->refused_all = false;
    if (s->state != STATE_NEW)
        s->state = STATE_READY;
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

static enum smtp_ask greet(struct smtp_server *s, struct slice args, bool extended)
{
    if (args.n == 0) {
        blame(s, "501 5.5.4 a name belongs here");
        return SMTP_ASK_MORE;
    }
    (void)text_clean(s->helo, sizeof s->helo, args);
    s->state = STATE_READY;
    forget_message(s);
    if (!buf_add_format(&s->out, extended ? "250-%s\r\n" : "250 %s\r\n", s->c->name) ||
        (extended && !buf_add_format(&s->out,
                                     "250-PIPELINING\r\n250-SIZE %zu\r\n250-8BITMIME\r\n"
                                     "250-SMTPUTF8\r\n250-DSN\r\n250-CHUNKING\r\n"
                                     "250 ENHANCEDSTATUSCODES\r\n",
                                     s->c->size_max)))
        s->closing = true;
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_helo(struct smtp_server *s, struct slice args)
{
    return greet(s, args, false);
}

static enum smtp_ask on_ehlo(struct smtp_server *s, struct slice args)
{
    return greet(s, args, true);
}

/* ---- transactions ---- */

static enum smtp_ask ask(struct smtp_server *s, enum smtp_ask what, uint32_t answers)
{
    s->answers = answers;
    return s->asked = what;
}

static enum smtp_ask on_mail(struct smtp_server *s, struct slice args)
{
    forget_message(s);
    const char *wrong = smtp_path_mail(args, &s->mail);

    if (!wrong && s->mail.size > s->c->size_max)
        wrong = "552 5.3.4 larger than what is taken";
    if (!wrong && !keep(s, s->mail.path.p, s->mail.path.n, &s->from))
        wrong = "452 4.3.1 out of memory";
    if (!wrong)
        return ask(s, SMTP_ASK_SENDER, 1);
    s->refused_all = true;
    blame(s, wrong);
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_rcpt(struct smtp_server *s, struct slice args)
{
    struct taken *t = &s->taken[s->count];
    struct smtp_rcpt_words r;
    const char *wrong = smtp_path_rcpt(args, s->mail.utf8, &r);

    if (wrong) {
        s->turned_away++;
        blame(s, wrong);
        return SMTP_ASK_MORE;
    }
    if (s->count == SMTP_SERVER_RECIPIENTS_MAX)
        wrong = "452 4.5.3 too many recipients";
    else if (!keep(s, r.path.p, r.path.n, &t->address) || !keep(s, r.orcpt, r.orcpt_n, &t->orcpt))
        wrong = "452 4.3.1 out of memory";
    if (wrong) {
        s->turned_away++;
        say(s, wrong);
        return SMTP_ASK_MORE;
    }
    t->notify = r.notify;
    return ask(s, SMTP_ASK_RECIPIENT, 1);
}

static enum smtp_ask on_data(struct smtp_server *s, struct slice args)
{
    if (args.n > 0) {
        blame(s, "501 5.5.4 DATA stands alone");
        return SMTP_ASK_MORE;
    }
    s->state = STATE_DATA;
    s->place = PLACE_LINE;
    s->last = '\n';
    say(s, "354 end with a dot on a line of its own");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_rset(struct smtp_server *s, struct slice args)
{
    if (args.n > 0) {
        blame(s, "501 5.5.4 RSET stands alone");
        return SMTP_ASK_MORE;
    }
    forget_message(s);
    say(s, "250 2.0.0 forgotten");
    return SMTP_ASK_MORE;
}

/* The whole message is here, or was more than there is room for. */
static enum smtp_ask finish(struct smtp_server *s)
{
    uint32_t answers = s->c->lmtp ? s->count : 1;

    if (!s->too_large && !s->no_room)
        return ask(s, SMTP_ASK_MESSAGE, answers);
    for (uint32_t i = 0; i < answers; i++)
        say(s,
            s->too_large ? "552 5.3.4 larger than what is taken" : "452 4.3.1 no room for it now");
    forget_message(s);
    return SMTP_ASK_MORE;
}

/* ---- chunks (RFC 3030) ---- */

/* "N" or "N LAST"; false: neither. */
static bool chunk_words(struct slice args, uint64_t *octets, bool *last)
{
    struct slice n;

    *last = false;
    if (slice_cut(&args, ' ', &n)) {
        *last = slice_is_nocase(slice_trim(args), "LAST");
        if (!*last)
            return false;
    }
    return n.n > 0 && n.p[0] != '_' && text_u64(n, octets, NULL);
}

static enum smtp_ask chunk_ends(struct smtp_server *s)
{
    s->in_chunk = false;
    if (s->discards) {
        s->discards = false;
        return SMTP_ASK_MORE;
    }
    if (s->chunk_last)
        return finish(s);
    if (s->too_large || s->no_room) {
        say(s,
            s->too_large ? "552 5.3.4 larger than what is taken" : "452 4.3.1 no room for it now");
        forget_message(s);
        return SMTP_ASK_MORE;
    }
    say(s, "250 2.0.0 chunk taken");
    return SMTP_ASK_MORE;
}

/* The octets follow whatever is answered; where they have no business they are read and forgotten. */
static enum smtp_ask on_bdat(struct smtp_server *s, struct slice args)
{
    if (!chunk_words(args, &s->chunk_left, &s->chunk_last)) {
        blame(s, "501 5.5.4 BDAT takes a number of octets, and perhaps LAST");
        s->closing = true; /* where its octets end nobody knows */
        return SMTP_ASK_MORE;
    }
    s->in_chunk = true;
    s->discards = !(s->state & (STATE_RCPT | STATE_BDAT));
    if (s->discards) {
        if (s->turned_away > 0 || s->refused_all)
            say(s, "554 5.5.1 nobody to send it to");
        else
            blame(s, "503 5.5.1 not now");
    } else {
        if (s->state == STATE_RCPT)
            s->last = '\n';
        s->state = STATE_BDAT;
    }
    return s->chunk_left == 0 ? chunk_ends(s) : SMTP_ASK_MORE;
}

/* ---- the rest ---- */

static enum smtp_ask on_noop(struct smtp_server *s, struct slice args)
{
    (void)args;
    say(s, "250 2.0.0 fine");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_vrfy(struct smtp_server *s, struct slice args)
{
    if (args.n == 0)
        blame(s, "501 5.5.4 VRFY takes an address");
    else
        say(s, "252 2.1.5 send it and see");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_help(struct smtp_server *s, struct slice args)
{
    (void)args;
    say(s, "214 2.0.0 EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_absent(struct smtp_server *s, struct slice args)
{
    (void)args;
    blame(s, "502 5.5.1 not offered");
    return SMTP_ASK_MORE;
}

static enum smtp_ask on_quit(struct smtp_server *s, struct slice args)
{
    (void)args;
    say(s, "221 2.0.0 good-bye");
    s->closing = true;
    return SMTP_ASK_MORE;
}

enum { ON_SMTP = 1, ON_LMTP = 2, ON_BOTH = 3 };

static const struct verb {
    const char *word;
    enum smtp_ask (*run)(struct smtp_server *s, struct slice args);
    unsigned in, on;
} verbs[] = {
    /* clang-format off */
    {"RCPT",     on_rcpt,   STATE_MAIL | STATE_RCPT, ON_BOTH},
    {"MAIL",     on_mail,   STATE_READY,             ON_BOTH},
    {"DATA",     on_data,   STATE_RCPT,              ON_BOTH},
    {"BDAT",     on_bdat,   STATE_ANY,               ON_BOTH},
    {"EHLO",     on_ehlo,   STATE_ANY,               ON_SMTP},
    {"HELO",     on_helo,   STATE_ANY,               ON_SMTP},
    {"LHLO",     on_ehlo,   STATE_ANY,               ON_LMTP},
    {"RSET",     on_rset,   STATE_ANY,               ON_BOTH},
    {"NOOP",     on_noop,   STATE_ANY,               ON_BOTH},
    {"QUIT",     on_quit,   STATE_ANY,               ON_BOTH},
    {"VRFY",     on_vrfy,   STATE_ANY,               ON_BOTH},
    {"HELP",     on_help,   STATE_ANY,               ON_BOTH},
    {"EXPN",     on_absent, STATE_ANY,               ON_BOTH},
    {"STARTTLS", on_absent, STATE_ANY,               ON_BOTH},
    {"AUTH",     on_absent, STATE_ANY,               ON_BOTH},
    /* clang-format on */
};

/* What follows a refusal of MAIL or of all recipients was pipelined behind it, and is no error of its own. */
static void out_of_order(struct smtp_server *s, const struct verb *v)
{
    if (s->state == STATE_NEW)
        blame(s, s->c->lmtp ? "503 5.5.1 LHLO first" : "503 5.5.1 EHLO first");
    else if (s->state == STATE_BDAT)
        blame(s, "503 5.5.1 chunks are under way");
    else if (v->run == on_mail)
        blame(s, "503 5.5.1 one message at a time");
    else if (s->refused_all)
        say(s, "503 5.5.1 MAIL first");
    else if (v->run == on_data && s->turned_away > 0)
        say(s, s->c->lmtp ? "503 5.5.1 nobody to send it to" : "554 5.5.1 nobody to send it to");
    else
        blame(s, s->state == STATE_READY ? "503 5.5.1 MAIL first" : "503 5.5.1 RCPT first");
}

static enum smtp_ask run_command(struct smtp_server *s, struct slice line)
{
    const unsigned on = s->c->lmtp ? ON_LMTP : ON_SMTP;
    struct slice args = line, word;

    s->counts.commands++;
    (void)slice_cut(&args, ' ', &word);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *v = &verbs[i];

        if (!(v->on & on) || !slice_is_nocase(word, v->word))
            continue;
        if (v->in & s->state)
            return v->run(s, slice_trim(args));
        out_of_order(s, v);
        return SMTP_ASK_MORE;
    }
    blame(s, "500 5.5.2 this command is not understood");
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
            blame(s, "500 5.5.2 line too long");
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
        blame(s, fault);
    else
        what = run_command(s, slice_from(line.p, line.n - 2));
    buf_clear(&s->line);
    return what;
}

static void add(struct smtp_server *s, const void *p, size_t n)
{
    s->counts.octets += n;
    if (s->too_large || s->no_room)
        return;
    if (n > s->c->size_max - s->content.n)
        s->too_large = true;
    else if (!buf_add(&s->content, p, n))
        s->no_room = true;
    if (s->too_large || s->no_room)
        buf_fini(&s->content);
}

/* Text up to the end of its line, or of what came. */
static void take_text(struct smtp_server *s, struct slice *in)
{
    const unsigned char *end = memchr(in->p, '\n', in->n);
    size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
    unsigned char before = n > 1 ? in->p[n - 2] : s->last;

    if (end && before == '\r')
        s->place = PLACE_LINE;
    else if (end)
        s->bare_lf = true;
    add(s, in->p, n);
    s->last = in->p[n - 1];
    *in = slice_skip(*in, n);
}

/* Text off the front of *in; true: with its end. */
static bool take_data(struct smtp_server *s, struct slice *in)
{
    while (in->n > 0) {
        unsigned char c = in->p[0];

        switch (s->place) {
        case PLACE_LINE:
            s->place = c == '.' ? PLACE_DOT : PLACE_TEXT;
            if (c == '.')
                *in = slice_skip(*in, 1);
            break;
        case PLACE_DOT: /* the dot goes: it was stuffing, or the end */
            s->last = '.';
            s->place = c == '\r' ? PLACE_DOT_CR : PLACE_TEXT;
            if (c == '\r')
                *in = slice_skip(*in, 1);
            break;
        case PLACE_DOT_CR:
            if (c == '\n') {
                *in = slice_skip(*in, 1);
                return true;
            }
            add(s, "\r", 1);
            s->last = '\r';
            s->place = PLACE_TEXT;
            break;
        case PLACE_TEXT:
            take_text(s, in);
            break;
        }
    }
    return false;
}

static enum smtp_ask take_chunk(struct smtp_server *s, struct slice *in)
{
    size_t n = in->n < s->chunk_left ? in->n : (size_t)s->chunk_left;
    struct slice part = slice_from(in->p, n);

    *in = slice_skip(*in, n);
    s->chunk_left -= n;
    while (!s->discards && part.n > 0)
        take_text(s, &part);
    return s->chunk_left == 0 ? chunk_ends(s) : SMTP_ASK_MORE;
}

static enum smtp_ask take(struct smtp_server *s, struct slice *in)
{
    if (s->in_chunk)
        return take_chunk(s, in);
    if (s->state == STATE_DATA)
        return take_data(s, in) ? finish(s) : SMTP_ASK_MORE;
    return take_line(s, in);
}

enum smtp_ask smtp_server_hear(struct smtp_server *s, struct slice *in)
{
    enum smtp_ask what = SMTP_ASK_MORE;

    PM_ASSERT(s->asked == SMTP_ASK_MORE);
    while (in->n > 0 && what == SMTP_ASK_MORE && !s->closing)
        what = take(s, in);
    return what == SMTP_ASK_MORE && s->closing ? SMTP_ASK_END : what;
}

/* ---- answers ---- */

static void sender_answered(struct smtp_server *s, bool yes, const char *line)
{
    say(s, line ? line : "250 2.1.0 sender taken");
    s->refused_all = !yes;
    if (yes)
        s->state = STATE_MAIL;
}

static void recipient_answered(struct smtp_server *s, bool yes, const char *line)
{
    say(s, line ? line : "250 2.1.5 recipient taken");
    s->turned_away += !yes;
    s->count += yes;
    if (yes)
        s->state = STATE_RCPT;
    else
        s->words.n = s->taken[s->count].address.at; /* nobody is to fill our memory with no-ones */
}

void smtp_server_answer(struct smtp_server *s, const char *line)
{
    bool yes = !line || *line == '2';
    enum smtp_ask asked = s->asked;

    PM_ASSERT(asked != SMTP_ASK_MORE && s->answers > 0);
    if (--s->answers == 0)
        s->asked = SMTP_ASK_MORE;
    if (asked == SMTP_ASK_SENDER) {
        sender_answered(s, yes, line);
    } else if (asked == SMTP_ASK_RECIPIENT) {
        recipient_answered(s, yes, line);
    } else {
        say(s, line ? line : "250 2.0.0 message taken");
        if (yes)
            s->counts.errors = 0;
        s->counts.messages += yes && s->answers == 0;
        if (s->answers == 0)
            forget_message(s);
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
    say(s, line);
    s->closing = true;
}

void smtp_server_overflow(struct smtp_server *s)
{
    PM_ASSERT(s->asked == SMTP_ASK_MORE);
    s->no_room = true;
    buf_fini(&s->content);
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
    return buf_slice(&s->content);
}

bool smtp_server_has_bare_lf(const struct smtp_server *s)
{
    return s->bare_lf;
}

size_t smtp_server_held(const struct smtp_server *s)
{
    return s->content.room;
}

bool smtp_server_is_busy(const struct smtp_server *s)
{
    return s->in_chunk || s->state & (STATE_MAIL | STATE_RCPT | STATE_DATA | STATE_BDAT);
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
    s->taken = calloc(SMTP_SERVER_RECIPIENTS_MAX + 1u, sizeof *s->taken);
    if (!s->taken) {
        free(s);
        return NULL;
    }
    s->c = c;
    buf_init(&s->line, SMTP_SERVER_LINE_MAX);
    buf_init(&s->words, WORDS_MAX);
    buf_init(&s->content, c->size_max);
    buf_init(&s->out, OUT_MAX);
    return s;
}

void smtp_server_destroy(struct smtp_server *s)
{
    if (!s)
        return;
    buf_fini(&s->line);
    buf_fini(&s->words);
    buf_fini(&s->content);
    buf_fini(&s->out);
    free(s->taken);
    free(s);
}

void smtp_server_begin(struct smtp_server *s, const char *refusal)
{
    s->state = STATE_NEW;
    if (refusal) {
        smtp_server_end(s, refusal);
        return;
    }
    if (!buf_add_format(&s->out, "220 %s %s ready\r\n", s->c->name, s->c->lmtp ? "LMTP" : "ESMTP"))
        s->closing = true;
}
