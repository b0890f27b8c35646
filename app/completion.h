/* completion.h - scripts that complete the command line in shells, out of the table of commands. Pure; any thread.
 *
 * They know commands, options, classes, forms and keys of profiles by themselves, ask the program for shipped profiles, and look
 * for runs where --runs says, else in results/runs.
 */
#ifndef APP_COMPLETION_H
#define APP_COMPLETION_H

#include <stdbool.h>

#include "base/bytes.h"

bool completion_bash(struct buf *out); /* false: out of memory */
bool completion_zsh(struct buf *out);
bool completion_fish(struct buf *out);

#endif
