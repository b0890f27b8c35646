/* sink_rig.c - callers who say what they have, in turns, and keep what they hear. */
#include "tests/app/sink_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop_sim.h"
#include "tests/support/check.h"
#include "wire/token.h"

#define SAYS_MAX (64u << 20)
#define TURN     '\1' /* in what is said: one octet of it is one reply to wait for */

static void on_truth(void *owner, const struct sink_truth *t)
{
    struct rig *r = owner;

    if (r->truth_count == RIG_TRUTHS)
        return;
    struct rig_truth *x = &r->truths[r->truth_count++];

    *x = (struct rig_truth){.caller = t->caller,
                            .number = t->number,
                            .octets = t->octets,
                            .at_ns = loop_now(r->loop),
                            .stage = t->stage,
                            .answered = t->answered,
                            .done = t->done};
    (void)snprintf(x->from, sizeof x->from, "%.*s", (int)t->from.n, (const char *)t->from.p);
    (void)snprintf(x->to, sizeof x->to, "%.*s", (int)t->to.n, (const char *)t->to.p);
    (void)snprintf(x->token, sizeof x->token, "%.*s", t->token ? TOKEN_CHARS : 1,
                   t->token ? t->token : "-");
}

static void on_trouble(void *owner, const char *words)
{
    struct rig *r = owner;

    r->troubles += *words != '\0';
}

static void add_vice(struct sink_vices *v, const char *text)
{
    struct err e = {0};
    const char *value = strchr(text, '=');
    bool found = false;

    for (uint32_t i = 0; i < SINK_VICES; i++)
        if (strlen(sink_vice_rows[i].name) == (size_t)(value - text) &&
            strncmp(sink_vice_rows[i].name, text, (size_t)(value - text)) == 0) {
            found = true;
            CHECK(sink_vice_read(v, (enum sink_vice)i, value + 1, &e));
            CHECK_STR(e.text, "");
        }
    CHECK(found);
}

struct rig *rig_open(const char *const *vices, uint64_t seed, bool lmtp)
{
    const struct sim_config sim = {.seed = seed,
                                   .start_ns = NS_PER_S,
                                   .latency_min_ns = 10 * NS_PER_US,
                                   .latency_max_ns = 200 * NS_PER_US,
                                   .split_per_mille = 200};
    struct rig *r = calloc(1, sizeof *r);
    struct err e = {0};

    r->loop = loop_sim_create(&sim, &e);
    r->c = (struct sink_smtp_config){.loop = r->loop,
                                     .name = "sink.test",
                                     .lmtp = lmtp,
                                     .truth = on_truth,
                                     .trouble = on_trouble,
                                     .owner = r};
    r->c.vices.seed = seed;
    for (; vices && *vices; vices++)
        add_vice(&r->c.vices, *vices);
    CHECK(net_parse(&r->c.at, "127.0.0.1:25", 0, &e));
    return r;
}

void rig_close(struct rig *r)
{
    for (uint32_t i = 0; i < r->caller_count; i++) {
        stream_close(r->callers[i].s);
        buf_fini(&r->callers[i].says);
        buf_fini(&r->callers[i].heard);
    }
    sink_smtp_close(r->sink);
    loop_destroy(r->loop);
    free(r);
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

/* Replies that came so far: lines with a blank behind the code. */
static unsigned replies(const struct rig_caller *c)
{
    unsigned count = 0;
    struct slice rest = buf_slice(&c->heard), line;

    while (slice_cut(&rest, '\n', &line))
        count += line.n > 3 && line.p[3] == ' ';
    return count;
}

/* Says on, up to the next place where it waits. */
static void speak(struct rig_caller *c)
{
    while (c->s && c->said < c->says.n) {
        const unsigned char *from = c->says.p + c->said;
        size_t left = c->says.n - c->said;

        if (*from == TURN) {
            if (replies(c) < c->turns + 1)
                return;
            c->turns++;
            c->said++;
            continue;
        }
        const unsigned char *turn = memchr(from, TURN, left);
        long n = stream_write(c->s, from, turn ? (size_t)(turn - from) : left);

        if (n < 0)
            return;
        c->said += (size_t)n;
    }
}

static void caller_ready(struct stream *s, unsigned what)
{
    struct rig_caller *c = s->owner;
    char in[4096];
    long n = STREAM_AGAIN;

    while (what & STREAM_READABLE && (n = stream_read(s, in, sizeof in)) > 0)
        CHECK(buf_add(&c->heard, in, (size_t)n));
    if (n == STREAM_END || n == STREAM_BROKEN) {
        c->over = true;
        c->over_ns = loop_now(c->rig->loop);
        stream_close(s);
        c->s = NULL;
        return;
    }
    speak(c);
}

struct rig_caller *rig_call(struct rig *r)
{
    static const struct guard nobody = {0};
    struct rig_caller *c = &r->callers[r->caller_count++];
    struct err e = {0};

    PM_ASSERT(r->caller_count <= RIG_CALLERS);
    if (!r->sink)
        r->sink = sink_smtp_open(&r->c, &e);
    CHECK_STR(e.text, "");
    struct net_addr at = sink_smtp_addr(r->sink);

    c->rig = r;
    buf_init(&c->says, SAYS_MAX);
    buf_init(&c->heard, SAYS_MAX);
    c->s = loop_connect(r->loop, &nobody, &at, caller_ready, c, &e);
    CHECK(c->s);
    rig_wait(c, 1);
    rig_say(c, "%s me.test\r\n", r->c.lmtp ? "LHLO" : "EHLO");
    rig_wait(c, 1);
    return c;
}

void rig_say(struct rig_caller *c, const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof text && buf_add(&c->says, text, (size_t)n));
}

void rig_wait(struct rig_caller *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        rig_say(c, "%c", TURN);
}

void rig_token(unsigned n, char out[27])
{
    (void)memset(out, 'a', TOKEN_CHARS);
    out[TOKEN_CHARS] = '\0';
    for (char *p = out + TOKEN_CHARS - 6; n > 0; n /= 16) /* not in the last one: it has few bits */
        *p-- = (char)('a' + n % 16);
}

void rig_message(struct rig_caller *c, unsigned n)
{
    char token[27], text[200];

    rig_token(n, token);
    (void)snprintf(text, sizeof text, "Subject: %u\r\n\r\nhello %u\r\n.\r\n", n, n);
    rig_say(c, "MAIL FROM:<joe@x.test> ENVID=pm.%s\r\nRCPT TO:<j%u@y.test>\r\nBDAT %zu LAST\r\n%s",
            token, n, strlen(text), text);
}

void rig_run(struct rig *r)
{
    loop_run(r->loop);
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

uint32_t rig_codes(const struct rig_caller *c, unsigned *codes, uint32_t room)
{
    struct slice rest = buf_slice(&c->heard), line;
    uint32_t count = 0, skip = 2;

    while (slice_cut(&rest, '\n', &line)) {
        if (line.n < 4 || line.p[3] != ' ')
            continue;
        if (skip > 0)
            skip--;
        else if (count < room)
            codes[count++] = (line.p[0] - '0') * 100u + (line.p[1] - '0') * 10u + (line.p[2] - '0');
    }
    return count;
}

const struct rig_truth *rig_truth(const struct rig *r, unsigned n, const char *to)
{
    char token[27];

    rig_token(n, token);
    for (uint32_t i = 0; i < r->truth_count; i++)
        if (strcmp(r->truths[i].token, token) == 0 && (!to || strcmp(r->truths[i].to, to) == 0))
            return &r->truths[i];
    return NULL;
}
