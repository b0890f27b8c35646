/* cmd_words.h - the rows of cmd_table.c as text: synopses, options with their help, and what may stand for a word like RUN.
 * Pure; any thread. false: out of memory.
 */
#ifndef APP_CMD_WORDS_H
#define APP_CMD_WORDS_H

#include "app/cmd.h"
#include "base/bytes.h"

enum cmd_fill { /* what may stand for an operand or value */
                FILL_ANY,
                FILL_PROFILE, /* a shipped one, or a file */
                FILL_RUN,
                FILL_FILE,
                FILL_DIR,
                FILL_KEY,   /* of a profile, before the = */
                FILL_WORDS, /* one of cmd_fill_words() */
};

enum cmd_fill cmd_fill_of(struct slice word);
/* Of FILL_WORDS and FILL_KEY: each word with `before` ahead of it, but the first. */
bool cmd_fill_words(struct buf *out, struct slice word, const char *before);

/* The operand at place `at`, counted from 0, the last one again where it may be repeated; false: there is none. */
bool cmd_operand(const struct cmd *c, unsigned at, struct slice *word);
/* There is no further one of its own after place `at`, for it is repeated. */
bool cmd_operand_repeats(const struct cmd *c, unsigned at);

bool cmd_usage_text(struct buf *out, const struct cmd *c); /* name, operands, options */
bool cmd_word_help(struct buf *out, const struct cmd_word *w);

bool cmd_roff_synopsis(struct buf *out); /* of all commands */
bool cmd_roff_options(struct buf *out);  /* of those that have some, a subsection each */

#endif
