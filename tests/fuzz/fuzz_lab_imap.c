/* fuzz_lab_imap.c - libFuzzer's entry for the lab's IMAP server: whatever a client says, and however it is cut, it hears the same; the
 * server's answers are IMAP as our client reads it; and they are bounded by what was asked and what is there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop_sim.h"
#include "lab/lab_imap_talk.h"
#include "wire/imap.h"

#define SAID_MAX (256u << 20)
#define IN_MAX   4096u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const char mails[3][120] = {
    "Subject: one\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n",
    "Subject: two\r\nFrom: joe@lab.test\r\n folded\r\n\r\n\r\n* 1 FETCH (UID 1)\r\n",
    "X-Odd {5}\r\n\r\nno end",
};

static void fill_mailbox(struct lab *core)
{
    const struct lab_recipient rcpt = {.address = slice_of("ann@lab.test")};
    struct err e = {0};

    for (size_t i = 0; i < 3; i++)
        PM_ASSERT(lab_submit(core, 0,
                             &(struct lab_submission){.from = slice_of("joe@lab.test"),
                                                      .recipients = &rcpt,
                                                      .count = 1,
                                                      .content = slice_of(mails[i]),
                                                      .client = "fuzz"},
                             &e));
    lab_run_until(core, 60 * NS_PER_S);
    PM_ASSERT(lab_item_count(core, 0, 1) == 3);
}

struct place {
    struct loop *loop;
    struct lab_site *site;
};

static struct place make_place(void)
{
    static const char *const servers[] = {"s1"};
    static const struct lab_mailbox_config boxes[] = {{.name = "joe", .password = "pw"},
                                                      {.name = "ann", .password = "pw"}};
    struct err e = {0};
    struct place p = {.loop = loop_sim_create(&(struct sim_config){.seed = 1}, &e)};
    const struct lab_site_config c = {.lab = {.version = "5.5-sp3",
                                              .domain = "lab.test",
                                              .site = "50site",
                                              .server_names = servers,
                                              .servers = 1,
                                              .mailboxes = boxes,
                                              .mailbox_count = 2,
                                              .seed = 1},
                                      .time_scale = 1,
                                      .hosts = {{.family = 4, .ip = {127, 0, 77, 11}}}};

    p.site = lab_site_create(p.loop, &c, &e);
    PM_ASSERT(p.site);
    fill_mailbox(lab_site_core(p.site));
    return p;
}

static void drain(struct talk *t, struct buf *said)
{
    PM_ASSERT(buf_add(said, t->out.p, t->out.n));
    buf_clear(&t->out);
}

static void talk(struct slice in, size_t piece, struct buf *said)
{
    struct place p = make_place();
    const struct imap_host host = {
        .site = p.site, .server = 0, .name = "s1.lab.test", .tls = in.n % 2};
    struct talk *t = imap_talk_open(&host, NULL);
    enum talk_after after = TALK_GO_ON;

    buf_init(said, SAID_MAX);
    drain(t, said);
    while (in.n > 0 && after != TALK_CLOSE) {
        struct slice part = slice_from(in.p, in.n < piece ? in.n : piece);

        in = slice_skip(in, part.n);
        after = imap_talk_feed(t, part);
        drain(t, said);
        while (after == TALK_MORE) {
            after = imap_talk_more(t);
            drain(t, said);
        }
        if (after ==
            TALK_SECURE) { /* what comes in the same piece is forgotten: nothing to compare */
            imap_talk_secured(t);
            break;
        }
    }
    imap_talk_close(t);
    lab_site_destroy(p.site);
    loop_destroy(p.loop);
}

/* The other half of this program takes every answer for IMAP. */
static void hold_imap(const struct buf *said)
{
    struct imap_in in;
    struct imap_response r;
    enum imap_answer a;

    imap_in_init(&in);
    unsigned char *room = imap_in_room(&in, said->n);

    if (room) {
        memcpy(room, said->p, said->n);
        imap_in_took(&in, said->n);
        while ((a = imap_in_next(&in, &r)) == IMAP_DONE)
            continue;
        if (a == IMAP_BAD) /* our client's tags are p1, p2, ...; others are none of its own */
            PM_ASSERT(strcmp(in.error, "an answer to no command of ours") == 0);
        else
            PM_ASSERT(in.head == in.bytes.n);
    }
    imap_in_fini(&in);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice in = slice_from(data, n < IN_MAX ? n : IN_MAX);
    struct buf whole, cut;

    talk(in, in.n + 1, &whole);
    talk(in, 1 + in.n % 5, &cut);
    PM_ASSERT(whole.n == cut.n && memcmp(whole.p, cut.p, whole.n) == 0);
    /* Each word of a command may ask for the mailbox once more. */
    PM_ASSERT(whole.n <= 2000 * (in.n + 1));
    hold_imap(&whole);
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
