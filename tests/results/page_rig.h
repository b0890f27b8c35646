/* page_rig.h - a run's folder made for tests of the report page: manifest, journal and kept reports, as large as is asked for.
 *
 * Servers s0 s1 s2; mailboxes box0 ... (one a move, at least one; home s1) and joe, who sends by s2. Message n is due at n *
 * gap_ms, and seen on s1 a second after it was accepted. Move i takes box i from s0 to s1: asked at even distances over the
 * run, flipped 1 s later, done 2 s later. What is accepted from 200 ms before its box's flip until 500 ms after it is lost.
 */
#ifndef TESTS_RESULTS_PAGE_RIG_H
#define TESTS_RESULTS_PAGE_RIG_H

#include "results/page_data.h"

struct page_spec {
    uint64_t messages;
    uint32_t moves;
    uint32_t gap_ms;                  /* 0: 100 */
    bool killed;                      /* no end, no settling */
    bool all_lost;                    /* nothing is ever seen */
    uint64_t reported;                /* so many of the first lost are reported instead */
    uint32_t queued;                  /* message 0 is seen so often in a queue */
    const char *box;                  /* name of the first mailbox; NULL: box0 */
    const char *report_name, *report; /* a file in reports/ */
};

struct page_rig {
    char dir[300];
    struct run_record run;
    struct line_sink words;
    struct report_source source;
};

void page_rig_make(struct page_rig *g, const char *name, const struct page_spec *spec);
json_t *page_rig_data(struct page_rig *g); /* of what was made; never NULL */
void page_rig_fini(struct page_rig *g);
const json_t *page_at(const json_t *o, const char *path); /* "timeline/moves/0/id"; NULL: none */
int64_t page_int(const json_t *o, const char *path);      /* INT64_MIN: no integer */
const char *page_text(const json_t *o, const char *path); /* "(none)": no text */
size_t page_size(const json_t *o, const char *path);      /* of an array */
int64_t page_sum(const json_t *o, const char *path);      /* of an array of integers */
size_t page_bytes(const json_t *o);                       /* as it would be written */
void page_rig_token(void *owner, uint64_t number, char out[27]); /* "0...017" */

#endif
