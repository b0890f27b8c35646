/* test_smtp_client_model.c - thousands of seeded conversations with a server that refuses, closes and splits at random.
 *
 * The server reads octets and keeps what it really accepted; it knows nothing of the client. Each message's fates are held
 * against two things: what the server accepted (nothing that it has may be called refused, nothing accepted that it has not),
 * and what the replies that were heard wholly must mean, reckoned here a second time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "tests/support/check.h"
#include "tests/wire/client_rig.h"

#define MESSAGES_MAX 96
#define REPLIES_MAX  4096
#define RCPTS_MAX    4u
#define SEEDS        250u

enum kind { K_OTHER, K_RSET, K_MAIL, K_RCPT, K_DATA, K_TEXT };

struct mode {
    const char *name, *ehlo;
    enum smtp_chunking chunking;
};

static const struct mode modes[] = {
    {"lockstep", "250-mx\r\n250 SIZE\r\n", SMTP_CHUNKS_OFF},
    {"pipelined", "250-mx\r\n250-DSN\r\n250 PIPELINING\r\n", SMTP_CHUNKS_OFF},
    {"chunks, lockstep", "250-mx\r\n250 CHUNKING\r\n", SMTP_CHUNKS_PLAIN},
    {"chunks", "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", SMTP_CHUNKS_PLAIN},
    {"chunks and RSET", "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", SMTP_CHUNKS_RESET},
};

struct reply {
    size_t end; /* of the server's octets */
    enum kind kind;
    unsigned message, rcpt, code;
};

struct message {
    unsigned recipients;
    bool begun, whole; /* its first octet came; its terminator */
    unsigned accepted; /* bits by recipient: the server has it */
    unsigned told;     /* bits by recipient */
    enum smtp_fate fate[RCPTS_MAX];
    unsigned code[RCPTS_MAX];
};

static struct {
    struct rng r;
    const struct mode *mode;
    unsigned trouble; /* per mille of each command */
    bool lmtp, stays_open, hasty, cut_short;

    /* the server */
    char in[1 << 21], out[1 << 18];
    size_t in_n, out_n, heard;
    bool open, closing;
    unsigned current, taken; /* the message of the last MAIL; bits by recipient */
    size_t skip;
    bool text, last, refuse_chunk;
    struct reply replies[REPLIES_MAX];
    unsigned reply_n;

    struct message m[MESSAGES_MAX];
    unsigned sent;
} s;

static bool chance(unsigned per_mille)
{
    return rng_below(&s.r, 1000) < per_mille;
}

/* --- the server ------------------------------------------------------------------------------------------------------ */

static unsigned say(enum kind kind, unsigned rcpt, unsigned code)
{
    static const char *const tails[] = {"ok", "2.0.0 fine", "5.7.1 policy", "4.3.2 later", ""};
    char line[160];

    if (s.closing)
        return 421;
    if (chance(s.trouble / 20)) {
        code = 421;
        s.closing = true;
    }
    if (chance(50))
        (void)snprintf(line, sizeof line, "%u-more\r\n%u %s\r\n", code, code, "to come");
    else
        (void)snprintf(line, sizeof line, "%u %s%s", code, tails[rng_below(&s.r, 5)],
                       chance(20) ? "\n" : "\r\n");
    size_t n = strlen(line);
    PM_ASSERT(s.out_n + n < sizeof s.out && s.reply_n < REPLIES_MAX);
    memcpy(s.out + s.out_n, line, n);
    s.out_n += n;
    s.replies[s.reply_n++] = (struct reply){s.out_n, kind, s.current, rcpt, code};
    return code;
}

static unsigned refuse(void)
{
    return chance(500) ? 450 : 550;
}

/* The whole text is here: accepted by some or none of those who were taken. */
static void take_text(bool lone)
{
    struct message *m = &s.m[s.current];
    bool some = false;

    if (s.taken == 0) {
        (void)say(lone ? K_OTHER : K_TEXT, 0, !s.refuse_chunk && chance(100) ? 250 : 554);
        s.open = s.open && s.stays_open && !lone;
        return;
    }
    for (unsigned r = 0; r < RCPTS_MAX && s.lmtp; r++) {
        if (!(s.taken >> r & 1))
            continue;
        bool fine = !s.refuse_chunk && !chance(s.trouble);
        if (say(K_TEXT, r, fine ? 250 : refuse()) == 250)
            m->accepted |= 1u << r;
        some = some || fine;
    }
    if (!s.lmtp) {
        some = !s.refuse_chunk && !chance(s.trouble);
        if (say(K_TEXT, 0, some ? 250 : refuse()) == 250)
            m->accepted |= s.taken;
        else
            some = false;
    }
    s.taken = 0;
    s.open = s.stays_open && !some && s.mode->chunking != SMTP_CHUNKS_OFF;
}

static void on_rcpt(const char *line)
{
    unsigned r = (unsigned)strtoul(strstr(line, "TO:<r") + 5, NULL, 10);

    if (!s.open)
        (void)say(K_RCPT, r, 503);
    else if (chance(s.trouble * 2))
        (void)say(K_RCPT, r, refuse());
    else if (say(K_RCPT, r, 250) == 250)
        s.taken |= 1u << r;
}

static void on_bdat(const char *line)
{
    s.skip = strtoul(line + 5, NULL, 10);
    s.last = strstr(line, "LAST") != NULL;
    s.refuse_chunk = s.hasty && chance(s.trouble);
    if (s.refuse_chunk)
        take_text(false); /* answers before it has read the chunk */
}

static void on_line(const char *line)
{
    if (strncmp(line, "MAIL", 4) == 0) {
        s.current = (unsigned)strtoul(strstr(line, "FROM:<m") + 7, NULL, 10);
        if (s.open)
            (void)say(K_MAIL, 0, 503);
        else if (chance(s.trouble))
            (void)say(K_MAIL, 0, chance(300) ? 503 : refuse());
        else
            s.open = say(K_MAIL, 0, 250) == 250;
    } else if (strncmp(line, "RCPT", 4) == 0) {
        on_rcpt(line);
    } else if (strncmp(line, "DATA", 4) == 0) {
        bool lone = !s.lmtp && chance(200);
        unsigned code = s.taken > 0 ? (chance(s.trouble) ? refuse() : 354) : lone ? 354 : 503;

        s.text = say(K_DATA, 0, code) == 354;
    } else if (strncmp(line, "BDAT", 4) == 0) {
        on_bdat(line);
    } else {
        PM_ASSERT(strncmp(line, "RSET", 4) == 0);
        s.open = false;
        s.taken = 0;
        (void)say(K_RSET, 0, 250);
    }
}

/* Whole lines, texts and chunks of what came; the rest waits. */
static void serve(void)
{
    size_t at = 0;

    while (at < s.in_n) {
        char *from = s.in + at, *end;
        size_t left = s.in_n - at;

        if (s.skip > 0) {
            size_t n = s.skip < left ? s.skip : left;

            s.skip -= n;
            at += n;
            s.m[s.current].whole = s.skip == 0;
            if (s.skip == 0 && !s.refuse_chunk)
                take_text(false);
            continue;
        }
        end = memchr(from, '\n', left);
        if (!end)
            break;
        at += (size_t)(end - from) + 1;
        if (!s.text) {
            char line[400] = "";

            memcpy(line, from, (size_t)(end - from) < sizeof line - 1 ? (size_t)(end - from) : 399);
            on_line(line);
        } else if (end - from == 2 && from[0] == '.') {
            s.text = s.refuse_chunk = false;
            s.m[s.current].whole = s.taken > 0;
            take_text(s.taken == 0);
        }
    }
    s.in_n -= at;
    memmove(s.in, s.in + at, s.in_n);
}

/* --- the sender ------------------------------------------------------------------------------------------------------ */

static void send_next(void)
{
    char from[24], names[RCPTS_MAX][24];
    unsigned number = s.sent++;
    struct message *m = &s.m[number];

    *m = (struct message){.recipients = 1 + (unsigned)rng_below(&s.r, chance(700) ? 1 : RCPTS_MAX)};
    (void)snprintf(from, sizeof from, "m%u@lab.test", number);
    for (unsigned i = 0; i < m->recipients; i++) {
        (void)snprintf(names[i], sizeof names[i], "r%u@lab.test", i);
        rig.to[i] = slice_of(names[i]);
    }
    bool chunking = smtp_client_is_chunking(rig.client);
    struct smtp_text *text = &rig.text[chunking ? 0 : number % 2];
    const struct smtp_text_order o = {.number = number,
                                      .key = &rig.key,
                                      .from = slice_of(from),
                                      .to = rig.to,
                                      .recipients = m->recipients,
                                      .body_bytes =
                                          (uint32_t)rng_below(&s.r, chance(50) ? 9000 : 400)};
    PM_ASSERT(smtp_text_compose(text, rig.corpus, &o));
    smtp_client_send(rig.client, &(struct smtp_mail){.tag = number,
                                                     .from = o.from,
                                                     .to = rig.to,
                                                     .recipients = m->recipients,
                                                     .text = text});
    if (chunking)
        memset(text, 0xee, sizeof *text);
    memset(from, 0xee, sizeof from);
    memset(names, 0xee, sizeof names);
}

static void note_outcome(const struct smtp_outcome *o)
{
    struct message *m = &s.m[o->tag];

    if (!CHECK(o->tag < s.sent && o->recipient < m->recipients && !(m->told >> o->recipient & 1)))
        return;
    m->told |= 1u << o->recipient;
    m->fate[o->recipient] = o->fate;
    m->code[o->recipient] = o->reply.code;
    if (o->last != (m->told == (1u << m->recipients) - 1))
        (void)CHECK_STR("the last fate", "another");
    if (o->tag > 0 && s.m[o->tag - 1].told != (1u << s.m[o->tag - 1].recipients) - 1)
        (void)CHECK_STR("fates", "in the order of sending");
}

/* false: the connection has ended. */
static bool hear_some(size_t n)
{
    struct slice in = slice_from(s.out + s.heard, n);
    struct smtp_outcome o;

    s.heard += n;
    for (;;) {
        enum smtp_news news = smtp_client_hear(rig.client, &in, &o);

        if (news == SMTP_ENDED)
            note_outcome(&o);
        else if (news == SMTP_MORE)
            return true;
        else if (news == SMTP_CLOSED)
            return false;
        else
            return CHECK_STR(smtp_client_error(rig.client), "no error") && false;
    }
}

static void write_some(size_t limit)
{
    uint64_t tag;

    while (limit > 0) {
        struct iovec iov[3];
        int pieces = smtp_client_output(rig.client, iov, 1 + (int)rng_below(&s.r, 3));
        size_t gave = 0;

        if (pieces == 0)
            break;
        for (int i = 0; i < pieces && limit > 0; i++) {
            size_t n = iov[i].iov_len < limit ? iov[i].iov_len : limit;

            PM_ASSERT(s.in_n + n < sizeof s.in);
            memcpy(s.in + s.in_n, iov[i].iov_base, n);
            s.in_n += n;
            limit -= n;
            gave += n;
        }
        smtp_client_gave(rig.client, gave);
        while (smtp_client_begun(rig.client, &tag))
            s.m[tag].begun = true;
    }
    serve();
}

/* Until nothing moves any more, or the connection breaks somewhere. */
static void converse(unsigned messages)
{
    struct smtp_outcome o;
    struct slice nothing = slice_from(NULL, 0);
    size_t cut = s.cut_short ? rng_below(&s.r, messages * 40ull) : SIZE_MAX;
    bool stands = true;

    for (unsigned still = 0; stands && still < 50;) {
        size_t before = s.heard + s.sent, ready = s.out_n - s.heard;

        while (s.sent < messages && smtp_client_can_take(rig.client) && chance(800))
            send_next();
        write_some(chance(500) ? SIZE_MAX : 1 + rng_below(&s.r, 900));
        if (ready > 0)
            stands = hear_some(chance(500) ? ready : 1 + rng_below(&s.r, ready));
        if (s.heard >= cut)
            stands = false;
        still = s.heard + s.sent > before ? 0 : still + 1;
    }
    if (stands && !s.closing) {
        CHECK_U64(s.sent, messages);
        CHECK(smtp_client_is_idle(rig.client));
    }
    smtp_client_lost(rig.client);
    while (smtp_client_hear(rig.client, &nothing, &o) == SMTP_ENDED)
        note_outcome(&o);
}

/* --- what it must have been ------------------------------------------------------------------------------------------ */

struct expected {
    bool again; /* perhaps */
    unsigned taken, answered, held, decided;
    enum smtp_fate fate[RCPTS_MAX];
    unsigned code[RCPTS_MAX];
};

static enum smtp_fate refused(unsigned code)
{
    return code / 100 == 4 ? SMTP_REFUSED_TEMP : SMTP_REFUSED_PERM;
}

static void set(struct expected *x, unsigned r, enum smtp_fate fate, unsigned code)
{
    if (x->decided >> r & 1)
        return;
    x->fate[r] = fate;
    x->code[r] = code;
    x->held |= 1u << r;
    if (!x->again)
        x->decided |= 1u << r;
}

static void set_all(struct expected *x, enum smtp_fate fate, unsigned code)
{
    x->again = false;
    x->decided |= x->held;
    for (unsigned r = 0; r < RCPTS_MAX; r++)
        set(x, r, fate, code);
}

/* After the last reply to a text. */
static bool text_over(struct expected *x, const struct reply *r)
{
    bool fine = r->code == 250;

    if (s.lmtp && x->taken) {
        set(x, r->rcpt, fine ? SMTP_ACCEPTED : refused(r->code), r->code);
        x->answered |= 1u << r->rcpt;
        if (x->answered != x->taken)
            return false;
        fine = false;
        for (unsigned i = 0; i < RCPTS_MAX; i++)
            fine = fine || (x->taken >> i & 1 && x->fate[i] == SMTP_ACCEPTED);
    }
    if (!fine && x->again) {
        x->held = 0;
        set_all(x, SMTP_AGAIN, r->code);
    } else {
        set_all(x, fine ? SMTP_ACCEPTED : refused(r->code), r->code);
    }
    return true;
}

static bool has_taken_any(const struct expected *m)
{
    for (unsigned k = 0; k < RCPTS_MAX; k++)
        if (m->taken >> k & 1 && m->fate[k] == SMTP_ACCEPTED)
            return true;
    return false;
}

/* *tainted: the last transaction failed, and no RSET was answered since. */
static void reckon_reply(struct expected *m, const struct reply *r, bool *tainted)
{
    bool windows = s.mode->chunking != SMTP_CHUNKS_OFF && strstr(s.mode->ehlo, "PIPELINING");

    if (r->kind == K_RSET) {
        *tainted = false;
    } else if (r->kind == K_MAIL && r->code != 250) {
        m->again = windows && *tainted && r->code == 503;
        if (!m->again)
            set_all(m, refused(r->code), r->code);
    } else if (r->kind == K_RCPT && r->code == 250) {
        m->taken |= 1u << r->rcpt;
    } else if (r->kind == K_RCPT) {
        set(m, r->rcpt, refused(r->code), r->code);
    } else if (r->kind == K_DATA && r->code >= 400) {
        set_all(m, refused(r->code), r->code);
    } else if (r->kind == K_TEXT && text_over(m, r)) {
        *tainted = !has_taken_any(m);
    }
}

static void reckon(struct expected *x)
{
    bool tainted = false;

    for (unsigned i = 0; i < s.reply_n && s.replies[i].end <= s.heard; i++) {
        const struct reply *r = &s.replies[i];

        /* On LMTP 421 to one recipient's text says nothing of the others. */
        if (r->code == 421 && !(s.lmtp && r->kind == K_TEXT)) {
            if (r->kind != K_RSET && r->kind != K_OTHER) {
                bool again = x[r->message].again;

                x[r->message].held = again ? 0 : x[r->message].held;
                set_all(&x[r->message], again ? SMTP_AGAIN : SMTP_REFUSED_TEMP, 421);
            }
            return;
        }
        reckon_reply(&x[r->message], r, &tainted);
    }
}

/* What is wrong with what was told of this recipient; "": nothing. */
static const char *compare_one(const struct message *m, const struct expected *x, unsigned r)
{
    static char what[100];
    enum smtp_fate want = x->fate[r], got = m->fate[r];
    bool has = m->accepted >> r & 1, all_held = x->held == (1u << m->recipients) - 1;
    unsigned code = x->code[r];

    if (x->again && (!m->whole || (x->taken == 0 && all_held))) { /* no verdicts, and no text */
        want = SMTP_AGAIN;
        code = 0;
    } else if (!((x->decided | x->held) >> r & 1)) {
        want = !m->begun ? SMTP_UNTOUCHED : m->whole ? SMTP_DOUBT : SMTP_ABORTED;
    }
    bool lie = has ? got != SMTP_ACCEPTED && got != SMTP_DOUBT : got == SMTP_ACCEPTED;
    if (got == want && !lie && m->told >> r & 1 && m->code[r] == code)
        return "";
    (void)snprintf(what, sizeof what, "fate %d %u, not %d %u%s", (int)got, m->code[r], (int)want,
                   code, lie ? ", a lie" : "");
    return what;
}

static const char *compare(void)
{
    static struct expected x[MESSAGES_MAX];
    static char all[200];

    memset(x, 0, sizeof x);
    reckon(x);
    for (unsigned k = 0; k < s.sent; k++) {
        for (unsigned r = 0; r < s.m[k].recipients; r++) {
            const char *what = compare_one(&s.m[k], &x[k], r);

            if (*what == '\0')
                continue;
            (void)snprintf(all, sizeof all, "message %u recipient %u: %s", k, r, what);
            return all;
        }
    }
    return "";
}

static void run(const struct mode *mode, bool lmtp, uint32_t window, unsigned seed, unsigned *fates)
{
    static const unsigned troubles[] = {0, 20, 150, 400};
    char head[100], result[400];

    s.r = rng_at(seed, 5, window);
    s.mode = mode;
    s.lmtp = lmtp;
    s.trouble = troubles[rng_below(&s.r, 4)];
    s.stays_open = chance(400);
    s.hasty = chance(300);
    s.cut_short = chance(400);
    s.in_n = s.out_n = s.heard = s.skip = 0;
    s.open = s.closing = s.text = s.refuse_chunk = false;
    s.current = s.taken = s.reply_n = s.sent = 0;
    rig.config.chunking = mode->chunking;
    rig.config.lmtp = lmtp;
    rig.window = window;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    (void)rig_take(SIZE_MAX);
    if (strcmp(rig_hear(mode->ehlo), "up; ") != 0)
        (void)CHECK_STR(rig.news, "up; ");
    converse(1 + (unsigned)rng_below(&s.r, MESSAGES_MAX));
    for (unsigned k = 0; k < s.sent; k++)
        for (unsigned r = 0; r < s.m[k].recipients; r++)
            fates[s.m[k].fate[r]]++;
    (void)snprintf(head, sizeof head, "%s%s, window %u, seed %u: ", mode->name,
                   lmtp ? ", LMTP" : "", window, seed);
    (void)snprintf(result, sizeof result, "%s%s", head, compare());
    CHECK_STR(result, head);
}

static void every_fate_is_what_the_server_said(void)
{
    static const uint32_t windows[] = {1, 2, 8, 64};
    unsigned fates[SMTP_AGAIN + 1] = {0};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        for (int lmtp = 0; lmtp < 2; lmtp++)
            for (size_t w = 0; w < 4; w++)
                for (unsigned seed = 1; seed <= SEEDS; seed++)
                    run(&modes[i], lmtp, windows[w], seed, fates);
    CHECK_U64(fates[SMTP_UNDECIDED], 0);
    for (int fate = SMTP_UNTOUCHED; fate <= SMTP_AGAIN; fate++)
        CHECK(fates[fate] > 100);
    rig_close();
}

static const struct test tests[] = {
    TEST(every_fate_is_what_the_server_said),
    TEST_END,
};

const struct suite smtp_client_model_suite = {"smtp_client_model", tests};
