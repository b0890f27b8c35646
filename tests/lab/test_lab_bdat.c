/* test_lab_bdat.c - CHUNKING (RFC 3030): chunks arrive octet for octet, and are consumed whatever is answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/fault.h"
#include "lab/lab_smtp_talk.h"
#include "tests/support/check.h"

struct desk { /* takes the mail and writes down what it got */
    struct smtp_host host;
    struct buf log;
    bool refuses;
    uint64_t taken;
};

static bool is_local(void *owner, struct slice address)
{
    size_t at;

    (void)owner;
    return slice_find(address, slice_of("@lab.test"), &at);
}

static bool is_up(void *owner)
{
    (void)owner;
    return true;
}

static uint64_t submit(void *owner, const struct lab_submission *m, struct err *e)
{
    struct desk *d = owner;

    if (d->refuses) {
        (void)err_set(e, EX_TARGET, "the agent is not running");
        return 0;
    }
    (void)buf_add(&d->log, m->from.p, m->from.n);
    (void)buf_add_format(&d->log, ", %u recipients: ", m->count);
    (void)buf_add(&d->log, m->content.p, m->content.n);
    (void)buf_add_text(&d->log, "|\n");
    return ++d->taken;
}

static void desk_init(struct desk *d, bool chunking)
{
    *d = (struct desk){0};
    buf_init(&d->log, 64u << 20);
    d->host = (struct smtp_host){.name = "s1",
                                 .build = "6.5.6944",
                                 .size_max = 1000,
                                 .chunking = chunking,
                                 .is_local = is_local,
                                 .is_up = is_up,
                                 .submit = submit,
                                 .owner = d};
}

/* All replies to `text`, the greeting left out, when it comes in pieces of `piece` octets. */
static char *answers(struct desk *d, struct slice text, size_t piece, enum talk_after *after)
{
    struct talk *t = smtp_talk_open(&d->host, NULL);

    *after = TALK_GO_ON;
    buf_clear(&t->out);
    while (text.n > 0 && *after == TALK_GO_ON) {
        size_t n = piece < text.n ? piece : text.n;

        *after = smtp_talk_feed(t, slice_from(text.p, n));
        text = slice_skip(text, n);
    }
    char *got = strndup(buf_text(&t->out), t->out.n);

    smtp_talk_close(t);
    return got;
}

/* Behind an EHLO: what is said, and what must be answered and taken. */
static void says(bool chunking, const char *said, const char *answered, const char *taken)
{
    char text[4096];
    const size_t pieces[] = {1, 2, 3, 7, 64, sizeof text};

    (void)snprintf(text, sizeof text, "HELO me\r\n%s", said);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        enum talk_after after;
        struct desk d;

        desk_init(&d, chunking);
        char *got = answers(&d, slice_of(text), pieces[i], &after);

        CHECK(strncmp(got, "250 s1\r\n", 8) == 0);
        CHECK_STR(got + 8, answered);
        CHECK_STR(buf_text(&d.log), taken);
        free(got);
        buf_fini(&d.log);
    }
}

#define ENVELOPE "MAIL FROM:<a@lab.test>\r\nRCPT TO:<b@lab.test>\r\n"
#define WELCOME  "250 2.1.0 sender OK\r\n250 2.1.5 recipient OK\r\n"

static void chunks_arrive_octet_for_octet_and_dots_are_no_end(void)
{
    says(true, ENVELOPE "BDAT 11\r\nab\r\n.\r\n..c\rBDAT 5 LAST\r\n\nQUIT",
         WELCOME "250 2.0.0 11 octets so far\r\n250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: ab\r\n.\r\n..c\r\nQUIT|\n");
    says(true, ENVELOPE "BDAT 3\r\nxyzBDAT 0 LAST\r\n",
         WELCOME "250 2.0.0 3 octets so far\r\n250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: xyz|\n");
    says(true, ENVELOPE "bdat 2 last\r\nhi", WELCOME "250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: hi|\n");
}

static void whole_transactions_may_be_sent_ahead(void)
{
    says(true,
         ENVELOPE "BDAT 2 LAST\r\n1\n" ENVELOPE "BDAT 2 LAST\r\n2\n" ENVELOPE
                  "BDAT 2 LAST\r\n3\nNOOP\r\n",
         WELCOME "250 2.6.0 queued as 1\r\n" WELCOME "250 2.6.0 queued as 2\r\n" WELCOME
                 "250 2.6.0 queued as 3\r\n250 2.0.0 OK\r\n",
         "a@lab.test, 1 recipients: 1\n|\n"
         "a@lab.test, 1 recipients: 2\n|\n"
         "a@lab.test, 1 recipients: 3\n|\n");
}

static void the_chunk_of_a_refused_message_is_consumed_and_ends_its_transaction(void)
{
    says(true,
         "MAIL FROM:<a@lab.test>\r\nRCPT TO:<b@else.where>\r\nBDAT 6 LAST\r\nQUIT\r\n" ENVELOPE
         "BDAT 2 LAST\r\nhi",
         "250 2.1.0 sender OK\r\n550 5.7.1 unable to relay\r\n554 5.5.1 no valid "
         "recipients\r\n" WELCOME "250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: hi|\n");
    says(true,
         "MAIL FROM:a\r\nRCPT TO:<b@lab.test>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\n" ENVELOPE
         "BDAT 2 LAST\r\nhi",
         "501 5.1.7 MAIL FROM:<address> is what I understand\r\n503 5.5.1 MAIL first\r\n"
         "503 5.5.1 MAIL first\r\n503 5.5.1 MAIL first\r\n" WELCOME "250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: hi|\n");
    says(true,
         "MAIL FROM:<a@lab.test>\r\nRCPT TO:<b@else.where>\r\nBDAT 6\r\nQUIT\r\nRCPT "
         "TO:<b@lab.test>\r\nBDAT 2 LAST\r\nhi",
         "250 2.1.0 sender OK\r\n550 5.7.1 unable to relay\r\n554 5.5.1 no valid recipients\r\n"
         "250 2.1.5 recipient OK\r\n250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: hi|\n");
}

static void a_message_that_is_too_large_is_consumed_and_refused(void)
{
    char said[3000], filler[601];

    memset(filler, 'x', 600);
    filler[600] = '\0';
    (void)snprintf(said, sizeof said,
                   ENVELOPE "BDAT 600\r\n%sBDAT 600\r\n%sBDAT 2 LAST\r\nno" ENVELOPE
                            "BDAT 2 LAST\r\nhi",
                   filler, filler);
    says(true, said,
         WELCOME "250 2.0.0 600 octets so far\r\n552 5.3.4 message too large\r\n"
                 "552 5.3.4 message too large\r\n" WELCOME "250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: hi|\n");
}

static void between_chunks_only_chunks_and_what_gives_up_are_in_order(void)
{
    says(true,
         ENVELOPE "BDAT 2\r\nhi" ENVELOPE "DATA\r\nNOOP\r\nRSET\r\n" ENVELOPE "BDAT 3 LAST\r\nnew",
         WELCOME "250 2.0.0 2 octets so far\r\n503 5.5.1 one transaction at a time\r\n"
                 "503 5.5.1 the next chunk is due\r\n503 5.5.1 the next chunk is due\r\n"
                 "250 2.0.0 OK\r\n250 2.0.0 flushed\r\n" WELCOME "250 2.6.0 queued as 1\r\n",
         "a@lab.test, 1 recipients: new|\n");
}

static void a_chunk_without_a_size_ends_the_connection(void)
{
    static const char *const bad[] = {"BDAT\r\n",         "BDAT x\r\n",
                                      "BDAT -1 LAST\r\n", "BDAT 1 2\r\n",
                                      "BDAT 1k LAST\r\n", "BDAT 1000000000000000\r\n"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum talk_after after;
        struct desk d;
        char text[200];

        desk_init(&d, true);
        (void)snprintf(text, sizeof text, "HELO me\r\n" ENVELOPE "%s" ENVELOPE, bad[i]);
        char *got = answers(&d, slice_of(text), sizeof text, &after);

        CHECK_STR(got, "250 s1\r\n" WELCOME "501 5.5.4 BDAT takes a size, and LAST\r\n");
        CHECK_U64(after, TALK_CLOSE);
        free(got);
        buf_fini(&d.log);
    }
}

static void what_cannot_be_taken_now_is_refused_with_451_and_consumed(void)
{
    enum talk_after after;
    struct desk d;

    desk_init(&d, true);
    d.refuses = true;
    char *got =
        answers(&d, slice_of("HELO me\r\n" ENVELOPE "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), 5, &after);

    CHECK_STR(got, "250 s1\r\n" WELCOME "451 4.3.0 the agent is not running\r\n250 2.0.0 OK\r\n");
    CHECK_U64(after, TALK_GO_ON);
    free(got);
    buf_fini(&d.log);
}

static void an_empty_desk_says_ehlo_first_and_a_flood_of_chunks_is_hung_up_on(void)
{
    enum talk_after after;
    struct desk d;
    struct buf flood;

    desk_init(&d, true);
    buf_init(&flood, 4096);
    for (int i = 0; i < SMTP_ERRORS_MAX + 5; i++)
        (void)buf_add_text(&flood, "BDAT 1 LAST\r\n.");
    char *got = answers(&d, buf_slice(&flood), 4096, &after);

    CHECK(strncmp(got, "503 5.5.1 EHLO first\r\n", 22) == 0);
    CHECK_HAS(got, "421 4.7.0 too many errors");
    CHECK_U64(after, TALK_CLOSE);
    free(got);
    buf_fini(&flood);
    buf_fini(&d.log);
}

static void only_a_modern_server_announces_chunking_and_knows_bdat(void)
{
    const struct version_row *v;
    enum talk_after after;
    struct desk d;

    for (int i = 0; (v = fault_version_at(i)) != NULL; i++)
        CHECK_U64(v->chunking, strcmp(v->name, "modern") == 0);
    for (int on = 0; on < 2; on++) {
        desk_init(&d, on);
        char *got = answers(&d, slice_of("EHLO me\r\n"), 100, &after);

        CHECK(on == (strstr(got, "250-CHUNKING\r\n") != NULL));
        free(got);
        buf_fini(&d.log);
    }
    says(false, ENVELOPE "BDAT 6 LAST\r\nNOOP\r\n",
         WELCOME "500 5.5.2 command not understood\r\n250 2.0.0 OK\r\n", "");
}

static const struct test tests[] = {
    TEST(chunks_arrive_octet_for_octet_and_dots_are_no_end),
    TEST(whole_transactions_may_be_sent_ahead),
    TEST(the_chunk_of_a_refused_message_is_consumed_and_ends_its_transaction),
    TEST(a_message_that_is_too_large_is_consumed_and_refused),
    TEST(between_chunks_only_chunks_and_what_gives_up_are_in_order),
    TEST(a_chunk_without_a_size_ends_the_connection),
    TEST(what_cannot_be_taken_now_is_refused_with_451_and_consumed),
    TEST(an_empty_desk_says_ehlo_first_and_a_flood_of_chunks_is_hung_up_on),
    TEST(only_a_modern_server_announces_chunking_and_knows_bdat),
    TEST_END,
};

const struct suite lab_bdat_suite = {"lab_bdat", tests};
