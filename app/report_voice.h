/* report_voice.h - what results/ is handed to speak of a run: how its numbers become tokens, and X.400's codes words.
 */
#ifndef APP_REPORT_VOICE_H
#define APP_REPORT_VOICE_H

#include "results/lines.h"
#include "results/manifest.h"
#include "wire/token.h"

struct report_voice {
    struct token_key key;
    struct line_sink
        words; /* its line is NULL; it points into the voice, which therefore stays where it is */
};

void report_voice_init(struct report_voice *v, const struct manifest *m);

#endif
