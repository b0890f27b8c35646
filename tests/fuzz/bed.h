/* bed.h - what fuzz targets of probes need around them, made once and used for every input: the small site of fake_run.h,
 * messages with genuine tokens, a correlator of its own for each input, and files that are memory.
 *
 * One load of 1,000 messages from joe-1, joe-2 (4, 5) to joanne-1, joanne-2 (0, 1); stride 2. Its key is token_key_make(1, 2).
 */
#ifndef TESTS_FUZZ_BED_H
#define TESTS_FUZZ_BED_H

#include "base/arena.h"
#include "probes/correlate.h"
#include "tests/support/fake_run.h"
#include "wire/smtp_text.h"

struct bed {
    struct fake_run *r;
    struct token_key key;
    struct smtp_corpus *corpus;
    struct probe_context c;
    struct probe_profile how; /* every 100 ms of real time */
};

/* For a new input: a fresh correlator, no events. */
struct bed *bed_begin(void);
/* Every event so far names what exists; then they are forgotten, and the journal with them. */
void bed_end(struct bed *b);
/* So far; the events stand in b->r->events. */
uint32_t bed_events(struct bed *b);
void bed_run(struct bed *b, uint64_t ns); /* of loop time */

/* What stands for things that no fuzzer could guess: "@7@" for the marker and token of message 7; octet 2 and a digit for a whole
 * message as it left, octet 3 and a digit for the same as an IMAP literal. */
void bed_expand(struct buf *out, struct slice in, const struct token_key *key);

/* A server of the loop at `at` that says the pieces of a script, cut at NUL octets: the first to whoever connects, one more
 * whenever it hears something. Octet 1 stands for the first word of the line heard last; the rest is bed_expand()'s. At the
 * script's end it hangs up. */
struct scripted;
struct scripted *scripted_listen(struct bed *b, const struct net_addr *at, struct slice script);
void scripted_close(struct scripted *s);

/* Everything about it is in memory; the path stays the same, the content is replaced at each call. */
const char *memory_file(struct slice content);

#endif
