/* rng.h - counter-based generator: value = f(seed, stream, counter). Any thread, any time, the same value.
 *
 * rng_at() costs a few ns and keeps no shared state: message 41's content is rng_at(seed, RNG_MESSAGE, 41).
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t key, counter;
};

struct rng rng_at(uint64_t seed, uint32_t stream, uint64_t counter);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* uniform in 0..n-1, without bias; 0 for n = 0 */
double rng_unit(struct rng *r);                /* [0, 1) */
double rng_exponential(struct rng *r);         /* mean 1 */

#endif
