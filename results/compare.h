/* compare.h - the class tables of several runs side by side, and what changed from one to the next in words. */
#ifndef RESULTS_COMPARE_H
#define RESULTS_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "results/classify.h"

#define COMPARED_MAX 64

struct compared {  /* what a comparison needs of one run */
    char name[96]; /* profile and variant, or target where that tells them apart */
    char verdict[16];
    uint64_t planned, classes[CLASS_COUNT], primaries[CLASS_COUNT], lost_but_alternate;
    uint64_t accept_p99_us, end_p99_us; /* from the plan to the acceptance, to the sighting */
    bool saturated;                     /* latencies are not certified, so they are not compared */
};

/* From summary.json; a run that never got one is judged from its journal. */
bool compared_read(struct compared *c, const char *run_dir, struct err *e);
bool compare_text(const struct compared *runs, uint32_t count, struct buf *out, bool color);
bool compare_json(const struct compared *runs, uint32_t count, struct buf *out, struct err *e);

#endif
