/* html.h - HTML into a buffer, in which what others said can never be markup.
 *
 * One thread; the buffer is the caller's. A buffer that is full or out of memory makes `ok` false, and the rest is left out.
 */
#ifndef RESULTS_HTML_H
#define RESULTS_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct html {
    struct buf *out;
    bool ok;
};

/* Markup of ours and text of anybody's in turns, markup first, ended by NULL: html_mix(h, "<td>", name, "</td>", NULL). */
void html_mix(struct html *h, ...) __attribute__((sentinel));
void html_text(struct html *h, const char *text); /* one text, escaped */
/* " 'sha256-<base64>'" of what stands between the tags, for the page's policy, as browsers compute it. */
void html_policy_hash(struct html *h, struct slice text);
/* Escaped until `room` octets are written; false: there was more. */
bool html_text_within(struct html *h, const char *text, size_t room);

/* Words for numbers of a JSON object; "" (or the dash that is shown for nothing) where there is none. */
struct word {
    char t[64];
};

struct word word_count(uint64_t n);  /* "1,234" */
struct word word_plain(int64_t n);   /* "1234" */
struct word word_ppm(uint64_t ppm);  /* "0.75 %" */
struct word word_span(uint64_t ns);  /* "83 ms", "1.25 s", "2 min 3 s" */
struct word word_clock(uint64_t ns); /* target time: "0:01:02.345" */

struct word field_count(const json_t *o, const char *key);
struct word field_span(const json_t *o, const char *key); /* a field in ns */
struct word field_span_us(const json_t *o, const char *key);
struct word field_ppm(const json_t *o, const char *key);
struct word field_clock(const json_t *o, const char *key); /* a field in ns */
const char *field_text(const json_t *o, const char *key);  /* "": none */
int64_t field_number(const json_t *o, const char *key);    /* 0: none */
bool field_is(const json_t *o, const char *key);           /* a number is there */

#endif
