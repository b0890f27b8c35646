/* secret.c - secrets are read from files that nobody else reads, and do not end up in a core or in words.
 *
 * Read without stdio, whose buffer would keep a copy. What was noted is kept until the program ends; any thread may ask, under a lock,
 * which only words for people meet. In base64 a secret has three shapes, by the place where it begins; their outer characters
 * mix with their neighbours' and are left out.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#define SHORTEST 4
#define SHAPES   4

struct noted {
    struct noted *next;
    char *shape[SHAPES]; /* as it is, and in base64 */
};

static struct noted *noted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void secret_held(void)
{
    struct rlimit core;

    (void)prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_CORE, &core) == 0) { /* children have our environment */
        core.rlim_cur = 0;
        (void)setrlimit(RLIMIT_CORE, &core);
    }
}

/* What stays the same of base64 whatever stands around the secret, which begins `lead` octets behind a group of three. */
static char *base64_core(const char *value, size_t n, size_t lead)
{
    size_t room = (lead + n + 2) / 3 * 4 + 1, whole = (lead + n) / 3 * 3, from = lead > 0 ? 4 : 0;
    unsigned char *plain = calloc(1, lead + n), *text = calloc(1, room);
    char *core = NULL;

    PM_MEMORY(plain && text);
    memcpy(plain + lead, value, n);
    int length = EVP_EncodeBlock(text, plain, (int)whole);

    if (length > (int)from + SHORTEST) {
        core = strdup((const char *)text + from);
        PM_MEMORY(core);
    }
    explicit_bzero(plain, lead + n);
    explicit_bzero(text, room);
    free(plain);
    free(text);
    return core;
}

static bool is_noted(const char *value)
{
    for (const struct noted *s = noted; s; s = s->next)
        if (strcmp(s->shape[0], value) == 0)
            return true;
    return false;
}

/* One that found no memory would be said from now on: the program ends instead. */
static void keep(const char *value, size_t n)
{
    struct noted *s = calloc(1, sizeof *s);

    PM_MEMORY(s);
    s->shape[0] = strdup(value);
    PM_MEMORY(s->shape[0]);
    for (size_t lead = 0; lead < 3; lead++)
        s->shape[lead + 1] = base64_core(value, n, lead);
    s->next = noted;
    noted = s;
}

void secret_note(const char *value)
{
    size_t n = strlen(value);

    secret_held();
    if (n < SHORTEST)
        return;
    (void)pthread_mutex_lock(&lock);
    if (!is_noted(value))
        keep(value, n);
    (void)pthread_mutex_unlock(&lock);
}

/* How many octets before `end`, at most n, are the beginning of this, but not all of it. */
static size_t begun(const char *end, size_t n, const char *shape)
{
    size_t most = strlen(shape) - 1;

    for (size_t k = n < most ? n : most; k >= SHORTEST; k--)
        if (memcmp(end - k, shape, k) == 0)
            return k;
    return 0;
}

static size_t longest_begun(const char *text, size_t n)
{
    size_t longest = 0;

    for (const struct noted *s = noted; s; s = s->next)
        for (size_t i = 0; i < SHAPES; i++) {
            size_t k = s->shape[i] ? begun(text + n, n, s->shape[i]) : 0;

            longest = k > longest ? k : longest;
        }
    return longest;
}

void secret_hide(char *text, bool cut)
{
    (void)pthread_mutex_lock(&lock);
    size_t n = strlen(text), tail = cut ? longest_begun(text, n) : 0; /* before stars stand in it */

    for (const struct noted *s = noted; s; s = s->next)
        for (size_t i = 0; i < SHAPES; i++)
            for (char *at = text; s->shape[i] && (at = strstr(at, s->shape[i]));
                 at += strlen(s->shape[i]))
                memset(at, '*', strlen(s->shape[i]));
    memset(text + n - tail, '*', tail);
    (void)pthread_mutex_unlock(&lock);
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
