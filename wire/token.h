/* token.h - the identity stamped into every message and recognised anywhere, authenticated per run.
 *
 * 26 characters of base32 (a-z, 2-7, case ignored when read): run 26 bits, message 40 bits, SipHash-2-4 of those 64 bits
 * under the run's key. In text it stands behind the marker "pm." so that it can be found anywhere: pm.<26>. The short form
 * (16 characters: message 40 bits, 40 bits of MAC) is for the X.400 content identifier. No recipient, node or attempt in
 * it. A token whose MAC is wrong is not ours, whatever it says. Pure; any thread.
 */
#ifndef WIRE_TOKEN_H
#define WIRE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"

#define TOKEN_CHARS        26
#define TOKEN_SHORT_CHARS  16
#define TOKEN_MARKER       "pm."
#define TOKEN_MESSAGES_MAX (1ull << 40)

struct token_key {
    struct hash_key mac;
    uint32_t run; /* 26 bits */
};

struct token_key token_key_make(uint64_t run_id,
                                uint64_t secret); /* from two random, or seeded, words */
void token_write(const struct token_key *k, uint64_t message, char out[TOKEN_CHARS]); /* no NUL */
void token_write_short(const struct token_key *k, uint64_t message, char out[TOKEN_SHORT_CHARS]);
bool token_read(const struct token_key *k, struct slice text,
                uint64_t *message); /* exactly 26 characters */
bool token_read_short(const struct token_key *k, struct slice text, uint64_t *message);
/* The first marker with a genuine token at or after *at; *at is left behind it. */
bool token_find(const struct token_key *k, struct slice text, size_t *at, uint64_t *message);
/* The first that has the form of one, whoever's: without a key nobody can tell. In small letters, no NUL. */
bool token_looks(struct slice text, char out[TOKEN_CHARS]);

#endif
