/* folder.c - run folders: made, locked, pointed at. */
#include "results/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"

struct folder {
    int lock;
    char path[768];
};

/* Every part of the path that is not there yet. */
static bool make_path(const char *path, struct err *e)
{
    char part[768];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof part)
        return err_set(e, EX_IO, "%s: the name is empty or too long", path);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char cut = part[i];

        part[i] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return err_set(e, EX_IO, "%s: %s", part, strerror(errno));
        part[i] = cut;
    }
    return true;
}

static bool make_inside(const struct folder *f, const char *name, struct err *e)
{
    char path[800];

    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           err_set(e, EX_IO, "%s: %s", path, strerror(errno));
}

static bool take_lock(struct folder *f, struct err *e)
{
    char path[800];

    (void)snprintf(path, sizeof path, "%s/lock", f->path);
    f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->lock < 0)
        return err_set(e, EX_IO, "%s: %s", path, strerror(errno));
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    return errno == EWOULDBLOCK
               ? err_set(e, EX_LOCKED, "%s: another run holds this folder", f->path)
               : err_set(e, EX_IO, "%s: %s", path, strerror(errno));
}

static bool is_unused(const struct folder *f, struct err *e)
{
    char path[800];

    (void)snprintf(path, sizeof path, "%s/journal", f->path);
    return access(path, F_OK) < 0 || err_set(e, EX_BAD_USAGE, "%s: holds an earlier run", f->path);
}

struct folder *folder_create_at(const char *path, struct err *e)
{
    struct folder *f = calloc(1, sizeof *f);

    if (!f) {
        err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    f->lock = -1;
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    if (make_path(path, e) && take_lock(f, e) && is_unused(f, e) && make_inside(f, "journal", e) &&
        make_inside(f, "reports", e))
        return f;
    folder_destroy(f);
    return NULL;
}

/* Letters, digits, dot, dash; anything else becomes a dash, so that a name cannot leave its folder. */
static void plain_name(char *out, size_t room, const char *text)
{
    size_t i = 0;

    for (; text[i] && i + 1 < room; i++) {
        char c = text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && i > 0);

        out[i] = (char)(plain ? c : '-');
    }
    out[i] = '\0';
}

static void point_latest(const char *runs_dir, const char *name)
{
    char link[800], aside[1040];

    (void)snprintf(link, sizeof link, "%s/latest", runs_dir);
    (void)snprintf(aside, sizeof aside, "%s.%s", link, name);
    /* A convenience: runs side by side race for it, and a file system without links lives without it. */
    if (symlink(name, aside) == 0 && rename(aside, link) < 0)
        (void)unlink(aside);
}

struct folder *folder_create(const char *runs_dir, const char *name, const char *variant,
                             uint64_t run_id, struct err *e)
{
    char path[700], entry[200], plain[80], plain_variant[60], utc[32];
    time_t seconds = (time_t)(clock_wall_ns() / NS_PER_S);
    struct tm tm;

    plain_name(plain, sizeof plain, name);
    plain_name(plain_variant, sizeof plain_variant, variant);
    (void)strftime(utc, sizeof utc, "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &tm));
    (void)snprintf(entry, sizeof entry, "%s-%s%s%s-%08x", utc, plain, plain_variant[0] ? "-" : "",
                   plain_variant, (unsigned)(run_id & UINT32_MAX));
    if (snprintf(path, sizeof path, "%s/%s", runs_dir, entry) >= (int)sizeof path) {
        err_set(e, EX_IO, "%s: the name is too long", runs_dir);
        return NULL;
    }
    struct folder *f = folder_create_at(path, e);

    if (f)
        point_latest(runs_dir, entry);
    return f;
}

const char *folder_path(const struct folder *f)
{
    return f->path;
}

void folder_destroy(struct folder *f)
{
    if (!f)
        return;
    if (f->lock >= 0)
        (void)close(f->lock); /* unlocks */
    free(f);
}

bool folder_is_held(const char *path)
{
    char lock[800];

    (void)snprintf(lock, sizeof lock, "%s/lock", path);
    int fd = open(lock, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

    (void)close(fd);
    return held;
}
