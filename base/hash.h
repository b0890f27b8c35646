/* hash.h - SipHash-2-4 (keyed), CRC-32C (journal blocks), XXH3 (tables and fingerprints). Pure; any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1; /* little endian halves of the 16 key bytes */
};

uint64_t hash_siphash(const struct hash_key *key, const void *p,
                      size_t n); /* SipHash-2-4, 64 bits */
uint32_t hash_crc32c(uint32_t so_far, const void *p,
                     size_t n); /* Castagnoli; so_far 0 at the start */
uint32_t hash_crc32c_table(uint32_t so_far, const void *p,
                           size_t n);        /* the same without the processor's help */
uint64_t hash_fast(const void *p, size_t n); /* XXH3-64 */

#endif
