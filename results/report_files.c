/* report_files.c - the forms that a run leaves in its folder: each is written aside and renamed, so that it is there when it is
 * whole. A form that cannot be written keeps none of the others from it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "results/report.h"

#define PATH_MAX_BYTES 1200

static bool put_in_file(void *owner, struct slice piece)
{
    return fwrite(piece.p, 1, piece.n, owner) == piece.n;
}

bool report_write_file(const struct report_source *s, const struct report_form *form,
                       const char *path, struct err *e)
{
    char part[PATH_MAX_BYTES];

    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(e, EX_IO, "%s: the name is too long", path);
    FILE *f = fopen(part, "we");

    if (!f)
        return err_set(e, EX_IO, "%s: %s", part, strerrordesc_np(errno));
    const struct report_out out = {.put = put_in_file, .owner = f};
    bool ok = form->write(s, &out, e) || err_wrap(e, "%s", path);
    bool closed = fclose(f) == 0;

    if (ok && (!closed || rename(part, path) < 0))
        ok = err_set(e, EX_IO, "%s: %s", path, strerrordesc_np(errno));
    if (!ok)
        (void)unlink(part);
    return ok;
}

bool report_write_files(const struct report_source *s, struct err *e)
{
    bool ok = true;

    for (size_t i = 0; report_forms[i]; i++) {
        const struct report_form *form = report_forms[i];
        char path[PATH_MAX_BYTES];
        struct err why = {0};

        if (!form->file || form->already_there)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", s->run_dir, form->file);
        if (!report_write_file(s, form, path, &why) && ok) {
            ok = false;
            *e = why;
        }
    }
    return ok;
}
