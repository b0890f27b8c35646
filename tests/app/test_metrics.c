/* What Prometheus reads: the text to the octet, its grammar, and what hostile names can do to it, which is nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "app/metrics.h"
#include "base/clock.h"
#include "results/judge.h"
#include "tests/app/program.h"
#include "tests/app/scripted.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct scripted script;

/* tests/golden/metrics/NAME; PM_GOLDEN=write makes it anew, to be shown to promtool. */
static void check_golden(const char *name, struct buf *got)
{
    char path[500];
    const char *how = getenv("PM_GOLDEN");

    (void)snprintf(path, sizeof path, "%s/tests/golden/metrics/%s", PM_SOURCE_DIR, name);
    FILE *f = how && strcmp(how, "write") == 0 ? fopen(path, "w") : NULL;

    if (f) {
        (void)fwrite(got->p, 1, got->n, f);
        (void)fclose(f);
    }
    char *want = scratch_read(path, NULL);

    CHECK_STR(buf_text(got), want ? want : "(no golden file)");
    free(want);
}

static void make_text(enum metrics_form form, struct buf *out)
{
    buf_init(out, 16u << 20);
    CHECK(metrics_text(&script.campaign, form, out));
}

/* A line of a sample: name, labels in quotes with escapes, one number; *labels_end is where they end. */
static bool is_sample(const char *line, size_t *labels_end)
{
    size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_");

    if (n < strlen("postmuster_x") || strncmp(line, "postmuster_", 11) != 0)
        return false;
    while (line[n] == '{' || line[n] == ',') {
        n++;
        size_t name = strspn(line + n, "abcdefghijklmnopqrstuvwxyz_");

        if (name == 0 || line[n + name] != '=' || line[n + name + 1] != '"')
            return false;
        for (n += name + 2; line[n] && line[n] != '"'; n++)
            if (line[n] == '\\' && !strchr("\\\"n", line[++n]))
                return false;
        if (line[n++] != '"')
            return false;
    }
    n += line[n] == '}';
    *labels_end = n;
    return line[n] == ' ' && strspn(line + n + 1, "0123456789.") == strlen(line + n + 1) &&
           line[n + 1];
}

/* Every line is a comment or a sample, no series comes twice; how many samples. */
static unsigned check_grammar(const char *text, bool open)
{
    char *copy = strdup(text), *rest = copy, *line;
    char **seen = calloc(5000, sizeof *seen);
    unsigned samples = 0;
    bool ended = false;

    while (copy && seen && (line = strsep(&rest, "\n")) && rest) {
        size_t n = 0;

        CHECK(!ended);
        if (line[0] == '#') {
            ended = strcmp(line, "# EOF") == 0;
            CHECK(ended || strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0 ||
                  (open && strncmp(line, "# UNIT ", 7) == 0));
            continue;
        }
        if (!CHECK(is_sample(line, &n)) || !CHECK(samples < 5000))
            break;
        line[n] = '\0';
        unsigned twice = 0;

        for (unsigned i = 0; i < samples; i++)
            twice += strcmp(seen[i], line) == 0;
        CHECK_U64(twice, 0);
        seen[samples++] = line;
    }
    CHECK(ended == open);
    free(seen);
    free(copy);
    return samples;
}

static void runs_are_told_in_both_forms_to_the_octet(void)
{
    struct judgement judged = {.verdict = VERDICT_FAIL};
    struct buf text;

    scripted_make(&script, 2);
    script.jobs[1].ended = true;
    script.jobs[1].status.phase = PHASE_END;
    judged.tally.classes[CLASS_DELIVERED] = 4790;
    judged.tally.classes[CLASS_NDR] = 10;
    script.jobs[1].result.judgement = &judged;
    make_text(METRICS_PROMETHEUS, &text);
    CHECK_U64(check_grammar(buf_text(&text), false), 339);
    check_golden("two-runs.prom", &text);
    buf_fini(&text);
    make_text(METRICS_OPENMETRICS, &text);
    CHECK_U64(check_grammar(buf_text(&text), true), 339);
    check_golden("two-runs.om", &text);
    buf_fini(&text);
}

static void buckets_add_up_to_their_count(void)
{
    struct buf text;

    scripted_make(&script, 1);
    make_text(METRICS_PROMETHEUS, &text);
    CHECK_HAS(buf_text(&text),
              "postmuster_send_lateness_seconds_bucket{run=\"q172364\",variant=\"\","
              "load=\"steady\",server=\"s3\",le=\"0.0001\"} 1200\n");
    CHECK_HAS(buf_text(&text), "load=\"steady\",server=\"s3\",le=\"0.001\"} 1200\n");
    CHECK_HAS(buf_text(&text), "load=\"steady\",server=\"s3\",le=\"0.002\"} 1234\n");
    CHECK_HAS(buf_text(&text),
              "postmuster_send_lateness_seconds_count{run=\"q172364\",variant=\"\","
              "load=\"steady\",server=\"s3\"} 1234\n");
    CHECK_HAS(buf_text(&text),
              "postmuster_accept_latency_seconds_bucket{run=\"q172364\",variant=\"\""
              ",load=\"steady\",server=\"s3\",le=\"100.0\"} 1000\n");
    CHECK_HAS(buf_text(&text), "load=\"steady\",server=\"s3\",le=\"+Inf\"} 1220\n");
    CHECK_HAS(buf_text(&text), "postmuster_accept_latency_seconds_sum{run=\"q172364\",variant=\"\","
                               "load=\"steady\",server=\"s3\"} 33009.000000\n");
    buf_fini(&text);
}

static void before_any_run_there_is_only_the_process(void)
{
    struct buf text;

    scripted_make(&script, 1);
    script.jobs[0] = (struct job){.path = "p", .variant = ""};
    make_text(METRICS_OPENMETRICS, &text);
    CHECK_STR(buf_text(&text), "# HELP postmuster_build The program.\n"
                               "# TYPE postmuster_build info\n"
                               "postmuster_build_info{version=\"" PM_VERSION "\"} 1\n"
                               "# HELP postmuster_runs Runs of this process by state.\n"
                               "# TYPE postmuster_runs gauge\n"
                               "postmuster_runs{state=\"waiting\"} 1\n"
                               "postmuster_runs{state=\"running\"} 0\n"
                               "postmuster_runs{state=\"ended\"} 0\n"
                               "# EOF\n");
    buf_fini(&text);
}

static void hostile_names_are_escaped_and_stay_one_label(void)
{
    struct buf text;

    scripted_make(&script, 1);
    script.profiles[0].name = "a\"} 1\n# EOF\n\\b{x=\"";
    script.servers[0][2].name = "\377\\\n\"\t";
    script.jobs[0].variant = "\033[2J\"";
    make_text(METRICS_OPENMETRICS, &text);
    CHECK_U64(check_grammar(buf_text(&text), true), 159);
    CHECK_HAS(buf_text(&text), "{run=\"a\\\"} 1 # EOF \\\\b{x=\\\"\",variant=\"[2J\\\"\"");
    buf_fini(&text);
}

static void runs_of_one_name_are_told_apart(void)
{
    struct buf text;

    scripted_make(&script, 5); /* the fifth is named as the first */
    make_text(METRICS_PROMETHEUS, &text);
    (void)check_grammar(buf_text(&text), false);
    CHECK_HAS(buf_text(&text), "postmuster_time_scale_ratio{run=\"q172364#2\",variant=\"\"} 60\n");
    buf_fini(&text);
}

static void openmetrics_is_given_to_whom_it_is_no_less_welcome_than_text(void)
{
    static const char prometheus[] = "application/openmetrics-text;version=1.0.0;q=0.5,application/"
                                     "openmetrics-text;version=0.0.1;"
                                     "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    CHECK_U64(metrics_accepted(prometheus), METRICS_OPENMETRICS);
    CHECK_U64(metrics_accepted(NULL), METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted(""), METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted("*/*"), METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted("text/html, */*;q=0.8"), METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted("Application/OpenMetrics-Text"), METRICS_OPENMETRICS);
    CHECK_U64(metrics_accepted("application/openmetrics-text; q=0"), METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted("application/openmetrics-text;q=0.3, text/plain;q=0.31"),
              METRICS_PROMETHEUS);
    CHECK_U64(metrics_accepted("application/openmetrics-text ; q=1.000 , text/plain"),
              METRICS_OPENMETRICS);
    CHECK_U64(metrics_accepted(",;,q=;q=x;=,application/openmetrics-text;q=99999999999999999999"),
              METRICS_PROMETHEUS);
}

/* ---------------------------------------------------------------------------------------------------------- over HTTP */

/* The whole answer, head and body; malloc'ed. */
static char *ask(uint16_t port, const char *request)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0, room = 1u << 20;
    char *answer = calloc(1, room);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (answer && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        for (ssize_t got = 1; got > 0 && n<room - 1; n += got> 0 ? (size_t)got : 0)
            got = recv(fd, answer + n, room - 1 - n, 0);
    (void)close(fd);
    return answer ? answer : strdup("");
}

static void check_answer(uint16_t port, const char *request, const char *status, const char *part)
{
    char *answer = ask(port, request);

    CHECK(strncmp(answer, status, strlen(status)) == 0);
    CHECK_HAS(answer, part);
    free(answer);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static void the_server_answers_scrapes_and_nothing_else(void)
{
    struct net_addr at;
    struct err e = {0};

    scripted_make(&script, 1);
    CHECK(net_parse(&at, "127.0.0.1:0", 0, &e));
    struct metrics_server *s = metrics_serve(&at, &e);

    if (!CHECK(s != NULL))
        return;
    uint16_t port = metrics_addr(s).port;

    check_answer(port, "GET /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 503", "no run has begun");
    for (unsigned i = 0; i < 100; i++) /* more than its ring holds */
        metrics_publish(s, &script.campaign, (i + 1) * NS_PER_S);
    script.jobs[0].status.counts.seen = 4711;
    for (unsigned i = 0; i < 300; i++) { /* until one has found room */
        metrics_publish(s, &script.campaign, (i + 200) * NS_PER_S);
        program_sleep_ms(1);
    }
    check_answer(port, "GET /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200",
                 "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    check_answer(port, "GET /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200",
                 "postmuster_copies_seen_total{run=\"q172364\",variant=\"\"} 4711\n");
    check_answer(port, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n" CLOSE,
                 "HTTP/1.1 200",
                 "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    check_answer(port, "HEAD /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "Content-Length: ");
    check_answer(port, "GET / HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "/metrics\n");
    check_answer(port, "GET /../etc/passwd HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404", "/metrics\n");
    check_answer(port, "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc",
                 "HTTP/1.1 405", "Allow: GET, HEAD\r\n");
    free(ask(port, "\026\003\001 not HTTP at all\r\n\r\n"));
    check_answer(port, "GET /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "4711");
    metrics_end(s);
    metrics_end(NULL);
}

static void a_taken_port_is_a_word_to_the_caller(void)
{
    struct net_addr at;
    struct err e = {0};

    CHECK(net_parse(&at, "127.0.0.1:0", 0, &e));
    struct metrics_server *s = metrics_serve(&at, &e);

    if (!CHECK(s != NULL))
        return;
    at = metrics_addr(s);
    CHECK(metrics_serve(&at, &e) == NULL);
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "--metrics: cannot listen on 127.0.0.1:");
    metrics_end(s);
}

/* --------------------------------------------------------------------------------------------------------- a real run */

#define PROFILE                                                                                    \
    "schema: 1\nrun: {name: scraped, seed: 5}\n"                                                   \
    "lab: {version: modern, servers: [s1, s2], time_scale: 20}\n"                                  \
    "mailboxes: {anna: {count: 3, home: s1}, joe: {home: s2}}\n"                                   \
    "load: {x: {via: s2, from: joe, to: anna, arrivals: constant, rate: 5/s, duration: 60s}}\n"    \
    "moves: {m: {mailboxes: anna, from: s1, to: s2, start: 5s, every: 20s, count: 2}}\n"           \
    "settle: {silence: double-collect, retry: 10s, deadline: 5m}\n"

/* "metrics on http://127.0.0.1:PORT/metrics" */
static uint16_t port_said(const struct program *p)
{
    static const char words[] = "metrics on http://127.0.0.1:";
    unsigned long port = 0;

    for (unsigned i = 0; i < 500 && port == 0; i++) {
        char *said = program_said(p, true);
        const char *where = strstr(said, words);

        if (where && strstr(where, "/metrics\n"))
            port = strtoul(where + strlen(words), NULL, 10);
        free(said);
        program_sleep_ms(20);
    }
    return (uint16_t)port;
}

static uint64_t value_of(const char *text, const char *series)
{
    const char *at = strstr(text, series);

    return at ? strtoull(at + strlen(series), NULL, 10) : 0;
}

static void a_real_run_is_scraped_while_it_goes_on(void)
{
    static const char dir_name[] = "metrics_run";
    char dir[300], runs[400];
    uint64_t sent = 0, before = 0;
    unsigned scrapes = 0, phases = 0;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir(dir_name));
    (void)snprintf(runs, sizeof runs, "%s/runs", dir);
    const char *profile = scratch_file(dir, "p.yaml", PROFILE);
    const char *const argv[] = {"run",         profile,  "--runs", runs, "--metrics",
                                "127.0.0.1:0", "--live", "plain",  NULL};
    struct program p;

    CHECK(program_start(&p, &(struct program_way){.dir = dir}, argv));
    uint16_t port = port_said(&p);

    CHECK(port != 0);
    for (unsigned i = 0; i < 600 && port && !program_is_over(&p); i++) {
        char *answer =
            ask(port, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n" CLOSE);
        const char *body = strstr(answer, "\r\n\r\n");

        if (strncmp(answer, "HTTP/1.1 200", 12) == 0 && body) {
            (void)check_grammar(body + 4, true);
            sent =
                value_of(body, "postmuster_messages_sent_total{run=\"scraped\",variant=\"\",load="
                               "\"x\",server=\"s2\"} ");
            CHECK(sent >= before);
            before = sent;
            scrapes++;
            phases |= 1u << (strstr(body, "phase=\"load\"} 1\n") ? 1 : 0);
        }
        free(answer);
        program_sleep_ms(50);
    }
    CHECK(program_wait(&p, 60));
    CHECK_U64((uint64_t)p.code, EX_PASS);
    CHECK(scrapes >= 5);
    CHECK(phases & 2);
    CHECK_BETWEEN((double)sent, 1, 300);
    char *said = program_said(&p, true);

    CHECK_HAS(said, "scraped settle ");
    CHECK(memchr(said, 033, strlen(said)) == NULL);
    free(said);
}

static void an_address_that_the_profile_does_not_allow_is_refused(void)
{
    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("metrics_guard"));
    const char *profile = scratch_file(dir, "p.yaml", PROFILE);
    const char *outside[] = {"run", profile, "--runs", dir, "--metrics", "192.0.2.1:9464", NULL};
    const char *nonsense[] = {"run", profile, "--runs", dir, "--metrics", "localhost", NULL};
    const char *mode[] = {"run", profile, "--runs", dir, "--live", "curses", NULL};
    struct program p;

    CHECK_I64(program_run(&p, &(struct program_way){.dir = dir}, outside), EX_GUARD);
    char *said = program_said(&p, true);

    CHECK_HAS(said, "--metrics");
    free(said);
    CHECK_I64(program_run(&p, &(struct program_way){.dir = dir}, nonsense), EX_BAD_USAGE);
    CHECK_I64(program_run(&p, &(struct program_way){.dir = dir}, mode), EX_BAD_USAGE);
}

static const struct test tests[] = {
    TEST(runs_are_told_in_both_forms_to_the_octet),
    TEST(buckets_add_up_to_their_count),
    TEST(before_any_run_there_is_only_the_process),
    TEST(hostile_names_are_escaped_and_stay_one_label),
    TEST(runs_of_one_name_are_told_apart),
    TEST(openmetrics_is_given_to_whom_it_is_no_less_welcome_than_text),
    TEST(the_server_answers_scrapes_and_nothing_else),
    TEST(a_taken_port_is_a_word_to_the_caller),
    TEST(a_real_run_is_scraped_while_it_goes_on),
    TEST(an_address_that_the_profile_does_not_allow_is_refused),
    TEST_END,
};

const struct suite metrics_suite = {"metrics", tests};
