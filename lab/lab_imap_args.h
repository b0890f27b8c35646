/* lab_imap_args.h - the lexer of the IMAP server: strings, literals, base64. Pure; shares nothing with the client's.
 */
#ifndef LAB_LAB_IMAP_ARGS_H
#define LAB_LAB_IMAP_ARGS_H

#include "base/bytes.h"

struct imap_literal {
    size_t bytes;
    bool waits; /* {n}: the client waits for "+"; {n+} does not */
};

/* Whether a line (without its end) announces a literal. */
bool imap_args_literal(struct slice line, struct imap_literal *l);
/* The next atom, quoted string or literal; escapes are undone in place, so the bytes must be ours. False: none. */
bool imap_args_string(struct slice *args, struct slice *out);
/* RFC 4648 with padding; false: it is not that, or has no room. */
bool imap_args_base64(struct slice coded, char *out, size_t room, size_t *n);

#endif
