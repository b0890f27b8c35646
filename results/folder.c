/* folder.c - run folders: made, locked, pointed at. */
#include "results/folder.h"

#include <dirent.h>
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

#define NAMESAKES_MAX 1000 /* runs of one second, name and id */

struct folder {
    int lock;
    bool made, began; /* made: in here; an earlier run's folder is never touched */
    char path[768];
    const char *name; /* the last part of path, for `latest`; NULL: a folder of the user's choice */
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

static bool make_insides(const struct folder *f, struct err *e)
{
    return make_inside(f, "journal", e) && make_inside(f, "reports", e);
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

static struct folder *folder_new(const char *path, struct err *e)
{
    struct folder *f = calloc(1, sizeof *f);

    if (!f) {
        err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    f->lock = -1;
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    return f;
}

struct folder *folder_create_at(const char *path, struct err *e)
{
    struct folder *f = folder_new(path, e);

    if (f && make_path(path, e) && take_lock(f, e) && is_unused(f, e)) {
        f->made = true;
        if (make_insides(f, e))
            return f;
    }
    folder_destroy(f);
    return NULL;
}

struct folder *folder_reopen(const char *path, struct err *e)
{
    struct folder *f = folder_new(path, e);

    if (f && take_lock(f, e))
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

static void point_latest(const struct folder *f)
{
    char link[800], aside[1040];

    (void)snprintf(link, sizeof link, "%.*slatest", (int)(f->name - f->path), f->path);
    (void)snprintf(aside, sizeof aside, "%s.%s", link, f->name);
    /* A convenience: runs side by side race for it, and a file system without links lives without it. */
    if (symlink(f->name, aside) == 0 && rename(aside, link) < 0)
        (void)unlink(aside);
}

void folder_begin(struct folder *f)
{
    f->began = true;
    if (f->name)
        point_latest(f);
}

/* Makes a folder that was not there: `path`, or with -2, -3 ... behind it. */
static bool make_fresh(char *path, size_t room, struct err *e)
{
    size_t n = strlen(path);

    for (unsigned i = 2; i < NAMESAKES_MAX; i++) {
        if (mkdir(path, 0700) == 0)
            return true;
        if (errno != EEXIST)
            break;
        (void)snprintf(path + n, room - n, "-%u", i);
    }
    return err_set(e, EX_IO, "%s: %s", path, strerror(errno));
}

struct folder *folder_create(const char *runs_dir, const char *name, const char *variant,
                             uint64_t run_id, struct err *e)
{
    char path[700], plain[80], plain_variant[60], utc[32];
    time_t seconds = (time_t)(clock_wall_ns() / NS_PER_S);
    struct tm tm;

    plain_name(plain, sizeof plain, name);
    plain_name(plain_variant, sizeof plain_variant, variant);
    (void)strftime(utc, sizeof utc, "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &tm));
    int n = snprintf(path, sizeof path, "%s/%s-%s%s%s-%08x", runs_dir, utc, plain,
                     plain_variant[0] ? "-" : "", plain_variant, (unsigned)(run_id & UINT32_MAX));

    if (n + 8 >= (int)sizeof path) {
        (void)err_set(e, EX_IO, "%s: the name is too long", runs_dir);
        return NULL;
    }
    struct folder *f = folder_new(path, e);

    if (f && make_path(runs_dir, e) && make_fresh(f->path, sizeof f->path, e)) {
        f->made = true; /* all that is in it is ours, whatever comes */
        f->name = strrchr(f->path, '/') + 1;
        if (take_lock(f, e) && make_insides(f, e))
            return f;
    }
    folder_destroy(f);
    return NULL;
}

const char *folder_path(const struct folder *f)
{
    return f->path;
}

static void empty(const char *path)
{
    DIR *d = opendir(path);
    char file[1100];

    for (const struct dirent *entry = NULL; d && (entry = readdir(d));) {
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        (void)unlink(file); /* no file: it stays */
    }
    if (d)
        (void)closedir(d);
}

/* What this run wrote before it failed; of a folder of the user's choice only that, and the folder if nothing is left. */
static void take_away(const struct folder *f)
{
    static const char *const folders[] = {"journal", "reports"}, *const files[] = {
                                                                     "profile.yaml",
                                                                     "manifest.json", "truth.tsv",
                                                                     "lab-cert.pem", "lock"};
    char path[800];

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->path, folders[i]);
        empty(path);
        (void)rmdir(path);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->path, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->path);
}

void folder_destroy(struct folder *f)
{
    if (!f)
        return;
    if (f->made && !f->began)
        take_away(f);
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
