/* template.h - texts with {words} in them, filled in and escaped for the place where they go. Pure; any thread.
 *
 * A brace that does not begin a word ({ + small letters, digits, underscores + }) stands for itself, so that a JSON body
 * can be a template. An unknown word, and one without a value, is an error (EX_BAD_PROFILE) that names it.
 */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum template_escape {
    TEMPLATE_PLAIN, /* nothing: an argument of a command, which is passed on whole */
    TEMPLATE_URL,   /* percent signs for all but RFC 3986's unreserved characters */
    TEMPLATE_JSON,  /* as inside a JSON string */
};

struct template_word {
    const char *word, *value; /* value NULL: it has none here */
    bool raw;                 /* goes in as it is, whatever the escape: the head of a URL */
};

/* `words` ends with a row whose word is NULL. What was there in `out` stays before. */
bool template_fill(const char *text, const struct template_word *words, enum template_escape how,
                   struct buf *out, struct err *e);

/* May this name be an argument of a command? Letters, digits and ._@+-, and no - in front (EX_BAD_PROFILE, saying what it
 * is the name of). */
bool template_check_name(const char *what, const char *name, struct err *e);

#endif
