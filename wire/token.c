/* token.c - the identity stamped into every message: 130 bits (80 in the short form) as base32, most significant first.
 *
 * The MAC is taken over 16 bytes, little endian: run (4), form (4: 0 long, 1 short), message (8); the short form keeps
 * its 40 high bits. Naming the form in the MAC keeps the halves of one form from being worth anything in the other.
 */
#include "wire/token.h"

#include <string.h>

#include "base/blind.h"
#include "base/err.h"

#define RUN_BITS 26

enum form { FORM_LONG, FORM_SHORT };

static const char digits[33] = "abcdefghijklmnopqrstuvwxyz234567";

#define LETTER(small, large, value) [small] = (value) + 1, [large] = (value) + 1

/* The value of a digit, plus one. */
static const unsigned char values[256] = {
    LETTER('a', 'A', 0),  LETTER('b', 'B', 1),  LETTER('c', 'C', 2),  LETTER('d', 'D', 3),
    LETTER('e', 'E', 4),  LETTER('f', 'F', 5),  LETTER('g', 'G', 6),  LETTER('h', 'H', 7),
    LETTER('i', 'I', 8),  LETTER('j', 'J', 9),  LETTER('k', 'K', 10), LETTER('l', 'L', 11),
    LETTER('m', 'M', 12), LETTER('n', 'N', 13), LETTER('o', 'O', 14), LETTER('p', 'P', 15),
    LETTER('q', 'Q', 16), LETTER('r', 'R', 17), LETTER('s', 'S', 18), LETTER('t', 'T', 19),
    LETTER('u', 'U', 20), LETTER('v', 'V', 21), LETTER('w', 'W', 22), LETTER('x', 'X', 23),
    LETTER('y', 'Y', 24), LETTER('z', 'Z', 25), ['2'] = 27,           ['3'] = 28,
    ['4'] = 29,           ['5'] = 30,           ['6'] = 31,           ['7'] = 32,
};

/* 0 to 31, or beyond. */
static unsigned digit_value(unsigned char c)
{
    return (values[c] - 1u) & 0xff;
}

static void store_le(unsigned char *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t mac_of(const struct token_key *k, enum form form, uint64_t message)
{
    unsigned char text[16];

    store_le(text, k->run, 4);
    store_le(text + 4, form, 4);
    store_le(text + 8, message, 8);
    return hash_siphash(&k->mac, text, sizeof text);
}

struct token_key token_key_make(uint64_t run_id, uint64_t secret)
{
    const struct hash_key seed = {.k0 = secret, .k1 = run_id};

    return (struct token_key){
        .mac = {.k0 = hash_siphash(&seed, "mac 0", 5), .k1 = hash_siphash(&seed, "mac 1", 5)},
        .run = (uint32_t)(hash_siphash(&seed, "run", 3) >> (64 - RUN_BITS)),
    };
}

/* Packs fields, most significant bit first, five bits to a digit. Field widths add up to a multiple of 5. */
static void write_fields(char *out, const uint32_t *field, const uint8_t *bits, unsigned count)
{
    uint64_t waiting = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        waiting = waiting << bits[i] | field[i];
        for (n += bits[i]; n >= 5; n -= 5)
            *out++ = digits[waiting >> (n - 5) & 31];
    }
}

static bool read_fields(const unsigned char *in, uint32_t *field, const uint8_t *bits,
                        unsigned count)
{
    uint64_t waiting = 0;
    unsigned n = 0, bad = 0;

    for (unsigned i = 0; i < count; i++) {
        for (; n < bits[i]; n += 5) {
            unsigned v = digit_value(*in++);

            bad |= v & 0x80;
            waiting = waiting << 5 | (v & 31);
        }
        n -= bits[i];
        field[i] = (uint32_t)(waiting >> n & ((1ull << bits[i]) - 1));
    }
    return bad == 0;
}

static uint64_t join(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

static const uint8_t long_bits[] = {26, 8, 32, 32, 32}; /* run, message (two), MAC (two) */
static const uint8_t short_bits[] = {8, 32, 8, 32};     /* message, high part of the MAC */

void token_write(const struct token_key *k, uint64_t message, char out[TOKEN_CHARS])
{
    uint64_t mac = mac_of(k, FORM_LONG, message);
    const uint32_t field[5] = {k->run, (uint32_t)(message >> 32), (uint32_t)message,
                               (uint32_t)(mac >> 32), (uint32_t)mac};

    PM_ASSERT(message < TOKEN_MESSAGES_MAX);
    write_fields(out, field, long_bits, 5);
}

void token_write_short(const struct token_key *k, uint64_t message, char out[TOKEN_SHORT_CHARS])
{
    uint64_t mac = mac_of(k, FORM_SHORT, message) >> 24;
    const uint32_t field[4] = {(uint32_t)(message >> 32), (uint32_t)message, (uint32_t)(mac >> 32),
                               (uint32_t)mac};

    PM_ASSERT(message < TOKEN_MESSAGES_MAX);
    write_fields(out, field, short_bits, 4);
}

bool token_read(const struct token_key *k, struct slice text, uint64_t *message)
{
    uint32_t field[5];

    if (text.n != TOKEN_CHARS || !read_fields(text.p, field, long_bits, 5) || field[0] != k->run)
        return false;
    uint64_t number = join(field[1], field[2]);
    if (CHECK_ON(TOKEN) && join(field[3], field[4]) != mac_of(k, FORM_LONG, number))
        return false;
    *message = number;
    return true;
}

bool token_read_short(const struct token_key *k, struct slice text, uint64_t *message)
{
    uint32_t field[4];

    if (text.n != TOKEN_SHORT_CHARS || !read_fields(text.p, field, short_bits, 4))
        return false;
    uint64_t number = join(field[0], field[1]);
    if (join(field[2], field[3]) != mac_of(k, FORM_SHORT, number) >> 24)
        return false;
    *message = number;
    return true;
}

static bool marker_ends_at(struct slice text, size_t dot)
{
    return dot >= 2 && (text.p[dot - 2] | 0x20) == 'p' && (text.p[dot - 1] | 0x20) == 'm';
}

/* Looks for the dot, which memchr() finds fast in either case of the letters before it. */
bool token_find(const struct token_key *k, struct slice text, size_t *at, uint64_t *message)
{
    size_t i = *at;

    while (i < text.n) {
        const unsigned char *dot = memchr(text.p + i, '.', text.n - i);

        if (!dot)
            break;
        i = (size_t)(dot - text.p) + 1;
        if (i - 1 < *at + 2 || !marker_ends_at(text, i - 1) || text.n - i < TOKEN_CHARS)
            continue;
        if (token_read(k, slice_from(text.p + i, TOKEN_CHARS), message)) {
            *at = i + TOKEN_CHARS;
            return true;
        }
    }
    *at = text.n;
    return false;
}

bool token_looks(struct slice text, char out[TOKEN_CHARS])
{
    size_t i = 0;

    while (i < text.n) {
        const unsigned char *dot = memchr(text.p + i, '.', text.n - i);
        uint32_t field[5];

        if (!dot)
            break;
        i = (size_t)(dot - text.p) + 1;
        if (!marker_ends_at(text, i - 1) || text.n - i < TOKEN_CHARS ||
            !read_fields(text.p + i, field, long_bits, 5))
            continue;
        write_fields(out, field, long_bits, 5);
        return true;
    }
    return false;
}
