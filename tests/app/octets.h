/* octets.h - octets for tests: out of hex, or out of a sample of tests/golden/x400 by its name. */
#ifndef TESTS_APP_OCTETS_H
#define TESTS_APP_OCTETS_H

#include <stddef.h>

/* "02-cc.hex", or "03 00 00 0b ..". How many; asserts that they fit, and that the file is there. */
size_t octets_load(const char *hex_or_sample, unsigned char *out, size_t room);
/* Wherever `from` stands in them, `to`; both in hex, of one length. */
void octets_change(unsigned char *octets, size_t n, const char *from, const char *to);

#endif
