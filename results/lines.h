/* lines.h - one line a copy (`list`), as text or JSON, and the story of one message, mailbox or move (`trace`).
 *
 * Lines go to the caller as they are made; what they quote is of the caller's own making or from the manifest. results/
 * knows no tokens: the caller hands in how a number becomes one.
 */
#ifndef RESULTS_LINES_H
#define RESULTS_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "results/classify.h"
#include "results/judge.h"

struct line_sink {
    bool (*line)(void *owner, struct slice text); /* with its newline; false ends the list */
    void (*token)(void *owner, uint64_t number, char out[27]); /* NULL: lines carry no token */
    /* EVENT_X400 codes in words: "unable-to-transfer, unrecognised-OR-name". `how` is EV_END's `a` (ending, stage); 0: `code` is
     * a report's. "" where there are none; NULL: numbers only. */
    const char *(*x400)(uint32_t code, uint32_t how, char *out, size_t room);
    bool (*before)(
        void *owner,
        uint64_t t_ns); /* a line of that time comes, UINT64_MAX: no more; NULL is fine */
    void *owner;
};

struct list_filter {
    enum outcome outcome; /* CLASS_COUNT: all */
    uint32_t flag;        /* enum flag, FLAG_COUNT: all */
    uint32_t move;        /* NO_INDEX: all */
    bool json;
};

bool list_copies(const struct run_record *r, const struct list_filter *f,
                 const struct line_sink *sink, struct err *e);

/* The first line of a list in text. */
const char *list_heading(void);

/* What happened, from the journal, in order of time, and then what became of the copies. */
bool trace_message(const struct run_record *r, const char *run_dir, uint64_t number,
                   const struct line_sink *sink, struct err *e);
bool trace_mailbox(const struct run_record *r, const char *run_dir, uint32_t mailbox,
                   const struct line_sink *sink, struct err *e);
bool trace_move(const struct run_record *r, const char *run_dir, uint32_t move,
                const struct line_sink *sink, struct err *e);

/* One event in words, without its time: "s2 has a copy in joanne03 (scan 7)". The sink's x400 is asked; NULL: numbers. */
bool event_words(const struct manifest *m, const struct line_sink *sink, const struct event *ev,
                 struct buf *out);
/* "250 2.1.5", "550", "5.1.1"; "" for 0. X.400's: "X.400 5/2" (layer/code), "X.400 1/0" (reason/diagnostic), "X.400 1/-". */
const char *code_words(uint32_t code, char *out, size_t room);
const char *report_words(uint32_t code, char *out, size_t room);
/* The same with the sink's words behind it, where there are any; `how` as in line_sink.x400. */
const char *status_words(const struct line_sink *sink, uint32_t code, uint32_t how, char *out,
                         size_t room);

#endif
