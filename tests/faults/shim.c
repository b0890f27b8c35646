/* shim.c - preloaded into postmuster, makes its machine fail as the environment asks. Tests only.
 *
 * PM_FAULT_MALLOC=N        the N-th allocation fails, once; PM_FAULT_COUNT=FILE: FILE says at the end how many there were
 * PM_FAULT_WRITE=N         the N-th write to a journal fails with PM_FAULT_ERRNO, and every one after it
 * PM_FAULT_SYNC=N          the N-th fdatasync fails with PM_FAULT_ERRNO, once
 * PM_FAULT_CREATE=N        the N-th thread, and every one after it, cannot be started
 * PM_FAULT_PART=1          a write that fails takes half of its bytes first
 * PM_FAULT_WHEN=FILE       from when on FILE is there:
 *   PM_FAULT_SLEPT=MS        the machine has slept so long: CLOCK_BOOTTIME is ahead
 *   PM_FAULT_AHEAD=MS        so much time has gone by: CLOCK_MONOTONIC is ahead
 *   PM_FAULT_THREAD=NAME     the thread of that name ends at its next wait
 * PM_FAULT_ACK=1           beside each journal, NAME.ack says (8 octets) how many of its octets were acknowledged to the writer
 *
 * Libraries that give up without memory by their own rule (GLib) are spared.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>

#define FDS 4096

static unsigned long allocations, writes, syncs, creates;
static unsigned long fail_malloc, fail_write, fail_sync, fail_create, slept_ms, ahead_ms;
static int fail_errno = EIO;
static bool part, ack;
static const char *when, *thread_name, *count_file;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *,
                                const sigset_t *);
static int (*real_close)(int);
static int (*real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static signed char kinds[FDS]; /* 0: not known yet; 1: a journal; -1: not */

/* dlsym allocates before there is an allocator. */
static _Alignas(16) char early[65536];
static size_t early_used;

static void *early_get(size_t n)
{
    void *p = early + early_used;

    early_used += (n + 15) & ~(size_t)15;
    if (early_used > sizeof early)
        abort();
    return p;
}

static unsigned long number(const char *name)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 10) : 0;
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Also before begin(): constructors of other libraries come first. */
static void resolve(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    *(void **)&real_calloc = next("calloc");
    *(void **)&real_realloc = next("realloc");
    *(void **)&real_free = next("free");
    *(void **)&real_write = next("write");
    *(void **)&real_fdatasync = next("fdatasync");
    *(void **)&real_clock_gettime = next("clock_gettime");
    *(void **)&real_epoll_pwait2 = next("epoll_pwait2");
    *(void **)&real_close = next("close");
    *(void **)&real_pthread_create = next("pthread_create");
    *(void **)&real_malloc = next("malloc");
}

__attribute__((constructor)) static void begin(void)
{
    resolve();
    fail_write = number("PM_FAULT_WRITE");
    fail_sync = number("PM_FAULT_SYNC");
    fail_create = number("PM_FAULT_CREATE");
    slept_ms = number("PM_FAULT_SLEPT");
    ahead_ms = number("PM_FAULT_AHEAD");
    part = number("PM_FAULT_PART") > 0;
    ack = number("PM_FAULT_ACK") > 0;
    if (number("PM_FAULT_ERRNO"))
        fail_errno = (int)number("PM_FAULT_ERRNO");
    when = getenv("PM_FAULT_WHEN");
    thread_name = getenv("PM_FAULT_THREAD");
    count_file = getenv("PM_FAULT_COUNT");
    allocations = 0;
    fail_malloc = number("PM_FAULT_MALLOC");
}

__attribute__((destructor)) static void tell_count(void)
{
    FILE *f = count_file ? fopen(count_file, "we") : NULL;

    if (f) {
        (void)fprintf(f, "%lu %lu %lu\n", (unsigned long)allocations, (unsigned long)writes,
                      (unsigned long)syncs);
        (void)fclose(f);
    }
}

static unsigned long count(unsigned long *n)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    unsigned long now;

    (void)pthread_mutex_lock(&lock);
    now = ++*n;
    (void)pthread_mutex_unlock(&lock);
    return now;
}

static bool is_time(void)
{
    return !when || access(when, F_OK) == 0;
}

static bool is_spared(const void *caller)
{
    Dl_info who;

    return dladdr(caller, &who) && who.dli_fname &&
           (strstr(who.dli_fname, "libglib") || strstr(who.dli_fname, "libgobject") ||
            strstr(who.dli_fname, "libgmime") || strstr(who.dli_fname, "libgio"));
}

/* With errno. */
static bool is_short(const void *caller)
{
    unsigned long n = count(&allocations);

    if (!fail_malloc || n != fail_malloc || is_spared(caller))
        return false;
    errno = ENOMEM;
    return true;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of libc are reserved names

void *malloc(size_t n)
{
    resolve();
    if (!real_malloc)
        return early_get(n);
    if (is_short(__builtin_return_address(0)))
        return NULL;
    return real_malloc(n);
}

void *calloc(size_t n, size_t each)
{
    resolve();
    if (!real_malloc)
        return early_get(n * each);
    if (is_short(__builtin_return_address(0)))
        return NULL;
    return real_calloc(n, each);
}

void *realloc(void *p, size_t n)
{
    if ((char *)p >= early && (char *)p < early + sizeof early) {
        void *more = malloc(n);

        return more ? memcpy(more, p, n) : NULL;
    }
    resolve();
    if (!real_malloc)
        return early_get(n);
    if (is_short(__builtin_return_address(0)))
        return NULL;
    return real_realloc(p, n);
}

void free(void *p)
{
    if (!p || ((char *)p >= early && (char *)p < early + sizeof early))
        return;
    resolve();
    real_free(p);
}

static ssize_t path_of(int fd, char out[512])
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, out, 500);
    out[n > 0 ? n : 0] = '\0';
    return n;
}

static bool is_journal(int fd)
{
    char path[512];

    if (fd < 0 || fd >= FDS)
        return false;
    if (kinds[fd] == 0) {
        ssize_t n = path_of(fd, path);

        kinds[fd] = n > 4 && strcmp(path + n - 4, ".mpj") == 0 ? 1 : -1;
    }
    return kinds[fd] > 0;
}

int close(int fd)
{
    resolve();
    if (fd >= 0 && fd < FDS)
        kinds[fd] = 0;
    return real_close(fd);
}

static void acknowledge(int fd)
{
    char path[520];
    ssize_t n = path_of(fd, path);
    int64_t at = lseek(fd, 0, SEEK_CUR);
    int beside;

    if (n <= 0)
        return;
    (void)memcpy(path + n, ".ack", 5);
    beside = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (beside < 0)
        return;
    (void)(pwrite(beside, &at, sizeof at, 0) + 1);
    (void)real_close(beside);
}

ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t done;

    resolve();
    if (!is_journal(fd))
        return real_write(fd, p, n);
    unsigned long at = count(&writes);

    if (fail_write && at >= fail_write) {
        if (part && at == fail_write && n > 1)
            return real_write(fd, p, n / 2);
        errno = fail_errno;
        return -1;
    }
    done = real_write(fd, p, n);
    if (ack && done > 0)
        acknowledge(fd);
    return done;
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    resolve();
    if (fail_create && count(&creates) >= fail_create)
        return EAGAIN;
    return real_pthread_create(id, attr, run, arg);
}

int fdatasync(int fd)
{
    resolve();
    if (fail_sync && count(&syncs) == fail_sync) {
        errno = fail_errno;
        return -1;
    }
    return real_fdatasync(fd);
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    resolve();
    int done = real_clock_gettime(which, t);
    unsigned long by_ms = which == CLOCK_BOOTTIME    ? slept_ms
                          : which == CLOCK_MONOTONIC ? ahead_ms
                                                     : 0;

    if (done == 0 && by_ms && is_time()) {
        t->tv_sec += (time_t)(by_ms / 1000);
        t->tv_nsec += (long)(by_ms % 1000) * 1000000;
        if (t->tv_nsec >= 1000000000) {
            t->tv_nsec -= 1000000000;
            t->tv_sec++;
        }
    }
    return done;
}

int epoll_pwait2(int epfd, struct epoll_event *events, int most, const struct timespec *t,
                 const sigset_t *mask)
{
    char name[16] = "";

    if (thread_name && pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
        strcmp(name, thread_name) == 0 && is_time())
        pthread_exit(NULL);
    return real_epoll_pwait2(epfd, events, most, t, mask);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
