/* fuzz_token.c - libFuzzer's entry for tokens in foreign text: one that is found is genuine to the last character, and none of
 * its neighbours is.
 */
#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "wire/token.h"

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* It is what would be written for that number, but for case. */
static void hold_written(const struct token_key *key, uint64_t message, struct slice text)
{
    char own[TOKEN_CHARS];

    token_write(key, message, own);
    PM_ASSERT(text.n == TOKEN_CHARS && message < TOKEN_MESSAGES_MAX);
    for (size_t i = 0; i < TOKEN_CHARS; i++)
        PM_ASSERT(tolower(text.p[i]) == own[i]);
}

static void hold_neighbour(const struct token_key *key, struct slice text, size_t at, char digit)
{
    unsigned char other[TOKEN_CHARS];
    uint64_t message;

    memcpy(other, text.p, sizeof other);
    other[at] = (unsigned char)digit;
    PM_ASSERT(tolower(text.p[at]) == digit ||
              !token_read(key, slice_from(other, sizeof other), &message));
}

static void hold_neighbours(const struct token_key *key, struct slice text)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

    for (size_t i = 0; i < TOKEN_CHARS; i++)
        for (unsigned k = 0; k < 32; k += 7)
            hold_neighbour(key, text, i, digits[k]);
}

static void hold_found(const struct token_key *key, struct slice in)
{
    uint64_t message;

    for (size_t at = 0, before = 0; token_find(key, in, &at, &message); before = at) {
        PM_ASSERT(at > before && at <= in.n && at >= TOKEN_CHARS + strlen(TOKEN_MARKER));
        struct slice text = slice_from(in.p + at - TOKEN_CHARS, TOKEN_CHARS);

        hold_written(key, message, text);
        hold_neighbours(key, text);
    }
}

static void hold_numbers(const struct token_key *key, struct slice in)
{
    char text[TOKEN_CHARS], brief[TOKEN_SHORT_CHARS];
    uint64_t number = 0, again;

    memcpy(&number, in.p, in.n < 8 ? in.n : 8);
    number %= TOKEN_MESSAGES_MAX;
    token_write(key, number, text);
    token_write_short(key, number, brief);
    PM_ASSERT(token_read(key, slice_from(text, sizeof text), &again) && again == number);
    PM_ASSERT(token_read_short(key, slice_from(brief, sizeof brief), &again) && again == number);
}

/* The whole text as a token. */
static void hold_whole(const struct token_key *key, struct slice in)
{
    char brief[TOKEN_SHORT_CHARS];
    uint64_t message;

    if (token_read(key, in, &message))
        hold_written(key, message, in);
    if (!token_read_short(key, in, &message))
        return;
    token_write_short(key, message, brief);
    for (size_t i = 0; i < sizeof brief; i++)
        PM_ASSERT(tolower(in.p[i]) == brief[i]);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct token_key key = token_key_make(1, 2), stranger = token_key_make(1, 3);
    struct slice in = slice_from(data, n);
    char looks[TOKEN_CHARS];
    uint64_t message;
    size_t at = 0;

    hold_found(&key, in);
    PM_ASSERT(!token_find(&key, in, &at, &message) || token_looks(in, looks));
    at = 0;
    PM_ASSERT(!token_find(&stranger, in, &at, &message));
    hold_whole(&key, in);
    if (n > 0)
        hold_numbers(&key, in);
    return 0;
}
