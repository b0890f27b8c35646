/* client_rig.c - the news in words, and messages. */
#include "tests/wire/client_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

struct client_rig rig;

static const char *const fates[] = {"undecided", "untouched", "temp",     "perm",
                                    "aborted",   "doubt",     "accepted", "again"};
static const char *const states[] = {
#define X(id, seconds, doing) #id,
    SMTP_STATES(X)
#undef X
};

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    size_t n = strlen(rig.news);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(rig.news + n, sizeof rig.news - n, format, args);
    va_end(args);
}

enum smtp_news rig_listen(struct slice in)
{
    static const char *const words[] = {"", "up", "tls", "", "denied", "closed", "broken", "tried"};
    struct smtp_outcome o;
    enum smtp_news news = SMTP_MORE;

    for (;;) {
        news = smtp_client_hear(rig.client, &in, &o);
        if (news == SMTP_ENDED) {
            note("%d.%u %s %s", (int)o.tag, o.recipient, fates[o.fate], states[o.state] + 5);
            if (o.reply.code)
                note(" %u", o.reply.code);
            if (o.reply.status)
                note(" %u.%u.%u", o.reply.status, o.reply.subject, o.reply.detail);
            note("%s; ", o.last ? " last" : "");
            continue;
        }
        if (news == SMTP_MORE)
            return news;
        note("%s; ", words[news]);
        if (news != SMTP_UP && news != SMTP_TRIED)
            return news;
    }
}

const char *rig_hear(const char *octets)
{
    rig.news[0] = '\0';
    (void)rig_listen(slice_of(octets));
    return rig.news;
}

const char *rig_lose(void)
{
    smtp_client_lost(rig.client);
    return rig_hear("");
}

const char *rig_take(size_t limit)
{
    char *out = rig.said;

    while (limit > 0) {
        struct iovec iov[4];
        int count = smtp_client_output(rig.client, iov, 4);

        if (count == 0)
            break;
        for (int i = 0; i < count && limit > 0; i++) {
            size_t piece = iov[i].iov_len < limit ? iov[i].iov_len : limit;

            if (out + piece >= rig.said + sizeof rig.said)
                out = rig.said; /* too much to be looked at */
            memcpy(out, iov[i].iov_base, piece);
            out += piece;
            limit -= piece;
            smtp_client_gave(rig.client, piece);
            if (piece < iov[i].iov_len)
                break;
        }
    }
    *out = '\0';
    return rig.said;
}

const char *rig_said(void)
{
    static const char ends[] = "please ignore\r\n";
    const struct slice mark = slice_of("<text>");
    char *from = rig.said;

    (void)rig_take(SIZE_MAX);
    while ((from = strstr(from, "X-Postmuster: "))) {
        char *to = strstr(from, ends);

        if (!to)
            break;
        to += sizeof ends - 1;
        memmove(from + mark.n, to, strlen(to) + 1);
        memcpy(from, mark.p, mark.n);
    }
    return rig.said;
}

void rig_open(bool pipelining)
{
    smtp_client_destroy(rig.client);
    if (!rig.corpus)
        rig.corpus = smtp_corpus_create(1);
    rig.key = token_key_make(1, 2);
    rig.config.helo = "postmuster.test";
    rig.config.host = "mx.test";
    rig.config.pipelining = pipelining;
    rig.client = smtp_client_create(&rig.config, rig.window ? rig.window : 1);
}

void rig_close(void)
{
    smtp_client_destroy(rig.client);
    smtp_corpus_destroy(rig.corpus);
    memset(&rig, 0, sizeof rig);
}

void rig_up(bool pipelining, const char *ehlo)
{
    rig_open(pipelining);
    (void)rig_hear("220 mx.test\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear(ehlo), "up; ");
}

void rig_send(unsigned tag, uint32_t recipients)
{
    rig_send_sized(tag, recipients, 0);
}

void rig_send_sized(unsigned tag, uint32_t recipients, uint32_t body_bytes)
{
    char names[SMTP_RECIPIENTS_MAX][24];
    bool chunking = smtp_client_is_chunking(rig.client);
    struct smtp_text *text = &rig.text[chunking ? 0 : tag];

    if (!CHECK(smtp_client_can_take(rig.client)))
        return;
    for (uint32_t i = 0; i < recipients; i++) {
        (void)snprintf(names[i], sizeof names[i], "r%u@lab.test", i);
        rig.to[i] = slice_of(names[i]);
    }
    const struct smtp_text_order o = {.number = tag,
                                      .key = &rig.key,
                                      .from = slice_of("joe@lab.test"),
                                      .to = rig.to,
                                      .recipients = recipients,
                                      .body_bytes = body_bytes,
                                      .date_s = 0};
    CHECK(smtp_text_compose(text, rig.corpus, &o));
    const struct smtp_mail m = {
        .tag = tag, .from = o.from, .to = rig.to, .recipients = recipients, .text = text};
    smtp_client_send(rig.client, &m);
    if (chunking)
        memset(text, 0xee, sizeof *text);
    memset(names, 0xee, sizeof names); /* all is queued: lockstep too reads no address again */
}
