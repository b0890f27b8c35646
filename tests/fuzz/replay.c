/* replay.c - runs a fuzz target without libFuzzer: replay RUNS SEED FILE... tries the files as they are, and then mutates them by
 * a seeded generator. Of *.hex the octets that are written there count, of others those that are there; @LIST names a file a line.
 *
 * Mutations are those that parsers of lengths and tags stumble over: octets changed, cut, doubled, swapped with those of
 * another file, lengths set to extremes. The same arguments give the same inputs.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define FILES_MAX 4096
#define INPUT_MAX 8192u /* of what is mutated */

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct input {
    unsigned char octets[INPUT_MAX];
    size_t n;
};

static struct input files[FILES_MAX];
static size_t count;

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_hex(FILE *f, struct input *in)
{
    char line[1000];

    while (fgets(line, sizeof line, f))
        for (char *p = line; line[0] != '#' && p[0] && p[1]; p++)
            if (digit(p[0]) >= 0 && digit(p[1]) >= 0 && in->n < INPUT_MAX) {
                in->octets[in->n++] = (unsigned char)(digit(p[0]) << 4 | digit(p[1]));
                p++;
            }
}

static bool load(const char *path)
{
    struct input *in = &files[count];
    const char *end = strrchr(path, '.');
    FILE *f = fopen(path, "re");

    if (!f || count == FILES_MAX)
        return false;
    if (end && strcmp(end, ".hex") == 0)
        read_hex(f, in);
    else
        in->n = fread(in->octets, 1, sizeof in->octets, f);
    (void)fclose(f);
    count++;
    return true;
}

static bool load_list(const char *path)
{
    FILE *f = fopen(path, "re");
    char line[1000];
    bool ok = f;

    while (ok && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        ok = !line[0] || load(line);
    }
    if (f)
        (void)fclose(f);
    return ok;
}

static void mutate(struct input *in, struct rng *r)
{
    static const unsigned char extremes[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xff};
    const struct input *other = &files[rng_below(r, count)];
    size_t at = in->n ? rng_below(r, in->n) : 0, n = 1 + rng_below(r, 8);

    switch (rng_below(r, 6)) {
    case 0:
        in->octets[at] ^= (unsigned char)(1u << rng_below(r, 8));
        break;
    case 1:
        in->octets[at] = extremes[rng_below(r, sizeof extremes)];
        break;
    case 2: /* out with some */
        n = n < in->n - at ? n : in->n - at;
        memmove(in->octets + at, in->octets + at + n, in->n - at - n);
        in->n -= n;
        break;
    case 3: /* some twice */
        if (in->n + n > INPUT_MAX || at + n > in->n)
            break;
        memmove(in->octets + at + n, in->octets + at, in->n - at);
        in->n += n;
        break;
    case 4: /* some of another */
        for (size_t i = 0; i < n && at + i < in->n && at + i < other->n; i++)
            in->octets[at + i] = other->octets[at + i];
        break;
    default:
        in->n = at;
        break;
    }
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long seed = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;

    for (int i = 3; i < argc; i++)
        if (!(argv[i][0] == '@' ? load_list(argv[i] + 1) : load(argv[i]))) {
            (void)fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 2;
        }
    if (count == 0) {
        (void)fprintf(stderr, "usage: replay RUNS SEED FILE...\n");
        return 2;
    }
    for (size_t i = 0; i < count; i++)
        (void)LLVMFuzzerTestOneInput(files[i].octets, files[i].n);
    for (unsigned long i = 0; i < runs; i++) {
        struct rng r = rng_at(seed, 0x66757a7a, i);
        struct input in = files[rng_below(&r, count)];

        for (uint64_t k = 1 + rng_below(&r, 6); k > 0; k--)
            mutate(&in, &r);
        (void)LLVMFuzzerTestOneInput(in.octets, in.n);
    }
    (void)printf("%zu files and %lu inputs made of them\n", count, runs);
    return 0;
}
