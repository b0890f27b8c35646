/* test_sink_smtp.c - postmuster sink over SMTP and LMTP, with libcurl as the caller and octets by hand where it cannot.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "app/sink_vice.h"
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

/* With --log; `protocol` is "--smtp" or "--lmtp"; more options end with NULL. */
static bool begin_with(struct scene *s, const char *protocol, const char *const *more)
{
    const struct program_way here = {.dir = s->dir};
    const char *argv[20] = {"sink", protocol, "127.0.0.1:0", "--log", s->log};

    (void)snprintf(s->dir, sizeof s->dir, "%s", scratch_dir("sink_smtp"));
    (void)snprintf(s->log, sizeof s->log, "%s/log.tsv", s->dir);
    for (size_t i = 5; *more && i < 19; more++)
        argv[i++] = *more;
    if (!CHECK(program_start(&s->p, &here, argv)))
        return false;
    s->port = program_port(&s->p);
    return CHECK(s->port > 0);
}

static bool begin(struct scene *s, const char *protocol, const char *option, const char *value)
{
    const char *const more[] = {option, value, NULL};

    return begin_with(s, protocol, more);
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
static CURLcode mail_over(const struct scene *s, const char *from, const char *const *to,
                          struct slice text, const char *scheme, const char *ca)
{
    struct curl_slist *list = NULL;
    CURL *c = curl_easy_init();
    char url[100];

    for (; *to; to++)
        list = curl_slist_append(list, *to);
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u/me.test", scheme, s->port);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    if (ca) {
        (void)curl_easy_setopt(c, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, ca);
    }
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

static CURLcode mail(const struct scene *s, const char *from, const char *const *to,
                     struct slice text)
{
    return mail_over(s, from, to, text, "smtp", NULL);
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

/* Over several threads; the certificate is the same whoever answers. */
static void check_tls(const char *scheme, const char *implicit)
{
    static const char *const one[] = {"j@x.test", NULL};
    char ca[400];
    struct scene s = {.port = 0};
    const char *const more[] = {"--name",    "127.0.0.1", "--tls",          "self",
                                "--threads", "3",         "--tls-cert-out", ca,
                                "--seconds", "60",        implicit,         NULL};

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", scratch_dir("sink_smtp"));
    if (!begin_with(&s, "--smtp", more))
        return;
    for (unsigned i = 0; i < 9; i++)
        CHECK_U64(mail_over(&s, "a@b.test", one, slice_of("hello\r\n"), scheme, ca), CURLE_OK);
    CHECK(mail_over(&s, "a@b.test", one, slice_of("x"), scheme, "/dev/null") != CURLE_OK);
    end(&s, "sink: 10 calls, 0 busy; 9 messages, 63 octets: 9 taken,");
}

static void tls_is_spoken_after_starttls(void)
{
    check_tls("smtp", NULL);
}

static void tls_is_spoken_from_the_first_octet(void)
{
    check_tls("smtps", "--implicit-tls");
}

static size_t lines_of(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

/* What one of many callers says in one breath: messages of his own. */
static void write_window(char *out, size_t room, unsigned caller, unsigned messages)
{
    size_t n = (size_t)snprintf(out, room, "EHLO c%u\r\n", caller);

    for (unsigned i = 0; i < messages; i++)
        n += (size_t)snprintf(out + n, room - n,
                              "MAIL FROM:<c%u@x>\r\nRCPT TO:<m%u@y>\r\nBDAT 7 LAST\r\n1234567",
                              caller, i);
    (void)snprintf(out + n, room - n, "QUIT\r\n");
}

static void threads_add_up_what_they_took(void)
{
    static char says[16384], heard[65536];
    struct scene s = {.port = 0};
    const char *const more[] = {"--threads", "4",  "--json", "--count", "205",
                                "--seconds", "60", "--slow", "end:1ms", NULL};

    if (!begin_with(&s, "--smtp", more))
        return;
    write_window(says, sizeof says, 0, 10);
    for (unsigned i = 0; i < 20; i++)
        say_by_hand(&s, says, "221 ", heard, sizeof heard);
    say_by_hand(&s, says, "221 ", heard, sizeof heard); /* five of its ten are too many */
    CHECK_U64(lines_of(heard, "451 4.3.2 that was enough"), 5);
    CHECK(program_wait(&s.p, 20));
    CHECK_I64(s.p.code, EX_PASS);
    char *said = program_said(&s.p, false), *log = scratch_read(s.log, NULL);
    const char *object = strchr(said, '{');
    json_error_t why;
    json_t *j = json_loads(object ? object : "", 0, &why);

    CHECK(j);
    CHECK_I64(json_integer_value(json_object_get(j, "calls")), 21);
    CHECK_I64(json_integer_value(json_object_get(j, "messages")), 210);
    CHECK_I64(json_integer_value(json_object_get(j, "taken")), 205);
    CHECK_I64(json_integer_value(json_object_get(j, "beyond")), 5);
    CHECK_I64(json_integer_value(json_object_get(j, "octets")), 1470);
    CHECK_I64(json_integer_value(json_object_get(j, "threads")), 4);
    CHECK(json_integer_value(json_object_get(j, "wall_us")) > 0);
    CHECK(json_is_integer(json_object_get(j, "cpu_user_us")));
    CHECK(json_is_integer(json_object_get(j, "cpu_system_us")));
    CHECK_U64(lines_of(log, "\t7\tend\t250\ttaken\t127.0.0.1:"), 205);
    CHECK_U64(lines_of(log, "\t7\tend\t451\trefused\t127.0.0.1:"), 5);
    CHECK_U64(lines_of(log, "\n"), 211);
    json_decref(j);
    free(said);
    free(log);
}

/* The kernel would spread the callers over both, and neither account would be whole. */
static void two_sinks_do_not_share_an_address(void)
{
    struct scene s = {.port = 0}, other = {.port = 0};
    const char *const more[] = {"--threads", "2", "--seconds", "60", NULL};
    char at[40];

    if (!begin_with(&s, "--smtp", more))
        return;
    (void)snprintf(at, sizeof at, "127.0.0.1:%u", s.port);
    (void)snprintf(other.dir, sizeof other.dir, "%s", scratch_dir("sink_smtp_other"));
    const struct program_way here = {.dir = other.dir};
    const char *const argv[] = {"sink", "--smtp", at, "--threads", "2", "--seconds", "1", NULL};

    CHECK_I64(program_run(&other.p, &here, argv), EX_IO);
    char *said = program_said(&other.p, true);

    CHECK_HAS(said, at);
    free(said);
    end(&s, "sink: 0 calls");
}

static void the_same_seed_draws_the_same_on_any_number_of_threads(void)
{
    static char says[16384], heard[2][20][8192];

    write_window(says, sizeof says, 0, 20);
    for (unsigned round = 0; round < 2; round++) {
        struct scene s = {.port = 0};
        const char *const more[] = {
            "--threads",   round ? "3" : "1", "--refuse", "mail:20",   "--refuse",
            "rcpt:20:451", "--seed",          "77",       "--seconds", "60",
            NULL};

        if (!begin_with(&s, "--smtp", more))
            return;
        for (unsigned i = 0; i < 20; i++)
            say_by_hand(&s, says, "221 ", heard[round][i], sizeof heard[round][i]);
        end(&s, "sink: 20 calls");
    }
    for (unsigned i = 0; i < 20; i++)
        CHECK_STR(heard[1][i], heard[0][i]);
    CHECK_HAS(heard[0][0], "550 5.7.1 refused as told, at mail\r\n");
    CHECK_HAS(heard[0][0], "451 4.7.1 refused as told, at rcpt\r\n");
    CHECK(strcmp(heard[0][0], heard[0][1]) != 0);
}

static void what_it_is_to_do_without_is_not_announced(void)
{
    struct scene s = {.port = 0};
    char heard[2000];
    const char *const more[] = {"--without", "chunking,DSN", "--size-max", "10",
                                "--seconds", "60",           NULL};

    if (!begin_with(&s, "--smtp", more))
        return;
    say_by_hand(&s,
                "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<j@x>\r\nDATA\r\n12345678901\r\n.\r\n"
                "QUIT\r\n",
                "221 ", heard, sizeof heard);
    CHECK_HAS(heard, "PIPELINING\r\n");
    CHECK_HAS(heard, "SIZE 10\r\n");
    CHECK(!strstr(heard, "CHUNKING") && !strstr(heard, "DSN"));
    CHECK_HAS(heard, "\r\n552 5.3.4 ");
    end(&s, " 0 taken");
}

/* The table is what help and the manual say. */
static void help_and_the_manual_have_every_misbehaviour(void)
{
    static const char *const argv[] = {"help", "sink", NULL};
    static const char *const pages[] = {"/docs/sink.md", "/docs/postmuster.1"};
    char dir[300], option[100];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("sink_smtp"));
    const struct program_way here = {.dir = dir};
    struct program p;

    CHECK_I64(program_run(&p, &here, argv), EX_PASS);
    char *help = program_said(&p, false);

    for (uint32_t i = 0; i < SINK_VICES; i++) {
        (void)snprintf(option, sizeof option, "--%s %s", sink_vice_rows[i].name,
                       sink_vice_rows[i].value);
        CHECK_HAS(help, option);
        CHECK_HAS(help, sink_vice_rows[i].help);
    }
    for (size_t k = 0; k < sizeof pages / sizeof *pages; k++) {
        char path[600];

        (void)snprintf(path, sizeof path, PM_SOURCE_DIR "%s", pages[k]);
        char *page = scratch_read(path, NULL);

        for (uint32_t i = 0; CHECK(page) && i < SINK_VICES; i++) {
            (void)snprintf(option, sizeof option, k ? "\\-\\-%s" : "--%s ", sink_vice_rows[i].name);
            for (char *c = k ? strchr(option + 4, '-') : NULL; c; c = strchr(c + 2, '-')) {
                memmove(c + 1, c, strlen(c) + 1);
                *c = '\\';
            }
            CHECK_HAS(page, option);
        }
        free(page);
    }
    free(help);
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
        {{"sink", "--smtp", "127.0.0.1:0", "--refuse", "rctp:10"},
         "--refuse rctp:10: there is no stage \"rctp\"; did you mean \"rcpt\"?",
         EX_BAD_USAGE},
        {{"sink", "--smtp", "127.0.0.1:0", "--tls", "/nowhere/c,/nowhere/k"},
         "/nowhere/c: ",
         EX_BAD_PROFILE},
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
    TEST(libcurls_mail_is_taken_and_logged),
    TEST(a_large_message_is_taken_whole),
    TEST(lmtp_has_an_answer_for_each_recipient),
    TEST(it_ends_by_itself_and_takes_nothing_more),
    TEST(tls_is_spoken_after_starttls),
    TEST(tls_is_spoken_from_the_first_octet),
    TEST(threads_add_up_what_they_took),
    TEST(two_sinks_do_not_share_an_address),
    TEST(the_same_seed_draws_the_same_on_any_number_of_threads),
    TEST(what_it_is_to_do_without_is_not_announced),
    TEST(help_and_the_manual_have_every_misbehaviour),
    TEST(what_makes_no_sense_is_refused),
    TEST_END,
};

const struct suite sink_smtp_suite = {"sink_smtp", tests};
