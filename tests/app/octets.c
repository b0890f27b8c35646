/* octets.c - hex digits with blanks, and comments from '#' to the end of a line. */
#include "tests/app/octets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/scratch.h"

static int digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static size_t from_hex(const char *text, unsigned char *out, size_t room)
{
    bool comment = false;
    size_t n = 0;

    for (const char *p = text; *p; p++) {
        comment = *p == '#' || (comment && *p != '\n');
        if (comment || *p <= ' ')
            continue;
        PM_ASSERT(n < room && p[1]);
        out[n++] = (unsigned char)(digit(p[0]) << 4 | digit(p[1]));
        p++;
    }
    return n;
}

size_t octets_load(const char *hex_or_sample, unsigned char *out, size_t room)
{
    char path[400];

    if (!strstr(hex_or_sample, ".hex"))
        return from_hex(hex_or_sample, out, room);
    (void)snprintf(path, sizeof path, PM_SOURCE_DIR "/tests/golden/x400/%s", hex_or_sample);
    char *text = scratch_read(path, NULL);

    PM_ASSERT(text);
    size_t n = from_hex(text, out, room);

    free(text);
    return n;
}

void octets_change(unsigned char *octets, size_t n, const char *from, const char *to)
{
    unsigned char old[64], new[64];
    size_t k = from_hex(from, old, sizeof old);

    PM_ASSERT(k > 0 && from_hex(to, new, sizeof new) == k);
    for (size_t i = 0; i + k <= n; i++)
        if (memcmp(octets + i, old, k) == 0)
            memcpy(octets + i, new, k);
}
