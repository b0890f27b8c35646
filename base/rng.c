/* rng.c - counter-based generator: value = f(seed, stream, counter).
 *
 * rng_at() mixes the three into a key; each draw is two rounds of a strong 64-bit mix (Pelle Evensen's moremur) over key
 * and draw number. Within one key every draw is a bijection of its number; between keys the sequences are unrelated, not
 * shifted copies of one another as with a plain counter. Not for secrets.
 */
#include "base/rng.h"

#include <math.h>

#define GOLDEN 0x9e3779b97f4a7c15ull /* 2^64 / phi: spreads small counters over the word */
#define STREAM 0xd1342543de82ef95ull

static uint64_t mix(uint64_t x)
{
    x ^= x >> 27;
    x *= 0x3c79ac492ba7b653ull;
    x ^= x >> 33;
    x *= 0x1c69b3f74ac4ae35ull;
    x ^= x >> 27;
    return x;
}

struct rng rng_at(uint64_t seed, uint32_t stream, uint64_t counter)
{
    uint64_t key = mix(seed + GOLDEN);

    key = mix(key ^ (stream * STREAM + GOLDEN));
    key = mix(key + counter * GOLDEN);
    return (struct rng){.key = key};
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t inner = mix(++r->counter * GOLDEN);

    return mix(inner ^ r->key);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    if (n == 0)
        return 0;
    for (;;) {
        uint64_t draw = rng_u64(r);

        /* 2^64 mod n draws are too many, the smallest: fewer than n, so that hardly ever anybody has to divide for it. */
        if (draw >= n || draw >= -n % n)
            return draw % n;
    }
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_exponential(struct rng *r)
{
    return -log1p(-rng_unit(r));
}
