/* page_private.h - the parts of the page's data: each takes the copies one by one and gives its share of the object. */
#ifndef RESULTS_PAGE_PRIVATE_H
#define RESULTS_PAGE_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "results/copies.h"
#include "results/report.h"
#include "results/stats.h"
#include "results/window_edges.h"

#define PAGE_LANES   400u
#define PAGE_BINS    240u
#define PAGE_STORIES 200u
#define PAGE_PLACES  200u
#define PAGE_FIRST   3u

struct page_run { /* borrowed, for as long as the page is made */
    const struct report_source *source;
    const struct manifest *m;
    const struct ledger *l;
    const struct judgement *j;
    const struct tally *t;
    struct copies *copies;
};

/* ---- page_text.c ---- */

void page_put(json_t *o, const char *key, json_t *value);
void page_push(json_t *list, json_t *value);
json_t *page_words(const char *text); /* in one line, made fit to show; NULL text: null */
json_t *page_lines(struct slice text,
                   size_t limit); /* the same line by line, at most so many bytes */
json_t *page_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
json_t *page_token(const struct page_run *r, uint64_t number);
json_t *page_ppm(double share);
const char *page_server(const struct manifest *m, uint32_t server);
const char *page_mailbox(const struct manifest *m, uint32_t mailbox);
enum axis page_group(enum outcome c); /* the worse of the two axes */
const char *page_axis_name(enum axis a);
bool page_is_bad(enum outcome c);         /* a violation, or not to be believed at all */
uint64_t page_time(const struct copy *p); /* when it was in somebody's hands; NEVER_NS: never */
uint64_t page_planned(const struct page_run *r, const struct copy *p); /* when it was due */
uint64_t page_mark(const struct page_run *r, uint32_t move,
                   enum move_mark k); /* NEVER_NS: not passed */

/* Rows of which every second is dropped whenever there is no more room: what stays is spread evenly over all. */
struct thin {
    unsigned char *rows;
    size_t size;
    uint32_t count, room;
    uint64_t seen, stride;
};

bool thin_init(struct thin *t, size_t size, uint32_t room); /* false: out of memory */
void thin_fini(struct thin *t);
void thin_add(struct thin *t, const void *row);
uint32_t thin_shown(const struct thin *t,
                    uint32_t cap); /* so many of them, the i-th of which is: */
const void *thin_row(const struct thin *t, uint32_t i, uint32_t shown);

/* ---- the parts: create() with e on failure, destroy(NULL) is fine ---- */

struct page_timeline;
struct page_timeline *page_timeline_create(const struct page_run *r, struct err *e);
void page_timeline_destroy(struct page_timeline *t);
void page_timeline_add(struct page_timeline *t, const struct copy *p);
json_t *page_timeline_json(struct page_timeline *t);

struct page_phase;
struct page_phase *page_phase_create(const struct page_run *r, struct err *e);
void page_phase_destroy(struct page_phase *f);
void page_phase_add(struct page_phase *f, const struct copy *p);
/* true: there were too many copies for the window's estimate; it wants those near the harm once more. */
bool page_phase_looks_again(struct page_phase *f);
void page_phase_add_again(struct page_phase *f, const struct copy *p);
json_t *page_phase_json(struct page_phase *f);

/* Sorts the shots (page_window.c); late: figures about windows are not conclusive. null: there is none to be seen. */
json_t *page_window_json(struct shot *shots, size_t n, bool late);

struct page_moves;
struct page_moves *page_moves_create(const struct page_run *r, struct err *e);
void page_moves_destroy(struct page_moves *v);
void page_moves_add(struct page_moves *v, const struct copy *p);
json_t *page_moves_json(const struct page_moves *v);
uint64_t page_moves_left_out(const struct page_moves *v);

struct page_stories;
struct page_stories *page_stories_create(const struct page_run *r, struct err *e);
void page_stories_destroy(struct page_stories *s);
void page_stories_add(struct page_stories *s, const struct copy *p);
bool page_stories_choose(struct page_stories *s, struct err *e); /* after the last copy */
void page_stories_event(struct page_stories *s, const struct event *ev);
/* NO_INDEX: it has none. */
uint32_t page_stories_find(const struct page_stories *s, uint64_t number, uint32_t recipient,
                           bool alternate);
json_t *page_stories_json(const struct page_stories *s);
uint64_t page_stories_left_out(const struct page_stories *s);

struct page_method;
struct page_method *page_method_create(const struct page_run *r, struct err *e);
void page_method_destroy(struct page_method *h);
void page_method_add(struct page_method *h, const struct copy *p);
void page_method_event(struct page_method *h, const struct event *ev);
json_t *page_method_json(struct page_method *h);

/* ---- what needs nothing but the judgement ---- */

struct page_counts {         /* what the sentences are made of */
    uint64_t bad;            /* copies of violating classes */
    struct proportion moves; /* with such copies, of those that were carried out and had mail */
    uint64_t tested;         /* accepted or in doubt, and owed */
};

json_t *page_banner_json(const struct page_run *r);
json_t *page_unproven_json(const struct page_run *r, const struct page_counts *n); /* sentences */

/* ---- page_accounts.c: classes, flow and latencies ---- */

struct page_accounts;
struct page_accounts *page_accounts_create(const struct page_run *r, struct err *e);
void page_accounts_destroy(struct page_accounts *a);
void page_accounts_add(struct page_accounts *a, const struct copy *p);
json_t *page_classes_json(const struct page_accounts *a, const struct page_stories *s);
json_t *page_flow_json(const struct page_accounts *a);
json_t *page_latency_json(const struct page_accounts *a);

/* ---- page_reports.c: the text of reports, by the token that stands in them ---- */

struct page_wanted {
    uint64_t number;
    const char *address; /* preferred: a report that names it */
    json_t *text;        /* found; NULL: none */
    unsigned score;
    char token[27];
};

/* Sorts what is wanted by token, and fills in what dir/reports holds. */
void page_reports_read(const char *run_dir, struct page_wanted *wanted, uint32_t count);

#endif
