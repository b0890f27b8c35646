/* cmd_p1.c - `postmuster p1 FILE`: octets of X.400 as readable text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "base/bytes.h"
#include "wire/x400/p1_dump.h"

#define PIECE 65536u

static bool load(const char *path, struct buf *file, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    size_t n = 0;

    if (!f)
        return err_set(e, EX_IO, "%s: %s", path, strerror(errno));
    bool room = true;

    do {
        room = buf_reserve(file, PIECE);
        n = room ? fread(file->p + file->n, 1, PIECE, f) : 0;
        file->n += n;
    } while (n > 0);
    bool ok = room ? !ferror(f) || err_set(e, EX_IO, "%s: %s", path, strerror(errno))
                   : err_set(e, EX_IO, "%s: more than %zu octets", path, P1_DUMP_MAX);

    if (!standard)
        (void)fclose(f);
    return ok;
}

static int show(const char *path)
{
    struct buf file, text;
    struct err e = {0};

    buf_init(&file, P1_DUMP_MAX);
    buf_init(&text, 4 * P1_DUMP_MAX);
    bool ok = load(path, &file, &e) && p1_dump(buf_slice(&file), &text, &e);
    size_t written = text.n > 0 ? fwrite(text.p, 1, text.n, stdout) : 0;

    if (fflush(stdout) != 0 || written != text.n)
        ok = err_set(&e, EX_IO, "stdout: %s", strerror(errno));
    buf_fini(&file);
    buf_fini(&text);
    if (!ok && e.code == EX_WIRE)
        (void)err_wrap(&e, "%s", path);
    return ok ? EX_PASS : cmd_fail(&e);
}

int cmd_p1(const struct cmd *self, int argc, char **argv)
{
    int code = EX_PASS;

    if (argc < 2)
        return cmd_usage(self);
    for (int i = 1; i < argc && !ferror(stdout); i++) {
        if (argc > 2)
            (void)printf("%s%s:\n", i > 1 ? "\n" : "", argv[i]);
        int one = show(argv[i]);

        code = code == EX_PASS ? one : code;
    }
    return code;
}
