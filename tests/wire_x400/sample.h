/* sample.h - the samples of tests/golden/x400, and octets written as hex in a test. */
#ifndef TESTS_WIRE_X400_SAMPLE_H
#define TESTS_WIRE_X400_SAMPLE_H

#include "base/bytes.h"

#define SAMPLE_MAX 4096u

struct sample {
    unsigned char octets[SAMPLE_MAX];
    size_t n;
};

struct slice sample_load(struct sample *s, const char *file); /* "70-apdu-message.hex"; checks */
struct slice sample_hex(struct sample *s, const char *hex);   /* blanks and line ends are skipped */
struct slice sample_slice(const struct sample *s);

#endif
