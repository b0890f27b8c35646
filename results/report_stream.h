/* report_stream.h - what the forms for machines share: text given on piece by piece, numbers, times, and words that others chose
 * made fit for XML, Markdown and CSV. Memory: one piece, however long the form. One thread.
 *
 * Names come from profiles, statuses from servers: what is no UTF-8, and what a form cannot hold, becomes U+FFFD.
 */
#ifndef RESULTS_REPORT_STREAM_H
#define RESULTS_REPORT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "results/copies.h"
#include "results/judge.h"
#include "results/report.h"

struct report_stream {
    struct buf text; /* not given on yet */
    const struct report_out *out;
    bool broken; /* nobody takes more, or memory is out */
};

void stream_begin(struct report_stream *s, const struct report_out *out);
bool stream_end(struct report_stream *s, struct err *e); /* the rest; false: EX_IO */
bool stream_step(
    struct report_stream *s); /* between rows: gives on what is a piece; false: broken */

void stream_add(struct report_stream *s, const char *text);
void stream_format(struct report_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void stream_u64(struct report_stream *s, uint64_t n);
void stream_i64(struct report_stream *s, int64_t n);
void stream_xml(struct report_stream *s, const char *words); /* of an element or an attribute */
/* Of a table's cell or a sentence; cut after so many characters. */
void stream_markdown(struct report_stream *s, const char *words, unsigned characters);
/* A field of RFC 4180; what a spreadsheet would take for a formula gets an apostrophe in front. */
void stream_csv(struct report_stream *s, const char *words);

/* The character at the front of a slice that is not empty, and its octets: U+FFFD for one octet that begins none. */
uint32_t report_character(struct slice s, size_t *octets);
/* Valid UTF-8 without NULs, cut at the room; line ends and tabs stay, other control characters become U+FFFD. */
void report_utf8(struct buf *out, struct slice said);

#define ISO_BYTES 32

/* When that was by the wall's clock, "2026-11-22T09:22:03.000000Z"; "" for NEVER_NS and in a run on simulated time. */
const char *report_iso(char out[ISO_BYTES], const struct manifest *m, uint64_t t_ns);

const char *report_mailbox(const struct manifest *m, uint32_t mailbox); /* "" if there is none */
const char *report_server(const struct manifest *m, uint32_t server);
/* "verified", "done", "disproved", "failed", "never ended", "never asked" */
const char *report_move_result(const struct move_marks *k);
const char *report_axis(enum axis a);  /* "ok", "warning", "violation", "open", "invalid" */
enum axis class_worse(enum outcome o); /* of its two axes */
const char *said_token(const struct report_source *s, uint64_t number, char out[27]);
/* The report's status, else the reply's. */
const char *said_status(const struct report_source *s, const struct copy *p, char *out,
                        size_t room);

struct
    same_status { /* the status of the copy before: that of the next one is nearly always the same */
    bool any;
    uint32_t end_code, report_code, how;
    char text[240];
};

/* As said_status(); valid until the next call. */
const char *same_status(struct same_status *last, const struct report_source *s,
                        const struct copy *p);
bool report_each_copy(const struct report_source *s,
                      bool (*each)(void *owner, const struct copy *copies, uint32_t n), void *owner,
                      struct err *e);

#endif
