/* Keyed hash, checksum and content digest, against their authors' vectors and OpenSSL. */
#include <string.h>

#include <openssl/evp.h>

#include "base/hash.h"
#include "base/rng.h"
#include "tests/support/check.h"

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A, and the vectors of their reference code for
 * inputs of 0 and 1 octets: key 00..0f, input 00, 01, ... */
static void siphash_gives_the_vectors_of_its_authors(void)
{
    struct hash_key key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
    unsigned char in[15];

    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)i;
    CHECK_U64(hash_siphash(&key, in, 15), 0xa129ca6149be45e5ull);
    CHECK_U64(hash_siphash(&key, in, 0), 0x726fdb47dd0e0e31ull);
    CHECK_U64(hash_siphash(&key, in, 1), 0x74f839c593dc67fdull);
}

static uint64_t openssl_siphash(const unsigned char key[16], const unsigned char *in, size_t n)
{
    unsigned char mac[8] = {0};
    size_t made = 0, size = sizeof mac;
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(kind);
    OSSL_PARAM wish[] = {OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_end()};
    uint64_t v = 0;

    if (EVP_MAC_CTX_set_params(ctx, wish) && EVP_MAC_init(ctx, key, 16, NULL) &&
        EVP_MAC_update(ctx, in, n) && EVP_MAC_final(ctx, mac, &made, sizeof mac) && made == 8)
        for (unsigned i = 0; i < 8; i++)
            v |= (uint64_t)mac[i] << (8 * i);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(kind);
    return v;
}

static uint64_t word_of(const unsigned char *p)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void siphash_equals_openssl_at_every_length_to_100(void)
{
    struct rng r = rng_at(1, 1, 1);
    unsigned char key[16], in[100];
    unsigned differ = 0;

    for (size_t n = 0; n <= sizeof in; n++) {
        for (size_t i = 0; i < sizeof key; i++)
            key[i] = (unsigned char)rng_u64(&r);
        for (size_t i = 0; i < n; i++)
            in[i] = (unsigned char)rng_u64(&r);
        struct hash_key k = {word_of(key), word_of(key + 8)};
        differ += hash_siphash(&k, in, n) != openssl_siphash(key, in, n);
    }
    CHECK_U64(differ, 0);
}

static void crc32c_gives_the_vectors_of_rfc_3720(void)
{
    unsigned char in[32];
    static const unsigned char pdu[48] = {
        0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02};

    memset(in, 0, sizeof in);
    CHECK_U64(hash_crc32c(0, in, 32), 0x8a9136aa);
    memset(in, 0xff, sizeof in);
    CHECK_U64(hash_crc32c(0, in, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        in[i] = (unsigned char)i;
    CHECK_U64(hash_crc32c(0, in, 32), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++)
        in[i] = (unsigned char)(31 - i);
    CHECK_U64(hash_crc32c(0, in, 32), 0x113fdb5c);
    CHECK_U64(hash_crc32c(0, pdu, 48), 0xd9963a56);
    CHECK_U64(hash_crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_U64(hash_crc32c(0, "", 0), 0);
}

static void crc32c_by_instruction_by_table_and_in_pieces_agree(void)
{
    struct rng r = rng_at(2, 2, 2);
    unsigned char in[600];
    unsigned table = 0, pieces = 0;

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)rng_u64(&r);
    for (unsigned i = 0; i < 1000; i++) {
        size_t from = rng_below(&r, 40), n = rng_below(&r, 500), cut = rng_below(&r, n + 1);
        uint32_t whole = hash_crc32c(0, in + from, n);
        uint32_t part = hash_crc32c(0, in + from, cut);

        table += whole != hash_crc32c_table(0, in + from, n);
        pieces += whole != hash_crc32c(part, in + from + cut, n - cut);
    }
    CHECK_U64(table, 0);
    CHECK_U64(pieces, 0);
}

/* Long inputs are taken three lanes at a time: as many as a block of a journal has, and around the edges. */
static void crc32c_of_long_inputs_is_that_of_the_table(void)
{
    static unsigned char in[70000];
    struct rng r = rng_at(3, 3, 3);

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)rng_u64(&r);
    for (size_t n = 3000; n < 3200; n++)
        CHECK_U64(hash_crc32c(7, in + n % 9, n), hash_crc32c_table(7, in + n % 9, n));
    for (unsigned i = 0; i < 100; i++) {
        size_t from = rng_below(&r, 5000), n = rng_below(&r, 65000);
        uint32_t before = (uint32_t)rng_u64(&r);

        CHECK_U64(hash_crc32c(before, in + from, n), hash_crc32c_table(before, in + from, n));
    }
}

/* xxHash's own specification of XXH3: the digest of the empty input with seed 0. */
static void xxh3_gives_its_known_digest(void)
{
    CHECK_U64(hash_fast("", 0), 0x2d06800538d394c2ull);
    CHECK(hash_fast("abc", 3) != hash_fast("abd", 3));
}

static const struct test tests[] = {
    TEST(siphash_gives_the_vectors_of_its_authors),
    TEST(siphash_equals_openssl_at_every_length_to_100),
    TEST(crc32c_gives_the_vectors_of_rfc_3720),
    TEST(crc32c_by_instruction_by_table_and_in_pieces_agree),
    TEST(crc32c_of_long_inputs_is_that_of_the_table),
    TEST(xxh3_gives_its_known_digest),
    TEST_END,
};
const struct suite hash_suite = {"hash", tests};
