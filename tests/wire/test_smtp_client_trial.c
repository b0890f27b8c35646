/* test_smtp_client_trial.c - trying a server's chunks: against a small server of the test's own, which reads octets and answers
 * as its habits say, so that what it takes for a command is decided by framing alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire/client_rig.h"

#define CHUNKY "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"

struct habits {
    bool takes_anyone;   /* RCPT is never refused */
    bool stays_open;     /* a refused chunk leaves MAIL open */
    bool reads_commands; /* a chunk that was refused is not consumed */
    bool only_one_write; /* consumes no more of a chunk than what came with its command */
    size_t chunk_max;    /* 0: any; a larger chunk closes the connection with 421 */
    const char *mail, *chunk;
};

static struct {
    struct habits h;
    char in[300000], out[4096];
    size_t n;
    bool mail, rcpt;
    size_t skip;         /* octets of a chunk to come */
    const char *pending; /* to be answered then */
    unsigned commands, refused, delivered, writes;
    char log[4096];
} server;

static void add(char *to, size_t room, const char *line, const char *end)
{
    size_t n = strlen(to);

    (void)snprintf(to + n, room - n, "%s%s", line, end);
}

static void answer(const char *line)
{
    server.refused += *line == '4' || *line == '5';
    add(server.out, sizeof server.out, line, "\r\n");
}

static void on_bdat(const char *line, size_t behind)
{
    size_t n = strtoul(line + 5, NULL, 10);
    bool refused = !server.rcpt, last = strstr(line, "LAST") != NULL;

    if (server.h.chunk_max && n > server.h.chunk_max) {
        answer("421 too much");
        return;
    }
    server.skip = refused && server.h.reads_commands ? 0 : n;
    if (refused && server.h.only_one_write && behind < n)
        server.skip = behind;
    if (!refused)
        server.delivered += last;
    server.pending = server.h.chunk ? server.h.chunk : refused ? "554 5.5.1 nobody" : "250 ok";
    if (last && !(refused && server.h.stays_open))
        server.mail = server.rcpt = false;
}

static void on_line(char *line, size_t behind)
{
    server.commands++;
    add(server.log, sizeof server.log, line, "|");
    if (strncmp(line, "MAIL", 4) == 0) {
        answer(server.mail ? "503 nested" : server.h.mail ? server.h.mail : "250 ok");
        server.mail = true;
    } else if (strncmp(line, "RCPT", 4) == 0) {
        answer(server.h.takes_anyone ? "250 ok" : "550 5.1.1 who");
        server.rcpt = server.h.takes_anyone;
    } else if (strncmp(line, "BDAT", 4) == 0) {
        on_bdat(line, behind);
    } else if (strcmp(line, "RSET") == 0) {
        server.mail = server.rcpt = false;
        answer("250 ok");
    } else if (strcmp(line, "NOOP") == 0) {
        answer("250 ok");
    } else {
        answer("500 what?");
    }
}

/* Reads what came in one write. */
static void serve(size_t n)
{
    size_t at = 0;

    while (at < n || (server.pending && server.skip == 0)) {
        size_t skip = server.skip < n - at ? server.skip : n - at;
        char line[200] = "";

        server.skip -= skip;
        at += skip;
        if (server.pending && server.skip == 0) {
            answer(server.pending);
            server.pending = NULL;
            continue;
        }
        char *end = memchr(server.in + at, '\n', n - at);
        if (!end)
            break;
        size_t length = (size_t)(end - (server.in + at));
        memcpy(line, server.in + at, length < sizeof line ? length - 1 : sizeof line - 1);
        at += length + 1;
        on_line(line, n - at);
    }
    server.n = n - at;
    memmove(server.in, server.in + at, server.n);
}

/* Talks until nobody says anything more; a write is what one call of output() gives. */
static const char *talk(struct habits h, bool pipelining)
{
    memset(&server, 0, sizeof server);
    server.h = h;
    rig_up(pipelining, CHUNKY);
    smtp_client_try(rig.client, slice_of("joe@lab.test"), slice_of("nobody@lab.test"));
    rig.news[0] = '\0';
    for (;;) {
        struct iovec iov[8];
        int pieces = smtp_client_output(rig.client, iov, 8);
        size_t all = 0;

        for (int i = 0; i < pieces; i++) {
            memcpy(server.in + server.n + all, iov[i].iov_base, iov[i].iov_len);
            all += iov[i].iov_len;
        }
        if (pieces == 0)
            break;
        server.writes++;
        smtp_client_gave(rig.client, all);
        serve(server.n + all);
        if (strcmp(rig.news, "tried; ") != 0)
            (void)rig_listen(slice_of(server.out));
        server.out[0] = '\0';
    }
    return rig.news;
}

static void a_good_server_passes_and_gets_nothing(void)
{
    for (int pipelining = 0; pipelining < 2; pipelining++) {
        CHECK_STR(talk((struct habits){0}, pipelining), "tried; ");
        CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_PASSED);
        CHECK_STR(smtp_client_error(rig.client), "");
        CHECK_U64(server.delivered, 0);
        CHECK(server.refused < 8);
        CHECK(smtp_client_is_idle(rig.client) && smtp_client_can_take(rig.client));
        CHECK_HAS(server.log, "RCPT TO:<nobody@lab.test>|BDAT 51 LAST|NOOP|MAIL");
        CHECK_HAS(server.log, "RCPT TO:<nobody@lab.test>|BDAT 102|BDAT 51 LAST|NOOP|RSET|");
        CHECK_HAS(server.log, "MAIL FROM:<joe@lab.test>|BDAT 103000 LAST|NOOP|RSET|");
        rig_close();
    }
}

static void a_server_that_takes_anyone_is_told_of_nobody(void)
{
    CHECK_STR(talk((struct habits){.takes_anyone = true}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_PASSED);
    CHECK_U64(server.delivered, 0);
    CHECK_HAS(server.log, "RCPT TO:<nobody@lab.test>|RSET|MAIL FROM:<joe@lab.test>|BDAT 51 LAST|");
    CHECK(strstr(strstr(server.log, "RCPT") + 4, "RCPT") == NULL);
    rig_close();
}

static void a_transaction_that_stays_open_needs_resets(void)
{
    CHECK_STR(talk((struct habits){.stays_open = true}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_NEEDS_RESET);
    CHECK_HAS(smtp_client_error(rig.client), "leaves MAIL open");
    CHECK_U64(server.refused, 7);
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

/* emersion/go-smtp#315: the octets of a refused chunk become commands. */
static void a_chunk_that_is_read_as_commands_is_seen(void)
{
    for (int pipelining = 0; pipelining < 2; pipelining++) {
        CHECK_STR(talk((struct habits){.reads_commands = true}, pipelining), "tried; ");
        CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_NOT_CONSUMED);
        CHECK_HAS(smtp_client_error(rig.client),
                  pipelining ? "read as commands" : "more answers than questions");
        CHECK(!smtp_client_can_take(rig.client) && !smtp_client_is_idle(rig.client));
        CHECK_HAS(server.log, "XPMTRIAL");
        CHECK_U64(server.delivered, 0);
        rig_close();
    }
}

/* The first chunk of the second round comes in two writes. */
static void a_chunk_consumed_only_as_far_as_it_came_is_seen(void)
{
    CHECK_STR(talk((struct habits){.only_one_write = true}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_NOT_CONSUMED);
    CHECK_HAS(server.log, "BDAT 102|");
    rig_close();
}

static void a_server_that_closes_on_a_large_chunk_is_broken(void)
{
    CHECK_STR(talk((struct habits){.chunk_max = 65536}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    CHECK_HAS(smtp_client_error(rig.client), "421");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_lose(), "");
    rig_close();
}

static void refusals_on_the_way_are_broken(void)
{
    CHECK_STR(talk((struct habits){.mail = "451 later"}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    CHECK_HAS(smtp_client_error(rig.client), "451: MAIL is refused");
    rig_close();
    CHECK_STR(talk((struct habits){.chunk = "354 go on"}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    rig_close();
    CHECK_STR(talk((struct habits){.chunk = "nonsense"}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    CHECK_HAS(smtp_client_error(rig.client), "not a reply");
    rig_close();
}

static void a_chunk_accepted_for_nobody_is_no_fault(void)
{
    CHECK_STR(talk((struct habits){.chunk = "250 thanks for nothing"}, true), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_PASSED);
    rig_close();
}

static void a_connection_lost_meanwhile_is_told(void)
{
    rig_up(true, CHUNKY);
    smtp_client_try(rig.client, slice_of(""), slice_of("nobody@lab.test"));
    CHECK_STR(rig_said(), "MAIL FROM:<>\r\nRCPT TO:<nobody@lab.test>\r\n");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("250 a\r\n"), "");
    CHECK_STR(rig_lose(), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    CHECK_STR(rig_hear(""), "");
    CHECK_HAS(smtp_client_error(rig.client), "the connection is lost");
    rig_close();
}

static void without_the_servers_word_there_is_nothing_to_try(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    smtp_client_try(rig.client, slice_of("joe@lab.test"), slice_of("nobody@lab.test"));
    CHECK_STR(rig_hear(""), "tried; ");
    CHECK_U64(smtp_client_trial(rig.client), SMTP_TRIAL_BROKEN);
    CHECK_STR(rig_said(), "");
    rig_close();
}

static void the_split_chunk_goes_out_in_two_writes(void)
{
    CHECK_STR(talk((struct habits){0}, true), "tried; ");
    CHECK_U64(server.writes, 6); /* envelope, chunk; envelope, chunk, its rest; the large one */
    rig_close();
}

static void messages_follow_a_trial_as_if_nothing_had_been(void)
{
    rig.config.chunking = SMTP_CHUNKS_PLAIN;
    CHECK_STR(talk((struct habits){0}, true), "tried; ");
    rig_send(0, 1);
    CHECK_HAS(rig_said(), "MAIL FROM:<joe@lab.test>\r\n");
    CHECK(strncmp(rig.said, "MAIL", 4) == 0);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 c\r\n"), "0.0 accepted CHUNK 250 last; ");
    rig_close();
}

static const struct test tests[] = {
    TEST(a_good_server_passes_and_gets_nothing),
    TEST(a_server_that_takes_anyone_is_told_of_nobody),
    TEST(a_transaction_that_stays_open_needs_resets),
    TEST(a_chunk_that_is_read_as_commands_is_seen),
    TEST(a_chunk_consumed_only_as_far_as_it_came_is_seen),
    TEST(a_server_that_closes_on_a_large_chunk_is_broken),
    TEST(refusals_on_the_way_are_broken),
    TEST(a_chunk_accepted_for_nobody_is_no_fault),
    TEST(a_connection_lost_meanwhile_is_told),
    TEST(without_the_servers_word_there_is_nothing_to_try),
    TEST(the_split_chunk_goes_out_in_two_writes),
    TEST(messages_follow_a_trial_as_if_nothing_had_been),
    TEST_END,
};

const struct suite smtp_client_trial_suite = {"smtp_client_trial", tests};
