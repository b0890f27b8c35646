/* html.c - escaping, and words for numbers. */
#include "results/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/text.h"

#define HASH_ROOM 64
#define NOTHING   "\xe2\x80\x93" /* a dash: there is no such number */
#define SPACE     "\xc2\xa0"     /* between a number and its unit: does not break */

/* Control characters have no meaning in a page and some are not allowed in it. */
static const char *entity(unsigned char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? " " : NULL;
    }
}

/* What stands for the next character; NULL: itself. Characters that turn the direction of text, or are seen by nobody, are shown as
 * being there. */
static const char *fit(const char *text, size_t *took)
{
    *took = 1;
    if ((unsigned char)*text < 0x80)
        return entity((unsigned char)*text);
    struct slice here = slice_from(text, strnlen(text, 4));

    return text_shown(here, took).p == here.p ? NULL : "\xef\xbf\xbd";
}

bool html_text_within(struct html *h, const char *text, size_t room)
{
    size_t used = 0;

    while (h->ok && *text) {
        const char *as = NULL;
        size_t plain = 0, took = 0;

        while (text[plain] && used + plain < room && !(as = fit(text + plain, &took)))
            plain += took; /* a character of several octets is not cut */
        h->ok = buf_add(h->out, text, plain);
        text += plain;
        used += plain;
        if (!*text)
            break;
        if (used >= room)
            return false;
        h->ok = h->ok && buf_add_text(h->out, as);
        used += strlen(as);
        text += took;
    }
    return true;
}

void html_text(struct html *h, const char *text)
{
    (void)html_text_within(h, text, SIZE_MAX);
}

void html_mix(struct html *h, ...)
{
    va_list args;
    bool ours = true;

    va_start(args, h);
    for (const char *s = va_arg(args, const char *); s; s = va_arg(args, const char *)) {
        if (ours)
            h->ok = h->ok && buf_add_text(h->out, s);
        else
            html_text(h, s);
        ours = !ours;
    }
    va_end(args);
}

void html_policy_hash(struct html *h, struct slice text)
{
    unsigned char digest[EVP_MAX_MD_SIZE], base64[HASH_ROOM];
    unsigned len = 0;

    h->ok = h->ok && EVP_Digest(text.p, text.n, digest, &len, EVP_sha256(), NULL) == 1;
    if (!h->ok)
        return;
    (void)EVP_EncodeBlock(base64, digest, (int)len);
    html_mix(h, " 'sha256-", (const char *)base64, "'", NULL);
}

struct word word_count(uint64_t n)
{
    struct word w;

    (void)text_print_count(w.t, sizeof w.t, n);
    return w;
}

struct word word_plain(int64_t n)
{
    struct word w;

    (void)snprintf(w.t, sizeof w.t, "%lld", (long long)n);
    return w;
}

/* A number with as many decimals as make it worth saying, and no zeros at the end. */
static void print_short(struct word *w, double n, int decimals, const char *unit)
{
    int len = snprintf(w->t, sizeof w->t, "%.*f", decimals, n);

    while (decimals > 0 && len > 0 && w->t[len - 1] == '0')
        w->t[--len] = '\0';
    if (decimals > 0 && len > 0 && w->t[len - 1] == '.')
        w->t[--len] = '\0';
    (void)snprintf(w->t + len, sizeof w->t - (size_t)len, SPACE "%s", unit);
}

struct word word_ppm(uint64_t ppm)
{
    struct word w;
    double percent = (double)ppm / 1e4;

    print_short(&w, percent, percent >= 99.9 && ppm < 1000000 ? 4 : percent >= 1 ? 2 : 4, "%");
    return w;
}

struct word word_span(uint64_t ns)
{
    struct word w;
    double us = (double)ns / 1e3;
    uint64_t s = (ns + NS_PER_S / 2) / NS_PER_S;

    if (ns == 0)
        print_short(&w, 0, 0, "s");
    else if (us < 1000)
        print_short(&w, us, us < 10 ? 1 : 0, "\xc2\xb5s");
    else if (us < 1e6)
        print_short(&w, us / 1e3, us < 1e4 ? 2 : us < 1e5 ? 1 : 0, "ms");
    else if (us < 12e7)
        print_short(&w, us / 1e6, us < 1e7 ? 2 : 1, "s");
    else if (s < 7200 && s % 60)
        (void)snprintf(w.t, sizeof w.t, "%u" SPACE "min" SPACE "%u" SPACE "s", (unsigned)(s / 60),
                       (unsigned)(s % 60));
    else if (s < 7200)
        (void)snprintf(w.t, sizeof w.t, "%u" SPACE "min", (unsigned)(s / 60));
    else
        (void)snprintf(w.t, sizeof w.t, "%llu" SPACE "h" SPACE "%u" SPACE "min",
                       (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60));
    return w;
}

struct word word_clock(uint64_t ns)
{
    struct word w;
    uint64_t ms = ns / NS_PER_MS;

    (void)snprintf(w.t, sizeof w.t, "%llu:%02u:%02u.%03u", (unsigned long long)(ms / 3600000),
                   (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
    return w;
}

bool field_is(const json_t *o, const char *key)
{
    return json_is_integer(json_object_get(o, key));
}

int64_t field_number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

const char *field_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static struct word field_as(const json_t *o, const char *key, struct word (*as)(uint64_t),
                            uint64_t unit)
{
    struct word none = {NOTHING};
    int64_t n = field_number(o, key);

    return field_is(o, key) && n >= 0 ? as((uint64_t)n * unit) : none;
}

struct word field_count(const json_t *o, const char *key)
{
    return field_as(o, key, word_count, 1);
}

struct word field_span(const json_t *o, const char *key)
{
    return field_as(o, key, word_span, 1);
}

struct word field_span_us(const json_t *o, const char *key)
{
    return field_as(o, key, word_span, NS_PER_US);
}

struct word field_ppm(const json_t *o, const char *key)
{
    return field_as(o, key, word_ppm, 1);
}

struct word field_clock(const json_t *o, const char *key)
{
    return field_as(o, key, word_clock, 1);
}
