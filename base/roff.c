/* roff.c - what means something to roff is escaped. */
#include "base/roff.h"

bool roff_text(struct buf *out, const char *text)
{
    bool ok = true;

    for (const char *p = text; ok && *p; p++) {
        if (*p == '-')
            ok = buf_add_text(out, "\\-");
        else if (*p == '\\')
            ok = buf_add_text(out, "\\e");
        else if ((*p == '.' || *p == '\'') && p == text)
            ok = buf_add_format(out, "\\&%c", *p);
        else
            ok = *p == '`' || buf_add(out, p, 1);
    }
    return ok;
}
