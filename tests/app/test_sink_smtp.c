/* test_sink_smtp.c - postmuster sink over SMTP and LMTP, with libcurl as the caller and octets by hand where it cannot.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyz"

struct scene {
    struct program p;
    char dir[300], log[320];
    unsigned port;
};

/* With --log; `protocol` is "--smtp" or "--lmtp". */
static bool begin(struct scene *s, const char *protocol, const char *option, const char *value)
{
    static const char listening[] = " on 127.0.0.1:";
    const struct program_way here = {.dir = s->dir};

    (void)snprintf(s->dir, sizeof s->dir, "%s", scratch_dir("sink_smtp"));
    (void)snprintf(s->log, sizeof s->log, "%s/log.tsv", s->dir);
    const char *const argv[] = {"sink", protocol, "127.0.0.1:0", "--log",
                                s->log, option,   value,         NULL};

    if (!CHECK(program_start(&s->p, &here, argv)))
        return false;
    for (unsigned i = 0; i < 1000 && s->port == 0; i++) {
        char *said = program_said(&s->p, false);
        const char *at = strstr(said, listening);

        if (at && strchr(at, '\n'))
            s->port = (unsigned)strtoul(at + sizeof listening - 1, NULL, 10);
        free(said);
        program_sleep_ms(10);
    }
    return CHECK(s->port > 0);
}

static void end(struct scene *s, const char *counts)
{
    program_signal(&s->p, SIGTERM);
    CHECK(program_wait(&s->p, 20));
    CHECK_I64(s->p.code, EX_PASS);
    char *said = program_said(&s->p, false);

    CHECK_HAS(said, counts);
    free(said);
}

static size_t give(char *to, size_t size, size_t count, void *from)
{
    struct slice *rest = from;
    size_t n = size * count < rest->n ? size * count : rest->n;

    memcpy(to, rest->p, n);
    *rest = slice_skip(*rest, n);
    return n;
}

/* libcurl's word for how it ended. */
static CURLcode mail(const struct scene *s, const char *from, const char *const *to,
                     struct slice text)
{
    struct curl_slist *list = NULL;
    CURL *c = curl_easy_init();
    char url[100];

    for (; *to; to++)
        list = curl_slist_append(list, *to);
    (void)snprintf(url, sizeof url, "smtp://127.0.0.1:%u/me.test", s->port);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
    (void)curl_easy_setopt(c, CURLOPT_MAIL_RCPT, list);
    (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
    (void)curl_easy_setopt(c, CURLOPT_READDATA, &text);
    (void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)text.n);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    CURLcode code = curl_easy_perform(c);

    curl_easy_cleanup(c);
    curl_slist_free_all(list);
    return code;
}

static void libcurls_mail_is_taken_and_logged(void)
{
    static const char *const two[] = {"j@x.test", "k@x.test", NULL};
    static const char text[] = "Subject: [pm." TOKEN "]\r\n\r\n.dot\r\n..dots\r\n";
    struct scene s = {.port = 0};

    if (!begin(&s, "--smtp", "--name", "sink.test"))
        return;
    CHECK_U64(mail(&s, "a@b.test", two, slice_of(text)), CURLE_OK);
    CHECK_U64(mail(&s, "", two + 1, slice_of("hello\r\n")), CURLE_OK);
    end(&s,
        "sink: 2 calls, 0 busy; 2 messages, 65 octets: 2 taken, 0 dropped, 0 refused, 0 not for "
        "now; 0 cut after, 0 before, 0 within; 0 left; refused at connect 0, ehlo 0, mail 0, "
        "rcpt 0, data 0; ");
    char *log = scratch_read(s.log, NULL);

    CHECK_HAS(log, "number\tms\tcaller\tfrom\tto\ttoken\toctets\tstage\tanswered\tdone\tpeer\t"
                   "helo\tenvid\n0\t");
    CHECK_HAS(log, "\t1\t<a@b.test>\tj@x.test\t" TOKEN "\t58\tend\t250\ttaken\t127.0.0.1:");
    CHECK_HAS(log, "\t1\t<a@b.test>\tk@x.test\t" TOKEN "\t58\tend\t250\ttaken\t127.0.0.1:");
    CHECK_HAS(log, "\tme.test\t-\n1\t");
    CHECK_HAS(log, "\t2\t<>\tk@x.test\t-\t7\tend\t250\ttaken\t127.0.0.1:");
    free(log);
}

static void a_large_message_is_taken_whole(void)
{
    static const char *const one[] = {"j@x.test", NULL};
    size_t n = 20u << 20;
    struct scene s = {.port = 0};
    char *text = malloc(n);

    memset(text, 'x', n);
    for (size_t i = 76; i < n; i += 78) {
        text[i - 1] = '\r';
        text[i] = '\n';
    }
    if (begin(&s, "--smtp", "--seconds", "60")) {
        CHECK_U64(mail(&s, "a@b.test", one, slice_from(text, n)), CURLE_OK);
        end(&s, "1 taken");
        char *log = scratch_read(s.log, NULL);

        CHECK_HAS(log, "\t20971522\t"); /* with the CR LF that libcurl adds before its dot */
        free(log);
    }
    free(text);
}

/* Says `text`, hears until `until` has come or the other side ends. */
static void say_by_hand(const struct scene *s, const char *text, const char *until, char *heard,
                        size_t room)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    for (heard[0] = '\0'; got > 0 && n < room - 1 && !strstr(heard, until); heard[n] = '\0') {
        got = recv(fd, heard + n, room - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
}

static void lmtp_has_an_answer_for_each_recipient(void)
{
    struct scene s = {.port = 0};
    char heard[2000];

    if (!begin(&s, "--lmtp", "--seconds", "60"))
        return;
    say_by_hand(&s,
                "LHLO me\r\nMAIL FROM:<a@b> ENVID=pm." TOKEN "\r\nRCPT TO:<j@x>\r\n"
                "RCPT TO:<k@x>\r\nBDAT 5 LAST\r\nhelloQUIT\r\n",
                "221 ", heard, sizeof heard);
    CHECK_HAS(
        heard,
        "recipient taken\r\n250 2.0.0 message taken\r\n250 2.0.0 message taken\r\n221 2.0.0 ");
    end(&s, "1 messages, 5 octets: 1 taken");
    char *log = scratch_read(s.log, NULL);

    CHECK_HAS(log, "\t<a@b>\tj@x\t" TOKEN "\t5\tend\t250\ttaken\t");
    CHECK_HAS(log, "\t<a@b>\tk@x\t" TOKEN "\t5\tend\t250\ttaken\t");
    CHECK_HAS(log, "\tme\tpm." TOKEN "\n");
    free(log);
}

static void it_ends_by_itself_and_takes_nothing_more(void)
{
    struct scene s = {.port = 0};
    char heard[2000];

    if (!begin(&s, "--smtp", "--count", "1"))
        return;
    say_by_hand(&s,
                "HELO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nDATA\r\none\r\n.\r\n"
                "MAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n",
                "221 ", heard, sizeof heard);
    CHECK_HAS(heard, "250 2.0.0 message taken\r\n");
    CHECK_HAS(heard, "451 4.3.2 that was enough\r\n");
    CHECK(program_wait(&s.p, 20));
    CHECK_I64(s.p.code, EX_PASS);
    char *said = program_said(&s.p, false);

    CHECK_HAS(said, "2 messages, 10 octets: 1 taken, 0 dropped, 0 refused, 1 not for now;");
    free(said);
}

static void what_makes_no_sense_is_refused(void)
{
    static const struct {
        const char *argv[8], *words;
        int code;
    } rows[] = {
        {{"sink", "--smtp", "10.1.2.3:25"}, "a sink talks to loopback only", EX_GUARD},
        {{"sink", "--smtp", "nowhere"}, "expected an address of this machine", EX_BAD_USAGE},
        {{"sink", "--smtp", "127.0.0.1:0", "--mta", "X"},
         "--mta does not go with --smtp",
         EX_BAD_USAGE},
        {{"sink", "--p1", "127.0.0.1:0", "--greylist", "1s"},
         "--greylist does not go with --p1",
         EX_BAD_USAGE},
        {{"sink", "--p1", "127.0.0.1:0", "--name", "x"},
         "--name does not go with --p1",
         EX_BAD_USAGE},
        {{"sink", "--smtp", "127.0.0.1:0", "--name", "a b"}, "expected a domain", EX_BAD_USAGE},
        {{"sink", "--smtp", "127.0.0.1:0", "--lmtp", "127.0.0.1:0"},
         "usage: postmuster sink",
         EX_BAD_USAGE},
        {{"sink", "--smtp", "127.0.0.1:0", "--log", "/nowhere/x"}, "/nowhere/x: No such", EX_IO},
    };

    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("sink_smtp"));
    const struct program_way here = {.dir = dir};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct program p;

        CHECK_I64(program_run(&p, &here, rows[i].argv), rows[i].code);
        char *said = program_said(&p, true);

        CHECK_HAS(said, rows[i].words);
        free(said);
    }
}

static const struct test tests[] = {
    TEST(libcurls_mail_is_taken_and_logged),     TEST(a_large_message_is_taken_whole),
    TEST(lmtp_has_an_answer_for_each_recipient), TEST(it_ends_by_itself_and_takes_nothing_more),
    TEST(what_makes_no_sense_is_refused),        TEST_END,
};

const struct suite sink_smtp_suite = {"sink_smtp", tests};
