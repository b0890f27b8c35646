/* shipped.c - profiles by name: beside the sources while there are any, else where they were installed. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profiles/profile.h"

#define SHIPPED_MAX 256u

static const char *const folders[] = {PM_SOURCE_PROFILES, PM_PROFILE_DIR};

static bool is_profile(const char *file)
{
    size_t n = strlen(file);

    return n > 5 && strcmp(file + n - 5, ".yaml") == 0 && file[0] != '.';
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t list_folder(struct arena *a, DIR *dir, const char **names)
{
    size_t n = 0;

    for (const struct dirent *d; n < SHIPPED_MAX && (d = readdir(dir));)
        if (is_profile(d->d_name)) {
            names[n] = arena_text(a, d->d_name, strlen(d->d_name) - 5);
            n += names[n] != NULL;
        }
    return n;
}

const char *const *profile_shipped(struct arena *a)
{
    const char **names = arena_new(a, const char *, SHIPPED_MAX + 1);
    size_t n = 0;

    for (size_t i = 0; names && n == 0 && i < sizeof folders / sizeof folders[0]; i++) {
        DIR *dir = opendir(folders[i]);

        if (!dir)
            continue;
        n = list_folder(a, dir, names);
        (void)closedir(dir);
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_name);
    return names;
}

const char *profile_find(struct arena *a, const char *name)
{
    if (strchr(name, '/') || strchr(name, '.'))
        return NULL;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *path = arena_format(a, "%s/%s.yaml", folders[i], name);

        if (path && access(path, R_OK) == 0)
            return path;
    }
    return NULL;
}
