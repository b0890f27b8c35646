/* lab_smtp_talk.c - a table of verbs, the states they are allowed in, and the content that DATA and BDAT bring.
 *
 * After DATA content ends at CRLF "." CRLF and nowhere else: bare LF and bare CR are content. The octets of a chunk are
 * consumed whatever will be answered, and a last chunk ends its transaction, refused or not (RFC 3030 2). What a
 * transaction holds lies in two buffers that are reused, addresses by offset, so that nothing is allocated per message.
 * Replies gather in talk->out.
 */
#include "lab/lab_smtp_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lab/lab_smtp_param.h"
#include "lab/plain.h"
#include "lab/schedule.h"

#define REPLIES_MAX  (8u << 20) /* a block of the shortest commands makes less */
#define WORDS_MAX    (2u << 20)
#define KEEP_BYTES   (256u << 10)
#define CLIENT_BYTES 160
#define CHUNK_DIGITS 15
#define ADDRESS_MAX  320 /* RFC 5321 4.5.3.1: local part 64, domain 255 */

enum smtp_state {
    STATE_NEW = 1,    /* no EHLO or HELO yet */
    STATE_READY = 2,  /* no transaction */
    STATE_MAIL = 4,   /* a sender, no recipient */
    STATE_RCPT = 8,   /* at least one recipient */
    STATE_DATA = 16,  /* content up to the dot */
    STATE_CHUNK = 32, /* content of a chunk */
    STATE_MORE = 64,  /* a chunk was taken, it was not the last */
    STATE_ANY = 15 | STATE_MORE,
};

enum place {             /* in the content, by what came before */
             PLACE_LINE, /* a line begins */
             PLACE_TEXT,
             PLACE_CR,
             PLACE_DOT,    /* a line began with a dot, which is held back */
             PLACE_DOT_CR, /* and a CR, held back too */
};

struct span { /* of words */
    uint32_t at, n;
};

struct envelope {
    struct span from, envid;
    bool ret_hdrs,
        refused; /* refused: MAIL was, so what is pipelined behind it is no error of its own */
    uint32_t count, turned_away;
};

struct recipient {
    struct span address, orcpt;
    bool never, success, delay;
};

struct chunk {
    uint64_t left;        /* octets that are still to come */
    const char *refusal;  /* what will be answered; NULL: it is content */
    enum smtp_state back; /* refused and not the last: to here */
    bool last, blamed;
};

struct smtp_talk {
    struct talk talk; /* first: struct talk * is this */
    const struct smtp_host *host;
    enum smtp_state state;
    enum place place;
    bool line_too_long, content_too_long, tls;
    unsigned errors;
    char peer[NET_TEXT], client[CLIENT_BYTES];
    struct buf line, content, words;
    struct chunk chunk;
    struct envelope envelope;
    struct recipient recipient[SMTP_RECIPIENTS_MAX];
};

static struct smtp_talk *talk_of(struct talk *t)
{
    return (struct smtp_talk *)t;
}

static enum talk_after reply(struct smtp_talk *t, const char *text)
{
    bool ok = buf_add_text(&t->talk.out, text) && buf_add_text(&t->talk.out, "\r\n");

    return ok ? TALK_GO_ON : TALK_CLOSE;
}

/* A reply to what the client should not have said. */
static enum talk_after blame(struct smtp_talk *t, const char *text)
{
    if (++t->errors < SMTP_ERRORS_MAX)
        return reply(t, text);
    (void)reply(t, text);
    (void)reply(t, "421 4.7.0 too many errors, good-bye");
    return TALK_CLOSE;
}

static void forget_envelope(struct smtp_talk *t)
{
    t->envelope = (struct envelope){0};
    buf_clear(&t->words);
    buf_clear(&t->content);
    if (t->content.room > KEEP_BYTES)
        buf_fini(&t->content);
    if (t->words.room > KEEP_BYTES)
        buf_fini(&t->words);
}

static void reset(struct smtp_talk *t)
{
    forget_envelope(t);
    if (t->state != STATE_NEW)
        t->state = STATE_READY;
}

static bool keep(struct smtp_talk *t, struct slice s, struct span *where)
{
    *where = (struct span){(uint32_t)t->words.n, (uint32_t)s.n};
    return buf_add(&t->words, s.p, s.n);
}

static struct slice kept(const struct smtp_talk *t, struct span where)
{
    return where.n > 0 ? slice_from(t->words.p + where.at, where.n) : slice_of("");
}

/* Greetings. */

/* Who sends, for Received: and the tracking log: what was said, made fit for a header, and the true address. */
static void note_client(struct smtp_talk *t, struct slice said)
{
    char word[64];
    size_t n = said.n < sizeof word - 1 ? said.n : sizeof word - 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = said.p[i];
        bool fit = c > ' ' && c < 0x7f && !strchr("()<>;\\\"", c);

        word[i] = '?';
        if (fit)
            word[i] = (char)c;
    }
    word[n] = '\0';
    (void)snprintf(t->client, sizeof t->client, "%s ([%s])", word, t->peer);
}

static enum talk_after on_helo(struct smtp_talk *t, struct slice args)
{
    if (args.n == 0)
        return blame(t, "501 5.5.4 a name belongs here");
    note_client(t, args);
    forget_envelope(t);
    t->state = STATE_READY;
    bool ok = buf_add_format(&t->talk.out, "250 %s\r\n", t->host->name);
    return ok ? TALK_GO_ON : TALK_CLOSE;
}

static enum talk_after on_ehlo(struct smtp_talk *t, struct slice args)
{
    if (args.n == 0)
        return blame(t, "501 5.5.4 a name belongs here");
    note_client(t, args);
    forget_envelope(t);
    t->state = STATE_READY;
    bool ok = buf_add_format(&t->talk.out,
                             "250-%s\r\n250-PIPELINING\r\n250-SIZE %zu\r\n250-8BITMIME\r\n"
                             "250-DSN\r\n%s%s250 ENHANCEDSTATUSCODES\r\n",
                             t->host->name, t->host->size_max,
                             t->host->chunking ? "250-CHUNKING\r\n" : "",
                             t->host->tls && !t->tls ? "250-STARTTLS\r\n" : "");
    return ok ? TALK_GO_ON : TALK_CLOSE;
}

/* Transactions. */

/* "FROM:<path> parameters" or "TO:...": false when it is not that. */
static bool take_path(struct slice *args, const char *word, struct slice *path)
{
    if (!slice_starts_nocase(*args, word))
        return false;
    *args = slice_trim(slice_skip(*args, strlen(word)));
    return smtp_param_path(args, path) && path->n <= ADDRESS_MAX;
}

static enum talk_after refuse_mail(struct smtp_talk *t, const char *text)
{
    forget_envelope(t);
    t->envelope.refused = true;
    return blame(t, text);
}

static enum talk_after on_mail(struct smtp_talk *t, struct slice args)
{
    struct smtp_param_mail p = {.room = t->host->size_max};
    struct slice path;

    t->envelope.refused = true;
    if (!take_path(&args, "FROM:", &path))
        return refuse_mail(t, "501 5.1.7 MAIL FROM:<address> is what I understand");
    const char *wrong = smtp_param_mail(args, &p);
    if (wrong)
        return refuse_mail(t, wrong);
    if (!t->host->is_up(t->host->owner))
        return smtp_talk_down(&t->talk);
    forget_envelope(t);
    t->envelope.ret_hdrs = p.ret_hdrs;
    if (!keep(t, path, &t->envelope.from) ||
        !keep(t, slice_from(p.envid, p.envid_bytes), &t->envelope.envid))
        return reply(t, "452 4.3.1 out of room");
    t->state = STATE_MAIL;
    return reply(t, "250 2.1.0 sender OK");
}

static enum talk_after turn_away(struct smtp_talk *t, const char *text)
{
    t->envelope.turned_away++;
    return reply(t, text);
}

static enum talk_after on_rcpt(struct smtp_talk *t, struct slice args)
{
    struct smtp_param_rcpt p = {0};
    struct slice path;

    if (!take_path(&args, "TO:", &path) || path.n == 0) {
        t->envelope.turned_away++;
        return blame(t, "501 5.1.3 RCPT TO:<address> is what I understand");
    }
    const char *wrong = smtp_param_rcpt(args, &p);
    if (wrong) {
        t->envelope.turned_away++;
        return blame(t, wrong);
    }
    if (!slice_is_nocase(path, "postmaster") && !t->host->is_local(t->host->owner, path))
        return turn_away(t, "550 5.7.1 unable to relay");
    if (t->envelope.count == SMTP_RECIPIENTS_MAX)
        return turn_away(t, "452 4.5.3 too many recipients");
    struct recipient *r = &t->recipient[t->envelope.count];
    *r = (struct recipient){.never = p.never, .success = p.success, .delay = p.delay};
    if (!keep(t, path, &r->address) || !keep(t, slice_from(p.orcpt, p.orcpt_bytes), &r->orcpt))
        return turn_away(t, "452 4.3.1 out of room");
    t->envelope.count++;
    t->state = STATE_RCPT;
    return reply(t, "250 2.1.5 recipient OK");
}

static enum talk_after on_data(struct smtp_talk *t, struct slice args)
{
    if (args.n > 0)
        return blame(t, "501 5.5.4 DATA stands alone");
    t->state = STATE_DATA;
    t->place = PLACE_LINE;
    t->content_too_long = false;
    return reply(t, "354 end with a dot on a line of its own");
}

/* "1024" or "1024 LAST" */
static bool take_size(struct slice args, struct chunk *c)
{
    struct slice digits;

    (void)slice_cut(&args, ' ', &digits);
    args = slice_trim(args);
    if (digits.n == 0 || digits.n > CHUNK_DIGITS || (args.n > 0 && !slice_is_nocase(args, "LAST")))
        return false;
    c->last = args.n > 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
        c->left = c->left * 10 + (uint64_t)(digits.p[i] - '0');
    }
    return true;
}

/* Why a chunk is not welcome now; NULL: it is. */
static const char *refuse_chunk(const struct smtp_talk *t)
{
    if (t->state == STATE_RCPT || t->state == STATE_MORE)
        return NULL;
    if (t->state == STATE_NEW)
        return "503 5.5.1 EHLO first";
    if (t->state == STATE_READY)
        return "503 5.5.1 MAIL first";
    return t->envelope.turned_away > 0 ? "554 5.5.1 no valid recipients" : "503 5.5.1 RCPT first";
}

static enum talk_after finish(struct smtp_talk *t);

static enum talk_after end_chunk(struct smtp_talk *t)
{
    const struct chunk c = t->chunk;
    char text[64];

    if (c.refusal) {
        t->state = c.back;
        if (c.last)
            reset(t);
        return c.blamed ? blame(t, c.refusal) : reply(t, c.refusal);
    }
    if (c.last)
        return finish(t);
    t->state = STATE_MORE;
    (void)snprintf(text, sizeof text, "250 2.0.0 %zu octets so far", t->content.n);
    return reply(t, t->content_too_long ? "552 5.3.4 message too large" : text);
}

/* Where a chunk ends that gives no size, nobody can say: nothing of what follows would be a command for sure. */
static enum talk_after on_bdat(struct smtp_talk *t, struct slice args)
{
    t->chunk = (struct chunk){.refusal = refuse_chunk(t), .back = t->state};
    if (!take_size(args, &t->chunk)) {
        (void)reply(t, "501 5.5.4 BDAT takes a size, and LAST");
        return TALK_CLOSE;
    }
    t->chunk.blamed = t->state != STATE_MAIL && !t->envelope.refused;
    if (t->state == STATE_RCPT)
        t->content_too_long = false;
    t->state = STATE_CHUNK;
    return t->chunk.left > 0 ? TALK_GO_ON : end_chunk(t);
}

static enum talk_after on_rset(struct smtp_talk *t, struct slice args)
{
    if (args.n > 0)
        return blame(t, "501 5.5.4 RSET stands alone");
    reset(t);
    return reply(t, "250 2.0.0 flushed");
}

/* The rest. */

static enum talk_after on_noop(struct smtp_talk *t, struct slice args)
{
    (void)args;
    return reply(t, "250 2.0.0 OK");
}

static enum talk_after on_vrfy(struct smtp_talk *t, struct slice args)
{
    if (args.n == 0)
        return blame(t, "501 5.5.4 VRFY takes an address");
    return reply(t, "252 2.1.5 will take mail for it and try");
}

static enum talk_after on_expn(struct smtp_talk *t, struct slice args)
{
    (void)args;
    return blame(t, "502 5.5.1 EXPN is not offered");
}

static enum talk_after on_help(struct smtp_talk *t, struct slice args)
{
    (void)args;
    return reply(t, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY STARTTLS QUIT");
}

static enum talk_after on_quit(struct smtp_talk *t, struct slice args)
{
    (void)args;
    (void)buf_add_format(&t->talk.out, "221 2.0.0 %s closes\r\n", t->host->name);
    return TALK_CLOSE;
}

static enum talk_after on_starttls(struct smtp_talk *t, struct slice args)
{
    if (!t->host->tls)
        return blame(t, "502 5.5.1 STARTTLS is not offered");
    if (t->tls)
        return blame(t, "503 5.5.1 TLS is on already");
    if (args.n > 0)
        return blame(t, "501 5.5.4 STARTTLS stands alone");
    return reply(t, "220 2.0.0 go ahead") == TALK_GO_ON ? TALK_SECURE : TALK_CLOSE;
}

static const struct verb {
    const char *word;
    enum talk_after (*run)(struct smtp_talk *t, struct slice args);
    unsigned in; /* states */
} verbs[] = {
    /* clang-format off */
    {"RCPT",     on_rcpt,     STATE_MAIL | STATE_RCPT},
    {"MAIL",     on_mail,     STATE_READY},
    {"DATA",     on_data,     STATE_RCPT},
    {"BDAT",     on_bdat,     STATE_ANY},
    {"EHLO",     on_ehlo,     STATE_ANY},
    {"HELO",     on_helo,     STATE_ANY},
    {"RSET",     on_rset,     STATE_ANY},
    {"NOOP",     on_noop,     STATE_ANY},
    {"QUIT",     on_quit,     STATE_ANY},
    {"STARTTLS", on_starttls, STATE_READY},
    {"VRFY",     on_vrfy,     STATE_ANY},
    {"EXPN",     on_expn,     STATE_ANY},
    {"HELP",     on_help,     STATE_ANY},
    /* clang-format on */
};

static enum talk_after out_of_order(struct smtp_talk *t, const struct verb *v)
{
    if (t->state == STATE_NEW)
        return blame(t, "503 5.5.1 EHLO first");
    if (v->run == on_data && t->envelope.turned_away > 0)
        return reply(t, "554 5.5.1 no valid recipients");
    if (v->run == on_mail)
        return blame(t, "503 5.5.1 one transaction at a time");
    if (v->run == on_starttls)
        return blame(t, "503 5.5.1 not inside a transaction");
    if (t->state == STATE_MORE)
        return blame(t, "503 5.5.1 the next chunk is due");
    const char *text = t->state == STATE_READY ? "503 5.5.1 MAIL first" : "503 5.5.1 RCPT first";
    return t->envelope.refused ? reply(t, text) : blame(t, text);
}

static enum talk_after run_command(struct smtp_talk *t, struct slice line)
{
    struct slice args = line, word;

    (void)slice_cut(&args, ' ', &word);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!slice_is_nocase(word, verbs[i].word))
            continue;
        if (verbs[i].run == on_bdat && !t->host->chunking)
            break;
        if (!(verbs[i].in & (unsigned)t->state))
            return out_of_order(t, &verbs[i]);
        return verbs[i].run(t, slice_trim(args));
    }
    return blame(t, "500 5.5.2 command not understood");
}

/* One line of command mode off the front of *bytes; what is incomplete is kept. */
static enum talk_after take_line(struct smtp_talk *t, struct slice *bytes)
{
    const unsigned char *end = memchr(bytes->p, '\n', bytes->n);
    size_t n = end ? (size_t)(end - bytes->p) + 1 : bytes->n;
    struct slice line = slice_from(bytes->p, n);

    *bytes = slice_skip(*bytes, n);
    if (t->line_too_long || t->line.n + n > SMTP_LINE_MAX) {
        t->line_too_long = !end;
        buf_clear(&t->line);
        return end ? blame(t, "500 5.5.2 line too long") : TALK_GO_ON;
    }
    if (!end || t->line.n > 0) {
        if (!buf_add(&t->line, line.p, line.n))
            return TALK_CLOSE;
        line = buf_slice(&t->line);
    }
    if (!end)
        return TALK_GO_ON;
    line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    enum talk_after after = run_command(t, line);
    buf_clear(&t->line);
    return after;
}

/* Content. */

static void add_content(struct smtp_talk *t, const void *p, size_t n)
{
    if (t->content_too_long || n == 0)
        return;
    if (t->content.n + n > t->host->size_max || !buf_add(&t->content, p, n)) {
        t->content_too_long = true;
        buf_fini(&t->content);
    }
}

static enum talk_after say_queued(struct smtp_talk *t, uint64_t id)
{
    unsigned char text[64], *to = plain_number(plain_text(text, "250 2.6.0 queued as "), id);

    *to = '\0';
    return reply(t, (const char *)text);
}

/* The dot or the last octet of a message was read. */
static enum talk_after finish(struct smtp_talk *t)
{
    struct lab_recipient list[SMTP_RECIPIENTS_MAX];
    const struct envelope *v = &t->envelope;
    struct lab_submission m = {.from = kept(t, v->from),
                               .envid = kept(t, v->envid),
                               .ret_hdrs = v->ret_hdrs,
                               .recipients = list,
                               .count = v->count,
                               .content = buf_slice(&t->content),
                               .client = t->client};
    enum talk_after after = TALK_CLOSE;
    struct err e = {0};

    t->state = STATE_READY;
    if (t->content_too_long) {
        after = reply(t, "552 5.3.4 message too large");
    } else if (!t->host->is_up(t->host->owner)) {
        after = smtp_talk_down(&t->talk);
    } else {
        for (uint32_t i = 0; i < v->count; i++) {
            const struct recipient *r = &t->recipient[i];

            list[i] = (struct lab_recipient){.address = kept(t, r->address),
                                             .orcpt = kept(t, r->orcpt),
                                             .never = r->never,
                                             .success = r->success,
                                             .delay = r->delay};
        }
        uint64_t id = t->host->submit(t->host->owner, &m, &e);

        if (id)
            after = say_queued(t, id);
        else if (buf_add_format(&t->talk.out, "451 4.3.0 %s\r\n", e.text))
            after = TALK_GO_ON;
        t->errors = 0;
    }
    forget_envelope(t);
    return after;
}

/* What octet c makes of the place; *drop: it is not content (or not yet), *add: content that was held back. */
static enum place step(enum place place, unsigned char c, bool *drop, const char **add)
{
    switch (place) {
    case PLACE_LINE:
        *drop = c == '.';
        if (c == '.')
            return PLACE_DOT;
        break;
    case PLACE_DOT:
        *drop = c == '\r';
        if (c == '\r')
            return PLACE_DOT_CR;
        break; /* the dot was stuffing */
    case PLACE_DOT_CR:
        *add = "\r"; /* LF does not come here: that is the end */
        break;
    case PLACE_CR:
        if (c == '\n')
            return PLACE_LINE;
        break;
    case PLACE_TEXT:
        break;
    }
    return c == '\r' ? PLACE_CR : PLACE_TEXT;
}

/* Content off the front of *bytes, up to the end of the message at most. */
static enum talk_after take_content(struct smtp_talk *t, struct slice *bytes)
{
    const unsigned char *p = bytes->p, *const end = p + bytes->n, *from = p;

    while (p < end) {
        if (t->place == PLACE_TEXT) {
            p = memchr(p, '\r', (size_t)(end - p));
            if (!p)
                break;
        }
        if (t->place == PLACE_DOT_CR && *p == '\n') {
            *bytes = slice_skip(*bytes, (size_t)(p + 1 - bytes->p));
            return finish(t);
        }
        bool drop = false;
        const char *add = "";
        t->place = step(t->place, *p, &drop, &add);
        if (drop || *add) {
            add_content(t, from, (size_t)(p - from));
            add_content(t, add, strlen(add));
            from = drop ? p + 1 : p;
        }
        p++;
    }
    add_content(t, from, (size_t)(end - from));
    *bytes = slice_skip(*bytes, bytes->n);
    return TALK_GO_ON;
}

/* Of a chunk, off the front of *bytes. */
static enum talk_after take_chunk(struct smtp_talk *t, struct slice *bytes)
{
    size_t n = bytes->n < t->chunk.left ? bytes->n : (size_t)t->chunk.left;

    if (!t->chunk.refusal)
        add_content(t, bytes->p, n);
    *bytes = slice_skip(*bytes, n);
    t->chunk.left -= n;
    return t->chunk.left > 0 ? TALK_GO_ON : end_chunk(t);
}

/* The conversation. */

static enum talk_after take(struct smtp_talk *t, struct slice *bytes)
{
    if (t->state == STATE_DATA)
        return take_content(t, bytes);
    return t->state == STATE_CHUNK ? take_chunk(t, bytes) : take_line(t, bytes);
}

enum talk_after smtp_talk_feed(struct talk *talk, struct slice bytes)
{
    struct smtp_talk *t = talk_of(talk);
    enum talk_after after = TALK_GO_ON;

    while (bytes.n > 0 && after == TALK_GO_ON)
        after = take(t, &bytes);
    return after; /* behind STARTTLS and QUIT the rest is dropped: RFC 3207 4.2 */
}

void smtp_talk_secured(struct talk *talk)
{
    struct smtp_talk *t = talk_of(talk);

    forget_envelope(t);
    t->tls = true;
    t->state = STATE_NEW;
    buf_clear(&t->line);
}

enum talk_after smtp_talk_down(struct talk *talk)
{
    struct smtp_talk *t = talk_of(talk);

    (void)buf_add_format(&talk->out, "421 4.3.2 %s: the SMTP service is stopped\r\n",
                         t->host->name);
    return TALK_CLOSE;
}

/* Without the port, which says nothing and differs from run to run. */
static void note_peer(struct smtp_talk *t, const struct net_addr *peer)
{
    char text[NET_TEXT];
    const char *from = net_print(peer, text);
    char *end = strrchr(text, peer->family == 6 ? ']' : ':');

    if (end)
        *end = '\0';
    (void)snprintf(t->peer, sizeof t->peer, "%s", *from == '[' ? from + 1 : from);
}

struct talk *smtp_talk_open(const struct smtp_host *host, const struct net_addr *peer)
{
    struct smtp_talk *t = lab_memory(NULL, 0, sizeof *t);

    t->host = host;
    t->state = STATE_NEW;
    if (peer)
        note_peer(t, peer);
    buf_init(&t->talk.out, REPLIES_MAX);
    buf_init(&t->line, SMTP_LINE_MAX);
    buf_init(&t->words, WORDS_MAX);
    buf_init(&t->content, host->size_max);
    (void)buf_add_format(&t->talk.out,
                         "220 %s ESMTP server (Exchange %s, postmuster lab) ready\r\n", host->name,
                         host->build);
    return &t->talk;
}

void smtp_talk_close(struct talk *talk)
{
    struct smtp_talk *t = talk_of(talk);

    buf_fini(&t->talk.out);
    buf_fini(&t->line);
    buf_fini(&t->words);
    buf_fini(&t->content);
    free(t);
}
