/* secret.c - secrets are read from files that nobody else reads, and do not end up in a core.
 *
 * Read without stdio, whose buffer would keep a copy.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/stat.h>

void secret_held(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static bool is_ours_alone(int fd, const char *path, struct err *e)
{
    struct stat at;

    if (fstat(fd, &at) != 0)
        return err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerrordesc_np(errno));
    if (S_ISREG(at.st_mode) && (at.st_mode & (S_IRWXG | S_IRWXO)))
        return err_set(
            e, EX_GUARD,
            "%s: refused by rule secret-mode: others may read it or write to it (mode %03o, "
            "expected 600 or 400)",
            path, at.st_mode & 0777u);
    return true;
}

bool secret_read(const char *path, char *out, size_t room, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t n = 0;
    ssize_t got = 1;

    if (fd < 0)
        return err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerrordesc_np(errno));
    secret_held();
    bool ok = is_ours_alone(fd, path, e);
    while (ok && n < room && (got = read(fd, out + n, room - n)) > 0)
        n += (size_t)got;
    (void)close(fd);
    if (!ok)
        return false;
    if (got < 0)
        return err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerrordesc_np(errno));
    char *end = n > 0 ? memchr(out, '\n', n) : NULL;
    if (end && end > out && end[-1] == '\r')
        end--;
    size_t line = end ? (size_t)(end - out) : n;

    if (line == 0 || line >= room)
        return err_set(e, EX_BAD_PROFILE, "%s: no password in its first line", path);
    out[line] = '\0';
    return true;
}
