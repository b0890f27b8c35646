/* journal.c - the events of a run on disk, append only (format: journal.h and docs/journal.md).
 *
 * The writer owns one block of memory and one file. A block reaches the kernel in one write(), so a SIGKILL can tear
 * at most the block that was being written; when a write fails, the file is cut back to its last whole block. write()
 * and not mmap: a full disk is then an error and not a SIGBUS, and it is faster.
 */
#include "results/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/hash.h"

#define HEAD_BYTES      64
#define CACHED_BYTES    (64ul << 20) /* a file no larger stays in the file cache */
#define CACHE_PAGE      4096ul
#define FORGET_BYTES    (8ul << 20) /* a reader's step */
#define JOURNAL_VERSION 1
#define SUFFIX          ".mpj"
#define READ_BYTES      (4ul * JOURNAL_BLOCK_BYTES) /* stays in the cache until it is folded */

struct file_head {
    char magic[8]; /* PMJRNL01 */
    uint32_t version, thread;
    uint64_t run_id;
    unsigned char reserved[36]; /* 0 */
    uint32_t crc;               /* CRC-32C of the 60 bytes before it */
};

struct block {
    uint64_t sequence;
    uint32_t count, crc; /* CRC-32C of sequence, count and records */
    struct event events[JOURNAL_BLOCK_EVENTS];
};

#define BLOCK_HEAD offsetof(struct block, events)

static_assert(sizeof(struct file_head) == HEAD_BYTES, "journal format v1");
static_assert(BLOCK_HEAD == 16, "journal format v1");
static_assert(sizeof(struct block) <= JOURNAL_BLOCK_BYTES, "journal format v1");

static const char magic[8] = {'P', 'M', 'J', 'R', 'N', 'L', '0', '1'};

struct journal {
    int fd;
    bool failed;
    off_t written; /* bytes in whole blocks */
    struct journal_sink *sink;
    struct err err;
    char path[512];
    struct block open;
};

static uint32_t block_crc(const struct block *b)
{
    uint32_t crc = hash_crc32c(0, &b->sequence, sizeof b->sequence);

    crc = hash_crc32c(crc, &b->count, sizeof b->count);
    return hash_crc32c(crc, b->events, b->count * sizeof b->events[0]);
}

static uint32_t head_crc(const struct file_head *h)
{
    return hash_crc32c(0, h, offsetof(struct file_head, crc));
}

/* All n bytes, or false with errno; a disk that takes a part and then nothing says ENOSPC on the second try. */
static bool write_whole(int fd, const void *p, size_t n)
{
    const unsigned char *at = p;

    while (n > 0) {
        ssize_t done = write(fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (done == 0)
                errno = EIO;
            return false;
        }
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_head(struct journal *j, uint32_t thread, uint64_t run_id)
{
    struct file_head h = {.version = JOURNAL_VERSION, .thread = thread, .run_id = run_id};

    memcpy(h.magic, magic, sizeof magic);
    h.crc = head_crc(&h);
    j->written = sizeof h;
    return write_whole(j->fd, &h, sizeof h);
}

/* Its fd is -1, and errno says why, where the file cannot be opened; NULL: no memory. */
static struct journal *journal_open(const char *dir, uint32_t thread, int how,
                                    struct journal_sink *sink, struct err *e)
{
    struct journal *j = calloc(1, sizeof *j);

    if (!j) {
        err_set(e, EX_IO, "journal: out of memory");
        return NULL;
    }
    j->sink = sink;
    (void)snprintf(j->path, sizeof j->path, "%s/%04u" SUFFIX, dir, thread);
    j->fd = open(j->path, how | O_CLOEXEC, 0600);
    return j;
}

struct journal *journal_create(const char *dir, uint32_t thread, uint64_t run_id,
                               struct journal_sink *sink, struct err *e)
{
    struct journal *j = journal_open(dir, thread, O_WRONLY | O_CREAT | O_EXCL, sink, e);

    if (!j)
        return NULL;
    if (j->fd >= 0 && write_head(j, thread, run_id))
        return j;
    err_set(e, EX_IO, "%s: %s", j->path, strerror(errno));
    if (j->fd >= 0)
        (void)close(j->fd);
    free(j);
    return NULL;
}

static bool give_up(struct journal *j)
{
    int why = errno;

    j->failed = true;
    err_set(&j->err, EX_IO, "%s: %s", j->path, strerror(why));
    /* What is there stays readable; if even this fails, readers see a torn tail. */
    if (ftruncate(j->fd, j->written) < 0)
        err_wrap(&j->err, "cannot cut back");
    return false;
}

bool journal_flush(struct journal *j)
{
    struct block *b = &j->open;
    size_t n = BLOCK_HEAD + b->count * sizeof b->events[0];

    if (j->failed)
        return false;
    if (b->count == 0)
        return true;
    b->crc = block_crc(b);
    if (!write_whole(j->fd, b, n))
        return give_up(j);
    j->written += (off_t)n;
    if (j->sink)
        j->sink->block(j->sink, b->events, b->count);
    b->sequence++;
    b->count = 0;
    return true;
}

bool journal_add(struct journal *j, const struct event *ev)
{
    if (j->failed)
        return false;
    j->open.events[j->open.count++] = *ev;
    return j->open.count < JOURNAL_BLOCK_EVENTS || journal_flush(j);
}

const struct err *journal_error(const struct journal *j)
{
    return j->failed ? &j->err : NULL;
}

int journal_descriptor(const struct journal *j)
{
    return j->fd;
}

/* What is on the disk and will not be wanted soon: new pages then take the places of old ones, which costs a third of
 * taking fresh memory for them. */
static void forget_cached(int descriptor, uint64_t *upto, uint64_t end)
{
    uint64_t whole = end / CACHE_PAGE * CACHE_PAGE;

    if (whole <= CACHED_BYTES || whole <= *upto)
        return;
    (void)posix_fadvise(descriptor, (off_t)*upto, (off_t)(whole - *upto), POSIX_FADV_DONTNEED);
    *upto = whole;
}

/* What cannot be synchronised (a pipe, /dev/full) says EINVAL: there is nothing to do for it then. */
static bool sync_data(int descriptor)
{
    return fdatasync(descriptor) == 0 || errno == EINVAL;
}

bool journal_sync(int descriptor, uint64_t *upto)
{
    struct stat st;

    if (fstat(descriptor, &st) < 0 || !sync_data(descriptor))
        return false;
    forget_cached(descriptor, upto, (uint64_t)st.st_size);
    return true;
}

bool journal_close(struct journal *j, struct err *e)
{
    if (!j)
        return true;
    bool ok = journal_flush(j);

    if (ok && !sync_data(j->fd))
        ok = give_up(j);
    if (close(j->fd) < 0 && ok)
        ok = err_set(&j->err, EX_IO, "%s: %s", j->path, strerror(errno));
    if (!ok && e)
        *e = j->err;
    free(j);
    return ok;
}

struct reader {
    uint64_t run_id;
    void (*fold)(void *owner, const struct event *events, uint32_t count);
    void *owner;
    uint32_t torn;
    bool mend; /* cut off what is torn */
    int fd;
    uint64_t blocks, whole;  /* of this file: whole blocks, and where the last one ends */
    uint64_t got, forgotten; /* octets of this file that were read; journal_sync()'s `upto` */
    size_t at, end;          /* of `bytes`: read, and not yet looked at */
    alignas(struct block) unsigned char bytes[READ_BYTES];
};

/* The next n bytes of the file at hand, or fewer at its end, at r->bytes + r->at; -1 with errno. */
static ssize_t look_at(struct reader *r, size_t n)
{
    if (r->end - r->at >= n)
        return (ssize_t)n;
    memmove(r->bytes, r->bytes + r->at, r->end - r->at);
    r->end -= r->at;
    r->at = 0;
    while (r->end < n) {
        ssize_t got = read(r->fd, r->bytes + r->end, READ_BYTES - r->end);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        r->end += (size_t)got;
        r->got += (uint64_t)got;
    }
    if (r->got - r->forgotten >= FORGET_BYTES)
        forget_cached(r->fd, &r->forgotten, r->got);
    return (ssize_t)(r->end < n ? r->end : n);
}

static bool check_head(const struct file_head *h, uint64_t run_id, struct err *e)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return err_set(e, EX_BAD_PROFILE, "is no journal");
    if (h->crc != head_crc(h))
        return err_set(e, EX_BAD_PROFILE, "its head is damaged");
    if (h->version != JOURNAL_VERSION)
        return err_set(e, EX_BAD_PROFILE, "format version %u, this program reads %u", h->version,
                       JOURNAL_VERSION);
    if (h->run_id != run_id)
        return err_set(e, EX_BAD_PROFILE, "belongs to run %016llx, the manifest says %016llx",
                       (unsigned long long)h->run_id, (unsigned long long)run_id);
    return true;
}

enum found { FOUND_BLOCK, FOUND_END, FOUND_TORN, FOUND_ERROR };

/* The next block, whole and checked, where it was read to: 16 bytes of head and records at a multiple of 16. */
static enum found find_block(struct reader *r, uint64_t sequence, const struct block **b)
{
    ssize_t n = look_at(r, BLOCK_HEAD);

    if (n < 0)
        return FOUND_ERROR;
    if (n == 0)
        return FOUND_END;
    if ((size_t)n < BLOCK_HEAD)
        return FOUND_TORN;
    *b = (const void *)(r->bytes + r->at);
    if ((*b)->sequence != sequence || (*b)->count == 0 || (*b)->count > JOURNAL_BLOCK_EVENTS)
        return FOUND_TORN;
    size_t want = BLOCK_HEAD + (*b)->count * sizeof(*b)->events[0];

    n = look_at(r, want);
    if (n < 0)
        return FOUND_ERROR;
    *b = (const void *)(r->bytes + r->at);
    if ((size_t)n < want || (*b)->crc != block_crc(*b))
        return FOUND_TORN;
    r->at += want;
    return FOUND_BLOCK;
}

/* A block whose sum is right was meant so: what we do not know, a newer version does. */
static bool knows_all(const struct block *b, struct err *e)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->events[i].kind >= EVENT_KIND_COUNT)
            return err_set(e, EX_BAD_PROFILE,
                           "an event of kind %u: a newer version wrote it, this program knows %u",
                           b->events[i].kind, EVENT_KIND_COUNT - 1);
    return true;
}

static bool read_blocks(struct reader *r, struct err *e)
{
    struct file_head h;
    const struct block *b;
    enum found found = FOUND_BLOCK;
    ssize_t n = look_at(r, sizeof h);

    if (n < 0)
        return err_set(e, EX_IO, "%s", strerror(errno));
    r->whole = r->blocks = 0;
    if ((size_t)n < sizeof h) { /* killed while the file was made: there is nothing in it */
        r->torn++;
        return true;
    }
    memcpy(&h, r->bytes + r->at, sizeof h);
    r->at += sizeof h;
    if (!check_head(&h, r->run_id, e))
        return false;
    r->whole = sizeof h;
    while (found == FOUND_BLOCK) {
        found = find_block(r, r->blocks, &b);
        if (found != FOUND_BLOCK)
            break;
        if (!knows_all(b, e))
            return false;
        r->fold(r->owner, b->events, b->count);
        r->whole += BLOCK_HEAD + b->count * sizeof b->events[0];
        r->blocks++;
    }
    if (found == FOUND_ERROR)
        return err_set(e, EX_IO, "%s", strerror(errno));
    r->torn += found == FOUND_TORN;
    return true;
}

/* Behind the last whole block; a file that has not even its head goes. */
static bool cut_off(const struct reader *r, const char *path, struct err *e)
{
    bool ok =
        r->whole ? ftruncate(r->fd, (off_t)r->whole) == 0 && sync_data(r->fd) : unlink(path) == 0;

    return ok || err_set(e, EX_IO, "cannot be mended: %s", strerror(errno));
}

static bool read_file(struct reader *r, const char *dir, const char *name, struct err *e)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    r->fd = open(path, (r->mend ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    r->at = r->end = 0;
    r->got = r->forgotten = 0;
    if (r->fd < 0)
        return err_set(e, EX_IO, "%s: %s", path, strerror(errno));
    (void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    bool ok = (read_blocks(r, e) && (!r->mend || cut_off(r, path, e))) || err_wrap(e, "%s", path);
    (void)close(r->fd);
    return ok;
}

static int is_journal(const struct dirent *d)
{
    size_t n = strlen(d->d_name), s = strlen(SUFFIX);

    return n > s && strcmp(d->d_name + n - s, SUFFIX) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_all(bool mend, const char *dir, uint64_t run_id,
                     void (*fold)(void *owner, const struct event *events, uint32_t count),
                     void *owner, uint32_t *torn, struct err *e)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_journal, by_name);
    struct reader *r = malloc(sizeof *r);
    bool ok = count >= 0 && r;

    if (count < 0)
        err_set(e, errno == ENOENT ? EX_BAD_PROFILE : EX_IO, "%s: %s", dir, strerror(errno));
    else if (!r)
        err_set(e, EX_IO, "journal: out of memory");
    if (r) {
        r->run_id = run_id;
        r->fold = fold;
        r->owner = owner;
        r->torn = 0;
        r->mend = mend;
    }
    for (int i = 0; i < count; i++) {
        ok = ok && read_file(r, dir, names[i]->d_name, e);
        free(names[i]);
    }
    if (r && torn)
        *torn = r->torn;
    free(names);
    free(r);
    return ok;
}

bool journal_read(const char *dir, uint64_t run_id,
                  void (*fold)(void *owner, const struct event *events, uint32_t count),
                  void *owner, uint32_t *torn, struct err *e)
{
    return read_all(false, dir, run_id, fold, owner, torn, e);
}

bool journal_mend(const char *dir, uint64_t run_id,
                  void (*fold)(void *owner, const struct event *events, uint32_t count),
                  void *owner, uint32_t *torn, struct err *e)
{
    return read_all(true, dir, run_id, fold, owner, torn, e);
}

static void fold_nothing(void *owner, const struct event *events, uint32_t count)
{
    (void)owner;
    (void)events;
    (void)count;
}

/* j->fd is open for reading and writing: to where its last whole block ends. */
static bool go_behind(struct journal *j, uint64_t run_id, struct err *e)
{
    struct reader *r = calloc(1, sizeof *r);

    if (!r)
        return err_set(e, EX_IO, "journal: out of memory");
    r->fd = j->fd;
    r->run_id = run_id;
    r->fold = fold_nothing;
    bool ok = read_blocks(r, e);

    j->written = (off_t)r->whole;
    j->open.sequence = r->blocks;
    ok = ok && (r->whole || err_set(e, EX_BAD_PROFILE, "has no head"));
    if (ok && (ftruncate(j->fd, j->written) < 0 || lseek(j->fd, j->written, SEEK_SET) < 0))
        ok = err_set(e, EX_IO, "%s", strerror(errno));
    free(r);
    return ok;
}

struct journal *journal_reopen(const char *dir, uint32_t thread, uint64_t run_id,
                               struct journal_sink *sink, struct err *e)
{
    struct journal *j = journal_open(dir, thread, O_RDWR, sink, e);

    if (!j)
        return NULL;
    if (j->fd >= 0 && go_behind(j, run_id, e))
        return j;
    bool missing = j->fd < 0 && errno == ENOENT;

    if (j->fd >= 0)
        (void)(err_wrap(e, "%s", j->path), close(j->fd));
    else
        err_set(e, EX_IO, "%s: %s", j->path, strerror(errno));
    free(j);
    return missing ? journal_create(dir, thread, run_id, sink, e) : NULL;
}
