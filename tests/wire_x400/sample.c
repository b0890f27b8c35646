/* sample.c - hex text to octets; lines that begin with # are comments. */
#include "tests/wire_x400/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct slice sample_slice(const struct sample *s)
{
    return slice_from(s->octets, s->n);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_line(struct sample *s, struct slice line)
{
    int high = -1;

    if (slice_starts(line, "#"))
        return;
    for (size_t i = 0; i < line.n; i++) {
        int d = digit((char)line.p[i]);

        if (d < 0)
            continue;
        if (high >= 0 && CHECK(s->n < SAMPLE_MAX))
            s->octets[s->n++] = (unsigned char)(high << 4 | d);
        high = high < 0 ? d : -1;
    }
}

struct slice sample_hex(struct sample *s, const char *hex)
{
    struct slice rest = slice_of(hex), line;

    s->n = 0;
    while (rest.n > 0) {
        (void)slice_cut(&rest, '\n', &line);
        add_line(s, line);
    }
    return sample_slice(s);
}

struct slice sample_load(struct sample *s, const char *file)
{
    char path[500];

    (void)snprintf(path, sizeof path, PM_SOURCE_DIR "/tests/golden/x400/%s", file);
    char *text = scratch_read(path, NULL);

    s->n = 0;
    if (CHECK(text))
        (void)sample_hex(s, text);
    free(text);
    return sample_slice(s);
}
