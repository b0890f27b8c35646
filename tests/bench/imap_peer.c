/* imap_peer.c - one easy handle, so that connection, log-in and the selected mailbox are used again. */
#include "tests/bench/imap_peer.h"

#include <stdio.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/err.h"

/* CURLOPT_WRITEFUNCTION */
static size_t take(char *p, // NOLINT(readability-non-const-parameter): as libcurl has it
                   size_t size, size_t n, void *owner)
{
    size_t *got = owner;

    (void)p;
    *got += size * n;
    return size * n;
}

static void read_one(CURL *easy, const struct imap_order *o, uint32_t uid, size_t bytes_least)
{
    char url[200], at[NET_TEXT];
    size_t got = 0;

    (void)snprintf(url, sizeof url, "imap://%s/INBOX;UID=%u", net_print(&o->at, at), uid);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
    CURLcode code = curl_easy_perform(easy);

    if (code != CURLE_OK || got < bytes_least)
        bench_fail("libcurl and UID %u: %s, %zu octets", uid, curl_easy_strerror(code), got);
}

void imap_peer_read(const struct imap_order *o, uint32_t messages, uint32_t of, uint32_t first,
                    size_t bytes_least, struct bench_shot *shot)
{
    CURL *easy = curl_easy_init();

    PM_ASSERT(easy);
    (void)curl_easy_setopt(easy, CURLOPT_USERNAME, o->user);
    (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, o->password);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    uint64_t from_ns = clock_mono_ns(), cpu_ns = cpu_thread_ns();

    for (uint32_t i = 0; i < messages; i++)
        read_one(easy, o, first + (uint32_t)((uint64_t)i * of / messages), bytes_least);
    *shot = (struct bench_shot){.messages = messages,
                                .ns = clock_mono_ns() - from_ns,
                                .ask_cpu_ns = cpu_thread_ns() - cpu_ns};
    curl_easy_cleanup(easy);
}
