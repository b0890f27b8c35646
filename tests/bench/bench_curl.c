/* bench_curl.c - the same messages through libcurl's SMTP, as a program would send them with it: bench_curl HOST:PORT MESSAGES
 * SIZE [HANDLES], 50 handles on one multi handle if not said. Prints one JSON object; cpu_* is getrusage of the one thread
 * while they were sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/bench/side.h"

#define HANDLES_MAX 1000u
#define STALL_NS    (20 * NS_PER_S)
#define HEAD                                                                                       \
    "From: <writer@bench.test>\r\nTo: <reader@bench.test>\r\nDate: Thu, 1 Jan 1970 00:00:00 "      \
    "+0000\r\nSubject: bench\r\nMessage-ID: <1@bench.test>\r\n\r\n"
#define LINE 64u

struct transfer {
    CURL *easy;
    size_t sent;
};

struct bench {
    CURLM *multi;
    struct transfer *transfers;
    struct curl_slist *to;
    char url[100], *text;
    size_t text_bytes;
    uint64_t messages, begun, accepted, refused;
    unsigned handles;
};

static struct bench b;

static size_t read_text(char *out, size_t size, size_t n, void *owner)
{
    struct transfer *t = owner;
    size_t left = b.text_bytes - t->sent, take = left < size * n ? left : size * n;

    memcpy(out, b.text + t->sent, take);
    t->sent += take;
    return take;
}

static void make_text(size_t body)
{
    size_t head = sizeof HEAD - 1;

    b.text_bytes = head + body;
    b.text = malloc(b.text_bytes + 1);
    PM_ASSERT(b.text && body >= 2);
    memcpy(b.text, HEAD, head);
    for (size_t i = 0; i < body; i++)
        b.text[head + i] = (char)(i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : 'x');
    memcpy(b.text + head + body - 2, "\r\n", 2);
}

static void begin(struct transfer *t)
{
    t->sent = 0;
    b.begun++;
    PM_ASSERT(curl_multi_add_handle(b.multi, t->easy) == CURLM_OK);
}

static void open_transfer(struct transfer *t)
{
    t->easy = curl_easy_init();
    PM_ASSERT(t->easy);
    (void)curl_easy_setopt(t->easy, CURLOPT_URL, b.url);
    (void)curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, "<writer@bench.test>");
    (void)curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, b.to);
    (void)curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, read_text);
    (void)curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
}

static void take_ended(void)
{
    int left;

    for (CURLMsg *m; (m = curl_multi_info_read(b.multi, &left));) {
        struct transfer *t = NULL;

        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (m->data.result == CURLE_OK)
            b.accepted++;
        else
            b.refused++;
        (void)curl_multi_remove_handle(b.multi, t->easy);
        if (b.begun < b.messages)
            begin(t);
    }
}

static void send_all(void)
{
    uint64_t last = 0, last_ns = clock_mono_ns();
    int running;

    for (unsigned i = 0; i < b.handles && b.begun < b.messages; i++)
        begin(&b.transfers[i]);
    while (b.accepted + b.refused < b.messages) {
        PM_ASSERT(curl_multi_perform(b.multi, &running) == CURLM_OK);
        take_ended();
        if (b.accepted + b.refused != last) {
            last = b.accepted + b.refused;
            last_ns = clock_mono_ns();
        } else if (clock_mono_ns() - last_ns > STALL_NS) {
            bench_fail("nothing ended for 20 s: %llu of %llu", (unsigned long long)last,
                       (unsigned long long)b.messages);
        }
        if (running > 0)
            PM_ASSERT(curl_multi_poll(b.multi, NULL, 0, 1000, NULL) == CURLM_OK);
    }
}

static uint64_t us_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage before, after;

    if (argc < 4)
        bench_fail("bench_curl HOST:PORT MESSAGES SIZE [HANDLES]");
    (void)snprintf(b.url, sizeof b.url, "smtp://%s/bench.test", argv[1]);
    b.messages = strtoull(argv[2], NULL, 10);
    b.handles = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 50;
    if (b.handles < 1 || b.handles > HANDLES_MAX)
        bench_fail("1 to %u handles", HANDLES_MAX);
    make_text(strtoul(argv[3], NULL, 10));
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    b.multi = curl_multi_init();
    b.to = curl_slist_append(NULL, "<reader@bench.test>");
    b.transfers = calloc(b.handles, sizeof *b.transfers);
    PM_ASSERT(b.multi && b.to && b.transfers);
    (void)curl_multi_setopt(b.multi, CURLMOPT_MAXCONNECTS, (long)b.handles);
    for (unsigned i = 0; i < b.handles; i++)
        open_transfer(&b.transfers[i]);
    uint64_t from = clock_mono_ns();

    PM_ASSERT(getrusage(RUSAGE_SELF, &before) == 0);
    send_all();
    uint64_t wall_us = (clock_mono_ns() - from) / 1000;

    PM_ASSERT(getrusage(RUSAGE_SELF, &after) == 0);
    for (unsigned i = 0; i < b.handles; i++)
        curl_easy_cleanup(b.transfers[i].easy);
    (void)curl_multi_cleanup(b.multi);
    curl_slist_free_all(b.to);
    free(b.transfers);
    free(b.text);
    (void)printf("{\"messages\": %llu, \"accepted\": %llu, \"refused\": %llu, \"wall_us\": %llu, "
                 "\"cpu_user_us\": %llu, \"cpu_system_us\": %llu, \"version\": \"%s\"}\n",
                 (unsigned long long)b.messages, (unsigned long long)b.accepted,
                 (unsigned long long)b.refused, (unsigned long long)wall_us,
                 (unsigned long long)(us_of(after.ru_utime) - us_of(before.ru_utime)),
                 (unsigned long long)(us_of(after.ru_stime) - us_of(before.ru_stime)),
                 curl_version_info(CURLVERSION_NOW)->version);
    curl_global_cleanup();
    return 0;
}
