/* fuzz_control.c - libFuzzer's entry for the lab's control API and the callers of metrics: any requests in any order are answered,
 * by JSON and a known status,
 * and the site goes on for ten minutes more in bounded time.
 *
 * A line is "METHOD PATH BODY"; "+N" lets N tenths of seconds pass, "@N" sends a message to mailbox N; "a ..." is an Accept header.
 */
#include <stdlib.h>
#include <string.h>

#include "app/metrics.h"
#include "base/clock.h"
#include "base/err.h"
#include "lab/lab.h"

#define LINES_MAX  200
#define ANSWER_MAX (4u << 20)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct lab *make_lab(void)
{
    static const char *const servers[] = {"s1", "s2"};
    static const struct lab_mailbox_config boxes[] = {
        {.name = "joe", .home = 0, .password = "pw"},
        {.name = "ann", .home = 0, .alternate = "bob", .both = true, .password = "pw"},
        {.name = "bob", .home = 1, .password = "pw", .stock_bytes = 50000000, .stock_items = 10},
    };
    struct err e = {0};

    return lab_create(&(struct lab_config){.version = "5.5-sp3",
                                           .domain = "lab.test",
                                           .site = "50site",
                                           .server_names = servers,
                                           .servers = 2,
                                           .mailboxes = boxes,
                                           .mailbox_count = 3,
                                           .seed = 1},
                      &e);
}

static void send_one(struct lab *l, uint64_t to)
{
    static const char *const addresses[] = {"joe@lab.test", "ann@lab.test", "bob@lab.test",
                                            "nobody@lab.test"};
    const struct lab_recipient rcpt = {.address = slice_of(addresses[to % 4])};
    const struct lab_submission m = {.from = slice_of("joe@lab.test"),
                                     .recipients = &rcpt,
                                     .count = 1,
                                     .content = slice_of("Subject: x\r\n\r\nhello\r\n"),
                                     .client = "fuzz"};
    struct err e = {0};

    PM_ASSERT(lab_submit(l, (int)(to / 4 % 2), &m, &e) != 0 || e.text[0]);
}

static void ask(struct lab *l, struct slice line)
{
    char method[16] = "", path[512] = "";
    struct slice word;
    json_t *body = NULL;
    json_error_t why;
    int status = 0;

    (void)slice_cut(&line, ' ', &word);
    memcpy(method, word.p, word.n < sizeof method ? word.n : 0);
    (void)slice_cut(&line, ' ', &word);
    memcpy(path, word.p, word.n < sizeof path ? word.n : 0);
    if (line.n > 0)
        body = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &why);
    json_t *answer = lab_control(l, method, path, body, &status);
    char *text = json_dumps(answer, JSON_COMPACT);

    PM_ASSERT(status == 200 || status == 400 || status == 404 || status == 409);
    PM_ASSERT(text && strlen(text) < ANSWER_MAX && json_is_object(answer));
    PM_ASSERT(status == 200 || json_is_string(json_object_get(answer, "error")));
    free(text);
    json_decref(answer);
    json_decref(body);
}

static uint64_t number_of(struct slice line)
{
    uint64_t n = 0;

    for (size_t i = 1; i < line.n && i < 6 && line.p[i] >= '0' && line.p[i] <= '9'; i++)
        n = n * 10 + (line.p[i] - (uint64_t)'0');
    return n;
}

static void accept_of(struct slice line)
{
    char text[1000] = "";

    memcpy(text, line.p, line.n < sizeof text ? line.n : 0);
    PM_ASSERT(metrics_accepted(text) < METRICS_FORMS);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice rest = slice_from(data, n), line;
    struct lab *l = make_lab();

    PM_ASSERT(l);
    for (int i = 0; rest.n > 0 && i < LINES_MAX; i++) {
        (void)slice_cut(&rest, '\n', &line);
        if (slice_starts(line, "+"))
            lab_run_until(l, lab_now_ns(l) + number_of(line) * (NS_PER_S / 10));
        else if (slice_starts(line, "@"))
            send_one(l, number_of(line));
        else if (slice_starts(line, "a "))
            accept_of(line);
        else
            ask(l, line);
    }
    lab_run_until(l, lab_now_ns(l) + 600 * NS_PER_S);
    ask(l, slice_of("GET /v1/queues"));
    ask(l, slice_of("GET /v1/site"));
    lab_destroy(l);
    return 0;
}
