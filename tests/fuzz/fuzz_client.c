/* fuzz_client.c - libFuzzer's entry for the sending side of SMTP and LMTP: whatever a server answers, every recipient of every
 * message gets one fate, in order, and nothing is accepted of which not all has left.
 *
 * The first octet chooses how the conversation is led, the others are the server's, from its greeting on.
 */
#include <string.h>

#include "base/err.h"
#include "wire/smtp_client.h"

#define MESSAGES 24u
#define WINDOW   8u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct {
    struct smtp_client *client;
    struct smtp_corpus *corpus;
    struct smtp_text text[MESSAGES];
    uint64_t sent, told, begun, recipients_told;

} f;

static uint32_t recipients_of(uint64_t tag)
{
    return 1 + (uint32_t)(tag * 5 % 4);
}

static void hear(struct slice in)
{
    struct smtp_outcome o;

    for (;;) {
        switch (smtp_client_hear(f.client, &in, &o)) {
        case SMTP_ENDED:
            PM_ASSERT(o.tag == f.told && o.recipient < recipients_of(o.tag));
            PM_ASSERT(o.fate != SMTP_UNDECIDED && (o.fate != SMTP_ACCEPTED || o.tag < f.begun));
            f.recipients_told++;
            PM_ASSERT(o.last == (f.recipients_told == recipients_of(o.tag)));
            if (o.last) {
                f.told++;
                f.recipients_told = 0;
            }
            break;
        case SMTP_START_TLS:
            smtp_client_secured(f.client);
            break;
        case SMTP_UP:
        case SMTP_TRIED:
            break;
        case SMTP_MORE:
        case SMTP_DENIED:
        case SMTP_CLOSED:
        case SMTP_BROKEN:
            return;
        }
    }
}

static void send_all(void)
{
    static const struct token_key key = {.run = 1};
    const struct slice to[4] = {slice_of("a@x.test"), slice_of("b@x.test"), slice_of("c@x.test"),
                                slice_of("d@x.test")};

    while (f.sent < MESSAGES && smtp_client_can_take(f.client)) {
        const struct smtp_text_order o = {.number = f.sent,
                                          .key = &key,
                                          .from = to[3],
                                          .to = to,
                                          .recipients = recipients_of(f.sent),
                                          .body_bytes = (uint32_t)(f.sent * 1000)};
        PM_ASSERT(smtp_text_compose(&f.text[f.sent], f.corpus, &o));
        const struct smtp_mail m = {.tag = f.sent,
                                    .from = o.from,
                                    .to = to,
                                    .recipients = o.recipients,
                                    .text = &f.text[f.sent]};
        smtp_client_send(f.client, &m);
        f.sent++;
    }
}

/* At most so many octets. */
static void write_some(size_t limit)
{
    struct iovec iov[2];
    uint64_t tag;
    int pieces;

    while (limit > 0 && (pieces = smtp_client_output(f.client, iov, 2)) > 0) {
        size_t all = 0;

        for (int i = 0; i < pieces; i++)
            all += iov[i].iov_len;
        all = all < limit ? all : limit;
        limit -= all;
        smtp_client_gave(f.client, all);
        while (smtp_client_begun(f.client, &tag)) {
            PM_ASSERT(tag >= f.begun && tag < f.sent);
            f.begun = tag + 1;
        }
    }
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    unsigned how = n > 0 ? data[0] : 0;
    const struct smtp_client_config config = {.helo = "us.test",
                                              .host = "mx.test",
                                              .lmtp = how & 1,
                                              .pipelining = how & 2,
                                              .chunking = (enum smtp_chunking)((how >> 2 & 3) % 3)};
    size_t limit = how & 64 ? 300 : SIZE_MAX, piece = how & 128 ? 1 + n % 7 : 0;
    struct slice in = slice_from(data + (n > 0), n > 0 ? n - 1 : 0), part;

    if (!f.corpus)
        f.corpus = smtp_corpus_create(1);
    f.sent = f.told = f.begun = f.recipients_told = 0;
    f.client = smtp_client_create(&config, WINDOW);
    PM_ASSERT(f.client && f.corpus);
    for (bool trying = how & 32; in.n > 0;) {
        const unsigned char *lf = memchr(in.p, '\n', in.n);
        size_t line = lf ? (size_t)(lf - in.p) + 1 : in.n;

        part = slice_from(in.p, piece > 0 && piece < line ? piece : line);
        in = slice_skip(in, part.n);
        hear(part);
        if (trying && smtp_client_is_idle(f.client)) {
            smtp_client_try(f.client, slice_of("a@x.test"), slice_of("bad@x.test"));
            trying = false;
        }
        send_all();
        write_some(limit);
    }
    smtp_client_lost(f.client);
    hear(in);
    PM_ASSERT(f.told == f.sent && f.recipients_told == 0);
    smtp_client_destroy(f.client);
    return 0;
}
