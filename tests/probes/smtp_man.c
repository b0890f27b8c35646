/* smtp_man.c - what there is to say waits until the stream takes it. */
#include "tests/probes/smtp_man.h"

#include "tests/support/check.h"

static void say(struct smtp_man *m)
{
    long n = m->to_say.n > 0 ? stream_write(m->s, m->to_say.p, m->to_say.n) : 0;

    if (n > 0)
        buf_drop(&m->to_say, (size_t)n);
}

static void on_ready(struct stream *s, unsigned what)
{
    struct smtp_man *m = s->owner;
    unsigned char in[4096];
    long n = STREAM_AGAIN;

    while (what & STREAM_READABLE && (n = stream_read(s, in, sizeof in)) > 0)
        (void)buf_add(&m->heard, in, (size_t)n);
    if (n == STREAM_END || n == STREAM_BROKEN) {
        m->lost = true;
        stream_close(m->s);
        m->s = NULL;
        return;
    }
    say(m);
}

void man_call(struct smtp_man *m, struct loop *loop, const struct net_addr *at)
{
    static const struct guard nobody = {0};
    struct err e = {0};

    *m = (struct smtp_man){.loop = loop};
    buf_init(&m->heard, 16u << 20);
    buf_init(&m->to_say, 128u << 20);
    m->s = loop_connect(loop, &nobody, at, on_ready, m, &e);
    CHECK_STR(e.text, "");
}

void man_say_octets(struct smtp_man *m, struct slice octets)
{
    CHECK(buf_add(&m->to_say, octets.p, octets.n));
    if (m->s)
        say(m);
}

void man_say(struct smtp_man *m, const char *text)
{
    man_say_octets(m, slice_of(text));
}

void man_deafen(struct smtp_man *m)
{
    stream_pause(m->s, true);
}

const char *man_heard(struct smtp_man *m)
{
    static char out[8192];
    size_t n = m->heard.n < sizeof out - 1 ? m->heard.n : sizeof out - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)m->heard.p[i];
    out[n] = '\0';
    buf_clear(&m->heard);
    return out;
}

void man_go(struct smtp_man *m)
{
    stream_close(m->s);
    buf_fini(&m->heard);
    buf_fini(&m->to_say);
    m->s = NULL;
}
