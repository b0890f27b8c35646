/* shrink.h - a failing case cut down to little: lines, keys and numbers go as long as it still fails in the same way.
 *
 * It knows nothing but the shape of the text (a profile, one entry a line): what makes the case unreadable is refused by whoever
 * is asked, like anything else that no longer fails. Lines that say what the run can know are left alone, for without them
 * another case would fail for another reason.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include <stdbool.h>

struct shrink {
    bool (*fails)(void *owner, const char *text); /* in the same way as at first? */
    void *owner;
    unsigned trials; /* at most so many; counts down */
};

/* malloc'ed; the text itself if nothing can go. */
char *shrink_text(const char *text, struct shrink *s);

#endif
