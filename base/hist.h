/* hist.h - mergeable log-linear latency histogram; values in microseconds, at most 0.1 % relative error.
 *
 * index(v) = v below 2^11, else (e << 10) + (v >> e) with e = bitlen(v) - 11. Merging is adding, so the order of threads
 * does not matter. One thread at a time.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdbool.h>
#include <stdint.h>

#define HIST_BUCKETS 45056 /* 2^11 + 43 * 2^10: every value below 2^53 */

struct hist {
    uint64_t count, sum, min, max;
    uint64_t *bucket; /* HIST_BUCKETS counters */
};

bool hist_init(struct hist *h); /* false: out of memory */
void hist_fini(struct hist *h);
void hist_add(struct hist *h, uint64_t us);
void hist_merge(struct hist *into, const struct hist *from);
uint64_t
hist_quantile(const struct hist *h,
              double q); /* high end of the smallest bucket with cum >= ceil(qN); 0 if empty */
uint32_t hist_index(uint64_t us);
uint64_t hist_low(uint32_t index);  /* smallest value of a bucket */
uint64_t hist_high(uint32_t index); /* largest value of a bucket */

#endif
