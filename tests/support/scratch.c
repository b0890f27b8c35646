/* scratch.c - a folder of a test's own under the build folder, and files in it. */
#include "tests/support/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

static _Thread_local char dir_path[256], file_path[512];

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

const char *scratch_dir(const char *name)
{
    (void)mkdir("scratch", 0700);
    (void)snprintf(dir_path, sizeof dir_path, "scratch/%s-%ld", name, (long)getpid());
    (void)nftw(dir_path, drop, 16, FTW_DEPTH | FTW_PHYS);
    (void)mkdir(dir_path, 0700);
    return dir_path;
}

const char *scratch_file(const char *dir, const char *name, const char *text)
{
    (void)snprintf(file_path, sizeof file_path, "%s/%s", dir, name);
    FILE *f = fopen(file_path, "we");

    if (f) {
        (void)fputs(text, f);
        (void)fclose(f);
    }
    return file_path;
}

char *scratch_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t got = 0, room = 0;

    if (!f)
        return NULL;
    for (;;) {
        if (room - got < 4096) {
            room = room ? room * 2 : 16384;
            char *bigger = realloc(text, room);

            if (!bigger)
                break;
            text = bigger;
        }
        size_t more = fread(text + got, 1, room - got - 1, f);

        if (more == 0)
            break;
        got += more;
    }
    (void)fclose(f);
    if (text)
        text[got] = '\0';
    if (n)
        *n = got;
    return text;
}
