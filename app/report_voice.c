/* report_voice.c - see report_voice.h. */
#include "app/report_voice.h"

#include "app/plan.h"
#include "app/x400_words.h"

static void say_token(void *owner, uint64_t number, char out[27])
{
    token_write(owner, number, out);
    out[TOKEN_CHARS] = '\0';
}

void report_voice_init(struct report_voice *v, const struct manifest *m)
{
    v->key = plan_key(m);
    v->words = (struct line_sink){.token = say_token, .x400 = x400_words, .owner = &v->key};
}
