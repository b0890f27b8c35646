/* x400_words.h - the journal's X.400 codes (EVENT_X400) in the words of the standards: what results/, which knows no protocol, is
 * handed for `list` and `trace`. Pure; any thread.
 */
#ifndef APP_X400_WORDS_H
#define APP_X400_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* `how` is EV_END's `a` (ending, stage), 0: `code` is event_report()'s. "unable-to-transfer, unrecognised-OR-name" or
 * "rtse: busy", written to out. */
const char *x400_words(uint32_t code, uint32_t how, char *out, size_t room);

#endif
