/* sink_smtp.c - a host of SMTP or LMTP that says yes. */
#include "app/sink_smtp.h"

#include <stdlib.h>

#include "base/text.h"
#include "wire/token.h"

#define LAST_NS   (50 * NS_PER_MS) /* for the last answers to leave */
#define FIELD     512u             /* an address, and what it says of itself */
#define LINE_ROOM (1u << 20)

struct sink_smtp {
    struct sink_smtp_config c;
    struct smtp_host *host;
    uint64_t begun_ns, messages, beyond;
    struct timer end;
    struct hook sleep;
    struct buf line;
    bool ending, log_dirty;
};

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void end_fires(struct timer *t)
{
    struct sink_smtp *s = t->owner;

    if (s->ending)
        loop_stop(s->c.loop);
    else
        sink_smtp_stop(s);
}

void sink_smtp_stop(struct sink_smtp *s)
{
    if (s->ending)
        return;
    s->ending = true;
    timer_arm(s->c.loop, &s->end, loop_now(s->c.loop) + LAST_NS);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static bool add_field(struct buf *line, struct slice s)
{
    char out[FIELD];

    return buf_add_text(line, s.n > 0 ? text_clean(out, sizeof out, s) : "-");
}

static bool add_recipients(struct buf *line, const struct smtp_server *talk)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < smtp_server_recipients(talk); i++)
        ok = (i == 0 || buf_add_text(line, ",")) &&
             add_field(line, smtp_server_recipient(talk, i).address);
    return ok && buf_add_text(line, "\t");
}

static bool add_token(struct buf *line, const struct smtp_server *talk)
{
    char token[TOKEN_CHARS];

    if (token_looks(smtp_server_content(talk), token) ||
        token_looks(smtp_server_envid(talk), token))
        return buf_add_format(line, "%.*s\t", TOKEN_CHARS, token);
    return buf_add_text(line, "-\t");
}

static void write_log(struct sink_smtp *s, const struct smtp_caller *from, const char *answer)
{
    const struct smtp_server *talk = smtp_caller_talk(from);
    struct net_addr peer = smtp_caller_peer(from);
    struct buf *line = &s->line;
    char at[NET_TEXT];
    uint64_t ms = (loop_now(s->c.loop) - s->begun_ns) / NS_PER_MS;

    buf_clear(line);
    if (!buf_add_format(line, "%llu\t%llu\t%llu\t%s\t", (unsigned long long)s->messages,
                        (unsigned long long)ms, (unsigned long long)smtp_caller_number(from),
                        net_print(&peer, at)) ||
        !add_field(line, smtp_server_helo(talk)) || !buf_add_text(line, "\t<") ||
        (smtp_server_sender(talk).n > 0 && !add_field(line, smtp_server_sender(talk))) ||
        !buf_add_text(line, ">\t") || !add_recipients(line, talk) ||
        !add_field(line, smtp_server_envid(talk)) ||
        !buf_add_format(line, "\t%zu\t", smtp_server_content(talk).n) || !add_token(line, talk) ||
        !buf_add_format(line, "%s\n", answer))
        (void)fprintf(s->c.log, "%llu\tout of memory\n", (unsigned long long)s->messages);
    else
        (void)fwrite(line->p, 1, line->n, s->c.log);
    s->log_dirty = true;
}

static const char *on_recipient(void *owner, struct smtp_caller *from, struct slice address)
{
    (void)owner;
    (void)from;
    (void)address;
    return NULL;
}

static void on_message(void *owner, struct smtp_caller *from, const char **answers)
{
    static const char yes[] = "250 2.0.0 taken";
    struct sink_smtp *s = owner;
    bool over = s->ending || (s->c.count && s->messages == s->c.count);

    for (uint32_t i = 0; i < smtp_server_answers(smtp_caller_talk(from)); i++)
        answers[i] = over ? "451 4.3.2 that was enough" : yes;
    s->beyond += over;
    if (over)
        return;
    if (s->c.log)
        write_log(s, from, yes);
    s->messages++;
    if (s->messages == s->c.count)
        sink_smtp_stop(s);
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    char at[NET_TEXT], text[512];
    struct sink_smtp *s = owner;

    (void)snprintf(text, sizeof text, "%s: %s", net_print(peer, at), words);
    s->c.trouble(s->c.owner, text);
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

/* The log is on its way to the disk before the loop sleeps: whoever watches the sink reads what happened. */
static void before_sleep(struct hook *h)
{
    struct sink_smtp *s = h->owner;

    if (s->log_dirty && fflush(s->c.log) == 0)
        s->log_dirty = false;
}

static bool open_host(struct sink_smtp *s, struct err *e)
{
    const struct smtp_host_config c = {.loop = s->c.loop,
                                       .name = s->c.name,
                                       .lmtp = s->c.lmtp,
                                       .recipient = on_recipient,
                                       .message = on_message,
                                       .trouble = s->c.trouble ? on_trouble : NULL,
                                       .owner = s};

    s->host = smtp_host_listen(&c, &s->c.at, e);
    return s->host != NULL;
}

struct sink_smtp *sink_smtp_open(const struct sink_smtp_config *c, struct err *e)
{
    struct sink_smtp *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "no memory for a sink");
        return NULL;
    }
    s->c = *c;
    s->begun_ns = loop_now(c->loop);
    buf_init(&s->line, LINE_ROOM);
    timer_init(&s->end, end_fires, s);
    s->sleep = (struct hook){.run = before_sleep, .owner = s};
    loop_before_sleep(c->loop, &s->sleep);
    if (!open_host(s, e)) {
        sink_smtp_close(s);
        return NULL;
    }
    if (c->duration_ns)
        timer_arm(c->loop, &s->end, s->begun_ns + c->duration_ns);
    if (c->log)
        (void)fputs("number\tms\tcaller\tpeer\thelo\tfrom\tto\tenvid\toctets\ttoken\tanswer\n",
                    c->log);
    return s;
}

void sink_smtp_close(struct sink_smtp *s)
{
    if (!s)
        return;
    timer_disarm(s->c.loop, &s->end);
    loop_unhook(s->c.loop, &s->sleep);
    smtp_host_close(s->host);
    buf_fini(&s->line);
    free(s);
}

struct net_addr sink_smtp_addr(const struct sink_smtp *s)
{
    return smtp_host_addr(s->host);
}

const struct smtp_host_counts *sink_smtp_counts(const struct sink_smtp *s)
{
    return smtp_host_counts(s->host);
}

uint64_t sink_smtp_beyond(const struct sink_smtp *s)
{
    return s->beyond;
}
